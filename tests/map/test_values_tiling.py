"""Are the tilings of a layer, their fit, cost and bounds, and their order the figures that one gets on paper?"""

from __future__ import annotations

import numpy as np
from paper import conv, machine, problem_of, tiles

from lw3dsim.base.arrays import ceil_div, padded, parts, spread
from lw3dsim.base.kernels import INTERPRETED
from lw3dsim.base.values import replace
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.describe.workload import Add, Linear, Pool3d, Shape, Trg
from lw3dsim.machine.microarchitecture import make_machine, plain_array
from lw3dsim.machine.problem import plain_layer
from lw3dsim.map.fill import layer_fill
from lw3dsim.map.layer.bounds import Least, bound_ticks
from lw3dsim.map.layer.busy import last_part, least_busy, share_of, sort_of, spread_of, vector_cycles
from lw3dsim.map.layer.candidates import candidate_sizes, make_choices
from lw3dsim.map.layer.compute import (
    compute_ticks,
    layer_cycles,
    nothing_costed,
    tile_frames,
    waits_between_tiles,
)
from lw3dsim.map.layer.mapping import frame_chunks, input_layout, output_layout
from lw3dsim.map.layer.ranking import (
    BUSY_PARTS,
    INFINITE,
    Aim,
    Kept,
    estimate,
    insert,
    is_worth,
    keep_nothing,
    most_compute,
    single_ticks,
    turns_of,
)
from lw3dsim.map.layer.room import have_two, held_slots, strip_of, tiles_fit, weights_fit
from lw3dsim.map.layer.search import search
from lw3dsim.map.layer.sums import read_positions
from lw3dsim.map.layer.tiling import (
    Limits,
    Task,
    Tiling,
    Times,
    input_bursts,
    input_repeats,
    least_row,
    line_of,
    output_bursts,
    row_visits,
    weight_loads,
    weight_repeats,
)
from lw3dsim.network.blocks import Use, candidate_blocks, wanted_block
from lw3dsim.schedule.work import LayerWork
from lw3dsim.tensor.layout import plain_rows

ARCH = machine()
CLOCKS = make_clocks(ARCH)
LAYER = conv(4, 3, (1, 4, 4), (1, 3, 3), ARCH, bias=True)


# Cutting


def test_dimensions_are_cut_into_parts_whole_and_rest():
    assert parts(7, 3).tolist() == [3, 3, 1]
    assert (padded(7, 4), padded(8, 4), ceil_div(7, 4).tolist()) == (8, 8, 2)
    assert [a.tolist() for a in spread(np.array([2, 0, 3]))] == [[0, 0, 2, 2, 2], [0, 1, 0, 1, 2]]
    assert (last_part(7, 3), last_part(6, 3), last_part(2, 3)) == (1, 3, 2)
    assert (sort_of(7, 3, 0, 5), sort_of(7, 3, 1, 5)) == ((10, 3), (5, 1))


def test_candidate_sizes_are_near_equal_parts_in_whole_quanta():
    # 3 channels by 2 rows and blocks of 2, and 1, 2, 4; 4 input channels in blocks of 2, and 1; 2 x 2 outputs.
    assert candidate_sizes(LAYER, 2, 1) == ([3, 2, 1], [4, 2, 1], [1], [2, 1], [2, 1])
    # Halves of 10 channels, 5, are 8 by rows of 4 and 6 by blocks of 2; of input channels 6. Winograd tiles are 2 wide.
    wide = conv(10, 10, (1, 7, 7), (1, 3, 3), ARCH, "hfa")
    assert candidate_sizes(wide, 4, 1) == ([10, 8, 6, 4, 2, 1], [10, 6, 4, 2, 1], [1], [5, 4, 2], [5, 4, 2])
    fc = problem_of(Linear(name="x", inputs=("i",), out_features=3), Shape(6, 1, 1, 1), ARCH)
    assert candidate_sizes(fc, 2, 4)[1] == [6, 4, 3, 2, 1]
    pool = problem_of(Pool3d(name="x", inputs=("i",), mode="avg", kernel="global"), Shape(3, 4, 2, 2), ARCH)
    assert candidate_sizes(pool, 2, 4)[1] == [4, 2, 1]
    # A vector has no blocks: 40 channels, and halves and thirds in whole blocks of what it is made of.
    wide = problem_of(Pool3d(name="x", inputs=("i",), mode="avg", kernel="global"), Shape(40, 4, 2, 2), ARCH)
    assert candidate_sizes(replace(wide, input_block=16), 8, 4)[0] == [40, 32, 16, 8, 4, 2, 1]
    trg = problem_of(Trg(name="x", inputs=("i",)), Shape(3, 4, 2, 2), ARCH)
    assert candidate_sizes(trg, 2, 4)[2] == [4]


