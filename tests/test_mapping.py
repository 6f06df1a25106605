"""Does the mapper count exactly, stay inside the buffers, and unroll to every output once?"""

from __future__ import annotations

import itertools
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lw3dsim import load_arch
from lw3dsim.account.events import compulsory_bytes, count_events
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.describe.workload import Conv3d, Shape
from lw3dsim.engine.run import simulate_schedule
from lw3dsim.errors import MappingError
from lw3dsim.map.axis import cut
from lw3dsim.map.mapping import ORDERS, Mapping, input_boxes, make_axes
from lw3dsim.map.problem import make_problem
from lw3dsim.map.search import search
from lw3dsim.map.tilings import enumerate_tilings
from lw3dsim.map.traffic import traffic
from lw3dsim.schedule.build import build_schedule
from lw3dsim.transform.algorithms import candidates

ARCH = load_arch("edge_small", overrides=["buffers.ifmap_kib=8", "buffers.weight_kib=8", "buffers.ofmap_kib=8"])
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
        groups = draw(st.integers(2, 3))
        n, c = n * groups, c * groups
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
    return make_problem(layer, (shape,), layer.output_shape((shape,)), algorithm, ARCH)


slow = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])


@slow
@given(layers())
def test_every_mapping_offered_keeps_the_invariants(problem):
    for mapping in search(problem, ARCH, CLOCKS):
        schedule = build_schedule(problem, mapping, ARCH, CLOCKS)
        events = count_events(schedule, CLOCKS.burst_bytes)
        timing = simulate_schedule(schedule, CLOCKS)
        assert problem.ideal_mults <= events.mults
        assert events.dram_read_bytes + events.dram_write_bytes >= compulsory_bytes(problem)
        assert timing.latency_cycles >= -(-events.mults // ARCH.multipliers)
        assert timing.latency_cycles * CLOCKS.cycle_ticks >= CLOCKS.bound_ticks(schedule.total_bursts)
        assert sum(timing.cycles_by_cause.values()) == timing.latency_cycles
        # Every output is written once: the stored tiles add up to the tensor.
        assert schedule.ofmap.bits.sum() == problem.outputs * problem.activation_bits
        for name, stream in (("ifmap", schedule.ifmap), ("weight", schedule.weight)):
            if len(stream.bits):
                assert (
                    stream.bits.max() * getattr(mapping, f"{name}_slots") <= getattr(ARCH.buffers, f"{name}_kib") * 8192
                )


@slow
@given(layers(), st.data())
def test_predicted_traffic_is_that_of_the_schedule(problem, data):
    tilings = enumerate_tilings(problem, ARCH.pe.rows, ARCH.pe.mults_per_pe, CLOCKS.burst_bytes)
    i = data.draw(st.integers(0, len(tilings) - 1))
    order = data.draw(st.sampled_from(ORDERS))
    one = tilings.take(np.array([i]))
    if int(one.steps(problem)[0]) > 20_000:
        return
    schedule = build_schedule(problem, mapping_of(one, order), ARCH, CLOCKS)
    assert schedule.total_bursts == int(traffic(problem, one, order, CLOCKS).bursts[0])


def mapping_of(tilings, order):
    sizes = {name: int(getattr(tilings, name)[0]) for name in "ncthw"}
    return Mapping(**sizes, order=order, parallel="pixel", ifmap_slots=2, weight_slots=2, ofmap_slots=2)


@slow
@given(layers(), st.sampled_from([1, 2, 8, 64, 512]), st.sampled_from([4, 8, 16]), st.data())
def test_a_box_moves_the_bursts_that_hold_its_elements_and_nothing_else(problem, block, bits, data):
    """A brute-force walk over the addresses of each element of a tile."""
    problem = replace(problem, input_block=block, activation_bits=bits)
    tilings = enumerate_tilings(problem, 2, 4, CLOCKS.burst_bytes)
    mapping = mapping_of(tilings.take(np.array([data.draw(st.integers(0, len(tilings) - 1))])), "tiles_outer")
    boxes = input_boxes(problem, mapping, make_axes(problem, mapping), CLOCKS.burst_bytes)
    runs = boxes.runs(1000)
    assert np.array_equal(
        np.add.reduceat(np.r_[runs.count, 0], runs.offsets[:-1]) * (np.diff(runs.offsets) > 0), boxes.bursts.ravel()
    )
    layout, tile = boxes.layout, (mapping.t, mapping.h, mapping.w)
    for number in data.draw(st.lists(st.integers(0, len(runs.offsets) - 2), min_size=3, max_size=6)):
        channel, *place = np.unravel_index(number, boxes.shape)
        first, count = int(boxes.channel_first[channel]), int(boxes.channel_count[channel])
        where = [touched(problem, d, tile[d], int(place[d])) for d in range(3)]
        width = range(min(where[2]), max(where[2]) + 1) if where[2] else ()
        expected = {
            1000 + (address_bits + bit) // (8 * layout.burst_bytes)
            for c, t, h, w in itertools.product(range(first, first + count), where[0], where[1], width)
            for address_bits in [element_bits(layout, c, t, h, w)]
            for bit in (0, bits - 1)
        }
        moved = [
            burst
            for run in range(runs.offsets[number], runs.offsets[number + 1])
            for burst in range(runs.first[run], runs.first[run] + runs.count[run])
        ]
        assert len(moved) == len(set(moved))
        assert set(moved) == expected


def element_bits(layout, c, t, h, w):
    """The address of an element in [C/b][T][H][W][b], rows and large pixels padded to bursts, in bits."""
    _, H, W = layout.extent
    burst = 8 * layout.burst_bytes
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
        schedules = [build_schedule(problem, m, arch, clocks) for m in search(problem, arch, clocks)]
        return min(simulate_schedule(schedule, clocks).latency_cycles for schedule in schedules)

    buffers = ARCH.buffers
    for field in ("ifmap_kib", "weight_kib", "ofmap_kib", "ifmap_port_bytes", "weight_port_bytes", "ofmap_port_bytes"):
        times = []
        for scale in (1, 2, 4):
            bigger = msgspec.structs.replace(buffers, **{field: getattr(buffers, field) * scale})
            times.append(latency(msgspec.structs.replace(ARCH, buffers=bigger)))
        assert times[1] <= times[0] * 1.001
        assert times[2] <= times[1] * 1.001
    times = [
        latency(msgspec.structs.replace(ARCH, dram=msgspec.structs.replace(ARCH.dram, bandwidth_gbps=gbps)))
        for gbps in (0.2, 1.0, 5.0, 50.0)
    ]
    assert all(later <= earlier * 1.001 for earlier, later in itertools.pairwise(times))
