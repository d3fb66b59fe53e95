"""What requests carry, checked: the photo they are about, who asks, a box, pixels; and what they get in return."""

import json
from collections.abc import Callable
from typing import Annotated
from urllib.parse import unquote

import numpy as np
from fastapi import Depends, Header, HTTPException, Query, Request, Response
from numpy.typing import NDArray

from ...matting.foreground import estimate_foreground
from ..box import Box
from ..live import LiveMatte, Patch
from ..names import safe_person
from ..project import Photo, Project, ProjectError
from .desk import Desk, Edit
from .pictures import Pictures, levels

LARGEST = 512 << 20  # bytes of a request
MARGIN = 8  # pixels around a patch from which its colours are estimated


def project_of(request: Request) -> Project:
    """Return the project that is served."""
    project: Project = request.app.state.project
    return project


def desk_of(request: Request) -> Desk:
    """Return the edits that are open."""
    desk: Desk = request.app.state.desk
    return desk


def pictures_of(request: Request) -> Pictures:
    """Return the project's pictures."""
    pictures: Pictures = request.app.state.pictures
    return pictures


def photo_of(request: Request, id: int) -> Photo:
    """Return the photo that the address names."""
    try:
        return project_of(request).photo(id)
    except (ProjectError, OverflowError):  # a number that SQLite does not hold
        raise HTTPException(404, "The project has no such photo.") from None


def reviewer_of(request: Request, x_reviewer: Annotated[str, Header()] = "") -> str:
    """Return who asks: the name that the page sends, percent-encoded, or the one that the command was given."""
    return safe_person(unquote(x_reviewer) or request.app.state.reviewer)


def box_of(
    top: Annotated[int, Query()],
    left: Annotated[int, Query()],
    bottom: Annotated[int, Query()],
    right: Annotated[int, Query()],
    photo: Annotated[Photo, Depends(photo_of)],
) -> Box:
    """Return the box of the query, which lies in the photo."""
    return Box.checked((top, left, bottom, right), (photo.height, photo.width))


async def body_of(request: Request) -> bytes:
    """Return the body of a request, unless it is larger than any picture."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > LARGEST:
            raise HTTPException(413, "The request is larger than any picture.")
        parts.append(part)
    return b"".join(parts)


TheProject = Annotated[Project, Depends(project_of)]
TheDesk = Annotated[Desk, Depends(desk_of)]
ThePictures = Annotated[Pictures, Depends(pictures_of)]
ThePhoto = Annotated[Photo, Depends(photo_of)]
Reviewer = Annotated[str, Depends(reviewer_of)]
TheBox = Annotated[Box, Depends(box_of)]
Body = Annotated[bytes, Depends(body_of)]


def pixels(data: bytes, box: Box, name: str) -> NDArray[np.uint8]:
    """Return the bytes of a request as the pixels of its box, one byte each.

    Raises
    ------
    ValueError
        If their number is another one.

    Examples
    --------
    >>> pixels(bytes(3), Box(0, 0, 2, 2), "trimap")
    Traceback (most recent call last):
    ...
    ValueError: trimap has 3 pixels, but its box 2x2 (rows x columns); both must have the same size.
    """
    rows, columns = box.shape
    if len(data) != rows * columns:
        raise ValueError(
            f"{name} has {len(data)} pixels, but its box {rows}x{columns} (rows x columns); both must have the same size."
        )
    return np.frombuffer(data, np.uint8).reshape(box.shape)


def patch_response(edit: Edit, act: Callable[[LiveMatte], Patch | None], counts: str = "") -> Response:
    """Let something happen to a matte and answer with what changed: alpha, trimap, colours (RGB), a byte each."""
    with edit.lock:
        patch = edit.change(act, counts=counts)
        if patch is None:
            return Response(status_code=204)
        box, live = patch.box, edit.live
        crop = box.grown(MARGIN, live.trimap.shape)
        foreground = estimate_foreground(live.image[crop.slices], live.alpha[crop.slices])[0][box.inside(crop)]
        parts = (levels(patch.alpha), live.trimap[box.slices], levels(foreground))
        data = b"".join(part.tobytes() for part in parts)
    told = {"box": list(box), "settled": patch.settled, "base": edit.parameters["base"]}
    return Response(data, media_type="application/octet-stream", headers={"x-patch": json.dumps(told)})
