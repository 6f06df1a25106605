"""Does the search of fused groups leave out only what is not among the best?"""

from __future__ import annotations

import itertools
import types
from functools import partial

import numpy as np
import pytest
from fused_groups import ADDING, SMALL, chains, fusable
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from lw3dsim.base import kernels
from lw3dsim.base.caches import forget
from lw3dsim.base.integers import NEVER
from lw3dsim.base.kernels import read
from lw3dsim.base.values import replace
from lw3dsim.describe.accelerator_file import load_arch
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.describe.workload import Conv3d, Shape
from lw3dsim.errors import MappingError
from lw3dsim.machine.microarchitecture import make_machine, plain_array
from lw3dsim.machine.problem import plain_layer
from lw3dsim.machine.records import Array, Layer
from lw3dsim.machine.waves import empty_waves
from lw3dsim.map.group import candidates, search, weighing
from lw3dsim.map.group.bounding import bound_cycles, chunked_cycles, unchunked_cycles
from lw3dsim.map.group.candidates import fit_tiles
from lw3dsim.map.group.cost import make_scales
from lw3dsim.map.group.fitting import Tiles, some_tiles
from lw3dsim.map.group.floor import stage_weight_bits
from lw3dsim.map.group.least import least_of_groups
from lw3dsim.map.group.listing import order_tiles
from lw3dsim.map.group.orders import least_apart, modes_of, shared
from lw3dsim.map.group.pricing import FEW_CYCLES
from lw3dsim.map.group.search import ROUNDED
from lw3dsim.map.group.stepping import Steps, cycles_of_steps
from lw3dsim.map.group.tiles import whole_way
from lw3dsim.map.layer.price import Price

SIZES = ("buffers.ifmap_kib=3", "buffers.weight_kib=2", "buffers.ofmap_kib=3")
NARROW = ("buffers.ifmap_port_bytes=1", "buffers.ofmap_port_bytes=1", "pe.rows=3")
ARCHS = (
    SMALL,
    ADDING,
    load_arch("edge_small", overrides=(*SIZES, *NARROW)),
    load_arch("edge_small", overrides=(*SIZES, "pe.dataflow=weight_stationary", "buffers.slots=1")),
    load_arch("edge_small", overrides=(*SIZES, "buffers.slots=3")),
)
PRICES = (
    Price(cycle=1.0, dram_byte=0.001),
    Price(cycle=0.001, dram_byte=1.0),
    Price(cycle=1.0, dram_byte=1.0, pj=0.1),
    Price(cycle=1.0, dram_byte=1.0, pj=0.1, busy=0.7),
)
thorough = settings(max_examples=100, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])


def cost_but_for_trees(group, priced, arch, price):
    """What all candidates cost, without what adder trees take or save."""
    flags = zip(group.stages, priced.costs.in_channels, strict=True)
    return priced.cost - sum((flag * price.of_trees(stage, arch) for stage, flag in flags), np.zeros(1))


@thorough
@given(chains(), st.sampled_from(ARCHS), st.sampled_from(PRICES))
def test_no_mapping_of_a_tile_costs_less_than_its_bound(chain, arch, price):
    group, clocks = fusable(chain, arch), make_clocks(arch)
    least = search.bound_tiles(fit_tiles(group, arch), arch, clocks, price)
    priced = search.enumerate_group(group, arch, clocks, price)
    assert (least[priced.candidates.found.tile] <= cost_but_for_trees(group, priced, arch, price)).all()


@settings(thorough, max_examples=30)
@given(chains(), st.sampled_from(ARCHS))
def test_stages_on_the_vector_unit_are_bounded_by_what_they_take(chain, arch):
    group, fits = fusable(chain, arch), fit_tiles(fusable(chain, arch), arch)
    scales = make_scales(group, fits, arch, make_clocks(arch), PRICES[0])
    found = search.enumerate_group(group, arch, make_clocks(arch), PRICES[0]).candidates
    cycles, steps = (np.asarray(column).reshape(len(found), -1) for column in (found.effort.cycles, found.effort.steps))
    for mode, stage in enumerate(scales.stages):
        if group.stages[stage].structure == "vector":
            # All of its steps as if they were one, and to fill each.
            taken = cycles[:, mode] + steps[:, mode] * int(fits.floor.fill[stage])
            least = np.array([bounds(fits, found, at)[stage] for at in range(len(found))])
            assert (least <= taken).all()
            # What others look at as well is in their order, of which bounds know nothing.
            assert shared(group, stage) >= 0 or least.tolist() == taken.tolist()


