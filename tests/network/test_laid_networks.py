"""Does a network cost about what its best cut costs in the best layouts, found by trying them all?"""

from __future__ import annotations

import contextlib
import math
from functools import cache

import pytest
from laid_space import OBJECTIVES, Space, drawn, loss

from lw3dsim.account.simulated import Unit
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.errors import MappingError
from lw3dsim.map.layer.mapping import all_blocks
from lw3dsim.map.layer.price import Price
from lw3dsim.network.alone import Alone
from lw3dsim.network.apart import map_layers
from lw3dsim.network.fusion import Judge, fuse
from lw3dsim.network.layers import laid, problems_of, run_problem
from lw3dsim.network.laying import fused_units
from lw3dsim.network.layout_costs import least_as_mapped, least_of_layer, wasted_by
from lw3dsim.network.layouts import moved_by, moved_more, settle_layouts
from lw3dsim.network.objective import Figures, Weights, network_cost
from lw3dsim.network.runs import settled

# Networks of which not all that they lose is little where layouts are settled once all is mapped.
SEEDS = (4, 5, 9)

# Layouts of a network that are tried.
MOST = 1000


# Layers one by one keep their mappings for latency: bounds of designs rely on that.
ASKED = [(objective, "auto") for objective in OBJECTIVES] + [(objective, "off") for objective in OBJECTIVES[1:]]


@pytest.mark.parametrize(("objective", "fusion"), ASKED)
def test_a_network_costs_what_its_best_cut_does_in_its_best_layouts(objective, fusion):
    lost = [loss(seed, objective, fusion, MOST) for seed in SEEDS]
    known = [one for one in lost if one is not None]
    assert len(known) > 1
    assert max(known) < 0.01


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_layers_that_may_be_fused_never_cost_more_than_one_by_one(objective):
    for seed in range(4, 8):
        network, arch = drawn(seed)
        try:
            space = Space(network, arch, objective, fuses=False)
        except MappingError:
            continue
        apart = space.answered(objective, "off")
        assert space.answered(objective, "auto") <= apart * (1 + 1e-9), seed


@cache
def layers_of(seed):
    """Return the layers of a drawn network as they are mapped one by one."""
    network, arch = drawn(seed)
    runs = map_layers(network, arch)
    return [Unit(layers=(layer,), run=run) for layer, run in zip(network.layers, runs, strict=True)]


@pytest.mark.parametrize("seed", range(5))
def test_what_a_mapping_moves_in_other_blocks_is_what_it_does_there(seed):
    for unit in layers_of(seed):
        burst_bytes = make_clocks(unit.run.arch).burst_bytes
        for blocks in ((8, 8), (1, 12), (None, 2), (12, None)):
            work = unit.run.work
            for side, block in zip(work.sides, blocks, strict=True):
                work = work if block is None else work.in_block(side, block)
            there = settled(unit.run, work, "auto")
            assert moved_by(unit, burst_bytes, blocks) == there.dram_bytes
            each = zip(work.sides, blocks, strict=True)
            more = [moved_more(unit, burst_bytes, side, (block,))[0] for side, block in each]
            assert unit.run.dram_bytes + sum(more) == there.dram_bytes


def elements(boxes):
    """Return the elements of all boxes of a tensor."""
    lines = int(boxes.t.begins[-1]) * int(boxes.h.begins[-1])
    return int(boxes.channel_count.sum()) * lines * int(boxes.w.span.sum())


@pytest.mark.parametrize("seed", range(5))
def test_what_a_layer_moves_for_nothing_is_all_that_no_box_of_its_tiles_holds(seed):
    for unit in layers_of(seed):
        work, events, burst_bytes = unit.run.work, unit.run.events, make_clocks(unit.run.arch).burst_bytes
        read, stored = (work.boxes(side, burst_bytes) for side in work.sides)
        times = events.dram_ifmap_bytes // (int(read.bursts().sum()) * burst_bytes)
        needed = times * elements(read), elements(stored)
        wasted = wasted_by(unit, {*unit.layers[0].inputs, unit.layers[0].name}, Price(cycle=0.0, dram_byte=1.0))
        assert wasted == events.dram_ifmap_bytes + events.dram_ofmap_bytes - sum(needed)
        assert wasted_by(unit, (), Price(cycle=0.0, dram_byte=1.0)) == 0


