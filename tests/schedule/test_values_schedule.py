"""Is a schedule, number by number, what one writes down on paper for a small layer?"""

from __future__ import annotations

import numpy as np
import pytest
from paper import conv, machine, problem_of, tiles

from lw3dsim.account.events import count_events
from lw3dsim.base.arrays import as_arrays
from lw3dsim.base.distinct import distinct
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.describe.workload import Add, Pool3d, Shape, Trg
from lw3dsim.schedule import dma
from lw3dsim.schedule.build import build_schedule
from lw3dsim.schedule.chain import join
from lw3dsim.schedule.group_nest import Scratch
from lw3dsim.schedule.room import release_steps, release_stores, room_after
from lw3dsim.schedule.unroll import Loaded
from lw3dsim.schedule.unroll_group import wait_for_room, wait_for_slots
from lw3dsim.schedule.work import LayerWork
from lw3dsim.tensor.layout import Layout, block_sizes, fewest_bursts_block

ARCH = machine()
CLOCKS = make_clocks(ARCH)

# 4 channels of 4 x 4 pixels, 3 x 3, to 3 channels of 2 x 2, with a bias: tiles of 2 of 3 channels, 3 of 4 input
# channels and one of two rows. Steps: for 2 and 1 output channels, for both rows, 3 and 1 input channels.
LAYER = conv(4, 3, (1, 4, 4), (1, 3, 3), ARCH, bias=True)
CUT = tiles(2, 3, 1, 1, 2)


def runs_of(regions):
    """The runs of boxes as arrays, whoever runs the kernels."""
    return as_arrays(dma.runs_of(regions))


def built(problem=LAYER, mapping=CUT, arch=ARCH):
    return build_schedule(problem, mapping, arch, make_clocks(arch))


def columns(schedule, *names):
    """Figures of the steps, one list a step."""
    return np.array([getattr(schedule.kinds, name)[schedule.kind] for name in names]).T.tolist()


def test_loops_unroll_with_the_reduction_innermost():
    loops = built().loops
    assert loops.n.tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    assert loops.h.tolist() == [0, 0, 1, 1, 0, 0, 1, 1]
    assert loops.c.tolist() == [0, 1] * 4
    assert loops.is_first.tolist() == [True, False] * 4
    assert loops.is_last.tolist() == [False, True] * 4
    other = built(mapping=tiles(2, 3, 1, 1, 2, order="tiles_outer")).loops
    assert other.h.tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    assert other.n.tolist() == [0, 0, 1, 1, 0, 0, 1, 1]


def test_tiles_have_the_bits_steps_boxes_and_slots_of_the_cut():
    schedule = built()
    ifmap, weight, ofmap = schedule.ifmap, schedule.weight, schedule.ofmap
    # Three rows of four pixels for a row of two outputs, of 3 channels or 1, in bytes; a tile at every step.
    assert ifmap.bits.tolist() == [3 * 12 * 8, 12 * 8] * 4
    assert ifmap.first.tolist() == ifmap.last.tolist() == list(range(8))
    assert ifmap.after.tolist() == [-1, -1, 0, 1, 2, 3, 4, 5]
    assert ifmap.gate.tolist() == [-1] * 8
    # Boxes of the input by channels, then rows; behind them weights by n, c; behind them outputs by n, rows.
    assert ifmap.box.tolist() == [0, 2, 1, 3] * 2
    # Kernels of 9 bytes; 4 bytes of bias for each output channel come with the first of them.
    assert weight.bits.tolist() == [2 * 3 * 72 + 64, 2 * 72] * 2 + [3 * 72 + 32, 72] * 2
    assert weight.box.tolist() == [4, 5, 4, 5, 6, 7, 6, 7]
    assert (ofmap.opens.tolist(), ofmap.closes.tolist()) == ([0, 2, 4, 6], [1, 3, 5, 7])
    assert ofmap.bits.tolist() == [2 * 2 * 8, 2 * 2 * 8, 2 * 8, 2 * 8]
    assert ofmap.box.tolist() == [8, 9, 10, 11]
    assert ofmap.after.tolist() == [-1, -1, 0, 1]


