"""Sums, parts and joins of tensors whose dimensions are cut, and constants that are learned tensors."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from lw3dsim.base.values import replace
from lw3dsim.describe.shape import Shape
from lw3dsim.describe.workload import Add, Concat, Mul, Slice
from lw3dsim.importing.axes import (
    DIMENSIONS,
    Atom,
    Axes,
    Axis,
    Places,
    arranged,
    axes_of,
    cut,
    joined_parts,
    plain,
    size_of,
    unscaled,
)
from lw3dsim.importing.graph import Constant
from lw3dsim.importing.tensors import FIELDS, STANDARD, Tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from lw3dsim.importing.building import Building, Meaning
    from lw3dsim.importing.graph import Node


def combined(building: Building, node: Node, kind: type[Add | Mul], meanings: Sequence[Meaning]) -> Meaning:
    """Return the sum or product of tensors, in the order of the one of most elements; constants are learned ones."""
    tensors = [unscaled(building, node, axes_of(one)) for one in meanings if isinstance(one, Tensor | Axes)]
    rank = max(len(one.dims if not isinstance(one, Constant) else one.shape) for one in meanings)  # type: ignore[union-attr]
    tensors = [replace(one, axes=((),) * (rank - len(one.axes)) + one.axes) for one in tensors]
    largest = max(tensors, key=lambda one: math.prod(one.dims))
    data = [largest.bare]
    data += [_like(building, node, one, largest).bare for one in tensors if one is not largest]
    data += [_learned(building, node, one, largest) for one in meanings if isinstance(one, Constant)]
    made = building.add(node, kind, data, STANDARD[5])
    return plain(replace(largest, source=made.source, is_alone=made.is_alone))


def _like(building: Building, node: Node, one: Axes, other: Axes) -> Axes:
    """Return a tensor in the order of another, in which it may have one position where that has more."""
    found: dict[Atom, Axis] = {}
    for own, axis in zip(one.axes, other.axes, strict=True):
        parts = cut(own, [atom.size for atom in axis]) if own else ((),) * len(axis)
        if parts is None:
            raise building.error(node, "joins tensors of different shapes; one may have 1 where others have more")
        found |= dict(zip(axis, parts, strict=True))
    places = []
    for dim in DIMENSIONS:
        there = [found[atom] for atom in other.parts(dim)]
        if () in there and any(there):
            raise building.error(node, "joins a tensor with 1 where others have a part of a dimension; expand it")
        places.append(tuple(part for parts in there for part in parts))
    finer = tuple(tuple(part for atom in axis for part in found[atom]) for axis in other.axes)
    return arranged(building, node, replace(one, axes=finer), Places(*places))


def _learned(building: Building, node: Node, constant: Constant, other: Axes) -> Tensor:
    """Return a constant as a learned tensor in the order of another, with one position where all have the same."""
    dims = (1,) * (len(other.axes) - len(constant.shape)) + constant.shape
    if any(size not in (1, whole) for size, whole in zip(dims, other.dims, strict=True)):
        raise building.error(node, "takes constants of a shape that is not that of its data, with 1 for what is alike")
    present = {atom for size, axis in zip(dims, other.axes, strict=True) if size > 1 for atom in axis}
    parts = {dim: other.parts(dim) for dim in DIMENSIONS}
    kept = {dim: parts[dim] if present & set(parts[dim]) else () for dim in DIMENSIONS}
    order = [atom for dim in DIMENSIONS for atom in kept[dim]]
    shape = Shape(*(size_of(kept[dim]) for dim in DIMENSIONS))

    def laid(values: NDArray[Any]) -> NDArray[Any]:
        flat = [atom for axis in other.axes for atom in axis]
        apart = values.reshape([atom.size if atom in present else 1 for atom in flat])
        for i, atom in enumerate(flat):
            apart = np.repeat(apart, atom.size, i) if atom in order and atom not in present else apart
        turned = apart.transpose([*map(flat.index, order), *(i for i, atom in enumerate(flat) if atom not in order)])
        return turned.reshape(shape)

    return building.learned(node, constant, shape, laid)


def concatenated(building: Building, node: Node, meanings: Sequence[Meaning], axis: int) -> Meaning:
    """Return tensors one behind the other along an axis, which becomes columns, or the channels that it is."""
    known = [axes_of(one) for one in meanings if isinstance(one, Tensor | Axes)]
    first = max(known, key=lambda one: math.prod(one.dims))
    place = building.axis(node, axis, len(first.axes))
    groups = _groups(first, place)
    laid = list[Axes]()
    for meaning in meanings:
        dims = meaning.shape if isinstance(meaning, Constant) else axes_of(meaning).dims  # type: ignore[arg-type]
        if [*dims[:place], *dims[place + 1 :]] != [*first.dims[:place], *first.dims[place + 1 :]]:
            raise building.error(node, "joins tensors of different shapes")
        if isinstance(meaning, Constant):
            laid.append(_constant_part(building, node, meaning, groups))
            continue
        one = unscaled(building, node, axes_of(meaning))  # type: ignore[arg-type]
        places = (tuple(atom for i in group for atom in one.axes[i]) for group in groups)
        laid.append(arranged(building, node, one, Places(*places)))
    dim = next(dim for dim, group in zip(DIMENSIONS, groups, strict=True) if place in group)
    made = building.add(node, Concat, [one.bare for one in laid], STANDARD[5], dim=FIELDS[dim])
    sizes = [sum(one.dims[i] for one in laid) if i == place else size for i, size in enumerate(first.dims)]
    return plain(_axes_of_groups(made, groups, sizes))


def _groups(first: Axes, place: int) -> tuple[list[int], ...]:
    """Return which axes are to be C, T, H and W where tensors are joined along one, the outermost first."""
    is_channels = [all(atom.dim == "C" for atom in axis) for axis in first.axes]
    channels = [i for i, is_one in enumerate(is_channels) if is_one and i != place]
    others = [i for i, is_one in enumerate(is_channels) if not is_one and i != place]
    if is_channels[place] and first.axes[place]:
        apart = [[i] for i in others] if len(others) <= len("THW") else [others]
        return ([place, *channels], *[[]] * (len("THW") - len(apart)), *apart)
    apart = [[i] for i in others] if len(others) <= len("TH") else [others]
    return (channels, *apart, *[[]] * (len("TH") - len(apart)), [place])


def _axes_of_groups(tensor: Tensor, groups: Sequence[Sequence[int]], sizes: Sequence[int]) -> Axes:
    """Return a tensor whose C, T, H and W are axes of such ``sizes``, the outermost first."""
    axes = list[Axis]([()] * len(sizes))
    for dim, group in zip(DIMENSIONS, groups, strict=True):
        step = 1
        for i in reversed(group):
            axes[i] = (Atom(dim, sizes[i], step),) if sizes[i] > 1 else ()
            step *= sizes[i]
    return Axes(source=tensor.source, shape=tensor.shape, axes=tuple(axes), is_alone=tensor.is_alone)


def _constant_part(building: Building, node: Node, constant: Constant, groups: Sequence[Sequence[int]]) -> Axes:
    """Return a constant as a learned tensor whose C, T, H and W are groups of its axes."""
    shape = Shape(*(math.prod(constant.shape[i] for i in group) for group in groups))
    order = [i for group in groups for i in group]
    left = [i for i in range(len(constant.shape)) if i not in order]
    made = building.learned(node, constant, shape, lambda v: v.transpose([*order, *left]).reshape(shape))
    return _axes_of_groups(made, groups, constant.shape)


def part_of(building: Building, node: Node, axes: Axes, axis: int, taken: range, output: int = 0) -> Axes:
    """Return evenly spaced positions of an axis, which is put outermost where it is not whole or outermost."""
    own = axes.axes[axis]
    if taken == range(size_of(own)):
        return axes
    front = _outermost(building, node, axes, axis, is_dense=taken.step == 1)
    (atom,) = front.axes[axis]
    field = FIELDS[atom.dim]
    start, stop = taken.start * atom.step, (taken[-1] + 1) * atom.step
    made = building.add(
        node, Slice, [front.bare], STANDARD[5], output=output, dim=field, start=start, stop=stop, step=taken.step
    )
    left = (Atom(atom.dim, len(taken), atom.step),) if len(taken) > 1 else ()
    parts = tuple(left if i == axis else one for i, one in enumerate(front.axes))
    return replace(front, source=made.source, shape=made.shape, axes=parts, is_alone=made.is_alone)


def _outermost(building: Building, node: Node, axes: Axes, axis: int, *, is_dense: bool) -> Axes:
    """Return axes one of which is one part of a dimension, the outermost, or where positions lie apart all of it."""
    merged = [joined_parts(one) for one in axes.axes]
    own = merged[axis]
    if len(own) == 1:
        whole = getattr(axes.shape, FIELDS[own[0].dim])
        if own[0].size * own[0].step == whole and (is_dense or own[0].step == 1):
            return replace(axes, axes=tuple(merged))
    others = {dim: tuple(atom for atom in axes.parts(dim) if atom not in axes.axes[axis]) for dim in DIMENSIONS}
    if all(atom.dim == "C" for atom in axes.axes[axis]) and is_dense:
        places = Places((*axes.axes[axis], *others["C"]), others["T"], others["H"], others["W"])
    else:
        # It becomes frames, all other positions rows and columns.
        rest = (*others["T"], *others["H"], *others["W"])
        places = Places(others["C"], axes.axes[axis], (), rest)
    made = arranged(building, node, axes, places)
    return replace(made, axes=tuple(map(joined_parts, made.axes)))


def mapped(data: Tensor | Axes, make: Callable[[Tensor], Tensor]) -> Tensor | Axes:
    """Return what an operator that takes every element by itself makes of a tensor, whatever its axes are."""
    if isinstance(data, Tensor):
        return make(data)
    made = make(data.bare)
    return replace(data, source=made.source, is_alone=made.is_alone)


def seen(building: Building, node: Node, made: Tensor | Axes) -> Tensor | Axes:
    """Return what a node that moves nothing makes."""
    if isinstance(made, Tensor):
        return building.view(node, made)
    return replace(made, is_alone=made.is_alone and building.uses[node.outputs[0]] == 1)
