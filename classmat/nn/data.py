"""Photos with mattes to train with: folders of files, painted portraits, batches drawn in worker processes.

A batch depends on the seed and on its number alone, so training that goes on after a break sees what it would have seen.
"""

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..filters.resize import resize
from ..images.gallery import portrait, snapshot
from ..images.io import read_image, read_matte, write_image
from ..images.naming import EXTENSIONS, is_picture
from ..images.validate import as_choice, as_count, told_path
from .augment import NONE, Augmentation

Array = NDArray[Any]
KINDS = ("snapshot", "portrait")
MARGIN = 1.25  # photos are kept this much larger than the net sees them, for what enlarges them


class Batch(NamedTuple):
    """Photos (n, size, size, 3) in [0, 1] and their mattes (n, size, size), float32."""

    image: Array
    alpha: Array


class Pair(NamedTuple):
    """The files of a photo and of its matte."""

    image: Path
    alpha: Path


def find_pairs(folder: str | os.PathLike[str]) -> list[Pair]:
    """Return the photos in ``folder/image`` with the mattes of the same names in ``folder/alpha``, by name.

    Raises
    ------
    OSError
        If one of the two folders does not exist.
    ValueError
        If there is no photo, or one without a matte.
    """
    root = Path(folder)
    mattes = {path.stem: path for path in _pictures(root / "alpha")}
    photos = _pictures(root / "image")
    missing = [path.name for path in photos if path.stem not in mattes]
    if missing:
        raise ValueError(
            f"{told_path(root / 'alpha')} has no matte for {missing[0]} and {len(missing) - 1} others."
        )
    if not photos:
        raise ValueError(f"{told_path(root / 'image')} has no pictures; accepted are {', '.join(EXTENSIONS)}.")
    return [Pair(path, mattes[path.stem]) for path in photos]


def split_pairs(pairs: list[Pair], share: float, seed: int = 0) -> tuple[list[Pair], list[Pair]]:
    """Return pairs to train with and, drawn by `seed`, the share of them that is held out (at least one of each).

    >>> train, held_out = split_pairs([Pair(Path(f"{i}"), Path()) for i in range(10)], 0.2)
    >>> len(train), len(held_out)
    (8, 2)
    """
    order = np.random.default_rng(seed).permutation(len(pairs))
    count = min(max(1, round(share * len(pairs))), len(pairs) - 1)
    held_out = set(order[:count].tolist())
    return [p for i, p in enumerate(pairs) if i not in held_out], [p for i, p in enumerate(pairs) if i in held_out]


def load_pairs(pairs: list[Pair], size: int) -> list[tuple[Array, Array]]:
    """Read photos and mattes as uint8, reduced until the shorter side has `size` pixels: 12 kB each at 64 x 64."""
    size = as_count(size, name="size", low=1)
    loaded = []
    for pair in pairs:
        image, alpha = read_image(pair.image), read_matte(pair.alpha)
        if image.shape[:2] != alpha.shape:
            raise ValueError(
                f"{told_path(pair.alpha)} has {alpha.shape[1]} x {alpha.shape[0]} pixels but the photo has "
                f"{image.shape[1]} x {image.shape[0]}."
            )
        loaded.append((_eight_bits(_reduced(image, size)), _eight_bits(_reduced(alpha, size))))
    return loaded


def squeezed(image: Array, size: int) -> Array:
    """Squeeze a photo (h, w, 3) in [0, 1] into a square (size, size, 3), float32, as a net is shown it in training.

    >>> squeezed(np.full((300, 400, 3), 0.5), 128).shape
    (128, 128, 3)
    """
    small = _reduced(image, round(MARGIN * size))
    return NONE.apply(np.random.default_rng(0), small, np.zeros(small.shape[:2]), size)[0]


