"""Are the axes of a fused group, its cost, its candidates and the cut of a network what one gets on paper?"""

from __future__ import annotations

import numpy as np
import pytest
from paper import conv, machine, problem_of
from paper_group import ARCH, CLOCKS, GROUP, mapping

from lw3dsim.base.caches import forget
from lw3dsim.base.kernels import INTERPRETED
from lw3dsim.base.values import replace
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.describe.workload import Conv3d, Pool3d, Shape
from lw3dsim.map.floor import group_compulsory_by_stream, group_compulsory_bytes
from lw3dsim.map.group import candidates as group_candidates
from lw3dsim.map.group import tables as group_tables
from lw3dsim.map.group.axes import ANEW, STAYS, WARMED, looked_at
from lw3dsim.map.group.cost import GroupCost
from lw3dsim.map.group.cutting import Reach, cut_group, plain_reaches
from lw3dsim.map.group.fusable import can_fuse
from lw3dsim.map.group.group import Group
from lw3dsim.map.group.partition import Partition, make_trees, paths_to
from lw3dsim.map.group.search import enumerate_group
from lw3dsim.map.group_fill import group_fill
from lw3dsim.map.layer.price import Price
from lw3dsim.network.blocks import Use, candidate_blocks
from lw3dsim.schedule.fused import build_group_schedule
from lw3dsim.schedule.group_work import GroupWork

# Groups


FAST = Price(cycle=1.0, dram_byte=0.0)


def test_a_group_of_layers_knows_its_channels():
    depthwise = conv(4, 4, (1, 4, 4), (1, 3, 3), ARCH, groups=4)
    pointwise = conv(4, 6, (1, 2, 2), (1, 1, 1), ARCH)
    group = Group((depthwise, pointwise), ("none", "none"))
    assert group.channels == (4, 4, 6)
    assert group.runs == (range(1), range(1, 2))
    assert not group.takes_all_frames
    blocked = group.in_blocks(input_block=4, output_block=3)
    assert (blocked.stages[0].input_block, blocked.stages[-1].output_block) == (4, 3)
    last = conv(6, 2, (1, 2, 2), (1, 1, 1), ARCH)
    three = Group((depthwise, pointwise, last), ("none", "none", "none"))
    assert three.in_blocks(output_block=1).stages == (depthwise, pointwise, replace(last, output_block=1))
    assert group.in_blocks() == group
    assert Conv3d(name="x", inputs=("i",), out_channels=1, kernel=(1, 1, 1)).groups == 1


# Axes


def chained(*reaches):
    return tuple(replace(reach, reads=i) for i, reach in enumerate(reaches))


def test_an_axis_goes_backwards_through_windows_and_padding():
    # 8 positions, window 3, padding 1 to 8, then window 2, stride 2 to 4; tiles of 3 and 1 outputs.
    reaches = (
        Reach(kernel=3, stride=1, padding=1, out=8, inp=8, takes_all=False, reads=0, adds=-1),
        Reach(kernel=2, stride=2, padding=0, out=4, inp=8, takes_all=False, reads=1, adds=-1),
    )
    axis = cut_group(reaches, 3, ANEW)
    # Outputs 0..2 and 3 look at 0..5 and 6..7 of the tensor between, these at 0..6 and 5..7 of the input.
    assert [x.tolist() for x in axis.first] == [[0, 5], [0, 6], [0, 3]]
    assert [x.tolist() for x in axis.new] == [[7, 3], [6, 2], [3, 1]]
    assert [x.tolist() for x in axis.needed] == [[7, 3], [6, 2]]
    assert [x.tolist() for x in axis.retained] == [[0, 0]] * 3
    assert list(axis.cuts.last) == [0, 1]
    kept = cut_group(reaches, 3, STAYS)
    # Of the input, positions 5 and 6 stay, 7 is new.
    assert [x.tolist() for x in kept.first] == [[0, 7], [0, 6], [0, 3]]
    assert [x.tolist() for x in kept.new] == [[7, 1], [6, 2], [3, 1]]
    assert [x.tolist() for x in kept.retained] == [[0, 2], [0, 0], [0, 0]]
    assert list(kept.cuts.last) == [1, 1]
    assert kept.tiles == 2


