"""What this process keeps of what it has worked out, until it is told to forget it."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from functools import _lru_cache_wrapper

Parameters = ParamSpec("Parameters")
Value = TypeVar("Value")

_kept: list[_lru_cache_wrapper[object]] = []


def kept(most: int) -> Callable[[Callable[Parameters, Value]], _lru_cache_wrapper[Value]]:
    """Keep the last ``most`` values of a function, which hold arrays, or grow in number with the designs tried."""

    def keep(function: Callable[Parameters, Value]) -> _lru_cache_wrapper[Value]:
        cached = lru_cache(maxsize=most)(function)
        _kept.append(cached)
        return cached

    return keep


def forget() -> None:
    """Drop the values of all functions that are :func:`kept`."""
    for function in _kept:
        function.cache_clear()
