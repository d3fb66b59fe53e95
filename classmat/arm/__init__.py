"""The kernels that phones run, compiled ahead of time for AArch64 behind a C header, tested and modelled."""
