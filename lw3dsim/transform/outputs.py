"""What a PE has behind its accumulators to make outputs of sums of coordinates, in one network for all algorithms.

A PE holds as many whole tiles as it has multipliers for, side by side, or one in parts that are gathered: T, H, W of a
tile in order. Where coordinates lay, outputs come out. A scale is divided by behind the network: by powers of two in
wires, by odd numbers in subtractions.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.algebra.networks import Network
from lw3dsim.algebra.winograd import integers
from lw3dsim.base.caches import kept

if TYPE_CHECKING:
    from lw3dsim.algebra.costs import IntMatrix
    from lw3dsim.algebra.networks import Ref
    from lw3dsim.transform.algorithms import Algorithm


class Output(NamedTuple):
    """An output of an algorithm: the place of a PE where it comes out, and the signal of the network that it is."""

    place: int
    ref: Ref


class OutputUnit(NamedTuple):
    """The additions of a PE; what each algorithm takes of them, and what powers of two and odd numbers divide it."""

    network: Network
    outputs: tuple[tuple[Output, ...], ...]
    shifts: tuple[int, ...]
    divisors: tuple[int, ...]

    def scaled_bits(self, bits: int, most: int) -> int:
        """Return the bits of scaled outputs of which so many ``bits`` are left, ``most`` at most."""
        return min(bits + max(self.shifts, default=0), most)

    def chosen_places(self) -> list[int]:
        """Return how many algorithms have an output at each place of the PE, of those that have any."""
        taken = [output.place for outputs in self.outputs for output in outputs]
        return [taken.count(place) for place in sorted(set(taken))]

    def taken(self, bits: int) -> dict[int, int]:
        """Return the bits of each signal that outputs are made of, of a scaled one of so many ``bits``."""
        taken: dict[int, int] = {}
        for outputs in self.outputs:
            for _, ref in outputs:
                taken[ref.signal] = max(taken.get(ref.signal, 0), bits - ref.shift)
        return taken


@kept(256)
def output_unit(algorithms: tuple[Algorithm, ...], mults: int) -> OutputUnit:
    """Return what a PE of so many ``mults`` has for ``algorithms``."""
    places = max((tiles(one, mults) * one.coordinates for one in algorithms), default=0)
    network = Network(places)
    outputs = tuple(tuple(_outputs(network, one, mults)) for one in algorithms)
    shifts, divisors = zip(*map(scale, algorithms), strict=True) if algorithms else ((), ())
    return OutputUnit(network, outputs, shifts, divisors)


def tiles(algorithm: Algorithm, mults: int) -> int:
    """Return the tiles that a PE works on at once."""
    return max(mults // algorithm.coordinates, 1)


def _outputs(network: Network, algorithm: Algorithm, mults: int) -> list[Output]:
    matrices, each = _matrices(algorithm), algorithm.coordinates
    found = []
    for first in range(0, tiles(algorithm, mults) * each, each):
        for i, ref in enumerate(network.transformed(matrices, first)):
            assert ref is not None  # noqa: S101  # every row of AT has a term
            found.append(Output(first + i, ref))
    return found


@kept(256)
def _matrices(algorithm: Algorithm) -> list[IntMatrix]:
    """Return AT along T, H and W in whole numbers."""
    return [integers(form.AT) for form in algorithm.transforms]


@kept(256)
def scale(algorithm: Algorithm) -> tuple[int, int]:
    """Return what outputs are to be divided by: the exponent of a power of two, and an odd number."""
    whole = math.prod(form.scale for form in algorithm.transforms)
    shift = (whole & -whole).bit_length() - 1
    return shift, whole >> shift