def task_of(problem, sizes, arch=ARCH):
    """A problem with only these sizes (n, c, t, h, w) to choose from."""
    clocks = make_clocks(arch)
    choices = make_choices(problem, sizes, clocks.burst_bytes, INTERPRETED)
    capacity = arch.buffers.capacity_bits
    return Task(
        layer=plain_layer(problem), array=plain_array(make_machine(problem, arch, "pixel")), mode=0,
        limits=Limits(
            ifmap_bits=capacity["ifmap"], weight_bits=capacity["weight"], ofmap_bits=capacity["ofmap"], slots=2,
            max_steps=100,
        ),
        times=Times(
            cycle=2000, burst=10_000, visit=0, opening=0, latency=20_000, channels=1, page_bursts=2,
            input_row_bursts=1, output_row_bursts=1,
        ),
        choices=choices,
    )  # fmt: skip


ONE = Tiling(0, 0, 0, 0, 0)


def test_choices_sum_up_what_tiles_need():
    # Of 3, 4, 1, 2, 2: tiles of 2 and 1; 3 and 1; 1; 1 and 1 rows of 2.
    choices = task_of(LAYER, ([2], [3], [1], [1], [2])).choices
    # Rows of 4 pixels of 2 channels are a burst.
    assert (choices.n.parts, choices.n.out_blocks, choices.n.out_columns) == ([2], [2], [0])
    # 3 channels touch both blocks, the fourth the second.
    assert (choices.c.parts, choices.c.in_blocks, choices.c.in_columns) == ([2], [3], [0])
    assert (choices.h.tiles, choices.h.needed, choices.h.span, choices.h.largest) == ([2], [6], [6], [3])
    assert (choices.w.tiles, choices.w.needed, choices.w.span_bursts, choices.w.out_bursts) == ([1], [4], [1], [1])
    # 496, 144, 248 and 72 bits of weights.
    assert (choices.weight_bursts, choices.first_weight_bursts) == ([2 + 1 + 1 + 1], [2])


def test_channels_of_a_part_of_a_block_are_apart_at_every_pixel():
    # A pixel of 64 channels is two bursts. Tiles of 32 take one of them at every pixel: 2 rows of 2 pixels.
    wide = machine("dram.channel_block=64")
    narrow_out = task_of(conv(1, 64, (1, 2, 2), (1, 1, 1), wide), ([32], [1], [1], [2], [2]), wide)
    assert (narrow_out.choices.n.out_blocks, narrow_out.choices.n.out_columns) == ([0], [2])
    assert output_bursts(narrow_out.choices, line_of(narrow_out.layer, narrow_out.choices, ONE), ONE) == 2 * 2 * 2
    narrow_in = task_of(conv(64, 1, (1, 2, 2), (1, 1, 1), wide), ([1], [32], [1], [2], [2]), wide)
    assert (narrow_in.choices.c.in_blocks, narrow_in.choices.c.in_columns) == ([0], [2])
    assert input_bursts(narrow_in.choices, line_of(narrow_in.layer, narrow_in.choices, ONE), ONE) == 2 * 2 * 2
    # Of 48 by 48: two bursts of whole blocks, then one of two.
    both = task_of(conv(1, 96, (1, 2, 2), (1, 1, 1), wide), ([64], [1], [1], [2], [2]), wide)
    assert (both.choices.n.out_blocks, both.choices.n.out_columns) == ([1], [1])
    # A row of a whole block is 4 bursts, of a part of one 2.
    assert output_bursts(both.choices, line_of(both.layer, both.choices, ONE), ONE) == 2 * (4 + 2)


def test_channels_of_groups_lie_behind_each_other():
    # 2 groups of 3 input and 2 output channels, in tiles of 2 and 1: input channels 0, 1 | 2 | 3, 4 | 5 in blocks of 2:
    # 3, 4 touch two of them. Output channels 0 | 1 | 2 | 3 one by one touch a block each.
    problem = conv(6, 4, (1, 2, 2), (1, 1, 1), ARCH, groups=2, bias=False)
    choices = task_of(problem, ([1], [2], [1], [2], [2])).choices
    assert (choices.c.parts, choices.c.in_blocks) == ([2], [1 + 1 + 2 + 1])
    assert (choices.n.parts, choices.n.out_blocks) == ([2], [4])
    assert choices.weight_bursts == [2 * 2 * 2]


