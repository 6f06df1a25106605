"""Export, lint and read for synthesis the core of every accelerator that is shipped: python tests/exports_nightly.py.

Each twice: of no layers in particular, and of a network with fused groups. Arguments choose some. Says of each how
long it took, and what Verilator (-Wall) or Yosys finds; exits with 1 then. Those of which no core is built are named.
Cores of no layers in particular that are small are made gates of, by their Makefile.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "support"))

from exports import exported, exported_with_groups, linted, synthesised, unsynthesizable

from lw3dsim.describe.catalog import named_files
from lw3dsim.errors import InputError

# Those that Yosys makes gates of in less than so many seconds.
MADE_GATES_OF, CPU_S = ("edge_small",), 600


def main(names: list[str]) -> int:
    """Check the cores of ``names``, or of all accelerators."""
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
                found = linted(Path(made), top) + unsynthesizable(Path(made), top)
                gates = ""
                if not found and not with_network and name in MADE_GATES_OF:
                    one = synthesised(Path(made), CPU_S)
                    found = one.found
                    gates = f", {one.cells} cells in {one.cpu_s:.0f} CPU s and {one.memory_mib:.0f} MiB"
            wrong = wrong or bool(found)
            sys.stdout.write(f"{name}, {what}: {found or 'clean'}{gates} ({time.monotonic() - begun:.0f} s)\n")
            sys.stdout.flush()
    return int(wrong)


def written(name: str, folder: Path, *, with_network: bool) -> tuple[str, str]:
    """Write a core; return what it is of, and its top. Raises InputError where there is none."""
    if not with_network:
        return "of no layers in particular", exported(name, folder)
    top, has_groups = exported_with_groups(name, folder)
    return f"of c3d_small in FSB form, {'fused' if has_groups else 'no layers fused'}", top


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
