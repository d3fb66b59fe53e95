"""A coarse mask, as a segmenter gives it, to a matte: once by a trimap, once as a soft prior.

The portrait is generated, so its true matte is known and both ways can be scored:

python examples/from_segmentation.py [seed]
"""

import sys

import numpy as np
from scipy.ndimage import gaussian_filter

import classmat as cm


def main(seed: int = 3) -> None:
    scene = cm.gallery.portrait(600, 450, seed=seed)
    mask = gaussian_filter(scene.alpha, 6) > 0.5  # fine hair is lost, edges are rounded

    trimap = cm.trimap_from_mask(mask, erode=8, dilate=20)
    hard = cm.closed_form_matting(scene.image, trimap)

    # The prior is sure of itself away from its edge, and says nothing near it.
    confidence = np.where(trimap == 128, 1e-4, 1.0)
    soft = cm.matting_with_prior(scene.image, mask.astype(float), confidence)

    for name, alpha in (("mask", mask), ("trimap", hard), ("prior", soft)):
        print(f"{name:>7}: MSE {cm.metrics.mse(alpha, scene.alpha):.5f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
