"""Convolutions and linear layers row for row: as PyTorch's own hooks see them run, and as a workload has them."""

import torch
from torch import nn

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


def hooked(module, *inputs):
    """Run ``module`` and return what ran: channels, groups, windows along T, H and W, shapes, biases, MACs."""
    rows = []

    def saw(part, given, made):
        if isinstance(part, nn.Linear):
            rows.append(("linear", part.in_features, part.out_features, part.bias is not None, _macs(part, made)))
        else:
            around = part.padding if isinstance(part.padding, str) else _three(part.padding, 0)
            window = (_three(part.kernel_size, 1), _three(part.stride, 1), around, _three(part.dilation, 1))
            shapes = tuple(tuple(_shape(tensor)) for tensor in (given[0], made))
            channels = part.in_channels, part.out_channels, part.groups
            rows.append((*channels, *window, *shapes, part.bias is not None, _macs(part, made)))

    parts = [part for part in module.modules() if isinstance(part, (*CONVOLUTIONS, nn.Linear))]
    hooks = [part.register_forward_hook(saw) for part in parts]
    with torch.no_grad():
        module.eval()(*inputs)
    for hook in hooks:
        hook.remove()
    return [_as_linear(row) for row in rows]


def rows_of(network):
    """Return the same of a workload."""
    rows = []
    for layer in network.layers:
        (given, *_), made = network.input_shapes(layer), network.shapes[layer.name]
        macs = network.layer_macs(layer)
        if layer.kind == "linear":
            rows.append(("linear", given.elements, layer.out_features, layer.bias, macs))
        if layer.kind == "conv3d":
            around = tuple(before for before, behind in layer.margins(given) if before == behind)
            window = (layer.kernel, layer.stride, around, layer.dilation)
            rows.append(
                (given.channels, layer.out_channels, layer.groups, *window, tuple(given), tuple(made), layer.bias, macs)
            )  # fmt: skip
    return [_as_linear(row) for row in rows]


def _as_linear(row):
    """Return a convolution of one position as the linear layer that it is as well."""
    is_one = row[0] != "linear" and row[3] == row[7][1:] == (1, 1, 1) and row[2] == 1
    return ("linear", row[0], row[1], row[8], row[9]) if is_one else row


def _macs(part, made):
    return made.numel() * part.weight[0].numel()


def _three(sizes, other):
    """Return sizes along T, H and W of those along T, along H and W, or along all."""
    return {1: (*sizes, other, other), 2: (other, *sizes), 3: tuple(sizes)}[len(sizes)]


def _shape(tensor):
    """Return channels, frames, height and width."""
    channels, *sizes = tensor.shape[1:]
    return channels, *_three(sizes, 1)
