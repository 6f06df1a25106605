"""Is the schedule of a small fused group what one writes down on paper?"""

from __future__ import annotations

import numpy as np
import pytest
from paper import conv, machine, problem_of

from lw3dsim.account.events import count_events
from lw3dsim.base.kernels import INTERPRETED
from lw3dsim.base.values import replace
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.describe.workload import Add, Pool3d, Shape, Trg
from lw3dsim.map.fill import group_fill
from lw3dsim.map.floor import group_compulsory_by_stream, group_compulsory_bytes
from lw3dsim.map.group import candidates as group_candidates
from lw3dsim.map.group.axes import looked_at
from lw3dsim.map.group.candidates import enumerate_group
from lw3dsim.map.group.cost import GroupCost, group_costs
from lw3dsim.map.group.group import Group, GroupMapping, Reach, can_fuse, cut_group, plain_reaches
from lw3dsim.map.group.partition import best_partition, paths_to
from lw3dsim.map.layer.price import Price
from lw3dsim.network.blocks import Use, candidate_blocks
from lw3dsim.schedule.chain import join
from lw3dsim.schedule.fused import build_group_schedule
from lw3dsim.schedule.work import GroupWork

ARCH = machine()
CLOCKS = make_clocks(ARCH)

# 2 channels of 4 x 6 pixels, 3 x 3 to 3 channels of 2 x 4, 1 x 1 to 2 channels; rows are tiles, and their halo stays.
FIRST = conv(2, 3, (1, 4, 6), (1, 3, 3), ARCH, bias=True)
SECOND = conv(3, 2, (1, 2, 4), (1, 1, 1), ARCH, bias=True)
GROUP = Group((FIRST, SECOND), ("none", "none"))


def mapping(*, t=1, h=1, w=4, kept="h", chunks=(2, 2), resident=(True, False), slots=2):
    return GroupMapping(
        t=t, h=h, w=w, kept=kept, chunks=chunks, resident=resident, parallel=("pixel",) * len(resident),
        ofmap_slots=slots,
    )  # fmt: skip


def columns(schedule, *names):
    return np.array([getattr(schedule.kinds, name)[schedule.kind] for name in names]).T.tolist()


def test_a_tile_goes_through_all_stages_chunk_by_chunk():
    schedule = build_group_schedule(GROUP, mapping(), ARCH, CLOCKS)
    places = schedule.places
    assert places.tile.tolist() == [0, 0, 0, 1, 1, 1]
    assert places.stage.tolist() == [0, 0, 1, 0, 0, 1]
    assert places.chunk.tolist() == [0, 1, 0, 0, 1, 0]
    assert places.n.tolist() == [2, 1, 2, 2, 1, 2]
    # The second layer reads what the first has just drained.
    assert places.waits.tolist() == [False, False, True] * 2
    # 4 pixels of 2 channels: 2 x 2 of 9 taps in 2 rounds; drained at 4 bytes a cycle, 2 outputs a cycle in the lanes.
    # One channel works one of two rows. Second layer: 3 rounds of 2 cycles. Its ports read 3 x 4 bytes and write
    # 2 x 4: 5 cycles are less than 6.
    assert columns(schedule, "head", "body", "drain", "wait", "multiply", "row_cycles") == [
        [39, 0, 4, 0, 36, 72], [39, 0, 2, 0, 36, 36], [9, 0, 4, 2, 6, 12],
    ] * 2  # fmt: skip
    assert schedule.lead[schedule.kind].tolist() == [0, 0, 2] * 2


def test_a_tile_loads_the_rows_that_no_tile_before_had():
    schedule = build_group_schedule(GROUP, mapping(), ARCH, CLOCKS)
    ifmap, weight, ofmap = schedule.ifmap, schedule.weight, schedule.ofmap
    # 3 rows of 6 pixels of 2 channels, then the fourth. Rows of the first tile are read for the second, too.
    assert ifmap.bits.tolist() == [3 * 6 * 16, 6 * 16]
    assert (ifmap.first.tolist(), ifmap.last.tolist(), ifmap.box.tolist()) == ([0, 3], [4, 4], [0, 1])
    # Kernels of 2 x 9 bytes for 2 and 1 channels stay; those of 2 channels of 3 bytes come for each tile.
    assert weight.bits.tolist() == [2 * 2 * 72 + 64, 2 * 72 + 32, 2 * 3 * 8 + 64, 2 * 3 * 8 + 64]
    assert (weight.first.tolist(), weight.last.tolist()) == ([0, 1, 2, 5], [3, 4, 2, 5])
    assert weight.box.tolist() == [2, 3, 4, 4]
    assert weight.after.tolist() == [-1, -1, 0, 1]
    assert (ifmap.gate.tolist(), weight.gate.tolist()) == ([-1] * 2, [-1] * 4)
    assert (ifmap.after.tolist(), ofmap.after.tolist()) == ([-1, -1], [-1, -1])
    assert ofmap.bits.tolist() == [2 * 4 * 8] * 2
    assert (ofmap.opens.tolist(), ofmap.closes.tolist(), ofmap.box.tolist()) == ([2, 5], [2, 5], [5, 6])
    # Rows of 6 pixels of 2 channels are a burst. Weights: 352 bits 2, 176 and 112 bits 1 each.
    assert schedule.box_bursts.tolist() == [3, 1, 2, 1, 1, 1, 1]
    inputs, weights, outputs = schedule.regions
    assert (inputs.bases, weights.base, outputs.bases) == ((0,), 512, (1024,))


