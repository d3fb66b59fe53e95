"""The portrait: a person with hundreds of fine strands of hair before a background, all exactly known."""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..validate import as_choice, as_number
from .backdrop import backdrop
from .canvas import Canvas, Field, Frame
from .clothes import paint_body
from .face import paint_head
from .hairdo import Hairdo
from .painting import Painting
from .pose import Pose
from .scene import Scene, check_size
from .style import BACKGROUNDS, PortraitStyle


def portrait(
    height: int = 400,
    width: int = 300,
    *,
    seed: int = 0,
    style: PortraitStyle | None = None,
    background: str | None = None,
    noise: float | None = 0.0,
    parts: bool = True,
) -> Scene:
    """Paint a person, head and shoulders, with thousands of strands of hair, many narrower than a pixel.

    The same seed at another size is the same person in more or less detail; at the same size it is the same
    scene to the last bit.

    Parameters
    ----------
    height, width : int
        Size in pixels. A frame that is not 3:4 shows more background beside or above.
    seed : int
        Draws the style (`PortraitStyle.draw`) and every strand.
    style : PortraitStyle, optional
        Instead of the one that the seed draws.
    background : {"gradient", "blur", "texture", "clutter"}, optional
        Instead of the style's: a studio wall, a blurred room, a textured wall, sharp things.
    noise : float, optional
        Standard deviation of Gaussian sensor noise in `image`; None takes the style's. With noise the image
        is no longer the composite of the parts, which stay without noise.
    parts : bool
        If False, foreground and background are empty arrays (0, 0, 3): 24 bytes a pixel less.

    Returns
    -------
    Scene
        Every outline (body, features, strands) covers pixels by its exact area.

    Raises
    ------
    TypeError, ValueError
        If a size, the seed, the background or the noise is not as described.

    Examples
    --------
    >>> scene = portrait(80, 60, seed=3)
    >>> alpha = scene.alpha[..., None]
    >>> composite = alpha * scene.foreground + (1 - alpha) * scene.background
    >>> bool(abs(scene.image - composite).max() < 1e-6)
    True
    """
    height, width, seed = check_size(height, width, seed)
    style = _chosen_style(seed, style, background)
    sigma = style.noise if noise is None else as_number(noise, name="noise", low=0)
    frame = Frame(height, width, min(height, width / 0.75))
    # A generator for each part: a part may change what it draws without changing the others.
    body, head, hair, behind, grain = (np.random.Generator(np.random.PCG64([seed, 2, i])) for i in range(5))
    pose = Pose(style)
    painting = Painting(backdrop(style, frame, behind), _extension(pose))
    hairdo = Hairdo(pose, frame, hair)
    hairdo.paint_back(painting)
    paint_body(painting, pose, frame, body)
    paint_head(painting, pose, frame, head)
    hairdo.paint_front(painting)
    return painting.render(frame, noise=sigma, noise_seed=int(grain.integers(1 << 30)), parts=parts)


def _chosen_style(seed: int, style: Any, background: str | None) -> PortraitStyle:
    if style is None:
        style = PortraitStyle.draw(seed)
    if not isinstance(style, PortraitStyle):
        raise TypeError(f"style is a {type(style).__name__}; accepted is a PortraitStyle.")
    if background is not None:
        style = dataclasses.replace(style, background=as_choice(background, BACKGROUNDS, name="background"))
    return style


def _extension(pose: Pose) -> Field:
    """Return the foreground's colour where there is none: hair above, and clothes below the shoulders."""
    hair: NDArray[np.float64] = 0.85 * np.array(pose.style.hair_colour)
    cloth = 0.8 * np.array(pose.style.cloth_colour)
    begin, end = pose.body((0, 1.1)), pose.body((0, 1.9))

    def field(canvas: Canvas) -> Canvas:
        return canvas.gradient(hair, cloth, begin, end)

    return field
