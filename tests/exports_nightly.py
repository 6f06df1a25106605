"""Export, lint and read for synthesis the core of every accelerator that is shipped: python tests/exports_nightly.py.

Arguments choose some. Says of each how long it took, and what Verilator (-Wall) or Yosys finds; exits with 1 then.
Those of which no core is built are named.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "support"))

from exports import exported, linted, unsynthesizable

from lw3dsim.describe.catalog import named_files
from lw3dsim.errors import InputError


def main(names: list[str]) -> int:
    """Check the cores of ``names``, or of all accelerators."""
    wrong = False
    for name in names or sorted(named_files("arch_configs")):
        begun = time.monotonic()
        with tempfile.TemporaryDirectory() as made:
            try:
                top = exported(name, Path(made))
            except InputError as error:
                sys.stdout.write(f"{name}: no core ({error})\n")
                continue
            found = linted(Path(made), top) + unsynthesizable(Path(made), top)
        wrong = wrong or bool(found)
        sys.stdout.write(f"{name}: {found or 'clean'} ({time.monotonic() - begun:.0f} s)\n")
        sys.stdout.flush()
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
