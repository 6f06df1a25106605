"""Norms of groups of channels over all their positions: what they take together is laid out as channels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.base.values import replace
from lw3dsim.describe.workload import LayerNorm
from lw3dsim.importing.axes import DIMENSIONS, Axes, Axis, Places, arranged, axes_of, cut, plain, size_of
from lw3dsim.importing.recipes import derived
from lw3dsim.importing.tensors import STANDARD, Tensor

if TYPE_CHECKING:
    from lw3dsim.importing.building import Building, Meaning
    from lw3dsim.importing.graph import Constant, Node

# The channels that a tensor may have, and so the elements of a clip that is normalised in groups.
MOST = 65536


def group_norm(building: Building, node: Node) -> list[Meaning]:
    """Read a norm of groups of channels, or of every channel by itself, over all positions."""
    laid = building.laid(node, 0)
    data = axes_of(laid)
    if len(data.axes) < 3 or data.axes[0]:
        raise building.error(node, "normalises a batch, or what has no positions; lw3dsim takes one clip")
    channels = size_of(data.axes[1])
    groups = int(node.attributes["num_groups"]) if node.op == "GroupNormalization" else channels
    apart = cut(data.axes[1], (groups, channels // max(groups, 1)))
    if apart is None or channels % groups:
        raise building.error(node, f"normalises {groups} groups of {channels} channels; groups are of one size")
    if data.shape.elements > MOST:
        raise building.error(
            node, f"normalises {data.shape.elements} elements over their positions; lw3dsim holds {MOST} for that"
        )
    finer = replace(data, axes=((), (*apart[0], *apart[1]), *data.axes[2:]))
    made = _normalised(building, node, finer, (*apart, *data.axes[2:]))
    factor, summand = (building.constant(node, i) for i in (1, 2))
    if _is(factor, 1) and _is(summand, 0):
        return [made]
    if not isinstance(made, Tensor) or not isinstance(laid, Tensor):
        raise building.error(node, "has factors of channels that are cut; export the network without them")
    each = [None if one is None else _of_channels(building, node, one, channels) for one in (factor, summand)]
    return [building.per_channel(node, made, *each)]


def _normalised(building: Building, node: Node, data: Axes, parts: tuple[Axis, ...]) -> Tensor | Axes:
    """Return the norm of ``data``, whose groups and what is in each are ``parts``, in the order that it lies in."""
    groups, *inside = parts
    flat = arranged(building, node, data, Places((*groups, *(atom for axis in inside for atom in axis))), "flat")
    epsilon = float(f"{node.attributes.get('epsilon', 1e-5):.7g}")  # files have it in 32 bits
    made = building.add(node, LayerNorm, [flat.bare], STANDARD[5], groups=size_of(groups), epsilon=epsilon)
    if flat.source == data.source:
        return plain(replace(data, source=made.source, is_alone=made.is_alone))
    normed = replace(flat, source=made.source, is_alone=True)
    old, new = ([atom for axis in axes for atom in axis] for axes in (data.axes, flat.axes))
    placed = dict(zip(old, new, strict=True))
    places = Places(*(tuple(placed[atom] for atom in data.parts(dim)) for dim in DIMENSIONS))
    back = arranged(building, node, normed, places, "back")
    return plain(replace(data, source=back.source, is_alone=made.is_alone))


def _is(constant: Constant | None, number: float) -> bool:
    """Return whether factors are known to be a number all."""
    return constant is None or (constant.values is not None and bool(np.all(constant.values == number)))


def _of_channels(building: Building, node: Node, constant: Constant, channels: int) -> Constant:
    """Return factors of channels, or of their groups, as those of channels."""
    count = math.prod(constant.shape)
    if count < 1 or channels % count:
        raise building.error(node, f"has {count} factors or summands for {channels} channels")
    made = derived(lambda c: np.repeat(c.ravel(), channels // count), constant)
    return replace(made, shape=(channels,))
