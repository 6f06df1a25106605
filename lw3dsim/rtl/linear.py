"""Products with constant matrices, written as modules: shared sums once, every sum as wide as it may become.

A transform goes along T, H and W, one matrix after another. Algorithms whose matrices are the same at a step of it
share the modules of that step, each choosing what goes in.
"""

from __future__ import annotations

import heapq
import itertools
from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.algebra.costs import plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.algebra.costs import Plan, Term
    from lw3dsim.algebra.winograd import IntMatrix

# Shared sums of which both signs are tried.
CHOSEN_SIGNS = 10

_MODULE = """// {many} values become {outputs} sums of them: {about}.
module {name} #(
    parameter int IN = 8
) (
    input  logic [{many}*IN-1:0] in,
    output logic [{outputs}*(IN+{growth})-1:0] out
);
{body}endmodule
"""


class Value(NamedTuple):
    """A signed value in Verilog, and its bits."""

    text: str
    bits: int


class Signal(NamedTuple):
    """A signal of a product: what it has of each input, by how many bits it is shifted left of its sum.

    So many adders are in front of it.
    """

    name: str
    of: tuple[int, ...]
    shifted: int
    depth: int

    @property
    def growth(self) -> int:
        """Bits that it has more than an input."""
        return growth(self.of)


def growth(factors: Sequence[int]) -> int:
    """Return the bits by which a sum of values of equal width, times these factors, is wider than they are."""
    return max(sum(map(abs, factors)) - 1, 0).bit_length()


def growth_of(matrix: IntMatrix) -> int:
    """Return the bits by which the widest of the sums of a matrix is wider than what goes in."""
    return max(map(growth, matrix))


def matrix_module(name: str, matrix: IntMatrix) -> str:
    """Return a module that multiplies by ``matrix``."""
    many, wide = len(matrix[0]), growth_of(matrix)
    unit = [tuple(int(i == j) for j in range(many)) for i in range(many)]
    signals = [Signal(f"s{i}", of, 0, 0) for i, of in enumerate(unit)]
    lines = [f"    wire signed [IN-1:0] s{i} = $signed(in[IN*{i}+:IN]);" for i in range(many)]
    made = plan(matrix)
    signs = _signs(many, made)
    for number, (first, second, shift, sign) in enumerate(made.pairs, many):
        own = signs[number]
        _row(signals, lines, [(first, 0, own * signs[first]), (second, shift, own * sign * signs[second])])
    for row, terms in enumerate(made.rows):
        result = _row(signals, lines, [(signal, shift, sign * signs[signal]) for signal, shift, sign in terms])
        lines.append(f"    assign out[(IN+{wide})*{row}+:IN+{wide}] = {result.replace('WIDE', f'(IN+{wide})')};")
    about = "; ".join(" ".join(map(str, row)) for row in matrix)
    return _MODULE.format(
        many=many, outputs=len(matrix), about=about, name=name, growth=wide, body="".join(f"{line}\n" for line in lines)
    )


def _signs(many: int, made: Plan) -> list[int]:
    """Return the sign with which each signal is made, of ``many`` inputs and all pairs: few sums are to be negated."""

    def signs_of(choice: tuple[int, ...]) -> list[int]:
        signs = [1] * many
        for number, (first, second, _, sign) in enumerate(made.pairs):
            own = choice[number] if number < len(choice) else 1
            # A sum of two that are both negative is made as that of both.
            signs.append(-own if own * signs[first] < 0 and own * sign * signs[second] < 0 else own)
        return signs

    def negated(signs: list[int]) -> int:
        rows = ([sign * signs[signal] for signal, _, sign in row] for row in made.rows)
        return sum(max(row, default=1) < 0 for row in rows)

    choices = itertools.product((1, -1), repeat=min(len(made.pairs), CHOSEN_SIGNS))
    return min(map(signs_of, choices), key=negated)


def _row(signals: list[Signal], lines: list[str], terms: list[Term]) -> str:
    """Return a row, a sum of terms: those that are ready first are added first, so that few are behind each other."""
    ready = [(signals[term[0]].depth, term) for term in terms]
    heapq.heapify(ready)
    while len(ready) > 1:
        (_, first), (_, second) = heapq.heappop(ready), heapq.heappop(ready)
        if first[2] < second[2]:
            first, second = second, first
        lines.append(_sum(signals, (first[0], first[1], 1), (second[0], second[1], first[2] * second[2])))
        heapq.heappush(ready, (signals[-1].depth, (len(signals) - 1, 0, first[2])))
    if not ready:
        return "'0"
    _, (signal, shift, sign) = ready[0]
    by = shift - signals[signal].shifted
    text = f"WIDE'({signals[signal].name})" + (f" <<< {by}" if by else "")
    return f"-({text})" if sign < 0 else text


def _sum(signals: list[Signal], first: Term, second: Term) -> str:
    """Add the sum of two terms to ``signals``, of which the first is not negative; return its line."""
    (a, at_a, _), (b, at_b, sign) = first, second
    by_a, by_b = at_a - signals[a].shifted, at_b - signals[b].shifted
    least = min(by_a, by_b)
    of = tuple(
        (x << by_a - least) + sign * (y << by_b - least) for x, y in zip(signals[a].of, signals[b].of, strict=True)
    )
    depth = 1 + max(signals[a].depth, signals[b].depth)
    made = Signal(f"s{len(signals)}", of, -least, depth)
    left, right = (_shifted(signals[i], by - least, made.growth) for i, by in ((a, by_a), (b, by_b)))
    signals.append(made)
    return f"    wire signed [IN+{made.growth}-1:0] {made.name} = {left} {'-' if sign < 0 else '+'} {right};"


