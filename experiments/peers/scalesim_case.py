"""Run one work on SCALE-Sim: ``python scalesim_case.py WORK INPUTS RECORD``, in its own environment.

Its class is used because its command line ignores ``-s``, and would write every
trace: 55 GB for C3D.
"""

from __future__ import annotations

import sys
from pathlib import Path

from measure import cpu_seconds, write_record
from scalesim.scale_sim import scalesim


def run(topology: Path, layout: Path, out: Path, *, gemm: bool) -> list[int]:
    """Simulate a topology without traces; return the cycles of every layer, stalls included."""
    simulator = scalesim(
        save_disk_space=True,
        verbose=False,
        config=str(topology.with_name("machine.cfg")),
        topology=str(topology),
        layout=str(layout),
        input_type_gemm=gemm,
    )
    out.mkdir(parents=True, exist_ok=True)
    simulator.run_scale(top_path=str(out))
    return [int(layer.get_compute_report_items()[1]) for layer in simulator.runner.single_layer_sim_object_list]


def main() -> None:
    """Warm up, run, leave the record."""
    work, inputs, record = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    out = Path(record).parent / "scalesim_reports"
    run(inputs / "warm_up.csv", inputs / "gemm_layout.csv", out, gemm=True)
    layout = inputs / ("gemm_layout.csv" if work == "gemm" else "conv1a_layout.csv")
    start = cpu_seconds()
    cycles = run(inputs / f"{work}.csv", layout, out, gemm=work == "gemm")
    write_record(record, "scalesim", cpu_seconds() - start, cycles)


if __name__ == "__main__":
    main()
