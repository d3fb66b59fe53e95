"""Mattes under the brush: kept in memory, written to the project behind the reviewer's back, never lost on the way."""

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from ...images.io import read_trimap
from ..live import LiveMatte, Patch
from ..project import EDITED, Conflict, Photo, Project

OPEN = 4  # photos in memory; the next one sends the oldest to disk
PAUSE = 1.5  # seconds without a stroke after which the matte is written; trimaps are written at once
CLOSED_FORM = "closed-form"


class Edit:
    """One photo under the brush of one reviewer.

    Parameters
    ----------
    project : Project
    photo : Photo
    reviewer : str
    base : str
        The method whose matte is edited; ``"edited"`` to go on with what was edited before.
    """

    def __init__(self, project: Project, photo: Photo, reviewer: str, base: str) -> None:
        self.project, self.photo, self.reviewer = project, photo, reviewer
        self.lock = threading.RLock()
        self.parameters: dict[str, Any] = {"base": base, "strokes": 0, "refinements": 0, "solver": CLOSED_FORM}
        if base == EDITED:
            former = project.versions.current(photo.id, "matte", EDITED)
            self.parameters |= former.parameters if former else {}
        is_closed_form = CLOSED_FORM in (base, self.parameters["base"]) and not self.parameters["refinements"]
        self.live = _opened(project, photo, base, exact=is_closed_form)
        self._trimap = self.live.trimap.copy()  # as it is on disk
        self._seen = self._on_disk()
        self._is_new = False
        self._timer: threading.Timer | None = None
        self._trouble: Exception | None = None

    def change(self, act: Callable[[LiveMatte], Patch | None], *, counts: str = "") -> Patch | None:
        """Let something happen to the matte, and have the result written soon.

        Raises
        ------
        Exception
            What `act` raises, or what went wrong when the former result was written.
        """
        with self.lock:
            trouble, self._trouble = self._trouble, None
            if trouble is not None:
                raise trouble
            before = self.live.changes
            patch = act(self.live)
            if counts:
                self.parameters[counts] += 1
            if counts or self.live.changes != before:
                self._is_new = True
                self._later()
            return patch

    def is_current(self) -> bool:
        """Return whether trimap and matte on disk are those that were read or written here."""
        if not self.lock.acquire(blocking=False):
            return True  # something is being solved or written: not to be waited for, the next one asks again
        try:
            return self._seen == self._on_disk()
        finally:
            self.lock.release()

    def abandon(self) -> None:
        """Write nothing more: somebody else's work is on disk; what he kept us from writing is in the history."""
        with self.lock:
            self._stop()
            self._is_new = False

    def save(self) -> None:
        """Write trimap and matte, if they changed."""
        with self.lock:
            self._stop()
            try:
                self._save_trimap()
            except Conflict:
                with contextlib.suppress(Conflict):
                    self._save_matte()  # to the history as well
                raise
            self._save_matte()

    def _on_disk(self) -> dict[str, str]:
        found = {
            "trimap": self.project.trimap_version(self.photo),
            EDITED: self.project.versions.current(self.photo.id, "matte", EDITED),
        }
        return {kind: version.sha256 if version else "" for kind, version in found.items()}

    def _save_matte(self) -> None:
        if self._is_new:
            version = self.project.write_matte(
                self.photo, EDITED, self.live.alpha, parameters=dict(self.parameters), reviewer=self.reviewer
            )
            self._seen[EDITED] = version.sha256
            self._is_new = False

    def _later(self) -> None:
        self._stop()
        is_marked = not np.array_equal(self.live.trimap, self._trimap)
        self._timer = threading.Timer(0 if is_marked else PAUSE, self._on_time)
        self._timer.daemon = True
        self._timer.start()

    def _on_time(self) -> None:
        try:
            self._write_next()
        except (ValueError, OSError) as error:  # told with the next stroke: nobody waits for this one
            self._trouble = error

    def _write_next(self) -> None:
        with self.lock:
            if np.array_equal(self.live.trimap, self._trimap):
                self.save()
            else:
                self._save_trimap()
                self._later()

    def _save_trimap(self) -> None:
        if not np.array_equal(self.live.trimap, self._trimap):
            version = self.project.write_trimap(self.photo, self.live.trimap, self.reviewer)
            self._seen["trimap"] = version.sha256
            self._trimap = self.live.trimap.copy()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Desk:
    """The edits that are open, the one used last at the end."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self._edits: OrderedDict[tuple[int, str], Edit] = OrderedDict()
        self._lock = threading.RLock()

    def begin(self, photo: Photo, reviewer: str, base: str) -> Edit:
        """Begin with the matte of a method; what was edited before goes to the history once this is written."""
        with self._lock:
            edit = self._found((photo.id, reviewer))
            if base == EDITED and edit is not None:
                return edit
            self._close((photo.id, reviewer))
        edit = Edit(self.project, photo, reviewer, base)
        with self._lock:
            self._edits[photo.id, reviewer] = edit
            while len(self._edits) > OPEN and self._close_quietly(next(iter(self._edits))):
                pass
        return edit

    def edit(self, photo: Photo, reviewer: str) -> Edit:
        """Return the edit that is open, or open what was edited before.

        Raises
        ------
        ProjectError
            If nothing was edited.
        """
        with self._lock:
            edit = self._found((photo.id, reviewer))
            if edit is not None:
                self._edits.move_to_end((photo.id, reviewer))
                return edit
        return self.begin(photo, reviewer, EDITED)

    def save(self, photo: Photo, reviewer: str) -> None:
        """Write what is open of a photo."""
        with self._lock:
            edit = self._found((photo.id, reviewer))
        if edit is not None:
            edit.save()

    def put_away(self, photo: Photo, reviewer: str) -> None:
        """Write what is open of a photo, and close it."""
        with self._lock:
            self._close((photo.id, reviewer))

    def close(self) -> None:
        """Write everything."""
        with self._lock:
            for key in list(self._edits):
                self._close_quietly(key)

    def _found(self, key: tuple[int, str]) -> Edit | None:
        """Return an open edit, unless somebody else wrote trimap or matte meanwhile: that is what goes on then."""
        edit = self._edits.get(key)
        if edit is not None and not edit.is_current():
            edit.abandon()
            del self._edits[key]
            return None
        return edit

    def _close_quietly(self, key: tuple[int, str]) -> bool:
        """Close an edit whose reviewer is not asking; return whether it is closed, and not kept for a better day.

        He may have lost the photo to another one, who has it now.
        """
        with contextlib.suppress(ValueError, OSError):
            self._close(key)
        return key not in self._edits

    def _close(self, key: tuple[int, str]) -> None:
        """Close an edit that is written, or whose photo another reviewer has; what a full disk refuses stays open."""
        edit = self._found(key)
        if edit is None:
            return
        try:
            edit.save()
        except Conflict:  # it is in the history
            edit.abandon()
            del self._edits[key]
            raise
        del self._edits[key]


def _opened(project: Project, photo: Photo, base: str, *, exact: bool) -> LiveMatte:
    """Return a matte and its trimap; if that trimap is a former one, what was painted since is made up for."""
    image, trimap = project.read_image(photo), project.read_trimap(photo)
    alpha = project.read_matte(photo, base)
    version = project.versions.current(photo.id, "matte", base)
    if version is not None and project.is_stale(photo, base):
        former = project.versions.find(photo.name, "trimap", "", version.trimap)
        if former is not None:
            live = LiveMatte(image, read_trimap(former), alpha, exact=exact)
            live.paint((0, 0, *trimap.shape), trimap)
            return live
    return LiveMatte(image, trimap, alpha, exact=exact)
