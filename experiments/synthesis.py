"""The area of a whole core by Yosys, part by part, beside the area that the simulator says.

python experiments/synthesis.py

Cores of ``edge_small`` are made; every module is synthesised once for each set of its parameters, with what it
instantiates left out, and counted as often as it is there. What ``synthesis.csv`` has is not done again. The table goes
into docs/rtl.md.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import NamedTuple
from unittest import mock

from yosys import SEEN, measure, unit, write_rows, yosys

from lw3dsim.account.area import area_mm2
from lw3dsim.network.pipeline import map_prepared, prepare
from lw3dsim.network.request import Options, make_request
from lw3dsim.rtl.build import sources
from lw3dsim.rtl.check import chosen
from lw3dsim.rtl.design import fitted, make_core
from lw3dsim.rtl.program import make_program
from lw3dsim.rtl.subject import drawn
from lw3dsim.technology import arithmetic, structures

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "rtl.md"
MARKS = "<!-- synthesis -->", "<!-- end -->"


class Case(NamedTuple):
    """Layers that a core is made for."""

    name: str
    transform: tuple[str, ...]
    algorithm: str
    layers: tuple[str, ...]


CASES = (Case("direct", (), "direct", ("conv1a", "conv2a", "conv3a")),)

# Parts: the component of the simulator's area, and how modules go into it; what is left over is the controller.
PARTS = {
    "multipliers": "multipliers",
    "adder trees": None,
    "accumulators": "accumulators",
    "operand registers": "operand_registers",
    "staging registers": "staging",
    "staging network": "staging",
    "input transform": "input_transform",
    "output transform": "output_transform",
    "vector unit": "vector",
    "drain": None,
    "control": "control",
}
PART_OF = {
    "lw_pe": "adder trees", "lw_accumulators": "accumulators", "lw_staging": "staging registers",
    "lw_turned": "staging network", "lw_operands": "staging network", "lw_walker": "staging network",
    "lw_weight": "staging network", "u_front": "staging network", "u_stages": "operand registers",
    "u_transformed": "operand registers", "lw_input_transform": "input transform",
    "lw_output_transform": "output transform", "lw_gather": "output transform", "u_outputs": "output transform",
    "lw_vector": "vector unit", "lw_collector": "drain", "lw_drain": "drain", "lw_kept": "drain",
    "lw_partials": "drain", "lw_output_buffer": "drain", "u_reads_soon": "drain", "u_reads": "drain",
    "u_writes_soon": "drain", "u_writes_then": "drain", "u_writes_late": "drain", "u_writes": "drain",
}  # fmt: skip
MEMORY = "lw_sram"

Parameters = tuple[tuple[str, int], ...]


class Instance(NamedTuple):
    """A module in a core: what it is called there, from the top down, and its parameters."""

    path: tuple[str, ...]
    module: str
    parameters: dict[str, int]


def instances(texts: dict[str, str], parameters: dict[str, int]) -> list[Instance]:
    """Return all modules of a core, the core first, as Yosys elaborates them."""
    values = ", ".join(f".{name}({value})" for name, value in parameters.items())
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        for name, text in {**texts, "top.sv": f"module top; lw_core #({values}) core (); endmodule\n"}.items():
            (folder / name).write_text(text, encoding="utf-8")
        yosys(f"read_verilog -sv {' '.join(texts)} top.sv; hierarchy -top top; write_rtlil top.il", folder)
        written = (folder / "top.il").read_text(encoding="utf-8")
    modules: dict[str, tuple[dict[str, int], list[tuple[str, str]]]] = {}
    for text in re.split(r"^module ", written, flags=re.MULTILINE)[1:]:
        name, _, body = text.partition("\n")
        held = {key: int(value) for key, value in re.findall(r"^  parameter \\(\w+) (-?\d+)$", body, re.MULTILINE)}
        modules[name] = held, re.findall(r"^  cell (\S*lw_\S*) \\(\S+)$", body, re.MULTILINE)

    def below(name: str, path: tuple[str, ...]) -> list[Instance]:
        held, cells = modules[name]
        base = next(part for part in re.split(r"\\", name) if part.startswith("lw_"))
        return [Instance(path, base, held), *(one for kind, at in cells for one in below(kind, (*path, at)))]

    return below(modules["\\top"][1][0][0], ())


# Large modules are measured small, and are linear in what is named here: value of the smaller of two sizes.
LINEAR = {
    "lw_staging": ("WORDS", 1), "lw_vector": ("RESULTS", 1), "lw_walker": ("LANES", 2), "lw_pe": ("MULTS", 2),
    "lw_delay": ("BITS", 1), "lw_taps": ("BITS", 1), "lw_kept": ("LANES", 1),
    "lw_partials": ("PICKED", 1),
}  # fmt: skip


def area(texts: dict[str, str], module: str, parameters: dict[str, int]) -> float:
    """Return the area of a module, without what it instantiates."""
    if module == MEMORY:
        return 0.0
    if module == "lw_accumulators":
        return parameters["MULTS"] * measure(texts, module, {**parameters, "MULTS": 1}).area
    if module == "lw_operands":
        return _operands(texts, parameters)
    if module == "lw_collector":
        return _collector(texts, parameters)
    if module in LINEAR:
        name, small = LINEAR[module]
        if parameters[name] > small + 1:
            first = measure(texts, module, {**parameters, name: small}).area
            step = measure(texts, module, {**parameters, name: small + 1}).area - first
            return first + (parameters[name] - small) * step
    return measure(texts, module, parameters).area


def _operands(texts: dict[str, str], parameters: dict[str, int]) -> float:
    """Return operands of all places and rows: of one over a small patch, and what more places, rows, words take."""
    one = {**parameters, "ROWS": 1, "PLACES": 1, "PATCH": 64}
    first, wider = (measure(texts, "lw_operands", {**one, "PATCH": patch}).area for patch in (64, 128))
    place = measure(texts, "lw_operands", {**one, "PLACES": 2}).area - first
    row = measure(texts, "lw_operands", {**one, "ROWS": 2}).area - first
    places = (parameters["ROWS"] if parameters["OWN_INPUTS"] else 1) * parameters["PLACES"]
    reach = (wider - first) / 64 * (parameters["PATCH"] - 64)
    return first + (places - 1) * place + (parameters["ROWS"] - 1) * row + places * reach


def _collector(texts: dict[str, str], parameters: dict[str, int]) -> float:
    """Return a collector: of one result of 2 bits, what another takes more, and what another bit takes in each."""
    one = {**parameters, "PICKED": 1, "BITS": 2}
    first = measure(texts, "lw_collector", one).area
    result = measure(texts, "lw_collector", {**one, "PICKED": 2}).area - first
    bit = (measure(texts, "lw_collector", {**one, "BITS": 4}).area - first) / 2
    return first + (parameters["PICKED"] - 1) * result + parameters["PICKED"] * bit * (parameters["BITS"] - 2)


# Modules that Yosys did not do, and what it said.
MISSING: dict[str, str] = {}


def part_areas(texts: dict[str, str], core: dict[str, int]) -> dict[str, float]:
    """Return the area of each part of a core."""
    parts = dict.fromkeys(PARTS, 0.0)
    for path, module, parameters in instances(texts, core):
        try:
            here = area(texts, module, parameters)
        except RuntimeError as error:
            MISSING[module] = str(error)
            print(f"{module} is left out: {error}", flush=True)
            continue
        part = next((PART_OF[name] for name in (module, *reversed(path)) if name in PART_OF), "control")
        parts[part] += here
    rows, files = core["ROWS"], core["COLS"] * core["MULTS"]
    multiplier = unit("multiplier", A=core["DATA"], B=core["WEIGHT"]).area * rows * files
    held = (core["OWN_INPUTS"] or 1) * files * core["ACTIVATION"] + rows * core["MULTS"] * core["WEIGHT"]
    operands = (held + rows * files) * unit("register", A=1).area
    for name, other, moved in (
        ("adder trees", "multipliers", multiplier), ("staging network", "operand registers", operands),
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
    }


def said_areas(design, problems, prices: dict[str, float] | None) -> dict[str, float]:
    """Return what the simulator says of each component, in 8 x 8 multipliers, at its own prices or others'."""
    row = structures._row  # noqa: SLF001  # the table is another's
    cached = (structures.structure_um2, arithmetic.arithmetic, structures._file, structures.register_file)  # noqa: SLF001

    def priced(name: structures.Structure) -> dict[str, str]:
        return {**row(name), **({"area_um2": str(prices[name])} if prices and name in prices else {})}

    with mock.patch.object(structures, "_row", priced):
        for one in cached:
            one.cache_clear()
        found = area_mm2(design, problems)
        each = arithmetic.arithmetic(design.tech, "mult", "area_um2", 8, 8) / 1e6
    for one in cached:
        one.cache_clear()
    return {name: getattr(found, name) / each for name in set(PARTS.values()) if name}