def test_events_of_a_group_and_of_its_stages():
    schedule = build_group_schedule(GROUP, mapping(), ARCH, CLOCKS)
    whole = count_events(schedule, 32)
    first, second = (count_events(schedule.of_stage(i), 32) for i in range(2))
    # 3 x 8 outputs of 2 x 9 products, 2 x 8 of 3.
    assert (first.mults, second.mults, whole.mults) == (432, 48, 480)
    # 24 elements in between, written once and read once; 16 results.
    assert (whole.intermediate_write_bytes, whole.intermediate_read_bytes) == (24, 24)
    assert (whole.ofmap_write_bytes, whole.ofmap_read_bytes, whole.ofmap_dma_bytes) == (16, 16, 16)
    # The array reads patches of 3 x 6 pixels of 2 channels for both chunks of both tiles.
    assert (whole.ifmap_read_bytes, whole.ifmap_write_bytes) == (4 * 36, 48)
    assert (first.intermediate_write_bytes, second.intermediate_read_bytes, second.ofmap_write_bytes) == (24, 24, 16)


def test_a_group_without_kept_halos_loads_rows_anew():
    schedule = build_group_schedule(GROUP, mapping(kept="none", resident=(False, True)), ARCH, CLOCKS)
    assert schedule.ifmap.bits.tolist() == [3 * 6 * 16] * 2
    assert schedule.ifmap.last.tolist() == [1, 4]
    assert schedule.weight.first.tolist() == [0, 1, 2, 3, 4]
    assert schedule.weight.last.tolist() == [0, 1, 5, 3, 4]


def test_a_pool_reads_less_at_the_border():
    # Windows of 3 rows over 4, a row of zeros around: of rows one by one 2, 3, 3 and 2, of 4 pixels of 3 channels.
    first = conv(2, 3, (1, 6, 6), (1, 3, 3), ARCH)
    layer = Pool3d(name="p", inputs=("i",), mode="max", kernel=(1, 3, 1), stride=(1, 1, 1), padding=(0, 1, 0))
    group = Group((first, problem_of(layer, Shape(3, 1, 4, 4), ARCH)), ("none", "none"))
    cut = mapping(kept="none", chunks=(2,), resident=(True, False))
    schedule = build_group_schedule(group, cut, ARCH, CLOCKS)
    assert count_events(schedule.of_stage(1), 32).intermediate_read_bytes == (2 + 3 + 3 + 2) * 4 * 3


def test_a_single_store_has_what_is_left_of_the_output_buffer_to_itself():
    # 64 pixels of 40 channels lie in between, 20480 bits; of what is left, 12288, 16 channels take 8192.
    first, second = (conv(c, n, (1, 8, 8), (1, 1, 1), ARCH, bias=False) for c, n in ((2, 40), (40, 16)))
    found = enumerate_group(Group((first, second), ("none", "none")), ARCH)
    mappings = [found.mapping(i, ("pixel", "pixel")) for i in range(len(found))]
    assert {(one.chunks[-1], one.ofmap_slots) for one in mappings if one.tile == (1, 8, 8)} == {(16, 1)}
    # Two stores share it: 8 x 4 pixels of 16 channels are 4096 bits each.
    assert {(one.chunks[-1], one.ofmap_slots) for one in mappings if one.tile == (1, 4, 8)} == {(16, 2)}


def test_frames_are_not_cut_where_a_stage_takes_all():
    trg = problem_of(Trg(name="x", inputs=("i",)), Shape(2, 4, 2, 2), ARCH)
    group = Group((trg, conv(2, 2, (4, 2, 2), (1, 1, 1), ARCH), conv(2, 2, (4, 2, 2), (3, 1, 1), ARCH)), ("none",) * 3)
    found = enumerate_group(group, ARCH)
    assert {found.mapping(i, ("pixel",) * 3).t for i in range(len(found))} == {2}


