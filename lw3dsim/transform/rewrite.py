"""Rewriting a workload graph: each matching layer is replaced by a chain, consumers follow its last tensor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from lw3dsim.base.calls import strict
from lw3dsim.describe.workload import AnyLayer, Workload, build_workload
from lw3dsim.errors import InputError, PluginError, short


@strict
def replace_layers(workload: Workload, chains: Mapping[str, Sequence[AnyLayer]]) -> Workload:
    """Return ``workload`` with each named layer replaced by its chain of layers.

    An empty chain removes the layer: its consumers read its input. Readers of a
    replaced layer read the last layer of the chain. The result is verified. Raises
    PluginError for what are no chains, InputError where they do not fit.
    """
    check_chains("replace_layers", workload, chains)
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
            activation_bits=workload.activation_bits,
            weight_bits=workload.weight_bits,
            input_bits=workload.input_bits,
            transforms=workload.transforms,
            stream_state=workload.stream_state,
            learned=workload.learned,
            input_densities={name: workload.densities[name] for name in workload.inputs},
        )
    except InputError as error:
        raise InputError(f"a transform does not fit the workload: {error}") from None


def verify(name: str, before: Workload, after: object) -> Workload:
    """Return ``after``, what the pass ``name`` has made of ``before``; raise PluginError where it is no sound network.

    Every shape and density is inferred anew from its layers, and its inputs are those of ``before``.
    """
    who = f"transform {name}"
    if not isinstance(after, Workload):
        raise PluginError(who, f"apply returned {short(after)}, which is no Workload")
    _check_layers(who, before, after.layers)
    try:
        again = build_workload(
            name=after.name,
            inputs=after.inputs,
            layers=after.layers,
            input_densities={name: after.densities[name] for name in after.inputs if name in after.densities},
        )
    except InputError as error:
        raise PluginError(who, f"apply returned no sound network: {error}") from None
    if after.inputs != before.inputs:
        raise PluginError(who, f"apply changed the inputs of {before.name}; a pass rewrites layers alone")
    if (again.layers, again.shapes, again.densities) != (after.layers, after.shapes, after.densities):
        raise PluginError(
            who,
            "apply returned a network whose order, shapes or densities are not those of its layers; it is made with "
            "replace_layers or build_workload",
        )
    return after


def check_matched(who: str, network: Workload, matched: object) -> tuple[str, ...]:
    """Return what ``matches`` returned for ``network``; raise PluginError where it is no tuple of names of layers."""
    names = {layer.name for layer in network.layers}
    if not isinstance(matched, tuple) or not all(isinstance(name, str) and name in names for name in matched):
        raise PluginError(who, f"matches returned {short(matched)}, which is no tuple of names of layers")
    return matched


def check_chains(who: str, network: Workload, chains: object) -> Mapping[str, Sequence[AnyLayer]]:
    """Return what stands for layers of ``network``; raise PluginError where it is no dict of lists of layers."""
    if not isinstance(chains, Mapping):
        raise PluginError(who, f"its chains are {short(chains)}, not a dict of lists of layers")
    names = {layer.name for layer in network.layers}
    for name, chain in chains.items():
        if name not in names:
            raise PluginError(who, f"its chains have {short(name)}, which is no layer of {network.name}")
        if not isinstance(chain, list | tuple):
            raise PluginError(who, f"its chain for the layer {name} is {short(chain)}, not a list of layers")
        _check_layers(who, network, chain)
    return chains


def _check_layers(who: str, before: Workload, layers: object) -> None:
    """Refuse what is no layer, and fields that no file could hold: layers made in Python are not checked when made."""
    known = set(map(id, before.layers))
    if not isinstance(layers, list | tuple):
        raise PluginError(who, f"the layers that it made are {short(layers)}, not a tuple of layers")
    for layer in layers:
        if id(layer) in known:
            continue
        if not isinstance(layer, AnyLayer):
            raise PluginError(who, f"it made the layer {short(layer)}, which is none")
        try:
            msgspec.convert(msgspec.to_builtins(layer), type(layer))
        except (msgspec.ValidationError, TypeError) as error:
            raise PluginError(
                who, f"a field of the {layer.kind} {short(layer.name)} that it made is wrong: {error}"
            ) from None


def _final(renamed: Mapping[str, str], name: str) -> str:
    while renamed.get(name, name) != name:
        name = renamed[name]
    return name


def _layer(workload: Workload, name: str) -> AnyLayer:
    return next(layer for layer in workload.layers if layer.name == name)
