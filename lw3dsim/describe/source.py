"""YAML documents that remember their lines, decoded strictly into typed values.

A file is read once, bounded in size, nesting and alias expansion, into plain
data plus a map from key path to line. :func:`decode` turns (a part of) it into
a msgspec type; whatever does not fit becomes one sentence with file, line, key,
value and what is allowed.
"""

from __future__ import annotations

import re
import sys
from types import UnionType
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

import msgspec

from lw3dsim.base.records import in_words
from lw3dsim.base.remembered import recall, remember
from lw3dsim.base.values import Value
from lw3dsim.describe.document import Document, KeyPath
from lw3dsim.errors import InputError, one_line, short, suggest

if TYPE_CHECKING:
    from pathlib import Path

MAX_FILE_BYTES = 1 << 20


def read_text(path: Path) -> str:
    """Return the text of ``path``; raise InputError when it is no regular file, unreadable, too large or not UTF-8."""
    name = one_line(str(path), 200)
    try:
        if not path.is_file():
            raise InputError(f"{name}: is not a regular file that exists; give one")
        with path.open("rb") as file:
            raw = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise InputError(f"{name}: cannot be read ({error.strerror}); give a readable file") from None
    if len(raw) > MAX_FILE_BYTES:
        raise InputError(f"{name}: larger than {MAX_FILE_BYTES // 1024} KiB; a description is a short text file")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{name}: not UTF-8 text at byte {error.start}; save it as UTF-8") from None


def parse_yaml(text: str, path: str) -> Document:
    """Parse one YAML document; raise InputError for anything that is not plain, bounded YAML.

    An empty text gives a document whose data is None. What a text holds is remembered.
    """
    question = "yaml", text
    known = recall(question, _Read, lambda read: len(read.keys) == len(read.lines))
    if known is not None:
        return Document(path=path, data=known.data, lines=dict(zip(known.keys, known.lines, strict=True)))
    from lw3dsim.describe.yaml_nodes import read_yaml

    document = read_yaml(text, path)
    remember(question, _Read(data=document.data, keys=list(document.lines), lines=list(document.lines.values())))
    return document


class _Read(Value, frozen=True, kw_only=True):
    """What a text holds: its data, and every key with its line."""

    data: Any
    keys: list[KeyPath]
    lines: list[int]


def parse_file(text: str, path: str) -> Document:
    """Parse a description file: one YAML document that is a mapping."""
    document = parse_yaml(text, path)
    if not isinstance(document.data, dict):
        what = "the file is empty" if document.data is None else f"the file holds {short(document.data)}"
        raise InputError(f"{path}:1 {what}; it needs a mapping of keys")
    return document


# Larger than any number that is allowed, and one that every form of number holds.
LARGE = 10**18


def decode(document: Document, kind: Any, data: Any, at: KeyPath = ()) -> Any:
    """Convert ``data``, found at key path ``at`` of ``document``, into ``kind``.

    Raises InputError with the place, the value and what is allowed.
    """
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise _explain(document, kind, data, at, str(error)) from None


def _explain(document: Document, kind: Any, data: Any, at: KeyPath, message: str) -> InputError:
    problem, _, tail = message.partition(" - at ")
    inner = _parse_path(tail)
    if match := re.match(r"Object contains unknown field `(.*)`", problem, re.DOTALL):
        fields = _fields(_type_at(kind, inner, data))
        return document.error((*at, *inner, match[1]), f"unknown key; {suggest(match[1], fields)}")
    if match := re.match(r"Object missing required field `(.+)`", problem):
        return document.error((*at, *inner), f"the key {short(match[1])} is missing; add it")
    value = _value_at(data, inner)
    key = (*at, *inner)
    place = document.named(key, "null" if value is None else short(value)) if key else document.where()
    if problem.startswith("Invalid"):
        choices = _choices(kind, inner, data)
        if not choices:
            return InputError(f"{place}: {problem}")
        numbers = ", or a number" if _takes_numbers(_type_at(kind, inner, data)) else ""
        return InputError(f"{place}: not allowed; {suggest(str(value), choices)}{numbers}")
    if isinstance(value, int) and abs(value) > sys.float_info.max:
        # Such numbers are compared wrongly, or not at all.
        problem = _rule_for(kind, data, inner, LARGE if value > 0 else -LARGE)
    rule = in_words(problem).replace("`", "").replace("Expected", "expected", 1)
    return InputError(f"{place}: {rule}")


def _rule_for(kind: Any, data: Any, path: KeyPath, large: int) -> str:
    """Return the rule that a number too large for msgspec breaks, by asking with one that is merely ``large``."""
    try:
        msgspec.convert(_replaced(data, path, large), kind)
    except msgspec.ValidationError as error:
        return str(error).partition(" - at ")[0]
    return "expected a smaller number"


def _replaced(data: Any, path: KeyPath, value: Any) -> Any:
    if not path:
        return value
    copy: Any = dict(data) if isinstance(data, dict) else list(data)
    copy[path[0]] = _replaced(copy[path[0]], path[1:], value)
    return copy


def _parse_path(tail: str) -> KeyPath:
    parts: list[str | int] = []
    for name, index in re.findall(r"\.([^.\[\]`]+)|\[(\d+)\]", tail):
        parts.append(int(index) if index else name)
    return tuple(parts)


def _value_at(data: Any, path: KeyPath) -> Any:
    for part in path:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def _unwrap(kind: Any, data: Any = None) -> Any:
    """Strip Annotated and Optional; pick the union member whose tag ``data`` names."""
    while get_origin(kind) is not None and hasattr(kind, "__metadata__"):
        kind = get_args(kind)[0]
    if get_origin(kind) in (Union, UnionType):
        members = [_unwrap(member) for member in get_args(kind) if member is not type(None)]
        for member in members:
            config = getattr(member, "__struct_config__", None)
            if config and isinstance(data, dict) and data.get(config.tag_field) == config.tag:
                return member
        return members[0] if len(members) == 1 else kind
    return kind


def _type_at(kind: Any, path: KeyPath, data: Any) -> Any:
    kind = _unwrap(kind, data)
    for part in path:
        data = _value_at(data, (part,))
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            kind = next((f.type for f in msgspec.structs.fields(kind) if f.encode_name == part), None)
        else:
            arguments = get_args(kind)
            kind = arguments[-1] if get_origin(kind) is dict else arguments[0] if arguments else None
        kind = _unwrap(kind, data)
    return kind


def _takes_numbers(kind: Any) -> bool:
    """Return whether a type, or one of the types that it may be, is that of numbers."""
    return any(_unwrap(member) in {int, float} for member in get_args(kind))


def _fields(kind: Any) -> list[str]:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        names = [field.encode_name for field in msgspec.structs.fields(kind)]
        tag_field = kind.__struct_config__.tag_field
        return [*names, tag_field] if tag_field else names
    return []


def _choices(root: Any, path: KeyPath, data: Any) -> list[str]:
    """Return the words allowed at ``path`` of ``root``: the tags of a union, or the literals of a field."""
    members = [_unwrap(member) for member in get_args(_unwrap(root))]
    configs = [member.__struct_config__ for member in members if hasattr(member, "__struct_config__")]
    if configs and path == (configs[0].tag_field,):
        return [str(config.tag) for config in configs]
    kind = _type_at(root, path, data)
    literals = [kind] if get_origin(kind) is Literal else [_unwrap(member) for member in get_args(kind)]
    return [str(word) for literal in literals if get_origin(literal) is Literal for word in get_args(literal)]
