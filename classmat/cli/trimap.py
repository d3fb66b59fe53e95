"""``classmat trimap``: a mask to a trimap."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ._files import Item, Source, make_plan
from ._numbers import number

if TYPE_CHECKING:
    from ._progress import Progress

EXAMPLES = """
Examples:

classmat trimap mask.png -o trimap.png

classmat trimap mask.png -o trimap.png --erode 5 --dilate 20

classmat trimap masks/ -o trimaps/ --skip-existing
"""


def run(
    mask: Annotated[
        Path, typer.Argument(metavar="MASK", help="A mask, white where the foreground is; or a folder of masks.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="TRIMAP", help="The trimap to write, or a folder.")
    ],
    erode: Annotated[
        float | None,
        typer.Option(
            parser=number,
            metavar="N",
            help="Pixels inside the mask's edge that become unknown.",
            show_default="1 % of the longest side",
        ),
    ] = None,
    dilate: Annotated[
        float | None,
        typer.Option(
            parser=number,
            metavar="N",
            help="Pixels outside the mask's edge that become unknown.",
            show_default="1 % of the longest side",
        ),
    ] = None,
    skip_existing: Annotated[
        bool, typer.Option("--skip-existing", help="Leave alone what has its result already.")
    ] = False,
) -> None:
    """Make a trimap from a mask: unknown along its edge, as wide as --erode and --dilate say.

    In a folder, cat.png or cat_mask.png becomes cat.png. What fails is listed at the end, and the exit status is
    then 1.
    """
    from ._batch import carry_out

    plan = make_plan([Source("MASK", mask, "mask")], {"--output": output})

    def work(item: Item, progress: "Progress") -> None:
        _draw_trimap(item, erode, dilate)

    carry_out(plan, work, skip_existing=skip_existing)


def _draw_trimap(item: Item, erode: float | None, dilate: float | None) -> None:
    import classmat as cm

    from ._pictures import write_all

    mask = cm.read_matte(item.inputs["MASK"])
    write_all({item.outputs["--output"]: (cm.trimap_from_mask(mask, erode=erode, dilate=dilate), 8)})
