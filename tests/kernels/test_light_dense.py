"""What whoever calls the kernels from C relies on: they stay in their workspace, whatever is in it, and allocate nothing."""

import numpy as np
import pytest
from numba.core.runtime import _nrt_python, rtsys

from classmat.kernels import feathering_block as block
from classmat.kernels import light_dense
from classmat.nn import fast_deep_matting as fdm
from classmat.nn import inference

GUARD, PATTERN = 64, np.float32(-12345.5)
SHAPES = [(1, 1), (1, 40), (40, 1), (2, 3), (31, 32), (32, 31), (33, 97)]
BANDS = {1: block.fast_deep_matting, light_dense.BANDS: block.fast_deep_matting_on_threads}


@pytest.fixture(scope="module")
def weights():
    rng = np.random.default_rng(0)
    ldn, fb = fdm.init_light_dense_network(rng), fdm.init_feathering_block(rng)
    return inference.pack_light_dense_network(ldn), inference.pack_feathering_block(*fb)


def guarded(size, content):
    """Return an array of a size within another one, to see what is written around it."""
    whole = np.full(size + 2 * GUARD, PATTERN, np.float32)
    whole[GUARD:-GUARD] = content
    return whole, whole[GUARD:-GUARD]


@pytest.mark.parametrize("radius", [0, 1, 50])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("bands", BANDS)
def test_stays_in_its_arrays_and_reads_nothing_old(weights, shape, radius, bands):
    image = np.random.default_rng(1).random(3 * shape[0] * shape[1], dtype=np.float32)
    results = []
    for content in (0, np.nan):
        size = inference.workspace_size(*shape, radius=radius, bands=bands)
        arrays = [guarded(n, content) for n in (size, shape[0] * shape[1], shape[0] * shape[1])]
        inner = [own for _, own in arrays]
        BANDS[bands](image, *weights, *inner, *map(np.uint64, (*shape, radius)))
        for whole, _ in arrays:
            assert (whole[:GUARD] == PATTERN).all()
            assert (whole[-GUARD:] == PATTERN).all()
        results.append(inner[1:])
    np.testing.assert_array_equal(results[0], results[1])
    assert np.isfinite(results[0]).all()


@pytest.mark.parametrize("radius", [0, 1, 50])
@pytest.mark.parametrize("shape", SHAPES)
def test_bands_change_no_bit(weights, shape, radius):
    image = np.random.default_rng(2).random(3 * shape[0] * shape[1], dtype=np.float32)
    mattes = []
    for bands, run in BANDS.items():
        size = inference.workspace_size(*shape, radius=radius, bands=bands)
        space, mask, alpha = (np.empty(n, np.float32) for n in (size, shape[0] * shape[1], shape[0] * shape[1]))
        run(image, *weights, space, mask, alpha, *map(np.uint64, (*shape, radius)))
        mattes.append(alpha)
    np.testing.assert_array_equal(*mattes)


def test_allocates_nothing(weights):
    size = np.uint64(40), np.uint64(33), np.uint64(1)
    arrays = [np.zeros(n, np.float32) for n in (3960, inference.workspace_size(40, 33, radius=1), 1320, 1320)]
    arguments = arrays[0], *weights, *arrays[1:]
    block.fast_deep_matting(*arguments, *size)  # compiles
    was_counting = _nrt_python.memsys_stats_enabled()
    _nrt_python.memsys_enable_stats()
    try:
        before = rtsys.get_allocation_stats().alloc
        block.fast_deep_matting(*arguments, *size)
        made = rtsys.get_allocation_stats().alloc - before
    finally:
        if not was_counting:
            _nrt_python.memsys_disable_stats()
    assert made == len(arguments)  # the records by which Python's arrays are handed over
