"""The waves of a step, one by one and in order: what the engines count by sort."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lw3dsim.base.arrays import equal_parts
from lw3dsim.machine.microarchitecture import plain_array
from lw3dsim.machine.problem import plain_layer
from lw3dsim.machine.waves import rows_used, wave_shape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lw3dsim.arithmetic.place import Place
    from lw3dsim.machine.microarchitecture import Machine
    from lw3dsim.machine.problem import Problem
    from lw3dsim.machine.records import Triple


class Wave(NamedTuple):
    """Channels from ``channel`` of the step on, and tiles (t, h, w) from ``begin`` on; ``number`` counts the latter."""

    channel: int
    channels: int
    begin: Triple
    tiles: Triple
    number: int

    @property
    def many(self) -> int:
        """Its tiles."""
        return math.prod(self.tiles)


def waves_of(problem: Problem, machine: Machine, place: Place) -> Iterator[Wave]:
    """Yield the waves of the step at ``place``: by channels, then t, h, w."""
    shape = wave_shape(plain_layer(problem), plain_array(machine), *place.size)
    parts = []
    for size, m, part in zip(place.size, problem.algorithm.tile, shape, strict=True):
        counts = equal_parts(-(-size // m), part).tolist()
        parts.append(list(zip(np.cumsum([0, *counts[:-1]]).tolist(), counts, strict=True)))
    channels = place.n.stop - place.n.start
    rows = rows_used(plain_layer(problem), plain_array(machine))
    for channel in range(0, channels, rows):
        for number, along in enumerate(itertools.product(*parts)):
            (t, tt), (h, th), (w, tw) = along
            yield Wave(channel, min(rows, channels - channel), (t, h, w), (tt, th, tw), number)
