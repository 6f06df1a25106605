"""Writing outputs: checked before the work, written under a temporary name, then renamed."""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from lw3dsim.arguments import as_path
from lw3dsim.errors import InputError, OutputError, one_line
from lw3dsim.report.result import Result
from lw3dsim.report.saved import SavedResult

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lw3dsim.arguments import PathArgument

RESULT_FILE = "result.json"

MAX_RESULT_BYTES = 256 << 20


def check_folder(path: str | Path) -> Path:
    """Return the output folder ``path``; raise OutputError when it cannot be made or written to. Creates nothing."""
    if not str(path):
        raise OutputError("'' is no folder; give a writable one")
    folder = Path(path)
    try:
        there = next(parent for parent in (folder, *folder.absolute().parents) if os.path.lexists(parent))
        with tempfile.TemporaryFile(dir=there):
            return folder
    except OSError as error:
        raise _unwritable(path, error) from None


def check_file(path: str | Path) -> None:
    """Raise OutputError when the file ``path`` cannot be written; an existing one must be a regular file."""
    target = Path(path)
    if os.path.lexists(target) and not target.is_file():
        raise OutputError(f"{path}: is no regular file; give a writable file name")
    try:
        with tempfile.TemporaryFile(dir=target.parent):
            return
    except OSError as error:
        raise _unwritable(path, error) from None


def write_text(path: str | Path, text: str) -> None:
    """Write ``text`` to ``path`` in one step; raise OutputError when that is impossible."""
    write_texts({Path(path): text})


def write_texts(texts: Mapping[Path, str]) -> None:
    """Write several files: all under temporary names first, then all renamed; raise OutputError before any is."""
    for path in texts:
        check_file(path)
    written: list[tuple[str, Path]] = []
    try:
        for path, text in texts.items():
            handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
            written.append((temporary, path))
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
            os.chmod(temporary, 0o666 & ~_umask())  # noqa: PTH101  # mkstemp makes private files
        while written:
            os.replace(*written[0])  # noqa: PTH105  # the atomic call, named
            written.pop(0)
    except OSError as error:
        raise _unwritable(path, error) from None
    finally:
        for temporary, _ in written:
            with suppress(OSError):
                Path(temporary).unlink()


def _unwritable(path: str | Path, error: OSError) -> OutputError:
    return OutputError(f"{path}: cannot be written ({error.strerror}); give a writable place")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def save_result(result: Result, folder: Path) -> None:
    """Write result.json, layers.csv, energy.csv and report.html into ``folder``, which is made if need be."""
    from lw3dsim.report.page import result_page

    texts = {
        "layers.csv": result.layers.to_csv(index=False),
        "energy.csv": result.energy.to_csv(index=False, lineterminator="\n"),
        "report.html": result_page(result),
        RESULT_FILE: result.to_json(),
    }
    save_texts(folder, texts)


def save_texts(folder: Path, texts: Mapping[str, str]) -> None:
    """Write files by name into ``folder``, which is made if need be: all of them or none."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from None
    write_texts({folder / name: text for name, text in texts.items()})


def load_result(path: PathArgument) -> Result:
    """Read a result from its JSON file or the folder that holds it; raise InputError if it is none."""
    path = as_path("path", path, "a file or folder")
    name = one_line(str(path), 200)
    remedy = "give the folder or the result.json of `simulate --out`"
    try:
        file = Path(path) / RESULT_FILE if Path(path).is_dir() else Path(path)
        if not file.is_file():
            raise InputError(f"{name}: is not a regular file that exists; {remedy}")
        if file.stat().st_size > MAX_RESULT_BYTES:
            raise InputError(f"{name}: larger than {MAX_RESULT_BYTES >> 20} MiB; {remedy}")
        raw = file.read_bytes()
    except OSError as error:
        raise InputError(f"{name}: cannot be read ({error.strerror}); {remedy}") from None
    try:
        saved = msgspec.json.decode(raw, type=SavedResult)
        saved.check()
        return Result(data=json.loads(raw))
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise InputError(f"{file}: not a result of lw3dsim ({error}); {remedy}") from None
