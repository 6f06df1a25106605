"""The area of a whole core by Yosys, part by part, beside the area that the simulator says.

python experiments/synthesis.py

Cores of ``edge_small`` and ``edge_base`` are made; every module is synthesised once for each set of its parameters,
with what it instantiates left out, and counted as often as it is there. What ``synthesis.csv`` has is not done again.
The table goes into docs/rtl.md.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from unittest import mock

from yosys import SEEN, measure, unit, write_rows, yosys

from lw3dsim.account.area import area_mm2, corner_turn_bits
from lw3dsim.account.built import depth_sums
from lw3dsim.account.fusing import COUNT_BITS, finding, turning
from lw3dsim.base.values import replace
from lw3dsim.network.pipeline import map_prepared, prepare
from lw3dsim.network.request import Options, make_request
from lw3dsim.rtl.build import sources
from lw3dsim.rtl.check import chosen, programs_of
from lw3dsim.rtl.subject import drawn
from lw3dsim.technology import arithmetic, structures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.machine.problem import Problem
    from lw3dsim.network.pipeline import Prepared
    from lw3dsim.rtl.subject import Subject

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "rtl.md"
MARKS = "<!-- synthesis -->", "<!-- end -->"


class Case(NamedTuple):
    """A network that a core of an accelerator is made for: of a size, with a pass, fused or not, its algorithm."""

    name: str
    arch: str
    size: str
    transform: tuple[str, ...]
    fusion: str
    algorithm: str = "direct"


# Frames that are no power of two, so that means take a product.
CASES = (
    Case("`edge_small`, TRG", "edge_small", "12x32x32", ("trg",), "off"),
    Case("`edge_small`, FSB", "edge_small", "12x32x32", ("fsb",), "off"),
    Case("`edge_base`, FSB, fused", "edge_base", "12x32x32", ("fsb",), "auto"),
    Case("`edge_small`, FSB, hFA, fused", "edge_small", "12x32x32", ("fsb",), "auto", "hfa"),
    Case("`edge_base`, FSB, hFA, fused", "edge_base", "12x32x32", ("fsb",), "auto", "hfa"),
)

# Modules, and instances where one module serves several parts, by the component of the simulator's area that they are
# of; what is left over is the controller, with what finds and places intermediate tensors.
PART_OF = {
    "lw_pe": "adder_trees", "lw_multiplier": "adder_trees",
    "lw_file": "accumulators", "lw_accumulators": "accumulators",
    "lw_staging": "staging", "lw_staged": "staging", "lw_turned": "staging", "lw_walk": "staging",
    "lw_window": "staging",
    "lw_operands": "staging", "lw_walker": "staging", "u_front": "staging", "lw_finding": "staging",
    "lw_taken": "staging", "lw_rows": "staging", "lw_weights": "staging",
    "lw_near": "staging", "lw_pick": "staging", "u_bias": "collector",
    "lw_chosen": "staging", "lw_kernels": "staging", "lw_span": "staging", "lw_slice": "staging",
    "u_stages": "operand_registers", "u_transformed": "operand_registers", "u_add_works": "operand_registers",
    "u_weights_wait": "operand_registers", "u_rows_wait": "operand_registers", "u_operand": "operand_registers",
    "lw_input_transform": "input_transform", "u_input": "input_transform", "u_transform": "input_transform",
    "lw_output_transform": "output_transform", "lw_gather": "output_transform", "u_picked": "output_transform",
    "lw_quotient": "output_transform", "lw_odd": "output_transform", "u_waits": "output_transform",
    "lw_vector": "collector", "u_collector": "collector", "u_kept": "collector",
    "lw_finish": "collector", "lw_passing": "collector", "lw_either": "collector", "u_keep": "control",
    "lw_partials": "collector", "u_comes": "collector",
    "g_groups.u_groups": "vector", "g_lanes.u_made": "vector", "lw_lanes": "vector", "lw_lane": "vector",
    "lw_trg": "vector", "lw_divider": "vector",
    "lw_weight_transform": "input_transform",
}  # fmt: skip
PARTS = {
    "multipliers": "multipliers",
    "adder trees of the PEs": "adder_trees",
    "accumulators": "accumulators",
    "operand registers": "operand_registers",
    "staging": "staging",
    "input transform": "input_transform",
    "output transform": "output_transform",
    "collector": "collector",
    "vector unit": "vector",
    "control": "control",
}
MEMORIES = ("lw_sram", "lw_output_buffer", "lw_bank", "lw_biases", "lw_inner")

Parameters = tuple[tuple[str, int], ...]


class Instance(NamedTuple):
    """A module in a core: what it is called there, from the top down, and its parameters."""

    path: tuple[str, ...]
    module: str
    parameters: dict[str, int]


def instances(texts: dict[str, str], parameters: dict[str, int]) -> list[Instance]:
    """Return all modules of a core, the core first, as Yosys elaborates them but for what holds no other."""
    values = ", ".join(f".{name}({value})" for name, value in parameters.items())
    holds = {
        name: set(re.findall(r"\b(lw_\w+) (?:#\(|u_)", text)) - {name.removesuffix(".sv")}
        for name, text in texts.items()
    }
    leaves = [name for name, others in holds.items() if not others]
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        for name, text in {**texts, "top.sv": f"module top; lw_core #({values}) core (); endmodule\n"}.items():
            (folder / name).write_text(text, encoding="utf-8")
        rest = " ".join(name for name in texts if name not in leaves)
        yosys(
            f"read_verilog -sv -lib {' '.join(leaves)}; read_verilog -sv {rest} top.sv; hierarchy -top top; "
            "write_rtlil top.il",
            folder,
        )
        written = (folder / "top.il").read_text(encoding="utf-8")
    held: dict[str, dict[str, int]] = {}
    cells: dict[str, list[tuple[str, str, dict[str, int]]]] = {}
    for text in re.split(r"^module ", written, flags=re.MULTILINE)[1:]:
        name, _, body = text.partition("\n")
        held[name] = _values(re.findall(r"^  parameter \\(\w+) (\S+)$", body, re.MULTILINE))
        found = re.findall(r"^  cell (\S*lw_\S*) \\(\S+)$((?:\n    .*)*)", body, re.MULTILINE)
        cells[name] = [
            (kind, at, _values(re.findall(r"^    parameter (?:signed )?\\(\w+) (\S+)$", inside, re.MULTILINE)))
            for kind, at, inside in found
        ]

    def below(name: str, path: tuple[str, ...], given: dict[str, int]) -> list[Instance]:
        base = next(part for part in re.split(r"\\", name) if part.startswith("lw_"))
        own = held.get(name, {}) | given
        return [
            Instance(path, base, own),
            *(one for kind, at, more in cells.get(name, []) for one in below(kind, (*path, at), more)),
        ]

    return below(cells["\\top"][0][0], (), {})


def _values(found: list[tuple[str, str]]) -> dict[str, int]:
    """Return parameters as RTLIL has them: whole numbers, or bits behind how many there are."""
    return {name: int(value.partition("'")[2], 2) if "'" in value else int(value) for name, value in found}


# What holds bits alone is measured small, and is linear in what is named here: value of the smaller of two sizes.
LINEAR = {"lw_delay": ("BITS", 1), "lw_taps": ("BITS", 1), "lw_behind": ("BITS", 1)}


def area(texts: dict[str, str], module: str, parameters: dict[str, int]) -> float:
    """Return the area of a module, without what it instantiates."""
    if module in MEMORIES:
        return 0.0
    if module == "lw_finish":
        # What results of lanes take more is the vector unit's.
        parameters = {**parameters, "VECTOR": 0}
    if module in LINEAR:
        name, small = LINEAR[module]
        if parameters[name] > small + 1:
            first = measure(texts, module, {**parameters, name: small}).area
            step = measure(texts, module, {**parameters, name: small + 1}).area - first
            return first + (parameters[name] - small) * step
    return measure(texts, module, parameters).area


def _merging(texts: dict[str, str], parameters: dict[str, int]) -> float:
    """Return what finishing takes more of a result of a lane: the larger of two, or a mean."""
    return measure(texts, "lw_finish", parameters).area - measure(texts, "lw_finish", {**parameters, "VECTOR": 0}).area


# Modules that Yosys did not do, and what it said.
MISSING: dict[str, str] = {}


def part_areas(texts: dict[str, str], core: dict[str, int]) -> dict[str, float]:
    """Return the area of each part of a core."""
    parts = dict.fromkeys(PARTS.values(), 0.0)
    for path, module, parameters in instances(texts, core):
        try:
            here = area(texts, module, parameters)
        except RuntimeError as error:
            MISSING[module] = str(error)
            print(f"{module} is left out: {error}", flush=True)
            continue
        # An instance in a loop is called by the loop and its number too.
        names = [name for one in reversed(path) for name in (one, one.rpartition(".")[2])]
        part = next((PART_OF[name] for name in (*names, module) if name in PART_OF), "control")
        parts[part] += here
        if module == "lw_finish":
            parts["vector"] += _merging(texts, parameters)
    rows, files = core["ROWS"], core["COLS"] * core["MULTS"]
    # A multiplier as it is there; what cuts off idle operands is the tree's.
    width = {"DATA": core["DATA"], "WEIGHT": core["WEIGHT"], "PRODUCT": min(core["DATA"] + core["WEIGHT"], core["SUM"])}
    gates = unit("multiplexer", A=1).area * core["DATA"]
    multiplier = (measure(texts, "lw_multiplier", width).area - gates) * rows * files
    held = (rows if core["OWN_INPUTS"] else 1) * files * core["ACTIVATION"] + rows * core["MULTS"] * core["WEIGHT"]
    operands = (held + rows * files) * unit("register", A=1).area
    # A PE has its multipliers, and what chooses operands their registers.
    for name, other, moved in (
        ("adder_trees", "multipliers", multiplier), ("staging", "operand_registers", operands),
    ):  # fmt: skip
        parts[name] -= moved
        parts[other] += moved
    return parts


def library_prices() -> dict[str, float]:
    """Return the table of structures with areas of this library, in the units of the table."""
    return {
        "multiplier": unit("multiplier").area / 64,
        "adder": unit("adder").area / 32,
        "flip_flop": unit("register").area / 8,
        "flip_flop_file": unit("file").area / 512,
        "selector": unit("selector").area / 64,
        "multiplexer": unit("multiplexer").area / 8,
    }


def corner_turn_mm2(design) -> float:
    """Return the area that the simulator counts in staging for the corner turn of the DMA, which a core has not."""
    return corner_turn_bits(design) * arithmetic.arithmetic(design.tech, "register", "area_um2", 1) / 1e6


def inner_mm2(design) -> float:
    """Return the area that the simulator counts in control for what is in the memory of intermediate tensors here."""
    return (finding(design, "area_um2") + turning(design, "area_um2")) / 1e6 if design.buffers.can_fuse else 0.0


def said_areas(design, problems, prices: dict[str, float] | None) -> dict[str, float]:
    """Return what the simulator says of each component, in 8 x 8 multipliers, at its own prices or others'."""
    row = structures._row  # noqa: SLF001  # the table is another's
    cached = (structures.structure_um2, arithmetic.arithmetic, structures._file, structures.register_file)  # noqa: SLF001

    def priced(name: structures.Structure) -> dict[str, str]:
        return {**row(name), **({"area_um2": str(prices[name])} if prices and name in prices else {})}

    with mock.patch.object(structures, "_row", priced):
        for one in cached:
            one.cache_clear()
        found, turn, inner = area_mm2(design, problems), corner_turn_mm2(design), inner_mm2(design)
        each = arithmetic.arithmetic(design.tech, "mult", "area_um2", 8, 8) / 1e6
    for one in cached:
        one.cache_clear()
    return {name: getattr(found, name, 0.0) / each for name in PARTS.values()} | {
        "weight_transform": found.weight_transform / each,
        "staging": (found.staging - turn) / each,
        "control": (found.control - inner) / each,
    }


