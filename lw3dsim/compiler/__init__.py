"""Kernels to C, and C to an extension, when the package is built: needs nothing but Python."""
