"""Window factors of the learning-based Laplacian, from those of the closed-form one.

With Q R the QR factorisation of a window's centred colours stacked on ``sqrt(eps) I``, and Q1 the part of Q that
belongs to the colours, ridge regression predicts ``F = 1 1^T / |w| + Q1 Q1^T``. The closed-form Laplacian has
``I - F`` in each window, the learning-based one ``(I - F)^2 = I - 1 1^T / |w| - Q1 (I + G) Q1^T`` with
``G = eps R^-T R^-1``. So it is the closed-form one with other factors: ``U^-1 R``, where ``U U^T = I + G``.
"""

import numpy as np

from ._jit import pjit, prange


@pjit
def square_windows(active, eps, factors):
    """Replace R, the upper triangle with its diagonal inverted, by ``U^-1 R``; `eps` is per pixel of the window."""
    for top in prange(active.shape[0]):
        for left in range(active.shape[1]):
            if not active[top, left]:
                continue
            f = factors[top, left]
            # The upper triangle of R^-1, then H = I + eps R^-T R^-1, between I and 2 I.
            p00, p11, p22 = f[0], f[3], f[5]
            p01, p12 = -f[1] * p00 * p11, -f[4] * p11 * p22
            p02 = -(p00 * f[2] + p01 * f[4]) * p22
            h00, h01, h02 = 1 + eps * p00 * p00, eps * p00 * p01, eps * p00 * p02
            h11, h12 = 1 + eps * (p01 * p01 + p11 * p11), eps * (p01 * p02 + p11 * p12)
            h22 = 1 + eps * (p02 * p02 + p12 * p12 + p22 * p22)
            u22 = np.sqrt(h22)
            u12, u02 = h12 / u22, h02 / u22
            u11 = np.sqrt(h11 - u12 * u12)
            u01 = (h01 - u02 * u12) / u11
            u00 = np.sqrt(h00 - u01 * u01 - u02 * u02)
            r22, r12, r11 = 1 / (p22 * u22), f[4] / u11, 1 / (p11 * u11)
            r12 -= u12 * r22 / u11
            f[2] = (f[2] - u01 * r12 - u02 * r22) / u00
            f[1] = (f[1] - u01 * r11) / u00
            f[0], f[3], f[4], f[5] = p00 * u00, 1 / r11, r12, 1 / r22
