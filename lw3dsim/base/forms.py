"""What lw3dsim writes, and how it is known again: only a file of the same form, or an empty one, is replaced.

Everything that writes to a path asks :func:`replaceable` first. A link is followed to
its file, which is replaced, and stays a link.
"""

from __future__ import annotations

import os
import stat
import zlib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from lw3dsim.base.values import Value
from lw3dsim.errors import OutputError, one_line

if TYPE_CHECKING:
    from collections.abc import Callable

# Bytes from the start, or the end, that tell what a file is.
HEAD = 4096

MAX_JSON_BYTES = 256 << 20

# What a page, a workload, a mapping file and a Parquet file are marked with.
GENERATOR = '<meta name="generator" content="lw3dsim">'
WORKLOAD_TITLE = "# A workload; docs/workloads.md says what may stand here."
MAPPING_TITLE = "# What `lw3dsim map --save` chose."
PARQUET_KEY = "lw3dsim.points"

# What the files of a core are marked with, in a comment of their first line.
RTL_MARK = "Made by `lw3dsim rtl export`."

# What a trace begins with.
TRACE_HEAD = '{"otherData":'

# What archives of arrays end with.
CHECKPOINT_MARK = b"lw3dsim checkpoint"
WEIGHTS_MARK = b"lw3dsim weights"
CALIBRATION_MARK = b"lw3dsim calibration"

# Who made a drawing, as its file says.
DRAWN_BY = "lw3dsim plot"

SQLITE = b"SQLite format 3\0"
PARQUET = b"PAR1"
GZIP = b"\x1f\x8b"


class Form(Value, frozen=True, kw_only=True):
    """A form of output: what one is called, and whether a file that begins with ``head`` is one that we wrote."""

    about: str
    is_ours: Callable[[BinaryIO, bytes], bool]


class _Result(msgspec.Struct):
    workload: str
    arch: str
    version: str
    config: msgspec.Raw
    totals: msgspec.Raw
    layers: msgspec.Raw


class _Closeups(msgspec.Struct):
    workload: str
    closeups: msgspec.Raw


class _Training(msgspec.Struct):
    workload: str
    settings: msgspec.Raw
    epochs: msgspec.Raw


class _Score(msgspec.Struct):
    workload: str
    arch: str
    agreement: float
    layers: msgspec.Raw


class _Execution(msgspec.Struct):
    workload: str
    arch: str
    dtype: str
    seed: int
    exact: bool
    layers: msgspec.Raw


def _is_json(kind: type[msgspec.Struct], file: BinaryIO) -> bool:
    file.seek(0)
    try:
        msgspec.json.decode(file.read(MAX_JSON_BYTES), type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return False
    return True


def _ends_with(mark: bytes, file: BinaryIO) -> bool:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(size - len(mark), 0))
    return file.read() == mark


def _ends_in(words: str, file: BinaryIO) -> bool:
    """Return whether the end of a file says ``words``."""
    file.seek(max(file.seek(0, os.SEEK_END) - HEAD, 0))
    return words.encode() in file.read()


def _is_trace(head: bytes) -> bool:
    """Return whether a file, packed or not, begins as a trace of ours."""
    if head.startswith(GZIP):
        with suppress(zlib.error):
            head = zlib.decompressobj(wbits=31).decompress(head, HEAD)
    return head.startswith(TRACE_HEAD.encode()) and b'"lw3dsim":' in head


def _has_key(file: BinaryIO, head: bytes) -> bool:
    """Return whether the end of a Parquet file, which holds its keys, has ours."""
    if not head.startswith(PARQUET):
        return False
    size = file.seek(0, os.SEEK_END)
    file.seek(max(size - 8, 0))
    length = int.from_bytes(file.read(4), "little")
    file.seek(max(size - 8 - length, 0))
    return PARQUET_KEY.encode() in file.read(min(length, MAX_JSON_BYTES))


