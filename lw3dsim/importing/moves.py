"""Reshapes, permutations, concatenations and slices of a graph: other elements, or the same ones otherwise."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.base.values import replace
from lw3dsim.describe.workload import ChannelShuffle, Concat, Reshape, Slice
from lw3dsim.importing.building import Given
from lw3dsim.importing.graph import Constant
from lw3dsim.importing.tensors import FIELDS, FLAT, GROUPS, MEMBERS, STANDARD, UNIT, in_order, regrouped, relabelled

if TYPE_CHECKING:
    from lw3dsim.importing.building import Building, Meaning
    from lw3dsim.importing.graph import Node
    from lw3dsim.importing.tensors import Tensor


def reshape(building: Building, node: Node) -> list[Meaning]:
    """Read another shape of the same elements."""
    constant = building.meaning(node, 0)
    if isinstance(constant, Constant):
        return [Constant(shape=_wanted(building, node, constant.shape))]
    data = building.data(node, 0)
    wanted = _wanted(building, node, data.dims)
    labels = relabelled(data.shape, wanted) if in_order(data) else None
    if labels is None and wanted == data.dims:
        labels = data.labels
    if labels is not None:
        return [building.view(node, data, labels)]
    if (found := regrouped(data, wanted)) is not None:
        return [_regrouped(building, node, data, *found)]
    if len(wanted) == len(STANDARD[5]) and wanted[0] == 1 and in_order(data):
        return [building.add(node, Reshape, [data], STANDARD[5], shape=wanted[1:])]
    what = "x".join(map(str, wanted))
    raise building.error(node, f"the shape {what} is no clip, image or vector; lw3dsim takes 1xCxTxHxW")


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
    data = building.data(node, 0)
    order = node.attributes.get("perm", range(len(data.labels))[::-1])
    return [building.view(node, data, tuple(data.labels[i] for i in order))]


def concat(building: Building, node: Node) -> list[Meaning]:
    """Read a concatenation."""
    data = [building.data(node, i) for i in range(len(node.inputs))]
    axis = int(node.attributes["axis"])
    label = data[0].labels[axis]
    joined = {(label, len(data[0].labels) - axis % len(data[0].labels))}
    if any(one.labels[axis] != label or one.larger - joined != data[0].larger - joined for one in data):
        raise building.error(node, "joins tensors whose dimensions stand in different orders")
    label = "C" if label == FLAT and all(one.is_vector for one in data) else label
    if label not in FIELDS:
        raise building.error(node, "joins along the batch; lw3dsim joins along C, T, H or W")
    return [building.add(node, Concat, data, dim=FIELDS[label]) if len(data) > 1 else building.view(node, data[0])]


def slice_(building: Building, node: Node) -> list[Meaning]:
    """Read slices, one behind the other."""
    data = building.data(node, 0)
    starts, stops, axes, steps = (
        building.said(node, name, i) for i, name in enumerate(("starts", "ends", "axes", "steps"), start=1)
    )
    axes = range(len(starts)) if axes is None else axes
    steps = [1] * len(starts) if steps is None else steps
    made = data
    for start, stop, axis, step in zip(starts, stops, axes, steps, strict=True):
        label = made.labels[int(axis)]
        size = made.size(label)
        first, last, by = slice(int(start), int(stop), int(step)).indices(size)
        if by < 1 or (label not in FIELDS and (first, last) != (0, size)):
            raise building.error(node, "slices backwards, or along the batch")
        if (first, last, by) != (0, size, 1):
            made = building.add(node, Slice, [made], dim=FIELDS[label], start=first, stop=last, step=by)
    return [building.view(node, made)]


def gather(building: Building, node: Node) -> list[Meaning]:
    """Read every so-many-th element along a dimension: a slice, or nothing where it is all of them."""
    data, given = building.data(node, 0), building.constant(node, 1)
    axis = building.axis(node, int(node.attributes.get("axis", 0)), len(data.labels))
    label, size = data.labels[axis], data.dims[axis]
    if given is not None and given.values is None and math.prod(given.shape) == size:
        places = np.arange(size).reshape(given.shape)  # kept in another file: as many as there are, so all of them
    else:
        places = np.asarray(building.values(node, 1))
    taken = np.where(places < 0, places + size, places).ravel()
    steps = {int(step) for step in np.diff(taken)} or {1}
    if label not in FIELDS and taken.tolist() != list(range(size)):
        raise building.error(node, "takes elements of the batch, or of all dimensions together")
    if len(steps) > 1 or min(steps) < 1 or not (taken.size and 0 <= taken[0] <= taken[-1] < size):
        raise building.error(node, "takes elements that do not lie evenly, each behind the one before")
    made = data
    if taken.size < size:
        start, stop = int(taken[0]), int(taken[-1]) + 1
        made = building.add(node, Slice, [data], dim=FIELDS[label], start=start, stop=stop, step=min(steps))
    own = tuple(label if number == places.size else UNIT for number in places.shape)
    if math.prod(places.shape) != 1 or places.ndim < 2:
        labels = (*data.labels[:axis], *own, *data.labels[axis + 1 :])
        dims = (*data.dims[:axis], *places.shape, *data.dims[axis + 1 :])
        return [building.view(node, made, (relabelled(made.shape, dims) if in_order(made) else None) or labels)]
    raise building.error(node, "takes one element into several dimensions")


def split(building: Building, node: Node) -> list[Meaning]:
    """Read parts of a tensor, a slice each."""
    data = building.data(node, 0)
    label = data.labels[int(node.attributes.get("axis", 0))]
    if label not in FIELDS:
        raise building.error(node, "splits the batch; lw3dsim splits C, T, H or W")
    parts, size = building.said(node, "split", 1), data.size(label)
    each = -(-size // len(node.outputs))
    sizes = [each] * (len(node.outputs) - 1) + [size - each * (len(node.outputs) - 1)] if parts is None else parts
    ends = np.cumsum([0, *map(int, sizes)]).tolist()
    return [
        building.add(node, Slice, [data], output=i, dim=FIELDS[label], start=ends[i], stop=ends[i + 1])
        if building.uses[name]
        else data
        for i, name in enumerate(node.outputs)
    ]
