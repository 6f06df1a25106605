"""Do layers in groups read second operands from DRAM where these lie, and does whoever else moves them agree?"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from fused_groups import SMALL as ARCH
from fused_groups import chains, fusable
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from test_fewest import asked, networks

from lw3dsim import execute, simulate
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.errors import InputError, MappingError
from lw3dsim.map.group.search import search_group
from lw3dsim.map.layer.price import Price
from lw3dsim.network.fewest import fewest_units, find_fewest
from lw3dsim.network.layouts import moved_by_side
from lw3dsim.network.offers import OTHERS, Offer
from lw3dsim.network.pipeline import map_network
from lw3dsim.schedule.fused import build_group_schedule
from lw3dsim.tensor.layout import Layout, least_bursts

BYTES = Price(cycle=1e-6, dram_byte=1.0)
some = settings(
    deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)

# The sum is in the group of ``a``, and what it adds comes from before the pool that no group goes through.
BRANCHED = """
name: branched
inputs: {clip: {channels: 12, frames: 3, height: 10, width: 9}}
layers:
  - {name: side, kind: conv3d, out_channels: 20, kernel: [1, 3, 3], padding: [0, 1, 1]}
  - {name: mean, kind: running_mean, inputs: [clip]}
  - {name: a, kind: conv3d, inputs: [mean], out_channels: 20, kernel: [1, 1, 1]}
  - {name: sum, kind: add, inputs: [a, side]}
  - {name: b, kind: conv3d, out_channels: 12, kernel: [1, 1, 1]}
"""
GROUP = """
units:
- group:
  - {layer: a}
  - {layer: sum}
  - {layer: b}
  tile: {t: 1, h: 5, w: 9}
  chunks: [20, 12]
  ofmap_slots: 2
"""


@pytest.fixture
def branched(tmp_path):
    path = tmp_path / "branched.yaml"
    path.write_text(BRANCHED)
    return str(path)


def mapped(branched, tmp_path, layouts, **options):
    path = tmp_path / "m.yaml"
    path.write_text(f"layouts: {layouts}\n{GROUP}")
    return simulate(branched, "edge_base", mapping=path, fusion="auto", **options)


def test_a_layout_of_what_a_layer_in_a_group_reads_from_dram_is_that_of_who_made_it(branched, tmp_path):
    moved = {}
    for block, layout in ((4, "C/4 T H W 4"), (16, "C/16 T H W 16"), ("20 packed", "T HW 20")):
        result = mapped(branched, tmp_path, {"side": block})
        rows = {row["name"]: row for row in result.data["layers"]}
        assert rows["side"]["output_layout"] == layout
        moved[block] = rows["a+sum+b"]["dram_read_bytes"]
        again = mapped(branched, tmp_path, {"side": block}, engine="simpy")
        assert [row["latency_cycles"] for row in again.data["layers"]] == [
            row["latency_cycles"] for row in result.data["layers"]
        ]
    # Frames of 10 x 9 positions on bursts of 64 bytes: rows of five blocks and of two, and halves of one, packed.
    bursts = {4: 5 * 10 * 1, 16: 2 * 10 * 3, "20 packed": 2 * 15}
    for block, of_frame in bursts.items():
        assert moved[block] - moved[4] == 3 * 64 * (of_frame - bursts[4])


def test_what_is_read_where_it_lies_is_computed_exactly(branched, tmp_path):
    mapped(branched, tmp_path, {"side": "20 packed"})
    ran = execute(branched, "edge_base", mapping=tmp_path / "m.yaml", fusion="auto")
    assert all(layer.max_abs_error == 0 for layer in ran.layers)


@pytest.mark.parametrize(
    ("layouts", "said"),
    [
        ({"a": 4}, r"m.yaml:1 layouts.a: a never is in DRAM, but on chip in the group at .*m.yaml:4; leave it out"),
        (
            {"sum": 4},
            r"m.yaml:1 layouts.sum: sum never is in DRAM, but on chip in the group at .*m.yaml:4; leave it out",
        ),
    ],
)
def test_a_layout_of_what_never_is_in_dram_is_refused(branched, tmp_path, layouts, said):
    with pytest.raises(InputError, match=said):
        mapped(branched, tmp_path, layouts)


@some
@given(networks())
def test_whoever_moves_a_tensor_finds_it_in_one_block(network):
    try:
        units = fewest_units(asked(network), find_fewest(asked(network)), "auto")
    except MappingError:
        return
    for mapped_units in (units, map_network(network, asked(network).arch, fusion="auto", objective="dram_bytes")):
        blocks = {}
        for unit in mapped_units:
            for side, name in moved_by_side(network, unit).items():
                if name in network.laid_like:
                    blocks.setdefault(network.laid_like[name], set()).add(unit.run.work.block(side))
        assert all(len(those) == 1 for those in blocks.values())


@some
@given(networks())
def test_bounds_by_layouts_are_no_more_than_what_is_moved_in_these(network):
    offers, made = [], Offer.of.__func__

    def noted(cls, ends, least, exact, *bounds, **how):
        offers.append((ends, np.broadcast_to(least, [len(end.blocks) for end in ends]), exact))
        return made(cls, ends, least, exact, *bounds, **how)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Offer, "of", classmethod(noted))
        try:
            find_fewest(asked(network))
        except MappingError:
            return
    for ends, least, exact in offers:
        for at in itertools.islice(itertools.product(*(range(len(end.blocks)) for end in ends)), 0, None, 5):
            lies = tuple(end.blocks[i] for end, i in zip(ends, at, strict=True))
            assert OTHERS in lies or least[at] <= exact(lies)


@some
@given(chains(), st.integers(-12, 12).filter(bool))
def test_what_a_group_moves_of_operands_in_a_block_is_what_its_schedule_moves(chain, block):
    group, clocks = fusable(chain, ARCH), make_clocks(ARCH)
    assume(group.seconds)
    lies = tuple((own,) for own in group.own_blocks[: -len(group.seconds)]) + ((block,),) * len(group.seconds)
    assume(all(abs(block) <= group.channels[i + 1] for i in group.seconds))
    try:
        found = search_group(group, ARCH, clocks, BYTES, lies=lies)
    except MappingError:
        return
    for one in found:
        laid_out = one.plan.laid_out(group)
        assert laid_out.own_blocks == tuple(one for (one,) in lies)
        schedule = build_group_schedule(laid_out, one.plan.mapping, ARCH, clocks)
        assert schedule.total_bursts * clocks.burst_bytes == one.dram_bytes


@given(
    st.integers(1, 300),
    st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(1, 9)),
    st.sampled_from([4, 8, 11]),
    st.integers(-300, 300).filter(bool),
)
def test_no_more_bursts_are_taken_to_be_moved_than_hold_channels(channels, extent, bits, block):
    assume(abs(block) <= channels)
    layout = Layout(channels=channels, extent=extent, block=block, element_bits=bits, burst_bytes=32)
    least = least_bursts(layout, block)
    assert channels * extent[0] * extent[1] * extent[2] * bits <= least * 256
    assert least <= layout.bursts
    if layout.columns > 1:
        places = {(c // block, c % block * bits // 256) for c in range(channels)}
        places |= {(c // block, (c % block * bits + bits - 1) // 256) for c in range(channels)}
        assert least == len(places) * extent[0] * extent[1] * extent[2]
