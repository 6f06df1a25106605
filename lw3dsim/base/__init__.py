"""Base: what any room may stand on: integers in arrays, kernels and their translation, what is remembered."""
