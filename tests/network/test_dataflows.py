"""Does a dataflow go all the way: refused or accepted, mapped, simulated, executed, accounted for, explored?"""

from __future__ import annotations

import itertools

import msgspec
import numpy as np
import pytest
from dataflow_records import known
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from paper import conv, machine, problem_of, tiles
from test_bad_input import refuse

from lw3dsim import InputError, execute, explain, load_arch, simulate
from lw3dsim.account.area import area_mm2
from lw3dsim.account.binding import idle_words, remedy
from lw3dsim.arithmetic.computation import Computation
from lw3dsim.arithmetic.machine import execute as run_schedule
from lw3dsim.arithmetic.number import NUMBERS, random_tensor
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.describe.dataflow import BUILT_IN, Dataflow
from lw3dsim.describe.workload import Conv3d, Shape
from lw3dsim.engine.run import simulate_schedule
from lw3dsim.errors import MappingError
from lw3dsim.explore.space_file import parse_space
from lw3dsim.machine.microarchitecture import make_machine, parallel_modes
from lw3dsim.map.layer.candidates import candidate_sizes
from lw3dsim.map.layer.mapping import Mapping
from lw3dsim.map.layer.search import search
from lw3dsim.network.layers import run_problem
from lw3dsim.network.runs import run_work
from lw3dsim.possible.layer import is_possible
from lw3dsim.schedule.build import build_schedule
from lw3dsim.schedule.work import LayerWork
from lw3dsim.technology.arithmetic import arithmetic
from lw3dsim.technology.structures import accumulator_file

STREAMING = Dataflow(
    name="streaming", description="no PE keeps anything", rows="input_channels", cols="output_channels",
    weights="every_pass", inputs="every_tap",
)  # fmt: skip
FLOWS = (*(flow.name for flow in BUILT_IN), STREAMING.name)
ARRAY = ("pe.rows=4", "pe.cols=4", "pe.mults_per_pe=9", "pe.acc_depth=16")
WIDE = tuple(f"buffers.{name}_port_bytes=1024" for name in ("ifmap", "weight", "ofmap"))


@pytest.fixture(autouse=True, scope="module")
def _another_dataflow():
    with known([STREAMING]):
        yield


@pytest.mark.parametrize("flow", FLOWS)
@pytest.mark.parametrize("options", [{}, {"fusion": "auto"}, {"algorithm": "auto"}], ids=["direct", "fused", "auto"])
def test_engines_agree_and_execution_is_exact_under_every_dataflow(flow, options):
    overrides = [*ARRAY, f"pe.dataflow={flow}"]
    common = {"transform": "fsb_c3d", "input_size": "8x16x16", "overrides": overrides, **options}
    fast, simpy = (simulate("c3d_small", engine=engine, **common) for engine in ("fast", "simpy"))
    assert fast.totals == simpy.totals
    assert fast.totals["executed_mults"] >= fast.totals["ideal_mults"]
    assert fast.totals["latency_cycles"] >= fast.totals["ideal_cycles"]
    assert all(sum(layer["cycles_breakdown"].values()) == layer["latency_cycles"] for layer in fast.data["layers"])
    executed = execute("c3d_small", **common)
    assert all(layer["exact"] for layer in executed.layers)


SMALL = [f"buffers.{name}_kib=1" for name in ("ifmap", "weight", "ofmap")]


