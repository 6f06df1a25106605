"""SQNR of a layer from the algebra alone: cheap enough for exploration.

Narrowing a coordinate by s bits, rounding half up, adds a mean square error of
(4^s + 2) / 12; rounding the result to an integer adds 1/12. The noise of both
operands passes the products, the channel sum and the output transform like the
signal does; operands are taken as white and uniform over their range. Full-width
integers have no noise. Where sums may overflow they are taken as normally distributed, and
what saturating or wrapping the last of them loses is their noise.
"""

from __future__ import annotations

import math
from functools import lru_cache, reduce
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.algebra.winograd import Matrix, common_denominator, integers
from lw3dsim.base.caches import kept
from lw3dsim.base.values import Value
from lw3dsim.machine.widths import narrowing_shifts

if TYPE_CHECKING:
    from lw3dsim.arithmetic.number import Tensor
    from lw3dsim.arithmetic.operands import Shifts
    from lw3dsim.machine.problem import Problem
    from lw3dsim.transform.algorithms import Algorithm


# Beyond so many half ranges, a wrapped sum is as good as uniform over its register.
MOST_WRAPS = 1000

# Normal sums are never so many deviations from zero: one in 10^23 is.
MOST_DEVIATIONS = 10


@lru_cache(maxsize=4096)
def sqnr_db(problem: Problem) -> float | None:
    """Return the estimated signal to quantisation noise ratio of the executed layer, or None where it is exact."""
    power, of_weights = _power(problem.activation_bits), _power(problem.factor_bits)
    overflows = problem.overflow != "widen" and problem.needed_bits > problem.accumulator_bits
    if not problem.has_weights:
        # A sum of as many operands as its width is for.
        signal = power * 2.0 ** (problem.needed_bits - problem.activation_bits)
        return _ratio_db(signal, overflow_noise(signal, problem) if overflows else 0.0)
    signal = problem.c * math.prod(problem.kernel) * power * of_weights
    if not problem.algorithm.is_winograd:
        return _ratio_db(signal, overflow_noise(signal, problem) if overflows else 0.0)
    noise = _winograd_noise(problem, overflows=overflows)
    return _ratio_db(signal, noise + overflow_noise(signal, problem) if overflows else noise)


def _power(bits: int) -> float:
    """Return the mean square of integers of so many ``bits``, all as likely."""
    largest = _largest(bits)
    return largest * (largest + 1) / 3


def _largest(bits: int) -> int:
    return int(2 ** (bits - 1) - 1)


def _ratio_db(signal: float, noise: float) -> float | None:
    return 10 * math.log10(signal / noise) if noise > 0 else None


class _Tile(Value, frozen=True, kw_only=True, eq=False):
    """What becomes of noise in a Winograd tile, whatever is summed up in it. Per coordinate (T, H, W), but for scale.

    ``data`` and ``weight`` are mean squares of the transformed operands, ``noise`` that of what narrowing adds to a
    product, ``dropped`` the square of by how much; ``through`` is what the output transform makes of a coordinate,
    per output, still times the square of ``scale``.
    """

    data: Tensor
    weight: Tensor
    noise: Tensor
    dropped: Tensor
    through: Tensor
    scale: int


@kept(1024)
def _tile(algorithm: Algorithm, plain: tuple[int, int], multiplier: tuple[int, int]) -> _Tile:
    """Return the noise of an algorithm on data and weights of ``plain`` bits, in multipliers of these widths."""
    forms = algorithm.transforms
    BT, G = ([getattr(form, name) for form in forms] for name in ("BT", "G"))
    data_shift, weight_shift = (
        narrowing_shifts(matrices, _largest(bits), most)
        for matrices, bits, most in zip((BT, G), plain, multiplier, strict=True)
    )
    through, scale = _back(algorithm)
    data, weight = _power(plain[0]) * _row_powers(BT), _power(plain[1]) * _row_powers(G)
    data_noise, weight_noise = (_rounding(shift) for shift in (data_shift, weight_shift))
    return _Tile(
        data=data,
        weight=weight,
        noise=data_noise * weight + weight_noise * data + data_noise * weight_noise,
        dropped=4.0 ** (data_shift + weight_shift),
        through=through,
        scale=scale,
    )


