"""Draw the trimap that `classmat demo` ships: python examples/draw_astronaut_trimap.py [OUTPUT.png].

The photo is ``skimage.data.astronaut()`` (512x512, public domain). Her outline was traced by hand, as the
polygon below; a trimap is that polygon with an unknown band along it: narrow where the edge is sharp (suit,
helmet, face), wide where it is not (hair). Without an argument, the file inside the package is rewritten.
"""

import sys
from pathlib import Path

import numpy as np
from skimage.draw import polygon2mask

import classmat as cm

SIZE = (512, 512)

# (x, y) of the outline, clockwise from the lower left corner; the helmet in her arm belongs to her.
SLEEVE = [
    *[(41, 512), (36, 503), (30, 493), (27, 485), (25, 474), (24, 462), (23.5, 450), (24, 440), (22.5, 432)],
    *[(21, 422), (20, 412), (19, 400), (19, 393), (21, 385), (24, 378), (25, 366), (26, 350), (28, 340)],
    *[(31, 331), (34, 318), (39, 302), (40, 297), (42, 290), (46, 279), (52, 265), (60, 252), (71, 242)],
    *[(80, 234), (90, 226), (97, 220), (104, 214), (112, 206)],
]
NECK_RING_LEFT = [
    *[(113, 205), (113, 201), (115, 197), (113.5, 193), (112.5, 190), (113.5, 187), (115, 186), (118.5, 187)],
    *[(120, 183), (123, 178), (126, 173), (129, 167.5), (132, 163.5), (136, 160.5), (141, 157), (147, 154)],
    *[(152, 152), (162, 149.5), (175, 148), (184, 148.5)],
]
FACE_LEFT = [(182.5, 143), (182, 137), (182, 132), (179, 132), (175, 129), (172, 124), (170, 119.5)]
HAIR = [
    *[(167, 116), (163, 111), (160, 107), (156, 100), (155, 93), (154, 80), (153, 70), (154, 64), (158, 56)],
    *[(166, 48), (178, 40), (188, 36), (194, 28), (202, 23), (212, 20), (222, 17), (232, 15.5), (246, 18)],
    *[(258, 22), (270, 28), (284, 37), (293, 50), (298, 62), (300, 75), (302, 87), (300, 97), (297, 107)],
    *[(290, 117), (285, 122), (280, 127.5)],
]
FACE_RIGHT = [
    *[(279, 131), (275, 135), (270, 137), (267, 136), (266, 143), (263, 152), (258, 160), (256, 167)],
]
NECK_RING_RIGHT = [(255, 173), (262, 178), (272, 187), (283, 197), (293, 210), (300, 222), (303, 233)]
SHOULDER = [
    *[(306, 235), (314, 239), (322, 245), (332, 254), (340, 263), (346, 275), (349, 283), (353, 284)],
    *[(355, 296), (357, 305), (358, 318), (361, 328), (364, 332), (361, 334), (362, 340), (364, 347)],
]
HELMET = [
    *[(372, 347), (382, 345), (395, 343.5), (415, 344), (430, 348), (445, 356), (455, 363), (465, 372)],
    *[(475, 383), (483, 394), (488, 404), (492, 414), (495, 428), (497, 441), (498, 449), (499.5, 452)],
    *[(500, 455), (503.5, 455.3), (505, 457), (504.5, 459.5), (503, 461), (501, 461.5), (502, 463)],
    *[(505, 465), (507, 470), (507.5, 476), (508, 481), (509.5, 484), (512, 485.5), (512, 512)],
]
OUTLINE = SLEEVE + NECK_RING_LEFT + FACE_LEFT + HAIR + FACE_RIGHT + NECK_RING_RIGHT + SHOULDER + HELMET

# Around the hair, where the wide band is drawn.
HAIR_ZONE = [
    *[(140, 122), (140, 40), (180, 0), (260, 0), (316, 40), (316, 110), (291, 128), (279, 124), (262, 100)],
    *[(190, 60), (180, 118), (168, 121)],
]
# Where the edge is sharp and looks like what is behind it: a highlight on the ring, a black latch on black.
SHARP_ZONES = [
    [(100, 210), (100, 180), (145, 148), (150, 165), (125, 210)],
    [(490, 445), (512, 445), (512, 512), (490, 512)],
]
WIDE = {"erode": 6, "dilate": 9}  # pixels from the outline inwards and outwards
NARROW = {"erode": 3, "dilate": 3}
SHARP = {"erode": 2, "dilate": 1}


def inside(polygon: list[tuple[float, float]]) -> np.ndarray:
    """Return the mask of the pixels whose centres lie in a polygon of (x, y) corners."""
    # A pixel's centre is at half a pixel: x runs from 0 at the left edge of the picture to 512 at the right.
    return polygon2mask(SIZE, np.array(polygon)[:, ::-1] - 0.5)


def draw_trimap() -> np.ndarray:
    """Return the trimap, (512, 512) uint8 with the values 0, 128 and 255."""
    outline = inside(OUTLINE)
    trimap = cm.trimap_from_mask(outline, **NARROW)
    for zones, band in (([HAIR_ZONE], WIDE), (SHARP_ZONES, SHARP)):
        for zone in zones:
            trimap = np.where(inside(zone), cm.trimap_from_mask(outline, **band), trimap)
    return trimap


if __name__ == "__main__":
    package = Path(__file__).parent.parent / "classmat" / "cli"
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else package / "astronaut_trimap.png"
    cm.write_image(target, draw_trimap())
    print(f"wrote {target}")
