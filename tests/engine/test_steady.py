"""Are the numbers the same with and without the jump over what repeats, and is there a jump where there should be?"""

from __future__ import annotations

import numpy as np
import pytest
from apart import apart
from hypothesis import given, settings
from hypothesis import strategies as st
from test_engines import BOXES, ENGINES, box_lists, clocks, jobs, memory_of, plain

from lw3dsim.base.arrays import as_arrays, as_lists
from lw3dsim.base.values import names_of
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.engine import steady
from lw3dsim.engine.memory import make_memory
from lw3dsim.engine.periods import Stretch
from lw3dsim.engine.run import (
    COMPILED,
    INTERPRETED,
    NO_JUMPS,
    run_compiled,
    run_interpreted,
    simulate_job,
    simulate_schedule,
)
from lw3dsim.engine.steady import Effort
from lw3dsim.engine.trace import Job, Stream, empty_trace, make_job
from lw3dsim.network import layers, pipeline, tries
from lw3dsim.network.pipeline import resolve_design, resolve_network
from lw3dsim.schedule.program import Kinds
from lw3dsim.schedule.room import release_steps, release_stores

# Look for repetitions everywhere, however little there is to gain.
EAGER = Effort(steps=1, window=1 << 16, gain=1)


def jumping(run, job, memory, effort=EAGER):
    """The trace, as lists, and the steps that were placed."""
    trace = empty_trace(job)
    placed = run(as_arrays(job), as_arrays(memory), trace, effort)
    return as_lists(trace), placed


JUMPERS = {"compiled": run_compiled, "interpreted": run_interpreted}


def thinned(draw, items):
    """The same without one of the later items, now and then: the period is broken."""
    if len(items) > 2 and draw(st.integers(0, 5)) == 0:
        items = np.delete(items, draw(st.integers(1, len(items) - 2)))
    return items


@st.composite
def uses(draw, pattern, repeats, rows):
    """First steps of a load stream: the same in every pattern, or a tile per row of patterns, or none."""
    steps = pattern * repeats * rows
    how = draw(st.sampled_from(["pattern", "pattern", "pattern", "row", "once", "none"]))
    if how == "pattern":
        at = sorted({0, *draw(st.sets(st.integers(0, pattern - 1)))})
        return (np.arange(0, steps, pattern)[:, None] + np.array(at)).ravel()
    return np.arange(0, steps if how != "none" else 0, steps if how == "once" else pattern * repeats)


