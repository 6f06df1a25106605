"""In how many words of a staged patch the lanes of a wave find what they read at one time."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lw3dsim.machine.near import grouped, lines_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lw3dsim.base.arrays import Ints
    from lw3dsim.rtl.design import Core
    from lw3dsim.rtl.subject import Stage
    from lw3dsim.rtl.waves import Wave


class Reach(NamedTuple):
    """Words in which lanes find what they read at one time: all of them, and a group of elements."""

    all: int
    group: int


class Taken(NamedTuple):
    """An element that is taken: for which lane, and how far behind that one's place."""

    lane: int
    behind: int


def reach_of(stage: Stage, core: Core, wave: Wave, words: Mapping[str, int], extent: int) -> Reach:
    """Return the most words for a wave whose descriptor has ``words``.

    So many elements lie side by side: of channels that a PE adds up, or of inputs of the rows.
    """
    tree = stage.parallel == "channel" and stage.machine.chunk > 1
    groups = _groups(stage, core, words, extent if tree else 1)
    each, beside = core.ifmap_word // core.activation, 1 if tree else extent
    tiles = _sums([(words[f"pitch_{axis}"], many) for axis, many in zip("thw", wave.tiles, strict=True)])
    taps = np.unique(_sums([(words[f"tap_{axis}"], words[f"taps_{axis}"]) for axis in "thw"]))
    lanes = stage.machine.lanes
    found = Reach(1, 1)
    for first in range(0, len(tiles), lanes):
        here = tiles[first : first + lanes].tolist()
        places = [[here[one.lane] + one.behind for one in group if one.lane < len(here)] for group in groups]
        spans = [(one[0], max(one) + beside - 1) for one in places if one]
        found = Reach(
            max(found.all, _words(here[0], max(end for _, end in spans), taps, each)),
            max(found.group, *(_words(begin, end, taps, each) for begin, end in spans)),
        )
    return found


def _words(begin: int, end: int, taps: Ints, each: int) -> int:
    """Return the words of so many elements each, from one to the other, at the tap at which these are most."""
    return int(((end + taps) // each - (begin + taps) // each).max()) + 1


def _sums(axes: list[tuple[int, int]]) -> Ints:
    """Return the sums of steps along each axis, one after another."""
    return np.array([sum(at) for at in itertools.product(*([step * i for i in range(many)] for step, many in axes))])


def _groups(stage: Stage, core: Core, words: Mapping[str, int], channels: int) -> list[list[Taken]]:
    """Return what each group takes: elements of tiles, one for each lane, or so many ``channels`` for each."""
    algorithm = stage.problem.algorithm
    if algorithm.is_winograd:
        steps = [words[f"window_{axis}"] for axis in "thw"]
        groups = grouped(lines_of(algorithm, core.mults, core.cols), core.group)
        return [[Taken(lane, int(np.dot(at, steps))) for lane, at in group] for group in groups]
    files = [
        Taken(file // core.mults, file % core.mults) if channels > 1 else Taken(file, 0)
        for file in range(core.cols * core.mults)
    ]
    return [
        [one for one in files[first : first + core.group] if one.behind < channels]
        for first in range(0, len(files), core.group)
    ]
