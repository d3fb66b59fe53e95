"""Routes for what a person decides; each answer is sent after the database has it."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from ..project import ProjectError
from .photos import told
from .requests import Reviewer, TheDesk, ThePhoto, TheProject

# The reviewer's last decision that was not undone and that no later one, of whomever, replaces.
_LAST = """SELECT photo FROM decisions AS d WHERE reviewer = ? AND choice != 'undo'
    AND NOT EXISTS (SELECT 1 FROM decisions WHERE undoes = d.id)
    AND NOT EXISTS (SELECT 1 FROM decisions AS later WHERE later.photo = d.photo AND later.id > d.id
        AND later.choice != 'undo' AND NOT EXISTS (SELECT 1 FROM decisions WHERE undoes = later.id))
    ORDER BY id DESC LIMIT 1"""

router = APIRouter(prefix="/api")


class Choice(BaseModel):
    """A decision as the page sends it; see `Project.decide`."""

    model_config = ConfigDict(extra="forbid")

    choice: str
    parameters: dict[str, Any] | None = None
    notes: str | None = None
    overrule: bool = False
    version: str | None = None  # of the matte that was shown


class Note(BaseModel):
    """A note as the page sends it."""

    model_config = ConfigDict(extra="forbid")

    text: str


@router.post("/photos/{id}/decision")
def decide(
    project: TheProject, desk: TheDesk, photo: ThePhoto, reviewer: Reviewer, given: Choice
) -> dict[str, Any]:
    """Choose a matte, or reject the photo."""
    desk.put_away(photo, reviewer)  # what was painted is on disk before it is chosen
    project.decide(photo, reviewer=reviewer, **given.model_dump())
    return told(project, project.photo(photo.id))


@router.post("/photos/{id}/undo")
def undo(project: TheProject, photo: ThePhoto, reviewer: Reviewer) -> dict[str, Any]:
    """Take back the reviewer's own last decision."""
    return told(project, project.undo(photo, reviewer))


@router.post("/photos/{id}/note")
def note(project: TheProject, photo: ThePhoto, reviewer: Reviewer, given: Note) -> dict[str, Any]:
    """Keep a note."""
    project.note(photo, given.text, reviewer)
    return told(project, project.photo(photo.id))


@router.post("/undo")
def undo_last(project: TheProject, reviewer: Reviewer) -> dict[str, Any]:
    """Take back whatever the reviewer decided last, about any photo, and hold that one."""
    row = project.database.row(_LAST, reviewer)
    if row is None:
        raise ProjectError(f"{reviewer} has decided nothing that could be undone.")
    return told(project, project.undo(project.photo(row["photo"]), reviewer))
