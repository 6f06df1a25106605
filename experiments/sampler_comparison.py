"""Every sampler against the truth: hypervolume over evaluations, on a space that was looked at completely.

    lw3dsim dse run tiles_and_pes --no-bounds
    python experiments/sampler_comparison.py tiles_and_pes --csv sampler_comparison.csv

The samplers propose points as in a study; what a point costs is looked up in the complete one instead of simulated.
The hypervolume is that of the front of all designs = 1.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import sys
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from lw3dsim.errors import InputError
from lw3dsim.explore.front import Front, hypervolume
from lw3dsim.explore.plan import Plan
from lw3dsim.explore.record import Record
from lw3dsim.explore.samplers import SAMPLERS
from lw3dsim.explore.space_file import load_space
from lw3dsim.explore.storages import default_file
from lw3dsim.explore.study import Study, read_study

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SHARES = (0.05, 0.10, 0.15, 0.25, 0.50)
GOALS = (0.95, 0.99, 0.999)


@dataclass(frozen=True, kw_only=True)
class Trace:
    """One search: the hypervolume after every point (the truth is 1), and the seconds that the sampler took in all."""

    sampler: str
    seed: int
    curve: tuple[float, ...]
    seconds: float


def search(study: Study, sampler: str, seed: int, points: int, batch: int = 0) -> Trace:
    """Let ``sampler`` look at ``points`` designs of a complete ``study``."""
    known = {record.point.id: record for record in study.records}
    reference = study.settings.reference
    truth = hypervolume([study.space.costs(record.outcome.metrics) for record in study.front], reference)
    plan, front, curve, seconds = Plan(study.space, sampler, seed, batch), Front(), list[float](), 0.0
    while len(curve) < points and plan.can_ask():
        begin = time.perf_counter()
        tasks = plan.ask()
        seconds += time.perf_counter() - begin
        for task in tasks:
            found = known[task.point.id]
            plan.finish(Record(index=task.index, point=task.point, outcome=found.outcome, notes=task.notes))
            if found.is_candidate(study.space) and front.add(study.space.costs(found.outcome.metrics)):
                curve.append(hypervolume(front.vectors, reference) / truth)
            else:
                curve.append(curve[-1] if curve else 0.0)
    return Trace(sampler=sampler, seed=seed, curve=tuple(curve[:points]), seconds=seconds)


def samplers() -> list[str]:
    """Return the samplers whose packages are installed; of one that screens, few points are evaluations."""
    kinds = {name: kind for name, kind in SAMPLERS.items() if not kind.screens}
    return [name for name, kind in kinds.items() if all(find_spec(package) for package in kind.needs)]


def table(traces: Sequence[Trace], size: int) -> list[str]:
    """Return the lines of a Markdown table: medians over seeds, with the worst seed in brackets."""
    shares = [share for share in SHARES if all(round(share * size) <= len(trace.curve) for trace in traces)]
    head = [f"{share:.0%}" for share in shares] + [f"to {goal:.1%}" for goal in GOALS] + ["ms a point"]
    lines = ["| sampler | " + " | ".join(head) + " |", "|---" + "|---:" * len(head) + "|"]
    for name in dict.fromkeys(trace.sampler for trace in traces):
        own = [trace for trace in traces if trace.sampler == name]
        cells = [_at([trace.curve[round(share * size) - 1] for trace in own]) for share in shares]
        cells += [_reached([_points_to(trace.curve, goal) for trace in own], size) for goal in GOALS]
        cost = statistics.median(trace.seconds / len(trace.curve) for trace in own)
        lines.append(f"| `{name}` | " + " | ".join([*cells, f"{cost * 1e3:.2f}"]) + " |")
    return lines


def _at(values: list[float]) -> str:
    return f"{statistics.median(values):.4f}" + (f" ({min(values):.4f})" if len(set(values)) > 1 else "")


def _points_to(curve: Sequence[float], goal: float) -> int | None:
    return next((number for number, share in enumerate(curve, start=1) if share >= goal), None)


def _reached(points: list[int | None], size: int) -> str:
    """Return the median share of the designs that a goal took; seeds that never reach it count as the last."""
    ranked = sorted(point if point is not None else size + 1 for point in points)
    middle = ranked[len(ranked) // 2]
    return f"{middle / size:.1%}" if middle <= size else "-"


def write_curves(path: Path, traces: Iterable[Trace], step: int) -> None:
    """Write the curves, one point in ``step``."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("sampler", "seed", "points", "hypervolume"))
        for trace in traces:
            for number in range(step, len(trace.curve) + 1, step):
                writer.writerow((trace.sampler, trace.seed, number, f"{trace.curve[number - 1]:.6f}"))


def main() -> int:
    """Compare the samplers; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("space")
    parser.add_argument("--storage", help="the complete study; default: where `dse run` puts it")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--share", type=float, default=0.5, help="share of the designs that a search may look at")
    parser.add_argument("--samplers", default=",".join(samplers()))
    parser.add_argument("--batch", type=int, default=0, help="points proposed at once; default: the sampler's own")
    parser.add_argument("--csv", type=Path, help="write the curves here")
    options = parser.parse_args()
    try:
        space = load_space(options.space)
        study = read_study(space, options.storage or default_file(space.name))
        size = len(study.records)
        if size < sum(1 for _ in space.all_choices()) or study.count("discarded"):
            raise InputError(f"the study of {space.name} is not complete; run it with --sampler exhaustive --no-bounds")
    except InputError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    traces = []
    for name in options.samplers.split(","):
        for seed in range(options.seeds if name != "exhaustive" else 1):
            traces.append(search(study, name, seed, round(options.share * size), options.batch))
            print(f"{name} seed {seed}: {traces[-1].curve[-1]:.4f}, {traces[-1].seconds:.1f} s", file=sys.stderr)
    if options.csv:
        write_curves(options.csv, traces, max(size // 200, 1))
    print("\n".join(table(traces, size)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
