"""Where inputs lie: in the input buffer, in the runs that a round reads, and in a staged patch.

See "Words" and "Staging" in ``docs/microarchitecture.md``. Positions count from the first that a step looks at. Along
T and H a buffer holds those that any tap touches; along W all from the first to the last.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lw3dsim.base.values import Value
from lw3dsim.machine.problem import plain_layer
from lw3dsim.machine.waves import is_dense
from lw3dsim.rtl.windows import Lie, Window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.arithmetic.number import Tensor
    from lw3dsim.arithmetic.place import Place
    from lw3dsim.base.arrays import Ints
    from lw3dsim.machine.problem import Problem
    from lw3dsim.machine.records import Triple
    from lw3dsim.rtl.waves import Wave

W = 2


class OffGridError(Exception):
    """Positions of a problem that no counters of a core walk over."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem)


class Steps(NamedTuple):
    """Along an axis, how far lie apart tiles, taps (of Winograd phases), and coordinates of a window, in a patch."""

    tile: int
    tap: int
    window: int


class Runs(Value, frozen=True, kw_only=True):
    """A round's patch in its buffer: runs of ``length`` positions, ``rows`` in each of ``frames``.

    ``lie`` is where the first group of taps lies, ``groups`` how far the next lies along each axis. A staged run
    has ``width`` positions of a row, and a frame ``height`` rows.
    """

    length: int
    rows: int
    frames: int
    row_pitch: int
    frame_pitch: int
    lie: Lie
    groups: Triple
    merges_rows: bool
    merges_frames: bool
    width: int
    height: int

    def pitches(self, staged: int, block: int) -> Triple:
        """Return the places between frames, rows and positions of a patch whose runs take ``staged`` places each."""
        row = self.width * block if self.merges_rows else staged
        if self.merges_frames:
            return self.height * row, row, block
        return (staged if self.merges_rows else self.height * staged), row, block


def touched(problem: Problem, axis: int, begin: int, tiles: int, first: int, taps: int) -> Ints:
    """Return the positions that ``taps`` from the ``first`` on touch, of ``tiles`` from ``begin`` on."""
    m, stride, dilation = problem.algorithm.tile[axis], problem.stride[axis], problem.dilation[axis]
    outputs = (begin * m + np.arange(tiles * m))[:, None] * stride
    return np.unique(outputs + (first + np.arange(taps))[None, :] * dilation)


def stored(problem: Problem, axis: int, tiles: int) -> Ints:
    """Return the positions of an axis that the buffer holds of a step of so many tiles."""
    positions = touched(problem, axis, 0, tiles, 0, problem.kernel[axis])
    return np.arange(positions[-1] + 1) if axis == W else positions


def steps_along(problem: Problem, axis: int, tiles: int, taps: int) -> Steps:
    """Return how places follow each other in the patch of a round of so many ``tiles`` and ``taps``.

    Raises OffGridError where they do not follow each other at equal steps.
    """
    algorithm, stride = problem.algorithm, problem.stride[axis]
    if algorithm.is_winograd and algorithm.filter[axis] * algorithm.split[axis] * algorithm.tile[axis] > 1:
        if stride > problem.kernel[axis]:
            raise OffGridError(problem)
        return Steps(algorithm.tile[axis] * stride, 1, algorithm.split[axis])
    met = np.arange(tiles)[:, None] * stride + np.arange(taps)[None, :] * problem.dilation[axis]
    # What no output of the round reads is not in its patch: few outputs leave gaps between dilated taps.
    at = met if axis == W else np.searchsorted(np.unique(met), met)
    return Steps(_step(problem, at, 0), _step(problem, at, 1), 0)


def window_of(problem: Problem, tiles: Sequence[int]) -> Window:
    """Return how a buffer holds what a step of so many ``tiles`` along each axis looks at, and nothing else."""
    t, h, w = (len(stored(problem, axis, many)) for axis, many in enumerate(tiles))
    return Window(extent=(t, h, w))


