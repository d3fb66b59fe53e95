"""A method of your own: any symmetric positive semi-definite Laplacian goes through the same solver.

Here two closed-form Laplacians are mixed, of radius 1 and of radius 3: fine detail from the first, longer reach
from the second.

python examples/own_laplacian.py
"""

import numpy as np

import classmat as cm


def mixed_matting(image, trimap, weight=0.3):
    """Minimise alpha^T (L_1 + weight L_3) alpha with the known pixels held."""
    is_unknown = trimap == 128
    L = cm.closed_form_laplacian(image, radius=1, mask=is_unknown)
    L = L + weight * cm.closed_form_laplacian(image, radius=3, mask=is_unknown)

    alpha = (trimap == 255).astype(float)
    rows = L[is_unknown.ravel()]
    solution = cm.solve(rows[:, is_unknown.ravel()], -(rows @ alpha.ravel()), image=image[is_unknown])
    alpha[is_unknown] = np.clip(solution.x, 0, 1)
    return alpha, solution


def main() -> None:
    scene = cm.gallery.portrait(400, 300, seed=3)
    alpha, solution = mixed_matting(scene.image, scene.trimap)
    plain = cm.closed_form_matting(scene.image, scene.trimap)
    print(f"solved by {solution.method}, {solution.iterations} iterations")
    print(
        f"MSE mixed {cm.metrics.mse(alpha, scene.alpha):.6f}, closed form {cm.metrics.mse(plain, scene.alpha):.6f}"
    )


if __name__ == "__main__":
    main()