def _winograd_noise(problem: Problem, *, overflows: bool) -> float:
    """Return the mean square error of a Winograd tile's outputs: narrowed operands, sums in the Winograd domain."""
    plain, transformed = (problem.activation_bits, problem.factor_bits), (problem.data_bits, problem.weight_bits)
    tile = _tile(problem.algorithm, plain, transformed)
    terms = problem.algorithm.taps * problem.c
    noise = terms * tile.noise
    if overflows:
        variance = terms * tile.data * tile.weight / tile.dropped
        noise = noise + tile.dropped * np.vectorize(overflow_noise)(variance, problem)
    if not noise.any():
        return 0.0
    return float((tile.through * noise).sum()) / tile.scale**2 + 1 / 12


def overflow_noise(variance: float, problem: Problem) -> float:
    """Return the mean square error of normal sums of this ``variance`` in the accumulators of ``problem``."""
    sigma, limit = math.sqrt(variance), 2.0 ** (problem.accumulator_bits - 1)
    at = limit / sigma
    if at > MOST_DEVIATIONS:
        return 0.0
    if problem.overflow == "saturate":
        density = math.exp(-at * at / 2) / math.sqrt(2 * math.pi)
        return max((variance + limit**2) * math.erfc(at / math.sqrt(2)) - 2 * limit * sigma * density, 0.0)
    if at * MOST_WRAPS < 1:
        return variance + limit**2 / 3
    # A sum beyond (2k - 1) half ranges is off by k whole ranges or more.
    beyond = ((2 * k - 1) * math.erfc((2 * k - 1) * at / math.sqrt(2)) for k in range(1, int(MOST_DEVIATIONS / at) + 2))
    return (2 * limit) ** 2 * math.fsum(beyond)


class Power(Value, frozen=True, kw_only=True, eq=False):
    """What was seen of a layer: mean squares of transformed data and weights by coordinate, and of its outputs.

    ``data_sums`` and ``weight_sums`` are mean products of two coordinates (coordinates, coordinates) of the sums of
    data and of weights over the channels that are summed up.
    """

    data: Tensor
    weight: Tensor
    signal: float
    data_sums: Tensor
    weight_sums: Tensor


# What rounding half up adds to an integer that loses bits, in the mean: however many they are.
ROUNDED_UP = 0.5


def estimated_db(problem: Problem, shifts: Shifts, power: Power) -> float | None:
    """Return the SQNR of a Winograd layer on operands like those that were seen; None where no bit is dropped.

    Unlike :func:`sqnr_db` it takes nothing of operands for granted but that what rounding adds to them is white about
    its mean. That mean is the same in all channels: it adds up with whatever does not average out over them.
    """
    noises, bias = [], 0.0
    _, scale = _back(problem.algorithm)
    for shift, sums in ((shifts.data, power.weight_sums), (shifts.weight, power.data_sums)):
        up = np.where(shift > 0, ROUNDED_UP, 0.0)
        noises.append(_rounding(shift) - up**2)
        weighted = _outputs(problem.algorithm) * up.ravel()
        bias += float(np.einsum("oi,ij,oj->", weighted, sums, weighted)) / len(weighted)
    data, weight = noises
    noise = problem.algorithm.taps * problem.c * (data * power.weight + weight * power.data + data * weight)
    if not noise.any():
        return None
    through, _ = _back(problem.algorithm)
    return _ratio_db(power.signal, (float((through * noise).sum()) + bias) / scale**2 + 1 / 12)


def _outputs(algorithm: Algorithm) -> Tensor:
    """Return what each coordinate adds to each output of a tile: (outputs, coordinates)."""
    return np.asarray(reduce(np.kron, (_array(form.AT) for form in algorithm.transforms)))


def _back(algorithm: Algorithm) -> tuple[Tensor, int]:
    """Return what the output transform makes of the mean square of a coordinate, per output, before its division."""
    forms = algorithm.transforms
    groups = [[getattr(form, name) for form in forms] for name in ("BT", "G", "AT")]
    # Mean over the outputs of a tile: columns of the output transform, squared.
    through = reduce(np.multiply.outer, (np.square(_array(m)).sum(axis=0) / len(m) for m in groups[2]))
    return through, math.prod(common_denominator(m) for group in groups for m in group)


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
