"""Imported once, by the server that workers are forked from: what every worker needs, loaded."""

from __future__ import annotations

from lw3dsim.engine import compiled
from lw3dsim.explore import evaluate

__all__ = ["evaluate"]

compiled.load()
