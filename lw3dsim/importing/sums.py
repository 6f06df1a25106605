"""Sums and products of a graph, element by element: of tensors, or of one and constants per channel."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.base.values import replace
from lw3dsim.describe.workload import Add, BatchNorm, Conv3d, ConvTranspose3d, Gate, Linear, Matmul, Mul
from lw3dsim.importing.axes import Axes, axes_of
from lw3dsim.importing.graph import Constant
from lw3dsim.importing.joins import combined, seen
from lw3dsim.importing.recipes import derived, finite, wide
from lw3dsim.importing.tensors import GROUPS, Tensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.importing.building import Building, Meaning
    from lw3dsim.importing.graph import Node


def batch_norm(building: Building, node: Node) -> list[Meaning]:
    """Read a batch norm, into the convolution before it where nothing else reads that."""
    data, scale = building.data(node, 0), building.constant(node, 1)
    if data.labels[1:2] != ("C",) or scale is None or math.prod(scale.shape) != data.shape.channels:
        raise building.error(node, f"its scales are not of the {data.shape.channels} channels that it reads")
    shift, mean, variance = (building.constant(node, i) or Constant(shape=scale.shape) for i in (2, 3, 4))
    small = float(node.attributes.get("epsilon", 1e-5))
    factor = derived(lambda g, v: wide(g) / np.sqrt(wide(v) + small), scale, variance)
    summand = derived(lambda b, m, f: wide(b) - wide(m) * f, shift, mean, factor)
    return [_scaled(building, node, data, factor, summand)]


def _scaled(building: Building, node: Node, data: Tensor, factor: Constant, summand: Constant | None = None) -> Tensor:
    """Return ``data`` times a factor per channel: part of the convolution before it where nothing else reads that."""
    maker = building.maker(data, Conv3d, ConvTranspose3d)
    if maker is not None and (not maker.batch_norm or summand is None):  # a factor behind a batch norm is part of it
        building.change(data, batch_norm=True)
        building.fold_in(data, factor, summand)
        return building.view(node, data)
    return building.per_channel(node, data, factor, summand)


def add(building: Building, node: Node) -> list[Meaning]:
    """Read a sum: of tensors, or of one and constants, which are a bias or learned tensors."""
    meanings = [building.meaning(node, i) for i in range(len(node.inputs))]
    known = [(name, one) for name, one in zip(node.inputs, meanings, strict=True) if isinstance(one, Constant)]
    # Zeros that the network makes itself, of a mask that hides nothing, are no work of it.
    constants = [one for name, one in known if name in building.graph.constants or not _is_zero(one)]
    data = [building.laid(node, i) for i, one in enumerate(meanings) if not isinstance(one, Constant)]
    if len(data) == 1 and not constants:
        return [seen(building, node, data[0])]
    if any(isinstance(one, Axes) for one in data) or _is_turned(data):
        return [combined(building, node, Add, [*data, *constants])]
    plain = [one for one in data if isinstance(one, Tensor)]
    labels = _labels_of(building, node, plain)
    made = plain[0]
    if len(plain) > 1:
        made = building.add(node, Add, plain, None if labels == made.labels else labels)
    for i, constant in enumerate(constants):
        if not is_per_channel(made, constant):
            return [combined(building, node, Add, [made, *constants[i:]])]
        made = shifted(building, node, made, constant)
    return [made]


def _is_zero(constant: Constant) -> bool:
    return constant.values is not None and not constant.values.any()


def _is_turned(data: Sequence[Tensor | Axes]) -> bool:
    """Return whether tensors of one shape lie in different orders."""
    orders = {one.larger for one in data if isinstance(one, Tensor)}
    return len(orders) > 1 and len({one.dims for one in data}) == 1


def shifted(building: Building, node: Node, data: Tensor, summand: Constant) -> Tensor:
    """Return ``data`` plus a summand per channel: the bias of the layer before it where nothing else reads that."""
    _check_per_channel(building, node, data, summand)
    maker = building.maker(data, Conv3d, ConvTranspose3d, Linear, BatchNorm)
    if maker is None:
        return building.per_channel(node, data, None, finite(summand))
    if not isinstance(maker, BatchNorm) and not getattr(maker, "batch_norm", False):
        building.change(data, bias=True)
    building.fold_in(data, summand=summand)
    return building.view(node, data)


def _labels_of(building: Building, node: Node, data: Sequence[Tensor]) -> tuple[str, ...]:
    """Return the labels of what tensors make element by element; raises InputError where they do not fit.

    Dimensions are held against each other from the last one on; where a tensor has one element, it is there for all.
    """
    longest = max(data, key=lambda one: len(one.labels))
    labels, sizes = list(longest.labels), dict[str, int]()
    places: dict[str, int] = {}
    for one in data:
        for label, place in one.larger:
            labels[-place] = label
            is_same = places.setdefault(label, place) == place and sizes.setdefault(label, one.size(label))
            if is_same != one.size(label):
                raise building.error(node, "joins tensors of different shapes; one may have 1 where others have more")
    if any(labels[-place] != label for label, place in places.items()):
        raise building.error(node, "joins tensors of different shapes; one may have 1 where others have more")
    return tuple(labels)


def is_per_channel(data: Tensor, constant: Constant) -> bool:
    """Return whether constants are one number, or one for each channel."""
    sizes = [size for size in constant.shape if size != 1]
    place = data.labels.index("C") if "C" in data.labels else len(data.labels) - 1
    from_end = len(data.labels) - place
    is_there = len(constant.shape) >= from_end and constant.shape[-from_end] == data.size(data.labels[place])
    return not sizes or (len(sizes) == 1 and is_there)


def _check_per_channel(building: Building, node: Node, data: Tensor, constant: Constant) -> None:
    """Raise InputError unless constants are one number, or one for each channel."""
    if not is_per_channel(data, constant):
        raise building.error(node, "takes constants that are not one for each channel")


def mul(building: Building, node: Node) -> list[Meaning]:
    """Read a product: of two tensors, of one and factors, or of one and constants."""
    one, other = building.meaning(node, 0), building.meaning(node, 1)
    if isinstance(one, Constant) or isinstance(other, Constant):
        constant, data = (one, building.laid(node, 1)) if isinstance(one, Constant) else (other, building.laid(node, 0))
        assert isinstance(constant, Constant)  # noqa: S101  # one of them is
        return [multiplied(building, node, data, constant)]
    laid = [building.laid(node, i) for i in (0, 1)]
    if any(isinstance(each, Axes) for each in laid) or _is_turned(laid):
        return [combined(building, node, Mul, laid)]
    data, factors = building.data(node, 0), building.data(node, 1)
    if data.is_vector and not factors.is_vector:
        data, factors = factors, data
    is_gate = factors.is_vector and factors.shape.channels == data.shape.channels and not data.is_vector
    if is_gate and _place(factors) == _place(data) and len(factors.labels) <= len(data.labels):
        return [building.add(node, Gate, [data, factors])]
    labels = _labels_of(building, node, [data, factors])
    return [building.add(node, Mul, [data, factors], None if labels == data.labels else labels)]


def multiplied(building: Building, node: Node, data: Tensor | Axes, factor: Constant) -> Meaning:
    """Return ``data`` times a factor: one, one per channel, or one for every element that is learned."""
    number = float(factor.values.ravel()[0]) if factor.values is not None and factor.values.size == 1 else 0.0
    if isinstance(data, Axes) or GROUPS in data.labels:
        data = axes_of(data)
        product = building.maker(data.bare, Matmul)
        if number > 0 and product is not None and not factor.is_scale:
            building.change(data.bare, scale=product.scale * number)
            return seen(building, node, data)
        is_one = number > 0 and not factor.is_scale
        return replace(data, scale=data.scale * number) if is_one else combined(building, node, Mul, [data, factor])
    if number > 0 and not factor.is_scale and (product := building.maker(data, Matmul)) is not None:
        building.change(data, scale=product.scale * number)
        return building.view(node, data)
    if not is_per_channel(data, factor):
        return combined(building, node, Mul, [data, factor])
    if not factor.is_scale:
        return _scaled(building, node, data, factor)
    building.fold_in(data, factor)
    return building.view(node, data)


def _place(tensor: Tensor) -> int:
    """Return where the channels stand, from the end; 0 where no dimension is theirs alone."""
    return tensor.labels[::-1].index("C") + 1 if "C" in tensor.labels else 0


def less(building: Building, node: Node) -> list[Meaning]:
    """Read a difference or a quotient: of a tensor and constants, it is a sum or a product of them."""
    constant = building.meaning(node, 1)
    if not isinstance(constant, Constant):
        raise building.error(node, "takes two computed tensors; lw3dsim subtracts and divides by constants alone")
    if node.op == "Sub":
        data = building.data(node, 0)
        return [shifted(building, node, data, derived(lambda c: -wide(c), constant))]
    inverse = derived(lambda c: 1 / wide(c), constant)
    if constant.values is not None and constant.values.size == 1 and constant.values.ravel()[0]:
        inverse = replace(inverse, values=1 / wide(constant.values))
    return [multiplied(building, node, building.laid(node, 0), replace(inverse, is_scale=constant.is_scale))]
