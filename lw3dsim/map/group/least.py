"""What groups cost at least, whatever their mappings: all that a network has, one after the other, in one call.

A search bounds all chains of a network before it looks at any of them closely.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lw3dsim.base.integers import NEVER
from lw3dsim.base.kernels import entry, flat, kernel, kernels
from lw3dsim.machine.problem import plain_layer
from lw3dsim.map.group.axes import Reaches, Units, empty_cuts
from lw3dsim.map.group.candidates import chunk_sizes, limits_of, plain_chunks
from lw3dsim.map.group.cost import make_rates
from lw3dsim.map.group.fitting import Chunks, Floor, Parts, Stages, Tiles
from lw3dsim.map.group.floor import stage_floor
from lw3dsim.map.group.gather import WAYS_TO_WORK, Layers, Pace, Paths, Scratch, gather, pace_number
from lw3dsim.map.group.shortlist import PARTS, Aim, Rates, least_cost
from lw3dsim.map.group.tiles import bound_tile, may_be

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.base.arrays import Floats, Words
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.clocks import Clocks
    from lw3dsim.machine.problem import Problem
    from lw3dsim.map.group.axes import Cuts
    from lw3dsim.map.group.fitting import Limits
    from lw3dsim.map.group.group import Blocks, Group
    from lw3dsim.map.layer.price import Price

# What ordinary costs come to in integers, and where larger ones are cut off.
ORDINARY, MOST = 1 << 52, 1 << 60


@entry
def bound_groups(
    layers: Layers, paths: Paths, limits: Limits, rates: Rates, aim: Aim, burst_bits: int, own: Scratch, least: Words
) -> None:
    """Fill in what the cheapest tile of each group costs at least; NEVER where none fits."""
    for group in range(len(least)):
        parts, best = gather(layers, paths, group, limits, own), NEVER
        whole_h, whole_w = whole_way(parts.h, own.ways[1]), whole_way(parts.w, own.ways[2])
        # Large tiles first, as they cost less: what costs more along fewer axes than the best so far is passed over.
        for i in range(own.ways[0] - 1, -1, -1):
            if cost_of_tile(parts, limits, rates, aim, burst_bits, own, i, whole_h, whole_w, 0) >= best:
                continue
            for j in range(own.ways[1] - 1, -1, -1):
                if cost_of_tile(parts, limits, rates, aim, burst_bits, own, i, j, whole_w, 0) >= best:
                    continue
                for k in range(own.ways[2] - 1, -1, -1):
                    # A window slides along one axis only.
                    if parts.t.is_kept[i] + parts.h.is_kept[j] + parts.w.is_kept[k] <= 1:
                        best = min(best, cost_of_tile(parts, limits, rates, aim, burst_bits, own, i, j, k, 1))
        least[group] = best


@kernel
def whole_way(cuts: Cuts, ways: int) -> int:
    """Return the way that leaves an axis whole."""
    way = ways - 1
    while cuts.is_kept[way]:
        way -= 1
    return way


@kernel
def cost_of_tile(
    parts: Parts, limits: Limits, rates: Rates, aim: Aim, burst_bits: int, own: Scratch, i: int, j: int, k: int,
    is_held: int,
) -> int:  # fmt: skip
    """Return what a tile costs at least, NEVER where it has no room; if it isn't ``is_held``, needs none."""
    t, h, w, fit = parts.t, parts.h, parts.w, own.fit
    if is_held and not may_be(parts, limits, i, j, k):
        return NEVER
    fit.t[0], fit.h[0], fit.w[0] = i, j, k
    fit.tiles[0] = t.tiles[i] * h.tiles[j] * w.tiles[k]
    if not bound_tile(parts, limits, own.floor, fit, 0, is_held):
        return NEVER
    return least_cost(rates, aim, fit.cycles[0] * PARTS, fit.bits[0] // burst_bits)


def least_of_groups(
    groups: Sequence[Group], arch: Accelerator, clocks: Clocks, prices: Sequence[Price], ordinary: float
) -> Floats:
    """Return what no mapping of each of ``groups`` costs less than, but for adder trees; infinite where none fits.

    Each has a price of its own. Costs of about an ``ordinary`` size are bounded the most closely.
    """
    costs, work = np.full(len(groups), np.inf), kernels()
    numbers = {stage: number for number, stage in enumerate(dict.fromkeys(s for group in groups for s in group.stages))}
    plain = [_Plain.of(group, numbers) for group in groups]
    inner, final = [(stage.n, (1,)) for stage in numbers], [(one.channels, one.blocks) for one in plain]
    sets = {one: number for number, one in enumerate(dict.fromkeys([*inner, *final]))}
    layers = _make_layers(plain, list(numbers), sets, arch)
    limits, rates, scale = limits_of(arch), make_rates(arch, clocks), ORDINARY / ordinary if ordinary else 1.0
    of_size: dict[tuple[int, int, Price], list[int]] = defaultdict(list)
    for i, (one, price) in enumerate(zip(plain, prices, strict=True)):
        of_size[len(one.layers), one.runs, price].append(i)
    for (stages, runs, price), those in of_size.items():
        paths = _make_paths([plain[i] for i in those], [sets[final[i]] for i in those])
        own, least = _make_scratch(stages, runs, list(numbers), layers, arch), work.room(len(those))
        aim = _make_aim(price, clocks, scale)
        work(bound_groups)(layers, paths, limits, rates, aim, 8 * clocks.burst_bytes, own, least)
        found = np.asarray(least)
        costs[those] = np.where(found < NEVER, found / scale, np.inf)
    costs += arch.layer_setup_cycles * np.array([price.cycle for price in prices])
    return costs


class _Plain(NamedTuple):
    """A group in numbers: its layers, what they read and add, which add from DRAM, its runs, channels and blocks."""

    layers: list[int]
    reads: tuple[int, ...]
    adds: tuple[int, ...]
    reads_dram: list[bool]
    runs: int
    channels: int
    blocks: Blocks

    @classmethod
    def of(cls, group: Group, numbers: dict[Problem, int]) -> _Plain:
        """Return a group whose stages have these ``numbers``."""
        return cls(
            layers=[numbers[stage] for stage in group.stages],
            reads=group.sources,
            adds=group.adds,
            reads_dram=[operand == "dram" for operand in group.operands],
            runs=len(group.runs),
            channels=group.stages[-1].n,
            blocks=group.output_blocks,
        )


def _make_aim(price: Price, clocks: Clocks, scale: float) -> Aim:
    """Return prices in integers, ``scale`` times as high, rounded down; without trees."""
    part, busy = (int(cost / PARTS * scale) for cost in (price.cycle, price.busy))
    burst = int(price.dram_byte * clocks.burst_bytes * scale)
    parts, bursts = MOST // (part + busy + 1), MOST // (burst + 1)
    return Aim(part=part, busy=busy, burst=burst, parts=parts, bursts=bursts, trees=0, differ=0)


def _make_layers(
    groups: Sequence[_Plain], stages: Sequence[Problem], sets: dict[tuple[int, Blocks], int], arch: Accelerator
) -> Layers:
    """Return the ``stages`` of groups, and the sizes of chunks in ``sets``, each under its number."""
    work, paces = kernels(), [0] * (len(stages) * WAYS_TO_WORK * len(Pace._fields))
    for number, reads_back, keeps in {
        (number, (reads > 0) + (adds > 0), i < len(group.layers) - 1)
        for group in groups
        for i, (number, reads, adds) in enumerate(zip(group.layers, group.reads, group.adds, strict=True))
    }:
        one = stage_floor(stages[number], arch, reads_back, keeps)
        at = pace_number(number, reads_back, int(keeps)) * len(Pace._fields)
        paces[at : at + len(Pace._fields)] = (*one.of_all, *one.of_pass, one.fill)
    return Layers(
        layer=work.words([value for stage in stages for value in flat(plain_layer(stage))]),
        takes_all=work.words([stage.whole_frames for stage in stages]),
        pace=work.words(paces),
        chunks=plain_chunks([chunk_sizes(total, arch.pe.rows, blocks) for total, blocks in sets]),
        inner=work.words([sets[stage.n, (1,)] for stage in stages]),
    )


def _make_paths(groups: Sequence[_Plain], final: Sequence[int]) -> Paths:
    """Return groups of as many stages and runs."""
    work = kernels()
    return Paths(
        layer=work.words([each for group in groups for each in group.layers]),
        reads=work.words([each for group in groups for each in group.reads]),
        adds=work.words([each for group in groups for each in group.adds]),
        reads_dram=work.words([each for group in groups for each in group.reads_dram]),
        final=work.words(final),
    )


def _make_scratch(stages: int, runs: int, problems: Sequence[Problem], layers: Layers, arch: Accelerator) -> Scratch:
    """Return room for a group of so many stages, of these ``problems``, and runs."""
    work, most = kernels(), [max(stage.out[d] for stage in problems) for d in range(3)]
    of_stages, longest = [work.empty(stages) for _ in range(8)], max(most)
    n, c, has_weights, kernel_bits, bias_bits, run, reads_dram, filled = of_stages
    waits, channels, bits = (work.empty(stages + 1) for _ in range(3))
    t, h, w = (
        # Halos not kept, kept, and kept with as many tiles again, at most, that warm up.
        empty_cuts(work, stages, 3 * size, 4 * sum(-(-size // part) for part in range(1, size + 1)))
        for size in most
    )
    stages_of_group = Stages(
        n, c, has_weights, kernel_bits, bias_bits, run, reads_dram, waits, channels, work.empty(runs), work.empty(runs),
        bits, 1,
    )  # fmt: skip
    return Scratch(
        parts=Parts(
            stages=stages_of_group,
            t=t,
            h=h,
            w=w,
            units=Units._make(work.empty(stages * 3 * size) for size in most),
            sets=work.empty(1),
            set_bits=work.empty(1),
            chunks=Chunks(begin=work.empty(runs + 1), size=work.empty(max(1, runs * len(layers.chunks.size)))),
        ),
        floor=Floor._make((*(work.empty(stages) for _ in range(8)), arch.places("output_channels"))),
        reaches=work.columns(Reaches, stages),
        ways=work.empty(3),
        filled=filled,
        sizes=work.empty(longest + 1),
        low=work.empty(2 * longest),
        high=work.empty(2 * longest),
        ends=work.empty(stages + 1),
        fit=work.columns(Tiles, stages + 1),
    )
