"""``classmat portrait``: a photo of a person to a matte, with nothing else given."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ._files import Item, Source, make_plan
from ._numbers import whole_number

if TYPE_CHECKING:
    from ..nn.weights import Weights
    from ._progress import Progress

EXAMPLES = """
Examples:

classmat portrait photo.jpg -o alpha.png

classmat portrait photo.jpg -o alpha.png --refine --cutout person.png

classmat portrait photos/ -o mattes/ --skip-existing
"""


def run(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="A photo of a person, or a folder of photos.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="ALPHA", help="The matte to write, or a folder.")
    ],
    refine: Annotated[
        bool, typer.Option("--refine", help="Compute the edge anew by closed-form matting: slower, for hair.")
    ] = False,
    cutout: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write the cut-out person, or a folder of them.")
    ] = None,
    background: Annotated[
        str | None, typer.Option(metavar="FILE|#RRGGBB", help="Lay the cut-out over this picture or colour.")
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Of `classmat train fast-deep-matting`.", show_default="those of the package"
        ),
    ] = None,
    bits: Annotated[
        int, typer.Option(parser=whole_number, metavar="8|16", help="Bits per pixel of the matte.")
    ] = 8,
    skip_existing: Annotated[
        bool, typer.Option("--skip-existing", help="Leave alone what has its result already.")
    ] = False,
) -> None:
    """Find the person in a photo, head and shoulders, without a trimap.

    A small net (25,657 parameters) looks at the whole photo; the guided filter lays its matte on the edges. What it gets
    wrong, a trimap gets right: classmat trimap, classmat matte.
    """
    from ..nn.weights import FAST_DEEP_MATTING, load_weights, shipped_weights
    from ._batch import carry_out
    from ._pictures import check_cutout_options
    from .matte import check_bits, example_of

    check_bits(bits, output)
    check_cutout_options(example_of(cutout, image.is_dir()), background)
    chosen = shipped_weights() if weights is None else load_weights(weights, architecture=FAST_DEEP_MATTING)
    plan = make_plan(
        [Source("IMAGE", image, "image")],
        {"--output": output, "--cutout": cutout},
        keep=[Path(background)] if background else [],
    )

    def work(item: Item, progress: "Progress") -> None:
        _find(item, chosen, refine=refine, background=background, bits=bits)

    carry_out(plan, work, skip_existing=skip_existing)


def _find(item: Item, weights: "Weights", *, refine: bool, background: str | None, bits: int) -> None:
    import classmat as cm

    from ._pictures import cut_out, write_all

    image = cm.read_image(item.inputs["IMAGE"])
    alpha = cm.portrait_matte(image, weights=weights, refine=refine)
    pictures = {item.outputs["--output"]: (alpha, bits)}
    if "--cutout" in item.outputs:
        pictures[item.outputs["--cutout"]] = (cut_out(image, alpha, background), 8)
    write_all(pictures)
