"""Is memory that the mapper divides used as well as by any fixed division, and does what it hands out hold?"""

from __future__ import annotations

from fused_groups import chains, fusable
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_search import small_layers

from lw3dsim.base.values import replace
from lw3dsim.describe.accelerator_file import load_arch
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.errors import MappingError
from lw3dsim.machine.problem import on_rows
from lw3dsim.map.division import capacities, divisions, layer_design
from lw3dsim.map.fill import layer_fill
from lw3dsim.map.floor import floor_bytes
from lw3dsim.map.group.candidates import fit_tiles
from lw3dsim.map.group.dividing import search_divided
from lw3dsim.map.group.least import least_of_groups
from lw3dsim.map.group.search import MORE, SHORT, bound_tiles, search_group
from lw3dsim.map.group_fill import group_design, group_fill
from lw3dsim.map.layer.price import MOST_TICKS, Price
from lw3dsim.map.layer.search import search

SHARED = load_arch("edge_shared", overrides={"buffers.shared_kib": 9, "buffers.shared_banks": 9})
TWO = {"buffers.ifmap_kib": 3, "buffers.weight_kib": 2, "buffers.ofmap_kib": 3}
AUTO = load_arch("edge_small", overrides=TWO | {"buffers.intermediate_share": "auto"})
FIXED = load_arch("edge_small", overrides=TWO)
BYTES = Price(cycle=0.0, dram_byte=1.0)
PRICES = (BYTES, Price(cycle=1.0, dram_byte=0.001), Price(cycle=1.0, dram_byte=1.0, pj=0.1))
thorough = settings(max_examples=20, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])


def shares_of(arch):
    """Return ``arch`` with every share of intermediate tensors that there can be, each given."""
    buffers = arch.buffers
    return [
        replace(arch, buffers=replace(buffers, intermediate_share=inside / buffers.shares))
        for inside in range(1, buffers.shares)
    ]


def costs_of(found, group, arch, price):
    """Return what mappings cost, as they are estimated."""
    modes = [zip(group.stages, one.plan.mapping.parallel, strict=True) for one in found]
    trees = [sum(price.of_mode(stage, arch, mode) for stage, mode in of) for of in modes]
    return [price.of(one.cycles, one.dram_bytes) + own for one, own in zip(found, trees, strict=True)]


def cheapest_of(group, designs, price):
    """Return what the cheapest mapping costs of all on any of ``designs``; None where none fits any."""
    least = None
    for design in designs:
        try:
            found = search_group(group, design, make_clocks(design), price, keep=1)
        except MappingError:
            continue
        (cost,) = costs_of(found, group, design, price)
        least = cost if least is None else min(least, cost)
    return least


def check_best(group, arch, designs, price):
    """Check that the division of ``arch`` is as cheap as the cheapest of ``designs``, or cheaper; return what is found.

    Of fixed ones tiles that warm up are looked at only where that leaves more room.
    """
    least = cheapest_of(group, designs, price)
    try:
        found = search_divided(group, arch, make_clocks(arch), price)
    except MappingError:
        assert least is None
        return []
    costs = costs_of(found, group, arch, price)
    assert least is None or costs[0] <= least + 1e-12 * abs(least)
    assert costs == sorted(costs)
    assert len({one.plan for one in found}) == len(found)
    return found


@thorough
@given(chains(), st.sampled_from(PRICES))
def test_no_fixed_division_of_a_shared_memory_is_better_for_a_group(chain, price):
    group = fusable(chain, SHARED)
    fixed = [design for designs in divisions(SHARED) for one in designs for design in shares_of(one)]
    for one in check_best(group, SHARED, fixed, price):
        design = group_design(group, one.plan.mapping, SHARED)
        assert sum(design.buffers.banks().values()) == SHARED.buffers.shared_banks
        assert min(design.buffers.banks().values()) >= 2
        assert all(fill.bits <= fill.capacity_bits for fill in group_fill(group, one.plan.mapping, design))


