"""Does the mapper count exactly, stay inside the buffers, and unroll to every output once?"""

from __future__ import annotations

import itertools
import math

import msgspec
import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from lw3dsim import load_arch
from lw3dsim.account.events import count_events
from lw3dsim.base.arrays import as_lists
from lw3dsim.base.kernels import INTERPRETED
from lw3dsim.base.values import replace
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.describe.workload import Add, Conv3d, Pool3d, Shape, Trg
from lw3dsim.engine.memory import IN_ORDER, draft_memory, make_memory
from lw3dsim.engine.run import simulate_schedule
from lw3dsim.engine.trace import draft_job, make_job
from lw3dsim.errors import MappingError
from lw3dsim.machine.microarchitecture import make_machine, plain_array
from lw3dsim.machine.pace import port_cycles
from lw3dsim.machine.problem import make_problem, on_rows, plain_layer
from lw3dsim.machine.waves import cost_waves, empty_waves
from lw3dsim.map.fill import layer_fill
from lw3dsim.map.floor import compulsory_bytes
from lw3dsim.map.layer.candidates import candidate_sizes, make_choices
from lw3dsim.map.layer.compute import layer_cycles, nothing_costed
from lw3dsim.map.layer.mapping import ORDERS, Mapping, input_boxes, make_axes
from lw3dsim.map.layer.ranking import INFINITE
from lw3dsim.map.layer.room import ifmap_bits, ofmap_bits
from lw3dsim.map.layer.search import search
from lw3dsim.map.layer.sums import weight_bits
from lw3dsim.map.layer.tiling import (
    Task,
    Tiling,
    input_bursts,
    input_repeats,
    line_of,
    output_bursts,
    total_steps,
    weight_loads,
)
from lw3dsim.network.layers import laid
from lw3dsim.schedule.build import build_schedule, draft_layer
from lw3dsim.schedule.dma import Activations, runs_of
from lw3dsim.tensor.axis import cut
from lw3dsim.transform.algorithms import candidates

ARCH = load_arch(
    "edge_small",
    overrides=["pe.rows=6", "buffers.ifmap_kib=8", "buffers.weight_kib=8", "buffers.ofmap_kib=8"],
)
CLOCKS = make_clocks(ARCH)

small = st.integers(1, 12)
axis = st.tuples(
    small, small, st.integers(1, 6), st.integers(1, 4), st.integers(1, 3), st.integers(0, 2), st.integers(1, 2)
)


@given(axis)
def test_a_cut_axis_reads_exactly_what_its_windows_touch(case):
    size_out, size_in, tile, kernel, stride, padding, dilation = case
    result = cut(size_out, size_in, tile, kernel, stride, padding, dilation)
    assert result.outputs.sum() == size_out
    for i, start in enumerate(range(0, size_out, tile)):
        outputs = range(start, min(start + tile, size_out))
        touched = {o * stride - padding + k * dilation for o in outputs for k in range(kernel)}
        touched &= set(range(size_in))
        assert result.needed[i] == len(touched)
        assert result.span[i] == (max(touched) - min(touched) + 1 if touched else 0)


