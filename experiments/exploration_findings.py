"""Fill the tables and figures of docs/exploration.md from the studies that they are about.

    lw3dsim dse run tiles_and_pes --no-bounds
    lw3dsim dse run accuracy --no-bounds
    lw3dsim dse run accuracy_chip
    lw3dsim dse run edge_chip --trials 240
    lw3dsim dse run edge_chip --trials 240 --sampler random --storage results/dse/edge_chip_random.journal
    lw3dsim dse run shared_chip --trials 120
    lw3dsim dse run memories --no-bounds
    python experiments/sampler_comparison.py tiles_and_pes --share 0.25 --csv results/dse/samplers.csv \
        > results/dse/samplers.md
    python experiments/exploration_findings.py

What is missing is left as it is, with a note.
"""

from __future__ import annotations

import csv
import re
import statistics
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from charts import COLOURS, Axis, Series, chart

from lw3dsim.errors import InputError
from lw3dsim.explore.figures import axis_title
from lw3dsim.explore.importance import importances
from lw3dsim.explore.metrics import METRICS
from lw3dsim.explore.point import as_text
from lw3dsim.explore.space_file import load_space
from lw3dsim.explore.study import Study, read_study

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.explore.record import Record

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "exploration.md"
STUDIES = Path("results/dse")
GREY = "#b5b5b5"


def study_of(name: str, file: str | None = None) -> Study:
    """Return a study by its space; raise InputError where it was not run."""
    return read_study(load_space(name), str(STUDIES / f"{file or name}.journal"))


