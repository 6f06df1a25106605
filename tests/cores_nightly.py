"""Run random layers on all cores of the tests, until one differs from the simulator: python tests/cores_nightly.py 300.

Says how many were equal, and of those that are not the seed and what differs; exits with 1 then.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "support"))

from cores import MACHINES, built, differences, drawn_layer, subject_of


def main(many: int) -> int:
    """Run so many layers on each core."""
    wrong = 0
    with tempfile.TemporaryDirectory() as made:
        for name in MACHINES:
            arch, core, bench = built(name, Path(made))
            for seed in range(1000, 1000 + many):
                found = differences(subject_of(*drawn_layer(name, seed, arch), arch, seed), core, bench, Path(made))
                if found:
                    wrong += 1
                    sys.stdout.write("; ".join([name, str(seed), *found]) + "\n")
    sys.stdout.write(f"{many * len(MACHINES) - wrong} of {many * len(MACHINES)} layers are equal\n")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
