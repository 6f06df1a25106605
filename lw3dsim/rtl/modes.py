"""What the algorithms of a core are to its counters: a module of constants, one case an algorithm."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.rtl.design import Core
    from lw3dsim.transform.algorithms import Algorithm

# Name, bits, what a direct layer has.
_SCALARS = (
    ("passes", 8, 1), ("each", 8, 1), ("per_col", 8, 1),
    ("size", 24, 0x010101), ("in_tiles", 16, 1), ("in_cycles", 16, 1), ("out_tiles", 16, 1), ("out_cycles", 16, 1),
    ("kernel_tiles", 16, 1), ("kernel_cycles", 16, 1),
)  # fmt: skip
_LISTS = ("lane",)
_MODULE = """// What each algorithm is to the counters of the core: parts of a tile,
// lanes of a column, outputs of a tile, tiles transformed a cycle; of each place of a column whether and whose it is.
module lw_modes (
    input  logic [7:0]  mode,
{ports}
);
    always_comb begin
{defaults}
        case (mode)
{cases}            default: ;
        endcase
    end
endmodule
"""


def modes(core: Core) -> str:
    """Return the module of constants of a core."""
    wide = dict.fromkeys(_LISTS, 8 * core.places)
    bits = {name: size for name, size, _ in _SCALARS} | {"used": core.places} | wide
    ports = ",\n".join(f"    output logic [{size - 1}:0] {name}" for name, size in bits.items())
    plain = {name: value for name, _, value in _SCALARS} | dict.fromkeys(("used", *_LISTS), 0)
    cases = "".join(
        f"            8'd{number}: begin\n{_given(_constants(core, one), bits, 16)}            end\n"
        for number, one in enumerate(core.algorithms, 1)
    )
    return _MODULE.format(ports=ports, defaults=_given(plain, bits, 8).rstrip(), cases=cases)


def _given(values: dict[str, int], bits: dict[str, int], indent: int) -> str:
    return "".join(f"{' ' * indent}{name} = {bits[name]}'h{value:x};\n" for name, value in values.items())


def _constants(core: Core, algorithm: Algorithm) -> dict[str, int]:
    """Return the constants of an algorithm."""
    each = algorithm.coordinates
    t, h, w = algorithm.tile
    many = max(core.mults // each, 1)
    into, out, kernel = core.rates
    return {
        "passes": -(-each // core.mults),
        "each": each, "per_col": many, "size": t << 16 | h << 8 | w,
        "in_tiles": max(into // each, 1), "in_cycles": -(-each // into),
        "out_tiles": max(out // each, 1), "out_cycles": -(-each // out),
        "kernel_tiles": max(kernel // each, 1), "kernel_cycles": -(-each // kernel),
        "used": (1 << many * each) - 1,
        "lane": _bytes([place // each for place in range(many * each)]),
    }  # fmt: skip


def _bytes(values: Sequence[int]) -> int:
    return sum(value << 8 * place for place, value in enumerate(values))
