"""What a project tells: photos and decisions, as they were when they were asked for."""

import json
from dataclasses import dataclass
from typing import Any

from .database import ProjectError

STATES = ("new", "running", "ready", "failed", "chosen", "rejected")


class Conflict(ProjectError):
    """Somebody else holds the photo, or has decided about it meanwhile."""


@dataclass(frozen=True)
class Photo:
    """A photo of a project, as it was when it was asked for.

    Attributes
    ----------
    id : int
    name : str
        Unique in the project; trimap and mattes are called ``NAME.png``.
    file : str
        The photo itself, relative to the project.
    sha256 : str
        Of the photo's file.
    width, height : int
        In pixels, upright.
    state : str
        ``"new"`` (no candidates yet), ``"running"``, ``"ready"`` (for a reviewer), ``"failed"``, ``"chosen"``,
        ``"rejected"``.
    reason : str
        Why it failed or was rejected; or which of its candidates failed.
    notes : str
        The last note about it.
    """

    id: int
    name: str
    file: str
    sha256: str
    width: int
    height: int
    state: str
    reason: str
    notes: str


@dataclass(frozen=True)
class Decision:
    """One row of the table of decisions, to which rows are only added.

    ``choice`` is a method, ``"blend"``, ``"edited"``, ``"reject"`` or ``"undo"``; ``sha256`` is that of the chosen matte.
    """

    id: int
    photo: int
    choice: str
    sha256: str
    parameters: dict[str, Any]
    reviewer: str
    made: str
    undoes: int | None


def photo_of(row: Any) -> Photo:
    """Return the photo of a row, which has its last note beside the columns of the table."""
    return Photo(**{key: row[key] for key in Photo.__dataclass_fields__})


def decision_of(row: Any) -> Decision:
    """Return the decision of a row."""
    columns = {key: row[key] for key in Decision.__dataclass_fields__}
    return Decision(**{**columns, "parameters": json.loads(row["parameters"])})
