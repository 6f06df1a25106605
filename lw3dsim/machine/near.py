"""How many words a core stages of inputs and weights, and in how many of them lanes find their inputs at one time.

A set holds the words of a patch, in registers. Where lanes find inputs at one time lies in a few of them, neighbours
that all lanes share. A window of a fast algorithm is a line of elements in each of its rows and frames, far from each
other: so what all columns take is cut into groups, each of which chooses words of its own. A row of PEs holds the
words in which its weights lie.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.base.caches import kept

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.machine.problem import Problem
    from lw3dsim.machine.records import Triple
    from lw3dsim.transform.algorithms import Algorithm

BYTE = 8


def power_of_two(number: int) -> int:
    """Return the power of two that is no less than ``number``."""
    return 1 << (number - 1).bit_length()


def patch_words(arch: Accelerator) -> int:
    """Return the words of a set of staged inputs."""
    bits = arch.input_lanes * arch.staging_room * arch.precision.activation_bits
    return -(-bits // (BYTE * arch.buffers.ifmap_port_bytes))


def word_bits(arch: Accelerator) -> int:
    """Return the bits of the whole elements in a word of the input port, of one at least."""
    bits = arch.precision.activation_bits
    return max(arch.buffers.ifmap_port_bytes * BYTE // bits, 1) * bits


def reach_words(arch: Accelerator, *, own_inputs: bool) -> int:
    """Return the words in which lanes find inputs at one time: those of lanes side by side, and two where rows end.

    Where rows of PEs read inputs of their own, those of all rows lie side by side. A power of two.
    """
    return _reach(arch, arch.input_lanes, own_inputs=own_inputs)


def _reach(arch: Accelerator, lanes: int, *, own_inputs: bool) -> int:
    beside = lanes * (arch.places("output_channels") if own_inputs else 1)
    filled = -(-beside * arch.precision.activation_bits // (BYTE * arch.buffers.ifmap_port_bytes))
    return power_of_two(filled + 2)


def far_words(arch: Accelerator, problems: Iterable[Problem], *, own_inputs: bool) -> int:
    """Return the words in which all lanes find inputs at one time, of direct layers and fast ones of these problems.

    Windows of a fast algorithm reach over rows and frames of its wave, at most one that begins a whole layer. A power
    of two, or a whole set.
    """
    reaches = [_window_words(arch, one) for one in problems if one.algorithm.is_winograd]
    return min(max([reach_words(arch, own_inputs=own_inputs), *reaches]), patch_words(arch))


@kept(4096)
def _window_words(arch: Accelerator, problem: Problem) -> int:
    """Return the words over which windows of the lanes reach in a patch of whole waves, a power of two."""
    algorithm = problem.algorithm
    lanes = arch.input_lanes // arch.pe.mults_per_pe * max(arch.pe.mults_per_pe // algorithm.coordinates, 1)
    left = lanes * max(arch.pe.acc_depth // -(-algorithm.coordinates // arch.pe.mults_per_pe), 1)
    tiles: list[int] = []
    for out, m in zip(reversed(problem.out), reversed(algorithm.tile), strict=True):
        tiles.insert(0, min(-(-out // m), left))
        left = max(left // tiles[0], 1)
    pitches = _pitches(problem, tiles)
    window = sum(
        (m + r - 2) * step * pitch
        for m, r, step, pitch in zip(algorithm.tile, algorithm.filter, algorithm.split, pitches, strict=True)
    )
    along = min(lanes, tiles[2]) * algorithm.tile[2] * problem.stride[2]
    down = -(-(lanes - 1) // tiles[2]) if tiles[1] > 1 else 0
    reach = window + along + down * algorithm.tile[1] * problem.stride[1] * pitches[1]
    beside = arch.places("output_channels") if problem.structure == "grouped" else 1
    return power_of_two(-(-reach * beside // (word_bits(arch) // arch.precision.activation_bits)) + 1)


def _pitches(problem: Problem, tiles: list[int]) -> tuple[int, int, int]:
    """Return how far frames, rows and positions lie apart in the patch of so many tiles along T, H and W."""
    algorithm = problem.algorithm
    _, rows, columns = (
        (many * m + r - 1) * step
        for many, m, r, step in zip(tiles, algorithm.tile, algorithm.filter, algorithm.split, strict=True)
    )
    return rows * columns, columns, 1


class Element(NamedTuple):
    """An element that is taken: for which lane, and where in that one's window (T, H, W)."""

    lane: int
    at: Triple