@st.composite
def layers(draw):
    kernel = draw(st.sampled_from([(1, 1, 1), (3, 1, 1), (1, 3, 3), (3, 3, 3), (1, 2, 3)]))
    structure = draw(st.sampled_from(["dense", "depthwise", "grouped"]))
    n = draw(st.integers(1, 40))
    c = draw(st.integers(1, 40))
    groups = 1
    if structure == "depthwise":
        groups = c = n
    elif structure == "grouped":
        groups = draw(st.integers(2, 9))
        n, c = draw(st.integers(1, 14)) * groups, draw(st.integers(1, 5)) * groups
    stride = draw(st.sampled_from([(1, 1, 1), (1, 2, 2), (2, 1, 1), (3, 3, 3)]))
    layer = Conv3d(
        name="x",
        inputs=("i",),
        out_channels=n,
        kernel=kernel,
        stride=stride,
        padding=tuple(k // 2 for k in kernel),
        groups=groups,
        bias=draw(st.booleans()),
    )
    shape = Shape(c, draw(st.integers(2, 9)), draw(st.integers(3, 20)), draw(st.integers(3, 20)))
    policy = draw(st.sampled_from(["direct", "hfa", "winograd3d", "nested"]))
    m1, m2 = draw(st.integers(2, 4)), draw(st.integers(2, 4))
    algorithm = candidates(layer, policy, m1, m2)[0]
    problem = make_problem(layer, (shape,), layer.output_shape((shape,)), algorithm, ARCH)
    return draw(st.sampled_from(on_rows(problem, ARCH.pe.rows)))


@st.composite
def vector_layers(draw):
    shape = Shape(draw(st.integers(1, 24)), draw(st.integers(1, 9)), draw(st.integers(3, 20)), draw(st.integers(3, 20)))
    kernel, stride = draw(st.sampled_from([((2, 2, 2), (2, 2, 2)), ((1, 3, 3), (1, 2, 2)), ((3, 3, 3), (1, 1, 1))]))
    padding = draw(st.sampled_from([(0, 0, 0), tuple(k // 2 for k in kernel)]))
    kind = draw(st.sampled_from(["pool", "global", "trg", "add"]))
    layer = {
        "pool": Pool3d(name="x", inputs=("i",), mode="max", kernel=kernel, stride=stride, padding=padding),
        "global": Pool3d(name="x", inputs=("i",), mode="avg", kernel="global"),
        "trg": Trg(name="x", inputs=("i",)),
        "add": Add(name="x", inputs=("i", "j")),
    }[kind]
    shapes = (shape,) * len(layer.inputs)
    if kind == "pool" and any(size + 2 * p < k for size, p, k in zip(shape.extent, padding, kernel, strict=True)):
        shapes = (Shape(shape.channels, 4, 5, 6),)
    return make_problem(layer, shapes, layer.output_shape(shapes), candidates(layer, "direct", 4, 4)[0], ARCH)


def packings():
    """Blocks that a tensor may lie in: as it does, or with packed rows."""
    return st.none() | st.sampled_from([-1, -3, -8, -27])


slow = settings(max_examples=60)


def offered(problem):
    """Return what the mapper offers for a layer; the kernels of a large Winograd tile may need more than there is."""
    try:
        return search(problem, ARCH, CLOCKS)
    except MappingError:
        assert problem.algorithm.is_winograd
        reject()


@slow
@given(layers() | vector_layers(), packings(), packings())
def test_every_mapping_offered_keeps_the_invariants(problem, first, last):
    problem = laid(problem, (first, last))
    for candidate in offered(problem):
        schedule = build_schedule(problem, candidate.mapping, ARCH, CLOCKS)
        events = count_events(schedule, CLOCKS.burst_bytes, ARCH.buffers)
        timing = simulate_schedule(schedule, CLOCKS)
        assert problem.ideal_mults <= events.mults
        assert events.dram_read_bytes + events.dram_write_bytes >= compulsory_bytes(problem)
        assert timing.latency_cycles >= -(-events.mults // ARCH.multipliers)
        assert timing.latency_cycles * CLOCKS.cycle_ticks >= CLOCKS.refreshed_ticks(schedule.total_bursts)
        assert sum(timing.cycles_by_cause.values()) == timing.latency_cycles
        assert candidate.bursts == schedule.total_bursts
        assert timing.latency_cycles * CLOCKS.cycle_ticks >= candidate.bound_ticks
        assert candidate.bound_ticks >= schedule.bound_ticks(CLOCKS)
        # Every output is written once: the stored tiles add up to the tensor.
        assert schedule.ofmap.bits.sum() == problem.outputs * problem.activation_bits
        for name, stream in (("ifmap", schedule.ifmap), ("weight", schedule.weight)):
            if len(stream.bits):
                slots = getattr(candidate.mapping, f"{name}_slots")
                assert stream.bits.max() * slots <= getattr(ARCH.buffers, f"{name}_kib") * 8192


def a_tiling(problem, data):
    """Any candidate tiling, whether it fits or not: its sums, its place in them, and the mapping."""
    sizes = candidate_sizes(problem, ARCH.pe.rows, ARCH.pe.mults_per_pe)
    choices = make_choices(problem, sizes, CLOCKS.burst_bytes, INTERPRETED)
    at = Tiling(*(data.draw(st.integers(0, len(axis) - 1)) for axis in sizes))
    order = data.draw(st.sampled_from(ORDERS))
    tile = {name: axis[i] for name, axis, i in zip("ncthw", sizes, at, strict=True)}
    slots = dict.fromkeys(("ifmap_slots", "weight_slots", "ofmap_slots"), 2)
    return choices, at, Mapping(**tile, order=order, parallel="pixel", **slots)


@slow
@given(layers() | vector_layers(), st.data())
def test_predicted_traffic_is_that_of_the_schedule(problem, data):
    choices, at, mapping = a_tiling(problem, data)
    layer, order = plain_layer(problem), ORDERS.index(mapping.order)
    if total_steps(layer, choices, at) > 20_000:
        return
    schedule = build_schedule(problem, mapping, ARCH, CLOCKS)
    line = line_of(layer, choices, at)
    loads = input_repeats(layer, choices, at, order) * input_bursts(choices, line, at)
    assert schedule.bursts(schedule.ifmap).sum() == loads
    assert schedule.bursts(schedule.weight).sum() == weight_loads(layer, choices, at, order)
    assert schedule.bursts(schedule.ofmap).sum() == output_bursts(choices, line, at)
    assert schedule.steps == total_steps(layer, choices, at)


@slow
@given(layers() | vector_layers(), st.data())
def test_an_engine_is_given_the_same_of_a_draft_as_of_its_program(problem, data):
    choices, at, mapping = a_tiling(problem, data)
    if total_steps(plain_layer(problem), choices, at) > 20_000:
        return
    draft = draft_layer(problem, mapping, ARCH, CLOCKS)
    program = draft.schedule()
    assert as_lists(draft_job(draft)) == as_lists(make_job(program, CLOCKS.cycle_ticks))
    drafted, whole = as_lists(draft_memory(draft, CLOCKS)), as_lists(make_memory(program.regions, CLOCKS))
    assert whole.model == IN_ORDER
    # A draft has room for runs that were joined.
    runs = len(whole.run_first)
    assert drafted._replace(run_first=drafted.run_first[:runs], run_bursts=drafted.run_bursts[:runs]) == whole


@slow
@given(layers() | vector_layers(), st.data())
def test_the_fill_of_a_layer_is_what_the_mapper_allows(problem, data):
    choices, at, mapping = a_tiling(problem, data)
    layer = plain_layer(problem)
    weights = weight_bits(layer, mapping.n, mapping.c, 1) if problem.has_weights else 0
    tiles = {fill.buffer: fill.tile_bits for fill in layer_fill(problem, mapping, ARCH)}
    assert tiles == {
        "ifmap": ifmap_bits(layer, choices, at),
        "weight": weights,
        "ofmap": ofmap_bits(layer, choices, at),
    }


@slow
@given(layers() | vector_layers(), st.data())
def test_predicted_compute_cycles_are_those_of_the_schedule(problem, data):
    choices, at, mapping = a_tiling(problem, data)
    layer, array = plain_layer(problem), plain_array(make_machine(problem, ARCH, "pixel"))
    if total_steps(layer, choices, at) > 20_000:
        return
    schedule = build_schedule(problem, mapping, ARCH, CLOCKS)
    task = Task(layer=layer, array=array, mode=0, limits=None, times=None, choices=choices)
    head, drain = (getattr(schedule.kinds, name)[schedule.kind] for name in ("head", "drain"))
    # From step to step of a tile, an array that never waits for DMA waits for what it must drain first.
    waits = np.where(schedule.loops.is_first[1:], 0, np.maximum(drain[:-1] - head[1:], 0)).sum()
    busy = schedule.total("head") + schedule.total("body")
    if problem.structure != "vector":
        axes, loops, waves, loads = make_axes(problem, mapping), schedule.loops, empty_waves(INTERPRETED), 0
        for i in range(schedule.steps):
            size = (int(axis.outputs[at[i]]) for axis, at in ((axes.t, loops.t), (axes.h, loops.h), (axes.w, loops.w)))
            n, c = int(axes.n[loops.n[i]]), int(axes.c[loops.c[i]])
            cost_waves(layer, array, n, c, *size, int(loops.is_first[i]), int(loops.is_last[i]), waves)
            loads += port_cycles(waves)
        # Nor is it faster than its ports, which load one round after the other.
        busy = max(busy + waits, loads)
    cuts = math.prod(len(axis.size) for axis in (choices.t, choices.h, choices.w))
    assert layer_cycles(task, at, INFINITE, nothing_costed(INTERPRETED, cuts)) == busy


@slow
@given(
    layers(),
    st.sampled_from([1, 2, 8, 64, 512]) | st.sampled_from([-1, -3, -8, -27, -64]),
    st.sampled_from([4, 8, 16]),
    st.data(),
)
def test_a_box_moves_the_bursts_that_hold_its_elements_and_nothing_else(problem, block, bits, data):
    """A brute-force walk over the addresses of each element of a tile; of packed rows all channels of its blocks."""
    problem = replace(problem, input_block=block, activation_bits=bits)
    _, _, mapping = a_tiling(problem, data)
    boxes = input_boxes(problem, mapping, make_axes(problem, mapping), CLOCKS.burst_bytes)
    runs = runs_of([Activations(boxes=boxes, bases=(1000,))])
    assert np.array_equal(
        np.add.reduceat(np.r_[runs.bursts, 0], runs.offsets[:-1]) * (np.diff(runs.offsets) > 0), boxes.bursts()
    )
    blocks = [boxes.layout.block, 1, -5, 3, 16, -16, 64]
    others = [replace(boxes, layout=replace(boxes.layout, block=each)) for each in blocks]
    assert boxes.bursts_in(blocks) == [other.bursts().sum() for other in others]
    layout, tile = boxes.layout, (mapping.t, mapping.h, mapping.w)
    for number in data.draw(st.lists(st.integers(0, len(runs.offsets) - 2), min_size=3, max_size=6)):
        channel, *place = np.unravel_index(number, boxes.shape)
        first, count = int(boxes.channel_first[channel]), int(boxes.channel_count[channel])
        where = [touched(problem, d, tile[d], int(place[d])) for d in range(3)]
        width = range(min(where[2]), max(where[2]) + 1) if where[2] else ()
        if block < 0:
            first, count = first // -block * -block, -(-(first + count) // -block) * -block - first // -block * -block
        expected = {
            1000 + (address_bits + bit) // (8 * layout.burst_bytes)
            for c, t, h, w in itertools.product(range(first, first + count), where[0], where[1], width)
            for address_bits in [element_bits(layout, c, t, h, w)]
            for bit in (0, bits - 1)
        }
        moved = [
            burst
            for run in range(runs.offsets[number], runs.offsets[number + 1])
            for burst in range(runs.first[run], runs.first[run] + runs.bursts[run])
        ]
        assert len(moved) == len(set(moved))
        assert set(moved) == expected


def element_bits(layout, c, t, h, w):
    """The address of an element in [C/b][T][H][W][b], rows and large pixels, or planes, padded to bursts, in bits."""
    _, H, W = layout.extent
    burst = 8 * layout.burst_bytes
    if layout.block < 0:
        pixel = -layout.block * layout.element_bits
        plane = c // -layout.block * layout.extent[0] + t
        within = (h * W + w) * pixel + c % -layout.block * layout.element_bits
        return plane * -(-H * W * pixel // burst) * burst + within
    pixel = layout.block * layout.element_bits
    pixel = pixel if pixel <= burst else -(-pixel // burst) * burst
    row = -(-W * pixel // burst) * burst
    rows = (c // layout.block * layout.extent[0] + t) * H + h
    return rows * row + w * pixel + c % layout.block * layout.element_bits


def touched(problem, d, tile, i):
    outputs = range(i * tile, min((i + 1) * tile, problem.out[d]))
    read = {
        o * problem.stride[d] - problem.padding[d] + k * problem.dilation[d]
        for o in outputs
        for k in range(problem.kernel[d])
    }
    return sorted(read & set(range(problem.inp[d])))


def test_a_layer_that_fits_nowhere_names_the_buffer():
    layer = Conv3d(name="x", inputs=("i",), out_channels=4, kernel=(64, 64, 64))
    shape = Shape(1, 64, 64, 64)
    problem = make_problem(layer, (shape,), layer.output_shape((shape,)), candidates(layer, "direct", 4, 4)[0], ARCH)
    with pytest.raises(MappingError, match="needs at least") as error:
        search(problem, ARCH, CLOCKS)
    assert error.value.key == "buffers.ifmap_kib"


def test_more_of_a_resource_never_costs_more_than_an_anomaly():
    layer = Conv3d(name="x", inputs=("i",), out_channels=48, kernel=(3, 3, 3), padding=(1, 1, 1))
    shape = Shape(24, 4, 20, 20)

    def latency(arch):
        clocks = make_clocks(arch)
        problem = make_problem(
            layer, (shape,), layer.output_shape((shape,)), candidates(layer, "direct", 4, 4)[0], arch
        )
        schedules = [build_schedule(problem, m.mapping, arch, clocks) for m in search(problem, arch, clocks)]
        return min(simulate_schedule(schedule, clocks).latency_cycles for schedule in schedules)

    buffers = ARCH.buffers
    for field in ("ifmap_kib", "weight_kib", "ofmap_kib", "ifmap_port_bytes", "weight_port_bytes", "ofmap_port_bytes"):
        times = []
        for scale in (1, 2, 4):
            bigger = msgspec.structs.replace(buffers, **{field: getattr(buffers, field) * scale})
            times.append(latency(msgspec.structs.replace(ARCH, buffers=bigger)))
        assert times[1] <= times[0] * 1.002
        assert times[2] <= times[1] * 1.002
    times = [
        latency(msgspec.structs.replace(ARCH, dram=msgspec.structs.replace(ARCH.dram, bandwidth_gbps=gbps)))
        for gbps in (0.2, 1.0, 5.0, 50.0)
    ]
    assert all(later <= earlier * 1.001 for earlier, later in itertools.pairwise(times))
