"""A core as files: modules, a top with the parameters of the accelerator, a test bench, programs, a page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from lw3dsim.base.forms import RTL, RTL_MARK
from lw3dsim.base.output import check_folder, save_files
from lw3dsim.errors import OutputError, one_line
from lw3dsim.network.pipeline import map_prepared
from lw3dsim.rtl.build import STATEMENTS, TOP, bench_files, names_header, sources, written
from lw3dsim.rtl.check import chosen, programs_of
from lw3dsim.rtl.covered import check_design
from lw3dsim.rtl.design import make_core
from lw3dsim.rtl.expected import expected
from lw3dsim.rtl.subject import drawn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.network.pipeline import Prepared
    from lw3dsim.rtl.design import Core

# Which module is which rule of docs/microarchitecture.md.
RULES = (
    (
        "Array",
        "lw_array, lw_pe, lw_multiplier, lw_accumulators, lw_file",
        "multipliers, adder trees, two banks of accumulators",
    ),
    (
        "Array: rows and columns",
        "lw_operands, lw_finding, lw_window, lw_taken, lw_chosen, lw_rows, lw_weights, lw_walker, lw_walk",
        "inputs go down a column, weights along a row",
    ),
    ("Array: tiles in e cycles", "lw_feed, lw_gather", "parts of a tile one after another, gathered when they drain"),
    ("Algorithms", "lw_modes", "what a tile of each is to the counters"),
    ("Wave: rounds, groups of taps", "lw_rounds, lw_reader", "which words a round reads, one a cycle of each port"),
    ("Staging", "lw_staging, lw_staged", "two sets, one loaded while the array is fed from the other"),
    (
        "Staging: inputs",
        "lw_near, lw_pick",
        "the few words of a patch in which lanes find inputs at one time, and each group of elements",
    ),
    (
        "Staging: weights",
        "lw_kernels, lw_span, lw_slice, lw_width",
        "the words of a row, and of these the weights of a tap",
    ),
    ("Words: runs", "lw_turned", "a port reads a word from any element on: two halves and a rotator"),
    ("Wave: feed", "lw_feed", "taps, tiles behind each other, whole tiles of the input transform"),
    (
        "Transforms",
        "lw_input_transform, lw_output_transform, lw_weight_transform, lw_passing, lw_quotient, lw_odd",
        "written from the exact matrices of the algorithms, those of inputs and weights of units along one axis "
        "(lw_data_*, lw_kernel_*); outputs that are picked are divided by odd numbers",
    ),
    ("Pace, Entry, Prefetch", "lw_controller, lw_arrivals", "pairs of load and feed, late tiles, look-ahead"),
    ("Banks swap in step", "lw_controller, lw_last", "a swap waits for the drain before, and loads wait with it"),
    (
        "Packing",
        "lw_drain, lw_kept, lw_kept_tile, lw_collector, lw_position, lw_collected_row, lw_beside, lw_either",
        "outputs of a depth side by side, a word from one depth alone",
    ),
    (
        "Intermediate tensors",
        "lw_inner, lw_places, lw_place, lw_behind",
        "written where the next layer of a group reads them, and DMA; where follows a wave",
    ),
    ("Partial sums", "lw_output_buffer, lw_partials, lw_passing", "words read before words are written, at one port"),
    (
        "Vector unit, of a drain",
        "lw_vector, lw_finish, lw_divider, lw_biases",
        "partial sums, means, bias, relu, shift to the operand width",
    ),
    ("Vector unit: look-ups", "lw_tables", "codes of results in tables of activations, where a drain passes"),
    ("Vector unit: groups", "lw_groups", "outputs side by side, one group behind the other out of a descriptor"),
    (
        "Vector unit: operations",
        "lw_groups_made, lw_lanes, lw_lane",
        "an operand of all lanes a cycle, two accumulators a lane",
    ),
    ("Vector unit: TRG", "lw_trg", "differences of frames, and their sum; running means: the sum of all frames so far"),
    ("SRAM", "lw_sram", "a side for DMA, a side for the array; latency in cycles"),
    ("SRAM: one memory for all", "lw_shared, lw_bank", "banks of one port, and the network between them and who asks"),
    ("SRAM: one bank", "lw_gate", "the clock of all but DMA, which stands still where that has the port"),
    (
        "Pipeline: fill",
        "lw_delay, lw_taps, lw_depth, lw_core",
        "what travels beside the data; as long as the algorithm's",
    ),
)


def export_core(
    design: Accelerator, out: str, prepared: Prepared | None, layers: Sequence[str] | None = None
) -> tuple[int, tuple[str, ...]]:
    """Write the core of ``design`` to the folder ``out``, with programs of ``layers``, by default all that it does.

    Return how many files there are, and what the core would need for layers that there are no programs of.

    Raises InputError for an accelerator or a layer that there is no core of, OutputError where it can't be written.
    """
    check_design(design)
    core, refused = make_core(design, []), tuple[str, ...]()
    programs: dict[str, str] = {}
    if prepared is not None:
        units, refused = chosen(map_prepared(prepared), layers, prepared)
        subjects = [drawn(prepared.network, unit, design, 0, prepared.request.engine) for unit in units]
        core, made, unfit = programs_of(design, subjects, is_named=layers is not None)
        texts_of = (written(program, expected(one, core, program)) for one, program in made)
        programs = dict(zip(file_names([one.name for one, _ in made]), texts_of, strict=True))
        refused += unfit
    texts = {**sources(core), f"{top_name(design)}.sv": top(design, core)}
    texts["README.md"] = page(design, core, bool(programs))
    texts |= {f"bench/{name}": text for name, text in bench_files().items()}
    texts |= {"bench/names.h": names_header(core), "Makefile": makefile(design, core, bool(programs))}
    texts |= {f"programs/{name}.txt": text for name, text in programs.items()}
    folder = check_folder(out, dict.fromkeys(texts, RTL))
    marked = {name: _marked(Path(name), text).encode() for name, text in texts.items()}
    check_alone(folder, marked)
    save_files({folder / name: (RTL, text) for name, text in marked.items()})
    return len(marked), refused


# Memories, which are no flip-flops.
MACROS = ("lw_sram.sv", "lw_bank.sv", "lw_output_buffer.sv", "lw_biases.sv", "lw_tables.sv", "lw_inner.sv")

# From what Yosys has elaborated to gates and flip-flops, with an enable or without, no loops, nothing without a driver
# or with several; and no latches.
GATES = (
    "proc; opt_expr; opt_clean; opt -fast; wreduce; peepopt; opt_clean; alumacc; memory; opt -fast; techmap; "
    "opt -fast; dfflegalize -cell $_DFF_P_ 01 -cell $_DFFE_PP_ 01 -cell $_DFF_N_ 01; "
    "check -assert"
)
CLEAN = "opt_clean; select -assert-none t:$dlatch t:$adlatch t:$dlatchsr t:$_DLATCH* t:$_SR_*; tee -o synth.txt stat"

# A file name has at most 255 bytes, and a letter up to four.
LONGEST = 56

# What the Makefile takes all of: modules, those of the bench, programs.
MODULES = "*.sv"
TAKEN = (MODULES, "bench/*.sv", "programs/*.txt")


def check_alone(folder: Path, files: Mapping[str, bytes]) -> None:
    """Refuse a folder with modules or programs of another core than ``files`` are of, by name or by what modules say.

    Raises OutputError.
    """
    there = sorted(path for pattern in TAKEN for path in folder.glob(pattern))
    others = [name for name in (path.relative_to(folder).as_posix() for path in there) if name not in files]
    if others:
        more = f" and {len(others) - 1} more" if len(others) > 1 else ""
        raise OutputError(
            f"{one_line(str(folder), 200)}: {one_line(others[0], 200)}{more} is no file of this core, and its Makefile "
            f"would take it for one ({', '.join(TAKEN)}); give another --out, or move it away"
        )
    modules = sorted(path for path in folder.glob(MODULES) if path.stat().st_size)
    changed = [path.name for path in modules if path.read_bytes() != files[path.name]]
    if changed:
        more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        raise OutputError(
            f"{one_line(str(folder), 200)}: {changed[0]}{more} is there of another core (other parameters, other "
            "algorithms, or an older release); give another --out, or move that core away"
        )


def top_name(design: Accelerator) -> str:
    """Return the name of the module of an accelerator: what is no letter of ASCII, digit or "_" becomes "_"."""
    name = re.sub(r"\W", "_", design.name, flags=re.ASCII)
    # An identifier of SystemVerilog begins with a letter or "_".
    return f"{'' if name[:1].isalpha() or name[:1] == '_' else '_'}{name}_core"


def top(design: Accelerator, core: Core) -> str:
    """Return the module of an accelerator: the core with its parameters."""
    module = sources(core)["lw_core.sv"]
    ports = module[module.index(") (") + 3 : module.index(");")]
    names = re.findall(r"(\w+)(?:,|\n)", re.sub(r"//.*|/\*.*?\*/", "", ports))
    parameters = ",\n".join(f"    parameter int {name} = {value}" for name, value in core.parameters.items())
    given = ", ".join(f".{name}({name})" for name in core.parameters)
    connected = ", ".join(f".{name}" for name in names)
    return (
        f"// The core of {design.name}.\nmodule {top_name(design)} #(\n{parameters}\n) ({ports});\n"
        f"    lw_core #({given}) core ({connected});\nendmodule\n"
    )


def makefile(design: Accelerator, core: Core, has_programs: bool) -> str:
    """Return how the core is checked, synthesized and run."""
    parameters = " ".join(f"-G{name}={value}" for name, value in core.parameters.items())
    return (
        f"TOP = {top_name(design)}\n"
        "lint:\n\tverilator --lint-only -Wall --top-module $(TOP) *.sv\n"
        "# Memories are macros, which Yosys need not make of flip-flops.\n"
        f"MACROS = {' '.join(MACROS)}\n"
        "# Every module by itself, once for each set of its parameters. Without latches, loops, or several drivers.\n"
        "# Of the cells of a library: make synth FLAGS='-liberty FILE'\nFLAGS = -fast\n"
        "synth:\n\tyosys -q -p 'read_verilog -sv -lib $(MACROS); "
        "read_verilog -sv $(filter-out $(MACROS),$(wildcard *.sv)); hierarchy -check -top $(TOP); "
        f"{_in_make(GATES)}; abc $(FLAGS); {_in_make(CLEAN)}' && tail -n 60 synth.txt\n"
        f"obj/V{TOP}: *.sv bench/*\n"
        f"\tverilator --cc --exe --build -j 0 -O3 --output-split-cfuncs {STATEMENTS} -Wno-fatal "
        f"-Wno-WIDTH --Mdir obj --top-module {TOP} -CFLAGS '-I../bench' {parameters} "
        "lw_*.sv bench/*.sv bench/bench.cpp\n"
        f"{run_rule(has_programs)}"
    )


def _in_make(script: str) -> str:
    return script.replace("$", "$$")


def run_rule(has_programs: bool) -> str:
    """Return how programs are run, or what is missing where there are none."""
    if not has_programs:
        return (
            "run:\n\t@echo 'There are no programs here: export again with --workload, for instance c3d.' >&2; exit 2\n"
        )
    # All programs run, whatever the first of them says.
    return (
        f"run: obj/V{TOP}\n"
        f"\t@bad=0; all=0; for program in programs/*.txt; do all=$$((all + 1)); "
        f"obj/V{TOP} $$program $$program.log || bad=$$((bad + 1)); done; "
        'if [ $$bad != 0 ]; then echo "$$bad of $$all programs differ"; exit 1; fi; echo "equal: all $$all programs"\n'
    )


def page(design: Accelerator, core: Core, has_programs: bool) -> str:
    """Return the page that goes with a core."""
    rules = "\n".join(f"| {rule} | {modules} | {what} |" for rule, modules, what in RULES)
    parameters = "\n".join(f"| `{name}` | {value} |" for name, value in core.parameters.items())
    programs, run = "", "needs programs, which `lw3dsim rtl export --workload` writes"
    if has_programs:
        programs, run = "`programs/` holds a program for every layer. ", "builds the test bench and runs the programs"
    return f"""# The core of {design.name}

