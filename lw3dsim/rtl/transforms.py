"""The transform units of a core, written from exact matrices: additions of shifted values, nothing typed in by hand."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

from lw3dsim.algebra.winograd import integers
from lw3dsim.rtl.back import output_modules
from lw3dsim.rtl.modes import modes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.algebra.winograd import IntMatrix
    from lw3dsim.rtl.design import Core
    from lw3dsim.transform.algorithms import Algorithm

_MODULE = """// {about}
module {name} #(
{mults}    parameter int PLACES = 4,  // of a column: of its tiles, or of the parts of one
    parameter int IN = 8,
    /* verilator lint_off UNUSEDPARAM */  // without a transform
    parameter int WIDE = 8,  // of its adders
    /* verilator lint_on UNUSEDPARAM */
    parameter int OUT = 8
) (
    input  logic [7:0]           mode,
{part}    input  logic [PLACES*IN-1:0] in,
    output logic [{wide}*OUT-1:0] out
);
    // Without a transform values pass as they are.
    wire [PLACES*OUT-1:0] plain, made;
    genvar m;
    generate
        for (m = 0; m < PLACES; m = m + 1) begin : g_plain
            assign plain[OUT*m+:OUT] = OUT'($signed(in[IN*m+:IN]));
        end
    endgenerate
{body}    assign made = {chosen};
{out}endmodule
"""
_PARTS = """    lw_pick #(.WORDS(PLACES / MULTS), .BITS(OUT * MULTS)) u_part (
        .which(16'(part)), .words(made), .picked(out)
    );
