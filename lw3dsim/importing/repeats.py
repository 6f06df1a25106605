"""Elements that are there several times: repeated by the sum or product that reads them, or else by a layer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.base.values import replace
from lw3dsim.describe.workload import Upsample
from lw3dsim.importing.axes import Atom, Axes, axes_of, plain, unscaled
from lw3dsim.importing.graph import Constant
from lw3dsim.importing.joins import seen
from lw3dsim.importing.tensors import FIELDS, STANDARD
from lw3dsim.importing.writes import joined_behind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.importing.building import Building, Meaning
    from lw3dsim.importing.graph import Node

# The largest constant that one of fewer elements is repeated to.
MOST = 1 << 28
# The most copies of a tensor that are joined.
MOST_COPIES = 1024
# Operators that repeat what they read themselves.
REPEATING = frozenset({"Add", "Mul", "Sub", "Sum"})


def expand(building: Building, node: Node) -> list[Meaning]:
    """Read an expansion to a shape: its readers repeat elements anyway, or a layer does."""
    wanted = tuple(int(size) for size in building.values(node, 1))
    meaning = building.meaning(node, 0)
    if isinstance(meaning, Constant):
        return [_constant(building, node, np.broadcast_shapes(meaning.shape, wanted))]
    data = building.laid(node, 0)
    made = np.broadcast_shapes(data.dims, wanted)
    readers = building.readers.get(node.outputs[0], [])
    if made == data.dims:
        return [seen(building, node, data)]
    if readers and all(reader.op in REPEATING for reader in readers) and node.outputs[0] not in building.graph.outputs:
        building.repeated.add(node.outputs[0])
        return [seen(building, node, data)]
    axes = axes_of(data)
    axes = replace(axes, axes=((),) * (len(made) - len(data.dims)) + axes.axes)
    times = [size if size != own else 1 for size, own in zip(made, axes.dims, strict=True)]
    return [_repeated(building, node, axes, times)]


def tile(building: Building, node: Node) -> list[Meaning]:
    """Read a tensor that is there several times along its dimensions."""
    times = [int(count) for count in building.values(node, 1)]
    meaning = building.meaning(node, 0)
    if isinstance(meaning, Constant):
        return [_constant(building, node, [n * size for n, size in zip(times, meaning.shape, strict=True)])]
    axes = axes_of(building.laid(node, 0))
    if len(times) != len(axes.axes) or min(times) < 1:
        raise building.error(node, f"repeats {times} of {len(axes.axes)} dimensions; lw3dsim takes one count for each")
    return [_repeated(building, node, axes, times)]


def _constant(building: Building, node: Node, dims: Sequence[int]) -> Constant:
    """Return a constant of such dimensions, whose values are worked out when they are asked for."""
    if math.prod(dims) > MOST:
        raise building.error(node, f"makes {math.prod(dims)} elements of constants; lw3dsim takes {MOST} at most")
    return Constant(shape=tuple(dims))


def _repeated(building: Building, node: Node, axes: Axes, times: Sequence[int]) -> Meaning:
    """Return a tensor so many times along its axes: single positions stretched, others joined behind themselves."""
    axes = unscaled(building, node, axes)
    for axis, count in enumerate(times):
        if count == 1:
            continue
        free = next((dim for dim in "THW" if getattr(axes.shape, FIELDS[dim]) == 1), None)
        if axes.axes[axis] or free is None:
            if count > MOST_COPIES:
                raise building.error(node, f"joins {count} copies of a tensor; lw3dsim takes {MOST_COPIES} at most")
            axes = axes_of(joined_behind(building, node, [plain(axes)] * count, axis))
            continue
        scale = tuple(count if dim == free else 1 for dim in "THW")
        made = building.add(node, Upsample, [axes.bare], STANDARD[5], scale=scale)
        parts = tuple((Atom(free, count, 1),) if i == axis else one for i, one in enumerate(axes.axes))
        axes = replace(axes, source=made.source, shape=made.shape, axes=parts, is_alone=made.is_alone)
    return plain(axes)
