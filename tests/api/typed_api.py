"""The public interface as a typed caller uses it. Never run: mypy checks it with the package."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, assert_type

import lw3dsim
from lw3dsim import Case, Comparison, ExecutionResult, Explanation, InputError, Mappings, OutputError, Result, dse
from lw3dsim.transform import Fsb

if TYPE_CHECKING:
    import pandas as pd


def runs(path: Path) -> float:
    """Call every function with arguments in all their forms."""
    network, arch = lw3dsim.load_workload("c3d", input_size=(16, 32, 32)), lw3dsim.load_arch(path, overrides={"a.b": 1})
    assert_type(network, lw3dsim.Workload)
    assert_type(arch, lw3dsim.Accelerator)
    result = lw3dsim.simulate(network, arch, ["fsb"], "hfa", 2, 2, clips=2, mapping=path, progress=print)
    assert_type(result, Result)
    assert_type(result.config.arch, lw3dsim.Accelerator)
    assert_type(result.cycles_breakdown.multiply, int)
    assert_type([layer.energy_breakdown_pj.dram_io for layer in result.record.layers], list[float])
    assert_type(lw3dsim.simulate(network, transform=[Fsb(alpha=0.5, middle=(64, 128)), "trg"]), Result)
    assert_type(lw3dsim.load_result(path), Result)
    cases = [*lw3dsim.default_cases(network), Case(name="a", overrides="pe.rows=4", input_size={"clip": "16x32x32"})]
    assert_type(lw3dsim.compare("c3d", cases), Comparison)
    assert_type(lw3dsim.explain("c3d", fusion="auto", objective="edp"), Explanation)
    assert_type(lw3dsim.map_workload("c3d", layers=("conv1a",)), Mappings)
    assert_type(lw3dsim.trace("c3d", out=path, fusion="auto", layers=("conv1a",), banks=True).slices, int)
    assert_type(lw3dsim.execute("c3d", dtype="int16", seed=3), ExecutionResult)
    assert_type(result.plot.save("energy", path, width="double"), Path)
    result.plot.timeline("conv1a", whole=True).write_html(path)
    assert_type([row.reads for row in result.record.accesses], list[int])
    assert_type([one.reuse for layer in result.record.layers for one in layer.reuse], list[float])
    latency: float = result.totals.latency_ms
    return latency


def search(path: Path) -> pd.DataFrame:
    """Call every verb of a search."""
    space = dse.load_space("edge_chip")
    try:
        study = dse.run(space, trials=10, sampler="nsga2", storage=path, resume=True, bounds=False, progress=print)
    except (InputError, OutputError):
        study = dse.study("edge_chip")
    assert_type(study, dse.Study)
    assert_type(study.plot.save("front", path), Path)
    assert_type(dse.status(space).hypervolume, float)
    assert_type(dse.prove(space, storage=path, minutes=0.5, resume=True, progress=print).factor, float | None)
    assert_type(dse.export(space, path), Path)
    assert_type(dse.report(space), Path)
    return dse.front(space, storage=path)


def wrong(result: Result) -> None:
    """Call functions as the types forbid; each ignore is needed, or mypy says so."""
    lw3dsim.simulate("c3d", m1=2.5)  # type: ignore[arg-type]
    Fsb(alpha="half")  # type: ignore[arg-type]
    lw3dsim.simulate("c3d", input_size=16)  # type: ignore[arg-type]
    lw3dsim.simulate("c3d", algoritm="hfa")  # type: ignore[call-arg]
    lw3dsim.explain("c3d", clips=2)  # type: ignore[call-arg]
    Case(name="a", m1="2")  # type: ignore[arg-type]
    lw3dsim.simulate("c3d", objective="speed")  # type: ignore[arg-type]
    lw3dsim.compare("c3d", ["baseline"])  # type: ignore[list-item]
    result.config.engine = "simpy"  # type: ignore[misc]
    result.totals.latency  # type: ignore[attr-defined]  # noqa: B018
