"""Nested plain data that nobody can change: dicts and lists as ever, but for what would change them."""

from __future__ import annotations

import copy
from typing import Any, NoReturn


def frozen(data: Any) -> Any:
    """Return plain data with every dict and list in it frozen; what is frozen already is returned as it is.

    ``json`` writes it, ``==`` compares it, and ``copy.copy`` and ``copy.deepcopy`` make plain data of it that can be
    changed.
    """
    make = _FROZEN.get(type(data))
    return data if make is None else make(data)


def _refuse(self: object, *_: object, **__: object) -> NoReturn:  # noqa: ARG001  # the place of a method
    raise TypeError("a result can't be changed; change a copy, of copy.deepcopy")


class FrozenDict(dict[str, Any]):
    """A dict that can't be changed, and neither can what it holds."""

    def __init__(self, data: dict[str, Any]) -> None:
        super().__init__(data)
        for key, value in data.items():
            if type(value) in _FROZEN:
                super().__setitem__(key, frozen(value))

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __copy__(self) -> dict[str, Any]:
        return dict(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[str, Any]:
        return {key: copy.deepcopy(value, memo) for key, value in self.items()}

    def __reduce__(self) -> tuple[type[FrozenDict], tuple[dict[str, Any]]]:
        return (FrozenDict, (dict(self),))


class FrozenList(list[Any]):
    """A list that can't be changed, and neither can what it holds."""

    def __init__(self, data: list[Any] | tuple[Any, ...]) -> None:
        super().__init__(data)
        for place, value in enumerate(data):
            if type(value) in _FROZEN:
                super().__setitem__(place, frozen(value))

    __setitem__ = __delitem__ = __iadd__ = __imul__ = _refuse
    append = clear = extend = insert = pop = remove = reverse = sort = _refuse

    def __copy__(self) -> list[Any]:
        return list(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> list[Any]:
        return [copy.deepcopy(value, memo) for value in self]

    def __reduce__(self) -> tuple[type[FrozenList], tuple[list[Any]]]:
        return (FrozenList, (list(self),))


# What is frozen, by its type.
_FROZEN: dict[type, Any] = {dict: FrozenDict, list: FrozenList, tuple: FrozenList}
