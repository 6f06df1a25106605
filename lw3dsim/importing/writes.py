"""Tensors that are written piece by piece, as a shift of channels in time is, and joined when they are read."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from lw3dsim.base.values import replace
from lw3dsim.describe.windows import as_padding
from lw3dsim.describe.workload import Pad
from lw3dsim.importing.axes import Axes, axes_of, plain
from lw3dsim.importing.graph import Constant, Node
from lw3dsim.importing.moves import taken_of
from lw3dsim.importing.patterns import concat
from lw3dsim.importing.pieces import Box, Part, Pieces
from lw3dsim.importing.tensors import Tensor

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lw3dsim.importing.building import Building, Meaning

# Operators that write, or read what is written without looking at it.
WRITERS = frozenset({"CastLike", "ScatterND", "Shape", "Slice", "SliceWrite", "Transpose"})


def scatter(building: Building, node: Node) -> list[Meaning]:
    """Read a write of a box, which indices say one by one."""
    base, indices = building.meaning(node, 0), building.constant(node, 1)
    if isinstance(base, Constant) and isinstance(building.meaning(node, 2), Constant):
        return [Constant(shape=base.shape)]  # a mask, say, whose values are worked out when they are asked for
    places = None if indices is None else indices.array()
    if node.attributes.get("reduction", "none") != "none" or places is None:
        raise building.error(node, "writes where is not known, or adds to what is there; lw3dsim takes plain writes")
    dims = _dims(building, node, base)
    box = [(0, size) for size in dims]
    *lead, count = places.shape
    if count != len(lead):
        raise building.error(node, "writes elements that are no box; write it as slices")
    first = places.reshape(-1, count)[0]
    grid = np.stack(np.meshgrid(*(np.arange(size) for size in lead), indexing="ij"), -1) + first
    if not np.array_equal(grid, places):
        raise building.error(node, "writes elements that are no box; write it as slices")
    box[:count] = [(int(start), int(start) + size) for start, size in zip(first, lead, strict=True)]
    return [_written(building, node, base, tuple(box), building.meaning(node, 2))]


def slice_write(building: Building, node: Node) -> list[Meaning]:
    """Read a write of a box that is said by its first and last positions; ``gone``: axes that what is written lacks."""
    starts, stops, gone = (node.attributes[name] for name in ("starts", "stops", "gone"))
    update = building.meaning(node, 1)
    if gone and isinstance(update, Tensor | Axes):
        axes = axes_of(update)
        left = iter(axes.axes)
        update = plain(replace(axes, axes=tuple(() if i in gone else next(left) for i in range(len(starts)))))
    return [_written(building, node, building.meaning(node, 0), tuple(zip(starts, stops, strict=True)), update)]


def transposed(pieces: Pieces, node: Node) -> Pieces:
    """Return what a permutation makes of pieces."""
    return pieces.turned(node.attributes.get("perm", range(len(pieces.dims))[::-1]))


def sliced(building: Building, node: Node, pieces: Pieces) -> Meaning:
    """Return slices of pieces, which stay such where no position is left out."""
    starts, stops, axes, steps = (
        building.said(node, name, i) for i, name in enumerate(("starts", "ends", "axes", "steps"), start=1)
    )
    axes = range(len(starts)) if axes is None else axes
    steps = [1] * len(starts) if steps is None else steps
    box = [(0, size) for size in pieces.dims]
    for start, stop, given, step in zip(starts, stops, axes, steps, strict=True):
        axis = building.axis(node, int(given), len(box))
        if int(step) != 1:
            raise building.error(node, "leaves out positions of a tensor that is being written; write it without")
        box[axis] = slice(int(start), int(stop)).indices(pieces.dims[axis])[:2]
    return pieces.cut(tuple(box))


def _dims(building: Building, node: Node, meaning: Any) -> tuple[int, ...]:
    if isinstance(meaning, Constant):
        return meaning.shape
    return meaning.dims if isinstance(meaning, Pieces) else building.laid(node, 0).dims


def _written(building: Building, node: Node, base: Any, box: Box, update: Any) -> Pieces:
    """Return a tensor, a box of which is another one. Raises InputError for constants that are no zeros."""
    dims = _dims(building, node, base)
    if isinstance(base, Pieces):
        parts = base.parts
    else:
        _check_zeros(building, node, base)
        whole = None if isinstance(base, Constant) else building.laid(node, 0)
        parts = (Part(tuple((0, size) for size in dims), (0,) * len(dims), whole),)
    origin = tuple(start for start, _ in box)
    if isinstance(update, Pieces):
        # What is written began as what is there, and need not be said again.
        before = Pieces(dims=dims, parts=parts).cut(box).parts
        own = update.parts[len(before) :] if update.parts[: len(before)] == before else update.parts
        return Pieces(dims=dims, parts=(*parts, *(part.moved(origin).within(box) for part in own)))
    _check_zeros(building, node, update)
    if isinstance(update, Constant):
        return Pieces(dims=dims, parts=(*parts, Part(box, origin, None)))
    laid = update if isinstance(update, Tensor | Axes) else building.laid(node, len(node.inputs) - 1)
    if tuple(b - a for a, b in box) != laid.dims:
        raise building.error(node, "writes a tensor of another shape than the box that it is written to")
    return Pieces(dims=dims, parts=(*parts, Part(box, origin, laid)))


def _check_zeros(building: Building, node: Node, meaning: Any) -> None:
    """Raise InputError for a constant with values other than zeros."""
    values = meaning.array() if isinstance(meaning, Constant) else None
    if values is not None and values.any():
        raise building.error(node, "writes into constants other than zeros, or writes these; lw3dsim takes zeros alone")


def resolved(building: Building, node: Node, pieces: Pieces) -> Tensor | Axes:
    """Return pieces as one tensor: cut, padded with zeros, and joined."""
    made = _piece(building, node, pieces, tuple((0, size) for size in pieces.dims))
    if made is None:
        raise building.error(node, "reads zeros alone; export the network without them")
    return made


def _piece(building: Building, node: Node, pieces: Pieces, box: Box) -> Tensor | Axes | None:
    """Return a box of pieces as one tensor, None for zeros."""
    reaching = _pruned([part for part in pieces.parts if _meet(part.box, box)])
    own, origin, one = reaching[-1]
    if _holds(own, box):
        for axis, (first, (start, stop)) in enumerate(zip(origin, box, strict=True)):
            taken = range(start - first, stop - first)
            one = None if one is None else taken_of(building, _beside(building, node), one, axis, taken)
        return one
    axis, borders = _cuts(reaching, box)
    found = [
        _piece(building, node, pieces, (*box[:axis], pair, *box[axis + 1 :])) for pair in itertools.pairwise(borders)
    ]
    sizes = [b - a for a, b in itertools.pairwise(borders)]
    return _joined(building, node, axis, list(zip(found, sizes, strict=True)))


def _meet(one: Box, other: Box) -> bool:
    return all(max(a, start) < min(b, stop) for (a, b), (start, stop) in zip(one, other, strict=True))


def _holds(one: Box, other: Box) -> bool:
    return all(a <= start and stop <= b for (a, b), (start, stop) in zip(one, other, strict=True))


def _pruned(parts: Sequence[Part]) -> list[Part]:
    """Return parts without those that are written over, or say again what is there."""
    kept: list[Part] = []
    for part in parts:
        places = [i for i, old in enumerate(kept) if _is_same(old, part) and _holds(old.box, part.box)]
        if any(not any(_meet(later.box, part.box) for later in kept[i + 1 :]) for i in places):
            continue
        kept = [*(old for old in kept if not _holds(part.box, old.box)), part]
    return kept


def _is_same(one: Part, other: Part) -> bool:
    if one.one is None or other.one is None:
        return one.one is other.one
    return (one.one.source, one.origin) == (other.one.source, other.origin)


def _cuts(parts: Sequence[Part], box: Box) -> tuple[int, list[int]]:
    """Return the axis along which parts are cut, and where: one along which the fewest overlap."""
    written = [part for part in parts if part.one is not None]

    def borders(axis: int) -> list[int]:
        start, stop = box[axis]
        inside = {border for part in written for border in part.box[axis] if start < border < stop}
        return [start, *sorted(inside), stop]

    def overlaps(axis: int) -> int:
        pairs = itertools.combinations([part.box[axis] for part in written], 2)
        return sum(max(a[0], b[0]) < min(a[1], b[1]) for a, b in pairs)

    cut = [axis for axis in range(len(box)) if len(borders(axis)) > 2]  # more than the ends
    axis = min(cut, key=overlaps)
    return axis, borders(axis)


def _joined(
    building: Building, node: Node, axis: int, parts: list[tuple[Tensor | Axes | None, int]]
) -> Tensor | Axes | None:
    """Return parts behind each other along an axis; zeros at the ends are a padding."""
    before = behind = 0
    while parts and parts[0][0] is None:
        before += parts.pop(0)[1]
    while parts and parts[-1][0] is None:
        behind += parts.pop()[1]
    left = [one for one, _ in parts]
    if not left:
        return None
    if None in left:
        raise building.error(node, "reads zeros between what was written to a tensor; lw3dsim pads at the ends alone")
    made = left[0] if len(left) == 1 else joined_behind(building, node, [one for one in left if one], axis)
    if not before and not behind:
        return made
    label = made.labels[axis] if isinstance(made, Tensor) else ""
    if label not in ("T", "H", "W") or not isinstance(made, Tensor):
        raise building.error(node, "leaves zeros in a tensor beside T, H and W; lw3dsim pads these alone")
    t, h, w = ((before, behind) if each == label else (0, 0) for each in "THW")
    return building.add(_beside(building, node), Pad, [made], padding=as_padding((t, h, w)))


def joined_behind(building: Building, node: Node, parts: Sequence[Tensor | Axes], axis: int) -> Any:
    """Return tensors one behind the other along an axis, as a layer that ``node`` alone reads."""
    names = list(_names(building, node, len(parts)))
    building.meanings |= dict(zip(names, parts, strict=True))
    joined = replace(_beside(building, node), op="Concat", inputs=tuple(names), attributes={"axis": axis})
    (made,) = concat(building, joined)
    return made


def _names(building: Building, node: Node, count: int) -> Iterator[str]:
    """Yield names for tensors that only what is read here has, each read once."""
    for i in range(count):
        name = f"{node.name}.written.{len(building.meanings)}.{i}"
        building.uses[name] = 1
        yield name


def _beside(building: Building, node: Node) -> Node:
    """Return a node that makes a tensor of its own for ``node``."""
    return replace(node, inputs=(), outputs=tuple(_names(building, node, 1)), raw=None)
