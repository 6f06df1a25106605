"""Run random layers and fused groups on all cores of the tests: python tests/cores_nightly.py 300 runs as many of each.

And as many again on each where buffers have one bank; of cores of a shared memory, in another division. Buffers have
one to three slots, and most are filled from a DRAM whose transfers overlap.

Names behind the number choose cores. Says how many were equal, and of those that differ the seed and what; exits with
1 then.
"""

from __future__ import annotations

import itertools
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parent / "support"))

from core_blocks import drawn_block_group, drawn_store_group
from core_groups import drawn_group, drawn_kept_group, drawn_pool_group
from cores import MACHINES, SHARED, built, counted, differences, divided, drawn_subject, of_single_banks, seen

if TYPE_CHECKING:
    from lw3dsim.describe.accelerator import Accelerator

# Layers; groups of convolutions that recompute halos, such that keep them, groups with layers of the vector unit,
# residual blocks, and groups with several outputs.
DRAWS = (drawn_subject, drawn_group, drawn_kept_group, drawn_pool_group, drawn_block_group, drawn_store_group)


def design_of(name: str, seed: int, arch: Accelerator, *, others: bool) -> Accelerator:
    """Return the accelerator that a layer or group sees, with these banks or ``others``."""
    arch = seen(seed + 10_000 * others, arch)
    if name in SHARED:
        return divided(seed + 10_000 * others, arch)
    return of_single_banks(seed, arch) if others else arch


def main(many: int, names: list[str]) -> int:
    """Run so many layers, and so many groups of each kind, on each core, or on those of ``names``."""
    answers = []
    with tempfile.TemporaryDirectory() as made:
        for name in names or (*MACHINES, *SHARED):
            arch, core, bench = built(name, Path(made))
            seeds = range(1000, 1000 + many)
            for seed, draw, others in itertools.product(seeds, DRAWS, (False, True)):
                found = differences(draw(name, seed, design_of(name, seed, arch, others=others)), core, bench)
                answers.append(found)
                if found:
                    banks = "other banks" if others else "banks"
                    sys.stdout.write("; ".join([name, banks, draw.__name__, str(seed), *found]) + "\n")
    sys.stdout.write(counted(answers) + "\n")
    return int(any(answers))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
