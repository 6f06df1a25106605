"""Do small structures, synthesised anew, have the areas to each other that the tables of areas say?"""

from __future__ import annotations

import re
import shutil
import subprocess
from functools import partial
from pathlib import Path

import pytest

import lw3dsim
from lw3dsim import load_arch
from lw3dsim.account.outputs import Widths, output_counts
from lw3dsim.account.vector import dividing, lane
from lw3dsim.base.values import replace
from lw3dsim.rtl.back import output_modules
from lw3dsim.rtl.design import make_core
from lw3dsim.technology.arithmetic import arithmetic
from lw3dsim.technology.structures import structure_um2
from lw3dsim.transform.algorithms import Algorithm

# Of Debian's package qflow-tech-osu018.
LIBRARY = Path("/usr/share/qflow/tech/osu018/osu018_stdcells.lib")
MODULES = """
module mult8(input signed [7:0] a, input signed [7:0] b, output signed [15:0] y); assign y = a * b; endmodule
module mult12(input signed [11:0] a, input signed [13:0] b, output signed [25:0] y); assign y = a * b; endmodule
module adder(input [23:0] a, input [23:0] b, output [23:0] y); assign y = a + b; endmodule
module selector(input [511:0] a, input [5:0] at, output [7:0] y); assign y = a[8*at+:8]; endmodule
module register(input clk, input [7:0] d, output reg [7:0] q); always @(posedge clk) q <= d; endmodule
module word(input clk, input write, input [31:0] d, output reg [31:0] q);
    always @(posedge clk) if (write) q <= q + d;
endmodule
"""
# Modules of a core, with their parameters: a lane of sums of 32 bits; means of sums of 14 bits, by any number.
VERILOG = Path(lw3dsim.__file__).parent / "rtl" / "sv"
LANE = {"ELEMENT": 8, "BITS": 32, "PRODUCTS": 0, "TRG": 0}
DIVIDER = {"VALUE": 14, "INVERSE": 14, "QUOTIENT": 8, "SHIFT": 5}
# An exact quotient by 3, a subtraction.
ODD = {"BITS": 32, "SHIFT": 1, "MINUS": 0}
BUILT = {"lane": ("lw_lane", LANE), "divider": ("lw_divider", DIVIDER), "quotient": ("lw_odd", ODD)}
# What a PE makes outputs with, of one tile of F(4x4,3x3) and of six of F(4,3); sums have 28 bits, outputs 24.
WIDTHS = Widths(register=28, output=24, transform=40)
ALGORITHMS = (
    Algorithm(kind="winograd1d", tile=(4, 1, 1), filter=(3, 1, 1)),
    Algorithm(kind="winograd2d", tile=(1, 4, 4), filter=(1, 3, 3)),
)


@pytest.fixture(scope="module")
def areas(tmp_path_factory):
    """Areas of the modules, in 8 x 8 multipliers."""
    if shutil.which("yosys") is None:
        pytest.skip("there is no Yosys here")
    if not LIBRARY.exists():
        pytest.skip("the cells of OSU are not here; Debian's package qflow-tech-osu018 has them")
    folder = tmp_path_factory.mktemp("synthesis")
    (folder / "modules.v").write_text(MODULES)
    found = synthesised(["read_verilog -sv modules.v", "synth"], folder)
    for name, (module, parameters) in BUILT.items():
        chosen = " ".join(f"-set {key} {value}" for key, value in parameters.items())
        read = f"read_verilog -sv {VERILOG / 'lw_trg.sv'} {VERILOG / module}.sv; chparam {chosen} {module}"
        found |= synthesised([read, f"synth -flatten -top {module}; rename {module} {name}"], folder)
    core = replace(
        make_core(load_arch("edge_small"), []), algorithms=ALGORITHMS, sum_bits=WIDTHS.register,
        result_bits=WIDTHS.output, transform_bits=WIDTHS.transform,
    )  # fmt: skip
    (folder / "outputs.sv").write_text(output_modules(core)["lw_output_transform.sv"])
    found |= synthesised(
        ["read_verilog -sv outputs.sv", "synth -flatten -top lw_output_transform; rename lw_output_transform outputs"],
        folder,
    )
    return {name: area / found["mult8"] for name, area in found.items()}


def synthesised(steps, folder):
    """Areas of modules by name."""
    with_cells = (f"{step} -liberty {LIBRARY}" for step in ("dfflibmap", "abc", "stat"))
    script = "; ".join([*steps, *with_cells])
    done = subprocess.run(["yosys", "-p", script], cwd=folder, capture_output=True, text=True, check=True)
    return {name: float(area) for name, area in re.findall(r"Chip area for module '\\(\w+)': ([\d.]+)", done.stdout)}


def said(name):
    """What the tables say of a module, in 8 x 8 multipliers."""
    tech = load_arch("edge_base").tech
    counts = output_counts(ALGORITHMS, 36, WIDTHS)
    adder, flip_flop = partial(arithmetic, tech, "add", "area_um2"), arithmetic(tech, "register", "area_um2", 1)
    return {
        "mult12": arithmetic(tech, "mult", "area_um2", 12, 14),
        "adder": adder(24),
        "selector": 64 * structure_um2(tech, "selector"),
        "register": 8 * flip_flop,
        "word": adder(32) + 32 * flip_flop,
        "lane": lane([], tech, "area_um2", LANE["BITS"], LANE["ELEMENT"]),
        "divider": dividing(tech, "area_um2", DIVIDER["VALUE"], DIVIDER["QUOTIENT"]),
        "outputs": sum(many * adder(bits) for bits, many in counts.additions)
        + counts.choices * WIDTHS.output * structure_um2(tech, "multiplexer"),
    }[name] / arithmetic(tech, "mult", "area_um2", 8, 8)


@pytest.mark.parametrize("name", ["mult12", "adder", "selector", "word", "lane", "divider", "outputs"])
def test_structures_have_the_ratios_of_the_tables(areas, name):
    # A word of an accumulator with its adder: its flip-flops are smaller here, and have a selector of the enable.
    assert areas[name] == pytest.approx(said(name), rel=0.1)


def test_a_quotient_by_three_is_as_large_as_an_adder_of_its_bits(areas):
    assert areas["quotient"] / ODD["BITS"] == pytest.approx(areas["adder"] / 24, rel=0.1)


def test_a_flip_flop_by_itself_is_larger_in_the_tables_as_their_library_is_another(areas):
    # Of an 8 x 8 multiplier, with this library and with that of the tables.
    assert areas["register"] / 8 == pytest.approx(0.0071, rel=0.1)
    assert said("register") / 8 == pytest.approx(0.0096, rel=0.02)
