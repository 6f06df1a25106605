"""Write the tables and curves of ``docs/accuracy.md`` from what was trained: ``python experiments/accuracy/page.py``.

Tables stand between comments in the page, curves beside it. Nothing is trained here.
"""

from __future__ import annotations

import csv
import statistics
import sys
from pathlib import Path
from typing import TYPE_CHECKING

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

import predictions  # noqa: E402  # beside this file
from charts import COLOURS, Axis, Series, chart  # noqa: E402  # beside the folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Row = dict[str, str]

DOCS = HERE.parent.parent / "docs"

# Validation top-1 less that of the baseline in the paper's Table 2.
PAPER = {"FastTRG": 6.3, "SlowFSB": 1.8, "SlowDepth": -1.8, "FastDepth": -4.1, "Fast3D": -1.2}
BASELINE = "SlowFast"
FIGURES = {"table2": "SlowFast and its variants", "table3": "C3D and FSB-C3D", "trg": "TRG in C3D"}
# Curves that a figure shows besides those of its table.
BESIDE = {"trg": ("C3D, norms", "C3D")}


def read(name: str, folder: Path = HERE) -> list[Row]:
    """Return the rows of a table of results."""
    with (folder / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def by_network(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Return rows by network, in order."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["network"], []).append(row)
    return found


def spread(rows: Sequence[Row], column: str) -> str:
    """Return the mean of a share in percent, and how far seeds are from it at most."""
    values = [100 * float(row[column]) for row in rows]
    mean = statistics.fmean(values)
    return f"{mean:.1f} ± {max(abs(value - mean) for value in values):.1f}" if len(values) > 1 else f"{mean:.1f}"


def table(rows: Sequence[Row]) -> str:
    """Return what each network came to, a row each."""
    names = "parameters", "seeds", "rate", "training top-1", "validation top-1", "top-5", "test top-1"
    names = ("network", *names, "gained lately", "CPU s")
    lines = [f"| {' | '.join(names)} |", "|---" + "|---:" * (len(names) - 1) + "|"]
    for network, own in by_network(rows).items():
        shares = [spread(own, part) for part in ("train_top1", "validation_top1", "validation_top5", "test_top1")]
        gained = statistics.fmean(100 * float(row["gained_lately"]) for row in own)
        spent = statistics.fmean(float(row["cpu_s"]) for row in own)
        first = own[0]
        cells = (f"{int(first['parameters']):,}", str(len(own)), first["lr"], *shares, f"{gained:+.1f}", f"{spent:.0f}")
        lines.append(f"| {network} | {' | '.join(cells)} |")
    return "\n".join(lines)


def against_paper(rows: Sequence[Row]) -> str:
    """Return by how much variants are above the baseline in validation, here and in the paper, of equal seeds."""
    networks = by_network(rows)
    base = {row["seed"]: float(row["validation_top1"]) for row in networks.get(BASELINE, [])}
    lines = ["| variant | paper | here | from | to | seeds |", "|---|---:|---:|---:|---:|---:|"]
    for network, paper in PAPER.items():
        own = [row for row in networks.get(network, []) if row["seed"] in base]
        gains = [100 * (float(row["validation_top1"]) - base[row["seed"]]) for row in own]
        if gains:
            figures = f"{statistics.fmean(gains):+.1f} | {min(gains):+.1f} | {max(gains):+.1f} | {len(gains)}"
            lines.append(f"| {network} | {paper:+.1f} | {figures} |")
        else:
            lines.append(f"| {network} | {paper:+.1f} | | | | 0 |")
    return "\n".join(lines)


def curves(title: str, networks: Sequence[str], rows: Sequence[Row]) -> str:
    """Return a drawing of validation over epochs, the mean of all seeds."""
    series = []
    for colour, network in zip(COLOURS, networks, strict=False):
        epochs: dict[int, list[float]] = {}
        for row in rows:
            if row["network"] == network:
                epochs.setdefault(int(row["epoch"]), []).append(float(row["validation_top1"]))
        points = [(epoch, statistics.fmean(values)) for epoch, values in sorted(epochs.items())]
        series.append(Series(name=network, points=points, colour=colour, is_line=True))
    last = max((x for one in series for x, _ in one.points), default=1)
    return chart(title, Axis(title="epoch", low=0, high=last), Axis(title="validation top-1", low=0, high=1), series)


def filled(text: str, name: str, block: str) -> str:
    """Return a page with ``block`` between the comments of ``name``."""
    begin, end = f"<!-- {name} -->\n", "\n<!-- end -->"
    at = text.index(begin) + len(begin)
    return f"{text[:at]}\n{block}\n{text[text.index(end, at) :]}"


def write(docs: Path, results: Path) -> None:
    """Write tables and curves."""
    runs, epochs = read("runs", results), read("curves", results)
    page = docs / "accuracy.md"
    text = page.read_text(encoding="utf-8")
    for name, title in FIGURES.items():
        own = [row for row in runs if row["table"] == name]
        networks = [*BESIDE.get(name, ()), *by_network(own)]
        text = filled(text, name, table([row for row in runs if row["network"] in networks]))
        drawing = curves(f"{title}, mean of seeds", [one for one in networks if one in by_network(runs)], epochs)
        (docs / f"accuracy_{name}.svg").write_text(drawing, encoding="utf-8")
    answered, estimates = read("agreement", results), read("estimates", results)
    text = filled(text, "paper", against_paper(runs))
    text = filled(text, "networks", predictions.networks_table(answered))
    page.write_text(filled(text, "bins", predictions.bins_table(answered)), encoding="utf-8")
    learning = docs / "learning.md"
    text = filled(learning.read_text(encoding="utf-8"), "estimates", predictions.estimates_table(estimates))
    learning.write_text(filled(text, "arithmetics", predictions.arithmetics_table(answered)), encoding="utf-8")


if __name__ == "__main__":
    write(DOCS, HERE)