def test_tiles_of_a_window_go_when_no_later_tile_needs_them():
    # 14 rows of 6 pixels of 32 channels are 192 bytes each; 1 KiB holds 5. Tiles of a row.
    one = conv(32, 2, (1, 14, 6), (1, 3, 3), ARCH, bias=False)
    two = conv(2, 2, (1, 12, 4), (1, 1, 1), ARCH, bias=False)
    group = Group((one, two), ("none", "none"))
    small = machine("buffers.ifmap_kib=1", "buffers.slots=7")
    schedule = build_group_schedule(group, mapping(resident=(True, True)), small, make_clocks(small))
    # Steps come in pairs. Three rows, then one for each tile, which gives back its first row when it has been read.
    rows = schedule.ifmap.bits // (192 * 8)
    assert rows.tolist() == [3] + [1] * 11
    assert schedule.ifmap.first.tolist() == list(range(0, 24, 2))
    # With tile i come rows up to i + 2: i - 2 of them must have gone, the last with tile i - 3.
    assert schedule.ifmap.after.tolist() == [-1] * 3 + [2 * (i - 3) for i in range(3, 12)]
    # A tile's rows are read for this tile and the two after it.
    assert schedule.ifmap.last.tolist() == [min(2 * (i + 2), 22) for i in range(12)]


def test_tiles_without_halos_fit_to_the_bit():
    # A row of 16 pixels of 128 channels takes half of the buffer: the third tile comes when the first has been read.
    one = conv(128, 2, (1, 4, 16), (1, 1, 1), ARCH, bias=False)
    two = conv(2, 2, (1, 4, 16), (1, 1, 1), ARCH, bias=False)
    many = machine("buffers.slots=7")
    cut = mapping(w=16, kept="none", resident=(True, True))
    schedule = build_group_schedule(Group((one, two), ("none", "none")), cut, many, make_clocks(many))
    assert schedule.ifmap.bits.tolist() == [4096 * 4] * 4
    assert schedule.ifmap.after.tolist() == [-1, -1, 0, 2]
    # 256 bytes of weights are 8 bursts, 4 bytes one.
    assert schedule.bursts(schedule.weight).tolist() == [8, 1]


def test_a_pool_of_a_group_reads_what_its_windows_reach():
    pool = problem_of(
        Pool3d(name="p", inputs=("i",), mode="max", kernel=(1, 2, 3), stride=(1, 2, 1)), Shape(3, 1, 2, 4), ARCH
    )
    group = Group((FIRST, pool), ("none", "none"))
    schedule = build_group_schedule(group, mapping(w=1, kept="none", chunks=(2,), resident=(True, False)), ARCH, CLOCKS)
    # 3 channels in chunks of 2 and 1; windows of 2 x 3 of what lies between for each of 2 outputs.
    assert schedule.places.stage.tolist() == [0, 1, 0, 1] * 2
    found = columns(schedule, "intermediate_read_bits", "vector_ops", "ofmap_write_bits")
    assert found[1::2] == [[2 * 6 * 8, 12, 16], [6 * 8, 6, 8]] * 2


def test_a_window_along_frames_counts_rows_and_columns():
    # 6 frames of 2 x 3 pixels of 16 channels are 96 bytes each; 1 KiB holds 10, 4 slots less.
    one = conv(16, 2, (14, 2, 3), (3, 1, 1), ARCH, bias=False)
    two = conv(2, 2, (12, 2, 3), (1, 1, 1), ARCH, bias=False)
    small = machine("buffers.ifmap_kib=1", "buffers.slots=7", "precision.activation_bits=16")
    one, two = (replace(problem, activation_bits=16) for problem in (one, two))
    of_frames = mapping(h=2, w=3, kept="t", resident=(True, True))
    schedule = build_group_schedule(Group((one, two), ("none", "none")), of_frames, small, make_clocks(small))
    # 16 bits: 192 bytes a frame, 5 fit.
    assert schedule.ifmap.bits.tolist() == [3 * 192 * 8] + [192 * 8] * 11
    assert schedule.ifmap.after.tolist() == [-1] * 3 + [2 * (i - 3) for i in range(3, 12)]


def test_output_channels_in_chunks_have_boxes_of_their_own():
    wide = conv(3, 7, (1, 2, 4), (1, 1, 1), ARCH, bias=False)
    group = Group((FIRST, wide), ("none", "none"))
    schedule = build_group_schedule(group, mapping(chunks=(3, 2), resident=(True, True)), ARCH, CLOCKS)
    # A tile stores four chunks: boxes by chunk, then tile. Behind 2 of inputs, 1 + 4 of weights.
    assert schedule.ofmap.box.tolist() == [7, 9, 11, 13, 8, 10, 12, 14]
    assert schedule.ofmap.bits.tolist() == [64, 64, 64, 32] * 2
    # A step waits where it reads what was just drained: the first chunk's, not the others'.
    assert schedule.places.waits.tolist() == [False, True, False, False, False] * 2
    assert schedule.ofmap.after.tolist() == [-1, -1, 0, 1, 2, 3, 4, 5]


def test_weights_of_three_layers_are_numbered_through():
    third = conv(2, 2, (1, 2, 4), (1, 1, 1), ARCH, bias=False)
    group = Group((FIRST, SECOND, third), ("none", "none", "none"))
    schedule = build_group_schedule(group, mapping(chunks=(2, 2, 1), resident=(True,) * 3), ARCH, CLOCKS)
    # 2 boxes of inputs; two chunks of 3 channels, one of 2, two of 1.
    assert schedule.weight.box.tolist() == [2, 3, 4, 5, 6]
    assert schedule.weight.first.tolist() == [0, 1, 2, 3, 4]
    assert schedule.weight.bits.tolist() == [352, 176, 112, 16, 16]
    assert schedule.weight.last.tolist() == [5, 6, 7, 8, 9]


