"""How the tensors that a fused group reads and writes lie in DRAM: for every way to cut W in the best of their blocks.

What a tile moves of a tensor is, line by line, the same in all lines. So the block that is best for a way to cut W, and
for the output for a size of chunks, is best for all mappings of these. Plain integer code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.base.integers import NEVER, ceiling
from lw3dsim.base.kernels import entry, kernel, read
from lw3dsim.tensor.bursts import Rows, bursts_of, columns_of, is_scattered

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Words
    from lw3dsim.map.group.axes import Cuts
    from lw3dsim.map.group.fitting import Chunks, Stages


class Lines(NamedTuple):
    """A line, the row of all channels, of a tensor in the best of its layouts, by way to cut W: bursts of all tiles.

    These lie in so many ``parts``; ``row_bursts`` are those of a row of the layout, ``block`` is its channel block.
    """

    bursts: Words
    parts: Words
    row_bursts: Words
    block: Words


class Moved(NamedTuple):
    """Tensors in DRAM, one after the other: which it is, the ``place`` of its first size, those of chunks it moves in.

    Sizes ascend up to all channels. If it ``is_once``, a tile moves only what no tile before it had. ``layouts`` are
    Rows behind each other: its ``usual`` ones from a number on, behind them those of ``packed`` rows, up to the usual
    ones of the next. By layout of it, and size, all its chunks touch whole ``blocks`` and scattered ``columns``, from
    the place ``first`` on.
    """

    tensor: Words
    place: Words
    is_once: Words
    usual: Words
    packed: Words
    sizes: Chunks
    layouts: Words
    first: Words
    blocks: Words
    columns: Words


class Lying(NamedTuple):
    """The tensors in DRAM: what is read, behind that the output, by size of its chunks, and what is stored besides.

    By tensor that is read: its number, and how many are read like it; by one that is ``stored`` besides its number. By
    tensor or size, its ``lines``, and, by way to cut H and W, its ``frames``, none where no rows may be packed.
    ``fewer`` are, by size and way to cut W, the place of the largest smaller chunk that may move fewer bursts, -1 for
    none.
    """

    tensor: Words
    sources: Words
    stored: Words
    lines: Lines
    frames: Lines
    fewer: Words
    burst_bits: int
    page_bursts: int


@kernel
def lay_tensor(cuts: Cuts, ways: int, moved: Moved, one: int, lines: Lines, spans: Words) -> None:
    """Fill in how a tensor lies, moved in chunks of each of its sizes, in the best of its usual layouts.

    That is the one of the fewest bursts, of those the one of the fewest parts, of those the first. ``spans``, by way,
    is scratch.
    """
    every, begin, end = len(cuts.tile), moved.sizes.begin[one], moved.sizes.begin[one + 1]
    tensor, is_once = moved.tensor[one], moved.is_once[one]
    for i in range(end - begin):
        for place in range((moved.place[one] + i) * every, (moved.place[one] + i) * every + ways):
            lines.bursts[place], lines.parts[place], lines.row_bursts[place], lines.block[place] = NEVER, 0, 0, 0
    for number in range(moved.usual[one], moved.packed[one]):
        rows = read(Rows, moved.layouts, number)
        sum_rows(rows, cuts, ways, tensor, spans, is_once)
        first = touched_place(moved, one, number)
        for i in range(end - begin):
            blocks, columns = moved.blocks[first + i], moved.columns[first + i]
            parts = blocks + min(columns, 1)
            for way in range(ways):
                bursts, place = blocks * spans[way], (moved.place[one] + i) * every + way
                if columns:
                    bursts += columns * (cuts.stored if is_once else cuts.all_new)[tensor * every + way]
                if bursts < lines.bursts[place] or (bursts == lines.bursts[place] and parts < lines.parts[place]):
                    lines.bursts[place], lines.parts[place] = bursts, parts
                    lines.row_bursts[place], lines.block[place] = rows.row_bursts, rows.block


@entry
def touch_all(moved: Moved) -> None:
    """Fill in what chunks of all sizes touch of each tensor, in each of its layouts."""
    for one in range(len(moved.tensor)):
        begin, end = moved.sizes.begin[one], moved.sizes.begin[one + 1]
        for number in range(moved.usual[one], moved.usual[one + 1]):
            rows, first = read(Rows, moved.layouts, number), touched_place(moved, one, number)
            for i in range(end - begin):
                blocks, columns = touched(rows, moved.sizes.size[end - 1], moved.sizes.size[begin + i])
                moved.blocks[first + i], moved.columns[first + i] = blocks, columns


@kernel
def touched_place(moved: Moved, one: int, number: int) -> int:
    """Return where what chunks of the first size touch of a tensor stands, in the layout of a number."""
    sizes = moved.sizes.begin[one + 1] - moved.sizes.begin[one]
    return moved.first[one] + (number - moved.usual[one]) * sizes


@kernel
def sum_rows(rows: Rows, cuts: Cuts, ways: int, tensor: int, spans: Words, is_once: int) -> None:
    """Fill in, by way, the bursts of a row of a tensor that all tiles together touch of a block."""
    for way in range(ways):
        begin, bursts, reached = tensor * len(cuts.last) + cuts.begin[way], 0, 0
        for tile in range(begin, begin + cuts.tiles[way]):
            first, reached = moved_along(cuts, tile, reached, is_once)
            bursts += bursts_of(rows, first, reached - first)
        spans[way] = bursts


@kernel
def moved_along(cuts: Cuts, tile: int, reached: int, is_once: int) -> tuple[int, int]:
    """Return the first position that a tile moves, and the first behind; if ``is_once`` none that is ``reached``."""
    first, end = cuts.first[tile], cuts.first[tile] + cuts.new[tile]
    return (reached, max(reached, end if end > first else 0)) if is_once else (first, end)


@kernel
def touched(rows: Rows, channels: int, size: int) -> tuple[int, int]:
    """Return the whole blocks, and the scattered columns, that all chunks of so many channels touch."""
    is_even = size % rows.block == 0 or rows.block % size == 0
    period = max(size, rows.block) if is_even else channels
    alike = channels // period
    whole, columns = touched_between(rows, 0, min(period, channels), size)
    rest, others = touched_between(rows, alike * period, channels, size)
    return alike * whole + rest, alike * columns + others


@kernel
def touched_between(rows: Rows, begin: int, end: int, size: int) -> tuple[int, int]:
    """Return the same of the channels from ``begin``, where a chunk begins, to ``end``."""
    whole = scattered = 0
    for channel in range(begin, end, size):
        first, behind = columns_of(rows, channel, min(size, end - channel))
        if is_scattered(rows, first, behind):
            scattered += behind - first
        else:
            whole += behind - first
    return whole // rows.columns, scattered


@kernel
def saves_weights(stages: Stages, smaller: int, larger: int, burst_bits: int) -> bool:
    """Return whether weights of a stage of the last run take fewer bursts in ``smaller`` chunks."""
    run = len(stages.start) - 1
    for stage in range(stages.start[run], stages.stop[run]):
        if stages.has_weights[stage]:
            each, n = stages.c[stage] * stages.kernel_bits[stage] + stages.bias_bits[stage], stages.n[stage]
            if chunked_bursts(n, smaller, each, burst_bits) < chunked_bursts(n, larger, each, burst_bits):
                return True
    return False


@kernel
def chunked_bursts(n: int, size: int, each: int, burst_bits: int) -> int:
    """Return the bursts of ``n`` times ``each`` bits in chunks of ``size``, each of whole bursts."""
    return n // size * ceiling(size * each, burst_bits) + ceiling(n % size * each, burst_bits)
