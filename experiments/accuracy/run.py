"""Train the paper's variants in small, some seeds each, and keep what comes of it.

    python experiments/accuracy/run.py

The learning rate of a network is that with which the first seed does best in validation. Trainings lie in ``--out``
and are gone on with when this is called again, after a kill as well; ``--smoke`` trains as little as shows that it
works. Then ``python experiments/accuracy/page.py`` writes the tables and figures.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from cases import CASES, Case

from lw3dsim.errors import InputError
from lw3dsim.learn import train

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

HERE = Path(__file__).parent
# Clips as small as digits can be: twice their own side.
SIZE = (8, 16, 16)
PARTS = ("train", "validation")
RUN_COLUMNS = (
    *("table", "network", "seed", "lr", "parameters", "train_top1", "train_top5", "validation_top1"),
    *("validation_top5", "test_top1", "test_top5", "gained_lately", "cpu_s"),
)
CURVE_COLUMNS = ("network", "seed", "epoch", "train_loss", "train_top1", "validation_loss", "validation_top1")
RATE_COLUMNS = ("network", "lr", "validation_top1", "validation_loss", "cpu_s")


class Plan(NamedTuple):
    """How much is trained: so many epochs of so many clips for every seed, for the first with every learning rate."""

    epochs: int
    clips: int
    seeds: tuple[int, ...]
    rates: tuple[float, ...]
    cases: tuple[Case, ...] = CASES


FULL = Plan(10, 600, (0, 1, 2), (0.03, 0.1))
SMOKE = Plan(1, 20, (0,), (0.03, 0.1), (CASES[1], CASES[3]))


class Outcome(NamedTuple):
    """A training that is over: its ``training.json``, and the CPU time of its epochs."""

    record: Mapping[str, Any]
    cpu_s: float

    @property
    def last(self) -> Mapping[str, Any]:
        """Its last epoch."""
        return self.record["epochs"][-1]  # type: ignore[no-any-return]


def trained(case: Case, trainings: Path, plan: Plan, seed: int, lr: float) -> Outcome:
    """Train ``case``, or go on with it; what is over is read."""
    folder = trainings / f"seed{seed}" / f"{case.name.lower().replace(',', '').replace(' ', '_')}-lr{lr:g}"
    clock, begun = folder.parent / f"{folder.name}.cpu", time.process_time()
    spent = float(clock.read_text()) if clock.exists() else 0.0

    def tick(_: str) -> None:
        clock.write_text(f"{spent + time.process_time() - begun:.2f}")

    if not (folder / "training.json").exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        train(
            case.network(SIZE),
            case.transform,
            out=folder,
            resume=True,
            seed=seed,
            lr=lr,
            epochs=plan.epochs,
            clips=plan.clips,
            device="cpu",
            note=tick,
        )
    return Outcome(json.loads((folder / "training.json").read_text()), float(clock.read_text()))


def chosen_rate(case: Case, trainings: Path, plan: Plan) -> tuple[float, list[tuple[Any, ...]]]:
    """Return the learning rate of the best validation, and a row for each that was tried."""
    rows, best = [], (-1.0, 0.0, 0.0)
    for lr in plan.rates:
        try:
            made = trained(case, trainings, plan, plan.seeds[0], lr)
        except InputError:  # the loss is no number any more
            rows.append((case.name, lr, "", "", ""))
            continue
        last = made.last
        rows.append((case.name, lr, last["validation_top1"], round(last["validation_loss"], 4), made.cpu_s))
        best = max(best, (last["validation_top1"], -last["validation_loss"], lr))
    return best[2], rows


def run_row(case: Case, seed: int, made: Outcome) -> tuple[Any, ...]:
    """Return the row of a training, as RUN_COLUMNS name it."""
    record, last = made.record, made.last
    before = record["epochs"][-1 - len(record["epochs"]) // 4]
    return (
        *(case.table, case.name, seed, record["settings"]["lr"], record["parameters"]),
        *(round(last[f"{part}_top{k}"], 4) for part in PARTS for k in (1, 5)),
        *(record["test_top1"], record["test_top5"]),
        round(last["validation_top1"] - before["validation_top1"], 4),
        made.cpu_s,
    )


def curve_rows(case: Case, seed: int, made: Outcome) -> list[tuple[Any, ...]]:
    """Return a row per epoch, as CURVE_COLUMNS name it."""
    shown = CURVE_COLUMNS[2:]
    return [(case.name, seed, *(round(epoch[name], 4) for name in shown)) for epoch in made.record["epochs"]]


def write(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a table."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([columns, *rows])


def run(plan: Plan, trainings: Path, results: Path) -> None:
    """Train every case with every seed; write the tables as they grow."""
    runs: list[Any] = []
    curves: list[Any] = []
    rates: list[Any] = []
    for case in plan.cases:
        lr, rows = chosen_rate(case, trainings, plan)
        rates += rows
        for seed in plan.seeds:
            made = trained(case, trainings, plan, seed, lr)
            runs.append(run_row(case, seed, made))
            curves += curve_rows(case, seed, made)
            print(*runs[-1], flush=True)
        write(results / "rates.csv", RATE_COLUMNS, rates)
        write(results / "runs.csv", RUN_COLUMNS, runs)
        write(results / "curves.csv", CURVE_COLUMNS, curves)


def main() -> None:
    """Train what is not trained yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("results/accuracy"), help="where trainings are kept")
    parser.add_argument("--results", type=Path, default=HERE, help="where the tables are written")
    parser.add_argument("--smoke", action="store_true", help="train as little as shows that it works")
    asked = parser.parse_args()
    run(SMOKE if asked.smoke else FULL, asked.out, asked.results)


if __name__ == "__main__":
    main()
