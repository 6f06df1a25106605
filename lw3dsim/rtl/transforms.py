"""The transform units of a core, written from exact matrices: additions of shifted values, nothing typed in by hand."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

from lw3dsim.algebra.winograd import common_denominator, integers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.algebra.winograd import IntMatrix
    from lw3dsim.transform.algorithms import Algorithm

_MODULE = """// {about}
module {name} #(
    parameter int MULTS = 4,
    parameter int IN = 8,
    parameter int WIDE = 8,  // of its adders
    parameter int OUT = 8
) (
    input  logic                winograd,
    input  logic [MULTS*IN-1:0] in,
    output logic [MULTS*OUT-1:0] out
);
    // Without a transform values pass as they are.
    wire [MULTS*OUT-1:0] plain, made;
    assign out = winograd ? made : plain;
    genvar m;
    generate
        for (m = 0; m < MULTS; m = m + 1) begin : g_plain
            assign plain[OUT*m+:OUT] = OUT'($signed(in[IN*m+:IN]));
        end
{body}    endgenerate
endmodule
"""
_NONE = "        assign made = (MULTS*OUT)'(WIDE'(0));\n"


def transform_modules(algorithm: Algorithm | None) -> dict[str, str]:
    """Return the input and the output transform of a Winograd algorithm, or of none, by file name."""
    about = "no fast algorithm" if algorithm is None else algorithm.label
    bodies = [_NONE, _NONE]
    if algorithm is not None:
        forms = algorithm.transforms
        data, back = [integers(form.BT) for form in forms], [integers(form.AT) for form in forms]
        scale = math.prod(common_denominator(m) for form in forms for m in (form.BT, form.G, form.AT))
        bodies = [_tiles(algorithm, data, 1), _tiles(algorithm, back, scale)]
    names = ("lw_input_transform", "lw_output_transform")
    texts = (f"The input transform: windows of a column become coordinates, for {about}.",
             f"The output transform: sums of coordinates of a column become outputs, for {about}.")  # fmt: skip
    return {
        f"{name}.sv": _MODULE.format(about=text, name=name, body=body)
        for name, text, body in zip(names, texts, bodies, strict=True)
    }


def _tiles(algorithm: Algorithm, matrices: Sequence[IntMatrix], scale: int) -> str:
    """Return the tiles of a column, each through the matrices along T, H and W, then divided by ``scale``."""
    each = algorithm.coordinates
    sizes = [len(matrix[0]) for matrix in matrices]
    lines = [
        f"        for (m = 0; m + {each} <= MULTS; m = m + {each}) begin : g_tile",
        *(
            f"            wire signed [WIDE-1:0] v0_{_at(place)} = WIDE'($signed(in[IN*(m+{i})+:IN]));"
            for i, place in enumerate(itertools.product(*map(range, sizes)))
        ),
    ]
    for axis, matrix in enumerate(matrices):
        made = [*sizes[:axis], len(matrix), *sizes[axis + 1 :]]
        for place in itertools.product(*map(range, made)):
            terms = [
                (factor, f"v{axis}_{_at((*place[:axis], j, *place[axis + 1 :]))}")
                for j, factor in enumerate(matrix[place[axis]])
                if factor
            ]
            lines.append(f"            wire signed [WIDE-1:0] v{axis + 1}_{_at(place)} = {_sum(terms)};")
        sizes = made
    shift = (scale & -scale).bit_length() - 1
    inverse = pow(scale >> shift, -1, 1 << 64) if scale >> shift > 1 else 1
    for i, place in enumerate(itertools.product(*map(range, sizes))):
        # An exact quotient: a product with the inverse of the odd part, modulo the width, then a shift.
        odd = f"v3_{_at(place)}" + (f" * WIDE'(64'd{inverse})" if inverse > 1 else "")
        lines.append(f"            wire signed [WIDE-1:0] q{i} = {odd};")
        lines.append(f"            assign made[OUT*(m+{i})+:OUT] = OUT'(q{i} >>> {shift});")
    lines += [f"            assign made[OUT*(m+{i})+:OUT] = '0;" for i in range(math.prod(sizes), each)]
    lines += ["        end", f"        if (MULTS % {each} != 0) begin : g_rest",
              f"            assign made[MULTS*OUT-1:MULTS/{each}*{each}*OUT] = '0;", "        end"]  # fmt: skip
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