def _shifted(signal: Signal, by: int, wide: int) -> str:
    """Return a signal in a sum of so many bits more than an input."""
    text = f"(IN+{wide})'({signal.name})"
    return f"({text} <<< {by})" if by else text


class Tile(NamedTuple):
    """A tile that an algorithm transforms: its mode, its values (T, H, W) by place, and the matrices to come."""

    mode: int
    values: dict[tuple[int, ...], Value]
    matrices: tuple[tuple[int, IntMatrix], ...]


class Transform:
    """Text of a transform of the tiles of several algorithms, step by step; modules of matrices by name."""

    def __init__(self, prefix: str, most: int) -> None:
        self.prefix, self.most = prefix, most
        self.lines: list[str] = []
        self.modules: dict[str, str] = {}
        self._names: dict[IntMatrix, str] = {}

    def made(self, tiles: list[Tile]) -> list[Tile]:
        """Return the tiles behind all their matrices."""
        step = 0
        while any(tile.matrices for tile in tiles):
            tiles = self._step(step, tiles)
            step += 1
        return tiles

    def _step(self, step: int, tiles: list[Tile]) -> list[Tile]:
        """Return tiles behind the next matrix of each, units of the same one shared by modes."""
        results = [dict(tile.values) if not tile.matrices else {} for tile in tiles]
        for matrix in dict.fromkeys(tile.matrices[0][1] for tile in tiles if tile.matrices):
            lines: dict[int, list[tuple[int, tuple[int, ...]]]] = {}
            for number, tile in enumerate(tiles):
                if tile.matrices and tile.matrices[0][1] == matrix:
                    lines.setdefault(tile.mode, []).extend((number, line) for line in _lines(tile))
            for unit, beside in enumerate(itertools.zip_longest(*lines.values())):
                used = dict(zip(lines, beside, strict=True))
                inputs = {mode: _along(tiles[at[0]], at[1]) for mode, at in used.items() if at is not None}
                outputs = self._unit(f"{step}_{unit}", matrix, inputs)
                for at in beside:
                    if at is not None:
                        axis = tiles[at[0]].matrices[0][0]
                        for i, value in enumerate(outputs):
                            results[at[0]][(*at[1][:axis], i, *at[1][axis + 1 :])] = value
        return [Tile(tile.mode, values, tile.matrices[1:]) for tile, values in zip(tiles, results, strict=True)]

    def _unit(self, name: str, matrix: IntMatrix, inputs: dict[int, list[Value]]) -> list[Value]:
        """Return what a unit makes of what goes in by mode."""
        if matrix not in self._names:
            self._names[matrix] = f"lw_{self.prefix}_{len(self._names)}"
            self.modules[self._names[matrix]] = matrix_module(self._names[matrix], matrix)
        name = f"{self._names[matrix].rpartition('_')[2]}_{name}"
        bits = max(value.bits for values in inputs.values() for value in values)
        joined = {
            mode: "{" + ", ".join(f"{bits}'({value.text})" for value in reversed(values)) + "}"
            for mode, values in inputs.items()
        }
        *others, last = joined.items()
        chosen = "".join(f"mode == 8'd{mode} ? {text} : " for mode, text in others) + last[1]
        wide = bits + growth_of(matrix)
        self.lines += [
            f"    wire [{len(matrix[0]) * bits - 1}:0] i{name} = {chosen};",
            "    /* verilator lint_off UNUSEDSIGNAL */  // some are narrower than the widest",
            f"    wire [{len(matrix) * wide - 1}:0] o{name};",
            "    /* verilator lint_on UNUSEDSIGNAL */",
            f"    {self._names[matrix]} #(.IN({bits})) u_{name} (.in(i{name}), .out(o{name}));",
        ]
        sizes = [min(bits + growth(row), self.most) for row in matrix]
        return [Value(f"$signed(o{name}[{wide * i}+:{size}])", size) for i, size in enumerate(sizes)]


def _lines(tile: Tile) -> list[tuple[int, ...]]:
    """Return the first place of each line of a tile along its next axis."""
    axis = tile.matrices[0][0]
    return sorted(place for place in tile.values if place[axis] == 0)


def _along(tile: Tile, first: tuple[int, ...]) -> list[Value]:
    """Return the values of a line of a tile along its next axis."""
    axis, matrix = tile.matrices[0]
    return [tile.values[(*first[:axis], i, *first[axis + 1 :])] for i in range(len(matrix[0]))]


def matrices_of(matrices: Sequence[IntMatrix]) -> tuple[tuple[int, IntMatrix], ...]:
    """Return the matrices of a transform by axis, without those that leave all as it is."""
    return tuple((axis, matrix) for axis, matrix in enumerate(matrices) if matrix != ((1,),))


def places_of(matrices: Sequence[IntMatrix]) -> list[tuple[int, ...]]:
    """Return the places of a tile (T, H, W) that goes in."""
    return list(itertools.product(*(range(len(matrix[0])) for matrix in matrices)))
