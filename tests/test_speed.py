"""How fast is it: run with ``make bench``; no test of the suite depends on time."""

from __future__ import annotations

import numpy as np
import pytest
from test_engines import clocks, interpreted, memory_of, run_compiled

from lw3dsim import simulate
from lw3dsim.engine import fast_engine, simpy_engine
from lw3dsim.engine.trace import Job, release_steps, release_stores
from lw3dsim.pipeline import run_mapping, run_problem

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
        run_mapping.cache_clear()
        simulate(workload, transform=transform, algorithm=algorithm)

    benchmark.pedantic(cold, rounds=3, warmup_rounds=1)


def stream_job(steps):
    """A tile of every stream at every step, in a pipeline that DRAM, array and drain bind in turn."""
    every = np.arange(steps, dtype=np.int64)
    one = np.zeros(steps, dtype=np.int64)
    return Job(
        kind=every % 3,
        head=np.array([70, 700, 90]),
        body=np.array([50, 10, 900]),
        drain=np.array([60, 400, 10]),
        lead=one[:3],
        ifmap_first=every,
        ifmap_box=one,
        ifmap_after=release_steps(every, 2),
        ifmap_gate=one - 1,
        weight_first=every,
        weight_box=one + 1,
        weight_after=release_steps(every, 2),
        weight_gate=one - 1,
        opens=every,
        closes=every,
        ofmap_box=one + 2,
        ofmap_after=release_stores(steps, 2),
        setup=0,
        cycle=1,
    )


RUNNERS = {
    "compiled": run_compiled,
    "interpreted": interpreted(fast_engine.run),
    "simpy": interpreted(simpy_engine.run),
}


@pytest.mark.parametrize("model", ["plain", "in_order"])
@pytest.mark.parametrize("engine", RUNNERS)
@pytest.mark.parametrize("steps", [1_000, 100_000, 1_000_000])
def test_steps(benchmark, steps, engine, model):
    if steps > 100_000 and engine != "compiled":
        pytest.skip("minutes")
    boxes = [[(0, 9)], [(4096, 9)], [(8192, 4)]]
    setup = lambda: ((stream_job(steps), memory_of(clocks(model), boxes)), {})  # noqa: E731
    RUNNERS["compiled"](*setup()[0])
    benchmark.pedantic(RUNNERS[engine], setup=setup, rounds=1)
