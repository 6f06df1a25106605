"""The weights and clips that a network is executed with, where they are not drawn: of its file, or of the caller."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from lw3dsim.arithmetic.transposed import kernel_of
from lw3dsim.base.values import Value
from lw3dsim.describe.weights import LayerWeights
from lw3dsim.describe.workload import BatchNorm, Conv3d, ConvTranspose3d, Phase
from lw3dsim.errors import InputError, one_line, unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lw3dsim.arithmetic.arrays import Arrays
    from lw3dsim.arithmetic.number import Tensor
    from lw3dsim.describe.weights import Weighted, WeightReaders
    from lw3dsim.describe.workload import AnyLayer, Workload
    from lw3dsim.network.pipeline import Prepared

# What PyTorch adds to a variance, where nobody says otherwise.
EPSILON = 1e-5
NORM = ("weight", "bias", "running_mean", "running_var")


class Given(Value, frozen=True, kw_only=True):
    """Readers of weights by layer, and where they are from: ``file``, ``given`` or, without any, ``random``."""

    source: str
    readers: WeightReaders


def given_weights(prepared: Prepared) -> Given:
    """Return the weights that a request asks for. Raises InputError for arrays that do not fit the network."""
    asked = prepared.request.weights
    if asked == "random":
        return Given(source="random", readers={})
    if asked == "file":
        return Given(source="file", readers=_of_phases(_kept(prepared.loaded, prepared.written), prepared.network))
    assert not isinstance(asked, str)  # noqa: S101  # the request has checked it
    return Given(source="given", readers=_of_phases(_readers(prepared.written, asked), prepared.network))


def _of_phases(readers: WeightReaders, network: Workload) -> WeightReaders:
    """Return ``readers``, for transposed convolutions those of their phases: of parts of the kernels."""
    phases = {x.name: x for x in network.layers if isinstance(x, Phase) and x.of in readers}
    others = {name: read for name, read in readers.items() if name not in {phase.of for phase in phases.values()}}
    return others | {name: partial(_of_phase, readers[phase.of], phase) for name, phase in phases.items()}


def _of_phase(read: Callable[[], LayerWeights | None], phase: Phase) -> LayerWeights | None:
    whole = read()
    return None if whole is None else LayerWeights(kernel_of(phase, whole.weight), whole.bias)


def _kept(loaded: Weighted, network: Workload) -> WeightReaders:
    """Return the readers of the layers that are in ``network`` as they were loaded: of others the file has none."""
    before = {layer.name: (_alone(layer), loaded.workload.input_shapes(layer)) for layer in loaded.workload.layers}
    same = {x.name for x in network.layers if before.get(x.name) == (_alone(x), network.input_shapes(x))}
    return {name: read for name, read in loaded.weights.items() if name in same or name in network.learned}


def _alone(layer: AnyLayer) -> AnyLayer:
    return msgspec.structs.replace(layer, inputs=(), density=1.0)


def weight_size(network: Workload, layer: AnyLayer) -> tuple[int, ...]:
    """Return the size (N, C/groups, K, R, S) of the weights of a layer, of a transposed one (C, N/groups, K, R, S)."""
    if isinstance(layer, ConvTranspose3d):
        return (network.input_shapes(layer)[0].channels, layer.out_channels // layer.groups, *layer.kernel)
    channels = network.shapes[layer.name].channels
    kernel = layer.kernel if isinstance(layer, Conv3d) else (1, 1, 1)
    weights = layer.weights(network.input_shapes(layer))
    return (channels, weights // (channels * math.prod(kernel)), *kernel)


def _readers(network: Workload, arrays: Arrays) -> WeightReaders:
    """Return the readers of what the caller gave: ``LAYER.weight``, ``LAYER.bias``, and the parts of a batch norm."""
    readers, used = {}, set[str]()
    for layer in network.layers:
        if not layer.weights(network.input_shapes(layer)):
            continue
        names = [f"{layer.name}.{part}" for part in (*NORM, *(f"norm.{part}" for part in NORM))]
        own = {name.removeprefix(f"{layer.name}."): arrays[name] for name in names if name in arrays}
        used |= {*names, f"{layer.name}.num_batches_tracked", f"{layer.name}.norm.num_batches_tracked"}
        if own:
            readers[layer.name] = partial(_folded, network, layer, own)
            readers[layer.name]()  # what does not fit is said before anything is executed
    for name in sorted(arrays.keys() - used):
        raise unknown("weights", one_line(name), [f"{layer}.weight" for layer in readers] or used)
    return readers


def _folded(network: Workload, layer: AnyLayer, own: Mapping[str, Tensor]) -> LayerWeights:
    """Return the weights of a layer from its parts, its batch norm folded in. Raises InputError where one is wrong."""
    size = weight_size(network, layer)
    channels = (network.shapes[layer.name].channels,)
    sizes = {"weight": size, **dict.fromkeys((*NORM[1:], *(f"norm.{part}" for part in NORM)), channels)}
    parts = {part: _sized(f"weights: {layer.name}.{part}", array, sizes[part]) for part, array in own.items()}
    norm = {part: parts[f"norm.{part}"] for part in NORM if f"norm.{part}" in parts}
    if isinstance(layer, BatchNorm) and "running_var" in parts:
        norm, parts = {part: parts[part] for part in NORM if part in parts}, {"weight": np.ones(size)}
    if "weight" not in parts:
        raise InputError(f"weights: {layer.name}.weight is missing; give it too")
    weight, bias = parts["weight"], parts.get("bias")
    if norm:
        for part in NORM[2:]:
            if part not in norm:
                raise InputError(f"weights: {layer.name} has a batch norm without its {part}; give all of it, or none")
        factor = norm.get("weight", np.ones(())) / np.sqrt(norm["running_var"] + EPSILON)
        before = 0 if bias is None else bias
        weight = _times(layer, weight, np.broadcast_to(factor, channels))
        bias = (before - norm["running_mean"]) * factor + norm.get("bias", 0)
    return LayerWeights(weight, bias)


def _times(layer: AnyLayer, weight: Tensor, factor: Tensor) -> Tensor:
    """Return weights times a factor for every output channel."""
    if not isinstance(layer, ConvTranspose3d):
        return weight * factor[:, None, None, None, None]
    by_group = weight.reshape(layer.groups, -1, *weight.shape[1:])
    return (by_group * factor.reshape(layer.groups, 1, -1, 1, 1, 1)).reshape(weight.shape)


def _sized(place: str, array: Tensor, size: tuple[int, ...]) -> Tensor:
    if array.size != math.prod(size) or tuple(n for n in array.shape if n > 1) != tuple(n for n in size if n > 1):
        wanted, is_it = ("x".join(map(str, dims)) for dims in (size, array.shape))
        raise InputError(f"{place} is {is_it or 'a number'}; the layer takes {wanted}")
    return array.reshape(size)


def given_inputs(network: Workload, arrays: Arrays | None, clips: int = 1) -> dict[str, Tensor]:
    """Return the clips (C, T, H, W) that the caller gave, by input; those of a batch lie one behind another along T.

    So do ``clips`` that run one after another. Raises InputError where one does not fit.
    """
    arrays = arrays or {}
    for name in sorted(arrays.keys() - network.inputs.keys()):
        raise unknown("inputs", one_line(name), network.inputs)
    sizes = {
        name: shape._replace(frames=network.batch * clips * shape.frames) for name, shape in network.inputs.items()
    }
    return {name: _sized(f"inputs: {one_line(name)}", array, sizes[name]) for name, array in arrays.items()}
