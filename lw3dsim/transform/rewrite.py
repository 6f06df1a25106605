"""Rewriting a workload graph: each matching layer is replaced by a chain, consumers follow its last tensor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from lw3dsim.describe.workload import AnyLayer, Workload, build_workload
from lw3dsim.errors import InputError, short

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def replace_layers(workload: Workload, chains: Mapping[str, Sequence[AnyLayer]]) -> Workload:
    """Return ``workload`` with each named layer replaced by its chain of layers.

    An empty chain removes the layer: its consumers read its input. Readers of a
    replaced layer read the last layer of the chain. The result is verified.
    """
    renamed = {name: chain[-1].name if chain else _layer(workload, name).inputs[0] for name, chain in chains.items()}
    layers = [
        msgspec.structs.replace(new, inputs=tuple(_final(renamed, name) for name in new.inputs))
        for layer in workload.layers
        for new in chains.get(layer.name, (layer,))
    ]
    try:
        return build_workload(
            name=workload.name,
            inputs=workload.inputs,
            layers=layers,
            description=workload.description,
            source=workload.source,
            fsb_variant=workload.fsb_variant,
            transforms=workload.transforms,
            input_densities={name: workload.densities[name] for name in workload.inputs},
        )
    except InputError as error:
        raise InputError(f"a transform does not fit the workload: {error}") from None


def verify(name: str, before: Workload, after: object) -> Workload:
    """Return ``after``, what the pass ``name`` has made of ``before``; raise InputError where it is no sound network.

    Every shape and density is inferred anew from its layers, and its inputs are those of ``before``.
    """
    if not isinstance(after, Workload):
        raise InputError(f"transform {name} returned {short(after)}, which is no Workload; mend the pass")
    try:
        again = build_workload(
            name=after.name,
            inputs=after.inputs,
            layers=after.layers,
            input_densities={name: after.densities[name] for name in after.inputs if name in after.densities},
        )
    except InputError as error:
        raise InputError(f"transform {name} returned no sound network: {error}; mend the pass") from None
    if after.inputs != before.inputs:
        raise InputError(f"transform {name} changed the inputs of {before.name}; a pass rewrites layers alone")
    if (again.layers, again.shapes, again.densities) != (after.layers, after.shapes, after.densities):
        raise InputError(
            f"transform {name} returned a network whose order, shapes or densities are not those of its layers; make "
            "it with replace_layers or build_workload"
        )
    return after


def _final(renamed: Mapping[str, str], name: str) -> str:
    while renamed.get(name, name) != name:
        name = renamed[name]
    return name


def _layer(workload: Workload, name: str) -> AnyLayer:
    return next(layer for layer in workload.layers if layer.name == name)
