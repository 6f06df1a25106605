"""A network of two-operand additions: several transforms of the same inputs, what they have in common added up once.

A network is written down addition by addition, each of two signals that are shifted; inputs come first. A sum that is
there, up to a shift and a sign, is not made again, whichever transform asks for it. So F(4x4,3x3), along W first,
begins with the sums of F(4,3) on the same inputs. Shifts are wires. A sum is as wide as it may grow, and no wider than
what is taken of it.
"""

from __future__ import annotations

import heapq
import itertools
import math
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.algebra.costs import cheapest_order, plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.algebra.costs import IntMatrix, Plan


class Ref(NamedTuple):
    """A signal times a power of two, and a sign."""

    signal: int
    shift: int
    sign: int


class Sum(NamedTuple):
    """An addition of two signals, each times a power of two; the second is taken away where ``sign`` is -1."""

    first: int
    first_shift: int
    second: int
    second_shift: int
    sign: int


class Network:
    """Additions of so many ``inputs``, in an order in which they can be made: signal ``inputs`` + i is the i-th."""

    def __init__(self, inputs: int) -> None:
        self.inputs = inputs
        self.sums: list[Sum] = []
        self.growth = [1] * inputs
        self._depth = [0] * inputs
        self._known: dict[Sum, int] = {}

    def transformed(self, matrices: Sequence[IntMatrix], first: int = 0) -> list[Ref | None]:
        """Take the inputs from ``first`` on (T, H, W) through a matrix along each axis; return (t, h, w), None is 0."""
        tile, outputs = _tile(tuple(matrices))
        signals = [*range(first, first + tile.inputs)]
        for one, one_shift, other, other_shift, sign in tile.sums:
            signals.append(self._made(signals[one], one_shift, signals[other], other_shift, sign))
        return [ref and Ref(signals[ref.signal], ref.shift, ref.sign) for ref in outputs]

    def through(self, matrices: Sequence[IntMatrix], values: Sequence[Ref]) -> list[Ref | None]:
        """Take ``values`` (T, H, W) through a matrix along each axis, as is cheapest; return as :meth:`transformed`."""
        sizes, found = [len(matrix[0]) for matrix in matrices], list[Ref | None](values)
        for axis in cheapest_order(tuple(matrices)):
            matrix, way, inner = matrices[axis], plan(matrices[axis]), math.prod(sizes[axis + 1 :])
            many, before, after = math.prod(sizes[:axis]), sizes[axis] * inner, len(matrix) * inner
            made = list[Ref | None]([None] * (many * after))
            for outer, i in itertools.product(range(many), range(inner)):
                line = found[outer * before + i : (outer + 1) * before : inner]
                made[outer * after + i : (outer + 1) * after : inner] = self._times(way, line)
            found, sizes[axis] = made, len(matrix)
        return found

    def widths(self, bits: int, outputs: dict[int, int]) -> list[int]:
        """Return the bits of every sum of inputs of so many ``bits``; of a signal in ``outputs`` so many are taken."""
        taken = self.taken(outputs)
        return [
            min(bits + (growth - 1).bit_length(), most)
            for growth, most in zip(self.growth[self.inputs :], taken[self.inputs :], strict=True)
        ]

    def taken(self, outputs: dict[int, int]) -> list[int]:
        """Return how many bits of every signal are taken, where so many are of those in ``outputs``; 0: it is not."""
        taken = [0] * len(self.growth)
        for signal, bits in outputs.items():
            taken[signal] = bits
        for number in range(len(taken) - 1, self.inputs - 1, -1):
            bits, one = taken[number], self.sums[number - self.inputs]
            taken[one.first] = max(taken[one.first], bits - one.first_shift)
            taken[one.second] = max(taken[one.second], bits - one.second_shift)
        return taken

    def _times(self, way: Plan, line: Sequence[Ref | None]) -> list[Ref | None]:
        signals = list(line)
        for first, second, shift, sign in way.pairs:
            signals.append(self._added([_scaled(signals[first], 0, 1), _scaled(signals[second], shift, sign)]))
        return [self._added([_scaled(signals[signal], shift, sign) for signal, shift, sign in row]) for row in way.rows]

    def _added(self, terms: Sequence[Ref | None]) -> Ref | None:
        """Return a balanced sum of terms, the shallowest two first."""
        there = [one for one in terms if one is not None]
        if len(there) < 3:
            return self._sum(*there) if len(there) == 2 else next(iter(there), None)
        ready = [(self._depth[one.signal], i, one) for i, one in enumerate(there)]
        heapq.heapify(ready)
        number = len(there)
        while len(ready) > 1:
            (_, _, a), (_, _, b) = heapq.heappop(ready), heapq.heappop(ready)
            made = self._sum(a, b)
            heapq.heappush(ready, (self._depth[made.signal], number, made))
            number += 1
        return ready[0][2]

    def _sum(self, a: Ref, b: Ref) -> Ref:
        common = min(a.shift, b.shift)
        if a.sign < b.sign:
            a, b = b, a
        return Ref(self._made(a.signal, a.shift - common, b.signal, b.shift - common, a.sign * b.sign), common, a.sign)

    def _made(self, one: int, one_shift: int, other: int, other_shift: int, sign: int) -> int:
        """Return the signal of a sum; of two that are added the first is the one with the lower number."""
        if sign > 0 and (one, one_shift) > (other, other_shift):
            one, one_shift, other, other_shift = other, other_shift, one, one_shift
        key = Sum(one, one_shift, other, other_shift, sign)
        signal = self._known.get(key)
        if signal is None:
            signal = self._known[key] = len(self.growth)
            self.sums.append(key)
            self.growth.append((self.growth[one] << one_shift) + (self.growth[other] << other_shift))
            self._depth.append(1 + max(self._depth[one], self._depth[other]))
        return signal


@cache
def _tile(matrices: tuple[IntMatrix, ...]) -> tuple[Network, list[Ref | None]]:
    """Return the network of a tile by itself, and what comes of it; in others its sums are made of other signals."""
    network = Network(math.prod(len(matrix[0]) for matrix in matrices))
    return network, network.through(matrices, [Ref(place, 0, 1) for place in range(network.inputs)])


def _scaled(ref: Ref | None, shift: int, sign: int) -> Ref | None:
    if ref is None or (shift == 0 and sign == 1):
        return ref
    return Ref(ref.signal, ref.shift + shift, ref.sign * sign)
