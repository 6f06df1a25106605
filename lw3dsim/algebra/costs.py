"""Additions of a constant matrix x vector in shifts and adds, with common subexpressions shared.

Each entry is written in canonical signed digits, so a row becomes a sum of
shifted, signed inputs. A pair of terms that occurs more than once, up to a shift
and a sign, is computed once (Hartley 1996). Pairs are taken greedily, the most
frequent first; ties go to the smallest pair, so the count is deterministic.
Shifts and signs are free.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections import Counter
from functools import cache, lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

IntMatrix = tuple[tuple[int, ...], ...]

# (signal, shift, sign); signals 0..n-1 are the inputs, later ones shared pairs.
Term = tuple[int, int, int]
# (first signal, second signal, relative shift, relative sign)
Pair = tuple[int, int, int, int]


class AddCost(NamedTuple):
    """Two-operand additions without (``plain``) and with sharing (``shared``), and the adder depth with it."""

    plain: int
    shared: int
    depth: int


class Plan(NamedTuple):
    """How a matrix is multiplied by: shared pairs, numbered behind the inputs in order, and a sum for each row."""

    pairs: tuple[Pair, ...]
    rows: tuple[tuple[Term, ...], ...]


@cache
def plan(matrix: IntMatrix) -> Plan:
    """Return how to multiply by ``matrix`` in shifts and additions."""
    rows, pairs = [_terms(row) for row in matrix], list[Pair]()
    while (chosen := _most_frequent(rows)) is not None:
        signal = len(matrix[0]) + len(pairs)
        pairs.append(chosen)
        rows = [_replaced(row, chosen, signal) for row in rows]
    return Plan(pairs=tuple(pairs), rows=tuple(map(tuple, rows)))


@cache
def add_cost(matrix: IntMatrix) -> AddCost:
    """Return what multiplying by ``matrix`` costs in additions."""
    plain = sum(max(len(_terms(row)) - 1, 0) for row in matrix)
    way = plan(matrix)
    depth = [0] * len(matrix[0])
    for first, second, _, _ in way.pairs:
        depth.append(1 + max(depth[first], depth[second]))
    shared = len(way.pairs) + sum(max(len(row) - 1, 0) for row in way.rows)
    return AddCost(plain=plain, shared=shared, depth=max((_row_depth(row, depth) for row in way.rows), default=0))


@cache
def cheapest_order(matrices: tuple[IntMatrix, ...]) -> tuple[int, ...]:
    """Return the dimensions in the order of the fewest additions; of equals the last dimension first."""
    orders = itertools.permutations(range(len(matrices)))
    return min(orders, key=lambda order: (tile_cost(matrices, order).shared, [-axis for axis in order]))


def tile_cost(matrices: tuple[IntMatrix, ...], order: Sequence[int] | None = None) -> AddCost:
    """Return the cost of applying one matrix along each dimension of a tile, in ``order``; without one as they are."""
    sizes = [len(matrix[0]) for matrix in matrices]
    plain = shared = depth = 0
    for axis in order or range(len(matrices)):
        cost, matrix = add_cost(matrices[axis]), matrices[axis]
        lines = math.prod(sizes) // sizes[axis]
        plain, shared, depth = plain + lines * cost.plain, shared + lines * cost.shared, depth + cost.depth
        sizes[axis] = len(matrix)
    return AddCost(plain=plain, shared=shared, depth=depth)


def signed_digits(value: int) -> list[tuple[int, int]]:
    """Return the canonical signed digits of ``value`` as (shift, sign), lowest first."""
    digits = []
    shift = 0
    while value:
        if value & 1:
            sign = 2 - (value & 3)
            digits.append((shift, sign))
            value -= sign
        value >>= 1
        shift += 1
    return digits


def _terms(row: tuple[int, ...]) -> list[Term]:
    return [(signal, shift, sign) for signal, entry in enumerate(row) for shift, sign in signed_digits(entry)]


def _pair(a: Term, b: Term) -> Pair:
    (s, shift, sign), (t, other, other_sign) = sorted((a, b))
    return (s, t, other - shift, sign * other_sign)


def _most_frequent(rows: list[list[Term]]) -> Pair | None:
    counts: Counter[Pair] = Counter()
    for row in rows:
        counts.update(_row_pairs(tuple(sorted(row))))
    best = min(counts.items(), key=lambda item: (-item[1], item[0]), default=None)
    return best[0] if best is not None and best[1] > 1 else None


@lru_cache(maxsize=1024)
def _row_pairs(row: tuple[Term, ...]) -> dict[Pair, int]:
    """Return how often each pair occurs in ``row``, disjointly; a step changes few rows, so most are known."""
    counts = Counter(_pair(a, b) for i, a in enumerate(row) for b in row[i + 1 :])
    return {pair: len(_occurrences(list(row), pair)) if count > 1 else 1 for pair, count in counts.items()}


def _occurrences(row: list[Term], pair: Pair) -> list[tuple[Term, Term]]:
    """Return disjoint occurrences of ``pair`` in ``row``."""
    free = sorted(row)
    found: list[tuple[Term, Term]] = []
    while True:
        match = next(((a, b) for i, a in enumerate(free) for b in free[i + 1 :] if _pair(a, b) == pair), None)
        if match is None:
            return found
        found.append(match)
        free = [term for term in free if term not in match]


def _replaced(row: list[Term], pair: Pair, signal: int) -> list[Term]:
    for first, second in _occurrences(row, pair):
        row = [term for term in row if term not in (first, second)]
        row.append((signal, first[1], first[2]))
    return row


def _row_depth(row: Sequence[Term], depth: list[int]) -> int:
    """Return the depth of a balanced sum of signals that are ready at their own depths."""
    ready = [depth[signal] for signal, _, _ in row]
    heapq.heapify(ready)
    while len(ready) > 1:
        a, b = heapq.heappop(ready), heapq.heappop(ready)
        heapq.heappush(ready, 1 + max(a, b))
    return ready[0] if ready else 0
