"""Do all engines give the same integers, and is every rule of ``docs/timing.md`` tight?"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from bisect import bisect_left

import msgspec
import numpy as np
import pytest
from apart import apart
from hypothesis import given, settings
from hypothesis import strategies as st
from max_plus import grant_order, solve, wrong_grants
from shipped_networks import FAMILIES, KINDS, SMALL

from lw3dsim import compare, load_workload
from lw3dsim.base.arrays import as_arrays, as_lists
from lw3dsim.base.integers import NEVER
from lw3dsim.base.values import replace
from lw3dsim.comparison.compare import default_cases
from lw3dsim.describe.clocks import Clocks, DramSystem
from lw3dsim.describe.dram_standards import DRAM_STANDARDS
from lw3dsim.engine import fast_engine, simpy_engine
from lw3dsim.engine.memory import dram_counts, idle_memory
from lw3dsim.engine.run import NO_JUMPS, run_compiled
from lw3dsim.engine.trace import Job, Stream, empty_trace, streams
from lw3dsim.schedule.room import release_steps, release_stores
from lw3dsim.tensor.runs import Runs


def compiled(job, memory):
    trace = empty_trace(job)
    run_compiled(as_arrays(job), as_arrays(memory), trace, NO_JUMPS)
    return as_lists(trace), dram_counts(memory, trace.finish)


def interpreted(run):
    def run_on_lists(job, memory):
        job, memory, trace = as_lists(job), as_lists(memory), as_lists(empty_trace(job))
        run(job, memory, trace)
        return trace, dram_counts(memory, trace.finish)

    return run_on_lists


ENGINES = {
    "compiled": compiled,
    "interpreted": interpreted(fast_engine.run),
    "simpy": interpreted(simpy_engine.run),
}


def clocks(
    model, *, preset="lpddr4-3200-x32", channels=1, mapping="row-bank-col", refresh="all-bank", queue=32, **ticks
):
    dram = DramSystem(
        standard=DRAM_STANDARDS[preset], channels=channels, model=model, mapping=mapping, refresh=refresh, queue=queue
    )
    clock_ticks = dram.standard.clock_ps.numerator
    times = {
        "cycle_ticks": 1,
        "clock_ticks": clock_ticks,
        "burst_ticks": 1,
        "least_burst_ticks": 1,
        "latency_ticks": 0,
    } | ticks
    return Clocks(dram=dram, **times)


def memory_of(clocks, boxes):
    """The memory of boxes given as lists of runs (first, count)."""
    runs = [run for box in boxes for run in box]
    return idle_memory(
        clocks,
        np.array([sum(count for _, count in box) for box in boxes], dtype=np.int64),
        Runs(
            offsets=np.cumsum([0, *map(len, boxes)]).astype(np.int64),
            first=np.array([first for first, _ in runs], dtype=np.int64),
            bursts=np.array([count for _, count in runs], dtype=np.int64),
        ),
    )


@st.composite
def first_steps(draw, steps):
    if draw(st.integers(0, 9)) == 0:
        return []
    return sorted({0, *draw(st.sets(st.integers(0, steps - 1)))})


@st.composite
def jobs(draw, boxes):
    steps = draw(st.integers(1, 25))
    kinds = draw(st.integers(1, 4))
    cycle = draw(st.sampled_from([1, 3, 7, 1250]))
    closes = sorted({steps - 1, *draw(st.sets(st.integers(0, steps - 1)))})
    opens = [0, *(step + 1 for step in closes[:-1])]
    ifmap, weight = draw(first_steps(steps)), draw(first_steps(steps))
    in_slots = draw(st.booleans())

    def numbers(strategy, size):
        return np.array(draw(st.lists(strategy, min_size=size, max_size=size)), dtype=np.int64)

    cycles = st.integers(0, 12).map(lambda n: n * cycle)
    box, slots = st.integers(0, boxes - 1), st.integers(1, 7)

    def after(first):
        if in_slots:
            return release_steps(np.array(first, dtype=np.int64), draw(slots))
        return np.array([draw(st.integers(-1, step - 1)) for step in first], dtype=np.int64)

    def gates(first):
        """For every tile any of the stores that are closed before its first use; most often none."""
        closed = [0 if in_slots or draw(st.integers(0, 2)) else bisect_left(closes, step) for step in first]
        return np.array([draw(st.integers(-1, stores - 1)) for stores in closed], dtype=np.int64)

    def words(tiles):
        """What passes the port that DMA and the array share, if they share one."""
        return numbers(st.integers(0, 20), tiles) * draw(st.booleans())

    def loads(first):
        return Stream(
            first=np.array(first, dtype=np.int64), box=numbers(box, len(first)), after=after(first), gate=gates(first),
            words=words(len(first)),
        )  # fmt: skip

    freed = [draw(st.integers(-1, tile - 1)) for tile in range(len(closes))]
    return Job(
        kind=numbers(st.integers(0, kinds - 1), steps),
        entry=numbers(cycles, kinds),
        load=numbers(cycles, kinds),
        tail=numbers(cycles, kinds),
        head=numbers(cycles, kinds),
        body=numbers(cycles, kinds),
        drain=numbers(cycles, kinds),
        lead=np.where(numbers(st.booleans(), kinds), numbers(cycles, kinds), -cycle),
        ifmap=loads(ifmap),
        weight=loads(weight),
        ofmap=Stream(
            first=np.array(opens, dtype=np.int64),
            box=numbers(box, len(closes)),
            after=np.array(closes, dtype=np.int64),
            gate=release_stores(len(closes), draw(slots)) if in_slots else np.array(freed, dtype=np.int64),
            words=words(len(closes)),
        ),
        setup=cycle * draw(st.integers(0, 3)),
        cycle=cycle,
    )


plain = st.builds(
    clocks,
    st.just("plain"),
    channels=st.sampled_from([1, 2, 3]),
    burst_ticks=st.sampled_from([1, 2, 5, 700]),
    latency_ticks=st.sampled_from([0, 1, 9, 2000]),
)
banked = st.builds(
    clocks,
    st.just("in_order"),
    preset=st.sampled_from(sorted(DRAM_STANDARDS)),
    channels=st.sampled_from([1, 2, 3, 4]),
    mapping=st.sampled_from(
        ["row-bank-col", "row-col-bank", "bank-row-col", "row-bank-channel-col", "row-bank-col-bankgroup"]
    ),
    refresh=st.sampled_from(["all-bank", "none"]),
    queue=st.sampled_from([1, 4, 32]),
)
run_lists = st.lists(st.tuples(st.integers(0, 100_000), st.sampled_from([1, 2, 14, 63, 64, 65, 300, 2000])), max_size=4)
box_lists = st.lists(run_lists, min_size=4, max_size=4)


@settings(max_examples=120)
@given(jobs(4), st.one_of(plain, banked), box_lists)
def test_engines_agree_on_every_time_and_count(job, clocks, boxes):
    results = [run(job, memory_of(clocks, boxes)) for run in ENGINES.values()]
    assert results[0] == results[1] == results[2]


@settings(max_examples=60)
@given(jobs(4), st.builds(clocks, st.just("fr_fcfs"), channels=st.sampled_from([1, 2])), box_lists)
def test_engines_agree_on_a_reordering_memory(job, clocks, boxes):
    boxes = [[(first, min(count, 70)) for first, count in box] for box in boxes]
    assert ENGINES["interpreted"](job, memory_of(clocks, boxes)) == ENGINES["simpy"](job, memory_of(clocks, boxes))


@settings(max_examples=150)
@given(jobs(4), plain, box_lists)
def test_times_are_the_least_solution_of_the_equations(job, clocks, boxes):
    memory = memory_of(clocks, boxes)
    trace, _ = ENGINES["compiled"](job, memory)
    order = grant_order(job, memory, trace)
    x = solve(job, memory, order)
    assert not wrong_grants(x, order)
    assert [x.start, x.handover, x.end, x.drained] == [trace.start, trace.handover, trace.end, trace.drained]
    assert [(x.grant[port], x.there[port]) for port in range(3)] == list(streams(trace))


@settings(max_examples=200)
@given(jobs(4), st.one_of(plain, banked), box_lists)
def test_compiled_and_interpreted_agree(job, clocks, boxes):
    assert ENGINES["compiled"](job, memory_of(clocks, boxes)) == ENGINES["interpreted"](job, memory_of(clocks, boxes))


@settings(max_examples=100)
@given(jobs(4), st.one_of(plain, banked), box_lists, st.integers(0, 10**6))
def test_a_run_is_given_up_only_where_it_takes_longer_than_it_may(job, clocks, boxes, less):
    whole, _ = ENGINES["interpreted"](job, memory_of(clocks, boxes))
    assert advanced(job, memory_of(clocks, boxes), whole.finish) == whole
    given_up = advanced(job, memory_of(clocks, boxes), max(whole.finish - 1 - less, 0))
    assert given_up == whole or given_up.ofmap.ready[-1] == 0


def test_a_run_is_given_up_before_dram_moves_what_it_cannot_move_in_time():
    none, first = np.array([-1]), np.array([0])
    load = apart(first=first, box=np.array([0]), after=none, gate=none)
    store = apart(first=first, box=np.array([1]), after=first, gate=none)
    one = np.array([1])
    job = Job(np.array([0]), one * 0, one * 0, one * 0, one, one, one, one * 0, load, load, store, setup=0, cycle=1)
    # 10, 10 and 30 bursts of 8 clocks: the last begins 49 x 8 clocks after the first.
    at_once = clocks("in_order", preset="lpddr4-3200-x32", refresh="none")
    least = 49 * 8 * at_once.clock_ticks
    boxes = [[(0, 10)], [(64, 30)]]
    assert advanced(job, memory_of(at_once, boxes), least - 1).ifmap.ready == [0]
    assert advanced(job, memory_of(at_once, boxes), least).ifmap.ready > [0]


def test_a_run_is_given_up_before_a_last_store_that_ends_too_late():
    none, first, one = np.array([-1]), np.array([0]), np.array([1])
    load = apart(first=first, box=np.array([0]), after=none, gate=none)
    store = apart(first=first, box=np.array([1]), after=first, gate=none)
    # DRAM has long moved what is left when the step has drained.
    drain = one * 10**6
    job = Job(np.array([0]), one * 0, one * 0, one * 0, one, one, drain, one * 0, load, load, store, setup=0, cycle=1)
    boxes, at_once = [[(0, 10)], [(64, 30)]], clocks("plain")
    whole = advanced(job, memory_of(at_once, boxes), NEVER)
    given_up = advanced(job, memory_of(at_once, boxes), whole.finish - 1)
    assert given_up.drained == whole.drained
    assert given_up.ofmap.grant == [0]


def advanced(job, memory, most):
    """The trace of a run that may take ``most`` ticks."""
    job, memory, trace = as_lists(job), as_lists(memory), as_lists(empty_trace(job))
    fast_engine.advance(job, memory, trace, fast_engine.initial_state(job), NEVER, most)
    return trace


@settings(max_examples=100)
@given(jobs(4), plain, box_lists)
def test_room_channel_and_units_are_never_shared(job, clocks, boxes):
    memory = memory_of(clocks, boxes)
    trace, _ = ENGINES["compiled"](job, memory)
    taken = [-(-int(bursts) * clocks.burst_ticks // clocks.dram.channels) for bursts in memory.box_bursts]
    transfers = []
    for (first, box, after, gate, _), (grant, ready) in ((job.ifmap, trace.ifmap), (job.weight, trace.weight)):
        for tile, moved in enumerate(box):
            transfers.append((grant[tile], grant[tile] + taken[moved]))
            assert trace.start[first[tile]] >= ready[tile] + job.entry[job.kind[first[tile]]]
            if after[tile] >= 0:
                assert grant[tile] >= trace.end[after[tile]]
            if gate[tile] >= 0:
                assert grant[tile] >= trace.ofmap.ready[gate[tile]]
    opens, box, closes, gate, _ = job.ofmap
    grant, ready = trace.ofmap
    for tile, moved in enumerate(box):
        transfers.append((grant[tile], grant[tile] + taken[moved]))
        assert grant[tile] >= trace.drained[closes[tile]]
        if gate[tile] >= 0:
            assert trace.start[opens[tile]] >= ready[gate[tile]]
    transfers.sort()
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(transfers))
    leads = np.where(job.lead < 0, 0, job.lead + job.entry)[job.kind][1:]
    assert all(end + lead <= start for end, start, lead in zip(trace.end, trace.start[1:], leads, strict=False))
    loads, tails = job.load[job.kind][1:], job.tail[job.kind]
    ahead = (end - tail + load for end, tail, load in zip(trace.end, tails, loads, strict=False))
    is_ahead = (job.lead < 0)[job.kind][1:]
    assert all(there <= start or not flag for there, start, flag in zip(ahead, trace.start[1:], is_ahead, strict=True))
    assert all(time % job.cycle == 0 for time in (*trace.start, *trace.handover, *trace.end, *trace.drained))


@settings(max_examples=100)
@given(jobs(4), banked, box_lists)
def test_every_requested_burst_is_served_once(job, clocks, boxes):
    _, counts = ENGINES["compiled"](job, memory_of(clocks, boxes))
    size = [sum(count for _, count in box) for box in boxes]
    assert counts.reads == sum(size[box] for box in (*job.ifmap.box, *job.weight.box))
    assert counts.writes == sum(size[box] for box in job.ofmap.box)
    assert counts.row_hits + counts.row_misses + counts.row_conflicts == counts.reads + counts.writes


# Boxes of the jobs below: an input tile of 4 bursts, a weight tile of 2, an output tile of 5.
BOXES = [[(0, 4)], [(64, 2)], [(128, 5)]]
NO_WAITS = np.array([-1, -1])


def one_job(*, ifmap_slots=2, ofmap_slots=2, ifmap_gate=NO_WAITS, **changes):
    """Two steps of 10 + 0 cycles, a tile of each stream per step, one slot more than needed."""
    steps, none = np.arange(2), NO_WAITS
    base = Job(
        kind=steps,
        entry=np.array([0, 0]),
        load=np.array([0, 0]),
        tail=np.array([0, 0]),
        head=np.array([10, 10]),
        body=np.array([0, 0]),
        drain=np.array([3, 3]),
        lead=np.array([0, 0]),
        ifmap=apart(first=steps, box=np.array([0, 0]), after=release_steps(steps, ifmap_slots), gate=ifmap_gate),
        weight=apart(first=steps, box=np.array([1, 1]), after=none, gate=none),
        ofmap=apart(first=steps, box=np.array([2, 2]), after=steps, gate=release_stores(2, ofmap_slots)),
        setup=1,
        cycle=1,
    )
    return base._replace(**changes)


every = pytest.mark.parametrize("run", ENGINES.values(), ids=ENGINES)


def times(run, job, **ticks):
    return run(job, memory_of(clocks("plain", **ticks), BOXES))[0]


@every
def test_nothing_moves_before_configuration(run):
    trace = times(run, one_job())
    assert trace.ifmap.grant[0] == 1
    assert trace.weight.grant[0] == 5
    assert trace.start[0] == 7


@every
def test_equal_requests_are_granted_by_port_then_loads_before_stores(run):
    trace = times(run, one_job())
    # Both first tiles are asked for at 1, the second ifmap tile at 5: the weight tile asked first.
    assert [trace.ifmap.grant, trace.weight.grant] == [[1, 7], [5, 11]]


@every
def test_latency_delays_the_data_but_not_the_channel(run):
    slow = times(run, one_job(), latency_ticks=6)
    assert slow.weight.grant[0] == 5
    assert slow.start[0] == 7 + 6


@every
@pytest.mark.parametrize(
    ("words", "there", "weight", "ended"),
    [
        # On the bus from 7 to 11. Of two words one passes in the second, one in the last cycle.
        (2, 11, 11, 19),
        (4, 11, 11, 21),
        # A word in every cycle, one more than the bus takes: the next transfer waits for it too.
        (5, 12, 12, 22),
    ],
)
def test_the_array_pauses_while_words_pass_its_only_port(run, words, there, weight, ended):
    job = one_job()
    job = job._replace(ifmap=job.ifmap._replace(words=np.array([0, words])))
    trace, _ = run(job, memory_of(clocks("plain"), BOXES))
    assert trace.start[0] == trace.ifmap.grant[1] == 7
    assert (trace.ifmap.ready[1], trace.weight.grant[1], trace.end[0]) == (there, weight, ended)


@every
def test_words_that_pass_while_nothing_is_computed_cost_nothing(run):
    job = one_job()
    first = job._replace(ifmap=job.ifmap._replace(words=np.array([4, 0])))
    last = job._replace(ofmap=job.ofmap._replace(words=np.array([0, 5])))
    times = [run(one, memory_of(clocks("plain"), BOXES))[0] for one in (job, first, last)]
    assert times[0].end == times[1].end == times[2].end
    assert times[0].finish == times[1].finish == times[2].finish


@every
def test_a_drain_pauses_too(run):
    job = one_job()
    # Weights of the second step are on the bus from 11 to 13, while the first computes; or from 17 on, while it drains.
    job = job._replace(weight=job.weight._replace(words=np.array([0, 2])))
    trace, _ = run(job, memory_of(clocks("plain"), BOXES))
    assert (trace.end[0], trace.drained[0]) == (19, 22)
    late = job._replace(weight=job.weight._replace(after=np.array([-1, 0])))
    trace, _ = run(late, memory_of(clocks("plain"), BOXES))
    assert (trace.end[0], trace.weight.grant[1], trace.drained[0]) == (17, 17, 22)


@every
def test_one_slot_loads_only_after_the_step_has_computed(run):
    trace = times(run, one_job(ifmap_slots=1))
    assert trace.ifmap.grant[1] == trace.end[0] == 17
    assert trace.start[1] == 21


@every
def test_a_step_waits_for_the_store_that_frees_its_output_slot(run):
    trace = times(run, one_job(ofmap_slots=1))
    assert trace.drained[0] == 20
    assert trace.ofmap.ready[0] == trace.start[1] == 25


@every
def test_a_tile_is_read_back_when_its_store_has_left_the_bus(run):
    trace = times(run, one_job(ifmap_gate=np.array([-1, 0])))
    assert trace.drained[0] == 20
    assert trace.ofmap.ready[0] == trace.ifmap.grant[1] == 25
    assert trace.start[1] == 29


@every
@pytest.mark.parametrize("lead", [0, 1, 9])
def test_a_later_layer_is_configured_after_the_last_step_while_its_tiles_come(run, lead):
    # Step 0 ends at 17; the tiles of step 1 are on chip at 11 and 13.
    trace = times(run, one_job(lead=np.array([0, lead])))
    assert trace.end[0] == 17
    assert trace.weight.ready[1] == 13
    assert trace.start[1] == 17 + lead


@every
@pytest.mark.parametrize(("load", "start"), [(3, 17), (4, 17), (5, 18), (9, 22)])
def test_a_step_is_loaded_ahead_while_the_step_before_is_fed_for_the_last_time(run, load, start):
    # Step 0 ends at 17, fed for the last time from 13 on; the tiles of step 1 are on chip at 13, its cold entry over.
    ahead = {"lead": np.array([-1, -1]), "entry": np.array([0, 4]), "tail": np.array([4, 0])}
    trace = times(run, one_job(load=np.array([0, load]), **ahead))
    assert (trace.end[0], trace.weight.ready[1]) == (17, 13)
    assert trace.start[1] == start


@every
@pytest.mark.parametrize(("entry", "start"), [(3, 17), (4, 17), (5, 18)])
def test_a_step_whose_tile_comes_late_is_entered_when_it_is_there(run, entry, start):
    # The last tile of step 1 is on chip at 13, step 0 ends at 17 whatever the entry of step 1 is.
    trace = times(run, one_job(lead=np.array([-1, -1]), entry=np.array([0, entry])))
    assert (trace.end[0], trace.weight.ready[1]) == (17, 13)
    assert trace.start[1] == start


@every
def test_a_step_that_waits_for_what_the_one_before_drains_is_not_loaded_ahead(run):
    trace = times(run, one_job(lead=np.array([0, 3]), entry=np.array([0, 5]), tail=np.array([9, 9])))
    assert trace.start[1] == trace.end[0] + 3 + 5


@every
@pytest.mark.parametrize(("drain", "handover"), [(9, 27), (10, 27), (11, 28)])
def test_a_head_waits_for_the_drain_of_the_step_before(run, drain, handover):
    # Step 1 computes from 17 to 27; the drain of step 0 starts at 17.
    trace = times(run, one_job(drain=np.array([drain, 3])))
    assert trace.start[1] == 17
    assert trace.handover[1] == handover


@every
def test_steps_start_on_core_clock_edges(run):
    trace = times(run, one_job(cycle=10, setup=10, head=np.array([10, 10]), drain=np.array([10, 10])))
    assert trace.weight.ready[0] == 16
    assert trace.start[0] == 20


def assert_engines_agree(network, case):
    results = [compare(network, [replace(case, engine=engine)]).results[0].record for engine in ("fast", "simpy")]
    first, second = (msgspec.structs.replace(result, config=results[0].config) for result in results)
    assert first == second, case.name


@pytest.mark.parametrize("workload", KINDS)
def test_engines_agree_on_every_case_of_networks_with_every_kind_of_layer(workload):
    # Plain DRAM: CPython takes a hundred times as long by bank, and does there what the fast engine does.
    network = load_workload(workload, input_size=SMALL[workload])
    for case in default_cases(network, "edge_base"):
        assert_engines_agree(network, replace(case, overrides=("dram.model=plain",)))


@pytest.mark.parametrize("workload", FAMILIES)
def test_engines_agree_on_every_network_on_a_dram_of_banks(workload):
    network = load_workload(workload, input_size=SMALL[workload])
    *_, transformed, _ = default_cases(network, "edge_base")
    assert (transformed.name, transformed.algorithm) == ("FSB+hFA", "hfa")
    assert_engines_agree(network, transformed)


def test_where_nothing_can_be_kept_the_engine_still_runs(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    code = "import lw3dsim; lw3dsim.simulate('c3d', input_size='16x16x16', engine='fast')"
    run = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"LW3DSIM_CACHE_DIR": str(blocked)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