def compared(case: Case) -> list[tuple[str, float, float, float]]:
    """Return the parts of a core: what Yosys makes, what the simulator says, and says at the prices of the library."""
    options = Options(
        arch="edge_small", overrides=("pe.accumulator_storage=flipflop",), transform=case.transform,
        algorithm=case.algorithm,
    )  # fmt: skip
    prepared = prepare(make_request("c3d_small", options))
    units, _ = chosen(map_prepared(prepared), case.layers, prepared)
    subjects = [drawn(prepared.network, one, prepared.design, 0, "auto") for one in units]
    problems = [one.problem for one in subjects]
    core = make_core(prepared.design, problems)
    core = fitted(core, [make_program(one, core) for one in subjects])
    each = unit("multiplier").area
    made = {name: value / each for name, value in part_areas(sources(core), core.parameters).items()}
    said, priced = (said_areas(prepared.design, problems, prices) for prices in (None, library_prices()))
    rows = []
    for label, parts, component in GROUPED:
        rows.append((label, sum(made[part] for part in parts), *(
            found[component] if component else 0.0 for found in (said, priced)
        )))  # fmt: skip
    return rows


GROUPED = (
    ("multipliers", ("multipliers",), "multipliers"),
    ("adder trees of the PEs", ("adder trees",), None),
    ("accumulators", ("accumulators",), "accumulators"),
    ("operand registers", ("operand registers",), "operand_registers"),
    ("staging: registers and network", ("staging registers", "staging network"), "staging"),
    ("input transform", ("input transform",), "input_transform"),
    ("output transform", ("output transform",), "output_transform"),
    ("vector unit", ("vector unit",), "vector"),
    ("drain and collector", ("drain",), None),
    ("control", ("control",), "control"),
)


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
