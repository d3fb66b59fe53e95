"""The Laplacian of KNN matting (Chen, Li, Tang 2013): a graph of pixels that look alike."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array, diags_array
from scipy.sparse.csgraph import connected_components

from ..images.colour import hue_on_a_circle
from ..images.validate import as_choice, as_count, as_image, as_mask, as_number, require_same_size
from .neighbours import Tree, colours_with_positions, nearest

COLOUR_SPACES = ("rgb", "hsv")
KERNELS = ("binary", "paper")


def knn_laplacian(
    image: ArrayLike,
    *,
    n_neighbors: Sequence[int] = (20, 10),
    distance_weights: Sequence[float] = (2.0, 0.1),
    colour_space: str = "rgb",
    kernel: str = "binary",
    mask: ArrayLike | None = None,
) -> csr_array:
    """Return the KNN matting Laplacian of an image, a sparse symmetric positive semi-definite matrix.

    Every pixel i chooses, once for each entry of `n_neighbors`, the pixels j nearest to it in a space of colours and
    positions; every choice adds ``k(i, j)`` to ``W_ij`` and to ``W_ji``, and ``L = D - W`` with the row sums of W on the
    diagonal of D. So ``alpha^T L alpha`` is the sum over all choices of ``k(i, j) (alpha_i - alpha_j)^2``: pixels
    that look alike get a like alpha.

    With a mask, its pixels choose among all pixels; then, in each search, those that they chose outside of the mask
    choose in return, and what they choose in the mask counts.

    Parameters
    ----------
    image : array_like, (h, w, 3) or (h, w)
        Colour or grey image; float in [0, 1], uint8 or uint16.
    n_neighbors : sequence of int
        How many pixels are chosen each time. The pixel itself is the first of them, as in PyMatting.
    distance_weights : sequence of float
        For each time, how far apart the opposite sides of the image are in that space, 0 to 1e6; each colour
        channel goes from 0 to 1. A large weight finds neighbours next to the pixel, a small one far away.
    colour_space : {"rgb", "hsv"}
        What colours are; "hsv" is ``(cos H, sin H, S, V)``, the paper's. A grey image is just its level.
    kernel : {"binary", "paper"}
        "binary": ``k(i, j) = 1``. "paper": ``k(i, j) = 1 - |X_i - X_j| / C`` (eq. 5) with the Euclidean distance in
        that space and C the largest one between any of the chosen pairs.
    mask : array_like, (h, w), optional
        Pixels whose rows are needed. All pixels by default.

    Returns
    -------
    csr_array, (h * w, h * w)
        float64, pixels in raster order, sorted column indices; no entry off the diagonal is above 0, and rows sum to
        zero. Among equally near pixels, which are chosen is not defined, but always the same.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind, shape or range.

    References
    ----------
    Q. Chen, D. Li, C.-K. Tang: KNN matting. TPAMI 35(9), 2013. The defaults are PyMatting's: (20, 10) neighbours with
    distance weights (2.0, 0.1), colours as they are and a binary kernel; the paper has HSV and 1 - |X| / C, here "hsv"
    and "paper". PyMatting also divides every row by the sum of its weights, that of the pixel with itself included: a
    matrix that is not symmetric.

    Examples
    --------
    Two white pixels and two black ones: each chooses the other one of its colour.

    >>> L = knn_laplacian([[1.0, 1.0, 0.0, 0.0]], n_neighbors=[2], distance_weights=[1.0])
    >>> L.toarray()
    array([[ 2., -2.,  0.,  0.],
           [-2.,  2.,  0.,  0.],
           [ 0.,  0.,  2., -2.],
           [ 0.,  0., -2.,  2.]])
    """
    pixels = as_image(image)
    needed = np.ones(pixels.shape[:2], bool) if mask is None else as_mask(mask)
    require_same_size(pixels, needed, names=("image", "mask"))
    space = Space.checked(pixels, n_neighbors, distance_weights, colour_space, kernel)
    rows = np.flatnonzero(needed)
    chosen = space.choose(rows)
    lengths = np.zeros(needed.size, chosen.indptr.dtype)
    lengths[rows] = np.diff(chosen.indptr)
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(lengths.dtype)
    W = csr_array((chosen.data, chosen.indices, starts), shape=(needed.size, needed.size))
    W = W + W.T.tocsr()
    return _laplacian(W, W.sum(axis=1))


class System(NamedTuple):
    """What is left to solve when known pixels are eliminated.

    Attributes
    ----------
    A : csr_array, (n, n)
        ``L_UU`` plus the diagonal; n is the number of unknown pixels, in raster order.
    B : csr_array, (n, h * w)
        The links of unknown to known pixels: ``-L_UK x_K`` is ``B @ x``, with x the matte of all pixels.
    """

    A: csr_array
    B: csr_array


class Space(NamedTuple):
    """Colours of pixels, and how they are put into spaces and compared there; checked."""

    colours: NDArray[np.float64]
    passes: tuple[tuple[int, float], ...]
    kernel: str

    @classmethod
    def checked(
        cls,
        image: NDArray[np.float64],
        n_neighbors: Sequence[int],
        distance_weights: Sequence[float],
        colour_space: str,
        kernel: str,
    ) -> "Space":
        """Return the space that a user asks for, or raise TypeError or ValueError; the image is checked before."""
        counts = [as_count(k, name="n_neighbors", low=1) for k in _as_list(n_neighbors, "n_neighbors")]
        weights = [
            as_number(v, name="distance_weights", low=0, high=1e6)
            for v in _as_list(distance_weights, "distance_weights")
        ]
        if len(counts) != len(weights) or not counts:
            raise ValueError(
                f"n_neighbors has {len(counts)} entries but distance_weights has {len(weights)}; "
                "accepted are equally many, at least 1."
            )
        space = as_choice(colour_space, COLOUR_SPACES, name="colour_space")
        colours = hue_on_a_circle(image) if space == "hsv" and image.ndim == 3 else image
        return cls(colours, tuple(zip(counts, weights, strict=True)), as_choice(kernel, KERNELS, name="kernel"))

    def choose(self, rows: NDArray[np.intp]) -> csr_array:
        """Return ``k(i, j)`` of what pixels i choose, and of what those outside choose in return: (rows, h * w).

        The first has an entry for every choice; for a pair in `rows` that chose each other there are two, (i, j) and
        (j, i). A pair of which only one is in `rows` has one entry, with the sum.
        """
        n = self.colours.shape[0] * self.colours.shape[1]
        place = np.full(n, -1, np.int32)
        place[rows] = np.arange(len(rows))
        chosen = csr_array((len(rows), n))
        for k, weight in self.passes:
            chosen = chosen + self._choose_once(rows, place, k, weight)
        return chosen

    def _choose_once(self, rows: NDArray[np.intp], place: NDArray[np.int32], k: int, weight: float) -> csr_array:
        features = colours_with_positions(self.colours, weight)
        tree, n = Tree(features), len(features)
        indices, distances = tree.nearest(features if len(rows) == n else features[rows], k)
        outside = np.unique(indices[place[indices] < 0])
        back, back_distances = tree.nearest(features[outside], k)
        del tree, features
        largest = max(distances.max(initial=0), back_distances.max(initial=0))
        is_back = place[back] >= 0
        theirs = _sparse(back, self._affinity(back_distances, largest) * is_back, (len(outside), n))
        own = _sparse(
            indices, self._affinity(distances, largest) * (indices != rows[:, np.newaxis]), (len(rows), n)
        )
        if theirs.nnz == 0:
            return own
        mutual = theirs.tocoo()
        return own + csr_array((mutual.data, (place[mutual.col], outside[mutual.row])), shape=own.shape)

    def _affinity(self, distances: NDArray[np.float64], largest: float) -> NDArray[np.float64]:
        return 1 - distances / (largest or 1.0) if self.kernel == "paper" else np.ones(distances.shape)

    def nearest_of(self, rows: NDArray[np.intp], candidates: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return for each pixel i the nearest of the candidates in the space of the first pass."""
        features = colours_with_positions(self.colours, self.passes[0][1])
        return candidates[nearest(features[candidates], features[rows], 1)[0][:, 0]]


