"""A mapped network as units: layers by themselves, and groups that are fused or fixed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.account.simulated import Unit
from lw3dsim.errors import unknown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lw3dsim.account.simulated import LayerRun, Run
    from lw3dsim.describe.workload import AnyLayer, Workload
    from lw3dsim.map.group.group import Group
    from lw3dsim.map.group.partition import Path
    from lw3dsim.schedule.work import Work

# Whether layers are fused: not at all, or where it is worth it.
MODES = ("off", "auto")


def units_of(network: Workload, runs: Sequence[LayerRun], fixed: Mapping[Path, Run[Work]]) -> list[Unit]:
    """Return ``network`` cut into the ``fixed`` units and the layers that ``runs`` holds, ordered by their last layers.

    Where all layers are in fixed units, ``runs`` may be empty.
    """
    inside = {i for path in fixed for i in path}
    units: dict[Path, Run[Work]] = {(i,): run for i, run in enumerate(runs) if i not in inside}
    units.update(fixed)
    return [
        Unit(layers=tuple(network.layers[i] for i in path), run=units[path])
        for path in sorted(units, key=lambda path: path[-1])
    ]


def moved_of(network: Workload, layers: Sequence[AnyLayer], group: Group | None) -> tuple[str | None, ...]:
    """Return the tensors that a layer or ``group`` of ``layers`` moves, in the order of its blocks.

    The first is one of those that the first layer reads as they lie, None where there is none.
    """
    read, made = next(iter(network.reads_as_laid(layers[0])), None), layers[-1].name
    if group is None:
        return read, made
    stored = (layers[tensor - 1].name for tensor in group.stored)
    return read, made, *stored, *(_second(layers[i - 1], layers[i]) for i in group.seconds)


def _second(before: AnyLayer, layer: AnyLayer) -> str:
    """Return what a layer of a chain reads beside what the one before it makes."""
    return next(name for name in layer.streams if name != before.name)


def check_layers(network: Workload, names: Sequence[str]) -> None:
    """Raise InputError where a network has no layer of one of these ``names``."""
    known = [layer.name for layer in network.layers]
    for name in names:
        if name not in known:
            raise unknown("layer", name, known)


def is_asked(unit: Unit, names: Sequence[str]) -> bool:
    """Return whether a unit has any of the layers ``names``, which are all where none is named."""
    return not names or any(layer.name in names for layer in unit.layers)
