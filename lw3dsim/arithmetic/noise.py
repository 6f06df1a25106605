"""SQNR of a layer from the algebra alone: cheap enough for exploration.

Narrowing a coordinate by s bits, rounding half up, adds a mean square error of
(4^s + 2) / 12; rounding the result to an integer adds 1/12. The noise of both
operands passes the products, the channel sum and the output transform like the
signal does; operands are taken as white and uniform over their range. Full-width
integers have no noise.
"""

from __future__ import annotations

import math
from functools import lru_cache, reduce
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.algebra.winograd import Matrix, common_denominator, integers
from lw3dsim.arithmetic.number import Number
from lw3dsim.arithmetic.operands import narrowing_shifts, winograd_forms

if TYPE_CHECKING:
    from lw3dsim.arithmetic.number import Tensor
    from lw3dsim.map.problem import Problem


@lru_cache(maxsize=4096)
def sqnr_db(problem: Problem) -> float | None:
    """Return the estimated signal to quantisation noise ratio of the executed layer, or None where it is exact."""
    if not problem.algorithm.is_winograd:
        return None
    number = Number(name=f"int{problem.activation_bits}", bits=problem.activation_bits, dtype="int64")
    BT, G, AT = winograd_forms(problem, number)
    data_shift = narrowing_shifts(BT, number, problem.data_bits)
    weight_shift = narrowing_shifts(G, number, problem.weight_bits)
    if not (data_shift.any() or weight_shift.any()):
        return None
    power = number.largest * (number.largest + 1) / 3
    data, weight = power * _row_powers(BT), power * _row_powers(G)
    data_noise, weight_noise = (_rounding(shift) for shift in (data_shift, weight_shift))
    noise = data_noise * weight + weight_noise * data + data_noise * weight_noise
    # Mean over the outputs of a tile: columns of the output transform, squared.
    through = reduce(np.multiply.outer, (np.square(_array(m)).sum(axis=0) / len(m) for m in AT))
    scale = math.prod(common_denominator(m) for group in (BT, G, AT) for m in group)
    terms = problem.algorithm.taps
    signal = scale**2 * math.prod(problem.kernel) * power**2
    total = terms * problem.c * float((through * noise).sum()) + scale**2 / 12
    return float(10 * math.log10(signal * problem.c / total))


def combined_db(values: list[float | None]) -> float | None:
    """Return the SQNR after layers whose noises add up, each relative to its signal; None where all are exact."""
    ratios = [10 ** (-value / 10) for value in values if value is not None]
    return -10 * math.log10(math.fsum(ratios)) if ratios else None


def _rounding(shift: Tensor) -> Tensor:
    """Return the mean square error of dropping ``shift`` bits, rounding half up."""
    return np.asarray(np.where(shift > 0, (4.0**shift + 2) / 12, 0.0))


def _array(matrix: Matrix) -> Tensor:
    return np.array(integers(matrix), dtype=np.float64)


def _row_powers(matrices: list[Matrix]) -> Tensor:
    """Return the sum of squares of every row of the tensor product."""
    return np.asarray(reduce(np.multiply.outer, (np.square(_array(m)).sum(axis=1) for m in matrices)))
