"""Records: frozen, typed figures by name, from which JSON, its schema, tables and a glossary follow.

A field's name carries its unit, its annotation its range, its description what it
means; nothing else says so a second time.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Annotated, Generic, TypeVar, cast

import msgspec
from msgspec import Meta

from lw3dsim.base.calls import strict_methods
from lw3dsim.errors import NameInputError, short, suggest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, KeysView

    from msgspec import inspect


def summed(about: str) -> Meta:
    """Describe a figure that adds up: that of the whole is the sum of those of its parts."""
    return Meta(description=about, extra={"summed": True})


def figure(about: str) -> Meta:
    """Describe a figure."""
    return Meta(description=about)


# What texts must be, in words, by what msgspec says where they don't match their pattern.
_SAID: dict[str, str] = {}


def matching(pattern: str, said: str, schema: dict[str, object] | None = None) -> Meta:
    """Say that a text matches ``pattern``, which a sentence says as ``said``."""
    _SAID[f"`str` matching regex {pattern!r}"] = said
    return Meta(pattern=pattern, extra_json_schema=schema)


def one_of(*words: str) -> Meta:
    """Say that a text is one of ``words``."""
    pattern = f"^({'|'.join(map(re.escape, words))})$"
    return matching(pattern, f"one of {', '.join(words)}", {"enum": [*words]})


def in_words(problem: str) -> str:
    """Return what msgspec says of a wrong value with the patterns of :func:`matching` in words."""
    for pattern, said in _SAID.items():
        problem = problem.replace(pattern, said)
    return problem


# Plain data, as JSON holds it.
Plain = str | int | float | bool | None | list["Plain"] | dict[str, "Plain"]

# A value of a table.
Cell = str | int | float | None

# No figure of a run comes near these, and what is computed from them does not overflow.
LARGEST_COUNT, LARGEST_AMOUNT = (1 << 63) - 1, 1e280
Count = Annotated[int, Meta(ge=0, le=LARGEST_COUNT)]
Positive = Annotated[int, Meta(ge=1, le=LARGEST_COUNT)]
Amount = Annotated[float, Meta(ge=0, le=LARGEST_AMOUNT)]
PositiveAmount = Annotated[float, Meta(gt=0, le=LARGEST_AMOUNT)]

# What the end of a name says of its unit.
UNITS = {
    "_per_cycle": "1/cycle",
    "_per_s": "1/s",
    "_cycles": "cycles",
    "_bytes": "bytes",
    "_mm2": "mm2",
    "_js": "J s",
    "_ms": "ms",
    "_mw": "mW",
    "_pj": "pJ",
    "_db": "dB",
    "_bits": "bits",
}


@strict_methods
class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """A record. Values are attributes; where a name is at hand, ``record[name]`` reads them as well.

    What has a default is there only where it differs: else it is not written, and not among :meth:`keys`.
    """

    @classmethod
    def order(cls) -> tuple[str, ...]:
        """Return the names of all fields in the order in which they are written."""
        return cls.__struct_fields__

    def keys(self) -> KeysView[str]:
        """Return the names of what is there."""
        order, defaults = _order(type(self))
        left_out = {name for name, value in defaults.items() if getattr(self, name) == value}
        return {name: None for name in order if name not in left_out}.keys() if left_out else order.keys()

    def __iter__(self) -> Iterator[str]:
        """Yield the names of what is there."""
        return iter(self.keys())

    def __len__(self) -> int:
        """Return how much is there."""
        return len(self.keys())

    def __getitem__(self, name: str) -> object:
        """Return the value called ``name``. Raises InputError, which is a KeyError."""
        return getattr(self, self._known(name, self.keys()))

    def _known(self, name: object, names: Collection[str]) -> str:
        """Return ``name`` where it is one of ``names``; else say which there are."""
        if not isinstance(name, str) or name not in names:
            known = suggest(name if isinstance(name, str) else "", names)
            raise NameInputError(f"{type(self).__name__} has no {short(name)}; {known}")
        return str.__str__(name)

    def as_dict(self) -> dict[str, Plain]:
        """Return plain data, what JSON is written from: a copy that can be changed."""
        return {name: _plain(getattr(self, name)) for name in self.keys()}

    def to_json(self) -> str:
        """Return the record as JSON text; equal records give equal bytes."""
        import json

        return json.dumps(self.as_dict(), indent=2) + "\n"


Part = TypeVar("Part")


@strict_methods
class Breakdown(Record, Generic[Part], frozen=True, kw_only=True):
    """Parts by name, all of one kind: what a figure is the sum of."""

    def __getitem__(self, name: str) -> Part:
        """Return the part called ``name``. Raises InputError, which is a KeyError."""
        part: Part = getattr(self, self._known(name, self.__struct_fields__))
        return part

    def values(self) -> list[Part]:
        """Return the parts without their names."""
        return [getattr(self, name) for name in self.keys()]

    def items(self) -> list[tuple[str, Part]]:
        """Return names and parts."""
        return [(name, getattr(self, name)) for name in self.keys()]

    def parts(self) -> dict[str, Part]:
        """Return the parts as a dict of their own."""
        return dict(self.items())


@cache
def _order(kind: type[Record]) -> tuple[dict[str, None], dict[str, object]]:
    """Return the names of all fields in the order in which they are written, and the defaults that there are."""
    given = kind.__struct_defaults__
    names = kind.__struct_fields__[len(kind.__struct_fields__) - len(given) :]
    defaults = {name: value for name, value in zip(names, given, strict=True) if value is not msgspec.NODEFAULT}
    return dict.fromkeys(kind.order()), defaults


def _plain(value: object) -> Plain:
    if isinstance(value, Record):
        return value.as_dict()
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return cast("Plain", msgspec.to_builtins(value))


def ahead(names: tuple[str, ...], moved: tuple[str, ...], before: str) -> tuple[str, ...]:
    """Return ``names`` with those ``moved`` ahead of another."""
    rest = [name for name in names if name not in moved]
    place = rest.index(before)
    return (*rest[:place], *moved, *rest[place:])


@cache
def described(kind: type[Record]) -> dict[str, str]:
    """Return what each field of a record means, in the order in which they are written."""
    from msgspec import inspect

    about = {}
    for field in _fields(kind):
        schema = (field.type.extra_json_schema or {}) if isinstance(field.type, inspect.Metadata) else {}
        about[field.name] = str(schema.get("description", ""))
    return {name: about[name] for name in kind.order()}


@cache
def summed_fields(kind: type[Record]) -> tuple[str, ...]:
    """Return the figures of a record that add up over its parts."""
    from msgspec import inspect

    return tuple(
        field.name
        for field in _fields(kind)
        if isinstance(field.type, inspect.Metadata) and (field.type.extra or {}).get("summed")
    )


def _fields(kind: type[Record]) -> tuple[inspect.Field, ...]:
    from msgspec import inspect

    info = inspect.type_info(kind)
    if not isinstance(info, inspect.StructType):
        raise TypeError(f"{kind.__name__} is no record")
    return info.fields


def unit_of(name: str) -> str:
    """Return the unit that a figure's name carries; nothing for a count, a ratio or a word."""
    return next((unit for end, unit in UNITS.items() if name.endswith(end)), "")
