"""Variations of a photo and its matte: mirrored, turned, enlarged or reduced, moved, blurred."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..filters.blur import gaussian_blur
from ..images.validate import as_count, as_flag, as_number

Array = NDArray[Any]


@dataclass(frozen=True)
class Augmentation:
    """How much photos vary; the defaults are those of Zhu et al. 2017, beside `shift`, `light` and `noise`.

    Attributes
    ----------
    mirror : bool
        Whether every other photo is mirrored.
    scale : (float, float)
        The subject's enlargement, drawn evenly on a logarithmic scale.
    turn : float
        Largest rotation in degrees, to either side.
    blur : float
        Largest sigma, in pixels of the result; half of the photos are blurred. The matte is not.
    shift : float
        Largest move, in parts of the side.
    light : float
        Largest change of brightness and of contrast, in parts of 1.
    noise : float
        Largest standard deviation of noise.
    """

    mirror: bool = True
    scale: tuple[float, float] = (0.75, 1.5)
    turn: float = 30.0
    blur: float = 1.0
    shift: float = 0.0
    light: float = 0.0
    noise: float = 0.0

    def __post_init__(self) -> None:
        as_flag(self.mirror, name="mirror")
        if not isinstance(self.scale, tuple) or len(self.scale) != 2:
            raise ValueError(f"scale is {self.scale!r}; accepted are two numbers.")
        low, high = (as_number(value, name="scale", low=0, exclusive=True) for value in self.scale)
        if low > high:
            raise ValueError(f"scale is {self.scale}; the first must not be above the second.")
        for name in ("turn", "blur", "shift", "light", "noise"):
            as_number(getattr(self, name), name=name, low=0)

    def apply(self, rng: np.random.Generator, image: Array, alpha: Array, size: int) -> tuple[Array, Array]:
        """Return a square variation (size, size, 3) of a photo (h, w, 3), float32, and its matte (size, size).

        The whole photo is squeezed into the square, whatever its proportions. Beyond its border it goes on as there.

        Examples
        --------
        >>> rng = np.random.default_rng(0)
        >>> image, alpha = Augmentation().apply(rng, np.zeros((40, 30, 3)), np.ones((40, 30)), 16)
        >>> image.shape, image.dtype, float(alpha.min())
        ((16, 16, 3), dtype('float32'), 1.0)
        """
        size = as_count(size, name="size", low=1)
        matrix, offset = self._draw_map(rng, alpha.shape, size)
        stack = np.dstack([image, alpha]).astype(np.float32)
        reduction = float(np.sqrt(abs(np.linalg.det(matrix))))
        if reduction > 1:  # as wide as the pixels that are skipped
            stack = gaussian_blur(stack, 0.5 * np.sqrt(reduction**2 - 1))
        sampled = np.dstack(
            [
                ndimage.affine_transform(stack[..., c], matrix, offset, (size, size), order=1, mode="nearest")
                for c in range(stack.shape[2])
            ]
        )
        return self._retouch(rng, sampled[..., :3]), np.clip(sampled[..., 3], 0, 1)

    def _draw_map(self, rng: np.random.Generator, shape: tuple[int, ...], size: int) -> tuple[Array, Array]:
        """Draw the affine map from pixels of the result to pixels of the photo."""
        angle = np.deg2rad(rng.uniform(-self.turn, self.turn))
        scale = np.exp(rng.uniform(*np.log(self.scale)))
        flip = -1.0 if self.mirror and rng.random() < 0.5 else 1.0
        move = rng.uniform(-self.shift, self.shift, 2)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        sides = np.array(shape[:2])
        matrix = np.diag(sides / size) @ turn @ np.diag([1, flip]) / scale
        centre = (sides - 1) / 2 + move * sides
        return matrix, centre - matrix @ np.full(2, (size - 1) / 2)

    def _retouch(self, rng: np.random.Generator, image: Array) -> Array:
        sigma = rng.uniform(0, self.blur) * (rng.random() < 0.5)
        gain, lift = rng.uniform(-self.light, self.light, 2)
        if sigma > 0.2:
            image = gaussian_blur(image, sigma)
        image = (image - 0.5) * (1 + gain) + 0.5 + 0.5 * lift
        image = image + rng.uniform(0, self.noise) * rng.standard_normal(image.shape)
        return np.clip(image, 0, 1).astype(np.float32)


NONE = Augmentation(mirror=False, scale=(1.0, 1.0), turn=0.0, blur=0.0)
"""Nothing but the size changes: for validation."""
