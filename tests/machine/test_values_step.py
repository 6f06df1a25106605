"""Does a step of the array take the cycles, and count the events, that one gets on paper?"""

from __future__ import annotations

import math

import numpy as np
import pytest
from paper import conv, machine, problem_of, tiles

from lw3dsim.base.kernels import INTERPRETED
from lw3dsim.base.values import fields_of
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.describe.workload import Activation, Add, Conv3d, Pool3d, Shape, Trg
from lw3dsim.engine.run import simulate_schedule
from lw3dsim.engine.stream import simulate_stream
from lw3dsim.machine.microarchitecture import make_machine, plain_array
from lw3dsim.machine.problem import make_problem, plain_layer, side_by_side
from lw3dsim.machine.vector import Pace, vector_pace
from lw3dsim.machine.waves import cost_waves, empty_waves
from lw3dsim.schedule.build import build_schedule
from lw3dsim.schedule.chain import join
from lw3dsim.schedule.work import LayerWork
from lw3dsim.transform.algorithms import candidates

WIDE = tuple(f"buffers.{name}_port_bytes=1024" for name in ("ifmap", "weight", "ofmap"))


def step(problem, arch, parallel="pixel", n=None, c=None):
    """The only step of a layer, or the first where its channels are cut."""
    mapping = tiles(n or problem.n, c or problem.c, *problem.out, parallel=parallel)
    return step_of(build_schedule(problem, mapping, arch, make_clocks(arch)), 0)


def step_of(schedule, i):
    return {name: int(values[schedule.kind[i]]) for name, values in fields_of(schedule.kinds).items()}


def subset(step, **expected):
    return {name: step[name] for name in expected}


def test_a_patch_holds_what_taps_touch():
    # Outputs 2 apart with taps 2 apart touch every other of 9 positions; 3 apart with taps 2 apart, in 4 taps,
    # 0 2 4 6, 3 5 7 9, 6 8 10 12: the two 6 are one.
    for kernel, stride, dilation, size, touched in (
        (3, 2, 2, 9, 5),
        (4, 3, 2, 13, 11),
        (2, 3, 1, 8, 6),
        (3, 1, 2, 6, 6),
    ):
        windows = {"stride": (1, stride, 1), "dilation": (1, dilation, 1)}
        problem = conv(1, 1, (1, size, 1), (1, kernel, 1), machine("pe.acc_depth=8"), **windows)
        assert step(problem, machine("pe.acc_depth=8"))["ifmap_read_bits"] == 8 * touched


def test_tiles_come_in_groups_as_equal_as_can_be():
    # 2 lanes with 2 accumulators take 10 pixels as 4, 3 and 3: two turns each. The last 3 drain by 2 a cycle.
    expected = {"entry": 3, "head": 2, "body": 2 + 2, "multiply": 6, "drain": 2}
    assert subset(step(conv(1, 1, (1, 1, 10), (1, 1, 1), machine(), bias=False), machine()), **expected) == expected


def test_a_winograd_step_may_be_bound_by_its_weights():
    # F(2x2,3x3) on 16 multipliers: 4 x 4 outputs are 4 tiles on 2 lanes, in two turns. A channel's patch of 6 x 6 bytes
    # takes 9 cycles, 2 kernels of 16 weights of 12 bits take 12; 4 tiles at 2 x 16 coordinates a cycle 2.
    arch = machine("pe.mults_per_pe=16")
    problem = conv(3, 2, (1, 6, 6), (1, 3, 3), arch, "hfa", bias=False)
    expected = {
        # Three loads of 12 cycles, the first before the step, the last feed of 2 behind; the fill: 3 stages, transforms
        # of 2 x (1 + 2) additions. Nothing before it, weights come first, then the patch, but for their last words.
        "entry": 11 + 8 + 9, "load": 12, "head": 2 * 12 + 2, "tail": 2, "body": 0,
        "sram_port": 26, "multiply": 0, "transform": 0,
        # 32 outputs on 2 lanes of the vector unit; the port takes 8 cycles, the output transform 2 x 4 / 2 = 4.
        "drain": 16, "vector_ops": 32,
        "mults": 2 * 4 * 16 * 3, "accumulations": 384, "tree_adds": 0,
        "input_tiles": 4 * 3, "output_tiles": 2 * 4, "weight_kernels": 0,
        "ifmap_read_bits": 3 * 36 * 8, "weight_read_bits": 6 * 192, "ofmap_write_bits": 32 * 8, "ofmap_read_bits": 0,
    }  # fmt: skip
    assert subset(step(problem, arch), **expected) == expected


