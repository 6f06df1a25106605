"""Do clips that follow each other without a stop keep every rule of ``docs/timing.md``, and every bound?"""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lw3dsim import simulate
from lw3dsim.base.arrays import as_lists
from lw3dsim.base.values import replace
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.describe.workload_file import parse_workload
from lw3dsim.engine.causes import BOUND, COMPUTING, IDLE
from lw3dsim.engine.stream import simulate_stream
from lw3dsim.errors import InputError
from lw3dsim.network.pipeline import make_chain, map_network, resolve_design, resolve_network
from lw3dsim.schedule.build import build_schedule
from lw3dsim.schedule.room import room_after
from lw3dsim.schedule.work import LayerWork

# Two branches of unequal depth, joined twice; a layer reads the clip again late in the network.
BRANCHES = """
name: branches
inputs:
  clip: {channels: 4, frames: 8, height: 20, width: 20}
layers:
  - {name: a, kind: conv3d, out_channels: 24, kernel: [3, 3, 3], padding: [1, 1, 1]}
  - {name: b, kind: conv3d, inputs: a, out_channels: 24, kernel: [1, 3, 3], padding: [0, 1, 1], groups: 24}
  - {name: c, kind: conv3d, inputs: b, out_channels: 24, kernel: [1, 1, 1]}
  - {name: d, kind: add, inputs: [a, c]}
  - {name: e, kind: conv3d, inputs: clip, out_channels: 8, kernel: [1, 1, 1]}
  - {name: f, kind: concat, inputs: [e, d]}
  - {name: g, kind: pool3d, inputs: f, mode: avg, kernel: global}
  - {name: h, kind: linear, inputs: g, out_features: 400}
"""
SLACK = 1.001
ARRAY = (*COMPUTING, "configuration")


def mapped(workload, size=None, transform="", algorithm="direct", arch="edge_base", overrides=(), fusion="off"):
    network = resolve_network(parse_workload(BRANCHES) if workload == "branches" else workload, transform, size, None)
    design = resolve_design(arch, overrides, None, None)
    return network, design, map_network(network, design, algorithm=algorithm, fusion=fusion)


CASES = {
    "branches": ("branches",),
    "branches on a small machine": ("branches", None, "", "auto", "edge_small"),
    "branches, plain DRAM": ("branches", None, "", "direct", "edge_base", ("dram.model=plain",)),
    "branches, three slots": ("branches", None, "", "direct", "edge_small", ("buffers.slots=3",)),
    "branches, one slot, two channels": (
        "branches", None, "", "direct", "edge_base", ("buffers.slots=1", "dram.channels=2"),
    ),
    "branches, single banks": (
        "branches", None, "", "direct", "edge_base",
        ("buffers.ifmap_banks=1", "buffers.weight_banks=1", "buffers.ofmap_banks=1"),
    ),
    "c3d": ("c3d", "16x32x32"),
    "c3d, fsb": ("c3d", "16x32x32", "fsb_c3d", "hfa"),
    "slowfast": ("slowfast_r50_4x16", "32x32x32", "slowfsb", "hfa"),
}  # fmt: skip
FUSED = {
    "c3d, fused": ("c3d", "16x32x32", "fsb_c3d", "hfa", "edge_base", (), "auto"),
    "slowfast, fused": ("slowfast_r50_4x16", "32x32x32", "slowfsb", "hfa", "edge_base", (), "auto"),
    "c3d, fused, single banks, three slots": (
        "c3d", "16x32x32", "fsb", "direct", "edge_base",
        ("buffers.ifmap_banks=1", "buffers.weight_banks=1", "buffers.ofmap_banks=1", "buffers.slots=3"), "auto",
    ),
}  # fmt: skip
EVERY = CASES | FUSED


@pytest.fixture(scope="module", params=EVERY.values(), ids=EVERY)
def case(request):
    return mapped(*request.param)


