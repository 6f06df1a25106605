"""Networks trained and scored: what is trained is what is simulated, built of the same graph.

The package stands beside the way of a simulation; nothing of that imports it, exploration does where it measures what
designs answer. ``train`` and ``score`` are what users call. PyTorch, PyAV and scikit-learn (extra ``train``) are
imported where they are used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

__all__ = ["ScoreRecord", "Trained", "score", "train"]

if TYPE_CHECKING:
    from lw3dsim.learn.scoring import score
    from lw3dsim.learn.training import Trained, train
    from lw3dsim.result.scored import ScoreRecord

_HOME = {
    "ScoreRecord": "result.scored",
    "Trained": "learn.training",
    "score": "learn.scoring",
    "train": "learn.training",
}


def __getattr__(name: str) -> object:
    """Import the public names on first use."""
    if name not in _HOME:
        raise AttributeError(f"module 'lw3dsim.learn' has no attribute {name!r}")
    return getattr(import_module(f"lw3dsim.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