@settings(thorough, max_examples=30)
@given(chains(), st.sampled_from(ARCHS))
def test_steps_are_bounded_by_what_those_of_the_largest_tile_take(chain, arch):
    group, fits = fusable(chain, arch), fit_tiles(fusable(chain, arch), arch)
    scales = make_scales(group, fits, arch, make_clocks(arch), PRICES[0])
    found = search.enumerate_group(group, arch, make_clocks(arch), PRICES[0]).candidates
    effort = weighing.Effort._make(np.asarray(column).reshape(len(found), -1) for column in found.effort)
    seen = weighing.Seen._make([0] * weighing.SEEN for _ in weighing.Seen._fields)
    steps = Steps(empty_waves(kernels.INTERPRETED), seen, len(fits.floor.arrays))
    for mode, (stage, of_mode) in enumerate(zip(scales.stages, scales.modes, strict=True)):
        if group.stages[stage].structure == "vector":
            continue
        for at in range(min(len(found), 20)):
            cycles, all_passes, passes, all_tiles, tiles, many, drain = (
                int(column[at, mode])
                for column in (
                    effort.cycles, effort.all_passes, effort.passes, effort.all_tiles, effort.tiles, effort.steps,
                    effort.drain,
                )
            )  # fmt: skip
            waits = int(fits.floor.fill[stage]) + (drain if of_mode.reads_back else 0)
            taken = cycles * (all_passes / passes) * (all_tiles / tiles) + many * waits
            least = least_of_steps(fits, found, at, stage, int(of_mode.parallel == "channel"), steps)
            assert least * ROUNDED <= taken
            # Several passes may wait more for each other; what others look at as well may lie apart.
            assert passes > 1 or shared(group, stage) >= 0 or least > taken - 2


@thorough
@given(chains(), st.sampled_from(ARCHS))
def test_stages_take_in_chunks_what_they_take_at_least_in_any(chain, arch):
    group = fusable(chain, arch)
    fits = fit_tiles(group, arch)
    parts, floor, chunks = fits.parts, fits.floor, fits.parts.chunks
    for *ways, stage, least in unchunked(fits):
        begin, end = chunks.begin[parts.stages.run[stage]], chunks.begin[parts.stages.run[stage] + 1]
        tiles = some_tiles(parts.t, parts.h, parts.w, *ways, stage + 1)
        for size in chunks.size[begin:end]:
            if size <= floor.largest[stage]:
                assert least <= chunked_cycles(parts, floor, *ways, stage, size, tiles)


@thorough
@given(chains(), st.sampled_from(ARCHS))
def test_the_stages_behind_another_take_at_least_what_they_are_said_to_whatever_the_tile(chain, arch):
    fits = fit_tiles(fusable(chain, arch), arch)
    for _, of_tile in itertools.groupby(unchunked(fits), key=lambda one: one[:3]):
        behind = 0
        for *_, stage, cycles in reversed(list(of_tile)):
            assert fits.floor.rest[stage] <= behind
            behind += 0 if fits.floor.is_vector[stage] else cycles


@settings(thorough, max_examples=30)
@given(chains(), st.sampled_from(ARCHS))
def test_the_stages_behind_another_take_what_they_are_said_to_in_one_tile(chain, arch):
    fits = fit_tiles(fusable(chain, arch), arch)
    whole = [
        whole_way(cuts, ways) for cuts, ways in zip((fits.parts.t, fits.parts.h, fits.parts.w), fits.ways, strict=True)
    ]
    of_stages = [
        0 if fits.floor.is_vector[stage] else cycles for *ways, stage, cycles in unchunked(fits) if ways == whole
    ]
    assume(of_stages)
    assert list(fits.floor.rest) == [sum(of_stages[stage + 1 :]) for stage in range(len(of_stages))]


def unchunked(fits):
    """What stages take in tiles at least, in any chunks: the tile's ways, the number of the stage, and cycles."""
    parts, tiles = fits.parts, fits.tiles
    for ways in itertools.islice(zip(tiles.t, tiles.h, tiles.w, strict=True), min(fits.count, 60)):
        i, j, k = map(int, ways)
        for stage in range(len(parts.stages.n)):
            some = some_tiles(parts.t, parts.h, parts.w, i, j, k, stage + 1)
            yield i, j, k, stage, unchunked_cycles(parts, fits.floor, i, j, k, stage, some)


def least_of_steps(fits, found, at, stage, mode, steps):
    """What the steps of a stage of a mapping take at least in a mode."""
    ways = (int(column[at]) for column in (found.found.t, found.found.h, found.found.w))
    chunk = int(weighing.chunk_of(fits.parts, found.found, at, stage))
    return cycles_of_steps(fits.parts, fits.floor, *ways, stage, chunk, mode, steps)


