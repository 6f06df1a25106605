"""A network as the machine runs it: what no unit of it does as it is written stands as layers that one does.

It is the same network, tensor for tensor: what a user reads, edits, exports and rewrites is the one that was written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from lw3dsim.describe.workload import BatchNorm, ConvTranspose3d, Gate, Interleave, LayerNorm, Mul, ScaledNorm, Shape
from lw3dsim.transform.rewrite import replace_layers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.describe.workload import AnyLayer, Workload


def lowered(network: Workload) -> Workload:
    """Return ``network`` with its transposed convolutions in phases, products with factors per channel as gates.

    Factors and summands behind a layer norm are part of it. Raises InputError where the name of a phase is that of
    another layer.
    """
    chains: dict[str, Sequence[AnyLayer]] = {}
    for layer in network.layers:
        inputs = network.input_shapes(layer)
        if isinstance(layer, ConvTranspose3d):
            chains[layer.name] = _in_phases(layer, inputs[0])
        elif isinstance(layer, Mul):
            chains |= _gated(layer, inputs)
        elif isinstance(layer, BatchNorm):
            chains |= _with_norm(network, layer)
    return replace_layers(network, chains) if chains else network


def _in_phases(layer: ConvTranspose3d, shape: Shape) -> list[AnyLayer]:
    """Return the convolutions of all phases, and their outputs in turns; of a single phase that alone."""
    phases = layer.phases(shape)
    if len(phases) == 1:
        return [msgspec.structs.replace(phases[0], name=layer.name)]
    t, h, w = (len(along) for along in layer.parts(shape))
    names = tuple(phase.name for phase in phases)
    return [
        *phases,
        Interleave(
            name=layer.name, inputs=names, apart=(t, h, w), density=layer.density, activation_bits=layer.activation_bits
        ),
    ]


def _with_norm(network: Workload, layer: BatchNorm) -> dict[str, Sequence[AnyLayer]]:
    """Return a batch norm as part of the layer norm before it, where it alone reads that, and looks nothing up."""
    before = next((one for one in network.layers if one.name == layer.inputs[0]), None)
    if not isinstance(before, LayerNorm) or layer.activation != "none" or len(network.consumers(before.name)) > 1:
        return {}
    both = ScaledNorm(
        name=layer.name,
        inputs=before.inputs,
        groups=before.groups,
        epsilon=before.epsilon,
        density=layer.density,
        activation_bits=layer.activation_bits,
        weight_bits=layer.weight_bits,
    )
    return {before.name: [], layer.name: [both]}


def _gated(layer: Mul, inputs: tuple[Shape, ...]) -> dict[str, Sequence[AnyLayer]]:
    """Return a gate in the place of a product with a tensor Cx1x1x1, which is to the array what weights are."""
    for whole, factors in ((0, 1), (1, 0)):
        if inputs[factors] == Shape(inputs[whole].channels, 1, 1, 1) != inputs[whole]:
            names = (layer.inputs[whole], layer.inputs[factors])
            gate = Gate(
                name=layer.name,
                inputs=names,
                activation=layer.activation,
                density=layer.density,
                activation_bits=layer.activation_bits,
            )
            return {layer.name: [gate]}
    return {}
