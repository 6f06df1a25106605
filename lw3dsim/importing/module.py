"""A module of PyTorch as a workload."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

from lw3dsim.base.calls import strict
from lw3dsim.errors import ArgumentError, InputError, one_line, raised

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import nn

    from lw3dsim.describe.weights import Weighted
    from lw3dsim.describe.workload import Workload


@strict
def from_torch(module: nn.Module, *example_inputs: Any, **named_inputs: Any) -> Workload:
    """Return the workload that a ``torch.nn.Module`` is, when it is called with such inputs.

    Only the shapes of the inputs count, which are of one clip each (1 x C x T x H x W; images and signals without
    frames or pixels); no weight is copied or looked at, and module and inputs may lie on the device ``meta`` or be
    fake. It is read as it is in evaluation, whatever it is in now. Layers are called by the paths of their modules.
    Raises InputError, in a sentence, for what is not taken; also where PyTorch is not installed.
    """
    return _read(module, example_inputs, named_inputs).workload


def _read(module: nn.Module, inputs: tuple[Any, ...], named: dict[str, Any]) -> Weighted:
    """Return the workload of a module, and its weights, which are read when they are asked for."""
    if not is_module(module):
        raise ArgumentError("module", module, "expected a torch.nn.Module")
    module = getattr(module, "_orig_mod", module)  # of torch.compile
    shown = one_line(type(module).__name__)
    from lw3dsim.importing.aten import READERS
    from lw3dsim.importing.lowering import network_of
    from lw3dsim.importing.program import graph_of

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of PyTorch about itself
        program = _exported(module, shown, inputs, named)
        graph = graph_of(program, shown, READERS)
    for name, dims in graph.inputs.items():
        if dims[:1] != (1,):
            given = "x".join(map(str, dims)) or "a number"
            raise InputError(f"{shown}: input {one_line(name)} is {given}; give an example of one clip: 1xCxTxHxW")
    return network_of(graph, shown, None, None)


def weighted_of_module(module: nn.Module, example_inputs: Any) -> Weighted:
    """Return the workload and the weights of a module that is called with a tensor, several in order, or by name."""
    if isinstance(example_inputs, Mapping):
        return _read(module, (), {str(name): value for name, value in example_inputs.items()})
    if isinstance(example_inputs, tuple | list):
        return _read(module, tuple(example_inputs), {})
    return _read(module, () if example_inputs is None else (example_inputs,), {})


def is_module(value: object) -> bool:
    """Return whether ``value`` is a module of PyTorch, without importing PyTorch to tell."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.nn.Module)


def _exported(module: nn.Module, shown: str, inputs: tuple[Any, ...], named: dict[str, Any]) -> Any:
    """Return the module as a program of operators on tensors."""
    export = import_module("torch.export").export
    if not inputs and not named:
        raise InputError(f"{shown}: a module needs the inputs that it is called with (example_inputs); give tensors")
    try:
        with _evaluating(module):
            return export(module, _examples(module, inputs), _examples(module, named), strict=False)
    except Exception as error:  # whatever the code of a module raises
        raise InputError(
            f"{shown}: torch.export can't trace it ({raised(error)}); give the inputs that it is called with, "
            "and let no branch depend on what tensors hold"
        ) from None


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    """Let every part be in evaluation for a while, each as it was afterwards."""
    before = [(part, part.training) for part in module.modules()]
    try:
        for part, _ in before:
            part.training = False
        yield
    finally:
        for part, was in before:
            part.training = was


def _examples(module: nn.Module, inputs: Any) -> Any:
    """Return ``inputs`` where the weights of a module lie, tensors without their values."""
    import torch
    from torch.utils._pytree import tree_map

    kept = next((tensor for tensors in (module.parameters(), module.buffers()) for tensor in tensors), None)

    def example(value: Any) -> Any:
        if not isinstance(value, torch.Tensor):
            return value
        return torch.empty(value.shape, dtype=value.dtype, device=value.device if kept is None else kept.device)

    fakes = (tensor for tensor in (kept, *_tensors(inputs)) if hasattr(tensor, "fake_mode"))
    mode = next((tensor.fake_mode for tensor in fakes), None)
    if mode is None:
        return tree_map(example, inputs)
    with mode:
        return tree_map(example, inputs)


def _tensors(inputs: Any) -> list[Any]:
    from torch.utils._pytree import tree_leaves

    return list(tree_leaves(inputs))
