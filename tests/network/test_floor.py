"""Is what a network costs at least never more than it does, from the first look until every layer is known?"""

from __future__ import annotations

import math
from random import Random

import pytest

from lw3dsim.describe.accelerator_file import load_arch
from lw3dsim.describe.workload import Shape, build_workload
from lw3dsim.network.outlook import Outlook
from lw3dsim.network.pipeline import map_network
from lw3dsim.result.costs import Costs
from lw3dsim.testing.networks import small_networks

CHOICES = {
    "pe.rows": [1, 2, 5, 8],
    "pe.cols": [1, 3],
    "pe.mults_per_pe": [4, 9, 16, 36],
    "pe.acc_depth": [4, 16],
    "buffers.ifmap_kib": [2, 4, 32],
    "buffers.weight_kib": [2, 4, 32],
    "buffers.ofmap_kib": [4, 32],
    "buffers.ifmap_banks": [1, 2],
    "buffers.ofmap_banks": [1, 2],
    "winograd.m1": [1, 2, 4],
    "winograd.m2": [1, 2, 3],
    "winograd.weight_transform": ["offline", "onchip"],
    "vector_lanes": [4, 32],
    "clock_mhz": [250, 1000],
    "dram.preset": ["lpddr4-3200-x16", "lpddr4-3200-x32", "lpddr5-6400-x16", "ddr4-2400-x64"],
    "dram.model": ["in_order", "in_order", "plain", "fr_fcfs"],
    "dram.channels": [1, 2],
    "dram.layout": ["auto", "auto", "blocked", "cthw"],
    "layer_setup_cycles": [0, 1000],
}
POLICIES = ("direct", "hfa", "nested", "auto")


def figures(network, arch, units):
    """What a mapped network costs: cycles, DRAM bytes, energy, area."""
    costs = Costs(network, arch, units)
    area = math.fsum(costs.area_mm2.values())
    return costs.latency_cycles, costs.dram_bytes, math.fsum(costs.energy_pj.values()), area


def known(outlook):
    least = outlook.least
    return least.cycles, least.dram_bytes, least.energy_pj, least.area_mm2


def drawn(number):
    """A design and a policy by number. Designs that contradict themselves are drawn again."""
    draw = Random(number)  # noqa: S311  # repeatable
    while True:
        overrides = [f"{path}={draw.choice(values)}" for path, values in CHOICES.items()]
        try:
            return load_arch("edge_base", overrides=overrides), draw.choice(POLICIES)
        except ValueError:
            continue


@pytest.mark.parametrize("number", range(24))
def test_a_network_never_costs_less_than_is_known_of_it(number):
    arch, policy = drawn(number)
    network = small_networks()[number % 2]
    found = figures(network, arch, map_network(network, arch, algorithm=policy))
    outlook, looks = Outlook(network, arch, policy), 0
    before = (0, 0, 0.0, 0.0)
    while True:
        least = known(outlook)
        for now, was, cost in zip(least, before, found, strict=True):
            # What is known only grows, up to what it costs; sums of energy are rounded.
            assert was * (1 - 1e-12) <= now <= cost * (1 + 1e-12)
        before, looks = least, looks + 1
        if not outlook.refine():
            break
    assert looks == len(network.layers) + 2
    assert outlook.simulated == len(network.layers)


def test_where_all_layers_and_layouts_are_known_so_is_the_cost():
    arch = load_arch("edge_base", overrides=["dram.layout=blocked"])
    network = small_networks()[0]
    outlook = Outlook(network, arch, "hfa")
    while outlook.refine():
        pass
    found = figures(network, arch, map_network(network, arch, algorithm="hfa"))
    assert known(outlook) == pytest.approx(found, rel=1e-12)


def test_the_area_is_exact_where_layers_have_one_algorithm():
    arch, network = load_arch("edge_base"), small_networks()[1]
    units = map_network(network, arch, algorithm="hfa")
    outlook = Outlook(network, arch, "hfa")
    assert outlook.least.area_mm2 == pytest.approx(math.fsum(Costs(network, arch, units).area_mm2.values()))
    # Where layers may run direct or not, the chip may do without transforms.
    least = Outlook(network, arch, "auto").least.area_mm2
    assert least == pytest.approx(Outlook(network, arch, "direct").least.area_mm2)
    assert least < outlook.least.area_mm2


def test_bounds_are_tight_where_little_is_left_to_chance():
    arch = load_arch("edge_base")
    network = small_networks()[0]
    wide = build_workload(name="wide", inputs={"clip": Shape(3, 8, 48, 48)}, layers=network.layers)
    least = known(Outlook(wide, arch, "hfa"))
    found = figures(wide, arch, map_network(wide, arch, algorithm="hfa"))
    latency, *others = (low / high for low, high in zip(least, found, strict=True))
    # Of mappings nearly as fast the one that moves least is taken, not the one of the least energy.
    assert latency > 0.98
    assert all(share > 0.75 for share in others), others
