"""Winograd operands: matrices in the numbers of a run, their transforms, and narrowing to declared widths."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.algebra.winograd import Matrix, common_denominator, integers, transform
from lw3dsim.base.values import Value
from lw3dsim.machine.widths import narrowing_shifts, worst_growth

if TYPE_CHECKING:
    from lw3dsim.arithmetic.number import Number, Tensor
    from lw3dsim.machine.problem import Problem


class Operands(Value, frozen=True, kw_only=True):
    """The transforms of one problem: a matrix per dimension (T, H, W), and the shifts that narrow each coordinate.

    ``scale`` divides an integer result; ``work`` is the type computed in.
    """

    BT: tuple[Tensor, ...]
    G: tuple[Tensor, ...]
    AT: tuple[Tensor, ...]
    scale: int
    work: str
    data_shift: Tensor
    weight_shift: Tensor

    @property
    def is_narrowed(self) -> bool:
        """Whether transformed operands lose bits."""
        return bool(self.data_shift.any() or self.weight_shift.any())


def make_operands(problem: Problem, number: Number) -> Operands:
    """Return the operands of a Winograd problem in ``number``."""
    algorithm = problem.algorithm
    BT, G, AT = winograd_forms(problem, number)
    if not number.is_integer:
        none = np.zeros([len(matrix) for matrix in BT], dtype=np.int64)
        arrays = [tuple(_floats(m, number.dtype) for m in group) for group in (BT, G, AT)]
        return Operands(
            BT=arrays[0], G=arrays[1], AT=arrays[2], scale=1, work=number.dtype, data_shift=none, weight_shift=none
        )
    bound = number.largest**2 * problem.c * algorithm.taps * worst_growth(BT, G, AT)
    work = number.working_type(2 * bound)
    arrays = [tuple(np.array(integers(m), dtype=np.int64).astype(work) for m in group) for group in (BT, G, AT)]
    return Operands(
        BT=arrays[0],
        G=arrays[1],
        AT=arrays[2],
        scale=math.prod(common_denominator(m) for group in (BT, G, AT) for m in group),
        work=work,
        data_shift=narrowing_shifts(BT, number.largest, problem.data_bits),
        weight_shift=narrowing_shifts(G, number.largest, problem.weight_bits),
    )


def winograd_forms(problem: Problem, number: Number) -> tuple[list[Matrix], list[Matrix], list[Matrix]]:
    """Return BT, G and AT of a Winograd problem along T, H and W, on the points that suit ``number``."""
    algorithm = problem.algorithm
    forms = [transform(m, r, number.points) for m, r in zip(algorithm.tile, algorithm.filter, strict=True)]
    return [form.BT for form in forms], [form.G for form in forms], [form.AT for form in forms]


def _floats(matrix: Matrix, dtype: str) -> Tensor:
    return np.array([[float(entry) for entry in row] for row in matrix], dtype=dtype)


def phases(values: Tensor, split: tuple[int, int, int]) -> Tensor:
    """Split (..., T, H, W) into phases (..., st sh sw, T / st, H / sh, W / sw), zero-padded where they are uneven."""
    whole = [-(-size // s) * s for size, s in zip(values.shape[-3:], split, strict=True)]
    # Not np.pad: it puts fixed-width zeros among the unbounded integers of an object array.
    padded = np.zeros((*values.shape[:-3], *whole), dtype=values.dtype)
    padded[..., : values.shape[-3], : values.shape[-2], : values.shape[-1]] = values
    lead = padded.shape[:-3]
    t, h, w = (size // s for size, s in zip(padded.shape[-3:], split, strict=True))
    parts = padded.reshape(*lead, t, split[0], h, split[1], w, split[2])
    k = len(lead)
    order = (*range(k), k + 1, k + 3, k + 5, k, k + 2, k + 4)
    return parts.transpose(order).reshape(*lead, math.prod(split), t, h, w)


def applied(matrices: tuple[Tensor, ...], values: Tensor) -> Tensor:
    """Apply a matrix along each of the last three dimensions."""
    for d, matrix in enumerate(matrices):
        axis = values.ndim - 3 + d
        values = np.moveaxis(np.tensordot(values, matrix, axes=([axis], [1])), -1, axis)
    return values


def narrowed(values: Tensor, shift: Tensor, bits: int) -> Tensor:
    """Drop ``shift`` bits of each coordinate (last three dimensions), round, saturate to ``bits``: integers."""
    if not shift.any():
        return values
    step = (2**shift).astype(np.float64)
    largest = 2 ** (bits - 1) - 1
    return np.clip(np.floor(values.astype(np.float64) / step + 0.5), -largest, largest).astype(np.int64)