def test_a_stage_has_no_step_where_it_has_nothing_to_compute():
    inner = conv(2, 2, (1, 2, 4), (1, 1, 1), ARCH, bias=False)
    border = conv(2, 2, (1, 2, 4), (1, 1, 1), ARCH, bias=False, padding=(0, 1, 0))
    group = Group((inner, border), ("none", "none"))
    schedule = build_group_schedule(group, mapping(kept="none", resident=(True, True)), ARCH, CLOCKS)
    # Four rows of outputs, of which the first and the last look at padding alone.
    assert schedule.places.stage.tolist() == [1, 0, 1, 0, 1, 1]
    assert schedule.places.tile.tolist() == [0, 1, 1, 2, 2, 3]
    assert schedule.ifmap.first.tolist() == [1, 3]


def test_an_addition_loads_its_operand_for_each_tile():
    shape = Shape(2, 1, 2, 4)
    add = problem_of(Add(name="y", inputs=("a", "b")), shape, ARCH)
    pointwise = conv(2, 2, (1, 2, 4), (1, 1, 1), ARCH, bias=False)
    group = Group((pointwise, add), ("none", "dram"))
    assert group.dram_inputs == [(0, 0, 1), (1, 2, 1)]
    # An addition works channel by channel: it takes turns with the convolution in front of it.
    assert group.runs == (range(2),)
    schedule = build_group_schedule(group, mapping(kept="none", chunks=(1,), resident=(True, False)), ARCH, CLOCKS)
    assert schedule.places.stage.tolist() == [0, 1, 0, 1] * 2
    assert schedule.places.chunk.tolist() == [0, 0, 1, 1] * 2
    assert schedule.places.waits.tolist() == [False, True] * 4
    # Inputs: 4 pixels of 2 channels for the first step, the operand for the first that adds, in all channels.
    assert schedule.ifmap.bits.tolist() == [64] * 4
    assert schedule.ifmap.first.tolist() == [0, 1, 4, 5]
    assert schedule.ifmap.last.tolist() == [2, 3, 6, 7]
    assert schedule.ifmap.box.tolist() == [0, 2, 1, 3]
    # Two slots: the tiles of one output tile share a slot.
    assert schedule.ifmap.after.tolist() == [-1] * 4
    assert [region.end for region in schedule.regions] == [2, 514, 1024 + 2, 1536 + 2]
    # 4 additions of two operands on 2 lanes; the output port reads and writes 4 bytes each, in 2 cycles.
    assert columns(schedule, "vector", "vector_ops", "intermediate_read_bits", "ifmap_read_bits")[1] == [4, 8, 32, 32]


def test_a_residual_reads_the_input_of_the_group_again():
    add = problem_of(Add(name="y", inputs=("a", "x")), Shape(2, 1, 2, 4), ARCH)
    padded = conv(2, 2, (1, 2, 4), (1, 3, 3), ARCH, bias=False, padding=(0, 1, 1))
    group = Group((padded, add), ("none", "input"))
    assert group.dram_inputs == [(0, 0, 1)]
    schedule = build_group_schedule(group, mapping(kept="none", chunks=(2,), resident=(True, False)), ARCH, CLOCKS)
    # Both rows are read for each tile, by the convolution and by the addition.
    assert schedule.ifmap.bits.tolist() == [2 * 4 * 16] * 2
    assert (schedule.ifmap.first.tolist(), schedule.ifmap.last.tolist()) == ([0, 2], [1, 3])


def test_a_group_that_begins_with_an_addition_reads_two_tensors():
    add = problem_of(Add(name="y", inputs=("a", "b")), Shape(2, 1, 2, 4), ARCH)
    pointwise = conv(2, 2, (1, 2, 4), (1, 1, 1), ARCH, bias=False)
    group = Group((add, pointwise), ("none", "none"))
    assert group.dram_inputs == [(0, 0, 2)]
    schedule = build_group_schedule(group, mapping(kept="none", resident=(False, True)), ARCH, CLOCKS)
    assert schedule.regions[0].bases == (0, 512)
    assert schedule.ifmap.bits.tolist() == [2 * 64] * 2
    assert [region.end for region in schedule.regions] == [512 + 2, 1024 + 1, 1536 + 2]
    # Rows of 4 pixels of both tensors, a burst each; the weights; rows of the output.
    assert schedule.box_bursts.tolist() == [2, 2, 1, 1, 1]


