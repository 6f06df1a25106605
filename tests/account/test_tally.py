"""Does counting sorts of tiles give what the unrolled program of a mapping does?"""

from __future__ import annotations

from random import Random

import pytest

from lw3dsim import load_arch
from lw3dsim.account.events import count_events
from lw3dsim.account.tally import tallies
from lw3dsim.base.values import fields_of
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.errors import MappingError
from lw3dsim.machine.problem import make_problem, on_rows
from lw3dsim.map.layer.search import search
from lw3dsim.schedule.build import build_schedule
from lw3dsim.testing.networks import small_networks
from lw3dsim.transform.algorithms import candidates

SMALL = ["buffers.ifmap_kib=4", "buffers.weight_kib=2", "buffers.ofmap_kib=4"]
DESIGNS = [("edge_base", SMALL), ("edge_small", SMALL), ("array_16x16", []), ("edge_base", ["pe.cols=3"])]


def cases(arch):
    """Every layer of the small networks, of one clip or three, in every algorithm and way; mappings drawn from many."""
    draw = Random(1)  # noqa: S311  # repeatable
    for network in small_networks():
        for layer in network.layers:
            inputs, output = network.input_shapes(layer), network.shapes[layer.name]
            for algorithm in candidates(layer, "auto", 2, 2):
                problem = make_problem(layer, inputs, output, algorithm, arch, draw.choice((1, 3)))
                for way in on_rows(problem, arch.places("output_channels")):
                    try:
                        found = search(way, arch, make_clocks(arch), keep=100)
                    except MappingError:
                        continue
                    for candidate in draw.sample(found, min(len(found), 6)):
                        yield way, candidate


@pytest.mark.parametrize(("name", "changes"), DESIGNS)
def test_a_tally_counts_what_the_program_does(name, changes):
    arch = load_arch(name, overrides=changes)
    clocks, seen = make_clocks(arch), 0
    for problem, candidate in cases(arch):
        program = build_schedule(problem, candidate.mapping, arch, clocks)
        counted = fields_of(count_events(program, clocks.burst_bytes, arch.buffers))
        (tallied,) = tallies(problem, [candidate.mapping], arch, clocks.burst_bytes)
        for event, count in fields_of(tallied.events).items():
            # Tiles in one piece fill no more bursts than those of any layout.
            assert count <= counted[event] if event.startswith("dram") else count == counted[event], event
        assert tallied.moved == (tallied.events.dram_read_bytes + tallied.events.dram_write_bytes) // clocks.burst_bytes
        assert tallied.moved <= program.total_bursts
        seen += 1
    assert seen > 100


@pytest.mark.parametrize(("name", "changes"), DESIGNS)
def test_the_array_is_at_work_as_long_as_the_mapper_says_and_no_longer_than_the_bound(name, changes):
    arch = load_arch(name, overrides=[*changes, "dram.bandwidth_gbps=100000", "dram.latency_ns=0"])
    clocks, ports = make_clocks(arch), []
    for problem, candidate in cases(arch):
        (tallied,) = tallies(problem, [candidate.mapping], arch, clocks.burst_bytes)
        alone = (tallied.first_load + tallied.last_store) * clocks.least_burst_ticks
        ticks = (arch.layer_setup_cycles + tallied.array_cycles) * clocks.cycle_ticks + alone
        # DRAM takes next to no time: the mapper's bound is the array's, but for bursts of tiles in several pieces.
        assert ticks <= candidate.bound_ticks <= ticks + clocks.cycle_ticks * (1 + tallied.array_cycles // 50)
        ports.append(ticks)
    assert len(ports) > 100
