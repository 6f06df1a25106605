"""What happened in a layer, counted in integers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, NamedTuple

from lw3dsim.base.arrays import Words  # noqa: TC001  # read by the compiler
from lw3dsim.base.integers import ceiling
from lw3dsim.base.kernels import entry, kernel, kernels
from lw3dsim.base.records import Breakdown, Count, figure
from lw3dsim.base.values import Value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lw3dsim.describe.buffers import Buffers
    from lw3dsim.machine.problem import Problem
    from lw3dsim.schedule.program import Program


class DramBytesBreakdown(Breakdown[int], frozen=True, kw_only=True):
    """Bytes that DMA moves, by the buffer whose tiles they are."""

    ifmap: Annotated[Count, figure("input tiles, read")]
    weight: Annotated[Count, figure("weight tiles, read")]
    ofmap: Annotated[Count, figure("output tiles, written")]


STREAMS = DramBytesBreakdown.__struct_fields__


class Events(Value, frozen=True, kw_only=True):
    """Event counts of one layer or fused group; DRAM bytes are whole bursts, SRAM bytes what passes a port.

    ``ofmap_dma_bytes``, a part of ``ofmap_read_bytes``, are what DMA takes out of the output buffer;
    ``staged_inputs`` are written to staging files, each as often as it is held.
    ``intermediate_*`` belong to the tensors inside a fused group, which lie there too.
    Words are those of the ports, a part of one counted whole: ``partial_words`` of sums that come back, as many of
    which are written; ``result_words`` as the drain writes what DMA takes in ``ofmap_dma_words``.
    """

    mults: int
    accumulations: int
    tree_adds: int
    staged_inputs: int
    input_tiles: int
    weight_kernels: int
    output_tiles: int
    vector_ops: int
    dram_ifmap_bytes: int
    dram_weight_bytes: int
    dram_ofmap_bytes: int
    ifmap_read_bytes: int
    ifmap_write_bytes: int
    weight_read_bytes: int
    weight_write_bytes: int
    ofmap_read_bytes: int
    ofmap_write_bytes: int
    ofmap_dma_bytes: int
    intermediate_read_bytes: int
    intermediate_write_bytes: int
    ifmap_read_words: int
    ifmap_write_words: int
    weight_read_words: int
    weight_write_words: int
    partial_words: int
    result_words: int
    ofmap_dma_words: int
    intermediate_read_words: int
    intermediate_write_words: int

    @property
    def dram_bytes_breakdown(self) -> DramBytesBreakdown:
        """Bytes moved from or to DRAM."""
        return DramBytesBreakdown(
            ifmap=self.dram_ifmap_bytes, weight=self.dram_weight_bytes, ofmap=self.dram_ofmap_bytes
        )

    @property
    def dram_read_bytes(self) -> int:
        """Bytes moved from DRAM."""
        return self.dram_ifmap_bytes + self.dram_weight_bytes

    @property
    def dram_write_bytes(self) -> int:
        """Bytes moved to DRAM."""
        return self.dram_ofmap_bytes

    @property
    def sram_read_bytes(self) -> int:
        """Bytes read from all buffers."""
        return self.ifmap_read_bytes + self.weight_read_bytes + self.ofmap_read_bytes + self.intermediate_read_bytes

    @property
    def sram_write_bytes(self) -> int:
        """Bytes written to all buffers."""
        return self.ifmap_write_bytes + self.weight_write_bytes + self.ofmap_write_bytes + self.intermediate_write_bytes


class Tiles(NamedTuple):
    """The bits of every tile of inputs, weights and outputs."""

    ifmap: Words
    weight: Words
    ofmap: Words


class Summed(NamedTuple):
    """The bits of all tiles of inputs, weights and outputs, and the words in which they pass a port."""

    bits: tuple[int, int, int]
    words: tuple[int, int, int]


def count_events(schedule: Program, burst_bytes: int, buffers: Buffers) -> Events:
    """Count the events of a program; they do not depend on time."""
    work, tiles = kernels(), Tiles(schedule.ifmap.bits, schedule.weight.bits, schedule.ofmap.bits)
    bits, words = work(sum_tiles)(work.own(tiles), word_bits(buffers))
    ifmap, weight, ofmap = schedule.moved_bursts
    moved = ifmap * burst_bytes, weight * burst_bytes, ofmap * burst_bytes
    return make_events(schedule.totals, bits, words, moved, (schedule.besides_bits, schedule.besides_words))


@entry
def sum_tiles(bits: Tiles, word: tuple[int, int, int]) -> Summed:
    """Return the bits of all tiles, and the words in which they pass, where these have so many bits."""
    ifmap, ifmap_words = _sum(bits.ifmap, word[0])
    weight, weight_words = _sum(bits.weight, word[1])
    ofmap, ofmap_words = _sum(bits.ofmap, word[2])
    return Summed((ifmap, weight, ofmap), (ifmap_words, weight_words, ofmap_words))


@kernel
def _sum(bits: Words, word: int) -> tuple[int, int]:
    whole = words = 0
    for tile in range(len(bits)):
        whole += bits[tile]
        words += ceiling(bits[tile], word)
    return whole, words


def word_bits(buffers: Buffers) -> tuple[int, int, int]:
    """Return the bits of a word of the ports of inputs, weights and outputs."""
    return 8 * buffers.ifmap_port_bytes, 8 * buffers.weight_port_bytes, 8 * buffers.ofmap_port_bytes


def count_stages(schedule: Program) -> tuple[Events, ...]:
    """Count the events of the steps of each layer that takes part; what moves is counted for all together alone."""
    return tuple(make_events(total, (0, 0, 0), (0, 0, 0), (0, 0, 0)) for total in schedule.stage_totals)


def make_events(
    total: Mapping[str, int],
    tile_bits: tuple[int, int, int],
    tile_words: Sequence[int],
    dram_bytes: tuple[int, int, int],
    besides: tuple[int, int] = (0, 0),
) -> Events:
    """Return the events of steps whose costs sum up to ``total`` by name.

    ``tile_bits``, ``tile_words`` and ``dram_bytes`` are those of all tiles of inputs, weights and outputs, in the
    buffers and in DRAM. ``besides`` are bits that are stored of what steps write for others, and the words in which
    drains write it: as outputs are written.
    """
    ifmap, weight, ofmap = tile_bits
    return Events(
        mults=total["mults"],
        accumulations=total["accumulations"],
        tree_adds=total["tree_adds"],
        staged_inputs=total["staged_inputs"],
        input_tiles=total["input_tiles"],
        weight_kernels=total["weight_kernels"],
        output_tiles=total["output_tiles"],
        vector_ops=total["vector_ops"],
        dram_ifmap_bytes=dram_bytes[0],
        dram_weight_bytes=dram_bytes[1],
        dram_ofmap_bytes=dram_bytes[2],
        ifmap_read_bytes=_bytes(total["ifmap_read_bits"]),
        ifmap_write_bytes=_bytes(ifmap),
        weight_read_bytes=_bytes(total["weight_read_bits"]),
        weight_write_bytes=_bytes(weight),
        ofmap_read_bytes=_bytes(total["ofmap_read_bits"] + ofmap),
        ofmap_write_bytes=_bytes(total["ofmap_write_bits"] + besides[0]),
        ofmap_dma_bytes=_bytes(ofmap),
        intermediate_read_bytes=_bytes(total["intermediate_read_bits"]),
        intermediate_write_bytes=_bytes(total["intermediate_write_bits"] - besides[0]),
        ifmap_read_words=total["ifmap_read_words"],
        ifmap_write_words=tile_words[0],
        weight_read_words=total["weight_read_words"],
        weight_write_words=tile_words[1],
        partial_words=total["partial_words"],
        result_words=total["result_words"] + besides[1],
        ofmap_dma_words=tile_words[2],
        intermediate_read_words=total["intermediate_read_words"],
        intermediate_write_words=total["intermediate_write_words"] - besides[1],
    )


def constant_mults(problem: Problem) -> int:
    """Return the multiplications by a constant: means, but for a TRG's over frames that are a power of two."""
    frames = problem.clip_frames
    is_shift = problem.means == 1 and frames & (frames - 1) == 0
    return 0 if is_shift else problem.batch * problem.means * problem.n * problem.out[1] * problem.out[2]


def _bytes(bits: int) -> int:
    return -(-bits // 8)
