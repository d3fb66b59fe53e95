"""Snapshots: people as they photograph each other, in endless variety, for nets to learn from."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .canvas import Frame, flat
from .figures import draw_figure
from .lens import crisp, exposed, photographed, relit
from .painting import Painting
from .scene import Scene, check_size, trimap_of
from .sitters import Sitter
from .surroundings import surroundings

Image = NDArray[np.float32]


def snapshot(
    height: int = 192, width: int = 144, *, seed: int = 0, camera: bool = True, parts: bool = True
) -> Scene:
    """Paint a person before anything, at a fraction of the time of a `portrait`: to train nets with.

    What varies, varies more than in photos: place and size in the frame, pose, hair, hats, beards, glasses,
    clothes, light, what is behind and how sharp it is, the camera. How often, and the statistics of colour,
    contrast and detail, are near to those of photos of people, so that what a net learns carries over.

    Parameters
    ----------
    height, width : int
        Size in pixels.
    seed : int
        Draws everything.
    camera : bool
        Whether `image` goes through a camera: tone, blur, noise, sharpening, compression. It is then no
        longer the composite of the parts.
    parts : bool
        If False, foreground and background are empty arrays (0, 0, 3).

    Returns
    -------
    Scene
        The matte's outlines cover pixels by their exact area.

    Raises
    ------
    TypeError, ValueError
        If a size or the seed is not as described.

    Examples
    --------
    >>> scene = snapshot(64, 48, seed=3, camera=False)
    >>> alpha = scene.alpha[..., None]
    >>> composite = alpha * scene.foreground + (1 - alpha) * scene.background
    >>> bool(abs(scene.image - composite).max() < 1e-6)
    True
    """
    height, width, seed = check_size(height, width, seed)
    frame = Frame(height, width, min(height, width / 0.75))
    pose, person, behind, light, lens = (np.random.Generator(np.random.PCG64([seed, 3, i])) for i in range(5))
    sitter = Sitter(draw_figure(seed, pose), frame, person)
    painting = Painting(flat((0, 0, 0)), flat(0.7 * sitter.cloth))
    sitter.paint(painting)
    scene = painting.render(frame)
    alpha = scene.alpha
    background = surroundings(frame, behind, sitter.colours)
    foreground = relit(scene.foreground, light)
    face = float(sitter.skin @ [0.299, 0.587, 0.114])
    foreground = exposed(foreground, face, float(np.clip(light.normal(0.65, 0.095), 0.25, 0.95)))
    foreground = crisp(foreground, alpha, light)
    if light.random() < 0.15:
        background = _shadowed(background, alpha, light)
    image = alpha[..., None] * foreground + (1 - alpha[..., None]) * background
    if camera:
        image = photographed(image, lens)
    if not parts:
        foreground = background = np.empty((0, 0, 3), np.float32)
    return Scene(image, alpha, trimap_of(alpha), foreground, background)


def _shadowed(background: Image, alpha: Image, rng: np.random.Generator) -> Image:
    side = min(alpha.shape)
    moved = ndimage.shift(alpha, rng.normal(0, 0.04, 2) * side, order=1, mode="nearest")
    soft = ndimage.gaussian_filter(moved, rng.uniform(0.005, 0.06) * side)
    shadowed: Image = background * (1 - rng.uniform(0.2, 0.7) * soft[..., None])
    return shadowed
