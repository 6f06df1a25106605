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

    def transformed(self, matrices: Sequence[IntMatrix], values: Sequence[Ref]) -> list[Ref | None]:
        """Take ``values`` (T, H, W) through a matrix along each axis, as is cheapest; return (t, h, w), None is 0."""
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
        taken = [outputs.get(signal, 0) for signal in range(self.inputs + len(self.sums))]
        for number, one in reversed(list(enumerate(self.sums, self.inputs))):
            for signal, shift in ((one.first, one.first_shift), (one.second, one.second_shift)):
                taken[signal] = max(taken[signal], taken[number] - shift)
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
        if (a.sign, a.signal, a.shift) < (b.sign, b.signal, b.shift) if a.sign != b.sign else a > b:
            a, b = b, a
        key = Sum(a.signal, a.shift - common, b.signal, b.shift - common, a.sign * b.sign)
        if key not in self._known:
            self._known[key] = self.inputs + len(self.sums)
            self.sums.append(key)
            self.growth.append((self.growth[a.signal] << key.first_shift) + (self.growth[b.signal] << key.second_shift))
            self._depth.append(1 + max(self._depth[a.signal], self._depth[b.signal]))
        return Ref(self._known[key], common, a.sign)


def _scaled(ref: Ref | None, shift: int, sign: int) -> Ref | None:
    if ref is None or (shift == 0 and sign == 1):
        return ref
    return Ref(ref.signal, ref.shift + shift, ref.sign * sign)
