"""Run random layers on all cores of the tests, until one differs from the simulator: python tests/cores_nightly.py 300.

Says how many were equal, and of those that differ the seed and what; exits with 1 then.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "support"))

from cores import MACHINES, built, counted, differences, drawn_subject


def main(many: int) -> int:
    """Run so many layers on each core."""
    answers = []
    with tempfile.TemporaryDirectory() as made:
        for name in MACHINES:
            arch, core, bench = built(name, Path(made))
            for seed in range(1000, 1000 + many):
                found = differences(drawn_subject(name, seed, arch), core, bench)
                answers.append(found)
                if found:
                    sys.stdout.write("; ".join([name, str(seed), *found]) + "\n")
    sys.stdout.write(counted(answers) + "\n")
    return int(any(answers))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