def test_a_window_with_gaps_reads_positions_of_the_input_alone():
    # 3 taps 2 apart, padding 2, of 5 positions to 5: output 0 reads -2, 0, 2; output 4 reads 2, 4, 6.
    layer = plain_layer(conv(1, 1, (1, 5, 5), (1, 3, 3), ARCH, padding=(0, 2, 2), dilation=(1, 2, 2)))
    assert read_positions(layer, 1, 0, 1) == (0, 3, 2)
    assert read_positions(layer, 1, 4, 1) == (2, 3, 2)
    assert read_positions(layer, 1, 1, 1) == (1, 3, 2)
    assert read_positions(layer, 1, 0, 2) == (0, 4, 4)
    # A stride of 3 in front of windows of 2, without padding: 0, 1, then 3, 4.
    gaps = plain_layer(conv(1, 1, (1, 5, 5), (1, 2, 2), ARCH, stride=(1, 3, 3)))
    assert read_positions(gaps, 2, 0, 2) == (0, 5, 4)
    assert read_positions(gaps, 2, 1, 1) == (3, 2, 2)
    # Padding alone.
    border = plain_layer(conv(1, 1, (1, 5, 5), (1, 1, 1), ARCH, padding=(0, 2, 2)))
    assert read_positions(border, 2, 0, 2) == (0, 0, 0)
    assert read_positions(border, 2, 1, 2) == (0, 1, 1)
    assert read_positions(border, 2, 6, 3) == (4, 1, 1)


def test_repeats_follow_from_the_order_of_the_loops():
    cut = task_of(LAYER, ([2], [3], [1], [1], [2]))
    whole = task_of(LAYER, ([2], [4], [1], [1], [2]))
    # 0: weights outside. Where the reduction is cut nothing stays.
    assert [input_repeats(cut.layer, cut.choices, ONE, order) for order in (0, 1)] == [2, 2]
    assert [weight_loads(cut.layer, cut.choices, ONE, order) for order in (0, 1)] == [10, 10]
    # Else weights or tiles stay. 2 x 4 x 72 + 64 bits take 3 bursts, 320 bits 2.
    assert [input_repeats(whole.layer, whole.choices, ONE, order) for order in (0, 1)] == [2, 1]
    assert [weight_loads(whole.layer, whole.choices, ONE, order) for order in (0, 1)] == [5, 10]
    assert [weight_repeats(whole.layer, whole.choices, ONE, order) for order in (0, 1)] == [1, 2]


def test_a_tile_behind_one_of_another_tensor_opens_its_first_row_only_then():
    # Two sources, then a result: each is behind another. So are an input tile and a result, and weights once.
    assert turns_of(2, 4, 0, 4) == 12
    assert turns_of(1, 4, 1, 4) == 9
    # Of ten input tiles behind each other the first alone is behind the result, which is behind the last.
    assert turns_of(1, 10, 0, 1) == 2
    assert turns_of(1, 10, 10, 1) == 21


