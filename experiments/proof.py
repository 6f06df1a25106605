"""What is proved of a space as time goes by: a row every so often, and at the end how far the front may still be off.

    lw3dsim dse run edge_chip --sampler nsga2 --trials 640
    python experiments/proof.py edge_chip --minutes 40 --rows experiments/edge_chip_proof.csv

The front to hold designs against is that of the study in ``--storage``. The proof itself is kept in ``--out``, and gone
on with by ``lw3dsim dse prove edge_chip --resume``. How far it gets in a time depends on the machine.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import TYPE_CHECKING

from lw3dsim.explore.proof.run import opened, prove
from lw3dsim.explore.proof.text import FACTORS, lines, record
from lw3dsim.explore.space_file import load_space
from lw3dsim.explore.storages import DEFAULT_FOLDER, default_file
from lw3dsim.explore.study import read_study

if TYPE_CHECKING:
    from lw3dsim.explore.proof.search import Prover

COLUMNS = ("seconds", "decided", "front", "factor", "open_boxes", "simulated", *(f"within_{one:g}" for one in FACTORS))


def row(prover: Prover) -> list[str]:
    """Return what is proved by now, as COLUMNS name it."""
    found = prover.certificate()
    decided = 1 - found.open_choices / found.choices
    figures = [f"{share:.5f}" for share in prover.shares_within(FACTORS)]
    counts = [str(found.front), f"{found.factor:.4g}", str(found.open_boxes), str(found.verdicts["simulated"])]
    return [f"{found.seconds:.0f}", f"{decided:.5f}", *counts, *figures]


def main() -> None:
    """Prove what can be in the time, and write what was proved when."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("space", nargs="?", default="edge_chip")
    parser.add_argument("--storage", help="the study that the front is of; default: the space's own")
    parser.add_argument("--minutes", type=float, default=40.0)
    parser.add_argument("--out", type=Path, help="where the proof is kept; default: results/dse/NAME.proof")
    parser.add_argument("--rows", type=Path, required=True, help="the CSV file to write")
    asked = parser.parse_args()
    space = load_space(asked.space)
    out = asked.out or Path(DEFAULT_FOLDER) / f"{space.name}.proof"
    known = read_study(space, asked.storage or default_file(space.name)).front
    prover, rows = opened(space, out, resume=False), []
    prove(prover, out, known=known, minutes=asked.minutes, show=lambda one: rows.append(row(one)))
    with asked.rows.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([COLUMNS, *rows, row(prover)])
    print("\n".join(lines(record(prover))))


if __name__ == "__main__":
    main()
