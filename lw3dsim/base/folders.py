"""Where this package keeps what it need not work out again."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from lw3dsim.errors import InputError, short


@cache
def cache_folder() -> Path:
    """Return the folder: LW3DSIM_CACHE_DIR, or the user's cache folder.

    A relative XDG_CACHE_HOME is ignored, as its standard says; raises InputError for a relative LW3DSIM_CACHE_DIR.
    """
    if own := os.environ.get("LW3DSIM_CACHE_DIR"):
        if not Path(own).is_absolute():
            raise InputError(f"LW3DSIM_CACHE_DIR = {short(own)}: is not an absolute path; give one, or unset it")
        return Path(own) / "lw3dsim"
    users = os.environ.get("XDG_CACHE_HOME", "")
    if Path(users).is_absolute():
        return Path(users) / "lw3dsim"
    try:
        return Path("~/.cache").expanduser() / "lw3dsim"
    except RuntimeError:  # a user without a home
        import tempfile

        return Path(tempfile.gettempdir()) / f"lw3dsim-{os.geteuid()}"
