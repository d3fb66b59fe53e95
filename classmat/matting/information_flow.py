"""Information flow matting (Aksoy, Aydin, Pollefeys 2017): four ways in which pixels tell each other their alpha."""

from collections.abc import Callable
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import distance_transform_edt
from scipy.optimize import nnls
from scipy.sparse.linalg import LinearOperator

from ..images.validate import (
    BACKGROUND,
    FOREGROUND,
    UNKNOWN,
    as_choice,
    as_count,
    as_flag,
    as_image,
    as_number,
    as_trimap,
    require_same_size,
)
from ..laplacians.closed_form import closed_form_system, three_channels
from ..laplacians.information_flow import colour_mixture, intra_unknown, known_to_unknown
from ..solvers import Callback, Solution
from ..solvers.cg import PreconditionedCG
from ..solvers.direct import Direct
from ..solvers.factor import Factor, Stopping
from ..solvers.multigrid import Multigrid
from ..solvers.stencil import Stencil
from ._known import warm_start
from .closed_form import Matte
from .trimming import trim_edges, trim_patches

# An image counts as highly transparent where the colours of the known bands, so many pixels wide, explain the
# histogram of the unknown region up to a squared error above this.
BAND, BINS, UNEXPLAINED = 20, 10, 0.3
SOFT = 0.1  # how strongly patches that look known pull; not the paper's, which takes them for known