def test_regions_lie_behind_each_other_and_boxes_are_runs_of_bursts():
    inputs, weights, outputs = built().regions
    # Two channels of four pixels are 8 bytes: a burst a row. The input has 2 blocks of 4 rows, the output 2 of 2.
    # 8 banks of rows of 64 bursts are a stripe.
    assert (inputs.bursts, inputs.end, weights.base, weights.end, outputs.bases, outputs.end) == (
        8, 8, 512, 517, (1024,), 1028,
    )  # fmt: skip
    # 3 channels touch both blocks, the fourth one; 496, 144, 248 and 72 bits of weights take 2, 1, 1 and 1 bursts.
    assert built().box_bursts.tolist() == [6, 6, 3, 3, 2, 1, 1, 1, 1, 1, 1, 1]
    runs = runs_of([inputs])
    assert runs.offsets.tolist() == [0, 2, 4, 5, 6]
    assert runs.first.tolist() == [0, 4, 1, 5, 4, 5]
    assert runs.bursts.tolist() == [3] * 6
    offsets, first, bursts = (column.tolist() for column in runs_of([weights]))
    assert (offsets, first, bursts) == ([0, 1, 2, 3, 4], [512, 514, 515, 516], [2, 1, 1, 1])
    assert runs_of([outputs]).first.tolist() == [1024, 1025, 1026, 1027]
    moved = inputs.shifted(100), weights.shifted(100)
    assert [runs_of([region]).first[0] for region in moved] == [100, 612]
    assert [region.end for region in moved] == [108, 617]
    assert built().end_burst == 1028
    # 4 x (6 + 3) bursts of inputs, 2 x (2 + 1 + 1 + 1) of weights, 4 of outputs.
    assert built().total_bursts == 36 + 10 + 4


def test_a_step_takes_its_multiplications_and_drains_its_partial_sums():
    # Of 2 pixels on 2 lanes, 9 taps take 9 cycles for each input channel, ports less: 12 pixels in 3, weights in 5. A
    # step is entered in 3, and in 2 + 4 to read these but for their last words, or 2 + 2. Partial sums of 2 x 2 or 2
    # outputs leave 4 bytes a cycle; with the last input channel they are read (4 bytes) and results written (1 byte):
    # 20 bytes, or 10. One channel works one row of two.
    names = ("head", "body", "drain", "entry", "multiply", "row_cycles", "drain_stall")
    assert columns(built(), *names) == [
        [27, 0, 4, 9, 27, 54, 0], [9, 0, 5, 9, 9, 18, 0], [27, 0, 4, 9, 27, 54, 0], [9, 0, 5, 9, 9, 18, 0],
        [27, 0, 2, 7, 27, 27, 0], [9, 0, 3, 7, 9, 9, 0], [27, 0, 2, 7, 27, 27, 0], [9, 0, 3, 7, 9, 9, 0],
    ]  # fmt: skip


def test_events_of_a_layer_are_those_that_one_counts():
    events = count_events(built(), CLOCKS.burst_bytes, ARCH.buffers)
    # 3 x 4 outputs of 4 x 9 products.
    assert events.mults == events.accumulations == 432
    assert (events.tree_adds, events.input_tiles, events.weight_kernels, events.output_tiles) == (0, 0, 0, 0)
    assert events.vector_ops == 12
    # Input tiles: four times 12 pixels of 4 channels, written once and read once. Weights: for each of two rows of
    # outputs 3 x 4 kernels of 9 bytes are read, with 3 biases of 4 bytes they are written.
    assert (events.ifmap_write_bytes, events.ifmap_read_bytes) == (4 * 48, 4 * 48)
    assert (events.weight_write_bytes, events.weight_read_bytes) == (2 * (108 + 12), 2 * 108)
    # 12 outputs: partial sums of 4 bytes are written and read, a byte each is written, and read by DMA.
    assert events.ofmap_write_bytes == 12 * 5
    assert (events.ofmap_read_bytes, events.ofmap_dma_bytes) == (12 * 5, 12)
    assert (events.intermediate_read_bytes, events.intermediate_write_bytes) == (0, 0)
    assert (events.dram_ifmap_bytes, events.dram_weight_bytes, events.dram_ofmap_bytes) == (1152, 320, 128)
    assert events.dram_bytes_breakdown.parts() == {"ifmap": 1152, "weight": 320, "ofmap": 128}
    assert (events.dram_read_bytes, events.dram_write_bytes) == (1472, 128)
    assert (events.sram_read_bytes, events.sram_write_bytes) == (192 + 216 + 60, 192 + 240 + 60)
    # Words of 4 bytes: 12 pixels of a channel are 3; 9 weights of two rows or one 5 or 3; tiles of 62, 18, 31 and 9
    # bytes of weights 16, 5, 8 and 3; sums of 2 x 2 or 2 outputs 4 or 2, their results one.
    assert (events.ifmap_write_words, events.ifmap_read_words) == (4 * 12, 4 * 12)
    assert (events.weight_write_words, events.weight_read_words) == (2 * (16 + 5 + 8 + 3), 2 * (4 * 5 + 4 * 3))
    assert (events.partial_words, events.result_words, events.ofmap_dma_words) == (2 * (4 + 2), 4, 4)
    assert (events.intermediate_read_words, events.intermediate_write_words) == (0, 0)


