"""The arguments of a pass are the fields of its class: their text form, their checks and their help derive from them.

A field is annotated with its type, its range and what it means::

    alpha: Annotated[float, Meta(gt=0, le=64, description="M as a multiple of N", examples=[0.5])] = 1.0

Types are bool, int, float, str, Literal of words, and tuples of any length of them, ``64/128/128`` in text.
"""

from __future__ import annotations

import dataclasses
import math
from functools import cache
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from lw3dsim.arguments import plain_value
from lw3dsim.errors import InputError, short

# The argument of a pass that works on one pathway of a network.
PathPrefix = Annotated[str, Meta(description="only layers whose name begins so", examples=["slow."])]

# What a text may not hold: it would end the argument.
SEPARATORS = frozenset(",: \t\r\n")


class Argument(NamedTuple):
    """An argument of a pass: its type and range, its default, what it means, what is allowed in words, examples."""

    name: str
    kind: Any
    default: object
    about: str
    allowed: str
    examples: tuple[object, ...]

    @property
    def is_required(self) -> bool:
        """Whether it has no default."""
        return self.default is dataclasses.MISSING

    @property
    def rule(self) -> str:
        """What is allowed, with an example if its author gives one."""
        return self.allowed + (f", such as {text_of(self.examples[0])}" if self.examples else "")

    def checked(self, value: object) -> object:
        """Return ``value`` in the type of the argument; raise ValueError where it is not allowed."""
        try:
            value = msgspec.convert(plain_value(value), self.kind)
        except msgspec.ValidationError:
            raise ValueError from None
        parts = value if isinstance(value, tuple) else (value,)
        for part in parts:
            if isinstance(part, float) and not math.isfinite(part):
                raise ValueError
            if isinstance(part, str) and (SEPARATORS & set(part) or ("/" in part and parts is value)):
                raise ValueError
        return value


@cache
def arguments_of(kind: type) -> tuple[Argument, ...]:
    """Return the arguments of a pass: the fields of ``kind``, a frozen dataclass, in order.

    Raises InputError, in half a sentence, where a field is of a type that has no text form.
    """
    try:
        hints = get_type_hints(kind, include_extras=True)
    except Exception as error:  # a name that is not there at run time, or whatever an annotation does
        raise InputError(f"the types of its fields can't be read ({type(error).__name__}: {error})") from None
    return tuple(_argument(field, hints[field.name]) for field in dataclasses.fields(kind))


def _argument(field: dataclasses.Field[Any], kind: Any) -> Argument:
    if field.default_factory is not dataclasses.MISSING:
        raise InputError(f"its field {field.name} has a default_factory; give a plain default")
    try:
        allowed = _allowed(kind)
    except TypeError:
        raise InputError(
            f"its field {field.name} is of a type without a text form; allowed are bool, int, float, str, Literal of "
            "words, and tuple[X, ...] of these"
        ) from None
    metas = _metas(kind)
    about = next((meta.description for meta in metas if meta.description), "")
    examples = tuple(value for meta in metas for value in meta.examples or ())
    return Argument(name=field.name, kind=kind, default=field.default, about=about, allowed=allowed, examples=examples)


def text_of(value: object) -> str:
    """Return a value of an argument as text that :func:`value_of` reads back as itself."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return "/".join(map(text_of, value))
    return str(value)


def value_of(kind: Any, text: str) -> object:
    """Return the value that ``text`` says; raise ValueError where it says none of the type ``kind``."""
    plain = _plain(kind)
    if plain is bool:
        if text not in ("true", "false"):
            raise ValueError
        return text == "true"
    if plain in (int, float):
        return plain(text)
    if get_origin(plain) is tuple:
        return tuple(value_of(get_args(plain)[0], part) for part in text.split("/") if text)
    return text


def refusal(name: str, argument: Argument, value: object) -> InputError:
    """Return the error for a ``value`` that an argument of the pass ``name`` does not take."""
    return InputError(f"transform {name}: {argument.name} = {short(value)}: expected {argument.rule}")


def _plain(kind: Any) -> Any:
    """Return a type without its annotations."""
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def _metas(kind: Any) -> list[Meta]:
    return [meta for meta in getattr(kind, "__metadata__", ()) if isinstance(meta, Meta)]


def _allowed(kind: Any) -> str:
    """Return what values a type allows, in words; raise TypeError for a type without a text form."""
    plain = _plain(kind)
    if plain is bool:
        return "true or false"
    if plain is int:
        return f"a whole number{_range(kind)}"
    if plain is float:
        return f"a number{_range(kind)}"
    if plain is str:
        return "text without commas, colons and blanks"
    if get_origin(plain) is Literal and all(isinstance(word, str) for word in get_args(plain)):
        return f"one of {', '.join(get_args(plain))}"
    if get_origin(plain) is tuple and get_args(plain)[1:] == (...,):
        return f"{_allowed(get_args(plain)[0])}, or several with / between them"
    raise TypeError


def _range(kind: Any) -> str:
    """Return the limits of a number in words, such as `` above 0 and up to 64``."""
    limits: dict[str, float] = {}
    for meta in _metas(kind):
        limits |= {name: limit for name in ("ge", "gt", "le", "lt") if (limit := getattr(meta, name)) is not None}
    if limits.keys() == {"ge", "le"}:
        return f" from {limits['ge']} to {limits['le']}"
    words = {"ge": "of at least", "gt": "above", "le": "up to", "lt": "below"}
    return " and".join(f" {word} {limits[name]}" for name, word in words.items() if name in limits)
