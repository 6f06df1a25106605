"""The loops of a fused group in words, and room for what is unrolled of it."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.base.caches import kept
from lw3dsim.base.kernels import kernels
from lw3dsim.map.group.group import KEPT
from lw3dsim.schedule.group_nest import GroupNest, GroupPlaces, Scratch
from lw3dsim.schedule.unroll import Loaded, Stored
from lw3dsim.schedule.unroll_group import Unrolled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.base.arrays import Words
    from lw3dsim.map.group.cutting import GroupAxis
    from lw3dsim.map.group.group import Group, GroupMapping


class Chunked(NamedTuple):
    """What follows from the chunks of channels alone: columns of a GroupNest, and the most of a tile of the group.

    The most are steps, loads of inputs, whole and ``sliced``, of weights, and chunks of the output.
    """

    chunk: Words
    resident: Words
    first_weight: Words
    steps: int
    inputs: int
    sliced: int
    weights: int
    outputs: int


@kept(4096)
def _chunked(group: Group, chunks: tuple[int, ...], resident: tuple[bool, ...]) -> Chunked:
    counts = [-(-group.channels[run.stop] // size) for run, size in zip(group.runs, chunks, strict=True)]
    of_stages = [(count, chunks[run]) for run, count in enumerate(counts) for _ in group.runs[run]]
    tiles = [-(-s.n // n) if s.has_weights else 0 for s, (_, n) in zip(group.stages, of_stages, strict=True)]
    first_weight = list(itertools.accumulate(tiles, initial=0))
    chunk, resides, first = kernels().split(chunks, resident, first_weight)
    return Chunked(
        chunk=chunk,
        resident=resides,
        first_weight=first,
        steps=sum(count for count, _ in of_stages),
        inputs=1 + len(group.seconds),
        sliced=1 + sum(of_stages[stage][0] if stage else 1 for stage in group.seconds),
        weights=first_weight[-1],
        outputs=counts[-1],
    )


def make_nest(group: Group, mapping: GroupMapping, axes: Sequence[GroupAxis]) -> GroupNest:
    """Return the loops of ``group`` under a mapping that cuts these ``axes``."""
    (t, h, w), chunked = axes, _chunked(group.unlaid, mapping.chunks, mapping.resident)
    return GroupNest(
        stages=group.plain,
        t=t.cuts,
        h=h.cuts,
        w=w.cuts,
        chunk=chunked.chunk,
        reads=group.links[0],
        adds=group.links[1],
        resident=chunked.resident,
        first_weight=chunked.first_weight,
        innermost=KEPT.index(mapping.kept) if mapping.kept != "none" else 2,
        sliced=int(mapping.sliced),
    )


def empty_group(group: Group, mapping: GroupMapping, axes: Sequence[GroupAxis]) -> tuple[Unrolled, Scratch, int]:
    """Return room for the steps and tiles of a group as if every stage computed something for every tile.

    And how many steps there is room for.
    """
    work, tiles = kernels(), math.prod([axis.tiles for axis in axes])
    most = _chunked(group.unlaid, mapping.chunks, mapping.resident)
    steps, inputs, weights = tiles * most.steps, tiles * (most.sliced if mapping.sliced else most.inputs), most.weights
    outputs, loads, tensors = tiles * most.outputs, max(inputs, tiles * weights), len(group.stages) + 1
    made = Unrolled(
        places=work.sheet(GroupPlaces, steps),
        ifmap=work.sheet(Loaded, inputs),
        weight=work.sheet(Loaded, tiles * weights),
        ofmap=work.sheet(Stored, outputs + tiles * len(group.stored)),
        weight_bursts=work.empty(weights),
    )
    sizes = (steps, loads, loads, tiles, tiles, tiles, tensors - 1, weights, outputs, tensors)
    return made, Scratch._make(work.carved(sizes, is_empty=True)), steps