def bounds(fits, found, at):
    """By stage, what a mapping takes at least."""
    of_stages = [0] * len(fits.parts.stages.n)
    bound_cycles(fits.parts, fits.floor, found.found, at, of_stages)
    return of_stages


@thorough
@given(st.lists(chains(), min_size=1, max_size=3), st.sampled_from(ARCHS), st.sampled_from(PRICES))
def test_no_mapping_of_a_group_costs_less_than_all_are_bounded_by(several, arch, price):
    groups, clocks = [fusable(chain, arch) for chain in several], make_clocks(arch)
    for group, least in zip(groups, least_of_groups(groups, arch, clocks, [price] * len(groups), 1e6), strict=True):
        priced = search.enumerate_group(group, arch, clocks, price)
        assert not len(priced) or least * ROUNDED <= cost_but_for_trees(group, priced, arch, price).min()


def of_dense_layers(channels, size):
    """Dense layers of so many channels, of size x size frames."""
    inputs, source, layers = {"x": Shape(channels[0], 1, size, size)}, "x", []
    for i, wide in enumerate(channels[1:]):
        layers.append(
            Conv3d(name=f"l{i}", inputs=(source,), out_channels=wide, kernel=(1, 3, 3), padding=(0, 1, 1), bias=True)
        )
        source = f"l{i}"
    return inputs, layers, "direct", 1


@settings(thorough, max_examples=20)
@given(
    st.lists(st.sampled_from([20, 24, 32, 48]), min_size=3, max_size=4),
    st.integers(11, 15),
    st.sampled_from(ARCHS),
    st.sampled_from([2, 3, 6]),
)
def test_no_mapping_costs_less_than_groups_that_need_all_slots_are_bounded_by(channels, size, arch, weight_kib):
    arch = replace(arch, buffers=replace(arch.buffers, weight_kib=weight_kib))
    group, clocks = fusable(of_dense_layers(channels, size), arch), make_clocks(arch)
    price = Price(cycle=1.0, dram_byte=1e-6)
    (least,) = least_of_groups([group], arch, clocks, [price], 1e6)
    assume(least < np.inf and fit_tiles(group, arch).cycles >= FEW_CYCLES)
    priced = search.enumerate_group(group, arch, clocks, price)
    assert not len(priced) or least * ROUNDED <= cost_but_for_trees(group, priced, arch, price).min()


@settings(thorough, max_examples=3)
@given(st.integers(11, 13))
def test_chunks_of_groups_that_need_all_slots_are_no_larger_than_fit_into_these(size):
    group, clocks = fusable(of_dense_layers((32, 32, 32), size), SMALL), make_clocks(SMALL)

    def closer(price):
        """By how much groups are bounded more closely than tiles, which are as if chunks fitted once."""
        (least,) = least_of_groups([group], SMALL, clocks, [price], 1e6)
        return least / search.bound_tiles(fit_tiles(group, SMALL), SMALL, clocks, price).min()

    assert closer(Price(cycle=1.0, dram_byte=1e-6)) > 1.005
    # Where bursts have a price, chunks that fit once may save some.
    assert closer(Price(cycle=1.0, dram_byte=1e3)) < 1.0001


def tiles_of(fits):
    """What is known of the tiles that are listed, one after the other."""
    columns = "t", "h", "w", "tiles", "cycles", "bits", "cost", "weights", "once", "often"
    return list(zip(*(np.asarray(getattr(fits.tiles, name))[: fits.count].tolist() for name in columns), strict=True))


@thorough
@given(chains(), st.sampled_from(ARCHS), st.sampled_from(PRICES), st.floats(0, 1))
def test_tiles_of_a_square_group_are_listed_as_if_each_was_looked_at(chain, arch, price, share):
    group = fusable(chain, arch)
    fits = fit_tiles(group, arch)
    gauge = search.Weighed.of(make_scales(group, fits, arch, make_clocks(arch), price), 1e6).gauge(fits)
    every = tiles_of(candidates.listed(fits, gauge, NEVER))
    assume(fits.is_square and every)
    costs = sorted(tile[6] for tile in every)
    for cut in (NEVER, costs[int(share * (len(costs) - 1))]):
        listed, one_by_one = (tiles_of(candidates.listed(replace(fits, is_square=of), gauge, cut)) for of in (1, 0))
        assert listed == one_by_one
        assert all(tile in every and tile[6] <= cut for tile in listed)


