"""What this process keeps of what it has worked out, until it is told to forget it."""

from __future__ import annotations

from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, overload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
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


@contextmanager
def lent(
    free: list[Value], make: Callable[[], Value], suits: Callable[[Value], bool] = lambda _: True
) -> Iterator[Value]:
    """Lend what is ``free``, if it ``suits``, or else made, and free again afterwards: it is written over later.

    What does not suit is dropped.
    """
    one = free.pop() if free else None
    if one is None or not suits(one):
        one = make()
    try:
        yield one
    finally:
        free.append(one)


class once(Generic[Value]):  # noqa: N801  # used as a decorator
    """A property that is worked out when it is first asked for, and kept with its object.

    That of ``functools`` takes a lock each time, up to Python 3.11. Here two threads that ask at once may both work it
    out; what follows from frozen values is the same.
    """

    def __init__(self, function: Callable[[Any], Value]) -> None:
        self.function, self.name, self.__doc__ = function, function.__name__, function.__doc__

    @overload
    def __get__(self, instance: None, owner: type) -> once[Value]: ...

    @overload
    def __get__(self, instance: object, owner: type) -> Value: ...

    def __get__(self, instance: object | None, owner: type) -> once[Value] | Value:
        if instance is None:
            return self
        value = instance.__dict__[self.name] = self.function(instance)
        return value