@st.composite
def small_layers(draw):
    """A small layer, and a design of three columns under any dataflow that has room for few of its tiles."""
    flow = draw(st.sampled_from(FLOWS))
    arch = load_arch("edge_small", overrides=[*SMALL, "pe.cols=3", "pe.mults_per_pe=4", f"pe.dataflow={flow}"])
    c, n = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    kernel = draw(st.sampled_from([(1, 1, 1), (1, 2, 2), (1, 3, 3)]))
    layer = Conv3d(name="x", inputs=("i",), out_channels=n, kernel=kernel, padding=tuple(k // 2 for k in kernel))
    return problem_of(
        layer, Shape(c, draw(st.integers(1, 2)), 5, 5), arch, draw(st.sampled_from(["direct", "hfa"]))
    ), arch


def every_mapping(problem, arch):
    """Yield every tiling of the sizes that are tried, in both orders and all modes, that is possible."""
    sizes = candidate_sizes(
        problem, arch.places("output_channels"), arch.pe.mults_per_pe, arch.places("input_channels")
    )
    for tile, parallel in itertools.product(itertools.product(*sizes), parallel_modes(problem, arch)):
        for order, slots in itertools.product(("weights_outer", "tiles_outer"), itertools.product((1, 2), repeat=3)):
            mapping = Mapping(
                **dict(zip("ncthw", tile, strict=True)), order=order, parallel=parallel,
                ifmap_slots=slots[0], weight_slots=slots[1], ofmap_slots=slots[2],
            )  # fmt: skip
            if is_possible(problem, mapping, arch):
                yield mapping


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(small_layers())
def test_no_tiling_beats_its_bound_and_traffic_is_as_predicted(case):
    problem, arch = case
    clocks = make_clocks(arch)
    try:
        found = search(problem, arch, clocks, keep=200)
    except MappingError:
        return
    for candidate in found:
        schedule = build_schedule(problem, candidate.mapping, arch, clocks)
        assert schedule.total_bursts == candidate.bursts
        ticks = simulate_schedule(schedule, clocks).latency_cycles * clocks.cycle_ticks
        assert candidate.bound_ticks <= ticks


@pytest.mark.parametrize("flow", FLOWS)
@pytest.mark.parametrize("policy", ["direct", "hfa"])
def test_search_finds_the_fastest_of_all_tilings(flow, policy):
    arch = load_arch("edge_small", overrides=[*SMALL, "pe.cols=3", "pe.mults_per_pe=4", f"pe.dataflow={flow}"])
    problem = conv(7, 5, (1, 4, 4), (1, 3, 3), arch, policy)
    clocks, largest = make_clocks(arch), {}
    for mapping in every_mapping(problem, arch):
        # A buffer has all its slots, or one where a single tile is all there is.
        key = (mapping.n, mapping.c, mapping.t, mapping.h, mapping.w, mapping.order, mapping.parallel)
        largest.setdefault(key, []).append(mapping)
    fastest = min(
        simulate_schedule(build_schedule(problem, mapping, arch, clocks), clocks).latency_cycles
        for mappings in largest.values()
        for mapping in mappings
    )
    # Of some 560 cycles: the order of the mapper leaves out what overlaps, and the best few of it are simulated.
    assert run_problem(problem, arch, most=1_000_000).latency_cycles <= fastest * 1.02


@settings(max_examples=40)
@given(st.integers(1, 9), st.integers(1, 4), st.sampled_from([1, 3]), st.integers(0, 2**32 - 1))
def test_a_tree_adds_up_before_an_accumulator_saturates(channels, columns, taps, seed):
    bits = 15
    fields = (f"precision.accumulator_bits={bits}", "precision.overflow=saturate", f"pe.cols={columns}")
    arch = machine("pe.dataflow=weight_stationary", *fields)
    problem = conv(channels, 2, (1, 1, 5), (1, 1, taps), arch, bias=False)
    random, number = np.random.default_rng(seed), NUMBERS["int8"]
    values, weights = (
        random_tensor((channels, 1, 1, 5), number, random),
        random_tensor((2, channels, 1, 1, taps), number, random),
    )
    mapping = tiles(2, channels, *problem.out)
    schedule = build_schedule(problem, mapping, arch, make_clocks(arch))
    task = Computation(reduction="sum", weights=weights, bias=None)
    resolved = make_machine(problem, arch, "pixel")
    output, _ = run_schedule(problem, mapping, schedule, resolved, number, task, [values])
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    for n, w in np.ndindex(2, problem.out[2]):
        total = 0
        for first, tap in itertools.product(range(0, channels, columns), range(taps)):
            round_ = range(first, min(first + columns, channels))
            total += sum(int(weights[n, c, 0, 0, tap]) * int(values[c, 0, 0, w + tap]) for c in round_)
            total = min(max(total, low), high)
        assert output[n, 0, 0, w] == total


def test_accumulators_stand_behind_the_trees_and_adders_in_them():
    sizes, trees = {}, {}
    for flow in BUILT_IN:
        arch = machine("pe.rows=2", "pe.cols=4", "pe.acc_depth=8", f"pe.dataflow={flow.name}")
        problem = conv(4, 2, (1, 4, 4), (1, 1, 1), arch, bias=False)
        sizes[flow.name], trees[flow.name] = (
            area_mm2(arch, [problem])[part] * 1e6 for part in ("accumulators", "adder_trees")
        )
    add, product = (arithmetic(arch.tech, "add", "area_um2", bits) for bits in (32, 16))
    bank = accumulator_file(arch, 32).area_um2
    assert sizes["output_stationary"] == pytest.approx(8 * (add + 2 * bank))
    assert sizes["weight_stationary"] == pytest.approx(2 * (add + 2 * bank))
    assert trees["weight_stationary"] - trees["output_stationary"] == pytest.approx(6 * product)


def test_of_sums_in_trees_less_energy_goes_to_accumulators():
    def spent(flow):
        result = simulate("c3d", "array_16x16", input_size="16x32x32", overrides=[f"pe.dataflow={flow}"])
        return next(layer for layer in result.data["layers"] if layer["name"] == "conv3a")["energy_breakdown_pj"]

    stationary, trees = (spent(flow.name) for flow in BUILT_IN)
    arch = load_arch("array_16x16")
    pj = {bits: arithmetic(arch.tech, "add", "energy_pj", bits) for bits in (16, 32)}
    alone = pj[32] + accumulator_file(arch, 32).access_pj
    # 128 channels are 8 rounds of 16: an accumulation for 16 products, 15 of which are added to another.
    assert trees["accumulators"] / stationary["accumulators"] == pytest.approx((alone / 16 + pj[16] * 15 / 16) / alone)
    assert trees["multipliers"] == pytest.approx(stationary["multipliers"])


def test_what_idles_and_what_helps_is_said_of_the_loops_that_are_unrolled():
    arch = machine("pe.cols=4", "pe.dataflow=weight_stationary", *WIDE)
    problem = conv(3, 2, (1, 4, 4), (1, 1, 1), arch, bias=False)
    run = run_work(LayerWork(problem, tiles(2, 3, *problem.out)), arch)
    assert idle_words(run, arch) == "1 of 4 columns idle: 3 input channels"
    assert remedy("idle_multipliers", arch).startswith("pe.cols that input channels fill")
    assert remedy("idle_lanes", arch).startswith("fewer tiles at once: lower pe.mults_per_pe")
    pairs = machine("pe.cols=2", "pe.mults_per_pe=4", "pe.dataflow=weight_stationary", *WIDE)
    problem = conv(6, 2, (1, 4, 4), (1, 1, 1), pairs, bias=False)
    run = run_work(LayerWork(problem, tiles(2, 6, *problem.out, parallel="channel")), pairs)
    assert idle_words(run, pairs) == "2 of 8 multipliers along an adder tree idle: 6 input channels"
    turned = machine("pe.cols=4", "pe.dataflow=streaming", *WIDE)
    problem = conv(8, 3, (1, 4, 4), (1, 1, 1), turned, bias=False)
    run = run_work(LayerWork(problem, tiles(3, 8, *problem.out)), turned)
    assert idle_words(run, turned) == "1 of 4 columns idle: 3 output channels"


def test_first_layers_lose_where_input_channels_are_unrolled():
    result = {
        flow: simulate("c3d", "array_16x16", overrides=[f"pe.dataflow={flow}"]).data["layers"][0] for flow in FLOWS[:2]
    }
    assert {layer["name"] for layer in result.values()} == {"conv1a"}
    # 3 of 16 columns: published mappers that unroll input channels take 22.0 M cycles for 4.06 M ideal ones.
    assert result["output_stationary"]["latency_cycles"] == pytest.approx(4.07e6, rel=0.01)
    assert result["weight_stationary"]["latency_cycles"] == pytest.approx(22.0e6, rel=0.02)


SPACE = """
name: flows
arch: edge_direct
workloads: [{workload: c3d, input: 16x32x32}]
parameters:
  pe.dataflow: [%s]
  pe.cols: [4, 16]
objectives: [latency_ms, energy_mj]
"""


def test_a_dataflow_is_a_parameter_of_a_space():
    one = parse_space(SPACE % "output_stationary, weight_stationary")
    assert one.size == 4
    assert one.digest != parse_space(SPACE % "output_stationary, streaming").digest
    with pytest.raises(InputError, match="unknown dataflow 'weight_stationery'; did you mean 'weight_stationary'"):
        parse_space(SPACE % "output_stationary, weight_stationery")


def test_a_study_knows_a_dataflow_of_other_contents():
    before = parse_space(SPACE % "output_stationary, streaming").digest
    with known([msgspec.structs.replace(STREAMING, inputs="once_a_round")]):
        assert parse_space(SPACE % "output_stationary, streaming").digest != before


def test_dataflows_are_compared_explained_and_listed(cli, cli_json):
    assert set(FLOWS) <= set(cli_json("list", "--format", "json")["dataflows"])
    assert "streaming          no PE keeps anything" in cli("list").stdout
    changes = explain("c3d", "edge_direct", input_size="16x16x16").rows()
    assert {row["after"] for row in changes if row["field"] == "pe.dataflow"} == {"weight_stationary", "streaming"}
    cases = [f"--case={flow}: --set pe.dataflow={flow}" for flow in FLOWS[:2]]
    compared = cli_json("compare", "c3d", "--arch", "edge_direct", "--input", "16x16x16", *cases, "--format", "json")
    first, second = (case["result"] for case in compared["cases"])
    assert [case["config"]["arch"]["pe"]["dataflow"] for case in (first, second)] == list(FLOWS[:2])
    assert first["totals"]["latency_cycles"] != second["totals"]["latency_cycles"]


def test_the_nest_says_where_sums_meet(cli):
    text = cli(
        "map",
        "c3d",
        "--input",
        "16x32x32",
        "--arch",
        "array_16x16",
        "--layer",
        "conv2a",
        "--set",
        "pe.dataflow=weight_stationary",
    ).stdout
    assert "input channels, pixel-parallel, in adder trees along 16 columns" in " ".join(text.split())
    assert "1 lane (of a PE)" in text


def test_unknown_dataflows_are_refused(cli):
    refuse(cli("simulate", "c3d", "--set", "pe.dataflow=weight"), "pe.dataflow|'weight'|weight_stationary")
    with pytest.raises(
        InputError, match="dataflow 'x': cols is 'pixels', expected one of output_channels, input_channels, tiles"
    ):
        Dataflow(name="x", description="", rows="tiles", cols="pixels")
