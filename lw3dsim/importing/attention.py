"""Attention in a graph: products of matrices of every head and window, softmax and norms among channels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.base.values import replace
from lw3dsim.describe.workload import LayerNorm, Matmul, Softmax
from lw3dsim.importing.again import declare_last
from lw3dsim.importing.axes import Atom, Axes, Axis, Places, arranged, axes_of, last_channels, plain, positions, size_of
from lw3dsim.importing.recipes import derived
from lw3dsim.importing.tensors import STANDARD, Tensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.importing.building import Building, Meaning
    from lw3dsim.importing.graph import Constant, Node


def multiplied(building: Building, node: Node, one: Tensor | Axes, other: Tensor | Axes) -> Axes | Tensor:
    """Return the product of two computed tensors: of the last two axes, for all that stand in front of them."""
    a, b = axes_of(one), axes_of(other)
    rank = max(len(a.axes), len(b.axes))
    a, b = (replace(each, axes=((),) * (rank - len(each.axes)) + each.axes) for each in (a, b))
    (*fronts, rows, taken), (*others, taken_too, columns) = a.axes, b.axes
    if size_of(taken) != size_of(taken_too) or list(map(size_of, fronts)) != list(map(size_of, others)):
        raise building.error(node, "multiplies matrices that do not fit, or one by several; lw3dsim takes one by one")
    # What stands in front is heads where it is channels of both, else frames.
    is_frame = [any(atom.dim != "C" for atom in (*x, *y)) for x, y in zip(fronts, others, strict=True)]
    by_frame = any(is_frame)

    def fronted(axes: Sequence[Axis], *, frames: bool) -> Axis:
        return tuple(atom for axis, is_one in zip(axes, is_frame, strict=True) if is_one is frames for atom in axis)

    def settle(each: Axes, own: Sequence[Axis], inner: Axis, outer: Axis) -> Axes:
        t, h, w = positions(outer)
        if by_frame:
            t, h = fronted(own, frames=True), (*t, *h)
        return arranged(building, node, each, Places((*fronted(own, frames=False), *inner), t, h, w))

    is_turned = not any(atom.dim == "C" for atom in columns) or any(atom.dim == "C" for atom in taken_too)
    a = settle(a, fronts, taken, rows)
    b = settle(b, others, taken_too, columns) if is_turned else settle(b, others, columns, taken_too)
    heads = math.prod(size_of(axis) for axis, is_one in zip(fronts, is_frame, strict=True) if not is_one)
    made = building.add(
        node, Matmul, [a.bare, b.bare], STANDARD[5], transpose=is_turned, heads=heads, by_frame=by_frame,
        scale=a.scale * b.scale,
    )  # fmt: skip
    return plain(_product(made, a, is_frame, size_of(columns)))


def _product(made: Tensor, a: Axes, is_frame: Sequence[bool], count: int) -> Axes:
    """Return the axes of a product: those of its first operand, channels of every head beside each other."""
    *fronts, rows, _ = a.axes
    step, heads = count, list[Axis]()
    for axis, is_one in reversed(list(zip(fronts, is_frame, strict=True))):
        size = size_of(axis)
        own = axis if is_one else (Atom("C", size, step),) if size > 1 else ()
        step *= 1 if is_one else size
        heads.insert(0, own)
    last = (Atom("C", count, 1),) if count > 1 else ()
    return Axes(source=made.source, shape=made.shape, axes=(*heads, rows, last), is_alone=made.is_alone)


def softmax(building: Building, node: Node, axis: int) -> Meaning:
    """Return a softmax of an axis, whatever it is a part of."""
    axes = last_channels(building, node, axes_of(building.laid(node, 0)), axis)
    groups = axes.shape.channels // size_of(axes.axes[axis])
    made = building.add(node, Softmax, [axes.bare], STANDARD[5], groups=groups)
    return plain(replace(axes, source=made.source, is_alone=made.is_alone))


def layer_norm(building: Building, node: Node) -> list[Meaning]:
    """Read a norm of the last axis; its factors and summands are a layer behind it."""
    laid = building.laid(node, 0)
    if isinstance(laid, Tensor) and laid.labels[-1] in ("T", "H", "W") and laid.size(laid.labels[-1]) > 1:
        declare_last(building, laid)
    data = axes_of(laid)
    axis, rank = int(node.attributes.get("axis", -1)), len(data.axes)
    if building.axis(node, axis, rank) != rank - 1:
        raise building.error(node, "is a norm of several dimensions; lw3dsim has one of the last, channels")
    if any(building.uses[name] for name in node.outputs[1:]):
        raise building.error(node, "gives its mean or deviation; lw3dsim has no such outputs")
    axes = last_channels(building, node, data, rank - 1)
    each, epsilon = (
        size_of(axes.axes[-1]),
        float(f"{node.attributes.get('epsilon', 1e-5):.7g}"),
    )  # files have it in 32 bits
    groups = axes.shape.channels // each
    made = building.add(node, LayerNorm, [axes.bare], STANDARD[5], groups=groups, epsilon=epsilon)
    factor, summand = (building.constant(node, i) for i in (1, 2))
    for constant in (factor, summand):
        if constant is not None and math.prod(constant.shape) not in (1, each):
            raise building.error(node, f"has {math.prod(constant.shape)} factors or summands for {each} channels")
    if not _is_one(factor) or summand is not None:
        tiled = [None if one is None else _tiled(one, groups, each) for one in (factor, summand)]
        made = building.per_channel(node, replace(made, is_alone=True), *tiled)
    return [plain(replace(axes, source=made.source, is_alone=made.is_alone))]


def _is_one(factor: Constant | None) -> bool:
    """Return whether factors are known to change nothing."""
    return factor is None or (factor.values is not None and bool(np.all(factor.values == 1)))


def _tiled(constant: Constant, groups: int, each: int) -> Constant:
    """Return factors of the channels of one group as those of all."""
    made = derived(lambda c: np.tile(np.broadcast_to(c.ravel(), (each,)), groups), constant)
    return replace(made, shape=(groups * each,))
