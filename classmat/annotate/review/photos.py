"""Routes about photos: which is next, what there is of one, its pictures."""

from typing import Any

from fastapi import APIRouter, HTTPException, Response

from ..project import Photo, Project
from .requests import Reviewer, TheDesk, ThePhoto, ThePictures, TheProject

router = APIRouter(prefix="/api")

LISTED = 500
FOREVER = {"cache-control": "private, max-age=31536000, immutable"}  # the address has the hash of the contents


@router.get("/project")
def project(project: TheProject, reviewer: Reviewer) -> dict[str, Any]:
    """Return the name of the project and how far it is."""
    return {"name": project.root.resolve().name, "reviewer": reviewer, "counts": project.counts()}


@router.get("/photos")
def photos(project: TheProject, around: int = 0) -> list[dict[str, Any]]:
    """Return name and state of some hundred photos, those nearest to one in the order of the project."""
    found = project.photos()
    place = next((k for k, photo in enumerate(found) if photo.id >= around), len(found))
    begin = max(0, min(place - LISTED // 2, len(found) - LISTED))
    return [{"id": photo.id, "name": photo.name, "state": photo.state} for photo in found[begin : begin + LISTED]]


@router.post("/claim")
def claim(
    project: TheProject, desk: TheDesk, reviewer: Reviewer, after: int | None = None
) -> dict[str, Any] | None:
    """Return the next photo for the reviewer, who holds it from now on; nothing if there is none."""
    photo = project.claim(reviewer, after=after)
    if photo is None:
        return None
    desk.save(photo, reviewer)  # the page may have been closed in the middle of an edit
    return told(project, photo)


@router.get("/photos/{id}")
def photo(project: TheProject, photo: ThePhoto) -> dict[str, Any]:
    """Return all about a photo."""
    return told(project, photo)


@router.post("/photos/{id}/hold")
def hold(project: TheProject, desk: TheDesk, photo: ThePhoto, reviewer: Reviewer) -> dict[str, Any]:
    """Hold a certain photo, or hold it for longer."""
    photo = project.hold(photo, reviewer)
    desk.save(photo, reviewer)
    return told(project, photo)


@router.post("/photos/{id}/release")
def release(project: TheProject, desk: TheDesk, photo: ThePhoto, reviewer: Reviewer) -> dict[str, Any]:
    """Let others have the photo; what is open of it is written first."""
    desk.put_away(photo, reviewer)
    project.release(photo, reviewer)
    return told(project, project.photo(photo.id))


@router.get("/photos/{id}/image")
def image(pictures: ThePictures, photo: ThePhoto, v: str = "") -> Response:
    """Return the photo as PNG."""
    return _png(pictures.image(photo), v == photo.sha256)


@router.get("/photos/{id}/trimap")
def trimap(pictures: ThePictures, photo: ThePhoto, v: str = "") -> Response:
    """Return the trimap as PNG."""
    return _png(pictures.trimap(photo), False)


@router.get("/photos/{id}/mattes/{method}")
def matte(pictures: ThePictures, photo: ThePhoto, method: str, v: str = "") -> Response:
    """Return a matte as PNG."""
    version = _version(pictures, photo, method)
    return _png(pictures.matte(photo, method), v == version)


@router.get("/photos/{id}/foregrounds/{method}")
def foreground(pictures: ThePictures, photo: ThePhoto, method: str, v: str = "") -> Response:
    """Return the foreground's colours by a matte as PNG."""
    version = _version(pictures, photo, method)
    return _png(pictures.foreground(photo, method), v == version)


def told(project: Project, photo: Photo) -> dict[str, Any]:
    """Return a photo as the page sees it."""
    standing, trimap = project.decision(photo), project.trimap_version(photo)
    mattes = [
        {"method": version.method, "version": version.sha256, "stale": project.is_stale(photo, version.method)}
        for version in project.versions.mattes(photo.id)
    ]
    return {
        "id": photo.id,
        "name": photo.name,
        "width": photo.width,
        "height": photo.height,
        "version": photo.sha256,
        "state": photo.state,
        "reason": photo.reason,
        "notes": photo.notes,
        "holder": project.holder(photo),
        "trimap": trimap.sha256 if trimap else None,
        "mattes": mattes,
        "decision": None
        if standing is None
        else {"choice": standing.choice, "reviewer": standing.reviewer, "parameters": standing.parameters},
    }


def _version(pictures: Any, photo: Photo, method: str) -> str:
    try:
        return str(pictures.version(photo, method))
    except ValueError:
        raise HTTPException(404, f"{photo.name} has no such matte.") from None


def _png(data: bytes, is_final: bool) -> Response:
    return Response(data, media_type="image/png", headers=FOREVER if is_final else None)
