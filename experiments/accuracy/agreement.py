"""Hold predicted agreement, and estimates of the SQNR, against what trained networks answer in narrow multipliers.

    python experiments/accuracy/run.py
    python experiments/accuracy/agreement.py

Networks are those that ``run.py`` trained. A row of ``agreement.csv`` is a network in one arithmetic; ``estimates.csv``
says by how much estimates of layers are above what is measured. Nothing is chosen by what is held against.
"""

from __future__ import annotations

import argparse
import csv
import math
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from cases import CASES, Case
from run import FULL, HERE, SIZE, Plan, Task, folder_of, write

from lw3dsim.arithmetic.arrays import as_arrays
from lw3dsim.arithmetic.noise import combined_db
from lw3dsim.arithmetic.number import integers
from lw3dsim.learn.examination import Examination
from lw3dsim.learn.prediction import estimated
from lw3dsim.learn.scoring import with_weights
from lw3dsim.learn.source import opened
from lw3dsim.network.pipeline import map_prepared, prepare
from lw3dsim.network.request import Request
from lw3dsim.transform.passes import apply_transforms

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CLIPS, CALIBRATION, MAPPED = 100, 32, 60
# In dB, what may be added to the predicted noise: which is best on some networks is tried on others.
ADDED = (-6, -3, 0, 3, 6, 9, 12)
COLUMNS = (
    *("network", "seed", "m1", "m2", "bits", "shifts", "per"),
    *("estimated_db", "predicted_db", "answers_db", *(f"predicted{added:+d}" for added in ADDED), "agreement"),
)
ESTIMATE_COLUMNS = (
    *("network", "seed", "shifts", "per", "is_kept", "layers"),
    *("mean_db", "mean_off_db", "within_3db", "within_6db", "worst_db"),
)
# An arithmetic keeps a network's answers where so many are as in floating point.
KEPT = 0.9


class Arithmetic(NamedTuple):
    """Tiles, the width of both operands of a multiplier, and the shifts of Winograd coordinates."""

    m1: int
    m2: int
    bits: int
    shifts: str
    per: str

    @property
    def overrides(self) -> tuple[str, ...]:
        """As changes of the accelerator."""
        widths = (f"precision.transformed_{operand}_bits={self.bits}" for operand in ("data", "weight"))
        return (*widths, f"precision.shifts={self.shifts}", f"precision.shifts_per={self.per}")


TILES = ((2, 2, 8), (2, 4, 8), (4, 4, 10))
SHIFTS = (("calibrated", "tap"), ("calibrated", "tensor"), ("worst_case", "tap"))
ARITHMETICS = tuple(Arithmetic(*tile, *shifts) for tile, shifts in product(TILES, SHIFTS))


def rows_of(
    case: Case, seed: int, weights: Path, arithmetics: Sequence[Arithmetic] = ARITHMETICS
) -> Iterator[tuple[tuple[Any, ...], list[float]]]:
    """Yield for each arithmetic the row of a network, as COLUMNS name it, and by how many dB estimates are above."""
    network = apply_transforms(case.network(SIZE), case.transform)
    # The paper's fast algorithm where layers are separable, else the one in all three dimensions.
    algorithm = "nested" if case.workload == "c3d_small" and "fsb" not in str(case.transform) else "hfa"
    arrays = as_arrays("weights", str(weights))
    _, source_of = opened({"data": "moving_digits", "camera_shake": False, "clips": CLIPS})
    examination = Examination(
        with_weights(prepare(Request(workload=network, weights=arrays))),
        source_of(network),
        integers(8),
        clips=CLIPS,
        calibration=CALIBRATION,
    )
    own = examination.map(MAPPED)
    for one in arithmetics:
        asked = Request(
            workload=network, algorithm=algorithm, m1=one.m1, m2=one.m2, overrides=one.overrides, weights=arrays
        )
        prepared = prepare(asked)
        made = examination.calibration.quantised(map_prepared(prepared), prepared.design, is_alike=True)
        answers, lost = examination.answers(made), estimated(made)
        predicted = [own.agreement(own.noise(lost, added)) for added in ADDED]
        predicted_db = -10 * math.log10(own.noise(lost, 0))
        figures = (combined_db([*lost.values()]), predicted_db, answers.sqnr_db, *predicted)
        named = (case.name, seed, *one)
        measured = examination.lost_db(made)
        off = [lost[name] - db for name, db in measured.items() if db is not None and lost[name] is not None]
        shown = ("" if figure is None else round(figure, 4) for figure in figures)
        yield (*named, *shown, answers.agreement), off


def run(plan: Plan, trainings: Path, results: Path, arithmetics: Sequence[Arithmetic] = ARITHMETICS) -> None:
    """Write the tables of all networks that ``results`` names."""
    with (results / "runs.csv").open(newline="", encoding="utf-8") as file:
        trained = list(csv.DictReader(file))
    cases = {case.name: case for case in CASES}
    found, estimates = [], []
    for row in trained:
        case, seed = cases[row["network"]], int(row["seed"])
        folder = folder_of(case, trainings, Task(seed, float(row["lr"]), plan.epochs, plan.clips))
        off: dict[tuple[str, str, bool], list[float]] = {}
        for arithmetic, (own, above) in zip(
            arithmetics, rows_of(case, seed, folder / "weights.npz", arithmetics), strict=True
        ):
            found.append(own)
            off.setdefault((arithmetic.shifts, arithmetic.per, own[-1] >= KEPT), []).extend(above)
        estimates += [(case.name, seed, *shifts, *spread_of(values)) for shifts, values in off.items() if values]
        print(case.name, seed, flush=True)
        write(results / "agreement.csv", COLUMNS, found)
        write(results / "estimates.csv", ESTIMATE_COLUMNS, estimates)


def spread_of(above: Sequence[float]) -> tuple[float, ...]:
    """Return how many layers there are, and how their estimates are off, as ESTIMATE_COLUMNS name it."""
    off = np.abs(above)
    figures = (np.mean(above), off.mean(), (off <= 3).mean(), (off <= 6).mean(), off.max())
    return (len(off), *(round(float(figure), 3) for figure in figures))


def main() -> None:
    """Score what was trained."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("results/accuracy"), help="where trainings are kept")
    parser.add_argument("--results", type=Path, default=HERE, help="where the tables are")
    asked = parser.parse_args()
    run(FULL, asked.out, asked.results)


if __name__ == "__main__":
    main()
