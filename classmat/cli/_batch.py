"""Doing a plan: one file, or a folder's files one by one, with a summary of what failed at the end."""

import time
from collections.abc import Callable

import typer

from ._console import say
from ._errors import INPUT_ERRORS, one_line, one_line_warnings
from ._files import Item, Plan
from ._progress import Progress

SOME_FAILED = 1


def carry_out(
    plan: Plan,
    work: Callable[[Item, Progress], None],
    *,
    skip_existing: bool = False,
    report: Callable[[], None] = lambda: None,
) -> None:
    """Do the work for every item.

    An error on a single file is raised; in a folder it is noted, and after the last item a summary lists all of
    them and the exit status is 1. Results are reported before the summary.
    """
    start = time.perf_counter()
    todo = [item for item in plan.items if not (skip_existing and _is_done(item))]
    failures = list(plan.failures)
    with Progress(len(todo)) as progress:
        for item in todo:
            progress.begin(item.name)
            try:
                with one_line_warnings(f"{item.name}: " if plan.is_folder else ""):
                    work(item, progress)
            except INPUT_ERRORS as error:
                if not plan.is_folder:
                    raise
                failures.append((item.name, one_line(error)))
            progress.end()
    report()
    skipped = len(plan.items) - len(todo)
    _summarise(plan, todo, failures, skipped, time.perf_counter() - start)
    if failures:
        raise typer.Exit(SOME_FAILED)


def _is_done(item: Item) -> bool:
    return bool(item.outputs) and all(path.exists() for path in item.outputs.values())


def _summarise(
    plan: Plan, todo: list[Item], failures: list[tuple[str, str]], skipped: int, seconds: float
) -> None:
    for name, reason in failures:
        say(f"failed: {name}: {reason}", style="red")
    if plan.is_folder:
        done = len(todo) - (len(failures) - len(plan.failures))
        say(f"{done} done, {skipped} skipped, {len(failures)} failed in {seconds:.1f} s")
    elif skipped:
        say(f"skipped {plan.items[0].name}: the result exists")
    elif plan.items[0].outputs:
        say(f"wrote {', '.join(map(str, plan.items[0].outputs.values()))} in {seconds:.1f} s")