def test_bits_that_are_no_whole_bytes_are_rounded_up():
    arch = machine("precision.activation_bits=3", "precision.weight_bits=3")
    schedule = built(conv(1, 1, (1, 1, 3), (1, 1, 1), arch, bias=False), tiles(1, 1, 1, 1, 3), arch)
    events = count_events(schedule, 32, arch.buffers)
    # Three pixels of 3 bits, a kernel of 3 bits.
    assert (events.ifmap_write_bytes, events.weight_write_bytes, events.ofmap_dma_bytes) == (2, 1, 2)


def test_an_input_tile_stays_while_it_is_used_and_the_array_works_ragged():
    # All channels at once, 2 rows and one column of outputs a step, weights loaded once.
    schedule = built(mapping=tiles(3, 4, 1, 2, 1, order="tiles_outer", slots=1))
    assert schedule.ifmap.bits.tolist() == [4 * 12 * 8] * 2
    assert schedule.ifmap.after.tolist() == [-1, 0]
    assert (schedule.weight.first.tolist(), schedule.weight.last.tolist()) == ([0], [1])
    assert schedule.weight.bits.tolist() == [12 * 72 + 96]
    assert schedule.ofmap.bits.tolist() == [6 * 8] * 2
    assert schedule.ofmap.after.tolist() == [-1, 0]
    # 3 channels on 2 rows: two groups, of 2 and 1 channels, 2 pixels each. Each takes 4 x 9 cycles and drains 4 and 2
    # bytes in a cycle, the vector unit 4 and 2 outputs in 2 and 1. In the second one row of two works.
    assert columns(schedule, "head", "body", "drain", "multiply", "row_cycles") == [[36, 36, 1, 72, 72 + 36]] * 2


def test_a_strided_padded_layer_reads_what_its_windows_reach():
    # 5 x 5 pixels, 3 x 3, stride 2, padding 1, to 3 x 3. Rows of two outputs: windows of rows -1..3, then 3..5.
    problem = conv(2, 1, (1, 5, 5), (1, 3, 3), ARCH, stride=(1, 2, 2), padding=(0, 1, 1), bias=False)
    schedule = built(problem, tiles(1, 2, 1, 2, 3))
    # Rows 0..3 and 3..4 of 5 pixels of 2 channels.
    assert schedule.ifmap.bits.tolist() == [4 * 5 * 16, 2 * 5 * 16]
    assert schedule.box_bursts.tolist() == [4, 2, 1, 2, 1]
    # The array reads patches whole: 5 x 7 for 2 x 3 outputs, 3 x 7 for 3; products of padding are executed too.
    # 2 x 3 tiles fit no group of 4: rows first, so two groups of 3 tiles, 3 x 7 pixels each. A group takes 36 cycles in
    # one row of two; of its two lanes that take 2 turns 3 work, 18 cycles each.
    names = ("ifmap_read_bits", "mults", "body", "head", "multiply", "row_cycles", "lane_cycles", "products")
    assert columns(schedule, *names) == [
        [2 * 3 * 7 * 16, 6 * 18, 36, 36, 72, 72, 6 * 18, 6 * 18], [3 * 7 * 16, 3 * 18, 0, 36, 36, 36, 3 * 18, 3 * 18],
    ]  # fmt: skip


