"""What must move between DRAM and chip at least: each tensor once, or more where the buffers are small.

The floor of a dense layer follows from the volume of products that can meet on chip
(Loomis and Whitney 1949; Hong and Kung 1981; for convolutions Demmel and Dinh 2018).
Cut any schedule of steps into phases of X bits of traffic. Products of (output channel n,
input channel c, output pixel p) need the kernel (n, c), the input patch (c, p) and the
output (n, p) on chip in one step; with W kernels, I patches and O outputs at hand in a
phase there are at most sqrt(W I O) of them. A kernel or patch at hand was on chip when the
phase began, or was loaded in it; an output is on chip when it ends, or was stored in it.
There are no more patches than input positions. So each of the three is bounded by its
buffer and its part of X, and X (products / sqrt(W I O) - 1) bits move at least, W I O
being largest for the best split of X: for every X.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lw3dsim.base.caches import kept
from lw3dsim.map.layer.mapping import input_axis

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lw3dsim.machine.problem import Problem
    from lw3dsim.map.group.group import Group

# Phases that are tried, as shares of all buffers.
PHASES = tuple(2.0**k for k in range(-4, 7))


def compulsory_bytes(problem: Problem) -> int:
    """Return the bytes of every needed input, every weight and every output, once each."""
    return sum(compulsory_by_stream(problem).values())


def compulsory_by_stream(problem: Problem) -> dict[str, int]:
    """Return the compulsory bytes of inputs, weights and outputs."""
    inputs = problem.input_channels * needed_pixels(problem) * problem.sources * problem.activation_bits
    return {
        "ifmap": _bytes(inputs),
        "weight": _bytes(_weight_bits(problem)),
        "ofmap": _bytes(problem.outputs * problem.output_bits),
    }


def group_compulsory_bytes(group: Group) -> int:
    """Return the bytes of every needed input and operand, every weight and every output of a fused group, once each."""
    return sum(group_compulsory_by_stream(group).values())


def group_compulsory_by_stream(group: Group) -> dict[str, int]:
    """Return the compulsory bytes of inputs and operands, weights and outputs of a fused group."""
    # What is added has the width of what it is added to.
    reads = [
        sources * group.channels[tensor] * group.needed[tensor] * group.bits[stage]
        for stage, tensor, sources in group.dram_inputs
    ]
    return {
        "ifmap": sum(map(_bytes, reads)),
        "weight": sum(_bytes(_weight_bits(stage)) for stage in group.stages),
        "ofmap": _bytes(group.stages[-1].outputs * group.bits[-1]) + _bytes(group.besides_bits),
    }


def floor_bytes(problem: Problem, capacity_bits: Mapping[str, int]) -> int:
    """Return the bytes that any schedule of ``problem`` moves at least, given the capacity of each buffer."""
    least = compulsory_bytes(problem)
    if problem.structure == "vector" or problem.is_depthwise or not _has_own_positions(problem):
        return least
    pixels = math.prod(problem.out)
    products = problem.groups * problem.n * problem.c * pixels
    held = [capacity_bits[name] for name in ("weight", "ifmap", "ofmap")]
    each = [problem.kernel_bits, problem.activation_bits, problem.output_bits]
    kernels = problem.weight_sets * problem.groups * problem.n * problem.c
    whole = [kernels, problem.input_channels * pixels, problem.outputs]
    tops = [count * bits for count, bits in zip(whole, each, strict=True)]
    levels = [min(h, t) for h, t in zip(held, tops, strict=True)]

    def at_hand(poured: float) -> float:
        of_each = zip(_filled(levels, tops, poured), each, strict=True)
        return math.sqrt(math.prod([level / bits for level, bits in of_each]))

    # The more is moved in a phase, the more of it is at hand: with as little as at first the longest moves the most.
    moved, most = 0.0, products / at_hand(0) - 1
    for phase in sorted([share * sum(held) for share in PHASES], reverse=True):
        if phase * most <= max(moved, 8 * least):
            break
        moved = max(moved, phase * (products / at_hand(phase) - 1))
    return max(least, math.floor(moved / 8))


def _has_own_positions(problem: Problem) -> bool:
    """Return whether every output pixel looks at an input position of its own, stride times its own."""
    size = problem.inp[0] // problem.segments, *problem.inp[1:]
    return all(
        (problem.segment[d] - 1) * problem.stride[d] < size[d]
        and problem.padding[d] % problem.dilation[d] == 0
        and 0 <= problem.padding[d] // problem.dilation[d] < problem.kernel[d]
        for d in range(3)
    )


def _filled(levels: list[int], tops: list[int], amount: float) -> list[float]:
    """Return ``levels`` after ``amount`` has been poured onto the lowest, none above its top: their largest product."""
    if amount >= sum(tops) - sum(levels):
        return [float(top) for top in tops]
    filled = [float(level) for level in levels]
    while amount > 0:
        unfilled = [k for k in range(len(filled)) if filled[k] < tops[k]]
        if not unfilled:
            break
        lowest = min(filled[k] for k in unfilled)
        rising = [k for k in unfilled if filled[k] == lowest]
        ends = [float(tops[k]) for k in rising] + [filled[k] for k in unfilled if filled[k] > lowest]
        rise = min(min(ends) - lowest, amount / len(rising))
        for k in rising:
            filled[k] = lowest + rise
        amount -= rise * len(rising)
        if rise == amount == 0:
            break
    return filled


@kept(65536)
def needed_pixels(problem: Problem) -> int:
    """Return the positions of its input that a layer looks at."""
    axes = (input_axis(problem, dimension, size) for dimension, size in enumerate(problem.out))
    return math.prod(int(axis.needed[0]) for axis in axes)


def _weight_bits(problem: Problem) -> int:
    channels = problem.weight_sets * problem.groups * problem.n
    return channels * (problem.c * problem.kernel_bits + problem.bias_bits)


def _bytes(bits: int) -> int:
    return -(-bits // 8)
