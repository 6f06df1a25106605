"""A digest of the sources of kernels: says whether an extension was made of them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def digest_of(root: Path, paths: Iterable[str]) -> str:
    """Return a digest of the files at these paths, with slashes, in the folder ``root``; raises OSError."""
    digest = hashlib.sha256()
    for path in paths:
        with open(f"{root}/{path}", "rb", buffering=0) as file:  # noqa: PTH123  # fast: every start of a run reads them
            digest.update(path.encode() + b"\0" + file.read() + b"\0")
    return digest.hexdigest()
