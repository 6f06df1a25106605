"""The module of a workload: its operators as a tree of modules, and the order in which they are run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from lw3dsim.errors import InputError
from lw3dsim.exporting.operators import operator

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from lw3dsim.describe.workload import Shape, Workload


class Part(nn.Module):
    """What only holds other modules: a block, or a part of a name."""


class Network(nn.Module):
    """A workload as a module; see :func:`lw3dsim.to_torch`.

    ``workload`` is what it was made from; ``paths`` says where the module of each layer is. A part of a name is the
    name of a module, but where modules have an attribute of that name, or it is empty: then ``_`` stands behind it.
    """

    def __init__(self, workload: Workload) -> None:
        super().__init__()
        self.workload = workload
        self.paths = _planted(self, {x.name: operator(x, workload.input_shapes(x)) for x in workload.layers})
        self.learned = nn.ParameterDict(
            {name.replace(".", "_"): nn.Parameter(_drawn(workload.shapes[name])) for name in workload.learned}
        )
        read = {name for layer in workload.layers for name in layer.inputs}
        self._outputs = [layer.name for layer in workload.layers if layer.name not in read]
        last = {name: layer.name for layer in workload.layers for name in layer.inputs}
        # What can be forgotten behind each layer.
        self._spent = {layer.name: [name for name, by in last.items() if by == layer.name] for layer in workload.layers}

    def layer(self, name: str) -> nn.Module:
        """Return the module of the layer called ``name``."""
        return self.get_submodule(self.paths[name])

    def forward(self, *clips: Tensor, **named: Tensor) -> Tensor | dict[str, Tensor]:
        """Return the tensor that no layer reads, or several by their names.

        Inputs are N x C x T x H x W, in the order of the workload or by name. Raises InputError where they do not fit.
        """
        tensors = self._inputs(clips, named)
        for layer in self.workload.layers:
            sources = [tensors[name] for name in layer.inputs]
            tensors[layer.name] = self.layer(layer.name)(*sources)
            for name in self._spent[layer.name]:
                del tensors[name]
        return tensors[self._outputs[0]] if len(self._outputs) == 1 else tensors

    def _inputs(self, clips: tuple[Tensor, ...], named: Mapping[str, Tensor]) -> dict[str, Tensor]:
        wanted = {name: shape for name, shape in self.workload.inputs.items() if name not in self.workload.learned}
        if len(clips) + len(named) != len(wanted) or named.keys() != {*list(wanted)[len(clips) :]}:
            given = f"{len(clips)} in order and by name {', '.join(named) or 'none'}"
            raise InputError(f"{self.workload.name} reads {', '.join(wanted)}; got {given}")
        tensors = {**dict(zip(wanted, clips, strict=False)), **named}
        for name, tensor in tensors.items():
            if tuple(tensor.shape[1:]) != tuple(wanted[name]):
                given = "x".join(map(str, tensor.shape))
                raise InputError(f"{self.workload.name}: input {name} is {given}; give N x {wanted[name]}")
        learned = {name: self.learned[name.replace(".", "_")] for name in self.workload.learned}
        return {**tensors, **learned}


def _drawn(shape: Shape) -> Tensor:
    """Return a learned tensor, 1 x C x T x H x W, as embeddings of positions begin."""
    return torch.randn(1, *shape) * 0.02


def _planted(root: nn.Module, operators: Mapping[str, nn.Module]) -> dict[str, str]:
    """Put every operator where its name says, into ``root``; return its path there.

    The name of one layer may begin with that of another, as of what a pass puts in front of it: then it is inside.
    """
    placed: dict[tuple[str, ...], tuple[nn.Module, str]] = {(): (root, "")}
    named = {tuple(name.split(".")): module for name, module in operators.items()}

    def place(parts: tuple[str, ...]) -> tuple[nn.Module, str]:
        if parts not in placed:
            parent, path = place(parts[:-1])
            module = named[parts] if parts in named else Part()
            own = _free(parent, parts[-1])
            parent.add_module(own, module)
            placed[parts] = module, f"{path}.{own}".removeprefix(".")
        return placed[parts]

    return {".".join(parts): place(parts)[1] for parts in named}


def _free(parent: nn.Module, name: str) -> str:
    """Return a name that a module can have within ``parent``."""
    while not name or hasattr(parent, name):
        name += "_"
    return name
