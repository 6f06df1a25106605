"""A workload as a record: layers with shapes, parameters, MACs and ideal multiplications, and their totals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lw3dsim.describe.accelerator import Winograd
from lw3dsim.describe.workload import Conv3d
from lw3dsim.transform.algorithms import candidates

if TYPE_CHECKING:
    from lw3dsim.describe.workload import AnyLayer, Workload


def network_record(
    workload: Workload, algorithm: str = "direct", m1: int | None = None, m2: int | None = None
) -> dict[str, Any]:
    """Return ``workload`` as plain values; ideal multiplications are the paper's formula for ``algorithm``.

    Under ``auto`` the formula's smallest is given; which algorithm runs is the mapper's choice. Tiles that are not
    given are those of an accelerator that doesn't say.
    """
    tiles = Winograd()
    m1, m2 = tiles.m1 if m1 is None else m1, tiles.m2 if m2 is None else m2
    layers = [_layer_record(workload, layer, algorithm, m1, m2) for layer in workload.layers]
    convolutions = [layer for layer in layers if layer["kind"] == "conv3d"]
    return {
        "workload": workload.name,
        "description": workload.description,
        "source": workload.source,
        "inputs": {name: list(shape) for name, shape in workload.inputs.items()},
        "transforms": list(workload.transforms),
        "algorithm": algorithm,
        "m1": m1,
        "m2": m2,
        "totals": {
            "layers": len(layers),
            **{key: sum(layer[key] for layer in layers) for key in ("macs", "ideal_mults", "params", "weights")},
            **{
                f"conv_{key}": sum(layer[key] for layer in convolutions)
                for key in ("macs", "ideal_mults", "params", "weights")
            },
        },
        "layers": layers,
    }


def _layer_record(workload: Workload, layer: AnyLayer, policy: str, m1: int, m2: int) -> dict[str, Any]:
    inputs, output = workload.input_shapes(layer), workload.shapes[layer.name]
    macs = workload.layer_macs(layer)
    chosen = min(candidates(layer, policy, m1, m2), key=lambda a: a.mults_per_output)
    mults = macs
    if isinstance(layer, Conv3d):
        mults = -int(-(macs * chosen.mults_per_output / layer.taps) // 1)
    return {
        "name": layer.name,
        "kind": layer.kind,
        "inputs": list(layer.inputs),
        "input_shapes": ["x".join(map(str, shape)) for shape in inputs],
        "output_shape": "x".join(map(str, output)),
        **_geometry(layer),
        "algorithm": chosen.label if macs else "none",
        "note": chosen.reason,
        "params": workload.layer_params(layer),
        "weights": layer.weights(inputs),
        "macs": macs,
        "ideal_mults": mults,
    }


def _geometry(layer: AnyLayer) -> dict[str, Any]:
    """Return kernel and stride as text, and the groups, of a convolution or pool; empty otherwise."""
    kernel, stride = getattr(layer, "kernel", ""), getattr(layer, "stride", None)
    return {
        "kernel": kernel if isinstance(kernel, str) else "x".join(map(str, kernel)),
        "stride": "x".join(map(str, stride)) if stride else "",
        "groups": getattr(layer, "groups", 1),
    }
