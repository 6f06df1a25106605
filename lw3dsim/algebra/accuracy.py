"""The floating-point error of a Winograd tile, measured on random tiles against double precision."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.algebra.winograd import Matrix, PointSet, transform

if TYPE_CHECKING:
    from numpy.typing import NDArray

SAMPLES = 5_000
SEED = 1


@cache
def float32_error(m: int, r: int, dims: int = 1, points: PointSet = "float") -> float:
    """Return the mean L1 error of a tile's outputs in float32, operands uniform in [-1, 1].

    The measure of Barabasz et al. 2020; each matrix is applied column by column
    in single precision.
    """
    t = transform(m, r, points)
    random = np.random.default_rng(SEED)
    data = random.uniform(-1, 1, (SAMPLES, *[t.n] * dims)).astype(np.float32)
    kernel = random.uniform(-1, 1, (SAMPLES, *[r] * dims)).astype(np.float32)
    product = _everywhere(t.G, kernel, dims, np.float32) * _everywhere(t.BT, data, dims, np.float32)
    result = _everywhere(t.AT, product, dims, np.float32).astype(np.float64)
    exact = _everywhere(
        t.AT, _everywhere(t.G, kernel, dims, np.float64) * _everywhere(t.BT, data, dims, np.float64), dims, np.float64
    )
    return float(np.abs(result - exact).sum(axis=tuple(range(1, dims + 1))).mean())


def _everywhere(
    matrix: Matrix, tiles: NDArray[np.floating], dims: int, kind: type[np.floating]
) -> NDArray[np.floating]:
    """Apply ``matrix`` along every dimension of ``tiles`` in precision ``kind``."""
    values = tiles.astype(kind)
    for axis in range(1, dims + 1):
        moved = np.moveaxis(values, axis, -1)
        columns = np.array([[float(entry) for entry in row] for row in matrix], dtype=kind).T
        result = np.zeros((*moved.shape[:-1], columns.shape[1]), dtype=kind)
        for j, column in enumerate(columns):
            result += moved[..., j : j + 1] * column
        values = np.moveaxis(result, -1, axis)
    return values
