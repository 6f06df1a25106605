"""A document that remembers its lines, and the paths of keys in it."""

from __future__ import annotations

import re
from typing import Any

from lw3dsim.base.values import Value
from lw3dsim.errors import InputError, one_line, short

# Numbers that YAML 1.1 takes for words.
SCIENTIFIC = re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]{1,3}")

QUOTE = "'"

KeyPath = tuple[str | int, ...]


class Document(Value, frozen=True, kw_only=True):
    """A YAML document: its data, the line of every key in it, and where keys were changed since, oldest first."""

    path: str
    data: Any
    lines: dict[KeyPath, int]
    changes: tuple[tuple[KeyPath, str], ...] = ()

    def where(self, key: KeyPath = ()) -> str:
        """Return what last changed or created ``key``, or else ``file:line`` of the nearest known key at or above."""
        for changed, place in reversed(self.changes):
            if key[: len(changed)] == changed or (key not in self.lines and changed[: len(key)] == key):
                return place
        if not self.lines:
            return self.path
        at = key
        while at and at not in self.lines:
            at = at[:-1]
        return f"{self.path}:{self.lines.get(at, 1)}"

    def named(self, key: KeyPath, value: str = "") -> str:
        """Return where ``key`` is, and ``key = value``; where that names both, only what was read otherwise."""
        place = self.where(key)
        if (key, place) in self.changes:
            return place if place.endswith(f"={value.strip(QUOTE)}") or not value else f"{place} ({value})"
        return f"{place} {dotted(key)}{value and f' = {value}'}"

    def error(self, key: KeyPath, message: str) -> InputError:
        """Build the error for ``key``: place, key, then ``message``."""
        return InputError(f"{self.named(key)}: {message}" if key else f"{self.where()} {message}")

    def wrong(self, key: KeyPath, value: object, message: str) -> InputError:
        """Build the error for the ``value`` that ``key`` has: place, key, value, then ``message``."""
        return InputError(f"{self.named(key, shown(value))}: {message}")

    def conflict(self, key: KeyPath, other: KeyPath, message: str) -> InputError:
        """Build the error for what ``key`` has, which ``other`` rules out: what was changed last of the two begins."""
        value = value_at(self.data, key)
        if self._changed(other) <= self._changed(key):
            return self.wrong(key, value, message)
        return InputError(f"{self.named(other)}: {self.named(key, shown(value))} {message}")

    def _changed(self, key: KeyPath) -> int:
        """Return the number of the last change of ``key``, from 1; 0 for none."""
        numbers = enumerate((changed for changed, _ in self.changes), start=1)
        return max((number for number, changed in numbers if key[: len(changed)] == changed), default=0)


def shown(value: object) -> str:
    """Return a value as sentences have it."""
    return "null" if value is None else short(value)


def value_at(data: Any, path: KeyPath) -> Any:
    """Return what ``data`` has at a key path; None where it has nothing."""
    for part in path:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def dotted(key: KeyPath) -> str:
    """Write a key path as ``layers[2].kernel``."""
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part or "''"
    return one_line(text, 120)
