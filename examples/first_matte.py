"""Photo and trimap to matte and cut-out: the five lines that most people need.

python examples/first_matte.py photo.jpg trimap.png
"""

import sys

import classmat as cm


def main(photo: str, trimap_file: str) -> None:
    image, trimap = cm.read_image(photo), cm.read_trimap(trimap_file)
    alpha = cm.closed_form_matting(image, trimap)
    cm.write_image("alpha.png", alpha, bits=16)
    cm.write_image("cutout.png", cm.cutout(image, alpha))
    print("wrote alpha.png and cutout.png")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
