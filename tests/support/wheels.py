"""The package as it is given away: its sources in an archive, and the wheel of that, made once for a run of tests."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def checkout(folder):
    """Copy what a checkout holds; nothing that was built."""
    built = shutil.ignore_patterns(".*", "build", "*.egg-info", "__pycache__", "_kernels*", "tests", "results")
    shutil.copytree(ROOT, folder, ignore=built)
    return folder


def wheel_of(source, folder):
    """Build a wheel of a folder or an archive, with what is installed here; return its path."""
    options = ["--no-deps", "--no-build-isolation", "-q", "-w", str(folder)]
    # What is in it is looked at, not how fast it is: a tenth of the time.
    quick = os.environ | {"CFLAGS": "-O0"}
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", *options, str(source)], check=True, capture_output=True, env=quick
    )
    (wheel,) = folder.glob("lw3dsim-*.whl")
    return wheel


def given_away(base):
    """Return the archive of sources of a clean checkout, and the wheel that is built of it.

    ``base`` is the folder for what tests write, of this process: workers that run at the same time share its parent.
    """
    home = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    made = home / "given_away"
    with (home / "given_away.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            half = home / "given_away.half"
            source = checkout(half / "source")
            code = f"from lw3dsim.compiler.backend import build_sdist; build_sdist({str(half)!r})"
            subprocess.run([sys.executable, "-c", code], cwd=source, check=True, capture_output=True)
            wheel_of(_archive(half), half)
            half.rename(made)
    (wheel,) = made.glob("lw3dsim-*.whl")
    return _archive(made), wheel


def _archive(folder):
    (archive,) = folder.glob("lw3dsim-*.tar.gz")
    return archive
