"""Image -> sparse matrix or matrix-free operator."""
