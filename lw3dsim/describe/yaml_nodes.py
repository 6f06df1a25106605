"""YAML as it is written: one document, bounded in nesting and alias expansion, as plain data and the line of every key.

Alone this module needs PyYAML, whose import takes longer than reading a description that is remembered.
"""

from __future__ import annotations

import math
import re
from typing import Any

import yaml

from lw3dsim.describe.document import SCIENTIFIC, Document, KeyPath, dotted
from lw3dsim.errors import UNPRINTABLE, InputError, one_line, short

MAX_NODES = 100_000
MAX_DEPTH = 40

# YAML 1.1 reads 010 as octal, 1:30 as base 60, 1_0 as 10, and 1e3 as text; here numbers are what they look like.
_DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9]*)")

_TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels; flatten it"
_OPENING = (
    yaml.BlockMappingStartToken,
    yaml.BlockSequenceStartToken,
    yaml.FlowMappingStartToken,
    yaml.FlowSequenceStartToken,
)
_CLOSING = (yaml.BlockEndToken, yaml.FlowMappingEndToken, yaml.FlowSequenceEndToken)

_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "str", "timestamp", "map", "seq")}


def read_yaml(text: str, path: str) -> Document:
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
        # What is but a value, as that of an override, has no key, and is said by its place.
        value = f" {dotted(key)} = {one_line(text) or repr(text)}" if key else ""
        return InputError(f"{self.path}:{line}{value}: {message}")
