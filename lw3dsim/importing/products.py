"""Products of matrices in a graph: linear layers of constant weights, and products of two computed tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.base.values import replace
from lw3dsim.describe.workload import Conv3d, Linear
from lw3dsim.importing.again import declare_last
from lw3dsim.importing.attention import multiplied
from lw3dsim.importing.axes import Axes, axes_of, plain
from lw3dsim.importing.building import Given
from lw3dsim.importing.graph import Constant
from lw3dsim.importing.recipes import Recipe, derived, wide
from lw3dsim.importing.tensors import FLAT, STANDARD, Tensor

if TYPE_CHECKING:
    from collections.abc import Callable

    from lw3dsim.importing.building import Building, Meaning
    from lw3dsim.importing.graph import Node


def gemm(building: Building, node: Node, weights: Constant | None, bias: Constant | None) -> Tensor:
    """Read a linear layer of these weights."""
    data = building.data(node, 0)
    if weights is None or len(weights.shape) != 2 or node.attributes.get("transA", 0):
        raise building.error(node, "is no linear layer of constant weights")
    alpha, beta = float(node.attributes.get("alpha", 1)), float(node.attributes.get("beta", 1))
    is_turned = bool(node.attributes.get("transB", 0))
    rows = weights if is_turned else turned(weights)
    made = _linear(building, node, data, rows, bias)
    if alpha != 1 or (bias is not None and beta != 1):
        recipe = building.recipes[made.source]
        summand = None if bias is None else derived(lambda b: beta * wide(b), bias)
        recipe = replace(recipe, bias=None).scaled(Constant(shape=(), values=np.array(alpha)))
        building.recipes[made.source] = recipe if summand is None else recipe.shifted(summand)
    return made


def turned(weights: Constant) -> Constant:
    """Return a matrix whose rows are the columns of another."""
    return replace(derived(lambda w: w.T, weights), shape=weights.shape[::-1])


def matmul(building: Building, node: Node) -> list[Meaning]:
    """Read a product: with constant weights a linear layer, or one at every position."""
    return [product(building, node, 1, building.constant)]


def product(
    building: Building, node: Node, i: int, weights_of: Callable[[Node, int], Constant | None]
) -> Tensor | Axes:
    """Return the product of the data of a node and its input ``i``, which ``weights_of`` gets."""
    if isinstance(building.meaning(node, 0), Constant | Given) and isinstance(building.meaning(node, i), Tensor | Axes):
        raise building.error(node, "multiplies weights by data; lw3dsim takes data by weights")
    if isinstance(building.meaning(node, i), Tensor | Axes):
        return multiplied(building, node, building.laid(node, 0), building.laid(node, i))
    data = building.data(node, 0)
    weights = weights_of(node, i)
    if weights is None or len(weights.shape) != 2:
        raise building.error(node, "is no linear layer of constant weights")
    return _linear(building, node, data, turned(weights), None)


def _linear(building: Building, node: Node, data: Tensor, rows: Constant, bias: Constant | None) -> Tensor:
    """Return a linear layer of one row of weights per output."""
    out, taken = rows.shape
    last, recipe = data.labels[-1], Recipe(channels=out, taps=(taken, 1, 1, 1), weight=rows, bias=bias)
    if last not in ("C", FLAT) and data.size(last) > 1:
        declare_last(building, data)
        raise building.error(node, "multiplies along positions; a linear layer here reads channels, which come last")
    if data.size(last) != taken or last not in ("C", FLAT) or (last == "C" and data.labels[1:2] == (FLAT,)):
        raise building.error(node, f"weights for {taken} inputs read {data.size(last)}")
    has_bias = bias is not None
    if last == FLAT or data.is_vector:
        made = building.add(node, Linear, [data], out_features=out, bias=has_bias, recipe=recipe)
        return replace(made, labels=STANDARD[2] if last == FLAT else data.labels)
    # At every position on its own.
    return building.add(node, Conv3d, [data], out_channels=out, kernel=(1, 1, 1), bias=has_bias, recipe=recipe)


def einsum(building: Building, node: Node) -> list[Meaning]:
    """Read a product of two computed matrices that is written by letters: ``nct,ncp->ntp``."""
    taken, _, asked = str(node.attributes["equation"]).replace(" ", "").partition("->")
    letters = taken.split(",")
    data = [axes_of(building.laid(node, i)) for i in range(len(letters))]
    if len(data) != 2 or any(len(word) != len(one.axes) for word, one in zip(letters, data, strict=True)):
        raise building.error(node, "is no product of two matrices; write that part in YAML")
    shared = [letter for letter in letters[0] if letter in letters[1] and letter not in asked]
    batch = [letter for letter in letters[0] if letter in letters[1] and letter in asked]
    own = [[letter for letter in word if letter not in (*shared, *batch)] for word in letters]
    if len(shared) != 1 or any(len(free) != 1 for free in own) or sorted(asked) != sorted((*batch, *own[0], *own[1])):
        raise building.error(node, "is no product of two matrices; write that part in YAML")
    orders = ((*batch, *own[0], *shared), (*batch, *shared, *own[1]))
    given = [
        replace(one, axes=tuple(one.axes[word.index(letter)] for letter in order))
        for one, word, order in zip(data, letters, orders, strict=True)
    ]
    made, order = axes_of(multiplied(building, node, *given)), "".join((*batch, *own[0], *own[1]))
    return [plain(replace(made, axes=tuple(made.axes[order.index(letter)] for letter in asked)))]