def test_a_tiling_fits_when_a_tile_of_each_buffer_does_and_has_as_many_slots_as_there_is_room_for():
    def fits(task, at):
        return weights_fit(task, at) and tiles_fit(task, strip_of(task, at), at.w)

    def room(ifmap, weight, ofmap, steps=8):
        task = task_of(LAYER, ([2], [3], [1], [1], [2]))
        return fits(task._replace(limits=Limits(ifmap, weight, ofmap, 2, steps)), ONE)

    def slots(ifmap, weight, ofmap, most=2, task=None):
        task = task or task_of(LAYER, ([2], [3], [1], [1], [2]))
        task = task._replace(limits=Limits(ifmap, weight, ofmap, most, 8))
        return tuple(held_slots(task, strip_of(task, ONE), ONE))

    def two(*limits):
        task = task_of(LAYER, ([2], [3], [1], [1], [2]))
        return have_two(task._replace(limits=Limits(*limits)), strip_of(task, ONE), ONE.w)

    # Tiles of 288 bits of input, of 496 of weights, of 4 partial sums of 32.
    assert room(288, 496, 128)
    assert not any((room(287, 496, 128), room(288, 495, 128), room(288, 496, 127), room(288, 496, 128, 7)))
    assert slots(576, 992, 256) == (2, 2, 2)
    assert [slots(575, 992, 256), slots(576, 991, 256), slots(576, 992, 255)] == [(1, 2, 2), (2, 1, 2), (2, 2, 1)]
    assert two(576, 992, 256, 2, 8)
    assert not any((two(575, 992, 256, 2, 8), two(576, 991, 256, 2, 8), two(576, 992, 255, 2, 8)))
    # A single slot holds one; what memory that is shared has left is asked for elsewhere.
    assert not two(576, 992, 256, 1, 8)
    assert not two(576, 992, 256, 2, 8, 99, 512, 1)
    assert slots(864, 992, 1000, 3) == (3, 2, 3)
    # One tile of all has the buffer to itself: 512 bits, 12 x 72 + 96, 12 bytes.
    whole = task_of(LAYER, ([3], [4], [1], [2], [2]))
    assert slots(2000, 2000, 2000, 2, whole) == (1, 1, 1)
    assert fits(whole._replace(limits=Limits(512, 960, 96, 2, 1)), ONE)
    assert not fits(whole._replace(limits=Limits(511, 960, 96, 2, 1)), ONE)
    found = {fill.buffer: (fill.tile_bits, fill.bits) for fill in layer_fill(LAYER, tiles(2, 3, 1, 1, 2), ARCH)}
    assert found == {"ifmap": (288, 576), "weight": (496, 992), "ofmap": (128, 256)}


def test_row_visits_count_the_pages_of_frames_that_tiles_touch():
    task = task_of(LAYER, ([2], [3], [1], [1], [2]))
    # Read: a frame in 2 tiles of rows, and 6 rows of a burst in pages of 2: 2 + 3, for 3 blocks. Written: 2 + 1, for 2
    # blocks; 10 bursts of weights in pages of 2.
    assert row_visits(task, ONE, 2, 10) == 2 * (2 + 3) * 3 + 5 + (2 + 1) * 2


def test_a_bound_is_the_work_of_the_array_between_the_first_tiles_and_the_last():
    task = task_of(LAYER, ([2], [3], [1], [1], [2]))
    least = Least(
        setup=20_000, burst=10_000, answer=20_000, inp=plain_rows(input_layout(LAYER, 32)),
        out=plain_rows(output_layout(LAYER, 32)),
    )  # fmt: skip
    nothing = nothing_costed(INTERPRETED)
    # 144 cycles in 8 steps and no waits, and a fill of 3; the last drains 3. The first input tile takes 6 bursts, its
    # weights 2, the last output tile 1; DRAM answers after 20 ns.
    compute = (147 + 3) * 2000 + 9 * 10_000 + 20_000
    assert bound_ticks(task, least, ONE, 1, nothing) == 20_000 + compute
    assert bound_ticks(task, least, ONE, 50, nothing) == 20_000 + 500_000
    two = task._replace(times=task.times._replace(channels=2))
    assert bound_ticks(two, least, ONE, 1, nothing) == 20_000 + (147 + 3) * 2000 + 45_000 + 20_000
    # Windows of 16 in each of 3 channels, two lanes.
    pool = problem_of(Pool3d(name="x", inputs=("i",), mode="avg", kernel=(4, 2, 2)), Shape(3, 4, 2, 2), ARCH)
    assert vector_cycles(plain_layer(pool), task.array) == 3 * 16 // 2


