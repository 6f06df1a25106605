"""What a tensor of a graph stands for: a tensor of the workload, its dimensions in another order or number."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lw3dsim.base.values import Value, replace
from lw3dsim.describe.shape import Shape
from lw3dsim.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

# What the dimensions of a tensor are called by their number: a clip is N x C x T x H x W, an image has no frames.
STANDARD: dict[int, tuple[str, ...]] = {
    2: ("N", "C"),
    3: ("N", "C", "T"),
    4: ("N", "C", "H", "W"),
    5: ("N", "C", "T", "H", "W"),
}
FIELDS = {"C": "channels", "T": "frames", "H": "height", "W": "width"}
# All elements behind each other; all positions behind each other; a dimension of one.
FLAT, POSITIONS, UNIT = "F", "P", "1"
# The channels in two dimensions: groups, and the channels of each.
GROUPS, MEMBERS = "G", "D"


class Tensor(Value, frozen=True, kw_only=True):
    """A tensor ``source`` of the workload, of ``shape``, whose dimensions have ``labels``; a batch of one.

    Where channels are two dimensions, they are ``groups`` times as many as each group has.
    ``is_alone``: nothing else reads it but the one that reads this. ``is_chain``: nothing else but all that read this.
    """

    source: str
    shape: Shape
    labels: tuple[str, ...]
    is_alone: bool
    is_chain: bool = True
    groups: int = 1

    @property
    def dims(self) -> tuple[int, ...]:
        """The sizes of its dimensions."""
        return tuple(self.size(label) for label in self.labels)

    def size(self, label: str) -> int:
        """Return the size of a dimension."""
        if label in FIELDS:
            return int(getattr(self.shape, FIELDS[label]))
        sizes = {
            FLAT: self.shape.elements,
            POSITIONS: self.shape.elements // self.shape.channels,
            GROUPS: self.groups,
            MEMBERS: self.shape.channels // self.groups,
        }
        return sizes.get(label, 1)

    @property
    def larger(self) -> frozenset[tuple[str, int]]:
        """The dimensions of more than one element, and where from the end they stand."""
        places = enumerate(reversed(self.labels), start=1)
        return frozenset((label, place) for place, label in places if self.size(label) > 1)

    @property
    def is_vector(self) -> bool:
        """Whether it has channels alone."""
        return self.shape.extent == (1, 1, 1)


# Images one behind the other, as networks that look at every frame by itself have them in a batch.
FRAMES = ("T", "C", "H", "W")


def tensor_of(source: str, dims: Sequence[int], *, is_alone: bool) -> Tensor:
    """Return a tensor with dimensions in their usual order, a batch of images as frames.

    Raises InputError for another number of dimensions, or several clips.
    """
    labels = STANDARD.get(len(dims))
    if labels is None:
        raise InputError(f"has {len(dims)} dimensions; a network of clips has 5, of images 4, of signals 3, a vector 2")
    if dims[0] != 1 and len(dims) == len(FRAMES):
        labels = FRAMES
    elif dims[0] != 1:
        raise InputError(f"is a batch of {dims[0]}; export the network for one clip, and say --batch {dims[0]}")
    else:
        labels = labels[1:]
    sizes = {FIELDS[label]: size for label, size in zip(labels, dims[-len(labels) :], strict=True)}
    shape = Shape(**{"frames": 1, "height": 1, "width": 1, **sizes})
    standard = labels if labels == FRAMES else STANDARD[len(dims)]
    return Tensor(source=source, shape=shape, labels=standard, is_alone=is_alone)


def relabelled(shape: Shape, dims: Sequence[int]) -> tuple[str, ...] | None:
    """Return what dimensions of these sizes are of a tensor in its usual order; None where they are no view of it."""
    sizes = {"N": 1, **{label: int(getattr(shape, field)) for label, field in FIELDS.items()}}
    labels = STANDARD.get(len(dims))
    if labels is not None and all(sizes[label] == size for label, size in zip(labels, dims, strict=True)):
        left = math.prod(size for label, size in sizes.items() if label not in labels)
        if left == 1:
            return labels
    if len(dims) == 2 and tuple(dims) == (1, shape.elements):
        return ("N", FLAT)
    # Dimensions of one may stand anywhere.
    wanted = [label for label in ("C", "T", "H", "W") if sizes[label] > 1]
    found = [size for size in dims if size > 1]
    if found != [sizes[label] for label in wanted]:
        return None
    names = iter(wanted)
    return tuple(next(names) if size > 1 else UNIT for size in dims)


def in_order(tensor: Tensor) -> bool:
    """Return whether the dimensions of more than one stand in their usual order."""
    order = f"NC{GROUPS}{MEMBERS}{POSITIONS}THW"
    places = [order.index(label) for label in tensor.labels if label in order and tensor.size(label) > 1]
    return places == sorted(places)


# What dimensions are together, by how many of them stand behind each other in their order.
TOGETHER = {
    ("C", "T", "H", "W"): FLAT,
    ("T", "H", "W"): POSITIONS,
    (GROUPS, MEMBERS): "C",
    (MEMBERS, GROUPS): f"{MEMBERS}{GROUPS}",
}


def regrouped(tensor: Tensor, dims: Sequence[int]) -> tuple[tuple[str, ...], int] | None:
    """Return the labels and groups that ``tensor`` has in dimensions of these sizes, in whatever order its own stand.

    Dimensions are joined where they stand behind each other, and channels split in two. None where that is not so.
    ``DG``: channels that were split and joined the other way round.
    """
    apart = {FLAT: ("C", "T", "H", "W"), POSITIONS: ("T", "H", "W")}
    parts = [part for label in tensor.labels for part in apart.get(label, (label,)) if tensor.size(part) > 1]
    labels, groups = list[str](), tensor.groups
    for size in dims:
        if size == 1:
            labels.append(UNIT if labels else "N")
            continue
        taken, product = list[str](), 1
        while parts and product < size:
            taken.append(parts.pop(0))
            product *= _size(tensor, taken[-1], groups)
        if taken == ["C"] and product > size and product % size == 0 and {GROUPS, MEMBERS}.isdisjoint(parts):
            groups, taken, product = size, [GROUPS], size
            parts.insert(0, MEMBERS)
        label = taken[0] if len(taken) == 1 else _together(tensor, taken)
        if product != size or label is None:
            return None
        labels.append(label)
    return None if parts else (tuple(labels), groups)


def _size(tensor: Tensor, label: str, groups: int) -> int:
    return replace(tensor, groups=groups).size(label)


def _together(tensor: Tensor, taken: list[str]) -> str | None:
    """Return what dimensions are that stand behind each other; those of one may be missing."""
    for whole, label in TOGETHER.items():
        if [part for part in whole if part in taken or tensor.size(part) > 1] == taken:
            return label
    return None
