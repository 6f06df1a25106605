"""Reshapes, permutations, concatenations and slices of a graph: other elements, or the same ones otherwise."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.base.values import replace
from lw3dsim.describe.workload import ChannelShuffle, Concat, Reshape, Slice
from lw3dsim.importing.axes import Axes, Places, arranged, axes_of, plain, reshaped, unscaled
from lw3dsim.importing.building import Given
from lw3dsim.importing.graph import Constant
from lw3dsim.importing.joins import concatenated, part_of, seen
from lw3dsim.importing.tensors import (
    FIELDS,
    FLAT,
    GROUPS,
    MEMBERS,
    STANDARD,
    UNIT,
    Tensor,
    in_order,
    regrouped,
    relabelled,
)

if TYPE_CHECKING:
    from lw3dsim.importing.building import Building, Meaning
    from lw3dsim.importing.graph import Node


def reshape(building: Building, node: Node) -> list[Meaning]:
    """Read another shape of the same elements."""
    constant = building.meaning(node, 0)
    if isinstance(constant, Constant):
        return [Constant(shape=_wanted(building, node, constant.shape))]
    data = building.laid(node, 0)
    wanted = _wanted(building, node, data.dims)
    if isinstance(data, Axes):
        return [_cut(building, node, data, wanted)]
    labels = relabelled(data.shape, wanted) if in_order(data) else None
    if labels is None and wanted == data.dims:
        labels = data.labels
    if labels is not None:
        return [building.view(node, data, labels)]
    if (found := regrouped(data, wanted)) is not None:
        return [_regrouped(building, node, data, *found)]
    readers = building.readers.get(node.outputs[0], [])
    is_cut = bool(readers) and all(reader.op == "Transpose" for reader in readers)
    if len(wanted) == len(STANDARD[5]) and wanted[0] == 1 and in_order(data) and not is_cut:
        return [building.add(node, Reshape, [data], STANDARD[5], shape=wanted[1:])]
    return [_cut(building, node, axes_of(data), wanted)]


def _cut(building: Building, node: Node, data: Axes, wanted: tuple[int, ...]) -> Tensor | Axes:
    """Return the same elements in axes of such sizes; a layer of its own where these are no parts of its axes."""
    made = reshaped(data, wanted)
    if made is not None:
        return seen(building, node, plain(made))
    whole = unscaled(building, node, data)
    flat = tuple(atom for axis in whole.axes for atom in axis)
    laid = arranged(building, node, replace(whole, axes=(flat,)), Places((), (), (), flat))
    if (made := reshaped(laid, wanted)) is None:
        what = "x".join(map(str, wanted))
        raise building.error(node, f"the shape {what} is no clip, image or vector; lw3dsim takes 1xCxTxHxW")
    return plain(made)


def _regrouped(building: Building, node: Node, data: Tensor, labels: tuple[str, ...], groups: int) -> Tensor:
    """Return the same elements in dimensions that are called so; channels that change places are a layer."""
    turned = f"{MEMBERS}{GROUPS}"
    if turned not in labels:
        return replace(building.view(node, data, labels), groups=groups)
    labels = tuple("C" if label == turned else label for label in labels)
    standard = STANDARD.get(len(labels), labels)
    made = building.add(node, ChannelShuffle, [data], labels, groups=groups)
    is_plain = tuple(made.size(label) for label in standard) == made.dims and in_order(made)
    return replace(made, labels=standard) if is_plain else made


def _wanted(building: Building, node: Node, dims: tuple[int, ...]) -> tuple[int, ...]:
    """Return the dimensions that a node asks for."""
    rank, elements = len(dims), math.prod(dims)
    if node.op == "Flatten":
        axis = building.axis(node, int(node.attributes.get("axis", 1)), rank + 1)
        return math.prod(dims[:axis]), math.prod(dims[axis:])
    if node.op in ("Squeeze", "Unsqueeze"):
        axes = building.said(node, "axes", 1)
        if node.op == "Squeeze":
            gone = (
                {building.axis(node, int(axis), rank) for axis in axes}
                if axes is not None
                else {i for i in range(rank) if dims[i] == 1}
            )
            return tuple(size for i, size in enumerate(dims) if i not in gone)
        new = {building.axis(node, int(axis), rank + len(axes)) for axis in axes}
        left = iter(dims)
        return tuple(1 if i in new else next(left) for i in range(rank + len(axes)))
    said = [int(size) for size in building.said(node, "shape", 1)]
    keeps = not node.attributes.get("allowzero", 0)
    said = [dims[i] if size == 0 and keeps and i < rank else size for i, size in enumerate(said)]
    known = math.prod(size for size in said if size != -1)
    wanted = tuple(elements // max(known, 1) if size == -1 else size for size in said)
    if math.prod(wanted) != elements:
        raise building.error(node, f"asks for {'x'.join(map(str, wanted))} of {elements} elements")
    return wanted


def transpose(building: Building, node: Node) -> list[Meaning]:
    """Read a permutation: another order of the labels."""
    meaning = building.meaning(node, 0)
    if isinstance(meaning, Constant | Given):
        dims = meaning.shape if isinstance(meaning, Constant) else meaning.dims
        order = node.attributes.get("perm", range(len(dims))[::-1])
        moved = tuple(dims[i] for i in order)
        if isinstance(meaning, Constant):
            return [Constant(shape=moved)]
        return [replace(meaning, dims=moved, order=tuple(meaning.order[i] for i in order))]
    data = building.laid(node, 0)
    order = node.attributes.get("perm", range(len(data.dims))[::-1])
    if isinstance(data, Axes):
        return [seen(building, node, plain(replace(data, axes=tuple(data.axes[i] for i in order))))]
    return [building.view(node, data, tuple(data.labels[i] for i in order))]


def concat(building: Building, node: Node) -> list[Meaning]:
    """Read a concatenation."""
    meanings = [building.meaning(node, i) for i in range(len(node.inputs))]
    meanings = [one if isinstance(one, Constant) else building.laid(node, i) for i, one in enumerate(meanings)]
    meanings = [one for one in meanings if not (isinstance(one, Constant) and 0 in one.shape)]
    if len(meanings) == 1 and isinstance(only := meanings[0], Tensor | Axes):
        return [seen(building, node, only)]
    data, axis = [one for one in meanings if isinstance(one, Tensor)], int(node.attributes["axis"])
    if len(data) == len(meanings):
        label = data[0].labels[axis]
        joined = {(label, len(data[0].labels) - axis % len(data[0].labels))}
        label = "C" if label == FLAT and all(one.is_vector for one in data) else label
        is_even = all(
            one.labels[axis] == data[0].labels[axis] and one.larger - joined == data[0].larger - joined for one in data
        )
        if is_even and label in FIELDS:
            return [
                building.add(node, Concat, data, dim=FIELDS[label]) if len(data) > 1 else building.view(node, data[0])
            ]
    if not any(isinstance(one, Tensor | Axes) for one in meanings):
        raise building.error(node, "joins constants alone; export the network without them")
    return [concatenated(building, node, [one for one in meanings if one is not None], axis)]


def slice_(building: Building, node: Node) -> list[Meaning]:
    """Read slices, one behind the other."""
    made = building.laid(node, 0)
    starts, stops, axes, steps = (
        building.said(node, name, i) for i, name in enumerate(("starts", "ends", "axes", "steps"), start=1)
    )
    axes = range(len(starts)) if axes is None else axes
    steps = [1] * len(starts) if steps is None else steps
    for start, stop, given, step in zip(starts, stops, axes, steps, strict=True):
        axis = building.axis(node, int(given), len(made.dims))
        size = made.dims[axis]
        taken = range(*slice(int(start), int(stop), int(step)).indices(size))
        if taken.step < 1:
            raise building.error(node, "slices backwards; lw3dsim takes positions in their order")
        if not taken:  # a rotation by nothing is written so: only a concatenation has a use for it
            return [Constant(shape=tuple(0 if i == axis else size for i, size in enumerate(made.dims)))]
        made = taken_of(building, node, made, axis, taken)
    return [seen(building, node, made)]


def taken_of(
    building: Building, node: Node, data: Tensor | Axes, axis: int, taken: range, output: int = 0
) -> Tensor | Axes:
    """Return evenly spaced positions of an axis of a tensor."""
    if taken == range(data.dims[axis]):
        return data
    if isinstance(data, Axes) or data.labels[axis] not in FIELDS:
        return plain(part_of(building, node, axes_of(data), axis, taken, output))
    return building.add(
        node, Slice, [data], output=output, dim=FIELDS[data.labels[axis]], start=taken[0], stop=taken[-1] + 1,
        step=taken.step,
    )  # fmt: skip


def gather(building: Building, node: Node) -> list[Meaning]:
    """Read every so-many-th element along a dimension: a slice, or nothing where it is all of them."""
    given, meaning = building.constant(node, 1), building.meaning(node, 0)
    if isinstance(meaning, Constant) and given is not None:  # a table: its values are read when they are asked for
        axis = building.axis(node, int(node.attributes.get("axis", 0)), len(meaning.shape))
        return [Constant(shape=(*meaning.shape[:axis], *given.shape, *meaning.shape[axis + 1 :]))]
    data = building.laid(node, 0)
    axis = building.axis(node, int(node.attributes.get("axis", 0)), len(data.dims))
    size = data.dims[axis]
    if given is not None and given.values is None and math.prod(given.shape) == size:
        places = np.arange(size).reshape(given.shape)  # kept in another file: as many as there are, so all of them
    else:
        places = np.asarray(building.values(node, 1))
    found = np.where(places < 0, places + size, places).ravel()
    steps = {int(step) for step in np.diff(found)} or {1}
    if len(steps) > 1 or min(steps) < 1 or not (found.size and 0 <= found[0] <= found[-1] < size):
        raise building.error(node, "takes elements that do not lie evenly, each behind the one before")
    made = taken_of(building, node, data, axis, range(int(found[0]), int(found[-1]) + 1, min(steps)))
    if math.prod(places.shape) == 1 and places.ndim > 1:
        raise building.error(node, "takes one element into several dimensions")
    dims = (*data.dims[:axis], *places.shape, *data.dims[axis + 1 :])
    if isinstance(data, Tensor) and isinstance(made, Tensor) and len(made.labels) == len(data.labels):
        label = data.labels[axis]
        own = tuple(label if number == places.size else UNIT for number in places.shape)
        labels = (*made.labels[:axis], *own, *made.labels[axis + 1 :])
        return [building.view(node, made, (relabelled(made.shape, dims) if in_order(made) else None) or labels)]
    again = reshaped(axes_of(made), dims)
    assert again is not None  # noqa: S101  # as many positions as there are
    return [seen(building, node, plain(again))]


def split(building: Building, node: Node) -> list[Meaning]:
    """Read parts of a tensor, a slice each."""
    data = building.laid(node, 0)
    axis = building.axis(node, int(node.attributes.get("axis", 0)), len(data.dims))
    parts, size = building.said(node, "split", 1), data.dims[axis]
    each = -(-size // len(node.outputs))
    sizes = [each] * (len(node.outputs) - 1) + [size - each * (len(node.outputs) - 1)] if parts is None else parts
    ends = np.cumsum([0, *map(int, sizes)]).tolist()
    return [
        taken_of(building, node, data, axis, range(ends[i], ends[i + 1]), i) if building.uses[name] else data
        for i, name in enumerate(node.outputs)
    ]