def test_stages_share_a_single_bank():
    arch = machine("buffers.weight_banks=1", "buffers.ofmap_banks=1", "buffers.ifmap_banks=1")
    schedule = build_group_schedule(GROUP, mapping(), arch, make_clocks(arch))
    # At 4 bytes a cycle: the second input tile 12 bytes in 3; weights 22 bytes in 6, then 14 in 4, of both tiles; the
    # first output tile's 8 bytes in 2.
    assert columns(schedule, "sram_port") == [[0], [6], [4], [3], [0], [4]]
    assert columns(schedule, "drain") == [[4], [2], [6], [4], [2], [4]]
    # With one slot, the input of a group that reads nothing else from DRAM meets nobody.
    single = machine("buffers.ifmap_banks=1", "buffers.slots=1")
    schedule = build_group_schedule(GROUP, mapping(slots=1), single, make_clocks(single))
    assert columns(schedule, "sram_port") == [[0]] * 6
    assert schedule.ofmap.after.tolist() == [-1, 0]
    # Weights of the second tile wait for the slot of those before, and the input tile for the one before.
    assert schedule.weight.after.tolist() == [-1, 0, 1, 4]
    assert schedule.ifmap.after.tolist() == [-1, 2]


def test_a_group_is_alone_in_the_buffers_of_a_chain():
    work = GroupWork(GROUP, mapping())
    link = work.link(work.program(ARCH, CLOCKS), ())
    assert link.is_alone
    assert link.held_bits.tolist() == [64, 64]
    chain = join([link, link], 2, ARCH.buffers, CLOCKS)
    # A group's tiles wait for all stores before it; weights for them, but for the first tile.
    assert chain.ifmap.gate.tolist() == [-1, -1, 1, 1, 3, 3, 5, 5]
    assert chain.weight.gate.tolist() == [-1, -1, -1, -1, -1, 1, 1, 1, -1, 3, 3, 3, -1, 5, 5, 5]
    # The first step of a group is configured in 10 cycles, those that wait for a drain in 2 more as before.
    assert chain.lead[chain.kind].tolist() == [0, 0, 2, 0, 0, 2] + [10, 0, 2, 0, 0, 2] * 3
    # Its tiles come when the last tile of the group before has been used: steps 4, 10, 16.
    assert chain.ifmap.after.tolist() == [-1, -1, 4, 4, 10, 10, 16, 16]
    # Within a group tiles take turns in two slots.
    assert chain.weight.after.tolist() == [-1, -1, 0, 1, 5, 5, 6, 7, 11, 11, 12, 13, 17, 17, 18, 19]
    assert chain.ofmap.after.tolist() == [-1, -1, 1, 1, 3, 3, 5, 5]


def test_the_stores_of_a_group_wait_for_its_own():
    wide = conv(3, 7, (1, 2, 4), (1, 1, 1), ARCH, bias=False)
    group = Group((FIRST, wide), ("none", "none"))
    work = GroupWork(group, mapping(chunks=(3, 2), resident=(True, True)))
    link = work.link(work.program(ARCH, CLOCKS), ())
    chain = join([link, link], 1, ARCH.buffers, CLOCKS)
    assert chain.ofmap.after.tolist() == [-1, -1, 0, 1, 2, 3, 4, 5, 7, 7, 8, 9, 10, 11, 12, 13]


# Axes


def test_an_axis_goes_backwards_through_windows_and_padding():
    # 8 positions, window 3, padding 1 to 8, then window 2, stride 2 to 4; tiles of 3 and 1 outputs.
    reaches = (
        Reach(kernel=3, stride=1, padding=1, out=8, inp=8, takes_all=False, adds_input=False),
        Reach(kernel=2, stride=2, padding=0, out=4, inp=8, takes_all=False, adds_input=False),
    )
    axis = cut_group(reaches, 3, False)
    # Outputs 0..2 and 3 look at 0..5 and 6..7 of the tensor between, these at 0..6 and 5..7 of the input.
    assert [x.tolist() for x in axis.first] == [[0, 5], [0, 6], [0, 3]]
    assert [x.tolist() for x in axis.new] == [[7, 3], [6, 2], [3, 1]]
    assert [x.tolist() for x in axis.needed] == [[7, 3], [6, 2]]
    assert [x.tolist() for x in axis.retained] == [[0, 0]] * 3
    assert axis.last.tolist() == [0, 1]
    kept = cut_group(reaches, 3, True)
    # Of the input, positions 5 and 6 stay, 7 is new.
    assert [x.tolist() for x in kept.first] == [[0, 7], [0, 6], [0, 3]]
    assert [x.tolist() for x in kept.new] == [[7, 1], [6, 2], [3, 1]]
    assert [x.tolist() for x in kept.retained] == [[0, 2], [0, 0], [0, 0]]
    assert kept.last.tolist() == [1, 1]
    assert kept.tiles == 2


