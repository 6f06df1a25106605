"""Map all shipped networks for the fewest bytes: python tests/fewest_nightly.py [--kib K] [ACCELERATOR ...]; minutes.

With ``--kib`` each of the three buffers has so many KiB.

Says of each, as it is and with FSB, what it moves (Y), the least of its space (X), what is compulsory (Z) and the time.
Exits with 1 where Y is not X.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "support"))

from shipped_networks import SMALL

from lw3dsim import InputError, simulate


def row(workload: str, arch: str, transform: str | None, overrides: tuple[str, ...]) -> tuple[str, bool]:
    """Return a line on a network, and whether it moves what is the least."""
    begin = time.process_time()
    run = simulate(workload, arch, transform, fusion="auto", objective="dram_bytes_only", overrides=overrides)
    totals = run.totals
    took, x, y, z = time.process_time() - begin, totals.least_dram_bytes, totals.dram_bytes, totals.compulsory_bytes
    name = f"{workload} {transform or ''}".strip()
    said = f"{name:32} {arch:11} Y {y:>13,} X {x:>13,} Z {z:>13,}  Y/X {y / x:.4f}  X/Z {x / z:.3f}  {took:5.1f} s"
    return said, x == y


def main() -> int:
    """Print all lines."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("archs", nargs="*", default=["edge_small", "edge_base", "edge_large"])
    parser.add_argument("--kib", type=int)
    asked, wrong = parser.parse_args(), 0
    buffers = ("ifmap", "weight", "ofmap") if asked.kib else ()
    overrides = tuple(f"buffers.{name}_kib={asked.kib}" for name in buffers)
    for arch in asked.archs:
        for workload in sorted(SMALL):
            for transform in (None, "fsb:alpha=0.5"):
                try:
                    said, is_least = row(workload, arch, transform, overrides)
                except InputError as error:
                    said, is_least = f"{workload} {transform or ''} {arch}: {error}", True
                sys.stdout.write(said + "\n")
                sys.stdout.flush()
                wrong += not is_least
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
