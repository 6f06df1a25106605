"""Values: frozen classes of named fields.

They are what frozen dataclasses are, but a class is made in a tenth of the time, which every start of a command pays,
and a value in less than half of it; its hash is worked out once. Where something that follows from a value is kept
with it (``once``), say ``dict=True, gc=True``.
"""

from __future__ import annotations

from typing import Any, TypeVar

from msgspec import Struct, structs

Some = TypeVar("Some")


class Value(Struct, frozen=True, cache_hash=True, gc=False):
    """What has equal fields is equal, and hashed alike; nothing can be assigned to."""


def replace(value: Some, **changes: Any) -> Some:
    """Return ``value``, or a dataclass, with other fields."""
    if isinstance(value, Struct):
        return structs.replace(value, **changes)
    import dataclasses

    return dataclasses.replace(value, **changes)  # type: ignore[type-var]  # what else it may be


def names_of(value: Value | type[Value]) -> tuple[str, ...]:
    """Return the names of the fields, in order."""
    return value.__struct_fields__


def fields_of(value: Value) -> dict[str, Any]:
    """Return the fields by name."""
    return structs.asdict(value)