def test_an_array_is_busy_at_least_with_the_tiles_that_its_lanes_hold_and_what_they_read():
    def busy(problem, n, c, t, h, arch=ARCH, w=None, **changed):
        array = plain_array(make_machine(problem, arch, "pixel"))._replace(**changed)
        layer = plain_layer(problem)
        return least_busy(layer, array, share_of(layer, array, n, c), *spread_of(layer, array, t, h, w or layer.out[2]))

    # 9 pixels fill 2 lanes 5 times, row by row 6 times; 3 channels on 2 rows twice, 4 x 9 products a pixel.
    ragged = conv(4, 3, (1, 5, 5), (1, 3, 3), ARCH)
    assert (busy(ragged, 3, 4, 1, 3), busy(ragged, 3, 4, 1, 1), busy(ragged, 1, 4, 1, 1)) == (360, 432, 648)
    # Column by column 6 times as well; of two columns and one, each of two rows and one, 2 + 1 + 1 + 1 times.
    assert (busy(ragged, 3, 4, 1, 3, w=1), busy(ragged, 3, 4, 1, 2, w=2)) == (432, 360)
    # Two rows and one: 3 + 2. Trees of 4 channels take 4, or 3 and then 1.
    assert (busy(ragged, 3, 4, 1, 2), busy(ragged, 3, 4, 1, 3, chunk=4), busy(ragged, 3, 3, 1, 3, chunk=4)) == (
        2 * 4 * 9 * 5, 2 * 9 * 5, 2 * 2 * 9 * 5,
    )  # fmt: skip
    # Twice 4 channels of 9 pixels of 8 bits pass a port of a bit, whatever the windows share; in 3 cycles each.
    assert busy(ragged, 3, 4, 1, 3, ifmap_port_bits=1) == 2 * 4 * 9 * 8
    assert busy(ragged, 3, 4, 1, 3, ifmap_port_bits=1, ifmap_port_cycles=3) == 3 * 2 * 4 * 9 * 8
    assert busy(ragged, 3, 4, 1, 3, ifmap_port_bits=1, stages_inputs=0) == 2 * 4 * 9 * 8 * 9
    # A round reads as many channels as trees add up, the last of a step too: 2 of 3 each; taps in groups read anew.
    assert busy(ragged, 3, 4, 1, 3, ifmap_port_bits=1, chunk=3) == 2 * 6 * 9 * 8
    assert busy(ragged, 3, 3, 1, 3, ifmap_port_bits=1, chunk=3) == 2 * 4 * 9 * 8
    assert busy(ragged, 3, 4, 1, 3, ifmap_port_bits=1, tap_groups=3, staged=(1, 1, 3)) == 2 * 4 * 9 * 8 * 3
    # Apart by 2, windows of 3 share a position; of 1, none is read in between.
    apart = conv(4, 3, (1, 7, 7), (1, 3, 3), ARCH, stride=(1, 2, 2))
    assert busy(apart, 3, 4, 1, 3, ifmap_port_bits=1) == 2 * 4 * 9 * 8 * 4
    alone = conv(4, 3, (1, 5, 5), (1, 1, 1), ARCH, stride=(1, 2, 2))
    assert busy(alone, 3, 4, 1, 3, ifmap_port_bits=1) == 2 * 4 * 9 * 8
    # Each of 6 channels by itself: 6 channels of 9 pixels, however many rows.
    depthwise = conv(6, 6, (1, 5, 5), (1, 3, 3), ARCH, groups=6)
    assert busy(depthwise, 6, 1, 1, 3, ifmap_port_bits=1) == 6 * 9 * 8
    # Of F(4x4,3x3) a tile has 36 coordinates to transform, 9 tiles with rows of 9 outputs, 3 of one row.
    arch = machine("winograd.m2=4", "pe.acc_depth=64")
    fast = conv(4, 2, (1, 11, 11), (1, 3, 3), arch, "hfa")
    assert busy(fast, 2, 4, 1, 9, arch, input_rate=1) == 4 * 9 * 36
    assert busy(fast, 2, 4, 1, 1, arch, input_rate=1) == 4 * 9 * 3 * 36


def test_the_cycles_of_a_layer_are_those_of_all_groups_and_of_waits_for_partial_sums():
    def cycles(problem, sizes, arch=ARCH):
        return layer_cycles(task_of(problem, sizes, arch), ONE, INFINITE, nothing_costed(INTERPRETED))

    # Two groups of 2 channels to 2, of a pixel for each of 2 lanes: 2 cycles each.
    assert cycles(conv(4, 4, (1, 1, 2), (1, 1, 1), ARCH, groups=2), ([2], [2], [1], [1], [2])) == 2 * 2
    # 3 channels one by one: 4 pixels on 2 lanes take 2 cycles. 8 partial sums drain in 8 cycles, are then read and
    # written in 16: the second step waits for 6, the third for 14.
    many = machine("vector_lanes=64")
    assert cycles(conv(3, 2, (1, 1, 4), (1, 1, 1), many), ([2], [1], [1], [1], [4]), many) == 3 * 2 + 6 + 14
    # A sum of 2 tensors of 8 elements: the second operand is loaded in 2 cycles, 4 bytes each, and added in one.
    add = problem_of(Add(name="x", inputs=("i", "j")), Shape(2, 1, 2, 2), many)
    assert cycles(add, ([2], [1], [1], [2], [2]), many) == 3


