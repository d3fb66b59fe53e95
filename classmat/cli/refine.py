"""``classmat refine``: a photo and a mask or a coarse matte to a matte."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ._files import Item, Source, make_plan
from ._methods import method_names
from ._numbers import number, whole_number

if TYPE_CHECKING:
    from ._progress import Progress

EXAMPLES = """
Examples:

classmat refine photo.jpg mask.png -o alpha.png

classmat refine photo.jpg mask.png -o alpha.png --method trimap --erode 10 --dilate 40

classmat refine photo.jpg coarse.png -o alpha.png --method prior

classmat refine photos/ masks/ -o mattes/ --skip-existing
"""


def run(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="A photo, or a folder of photos.")],
    matte: Annotated[
        Path,
        typer.Argument(metavar="MATTE", help="Its mask, or a coarse matte of the same size; or a folder of them."),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="ALPHA", help="The matte to write, or a folder.")
    ],
    method: Annotated[
        str,
        typer.Option(
            help="guided (a filter), prior (a solve that stays near MATTE) or trimap (a solve along the edge)."
        ),
    ] = "guided",
    solver: Annotated[
        str | None,
        typer.Option(
            help=f"How --method trimap finds alpha: {', '.join(method_names())}.", show_default="closed-form"
        ),
    ] = None,
    erode: Annotated[
        float | None,
        typer.Option(
            parser=number,
            metavar="N",
            help="Pixels inside the edge that are computed anew.",
            show_default="trimap: 1 %, prior: 2 % of the longest side",
        ),
    ] = None,
    dilate: Annotated[
        float | None,
        typer.Option(
            parser=number,
            metavar="N",
            help="Pixels outside the edge that are computed anew.",
            show_default="trimap: 1 %, prior: 4 % of the longest side",
        ),
    ] = None,
    bits: Annotated[
        int, typer.Option(parser=whole_number, metavar="8|16", help="Bits per pixel of the matte.")
    ] = 8,
    skip_existing: Annotated[
        bool, typer.Option("--skip-existing", help="Leave alone what has its result already.")
    ] = False,
) -> None:
    """Turn a mask, or a coarse matte such as a network's, into a matte that follows the photo.

    Folders are matched by stem, also without _image, _alpha, _matte: cat.jpg goes with cat_matte.png and
    becomes cat.png. What fails is listed at the end, and the exit status is then 1.
    """
    from ..images.validate import as_choice
    from ._batch import carry_out
    from .matte import check_bits

    as_choice(method, ("trimap", "prior", "guided"), name="--method")
    if solver is not None:
        as_choice(solver, tuple(method_names()), name="--solver")
    check_bits(bits, output)
    given = {"solver": solver, "erode": erode, "dilate": dilate}
    options = {name: value for name, value in given.items() if value is not None}
    for name in options:
        if method == "guided" or (method == "prior" and name == "solver"):
            users = "trimap" if name == "solver" else "trimap or prior"
            raise ValueError(f"--{name} is of no use to --method {method}; accepted is --method {users} with it.")
    plan = make_plan([Source("IMAGE", image, "image"), Source("MATTE", matte, "alpha")], {"--output": output})

    def work(item: Item, progress: "Progress") -> None:
        _refine(item, progress, method, options, bits)

    carry_out(plan, work, skip_existing=skip_existing)


def _refine(item: Item, progress: "Progress", method: str, options: dict[str, Any], bits: int) -> None:
    import classmat as cm

    from ..matting.refine import refine_matte
    from ._pictures import write_all

    image, matte = cm.read_image(item.inputs["IMAGE"]), cm.read_matte(item.inputs["MATTE"])
    progress_options = {} if method == "guided" else {"callback": progress.solver()}
    alpha = refine_matte(image, matte, method=method, **options, **progress_options)
    write_all({item.outputs["--output"]: (alpha, bits)})
