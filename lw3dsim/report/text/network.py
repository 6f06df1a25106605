"""A workload as a record: layers with shapes, parameters, MACs and ideal multiplications, and their totals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from lw3dsim.base.records import Record, figure, summed, summed_fields
from lw3dsim.describe.accelerator import Winograd
from lw3dsim.describe.workload import Conv3d
from lw3dsim.transform.algorithms import candidates

if TYPE_CHECKING:
    from lw3dsim.describe.workload import AnyLayer, Workload


class LayerRecord(Record, frozen=True, kw_only=True):
    """A layer as it is described."""

    name: str
    kind: str
    inputs: tuple[str, ...]
    input_shapes: tuple[str, ...]
    output_shape: str
    kernel: Annotated[str, figure("kernel of a convolution or pool as KxRxS")]
    stride: str
    groups: int
    algorithm: str
    note: Annotated[str, figure("why it does not run what was asked for")]
    params: Annotated[int, summed("weights and biases")]
    weights: Annotated[int, summed("weights alone")]
    macs: Annotated[int, summed("multiply-accumulates of the direct computation")]
    ideal_mults: Annotated[int, summed("multiplications of the paper's formula for the algorithm")]


class NetworkTotals(Record, frozen=True, kw_only=True):
    """Sums over all layers, and over convolutions."""

    layers: int
    macs: int
    ideal_mults: int
    params: int
    weights: int
    conv_macs: int
    conv_ideal_mults: int
    conv_params: int
    conv_weights: int


class NetworkRecord(Record, frozen=True, kw_only=True):
    """A workload as ``lw3dsim show`` gives it."""

    workload: str
    description: str
    source: str
    inputs: dict[str, tuple[int, ...]]
    transforms: tuple[str, ...]
    algorithm: str
    m1: int
    m2: int
    totals: NetworkTotals
    layers: tuple[LayerRecord, ...]


def network_record(
    workload: Workload, algorithm: str = "direct", m1: int | None = None, m2: int | None = None
) -> NetworkRecord:
    """Return ``workload`` as plain values; ideal multiplications are the paper's formula for ``algorithm``.

    Under ``auto`` the formula's smallest is given; which algorithm runs is the mapper's choice. Tiles that are not
    given are those of an accelerator that doesn't say.
    """
    tiles = Winograd()
    m1, m2 = tiles.m1 if m1 is None else m1, tiles.m2 if m2 is None else m2
    layers = tuple(_layer_record(workload, layer, algorithm, m1, m2) for layer in workload.layers)
    convolutions = [layer for layer in layers if layer.kind == "conv3d"]
    names = summed_fields(LayerRecord)
    return NetworkRecord(
        workload=workload.name,
        description=workload.description,
        source=workload.source,
        inputs={name: tuple(shape) for name, shape in workload.inputs.items()},
        transforms=tuple(workload.transforms),
        algorithm=algorithm,
        m1=m1,
        m2=m2,
        totals=NetworkTotals(
            layers=len(layers),
            **{name: sum(getattr(layer, name) for layer in layers) for name in names},
            **{f"conv_{name}": sum(getattr(layer, name) for layer in convolutions) for name in names},
        ),
        layers=layers,
    )


def _layer_record(workload: Workload, layer: AnyLayer, policy: str, m1: int, m2: int) -> LayerRecord:
    inputs, output = workload.input_shapes(layer), workload.shapes[layer.name]
    macs = workload.layer_macs(layer)
    chosen = min(candidates(layer, policy, m1, m2), key=lambda a: a.mults_per_output)
    mults = macs
    if isinstance(layer, Conv3d):
        mults = -int(-(macs * chosen.mults_per_output / layer.taps) // 1)
    kernel, stride = getattr(layer, "kernel", ""), getattr(layer, "stride", None)
    return LayerRecord(
        name=layer.name,
        kind=layer.kind,
        inputs=tuple(layer.inputs),
        input_shapes=tuple("x".join(map(str, shape)) for shape in inputs),
        output_shape="x".join(map(str, output)),
        kernel=kernel if isinstance(kernel, str) else "x".join(map(str, kernel)),
        stride="x".join(map(str, stride)) if stride else "",
        groups=getattr(layer, "groups", 1),
        algorithm=chosen.label if macs else "none",
        note=chosen.reason,
        params=workload.layer_params(layer),
        weights=layer.weights(inputs),
        macs=macs,
        ideal_mults=mults,
    )
