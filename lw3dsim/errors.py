"""The exceptions of lw3dsim, each also a builtin, and the sentence they carry.

Every message is one sentence that names the place, the value, the rule and a
remedy. The command line prints it and exits with code 2.
"""

from __future__ import annotations

import reprlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class InputError(ValueError):
    """Something the user gave is wrong: a file, a key, a value, a name."""


class ArgumentError(InputError):
    """An argument of a call, or the option that stands for it: its name in Python, what was given, what is allowed."""

    def __init__(self, argument: str, value: object, rule: str, place: str = "") -> None:
        self.argument, self.value, self.rule, self.place = argument, value, rule, place
        super().__init__(self.sentence(f"{argument} ="))

    def sentence(self, called: str) -> str:
        """Return the sentence with the argument ``called`` so."""
        return f"{self.place}{called} {short(self.value)}: {self.rule}"

    def within(self, place: str) -> ArgumentError:
        """Return the error with ``place`` before it."""
        return ArgumentError(self.argument, self.value, self.rule, place + self.place)


class NameInputError(InputError, KeyError):
    """A name by which nothing is there."""

    __str__ = Exception.__str__  # KeyError shows the repr of a sentence


class ShapeError(InputError):
    """Tensor shapes that do not fit together."""


class MappingError(InputError):
    """No mapping of a layer exists on the accelerator; ``key`` is the field to change."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


class PluginError(InputError):
    """Code from elsewhere failed, or returned what it may not: ``who`` it is, and its ``fault`` in half a sentence."""

    def __init__(self, who: str, fault: str) -> None:
        super().__init__(who, fault)
        self.who, self.fault = who, fault

    def __str__(self) -> str:
        """Return the sentence; the fault, in words of others, ends it."""
        return f"{self.who} failed, mend it or do without it: {self.fault}"


class OutputError(OSError):
    """A result could not be written."""


_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 60
_SHORT.maxlevel = 3


def short(value: object) -> str:
    """Return ``repr(value)`` on one line, cut to a readable length, however large the value and whatever its repr."""
    try:
        text = _SHORT.repr(value)
    except Exception:  # an integer too large to be written, or an object that fails when it is asked
        text = f"<{type(value).__name__}>"
    return text if text.isprintable() else one_line(" ".join(text.split()))


def one_line(text: str, most: int = 80) -> str:
    """Return ``text`` as typed, cut to ``most`` characters, with what can't be printed replaced."""
    cut = text if len(text) <= most else text[: most - 3] + "..."
    return "".join(c if c.isprintable() else "?" for c in cut)


def raised(error: BaseException, most: int = 200) -> str:
    """Return the type and the text of ``error`` on one line, cut behind a word to about ``most`` characters."""
    try:
        words = str(error).split()
    except Exception:  # an error of others that fails when it is asked
        words = []
    text = one_line(": ".join(filter(None, (type(error).__name__, " ".join(words)))), 10 * most)
    if len(text) <= most:
        return text
    cut = text[: most - 4]
    words_only = cut.rpartition(" ")[0]
    # A word longer than half of the room is cut itself.
    return f"{(words_only if 2 * len(words_only) > most else cut).rstrip(' ,;:')} ..."


# What is wrong with a name that could show as another, or end a line.
UNPRINTABLE = "holds a control character; remove it"


def check_name(place: str, name: object) -> None:
    """Raise InputError for a name that is no text, is empty, or holds what can't be shown as it is."""
    if not isinstance(name, str) or not name:
        raise InputError(f"{place}: the name {short(name)} is no text; give one")
    if not name.isprintable():
        raise InputError(f"{place}: the name {short(name)} {UNPRINTABLE}")


def check_text(place: str, text: str) -> None:
    """Raise InputError for ``text`` that holds bytes of the command line that are no characters."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InputError(f"{place}: is not text in this terminal's encoding; write it in UTF-8") from None


def suggest(name: str, allowed: Iterable[str]) -> str:
    """Return ``"did you mean 'x'? Allowed: ..."`` for an unknown name; ``"allowed: ..."`` where none is close."""
    names = sorted(allowed)
    if not names:
        return "there are none"
    from difflib import get_close_matches

    # A long text is close to no name, and takes long to be held against them.
    close = get_close_matches(name[:100], names, n=1) or [one for one in names if one.lower() == name.lower()]
    hint = f"did you mean {close[0]!r}? Allowed" if close else "allowed"
    return f"{hint}: {', '.join(one_line(one, 200) for one in names)}"


def unknown(what: str, name: str, allowed: Iterable[str]) -> InputError:
    """Build the error for a name that is not one of ``allowed``."""
    return InputError(f"unknown {what} {short(name)}; {suggest(name, allowed)}")