@overload
def information_flow_matting(
    image: ArrayLike,
    trimap: ArrayLike,
    *,
    n_neighbors: tuple[int, int, int] = ...,
    sigma_cm: float = ...,
    sigma_ku: float = ...,
    sigma_uu: float = ...,
    sigma_l: float = ...,
    eps: float = ...,
    trim: str = ...,
    transparent: bool | None = ...,
    rtol: float | None = ...,
    x0: ArrayLike | None = ...,
    callback: Callback | None = ...,
    return_info: Literal[False] = ...,
) -> Matte: ...
@overload
def information_flow_matting(
    image: ArrayLike,
    trimap: ArrayLike,
    *,
    n_neighbors: tuple[int, int, int] = ...,
    sigma_cm: float = ...,
    sigma_ku: float = ...,
    sigma_uu: float = ...,
    sigma_l: float = ...,
    eps: float = ...,
    trim: str = ...,
    transparent: bool | None = ...,
    rtol: float | None = ...,
    x0: ArrayLike | None = ...,
    callback: Callback | None = ...,
    return_info: Literal[True],
) -> tuple[Matte, Solution]: ...
def information_flow_matting(
    image: ArrayLike,
    trimap: ArrayLike,
    *,
    n_neighbors: tuple[int, int, int] = (20, 7, 5),
    sigma_cm: float = 1.0,
    sigma_ku: float = 0.05,
    sigma_uu: float = 0.01,
    sigma_l: float = 1.0,
    eps: float = 1e-7,
    trim: str = "soft",
    transparent: bool | None = None,
    rtol: float | None = None,
    x0: ArrayLike | None = None,
    callback: Callback | None = None,
    return_info: bool = False,
) -> Matte | tuple[Matte, Solution]:
    """Compute a matte from what pixels of similar colours, near and far, tell each other.

    Minimises, with the known pixels held, the energy of the paper ::

        sigma_cm * sum over unknown p of (alpha_p - sum of w_pq alpha_q)^2        colour mixture, q like p
        + sigma_ku * sum over unknown p of eta_p (alpha_p - w^F_p)^2              known to unknown
        + sigma_uu * sum over unknown p, q of w_pq (alpha_p - alpha_q)^2          intra-unknown, q like p
        + sigma_l * alpha^T L alpha                                               local, L the closed form's

    A weight of 0 leaves a flow out. On photographs the trimming and the intra-unknown flow bring the most, the
    colour mixture next to nothing; ``sigma_cm=0`` takes about half of the iterations.

    Parameters
    ----------
    image : array_like, (h, w, 3) or (h, w)
        Colour or grey; float in [0, 1], uint8 or uint16.
    trimap : array_like, (h, w)
        Background (<= 10 % of the dtype's range), unknown, foreground (>= 90 %); some of both known kinds.
    n_neighbors : (int, int, int)
        K_CM, K_KU (of either kind) and K_UU, each at least 1.
    sigma_cm, sigma_ku, sigma_uu : float
        Weights of the flows, at least 0.
    sigma_l : float
        The weight of the local flow, above 0.
    eps : float
        The regularisation of L, above 0, as in `closed_form_matting`.
    trim : {"soft", "hard", "edges", "none"}
        What is made of unknown pixels that look known. Those that look like a known one nearby become known, except
        with "none". Those whose 3x3 patch looks like known ones of one kind only, however far, become known too with
        "hard", the paper's way; with "soft" a pull of 0.1 draws them to that kind, which the other flows can
        outvote; with "edges" they are not looked for.
    transparent : bool, optional
        Whether the foreground is highly transparent: then the known regions do not hold its colours, and the flow
        from known to unknown is left out (the paper's E_2). By default it is judged from histograms.
    rtol, x0, callback
        As in `closed_form_matting`, but for the default tolerance: a relative residual of 1e-7.
    return_info : bool
        Whether to return the solver's `Solution` too.

    Returns
    -------
    alpha : ndarray, (h, w)
        float64 in [0, 1]; exactly 0 and 1 where the trimap is background and foreground.
    solution : Solution
        Only if `return_info`; its x holds the pixels that trimming left unknown, before clipping, in raster order.

    Warns
    -----
    ConvergenceWarning
        If the solver stopped before it reached `rtol`.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, shape or range, or the trimap has no foreground or no background.

    Notes
    -----
    The authors publish a toolbox for academic use only, which names patents. This is written from the equations of
    the paper, not from that code; whoever uses it in a product should look into those patents.

    Known pixels are eliminated instead of held by a penalty (the paper's lambda = 100). Conjugate gradients solve
    the sum of all flows; the local flow and the diagonal of the flow from known pixels, for which there is a
    multigrid, precondition it.

    Soft trimming, the default, and its pull of 0.1 are not the paper's either: there patches that look known become
    known, as with ``trim="hard"``.

    References
    ----------
    Y. Aksoy, T. O. Aydin, M. Pollefeys: Designing effective inter-pixel information flow for natural image matting.
    CVPR 2017.

    Examples
    --------
    >>> import classmat as cm
    >>> from classmat.matting.information_flow import information_flow_matting
    >>> scene = cm.gallery.disc(24, 32)
    >>> alpha = information_flow_matting(scene.image, scene.trimap)
    >>> bool(abs(alpha - scene.alpha).max() < 0.1)
    True
    """
    pixels = as_image(image)
    labels = as_trimap(trimap)
    require_same_size(pixels, labels, names=("image", "trimap"))
    counts = _checked_counts(n_neighbors)
    sigma_cm, sigma_ku, sigma_uu = (
        as_number(value, name=name, low=0)
        for name, value in (("sigma_cm", sigma_cm), ("sigma_ku", sigma_ku), ("sigma_uu", sigma_uu))
    )
    sigma_l = as_number(sigma_l, name="sigma_l", low=0, exclusive=True)
    eps = as_number(eps, name="eps", low=0, exclusive=True)
    if transparent is not None:
        transparent = as_flag(transparent, name="transparent")
    trim = as_choice(trim, ("soft", "hard", "edges", "none"), name="trim")
    Stopping.checked(rtol, 0.0, 1, callback)
    if is_transparent(pixels, labels) if transparent is None else transparent:
        sigma_ku = 0.0
    labels, looks = _trimmed(three_channels(pixels), labels, trim)
    is_unknown = labels == UNKNOWN
    start = warm_start(x0, is_unknown)
    alpha = (labels == FOREGROUND).astype(np.float64)
    if not is_unknown.any():
        solution = Solution(np.empty(0), True, 0, np.zeros(1), "none")
    else:
        weights = sigma_cm / sigma_l, sigma_ku / sigma_l, sigma_uu / sigma_l, SOFT / sigma_l
        factor, b = _system(pixels, labels, looks, counts, weights, eps)
        solution = factor.solve(b, x0=start, rtol=rtol, callback=callback)
        alpha[is_unknown] = np.clip(solution.x, 0, 1)
    return (alpha, solution) if return_info else alpha