def test_a_winograd_step_may_be_bound_by_its_transforms():
    rates = ("transforms.input_coords_per_cycle=5", "transforms.output_coords_per_cycle=3")
    arch = machine("pe.mults_per_pe=16", *WIDE, *rates)
    problem = conv(3, 2, (1, 6, 6), (1, 3, 3), arch, "hfa", bias=False)
    # A tile of 16 coordinates by 5 takes 4 cycles, 4 tiles 16; by 3 it takes 6, 8 tiles 48.
    expected = {"head": 48, "transform": 48, "sram_port": 0, "drain": 48}
    assert subset(step(problem, arch), **expected) == expected
    onchip = machine(
        "pe.mults_per_pe=16", *WIDE, *rates, "winograd.weight_transform=onchip", "transforms.weight_coords_per_cycle=1"
    )
    # 2 kernels of 16 coordinates take 32 cycles. The buffer holds them untransformed.
    expected = {"head": 96, "transform": 96, "weight_kernels": 6, "weight_read_bits": 6 * 72}
    assert subset(step(conv(3, 2, (1, 6, 6), (1, 3, 3), onchip, "hfa", bias=False), onchip), **expected) == expected


def test_a_tile_that_is_larger_than_a_pe_takes_turns():
    # 8 multipliers take a tile of 16 coordinates in 2 cycles and 2 accumulators: groups are one tile deep, two wide.
    arch = machine("pe.mults_per_pe=8", *WIDE)
    problem = conv(3, 2, (1, 6, 6), (1, 3, 3), arch, "hfa", bias=False)
    # Two groups of 2 tiles, 2 cycles for each of 3 channels; 16 outputs drain in 8 cycles and stall the second by 2.
    expected = {
        "head": 6,
        "body": 8,
        "drain_stall": 2,
        "drain": 8,
        "multiply": 12,
        "ifmap_read_bits": 2 * 3 * 24 * 8,
    }
    assert subset(step(problem, arch), **expected) == expected


@pytest.mark.parametrize(
    ("size", "kernel", "count", "groups", "late"),
    [
        # Groups hold two tiles. 7 outputs are 4 tiles of 2, the last of them half full: groups of 4 and 3 outputs.
        ((9, 1, 1), (3, 1, 1), 4, [4, 3], 0),
        ((1, 9, 4), (1, 3, 3), 4, [8, 6], 0),
        # Cut along W, the four rows of a patch take a word each, two more than the group before is multiplied for.
        ((1, 4, 9), (1, 3, 3), 4, [8, 6], 2),
        # 5 outputs are 3 tiles: groups of 4 and 1.
        ((1, 4, 7), (1, 3, 3), 3, [8, 2], 2),
    ],
)
def test_ragged_tiles_multiply_whole_and_store_what_there_is(size, kernel, count, groups, late):
    coordinates = 4 if kernel == (3, 1, 1) else 16
    arch = machine(f"pe.mults_per_pe={coordinates}", "pe.cols=1", "vector_lanes=1", *WIDE)
    problem = conv(1, 1, size, kernel, arch, "hfa", bias=False)
    # The lane takes a cycle for a tile; outputs drain one by one and stall the second group.
    expected = {
        "mults": count * coordinates, "output_tiles": count, "ofmap_write_bits": 8 * sum(groups),
        "vector_ops": sum(groups), "body": groups[0] + late, "drain": groups[1],
    }  # fmt: skip
    assert subset(step(problem, arch), **expected) == expected


