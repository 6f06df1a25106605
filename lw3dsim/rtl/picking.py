"""What lanes take of the staged patch, and a row of its weights, for each algorithm: wires, nothing is searched.

Of a tile the lane, the coordinate and the group of every place are constants of its algorithm (`machine.near`).
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

from lw3dsim.machine.near import Element, grouped, lines_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lw3dsim.machine.records import Triple
    from lw3dsim.rtl.design import Core
    from lw3dsim.transform.algorithms import Algorithm

_WINDOW = """// How far elements of windows lie behind their first, in a staged patch: {places}.
module lw_window #(
    parameter int AT = 16
) (
    /* verilator lint_off UNUSEDSIGNAL */  // a patch has fewer places
    input  logic [47:0]          window,  // from element to element, along T, H, W
    /* verilator lint_on UNUSEDSIGNAL */
    output logic [{many}*AT-1:0] elements
);
    wire [AT-1:0] t = window[32+:AT], h = window[16+:AT], w = window[0+:AT];
{body}endmodule
"""
_FINDING = """// Where groups find what lanes take: of a tile at a distance from its lane's first, of a direct layer
// one of a lane each, or channels side by side.
module lw_finding #(
    parameter int AT = 16
) (
    input  logic [7:0]                  mode,
    input  logic                        tree,
    input  logic [{files}*AT-1:0] places,    // of all lanes
    input  logic [{elements}*AT-1:0]   elements,
    output logic [{many}*AT-1:0] at
);
{body}endmodule
"""
_TAKEN = """// Elements that groups have found, at the places of all columns that they are for.
module lw_taken #(
    parameter int BITS = 8
) (
    input  logic [7:0]             mode,
    /* verilator lint_off UNUSEDSIGNAL */  // groups may have more
    input  logic [{many}*BITS-1:0] found,
    /* verilator lint_on UNUSEDSIGNAL */
    output logic [{places}*BITS-1:0] taken
);
{body}endmodule
"""
_WEIGHTS = """// The weights of a row of those of a tap: of a tile each multiplier that of its coordinate,
// as wide as the algorithm's are; of a direct layer one for all, or one for each.
module lw_weights #(
    parameter int KERNELS = 512,
    parameter int WEIGHT = 8,
    parameter int PLAIN = 8
) (
    input  logic [7:0]              mode,
    input  logic                    tree,
    /* verilator lint_off UNUSEDSIGNAL */  // of tiles in parts, and of weights that are transformed here
    input  logic [7:0]              part,
    input  logic [KERNELS-1:0]      kernels,
    input  logic [{places}*WEIGHT-1:0] made,
    /* verilator lint_on UNUSEDSIGNAL */
    output logic [{mults}*WEIGHT-1:0] weights
);
{body}endmodule
"""


def picking_modules(core: Core) -> dict[str, str]:
    """Return the modules of a core that choose operands, by name."""
    spots = core.spots
    of_modes = [_pickers(core, one) for one in core.algorithms]
    return {
        "lw_window": _WINDOW.format(
            places="; ".join(" ".join(map(str, spot)) for spot in spots) or "none", many=max(len(spots), 1),
            body=_joined(_elements(spots)),
        ),
        "lw_finding": _FINDING.format(
            files=core.cols * core.mults, elements=max(len(spots), 1), many=core.pickers,
            body=_joined(_finding(core, of_modes, spots), "mode", "tree", "elements"),
        ),
        "lw_taken": _TAKEN.format(
            many=core.pickers, places=core.cols * core.places,
            body=_joined(_taken(core, of_modes), "mode"),
        ),
        "lw_weights": _WEIGHTS.format(
            places=core.places, mults=core.mults,
            body=_joined(_weights(core), "mode", "tree"),
        ),
    }  # fmt: skip


def _joined(lines: Iterable[str], *inputs: str) -> str:
    """Return lines of a module, and one that takes those of its ``inputs`` that none of them does."""
    text = "".join(f"    {line}\n" for line in lines)
    idle = [name for name in inputs if not re.search(rf"\b{name}\b", text)]
    return text + (f"    wire unused_inputs = &{{1'b0, {', '.join(idle)}}};\n" if idle else "")


def _pickers(core: Core, algorithm: Algorithm) -> dict[int, Element]:
    """Return what each picker takes of tiles of an algorithm."""
    groups = grouped(lines_of(algorithm, core.mults, core.cols), core.group)
    return {core.group * i + j: element for i, group in enumerate(groups) for j, element in enumerate(group)}


def _elements(spots: Sequence[Triple]) -> Iterator[str]:
    for i, spot in enumerate(spots):
        terms = [f"AT'({many}) * {name}" if many > 1 else name for many, name in zip(spot, "thw", strict=True) if many]
        yield f"assign elements[AT*{i}+:AT] = {' + '.join(terms)};"
    used = {name for spot in spots for many, name in zip(spot, "thw", strict=True) if many}
    if not spots:
        yield "assign elements = '0;"
    if used != set("thw"):
        yield f"wire unused = &{{1'b0, {', '.join(sorted(set('thw') - used))}}};"


def _chosen(cases: Sequence[tuple[str, str]], rest: str) -> str:
    """Return the first of the cases whose condition holds; what several have in common is chosen once."""
    left = [(condition, value) for condition, value in cases if value != rest]
    return "".join(f"{condition} ? {value} : " for condition, value in left) + rest


def _in_mode(values: Sequence[str | None]) -> list[tuple[str, str]]:
    """Return the cases of values of each algorithm, without those that have none."""
    return [(f"mode == 8'd{mode}", value) for mode, value in enumerate(values, 1) if value is not None]


def _finding(core: Core, of_modes: Sequence[dict[int, Element]], spots: Sequence[Triple]) -> Iterator[str]:
    """Yield where each picker finds what it takes: a lane's place, and how far behind it."""
    behind = {(0, 0, 0): "'0"} | {spot: f"elements[AT*{i}+:AT]" for i, spot in enumerate(spots)}
    for picker in range(core.pickers):
        held = [one.get(picker) for one in of_modes]
        bases = _in_mode([element and f"places[AT*{element.lane}+:AT]" for element in held])
        steps = _in_mode([element and behind[element.at] for element in held])
        direct = "AT'(0)"
        if picker < core.cols * core.mults:
            direct = f"places[AT*{picker}+:AT]"
            column, beside = divmod(picker, core.mults)
            bases.append(("tree", f"places[AT*{column}+:AT]"))
            steps.append(("tree", f"AT'({beside})" if beside else "'0"))
        yield f"assign at[AT*{picker}+:AT] = ({_chosen(bases, direct)}) + ({_chosen(steps, chr(39) + '0')});"