@settings(thorough, max_examples=30)
@given(
    st.lists(chains(), min_size=1, max_size=3), st.sampled_from(ARCHS), st.sampled_from(PRICES), st.integers(1, 6),
    st.floats(0.5, 2.0),
)  # fmt: skip
def test_a_search_finds_in_room_that_others_have_used_what_it_finds_in_its_own(several, arch, price, keep, share):
    groups, clocks = [fusable(chain, arch) for chain in several], make_clocks(arch)

    def find(group, enough=np.inf):
        try:
            return search.search_group(group, arch, clocks, price, keep=keep, enough=enough)
        except MappingError:
            return None

    forget()
    of_all = [find(group) for group in [*groups, *reversed(groups)]]
    assert of_all == of_all[::-1]
    for group, found in zip(groups, of_all, strict=False):
        forget()
        assert find(group) == found
        if found:
            # None, or those that are the best of all.
            cost = price.of(found[0].cycles, found[0].dram_bytes)
            assert find(group, cost * share) in ([], found)


@thorough
@given(st.lists(chains(), min_size=1, max_size=3), st.sampled_from(ARCHS), st.sampled_from(PRICES))
def test_groups_are_bounded_as_closely_as_their_tiles(several, arch, price):
    groups, clocks = [fusable(chain, arch) for chain in several], make_clocks(arch)
    for group, least in zip(groups, least_of_groups(groups, arch, clocks, [price] * len(groups), 1e6), strict=True):
        of_tiles = search.bound_tiles(fit_tiles(group, arch), arch, clocks, price).min(initial=np.inf)
        # But for bursts, and what bursts take in parts of a cycle, that are rounded down.
        rounded = price.dram_byte * clocks.burst_bytes + price.cycle * clocks.burst_ticks / clocks.cycle_ticks
        assert of_tiles <= least * (1 + 1e-6) + 2 * rounded
        assert (least == np.inf) == (of_tiles == np.inf)


@thorough
@given(
    st.lists(chains(), min_size=1, max_size=3), st.sampled_from(ARCHS), st.sampled_from(PRICES), st.floats(0.01, 1.5)
)
def test_what_is_said_to_cost_enough_does(several, arch, price, share):
    groups, clocks = [fusable(chain, arch) for chain in several], make_clocks(arch)
    bounded = partial(least_of_groups, groups, arch, clocks, [price] * len(groups), 1e6)
    closest = bounded()
    enough = np.where(closest < np.inf, closest, 1e6) * share
    found = bounded(enough)
    assert (found >= np.minimum(closest, enough)).all()
    for group, least, most in zip(groups, found, enough, strict=True):
        priced = search.enumerate_group(group, arch, clocks, price)
        assert not len(priced) or min(least, most) * ROUNDED <= cost_but_for_trees(group, priced, arch, price).min()


@thorough
@given(
    st.lists(chains(), min_size=1, max_size=2),
    st.sampled_from(ARCHS),
    st.lists(st.tuples(st.integers(0, 1), st.sampled_from(PRICES), st.sampled_from([0.5, 2.0])), max_size=8),
)
def test_a_group_among_others_and_its_like_is_bounded_as_by_itself(several, arch, asked):
    chosen, clocks = [fusable(chain, arch) for chain in several], make_clocks(arch)
    groups, prices = [chosen[number % len(chosen)] for number, *_ in asked], [price for _, price, _ in asked]
    by_itself = [
        least_of_groups([one], arch, clocks, [price], 1e6)[0] for one, price in zip(groups, prices, strict=True)
    ]
    enough = np.array([share * min(least, 1e6) for least, (*_, share) in zip(by_itself, asked, strict=True)])
    alone = [
        least_of_groups([one], arch, clocks, [price], 1e6, np.array([most]))[0]
        for one, price, most in zip(groups, prices, enough, strict=True)
    ]
    assert least_of_groups(groups, arch, clocks, prices, 1e6, enough).tolist() == alone


@thorough
@given(chains(), st.sampled_from(ARCHS), st.sampled_from(PRICES), st.integers(1, 6), st.sampled_from([1, 7, 64]))
def test_the_shortlist_has_what_is_best_of_all(chain, arch, price, keep, few):
    group, clocks = fusable(chain, arch), make_clocks(arch)
    everything = search.enumerate_group(group, arch, clocks, price)
    best = [everything.found(i) for i in search.cheapest(everything, keep)]
    search.FEW_TILES = few
    try:
        assert search.search_group(group, arch, clocks, price, keep=keep) == best
    except MappingError:
        assert not best
    finally:
        search.FEW_TILES = 64