def test_a_stage_that_takes_all_makes_all_and_an_addition_needs_its_own():
    takes_all = Reach(kernel=1, stride=1, padding=0, out=4, inp=4, takes_all=True, adds_input=False)
    one = Reach(kernel=1, stride=1, padding=0, out=4, inp=4, takes_all=False, adds_input=False)
    axis = cut_group((one, takes_all, one), 2, False)
    assert [x.tolist() for x in axis.new] == [[4, 4], [4, 4], [4, 4], [2, 2]]
    assert [x.tolist() for x in axis.needed] == [[4, 4], [4, 4], [2, 2]]
    # As the first stage too.
    axis = cut_group((takes_all, one), 2, False)
    assert [x.tolist() for x in axis.new] == [[4, 4], [4, 4], [2, 2]]
    assert [x.tolist() for x in axis.needed] == [[4, 4], [2, 2]]
    plain = plain_reaches((takes_all,), INTERPRETED)
    assert [looked_at(plain, 0, 1, 1), looked_at(plain, 0, 2, 3)] == [(0, 0), (0, 4)]
    # A strided window in front of a sum with the input: positions 0..1 by the window, 0..1 by the sum; then 2..3.
    wide = Reach(kernel=3, stride=1, padding=1, out=4, inp=4, takes_all=False, adds_input=False)
    added = Reach(kernel=1, stride=1, padding=0, out=4, inp=4, takes_all=False, adds_input=True)
    axis = cut_group((wide, added), 2, False)
    assert axis.first[0].tolist() == [0, 1]
    assert axis.new[0].tolist() == [3, 3]
    # A border of zeros looks at nothing, the sum at its own position: outputs 0 and 3.
    cropped = Reach(kernel=3, stride=1, padding=0, out=2, inp=4, takes_all=False, adds_input=False)
    border = Reach(kernel=1, stride=1, padding=1, out=4, inp=2, takes_all=False, adds_input=False)
    axis = cut_group((cropped, border, added), 1, False)
    assert axis.first[0].tolist() == [0, 0, 1, 3]
    assert axis.new[0].tolist() == [1, 3, 3, 1]
    narrow = Reach(kernel=1, stride=1, padding=0, out=4, inp=4, takes_all=False, adds_input=False)
    axis = cut_group((narrow, wide, added), 1, False)
    assert axis.new[0].tolist() == [2, 3, 3, 2]


def test_a_layer_with_gaps_or_groups_cannot_be_a_stage():
    def of(kernel, **more):
        return can_fuse(conv(4, 4, (6, 6, 6), kernel, ARCH, **more))

    assert of((3, 3, 3))
    assert of((1, 1, 1))
    assert of((2, 2, 2), stride=(2, 2, 2))
    assert of((1, 3, 3), dilation=(2, 1, 1))
    assert not of((1, 1, 1), stride=(1, 2, 2))
    assert not of((1, 3, 3), dilation=(1, 2, 1))
    assert not of((1, 1, 1), groups=2)
    assert of((1, 1, 1), groups=4)


def test_a_group_moves_at_least_its_inputs_weights_and_outputs():
    # 4 x 6 pixels of 2 channels; 6 kernels of 9 bytes with 3 biases and 6 of 1 byte with 2; 2 x 4 pixels of 2 channels.
    assert group_compulsory_by_stream(GROUP) == {"ifmap": 48, "weight": 54 + 12 + 6 + 8, "ofmap": 16}
    assert group_compulsory_bytes(GROUP) == 48 + 80 + 16
    assert GROUP.needed == (24, 8, 8)
    assert GROUP.channels == (2, 3, 2)
    assert GROUP.ideal_mults == (432, 48)
    assert (GROUP.run_of(0), GROUP.run_of(1)) == (0, 1)
    # A pool of 2 x 2 with stride 2 does not look at the fifth column of what is in front of it.
    pool = problem_of(
        Pool3d(name="p", inputs=("i",), mode="max", kernel=(1, 2, 2), stride=(1, 2, 2)), Shape(3, 1, 2, 5), ARCH
    )
    wide = conv(2, 3, (1, 4, 7), (1, 3, 3), ARCH, bias=False)
    group = Group((wide, pool), ("none", "none"))
    assert group.needed == (4 * 6, 2 * 4, 2)
    assert group.ideal_mults == (3 * 8 * 18, 0)
    assert group_compulsory_by_stream(group) == {"ifmap": 48, "weight": 54, "ofmap": 6}