def paint_portraits(
    folder: str | os.PathLike[str],
    count: int,
    *,
    seed: int = 0,
    size: int = 144,
    kind: str = "snapshot",
    workers: int = 1,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Paint people of the gallery, with exact mattes, into ``folder/image`` and ``folder/alpha``.

    Each depends on `seed` and its number alone; those that are there already are not painted again.

    Parameters
    ----------
    folder : path-like
        Is made if it does not exist.
    count : int
        How many there are to be.
    seed : int
        The first one's seed; the others follow.
    size : int
        Width in pixels; the height is 4/3 of it.
    kind : {"snapshot", "portrait"}
        Which scene of the gallery: `snapshot` varies far more and is several times faster.
    workers : int
        Processes to paint with.
    progress : callable, optional
        Called as ``progress(number done)``.
    """
    root, kind = Path(folder), as_choice(kind, KINDS, name="kind")
    for name in ("image", "alpha"):
        (root / name).mkdir(parents=True, exist_ok=True)
    seeds = range(seed, seed + as_count(count, name="count"))
    missing = [i for i in seeds if not (root / "alpha" / _name(kind, i)).exists()]
    with _pool(min(workers, max(1, len(missing)))) as pool:
        for done, _ in enumerate(pool.map(_paint, [(root, kind, i, size) for i in missing], chunksize=4), 1):
            if progress is not None:
                progress(count - len(missing) + done)


def _paint(task: tuple[Path, str, int, int]) -> None:
    root, kind, seed, width = task
    height = round(width * 4 / 3)
    if kind == "portrait":
        scene = portrait(height, width, seed=seed, noise=None, parts=False)
    else:
        scene = snapshot(height, width, seed=seed, parts=False)
    write_image(root / "image" / _name(kind, seed), scene.image)
    write_image(root / "alpha" / _name(kind, seed), scene.alpha)  # last: what has a matte is complete


@dataclass(frozen=True)
class Batches:
    """Batch number k, for any k: photos in an order that changes with each round, varied at random.

    Parameters
    ----------
    pairs : list of (uint8 (h, w, 3), uint8 (h, w))
        As `load_pairs` returns them.
    size : int
        Pixels a side of what comes out.
    batch_size : int
    seed : int
    augmentation : Augmentation
    """

    pairs: list[tuple[Array, Array]] = field(repr=False)
    size: int
    batch_size: int
    seed: int = 0
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __call__(self, number: int) -> Batch:
        """Return a batch; the same number gives the same batch."""
        drawn = [self._example(number * self.batch_size + i) for i in range(self.batch_size)]
        return Batch(np.stack([image for image, _ in drawn]), np.stack([alpha for _, alpha in drawn]))

    def _example(self, index: int) -> tuple[Array, Array]:
        turn, place = divmod(index, len(self.pairs))
        order = np.random.default_rng([self.seed, 0, turn]).permutation(len(self.pairs))
        image, alpha = self.pairs[order[place]]
        rng = np.random.default_rng([self.seed, 1, index])
        return self.augmentation.apply(rng, image / np.float32(255), alpha / np.float32(255), self.size)


def prefetched(
    batches: Callable[[int], Batch], first: int, *, workers: int = 1, ahead: int = 4
) -> Generator[Batch, None, None]:
    """Yield the batches from number `first` on, made in worker processes some batches ahead; without workers, here.

    Close the iterator, or leave its ``contextlib.closing``, to end the processes.
    """
    if workers == 0:
        while True:
            yield batches(first)
            first += 1
    with _pool(workers, batches) as pool:
        waiting: deque[Future[Batch]] = deque(pool.submit(_made, first + i) for i in range(ahead))
        try:
            while True:
                yield waiting.popleft().result()
                waiting.append(pool.submit(_made, first + ahead))
                first += 1
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


_batches: Callable[[int], Batch] | None = None  # of a worker process


def _begin(batches: Callable[[int], Batch] | None) -> None:
    global _batches
    _batches = batches


def _made(number: int) -> Batch:
    assert _batches is not None
    return _batches(number)


def _pool(workers: int, batches: Callable[[int], Batch] | None = None) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(
        as_count(workers, name="workers", low=1), multiprocessing.get_context("spawn"), _begin, (batches,)
    )


def _pictures(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise NotADirectoryError(
            f"{told_path(folder)} is no folder; accepted is one with photos in image/, mattes in alpha/."
        )
    return sorted(path for path in folder.iterdir() if is_picture(path))


def _name(kind: str, seed: int) -> str:
    return f"{kind}{seed:07d}.png"


def _reduced(picture: Array, size: int) -> Array:
    h, w = picture.shape[:2]
    factor = size / min(h, w)
    if factor >= 1:
        return picture
    step = int(1 / factor)  # means of whole blocks first, so that nothing is skipped
    if step > 1:
        trimmed = picture[: h // step * step, : w // step * step]
        blocks = trimmed.reshape(h // step, step, w // step, step, *picture.shape[2:])
        picture = blocks.mean(axis=(1, 3))
    return resize(picture, max(size, round(h * factor)), max(size, round(w * factor)))


def _eight_bits(picture: Array) -> Array:
    return np.rint(255 * np.clip(picture, 0, 1)).astype(np.uint8)
