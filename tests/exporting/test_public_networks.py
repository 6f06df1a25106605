"""Do the shipped networks have the layers of their public definitions, row for row? PyTorch's own hooks count them."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from lw3dsim import load_workload

torch = pytest.importorskip("torch", reason="install lw3dsim[torch] to run these tests")
video = pytest.importorskip("torchvision.models.video", reason="install torchvision to run these tests")


class Row(NamedTuple):
    kind: str
    before: tuple[int, ...]
    behind: tuple[int, ...]
    kernel: tuple[int, ...] = (1, 1, 1)
    stride: tuple[int, ...] = (1, 1, 1)
    padding: tuple[int, ...] = (0, 0, 0)
    groups: int = 1


def run_by_torch(module, shape):
    """The rows of convolutions and linear layers, in the order in which they are run."""
    rows = []

    def hook(part, sources, output):
        before, behind = tuple(sources[0].shape[1:]), tuple(output.shape[1:])
        if isinstance(part, torch.nn.Conv3d) and before[1:] != (1, 1, 1):
            rows.append(Row("conv3d", before, behind, part.kernel_size, part.stride, part.padding, part.groups))
        elif isinstance(part, torch.nn.Conv3d | torch.nn.Linear):
            rows.append(Row("linear", before[:1], behind[:1]))

    for part in module.modules():
        part.register_forward_hook(hook)
    module.eval()(torch.empty(1, *shape))
    return rows


def described(network):
    """The same rows of a workload."""
    rows = []
    for layer in network.layers:
        (before, *_), behind = network.input_shapes(layer), network.shapes[layer.name]
        if layer.kind == "conv3d":
            padding = tuple(side for side, _ in layer.margins(before))
            rows.append(Row("conv3d", before, behind, layer.kernel, layer.stride, padding, layer.groups))
        elif layer.kind == "linear":
            rows.append(Row("linear", before[:1], behind[:1]))
    return rows


@pytest.mark.parametrize(("name", "make"), [("r2plus1d_r18", "r2plus1d_18"), ("s3d", "s3d")])
def test_a_shipped_network_runs_the_rows_of_torchvision(name, make):
    network = load_workload(name)
    with torch.device("meta"):
        module = getattr(video, make)()
        rows = run_by_torch(module, network.shapes["clip"])
    assert described(network) == rows
    count = sum(parameter.numel() for parameter in module.parameters())
    assert count == sum(map(network.layer_params, network.layers))
