"""Layers that other tools write as several operators: the shift of TSM, and the paper's TRG."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lw3dsim.describe.windows import as_margins
from lw3dsim.describe.workload import Pad, Pool3d, RunningMean, Slice, TemporalShift, Trg
from lw3dsim.importing import moves, sums
from lw3dsim.importing.building import Differences, Sums
from lw3dsim.importing.tensors import STANDARD, Tensor

if TYPE_CHECKING:
    from lw3dsim.importing.building import Building, Meaning
    from lw3dsim.importing.graph import Node


class Part(NamedTuple):
    """Some channels of a tensor ``source``, moved in time: frame t is frame t + ``begin`` of it, or zero.

    There are as many as ``frames``; those of the source that are there are ``first`` to ``last``, without it.
    ``layers`` made them.
    """

    source: str
    channels: tuple[int, int]
    begin: int
    frames: int
    first: int
    last: int
    layers: tuple[str, ...] = ()


def sub(building: Building, node: Node) -> list[Meaning]:
    """Read a difference: of a tensor and constants, or of neighbouring frames."""
    made = _differences(building, node)
    return sums.less(building, node) if made is None else [made]


def _differences(building: Building, node: Node) -> Differences | None:
    """Return the differences of neighbouring frames of a tensor, where a node takes one from its neighbour."""
    parts = [_part(building, building.meaning(node, i)) for i in (0, 1)]
    if None in parts:
        return None
    following, own = (part for part in parts if part is not None)
    shape = building.shapes[own.source]
    whole, frames = (0, shape.channels), shape.frames
    wanted = [Part(own.source, whole, begin, frames - 1, begin, begin + frames - 1) for begin in (1, 0)]
    if frames < 2 or [_bare(following), _bare(own)] != wanted:
        return None
    for name in (*following.layers, *own.layers):
        building.drop(name)
    tensor = Tensor(source=own.source, shape=shape, labels=STANDARD[5], is_alone=False)
    return Differences(tensor=tensor)


def cumulated(building: Building, node: Node) -> list[Meaning]:
    """Read the sums of all frames up to each."""
    data = building.data(node, 0)
    axis, said = building.values(node, 1), ("exclusive", "reverse")
    is_plain = data.labels == STANDARD[5] and not any(node.attributes.get(name, 0) for name in said)
    if axis is None or np.size(axis) != 1 or not is_plain or data.labels[int(np.ravel(axis)[0])] != "T":
        raise building.error(node, "sums up otherwise than over all frames up to each; lw3dsim has a running mean")
    return [Sums(tensor=data)]


def div(building: Building, node: Node) -> list[Meaning]:
    """Read a quotient: of a tensor and constants, or the mean of all frames up to each."""
    sums_of = building.meaning(node, 0)
    if not isinstance(sums_of, Sums):
        return sums.less(building, node)
    counts = building.constant(node, 1)
    frames = np.arange(1, sums_of.tensor.shape.frames + 1)
    is_one_each = counts is not None and counts.shape[-3:] == (len(frames), 1, 1) and math.prod(counts.shape[:-3]) == 1
    known = counts.array() if counts is not None and is_one_each else np.zeros(0)
    # A file without its data says no more than how many numbers there are.
    if known is not None and not np.array_equal(np.ravel(known), frames):
        raise building.error(node, "divides sums of all frames so far by something else than their number")
    return [building.add(node, RunningMean, [sums_of.tensor])]


def concat(building: Building, node: Node) -> list[Meaning]:
    """Read a concatenation, of whatever parts."""
    made = _trg(building, node) or _shift(building, node)
    return moves.concat(building, node) if made is None else [made]


def _trg(building: Building, node: Node) -> Tensor | None:
    """Return a TRG: differences of frames, and the mean of all behind them."""
    meanings: list[Any] = [building.meaning(node, i) for i in range(len(node.inputs))]
    if len(meanings) != 2 or not isinstance(meanings[0], Differences) or not isinstance(meanings[1], Tensor):
        return None
    source, mean = meanings[0].tensor, building.layers.get(meanings[1].source)
    is_mean = isinstance(mean, Pool3d) and mean.inputs == (source.source,) and mean.mode == "avg"
    window = (source.shape.frames, 1, 1)
    if not is_mean or not isinstance(mean, Pool3d) or mean.window(source.shape) != window or not meanings[1].is_alone:
        return None
    if int(node.attributes["axis"]) % len(meanings[1].labels) != STANDARD[5].index("T"):
        return None
    building.drop(mean.name)
    return building.add(node, Trg, [source])


def _shift(building: Building, node: Node) -> Tensor | None:
    """Return a temporal shift: channels of the next frame or none, as many of the last one, the rest of its own."""
    found = [_part(building, building.meaning(node, i)) for i in range(len(node.inputs))]
    parts = [part for part in found if part is not None]
    orders = {one.labels for name in node.inputs if isinstance(one := building.meanings[name], Tensor)}
    is_one = len(parts) == len(found) and len(orders) == len({part.source for part in parts}) == 1
    if not (is_one and 2 <= len(parts) <= 3):
        return None
    source = parts[0].source
    shape, each = building.shapes[source], parts[0].channels[1]
    moves = [(-1, 0, shape.frames - 1)] if parts[0].begin < 0 else [(1, 1, shape.frames), (-1, 0, shape.frames - 1)]
    moved = len(moves) * each
    wanted = [
        *(
            Part(source, (i * each, (i + 1) * each), begin, shape.frames, first, last)
            for i, (begin, first, last) in enumerate(moves)
        ),
        Part(source, (moved, shape.channels), 0, shape.frames, 0, shape.frames),
    ]
    (labels,) = orders
    is_along = labels[int(node.attributes["axis"])] == "C"
    count = shape.channels // each
    is_whole = moved == shape.channels if len(parts) == len(moves) else moved < shape.channels
    if not (is_along and is_whole and shape.channels // count == each):
        return None
    if list(map(_bare, parts)) != wanted[: len(parts)]:
        return None
    for name in {name for part in parts for name in part.layers}:
        building.drop(name)
    tensor = Tensor(source=source, shape=shape, labels=labels, is_alone=False)
    direction = "both" if len(moves) > 1 else "past"
    return building.add(node, TemporalShift, [tensor], parts=count, direction=direction)


def _bare(part: Part) -> Part:
    """Return a part without what made it; frames that are there beyond those that are taken do not count."""
    first, last = max(part.first, part.begin), min(part.last, part.begin + part.frames)
    return part._replace(layers=(), first=first, last=last)


def _part(building: Building, meaning: Any) -> Part | None:
    """Return what a clip is a part of: nothing else reads what lies between, and channels and frames alone change."""
    is_clip = isinstance(meaning, Tensor) and sorted(meaning.labels) == sorted(STANDARD[5]) and meaning.is_alone
    return _made_of(building, meaning.source) if is_clip else None


def _made_of(building: Building, name: str) -> Part:
    """Return the part of a tensor that layers which only cut and pad it make; all of itself, where none do."""
    layer, shape = building.layers.get(name), building.shapes[name]
    whole = Part(name, (0, shape.channels), 0, shape.frames, 0, shape.frames)
    if not isinstance(layer, Slice | Pad) or name not in building.single:
        return whole
    before = _made_of(building, layer.inputs[0])
    layers = (*before.layers, name)
    if isinstance(layer, Pad):
        (behind, more), *others = as_margins(layer.padding)
        if any(map(any, others)):
            return whole
        first, last = _bare(before)[4:6]
        return before._replace(
            begin=before.begin - behind, frames=before.frames + behind + more, first=first, last=last, layers=layers
        )
    if layer.step != 1 or layer.dim not in ("channels", "frames"):
        return whole
    if layer.dim == "frames":
        return before._replace(begin=before.begin + layer.start, frames=layer.stop - layer.start, layers=layers)
    low = before.channels[0]
    return before._replace(channels=(low + layer.start, low + layer.stop), layers=layers)