def test_tiles_in_front_of_the_first_warm_up():
    # 8 positions, twice a window of 3 with padding 1; tiles of 2. Before the first there is one in front, of outputs -2
    # and -1, which look up to position 0 of the tensor between: that is made of the input's 0 and 1.
    one = Reach(kernel=3, stride=1, padding=1, out=8, inp=8, takes_all=False, reads=0, adds=-1)
    axis = cut_group(chained(one, one), 2, WARMED)
    assert [x.tolist() for x in axis.new] == [[2, 2, 2, 2, 0], [1, 2, 2, 2, 1], [0, 2, 2, 2, 2]]
    assert [x.tolist() for x in axis.first] == [[0, 2, 4, 6, 8], [0, 1, 3, 5, 7], [0, 0, 2, 4, 6]]
    assert [x.tolist() for x in axis.retained] == [[0, 2, 2, 2, 2], [0, 1, 2, 2, 2], [0] * 5]
    assert [x.tolist() for x in axis.needed] == [[2, 4, 4, 4, 2], [0, 3, 4, 4, 3]]
    # Without, the first tile makes 3 and reads 4.
    cold = cut_group(chained(one, one), 2, STAYS)
    assert [x.tolist() for x in cold.new] == [[4, 2, 2, 0], [3, 2, 2, 1], [2, 2, 2, 2]]
    # With a sum behind a third window the input stays until that has come so far: at the second tile, where the first
    # stage looks at 1 to 4, the sum at 0 and 1.
    three = cut_group(chained(one, one, one), 2, WARMED)
    added = cut_group(chained(one, one, one, replace(one, kernel=1, padding=0, adds=0)), 2, WARMED)
    assert [x.tolist() for x in added.new[:3]] == [[3, 2, 2, 1, 0], [2, 2, 2, 2, 0], [1, 2, 2, 2, 1]]
    assert [x.tolist() for x in three.new] == [x.tolist() for x in added.new[:4]]
    assert three.retained[0].tolist() == [0, 2, 2, 2, 0]
    assert added.retained[0].tolist() == [0, 3, 3, 3, 2]


def test_a_stage_that_takes_all_makes_all_and_an_addition_needs_its_own():
    takes_all = Reach(kernel=1, stride=1, padding=0, out=4, inp=4, takes_all=True, reads=0, adds=-1)
    one = Reach(kernel=1, stride=1, padding=0, out=4, inp=4, takes_all=False, reads=0, adds=-1)
    axis = cut_group(chained(one, takes_all, one), 2, ANEW)
    assert [x.tolist() for x in axis.new] == [[4, 4], [4, 4], [4, 4], [2, 2]]
    assert [x.tolist() for x in axis.needed] == [[4, 4], [4, 4], [2, 2]]
    # As the first stage too.
    axis = cut_group(chained(takes_all, one), 2, ANEW)
    assert [x.tolist() for x in axis.new] == [[4, 4], [4, 4], [2, 2]]
    assert [x.tolist() for x in axis.needed] == [[4, 4], [2, 2]]
    plain = plain_reaches((takes_all,), INTERPRETED)
    assert [looked_at(plain, 0, 1, 1), looked_at(plain, 0, 2, 3)] == [(0, 0), (0, 4)]
    # A strided window in front of a sum with the input: positions 0..1 by the window, 0..1 by the sum; then 2..3.
    wide = Reach(kernel=3, stride=1, padding=1, out=4, inp=4, takes_all=False, reads=0, adds=-1)
    added = Reach(kernel=1, stride=1, padding=0, out=4, inp=4, takes_all=False, reads=0, adds=0)
    axis = cut_group(chained(wide, added), 2, ANEW)
    assert axis.first[0].tolist() == [0, 1]
    assert axis.new[0].tolist() == [3, 3]
    # A border of zeros looks at nothing, the sum at its own position: outputs 0 and 3.
    cropped = Reach(kernel=3, stride=1, padding=0, out=2, inp=4, takes_all=False, reads=0, adds=-1)
    border = Reach(kernel=1, stride=1, padding=1, out=4, inp=2, takes_all=False, reads=0, adds=-1)
    axis = cut_group(chained(cropped, border, added), 1, ANEW)
    assert axis.first[0].tolist() == [0, 0, 1, 3]
    assert axis.new[0].tolist() == [1, 3, 3, 1]
    narrow = Reach(kernel=1, stride=1, padding=0, out=4, inp=4, takes_all=False, reads=0, adds=-1)
    axis = cut_group(chained(narrow, wide, added), 1, ANEW)
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
    assert (found["ifmap"].tile_bits, found["ifmap"].slots, found["ifmap"].capacity_bits) == (3 * 6 * 16, 2, 32768)
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
    assert (window.tile_bits, window.slots) == (60 * 3 * 6 * 8, 1)
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
    found = enumerate_group(group, small, make_clocks(small), FAST)
    chunks = {(one.h, one.w): one.chunks for one in map(found.mapping, range(len(found)))}
    assert (8, 8) not in chunks
    assert (4, 8) not in chunks
    # Near-equal parts of 40: of at most 24 channels, 20. Outputs of 5 channels are stored in whole blocks of 2, or all.
    assert chunks[2, 8] == (20, 5)
    assert chunks[3, 8] == (2, 5)  # 24 pixels: 960 bytes at the end, 64 left
    assert chunks[1, 8] == (40, 5)


