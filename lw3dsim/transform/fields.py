"""The arguments of a pass are the fields of its class: their text form, their checks and their help derive from them.

A field is annotated with its type, its range and what it means::

    alpha: Annotated[float, Meta(gt=0, le=64, description="M as a multiple of N", examples=[0.5])] = 1.0

Types are bool, int, float, str, Literal of words, and tuples of any length of them, ``64/128/128`` in text.
"""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Annotated, Any, NamedTuple, get_args, get_origin, get_type_hints

from msgspec import Meta

from lw3dsim.describe.allowed import allowed, metas, plain_checked, plain_kind
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
        value = plain_checked(self.kind, value)
        parts = value if isinstance(value, tuple) else (value,)
        for part in parts:
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
        words = allowed(kind, "text without commas, colons and blanks", "several with / between them")
    except TypeError:
        raise InputError(
            f"its field {field.name} is of a type without a text form; allowed are bool, int, float, str, Literal of "
            "words, and tuple[X, ...] of these"
        ) from None
    described = metas(kind)
    about = next((meta.description for meta in described if meta.description), "")
    examples = tuple(value for meta in described for value in meta.examples or ())
    return Argument(name=field.name, kind=kind, default=field.default, about=about, allowed=words, examples=examples)


def text_of(value: object) -> str:
    """Return a value of an argument as text that :func:`value_of` reads back as itself."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return "/".join(map(text_of, value))
    return str(value)


def value_of(kind: Any, text: str) -> object:
    """Return the value that ``text`` says; raise ValueError where it says none of the type ``kind``."""
    plain = plain_kind(kind)
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