@pytest.fixture(scope="module", params=CASES.values(), ids=CASES)
def layered(request):
    """A case whose layers run one by one."""
    return mapped(*request.param)


@pytest.fixture(scope="module", params=FUSED.values(), ids=FUSED)
def fused(request):
    """A case with groups."""
    case = mapped(*request.param)
    assert any(len(unit.layers) > 1 for unit in case[-1])
    return case


def streamed(case, clips, engine="auto"):
    _, design, units = case
    chain = make_chain(units, design, clips)
    return chain, simulate_stream(chain, make_clocks(design), engine)


def latency(units):
    return sum(unit.run.latency_cycles for unit in units)


def test_a_stream_is_no_slower_than_its_layers_one_by_one(case):
    for clips in (1, 3):
        _, stream = streamed(case, clips)
        most = clips * (SLACK * latency(case[-1]) + a_refresh_per_layer(case))
        assert stream.timing.latency_cycles == stream.finish_cycles[-1] <= most


def a_refresh_per_layer(case):
    """Cycles: a layer alone begins with a whole refresh interval ahead of it, in a stream with any part of one."""
    _, design, units = case
    if design.dram.resolved_model == "plain":
        return 0
    standard = make_clocks(design).dram.standard
    return len(units) * standard.trfc * standard.clock_ps / design.cycle_ps


@pytest.mark.parametrize(
    "name", ["c3d", "c3d, fsb", "slowfast", "branches, plain DRAM", "c3d, fused", "slowfast, fused"]
)
def test_a_stream_of_one_clip_is_faster_than_its_layers_one_by_one(name):
    *_, units = case = mapped(*EVERY[name])
    _, stream = streamed(case, 1)
    assert stream.timing.latency_cycles < latency(units)


def test_a_stream_is_no_faster_than_the_array_or_the_dram(case):
    runs = [unit.run for unit in case[-1]]
    _, stream = streamed(case, 3)
    assert stream.timing.latency_cycles >= stream.bound_cycles
    busy = [sum(cycles for cause, cycles in apart(case, run).items() if cause in ARRAY) for run in runs]
    assert stream.bound_cycles >= 3 * sum(busy)
    assert stream.bound_cycles >= 3 * sum(run.dram_bound_cycles - 1 for run in runs)


def apart(case, run):
    """The cycles of a layer by cause, without pauses for what passes a single bank: when that is depends on others."""
    *_, design, _ = case
    return dict(run.cycles_by_cause) | {"sram_port": run.work.program(design, make_clocks(design)).total("sram_port")}


def test_every_cycle_of_a_stream_has_a_cause(case):
    design, runs = case[1], [unit.run for unit in case[-1]]
    chain, stream = streamed(case, 3)
    causes = stream.timing.cycles_by_cause
    assert sum(causes.values()) == stream.finish_cycles[-1]
    assert causes["configuration"] == 3 * len(runs) * design.layer_setup_cycles
    alone = {cause: 3 * sum(apart(case, run)[cause] for run in runs) for cause in causes}
    words = sum(int(loads.words.sum()) for loads in (chain.ifmap, chain.weight, chain.ofmap))
    for cause in BOUND:
        assert alone[cause] <= causes[cause] <= alone[cause] + (words if cause == "sram_port" else 0)
    assert abs(causes["fill"] - alone["fill"]) <= words
    # What of it idles is rounded once for the stream, once for each layer alone.
    assert sum(causes[cause] for cause in ("multiply", *IDLE)) == sum(alone[cause] for cause in ("multiply", *IDLE))
    for cause in ("multiply", *IDLE):
        assert abs(causes[cause] - alone[cause]) <= 3 * len(runs)


def test_a_stream_moves_what_its_layers_move(case):
    design, runs = case[1], [unit.run for unit in case[-1]]
    _, stream = streamed(case, 2)
    if design.dram.resolved_model == "plain":
        assert stream.timing.dram is None
        return
    assert stream.timing.dram.reads == 2 * sum(run.dram.reads for run in runs)
    assert stream.timing.dram.writes == 2 * sum(run.dram.writes for run in runs)


