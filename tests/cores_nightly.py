"""Run random layers and fused groups on all cores of the tests: python tests/cores_nightly.py 300 runs as many of each.

And as many again on each where buffers have one bank.

Says how many were equal, and of those that differ the seed and what; exits with 1 then.
"""

from __future__ import annotations

import itertools
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "support"))

from core_blocks import drawn_block_group
from core_groups import drawn_group, drawn_kept_group, drawn_pool_group
from cores import MACHINES, built, counted, differences, drawn_subject, of_single_banks

# Layers; groups of convolutions that recompute halos, such that keep them, groups with layers of the vector unit, and
# residual blocks.
DRAWS = (drawn_subject, drawn_group, drawn_kept_group, drawn_pool_group, drawn_block_group)


def main(many: int) -> int:
    """Run so many layers, and so many groups of each kind, on each core."""
    answers = []
    with tempfile.TemporaryDirectory() as made:
        for name in MACHINES:
            arch, core, bench = built(name, Path(made))
            seeds = range(1000, 1000 + many)
            for seed, draw, is_single in itertools.product(seeds, DRAWS, (False, True)):
                design = of_single_banks(seed, arch) if is_single else arch
                found = differences(draw(name, seed, design), core, bench)
                answers.append(found)
                if found:
                    banks = "single banks" if is_single else "two banks"
                    sys.stdout.write("; ".join([name, banks, draw.__name__, str(seed), *found]) + "\n")
    sys.stdout.write(counted(answers) + "\n")
    return int(any(answers))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
