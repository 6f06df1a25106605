"""The mapper: rank every tiling that fits the buffers by estimated latency and traffic, offer the best few.

The caller simulates them and takes the best by simulation.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.base.caches import kept
from lw3dsim.base.integers import NEVER
from lw3dsim.base.kernels import INTERPRETED, kernels
from lw3dsim.base.values import Value, replace
from lw3dsim.describe.buffers import KIB_BITS, OWN_BANKS
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.errors import MappingError
from lw3dsim.machine.microarchitecture import PARALLEL_MODES, make_machine, parallel_modes, plain_array
from lw3dsim.machine.problem import plain_layer
from lw3dsim.map.layer.bounds import Least
from lw3dsim.map.layer.candidates import ALIGNED, candidate_sizes, count_choices, make_choices
from lw3dsim.map.layer.compute import nothing_costed
from lw3dsim.map.layer.least import UNKNOWN, Blocks, bound_blocks
from lw3dsim.map.layer.mapping import MAX_STEPS, ORDERS, Mapping, all_blocks, input_layout, output_layout
from lw3dsim.map.layer.price import CANDIDATES
from lw3dsim.map.layer.ranking import INFINITE, Kept
from lw3dsim.map.layer.room import ifmap_bits, ofmap_bits
from lw3dsim.map.layer.shortlist import shortlist
from lw3dsim.map.layer.sums import weight_bits
from lw3dsim.map.layer.tiling import Limits, Task, Tiling, Times
from lw3dsim.tensor.layout import plain_rows

if TYPE_CHECKING:
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.buffers import Buffers
    from lw3dsim.describe.clocks import Clocks
    from lw3dsim.machine.problem import Problem
    from lw3dsim.map.layer.candidates import Sizes
    from lw3dsim.map.layer.mapping import Quanta
    from lw3dsim.map.layer.tiling import Choices


class Candidate(Value, frozen=True, kw_only=True):
    """A mapping, its ticks as estimated, the bursts that it moves, and ticks that no simulation of it beats.

    It opens about so many ``rows`` of DRAM.
    ``own_ticks`` is what it costs beside its time and its bursts, in ticks, where that is looked at.
    """

    mapping: Mapping
    ticks: int
    bursts: int
    rows: int
    bound_ticks: int
    own_ticks: int


def search(
    problem: Problem,
    arch: Accelerator,
    clocks: Clocks,
    *,
    keep: int = CANDIDATES,
    burst_ticks: int = 0,
    tree_ticks: int = 0,
    busy_parts: int = 0,
    row_ticks: int = 0,
    quanta: Quanta | None = None,
) -> list[Candidate]:
    """Return the ``keep`` most promising mappings, at most all; raise MappingError when none fits.

    They are those of the least ticks, a burst counted as ``burst_ticks``, working on channels in parallel as
    ``tree_ticks``, a row of DRAM as ``row_ticks``, and a tick in which the array works as ``busy_parts`` of BUSY_PARTS
    of a tick more. Where a burst counts nothing, half of them are those that move least among the nearly fastest; they
    come first. Where it counts NEVER, they are those of the fewest bursts, and ticks decide between equals. Of
    ``quanta`` see :func:`candidate_sizes`.
    """
    at_once, in_trees = arch.places("output_channels"), arch.places("input_channels")
    aligned = ALIGNED if burst_ticks == NEVER else ()
    sizes = candidate_sizes(problem, at_once, arch.pe.mults_per_pe, in_trees, quanta, aligned)
    tilings = math.prod(map(len, sizes))
    work = kernels()
    choices = make_choices(problem, sizes, clocks.burst_bytes, work)
    inp, out = input_layout(problem, clocks.burst_bytes), output_layout(problem, clocks.burst_bytes)
    task = _task(problem, arch, clocks, choices, inp.row_bursts, out.row_bursts)
    setup_ticks = arch.layer_setup_cycles * clocks.cycle_ticks
    least = Least(setup_ticks, clocks.least_burst_ticks, clocks.answer_ticks, plain_rows(inp), plain_rows(out))
    modes = parallel_modes(problem, arch)
    second = plain_array(make_machine(problem, arch, modes[1])) if len(modes) > 1 else task.array
    # A tiling comes in two orders.
    keep = min(keep, 2 * tilings * len(modes))
    best, thrifty = work.sheet(Kept, keep), work.sheet(Kept, max(keep // 2, 1))
    costed = nothing_costed(work, len(modes) * math.prod(map(len, sizes[2:])))
    own = burst_ticks, tree_ticks, busy_parts, row_ticks
    work(shortlist)(task, second, len(modes), *own, least, costed, best, thrifty)
    rows = {row["number"]: row for row in (*_rows(thrifty), *_rows(best))}
    if not rows:
        raise _too_small(problem, sizes, task, arch)
    return [_candidate(sizes, row, row_ticks, tree_ticks) for row in list(rows.values())[:keep]]


def _candidate(sizes: Sizes, row: dict[str, int], row_ticks: int, tree_ticks: int) -> Candidate:
    """Return what a kept row says, of places among these ``sizes``."""
    return Candidate(
        mapping=_mapping(sizes, row),
        ticks=row["latency"],
        bursts=row["bursts"],
        rows=row["visits"],
        bound_ticks=row["bound"],
        own_ticks=row_ticks * row["visits"] + (tree_ticks if row["mode"] else 0),
    )


def _task(
    problem: Problem, arch: Accelerator, clocks: Clocks, choices: Choices, input_row: int, output_row: int
) -> Task:
    return Task(
        layer=plain_layer(problem),
        array=plain_array(make_machine(problem, arch, "pixel")),
        mode=0,
        limits=_limits(arch.buffers),
        times=Times(
            cycle=clocks.cycle_ticks,
            burst=clocks.burst_ticks,
            visit=clocks.visit_ticks,
            opening=clocks.opening_ticks,
            latency=clocks.latency_ticks,
            channels=clocks.dram.channels,
            page_bursts=clocks.dram.page_bursts,
            input_row_bursts=input_row,
            output_row_bursts=output_row,
        ),
        choices=choices,
    )


@kept(4096)
def _limits(buffers: Buffers) -> Limits:
    bits = buffers.capacity_bits
    return Limits(
        ifmap_bits=bits["ifmap"],
        weight_bits=bits["weight"],
        ofmap_bits=bits["ofmap"],
        slots=buffers.slots,
        max_steps=MAX_STEPS,
        banks=buffers.shared_banks if buffers.is_whole else 0,
        bank_bits=buffers.bank_kib * KIB_BITS,
        least_banks=OWN_BANKS,
    )


def _rows(kept: Kept) -> list[dict[str, int]]:
    rows = [dict(zip(Kept._fields, words, strict=True)) for words in np.array(kept).T.tolist()]
    return [row for row in rows if row["bursts"] != INFINITE]


def _mapping(sizes: Sizes, row: dict[str, int]) -> Mapping:
    n, c, t, h, w = sizes
    return Mapping(
        n=n[row["n"]],
        c=c[row["c"]],
        t=t[row["t"]],
        h=h[row["h"]],
        w=w[row["w"]],
        order=ORDERS[row["order"]],
        parallel=PARALLEL_MODES[row["mode"]],
        ifmap_slots=row["ifmap"],
        weight_slots=row["weight"],
        ofmap_slots=row["ofmap"],
    )


def _too_small(problem: Problem, sizes: Sizes, task: Task, arch: Accelerator) -> MappingError:
    """Say which buffer is too small for any tiling, and how large it would have to be."""
    layer, limits, capacity = task.layer, task.limits, arch.buffers.capacity_bits
    # The smallest sizes come last.
    n, c, t, h, w = ([own[-1]] for own in sizes)
    choices = count_choices(problem, (n, [sizes[1][0], *c], t, h, w), make_clocks(arch).burst_bytes, INTERPRETED)
    at, whole_c = Tiling(0, 1, 0, 0, 0), Tiling(0, 0, 0, 0, 0)
    needs = {
        "ifmap": ifmap_bits(layer, choices, at),
        "weight": weight_bits(layer, choices.n.size[at.n], choices.c.size[at.c], 1),
        "ofmap": min(ofmap_bits(layer, choices, place) for place in (at, whole_c)),
    }
    if arch.buffers.is_whole:
        banks = sum(max(-(-int(bits) // limits.bank_bits), limits.least_banks) for bits in needs.values())
        remedy = f"they need at least {banks} banks; raise it"
        return MappingError("buffers.shared_kib", f"{limits.banks} banks hold no tiles ({remedy})")
    for name, bits in needs.items():
        need, have = -(-int(bits) // KIB_BITS), capacity[name] // KIB_BITS
        if need > have:
            remedy = f"needs at least {need} KiB; raise it"
            return MappingError(f"buffers.{name}_kib", f"{have} KiB hold no tile ({remedy})")
    return MappingError(
        "buffers",
        f"no tiling fits all three buffers in {MAX_STEPS} steps; raise ifmap_kib, weight_kib, ofmap_kib",
    )


def tile_channels(problem: Problem, arch: Accelerator) -> Quanta:
    """Return the channels that tiles of the input and of the output of a layer may have: whole blocks of any size."""
    trees, quanta = arch.places("input_channels"), all_blocks(problem, arch)
    n, c, *_ = candidate_sizes(problem, arch.places("output_channels"), arch.pe.mults_per_pe, trees, quanta)
    first = c if problem.structure == "dense" else [problem.input_channels_of(size) for size in n]
    return tuple(first), tuple(n)


def bound_of_blocks(
    problem: Problem, arch: Accelerator, clocks: Clocks, blocks: Quanta, most: int
) -> tuple[list[int], list[int]]:
    """Return the bursts that a layer moves at least with its input in each block, and with its output in each.

    The other tensor is in the best of its ``blocks``, tiles are whole blocks of any of them; ``most`` stands for as
    many or more.
    """
    size, work = clocks.burst_bytes, kernels()
    usual, trees = all_blocks(problem, arch), arch.places("input_channels")
    firsts, lasts = (tuple(sorted({*map(abs, of), *own})) for of, own in zip(blocks, usual, strict=True))
    at_once = arch.places("output_channels")
    sizes = candidate_sizes(problem, at_once, arch.pe.mults_per_pe, trees, (firsts, lasts), ALIGNED)
    task = _task(problem, arch, clocks, count_choices(problem, sizes, size, work), 0, 0)
    n, c, _, h, w = map(len, sizes)
    lies = input_layout(problem, size), output_layout(problem, size)
    tables = []
    for layout, own, tiles in zip(lies, blocks, (c if problem.structure == "dense" else n, n), strict=True):
        many = len(own)
        rows = [value for block in own for value in plain_rows(replace(layout, block=block))]
        whole, columns, planes = (work.words([UNKNOWN] * (many * by)) for by in (tiles, tiles, h * w))
        least, now = work.empty(many), work.empty(many)
        tables.append(Blocks(work.words(rows), least, whole, columns, planes, now))
    work(bound_blocks)(task, tables[0], tables[1], 8 * size, most)
    first, last = (np.asarray(table.least).tolist() for table in tables)
    return first, last


def fewest_bursts(problem: Problem, arch: Accelerator, clocks: Clocks) -> int:
    """Return the bursts that no mapping of a layer, its tiles whole blocks of any size, moves less of as it lies.

    Raises MappingError when none fits.
    """
    return search(problem, arch, clocks, keep=1, burst_ticks=NEVER, quanta=all_blocks(problem, arch))[0].bursts