def test_more_clips_never_lower_throughput(case):
    each = []
    for clips in (1, 2, 3, 6):
        _, stream = streamed(case, clips)
        assert list(stream.finish_cycles) == sorted(set(stream.finish_cycles))
        each.append(stream.finish_cycles[-1] / clips)
    assert all(more <= fewer * SLACK + a_refresh_per_layer(case) for fewer, more in itertools.pairwise(each))


def test_a_buffer_never_holds_more_than_its_slots_and_its_bits(layered):
    _, design, _ = layered
    chain, stream = streamed(layered, 2)
    trace, buffers = stream.timing.trace, design.buffers
    start, end = np.asarray(trace.start), np.asarray(trace.end)
    held = {
        "ifmap": (trace.ifmap.grant, end[chain.ifmap.last], chain.ifmap.bits),
        "weight": (trace.weight.grant, end[chain.weight.last], chain.weight.bits),
        "ofmap": (start[chain.ofmap.opens], trace.ofmap.ready, chain.ofmap.bits),
    }
    for name, (begins, ends, bits) in held.items():
        capacity = getattr(buffers, f"{name}_kib") * 8 * 1024
        assert most_at_once(begins, ends, bits) <= capacity, name
        assert most_at_once(begins, ends, np.ones_like(bits)) <= buffers.slots, name


def test_partial_sums_take_an_accumulator_each():
    network, design, (unit, *_) = mapped("branches")
    clocks, run = make_clocks(design), unit.run
    problem = run.work.problem
    assert (problem.activation_bits, problem.accumulator_bits) == (8, 32)
    held = []
    for c in (problem.c, 1):
        mapping = replace(run.work.mapping, c=c)
        held.append(LayerWork(problem, mapping).link(build_schedule(problem, mapping, design, clocks), ()).held_bits)
    assert held[0].sum() == 8 * network.shapes["a"].elements
    assert np.array_equal(held[1], 4 * held[0])


def most_at_once(begins, ends, sizes):
    """The largest sum of sizes that are there together; what goes at an instant goes before what comes."""
    times = np.concatenate((ends, begins))
    changes = np.concatenate((-sizes, sizes))
    order = np.lexsort((changes, times))
    return int(np.cumsum(changes[order]).max())


def test_input_is_read_when_all_of_it_has_been_stored(case):
    *_, units = case
    clips = 2
    chain, stream = streamed(case, clips)
    trace = stream.timing.trace
    ends = np.cumsum([unit.run.steps for _ in range(clips) for unit in units])
    loads, weights, stores = (
        np.searchsorted(ends, steps, "right") for steps in (chain.ifmap.first, chain.weight.first, chain.ofmap.closes)
    )
    number = {layer.name: i for i, unit in enumerate(units) for layer in unit.layers}
    granted, fetched, ready = map(np.asarray, (trace.ifmap.grant, trace.weight.grant, trace.ofmap.ready))
    for place in range(clips * len(units)):
        clip, unit = divmod(place, len(units))
        for source in {name for layer in units[unit].layers for name in layer.inputs if number.get(name, unit) != unit}:
            stored = ready[stores == clip * len(units) + number[source]].max()
            assert granted[loads == place].min() >= stored
            # All but the first of its weights come with the input.
            assert all(fetched[weights == place][1:] >= stored)