def test_what_a_mapping_of_a_group_takes_is_estimated_from_its_largest_tile():
    wanted = mapping(chunks=(3, 2), resident=(True, True))

    def cost(arch=ARCH, clocks=CLOCKS, wanted=wanted):
        found = enumerate_group(GROUP, arch, clocks, FAST)
        (number,) = (i for i in range(len(found)) if found.mapping(i) == wanted)
        return found.costs.bursts[number], found.costs.steps[number], found.costs.latency[number]

    # Input: 4 rows of a burst, output: 2. Weights: 528 bits in 3 bursts, 112 in 1. First layer: 2 x 36 cycles for its
    # channels, for each of two tiles, which load 18 bytes of weights in 5 and fill 3: 160. Second: 6, a load of 1, a
    # fill of 3 and the drain of 4 that is waited for: 28. In front of all and behind lie half of the input, the first
    # weights, half of the output: 2 + 3 + 1 bursts.
    assert cost() == (10, 4, (160 + 28) * 2000 + 6 * 10_000)
    # Two channels move bursts in half of the time.
    two = machine("dram.channels=2")
    assert cost(two, make_clocks(two)) == (10, 4, 188 * 2000 + 6 * 5000)
    slow = machine("dram.bandwidth_gbps=0.32")
    assert cost(slow, make_clocks(slow)) == (10, 4, 10 * 100_000 + 6 * 100_000)
    # Rows are opened for both tiles of input and output; the bus turns for each of two stores.
    paged = replace(CLOCKS, visit_ticks=100_000, turnaround_ticks=7000)
    assert cost(clocks=paged) == (10, 4, 4 * 100_000 + 2 * 7000 + 60_000)
    # With one slot inputs (4 bursts, which answer after 20 ns for both tiles) take turns with the first layer.
    single = machine("buffers.slots=1")
    *_, latency = cost(single, make_clocks(single), replace(wanted, ofmap_slots=1))
    assert latency == 4 * 10_000 + 2 * 20_000 + 160 * 2000 + 60_000
    # Where all weights fit, and chunks are as large with them as without, none come for each tile.
    assert sets_of(GROUP, ARCH) == [(1, 2)]


def sets_of(group, arch):
    """The sets of stages whose weights may stay, counted from 1."""
    parts, stages = group_candidates.fit_tiles(group, arch).parts, len(group.stages)
    flags = np.asarray(parts.sets).reshape(-1, stages)
    sizes = [stage.n * (stage.c * stage.kernel_bits + stage.bias_bits) for stage in group.stages]
    assert (flags @ sizes).tolist() == list(parts.set_bits)
    return [tuple(i + 1 for i in range(stages) if row[i]) for row in flags]