class Groups(NamedTuple):
    """What lanes take of a patch: in so ``many`` groups, of ``size`` elements each, each out of ``reach`` words."""

    many: int
    size: int
    reach: int


def groups_of(arch: Accelerator, algorithms: Iterable[Algorithm], *, own_inputs: bool) -> Groups:
    """Return the groups that take the fewest selectors, for all of these algorithms and direct layers.

    Of direct layers alone all lanes share their words.
    """
    return _groups(arch, tuple(dict.fromkeys(algorithms)), own_inputs)


@kept(1024)
def _groups(arch: Accelerator, algorithms: tuple[Algorithm, ...], own_inputs: bool) -> Groups:
    lanes, words = arch.input_lanes, patch_words(arch)
    if not algorithms:
        return Groups(1, lanes, reach_words(arch, own_inputs=own_inputs))
    columns = lanes // arch.pe.mults_per_pe
    rows = [rows_of(one, arch.pe.mults_per_pe, columns) for one in algorithms]

    def of(size: int) -> Groups:
        many = max(-(-lanes // size), *(one.groups(size) for one in rows))
        return Groups(many, size, _reach(arch, size, own_inputs=own_inputs))

    def selectors(groups: Groups) -> tuple[int, int]:
        far = max(words - groups.reach, 0)
        return groups.many * (far + groups.size * groups.reach), groups.many

    longest = max(lanes, *(one.lanes * one.wide for one in rows))
    return min((of(size) for size in range(1, longest + 1)), key=selectors)


class Rows(NamedTuple):
    """What columns take of the tiles of an algorithm: so ``many`` lines of frames and rows, each ``wide`` per lane."""

    many: int
    lanes: int
    wide: int

    def groups(self, size: int) -> int:
        """Return the groups of ``size`` elements at most: how many :func:`grouped` makes."""
        if size >= self.wide:
            return self.many * -(-self.lanes // (size // self.wide))
        return self.many * self.lanes * -(-self.wide // size)


def rows_of(algorithm: Algorithm, mults: int, columns: int) -> Rows:
    """Return the rows of what so many columns take: those of :func:`lines_of`."""
    frames, rows, wide = _window(algorithm)
    return Rows(frames * rows, _lanes_of(algorithm, mults, columns), wide)


def _window(algorithm: Algorithm) -> Triple:
    """Return the frames, rows and positions of a window."""
    t, h, w = (m + r - 1 for m, r in zip(algorithm.tile, algorithm.filter, strict=True))
    return t, h, w


def _lanes_of(algorithm: Algorithm, mults: int, columns: int) -> int:
    return columns * max(mults // algorithm.coordinates, 1)


def lines_of(algorithm: Algorithm, mults: int, columns: int) -> list[list[Element]]:
    """Return what so many columns take of the tiles of an algorithm, by frame and row of their windows."""
    frames, rows, wide = _window(algorithm)
    lanes = _lanes_of(algorithm, mults, columns)
    return [
        [Element(lane, (t, h, w)) for lane in range(lanes) for w in range(wide)]
        for t in range(frames)
        for h in range(rows)
    ]


def grouped(lines: Iterable[list[Element]], size: int) -> list[list[Element]]:
    """Return the elements of each group of ``size`` at most: of no two lines, of whole lanes or of one.

    So the first lies in front of all others, wherever the tiles of its lanes are.
    """
    groups = []
    for line in lines:
        wide = sum(element.lane == line[0].lane for element in line)
        # Whole lanes together, or of each lane so many.
        runs = [line] if size >= wide else [line[i : i + wide] for i in range(0, len(line), wide)]
        each = max(size // wide * wide, min(size, wide))
        groups += [run[i : i + each] for run in runs for i in range(0, len(run), each)]
    return groups


def kernel_words(arch: Accelerator, weight_bits: int) -> int:
    """Return the words of a set of staged weights of a row of PEs: they begin and end anywhere in a word."""
    bits = arch.pe.mults_per_pe * arch.staging_weights * weight_bits
    return -(-bits // (BYTE * arch.buffers.weight_port_bytes)) + 1