def runs_of(
    problem: Problem,
    way: tuple[Triple, int],
    wave: Wave,
    tiles: Sequence[int],
    block: int,
    window: Window | None = None,
) -> Runs:
    """Return the runs of a round of ``wave``, in a step of so many ``tiles`` along each axis.

    The ``way`` is how many taps it takes at once, and the axes that lie apart. Its buffer holds the ``window``, by
    default what the step looks at. Raises OffGridError where no counters walk over them.
    """
    staged, apart = way
    kept = [stored(problem, axis, many) for axis, many in enumerate(tiles)]
    if window is not None:
        # Others may look at what this step leaves out.
        kept = [np.arange(held[-1] + 1) for held in kept]
    along = list(zip(wave.begin, wave.tiles, staged, strict=True))
    here = [touched(problem, axis, begin, many, 0, taps) for axis, (begin, many, taps) in enumerate(along)]
    at = [np.searchsorted(held, found) for held, found in zip(kept, here, strict=True)]
    length = int(here[W][-1] - here[W][0]) + 1
    uncut = [own == all_of for own, all_of in zip(wave.tiles, tiles, strict=True)]
    dense = [is_dense(plain_layer(problem), staged, axis, wave.tiles[axis], uncut[axis]) for axis in (0, 1)]
    window = window or window_of(problem, tiles)
    pitches = window.sizes(block)[1:]
    is_wide = apart < W and uncut[W] and staged[W] == problem.kernel[W] and dense[1]
    is_high = apart < 1 and is_wide and uncut[1] and staged[1] == problem.kernel[1] and dense[0]
    groups = [
        _group_step(problem, axis, kept[axis], begin, taps) * pitch
        for axis, ((begin, _, taps), pitch) in enumerate(zip(along, pitches, strict=True))
    ]
    rows, frames = len(at[1]), len(at[0])
    return Runs(
        length=length * (rows if is_wide else 1) * (frames if is_high else 1),
        rows=1 if is_wide else rows,
        frames=1 if is_high else frames,
        row_pitch=_step(problem, at[1]) * pitches[1],
        frame_pitch=_step(problem, at[0]) * pitches[0],
        lie=window.place([int(one[0]) for one in at], block),
        groups=(groups[0], groups[1], groups[2]),
        merges_rows=is_wide,
        merges_frames=is_high,
        width=length,
        height=rows,
    )


def _step(problem: Problem, at: Ints, axis: int = 0) -> int:
    """Return how far indices lie apart along an axis. Raises OffGridError where they are not equally far apart."""
    apart = np.unique(np.diff(at, axis=axis))
    if len(apart) > 1:
        raise OffGridError(problem)
    return int(apart[0]) if len(apart) else 0


def _group_step(problem: Problem, axis: int, kept: Ints, begin: int, taps: int) -> int:
    """Return how far the first position of a group of taps lies from that of the group before, in the buffer."""
    firsts = range(0, problem.kernel[axis], taps)
    return _step(
        problem, np.array([np.searchsorted(kept, touched(problem, axis, begin, 1, one, taps)[0]) for one in firsts])
    )


def tile_of(problem: Problem, place: Place, source: Tensor, channels: slice) -> Tensor:
    """Return what a step reads of ``channels``, as its buffer holds it: (channels, T, H, W), padding filled in."""
    tiles = [-(-size // m) for size, m in zip(place.size, problem.algorithm.tile, strict=True)]
    positions = [
        stored(problem, axis, many) + origin * problem.stride[axis] - problem.padding[axis]
        for axis, (origin, many) in enumerate(zip(place.origin, tiles, strict=True))
    ]
    return picked(source[channels].astype(np.int64), positions)


def picked(source: Tensor, positions: Sequence[Ints], outside: int = 0) -> Tensor:
    """Return a tensor (channels, T, H, W) at these positions along T, H and W; beyond its border it is ``outside``."""
    taken = source
    for axis, at in enumerate(positions):
        inside = (at >= 0) & (at < source.shape[axis + 1])
        found = np.take(taken, np.clip(at, 0, source.shape[axis + 1] - 1), axis=axis + 1)
        shape = [1] * 4
        shape[axis + 1] = len(at)
        taken = np.where(inside.reshape(shape), found, outside)
    return taken


def blocks_of(tile: Tensor, block: int) -> list[Ints]:
    """Return a tile (channels, T, H, W) in blocks of channels, [t][h][w][channel], the last filled up."""
    channels = len(tile)
    padded = np.zeros((-(-channels // block) * block, *tile.shape[1:]), dtype=np.int64)
    padded[:channels] = tile
    by_block = padded.reshape(-1, block, math.prod(tile.shape[1:]))
    return [one.T.reshape(-1) for one in by_block]
