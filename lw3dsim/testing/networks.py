"""Small networks that have something for every pass: dense kernels, bottlenecks with shortcuts, two pathways."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.describe.workload import Add, Concat, Conv3d, Linear, Pool3d, Shape, build_workload

if TYPE_CHECKING:
    from lw3dsim.describe.workload import AnyLayer, Workload


def small_networks() -> tuple[Workload, ...]:
    """Return the networks, each of a few thousand MACs, so that it can be executed."""
    return dense_network(), two_pathways()


def dense_network() -> Workload:
    """Return dense K x R x S convolutions, plain, strided, dilated and sparse, a pooling and a linear layer."""
    layers: list[AnyLayer] = [
        Conv3d(name="a", inputs=("clip",), out_channels=16, kernel=(3, 3, 3), padding=(1, 1, 1), activation="relu"),
        Conv3d(
            name="b", inputs=("a",), out_channels=24, kernel=(3, 3, 3), stride=(1, 2, 2), padding=(1, 1, 1), bias=True
        ),
        Conv3d(name="c", inputs=("b",), out_channels=24, kernel=(2, 3, 3), padding=(1, 2, 2), dilation=(2, 2, 2)),
        Conv3d(name="d", inputs=("c",), out_channels=8, kernel=(3, 1, 3), density=0.5, weight_density=0.5),
        Pool3d(name="pool", inputs=("d",), mode="avg", kernel="global"),
        Linear(name="fc", inputs=("pool",), out_features=10),
    ]
    return build_workload(name="dense", inputs={"clip": Shape(3, 7, 10, 10)}, layers=layers)


def two_pathways() -> Workload:
    """Return bottlenecks with shortcuts in a slow and a fast pathway, named as SlowFast's are."""
    layers = [*_bottleneck("slow.res2", "slow_clip", 1), *_bottleneck("fast.res2", "fast_clip", 3)]
    layers += [
        Conv3d(
            name="lateral", inputs=("fast.res2",), out_channels=8, kernel=(5, 1, 1), stride=(2, 1, 1), padding=(2, 0, 0)
        ),
        Concat(name="joined", inputs=("slow.res2", "lateral")),
        Pool3d(name="pool", inputs=("joined",), mode="max", kernel=(1, 2, 2)),
        Linear(name="fc", inputs=("pool",), out_features=5),
    ]
    inputs = {"slow_clip": Shape(8, 4, 8, 8), "fast_clip": Shape(8, 8, 8, 8)}
    return build_workload(name="two_pathways", inputs=inputs, layers=layers)


def _bottleneck(name: str, source: str, taps: int) -> list[AnyLayer]:
    """Return taps x 1 x 1, 1 x 3 x 3 and 1 x 1 x 1 convolutions and the sum with what they read; 8 channels wide."""
    a, b, c = (f"{name}.{part}" for part in "abc")
    return [
        Conv3d(
            name=a, inputs=(source,), out_channels=8, kernel=(taps, 1, 1), padding=(taps // 2, 0, 0), batch_norm=True
        ),
        Conv3d(name=b, inputs=(a,), out_channels=8, kernel=(1, 3, 3), padding=(0, 1, 1), activation="relu"),
        Conv3d(name=c, inputs=(b,), out_channels=8, kernel=(1, 1, 1)),
        Add(name=name, inputs=(c, source), activation="relu"),
    ]
