"""Tensors whose dimensions are cut and joined, as attention does with heads and windows, and moves that settle them.

A network may cut dimensions in parts, let these change places and join others of them, and no element moves. Where an
operator needs them in places of their own, one move puts them there; where they are there already, nothing is done.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.base.values import Value, replace
from lw3dsim.describe.shape import Shape
from lw3dsim.describe.workload import BatchNorm, Rearrange, Reshape
from lw3dsim.importing.recipes import derived, unit, wide
from lw3dsim.importing.tensors import FIELDS, FLAT, GROUPS, MEMBERS, POSITIONS, STANDARD, UNIT, Tensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.importing.building import Building
    from lw3dsim.importing.graph import Node

DIMENSIONS = tuple(FIELDS)


class Atom(NamedTuple):
    """A part of a dimension (C, T, H or W) of a tensor: ``size`` positions that lie ``step`` apart."""

    dim: str
    size: int
    step: int


Axis = tuple[Atom, ...]


class Axes(Value, frozen=True, kw_only=True):
    """A tensor ``source`` of the workload, of ``shape``, whose axes are parts of its dimensions, the outermost first.

    Its elements count ``scale`` times, which a product that reads it takes over.
    """

    source: str
    shape: Shape
    axes: tuple[Axis, ...]
    is_alone: bool
    scale: float = 1.0

    @property
    def dims(self) -> tuple[int, ...]:
        """The sizes of its axes."""
        return tuple(map(size_of, self.axes))

    @property
    def bare(self) -> Tensor:
        """The tensor as it lies: N x C x T x H x W."""
        return Tensor(source=self.source, shape=self.shape, labels=STANDARD[5], is_alone=self.is_alone)

    def parts(self, dim: str) -> Axis:
        """Return the parts of a dimension, the outermost first."""
        return tuple(sorted((atom for axis in self.axes for atom in axis if atom.dim == dim), key=lambda a: -a.step))


def size_of(axis: Axis) -> int:
    """Return how many positions an axis has."""
    return math.prod(atom.size for atom in axis)


def axes_of(tensor: Tensor | Axes) -> Axes:
    """Return a tensor by the parts of its dimensions."""
    if isinstance(tensor, Axes):
        return tensor
    whole = {label: Atom(label, tensor.size(label), 1) for label in DIMENSIONS}
    members = tensor.shape.channels // tensor.groups
    known = {
        FLAT: tuple(whole.values()),
        POSITIONS: tuple(whole[label] for label in "THW"),
        GROUPS: (Atom("C", tensor.groups, members),),
        MEMBERS: (Atom("C", members, 1),),
        **{label: (atom,) for label, atom in whole.items()},
    }
    axes = tuple(tuple(atom for atom in known.get(label, ()) if atom.size > 1) for label in tensor.labels)
    return Axes(source=tensor.source, shape=tensor.shape, axes=axes, is_alone=tensor.is_alone)


def plain(axes: Axes) -> Axes | Tensor:
    """Return axes as a tensor whose dimensions have labels, where each of them is whole."""
    if axes.scale != 1:
        return axes
    whole = {label: Atom(label, getattr(axes.shape, field), 1) for label, field in FIELDS.items()}
    larger = {label: atom for label, atom in whole.items() if atom.size > 1}
    known: dict[Axis, str] = {
        tuple(larger.values()): FLAT,
        tuple(atom for label, atom in larger.items() if label != "C"): POSITIONS,
    }
    known |= {(atom,): label for label, atom in larger.items()}
    known[()] = UNIT
    labels = [known.get(joined_parts(axis)) for axis in axes.axes]
    if labels and labels[0] == UNIT:
        labels[0] = "N"
    named = [label for label in labels if label is not None]
    if len(named) < len(labels):
        return axes
    if set(named) <= {"N", UNIT, FLAT, "C"} and len(named) == len(STANDARD[2]):
        named = ["N", "C" if axes.shape.extent == (1, 1, 1) else FLAT]
    return Tensor(source=axes.source, shape=axes.shape, labels=tuple(named), is_alone=axes.is_alone)


def joined_parts(axis: Axis) -> Axis:
    """Return parts that lie behind each other in a dimension as one."""
    made: list[Atom] = []
    for atom in axis:
        if made and made[-1].dim == atom.dim and made[-1].step == atom.size * atom.step:
            atom = Atom(atom.dim, made.pop().size * atom.size, atom.step)
        made.append(atom)
    return tuple(made)


def cut(axis: Axis, sizes: Sequence[int]) -> tuple[Axis, ...] | None:
    """Return the parts of an axis in axes of such ``sizes``; None where they have other borders."""
    left, made = list(axis), list[Axis]()
    for size in sizes:
        need, taken = size, list[Atom]()
        while need > 1:
            if not left:
                return None
            atom = left.pop(0)
            if atom.size > need and atom.size % need == 0:
                rest = atom.size // need
                left.insert(0, Atom(atom.dim, rest, atom.step))
                atom = Atom(atom.dim, need, atom.step * rest)
            if need % atom.size:
                return None
            taken.append(atom)
            need //= atom.size
        made.append(tuple(taken))
    return None if left else tuple(made)


def reshaped(axes: Axes, sizes: Sequence[int]) -> Axes | None:
    """Return the same elements in axes of such ``sizes``; None where these are no parts of its own, joined."""
    made = cut(tuple(atom for axis in axes.axes for atom in axis), sizes)
    return None if made is None else replace(axes, axes=made)


class Places(NamedTuple):
    """What the dimensions of a tensor are to be: parts of another, the outermost first."""

    C: Axis
    T: Axis = ()
    H: Axis = ()
    W: Axis = ()


def positions(axis: Axis) -> tuple[Axis, Axis, Axis]:
    """Return an axis as frames, rows and columns: as they are where that keeps its order, else as columns."""
    t, h, w = (tuple(atom for atom in axis if atom.dim == dim) for dim in "THW")
    return (t, h, w) if (*t, *h, *w) == axis else ((), (), axis)


def arranged(building: Building, node: Node, axes: Axes, places: Places, part: str = "order") -> Axes:
    """Return the same elements in a tensor whose dimensions are ``places``; a layer where that is another order."""
    wanted = [atom for place in places for atom in place]
    own = sorted(wanted, key=lambda atom: (DIMENSIONS.index(atom.dim), -atom.step))
    shape = Shape(*map(size_of, places))
    moved = {atom: new for dim, place in zip(DIMENSIONS, places, strict=True) for atom, new in _placed(dim, place)}
    made = axes.bare
    if own != wanted:
        sizes, order = _runs(own, wanted)
        made = building.add(
            node, Rearrange, [made], STANDARD[5], part=part, sizes=sizes, order=order, shape=tuple(shape)
        )
    elif shape != axes.shape:
        made = building.add(node, Reshape, [made], STANDARD[5], part=part, shape=tuple(shape))
    else:
        return axes
    parts = tuple(tuple(moved[atom] for atom in axis) for axis in axes.axes)
    return replace(axes, source=made.source, shape=shape, axes=parts, is_alone=True)


def _placed(dim: str, place: Axis) -> list[tuple[Atom, Atom]]:
    """Return each part of a place, and what it is in the dimension that is put there."""
    steps = [math.prod(atom.size for atom in place[i + 1 :]) for i in range(len(place))]
    return [(atom, Atom(dim, atom.size, step)) for atom, step in zip(place, steps, strict=True)]


def _runs(own: Sequence[Atom], wanted: Sequence[Atom]) -> tuple[list[int], list[int]]:
    """Return the sizes of parts in their own order, those joined that stay together, and in which order they are."""
    places, starts = [own.index(atom) for atom in wanted], list[int]()
    for i, place in enumerate(places):
        if i == 0 or place != places[i - 1] + 1:
            starts.append(place)
    bounds = [*sorted(starts), len(own)]
    sizes = [math.prod(atom.size for atom in own[a:b]) for a, b in itertools.pairwise(bounds)]
    return sizes, [bounds.index(start) for start in starts]


def settled(building: Building, node: Node, axes: Axes, channels: int, part: str = "order") -> Tensor:
    """Return axes as a tensor with labels: axis ``channels`` as such, the others as T, H and W; a batch is frames."""
    axes, rank = unscaled(building, node, axes), len(axes.axes)
    named = plain(axes)
    if isinstance(named, Tensor):
        return named
    others = [axis for i, axis in enumerate(axes.axes) if i != channels % rank and axis]
    first = [others.pop(0)] if axes.axes[0] and channels % rank else []
    if len(others) + len(first) > len("THW") or len(others) > len("THW"):
        raise building.error(node, "reads a tensor of more dimensions than C, T, H and W; lw3dsim has no such tensors")
    room = len("THW") - len(first) - len(others)
    t, h, w = first + list[Axis]([()] * room) + others
    made = plain(arranged(building, node, axes, Places(axes.axes[channels], t, h, w), part))
    assert isinstance(made, Tensor)  # noqa: S101  # all its dimensions are whole
    return made


def unscaled(building: Building, node: Node, axes: Axes) -> Axes:
    """Return axes that count once: a factor that no product takes over is one of every channel."""
    if axes.scale == 1:
        return axes
    scale = axes.scale
    recipe = unit(axes.shape.channels)
    recipe = replace(recipe, weight=derived(lambda w: wide(w) * scale, recipe.weight))
    made = building.add(node, BatchNorm, [axes.bare], STANDARD[5], part="scale", recipe=recipe)
    return replace(axes, source=made.source, scale=1.0)


def last_channels(building: Building, node: Node, axes: Axes, axis: int) -> Axes:
    """Return axes one of which is the innermost part of the channels, as what normalises it needs."""
    own = axes.axes[axis]
    others = {dim: tuple(atom for atom in axes.parts(dim) if atom not in own) for dim in DIMENSIONS}
    return arranged(building, node, axes, Places((*others["C"], *own), others["T"], others["H"], others["W"]))