def _sparse(indices: NDArray[np.int32], values: NDArray[np.float64], shape: tuple[int, int]) -> csr_array:
    """Return a matrix with k entries in every row, those that are 0 left out."""
    starts = np.arange(0, indices.size + 1, indices.shape[1], dtype=np.int32 if indices.size < 2**31 else np.int64)
    matrix = csr_array((values.ravel(), indices.ravel(), starts), shape=shape)
    matrix.eliminate_zeros()
    matrix.sort_indices()
    return matrix


def knn_system(space: Space, is_unknown: NDArray[np.bool_], diagonal: NDArray[np.float64] | None = None) -> System:
    """Return the system of the unknown pixels, all but ``L_UU`` and ``L_UK`` of the Laplacian left out.

    Where a set of unknown pixels has no link to any known one, nor anything on the diagonal, any constant would do for
    it. Each pixel of such a set is linked, with weight 1, to the one that looks most like it among those outside of
    such sets.

    Parameters
    ----------
    space : Space
        Where neighbours are searched.
    is_unknown : ndarray, (h, w)
        Pixels to solve for.
    diagonal : ndarray, (n,), optional
        Added to the diagonal; at least 0.
    """
    rows = np.flatnonzero(is_unknown)
    chosen = space.choose(rows)
    W = _within(chosen, rows)
    B = _without(chosen, rows)
    held = B.sum(axis=1) + (0 if diagonal is None else diagonal)
    floating = _floating(W, held > 0)
    if floating.any():
        links = _links(space, rows, floating, is_unknown)
        W, B = W + _within(links, rows), B + _without(links, rows)
        held = B.sum(axis=1) + (0 if diagonal is None else diagonal)
    return System(_laplacian(W, W.sum(axis=1) + held), B)


