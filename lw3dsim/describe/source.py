"""YAML documents that remember their lines, decoded strictly into typed values.

A file is read once, bounded in size, nesting and alias expansion, into plain
data plus a map from key path to line. :func:`decode` turns (a part of) it into
a msgspec type; whatever does not fit becomes one sentence with file, line, key,
value and what is allowed.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from lw3dsim.base.remembered import recall, remember
from lw3dsim.base.values import Value
from lw3dsim.describe.document import Document, KeyPath
from lw3dsim.errors import InputError, one_line, short

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_FILE_BYTES = 1 << 20

# What the build of a wheel read in the shipped files: whoever asks for one first needs no PyYAML.
READ = Path(__file__).resolve().parent.parent / "_shipped" / "read"


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


def has_key(text: str, key: str) -> bool:
    """Return whether a YAML text looks as if it had a ``key`` at its top, quoted or not."""
    return re.search(rf"^(['\"]?){key}\1\s*:", text, re.MULTILINE) is not None


def parse_yaml(text: str, path: str) -> Document:
    """Parse one YAML document; raise InputError for anything that is not plain, bounded YAML.

    An empty text gives a document whose data is None. What a text holds is remembered.
    """
    question = "yaml", text
    known = _shipped(text) or recall(question, _Read, _is_whole)
    if known is not None:
        return Document(path=path, data=known.data, lines=dict(zip(known.keys, known.lines, strict=True)))
    document = _read_anew(text, path)
    remember(question, _listed(document))
    return document


def write_read(texts: Iterable[str], folder: Path) -> None:
    """Write what each of ``texts`` holds into a ``folder``; raise InputError for anything that is not YAML."""
    folder.mkdir(parents=True, exist_ok=True)
    for text in texts:
        (folder / _file_name(text)).write_bytes(msgspec.json.encode(_listed(_read_anew(text, "shipped"))))


class _Read(Value, frozen=True, kw_only=True):
    """What a text holds: its data, and every key with its line."""

    data: Any
    keys: list[KeyPath]
    lines: list[int]


def _shipped(text: str) -> _Read | None:
    """Return what a shipped text holds, as the build of the package read it; None of any other."""
    try:
        read = msgspec.json.decode((READ / _file_name(text)).read_bytes(), type=_Read)
    except (OSError, msgspec.DecodeError):
        return None
    return read if _is_whole(read) else None


def _file_name(text: str) -> str:
    return f"{hashlib.sha256(repr(text).encode()).hexdigest()}.json"


def _is_whole(read: _Read) -> bool:
    return len(read.keys) == len(read.lines)


def _listed(document: Document) -> _Read:
    return _Read(data=document.data, keys=list(document.lines), lines=list(document.lines.values()))


def _read_anew(text: str, path: str) -> Document:
    from lw3dsim.describe.yaml_nodes import read_yaml

    return read_yaml(text, path)


def parse_file(text: str, path: str) -> Document:
    """Parse a description file: one YAML document that is a mapping."""
    document = parse_yaml(text, path)
    if not isinstance(document.data, dict):
        what = "the file is empty" if document.data is None else f"the file holds {short(document.data)}"
        raise InputError(f"{path}:1 {what}; it needs a mapping of keys")
    return document


def decode(document: Document, kind: Any, data: Any, at: KeyPath = ()) -> Any:
    """Convert ``data``, found at key path ``at`` of ``document``, into ``kind``.

    Raises InputError with the place, the value and what is allowed.
    """
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        from lw3dsim.describe.expected import refusal  # words are needed where something is wrong

        raise refusal(document, kind, data, at, str(error)) from None
