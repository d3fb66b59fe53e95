"""Scenes with exactly known alpha, foreground and background, at any size and seed.

`two_colours`, `disc`, `wedge`, `checker`, `hair`, `portrait` and `snapshot` return a `Scene`. All are painted from
outlines whose coverage of each pixel is the exact area, never sampled.
"""

from .painting import coverage
from .portraits import portrait
from .scene import Scene, trimap_of
from .shapes import checker, disc, two_colours, wedge
from .snapshots import snapshot
from .strands import hair
from .style import PortraitStyle

__all__ = [
    "PortraitStyle",
    "Scene",
    "checker",
    "coverage",
    "disc",
    "hair",
    "portrait",
    "snapshot",
    "trimap_of",
    "two_colours",
    "wedge",
]
