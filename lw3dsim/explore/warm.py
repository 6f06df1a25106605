"""Imported once, by the server that workers are forked from: what every worker needs, loaded."""

from __future__ import annotations

from lw3dsim.engine import compiled
from lw3dsim.explore import evaluate
from lw3dsim.map.kernels import TRANSLATION

__all__ = ["evaluate", "load"]


def load() -> None:
    """Load the compiled engine and mapper."""
    compiled.load()
    assert TRANSLATION.functions  # noqa: S101  # to look at them is to load them


load()
