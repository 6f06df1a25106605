"""Run SCALE-Sim, ZigZag, AccelForge and lw3dsim on the same work: CPU seconds, cycles, and the ratio peer / ours.

    python experiments/peers/run.py [--work DIR] [--only scalesim|zigzag|accelforge|ours] [--skip-slow]

Start-up is left out for everybody: each process measures its own CPU time around
the work, after a small run of something else. Measurements stay in the work folder and the
table shows the last of each, so that one tool can be measured again alone.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from environments import ROOT, PeerError, environment_of, python_of, run_logged
from inputs import COLS, ROWS, WORK, WRITERS

HERE = Path(__file__).resolve().parent
OURS_RUNS = 5  # processes; the median counts
LEAK = 1.5  # first / second cold run of ours, above which the warm-up missed something
LEAK_S = 0.05

TOOLS = ("ours", "scalesim", "zigzag", "accelforge")


@dataclass(frozen=True, kw_only=True)
class Case:
    """A work that a peer runs too; ``slow`` ones take half a minute or more."""

    work: str
    peer: str
    engine: str
    slow: bool = False


CASES = (
    Case(work="gemm", peer="scalesim", engine="output stationary"),
    Case(work="conv1a_frame", peer="scalesim", engine="output stationary", slow=True),
    Case(work="c3d_gemm", peer="zigzag", engine="LOMA"),
    Case(work="c3d_3d", peer="zigzag", engine="SALSA", slow=True),
    Case(work="gemm", peer="accelforge", engine="FFM"),
    Case(work="conv1a_frame", peer="accelforge", engine="FFM", slow=True),
    Case(work="c3d_gemm", peer="accelforge", engine="FFM"),
)


def record_path(folder: Path, tool: str, work: str) -> Path:
    """Return where the measurement of ``work`` on ``tool`` is kept."""
    return folder / "records" / f"{tool}_{work}.json"


def read_record(folder: Path, tool: str, work: str) -> dict[str, Any]:
    """Return the last measurement, empty if there is none."""
    path = record_path(folder, tool, work)
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


def run_once(folder: Path, python: Path, tool: str, work: str) -> dict[str, Any]:
    """Measure ``work`` on ``tool`` in a fresh process. Raises PeerError."""
    record = record_path(folder, tool, work)
    record.parent.mkdir(parents=True, exist_ok=True)
    record.unlink(missing_ok=True)
    script = HERE / f"{tool}_case.py"
    command = [str(python), str(script), work, str(folder / "inputs" / tool), str(record)]
    run_logged(command, folder / "logs" / f"{tool}_{work}.txt", f"{tool}: {work} failed", environment_of(tool, python))
    return read_record(folder, tool, work)


def run_ours(folder: Path, python: Path, work: str) -> dict[str, Any]:
    """Measure ``work`` on lw3dsim in several processes; keep the one with the median of CPU seconds."""
    records = [run_once(folder, python, "ours", work) for _ in range(OURS_RUNS)]
    seconds = [record["cpu_s"] for record in records]
    middle = next(record for record in records if record["cpu_s"] == statistics.median(seconds))
    middle |= {"fastest_s": min(seconds), "slowest_s": max(seconds)}
    record_path(folder, "ours", work).write_text(json.dumps(middle, indent=1) + "\n", encoding="utf-8")
    if middle["cpu_s_first"] > LEAK * middle["cpu_s"] and middle["cpu_s_first"] > LEAK_S:
        print(f"ours: {work}: the first cold run took {middle['cpu_s_first']:.3f} s; does it still compile?")
    return middle


def measure(folder: Path, tool: str, works: list[str]) -> int:
    """Measure ``works`` on ``tool`` with progress lines; return how many failed."""
    inputs = folder / "inputs" / tool
    inputs.mkdir(parents=True, exist_ok=True)
    WRITERS[tool](inputs)
    try:
        python = python_of(tool, folder)
    except PeerError as error:
        print(f"error: {error}", file=sys.stderr)
        return len(works)
    failed = 0
    for work in works:
        print(f"{tool}: {work} ...", flush=True)
        try:
            record = run_ours(folder, python, work) if tool == "ours" else run_once(folder, python, tool, work)
        except PeerError as error:
            print(f"error: {error}", file=sys.stderr)
            failed += 1
            continue
        print(f"{tool}: {work}: {record['cycles']:,} cycles in {record['cpu_s']:.3f} CPU s", flush=True)
    return failed


def ratio(peer: dict[str, Any], ours: dict[str, Any], key: str) -> float | None:
    """Return peer / ours, if both were measured."""
    return peer[key] / ours[key] if peer and ours else None


def rows(folder: Path) -> list[dict[str, Any]]:
    """Return one row per case from the last measurements."""
    table = []
    for case in CASES:
        peer, ours = read_record(folder, case.peer, case.work), read_record(folder, "ours", case.work)
        macs = sum(layer.macs for layer in WORK[case.work])
        row: dict[str, Any] = {"work": case.work, "peer": case.peer, "engine": case.engine}
        row |= {"macs": macs, "ideal_cycles": macs // (ROWS * COLS)}
        for name, record in (("peer", peer), ("ours", ours)):
            row |= {f"{name}_{key}": record.get(key) for key in ("cycles", "cpu_s", "version", "measured")}
        row |= {"cycles_ratio": ratio(peer, ours, "cycles"), "cpu_ratio": ratio(peer, ours, "cpu_s")}
        table.append(row)
    return table


def as_text(table: list[dict[str, Any]]) -> str:
    """Lay the rows out for reading."""
    columns = {
        "work": ("<14", "work", ""), "peer": ("<11", "peer", ""), "engine": ("<19", "engine", ""),
        "ideal_cycles": (">13", "ideal cycles", ","), "peer_cycles": (">13", "peer cycles", ","),
        "ours_cycles": (">13", "our cycles", ","), "cycles_ratio": (">7", "ratio", ".2f"),
        "peer_cpu_s": (">11", "peer CPU s", ".2f"), "ours_cpu_s": (">10", "our CPU s", ".3f"),
        "cpu_ratio": (">8", "ratio", ",.0f"), "peer_measured": (">12", "peer run", ""),
        "ours_measured": (">12", "our run", ""),
    }  # fmt: skip
    lines = ["".join(f"{title:{width}}" for width, title, _ in columns.values())]
    for row in table:
        cells = {key: "-" if row[key] is None else f"{row[key]:{form}}" for key, (_, _, form) in columns.items()}
        lines.append("".join(f"{cells[key]:{width}}" for key, (width, _, _) in columns.items()))
    return "\n".join(line.rstrip() for line in lines)


def write_table(folder: Path) -> None:
    """Print the table; leave it as ``peers.csv`` and ``peers.txt``."""
    table = rows(folder)
    with (folder / "peers.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(table[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
    text = as_text(table)
    (folder / "peers.txt").write_text(text + "\n", encoding="utf-8")
    print(f"\n{text}")


def main() -> None:
    """Measure what was asked for and show the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, default=ROOT / "results" / "peers", help="folder for all that is written")
    parser.add_argument("--only", choices=TOOLS, help="measure this tool alone")
    parser.add_argument("--skip-slow", action="store_true", help="leave out peer runs of half a minute or more")
    options = parser.parse_args()
    folder = options.work.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    failed = 0
    for tool in TOOLS if options.only is None else (options.only,):
        cases = [c for c in CASES if tool == "ours" or (c.peer == tool and not (c.slow and options.skip_slow))]
        works = list(dict.fromkeys(case.work for case in cases))
        failed += measure(folder, tool, works)
    write_table(folder)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