def _taken(core: Core, of_modes: Sequence[dict[int, Element]]) -> Iterator[str]:
    """Yield what each place takes: column by column, of each coordinate by coordinate of a tile, tile by tile."""
    pickers = [
        {_place(core, algorithm, element): at for at, element in one.items()}
        for algorithm, one in zip(core.algorithms, of_modes, strict=True)
    ]
    for column, place in itertools.product(range(core.cols), range(core.places)):
        to = core.places * column + place
        cases = _in_mode([f"found[BITS*{one[to]}+:BITS]" if to in one else None for one in pickers])
        # What a layer does not use may be anything; the last part of a tile may have no more of it.
        rest = "'0"
        if place < core.mults:
            rest = f"found[BITS*{core.mults * column + place}+:BITS]"
        elif cases:
            rest = cases.pop()[1]
        yield f"assign taken[BITS*{to}+:BITS] = {_chosen(cases, rest)};"


def _place(core: Core, algorithm: Algorithm, element: Element) -> int:
    """Return the place that an element of a tile is for."""
    _, height, width = (m + r - 1 for m, r in zip(algorithm.tile, algorithm.filter, strict=True))
    column, lane = divmod(element.lane, max(core.mults // algorithm.coordinates, 1))
    t, h, w = element.at
    return column * core.places + lane * algorithm.coordinates + (t * height + h) * width + w


def _weights(core: Core) -> Iterator[str]:
    """Yield the weight of each multiplier: of its coordinate in each part of a tile."""
    sources = [("made", core.weight) if core.onchip else ("kernels", bits) for bits in core.weights]
    for mult in range(core.mults):
        of_modes = []
        for algorithm, (source, bits) in zip(core.algorithms, sources, strict=True):
            each, parts = algorithm.coordinates, -(-algorithm.coordinates // core.mults)
            at = [mult + core.mults * part for part in range(parts)]
            coordinates = [one % each for one in at if one < max(core.mults // each, 1) * each]
            words = [f"WEIGHT'($signed({source}[{bits * one}+:{bits}]))" for one in coordinates]
            cases = [(f"part == 8'd{part}", word) for part, word in enumerate(words[:-1])]
            of_modes.append(f"({_chosen(cases, words[-1])})" if words else None)
        own = f"WEIGHT'($signed(kernels[PLAIN*{mult}+:PLAIN]))"
        plain = "WEIGHT'($signed(kernels[PLAIN-1:0]))"
        direct = f"tree ? {own} : {plain}" if mult else plain
        cases = _in_mode(of_modes)
        yield f"assign weights[WEIGHT*{mult}+:WEIGHT] = {_chosen(cases, f'({direct})')};"
