"""``classmat matte``: a photo and a trimap to a matte."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ._files import Item, Source, make_plan
from ._methods import method_names
from ._numbers import whole_number

if TYPE_CHECKING:
    from ._progress import Progress

EXAMPLES = """
Examples:

classmat matte photo.jpg trimap.png -o alpha.png

classmat matte photo.jpg trimap.png -o alpha.png --cutout cutout.png

classmat matte photo.jpg trimap.png -o alpha.png --cutout new.jpg --background beach.jpg

classmat matte photo.jpg strokes.png -o alpha.png --scribbles

classmat matte photos/ trimaps/ -o mattes/ --skip-existing
"""


def run(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="A photo, or a folder of photos.")],
    trimap: Annotated[
        Path,
        typer.Argument(
            metavar="TRIMAP",
            help="Its trimap: black is background, white foreground, grey unknown. Or a folder of them.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="ALPHA", help="The matte to write, or a folder.")
    ],
    method: Annotated[str, typer.Option(help=f"How alpha is found: {', '.join(method_names())}.")] = "closed-form",
    cutout: Annotated[
        Path | None,
        typer.Option(metavar="PNG", help="Also write the foreground, cut out on transparency; or a folder."),
    ] = None,
    background: Annotated[
        str | None,
        typer.Option(
            metavar="IMAGE|#rrggbb",
            help="Lay --cutout over this picture (scaled and cropped to cover) or colour, quoted.",
        ),
    ] = None,
    scribbles: Annotated[
        bool, typer.Option("--scribbles", help="TRIMAP is the photo with white and black strokes painted on.")
    ] = False,
    bits: Annotated[
        int, typer.Option(parser=whole_number, metavar="8|16", help="Bits per pixel of the matte.")
    ] = 8,
    skip_existing: Annotated[
        bool, typer.Option("--skip-existing", help="Leave alone what has all its results already.")
    ] = False,
) -> None:
    """Compute the matte of a photo from its trimap.

    Folders are matched by stem, also without _image, _trimap, _scribbles: cat.jpg or cat_image.jpg goes with
    cat_trimap.png and becomes cat.png. What fails is listed at the end, and the exit status is then 1.
    """
    from ._batch import carry_out
    from ._pictures import check_cutout_options

    _check_choices(method, bits, output)
    is_folder = image.is_dir()
    check_cutout_options(example_of(cutout, is_folder), background)
    plan = make_plan(
        [Source("IMAGE", image, "image"), Source("TRIMAP", trimap, "scribbles" if scribbles else "trimap")],
        {"--output": output, "--cutout": cutout},
        keep=[Path(background)] if background else [],
    )

    def work(item: Item, progress: "Progress") -> None:
        _matte(item, progress, method=method, background=background, scribbles=scribbles, bits=bits)

    carry_out(plan, work, skip_existing=skip_existing)


def _matte(
    item: Item, progress: "Progress", *, method: str, background: str | None, scribbles: bool, bits: int
) -> None:
    import classmat as cm

    from ._pictures import cut_out, read_scribbles, write_all

    image = cm.read_image(item.inputs["IMAGE"])
    path = item.inputs["TRIMAP"]
    trimap = read_scribbles(path, image) if scribbles else cm.read_trimap(path)
    solve = cm.METHODS[method]
    alpha = solve(image, trimap, callback=progress.solver())
    results = {"--output": (alpha, bits)}
    if "--cutout" in item.outputs:
        results["--cutout"] = (cut_out(image, alpha, background), 8)
    write_all({item.outputs[option]: result for option, result in results.items()})


def _check_choices(method: str, bits: int, output: Path) -> None:
    import classmat as cm

    from ..images.validate import as_choice

    as_choice(method, tuple(cm.METHODS), name="--method")
    check_bits(bits, output)


def check_bits(bits: int, output: Path) -> None:
    """Raise ValueError unless a matte of so many bits can be written in the format of the output."""
    if bits not in (8, 16):
        raise ValueError(f"--bits is {bits}; accepted are 8 and 16.")
    if bits == 16 and output.suffix.lower() in (".jpg", ".jpeg", ".webp"):
        raise ValueError(f"{output.suffix} holds 8 bits; accepted with --bits 16 are .png and .tif.")


def example_of(cutout: Path | None, is_folder: bool) -> Path | None:
    """Return a file as `cutout` will be one: itself, or one in the folder that it is."""
    return cutout / "name.png" if cutout is not None and is_folder else cutout
