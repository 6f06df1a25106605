"""Is the digest of sources that of what they hold, however little of them is read?"""

from __future__ import annotations

import hashlib
import os
import shutil
import time

import pytest

from lw3dsim.base import remembered, sources
from lw3dsim.base.sources import digest_of, package_digest

# Longer than file systems take from one tick of their clock to the next.
TICK_S = 0.05


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of three files, all touched long ago; what else there is are no sources."""
    monkeypatch.setattr(sources, "SETTLED_NS", 0)
    folder = tmp_path / "package"
    (folder / "room" / "__pycache__").mkdir(parents=True)
    for name in ("__init__.py", "a.py", "room/b.py", "room/__pycache__/b.py", "room/table.csv"):
        (folder / name).write_text(f"name = {name!r}\n")
    time.sleep(TICK_S)
    return folder


def read(package) -> str:
    """Return the digest of sources that are all read."""
    files = sorted(path for path in package.rglob("*.py") if "__pycache__" not in path.parts)
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def digest(package) -> str:
    return digest_of(str(package), package.parent / "cache")


def notes(package):
    return list((package.parent / "cache").glob("*"))


def test_sources_that_nobody_touched_are_not_read_again(package, monkeypatch):
    first = digest(package)
    assert first == read(package)
    monkeypatch.setattr(sources, "open", None, raising=False)
    assert digest(package) == first
    (note,) = notes(package)
    note.unlink()
    with pytest.raises(TypeError):
        digest(package)


def rewrite(package):
    """Write as many bytes, and set the time of the last write back."""
    path = package / "a.py"
    before = path.stat()
    path.write_text("name = 'z.py'\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size


def exchange(package):
    """Put files in each other's place, which leaves the time of the last write and the number of bytes."""
    other = package / "room" / "aside"
    shutil.copy2(package / "a.py", other)
    other.write_text("name = 'y.py'\n")
    other.replace(package / "a.py")


CHANGES = {
    "other bytes": rewrite,
    "another file": exchange,
    "one more": lambda package: (package / "room" / "c.py").write_text("c = 1\n"),
    "one less": lambda package: (package / "room" / "b.py").unlink(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_every_change_gives_another_digest(package, change):
    first = digest(package)
    change(package)
    time.sleep(TICK_S)
    assert digest(package) == read(package) != first
    assert digest(package) == read(package)
    assert len(notes(package)) == 1


def test_what_was_touched_just_now_is_not_noted(package, monkeypatch):
    monkeypatch.setattr(sources, "SETTLED_NS", 3_600_000_000_000)
    assert digest(package) == read(package)
    assert not notes(package)


@pytest.mark.parametrize("theirs", [b"notes", b"\xff", b"0" * 64 + b"\n", None])
def test_what_is_not_ours_is_left_as_it_is(package, theirs):
    first = digest(package)
    (note,) = notes(package)
    note.unlink()
    if theirs is None:
        note.symlink_to("missing")
    else:
        note.write_bytes(theirs)
    assert digest(package) == first
    assert note.is_symlink() if theirs is None else note.read_bytes() == theirs


def test_a_folder_that_cannot_be_written_costs_the_reading_alone(package):
    (package.parent / "cache").write_text("theirs")
    assert digest(package) == digest(package) == read(package)
    assert (package.parent / "cache").read_text() == "theirs"


def test_the_memory_is_named_by_the_sources_of_this_package():
    assert package_digest()[:16] in remembered.memory_path().name
