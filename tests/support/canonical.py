"""A workload as it comes back from another form: what says the same in several ways, in one of them."""

from collections import Counter

from lw3dsim.base.values import replace
from lw3dsim.describe.windows import as_margins, as_padding
from lw3dsim.describe.workload import (
    Activation,
    Add,
    BatchNorm,
    Conv3d,
    Gate,
    Linear,
    Mul,
    Pad,
    Pool3d,
    Shape,
    Slice,
    TemporalShift,
    Trg,
)

OPEN = (Conv3d, Linear, Add, Mul, Gate, BatchNorm)


def canonical(network):
    """Return inputs and layers by name: densities left out, what one layer can do in one layer, windows in numbers."""
    uses = Counter(name for layer in network.layers for name in layer.inputs)
    layers, known = {}, {}
    for layer in network.layers:
        shape = network.input_shapes(layer)[0]
        alone = uses[layer.inputs[0]] == 1
        layer = _plain(layer, shape, tuple(known.get(name, name) for name in layer.inputs), network)
        before = layers.get(layer.inputs[0])
        merged = _merged(before, layer, shape) if alone and before is not None else None
        if merged is not None and merged.name == before.name:
            layers[before.name], known[layer.name] = merged, before.name
        else:
            if merged is not None:
                del layers[before.name]
            layers[layer.name] = merged or layer
    return dict(network.inputs), layers


def _plain(layer, shape, inputs, network):
    keys = {"inputs": inputs, "density": 1.0}
    if isinstance(layer, Conv3d | Linear):
        keys["weight_density"] = 1.0
    if isinstance(layer, Conv3d):
        keys["padding"] = as_padding(layer.margins(shape))
    if isinstance(layer, Pool3d):
        return _pool(layer, shape, keys)
    if isinstance(layer, TemporalShift):
        keys["parts"] = shape.channels // (shape.channels // layer.parts)
    if isinstance(layer, Mul | Gate):
        shapes = network.input_shapes(layer)
        is_gate = shapes[1] == Shape(shapes[0].channels, 1, 1, 1) != shapes[0]
        return (Gate if is_gate else Mul)(name=layer.name, activation=layer.activation, inputs=inputs)
    return replace(layer, **keys)


def _pool(layer, shape, keys):
    """Return a pool whose padding is what its windows reach, where it does not matter what counts beyond that."""
    around, reached, window = layer.margins(shape), layer.reached(shape), layer.window(shape)
    if window == shape.extent and not any(map(any, reached)):
        return Pool3d(name=layer.name, mode=layer.mode, kernel="global", **keys)
    is_padded = any(map(any, reached))
    counts = layer.mode == "max" or layer.count_include_pad or not is_padded
    is_beyond = any(far > behind for (_, far), (_, behind) in zip(reached, around, strict=True))
    keys |= {"kernel": window, "stride": layer.step(shape), "count_include_pad": counts}
    if layer.mode == "avg" and counts and is_beyond:
        return replace(layer, padding=as_padding(around), **keys)
    return replace(layer, padding=as_padding(reached), ceil_mode=False, **keys)


def says_nothing(network):
    """Whether a layer makes what it reads: a pool over one position, a TRG of one frame, a slice of all."""
    for layer in network.layers:
        shape = network.input_shapes(layer)[0]
        if isinstance(layer, Pool3d) and layer.window(shape) == shape.extent == (1, 1, 1):
            return True
        if isinstance(layer, Trg) and shape.frames == 1:
            return True
        if isinstance(layer, Slice) and (layer.start, layer.stop, layer.step) == (0, getattr(shape, layer.dim), 1):
            return True
    return False


def _merged(before, layer, shape):
    """Return one layer that does what both do; None where there is none."""
    if isinstance(layer, Activation) and isinstance(before, OPEN) and before.activation == "none":
        return replace(before, activation=layer.activation)
    if isinstance(layer, Activation) and layer.activation == getattr(before, "activation", "") == "relu":
        return replace(layer, inputs=before.inputs) if isinstance(before, Activation) else before
    is_open = isinstance(before, Conv3d) and not before.batch_norm and before.activation == "none"
    if isinstance(layer, BatchNorm) and is_open:
        return replace(before, batch_norm=True, activation=layer.activation)
    if isinstance(layer, Conv3d) and isinstance(before, Pad):
        pairs = zip(as_margins(before.padding), layer.margins(shape), strict=True)
        return replace(
            layer, inputs=before.inputs, padding=as_padding(tuple((a + c, b + d) for (a, b), (c, d) in pairs))
        )
    return None