def test_a_strided_kernel_runs_over_its_phases():
    # 3 x 1 x 1 with stride 2 is two phases of 2 taps: F(2,2) has 3 coordinates.
    arch = machine("pe.mults_per_pe=3", *WIDE)
    problem = conv(2, 2, (9, 1, 1), (3, 1, 1), arch, "auto", stride=(2, 1, 1), bias=False)
    assert problem.algorithm.kind == "direct"
    layer = Conv3d(name="x", inputs=("i",), out_channels=2, kernel=(3, 1, 1), stride=(2, 1, 1), bias=False)
    shape = Shape(2, 9, 1, 1)
    (phased,) = (a for a in candidates(layer, "auto", 2, 2) if a.is_winograd)
    assert (phased.coordinates, phased.taps, phased.mults_per_output) == (3, 2, 3)
    problem = make_problem(layer, (shape,), layer.output_shape((shape,)), phased, arch)
    # 4 outputs are 2 tiles on 2 lanes: 2 phases take 2 cycles for each of 2 channels. Each tile reads 5 inputs, both 9.
    expected = {
        "multiply": 4, "mults": 2 * 2 * 3 * 2 * 2, "ifmap_read_bits": 2 * 9 * 8, "input_tiles": 2 * 2 * 2,
        "output_tiles": 4,
    }  # fmt: skip
    assert subset(step(problem, arch), **expected) == expected
    # On chip 2 x 2 kernels of 2 phases are transformed; the buffer holds their 3 weights.
    onchip = machine("pe.mults_per_pe=3", *WIDE, "winograd.weight_transform=onchip")
    problem = make_problem(layer, (shape,), layer.output_shape((shape,)), phased, onchip)
    expected = {"weight_kernels": 2 * 2 * 2, "weight_read_bits": 2 * 2 * 3 * 8}
    assert subset(step(problem, onchip), **expected) == expected


def test_an_adder_tree_takes_several_input_channels_at_once():
    arch = machine("pe.mults_per_pe=4", *WIDE)
    problem = conv(6, 2, (1, 2, 2), (1, 1, 1), arch, bias=False)
    # 6 channels are 2 rounds of 4; 4 pixels on 2 lanes take 2 cycles each. Both rows and lanes work all the time.
    expected = {
        "head": 4, "multiply": 4, "row_cycles": 4 * 2, "lane_cycles": 4 * 2 * 2, "products": 48,
        "mults": 48, "accumulations": 2 * 4 * 2, "tree_adds": 2 * 4 * 4,
    }  # fmt: skip
    assert subset(step(problem, arch, "channel"), **expected) == expected
    # By pixels all 4 are on one multiplier each of 8 lanes: 6 rounds of a cycle, half of the lanes idle.
    expected = {"head": 6, "multiply": 6, "row_cycles": 6 * 2, "lane_cycles": 6 * 2 * 4, "products": 48}
    expected |= {"accumulations": 48, "tree_adds": 0}
    assert subset(step(problem, arch), **expected) == expected
    narrow = machine("pe.mults_per_pe=4")
    # At ports of 4 bytes a round reads 4 pixels of 4 channels in 4 cycles, 2 x 4 weights in 2; the last is fed in 2.
    expected = {"entry": 3 + 3 + 1, "head": 4 + 2, "sram_port": 6}
    assert subset(step(conv(6, 2, (1, 2, 2), (1, 1, 1), narrow, bias=False), narrow, "channel"), **expected) == expected


# Groups of 2 channels and 4 pixels that multiply in 2 cycles, on a vector unit of one lane: they drain in 8.
SLOW_DRAIN = machine("vector_lanes=1", *WIDE)


