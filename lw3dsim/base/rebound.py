"""Functions of a module that call others than it says, to watch what they do: kernels, where CPython runs them."""

from __future__ import annotations

from types import FunctionType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType


def rebound(module: ModuleType, instead: Mapping[str, Any], inner: dict[str, Any]) -> dict[str, Any]:
    """Return what ``module`` names, its own functions as CPython runs them, where they call some others ``instead``.

    What these stand for is put into ``inner``. The module itself stays as it is.
    """
    names: dict[str, Any] = dict(vars(module))
    for name, value in vars(module).items():
        if isinstance(value, FunctionType) and value.__module__ == module.__name__:
            names[name] = FunctionType(value.__code__, names, name, value.__defaults__, value.__closure__)
    inner.update((name, names[name]) for name in instead)
    names.update(instead)
    return names
