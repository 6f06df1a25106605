"""Streams of tiles that never meet the array."""

from __future__ import annotations

import numpy as np

from lw3dsim.engine.trace import Stream


def apart(first, box, after, gate):
    """Return a stream for whose tiles the array does not pause."""
    return Stream(first=first, box=box, after=after, gate=gate, words=np.zeros_like(box))
