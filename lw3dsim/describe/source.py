"""YAML documents that remember their lines, decoded strictly into typed values.

A file is read once, bounded in size, nesting and alias expansion, into plain
data plus a map from key path to line. :func:`decode` turns (a part of) it into
a msgspec type; whatever does not fit becomes one sentence with file, line, key,
value and what is allowed.
"""

from __future__ import annotations

import math
import re
import sys
from types import UnionType
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

import msgspec
import yaml

from lw3dsim.base.values import Value
from lw3dsim.errors import UNPRINTABLE, InputError, one_line, short, suggest

if TYPE_CHECKING:
    from pathlib import Path

MAX_FILE_BYTES = 1 << 20
MAX_NODES = 100_000
MAX_DEPTH = 40

# YAML 1.1 reads 010 as octal, 1:30 as base 60, 1_0 as 10, and 1e3 as text; here numbers are what they look like.
_DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9]*)")
# Numbers that YAML 1.1 takes for words.
SCIENTIFIC = re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]{1,3}")

KeyPath = tuple[str | int, ...]

_TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels; flatten it"
_OPENING = (
    yaml.BlockMappingStartToken,
    yaml.BlockSequenceStartToken,
    yaml.FlowMappingStartToken,
    yaml.FlowSequenceStartToken,
)
_CLOSING = (yaml.BlockEndToken, yaml.FlowMappingEndToken, yaml.FlowSequenceEndToken)

_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "str", "timestamp", "map", "seq")}


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

    def error(self, key: KeyPath, message: str) -> InputError:
        """Build the error for ``key``: place, key, then ``message``."""
        return InputError(f"{self.where(key)} {dotted(key)}: {message}" if key else f"{self.where()} {message}")


def dotted(key: KeyPath) -> str:
    """Write a key path as ``layers[2].kernel``."""
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part or "''"
    return one_line(text, 120)


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

    An empty text gives a document whose data is None.
    """
    try:
        loader = _BoundedLoader(text)
        root = loader.get_single_node()
    except UnicodeEncodeError as error:
        raise InputError(f"{path}: {short(text[error.start])} is half a character; remove it") from None
    except _TooDeepError as error:
        raise InputError(f"{path}:{error.line} {_TOO_DEEP}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        if mark and (line := _too_deep_before(text, mark, loader.depth)):
            raise InputError(f"{path}:{line} {_TOO_DEEP}") from None
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "malformed"
        raise InputError(f"{path}:{mark.line + 1 if mark else 1} not valid YAML: {problem}") from None
    if root is None:
        return Document(path=path, data=None, lines={})
    builder = _Builder(path)
    return Document(path=path, data=builder.build(root, ()), lines=builder.lines)


def parse_file(text: str, path: str) -> Document:
    """Parse a description file: one YAML document that is a mapping."""
    document = parse_yaml(text, path)
    if not isinstance(document.data, dict):
        what = "the file is empty" if document.data is None else f"the file holds {short(document.data)}"
        raise InputError(f"{path}:1 {what}; it needs a mapping of keys")
    return document


class _TooDeepError(Exception):
    """Nesting that is not followed any further, in ``line``."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


class _BoundedLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # whichever there is
    """Refuses deep nesting while nodes are composed, before anything recurses over it."""

    depth = 0

    def descend_resolver(self, parent: yaml.Node, index: object) -> None:  # noqa: ARG002  # the signature is PyYAML's
        """Enter a node."""
        self.depth += 1
        # The document itself is no level.
        if self.depth > MAX_DEPTH + 1:
            raise _TooDeepError(parent.start_mark.line + 1)

    def ascend_resolver(self) -> None:
        """Leave a node."""
        self.depth -= 1


def _too_deep_before(text: str, mark: yaml.Mark, depth: int) -> int | None:
    """Return the line in which the text before ``mark`` nests too deep, if it does.

    A scanner looks ahead within a line, in search of the colon that would make a
    key of what it reads. So it may refuse deep nesting by a limit of its own
    (newer versions of PyYAML do) or fail for another reason before those nodes
    are composed, and ``depth`` levels are all that was seen of them.
    """
    line = text[mark.index - mark.column : mark.index + 1]
    if depth + line.count("[") + line.count("{") <= MAX_DEPTH:
        return None
    depth = 0
    try:
        for token in yaml.scan(text[: mark.index + 1], Loader=yaml.SafeLoader):
            depth += isinstance(token, _OPENING) - isinstance(token, _CLOSING)
            if depth > MAX_DEPTH + 1:
                return int(token.start_mark.line) + 1
    except yaml.YAMLError:
        pass
    return None


