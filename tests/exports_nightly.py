"""Export, lint and read for synthesis the core of every accelerator that is shipped: python tests/exports_nightly.py.

Each twice: of no layers in particular, and of a network with fused groups. Names choose some. Says of each how long it
took, and what Verilator (-Wall) or Yosys finds; exits with 1 then. Those of which no core is built are named.

With --synth gates are made of each by its Makefile, of the cells that Debian packages (qflow-tech-osu018), in place of
reading alone: a row of a table says how many cells, and the area beside the simulator's.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "support"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "experiments"))

from exports import exported, exported_with_groups, linted, unsynthesizable, with_groups
from gates import area_um2, cell_areas, cell_count, cells_by_module, synthesised
from synthesis import library_prices, problems_of, said_areas, subjects_of
from yosys import LIBRARY, unit

from lw3dsim import load_arch
from lw3dsim.describe.catalog import named_files
from lw3dsim.errors import InputError

# No core may take longer.
CPU_S = 3600
HEAD = """| core | layers | cells | area | simulator | transforms | simulator | CPU s | MiB |
|---|---|---:|---:|---:|---:|---:|---:|---:|"""
# As cores are built: accumulators of flip-flops; without groups no rings of intermediate tensors.
BUILT, WITHOUT_GROUPS = ("pe.accumulator_storage=flipflop",), ("buffers.intermediate_share=0",)


def main(names: list[str], *, makes_gates: bool) -> int:
    """Check the cores of ``names``, or of all accelerators."""
    if makes_gates:
        sys.stdout.write(HEAD + "\n")
    wrong = False
    for name in names or sorted(named_files("arch_configs")):
        for with_network in (False, True):
            begun = time.monotonic()
            with tempfile.TemporaryDirectory() as made:
                try:
                    what, top = written(name, Path(made), with_network=with_network)
                except InputError as error:
                    sys.stdout.write(f"{name}: no core ({error})\n")
                    break
                if makes_gates:
                    found, line = row(name, what, Path(made), top, with_network=with_network)
                else:
                    found = linted(Path(made), top) + unsynthesizable(Path(made), top)
                    line = f"{name}, {what}: {found or 'clean'} ({time.monotonic() - begun:.0f} s)"
            wrong = wrong or bool(found)
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
    return int(wrong)


def written(name: str, folder: Path, *, with_network: bool) -> tuple[str, str]:
    """Write a core; return what it is of, and its top. Raises InputError where there is none."""
    if not with_network:
        return "of no layers in particular", exported(name, folder)
    top, has_groups = exported_with_groups(name, folder)
    return f"of c3d_small in FSB form, {'fused' if has_groups else 'no layers fused'}", top


def row(name: str, what: str, folder: Path, top: str, *, with_network: bool) -> tuple[str, str]:
    """Make gates of a core; return what is wrong with it, and a line of the table."""
    made = synthesised(folder, CPU_S, LIBRARY)
    if made.found:
        return made.found, f"| `{name}` | {what} | {made.found} |"
    figures = (*sizes(name, folder, top, with_network=with_network), made.cpu_s, made.memory_mib)
    return "", f"| `{name}` | {what} | {' | '.join(f'{figure:,.0f}' for figure in figures)} |"


def sizes(name: str, folder: Path, top: str, *, with_network: bool) -> tuple[float, ...]:
    """Return cells; area and the simulator's, in 8 x 8 multipliers, without transforms; that of both' transforms."""
    modules = cells_by_module((folder / "synth.txt").read_text(encoding="utf-8"))
    each = unit("multiplier").area
    area, transforms = (um2 / each for um2 in area_um2(modules, top, cell_areas(LIBRARY.read_text(encoding="utf-8"))))
    if with_network:
        prepared = with_groups(name, BUILT)
        said = said_areas(prepared.design, problems_of(subjects_of(prepared)), library_prices())
    else:
        said = said_areas(load_arch(name, overrides=[*BUILT, *WITHOUT_GROUPS]), [], library_prices())
    turned = sum(value for part, value in said.items() if part.endswith("_transform"))
    return cell_count(modules, top), area - transforms, sum(said.values()) - turned, transforms, turned


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--synth", action="store_true")
    chosen = parser.parse_args()
    sys.exit(main(chosen.names, makes_gates=chosen.synth))
