"""Does the search of fused groups leave out only what is not among the best?"""

from __future__ import annotations

import numpy as np
from fused_groups import SMALL, chains, fusable
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lw3dsim.describe.accelerator_file import load_arch
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.errors import MappingError
from lw3dsim.map.group import search
from lw3dsim.map.group.candidates import fit_tiles
from lw3dsim.map.layer.price import Price

SIZES = ("buffers.ifmap_kib=3", "buffers.weight_kib=2", "buffers.ofmap_kib=3")
NARROW = ("buffers.ifmap_port_bytes=1", "buffers.ofmap_port_bytes=1", "pe.rows=3")
ARCHS = (
    SMALL,
    load_arch("edge_small", overrides=(*SIZES, *NARROW)),
    load_arch("edge_small", overrides=(*SIZES, "pe.dataflow=weight_stationary", "buffers.slots=1")),
)
PRICES = (Price(cycle=1.0, dram_byte=0.001), Price(cycle=0.001, dram_byte=1.0), Price(cycle=1.0, dram_byte=1.0, pj=0.1))
thorough = settings(
    deadline=None, max_examples=100, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow]
)


@thorough
@given(chains(), st.sampled_from(ARCHS), st.sampled_from(PRICES))
def test_no_mapping_of_a_tile_costs_less_than_its_bound(chain, arch, price):
    group, clocks = fusable(chain, arch), make_clocks(arch)
    fits = fit_tiles(group, arch)
    least = search.bound_tiles(fits, arch, clocks, price)
    priced = search.price_candidates(group, fits.candidates(np.arange(fits.count)), arch, clocks, price)
    trees = sum(
        (f * price.of_trees(s, arch) for s, f in zip(group.stages, priced.costs.in_channels, strict=True)), np.zeros(1)
    )
    tile = {place: number for number, place in enumerate(zip(*places(fits.tiles, fits.count), strict=True))}
    found = [tile[place] for place in zip(*places(priced.candidates.found, len(priced.cost)), strict=True)]
    assert (least[found] <= priced.cost - trees).all()


def places(table, count):
    return (np.asarray(column[:count]).tolist() for column in (table.t, table.h, table.w))


@thorough
@given(chains(), st.sampled_from(ARCHS), st.sampled_from(PRICES), st.integers(1, 6))
def test_looking_at_the_most_promising_tiles_finds_what_looking_at_all_does(chain, arch, price, keep):
    group = fusable(chain, arch)

    def found(few):
        search.FEW_TILES = few
        try:
            return search.search_group(group, arch, make_clocks(arch), price, keep=keep)
        except MappingError:
            return None
        finally:
            search.FEW_TILES = 64

    assert found(1) == found(7) == found(10**9)
