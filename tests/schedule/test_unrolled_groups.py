"""Are the steps, tiles and kinds of a fused group those that NumPy works out column by column?"""

from __future__ import annotations

import numpy as np
from fused_groups import ADDING, SMALL, any_mapping, chains, fusable, slicing_chains
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy_groups import columns_of

from lw3dsim.base.values import names_of
from lw3dsim.describe.accelerator_file import load_arch
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.engine.run import race
from lw3dsim.map.group.group import Group
from lw3dsim.schedule.fused import build_group_schedule, busy_cycles, draft_group
from lw3dsim.schedule.program import Kinds, Loads, Stores

BUFFERS = ("ifmap", "weight", "ofmap")
SIZES = ("buffers.ifmap_kib=3", "buffers.weight_kib=2", "buffers.ofmap_kib=3")
# Of the second, DMA and the array meet at every buffer; the third has one slot each.
ARCHS = (
    SMALL,
    load_arch("edge_small", overrides=(*SIZES, *(f"buffers.{name}_banks=1" for name in BUFFERS))),
    load_arch("edge_small", overrides=(*SIZES, "buffers.slots=1")),
)
LARGER = ("buffers.ifmap_kib=2", "buffers.weight_kib=4", "buffers.ofmap_kib=16")
ADDS = (ADDING, load_arch("edge_small", overrides=(*LARGER, "buffers.slots=1")))


def alike(some, others, kind):
    return all(getattr(some, name).tolist() == getattr(others, name).tolist() for name in names_of(kind))


thorough = settings(max_examples=200, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])


@thorough
@given(chains(), st.integers(0, 2), st.booleans(), st.data())
def test_a_group_is_unrolled_as_numpy_works_it_out(chain, number, warm_up, data):
    arch = ARCHS[number]
    group = fusable(chain, arch)
    mapping, schedule, *_ = any_mapping(group, data, arch, warm_up=warm_up)
    check_unrolled(group, mapping, schedule, arch, BUFFERS if number == 1 else ())


@thorough
@given(slicing_chains(), st.sampled_from(ADDS), st.data())
def test_so_is_one_whose_operands_come_slice_by_slice(chain, arch, data):
    group = fusable(chain, arch)
    mapping, schedule, *_ = any_mapping(group, data, arch, sliced=True)
    check_unrolled(group, mapping, schedule, arch, ())


@settings(parent=thorough, max_examples=50)
@given(chains(), st.booleans(), st.sampled_from([1, 2, 4, 16]), st.sampled_from([1, 2, 8, 16]), st.data())
def test_a_group_that_is_laid_out_has_the_schedule_of_one_that_lies_so_by_itself(chain, warm_up, first, last, data):
    group, clocks = fusable(chain, SMALL), make_clocks(SMALL)
    mapping, *_ = any_mapping(group, data, SMALL, warm_up=warm_up)
    laid = group.in_blocks(input_block=first, output_block=last)
    by_itself = Group(laid.stages, laid.operands, reads=laid.reads, stored=laid.stored)
    assert laid == by_itself
    schedules = [build_group_schedule(one, mapping, SMALL, clocks) for one in (laid, by_itself)]
    some, other = schedules
    for name, kind in (("ifmap", Loads), ("weight", Loads), ("ofmap", Stores), ("kinds", Kinds)):
        assert alike(getattr(some, name), getattr(other, name), kind)
    assert some.kind.tolist() == other.kind.tolist()
    bursts = [[region.box_bursts.tolist() for region in one.regions] for one in schedules]
    assert bursts[0] == bursts[1]
    assert some.besides_bits == other.besides_bits


def check_unrolled(group, mapping, schedule, arch, meeting):
    places, ifmap, weight, ofmap, kind, kinds = columns_of(group, mapping, arch, meeting)
    for name in ("tile", "stage", "chunk", "n", "waits"):
        assert getattr(schedule.places, name).tolist() == getattr(places, name).tolist()
    assert np.array(schedule.places.at).tolist() == np.array(places.at).tolist()
    assert alike(schedule.ifmap, ifmap, Loads)
    assert alike(schedule.weight, weight, Loads)
    assert alike(schedule.ofmap, ofmap, Stores)
    assert schedule.kind.tolist() == kind.tolist()
    assert alike(schedule.kinds, kinds, Kinds)


@thorough
@given(chains(), st.integers(0, 2), st.booleans(), st.data())
def test_the_array_is_busy_as_long_as_was_counted_without_unrolling(chain, number, warm_up, data):
    arch = ARCHS[number]
    group = fusable(chain, arch)
    mapping, schedule, *_ = any_mapping(group, data, arch, warm_up=warm_up)
    # A step that may be loaded ahead takes no time before its first product.
    led = np.where(schedule.lead < 0, 0, schedule.lead + schedule.kinds.entry)[schedule.kind].sum()
    # Where the first stage computes nothing for the first tile, the first step of all is entered as one that waits.
    led += schedule.kinds.entry[schedule.kind[0]] * schedule.places.waits[0]
    busy = schedule.setup_cycles + int(led) + schedule.total("head") + schedule.total("body")
    counted = busy_cycles(group, mapping, arch).cycles
    assert counted <= busy
    # All of it is counted where every stage has something to compute for every tile, and DMA takes nothing.
    tiles = int(schedule.places.tile.max()) + 1
    chunks = [-(-group.channels[run.stop] // n) for run, n in zip(group.runs, mapping.chunks, strict=True)]
    steps = tiles * sum(len(run) * count for run, count in zip(group.runs, chunks, strict=True))
    if number != 1 and schedule.steps == steps:
        assert counted == busy


@thorough
@given(chains(), st.integers(0, 2), st.booleans(), st.data())
def test_no_simulation_beats_what_the_array_is_busy_and_what_is_at_both_ends(chain, number, warm_up, data):
    arch = ARCHS[number]
    group, clocks = fusable(chain, arch), make_clocks(arch).in_order
    mapping, *_ = any_mapping(group, data, arch, warm_up=warm_up)
    raced = race(draft_group(group, mapping, arch, clocks), clocks)
    assert busy_cycles(group, mapping, arch).least_ticks(clocks) <= raced.ran.trace.finish