SystemVerilog, made by lw3dsim; the machine is described in its `docs/microarchitecture.md`, what is checked in
`docs/rtl.md`. `{top_name(design)}.sv` is the top, one file a module behind it. `make lint` asks Verilator, `make synth`
Yosys; `make run` {run}. `make synth` makes gates of
every module once, with memories as macros; `docs/rtl.md` says how long that takes.

{programs}A program is a descriptor for every wave (channels, tiles, taps, words, places, no times), the words that DMA
writes and the cycles in which tiles arrive and room is made; then what the simulator expects: when steps start, end and
drain, every word of results, counts. The log of a run says the same of the core, and `make run` ends with a line that
says whether all is equal; of a program that is not, what differs first is said, and `make run` fails.

| rule | modules | what they do |
|---|---|---|
{rules}

| parameter | value |
|---|---:|
{parameters}
"""


def file_names(layers: Sequence[str]) -> list[str]:
    """Return a name for a file of each layer: short, not hidden, and no other's, in whatever case."""
    names: dict[str, str] = {}
    for layer in layers:
        plain = re.sub(r"[^\w.+-]|^[.-]", "_", layer)[:LONGEST]
        name, number = plain, 1
        while name.casefold() in names:
            number += 1
            name = f"{plain}.{number}"
        names[name.casefold()] = name
    return list(names.values())


def _marked(name: Path, text: str) -> str:
    """Return a text with a first line by which it is known again."""
    if name.suffix in (".sv", ".cpp", ".h"):
        return f"// {RTL_MARK}\n{text}"
    return f"<!-- {RTL_MARK} -->\n{text}" if name.suffix == ".md" else f"# {RTL_MARK}\n{text}"
