"""Does the search of fused groups choose how input and output lie, and in which chunks output leaves, at its best?"""

from __future__ import annotations

import itertools
import operator

from fused_groups import SMALL, chains, fusable
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from lw3dsim.base.values import replace
from lw3dsim.describe.accelerator_file import load_arch
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.errors import MappingError
from lw3dsim.map.group import search
from lw3dsim.map.group.candidates import fit_tiles
from lw3dsim.map.group.cost import lying_of
from lw3dsim.map.layer.price import Price
from lw3dsim.network.groups import run_group
from lw3dsim.schedule.fused import build_group_schedule
from lw3dsim.tensor.layout import block_sizes

CLOCKS = make_clocks(SMALL)
BYTES = Price(cycle=1e-6, dram_byte=1.0)
FEW_ROWS = load_arch(
    "edge_small",
    overrides=(
        "buffers.ifmap_kib=4",
        "buffers.weight_kib=2",
        "buffers.ofmap_kib=4",
        "pe.rows=2",
        "dram.preset=ddr4-2400-x64",
    ),
)
thorough = settings(max_examples=40, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])


def freed(group, smallest=2, packed=()):
    ends = group.channels[0], group.channels[-1]
    is_alone = len(group.dram_inputs) == 1 and group.stages[0].sources == 1
    inputs, outputs = ((*block_sizes(smallest, channels), *packed) for channels in ends)
    inner = ((*block_sizes(smallest, group.channels[tensor]), *packed) for tensor in group.stored)
    return replace(group, free=(inputs if is_alone else (), outputs, *inner))


def found(group, arch, **kwargs):
    try:
        return search.search_group(group, arch, make_clocks(arch), BYTES, **kwargs)
    except MappingError:
        return []


def packings():
    """Blocks of packed rows that tensors may lie in beside the usual ones: none or two."""
    return st.just(()) | st.lists(st.integers(-12, -1), min_size=1, max_size=2, unique=True).map(tuple)


@thorough
@given(chains(), st.sampled_from([SMALL, FEW_ROWS]), packings())
def test_free_layouts_are_as_good_as_the_best_of_all_given_ones(chain, arch, packed):
    group = freed(fusable(chain, arch), packed=packed)
    free = found(group, arch, keep=1)
    given_ones = [
        one
        for a, b, *inner in itertools.product(*group.all_blocks)
        for one in found(group.in_blocks(input_block=a, output_block=b, stored=inner), arch, keep=1)
    ]
    assert bool(free) == bool(given_ones)
    assert not free or free[0].dram_bytes <= min(one.dram_bytes for one in given_ones)


@thorough
@given(chains(), st.sampled_from([SMALL, FEW_ROWS]), packings())
def test_what_a_group_moves_in_the_layouts_of_its_plan_is_what_its_schedule_moves(chain, arch, packed):
    group, clocks = freed(fusable(chain, arch), packed=packed), make_clocks(arch)
    for one in found(group, arch):
        schedule = build_group_schedule(one.plan.laid_out(group), one.plan.mapping, arch, clocks)
        assert schedule.total_bursts * clocks.burst_bytes == one.dram_bytes


@thorough
@given(chains(), st.sampled_from([SMALL, FEW_ROWS]))
def test_beside_the_largest_chunk_that_fits_all_are_tried_that_move_less_of_a_tensor_than_any_larger_one(chain, arch):
    group, clocks = freed(fusable(chain, arch)), make_clocks(arch)
    fits = fit_tiles(group, arch)
    lying, every = lying_of(group, fits, clocks), len(fits.parts.w.tile)
    sizes = fits.parts.chunks.size[fits.parts.chunks.begin[-2] : fits.parts.chunks.begin[-1]]
    weights = [loaded(group, size, 8 * clocks.burst_bytes) for size in sizes]
    for way in range(fits.ways[2]):
        first = len(lying.tensor)
        stored = lying.lines.bursts[first * every + way : (first + len(sizes)) * every : every]
        moved = [(bursts, *of_stages) for bursts, of_stages in zip(stored, weights, strict=True)]
        for own, bursts in enumerate(moved):
            smaller = [place for place in range(own) if any(map(operator.lt, moved[place], bursts))]
            assert lying.fewer[own * every + way] == max(smaller, default=-1)


def loaded(group, size, burst_bits):
    """The bursts of all weights of each stage of the last run, in chunks of so many channels."""
    weighted = [group.stages[i] for i in group.runs[-1] if group.stages[i].has_weights]
    chunks = [[min(size, one.n - first) for first in range(0, one.n, size)] for one in weighted]
    each = [one.c * one.kernel_bits + one.bias_bits for one in weighted]
    return [sum(-(-n * bits // burst_bits) for n in cut) for cut, bits in zip(chunks, each, strict=True)]


@settings(thorough, max_examples=15)
@given(chains(), packings())
def test_the_run_of_a_group_lies_as_its_plan_says(chain, packed):
    group = freed(fusable(chain), packed=packed)
    assume(found(group, SMALL))
    run = run_group(group, SMALL, BYTES)
    assert run.work.block("input") in group.all_blocks[0]
    assert run.work.block("output") in group.all_blocks[1]
    assert run.dram_bytes in {one.dram_bytes for one in found(group, SMALL)}