def _within(chosen: csr_array, rows: NDArray[np.intp]) -> csr_array:
    """Return W among the unknown pixels: what each chose, and what chose it."""
    inner = chosen[:, rows]
    return inner + inner.T.tocsr()


def _without(chosen: csr_array, rows: NDArray[np.intp]) -> csr_array:
    """Return the links of unknown to known pixels."""
    is_known = np.ones(chosen.shape[1], bool)
    is_known[rows] = False
    keep = is_known[chosen.indices]
    starts = np.concatenate([[0], np.cumsum(keep)])[chosen.indptr].astype(chosen.indptr.dtype)
    return csr_array((chosen.data[keep], chosen.indices[keep], starts), shape=chosen.shape)


def _floating(W: csr_array, is_held: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which pixels are in a connected set none of which is held."""
    count, component = connected_components(W, directed=False)
    has_hold = np.zeros(count, bool)
    has_hold[component[is_held]] = True
    return ~has_hold[component]


def _links(
    space: Space, rows: NDArray[np.intp], floating: NDArray[np.bool_], is_unknown: NDArray[np.bool_]
) -> csr_array:
    """Return one link of each floating pixel to a pixel that is known, or held by known ones."""
    is_anchor = ~is_unknown.ravel()
    is_anchor[rows[~floating]] = True
    targets = space.nearest_of(rows[floating], np.flatnonzero(is_anchor))
    starts = np.concatenate([[0], np.cumsum(floating)]).astype(np.int32)
    return csr_array((np.ones(len(targets)), targets.astype(np.int32), starts), shape=(len(rows), is_unknown.size))


def _laplacian(W: csr_array, diagonal: NDArray[np.float64]) -> csr_array:
    W.data *= -1
    L = W + diags_array(diagonal, format="csr")
    L.sort_indices()
    return L


def _as_list(values: Any, name: str) -> list[Any]:
    if isinstance(values, str) or not np.iterable(values):
        raise TypeError(f"{name} is {values!r}; accepted is a sequence of numbers, one for each search.")
    return list(values)