def test_a_depthwise_layer_reads_an_input_for_every_row_of_the_array():
    problem = conv(3, 3, (1, 3, 4), (1, 3, 3), ARCH, groups=3, bias=False)
    assert (problem.structure, problem.n, problem.c, problem.groups) == ("grouped", 3, 1, 1)
    schedule = built(problem, tiles(2, 1, 1, 1, 2))
    assert schedule.ifmap.bits.tolist() == [2 * 12 * 8, 12 * 8]
    assert schedule.weight.bits.tolist() == [2 * 72, 72]
    # 9 cycles to multiply; the port reads 2 x 12 or 12 bytes in 6 or 3.
    names = ("head", "multiply", "row_cycles", "ifmap_read_bits", "weight_read_bits", "mults", "drain")
    assert columns(schedule, *names) == [
        [9, 9, 18, 192, 144, 36, 2], [9, 9, 9, 96, 72, 18, 1],
    ]  # fmt: skip


def test_a_grouped_layer_runs_group_after_group():
    problem = conv(4, 2, (1, 1, 2), (1, 1, 1), ARCH, groups=2, bias=True)
    assert (problem.structure, problem.groups, problem.n, problem.c) == ("dense", 2, 1, 2)
    schedule = built(problem, tiles(1, 1, 1, 1, 2))
    assert schedule.loops.g.tolist() == [0, 0, 1, 1]
    assert schedule.ifmap.box.tolist() == [0, 1, 2, 3]
    assert schedule.weight.box.tolist() == [4, 5, 6, 7]
    assert schedule.weight.bits.tolist() == [8 + 32, 8] * 2
    assert schedule.ofmap.box.tolist() == [8, 9]
    # The second group's kernels come behind the first's, its channels are 2 and 3, its output channel 1.
    assert schedule.regions[1].bursts == 4
    assert runs_of([schedule.regions[0]]).first.tolist() == [0, 0, 1, 1]
    assert runs_of([schedule.regions[2]]).first.tolist() == [1024, 1024]


def test_a_pool_that_leaves_one_frame_takes_its_frames_in_turn():
    layer = Pool3d(name="x", inputs=("i",), mode="max", kernel=(3, 2, 2), stride=(3, 2, 2))
    schedule = built(problem_of(layer, Shape(2, 3, 2, 4), ARCH), tiles(2, 2, 1, 1, 2))
    # Frames 0 and 1, then 2, of 2 x 4 pixels of 2 channels; partial results of 2 x 2 outputs are wide.
    assert schedule.ifmap.bits.tolist() == [2 * 8 * 16, 8 * 16]
    assert len(schedule.weight.bits) == 0
    # Operations: 12 a window, two thirds and a third of them, a word each. A group waits for the sums of the one
    # before it to be read and written only where it is made in fewer cycles.
    assert columns(schedule, "vector_ops", "vector", "sram_port", "entry", "ofmap_write_bits", "ofmap_read_bits") == [
        [4 * 8, 16, 0, 3, 4 * 32, 0], [4 * 4, 8, 0, 3, 4 * 8, 4 * 32],
    ]  # fmt: skip
    assert columns(schedule, "ifmap_read_bits", "head", "body") == [[256, 8, 8], [128, 4, 4]]


def test_tiles_of_a_pool_at_the_border_read_less():
    layer = Pool3d(name="x", inputs=("i",), mode="max", kernel=(1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1))
    schedule = built(problem_of(layer, Shape(2, 1, 5, 5), ARCH), tiles(2, 1, 1, 1, 3))
    # Rows of windows -1..1, 1..3 and 3..5 of 5 rows of 5 pixels of 2 channels are loaded. All are made alike: 9
    # operations of each of 6 outputs, each on a byte; 9 cycles for the first position.
    assert schedule.ifmap.bits.tolist() == [2 * 80, 3 * 80, 2 * 80]
    assert columns(schedule, "ifmap_read_bits", "vector_ops", "head", "body") == [[54 * 8, 54, 9, 18]] * 3


def test_frames_of_padding_are_in_no_chunk():
    layer = Pool3d(name="x", inputs=("i",), mode="max", kernel=(4, 2, 2), stride=(4, 2, 2), padding=(1, 0, 0))
    schedule = built(problem_of(layer, Shape(2, 2, 2, 2), ARCH), tiles(2, 3, 1, 1, 1))
    # A window of 4 frames, the first and the last of padding: 3 and 1 of them, with 2 and 0 of the input;
    # padding is read like data.
    assert schedule.ifmap.bits.tolist() == [2 * 4 * 16, 0]
    assert columns(schedule, "vector_ops", "ifmap_read_bits") == [[2 * 12, 192], [2 * 4, 64]]


