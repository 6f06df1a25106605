"""Arithmetic of constants in a graph: at once where they are few, when they are asked for where they are many."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from lw3dsim.base.values import replace
from lw3dsim.importing.graph import FEW, Constant
from lw3dsim.importing.onnx_file import FOLDED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from lw3dsim.importing.building import Building
    from lw3dsim.importing.graph import Node

# What makes no more of constants than they are, so that their size can be tried.
TRIED = frozenset({"Abs", "Concat", "Neg", "Reciprocal", "Slice", "Split", "Sqrt", "Squeeze", "Unsqueeze"})
# What makes more of constants, by the input that says how much; and how much is made.
GROWING = {"ConstantOfShape": 0, "Expand": 1}
MOST = 1 << 20
ELEMENTWISE = frozenset({
    "Add", "And", "Div", "Equal", "Greater", "Less", "Max", "Min", "Mul", "Not", "Or", "Pow", "Sub", "Where",
})  # fmt: skip


def folded(building: Building, node: Node, constants: Sequence[Constant]) -> list[Constant] | None:
    """Return what ``node`` makes of constants; None where it has to be read like any other. Raises InputError."""
    if node.op not in FOLDED or (node.op in GROWING and not _is_few(constants[GROWING[node.op] :])):
        return None
    try:
        if all(one.values is not None for one in constants):
            values = building.fold(node, [one.values for one in constants])
            return [_kept(np.asarray(value)) for value in values]
        shapes = _shapes(building, node, constants)
    except Exception as error:  # whatever ONNX's reference raises for what it can't compute
        raise building.error(node, f"can't be computed from its constants ({type(error).__name__})") from None
    is_scale = any(one.is_scale for one in constants)
    made = [Constant(shape=shape, is_scale=is_scale) for shape in shapes or ()]
    return None if shapes is None else [later(building, node, constants, i, one) for i, one in enumerate(made)]


def _kept(values: NDArray[Any]) -> Constant:
    return Constant(shape=values.shape, values=values if values.size <= FEW else None, read=lambda: values)


def _is_few(sizes: Sequence[Constant]) -> bool:
    """Return whether a tensor of these ``sizes`` is small enough to be filled in."""
    return all(one.values is not None and 0 <= math.prod(one.values.ravel().tolist()) <= MOST for one in sizes)


def _shapes(building: Building, node: Node, constants: Sequence[Constant]) -> list[tuple[int, ...]] | None:
    """Return the shapes of what ``node`` makes of constants some of which are large; None where it may be larger."""
    if node.op in ELEMENTWISE:
        shape = np.broadcast_shapes(*(one.shape for one in constants))
        is_bounded = math.prod(shape) <= max(MOST, *(math.prod(one.shape) for one in constants))
        return [shape] if is_bounded else None
    if node.op not in TRIED:
        return None
    empty = [np.broadcast_to(np.float32(0), one.shape) if one.values is None else one.values for one in constants]
    return [value.shape for value in building.fold(node, empty)]


def later(building: Building, node: Node, constants: Sequence[Constant], i: int, made: Any) -> Any:
    """Return output ``i`` that a node makes of constants with a way to its values, where it has none: they are many."""
    if not isinstance(made, Constant) or made.values is not None or made.read is not None:
        return made

    def read() -> Any:
        arrays = [array for one in constants if (array := one.array()) is not None]
        try:
            return building.fold(node, arrays)[i] if len(arrays) == len(constants) else None
        except Exception:  # whatever ONNX's reference raises for what it can't compute
            return None

    return replace(made, read=read)
