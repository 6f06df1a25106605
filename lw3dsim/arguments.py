"""Checks of arguments, one per kind of value.

What is given becomes a plain value that can be kept, compared and written as JSON, or an ArgumentError says in one
sentence which argument it was, what was given and what is allowed. A checked value passes its check again
unchanged. Nothing here reads a file.
"""

from __future__ import annotations

import inspect
import math
import numbers
import operator
import os
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from lw3dsim.errors import UNPRINTABLE, ArgumentError, short, unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Kind = TypeVar("Kind")

Size = tuple[int, int, int]

# What each argument is taken as.
PathArgument = str | os.PathLike[str]
SizeArgument = str | Sequence[int] | Mapping[str, "str | Sequence[int]"] | None
DimsArgument = str | Sequence[str] | Mapping[str, int] | None
OverridesArgument = str | Sequence[str] | Mapping[str, Any] | None

MAX_EXTENT = 8192

# How deep a value of an override may nest.
MAX_DEPTH = 20


def is_truth(value: object) -> bool:
    """Return whether ``value`` is True or False, of Python or of NumPy."""
    return type(value).__name__ in ("bool", "bool_")


def as_integer(name: str, value: object, low: int, high: int) -> int:
    """Return an integer of any kind as int; a truth value and a float are none, whole or not."""
    number = _indexed(value)
    if number is None or not low <= number <= high:
        raise ArgumentError(name, value, f"expected a whole number from {low} to {high}")
    return number


def as_optional_integer(name: str, value: object, low: int, high: int) -> int | None:
    """Return None, or an integer; see :func:`as_integer`."""
    return None if value is None else as_integer(name, value, low, high)


def _indexed(value: object) -> int | None:
    if is_truth(value):
        return None
    try:
        return int(operator.index(value))  # type: ignore[arg-type]  # asked, not known
    except Exception:  # whatever the object does when it is asked: it is no integer
        return None


def as_number(name: str, value: object, low: float, high: float) -> float:
    """Return a real number of any kind as float."""
    number = _real(value)
    if number is None or not low <= number <= high:
        raise ArgumentError(name, value, f"expected a number from {low:g} to {high:g}")
    return number


def _real(value: object) -> float | None:
    if is_truth(value) or not isinstance(value, numbers.Real):
        return None
    try:
        return float(value)
    except Exception:  # an integer too large for it, or an object of another kind than it says
        return None


def as_truth(name: str, value: object) -> bool:
    """Return True or False; nothing else is taken for it."""
    if not is_truth(value):
        raise ArgumentError(name, value, "expected True or False")
    return bool(value)


def as_optional_truth(name: str, value: object) -> bool | None:
    """Return None, True or False."""
    return None if value is None else as_truth(name, value)


def as_text(name: str, value: object, what: str = "text") -> str:
    """Return a text that is not empty, and shows as what it is."""
    text = _plain(value)
    if not text:
        raise ArgumentError(name, value, f"expected {what}")
    if not text.isprintable():
        raise ArgumentError(name, value, UNPRINTABLE)
    return text


def _plain(value: object) -> str | None:
    return str.__str__(value) if isinstance(value, str) else None


def as_word(name: str, value: object, allowed: Collection[str]) -> str:
    """Return one of the ``allowed`` words."""
    word = _plain(value)
    if word is None:
        raise ArgumentError(name, value, f"expected one of {', '.join(allowed)}")
    if word not in allowed:
        raise unknown(name, word, allowed)
    return word


def as_path(name: str, value: object, what: str = "a file name") -> str:
    """Return a name, or the path of a ``pathlib.Path`` or its like, as text."""
    path = _path(value)
    if not path:
        raise ArgumentError(name, value, f"expected {what}, as text or pathlib.Path")
    return path


def as_optional_path(name: str, value: object, what: str = "a file name") -> str | None:
    """Return None, or a path; see :func:`as_path`."""
    return None if value is None else as_path(name, value, what)


def as_path_or(name: str, value: object, kind: type[Kind], what: str) -> str | Kind:
    """Return a name or path as text, or an object of ``kind`` as it is."""
    if isinstance(value, kind):
        return value
    return as_path(name, value, f"{what} or a loaded {kind.__name__}")


def _path(value: object) -> str | None:
    try:
        path = _plain(os.fspath(value))  # type: ignore[call-overload]  # asked, not known
        return None if path is None or b"\0" in os.fsencode(path) else path
    except Exception:  # whatever the object does when it is asked: it is no path; or a name that no file can have
        return None


def check_callback(name: str, value: object, call: str) -> None:
    """Refuse what is neither None nor a function that can be called as ``call`` says."""
    if value is not None and not (callable(value) and _takes(value, call.count(",") + 1)):
        raise ArgumentError(name, value, f"expected None or a function, called as {call}")


def _takes(function: Callable[..., object], arguments: int) -> bool:
    """Whether so many arguments can be given; where a function of another language does not tell, yes."""
    try:
        inspect.signature(function).bind(*range(arguments))
    except TypeError:
        return False
    except ValueError:
        return True
    return True