def test_an_addition_reads_both_tensors_and_a_gradient_all_frames():
    added = built(problem_of(Add(name="x", inputs=("i", "j")), Shape(2, 1, 2, 2), ARCH), tiles(2, 1, 1, 1, 2))
    # Rows of 2 pixels of 2 channels of both tensors are 8 bytes, in 2 cycles; 8 additions on 2 lanes take 4.
    assert added.ifmap.bits.tolist() == [64] * 2
    assert columns(added, "vector_ops", "vector") == [[8, 4]] * 2
    assert added.box_bursts.tolist() == [2, 2, 1, 1]
    # The second tensor lies a stripe behind the first; its rows are moved behind those of the first.
    assert runs_of([added.regions[0]]).first.tolist() == [0, 512, 1, 513]
    assert runs_of([added.regions[0]]).offsets.tolist() == [0, 2, 4]
    assert (added.regions[0].end, added.regions[1].base, added.regions[2].bases) == (514, 1024, (1024,))
    gradient = built(problem_of(Trg(name="x", inputs=("i",)), Shape(2, 3, 2, 2), ARCH), tiles(2, 1, 3, 1, 2))
    assert gradient.ifmap.bits.tolist() == [3 * 4 * 8] * 2
    # A difference and an accumulation for each of 12 outputs.
    assert columns(gradient, "vector_ops") == [[24]] * 2


def test_a_port_that_is_slower_than_the_lanes_binds_a_vector_step():
    wide = machine("vector_lanes=16")
    schedule = built(problem_of(Add(name="x", inputs=("i", "j")), Shape(2, 1, 2, 4), wide), tiles(2, 1, 1, 2, 4), wide)
    # 16 sums in two operations, of words of 4 bytes: the second operand takes 4 cycles, and is added in one.
    assert columns(schedule, "vector", "sram_port", "head", "entry") == [[0, 5, 5, 6]]


def test_tiles_pass_one_bank_in_port_cycles():
    arch = machine("buffers.ifmap_banks=1", "buffers.weight_banks=1", "buffers.ofmap_banks=1")
    schedule = built(arch=arch)
    # Bytes over 4: input tiles of 36 and 12 bytes take 9 and 3; weights of 62, 18, 31 and 9 take 16, 5, 8 and 3.
    assert schedule.ifmap.words.tolist() == [9, 3] * 4
    assert schedule.weight.words.tolist() == [16, 5, 16, 5, 8, 3, 8, 3]
    # Results of 4 and 2 bytes.
    assert schedule.ofmap.words.tolist() == [1] * 4
    # Steps are as long as ever: the array pauses in them.
    assert columns(schedule, "sram_port", "head") == [[0, 27], [0, 9]] * 4
    assert columns(schedule, "drain") == [[4], [5], [4], [5], [2], [3], [2], [3]]


def test_with_one_slot_dma_and_array_take_turns_at_one_bank():
    arch = machine("buffers.ifmap_banks=1", "buffers.weight_banks=1", "buffers.ofmap_banks=1", "buffers.slots=1")
    schedule = built(mapping=tiles(2, 3, 1, 1, 2, slots=1), arch=arch)
    assert not any(any(stream.words) for stream in (schedule.ifmap, schedule.weight, schedule.ofmap))
    assert columns(schedule, "sram_port", "head") == [[0, 27], [0, 9]] * 4
    assert columns(schedule, "drain") == [[4], [5], [4], [5], [2], [3], [2], [3]]


def test_bounds_are_what_array_and_memory_are_busy():
    schedule = built()
    # Setup 10, an entry of 9, heads 4 x (27 + 9) cycles of 2 ns; 50 bursts of 10 ns.
    assert schedule.bound_ticks(CLOCKS) == max((10 + 9 + 144) * 2000, 500_000) == 500_000
    fast = make_clocks(machine("dram.bandwidth_gbps=320"))
    assert schedule.bound_ticks(fast) == 326_000


# Layers behind each other


