"""What the field of a record may hold: the words of a refusal and the check follow from its annotation.

Types are bool, int, float, str, Literal of words, tuples of any length of these, and records of such fields; ``Meta``
gives the range. What plug-ins add, records of DRAM and of dataflows and the arguments of passes, is checked by this.
"""

from __future__ import annotations

import dataclasses
import math
from functools import cache
from typing import Annotated, Any, Literal, TypeVar, cast, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from lw3dsim.arguments import plain_value
from lw3dsim.base.values import replace
from lw3dsim.errors import InputError, short

Record = TypeVar("Record")


def plain_kind(kind: Any) -> Any:
    """Return a type without its annotations."""
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def metas(kind: Any) -> list[Meta]:
    """Return the annotations of a type that say its range and what it means."""
    return [meta for meta in getattr(kind, "__metadata__", ()) if isinstance(meta, Meta)]


def is_many(kind: Any) -> bool:
    """Return whether a type is that of tuples of any length."""
    plain = plain_kind(kind)
    return get_origin(plain) is tuple and get_args(plain)[1:] == (...,)


def allowed(kind: Any, text: str = "text", several: str = "several") -> str:
    """Return what values a type allows, in words; ``text`` and ``several`` stand for texts and for tuples.

    Raises TypeError for a type that is none of those above.
    """
    plain = plain_kind(kind)
    if plain is bool:
        return "true or false"
    if plain is int:
        return f"a whole number{_range(kind)}"
    if plain is float:
        return f"a number{_range(kind)}"
    if plain is str:
        return text + " that is not empty" * any(meta.min_length for meta in metas(kind))
    if get_origin(plain) is Literal and all(isinstance(word, str) for word in get_args(plain)):
        return f"one of {', '.join(get_args(plain))}"
    if is_many(kind):
        return f"{allowed(get_args(plain)[0], text, several)}, or {several}"
    raise TypeError


def plain_checked(kind: Any, value: object) -> object:
    """Return ``value`` in Python's own types; raise ValueError where ``kind``, a type without records, has no such."""
    try:
        value = msgspec.convert(plain_value(value), kind)
    except msgspec.ValidationError:
        raise ValueError from None
    for part in value if isinstance(value, tuple) else (value,):
        if isinstance(part, float) and not math.isfinite(part):
            raise ValueError
        if isinstance(part, str) and not part.isprintable():
            raise ValueError
    return value


def checked(record: Record) -> Record:
    """Return ``record``, with the numbers of other packages made Python's own.

    Raises InputError, in half a sentence, for the first field that holds what its annotation does not allow.
    """
    return _checked(record, "")


def _checked(record: Record, place: str) -> Record:
    changes = {}
    for name, kind in _kinds(cast("Any", type(record))).items():
        value = getattr(record, name)
        plain = _plain(kind, value, place + name)
        if type(plain) is not type(value) or plain != value:
            changes[name] = plain
    if not changes:
        return record
    return replace(record, **changes)


def _plain(kind: Any, value: object, place: str) -> object:
    inner: Any = get_args(plain_kind(kind))[0] if is_many(kind) else None
    if not _is_record(inner):
        try:
            return plain_checked(kind, value)
        except ValueError:
            raise InputError(f"{place} is {short(value)}, expected {allowed(kind, 'text of one line')}") from None
    if not isinstance(value, tuple | list) or not value or not all(isinstance(one, inner) for one in value):
        raise InputError(f"{place} is {short(value)}, expected one {inner.__name__} or more, in a tuple")
    return tuple(_checked(one, f"{place}[{i}].") for i, one in enumerate(value))


def _is_record(kind: Any) -> bool:
    return dataclasses.is_dataclass(kind) or (isinstance(kind, type) and issubclass(kind, msgspec.Struct))


@cache
def _kinds(record: Any) -> dict[str, Any]:
    """Return the type of each field of a dataclass or a Struct."""
    hints = get_type_hints(record, include_extras=True)
    names = (field.name for field in dataclasses.fields(record)) if dataclasses.is_dataclass(record) else None
    return {name: hints[name] for name in names or record.__struct_fields__}


def _range(kind: Any) -> str:
    """Return the limits of a number in words, such as `` above 0 and up to 64``."""
    limits: dict[str, float] = {}
    for meta in metas(kind):
        limits |= {name: limit for name in ("ge", "gt", "le", "lt") if (limit := getattr(meta, name)) is not None}
    if limits.keys() == {"ge", "le"}:
        return f" from {limits['ge']} to {limits['le']}"
    words = {"ge": "of at least", "gt": "above", "le": "up to", "lt": "below"}
    return " and".join(f" {word} {limits[name]}" for name, word in words.items() if name in limits)