def test_a_group_fills_the_buffers_as_its_tiles_do():
    found = {fill.buffer: fill for fill in group_fill(GROUP, mapping(), ARCH)}
    # The window has room for 3 new rows and 2 that stay, of 6 pixels of 2 bytes. Weights of the first layer stay, a
    # chunk of the second is there twice. Of 4 KiB of outputs 0.625 hold what is in between: 4 pixels of 3 channels.
    assert (found["ifmap"].tile_bits, found["ifmap"].slots, found["ifmap"].capacity_bits) == (5 * 6 * 16, 2, 32768)
    assert found["weight"].resident_bits == 3 * 2 * 72 + 3 * 32
    assert (found["weight"].tile_bits, found["weight"].slots) == (2 * 3 * 8 + 64, 2)
    assert found["weight"].bits == 528 + 2 * 112
    assert (found["intermediate"].tile_bits, found["intermediate"].capacity_bits) == (3 * 4 * 8, 20480)
    assert (found["ofmap"].tile_bits, found["ofmap"].slots, found["ofmap"].capacity_bits) == (2 * 4 * 8, 2, 12288)
    both = {fill.buffer: fill for fill in group_fill(GROUP, mapping(resident=(True, True)), ARCH)}
    # A window that fits but once has one slot. 1 KiB holds 8192 bits.
    one = Group(
        (conv(60, 2, (1, 4, 6), (1, 3, 3), ARCH, bias=False), conv(2, 2, (1, 2, 4), (1, 1, 1), ARCH)), GROUP.operands
    )
    kib = machine("buffers.ifmap_kib=2")
    window = next(fill for fill in group_fill(one, mapping(), kib) if fill.buffer == "ifmap")
    assert (window.tile_bits, window.slots) == (60 * 5 * 6 * 8, 1)
    assert (both["weight"].tile_bits, both["weight"].slots, both["weight"].resident_bits) == (0, 1, 528 + 112)


@pytest.mark.parametrize(("kept", "loops"), [("none", "thw"), ("t", "hwt"), ("h", "twh"), ("w", "thw")])
def test_the_axis_of_kept_halos_is_innermost(kept, loops):
    assert mapping(kept=kept).loops == loops


def test_chunks_are_the_largest_that_fit_between_and_beside():
    # 3 channels to 40, a depthwise layer on them, then 5, on 64 pixels; all in one tile. Of 2 KiB of outputs half lies
    # in between: 1024 bytes. The 40 channels at the end of the first run take 64 bytes each, more than there is; in two
    # tiles of 32 pixels 1280, too; in four of 16 pixels 640, and 384 are left for chunks of as much a channel: 24.
    small = machine("buffers.ofmap_kib=2", "buffers.intermediate_share=0.5", "pe.rows=1")
    wide = conv(3, 40, (1, 8, 8), (1, 1, 1), small, bias=False)
    depthwise = conv(40, 40, (1, 8, 8), (1, 1, 1), small, bias=False, groups=40)
    narrow = conv(40, 5, (1, 8, 8), (1, 1, 1), small, bias=False)
    group = Group((wide, depthwise, narrow), ("none",) * 3)
    assert group.runs == (range(2), range(2, 3))
    found = enumerate_group(group, small)
    modes = ("pixel",) * 3
    chunks = {(one.h, one.w): one.chunks for one in (found.mapping(i, modes) for i in range(len(found)))}
    assert (8, 8) not in chunks
    assert (4, 8) not in chunks
    # Near-equal parts of 40: of at most 24 channels, 20. Outputs of 5 channels are stored in whole blocks of 2, or all.
    assert chunks[2, 8] == (20, 5)
    assert chunks[3, 8] == (2, 5)  # 24 pixels: 960 bytes at the end, 64 left
    assert chunks[1, 8] == (40, 5)


def test_what_a_mapping_of_a_group_takes_is_estimated_from_its_largest_tile():
    found = enumerate_group(GROUP, ARCH)
    wanted = mapping(chunks=(3, 2), resident=(True, True))
    (number,) = (i for i in range(len(found)) if found.mapping(i, wanted.parallel) == wanted)
    price = Price(cycle=1.0, dram_byte=0.0)

    def cost(arch=ARCH, clocks=CLOCKS):
        costs = group_costs(GROUP, found, arch, clocks, price)
        return costs.bursts[number], costs.steps[number], costs.latency[number]

    # Input: 4 rows of a burst, output: 2. Weights: 528 bits in 3 bursts, 112 in 1. First layer: 2 x 36 cycles for its
    # channels, for each of two tiles, which fill 3: 150. Second: 6, a fill of 3 and the drain of 4 that is waited for:
    # 26. In front of all and behind lie half of the input, the first weights, half of the output: 2 + 3 + 1 bursts.
    assert cost() == (10, 4, (150 + 26) * 2000 + 6 * 10_000)
    # Two channels move bursts in half of the time.
    two = machine("dram.channels=2")
    assert cost(two, make_clocks(two)) == (10, 4, 176 * 2000 + 6 * 5000)
    slow = machine("dram.bandwidth_gbps=0.32")
    assert cost(slow, make_clocks(slow)) == (10, 4, 10 * 100_000 + 6 * 100_000)
    # Rows are opened for both tiles of input and output; the bus turns for each of two stores.
    paged = replace(CLOCKS, visit_ticks=100_000, turnaround_ticks=7000)
    assert cost(clocks=paged) == (10, 4, 4 * 100_000 + 2 * 7000 + 60_000)
    # With one slot inputs (4 bursts, which answer after 20 ns for both tiles) take turns with the first layer.
    single = machine("buffers.slots=1")
    again = enumerate_group(GROUP, single)
    costs = group_costs(GROUP, again, single, make_clocks(single), price)
    wanted = replace(wanted, ofmap_slots=1)
    (at,) = (i for i in range(len(again)) if again.mapping(i, wanted.parallel) == wanted)
    assert costs.latency[at] == 4 * 10_000 + 2 * 20_000 + 150 * 2000 + 60_000
    # Weights that do not stay come for each tile: 3 and 1 bursts. The smallest stay first.
    moved = group_costs(GROUP, found, ARCH, CLOCKS, price).bursts
    by_resident = {
        one.resident: int(moved[i])
        for i, one in enumerate(found.mapping(i, wanted.parallel) for i in range(len(found)))
        if (one.tile, one.kept, one.chunks) == (wanted.tile, wanted.kept, wanted.chunks)
    }
    assert by_resident == {(True, True): 10, (False, True): 6 + 2 * 3 + 1, (False, False): 6 + 2 * 4}