@pytest.mark.parametrize(
    ("channels", "size", "groups"),
    [
        # (channels, pixels) of the groups in their order.
        (4, (1, 1, 8), [(2, 4), (2, 4), (2, 4), (2, 4)]),
        (3, (1, 1, 8), [(2, 4), (2, 4), (1, 4), (1, 4)]),
        # 7 pixels are cut into 4 and 3.
        (4, (1, 1, 7), [(2, 4), (2, 3), (2, 4), (2, 3)]),
        (2, (1, 1, 12), [(2, 4)] * 3),
        # Whole rows: one of 3 pixels, two of 2, three of 1.
        (2, (1, 3, 3), [(2, 3)] * 3),
        (2, (1, 3, 2), [(2, 4), (2, 2)]),
        (2, (1, 7, 1), [(2, 4), (2, 3)]),
        # Whole frames of one row of 2, and of one pixel.
        (1, (3, 2, 2), [(1, 4)] * 3),
        (2, (5, 1, 2), [(2, 4), (2, 4), (2, 2)]),
        (2, (5, 1, 1), [(2, 3), (2, 2)]),
        (3, (2, 3, 2), [(2, 4), (2, 2), (2, 4), (2, 2), (1, 4), (1, 2), (1, 4), (1, 2)]),
        (5, (1, 3, 2), [(2, 4), (2, 2), (2, 4), (2, 2), (1, 4), (1, 2)]),
    ],
)
def test_banks_swap_when_the_group_before_has_drained(channels, size, groups):
    found = step(conv(1, channels, size, (1, 1, 1), SLOW_DRAIN, bias=False), SLOW_DRAIN)
    # Two lanes multiply the pixels, one lane of the vector unit drains the outputs.
    computes = [-(-pixels // 2) for _, pixels in groups]
    drains = [channels * pixels for channels, pixels in groups]
    body = [max(c, d) for c, d in zip(computes[1:], drains, strict=False)]
    expected = {
        "head": computes[0], "body": sum(body), "drain": drains[-1],
        "drain_stall": sum(body) - sum(computes[1:]),
    }  # fmt: skip
    assert subset(found, **expected) == expected


@pytest.mark.parametrize(
    ("groups", "drains"),
    [
        # Channels of 4 pixels multiply in 2 cycles. 2 groups of 2 channels on 2 rows: one of each, then the other.
        (2, [8, 8]),
        # The third group is alone on its row.
        (3, [8, 8, 4, 4]),
    ],
)
def test_groups_side_by_side_take_turns_and_wait_for_the_one_before(groups, drains):
    beside = side_by_side(conv(groups, 2 * groups, (1, 1, 4), (1, 1, 1), SLOW_DRAIN, groups=groups, bias=False), 1)
    stall = sum(drain - 2 for drain in drains[:-1])
    expected = {"head": 2, "body": 2 * (len(drains) - 1) + stall, "drain_stall": stall, "drain": drains[-1]}
    assert subset(step(beside, SLOW_DRAIN), **expected) == expected


def test_waits_for_drains_are_cycles_whatever_a_tick_is():
    arch = machine("vector_lanes=1", *WIDE, "dram.model=plain", "dram.bandwidth_gbps=1000", "dram.latency_ns=0")
    problem, clocks = conv(2, 6, (1, 1, 4), (1, 1, 1), arch, bias=False), make_clocks(arch)
    timing = simulate_schedule(build_schedule(problem, tiles(2, 2, 1, 1, 4), arch, clocks), clocks)
    assert clocks.cycle_ticks == 2000
    # 3 steps of 4 cycles, each drained in 8 for its 8 outputs: the second waits 4 cycles for the first, the third, a
    # cycle later as the first tile leaves a moment after 26, another 3, and the last drain is waited for. The first
    # fills in 3, the others were loaded ahead.
    assert [time // 2000 for time in timing.trace.start] == [14, 18, 27]
    assert [time // 2000 for time in timing.trace.handover] == [18, 26, 34]
    assert [timing.cycles_by_cause[cause] for cause in ("fill", "multiply", "drain")] == [3, 12, 4 + 3 + 8]


@pytest.mark.parametrize(
    ("kernel", "more", "width", "positions"),
    [
        # 3 outputs of 3 taps: side by side 5 positions, 2 apart 7, one in two 7; of one tap in four 3.
        (3, {}, 5, 5),
        (3, {"dilation": (1, 1, 2)}, 7, 7),
        (3, {"stride": (1, 1, 2)}, 7, 7),
        (1, {"stride": (1, 1, 4)}, 9, 3),
        # Taps 4 apart of outputs 1 apart reach over 11, of which 9 are read.
        (3, {"dilation": (1, 1, 4)}, 11, 9),
    ],
)
def test_a_group_reads_a_position_once(kernel, more, width, positions):
    arch = machine()
    problem = conv(2, 1, (1, 1, width), (1, 1, kernel), arch, bias=False, **more)
    assert problem.out == (1, 1, 3)
    assert step(problem, arch)["ifmap_read_bits"] == 2 * positions * 8


@pytest.mark.parametrize(("apart", "words"), [(0, 5), (1, 6), (2, 8)])
def test_frames_and_rows_that_lie_apart_are_read_one_by_one(apart, words):
    # 2 frames of 2 rows of 5 bytes, at 4 a cycle: 20 in one run, 10 in each of two, 5 in each of four.
    arch, waves = machine("pe.acc_depth=64"), empty_waves(INTERPRETED)
    problem = conv(1, 1, (2, 2, 5), (2, 2, 1), arch)
    array = plain_array(make_machine(problem, arch, "pixel", apart=apart))
    cost_waves(plain_layer(problem), array, 1, 1, *problem.out, 1, 1, waves)
    assert [waves.inputs[sort] for sort in waves.used[: waves.many[0]]] == [words]


def pace(layer, shape, *changes, **machine_of):
    """The pace of a vector layer of one channel tile on the machine: two lanes, ports of 4 bytes."""
    arch = machine(*changes)
    problem = problem_of(layer, shape, arch)
    array = plain_array(make_machine(problem, arch, "pixel", **machine_of))
    return vector_pace(plain_layer(problem), array, problem.n, *problem.out, problem.c, 1, 1)


def test_lanes_make_groups_of_outputs_an_operation_a_cycle():
    pool = Pool3d(name="x", inputs=("i",), mode="max", kernel=(1, 2, 2), stride=(1, 2, 2))
    # Of 3 channels at two positions a group of 2 and one of 1 each: 4 operations, and a word that leaves meanwhile.
    assert pace(pool, Shape(3, 1, 2, 4)) == Pace(load=1, tail=1, head=4, body=12, drain=1, drains=0, ports=0)
    # 3 x 2 x 4 sums lie in order, whatever their channels: 12 groups of two operands.
    add = Add(name="x", inputs=("i", "j"))
    assert pace(add, Shape(3, 1, 2, 4)) == Pace(load=1, tail=1, head=2, body=22, drain=1, drains=0, ports=0)
    # A difference and a sum of each of 3 frames, for groups of 2 and 1 of 3 positions.
    trg = Trg(name="x", inputs=("i",))
    assert pace(trg, Shape(3, 3, 1, 1)) == Pace(load=1, tail=1, head=2, body=10, drain=1, drains=0, ports=0)


def test_operands_wider_than_a_port_are_loaded_in_several_words_while_others_are_worked_on():
    add, lanes = Add(name="x", inputs=("i", "j")), "vector_lanes=16"
    # Operands of 16 bytes are 4 words: the second of a group is loaded in 4 cycles and added in one; the first of the
    # next group waits 3 cycles behind that.
    found = pace(add, Shape(2, 1, 4, 4), lanes)
    assert found == Pace(load=4, tail=1, head=5, body=8, drain=4, drains=0, ports=13)


def test_a_group_of_outputs_waits_for_the_drain_of_the_one_before():
    relu, wide = Activation(name="x", inputs=("i",), activation="relu"), "buffers.ifmap_port_bytes=16"
    # A group of 16 in a cycle, that drains in 4 words: two of three wait 3 cycles.
    found = pace(relu, Shape(3, 1, 4, 4), "vector_lanes=16", wide)
    assert found == Pace(load=1, tail=1, head=1, body=8, drain=4, drains=6, ports=0)


def test_an_intermediate_tensor_is_read_where_results_drain():
    pool = Pool3d(name="x", inputs=("i",), mode="max", kernel=(1, 2, 2), stride=(1, 2, 2))
    # 4 words of inputs and one of results take turns; the last operand is worked on till then.
    found = pace(pool, Shape(2, 1, 2, 4), reads_back=1)
    assert found == Pace(load=1, tail=2, head=5, body=5, drain=1, drains=0, ports=10)
    # Of three groups of 16 each reads 4 words and drains 4; the next is loaded beside.
    relu = Activation(name="x", inputs=("i",), activation="relu")
    found = pace(relu, Shape(3, 1, 4, 4), "vector_lanes=16", reads_back=1)
    assert found == Pace(load=4, tail=8, head=8, body=16, drain=4, drains=0, ports=24)


def test_partial_sums_drain_wide():
    arch = machine("vector_lanes=64")
    problem = conv(3, 2, (1, 1, 4), (1, 1, 1), arch, bias=False)
    schedule = build_schedule(problem, tiles(2, 1, 1, 1, 4), arch, make_clocks(arch))
    # 8 outputs at 4 bytes a cycle: written in 8 cycles, read and written in 16, read and written in bytes in 10.
    assert [step_of(schedule, i)["drain"] for i in range(3)] == [8, 16, 10]
    assert [step_of(schedule, i)["ofmap_read_bits"] for i in range(3)] == [0, 256, 256]
    assert [step_of(schedule, i)["ofmap_write_bits"] for i in range(3)] == [256, 256, 64]
    assert [step_of(schedule, i)["vector_ops"] for i in range(3)] == [0, 0, 8]


def test_a_layer_takes_the_time_that_one_draws_on_paper():
    # 4 channels of 4 x 4 pixels, 3 x 3 to 3 channels, a row of outputs a step. In ns: setup 20. The first input tile's
    # 6 bursts pass in 20..80 and are there at 100, 4 bursts of weights in 80..120 and at 140, the second input tile in
    # 120..180 and at 200. It is entered in 4 + 2 + 3 cycles, for 18 and 12 bytes at 4 a cycle; its groups of 2 and 1
    # channels take 36 each: 158..302; its last 2 outputs drain in a cycle. Its 2 bursts leave in 304..324. The second
    # step: 302..446, drained at 448, stored at 468.
    arch = machine()
    problem = conv(4, 3, (1, 4, 4), (1, 3, 3), arch, bias=True)
    clocks = make_clocks(arch)
    schedule = build_schedule(problem, tiles(3, 4, 1, 1, 2), arch, clocks)
    for engine in ("simpy", "auto"):
        timing = simulate_schedule(schedule, clocks, engine)
        trace = timing.trace
        assert [list(np.asarray(x)) for x in (trace.start, trace.end, trace.drained)] == [
            [158_000, 302_000], [302_000, 446_000], [304_000, 448_000],
        ]  # fmt: skip
        assert list(trace.ifmap.grant) == [20_000, 120_000]
        assert list(trace.ifmap.ready) == [100_000, 200_000]
        assert (list(trace.weight.grant), list(trace.weight.ready)) == ([80_000], [140_000])
        assert (list(trace.ofmap.grant), list(trace.ofmap.ready)) == ([304_000, 448_000], [324_000, 468_000])
        assert timing.latency_cycles == 234
        cycles = {name: count for name, count in timing.cycles_by_cause.items() if count}
        # While one channel is multiplied one of two rows idles: 18 of 72 cycles.
        assert cycles == {
            "configuration": 10, "dram_read": 60, "fill": 9, "multiply": 108, "idle_rows": 36, "drain": 1,
            "dram_write": 10,
        }  # fmt: skip


@pytest.mark.parametrize("model", ["in_order", "fr_fcfs"])
def test_banks_move_the_bursts_of_every_tile(model):
    # 4 input tiles of 9 bursts and as many weight tiles: 10 bursts for each of two groups of channels; 4 of outputs.
    arch = machine(f"dram.model={model}", "dram.bandwidth_gbps=null", "dram.latency_ns=null")
    clocks = make_clocks(arch)
    schedule = build_schedule(conv(4, 3, (1, 4, 4), (1, 3, 3), arch, bias=True), tiles(2, 3, 1, 1, 2), arch, clocks)
    timing = simulate_schedule(schedule, clocks)
    counts = timing.dram
    assert (counts.reads, counts.writes) == (36 + 10, 4)
    # Its clocks are those until the last transfer has ended.
    assert counts.active_clocks + counts.idle_clocks == math.ceil(timing.trace.finish / clocks.clock_ticks)
    assert counts.row_hits + counts.row_misses + counts.row_conflicts == 50


def test_waits_have_the_cause_that_came_last():
    # One slot and slow DRAM. Setup to 20 ns. Input (2 pixels of 2 channels, a burst of 100 ns) 20..120, there at 140;
    # weights 120..220, at 240. A step fills in 3 cycles and multiplies 2 pixels of 2 channels on 2 lanes in 2.
    arch = machine("dram.bandwidth_gbps=0.32", "buffers.slots=1")
    problem = conv(2, 2, (1, 2, 2), (1, 1, 1), arch, bias=False)
    clocks = make_clocks(arch)
    schedule = build_schedule(problem, tiles(2, 2, 1, 1, 2, slots=1), arch, clocks)
    timing = simulate_schedule(schedule, clocks, "simpy")
    # Step 0: 246..250, 4 outputs drain on 2 lanes in 2 cycles: 254. The second input is asked for at 250 and comes in
    # 250..350, at 370; the first output leaves in 350..450. Step 1 has its input at 370, is filled at 376 and has its
    # slot at 450: 450..454, drained at 458, stored at 558.
    trace = timing.trace
    assert [list(x) for x in (trace.start, trace.end, trace.drained)] == [
        [246_000, 450_000], [250_000, 454_000], [254_000, 458_000],
    ]  # fmt: skip
    assert (list(trace.ifmap.grant), list(trace.ofmap.grant)) == ([20_000, 250_000], [350_000, 458_000])
    cycles = {name: count for name, count in timing.cycles_by_cause.items() if count}
    # The first step waits 110 cycles for its tiles; the second 100 for its slot; the last store takes 50.
    assert cycles == {
        "configuration": 10, "dram_read": 110, "fill": 3, "multiply": 4, "dram_write": 150, "drain": 2,
    }  # fmt: skip


def test_clips_leave_the_bus_one_after_the_other():
    # The layer that is drawn above, its clock of 3 ns: bursts and answers do not end with a cycle. Setup to 30 ns, the
    # input in 30..90, there at 110, weights in 90..130, at 150. Steps of 72 cycles, the first entered in 9: 177..393,
    # 393..609. The last drains until 612 and leaves in 612..632: the 211th cycle.
    arch = machine("clock_mhz=333.3333")
    problem = conv(4, 3, (1, 4, 4), (1, 3, 3), arch, bias=True)
    clocks, mapping = make_clocks(arch), tiles(3, 4, 1, 1, 2)
    assert clocks.cycle_ticks == 3000
    schedule = build_schedule(problem, mapping, arch, clocks)
    link = LayerWork(problem, mapping).link(schedule, ())
    one = simulate_stream(join([link], 1, arch.buffers, clocks), clocks)
    assert one.finish_cycles == (211,) == (one.timing.latency_cycles,)
    # At least setup and an entry of 9 and two steps of 72 cycles; the second clip is configured in 10 more.
    assert one.bound_cycles == 10 + 9 + 2 * 72
    two = simulate_stream(join([link], 2, arch.buffers, clocks), clocks)
    assert two.bound_cycles == 2 * (10 + 9 + 2 * 72)
    # Its second input tile is asked for when its slot is free, at 609, before the last row of the first clip drained:
    # it passes in 609..669, the row in 669..689. Steps: 609 + 30 of configuration, 27 to enter, twice 216, a drain, a
    # store.
    assert two.finish_cycles == (230, -(-(609 + 30 + 27 + 432 + 3 + 20) // 3))