class _Builder:
    """Turns a YAML node graph into plain data, recording lines and bounding expansion."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.lines: dict[KeyPath, int] = {}
        self._count = 0
        self._constant = yaml.constructor.SafeConstructor().construct_object

    def build(self, node: yaml.Node, key: KeyPath) -> Any:
        self._count += 1
        line = node.start_mark.line + 1
        self.lines.setdefault(key, line)
        if self._count > MAX_NODES:
            raise InputError(f"{self.path}:{line} expands to more than {MAX_NODES} values; remove the nested aliases")
        if len(key) > MAX_DEPTH:
            raise InputError(f"{self.path}:{line} nested deeper than {MAX_DEPTH} levels; remove the recursive alias")
        if node.tag not in _TAGS:
            raise self._error(key, line, f"the tag {one_line(node.tag)} is not allowed; write plain values")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, key)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*key, i)) for i, item in enumerate(node.value)]
        return self._scalar(node, key, line)

    def _error(self, key: KeyPath, line: int, message: str) -> InputError:
        return InputError(f"{self.path}:{line} {dotted(key)}: {message}" if key else f"{self.path}:{line} {message}")

    def _mapping(self, node: yaml.MappingNode, key: KeyPath) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for name_node, value in node.value:
            line = name_node.start_mark.line + 1
            if not isinstance(name_node, yaml.ScalarNode):
                raise self._error(key, line, "a key must be a plain word")
            name = str(name_node.value)
            if not name.isprintable():
                raise self._error(key, line, f"the key {short(name)} {UNPRINTABLE}")
            if name_node.tag == "tag:yaml.org,2002:merge":
                raise self._error((*key, name), line, "merging is not supported; write the keys out, or use a block")
            if name in data:
                raise self._error((*key, name), line, "given twice; keep one")
            self.lines[(*key, name)] = line
            data[name] = self.build(value, (*key, name))
        return data

    def _scalar(self, node: yaml.Node, key: KeyPath, line: int) -> Any:
        text, kind = str(node.value), node.tag.rpartition(":")[2]
        if not text.isprintable():
            raise self._error(key, line, f"{short(text)} {UNPRINTABLE}")
        is_scientific = kind == "str" and not getattr(node, "style", None) and SCIENTIFIC.fullmatch(text)
        if kind == "timestamp" or (kind == "str" and not is_scientific):
            return text
        if kind == "int" and not _DECIMAL.fullmatch(text):
            raise self._unreadable(key, line, text, "not a readable value; write a plain decimal number")
        try:
            value = float(text) if is_scientific else int(text) if kind == "int" else self._constant(node)
        except (ValueError, LookupError, AttributeError, yaml.YAMLError):
            raise self._unreadable(key, line, text, "not a readable value") from None
        if isinstance(value, float) and not math.isfinite(value):
            raise self._unreadable(key, line, text, "must be a finite number")
        return value

    def _unreadable(self, key: KeyPath, line: int, text: str, message: str) -> InputError:
        return InputError(f"{self.path}:{line} {dotted(key)} = {one_line(text) or repr(text)}: {message}")


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
        return document.error((*at, *inner), f"the key {match[1]!r} is missing; add it")
    value = _value_at(data, inner)
    key = dotted((*at, *inner))
    place = f"{document.where((*at, *inner))} {key} = {short(value)}" if key else document.where()
    if problem.startswith("Invalid"):
        choices = _choices(kind, inner, data)
        return InputError(f"{place}: not allowed; {suggest(str(value), choices)}" if choices else f"{place}: {problem}")
    if isinstance(value, int) and abs(value) > sys.float_info.max:
        # Such numbers are compared wrongly, or not at all.
        problem = _rule_for(kind, data, inner, LARGE if value > 0 else -LARGE)
    rule = problem.replace("`", "").replace("Expected", "expected", 1)
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
