"""The transform units of a core, written from exact matrices: additions of shifted values, nothing typed in by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from lw3dsim.algebra.winograd import integers
from lw3dsim.rtl.back import output_modules
from lw3dsim.rtl.linear import Tile, Transform, Value, matrices_of, places_of
from lw3dsim.rtl.modes import modes
from lw3dsim.rtl.picking import picking_modules

if TYPE_CHECKING:
    from lw3dsim.rtl.design import Core

_MODULE = """// {about}
module {name} #(
{mults}    parameter int PLACES = 4,  // of a column: of its tiles, or of the parts of one
    parameter int IN = 8,
    parameter int OUT = 8
) (
    input  logic [7:0]           mode,
{part}    /* verilator lint_off UNUSEDSIGNAL */  // a kernel has fewer weights than coordinates
    input  logic [PLACES*IN-1:0] in,
    /* verilator lint_on UNUSEDSIGNAL */
    output logic [{wide}*OUT-1:0] out
);
    wire [PLACES*OUT-1:0] made;
{body}{out}endmodule
"""
_PARTS = """    lw_pick #(.WORDS(PLACES / MULTS), .BITS(OUT * MULTS)) u_part (
        .which(16'(part)), .words(made), .picked(out)
    );
"""
# A tile has but one part.
_WHOLE = """    wire unused_part = &{1'b0, part};
    assign out = made;
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
    unused = "    wire unused = &{1'b0, mode};\n" if not algorithms else ""
    mults, part = "    parameter int MULTS = 4,\n", "    input  logic [7:0]           part,   // of the tile\n"
    data, data_units = _shared(core, "BT")
    kernels, kernel_units = _shared(core, "G")
    texts = {
        "lw_input_transform": _MODULE.format(
            about=f"The input transform: windows of a column become coordinates, for {about}.",
            name="lw_input_transform", mults=mults, part=part, wide="MULTS", body=data + unused,
            out=_PARTS if core.parts > 1 else _WHOLE,
        ),
        "lw_weight_transform": _MODULE.format(
            about=f"The weight transform: a row's kernel becomes coordinates, for {about}.",
            name="lw_weight_transform", mults="", part="", wide="PLACES", body=kernels + unused,
            out="    assign out = made;\n",
        ),
        **data_units,
        **kernel_units,
        **picking_modules(core),
        "lw_modes": modes(core),
        "lw_width": _WIDTH.format(cases=_widths(core)),
    }  # fmt: skip
    return {f"{name}.sv": text for name, text in texts.items()} | output_modules(core)


def _shared(core: Core, name: Literal["BT", "G"]) -> tuple[str, dict[str, str]]:
    """Return the transforms of all algorithms by a matrix, units shared, and the modules of these by name."""
    prefix, bits, most, mults = ("data", core.activation, core.data, core.mults) if name == "BT" else (
        "kernel", core.plain, core.weight, 1
    )  # fmt: skip
    transform = Transform(prefix, most)
    before, firsts = [], []
    for mode, algorithm in enumerate(core.algorithms, 1):
        matrices = [integers(getattr(form, name)) for form in algorithm.transforms]
        places = places_of(matrices)
        # A window lies as far from the next in a column as its coordinates do.
        for first in range(0, max(mults // algorithm.coordinates, 1) * algorithm.coordinates, algorithm.coordinates):
            values = {place: Value(f"$signed(in[IN*{first + i}+:IN])", bits) for i, place in enumerate(places)}
            before.append(Tile(mode, values, matrices_of(matrices)))
            firsts.append(first)
    made: dict[int, list[tuple[int, str]]] = {}
    for first, tile in zip(firsts, transform.made(before), strict=True):
        for i, place in enumerate(sorted(tile.values)):
            made.setdefault(first + i, []).append((tile.mode, tile.values[place].text))
    lines = list(transform.lines)
    for spot in range(core.places):
        cases = "".join(f"mode == 8'd{mode} ? OUT'({text}) : " for mode, text in made.get(spot, []))
        # Without a transform values pass as they are; weights pass beside it.
        rest = f"OUT'($signed(in[IN*{spot}+:IN]))" if name == "BT" else "'0"
        lines.append(f"    assign made[OUT*{spot}+:OUT] = {cases}{rest};")
    return "".join(f"{line}\n" for line in lines), transform.modules


def _widths(core: Core) -> str:
    """Return how many grains a weight of each algorithm takes; of a direct layer by default."""
    stored = {f"8'd{number}": core.plain if core.onchip else bits for number, bits in enumerate(core.weights, 1)}
    return "".join(
        f"            {mode}: grains = 8'd{bits // core.grain};\n"
        for mode, bits in {**stored, "default": core.plain}.items()
    )
