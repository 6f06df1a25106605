"""Is what repeats in a core made gates of once, however often it is there; are cells counted as Yosys counts them?"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from gates import area_um2, cell_areas, cell_count, cells_by_module

import lw3dsim
from lw3dsim.rtl.export import CLEAN, GATES

VERILOG = Path(lw3dsim.__file__).parent / "rtl" / "sv"
# Modules of repeated parts, and of what there are more or fewer.
REPEATED = {"lw_staging": "WORDS", "lw_lanes": "LANES", "lw_vector": "RESULTS"}


def gates(folder, module, **parameters):
    """Gates of a module, by Yosys as in an exported core: what it says."""
    if shutil.which("yosys") is None:
        pytest.skip("there is no Yosys here")
    chosen = "".join(f" -chparam {name} {value}" for name, value in parameters.items())
    # But for the core, which is written with its descriptor, and what knows algorithms.
    names = {one.name for one in VERILOG.glob("*.sv")} - {"lw_core.sv", "lw_operands.sv", "lw_array.sv"}
    read = " ".join(str(VERILOG / name) for name in sorted(names))
    script = f"read_verilog -sv {read}; hierarchy -check -top {module}{chosen}; {GATES}; abc -fast; {CLEAN}"
    subprocess.run(["yosys", "-q", "-p", script], cwd=folder, capture_output=True, text=True, check=True)
    return (folder / "synth.txt").read_text()


@pytest.mark.parametrize("module", sorted(REPEATED))
def test_what_repeats_is_made_once_however_often_it_is_there(module, tmp_path):
    few, many = (cells_by_module(gates(tmp_path, module, **{REPEATED[module]: number})) for number in (2, 3))
    assert cell_count(many, module) > cell_count(few, module)
    assert few.keys() == many.keys() > {module}


def test_cells_and_areas_are_those_of_all_instances(tmp_path):
    said = gates(tmp_path, "lw_lanes", LANES=3)
    modules = cells_by_module(said)
    assert cell_count(modules, "lw_lanes") == int(re.findall(r"Number of cells: +(\d+)", said)[-1])
    # Yosys lists all cells of the whole behind the tree of modules.
    every = dict(re.findall(r"^ +(\$_\w+) +(\d+)$", said.partition("=== design hierarchy ===")[2], re.MULTILINE))
    areas = {name: 2.5 * place for place, name in enumerate(sorted(every))} | {"DFFPOSX1": 96.0}
    priced = {name: 96.0 if name.startswith("$_DFF") else areas[name] for name in every}
    whole, transforms = area_um2(modules, "lw_lanes", areas)
    assert whole == pytest.approx(sum(int(many) * priced[name] for name, many in every.items()))
    assert transforms == 0


def test_transforms_are_counted_apart():
    modules = {"top": {"$p\\lw_input_transform\\A": 2, "pe": 3, "X": 1, "lw_sram": 1}, "pe": {"X": 4, "$_DFF_P_": 1}}
    modules["$p\\lw_input_transform\\A"] = {"pe": 1, "X": 5}
    assert area_um2(modules, "top", {"X": 1.0, "DFFPOSX1": 3.0}) == (46.0, 24.0)
    assert cell_count(modules, "top") == 2 * 10 + 3 * 5 + 2


def test_areas_of_cells_are_read_out_of_a_library():
    library = 'cell (AND2X1) {\narea : 32;\npin(A) { }\n}\ncell (DFF) {\n  cell_footprint : "d";\n  area : 96.5;\n}\n'
    assert cell_areas(library) == {"AND2X1": 32.0, "DFF": 96.5}