"""
# A tile has but one part.
_WHOLE = """    wire unused_part = &{1'b0, part};
    assign out = made;
"""
_WEIGHT = """// The weight of a multiplier, of those of a tap: as many bits as the algorithm's have.
// A direct layer has one for all multipliers of a PE, or one for each.
module lw_weight #(
    parameter int KERNELS = 512,
    parameter int WEIGHT = 8,
    parameter int PLAIN = 8
) (
    input  logic [7:0]         mode,
    input  logic               tree,
    /* verilator lint_off UNUSEDSIGNAL */  // of tiles
    input  logic [7:0]         coordinate,
    input  logic [KERNELS-1:0] kernels,
    /* verilator lint_on UNUSEDSIGNAL */
    input  logic [PLAIN-1:0]   own,         // of the multiplier, where each has one
    output logic [WEIGHT-1:0]  weight
);
{picked}    always_comb
        case (mode)
{cases}        endcase
endmodule
"""
_WIDTH = """// The width of a weight as it is stored, in grains.
module lw_width (
    input  logic [7:0] mode,
    output logic [7:0] grains
);
    always_comb
        case (mode)
{cases}        endcase
endmodule
"""


def transform_modules(core: Core) -> dict[str, str]:
    """Return what a core has of its algorithms, by file name: transforms, what a tile is, how wide weights are."""
    algorithms = core.algorithms
    about = ", ".join(one.label for one in algorithms) or "no fast algorithm"
    data, kernels = [], []
    for number, algorithm in enumerate(algorithms, 1):
        forms = algorithm.transforms
        data.append(_tiles(algorithm, number, core.mults, [integers(form.BT) for form in forms]))
        kernels.append(_tiles(algorithm, number, 1, [integers(form.G) for form in forms]))
    chosen = "".join(f"mode == 8'd{number} ? made_{number} : " for number in range(1, len(algorithms) + 1)) + "plain"
    unused = "    wire unused = &{1'b0, mode};\n" if not algorithms else ""
    mults, part = "    parameter int MULTS = 4,\n", "    input  logic [7:0]           part,   // of the tile\n"
    texts = {
        "lw_input_transform": _MODULE.format(
            about=f"The input transform: windows of a column become coordinates, for {about}.",
            name="lw_input_transform", mults=mults, part=part, wide="MULTS", body="".join(data) + unused,
            chosen=chosen, out=_PARTS if core.parts > 1 else _WHOLE,
        ),
        "lw_weight_transform": _MODULE.format(
            about=f"The weight transform: a row's kernel becomes coordinates, for {about}.",
            name="lw_weight_transform", mults="", part="", wide="PLACES", body="".join(kernels) + unused, chosen=chosen,
            out="    assign out = made;\n",
        ),
        "lw_modes": modes(core),
        "lw_weight": _WEIGHT.format(picked=_picked(core), cases=_weights(core)),
        "lw_width": _WIDTH.format(cases=_widths(core)),
    }  # fmt: skip
    return {f"{name}.sv": text for name, text in texts.items()} | output_modules(core)


def _stored(core: Core) -> list[tuple[int, int]]:
    """Return the algorithms whose weights come as they are multiplied, with how many bits these have."""
    return [] if core.onchip else list(enumerate(core.weights, 1))


def _picked(core: Core) -> str:
    """Return the weight of a coordinate, of each algorithm."""
    lines = (
        f"    wire [{bits - 1}:0] of_{number};\n    lw_pick #(.WORDS(KERNELS / {bits}), .BITS({bits})) u_{number} "
        f"(.which(16'(coordinate)), .words(kernels[KERNELS/{bits}*{bits}-1:0]), .picked(of_{number}));\n"
        for number, bits in _stored(core)
    )
    return "".join(lines)


def _weights(core: Core) -> str:
    """Return how a weight of each algorithm is taken; of a direct layer by default."""
    lines = [f"8'd{number}: weight = WEIGHT'($signed(of_{number}));" for number, _ in _stored(core)]
    lines.append("default: weight = tree ? WEIGHT'($signed(own)) : WEIGHT'($signed(kernels[PLAIN-1:0]));")
    return "".join(f"            {line}\n" for line in lines)


def _widths(core: Core) -> str:
    """Return how many grains a weight of each algorithm takes; of a direct layer by default."""
    stored = {f"8'd{number}": core.plain if core.onchip else bits for number, bits in enumerate(core.weights, 1)}
    return "".join(
        f"            {mode}: grains = 8'd{bits // core.grain};\n"
        for mode, bits in {**stored, "default": core.plain}.items()
    )


def _tiles(algorithm: Algorithm, number: int, mults: int, matrices: Sequence[IntMatrix]) -> str:
    """Return the tiles of a column, each through the matrices along T, H and W."""
    each = algorithm.coordinates
    many = max(mults // each, 1)
    sizes = [len(matrix[0]) for matrix in matrices]
    made = f"made_{number}"
    lines = [
        f"    wire [PLACES*OUT-1:0] {made};",
        "    generate",
        f"        for (m = 0; m < {many * each}; m = m + {each}) begin : g_tile_{number}",
        *(
            f"            wire signed [WIDE-1:0] v0_{_at(place)} = WIDE'($signed(in[IN*(m+{i})+:IN]));"
            for i, place in enumerate(itertools.product(*map(range, sizes)))
        ),
    ]
    for axis, matrix in enumerate(matrices):
        found = [*sizes[:axis], len(matrix), *sizes[axis + 1 :]]
        for place in itertools.product(*map(range, found)):
            terms = [
                (factor, f"v{axis}_{_at((*place[:axis], j, *place[axis + 1 :]))}")
                for j, factor in enumerate(matrix[place[axis]])
                if factor
            ]
            lines.append(f"            wire signed [WIDE-1:0] v{axis + 1}_{_at(place)} = {_sum(terms)};")
        sizes = found
    for i, place in enumerate(itertools.product(*map(range, sizes))):
        lines.append(f"            assign {made}[OUT*(m+{i})+:OUT] = OUT'(v3_{_at(place)});")
    lines += [f"            assign {made}[OUT*(m+{i})+:OUT] = '0;" for i in range(math.prod(sizes), each)]
    lines += ["        end", f"        for (m = {many * each}; m < PLACES; m = m + 1) begin : g_rest_{number}",
              f"            assign {made}[OUT*m+:OUT] = '0;", "        end", "    endgenerate"]  # fmt: skip
    return "\n".join(lines) + "\n"


def _at(place: Sequence[int]) -> str:
    return "_".join(map(str, place))


def _sum(terms: Sequence[tuple[int, str]]) -> str:
    """Return a sum of values times whole numbers; no value makes 0."""
    text = " ".join(
        ("-" if factor < 0 else "+") + " " + (name if abs(factor) == 1 else f"{name} * {abs(factor)}")
        for factor, name in terms
    )
    return text.removeprefix("+ ") or "'0"
