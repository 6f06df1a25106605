"""Parameters that are declared once: what a function, an option of the command line and a document say of each.

A subclass of :class:`Parameters` has a field per parameter, with its type, its default and, in :func:`parameter`, how
its value is checked and what is said of it. :func:`taking` gives a function the parameters of such a class: type
checkers, ``help`` and the site then see them as its own.
"""

from __future__ import annotations

import inspect
from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, field, fields
from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, dataclass_transform

from lw3dsim.base.calls import Answer, Given, bound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Check = Callable[[str, object], object]

Asked = TypeVar("Asked")


class Said(NamedTuple):
    """What is said of a parameter: ``values`` in short, as after an option, and what holds ``in_python`` alone."""

    check: Check
    about: str
    values: str | None
    in_python: str
    option: str | None
    is_repeated: bool


def parameter(
    check: Check,
    about: str,
    *,
    default: Any = MISSING,
    kw_only: bool = True,
    values: str | None = None,
    in_python: str = "",
    option: str | None = None,
    is_repeated: bool = False,
) -> Any:
    """Declare a parameter: the field of a class of them.

    ``check(name, value)`` returns the value as it is kept, or raises InputError. ``option`` is what the command line
    calls it, where that is not its name.
    """
    said = Said(check, about, values, in_python, option, is_repeated)
    return field(default=default, kw_only=kw_only, metadata={"said": said})


def said_of(declared: Field[Any]) -> Said:
    """Return what is said of a parameter."""
    said: Said = declared.metadata["said"]
    return said


class _Signature:
    """The signature of a class of parameters, made when it is asked for."""

    def __get__(self, _: object, kind: type[Parameters]) -> inspect.Signature:
        return inspect.Signature(list(_signature(kind)))


def option_called(declared: Field[Any]) -> str:
    """Return what the command line calls a parameter."""
    return said_of(declared).option or f"--{declared.name.replace('_', '-')}"


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(parameter,))
class Parameters:
    """Values of parameters, as they were given; a subclass declares which."""

    __signature__ = _Signature()

    def __init_subclass__(cls) -> None:
        # A tenth of what a frozen dataclass takes to be made: no method of it is written anew.
        dataclass(init=False, repr=False, eq=False, kw_only=True)(cls)

    def __init__(self, *given: object, **named: object) -> None:
        vars(self).update(bound(list(_signature(type(self))), type(self).__name__, given, named))

    def __setattr__(self, name: str, value: object) -> None:
        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> None:
        raise FrozenInstanceError(f"cannot delete field {name!r}")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash(tuple(vars(self).values()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"


def checked_values(values: Parameters) -> dict[str, Any]:
    """Return each of ``values`` as its check keeps it. Raises InputError for the first that is wrong."""
    return {each.name: said_of(each).check(each.name, getattr(values, each.name)) for each in declared_by(type(values))}


def declared_by(kind: type[Parameters]) -> tuple[Field[Any], ...]:
    """Return the parameters that ``kind`` declares, in the order of a call: those that have a place first."""
    return tuple(sorted(fields(kind), key=lambda declared: declared.kw_only is True))  # type: ignore[arg-type]  # a dataclass


def taking(kind: Callable[Given, Asked]) -> Callable[[Callable[[Asked], Answer]], Callable[Given, Answer]]:
    """Give a function of one value of ``kind`` the parameters of ``kind``, which a call of it makes the value of."""

    def decorate(function: Callable[[Asked], Answer]) -> Callable[Given, Answer]:
        @wraps(function)
        def call(*given: Given.args, **named: Given.kwargs) -> Answer:
            return function(declaring(**bound(list(_signature(declaring)), function.__name__, given, named)))

        returns = inspect.signature(function).return_annotation
        call.__signature__ = declaring.__signature__.replace(return_annotation=returns)  # type: ignore[attr-defined]  # as inspect reads it
        call.__doc__ = f"{inspect.getdoc(function)}\n\nArgs:\n{described(declaring)}"
        return call

    declaring: Any = kind
    return decorate


def _signature(kind: type[Parameters]) -> Iterator[inspect.Parameter]:
    for each in declared_by(kind):
        place = inspect.Parameter.KEYWORD_ONLY if each.kw_only else inspect.Parameter.POSITIONAL_OR_KEYWORD
        default = inspect.Parameter.empty if each.default is MISSING else each.default
        yield inspect.Parameter(each.name, place, default=default, annotation=each.type)


def described(kind: type[Parameters]) -> str:
    """Return the parameters as a list in a docstring."""
    pairs = [(each.name, said_of(each)) for each in declared_by(kind)]
    return "\n".join(f"    {name}: {f'{said.about} {said.in_python}'.rstrip()}" for name, said in pairs)
