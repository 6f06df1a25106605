"""What predicted agreement and estimates of the SQNR are worth, from ``agreement.csv`` and ``estimates.csv``."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from agreement import ADDED, KEPT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Row = dict[str, str]

# Shares between which predictions are held against what was measured.
BINS = (0.97, 0.9, 0.7, 0.4, 0.0)
SHIFTS = {("calibrated", "tap"): "calibrated, per tap", ("calibrated", "tensor"): "calibrated, per tensor"}
SHIFTS |= {("worst_case", "tap"): "worst case, per tap"}
# Of the table of what arithmetics come to.
SHOWN = ("C3D, norms", "FSB-C3D, norms", "C3D", "FSB-C3D", "SlowFast", "FastTRG")


def off(rows: Iterable[Row], added: int) -> list[float]:
    """Return by how much predictions with so many dB added are above what was measured."""
    return [float(row[f"predicted{added:+d}"]) - float(row["agreement"]) for row in rows]


def best_added(rows: Sequence[Row]) -> int:
    """Return what is best added to the noise of these networks: the mean miss is least, then the least in dB."""
    return min(ADDED, key=lambda added: (statistics.fmean(map(abs, off(rows, added))), abs(added)))


def held_out(rows: Sequence[Row]) -> list[tuple[Row, float]]:
    """Return each row with what is predicted of it by what was best on all other networks."""
    found = []
    for network in dict.fromkeys(row["network"] for row in rows):
        added = best_added([row for row in rows if row["network"] != network])
        found += [(row, float(row[f"predicted{added:+d}"])) for row in rows if row["network"] == network]
    return found


def own_miss(rows: Sequence[Row]) -> float:
    """Return the mean miss on a network's arithmetics, each by what was best on the others of this network."""
    missed = []
    for row in rows:
        added = best_added([other for other in rows if other is not row])
        missed += map(abs, off([row], added))
    return statistics.fmean(missed)


def networks_table(rows: Sequence[Row]) -> str:
    """Return how far predictions are off, by network, which was held out."""
    names = ("network held out", "arithmetics", "mean", "mean off", "farthest", "from 0.9 on", "fitted to itself")
    lines = [f"| {' | '.join(names)} |", "|---" + "|---:" * (len(names) - 1) + "|"]
    found = held_out(rows)
    for network in (*dict.fromkeys(row["network"] for row in rows), "all"):
        own = [(said, said - float(row["agreement"])) for row, said in found if network in (row["network"], "all")]
        sure = [abs(value) for said, value in own if said >= KEPT]
        values = [value for _, value in own]
        figures = statistics.fmean(values), statistics.fmean(map(abs, values)), max(values, key=abs)
        shown = f"{figures[0]:+.3f} | {figures[1]:.3f} | {figures[2]:+.2f}"
        certain = f"{statistics.fmean(sure):.3f}" if sure else ""
        fitted = f"{own_miss([row for row, _ in found if row['network'] == network]):.3f}" if network != "all" else ""
        lines.append(f"| {network} | {len(own)} | {shown} | {certain} | {fitted} |")
    return "\n".join(lines)


def bins_table(rows: Sequence[Row]) -> str:
    """Return what was measured where so much was predicted."""
    lines = ["| predicted | arithmetics | measured, mean | least | most |", "|---|---:|---:|---:|---:|"]
    above = 2.0
    for low in BINS:
        own = [float(row["agreement"]) for row, said in held_out(rows) if low <= said < above]
        name = f"from {low:g}" if above > 1 else f"{low:g} to {above:g}"
        above = low
        if own:
            lines.append(f"| {name} | {len(own)} | {statistics.fmean(own):.3f} | {min(own):.2f} | {max(own):.2f} |")
    return "\n".join(lines)


def estimates_table(rows: Sequence[Row]) -> str:
    """Return by how much estimates of layers are above what is measured, all networks together."""
    lines = ["| shifts | answers kept | layers | mean | mean off | within 3 dB | within 6 dB | farthest |"]
    lines.append("|---|---|---:|---:|---:|---:|---:|---:|")
    for key, name in SHIFTS.items():
        for is_kept, said in (("True", "yes"), ("False", "no")):
            own = [row for row in rows if (row["shifts"], row["per"], row["is_kept"]) == (*key, is_kept)]
            if own:
                lines.append(f"| {name} | {said} | {_together(own)} |")
    return "\n".join(lines)


def _together(rows: Sequence[Row]) -> str:
    layers = [int(row["layers"]) for row in rows]

    def mean(column: str) -> float:
        return statistics.fmean((float(row[column]) for row in rows), layers)

    shares = " | ".join(f"{100 * mean(f'within_{most}db'):.0f}%" for most in (3, 6))
    worst = max(float(row["worst_db"]) for row in rows)
    return f"{sum(layers)} | {mean('mean_db'):+.1f} dB | {mean('mean_off_db'):.1f} dB | {shares} | {worst:.1f} dB"


def arithmetics_table(rows: Sequence[Row]) -> str:
    """Return agreement by network and arithmetic, the mean of its seeds."""
    lines = [f"| network | m1, m2 | multiplier | {' | '.join(SHIFTS.values())} |", "|---|---|---:|---:|---:|---:|"]
    for network in SHOWN:
        own = [row for row in rows if row["network"] == network]
        for tile in dict.fromkeys((row["m1"], row["m2"], row["bits"]) for row in own):
            cells = []
            for shifts in SHIFTS:
                of = [row for row in own if (row["m1"], row["m2"], row["bits"]) == tile]
                found = [float(row["agreement"]) for row in of if (row["shifts"], row["per"]) == shifts]
                cells.append(f"{statistics.fmean(found):.2f}" if found else "")
            lines.append(f"| {network} | {tile[0]}, {tile[1]} | {tile[2]} x {tile[2]} | {' | '.join(cells)} |")
    return "\n".join(lines)