def test_a_chain_counts_steps_stores_boxes_and_bursts_on():
    one = LayerWork(LAYER, CUT).link(built(), ())
    assert one.held_bits.tolist() == [4 * 32, 4 * 32, 2 * 32, 2 * 32]  # partial sums
    second = conv(3, 2, (1, 2, 2), (1, 1, 1), ARCH, bias=False)
    whole = tiles(2, 3, 1, 1, 2)
    two = LayerWork(second, whole).link(built(second, whole), (0,))
    assert two.held_bits.tolist() == [32, 32]
    chain = join([one, two], 2, ARCH.buffers, CLOCKS)
    assert (chain.steps, chain.stores_per_clip, len(chain.ofmap.box), chain.setup_cycles) == (20, 6, 12, 10)
    assert chain.ifmap.first.tolist() == [*range(8), 8, 9, *range(10, 18), 18, 19]
    assert chain.ifmap.box.tolist() == [0, 2, 1, 3, 0, 2, 1, 3, 12, 13] * 2
    assert chain.weight.first.tolist() == [*range(8), 8, *range(10, 18), 18]
    assert chain.weight.box.tolist()[8] == 14
    assert chain.ofmap.closes.tolist() == [1, 3, 5, 7, 8, 9, 11, 13, 15, 17, 18, 19]
    assert chain.ofmap.box.tolist() == [8, 9, 10, 11, 15, 16] * 2
    # Regions of the first layer end in burst 1028, 1536 with the rest of the stripe.
    assert [region.end for region in chain.regions] == [8, 517, 1028, 1536 + 4, 1536 + 512 + 1, 1536 + 1024 + 2]
    # Inputs of the second layer wait for the last store of the first, weights but for the first do too; inputs of the
    # first wait for nothing, but in the second clip.
    assert chain.ifmap.gate.tolist() == [-1] * 8 + [3, 3] + [-1] * 8 + [9, 9]
    assert chain.weight.gate.tolist() == [-1] * 9 + [-1] * 9
    # A link is configured in 10 cycles before its first step, the first one of all before anything.
    assert chain.lead[chain.kind].tolist() == [-1] * 8 + [10, -1, 10] + [-1] * 7 + [10, -1]
    # The ring holds two tiles: that before the one before must have been used, or stored.
    assert chain.ifmap.after.tolist() == [-1, -1, *range(18)]
    assert chain.ofmap.after.tolist() == [-1, -1, *range(10)]
    assert chain.ofmap.opens.tolist() == [0, 2, 4, 6, 8, 9, 10, 12, 14, 16, 18, 19]
    assert chain.ifmap.last.tolist() == [*range(8), 8, 9, *range(10, 18), 18, 19]
    assert chain.weight.last.tolist() == [*range(8), 9, *range(10, 18), 19]
    assert chain.total("mults") == 2 * (432 + 2 * 3 * 4)


@pytest.mark.parametrize(("banks", "ifmap", "weight"), [("ifmap", 3, -1), ("ofmap", 3, -1), ("weight", 3, 3)])
def test_where_a_buffer_has_one_bank_dma_stops_at_the_border_of_layers(banks, ifmap, weight):
    arch = machine(f"buffers.{banks}_banks=1")
    problem = conv(1, 1, (1, 2, 2), (1, 1, 1), arch, bias=False)
    mapping = tiles(1, 1, 1, 1, 1)
    links = [LayerWork(problem, mapping).link(built(problem, mapping, arch), ()) for _ in range(2)]
    chain = join(links, 1, arch.buffers, make_clocks(arch))
    # Four stores; nobody reads the first layer.
    assert chain.ifmap.gate.tolist() == [-1] * 4 + ([3] * 4 if banks != "weight" else [-1] * 4)
    assert chain.weight.gate.tolist() == [-1, weight]
    assert ifmap == 3


# What makes room


def test_slots_are_free_when_the_tile_before_has_been_used():
    first = np.array([0, 3, 4, 9])
    assert release_steps(first, 1).tolist() == [-1, 2, 3, 8]
    assert release_steps(first, 2).tolist() == [-1, -1, 2, 3]
    assert release_steps(first, 4).tolist() == release_steps(first, 5).tolist() == [-1] * 4
    assert release_stores(4, 1).tolist() == [-1, 0, 1, 2]
    assert release_stores(4, 3).tolist() == [-1, -1, -1, 0]


def test_a_ring_holds_as_many_tiles_as_fit_in_bits_and_slots():
    bits, gone = np.array([4, 4, 4, 8, 2]), np.array([10, 11, 12, 13, 14])
    # 12 bits hold three tiles of 4, but only two slots; 8 bits leave room for one of 4.
    assert room_after(bits, gone, 3, 12).tolist() == [-1, -1, -1, 11, 12]
    assert room_after(bits, gone, 2, 12).tolist() == [-1, -1, 10, 11, 12]
    assert room_after(bits, gone, 5, 8).tolist() == [-1, -1, 10, 12, 13]