@pytest.mark.parametrize("seed", [4, 5, 9])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_units_that_are_fixed_and_layouts_that_are_given_stand(seed, objective):
    network, arch = drawn(seed)
    space = Space(network, arch, objective, fuses=True)
    runs = map_layers(network, arch, price=space.weights.price)
    for path in space.paths:
        fixed = {path: space.run(path, {}) if len(path) > 1 else runs[path[0]]}
        tensor = network.layers[path[-1]].name
        given = {tensor: 4} if tensor in space.free else {}
        units = fused_units(
            Alone(
                network=network,
                runs=runs,
                arch=arch,
                engine="auto",
                weights=space.weights,
                fixed=fixed,
                layouts=given,
            )
        )
        names = tuple(network.layers[i].name for i in path)
        (unit,) = [unit for unit in units if tuple(layer.name for layer in unit.layers) == names]
        assert unit.run.work.mapping == fixed[path].work.mapping
        assert unit.run.work.block("output") == given.get(tensor, unit.run.work.block("output"))
        assert sorted(layer.name for one in units for layer in one.layers) == sorted(one.name for one in network.layers)


@pytest.mark.parametrize("seed", range(4))
def test_no_mapping_of_a_layer_costs_less_than_it_does_at_least_in_any_layout(seed):
    network, arch = drawn(seed)
    price = Price(cycle=1.0, dram_byte=0.01)
    for problem in problems_of(network, arch, "auto"):
        runs = []
        for lies in ((None, None), (8, 8), (1, None), (None, 12)):
            lying = laid(problem, lies)
            with contextlib.suppress(MappingError):
                runs.append(run_problem(lying, arch, price=price, quanta=all_blocks(lying, arch)))
        for run in runs:
            assert max(least_of_layer(one, price) for one in runs) <= price.of(run.latency_cycles, run.dram_bytes)


@pytest.mark.parametrize("seed", range(5))
def test_layers_cost_no_less_in_any_layouts_than_they_do_at_least_as_they_are_mapped(seed):
    network, arch = drawn(seed)
    units = layers_of(seed)
    weights = Weights.of("latency", Figures.total([Figures.of(network, unit, None) for unit in units]))
    least = least_as_mapped(units, weights)
    for block in (1, 4, 8, 12):
        laid_out = settle_layouts(network, units, arch, "auto", dict.fromkeys(network.shapes, block))
        assert least <= network_cost(network, laid_out, arch, weights)
    assert least <= network_cost(network, settle_layouts(network, units, arch, "auto", {}), arch, weights)


def judged(seeds):
    """Yield drawn networks that can be mapped, with their accelerators, what costs weigh, and a judge of cuts."""
    for seed in seeds:
        network, arch = drawn(seed)
        try:
            weights = Space(network, arch, "latency", fuses=True).weights
        except MappingError:
            continue
        runs = map_layers(network, arch)
        alone = Alone(network=network, runs=runs, arch=arch, engine="auto", weights=weights, fixed={}, layouts={})
        yield network, arch, weights, Judge.of(alone, ())


def test_units_cost_no_more_where_time_settles_layouts_too_and_less_where_rows_are_opened_for_nothing():
    saved = []
    for network, arch, weights, judge in judged(range(12)):
        units = fuse(judge, {})
        by_bytes = network_cost(network, settle_layouts(network, units, arch, "auto", {}), arch, weights)
        saved.append(by_bytes - network_cost(network, judge.settler.settle(units, {}), arch, weights))
    assert min(saved) >= 0
    assert max(saved) > 0


def test_groups_that_are_dismissed_cost_more_than_their_layers_by_themselves():
    dismissed = 0
    for _, _, _, judge in judged(range(8)):
        fuse(judge, {})
        for path in sorted(judge.dismissed):
            assert judge.known_least(path) == sum(judge.worth[i] for i in path)
            judge.estimate(path, math.inf)
            estimate = judge.costs[path]
            assert estimate is None or estimate > sum(judge.worth[i] for i in path)
            dismissed += estimate is not None
    assert dismissed