def test_stages_have_a_mode_each():
    nothing = np.zeros(2, dtype=np.int64)
    flags = (np.array([True, False]), np.array([True, True]), np.array([False, False]))
    cost = GroupCost(bursts=nothing, steps=nothing, latency=nothing.astype(float), in_channels=flags)
    assert [cost.parallel(i) for i in range(2)] == [("channel", "channel", "pixel"), ("pixel", "channel", "pixel")]


def test_the_tensors_of_a_group_lie_in_blocks_like_those_of_a_layer():
    reads = Use(work=GroupWork(GROUP, mapping()), side="input", burst_bytes=32)
    writes = Use(work=GroupWork(GROUP, mapping(chunks=(2, 1))), side="output", burst_bytes=32, times=3)
    # 4 rows of inputs of 2 channels, each once; 2 rows of outputs, thrice, in chunks of a channel.
    assert reads.bursts([1, 2]) == {1: 8, 2: 4}
    assert writes.bursts([1, 2]) == {1: 12, 2: 12}
    assert (reads.block, writes.block) == (2, 2)
    # All input channels are in a tile, of the output a chunk.
    assert (candidate_blocks([reads], 4, 4), candidate_blocks([writes], 4, 4)) == ({2, 4}, {1, 2, 4})
    assert (
        GroupWork(GROUP, mapping()).in_block("input", 1).block("input")
        == GroupWork(GROUP, mapping()).in_block("output", 1).block("output")
        == 1
    )


@pytest.mark.parametrize("most", [4, 12])
def test_no_mapping_of_a_group_has_more_steps_than_are_allowed(monkeypatch, most):
    def steps(found):
        mappings = [found.mapping(i, ("pixel", "pixel")) for i in range(len(found))]
        return {one: build_group_schedule(GROUP, one, ARCH, CLOCKS).steps for one in mappings}

    everything = steps(enumerate_group(GROUP, ARCH))
    monkeypatch.setattr(group_candidates, "MAX_GROUP_STEPS", most)
    few = steps(enumerate_group(GROUP, ARCH))
    assert few == {one: count for one, count in everything.items() if count <= most}
    assert 0 < len(few) < len(everything)


# Layers 0, 1 feed 2; 2 feeds 4; 3 feeds 4 as well.
FEEDS = {2: (0, 1), 4: (2, 3)}


def test_groups_are_paths_along_the_links_of_the_graph():
    assert list(paths_to(4, FEEDS, 2)) == [(4,), (2, 4), (3, 4)]
    assert list(paths_to(4, FEEDS, 3)) == [(4,), (2, 4), (3, 4), (0, 2, 4), (1, 2, 4)]
    assert list(paths_to(0, FEEDS, 3)) == [(0,)]


def test_layers_are_cut_into_the_groups_of_the_least_cost():
    alone = {(i,): 10.0 for i in range(6)}

    def cut(longest=3, **groups):
        costs = alone | {tuple(map(int, path.strip("_"))): cost for path, cost in groups.items()}
        return best_partition(6, FEEDS, costs.get, longest)

    # Alone they cost 10 each; groups that cost as much as their layers are left alone, others that may not be are None.
    assert cut() == cut(_24=20.0) == [(0,), (1,), (2,), (3,), (4,), (5,)]
    # 2 with 4 saves 3; 1 with 2 saves 4, and 3 with 4 then 2 more.
    assert cut(_24=17.0) == [(0,), (1,), (3,), (2, 4), (5,)]
    assert cut(_24=15.0, _12=16.0, _34=18.0) == [(0,), (1, 2), (3, 4), (5,)]
    assert cut(_24=13.0, _12=16.0, _34=18.0) == [(0,), (1,), (3,), (2, 4), (5,)]
    # All three save 12, if they may be as many.
    assert cut(_024=18.0, _12=16.0, _34=18.0) == [(1,), (3,), (0, 2, 4), (5,)]
    assert cut(2, _024=18.0, _12=16.0, _34=18.0) == [(0,), (1, 2), (3, 4), (5,)]
