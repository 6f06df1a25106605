"""Train the paper's variants in small, some seeds each, and keep what comes of it.

    python experiments/accuracy/run.py

The learning rate of a network is that of the least loss in validation after a short training with a seed of its own.
Trainings lie in ``--out`` and are gone on with when this is called again, after a kill as well; ``--smoke`` trains as
little as shows that it works. Then ``python experiments/accuracy/page.py`` writes the tables and figures.
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
    """How much is trained: ``epochs`` of ``clips`` with each seed; the ``search`` with each rate, to choose one."""

    epochs: int
    clips: int
    seeds: tuple[int, ...]
    rates: tuple[float, ...]
    search: tuple[int, int]
    cases: tuple[Case, ...] = CASES


# Learning rates are chosen with a seed that no result has.
SEARCH_SEED = 9
WARMUP_EPOCHS = 1
FULL = Plan(10, 2000, (0, 1, 2), (0.03, 0.1), (3, 1500))
SMOKE = Plan(2, 20, (0,), (0.03, 0.1), (2, 20), (CASES[1], CASES[3]))


class Outcome(NamedTuple):
    """A training that is over: its ``training.json``, and the CPU time of its epochs."""

    record: Mapping[str, Any]
    cpu_s: float

    @property
    def last(self) -> Mapping[str, Any]:
        """Its last epoch."""
        return self.record["epochs"][-1]  # type: ignore[no-any-return]


class Task(NamedTuple):
    """A training of a case."""

    seed: int
    lr: float
    epochs: int
    clips: int


def folder_of(case: Case, trainings: Path, task: Task) -> Path:
    """Return where a training is kept."""
    name = f"{case.name.lower().replace(',', '').replace(' ', '_')}-lr{task.lr:g}"
    return trainings / f"seed{task.seed}-{task.epochs}x{task.clips}" / name


def trained(case: Case, trainings: Path, task: Task) -> Outcome:
    """Train ``case``, or go on with it; what is over is read."""
    folder = folder_of(case, trainings, task)
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
            warmup_epochs=WARMUP_EPOCHS,
            redraw=False,
            device="cpu",
            note=tick,
            **task._asdict(),
        )
    return Outcome(json.loads((folder / "training.json").read_text()), float(clock.read_text()))


def tried_rates(case: Case, trainings: Path, plan: Plan) -> tuple[list[float], list[tuple[Any, ...]]]:
    """Return the learning rates, that of the least loss in validation first, and a row for each that was tried."""
    rows, found = [], []
    for lr in plan.rates:
        try:
            made = trained(case, trainings, Task(SEARCH_SEED, lr, *plan.search))
        except InputError:  # the loss is no number any more
            rows.append((case.name, lr, "", "", ""))
            continue
        last = made.last
        rows.append((case.name, lr, last["validation_top1"], round(last["validation_loss"], 4), made.cpu_s))
        found.append((last["validation_loss"], lr))
    return [lr for _, lr in sorted(found)], rows


def trained_with_best(case: Case, trainings: Path, rates: Sequence[float], seed: int, plan: Plan) -> Outcome:
    """Train ``case`` with the first of ``rates`` with which the loss stays a number."""
    *others, last = rates
    for lr in others:
        try:
            return trained(case, trainings, Task(seed, lr, plan.epochs, plan.clips))
        except InputError:
            continue
    return trained(case, trainings, Task(seed, last, plan.epochs, plan.clips))


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
    """Choose rates, then train every case with one seed after the other; write the tables as they grow."""
    rates: dict[str, list[float]] = {}
    tried: list[Any] = []
    for case in plan.cases:
        rates[case.name], rows = tried_rates(case, trainings, plan)
        tried += rows
        write(results / "rates.csv", RATE_COLUMNS, tried)
    made: dict[tuple[str, int], Outcome] = {}
    for done, seed in enumerate(plan.seeds, 1):
        for case in plan.cases:
            made[case.name, seed] = trained_with_best(case, trainings, rates[case.name], seed, plan)
            print(*run_row(case, seed, made[case.name, seed]), flush=True)
        found = [(case, one, made[case.name, one]) for case in plan.cases for one in plan.seeds[:done]]
        write(results / "runs.csv", RUN_COLUMNS, [run_row(*one) for one in found])
        write(results / "curves.csv", CURVE_COLUMNS, [row for one in found for row in curve_rows(*one)])


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