def front_table(study: Study, records: Sequence[Record]) -> str:
    """Return designs as a Markdown table."""
    limited = [limit.name for limit in study.space.limits if limit.name not in study.space.objectives]
    names = [*study.space.objectives, *limited]
    paths = [parameter.path for parameter in study.space.free]
    lines = ["| " + " | ".join([*names, *(f"`{path}`" for path in paths)]) + " |"]
    lines.append("|" + "---:|" * (len(names) + len(paths)))
    for record in records:
        values = dict(record.point.values)
        cells = [f"{record.outcome.metrics[name]:,.4g}" for name in names]
        cells += [as_text(values[path]) if path in values else "" for path in paths]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def extremes(study: Study, count: int = 8) -> list[Record]:
    """Return the best design of every objective, the least energy-delay product, and some spread between them."""
    vectors = [study.space.costs(record.outcome.metrics) for record in study.front]
    front = [record for place, record in enumerate(study.front) if vectors[place] not in vectors[:place]]
    chosen = [
        min(front, key=lambda r, n=name: study.space.costs(r.outcome.metrics)[n])
        for name in range(len(study.space.objectives))
    ]
    chosen.append(min(front, key=lambda record: record.outcome.metrics["edp_mjs"]))
    chosen += front[:: -(-len(front) // max(count - len(chosen), 1))]
    unique = {record.point.id: record for record in chosen}
    return sorted(unique.values(), key=lambda record: study.space.costs(record.outcome.metrics))


def importance_table(study: Study) -> str:
    """Return the importance of every parameter for every objective."""
    shares = {name: importances(study, name) for name in study.space.objectives}
    lines = ["| parameter | " + " | ".join(shares) + " |", "|---" + "|---:" * len(shares) + "|"]
    paths = sorted((p.path for p in study.space.free), key=lambda path: -sum(s[path] for s in shares.values()))
    lines += [f"| `{path}` | " + " | ".join(f"{share[path]:.1%}" for share in shares.values()) + " |" for path in paths]
    return "\n".join(lines)


def summary(study: Study) -> str:
    """Return a sentence of counts."""
    counts = {state: study.count(state) for state in ("done", "discarded", "infeasible", "failed")}
    said = ", ".join(f"{count:,} {state}" for state, count in counts.items() if count)
    return (
        f"{len(study.records):,} points of {study.space.size:,} choices ({said}); {len(study.candidates):,} keep the "
        f"constraints, {len(study.front)} are on the front; hypervolume {study.hypervolume:.4f}."
    )


def tiles_table(study: Study) -> str:
    """Return latency and energy by m1 and m2 on the array of edge_base, relative to m1 = m2 = 1 (direct)."""
    array = {"pe.rows": 8, "pe.cols": 1, "pe.mults_per_pe": 36}
    cells = {}
    for record in study.candidates:
        values = dict(record.point.values)
        if all(values[path] == value for path, value in array.items()):
            cells[values["winograd.m1"], values["winograd.m2"]] = record.outcome.metrics
    base = cells[1, 1]
    tiles = sorted({m1 for m1, _ in cells})
    lines = [
        "| latency, energy | " + " | ".join(f"m2 = {m}" for m in tiles) + " |",
        "|---" + "|---:" * len(tiles) + "|",
    ]
    for m1 in tiles:
        row = [cells[m1, m2] for m2 in tiles]
        figures = [f"{c['latency_ms'] / base['latency_ms']:.2f}, {c['energy_mj'] / base['energy_mj']:.2f}" for c in row]
        lines.append(f"| m1 = {m1} | " + " | ".join(figures) + " |")
    return "\n".join(lines)


def cloud(study: Study, title: str, path: str, x: str = "latency_ms", y: str = "energy_mj") -> str:
    """Return all designs by two metrics, the front coloured by the value of a parameter."""

    def pick(record: Record) -> tuple[float, float]:
        return record.outcome.metrics[x], record.outcome.metrics[y]

    everything = [pick(record) for record in study.candidates]
    step = -(-len(everything) // 900)
    series = [Series(name="other designs", points=everything[::step], colour=GREY, radius=2.0, opacity=0.6)]
    parameter = next(p for p in study.space.free if p.path == path)
    for place, value in enumerate(parameter.values):
        points = [pick(record) for record in study.front if dict(record.point.values).get(path) == value]
        if points:
            series.append(
                Series(
                    name=f"{path} = {as_text(value)}", points=points, colour=COLOURS[place % len(COLOURS)], radius=4.5
                )
            )
    axes = [
        Axis(title=axis_title(name), low=0.95 * min(v), high=1.05 * max(v), is_log=True)
        for name, v in zip((x, y), zip(*everything, strict=True), strict=True)
    ]
    return chart(title, axes[0], axes[1], series)


def sampler_chart(file: Path, size: int) -> str:
    """Return the median hypervolume over points of every sampler."""
    curves: dict[str, dict[int, list[float]]] = {}
    with file.open(newline="", encoding="utf-8") as text:
        for row in csv.DictReader(text):
            curves.setdefault(row["sampler"], {}).setdefault(int(row["points"]), []).append(float(row["hypervolume"]))
    series = [
        Series(
            name=name,
            points=[(points / size, statistics.median(values)) for points, values in sorted(curve.items())],
            colour=COLOURS[place % len(COLOURS)],
            is_line=True,
        )
        for place, (name, curve) in enumerate(curves.items())
    ]
    x = Axis(title="share of the designs that was looked at", low=0.0, high=0.25)
    return chart(
        "Hypervolume against the true front (median of 5 seeds)",
        x,
        Axis(title="hypervolume", low=0.9, high=1.0),
        series,
    )


def replace_block(text: str, name: str, block: str) -> str:
    """Put ``block`` between the markers of ``name``."""
    pattern = re.compile(rf"(<!-- {re.escape(name)} -->\n).*?(<!-- end -->)", re.DOTALL)
    if not pattern.search(text):
        raise InputError(f"{DOCUMENT}: has no place for {name}")
    return pattern.sub(lambda match: f"{match[1]}\n{block}\n\n{match[2]}", text)


def tiles_and_pes() -> dict[str, str]:
    """Return the findings of the enumerated space."""
    study = study_of("tiles_and_pes")
    figure = cloud(study, "tiles_and_pes: every design, the front by m1", "winograd.m1")
    (ROOT / "docs" / "exploration_tiles.svg").write_text(figure, encoding="utf-8")
    return {
        "tiles_and_pes": f"{summary(study)}\n\n{front_table(study, extremes(study, 12))}",
        "tiles": tiles_table(study),
        "tiles_importance": importance_table(study),
    }


def samplers() -> dict[str, str]:
    """Return the comparison of the samplers."""
    size = len(study_of("tiles_and_pes").records)
    (ROOT / "docs" / "exploration_samplers.svg").write_text(
        sampler_chart(STUDIES / "samplers.csv", size), encoding="utf-8"
    )
    return {"samplers": (STUDIES / "samplers.md").read_text(encoding="utf-8").strip()}


def edge_chip() -> dict[str, str]:
    """Return the findings of the large space."""
    learnt = study_of("edge_chip")
    (ROOT / "docs" / "exploration_edge.svg").write_text(
        cloud(learnt, "edge_chip: designs within the constraints, the front by m2", "winograd.m2"), encoding="utf-8"
    )
    return {"edge_chip": f"{summary(learnt)}\n\n{transposed(learnt, extremes(learnt, 7))}"}


def edge_chip_search() -> dict[str, str]:
    """Return the hypervolumes of a search that learns, and of chance."""
    learnt, chance = study_of("edge_chip"), study_of("edge_chip", "edge_chip_random")
    searches = {learnt.settings.sampler: dict(learnt.history(3000)), "random": dict(chance.history(3000))}
    marks = [
        number for number in (40, 80, 120, 160, 240, 500, 1000, 3000) if all(number in h for h in searches.values())
    ]
    if not marks:
        raise InputError("too few points to compare; run both for longer")
    lines = [
        "| hypervolume after | " + " | ".join(f"{mark:,}" for mark in marks) + " |",
        "|---" + "|---:" * len(marks) + "|",
    ]
    lines += [f"| `{name}` | " + " | ".join(f"{h[mark]:.4f}" for mark in marks) + " |" for name, h in searches.items()]
    return {"edge_chip_search": "\n".join(lines)}


def transposed(study: Study, records: Sequence[Record]) -> str:
    """Return designs as columns, for spaces of many parameters."""
    names = [*study.space.objectives, *(m for m in ("dram_mb", "peak_power_mw") if m in METRICS)]
    lines = ["| |" + " |" * len(records), "|---|" + "---:|" * len(records)]
    lines += [f"| {name} | " + " | ".join(f"{r.outcome.metrics[name]:,.4g}" for r in records) + " |" for name in names]
    for parameter in study.space.free:
        cells = [dict(record.point.values).get(parameter.path, "") for record in records]
        lines.append(f"| `{parameter.path}` | " + " | ".join(as_text(cell) for cell in cells) + " |")
    return "\n".join(lines)


def shared_chip() -> dict[str, str]:
    """Return the findings of the chip for two networks."""
    study = study_of("shared_chip")
    return {"shared_chip": f"{summary(study)}\n\n{front_table(study, extremes(study, 10))}"}


def memories() -> dict[str, str]:
    """Return what one memory saves against three buffers of at most as many KiB, and the front of both."""
    study = study_of("memories")
    shared = [r for r in study.candidates if dict(r.point.values)["run.arch"] == "edge_shared"]
    apart = [r for r in study.candidates if r not in shared]
    lines = [
        "| KiB | one memory: mJ | DRAM MB | mm2 | three buffers: mJ | DRAM MB | mm2 | inputs, weights, outputs |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for one in sorted(shared, key=lambda r: r.outcome.metrics["sram_kib"]):
        kib = one.outcome.metrics["sram_kib"]
        within = [r for r in apart if r.outcome.metrics["sram_kib"] <= kib]
        best = min(within, key=lambda r: r.outcome.metrics["energy_mj"])
        values = dict(best.point.values)
        split = ", ".join(as_text(values[f"buffers.{name}_kib"]) for name in ("ifmap", "weight", "ofmap"))
        cells = [
            f"{record.outcome.metrics[name]:,.4g}"
            for record in (one, best)
            for name in ("energy_mj", "dram_mb", "area_mm2")
        ]
        lines.append(f"| {kib:,.0f} | {' | '.join(cells)} | {split} |")
    return {"memories": f"{summary(study)}\n\n" + "\n".join(lines)}


def accuracy() -> dict[str, str]:
    """Return the findings on narrower transformed operands."""
    study = study_of("accuracy")
    return {"accuracy": f"{summary(study)}\n\n{front_table(study, extremes(study, 10))}"}


def accuracy_chip() -> dict[str, str]:
    """Return the findings on what designs still answer: the front, and agreement by tile, widths and shifts."""
    study = study_of("accuracy_chip")
    front = study.front
    text = f"{summary(study)}\n\n{front_table(study, sorted(front, key=lambda r: r.outcome.metrics['latency_ms']))}"
    return {"accuracy_chip": text, "agreement": agreements(study)}


def agreements(study: Study) -> str:
    """Return agreement by tile and multiplier, of shifts of the worst case and calibrated, as a table."""
    found: dict[tuple[object, ...], float] = {}
    for record in study.records:
        values = dict(record.point.values)
        names = ("m1", "m2"), ("transformed_data_bits", "transformed_weight_bits")
        tile = tuple(values[f"winograd.{name}"] for name in names[0])
        bits = tuple(values[f"precision.{name}"] for name in names[1])
        if record.outcome.state == "done":
            found[*tile, *bits, values["precision.shifts"]] = record.outcome.metrics["agreement"]
    tiles, widths = sorted({key[:2] for key in found}), sorted({key[2:4] for key in found if key[2] == key[3]})
    heads = [f"{data} x {weight}, {words}" for data, weight in widths for words in ("worst case", "calibrated")]
    lines = ["| m1, m2 | " + " | ".join(heads) + " |", "|---" + "|---:" * len(heads) + "|"]
    for tile in tiles:
        keys = [(*tile, *bits, shifts) for bits in widths for shifts in ("worst_case", "calibrated")]
        cells = [f"{found[key]:.3f}" if key in found else "" for key in keys]
        lines.append(f"| {tile[0]}, {tile[1]} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> int:
    """Fill in what there is; return the exit code."""
    text = DOCUMENT.read_text(encoding="utf-8")
    studies = tiles_and_pes, samplers, edge_chip, edge_chip_search, shared_chip, memories, accuracy, accuracy_chip
    for findings in studies:
        try:
            for name, block in findings().items():
                text = replace_block(text, name, block)
        except (InputError, OSError) as error:
            print(f"note: {findings.__name__}: {error}", file=sys.stderr)
    DOCUMENT.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