def _checked_counts(n_neighbors: Any) -> tuple[int, int, int]:
    if not isinstance(n_neighbors, tuple | list) or len(n_neighbors) != 3:
        raise ValueError(f"n_neighbors is {n_neighbors!r}; accepted are three whole numbers (K_CM, K_KU, K_UU).")
    mixed, known, unknown = (as_count(count, name="n_neighbors", low=1) for count in n_neighbors)
    return mixed, known, unknown


def _trimmed(
    image: NDArray[np.float64], labels: NDArray[np.uint8], trim: str
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return what is known, and what looks known."""
    if trim == "none":
        return labels, labels
    labels = trim_edges(image, labels)
    looks = labels if trim == "edges" else trim_patches(image, labels)
    return (looks if trim == "hard" else labels), looks


def _system(
    image: NDArray[np.float64],
    labels: NDArray[np.uint8],
    looks: NDArray[np.uint8],
    counts: tuple[int, int, int],
    weights: tuple[float, float, float, float],
    eps: float,
) -> tuple[Factor, NDArray[np.float64]]:
    """Return the system of all flows for the unknown pixels, ready to be solved, and its right-hand side."""
    is_unknown, is_foreground = labels == UNKNOWN, (labels == FOREGROUND).view(np.uint8)
    pull, target = np.zeros(int(is_unknown.sum())), np.zeros(int(is_unknown.sum()))
    if weights[1]:
        target, confidence = known_to_unknown(image, labels, n_neighbors=counts[1])
        pull = weights[1] * confidence
    look = looks[is_unknown]
    pull[look != UNKNOWN] = weights[3]
    target[look != UNKNOWN] = look[look != UNKNOWN] == FOREGROUND
    local, b, colours = closed_form_system(image, is_unknown, is_foreground, eps=eps, radius=1, diagonal=pull)
    b = b + pull * target
    nearby = Multigrid(local, colours) if isinstance(local, Stencil) else Direct(local)
    flows = [local.matvec if isinstance(local, Stencil) else local.__matmul__]
    if weights[0]:
        rows = colour_mixture(image, labels, n_neighbors=counts[0])
        within = rows[:, is_unknown.ravel()]
        across = weights[0] * within.T.tocsr()
        flows.append(lambda x: across @ (within @ x))
        b = b - across @ (rows @ is_foreground.ravel().astype(np.float64))
    if weights[2]:
        flows.append((weights[2] * intra_unknown(image, labels, n_neighbors=counts[2])).__matmul__)
    return _preconditioned(flows, nearby), b


def _preconditioned(flows: list[Callable[[Any], Any]], nearby: Multigrid | Direct) -> Factor:
    """Return the sum of the flows, to be solved with the first of them as the preconditioner."""
    if len(flows) == 1:
        return nearby
    shape = (nearby.size, nearby.size)
    total = LinearOperator(shape, matvec=lambda x: sum(flow(x) for flow in flows), dtype=np.float64)
    return PreconditionedCG(total, nearby.precondition, nearby.method)


def is_transparent(image: NDArray[Any], labels: NDArray[np.uint8]) -> bool:
    """Whether the unknown region has colours that no mixture of the known bands' histograms explains.

    The histograms D, ten bins a channel, of the foreground and the background within 20 pixels of the unknown region
    are fitted to its own: transparent if ``min over a, b >= 0 of |a D_F + b D_B - D_U|^2`` is above 0.3, as the
    paper proposes. Arguments are checked.
    """
    is_unknown = labels == UNKNOWN
    if not is_unknown.any():
        return False
    is_near = distance_transform_edt(~is_unknown) <= BAND
    known = [_histogram(image[is_near & (labels == label)]) for label in (FOREGROUND, BACKGROUND)]
    _, residual = nnls(np.stack(known, axis=1), _histogram(image[is_unknown]))
    return bool(residual**2 > UNEXPLAINED)


def _histogram(colours: NDArray[Any]) -> NDArray[np.float64]:
    """Return the shares of the pixels in each bin, channel after channel; zeros for no pixels."""
    bins = np.minimum(colours.reshape(len(colours), -1).T * BINS, BINS - 1).astype(int)
    counts = [np.bincount(channel, minlength=BINS) for channel in bins]
    return np.concatenate(counts) / max(1, len(colours))