# A model in ONNX begins with the version of its format and with who made it.
ONNX = Form(about="model in ONNX", is_ours=lambda _, head: b"\x12\x07lw3dsim" in head[:16])
DRAWING_SVG = Form(about="drawing", is_ours=lambda _, head: b"<svg" in head and DRAWN_BY.encode() in head)
DRAWING_PNG = Form(about="drawing", is_ours=lambda _, head: head[1:4] == b"PNG" and DRAWN_BY.encode() in head)
DRAWING_PDF = Form(about="drawing", is_ours=lambda file, head: head.startswith(b"%PDF") and _ends_in(DRAWN_BY, file))
RTL = Form(about="file of a core", is_ours=lambda _, head: RTL_MARK.encode() in head.partition(b"\n")[0])
PAGE = Form(about="page", is_ours=lambda _, head: GENERATOR.encode() in head)
MAPPING = Form(about="mapping file", is_ours=lambda _, head: head.startswith(MAPPING_TITLE.encode()))
WORKLOAD = Form(about="workload", is_ours=lambda _, head: head.startswith(WORKLOAD_TITLE.encode()))
# A file to begin with; whoever has one has written in it since, and it is never replaced.
BEGUN = Form(about="file to begin with", is_ours=lambda *_: False)
RESULT = Form(about="result", is_ours=lambda file, _: _is_json(_Result, file))
CLOSEUPS = Form(about="layers from close by", is_ours=lambda file, _: _is_json(_Closeups, file))
EXECUTION = Form(about="execution", is_ours=lambda file, _: _is_json(_Execution, file))
CHECKPOINT = Form(about="checkpoint", is_ours=lambda file, _: _ends_with(CHECKPOINT_MARK, file))
WEIGHTS = Form(about="file of weights", is_ours=lambda file, _: _ends_with(WEIGHTS_MARK, file))
CALIBRATION = Form(about="calibration", is_ours=lambda file, _: _ends_with(CALIBRATION_MARK, file))
CURVES = Form(about="table of epochs", is_ours=lambda _, head: head.startswith(b"epoch,learning_rate,train_loss,"))
SCORE = Form(about="score", is_ours=lambda file, _: _is_json(_Score, file))
TRAINING = Form(about="training", is_ours=lambda file, _: _is_json(_Training, file))
LAYERS = Form(about="table of layers", is_ours=lambda _, head: head.startswith(b"name,kind,algorithm,note,mapping,"))
ENERGY = Form(about="table of energy", is_ours=lambda _, head: head.startswith(b"layer,component,cause,energy_pj\n"))
ACCESSES = Form(about="table of accesses", is_ours=lambda _, head: head.startswith(b"layer,level,tensor,by,"))
PROOF = Form(about="proof", is_ours=lambda _, head: head.startswith(b'{"proof":'))
TRACE = Form(about="trace", is_ours=lambda _, head: _is_trace(head))
POINTS_CSV = Form(about="table of points", is_ours=lambda _, head: head.startswith(b"index,point,on_front,"))
POINTS_PARQUET = Form(about="table of points", is_ours=_has_key)


def replaceable(path: str | Path, form: Form) -> Path:
    """Return the file to write an output of ``form`` to: ``path``, or where that links to.

    Raises OutputError for a file that lw3dsim did not write in this form, or for what is no file.
    """
    name = one_line(str(path), 200)
    try:
        is_link = stat.S_ISLNK(os.lstat(path).st_mode)
    except FileNotFoundError:
        return Path(path)
    except OSError as error:
        raise OutputError(f"{name}: cannot be written ({error.strerror}); give a writable file name") from None
    target = Path(os.path.realpath(path)) if is_link and Path(path).is_file() else Path(path)
    if not target.is_file():
        raise OutputError(f"{name}: is no regular file; give a writable file name")
    try:
        with target.open("rb") as file:
            head = file.read(HEAD)
            is_ours = not head or form.is_ours(file, head)
    except OSError as error:
        raise OutputError(f"{name}: cannot be read ({error.strerror}); give another name") from None
    if not is_ours:
        raise OutputError(
            f"{name}: holds {kind_of(head)}, not a {form.about} that lw3dsim wrote, and is left as it is; give another "
            "name, or delete the file"
        )
    return target


def kind_of(head: bytes) -> str:
    """Return what a file that begins with ``head`` seems to be, in words."""
    for magic, kind in (
        (SQLITE, "an SQLite database"),
        (PARQUET, "a Parquet table"),
        (b"\x89PNG\r\n", "a PNG image"),
        (GZIP, "a gzip file"),
        (b"PK\x03\x04", "a zip file"),
        (b"%PDF", "a PDF document"),
    ):
        if head.startswith(magic):
            return kind
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:
            return "binary data"
        text = head[: error.start].decode("utf-8")
    if "\0" in text:
        return "binary data"
    start = text.lstrip()[:20].lower()
    if start.startswith(("<!doctype html", "<html")):
        return "a page"
    return "JSON" if start.startswith(("{", "[")) else "text"
