"""Routes for the brushes: each answers with the part of the matte that changed."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from fastapi import APIRouter, Response

from ...images.io import read_trimap
from ..box import Box
from ..live import LiveMatte, Patch
from .photos import told
from .requests import Body, Reviewer, TheBox, TheDesk, ThePhoto, TheProject, patch_response, pixels

router = APIRouter(prefix="/api/photos/{id}")


@router.post("/edit")
def begin(project: TheProject, desk: TheDesk, photo: ThePhoto, reviewer: Reviewer, base: str) -> Response:
    """Begin to edit the matte of a method, or go on with the edited one; answers with the whole of it."""
    project.hold(photo, reviewer)
    return patch_response(desk.begin(photo, reviewer, base), whole)


@router.post("/current")
def current(desk: TheDesk, photo: ThePhoto, reviewer: Reviewer) -> Response:
    """Answer with the whole of the edited matte as it is."""
    return patch_response(desk.edit(photo, reviewer), whole)


@router.post("/strokes")
def paint(desk: TheDesk, photo: ThePhoto, reviewer: Reviewer, box: TheBox, data: Body) -> Response:
    """Put a part of the trimap in its place: a byte a pixel, 0, 128 or 255."""
    labels = pixels(data, box, "trimap")
    return patch_response(desk.edit(photo, reviewer), lambda live: live.paint(box, labels), "strokes")


@router.post("/settle")
def settle(desk: TheDesk, photo: ThePhoto, reviewer: Reviewer) -> Response:
    """Solve for the last stroke in a larger window; no content if that has nothing to add."""
    return patch_response(desk.edit(photo, reviewer), LiveMatte.settle)


@router.post("/refinements")
def refine(
    desk: TheDesk,
    photo: ThePhoto,
    reviewer: Reviewer,
    box: TheBox,
    data: Body,
    method: str = "guided",
    detail: float = 0.5,
) -> Response:
    """Refine the matte where the brush went: a byte a pixel, 255 where it counts fully."""
    brush = pixels(data, box, "brush").astype(np.float64) / 255
    return patch_response(
        desk.edit(photo, reviewer),
        lambda live: live.refine(box, brush, method=method, detail=detail),
        "refinements",
    )


@router.post("/solve")
def solve(desk: TheDesk, photo: ThePhoto, reviewer: Reviewer) -> Response:
    """Solve for the whole matte anew, by closed form."""
    return patch_response(desk.edit(photo, reviewer), LiveMatte.solve, "strokes")


@router.post("/unpaint")
def unpaint(desk: TheDesk, photo: ThePhoto, reviewer: Reviewer) -> Response:
    """Take back the last stroke; no content if there is none."""
    return patch_response(desk.edit(photo, reviewer), LiveMatte.undo)


@router.put("/trimap")
def replace_trimap(
    project: TheProject, desk: TheDesk, photo: ThePhoto, reviewer: Reviewer, data: Body
) -> dict[str, Any]:
    """Put a whole trimap, a picture file drawn elsewhere, in the place of the present one."""
    desk.put_away(photo, reviewer)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "trimap"
        file.write_bytes(data)
        try:
            labels = read_trimap(file)
        except (OSError, ValueError) as error:
            raise ValueError(str(error).replace(str(file), "the trimap")) from None
    project.write_trimap(photo, labels, reviewer)
    return told(project, project.photo(photo.id))


def whole(live: LiveMatte) -> Patch:
    """Return the whole matte as it is."""
    return Patch(Box(0, 0, *live.trimap.shape), live.alpha, True)