@thorough
@given(chains(), st.sampled_from(PRICES))
def test_no_fixed_share_of_intermediate_tensors_is_better_for_a_group(chain, price):
    group = fusable(chain, AUTO)
    for one in check_best(group, AUTO, shares_of(AUTO), price):
        design = group_design(group, one.plan.mapping, AUTO)
        assert 0 < design.buffers.intermediate_share < 1
        assert all(fill.bits <= fill.capacity_bits for fill in group_fill(group, one.plan.mapping, design))


@thorough
@given(
    chains(), st.sampled_from((SHARED, AUTO, FIXED)), st.sampled_from(PRICES), st.integers(1, 5), st.floats(0.5, 2.0)
)
def test_a_search_for_more_of_a_short_group_finds_what_one_for_so_many_does(chain, arch, price, keep, share):
    group, clocks = fusable(chain, arch), make_clocks(arch)
    try:
        few = search_divided(group, arch, clocks, price, keep=keep)
    except MappingError:
        return
    is_short = few[0].plan.mapping.steps(group) < SHORT
    wanted = search_divided(group, arch, clocks, price, keep=MORE * keep) if is_short else few
    assert search_divided(group, arch, clocks, price, keep=keep, more=MORE) == wanted
    # However close to what is enough the best of them is.
    enough = share * price.of(few[0].cycles, few[0].dram_bytes)
    found = search_divided(group, arch, clocks, price, keep=keep, more=MORE, enough=enough)
    assert not found or not is_short or found == wanted


@thorough
@given(st.lists(chains(), min_size=1, max_size=2), st.sampled_from((SHARED, AUTO)), st.sampled_from(PRICES))
def test_bounds_of_what_is_not_divided_yet_hold_for_every_division(several, arch, price):
    groups, clocks = [fusable(chain, arch) for chain in several], make_clocks(arch)
    for group, bound in zip(groups, least_of_groups(groups, arch, clocks, [price] * len(groups), 1e6), strict=True):
        least = max(bound, min(bound_tiles(fit_tiles(group, arch), arch, clocks, price), default=0.0))
        try:
            found = search_divided(group, arch, clocks, price)
        except MappingError:
            continue
        assert min(price.of(one.cycles, one.dram_bytes) for one in found) >= least


@thorough
@given(small_layers(), st.integers(1, 3))
def test_no_fixed_division_of_a_shared_memory_moves_less_for_a_layer(problem, kib):
    overrides = {"buffers.shared_kib": 8 * kib, "buffers.shared_banks": 8, "buffers.shared_port_bytes": 8}
    whole = load_arch("edge_shared", overrides=overrides)
    clocks, way = make_clocks(whole), on_rows(problem, whole.places("output_channels"))[0]

    def bursts(arch):
        try:
            return search(way, arch, clocks, keep=1, burst_ticks=MOST_TICKS)[0].bursts
        except MappingError:
            return None

    fixed = [bursts(design) for designs in divisions(whole) for design in designs]
    assert bursts(whole) == min((one for one in fixed if one is not None), default=None)


@thorough
@given(small_layers(), st.sampled_from([0, 1, MOST_TICKS]))
def test_a_layer_has_the_banks_that_hold_its_tiles(problem, burst_ticks):
    overrides = {"buffers.shared_kib": 8, "buffers.shared_banks": 8, "buffers.shared_port_bytes": 8}
    whole = load_arch("edge_shared", overrides=overrides)
    clocks, way = make_clocks(whole), on_rows(problem, whole.places("output_channels"))[0]
    floor = min(floor_bytes(way, capacity) for capacity in capacities(whole.buffers))
    try:
        found = search(way, whole, clocks, burst_ticks=burst_ticks)
    except MappingError:
        found = []
    for one in found:
        design = layer_design(way, one.mapping, whole)
        banks = design.buffers.banks()
        assert sum(banks.values()) == 8
        assert min(banks.values()) >= 2
        assert all(fill.bits <= fill.capacity_bits for fill in layer_fill(way, one.mapping, design))
        assert one.bursts * clocks.burst_bytes >= floor


def test_every_way_to_hand_out_banks_is_looked_at_once():
    ways = [tuple(design.buffers.banks().values()) for designs in divisions(SHARED) for design in designs]
    assert len(set(ways)) == len(ways) == sum(range(1, 9 - 6 + 2))
    assert {sum(way) for way in ways} == {9}
