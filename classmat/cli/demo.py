"""``classmat demo``: a real photo from trimap to composite, and one sheet that shows it all."""

import time
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from numpy.typing import NDArray

EXAMPLES = """
Example:

classmat demo --output demo_output
"""

HAIR = (8, 146, 128, 266)  # top, left, bottom, right of the part that is shown enlarged
SKY = 427  # columns of the other photo that are taken, so that the rocket stands beside her


def run(
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="The folder for the pictures.")
    ] = Path("demo_output"),
) -> None:
    """Cut an astronaut out of a photo and put her before a rocket: five pictures and a contact sheet.

    Needs no other files and no network: the photos come with scikit-image, the trimap with classmat.
    """
    from ._pictures import make_folder, write_all
    from ._progress import Progress

    make_folder(output)
    start = time.perf_counter()
    with Progress() as progress:
        progress.begin("astronaut")
        pictures, sheet = _make_pictures(progress)
        progress.end()
    names = {output / f"astronaut_{name}.png": picture for name, picture in pictures.items()}
    names[output / "contact_sheet.png"] = sheet
    write_all({path: (picture, 8) for path, picture in names.items()})
    seconds = time.perf_counter() - start
    for path in names:
        typer.echo(path)
    typer.echo(
        f"{len(names)} pictures in {seconds:.1f} s; look at {(output / 'contact_sheet.png').resolve()} first."
    )


def _make_pictures(progress: Any) -> "tuple[dict[str, NDArray[Any]], NDArray[Any]]":
    from skimage import data

    import classmat as cm

    from ..images.composite import checkerboard, to_rgba
    from ..images.sheet import Tile, contact_sheet
    from ..images.validate import as_image
    from ._pictures import cover

    image = as_image(data.astronaut())
    with as_file(files(__package__) / "astronaut_trimap.png") as path:
        trimap = cm.read_trimap(path)
    alpha = cm.closed_form_matting(image, trimap, callback=progress.solver())
    foreground, _ = cm.estimate_foreground(image, alpha)
    new = cm.composite(foreground, alpha, cover(as_image(data.rocket()[:, :SKY]), *alpha.shape))
    chequered = cm.composite(foreground, alpha, checkerboard(*alpha.shape))
    pictures = {
        "image": image,
        "trimap": trimap,
        "matte": alpha,
        "cutout": to_rgba(foreground, alpha),
        "composite": new,
    }
    top, left, bottom, right = HAIR
    tiles = [
        Tile("image", image),
        Tile("trimap: white is kept, grey is computed", trimap),
        Tile("matte", alpha),
        Tile("cut-out", chequered),
        Tile("composite", new),
        Tile("composite, enlarged", new[top:bottom, left:right]),
    ]
    return pictures, contact_sheet(tiles, columns=3)