def subjects_of(prepared: Prepared) -> list[Subject]:
    """Return all layers and groups of a network, as a core does them."""
    units, _ = chosen(map_prepared(prepared), None, prepared)
    return [drawn(prepared.network, one, prepared.design, 0, "auto") for one in units]


def problems_of(subjects: Sequence[Subject]) -> list[Problem]:
    """Return what layers are to the array."""
    return [stage.problem for one in subjects for stage in one.stages]


def compared(case: Case) -> list[tuple[str, float, float, float]]:
    """Return the parts of a core: what Yosys makes, what the simulator says, and says at the prices of the library."""
    fuses = () if case.fusion != "off" else ("buffers.intermediate_share=0",)
    options = Options(
        arch=case.arch, overrides=("pe.accumulator_storage=flipflop", *fuses), transform=case.transform,
        algorithm=case.algorithm, input_size=case.size, fusion=case.fusion,
    )  # fmt: skip
    prepared = prepare(make_request("c3d_small", options))
    subjects = subjects_of(prepared)
    problems = problems_of(subjects)
    core, _, _ = programs_of(prepared.design, subjects, is_named=True)
    # There is room for the partial sums of a depth, and to count along tensors of other layers, whatever these need.
    sums = depth_sums(prepared.design, core.places) * core.result_bits
    counted = COUNT_BITS if core.inner else core.inner_count
    core = replace(core, partial_words=-(-sums // core.ofmap_word), inner_count=counted)
    each = unit("multiplier").area
    made = {name: value / each for name, value in part_areas(sources(core), core.parameters).items()}
    said, priced = (said_areas(prepared.design, problems, prices) for prices in (None, library_prices()))
    return [(label, *(of[name] for of in (made, said, priced))) for label, name in PARTS.items()]


def table() -> str:
    """Return the table of all cores."""
    lines = []
    for case in CASES:
        rows = compared(case)
        rows.append(("**core**", *(sum(row[i] for row in rows) for i in (1, 2, 3))))
        lines += [
            f"| {case.name} | Yosys | simulator | at the library's prices | Yosys / simulator |",
            "|---" + "|---:" * 4 + "|",
        ]
        lines += [
            f"| {name} | {made:.1f} | {said:.1f} | {priced:.1f} | {f'{made / priced:.2f}' if priced else ''} |"
            for name, made, said, priced in rows
        ]
        lines.append("")
    if MISSING:
        lines += [f"Without {', '.join(sorted(MISSING))}: Yosys took more than 6 GB.", ""]
    return "\n".join(lines)


def main() -> None:
    """Synthesise what is not yet, forget what is no more, and write the table."""
    made = table()
    print(made)
    write_rows(SEEN)
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(MARKS[0])
    after = rest.partition(MARKS[1])[2]
    PAGE.write_text(f"{before}{MARKS[0]}\n\n{made}\n{MARKS[1]}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
