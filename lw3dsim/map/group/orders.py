"""In which order a tensor lies on chip that several stages of a group look at.

It lies as the first of them that reads it takes its patches: in blocks of the channels of a round, in each the
positions of a tile. Who adds it goes through it in that order; another that reads it takes as many channels in a round.
See "Shared tensors" in ``docs/microarchitecture.md``.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.base.caches import kept
from lw3dsim.base.kernels import INTERPRETED
from lw3dsim.machine.microarchitecture import make_machine, parallel_modes, plain_array
from lw3dsim.machine.problem import plain_layer
from lw3dsim.machine.step import step_cycles
from lw3dsim.machine.waves import empty_waves, rows_used
from lw3dsim.map.group.group import KEPT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.base.arrays import Ints
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.machine.microarchitecture import Parallel
    from lw3dsim.machine.problem import Problem
    from lw3dsim.map.group.cutting import GroupAxis
    from lw3dsim.map.group.group import Group, GroupMapping


class Order(NamedTuple):
    """How a stage finds what it reads: axes ``apart``, channels of a ``block``, as in Array."""

    apart: int
    block: int = 0


def rings(group: Group, mapping: GroupMapping) -> tuple[bool, ...]:
    """Return, by tensor, whether it lies in rings along the axis of kept halos: whether any of it stays for a tile."""
    if mapping.kept == "none":
        return (False,) * len(group.channels)
    return mapping.axes(group)[KEPT.index(mapping.kept)].stays


def users(group: Group, tensor: int) -> list[int]:
    """Return the stages that look at a tensor, in order."""
    links = enumerate(zip(group.sources, group.adds, strict=True))
    return [stage for stage, (reads, adds) in links if tensor in (reads, adds)]


def leader(group: Group, tensor: int) -> int | None:
    """Return the first stage that reads a tensor, in whose order it lies; None of one that others only add."""
    return next((stage for stage, reads in enumerate(group.sources) if reads == tensor), None)


def shared(group: Group, stage: int) -> int:
    """Return the tensor on chip that a stage adds, or that it reads and others look at as well; -1 for none."""
    if group.adds[stage] >= 0:
        return group.adds[stage]
    tensor = group.sources[stage]
    # Most are looked at once, which is counted in less time.
    if group.sources.count(tensor) + group.adds.count(tensor) < 2:
        return -1
    return tensor if len(users(group, tensor)) > 1 else -1


@kept(4096)
def sharing(group: Group) -> tuple[int, ...]:
    """Return the shared tensor of every stage; nothing where no stage has one."""
    if max(group.adds) < 0 and len(set(group.sources)) == len(group.sources):
        return ()
    found = tuple(shared(group, stage) for stage in range(len(group.stages)))
    return found if max(found) >= 0 else ()


def orders(group: Group, mapping: GroupMapping, axes: Sequence[GroupAxis], arch: Accelerator) -> tuple[Order, ...]:
    """Return, by stage, how it finds what it reads under a mapping that cuts these ``axes``."""
    outside, others = 0 if mapping.kept == "none" else KEPT.index(mapping.kept), sharing(group)
    stays = axes[outside].stays if outside else (False,) * (len(group.stages) + 1)
    rings_apart = [outside if stays[tensor] else 0 for tensor in group.sources]
    if not others:
        return _apart(tuple(rings_apart))
    for stage, tensor in enumerate(others):
        if tensor >= 0 and stays[tensor]:
            rings_apart[stage] = outside
    return tuple(_order(group, mapping, axes, arch, stage, apart) for stage, apart in enumerate(rings_apart))


@kept(4096)
def _apart(axes: tuple[int, ...]) -> tuple[Order, ...]:
    """Return how stages find what nothing else looks at, of which so many axes lie apart."""
    return tuple(map(Order, axes))


def _order(
    group: Group, mapping: GroupMapping, axes: Sequence[GroupAxis], arch: Accelerator, stage: int, apart: int
) -> Order:
    """Return how a stage finds what it reads, of which so many axes lie in rings ``apart``."""
    tensor = sharing(group)[stage]
    lead = leader(group, tensor) if tensor >= 0 else None
    if lead is None:
        return Order(apart)
    apart = max(apart, _gaps(group, stage), _parted(group, axes, tensor, stage))
    if group.adds[stage] < 0:
        return Order(apart)
    run, of_lead = mapping.chunks[group.run_of(stage)], mapping.chunks[group.run_of(lead)]
    block = min(round_channels(group.stages[lead], arch, mapping.parallel[lead], of_lead), group.channels[tensor])
    return added(apart, block, run, group.stages[stage].n)


def added(apart: int, block: int, chunk: int, channels: int) -> Order:
    """Return how who adds it finds a tensor in blocks of so many channels that it takes ``chunk`` by chunk.

    Chunks that are no whole blocks have of a position what both have in common.
    """
    if chunk == channels or chunk % block == 0:
        return Order(apart, block)
    return Order(3, math.gcd(block, chunk))


@kept(65536)
def round_channels(problem: Problem, arch: Accelerator, parallel: Parallel, chunk: int) -> int:
    """Return the channels of its input that lie side by side at a position, ``chunk`` being those of a step."""
    if problem.structure == "vector":
        return min(arch.vector_lanes, chunk) if problem.beside == "position" else chunk
    machine = make_machine(problem, arch, parallel)
    if problem.structure == "dense":
        return machine.chunk
    return min(rows_used(plain_layer(problem), plain_array(machine)), chunk)


def _gaps(group: Group, stage: int) -> int:
    """Return the axes that lie apart since a stage leaves frames or rows out, which others look at."""
    problem = group.stages[stage]
    gaps = [k < s for k, s in zip(problem.kernel, problem.stride, strict=True)]
    return 2 if gaps[1] else 1 if gaps[0] else 0


def least_apart(group: Group, stage: int) -> int:
    """Return the axes that lie apart for a stage whatever the tiles: windows of others are wider, or higher."""
    tensor = shared(group, stage)
    if tensor < 0:
        return 0
    own = (1, 1, 1) if group.adds[stage] >= 0 else group.stages[stage].kernel
    others = [group.stages[i].kernel for i, reads in enumerate(group.sources) if reads == tensor and i != stage]
    wide = [any(kernel[axis] > own[axis] for kernel in others) for axis in range(3)]
    return max(_gaps(group, stage), 2 if wide[2] else 1 if wide[1] else 0)


def _parted(group: Group, axes: Sequence[GroupAxis], tensor: int, stage: int) -> int:
    """Return the axes that lie apart for a stage since some tile holds more of a tensor than it looks at."""
    seen = users(group, tensor)
    if not _sees_all(group, axes[2], seen, stage, 2):
        return 2
    return 0 if _sees_all(group, axes[1], seen, stage, 1) else 1


def _sees_all(group: Group, cuts: GroupAxis, seen: Sequence[int], stage: int, axis: int) -> bool:
    """Return whether a stage looks, in every tile, at all along an axis that those look at who have ``seen`` it."""
    low, end = window(group, cuts, stage, axis)
    is_here = cuts.new[stage + 1] > 0
    for one in seen:
        first, behind = window(group, cuts, one, axis)
        works = cuts.new[one + 1] > 0
        if (is_here & works & ((first < low) | (behind > end))).any():
            return False
    return True


def window(group: Group, cuts: GroupAxis, stage: int, axis: int) -> tuple[Ints, Ints]:
    """Return, by tile, the first position that a stage looks at, and that behind the last, of ragged tiles too."""
    problem, first, new = group.stages[stage], cuts.first[stage + 1], cuts.new[stage + 1]
    stride, m = problem.stride[axis], problem.algorithm.tile[axis]
    low = first * stride - problem.padding[axis]
    return low, low + (-(-new // m) * m - 1) * stride + problem.kernel[axis]


def modes_of(group: Group, arch: Accelerator) -> tuple[tuple[Parallel, ...], ...]:
    """Return, by stage, the modes in which it may run: one where another dense stage reads the same tensor.

    The tensor lies in blocks of the channels of a round of both: it is that in which a frame of all takes less time.
    """
    modes, sources = [parallel_modes(stage, arch) for stage in group.stages], set(group.sources)
    for tensor in sources if len(sources) < len(modes) else ():
        readers = [i for i, one in enumerate(group.sources) if one == tensor]
        if len(readers) > 1:
            common = [mode for mode in modes[readers[0]] if all(mode in modes[i] for i in readers)]
            alike = _faster(tuple(group.stages[i] for i in readers), tuple(common), arch)
            for i in readers:
                modes[i] = (alike,)
    return tuple(modes)


@kept(4096)
def _faster(stages: tuple[Problem, ...], common: tuple[Parallel, ...], arch: Accelerator) -> Parallel:
    """Return the mode in which a frame of the outputs of all stages takes the fewest cycles, the first of equals."""
    waves = empty_waves(INTERPRETED)

    def cycles(mode: Parallel) -> int:
        total = 0
        for stage in stages:
            layer, array = plain_layer(stage), plain_array(make_machine(stage, arch, mode))
            total += step_cycles(layer, array, stage.n, stage.c, 1, *stage.out[1:], 1, 1, waves)
        return total

    return min(common, key=cycles)


def disagreeing(group: Group, parallel: Sequence[Parallel]) -> list[int]:
    """Return the stages that read what another does in another mode."""
    pairs = itertools.combinations(range(len(group.stages)), 2)
    return [b for a, b in pairs if group.sources[a] == group.sources[b] and parallel[a] != parallel[b]]
