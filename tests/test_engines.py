"""Do both engines give the same integers, and is every rule of ``docs/timing.md`` tight?"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lw3dsim import simulate
from lw3dsim.engine import fast_engine, simpy_engine
from lw3dsim.engine.memory import PlainDram
from lw3dsim.engine.trace import Job, LoadJob, StoreJob

ENGINES = {"fast": fast_engine.run, "simpy": simpy_engine.run}

ticks = st.integers(0, 12)


@st.composite
def load_jobs(draw, steps):
    if draw(st.integers(0, 9)) == 0:
        return LoadJob(first=[], last=[], bursts=[], slots=1)
    first = sorted({0, *draw(st.sets(st.integers(0, steps - 1)))})
    last = [step - 1 for step in first[1:]] + [steps - 1]
    bursts = draw(st.lists(st.sampled_from([0, 1, 2, 5, 20]), min_size=len(first), max_size=len(first)))
    return LoadJob(first=first, last=last, bursts=bursts, slots=draw(st.integers(1, 7)))


@st.composite
def jobs(draw):
    steps = draw(st.integers(1, 25))
    cycle = draw(st.sampled_from([1, 3, 7, 1250]))
    closes = sorted({steps - 1, *draw(st.sets(st.integers(0, steps - 1)))})

    def cycles():
        return [cycle * n for n in draw(st.lists(ticks, min_size=steps, max_size=steps))]

    return Job(
        head=cycles(),
        body=cycles(),
        drain=cycles(),
        ifmap=draw(load_jobs(steps)),
        weight=draw(load_jobs(steps)),
        ofmap=StoreJob(
            opens=[0, *(step + 1 for step in closes[:-1])],
            closes=closes,
            bursts=draw(st.lists(st.sampled_from([0, 1, 3, 30]), min_size=len(closes), max_size=len(closes))),
            slots=draw(st.integers(1, 7)),
        ),
        setup=cycle * draw(st.integers(0, 3)),
        cycle=cycle,
    )


memories = st.builds(
    PlainDram, burst_ticks=st.sampled_from([1, 2, 5, 700]), latency_ticks=st.sampled_from([0, 1, 9, 2000])
)


@settings(max_examples=400, deadline=None)
@given(jobs(), memories)
def test_engines_agree_on_every_time(job, memory):
    assert fast_engine.run(job, memory) == simpy_engine.run(job, memory)


@settings(max_examples=200, deadline=None)
@given(jobs(), memories)
def test_slots_channel_and_units_are_never_shared(job, memory):
    trace = fast_engine.run(job, memory)
    transfers = []
    for load, grant, ready in (
        (job.ifmap, trace.ifmap_grant, trace.ifmap_ready),
        (job.weight, trace.weight_grant, trace.weight_ready),
    ):
        for tile, bursts in enumerate(load.bursts):
            transfers.append((grant[tile], grant[tile] + bursts * memory.burst_ticks))
            assert trace.start[load.first[tile]] >= ready[tile]
            if tile >= load.slots:
                assert grant[tile] >= trace.end[load.last[tile - load.slots]]
    for tile, bursts in enumerate(job.ofmap.bursts):
        transfers.append((trace.ofmap_grant[tile], trace.ofmap_grant[tile] + bursts * memory.burst_ticks))
        assert trace.ofmap_grant[tile] >= trace.drained[job.ofmap.closes[tile]]
        if tile >= job.ofmap.slots:
            assert trace.start[job.ofmap.opens[tile]] >= trace.ofmap_ready[tile - job.ofmap.slots]
    transfers.sort()
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(transfers))
    assert all(end <= start for end, start in zip(trace.end, trace.start[1:], strict=False))
    assert all(time % job.cycle == 0 for time in (*trace.start, *trace.handover, *trace.end, *trace.drained))


@dataclass
class Recorded:
    """A memory of one tick a burst that keeps its calls."""

    calls: list

    def transfer(self, start, bursts):
        self.calls.append((start, bursts))
        return start + bursts, start + bursts


def one_job(**changes):
    """Two steps of 10 + 0 cycles, a tile of each stream per step, one slot more than needed."""
    load = LoadJob(first=[0, 1], last=[0, 1], bursts=[4, 4], slots=2)
    base = Job(
        head=[10, 10],
        body=[0, 0],
        drain=[3, 3],
        ifmap=load,
        weight=replace(load, bursts=[2, 2]),
        ofmap=StoreJob(opens=[0, 1], closes=[0, 1], bursts=[5, 5], slots=2),
        setup=1,
        cycle=1,
    )
    return replace(base, **changes)


DRAM = PlainDram(burst_ticks=1, latency_ticks=0)
both = pytest.mark.parametrize("run", ENGINES.values(), ids=ENGINES)


@both
def test_nothing_moves_before_configuration(run):
    trace = run(one_job(), DRAM)
    assert trace.ifmap_grant[0] == 1
    assert trace.weight_grant[0] == 5
    assert trace.start[0] == 7


@both
def test_equal_requests_are_granted_by_port_then_loads_before_stores(run):
    calls = []
    run(one_job(), Recorded(calls))
    # Both first tiles are asked for at 1, the second ifmap tile at 5: the weight tile asked first.
    assert calls[:4] == [(1, 4), (5, 2), (7, 4), (11, 2)]


@both
def test_latency_delays_the_data_but_not_the_channel(run):
    slow = run(one_job(), PlainDram(burst_ticks=1, latency_ticks=6))
    assert slow.weight_grant[0] == 5
    assert slow.start[0] == 7 + 6


@both
def test_one_slot_loads_only_after_the_step_has_computed(run):
    job = one_job(ifmap=LoadJob(first=[0, 1], last=[0, 1], bursts=[4, 4], slots=1))
    trace = run(job, DRAM)
    assert trace.ifmap_grant[1] == trace.end[0] == 17
    assert trace.start[1] == 21


@both
def test_a_step_waits_for_the_store_that_frees_its_output_slot(run):
    job = one_job(ofmap=StoreJob(opens=[0, 1], closes=[0, 1], bursts=[5, 5], slots=1))
    trace = run(job, DRAM)
    assert trace.drained[0] == 20
    assert trace.ofmap_ready[0] == trace.start[1] == 25


@both
@pytest.mark.parametrize(("drain", "handover"), [(9, 27), (10, 27), (11, 28)])
def test_a_head_waits_for_the_drain_of_the_step_before(run, drain, handover):
    # Step 1 computes from 17 to 27; the drain of step 0 starts at 17.
    trace = run(one_job(drain=[drain, 3]), DRAM)
    assert trace.start[1] == 17
    assert trace.handover[1] == handover


@both
def test_steps_start_on_core_clock_edges(run):
    job = one_job(cycle=10, setup=10, head=[10, 10], drain=[10, 10])
    trace = run(job, DRAM)
    assert trace.weight_ready[0] == 16
    assert trace.start[0] == 20


@pytest.mark.parametrize(
    ("workload", "size", "transform", "algorithm"),
    [
        ("c3d", "16x56x56", "fsb_c3d", "hfa"),
        ("c3d", "16x112x112", "", "winograd3d"),
        ("slowfast_r50_4x16", "32x64x64", "slowfsb", "hfa"),
    ],
)
def test_engines_agree_on_networks(workload, size, transform, algorithm):
    results = [
        dict(simulate(workload, transform=transform, algorithm=algorithm, input_size=size, engine=engine).data)
        for engine in ENGINES
    ]
    for result in results:
        del result["config"]
    assert results[0] == results[1]
