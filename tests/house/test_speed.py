"""How fast is it: run with ``make bench``; no test of the suite depends on time."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from apart import apart
from test_engines import clocks, interpreted, memory_of

from lw3dsim import simulate
from lw3dsim.base.caches import forget
from lw3dsim.engine import fast_engine, simpy_engine
from lw3dsim.engine.run import COMPILED, INTERPRETED, NO_JUMPS, run_compiled, run_interpreted
from lw3dsim.engine.trace import Job, empty_trace
from lw3dsim.schedule.room import release_steps, release_stores

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
        forget()
        simulate(workload, transform=transform, algorithm=algorithm)

    benchmark.pedantic(cold, rounds=3, warmup_rounds=1)


def stream_job(steps):
    """A tile of every stream at every step, in a pipeline that DRAM, array and drain bind in turn."""
    every = np.arange(steps, dtype=np.int64)
    one = np.zeros(steps, dtype=np.int64)
    return Job(
        kind=every % 3,
        entry=np.array([20, 10, 30]),
        load=np.array([10, 60, 20]),
        tail=np.array([50, 10, 90]),
        head=np.array([70, 700, 90]),
        body=np.array([50, 10, 900]),
        drain=np.array([60, 400, 10]),
        lead=one[:3] - 1,
        ifmap=apart(first=every, box=one, after=release_steps(every, 2), gate=one - 1),
        weight=apart(first=every, box=one + 1, after=release_steps(every, 2), gate=one - 1),
        ofmap=apart(first=every, box=one + 2, after=every, gate=release_stores(steps, 2)),
        setup=0,
        cycle=1,
    )


RUNNERS = {
    "compiled": lambda job, memory: run_compiled(job, memory, empty_trace(job), NO_JUMPS),
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


JUMPERS = {
    "compiled": (run_compiled, COMPILED),
    "compiled, no jump": (run_compiled, NO_JUMPS),
    "interpreted": (run_interpreted, INTERPRETED),
    "interpreted, no jump": (run_interpreted, NO_JUMPS),
}


@pytest.mark.parametrize("engine", JUMPERS)
@pytest.mark.parametrize("steps", [100_000, 1_000_000])
def test_jumps(benchmark, steps, engine):
    """A job that repeats throughout, plain DRAM."""
    if engine == "interpreted, no jump" and steps > 100_000:
        pytest.skip("minutes")
    run, effort = JUMPERS[engine]
    boxes = [[(0, 9)], [(4096, 9)], [(8192, 4)]]
    job = stream_job(steps)
    setup = lambda: ((job, memory_of(clocks("plain"), boxes), empty_trace(job), effort), {})  # noqa: E731
    benchmark.pedantic(run, setup=setup, rounds=3, warmup_rounds=1)


@pytest.mark.parametrize("engine", JUMPERS)
def test_looking_for_what_is_not_there(benchmark, engine):
    """A job without any repetition, plain DRAM."""
    run, effort = JUMPERS[engine]
    steps = 1_000_000 if run is run_compiled else 100_000
    boxes = [[(0, 9)], [(4096, 9)], [(8192, 4)]]
    job = stream_job(steps)._replace(kind=np.random.default_rng(1).integers(0, 3, steps))
    setup = lambda: ((job, memory_of(clocks("plain"), boxes), empty_trace(job), effort), {})  # noqa: E731
    benchmark.pedantic(run, setup=setup, rounds=3, warmup_rounds=1)


COMMAND = [sys.executable, "-m", "lw3dsim"]
C3D = ["simulate", "c3d", "--transform", "fsb_c3d", "--algorithm", "hfa", "--format", "json"]


@pytest.mark.parametrize("arguments", [["--help"], C3D], ids=["help", "c3d"])
@pytest.mark.parametrize("cache", ["warm", "cold"])
def test_start_of_the_command_line(benchmark, arguments, cache, tmp_path):
    folder = {} if cache == "warm" else {"LW3DSIM_CACHE_DIR": str(tmp_path)}

    def run():
        subprocess.run([*COMMAND, *arguments], env=os.environ | folder, check=True, capture_output=True)

    if cache == "warm":
        run()
    benchmark.pedantic(run, rounds=3 if cache == "warm" else 1)


@pytest.mark.parametrize(("sampler", "trials"), [("exhaustive", 1080), ("random", 200)])
def test_design_points_per_second(benchmark, capsys, tmp_path, sampler, trials):
    """Designs of ``tiles_and_pes``: C3D-FSB with hFA, mapping search included, on two workers, start-up and all.

    In order, neighbours share the layers that do not differ; at random there is little to share.
    """
    options = ["--no-bounds", "--workers", "2", "--sampler", sampler, "--trials", str(trials)]
    command = [*COMMAND, "dse", "run", "tiles_and_pes", *options, "--storage", str(tmp_path / "points.journal")]
    benchmark.pedantic(lambda: subprocess.run(command, check=True, capture_output=True), rounds=1)
    rate = trials / benchmark.stats.stats.mean
    benchmark.extra_info["points_per_second"] = round(rate, 1)
    with capsys.disabled():
        print(f"\n{rate:.1f} design points a second on 2 workers ({sampler})")  # noqa: T201


@pytest.mark.parametrize("arch", ["edge_small", "edge_base", "edge_large"])
def test_peak_memory_of_the_largest_network(benchmark, arch):
    """Peak resident memory, in MB, as extra information; every case and buffer size runs in a process of its own."""
    code = (
        "import lw3dsim, resource, sys; lw3dsim.simulate('c3d_paper', arch=sys.argv[1]); "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )

    def run():
        done = subprocess.run([sys.executable, "-c", code, arch], check=True, capture_output=True, text=True)
        return int(done.stdout)

    benchmark.extra_info["peak_memory_mb"] = round(benchmark.pedantic(run, rounds=1) / 1024)
    print(f"{arch}: {benchmark.extra_info['peak_memory_mb']} MB")  # noqa: T201
