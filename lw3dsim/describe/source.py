"""YAML documents that remember their lines, decoded strictly into typed values.

A file is read once, bounded in size, nesting and alias expansion, into plain
data plus a map from key path to line. :func:`decode` turns (a part of) it into
a msgspec type; whatever does not fit becomes one sentence with file, line, key,
value and what is allowed.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from types import UnionType
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

import msgspec
import yaml

from lw3dsim.errors import InputError, suggest

if TYPE_CHECKING:
    from pathlib import Path

MAX_FILE_BYTES = 1 << 20
MAX_NODES = 100_000
MAX_DEPTH = 40

KeyPath = tuple[str | int, ...]

_SCALAR_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "str")}


@dataclass(frozen=True, kw_only=True)
class Document:
    """A YAML document: its data and the line of every key in it."""

    path: str
    data: Any
    lines: dict[KeyPath, int]

    def where(self, key: KeyPath = ()) -> str:
        """Return ``file:line`` of the nearest known key at or above ``key``."""
        at = key
        while at and at not in self.lines:
            at = at[:-1]
        return f"{self.path}:{self.lines.get(at, 1)}"

    def error(self, key: KeyPath, message: str) -> InputError:
        """Build the error for ``key``: place, key, then ``message``."""
        return InputError(f"{self.where(key)} {dotted(key)}: {message}" if key else f"{self.where()} {message}")


def dotted(key: KeyPath) -> str:
    """Write a key path as ``layers[2].kernel``."""
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def read_text(path: Path) -> str:
    """Return the text of ``path``; raise InputError when it is unreadable, too large or not UTF-8."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); give a readable file") from None
    if len(raw) > MAX_FILE_BYTES:
        raise InputError(f"{path}: larger than {MAX_FILE_BYTES // 1024} KiB; a description is a short text file")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text at byte {error.start}; save it as UTF-8") from None


def parse_yaml(text: str, path: str) -> Document:
    """Parse one YAML document; raise InputError for anything that is not plain, bounded YAML."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        root = yaml.compose(text, Loader=loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "malformed"
        raise InputError(f"{path}:{line} not valid YAML: {problem}") from None
    except RecursionError:
        raise InputError(f"{path}:1 nested deeper than {MAX_DEPTH} levels; flatten it") from None
    if root is None:
        raise InputError(f"{path}:1 the file is empty; it needs a mapping of keys")
    builder = _Builder(path)
    return Document(path=path, data=builder.build(root, ()), lines=builder.lines)


class _Builder:
    """Turns a YAML node graph into plain data, recording lines and bounding expansion."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.lines: dict[KeyPath, int] = {}
        self._count = 0
        self._scalars = yaml.constructor.SafeConstructor()

    def build(self, node: yaml.Node, key: KeyPath) -> Any:
        self._count += 1
        line = node.start_mark.line + 1
        self.lines.setdefault(key, line)
        if self._count > MAX_NODES:
            raise InputError(f"{self.path}:{line} expands to more than {MAX_NODES} values; remove the nested aliases")
        if len(key) > MAX_DEPTH:
            raise InputError(f"{self.path}:{line} nested deeper than {MAX_DEPTH} levels; flatten it")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, key)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*key, i)) for i, item in enumerate(node.value)]
        return self._scalar(node, key, line)

    def _mapping(self, node: yaml.MappingNode, key: KeyPath) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for name_node, value in node.value:
            line = name_node.start_mark.line + 1
            if not isinstance(name_node, yaml.ScalarNode):
                raise InputError(f"{self.path}:{line} {dotted(key)}: a key must be a plain word")
            name = str(name_node.value)
            if name in data:
                raise InputError(f"{self.path}:{line} {dotted((*key, name))}: given twice; keep one")
            self.lines[(*key, name)] = line
            data[name] = self.build(value, (*key, name))
        return data

    def _scalar(self, node: yaml.Node, key: KeyPath, line: int) -> Any:
        if node.tag not in _SCALAR_TAGS:
            return str(node.value)
        try:
            value = self._scalars.construct_object(node)
        except (ValueError, yaml.YAMLError):
            raise InputError(f"{self.path}:{line} {dotted(key)} = {node.value}: not a readable value") from None
        if isinstance(value, float) and not math.isfinite(value):
            raise InputError(f"{self.path}:{line} {dotted(key)} = {node.value}: must be a finite number")
        return value


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
    if match := re.match(r"Object contains unknown field `(.+)`", problem):
        fields = _fields(_type_at(kind, inner, data))
        return document.error((*at, *inner, match[1]), f"unknown key; {suggest(match[1], fields)}")
    if match := re.match(r"Object missing required field `(.+)`", problem):
        return document.error((*at, *inner), f"the key {match[1]!r} is missing; add it")
    value = _value_at(data, inner)
    place = f"{document.where((*at, *inner))} {dotted((*at, *inner))} = {_short(value)}"
    if problem.startswith("Invalid"):
        choices = _choices(_type_at(kind, inner, data), inner, kind)
        return InputError(f"{place}: not allowed; {suggest(str(value), choices)}" if choices else f"{place}: {problem}")
    rule = problem.replace("`", "").replace("Expected", "expected", 1)
    return InputError(f"{place}: {rule}")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


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


def _fields(kind: Any) -> list[str]:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        names = [field.encode_name for field in msgspec.structs.fields(kind)]
        tag_field = kind.__struct_config__.tag_field
        return [*names, tag_field] if tag_field else names
    return []


def _choices(kind: Any, path: KeyPath, root: Any) -> list[str]:
    if get_origin(kind) is Literal:
        return [str(choice) for choice in get_args(kind)]
    members = get_args(_unwrap(root)) if path and len(path) == 1 else ()
    tags = [m.__struct_config__.tag for m in members if hasattr(m, "__struct_config__")]
    return [tag for tag in tags if isinstance(tag, str)]
