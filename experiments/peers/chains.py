"""Map fused chains with AccelForge and with lw3dsim at equal memory, as the table of docs/fusion.md.

    python experiments/peers/chains.py [--work DIR] [--only ours|accelforge]

Both are asked for the fewest DRAM bytes. AccelForge runs in its environment, which is made once, a process per chain
and memory; its mappings are in the logs. Measurements stay in the work folder, and the table shows the last of each.
It runs in any Python that has ``lw3dsim``.
"""

from __future__ import annotations

import argparse
import csv
import json
import signal
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any

from chain_inputs import CHAINS, KIBS, PATIENCE_S, Chain, our_memories, write_accelforge, write_ours
from environments import ROOT, PeerError, environment_of, python_of
from measure import cpu_seconds
from ours_case import caches

import lw3dsim

HERE = Path(__file__).resolve().parent
PAGE = ROOT / "docs" / "fusion.md"
BEGIN, END = "<!-- begin chains -->\n", "<!-- end chains -->\n"
TOOLS = ("ours", "accelforge")
REQUEST = {"algorithm": "direct", "fusion": "auto", "objective": "dram_bytes_only"}
TITLES = {
    "chain": "chain", "kib": "KiB", "compulsory_bytes": "compulsory", "accelforge_bytes": "AccelForge",
    "accelforge_cpu_s": "CPU s", "shared_bytes": "ours, shared",
    "three_bytes": "ours, three", "shared_cpu_s": "CPU s, shared", "three_cpu_s": "three",
}  # fmt: skip


def map_ours(chain: Chain, kib: int, path: Path) -> dict[str, Any]:
    """Map ``chain`` in every kind of memory of ``kib``, from empty caches; return bytes and CPU seconds by kind."""
    write_ours(chain, path)
    record: dict[str, Any] = {"compulsory_bytes": chain.compulsory_bytes}
    for kind, (arch, overrides) in our_memories(kib).items():
        lw3dsim.simulate(path, arch, overrides=overrides, **REQUEST)
        for memory in caches():
            memory.cache_clear()
        start = cpu_seconds()
        totals = lw3dsim.simulate(path, arch, overrides=overrides, **REQUEST).totals
        record |= {f"{kind}_cpu_s": cpu_seconds() - start, f"{kind}_bytes": totals.dram_bytes}
        if totals.macs != chain.macs:
            raise PeerError(f"{chain.name}: {totals.macs:,} MACs are not the {chain.macs:,} that AccelForge is given")
    return record


def map_accelforge(chain: Chain, kib: int, python: Path, folder: Path) -> dict[str, Any]:
    """Map ``chain`` in a process of its own; return CPU seconds, and bytes unless stopped. Raises PeerError."""
    name = f"{chain.name}_{kib}"
    source, record, log = (
        folder / part / f"{name}.{end}" for part, end in (("in", "yaml"), ("out", "json"), ("logs", "txt"))
    )
    for path in (source, record, log):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_accelforge(chain, kib, source)
    record.unlink(missing_ok=True)
    command = [str(python), str(HERE / "accelforge_chains.py"), str(source), str(record)]
    with log.open("w", encoding="utf-8") as file:
        variables = environment_of("accelforge", python)
        done = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, env=variables)  # noqa: S603  # our own
    if done.returncode == -signal.SIGXCPU:
        return {"accelforge_cpu_s": PATIENCE_S}
    if done.returncode:
        raise PeerError(f"accelforge: {name} failed (its output: {log})")
    said = json.loads(record.read_text(encoding="utf-8"))
    return {"accelforge_bytes": said["dram_bytes"], "accelforge_cpu_s": said["cpu_s"]}


def measure(tool: str, folder: Path) -> None:
    """Measure all chains in all memories with ``tool``; leave a record of each. Raises PeerError."""
    python = python_of(tool, folder.parent)
    for chain, kib in product(CHAINS, KIBS):
        if tool == "ours":
            figures = map_ours(chain, kib, folder / f"{chain.name}.yaml")
        else:
            figures = map_accelforge(chain, kib, python, folder / tool)
        print(f"{tool}: {chain.name}, {kib} KiB: {figures}", flush=True)
        record_path(folder, tool, chain, kib).write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def record_path(folder: Path, tool: str, chain: Chain, kib: int) -> Path:
    """Return where the last measurement is kept."""
    return folder / f"{tool}_{chain.name}_{kib}.json"


def rows(folder: Path) -> list[dict[str, Any]]:
    """Return a row per chain and memory from the last measurements."""
    table = []
    for chain, kib in product(CHAINS, KIBS):
        row: dict[str, Any] = {"chain": chain.title, "kib": kib}
        for tool in TOOLS:
            path = record_path(folder, tool, chain, kib)
            row |= json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        table.append(row)
    return table


def cell(row: dict[str, Any], key: str) -> str:
    """Return a figure as it is shown."""
    value = row.get(key)
    if key == "accelforge_bytes" and value is None:
        return "stopped" if "accelforge_cpu_s" in row else "-"
    if key == "accelforge_cpu_s" and value is not None:
        return f"{value:.0f}"
    return (
        "-"
        if value is None
        else f"{value:.2f}"
        if key.endswith("cpu_s")
        else str(value)
        if key == "chain"
        else f"{value:,}"
    )


def write_table(folder: Path) -> None:
    """Write the table as ``chains.csv``, and into its page."""
    table = rows(folder)
    with (folder / "chains.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(TITLES), lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(table)
    lines = [f"| {' | '.join(TITLES.values())} |", "|---|" + "---:|" * (len(TITLES) - 1)]
    lines += [f"| {' | '.join(cell(row, key) for key in TITLES)} |" for row in table]
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    _, after = rest.split(END)
    PAGE.write_text(f"{before}{BEGIN}\n" + "\n".join(lines) + f"\n\n{END}{after}", encoding="utf-8")


def main() -> None:
    """Measure what was asked for and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, default=ROOT / "results" / "peers", help="folder for all that is written")
    parser.add_argument("--only", choices=TOOLS, help="measure this tool alone")
    options = parser.parse_args()
    folder = options.work.resolve() / "chains"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        for tool in TOOLS if options.only is None else (options.only,):
            measure(tool, folder)
    except PeerError as error:
        sys.exit(f"error: {error}")
    write_table(folder)


if __name__ == "__main__":
    main()
