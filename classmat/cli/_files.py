"""Which files belong together, where results go, and that no input is overwritten.

A command takes files or folders. In folders, files belong together when their stems are equal, also after
one of the suffixes of `images.naming` is taken off: ``cat.jpg`` or ``cat_image.jpg`` with ``cat_trimap.png``.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ..images.naming import EXTENSIONS, SUFFIXES, is_picture, key_of


@dataclass
class Source:
    """An argument of a command: a path, and the kind of picture (a key of `SUFFIXES`) there."""

    argument: str
    path: Path
    kind: str


@dataclass
class Item:
    """One unit of work: input and output paths by the argument they came with."""

    name: str
    inputs: dict[str, Path]
    outputs: dict[str, Path]


@dataclass
class Plan:
    """All there is to do; `failures` are pairs (name, reason) known before any work."""

    items: list[Item]
    is_folder: bool
    failures: list[tuple[str, str]] = field(default_factory=list)


def make_plan(sources: list[Source], outputs: dict[str, Path | None], *, keep: Iterable[Path] = ()) -> Plan:
    """Pair the sources and say where each result goes.

    Parameters
    ----------
    sources : list of Source
        All files or all folders; in folders the first leads: each of its pictures needs a partner in the others.
    outputs : dict
        Option -> path, or None where the option was not given.
    keep : paths
        Further inputs that no output may overwrite.

    Raises
    ------
    OSError
        If a path does not exist, is a folder where a file is needed or the other way round.
    ValueError
        If files and folders are mixed, a folder holds no pictures, or a result would overwrite an input.
    """
    wanted = {option: path for option, path in outputs.items() if path is not None}
    for source in sources:
        if not source.path.exists():
            raise FileNotFoundError(f"{source.argument} {source.path} does not exist.")
    if len({source.path.is_dir() for source in sources}) > 1:
        kinds = (f"{s.argument} is a {'folder' if s.path.is_dir() else 'file'}" for s in sources)
        raise ValueError(f"{', '.join(kinds)}; accepted are all files or all folders.")
    plan = _plan_folders(sources, wanted) if sources[0].path.is_dir() else _plan_files(sources, wanted)
    _protect_inputs(plan, list(keep))
    return plan


def refuse_input(option: str, path: Path, plan: Plan) -> None:
    """Raise ValueError if writing to `path` would overwrite an input of the plan."""
    _refuse(option, path, _inputs_of(plan))


def _plan_files(sources: list[Source], outputs: dict[str, Path]) -> Plan:
    for option, path in outputs.items():
        if path.is_dir():
            raise IsADirectoryError(f"{option} {path} is a folder; accepted is the name of a file to write.")
        if path.suffix.lower() not in EXTENSIONS:  # found before the work, not after it
            raise ValueError(f"{option} {path} ends in '{path.suffix}'; accepted are {', '.join(EXTENSIONS)}.")
    inputs = {source.argument: source.path for source in sources}
    return Plan([Item(sources[0].path.name, inputs, outputs)], is_folder=False)


def _plan_folders(sources: list[Source], outputs: dict[str, Path]) -> Plan:
    for option, path in outputs.items():
        if path.exists() and not path.is_dir():
            raise NotADirectoryError(
                f"{option} {path} is a file; accepted is a folder, as the inputs are folders."
            )
    found = {source.argument: _pictures(source, sources) for source in sources}
    plan = Plan([], is_folder=True)
    for key in found[sources[0].argument]:
        try:
            inputs = {source.argument: _pick(source, key, found[source.argument]) for source in sources}
        except ValueError as error:
            plan.failures.append((key, str(error)))
        else:
            results = {option: folder / f"{key}.png" for option, folder in outputs.items()}
            plan.items.append(Item(key, inputs, results))
    return plan


def _pictures(source: Source, sources: list[Source]) -> dict[str, list[Path]]:
    """Return the pictures in a folder by their keys, in the order of their names."""
    files = sorted(path for path in source.path.iterdir() if is_picture(path))
    is_shared = any(other is not source and other.path.samefile(source.path) for other in sources)
    if is_shared:  # with other kinds of pictures, so the names must tell which kind each is
        own = [path for path in files if path.stem.endswith(SUFFIXES[source.kind])]
        plain = [path for path in files if key_of(path) == path.stem] if source.kind == "image" else []
        files = own or plain
    if not files:
        raise ValueError(
            f"{source.argument} {source.path} has no {source.kind} files; accepted are "
            f"{', '.join(EXTENSIONS)}{f', named NAME_{source.kind}' if is_shared else ''}."
        )
    found: dict[str, list[Path]] = {}
    for path in files:
        found.setdefault(key_of(path), []).append(path)
    return found


def _pick(source: Source, key: str, found: dict[str, list[Path]]) -> Path:
    candidates = found.get(key, [])
    own = [path for path in candidates if path.stem.endswith(SUFFIXES[source.kind])]
    for choice in (own, candidates):
        if len(choice) == 1:
            return choice[0]
    if not candidates:
        raise ValueError(f"no {source.kind} of that name in {source.path}.")
    raise ValueError(f"several files match in {source.path}: {', '.join(path.name for path in candidates)}.")


def _protect_inputs(plan: Plan, keep: list[Path]) -> None:
    taken: dict[Path, str] = {}
    inputs = _inputs_of(plan) | {path.resolve() for path in keep}
    for item in plan.items:
        for option, path in item.outputs.items():
            _refuse(option, path, inputs)
            if path.resolve() in taken:
                raise ValueError(f"{option} and {taken[path.resolve()]} are both {path}; they must differ.")
            taken[path.resolve()] = option


def _inputs_of(plan: Plan) -> set[Path]:
    return {path.resolve() for item in plan.items for path in item.inputs.values()}


def _refuse(option: str, path: Path, inputs: set[Path]) -> None:
    if path.resolve() in inputs:
        raise ValueError(f"{option} {path} would overwrite an input; accepted is another name or folder.")
