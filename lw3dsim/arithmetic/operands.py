"""Winograd operands: matrices in the numbers of a run, their transforms, and narrowing to declared widths."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.algebra.winograd import Matrix, common_denominator, integers, signed_bits, transform
from lw3dsim.base.values import Value, replace
from lw3dsim.machine.widths import narrowing_shifts, worst_growth

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.arithmetic.number import Number, Tensor
    from lw3dsim.machine.problem import Problem


class Operands(Value, frozen=True, kw_only=True):
    """The transforms of one problem: a matrix per dimension (T, H, W), and the shifts that narrow each coordinate.

    ``scale`` divides an integer result; ``work`` is the type computed in. Where shifts are ``observed`` ones, a value
    may still be too large for its multiplier, and saturates.
    """

    BT: tuple[Tensor, ...]
    G: tuple[Tensor, ...]
    AT: tuple[Tensor, ...]
    scale: int
    work: str
    data_shift: Tensor
    weight_shift: Tensor
    observed: bool = False

    @property
    def is_narrowed(self) -> bool:
        """Whether transformed operands lose bits."""
        return bool(self.observed or self.data_shift.any() or self.weight_shift.any())


class Shifts(Value, frozen=True, kw_only=True, eq=False):
    """By how many bits each coordinate (T, H, W) of transformed data and weights is shifted right.

    In the ``worst case`` any operands fit the multipliers; where shifts are ``observed`` ones, what does not saturates.
    """

    data: Tensor
    weight: Tensor
    observed: bool

    def as_one(self) -> Shifts:
        """Return the shifts of hardware that has one for all coordinates."""
        data, weight = (np.full_like(each, each.max()) for each in (self.data, self.weight))
        return replace(self, data=data, weight=weight)


def whole_width(problem: Problem, number: Number) -> Shifts:
    """Return no shifts: those of multipliers as wide as the worst case is."""
    none = np.zeros_like(worst_case(problem, number).data)
    return Shifts(data=none, weight=none, observed=False)


def worst_case(problem: Problem, number: Number) -> Shifts:
    """Return the shifts with which any operands fit the multipliers of a Winograd problem."""
    BT, G, _ = winograd_forms(problem, number)
    data, weight = number.in_bits(problem.activation_bits), number.in_bits(problem.factor_bits)
    return Shifts(
        data=narrowing_shifts(BT, data.largest, problem.data_bits),
        weight=narrowing_shifts(G, weight.largest, problem.weight_bits),
        observed=False,
    )


def observed(problem: Problem, data: Tensor, weight: Tensor) -> Shifts:
    """Return the shifts with which operands whose coordinates have these peaks fit the multipliers."""
    return Shifts(data=_fitting(data, problem.data_bits), weight=_fitting(weight, problem.weight_bits), observed=True)


def _fitting(peaks: Tensor, bits: int) -> Tensor:
    widths = np.vectorize(lambda peak: signed_bits(int(peak)), otypes=[np.int64])(peaks)
    return np.asarray(np.maximum(widths - bits, 0))


def make_operands(problem: Problem, number: Number, shifts: Shifts | None = None) -> Operands:
    """Return the operands of a Winograd problem in ``number``; by default with the shifts of the worst case."""
    algorithm = problem.algorithm
    BT, G, AT = winograd_forms(problem, number)
    if not number.is_integer:
        none = np.zeros([len(matrix) for matrix in BT], dtype=np.int64)
        arrays = [tuple(_floats(m, number.dtype) for m in group) for group in (BT, G, AT)]
        return Operands(
            BT=arrays[0], G=arrays[1], AT=arrays[2], scale=1, work=number.dtype, data_shift=none, weight_shift=none
        )
    shifts = shifts or worst_case(problem, number)
    bound = number.largest_product * problem.c * algorithm.taps * worst_growth(BT, G, AT)
    work = number.working_type(2 * bound)
    arrays = [tuple(np.array(integers(m), dtype=np.int64).astype(work) for m in group) for group in (BT, G, AT)]
    return Operands(
        BT=arrays[0],
        G=arrays[1],
        AT=arrays[2],
        scale=math.prod(common_denominator(m) for group in (BT, G, AT) for m in group),
        work=work,
        data_shift=shifts.data,
        weight_shift=shifts.weight,
        observed=shifts.observed,
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


def applied(matrices: tuple[Tensor, ...], values: Tensor, *, is_exact: bool = False) -> Tensor:
    """Apply a matrix along each of the last three dimensions; see :func:`combined`."""
    for d, matrix in enumerate(matrices):
        if _is_one(matrix):
            continue
        made = combined(matrix, np.moveaxis(values, values.ndim - 3 + d, 0), is_exact=is_exact)
        values = np.moveaxis(made, 0, values.ndim - 3 + d)
    return values


def coordinates(
    matrices: tuple[Tensor, ...],
    values: Tensor,
    first: Sequence[int],
    tiles: Sequence[int],
    apart: Sequence[int],
    *,
    is_exact: bool = False,
) -> Tensor:
    """Return the coordinates of overlapping tiles of ``values`` (channels, phases, T, H, W).

    Along each of the last three dimensions there are so many ``tiles`` from the ``first`` on, so far ``apart``. The
    result is (channels, phases, tiles t, h, w, coordinates t, h, w), the coordinates outermost in memory. See
    :func:`combined`.
    """
    for d, (matrix, start, count, step) in enumerate(zip(matrices, first, tiles, apart, strict=True)):
        axis = values.ndim - 3 + d
        ranges = (slice(start + j, start + j + (count - 1) * step + 1, step) for j in range(matrix.shape[1]))
        parts = [values[(slice(None),) * axis + (taken,)] for taken in ranges]
        made = parts[0][None] if _is_one(matrix) else combined(matrix, parts, is_exact=is_exact)
        values = np.moveaxis(made, 0, d)
    return np.moveaxis(values, (0, 1, 2), (-3, -2, -1))


def _is_one(matrix: Tensor) -> bool:
    return matrix.shape == (1, 1) and bool(matrix[0, 0] == 1)


def combined(matrix: Tensor, parts: list[Tensor] | Tensor, *, is_exact: bool) -> Tensor:
    """Return the sums of ``parts`` times the entries of each row of ``matrix``: (rows, ...).

    Where floats are integers that are small enough, so that sums are exact in any order, it is a product of matrices.
    Else sums are formed one part after another, as adders of whole arrays.
    """
    kind = np.result_type(matrix, parts[0])
    if is_exact and kind.kind == "f":
        stacked = (np.stack(parts) if isinstance(parts, list) else np.ascontiguousarray(parts)).astype(kind, copy=False)
        made = matrix.astype(kind, copy=False) @ stacked.reshape(len(stacked), -1)
        return np.asarray(made.reshape(len(matrix), *stacked.shape[1:]))
    made = np.zeros((len(matrix), *parts[0].shape), dtype=kind)
    for row, into in zip(matrix, made, strict=True):
        for factor, part in zip(row, parts, strict=True):
            if factor:
                into += part if factor == 1 else factor * part
    return made


def narrowed(values: Tensor, shift: Tensor, bits: int, *, is_observed: bool) -> Tensor:
    """Drop ``shift`` bits of each coordinate (last three dimensions), round, saturate to ``bits``: integers."""
    if not (is_observed or shift.any()):
        return values
    step = (2**shift).astype(np.float64)
    largest = 2 ** (bits - 1) - 1
    return np.clip(np.floor(values.astype(np.float64) / step + 0.5), -largest, largest).astype(np.int64)