def used_from(first, bits=()):
    """Loads that are first used by these steps, and take so many bits."""
    columns = Loaded._make([-1] * len(first) for _ in Loaded._fields)
    return columns._replace(first=first, bits=list(bits))


def test_tiles_of_one_turn_share_slots():
    def after(turn, slots):
        loads, empty = used_from([0, 3, 4, 9]), Scratch._make([0] * 4 for _ in Scratch._fields)
        wait_for_slots(loads, 4, slots, empty._replace(turn=turn))
        return loads.after

    # Tiles 0 and 1, and 2 and 3, share a slot: the second pair waits for both of the first.
    assert after([5, 5, 6, 6], 1) == [-1, -1, 3, 3]
    assert after([0, 1, 1, 2], 2) == [-1, -1, -1, 2]
    assert after([0, 1, 2, 3], 1) == [-1, 2, 3, 8]


def test_a_window_has_room_when_enough_bits_have_gone():
    def after(first, bits, freed, capacity):
        loads = used_from(first, bits)
        return loads.after if wait_for_room(loads, len(first), capacity, freed) else None

    # Steps 0, 1 and 2 give back 4, 2 and 6 bits of 10: the third tile needs 2, the fourth 6.
    assert after([0, 1, 2, 3], [4, 4, 4, 4], [4, 2, 6, 0], 10) == [-1, -1, 0, 1]
    # Of 9 bits the fourth needs 7: all three steps. Of 5 the third does, too, and comes with the last of them.
    assert after([0, 1, 2, 3], [4, 4, 4, 4], [4, 2, 6, 0], 9) == [-1, -1, 0, 2]
    assert after([0, 1, 2, 3], [4, 4, 4, 4], [4, 2, 6, 0], 5) is None
    assert after([0, 1, 2, 3], [4, 4, 4, 4], [4, 0, 0, 0], 10) is None
    # What goes with a tile's own step makes no room for it.
    assert after([0, 1], [8, 8], [0, 8], 10) is None
    assert after([0, 2], [8, 8], [0, 8], 10) == [-1, 1]


# Layouts


def test_a_layout_counts_in_bursts():
    def layout(block, channels=12, extent=(2, 3, 5)):
        return Layout(channels=channels, extent=extent, block=block, element_bits=8, burst_bytes=32)

    # 8 channels: pixels of 64 bits, rows of 320: 2 bursts. Frames of 3 rows, blocks of 2 frames, 2 blocks.
    a = layout(8)
    assert (a.columns, a.pixel_bits, a.row_bursts, a.frame_bursts, a.block_bursts, a.bursts) == (1, 64, 2, 6, 12, 24)
    # 40 channels: pixels of 320 bits take two bursts of 256.
    b = layout(40, channels=40)
    assert (b.columns, b.pixel_bits, b.row_bursts, b.bursts) == (2, 512, 10, 60)
    # 33 bytes take a second burst.
    assert (layout(32).columns, layout(33).columns, layout(33).pixel_bits, layout(32).pixel_bits) == (1, 2, 512, 256)
    assert (layout(1).describe(), layout(8).describe(), layout(12).describe()) == (
        "C T H W", "C/8 T H W 8", "T H W 12",
    )  # fmt: skip
    assert block_sizes(4, 12) == [4, 8, 12]
    assert block_sizes(4, 16) == [4, 8, 16]
    assert block_sizes(4, 3) == [3]
    # Rows of 5 pixels: of 4 channels 160 bits in a burst, 3 blocks; of 8 two bursts, 2 blocks; of 12 two bursts.
    assert fewest_bursts_block(12, (2, 3, 5), 8, 32, 4) == 12
    # Rows of 8 pixels of 4 channels are a burst: as many bursts as any other, so the smallest.
    assert fewest_bursts_block(16, (1, 1, 8), 8, 32, 4) == 4
    assert fewest_bursts_block(16, (1, 1, 1), 8, 32, 4) == 16


def test_distinct_rows_have_the_first_of_each_as_example():
    example, code = distinct([np.array([5, 5, 1, 5, 1]), np.array([0, 1, 0, 0, 0])])
    assert code.tolist() == [0, 1, 2, 0, 2]
    assert example.tolist() == [0, 1, 2]
    example, code = distinct([np.array([10**6, 3, 10**6])])
    assert (example.tolist(), code.tolist()) == ([0, 1], [0, 1, 0])