def test_any_stages_may_keep_their_weights_where_chunks_still_fit_beside_them():
    # Weights of 256, 512 and 512 bytes in 1 KiB. Beside those that stay, twice a chunk of 16, 16 or 32 bytes a channel.
    small = machine("buffers.weight_kib=1")
    sizes = ((16, 16), (16, 32), (32, 16))
    stages = (conv(c, n, (1, 8, 8), (1, 1, 1), small, bias=False) for c, n in sizes)
    group = Group(tuple(stages), ("none",) * 3)
    # {1}: 384 bytes for a chunk: 24 of 32 channels and 12 of 16. {2}: 256, 8 of 16. {3}: 256, all 16 and 16 of 32.
    # {1, 2} leaves 128: 4 of 16, {1, 3} 8 of 32; {2, 3} leaves nothing for the first, but is looked at.
    assert sets_of(group, small) == [(), (1,), (3,), (2,), (1, 3), (1, 2), (2, 3)]
    found = enumerate_group(group, small, make_clocks(small), FAST)
    tried = {(one.resident, one.chunks) for one in map(found.mapping, range(len(found))) if one.tile == (1, 4, 8)}
    assert ((True, False, True), (16, 8, 16)) in tried
    assert ((True, True, False), (16, 32, 4)) in tried
    assert all(resident != (False, True, True) for resident, _ in tried)
    # Two tiles: 512 bytes of the second twice, 256 and 512 of the others once; rows of 16 bytes in bursts of 32.
    bursts = {
        found.mapping(i).resident: int(found.costs.bursts[i])
        for i in range(len(found))
        if found.mapping(i).tile == (1, 4, 8)
    }
    assert bursts[True, False, True] * CLOCKS.burst_bytes == 2 * 512 + 256 + 512 + 2 * 2048


def test_stages_have_a_mode_each():
    nothing = np.zeros(2, dtype=np.int64)
    flags = (np.array([True, False]), np.array([True, True]), np.array([False, False]))
    none = nothing.astype(float)
    cost = GroupCost(bursts=nothing, steps=nothing, latency=none, busy=none, in_channels=flags)
    assert [cost.parallel(i) for i in range(2)] == [("channel", "channel", "pixel"), ("pixel", "channel", "pixel")]


def test_the_tensors_of_a_group_lie_in_blocks_like_those_of_a_layer():
    reads = Use(work=GroupWork(GROUP, mapping()), side="input", burst_bytes=32)
    writes = Use(work=GroupWork(GROUP, mapping(chunks=(2, 1))), side="output", burst_bytes=32)
    # 4 rows of inputs of 2 channels, each once; 2 rows of outputs, in chunks of a channel.
    assert reads.bursts([1, 2]) == {1: 8, 2: 4}
    assert writes.bursts([1, 2]) == {1: 4, 2: 4}
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
        mappings = [found.mapping(i) for i in range(len(found))]
        return {one: build_group_schedule(GROUP, one, ARCH, CLOCKS).steps for one in mappings}

    everything = steps(enumerate_group(GROUP, ARCH, CLOCKS, FAST))
    monkeypatch.setattr(group_tables, "MAX_GROUP_STEPS", most)
    forget()
    few = steps(enumerate_group(GROUP, ARCH, CLOCKS, FAST))
    forget()
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
        return Partition(make_trees(6, FEEDS, longest), costs.get).best()

    # Alone they cost 10 each; groups that cost as much as their layers are left alone, others that may not be are None.
    assert cut() == cut(_24=20.0) == [(0,), (1,), (2,), (3,), (4,), (5,)]
    # 2 with 4 saves 3; 1 with 2 saves 4, and 3 with 4 then 2 more.
    assert cut(_24=17.0) == [(0,), (1,), (3,), (2, 4), (5,)]
    assert cut(_24=15.0, _12=16.0, _34=18.0) == [(0,), (1, 2), (3, 4), (5,)]
    assert cut(_24=13.0, _12=16.0, _34=18.0) == [(0,), (1,), (3,), (2, 4), (5,)]
    # All three save 12, if they may be as many.
    assert cut(_024=18.0, _12=16.0, _34=18.0) == [(1,), (3,), (0, 2, 4), (5,)]
    assert cut(2, _024=18.0, _12=16.0, _34=18.0) == [(0,), (1, 2), (3, 4), (5,)]
