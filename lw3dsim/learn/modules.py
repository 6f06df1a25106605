"""The module of a network in training: how it begins, what a step does to it, what it answers."""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn import functional

from lw3dsim.errors import InputError
from lw3dsim.exporting.network import Network
from lw3dsim.learn.curves import Score, scored

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lw3dsim.describe.workload import Workload
    from lw3dsim.learn.clips import Array, Batch
    from lw3dsim.learn.schedule import Descent


def device_of(asked: str) -> Any:
    """Return the device of PyTorch that is asked for. Raises InputError where there is none."""
    has_gpu = torch.cuda.is_available()
    if asked == "cuda" and not has_gpu:
        raise InputError("device cuda: PyTorch finds no GPU here; give cpu or auto")
    return torch.device("cuda" if has_gpu and asked != "cpu" else "cpu")


@contextmanager
def threads_set(count: int) -> Iterator[None]:
    """Have PyTorch use ``count`` threads within."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def new_network(workload: Workload, seed: int) -> Network:
    """Return the module of ``workload`` with weights drawn by ``seed``; biases are 0.

    Weights are normal, of a variance of the gain over the inputs of an output: 2 in front of a rectifier, else 1 (He et
    al., "Delving Deep into Rectifiers", ICCV 2015). What stands between two convolutions of an FSB is none.
    """
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        network = Network(workload)
        for layer in workload.layers:
            module = network.layer(layer.name)
            if isinstance(module, nn.Conv3d | nn.ConvTranspose3d | nn.Linear):
                gain = 2 if str(getattr(layer, "activation", "none")).startswith("relu") else 1
                inputs = math.prod(module.weight.shape[1:])
                module.weight.normal_(0, math.sqrt(gain / inputs))
                if module.bias is not None:
                    module.bias.zero_()
    return network


def optimizer_of(network: Network, descent: Descent) -> Any:
    """Return stochastic gradient descent with momentum on the parameters of ``network``."""
    return torch.optim.SGD(
        network.parameters(), lr=descent.lr, momentum=descent.momentum, weight_decay=descent.weight_decay
    )


def arrays_of(tensors: Mapping[str, Any]) -> dict[str, Array]:
    """Return tensors as arrays on the CPU, which follow them no further."""
    return {name: tensor.detach().cpu().numpy().copy() for name, tensor in tensors.items()}


def momentum_of(network: Network, optimizer: Any) -> dict[str, Array]:
    """Return the momentum of each parameter that has any, by its name."""
    found = {name: optimizer.state[one].get("momentum_buffer") for name, one in network.named_parameters()}
    return arrays_of({name: one for name, one in found.items() if one is not None})


def take_up(network: Network, optimizer: Any, weights: Mapping[str, Array], momentum: Mapping[str, Array]) -> None:
    """Give ``network`` its ``weights``, and the optimizer their ``momentum``."""
    network.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    for name, one in network.named_parameters():
        if name in momentum:
            optimizer.state[one]["momentum_buffer"] = torch.from_numpy(momentum[name]).to(one.device)


def logits_of(network: Network, inputs: Mapping[str, Array], device: Any) -> Any:
    """Return what ``network`` answers, (clips, classes)."""
    return network(**{name: torch.from_numpy(array).to(device) for name, array in inputs.items()}).flatten(1)


def trained_step(network: Network, optimizer: Any, batch: Batch, rate: float, device: Any) -> Score:
    """Take one step down the gradient of a ``batch`` at a learning ``rate``; return what it scored before."""
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.zero_grad()
    logits = logits_of(network, batch.inputs, device)
    functional.cross_entropy(logits, torch.from_numpy(batch.labels).to(device)).backward()
    optimizer.step()
    return scored(logits.detach().cpu().numpy(), batch.labels)


def scored_batch(network: Network, batch: Batch, device: Any) -> Score:
    """Return what ``network`` scores on a ``batch``."""
    with torch.no_grad():
        return scored(logits_of(network, batch.inputs, device).cpu().numpy(), batch.labels)
