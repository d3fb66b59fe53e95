"""Pictures as the page wants them: upright PNG files of 8 bits, kept in memory while they are being looked at."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ...matting.foreground import estimate_foreground
from ..project import Photo, Project, ProjectError

KEPT = 256 << 20  # bytes of pictures
_FAST = [cv2.IMWRITE_PNG_COMPRESSION, 1]  # they go no further than to the next program


class Pictures:
    """The pictures of a project by photo and kind.

    Parameters
    ----------
    project : Project
    """

    def __init__(self, project: Project) -> None:
        self.project = project
        self._kept: OrderedDict[tuple[str, ...], bytes] = OrderedDict()
        self._lock = threading.Lock()

    def image(self, photo: Photo) -> bytes:
        """Return the photo."""
        return self._made(("image", photo.sha256), lambda: self.project.read_image(photo))

    def trimap(self, photo: Photo) -> bytes:
        """Return the trimap.

        Raises
        ------
        ProjectError
            If there is none.
        """
        version = self.project.trimap_version(photo)
        if version is None:
            raise ProjectError(f"{photo.name} has no trimap.")
        return self._made(("trimap", photo.sha256, version.sha256), lambda: self.project.read_trimap(photo))

    def matte(self, photo: Photo, method: str) -> bytes:
        """Return the matte of a method.

        Raises
        ------
        ProjectError
            If there is none.
        """
        key = ("matte", photo.sha256, method, self.version(photo, method))
        return self._made(key, lambda: self.project.read_matte(photo, method))

    def foreground(self, photo: Photo, method: str) -> bytes:
        """Return the colours of the foreground by the matte of a method, cleaned of the background's.

        Raises
        ------
        ProjectError
            If there is no such matte.
        """

        def estimated() -> NDArray[Any]:
            return estimate_foreground(self.project.read_image(photo), self.project.read_matte(photo, method))[0]

        return self._made(("foreground", photo.sha256, method, self.version(photo, method)), estimated)

    def version(self, photo: Photo, method: str) -> str:
        """Return the hash of a matte's file.

        Raises
        ------
        ProjectError
            If there is no such matte.
        """
        for version in self.project.versions.mattes(photo.id):
            if version.method == method:
                return version.sha256
        raise ProjectError(f"{photo.name} has no matte {method!r}.")

    def _made(self, key: tuple[str, ...], make: Callable[[], NDArray[Any]]) -> bytes:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        data = encode(make())
        with self._lock:
            self._kept[key] = data
            while len(self._kept) > 1 and sum(map(len, self._kept.values())) > KEPT:
                self._kept.popitem(last=False)
        return data


def levels(array: NDArray[Any]) -> NDArray[np.uint8]:
    """Return a picture in [0, 1], or one of 8 bits, with 8 bits.

    Examples
    --------
    >>> levels(np.array([[0.0, 0.5, 1.0]]))
    array([[  0, 128, 255]], dtype=uint8)
    """
    if array.dtype == np.uint8:
        return array
    rounded = array * np.float32(255)
    return np.rint(rounded, out=rounded).astype(np.uint8)


def encode(array: NDArray[Any]) -> bytes:
    """Return a picture as a PNG file, quickly made and larger for it."""
    pixels = levels(array)
    done, data = cv2.imencode(".png", pixels[:, :, ::-1] if pixels.ndim == 3 else pixels, _FAST)
    assert done
    return data.tobytes()