@st.composite
def repeating_jobs(draw):
    """Jobs that repeat a pattern in rows, the rows alike or not, with some items changed anywhere."""
    pattern, repeats, rows = draw(st.integers(1, 6)), draw(st.integers(1, 40)), draw(st.integers(1, 5))
    steps = pattern * repeats * rows
    cycle = draw(st.sampled_from([1, 3, 7, 20]))
    numbers = st.integers(0, 12).map(lambda n: n * cycle)
    kinds = draw(st.integers(1, 4))
    closing = sorted({pattern - 1, *draw(st.sets(st.integers(0, pattern - 1)))})
    closes = (np.arange(0, steps, pattern)[:, None] + np.array(closing)).ravel()
    if draw(st.booleans()):
        closes = np.arange(pattern * repeats - 1, steps, pattern * repeats)

    def column(most, size, tiles):
        """A box or kind per item, the same in every stretch of ``size``; sometimes changed in places."""
        row = draw(st.lists(st.integers(0, most), min_size=size, max_size=size))
        items = np.resize(np.array(row, dtype=np.int64), tiles)
        for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
            if tiles:
                items[draw(st.integers(0, tiles - 1))] = draw(st.integers(0, most))
        return items

    def durations():
        return np.array(draw(st.lists(numbers, min_size=kinds, max_size=kinds)), dtype=np.int64)

    def gates(first):
        """A store that lies some stores behind, or one for many tiles, or none."""
        closed = np.searchsorted(closes, first)
        how, behind = draw(st.sampled_from(["none", "none", "behind", "last of a row"])), draw(st.integers(1, 5))
        if how == "none":
            return np.full(len(first), -1)
        gate = closed - behind
        return np.maximum(gate if how == "behind" else gate // 9 * 9 - 1, -1)

    closes = thinned(draw, closes)
    loads = {}
    for name in ("ifmap", "weight"):
        first = thinned(draw, draw(uses(pattern, repeats, rows)))
        per_pattern = max(len(first) // (repeats * rows), 1)
        after = release_steps(first, draw(st.integers(1, 7)))
        for _ in range(draw(st.sampled_from([0, 0, 0, 1]))):
            if len(first):
                tile = draw(st.integers(0, len(first) - 1))
                after[tile] = draw(st.integers(-1, int(first[tile]) - 1))
        box = column(3, per_pattern * draw(st.sampled_from([1, 1, 3])), len(first))
        loads[name] = apart(first=first, box=box, after=after, gate=gates(first))
    return Job(
        kind=column(kinds - 1, pattern * draw(st.sampled_from([1, 1, repeats])), steps),
        entry=durations(),
        load=durations(),
        tail=durations(),
        head=durations(),
        body=durations(),
        drain=durations(),
        lead=np.where(draw(st.booleans()), durations(), -cycle),
        ofmap=apart(
            first=np.concatenate(([0], closes[:-1] + 1)),
            box=column(3, draw(st.sampled_from([len(closing), repeats])), len(closes)),
            after=closes,
            gate=release_stores(len(closes), draw(st.integers(1, 7))),
        ),
        setup=cycle * draw(st.integers(0, 3)),
        cycle=cycle,
        **loads,
    )


efforts = st.builds(Effort, steps=st.just(1), window=st.sampled_from([8, 50, 400]), gain=st.sampled_from([1, 20]))


@settings(max_examples=200)
@given(repeating_jobs(), plain, box_lists, efforts)
def test_times_are_the_same_with_and_without_the_jump(job, dram, boxes, effort):
    expected, _ = ENGINES["interpreted"](job, memory_of(dram, boxes))
    for run in JUMPERS.values():
        trace, placed = jumping(run, job, memory_of(dram, boxes), effort)
        assert trace == expected
        assert placed <= len(job.kind)


def test_a_tile_that_arrives_as_a_step_ends_still_has_to_enter():
    """Two weight tiles lead at first, then one: the arrivals lie before the ends, but not as far before them."""
    every, none = np.arange(10), np.full(10, -1)
    still, one = np.zeros(1, dtype=np.int64), np.ones(1, dtype=np.int64)
    job = Job(
        kind=np.zeros_like(every),
        entry=one,
        load=still,
        tail=still,
        head=still,
        body=still,
        drain=still,
        lead=-one,
        ifmap=apart(first=every[::5], box=every[:2] * 0, after=np.array([-1, 4]), gate=none[:2]),
        weight=apart(first=every, box=every * 0, after=release_steps(every, 2), gate=none),
        ofmap=apart(first=every, box=every * 0, after=every, gate=release_stores(10, 1)),
        setup=0,
        cycle=1,
    )
    expected, _ = ENGINES["interpreted"](job, memory_of(clocks("plain"), [[]]))
    trace, _ = jumping(run_interpreted, job, memory_of(clocks("plain"), [[]]), Effort(steps=1, window=8, gain=1))
    assert trace == expected


guesses = st.lists(
    st.builds(Stretch, first=st.integers(0, 100), end=st.integers(100, 1000), period=st.integers(1, 12)), max_size=3
)


@settings(max_examples=120)
@given(repeating_jobs(), plain, box_lists, guesses)
def test_no_guess_of_what_repeats_makes_a_difference(job, dram, boxes, guesses):
    expected, _ = ENGINES["interpreted"](job, memory_of(dram, boxes))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steady, "find_stretches", lambda *_: guesses)
        assert jumping(run_interpreted, job, memory_of(dram, boxes))[0] == expected


@settings(max_examples=60)
@given(repeating_jobs(), plain, box_lists)
def test_times_with_the_jump_are_those_of_the_reference(job, dram, boxes):
    expected, _ = ENGINES["simpy"](job, memory_of(dram, boxes))
    assert jumping(run_interpreted, job, memory_of(dram, boxes))[0] == expected


@settings(max_examples=150)
@given(jobs(4), plain, box_lists)
def test_jobs_that_hardly_repeat_keep_their_times(job, dram, boxes):
    expected, _ = ENGINES["compiled"](job, memory_of(dram, boxes))
    assert jumping(run_interpreted, job, memory_of(dram, boxes))[0] == expected


def regular_job(steps, cycle=1, **changes):
    """An input tile and a weight tile at every other step, an output tile every three steps."""
    every, kinds = np.arange(steps), np.array([5, 9, 4, 0]) * cycle
    some = every[::2]
    closes = np.unique(np.append(every[2::3], steps - 1))
    none = np.full(len(some), -1)
    job = Job(
        kind=every % 2,
        entry=kinds[2:],
        load=kinds[:2],
        tail=kinds[1:3],
        head=kinds[:2],
        body=kinds[1:3],
        drain=kinds[2:],
        lead=np.full(2, -cycle),
        ifmap=apart(first=some, box=np.zeros_like(some), after=release_steps(some, 2), gate=none),
        weight=apart(first=some, box=np.ones_like(some), after=release_steps(some, 3), gate=none),
        ofmap=apart(
            first=np.concatenate(([0], closes[:-1] + 1)),
            box=np.full(len(closes), 2),
            after=closes,
            gate=release_stores(len(closes), 2),
        ),
        setup=cycle,
        cycle=cycle,
    )
    return job._replace(**changes)


def changed(job, stream, **columns):
    """The same job with other columns in one of its streams."""
    return job._replace(**{stream: getattr(job, stream)._replace(**columns)})


# What the steps of a regular job do: multiply.
NOTHING = np.array([0, 0])
KINDS = Kinds(
    **dict.fromkeys(names_of(Kinds), NOTHING)
    | {"head": np.array([5, 9]), "body": np.array([9, 4]), "drain": np.array([4, 0])}
    # On one multiplier.
    | dict.fromkeys(("multiply", "row_cycles", "lane_cycles", "products"), np.array([14, 13]))
    | dict.fromkeys(("rows", "lanes", "multipliers"), np.array([1, 1]))
)


def check(job, dram, effort=EAGER):
    """The steps that both forms of the engine place, having found the times of the engine that never jumps."""
    expected, _ = ENGINES["compiled"](job, memory_of(dram, BOXES))
    placed = set()
    for run in JUMPERS.values():
        trace, count = jumping(run, job, memory_of(dram, BOXES), effort)
        assert trace == expected
        placed.add(count)
    (count,) = placed
    return count


@pytest.mark.parametrize("ticks", [{"burst_ticks": 1}, {"burst_ticks": 3, "latency_ticks": 50}], ids=["array", "dram"])
def test_a_long_regular_job_is_jumped_over(ticks):
    assert check(regular_job(60_000), clocks("plain", **ticks)) < 200


@pytest.mark.parametrize(("run", "effort"), [(run_compiled, COMPILED), (run_interpreted, INTERPRETED)])
def test_what_is_long_enough_is_jumped_over_by_itself(run, effort):
    memory = memory_of(clocks("plain"), BOXES)
    for steps, jumps in ((effort.steps - 1, False), (effort.steps, True)):
        _, placed = jumping(run, regular_job(steps), memory, effort)
        assert (placed < 100) == jumps
        assert jumping(run, regular_job(steps), memory, NO_JUMPS)[1] == steps


@pytest.mark.parametrize("step", [1, 29_999, 30_000, 59_000])
def test_a_period_broken_once_is_jumped_around(step):
    kind = np.arange(60_000) % 2
    kind[step] = 1 - kind[step]
    assert check(regular_job(60_000, kind=kind), clocks("plain")) < 400
    box = np.zeros(30_000, dtype=np.int64)
    box[step // 2] = 2
    assert check(changed(regular_job(60_000), "ifmap", box=box), clocks("plain")) < 400


def test_a_tile_that_waits_for_something_else_once_is_jumped_around():
    after = release_steps(np.arange(0, 60_000, 2), 2)
    after[15_000] += 1
    assert check(changed(regular_job(60_000), "ifmap", after=after), clocks("plain")) < 400
    gate = np.full(30_000, -1)
    gate[15_000] = 9_999
    assert check(changed(regular_job(60_000), "ifmap", gate=gate), clocks("plain")) < 400
    gate = release_stores(20_000, 3)
    gate[10_000] += 2
    assert check(changed(regular_job(60_000), "ofmap", gate=gate), clocks("plain", burst_ticks=5)) < 400


NOTHING_MOVES = Stream(*(np.arange(0) for _ in Stream._fields))
NO_WEIGHTS = regular_job(60_000, weight=NOTHING_MOVES)
ONE_SLOT = changed(regular_job(60_000), "ofmap", gate=release_stores(20_000, 1))


@pytest.mark.parametrize(
    ("job", "stream", "name"),
    [
        (NO_WEIGHTS, "ifmap", "first"),
        (regular_job(60_000), "weight", "first"),
        (regular_job(60_000), "ofmap", "after"),
        (ONE_SLOT, "ofmap", "first"),
    ],
    ids=["input", "weights", "closed", "opened"],
)
def test_a_step_that_uses_something_else_once_is_seen_beyond_the_window(job, stream, name):
    moved = getattr(getattr(job, stream), name).copy()
    moved[15_000] += 1
    job = changed(job, stream, **{name: moved})
    assert check(job, clocks("plain", burst_ticks=5), Effort(steps=1, window=600, gain=1)) < 2000


def test_where_the_channel_is_out_of_step_with_the_core_a_period_is_as_long_as_both_take_to_meet():
    # 28 bursts in six steps, 28 * 97 ticks: with a clock of 100 ticks they meet after 25 times six steps.
    job = regular_job(60_000, cycle=100)
    quick = job._replace(entry=NOTHING, load=NOTHING, head=job.head // 900 * 100, body=job.body // 900 * 100)
    assert 150 < check(quick, clocks("plain", burst_ticks=97)) < 2000


def test_times_that_move_by_part_of_a_core_cycle_do_not_repeat():
    # The drain binds: nine ticks a step, 54 a period, while steps begin at every fourth tick.
    one = np.array([1, 1])
    job = regular_job(3000, load=0 * one, head=one, body=2 * one, drain=7 * one)._replace(cycle=4)
    assert check(job, clocks("plain", burst_ticks=0)) < 3000


@pytest.mark.parametrize("stream", ["ifmap", "weight"])
def test_a_lead_that_melts_slowly_is_no_steady_state(stream):
    # A step takes 100 ticks and its tile 101: what was loaded ahead of the first step lasts for hundreds of steps.
    steps = np.arange(5000)
    none = np.full(5000, -1)
    loads = apart(first=steps, box=np.zeros_like(steps), after=release_steps(steps, 7), gate=none)
    job = regular_job(
        5000, load=NOTHING, head=np.array([60, 60]), body=np.array([40, 40]), drain=np.array([1, 1])
    )._replace(
        **{"ifmap": NOTHING_MOVES, "weight": NOTHING_MOVES} | {stream: loads},
        ofmap=apart(first=steps[:1], box=np.array([2]), after=steps[-1:], gate=none[:1]),
        setup=0,
    )
    kind = np.zeros_like(steps)
    kind[0] = 1
    first = {"kind": kind, "head": np.array([60, 800])}
    expected, _ = ENGINES["interpreted"](job._replace(**first), memory_of(clocks("plain"), [[(0, 101)], [], [(0, 5)]]))
    waits = np.flatnonzero(np.diff(expected.start, prepend=0) != 100)
    assert waits[waits > 1][0] > 300
    trace, placed = jumping(
        run_interpreted, job._replace(**first), memory_of(clocks("plain"), [[(0, 101)], [], [(0, 5)]])
    )
    assert trace == expected
    assert placed < 2000


@pytest.mark.parametrize("model", ["in_order", "fr_fcfs"])
@pytest.mark.parametrize("refresh", ["none", "all-bank"])
def test_a_memory_with_banks_is_never_jumped_over(model, refresh):
    job = regular_job(600)
    results = {
        jump: simulate_job(job, memory_of(clocks(model, refresh=refresh), BOXES), KINDS, "auto", jump=jump)
        for jump in (True, False)
    }
    assert results[True].placed_steps == results[False].placed_steps == 600
    assert as_lists(results[True].trace) == as_lists(results[False].trace)


NETWORKS = {
    "c3d": ("c3d", "16x56x56", "", "direct", "edge_base"),
    "c3d, fsb": ("c3d", "16x56x56", "fsb_c3d", "hfa", "edge_small"),
    "c3d_paper": ("c3d_paper", "32x56x56", "", "nested", "edge_base"),
    "slowfast 4x16": ("slowfast_r50_4x16", "32x64x64", "", "direct", "edge_small"),
    "slowfast 8x8": ("slowfast_r50_8x8", "32x64x64", "slowfsb", "hfa", "edge_base"),
}


@pytest.mark.parametrize("case", NETWORKS.values(), ids=NETWORKS)
def test_networks_take_the_same_time_with_and_without_the_jump(case, monkeypatch):
    schedules = []

    def keep(schedule, clocks, engine="auto"):
        schedules.append((schedule, clocks))
        return simulate_schedule(schedule, clocks, engine, jump=False)

    monkeypatch.setattr(tries, "simulate_schedule", keep)
    workload, size, transform, algorithm, arch = case
    network = resolve_network(workload, transform, size, None)
    overrides = ["dram.model=plain"]
    design = resolve_design(arch, overrides, None, None)
    layers.run_problem.cache_clear()
    units = pipeline.map_network(network, design, algorithm=algorithm)
    layers.run_problem.cache_clear()
    clocks = make_clocks(design)
    chain = pipeline.make_chain(units, design, 2)
    jobs = [(make_job(schedule, own.cycle_ticks), make_memory(schedule.regions, own)) for schedule, own in schedules]
    jobs.append((make_job(chain, clocks.cycle_ticks), make_memory(chain.regions, clocks)))
    steps = placed = 0
    for job, memory in jobs:
        expected = empty_trace(job)
        run_compiled(as_arrays(job), as_arrays(memory), expected, NO_JUMPS)
        for run in JUMPERS.values():
            trace, count = jumping(run, job, memory)
            assert trace == as_lists(expected)
        steps, placed = steps + len(job.kind), placed + count
    assert placed < steps


def test_engines_agree_when_one_jumps():
    job = regular_job(1500)
    results = [
        simulate_job(job, memory_of(clocks("plain"), BOXES), KINDS, engine, jump=jump)
        for engine, jump in (("auto", True), ("fast", True), ("fast", False), ("simpy", True))
    ]
    assert len({result.latency_cycles for result in results}) == 1
    assert all(as_lists(result.trace) == as_lists(results[0].trace) for result in results)
    assert all(result.cycles_by_cause == results[0].cycles_by_cause for result in results)
