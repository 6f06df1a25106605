"""Calls that do not fit what is called, refused in a sentence rather than in Python's words.

A call that fits costs nothing: parameters are looked at where Python has refused it.
"""

from __future__ import annotations

import inspect
from abc import ABCMeta
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from lw3dsim.errors import InputError, short, suggest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Anything = Callable[..., Any]

Given = ParamSpec("Given")
Answer = TypeVar("Answer")
Kind = TypeVar("Kind", bound=type)

GATHERING = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class CallError(InputError, TypeError):
    """A call with arguments that a function does not take, or without one that it needs."""


def bound(
    takes: Sequence[inspect.Parameter], called: str, given: Sequence[object], named: dict[str, object]
) -> dict[str, Any]:
    """Return every parameter of a call of what is ``called`` so. Raises CallError for arguments that it has not.

    Of what gathers any number of arguments nothing is returned.
    """
    gathers = {each.kind for each in takes if each.kind in GATHERING}
    takes = [each for each in takes if each.kind not in GATHERING]
    names = [each.name for each in takes]
    places = [each.name for each in takes if each.kind is not each.KEYWORD_ONLY]
    if len(given) > len(places) and inspect.Parameter.VAR_POSITIONAL not in gathers:
        raise CallError(f"{called} takes {_places(names, places, len(given))}")
    values = dict(zip(places, given, strict=False))
    for name in named:
        if name not in names and inspect.Parameter.VAR_KEYWORD not in gathers:
            raise CallError(f"{called} takes no argument {short(name)}; {suggest(name, names)}")
        if name in values:
            raise CallError(f"{called}: {name} is given by its place and by its name; keep one")
    values |= named
    for each in takes:
        if each.name not in values and each.default is each.empty:
            raise CallError(f"{called}: {each.name} is missing; give it")
    return {each.name: values.get(each.name, each.default) for each in takes}


def _places(names: Sequence[str], places: Sequence[str], given: int) -> str:
    """Return how many arguments are taken by place, and what to do where more are ``given``."""
    if not names:
        return "no arguments; leave them out"
    if not places:
        return f"no arguments by place; name them: {', '.join(names)}"
    many = f"{len(places)} argument{'s'[: len(places) != 1]} by place, not {given}"
    return f"{many}; {'name those after them' if len(names) > len(places) else 'leave the others out'}"


def strict(function: Callable[Given, Answer]) -> Callable[Given, Answer]:
    """Refuse calls of ``function`` that its parameters do not allow in a sentence."""
    return _strict(function, function.__name__, 0)


def strict_methods(kind: Kind) -> Kind:
    """Refuse such calls of every public method that the class ``kind`` has of its own."""
    for name, member in [*vars(kind).items()]:
        if name.startswith("_"):
            continue
        if inspect.isfunction(member):
            setattr(kind, name, _strict(member, member.__qualname__, 1))
        elif isinstance(member, classmethod):
            setattr(kind, name, classmethod(_strict(member.__func__, member.__qualname__, 1)))
    return kind


def _strict(function: Anything, called: str, own: int) -> Anything:
    """Refuse such calls of what is ``called`` so, of whose arguments the first are its ``own``: self, or none."""

    @wraps(function)
    def call(*given: Any, **named: Any) -> Any:
        try:
            return function(*given, **named)
        except TypeError as error:
            if _is_of_call(error):
                takes = [*inspect.signature(function).parameters.values()][own:]
                _refuse(takes, called, given[own:], named)
            raise

    return call


def _refuse(takes: Sequence[inspect.Parameter], called: str, given: Sequence[object], named: dict[str, object]) -> None:
    """Raise CallError where the call is wrong, without the words of Python."""
    try:
        bound(takes, called, given, named)
    except CallError as refused:
        raise refused from None


def _is_of_call(error: TypeError) -> bool:
    """Return whether a call was refused before anything of what is called ran."""
    return error.__traceback__ is not None and error.__traceback__.tb_next is None


class StrictMeta(ABCMeta):
    """The kind of classes that refuse such calls in a sentence: where an instance is made, and of public methods."""

    def __init__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **more: Any) -> None:
        super().__init__(name, bases, namespace, **more)
        strict_methods(cls)

    @property
    def __signature__(cls) -> inspect.Signature:
        """What an instance is made with; without it the words of ``__call__`` would be read."""
        whole = inspect.signature(cls.__init__)  # type: ignore[misc]  # of the class that is called
        return whole.replace(parameters=[*whole.parameters.values()][1:])

    if not TYPE_CHECKING:  # to a checker, classes take what their fields say

        def __call__(cls, *given: Any, **named: Any) -> Any:
            """Make an instance."""
            try:
                return super().__call__(*given, **named)
            except TypeError as error:
                if _is_of_call(error):
                    _refuse([*cls.__signature__.parameters.values()], cls.__name__, given, named)
                raise
