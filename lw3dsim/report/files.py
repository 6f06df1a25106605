"""Writing outputs: checked before the work, written under a temporary name, then renamed."""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path

import msgspec

from lw3dsim.errors import InputError, OutputError
from lw3dsim.report.result import Result
from lw3dsim.report.saved import SavedResult

RESULT_FILE = "result.json"


def check_folder(path: str | Path) -> Path:
    """Create the output folder ``path`` if need be; raise OutputError when nothing can be written there."""
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        raise OutputError(f"{path}: cannot be written to ({error.strerror}); give a writable folder") from None


def check_file(path: str | Path) -> None:
    """Raise OutputError when the file ``path`` cannot be written."""
    target = Path(path)
    if target.is_dir():
        raise OutputError(f"{path}: is a folder; give a file name")
    try:
        with tempfile.TemporaryFile(dir=target.parent):
            return
    except OSError as error:
        raise _unwritable(path, error) from None


def _unwritable(path: str | Path, error: OSError) -> OutputError:
    return OutputError(f"{path}: cannot be written ({error.strerror}); give a writable place")


def write_text(path: str | Path, text: str) -> None:
    """Write ``text`` to ``path`` in one step; raise OutputError when that is impossible."""
    target = Path(path)
    temporary: str | None = None
    try:
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        os.chmod(temporary, 0o666 & ~_umask())  # noqa: PTH101  # mkstemp makes private files
        os.replace(temporary, target)  # noqa: PTH105  # the atomic call, named
        temporary = None
    except OSError as error:
        raise _unwritable(path, error) from None
    finally:
        if temporary is not None:
            with suppress(OSError):
                Path(temporary).unlink()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def save_result(result: Result, folder: Path) -> None:
    """Write result.json, layers.csv and report.html into ``folder``."""
    from lw3dsim.report.page import result_page

    texts = {
        "layers.csv": result.layers.to_csv(index=False),
        "report.html": result_page(result),
        RESULT_FILE: result.to_json(),
    }
    for name, text in texts.items():
        write_text(folder / name, text)


def load_result(path: str | Path) -> Result:
    """Read a result from its JSON file or the folder that holds it; raise InputError if it is none."""
    file = Path(path) / RESULT_FILE if Path(path).is_dir() else Path(path)
    remedy = "give the folder or the result.json of `simulate --out`"
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror}); {remedy}") from None
    try:
        msgspec.json.decode(raw, type=SavedResult)
        return Result(data=json.loads(raw))
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise InputError(f"{file}: not a result of lw3dsim ({error}); {remedy}") from None
