"""How fast is it: run with ``make bench``; no test of the suite depends on time."""

from __future__ import annotations

import pytest

from lw3dsim import simulate
from lw3dsim.engine import fast_engine, simpy_engine
from lw3dsim.engine.memory import PlainDram
from lw3dsim.engine.trace import Job, LoadJob, StoreJob
from lw3dsim.pipeline import run_problem

pytestmark = pytest.mark.benchmark

CASES = [
    ("c3d", "", "direct"),
    ("c3d", "fsb_c3d", "hfa"),
    ("c3d_paper", "fsb_c3d", "hfa"),
    ("slowfast_r50_4x16", "", "direct"),
    ("slowfast_r50_8x8", "slowfsb", "hfa"),
]


@pytest.mark.parametrize(("workload", "transform", "algorithm"), CASES)
def test_map_and_simulate(benchmark, workload, transform, algorithm):
    def cold():
        run_problem.cache_clear()
        simulate(workload, transform=transform, algorithm=algorithm)

    benchmark.pedantic(cold, rounds=3, warmup_rounds=1)


@pytest.mark.parametrize("engine", [fast_engine, simpy_engine], ids=["fast", "simpy"])
@pytest.mark.parametrize("steps", [1_000, 100_000])
def test_steps(benchmark, engine, steps):
    load = LoadJob(first=list(range(steps)), last=list(range(steps)), bursts=[9] * steps, slots=2)
    store = StoreJob(opens=list(range(steps)), closes=list(range(steps)), bursts=[4] * steps, slots=2)
    job = Job(
        head=[7] * steps, body=[5] * steps, drain=[6] * steps, ifmap=load, weight=load, ofmap=store, setup=0, cycle=1
    )
    benchmark.pedantic(engine.run, args=(job, PlainDram(burst_ticks=1, latency_ticks=20)), rounds=1)
