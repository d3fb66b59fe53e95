"""``classmat cutout``: a photo and its matte to a cut-out, or to a picture on a new background."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ._files import Item, Source, make_plan

if TYPE_CHECKING:
    from ._progress import Progress

EXAMPLES = """
Examples:

classmat cutout photo.jpg alpha.png -o cutout.png

classmat cutout photo.jpg alpha.png -o new.jpg --background beach.jpg

classmat cutout photos/ mattes/ -o cutouts/ --background '#3a6ea5'
"""


def run(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="A photo, or a folder of photos.")],
    alpha: Annotated[Path, typer.Argument(metavar="ALPHA", help="Its matte, or a folder of mattes.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="PNG", help="The cut-out to write, or a folder.")
    ],
    background: Annotated[
        str | None,
        typer.Option(
            metavar="IMAGE|#rrggbb",
            help="Lay it over this picture (scaled and cropped to cover) or colour, quoted.",
        ),
    ] = None,
    skip_existing: Annotated[
        bool, typer.Option("--skip-existing", help="Leave alone what has its result already.")
    ] = False,
) -> None:
    """Cut the foreground out of a photo, with its colours cleaned of the old background.

    Folders are matched by stem, also without _image, _alpha, _matte: cat.jpg goes with cat_alpha.png and
    becomes cat.png. What fails is listed at the end, and the exit status is then 1.
    """
    from ._batch import carry_out
    from ._pictures import check_cutout_options

    check_cutout_options(output / "name.png" if image.is_dir() else output, background)
    plan = make_plan(
        [Source("IMAGE", image, "image"), Source("ALPHA", alpha, "alpha")],
        {"--output": output},
        keep=[Path(background)] if background else [],
    )

    def work(item: Item, progress: "Progress") -> None:
        _cut_out(item, background)

    carry_out(plan, work, skip_existing=skip_existing)


def _cut_out(item: Item, background: str | None) -> None:
    import classmat as cm

    from ._pictures import cut_out, write_all

    image, alpha = cm.read_image(item.inputs["IMAGE"]), cm.read_matte(item.inputs["ALPHA"])
    write_all({item.outputs["--output"]: (cut_out(image, alpha, background), 8)})
