"""Small neural nets in NumPy and Numba: layers with exact pullbacks, front ends for matting, training."""