def test_every_mapping_comes_with_the_bound_of_its_own_tiles():
    # Setup takes 10 cycles of 2000 ticks, a burst 10 ns, the first answer 20 ns; bursts are checked elsewhere.
    least = Least(
        setup=20_000, burst=10_000, answer=20_000, inp=plain_rows(input_layout(LAYER, 32)),
        out=plain_rows(output_layout(LAYER, 32)),
    )  # fmt: skip
    found = search(LAYER, ARCH, CLOCKS, keep=10**6)
    assert len({candidate.bound_ticks for candidate in found}) > 10
    for candidate in found:
        mapping = candidate.mapping
        task = task_of(LAYER, tuple([getattr(mapping, axis)] for axis in "ncthw"))
        bound = bound_ticks(task, least, ONE, candidate.bursts, nothing_costed(INTERPRETED))
        assert candidate.bound_ticks == bound, mapping


def test_every_tiling_comes_in_both_orders_where_there_are_two():
    # 3 cuts of output channels, 3 of input channels, 2 of rows, 2 of columns. Where output channels are cut, and
    # rows or columns too, there are two orders: 2 x 3 x 3 of 36.
    found = [candidate.mapping for candidate in search(LAYER, ARCH, CLOCKS, keep=10**6)]
    assert len(set(found)) == len(found) == 36 + 18
    assert sum(mapping.order == "tiles_outer" for mapping in found) == 18
    # Input channels cut in 3 and 1: 50 bursts, as in the schedule that is written down.
    (bursts,) = (
        c.bursts for c in search(LAYER, ARCH, CLOCKS, keep=10**6) if c.mapping == tiles(3, 4, 1, 2, 2, slots=1)
    )
    # 4 rows of 2 blocks, 960 bits of weights, 2 rows of 2 blocks.
    assert bursts == 8 + 4 + 4