def as_sizes(name: str, value: object) -> Size | Mapping[str, Size] | None:
    """Return frames, height and width of every input, or by the name of an input.

    A text is ``"TxHxW"``, or ``"NAME=TxHxW,NAME=TxHxW"``.
    """
    if value is None:
        return None
    if isinstance(value, str) and "=" in value:
        pairs = [part.partition("=") for part in value.split(",")]
        given: Mapping[Any, Any] = {key.strip(): size for key, _, size in pairs}
        if len(given) < len(pairs):
            raise ArgumentError(name, value, "an input is named twice; keep one")
    elif isinstance(value, Mapping):
        given = value
    else:
        return _size(name, value, value)
    if not given or not all(isinstance(key, str) and key for key in given):
        raise ArgumentError(name, value, "expected a size by the name of each input, such as {'clip': '16x112x112'}")
    return MappingProxyType({str.__str__(key): _size(name, size, value) for key, size in given.items()})


def _size(name: str, value: object, given: object) -> Size:
    parts: Sequence[object] | None = members(value)
    if isinstance(value, str):
        parts = [int(part) if _is_extent(part) else None for part in value.lower().split("x")]
    extents = [number for part in parts or [] if (number := _indexed(part)) and 0 < number <= MAX_EXTENT]
    if parts is None or len(parts) != 3 or len(extents) != 3:
        raise ArgumentError(
            name,
            given,
            f"expected frames, height and width as TxHxW or three whole numbers, each 1..{MAX_EXTENT}, such as "
            "16x112x112",
        )
    return (extents[0], extents[1], extents[2])


def _is_extent(text: str) -> bool:
    return len(text) <= 4 and text.isascii() and text.isdigit()


def members(value: object) -> list[object] | None:
    """Return the members of a list, a tuple, an array or their like; None for what is no such sequence."""
    if isinstance(value, str | bytes | bytearray | memoryview | Mapping) or not hasattr(value, "__getitem__"):
        return None
    try:
        return list(value) if len(value) < 10_000 else None  # type: ignore[arg-type, call-overload]  # asked, not known
    except Exception:  # whatever the object does when it is asked: it is no sequence
        return None


def as_overrides(name: str, value: object) -> tuple[str, ...]:
    """Return changes of an accelerator as ``key.path=value`` texts; a mapping gives values by key path."""
    if value is None:
        return ()
    if isinstance(value, Mapping):
        return tuple(_override(name, value, key, item) for key, item in value.items())
    items = [value] if isinstance(value, str) else members(value)
    texts = [text for item in items or [] if (text := _plain(item)) is not None]
    if items is None or len(texts) < len(items):
        raise ArgumentError(name, value, "expected 'key.path=value' texts, such as ['pe.rows=16'], or {'pe.rows': 16}")
    return tuple(texts)


def as_dims(name: str, value: object) -> tuple[str, ...]:
    """Return sizes of dimensions as ``NAME=SIZE`` texts, each name once; a mapping gives sizes by name."""
    rule = f"expected 'NAME=SIZE' texts, each name once, each size 1..{MAX_EXTENT}, such as 'T=16', or {{'T': 16}}"
    if value is None:
        return ()
    items = [value] if isinstance(value, str | Mapping) else members(value)
    if items is None:
        raise ArgumentError(name, value, rule)
    pairs = []
    for item in items:
        for key, size in _dims(item):
            if not key or not size or not 0 < size <= MAX_EXTENT:
                raise ArgumentError(name, item, rule)
            pairs.append((key, size))
    if twice(key for key, _ in pairs):
        raise ArgumentError(name, value, rule)
    return tuple(f"{key}={size}" for key, size in pairs)


def _dims(item: object) -> list[tuple[str | None, int | None]]:
    """Return the names and sizes that ``item`` gives, as a text or a mapping; None for what is neither."""
    if isinstance(item, Mapping):
        return [(_plain(key), _indexed(size)) for key, size in item.items()]
    key, _, size = (_plain(item) or "").rpartition("=")
    return [(key, int(size) if _is_extent(size) else None)]


def _override(name: str, given: object, key: object, value: object) -> str:
    path = _plain(key)
    if not path or "=" in path:
        raise ArgumentError(name, given, f"the key {short(key)} is no key path, such as 'pe.rows'")
    import json

    try:
        return f"{path}={json.dumps(plain_value(value), ensure_ascii=False)}"
    except ValueError:
        raise ArgumentError(
            name, given, f"the value of {short(path)} is no number, text, True, False, None, list or dict of them"
        ) from None


def plain_value(value: object, depth: int = 0) -> object:
    """Return ``value`` in Python's own types; raise ValueError where it has none that YAML can hold."""
    if depth > MAX_DEPTH:
        raise ValueError
    if value is None or isinstance(value, str):
        return value
    if is_truth(value):
        return bool(value)
    if (integer := _indexed(value)) is not None:
        return integer
    if (real := _real(value)) is not None and math.isfinite(real):
        return real
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {key: plain_value(item, depth + 1) for key, item in value.items()}
    if (items := members(value)) is not None:
        return [plain_value(item, depth + 1) for item in items]
    raise ValueError


def twice(names: Iterable[str]) -> str | None:
    """Return the first name that comes twice; None where none does."""
    seen = set[str]()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


def as_members(name: str, value: object, kind: type[Kind], what: str) -> list[Kind]:
    """Return a sequence whose members are all of ``kind``."""
    items = members(value)
    if items is None:
        raise ArgumentError(name, value, f"expected {what}")
    checked = []
    for place, item in enumerate(items):
        if not isinstance(item, kind):
            raise ArgumentError(f"{name}[{place}]", item, f"expected {what}")
        checked.append(item)
    return checked


def as_names(name: str, value: object) -> list[str]:
    """Return names of layers: none, one, or a sequence of them."""
    given = [value] if isinstance(value, str) else [] if value is None else value
    return as_members(name, given, str, "a name of a layer, or a list of them")
