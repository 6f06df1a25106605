"""Is the schedule of a small fused group what one writes down on paper?"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from paper import conv, machine, problem_of
from paper_group import ARCH, CLOCKS, FIRST, GROUP, SECOND, mapping

from lw3dsim.account.events import count_events
from lw3dsim.base.values import replace
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.describe.workload import Add, Pool3d, Shape, Trg
from lw3dsim.map.group.bounding import least_cycles_of, unit_cycles
from lw3dsim.map.group.fitting import Floor, Tiles
from lw3dsim.map.group.group import Group
from lw3dsim.map.group.orders import rings
from lw3dsim.map.group.search import enumerate_group
from lw3dsim.map.group.tiles import least_weights
from lw3dsim.map.layer.price import Price
from lw3dsim.schedule.chain import join
from lw3dsim.schedule.fused import build_group_schedule, stage_machines
from lw3dsim.schedule.group_work import GroupWork

FAST = Price(cycle=1.0, dram_byte=0.0)


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
        [36, 0, 4, 0, 36, 72], [36, 0, 2, 0, 36, 36], [6, 0, 4, 2, 6, 12],
    ] * 2  # fmt: skip
    # Others may be loaded ahead.
    assert schedule.lead[schedule.kind].tolist() == [-1, -1, 2] * 2


@pytest.mark.parametrize(("kept", "apart"), [("none", 0), ("t", 0), ("h", 1), ("w", 2)])
def test_what_stays_for_a_later_tile_lies_in_rings(kept, apart):
    # Windows of 1 x 3 x 3: frames lie apart where rows of a ring follow each other, and rows where columns do.
    tiled = mapping(h=1, w=2, kept=kept)
    assert rings(GROUP, tiled) == (apart > 0, False, False)
    assert [one.apart for one in stage_machines(GROUP, tiled, ARCH)] == [apart, 0]


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
    whole = count_events(schedule, 32, ARCH.buffers)
    first, second = (count_events(schedule.of_stage(i), 32, ARCH.buffers) for i in range(2))
    # 3 x 8 outputs of 2 x 9 products, 2 x 8 of 3.
    assert (first.mults, second.mults, whole.mults) == (432, 48, 480)
    # 24 elements in between, written once and read once; 16 results.
    assert (whole.intermediate_write_bytes, whole.intermediate_read_bytes) == (24, 24)
    assert (whole.ofmap_write_bytes, whole.ofmap_read_bytes, whole.ofmap_dma_bytes) == (16, 16, 16)
    # The array reads patches of 3 x 6 pixels of 2 channels for both chunks of both tiles.
    assert (whole.ifmap_read_bytes, whole.ifmap_write_bytes) == (4 * 36, 48)
    assert (first.intermediate_write_bytes, second.intermediate_read_bytes, second.ofmap_write_bytes) == (24, 24, 16)
    # Of a tile of four positions two lie at each depth: words of 2 x 2 and 2 x 1 channels, of 2 x 2 results. A round
    # reads the four of one channel.
    assert (whole.intermediate_write_words, whole.intermediate_read_words) == (2 * (2 + 2), 2 * 3)
    assert (whole.result_words, whole.ofmap_dma_words, whole.partial_words) == (2 * 2, 2 * 2, 0)


def test_a_group_without_kept_halos_loads_rows_anew():
    schedule = build_group_schedule(GROUP, mapping(kept="none", resident=(False, True)), ARCH, CLOCKS)
    assert schedule.ifmap.bits.tolist() == [3 * 6 * 16] * 2
    assert schedule.ifmap.last.tolist() == [1, 4]
    assert schedule.weight.first.tolist() == [0, 1, 2, 3, 4]
    assert schedule.weight.last.tolist() == [0, 1, 5, 3, 4]


def test_a_pool_reads_what_every_window_looks_at():
    # 4 rows of windows of 3 rows, padding among them, of 4 pixels of 3 channels.
    first = conv(2, 3, (1, 6, 6), (1, 3, 3), ARCH)
    layer = Pool3d(name="p", inputs=("i",), mode="max", kernel=(1, 3, 1), stride=(1, 1, 1), padding=(0, 1, 0))
    group = Group((first, problem_of(layer, Shape(3, 1, 4, 4), ARCH)), ("none", "none"))
    cut = mapping(kept="none", chunks=(2,), resident=(True, False))
    schedule = build_group_schedule(group, cut, ARCH, CLOCKS)
    assert count_events(schedule.of_stage(1), 32, ARCH.buffers).intermediate_read_bytes == 4 * 3 * 4 * 3


def test_a_single_store_has_what_is_left_of_the_output_buffer_to_itself():
    # 64 pixels of 40 channels lie in between, 20480 bits; of what is left, 12288, 16 channels take 8192.
    first, second = (conv(c, n, (1, 8, 8), (1, 1, 1), ARCH, bias=False) for c, n in ((2, 40), (40, 16)))
    found = enumerate_group(Group((first, second), ("none", "none")), ARCH, make_clocks(ARCH), FAST)
    mappings = [found.mapping(i) for i in range(len(found))]
    assert {(one.chunks[-1], one.ofmap_slots) for one in mappings if one.tile == (1, 8, 8)} == {(16, 1)}
    # Two stores share it: 8 x 4 pixels of 16 channels are 4096 bits each.
    assert {(one.chunks[-1], one.ofmap_slots) for one in mappings if one.tile == (1, 4, 8)} == {(16, 2)}


def test_frames_are_not_cut_where_a_stage_takes_all():
    trg = problem_of(Trg(name="x", inputs=("i",)), Shape(2, 4, 2, 2), ARCH)
    group = Group((trg, conv(2, 2, (4, 2, 2), (1, 1, 1), ARCH), conv(2, 2, (4, 2, 2), (3, 1, 1), ARCH)), ("none",) * 3)
    found = enumerate_group(group, ARCH, make_clocks(ARCH), FAST)
    assert {found.mapping(i).t for i in range(len(found))} == {2}


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
    # At 4 bytes a cycle: input tiles of 36 and 12 bytes; weights of 44, 22, 14 and 14; outputs of 8.
    assert schedule.ifmap.words.tolist() == [9, 3]
    assert schedule.weight.words.tolist() == [11, 6, 4, 4]
    assert schedule.ofmap.words.tolist() == [2, 2]
    # With one slot, the input of a group that reads nothing else from DRAM meets nobody.
    single = machine("buffers.ifmap_banks=1", "buffers.slots=1")
    schedule = build_group_schedule(GROUP, mapping(slots=1), single, make_clocks(single))
    assert schedule.ifmap.words.tolist() == [0, 0]
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
    assert chain.lead[chain.kind].tolist() == [-1, -1, 2, -1, -1, 2] + [10, -1, 2, -1, -1, 2] * 3
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


def test_units_are_multiplied_in_steps_whose_last_lanes_may_idle():
    # A stage of 6 cycles a round on 4 lanes by pixel, of 7 on 8 by channel; 5 cycles to fill a step.
    floor = floor_of(fill=5, pixel_work=6, pixel_lanes=4, channel_work=7, channel_lanes=8)
    # Two steps of 9 units, in two passes: in each three rounds by pixel, two by channel, which are 14 cycles.
    assert least_cycles_of(floor, 0, 18, 9, 2, 2) == 2 * 2 * 14 + 2 * 5
    # Of 3 units in a step one round by pixel is the cheaper; five thirds of it are 10 cycles.
    assert least_cycles_of(floor, 0, 5, 3, 1, 2) == 10 + 2 * 5


def test_units_in_steps_of_any_size_leave_no_lane_idle():
    # 18 units in two passes of 7 cycles for 8 of them, and all of their channels at 4 cycles each.
    assert unit_cycles(floor_of(passes=2, least_work=7, least_lanes=8), 0, 18) == 31
    assert unit_cycles(floor_of(passes=2, least_work=7, least_lanes=8, work=4), 0, 18) == 72


def floor_of(**figures):
    """A stage that takes nothing but these figures."""
    return Floor(**({name: [1 if name.endswith("lanes") else 0] for name in Floor._fields} | {"rows": 1}))._replace(
        **{name: [figure] for name, figure in figures.items()}
    )


def test_weights_of_a_tile_come_once_at_least():
    # Stages of 100 and 1 bits that come for 1 and 5 tiles. With 100 bits resident four more loads of these were saved.
    fit = Tiles(*([0] for _ in Tiles._fields))._replace(weights=[105], once=[101], often=[5])
    parts = SimpleNamespace(set_bits=[0, 1, 100])
    assert [least_weights(parts, fit, 0, resident) for resident in range(3)] == [105, 101, 101]