def test_a_pooling_that_is_cut_over_frames_updates_sums():
    # 2 channels of 4 frames of a pixel, frame by frame: sums of 32 bits are read and written, 16 bytes in 4 cycles
    # through the port, which the next step waits for, behind a fill of 3; a step on all frames writes 2 bytes in one,
    # and its 8 operations take 4.
    pool = Pool3d(name="x", inputs=("i",), mode="avg", kernel="global")
    problem = problem_of(pool, Shape(2, 4, 1, 1), ARCH)
    cycles = []
    for frames in (1, 4):
        task = task_of(problem, ([2], [frames], [1], [1], [1]))
        cycles.append(compute_ticks(task, ONE, INFINITE, nothing_costed(INTERPRETED)) // task.times.cycle)
    assert cycles == [4 * (3 + 4), 3 + 4]


def test_a_search_may_keep_every_tiling_in_both_orders_and_modes():
    arch = machine("pe.mults_per_pe=2")
    # Two sizes along n, two along h; where both are cut the loops come in two orders.
    found = search(conv(1, 2, (1, 2, 1), (1, 1, 1), arch), arch, make_clocks(arch), keep=10**6)
    assert len(found) == len({candidate.mapping for candidate in found}) == 2 * (4 + 1)


def test_slots_are_shared_by_what_loads_answers_and_computes():
    assert estimate(10, 6, 3, 0, 2) == 10
    assert estimate(6, 10, 3, 0, 2) == 10
    assert estimate(10, 8, 6, 0, 2) == 12
    assert estimate(9, 1, 2, 0, 1) == 12
    # Nothing computes while what has a single slot moves.
    assert estimate(10, 8, 0, 5, 2) == 15


def test_the_array_waits_for_all_that_moves_through_a_single_slot():
    task = task_of(LAYER, ([2], [3], [1], [1], [2]))
    times = task.times._replace(burst=3, latency=100, channels=1)

    def waits(ifmap, weight, ofmap):
        limits = Limits(288 * ifmap, 496 * weight, 128 * ofmap, 2, 8)
        one = task._replace(limits=limits, times=times)
        return single_ticks(one, strip_of(one, ONE), ONE, 0, 50, 10, 8)

    # 2 x 2 x 2 steps of as many loads of inputs and of weights; inputs are moved in front of the weights of each.
    assert [waits(2, 2, 2), waits(1, 2, 2), waits(2, 1, 2), waits(2, 2, 1)] == [0, 950, 830 + 150, 24]
    assert waits(1, 1, 1) == 950 + 830 + 24


def nothing_kept(rows):
    """Room for so many tilings, none of them there."""
    kept = INTERPRETED.columns(Kept, rows)
    keep_nothing(kept)
    return kept


def test_a_tiling_is_kept_where_it_may_come_before_the_last():
    kept = nothing_kept(2)
    kept.first[:] = [0, 100]
    # A burst counts 3 ticks, the mode 5: of 100 ticks 65 are left with 10 bursts, on two channels twice as many.
    aim = Aim(burst_ticks=3, own_ticks=5, busy_parts=0, row_ticks=0, most=INFINITE)
    assert is_worth(kept, aim, 130, 0, 10, 2)
    assert not is_worth(kept, aim, 131, 0, 10, 2)
    # With 15 that nothing hides 50 may compute. In two slots loads of 40 and answers of 30 leave 2 x 51 - 1 - 70.
    assert most_compute(kept, aim, 20, 30, 0, 15, 10, 2) == 50
    assert most_compute(kept, aim, 40, 30, 0, 15, 10, 2) == 31
    # What has a single slot, 35 ticks, computes nothing.
    assert most_compute(kept, aim, 20, 30, 35, 15, 10, 2) == 15
    # A tick of the array counts a half more: of 65 ticks, 20 of them, 55 are left; 33 compute where 50 might.
    busy = aim._replace(busy_parts=BUSY_PARTS // 2)
    assert is_worth(kept, busy, 110, 20, 10, 2)
    assert not is_worth(kept, busy, 111, 20, 10, 2)
    assert most_compute(kept, busy, 20, 30, 0, 15, 10, 2) == 33
    # The fewest bursts, 100 at most, within 90 ticks.
    few = Aim(burst_ticks=0, own_ticks=0, busy_parts=0, row_ticks=0, most=90)
    assert is_worth(kept, few, 180, 0, 100, 2)
    assert not is_worth(kept, few, 181, 0, 100, 2)
    assert not is_worth(kept, few, 180, 0, 101, 2)
    assert most_compute(kept, few, 0, 0, 0, 15, 10, 2) == 75
    free = nothing_kept(1)
    assert is_worth(free, aim, 10**9, 0, 10**9, 1)
    assert most_compute(free, aim, 0, 0, 0, 0, 10**9, 2) == INFINITE


def test_tilings_are_kept_in_the_order_of_cost_bursts_visits_and_place():
    kept = nothing_kept(3)
    aim = Aim(burst_ticks=3, own_ticks=5, busy_parts=0, row_ticks=0, most=INFINITE)

    def offered(ticks, bursts, visits, order=0, at=ONE):
        insert(kept, aim, ticks, 0, bursts, visits, order, 0, at)
        rows = zip(kept.latency, kept.bursts, kept.order, kept.n, strict=True)
        return [row for row in rows if row[1] != INFINITE]

    # 100 + 3 x 10, 70 + 3 x 20, 97 + 3 x 11 are 130 all, and 5 of the mode; fewer bursts come first.
    assert offered(100, 10, 7) == [(100, 10, 0, 0)]
    assert offered(70, 20, 7, at=ONE._replace(n=1)) == [(100, 10, 0, 0), (70, 20, 0, 1)]
    assert offered(97, 11, 7, at=ONE._replace(n=2)) == [(100, 10, 0, 0), (97, 11, 0, 2), (70, 20, 0, 1)]
    # Then fewer visits, then the first order and place; the last falls out.
    assert offered(97, 11, 6, at=ONE._replace(n=3)) == [(100, 10, 0, 0), (97, 11, 0, 3), (97, 11, 0, 2)]
    assert offered(97, 11, 6, 1) == [(100, 10, 0, 0), (97, 11, 0, 3), (97, 11, 1, 0)]
    assert offered(200, 10, 0) == [(100, 10, 0, 0), (97, 11, 0, 3), (97, 11, 1, 0)]
    assert offered(90, 10, 0, at=ONE._replace(n=4)) == [(90, 10, 0, 4), (100, 10, 0, 0), (97, 11, 0, 3)]
    # What is kept already is kept once.
    assert offered(100, 10, 7) == [(90, 10, 0, 4), (100, 10, 0, 0), (97, 11, 0, 3)]
    assert kept.first[0] == 90 + 3 * 10 + 5


def test_tilings_that_open_rows_pay_for_each():
    kept = nothing_kept(2)
    aim = Aim(burst_ticks=3, own_ticks=5, busy_parts=0, row_ticks=2, most=INFINITE)
    insert(kept, aim, 100, 0, 10, 20, 0, 0, ONE)
    insert(kept, aim, 101, 0, 10, 17, 0, 0, ONE._replace(n=1))
    assert [*kept.first] == [101 + 3 * 10 + 2 * 17 + 5, 100 + 3 * 10 + 2 * 20 + 5]
    assert ([*kept.visits], [*kept.n]) == ([17, 20], [1, 0])


def test_frames_of_a_window_are_those_that_the_input_has():
    layer = Pool3d(name="x", inputs=("i",), mode="max", kernel=(4, 2, 2), stride=(4, 2, 2), padding=(1, 0, 0))
    pool = plain_layer(problem_of(layer, Shape(2, 2, 2, 2), ARCH))
    # Frames -1, 0, 1, 2 of a window over 2: the outer ones are padding.
    assert [tile_frames(pool, 0, 1, first, 1) for first in range(4)] == [0, 1, 1, 0]
    assert (tile_frames(pool, 0, 1, 0, 3), tile_frames(pool, 0, 1, 1, 3), tile_frames(pool, 0, 1, 0, 4)) == (2, 2, 2)
    assert tile_frames(plain_layer(conv(1, 1, (5, 1, 1), (3, 1, 1), ARCH)), 1, 2, 0, 1) == 4
    # Of 3 frames of a pixel a window of 5 from -1 on, in chunks of 2: one, two and none.
    layer = Pool3d(name="x", inputs=("i",), mode="max", kernel=(5, 1, 1), padding=(1, 0, 0))
    chunks = frame_chunks(problem_of(layer, Shape(2, 3, 1, 1), ARCH), 2)
    assert (chunks.first.tolist()[:2], chunks.needed.tolist()) == ([0, 1], [1, 2, 0])


def test_the_ways_to_cut_a_row_read_at_least_what_the_best_of_them_does():
    # Halos are read twice: 4 positions at once, 3 + 3 in two parts. Gaps are skipped by parts: 5, and 3 in three.
    assert least_row(task_of(LAYER, ([3], [4], [1], [2], [2, 1])).choices.w) == (1, 4)
    gaps = conv(1, 1, (1, 1, 5), (1, 1, 1), ARCH, stride=(1, 1, 2))
    assert least_row(task_of(gaps, ([1], [1], [1], [1], [3, 1])).choices.w) == (1, 3)


def test_waits_between_tiles_are_drains_that_are_longer_than_a_head():
    slow = machine("vector_lanes=1")
    problem = conv(1, 2, (1, 3, 4), (1, 1, 1), slow, bias=False)
    task = task_of(problem, ([2], [1], [1], [1], [4]), slow)
    # 8 outputs drain in 8 cycles; the next step has 2 before its first: 3 rows are two waits of 6.
    assert waits_between_tiles(task, ONE, nothing_costed(INTERPRETED)) == 2 * 6


def test_a_tensor_lies_in_the_blocks_of_which_all_users_move_the_fewest_bursts():
    # Tiles of 3 and 1 input channels, of 2 and 1 output channels; of 3 and 3 rows of inputs, of a row of outputs.
    mapping = tiles(2, 3, 1, 1, 2)
    reads = Use(work=LayerWork(LAYER, mapping), side="input", burst_bytes=32, moved=36)
    writes = Use(work=LayerWork(LAYER, mapping), side="output", burst_bytes=32)
    # A row of a block is a burst. 3 and 1 channels touch 3 + 1 blocks of one, 2 + 1 of two, 1 + 1 of four; 6 rows, two
    # times over.
    assert reads.bursts([1, 2, 4]) == {1: 48, 2: 36, 4: 24}
    # 2 and 1 channels: 3 blocks of one, 2 of two or three; 2 rows.
    assert writes.bursts([1, 2, 3]) == {1: 6, 2: 4, 3: 4}
    assert (reads.block, writes.block) == (2, 2)
    # Powers of two from the smallest on, all channels, the tiles of the users, and what they are mapped for.
    assert candidate_blocks([reads], 4, 2) == {2, 3, 4}
    assert candidate_blocks([writes], 12, 3) == {2, 3, 6, 12}
    work = LayerWork(LAYER, mapping)
    assert work.in_block("input", 4).block("input") == work.in_block("output", 4).block("output") == 4
    # 14, 13 and 13 bursts: of equals the present one stays, else the smaller is taken.
    moved = [{1: 10, 2: 5, 4: 6}, {1: 4, 2: 8, 4: 7}]
    assert [wanted_block(iter(moved), present) for present in (1, 2, 4)] == [2, 2, 4]
