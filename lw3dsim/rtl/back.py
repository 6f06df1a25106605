"""What makes outputs of sums of coordinates, in Verilog: adders behind the accumulators of a PE, and what divides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.algebra.quotients import division_steps
from lw3dsim.transform.outputs import output_unit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.algebra.networks import Ref
    from lw3dsim.rtl.design import Core
    from lw3dsim.transform.outputs import OutputUnit

_TRANSFORM = """// The output transform of a PE: sums of coordinates become outputs, for {about}.
//
// What algorithms have in common is added once. A sum is as wide as it may grow, and no wider than what is taken of it.
// An output is still to be divided by the odd part of its scale: see `lw_quotient`.
module lw_output_transform (
    input  logic [7:0]  mode,
    /* verilator lint_off UNUSEDSIGNAL */  // of the last places, and of what is divided
    input  logic [{in_bits}:0] in,
    output logic [{out_bits}:0] out
);
{body}    /* verilator lint_on UNUSEDSIGNAL */
endmodule
"""
_QUOTIENT = """// An output over the odd part of the scale of its algorithm, where there is one.
module lw_quotient #(
    parameter int BITS = 32
) (
    input  logic [7:0]      mode,
    input  logic [BITS-1:0] value,
    output logic [BITS-1:0] quotient
);
{body}endmodule
"""
_NO_MODE = "wire unused = &{1'b0, mode};"


def output_modules(core: Core) -> dict[str, str]:
    """Return the modules of what makes outputs, by file name."""
    unit = output_unit(core.algorithms, core.mults)
    about = ", ".join(one.label for one in core.algorithms) or "no fast algorithm"
    return {
        "lw_output_transform.sv": _TRANSFORM.format(
            about=about, in_bits=core.places * core.sum_bits - 1, out_bits=core.outs * core.result_bits - 1,
            body=_body(unit, core),
        ),
        "lw_quotient.sv": _QUOTIENT.format(body=_quotients(unit)),
    }  # fmt: skip


def _body(unit: OutputUnit, core: Core) -> str:
    """Return what a PE takes, what it adds up, and what comes out."""
    bits, network = core.sum_bits, unit.network
    lines = [f"wire signed [{bits - 1}:0] v{place} = in[{bits * place}+:{bits}];" for place in range(network.inputs)]
    widths = network.widths(bits, unit.taken(unit.scaled_bits(core.result_bits, core.transform_bits)))
    for number, (one, width) in enumerate(zip(network.sums, widths, strict=True), network.inputs):
        first, second = _times(one.first, one.first_shift, width), _times(one.second, one.second_shift, width)
        lines.append(f"wire signed [{width - 1}:0] v{number} = {first} {'-' if one.sign < 0 else '+'} {second};")
    lines += _outputs(unit, core, [bits] * network.inputs + widths)
    return "".join(f"    {line}\n" for line in lines)


def _times(signal: int, shift: int, width: int) -> str:
    return f"({width}'(v{signal}) <<< {shift})" if shift else f"{width}'(v{signal})"


def _outputs(unit: OutputUnit, core: Core, widths: Sequence[int]) -> list[str]:
    """Return what comes out at each place: an output of the algorithm, or its sum as it is."""
    bits, lines = core.result_bits, [] if unit.outputs else [_NO_MODE]
    of_places: dict[int, list[str]] = {}
    for mode, (outputs, shift) in enumerate(zip(unit.outputs, unit.shifts, strict=True), 1):
        for place, ref in outputs:
            value = _divided(ref, shift, bits, widths[ref.signal])
            of_places.setdefault(place, []).append(f"mode == 8'd{mode} ? {value} : ")
    for place in range(core.outs):
        chosen = "".join(of_places.get(place, ()))
        as_it_is = f"{bits}'($signed(in[{core.sum_bits * place}+:{core.sum_bits}]))"
        lines.append(f"assign out[{bits * place}+:{bits}] = {chosen}{as_it_is};")
    return lines


def _divided(ref: Ref, shift: int, bits: int, width: int) -> str:
    """Return a signal of so many bits over a power of two; no network takes one away."""
    by = shift - ref.shift
    if by > 0:
        return f"{bits}'($signed(v{ref.signal}[{width - 1}:{by}]))"
    return f"({bits}'(v{ref.signal}) <<< {-by})"


def _quotients(unit: OutputUnit) -> str:
    """Return the quotients that there are, and which is taken."""
    lines = []
    for step in division_steps(unit.divisors):
        name, of = f"by_{step.divisor}", f"by_{step.of}" if step.of > 1 else "value"
        given = f".BITS(BITS), .SHIFT({step.shift}), .MINUS({int(step.sign < 0)})"
        lines += [
            f"wire [BITS-1:0] {name};",
            f"lw_odd #({given}) u_{name} (.value({of}), .quotient({name}));",
        ]
    cases = [f"mode == 8'd{mode} ? by_{odd} : " for mode, odd in enumerate(unit.divisors, 1) if odd > 1]
    lines += [f"assign quotient = {''.join(cases)}value;", *([] if cases else [_NO_MODE])]
    return "".join(f"    {line}\n" for line in lines)
