"""Layers as other simulators list them, one by one on sizes of their own, and the chain that they make.

A layer that takes what the one before it makes, with zeros around it where its window reaches beyond, reads that one;
any other reads an input of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.describe.workload import Conv3d, Shape, build_workload
from lw3dsim.errors import InputError, one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.describe.windows import Margins
    from lw3dsim.describe.workload import AnyLayer, Workload

# As many layers as a workload file may have, and as wide as its numbers.
MAX_LAYERS = 10_000
MAX_SIZE = 65_536
NO_PADDING = ((0, 0), (0, 0), (0, 0))


class Listed(NamedTuple):
    """A layer of a list: a convolution on an input of ``shape`` with zeros around it, and where it stands."""

    place: str
    layer: Conv3d
    shape: Shape
    around: Margins


def chained(name: str, source: str, listed: Sequence[Listed]) -> Workload:
    """Return the workload of layers that stand behind each other. Raises InputError where one does not fit."""
    inputs: dict[str, Shape] = {}
    layers: list[AnyLayer] = []
    places: dict[str, str] = {}
    last: tuple[str, Shape] | None = None
    for one in listed:
        own = _free(one.layer.name, places)
        places[own] = one.place
        around = None if last is None else _reached(one, last[1])
        if last is None or around is None:
            read = _free(f"{own}.input" if layers else "input", places)
            inputs[read], around = one.shape, one.around
            places[read] = one.place
        else:
            read = last[0]
        fields = {field: getattr(one.layer, field) for field in one.layer.__struct_fields__}
        layer = Conv3d(**fields | {"name": own, "inputs": (read,), "padding": around})
        shape = inputs.get(read) or (last or ("", one.shape))[1]
        try:
            last = own, layer.output_shape((shape,))
        except InputError as error:
            raise InputError(f"{one.place}: {error}") from None
        layers.append(layer)
    return build_workload(
        name=name, source=source, inputs=inputs, layers=layers, locate=lambda layer: places.get(layer, name)
    )


def _reached(one: Listed, before: Shape) -> Margins | None:
    """Return the padding with which a layer reads a tensor of the shape ``before`` as if it were its own input."""
    if before.channels != one.shape.channels:
        return None
    sides = []
    for axis in range(3):
        more, kernel = one.shape.extent[axis] - before.extent[axis], one.layer.kernel[axis]
        if not 0 <= more < kernel:
            return None
        first, behind = one.around[axis]
        sides.append((first + more // 2, behind + more - more // 2))
    return sides[0], sides[1], sides[2]


def _free(name: str, taken: dict[str, str]) -> str:
    """Return ``name``, with a number where another layer has it."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    return free


def whole(place: str, key: str, value: object, most: int = MAX_SIZE, least: int = 1) -> int:
    """Return a whole number that a file gives for ``key``. Raises InputError."""
    number = value
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdecimal() and len(value.strip()) < 10:
        number = int(value)
    if isinstance(number, bool) or not isinstance(number, int) or not least <= number <= most:
        raise InputError(
            f"{place} {key}: {one_line(str(value)) or 'nothing'} is no whole number from {least} to {most}"
        )
    return number
