"""Numba and nothing else: arrays in, arrays out. No validation, no allocation of results, no SciPy."""