@thorough
@given(chains(), st.sampled_from(ARCHS), st.sampled_from(PRICES), st.sampled_from([0.0, 0.5, 0.99, 1.0, 1.01, 2.0]))
def test_a_search_stops_only_where_all_cost_more_than_enough(chain, arch, price, share):
    group, clocks = fusable(chain, arch), make_clocks(arch)
    everything = search.enumerate_group(group, arch, clocks, price)
    wanted = [everything.found(i) for i in search.cheapest(everything, search.CANDIDATES)]
    least = min(everything.cost.tolist(), default=np.inf)
    enough = share * least if wanted else 1e6
    found = search.search_group(group, arch, clocks, price, enough=enough)
    assert found == wanted or (not found and least > enough)
    # Costs are known closely.
    assert not found or least * 0.6 < enough


@thorough
@given(st.lists(st.integers(0, 5), max_size=50))
def test_tiles_are_looked_at_in_the_order_of_what_they_cost(costs):
    order = [-1] * len(costs)
    order_tiles(kernels.INTERPRETED.columns(Tiles, 0)._replace(cost=costs), len(costs), order)
    assert order == sorted(range(len(costs)), key=lambda tile: (costs[tile], tile))


@settings(thorough, max_examples=40)
@given(chains(), st.sampled_from(ARCHS))
def test_sets_of_resident_weights_are_listed_by_bits_then_stages(chain, arch):
    group = fusable(chain, arch)
    parts, many = fit_tiles(group, arch).parts, len(group.stages)
    sets = [tuple(map(int, parts.sets[at : at + many])) for at in range(0, len(parts.sets), many)]
    bits = [sum(itertools.compress(map(stage_weight_bits, group.stages), flags)) for flags in sets]
    assert bits == list(map(int, parts.set_bits))
    listed = [(size, sum(flags), flags) for size, flags in zip(bits, sets, strict=True)]
    assert listed == sorted(set(listed))


@settings(thorough, max_examples=40)
@given(chains(), st.sampled_from(ARCHS), st.sampled_from(PRICES))
def test_sets_of_resident_weights_that_are_left_out_are_no_better(chain, arch, price):
    group = fusable(chain, arch)

    def least():
        forget()
        found = search.enumerate_group(group, arch, make_clocks(arch), price)
        return min(found.cost.tolist(), default=None)

    flags = [(False, True) if stage.has_weights else (False,) for stage in group.stages]
    bits = list(map(stage_weight_bits, group.stages))
    fitting = sorted(
        (sum(itertools.compress(bits, one)), one)
        for one in itertools.product(*flags)
        if sum(itertools.compress(bits, one)) <= arch.buffers.capacity_bits["weight"]
    )
    columns = np.array([one for _, one in fitting], dtype=np.int64).ravel(), np.array([size for size, _ in fitting])
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(candidates, "resident_sets", lambda *_: columns)
        of_all = least()
    assert least() == of_all


@settings(thorough, max_examples=30)
@given(chains(), st.sampled_from(ARCHS), st.sampled_from(PRICES))
def test_too_little_room_for_what_is_listed_changes_nothing(chain, arch, price):
    group, clocks = fusable(chain, arch), make_clocks(arch)

    def found():
        try:
            return search.search_group(group, arch, clocks, price)
        except MappingError:
            return None

    wanted = found()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(search, "FIRST_ROOM", 2)
        assert found() == wanted


@settings(thorough, max_examples=15)
@given(chains(), st.sampled_from(ARCHS), st.sampled_from(PRICES))
def test_cpython_finds_what_machine_code_finds(chain, arch, price):
    def found():
        forget()
        try:
            return search.search_group(fusable(chain, arch), arch, make_clocks(arch), price)
        except MappingError:
            return None

    compiled = found()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(kernels, "extension", lambda: types.SimpleNamespace(kernels={}))
        interpreted = found()
    forget()
    assert compiled == interpreted


@settings(thorough, max_examples=20)
@given(chains(), st.sampled_from(ARCHS))
def test_layers_and_arrays_in_words_are_read_back(chain, arch):
    group = fusable(chain, arch)
    scales = make_scales(group, fit_tiles(group, arch), arch, make_clocks(arch), PRICES[0])
    modes = scales.plain_modes(1.0)
    layers = [read(Layer, [*map(int, modes.layer)], number) for number in range(len(scales.modes))]
    arrays = [read(Array, [*map(int, modes.array)], number) for number in range(len(scales.modes))]
    assert layers == [plain_layer(group.stages[stage]) for stage in scales.stages]
    machine = make_machine(
        group.stages[0], arch, modes_of(group, arch)[0][0], keeps=len(group.stages) > 1, adders=group.adders,
        apart=least_apart(group, 0),
    )  # fmt: skip
    assert arrays[0] == plain_array(machine)