def test_a_fused_group_has_the_buffers_to_itself(fused):
    *_, units = fused
    chain, stream = streamed(fused, 2)
    trace = stream.timing.trace
    ends = np.cumsum([unit.run.steps for _ in range(2) for unit in units])
    start, end = np.asarray(trace.start), np.asarray(trace.end)
    ready = np.asarray(trace.ofmap.ready)
    held = [
        (chain.ifmap.first, np.asarray(trace.ifmap.grant), end[chain.ifmap.last]),
        (chain.weight.first, np.asarray(trace.weight.grant), end[chain.weight.last]),
        (chain.ofmap.closes, start[chain.ofmap.opens], ready),
    ]
    groups = [place for place in range(len(ends)) if len(units[place % len(units)].layers) > 1]
    for steps, begins, goes in held:
        places = np.searchsorted(ends, steps, "right")
        for place in set(groups) & set(places.tolist()):
            own = places == place
            assert all(goes[places < place] <= begins[own].min())
            assert all(begins[places > place] >= goes[own].max())
    # Tensors between stages lie where outputs were.
    for place in filter(None, groups):
        first = ends[place - 1]
        assert start[first] >= ready[chain.ofmap.closes < first].max()


def test_tensors_of_a_stream_never_share_a_row(case):
    _, design, _ = case
    chain, _ = streamed(case, 2)
    stripe = make_clocks(design).stripe_bursts
    places = []
    for region in chain.regions:
        for base in getattr(region, "bases", None) or (region.base,):
            assert base % stripe == 0
            places.append((base, base + region.bursts))
    places = sorted(place for place in places if place[0] < place[1])
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(places))


@pytest.mark.parametrize("model", ["plain", "in_order"])
@pytest.mark.parametrize("name", ["branches on a small machine", "slowfast", "c3d, fused"])
def test_engines_agree_on_streams(name, model):
    workload, size, transform, algorithm, *arch = *EVERY[name], *[None] * (4 - len(EVERY[name]))
    fusion = "auto" if name in FUSED else "off"
    case = mapped(workload, size, transform, algorithm, *arch[:1], overrides=(f"dram.model={model}",), fusion=fusion)
    (_, fast), (_, reference) = (streamed(case, 2, engine) for engine in ("fast", "simpy"))
    assert as_lists(fast.timing.trace) == as_lists(reference.timing.trace)
    assert fast.finish_cycles == reference.finish_cycles
    assert fast.timing.dram == reference.timing.dram
    assert fast.timing.cycles_by_cause == reference.timing.cycles_by_cause


def test_a_stream_of_one_layer_is_that_layer():
    text = BRANCHES[: BRANCHES.index("  - {name: b")]
    data = simulate(parse_workload(text), clips=1).data
    assert data["totals"]["stream_latency_cycles"] == data["totals"]["latency_cycles"]
    assert data["stream_cycles_breakdown"] == data["cycles_breakdown"]
    assert data["totals"]["overlap_gain"] == 1


def test_the_next_layer_and_the_next_clip_are_fetched_ahead():
    *_, units = case = mapped("c3d", "16x32x32")
    chain, stream = streamed(case, 2)
    trace = stream.timing.trace
    first = np.cumsum([0, *(unit.run.steps for unit in units)])
    ahead = 0
    for step in first[1:-1]:
        tile = int(np.searchsorted(chain.weight.first, step))
        ahead += chain.weight.first[tile] == step and trace.weight.grant[tile] < trace.end[step - 1]
    assert ahead >= 8
    next_clip = int(np.searchsorted(chain.ifmap.first, first[-1]))
    assert trace.ifmap.grant[next_clip] < trace.end[first[-1] - 1]


@pytest.mark.parametrize("name", ["ifmap", "weight", "ofmap"])
def test_dma_stays_away_from_a_single_bank_while_another_layer_computes(name):
    case = mapped("branches", overrides=(f"buffers.{name}_banks=1",))
    chain, stream = streamed(case, 2)
    trace = stream.timing.trace
    ends = np.cumsum([unit.run.steps for _ in range(2) for unit in case[2]])
    start, end = np.asarray(trace.start), np.asarray(trace.end)
    steps, times = {
        "ifmap": (chain.ifmap.first, trace.ifmap.grant),
        "weight": (chain.weight.first, trace.weight.grant),
        "ofmap": (chain.ofmap.closes, trace.ofmap.ready),
    }[name]
    layers = np.searchsorted(ends, steps, "right")
    for layer, time in zip(layers, times, strict=True):
        assert layer == 0 or time >= end[ends[layer - 1] - 1]
        assert layer == len(ends) - 1 or time <= start[ends[layer]]


