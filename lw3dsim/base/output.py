"""Writing outputs: checked before the work, written under a hidden name, then renamed.

:mod:`lw3dsim.base.forms` says which files may be replaced.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from lw3dsim.base.forms import replaceable
from lw3dsim.errors import OutputError, one_line
from lw3dsim.parts import part_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from lw3dsim.base.forms import Form


def check_folder(path: str | Path, files: Mapping[str, Form]) -> Path:
    """Return the output folder ``path``, which is not made yet.

    Raises OutputError when it cannot be made or written to, or when ``files`` would replace others than our own.
    """
    if not str(path):
        raise OutputError("'' is no folder; give a writable one")
    folder = Path(path)
    there = next(each for each in (folder, *folder.absolute().parents) if os.path.lexists(each))
    with naming(path), part_file(there):
        pass
    for name, form in files.items():
        replaceable(folder / name, form)
    return folder


def check_file(path: str | Path, form: Form) -> None:
    """Raise OutputError when the file ``path`` cannot be written, or would replace another than our own."""
    target = replaceable(path, form)
    with naming(path), part_file(target.parent):
        pass


def check_unedited(path: str | Path, text: str) -> None:
    """Raise OutputError where the file ``path`` is there with another text: somebody may have edited it."""
    if os.path.lexists(path) and Path(path).read_bytes() != text.encode():
        name = one_line(str(path), 200)
        raise OutputError(
            f"{name}: is there already, with another text than would be written; give another --out, or --force"
        )


@contextmanager
def writing(path: str | Path, form: Form) -> Iterator[BinaryIO]:
    """Yield a file under a hidden name, renamed to ``path`` where the context ends well; raise OutputError else."""
    target = replaceable(path, form)
    with naming(path), part_file(target.parent) as (file, part):
        yield file
        file.flush()
        part.replace(target)


def write_text(path: str | Path, text: str, form: Form) -> None:
    """Write ``text`` to ``path`` in one step; raise OutputError when that is impossible."""
    write_files({Path(path): (form, text.encode("utf-8"))})


def write_files(files: Mapping[Path, tuple[Form, bytes]]) -> None:
    """Write several files: all under hidden names first, then all renamed; raise OutputError before any is."""
    targets = [(replaceable(path, form), data) for path, (form, data) in files.items()]
    with ExitStack() as stack:
        written = []
        for path, data in targets:
            # Until the next file is begun, and where this one is closed.
            stack.enter_context(naming(path))
            file, part = stack.enter_context(part_file(path.parent))
            file.write(data)
            file.flush()
            written.append((part, path))
        for part, path in written:
            with naming(path):
                part.replace(path)


@contextmanager
def naming(path: str | Path) -> Iterator[None]:
    """Raise the OutputError that names ``path`` in place of an OSError of the context."""
    try:
        yield
    except OutputError:
        raise
    except OSError as error:
        name = one_line(str(path), 200)
        raise OutputError(f"{name}: cannot be written ({error.strerror}); give a writable place") from None


def save_texts(folder: Path, files: Mapping[str, Form], texts: Iterable[str]) -> None:
    """Write ``texts`` to ``files`` of ``folder``, which is made if need be: all of them or none."""
    pairs = zip(files.items(), texts, strict=True)
    save_files({folder / name: (form, text.encode("utf-8")) for (name, form), text in pairs})


def save_files(files: Mapping[Path, tuple[Form, bytes]]) -> None:
    """Write several files into folders that are made if need be: all of them, or none and no folder either."""
    made: list[Path] = []
    try:
        for folder in dict.fromkeys(path.parent for path in files):
            place = folder.absolute()
            missing = [each for each in (place, *place.parents) if not os.path.lexists(each)]
            made += reversed(missing)
            make_folder(folder)
        write_files(files)
    except BaseException:
        for folder in reversed(made):
            # One that another has put something into stays.
            with suppress(OSError):
                folder.rmdir()
        raise


def make_folder(folder: Path) -> None:
    """Make ``folder`` where it is not there. Raises OutputError."""
    with naming(folder):
        folder.mkdir(parents=True, exist_ok=True)