@settings(max_examples=300)
@given(st.lists(st.integers(0, 9), max_size=30), st.integers(1, 5), st.integers(9, 40))
def test_room_is_made_by_the_earliest_event_that_suffices(sizes, slots, capacity):
    events = 7 + 3 * np.arange(len(sizes))
    after = room_after(np.array(sizes, dtype=np.int64), events, slots, capacity)
    for tile, event in enumerate(after):
        fits = [
            gone for gone in range(tile + 1) if sum(sizes[gone : tile + 1]) <= capacity and tile + 1 - gone <= slots
        ]
        assert event == (events[fits[0] - 1] if fits[0] else -1)


def test_figures_of_a_stream():
    network = parse_workload(BRANCHES)
    alone, two = simulate(network), simulate(network, clips=2)
    totals = two.totals
    new = {
        "clips", "stream_bound_cycles", "stream_latency_cycles", "stream_latency_ms", "stream_first_clip_cycles",
        "stream_clips_per_s", "overlap_gain",
    }  # fmt: skip
    assert totals.keys() - alone.totals.keys() == new
    assert {name: totals[name] for name in totals if name not in new} == alone.totals.as_dict()
    assert two.data["layers"] == alone.data["layers"]
    assert "stream_cycles_breakdown" not in alone.data
    assert totals["clips"] == two.config.clips == 2
    period_ms = totals["stream_latency_ms"] * (1 - totals["stream_first_clip_cycles"] / totals["stream_latency_cycles"])
    assert totals["stream_clips_per_s"] == pytest.approx(1000 / period_ms)
    assert totals["overlap_gain"] == 2 * totals["latency_cycles"] / totals["stream_latency_cycles"]
    assert sum(two.data["stream_cycles_breakdown"].values()) == totals["stream_latency_cycles"]


def test_clips_on_the_command_line(cli, cli_json, tmp_path):
    path = tmp_path / "branches.yaml"
    path.write_text(BRANCHES, encoding="utf-8")
    folder = tmp_path / "out"
    printed = cli("simulate", str(path), "--clips", "3", "--out", str(folder)).stdout
    assert "3 clips without a stop between layers" in printed
    assert "clips without" not in cli("simulate", str(path)).stdout
    data = cli_json("simulate", str(path), "--clips", "3", "--format", "json")
    assert data["totals"]["clips"] == 3
    assert json.loads((folder / "result.json").read_text(encoding="utf-8")) == data
    assert cli("report", str(folder)).exit_code == 0


def test_clips_of_a_fused_network(cli_json):
    options = [
        "c3d",
        "--input",
        "16x32x32",
        "--transform",
        "fsb_c3d",
        "--algorithm",
        "hfa",
        "--fusion",
        "auto",
        "--format",
        "json",
    ]
    alone, three = cli_json("simulate", *options), cli_json("simulate", *options, "--clips", "3")
    assert any("+" in layer["name"] for layer in three["layers"])
    assert three["layers"] == alone["layers"]
    assert three["totals"]["stream_latency_cycles"] < 3 * alone["totals"]["latency_cycles"]


@pytest.mark.parametrize("clips", ["0", "-1", "1001", "x"])
def test_a_number_of_clips_that_is_none_is_refused(cli, clips):
    result = cli("simulate", "c3d", "--clips", clips)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    assert "--clips" in result.stderr


def test_too_many_clips_are_refused_before_memory_runs_out(monkeypatch):
    with pytest.raises(InputError, match="clips = 0: expected a whole number from 1 to 1000"):
        simulate("c3d", clips=0)
    monkeypatch.setattr("lw3dsim.network.pipeline.MAX_STREAM_STEPS", 5)
    with pytest.raises(InputError, match=r"clips = 9: \d+ steps are more than 5"):
        simulate(parse_workload(BRANCHES), clips=9)
