"""A fused group: neighbouring layers that run tile by tile, with the tensors between them on chip.

A *stage* is a layer of the group. Tensor 0 is the input of the group, tensor i + 1 the
output of stage i. Tiles are those of the last output; what a stage computes for a tile
follows from it backwards, axis by axis, through kernels, strides and padding.
"""

from __future__ import annotations

import math
import operator
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np

from lw3dsim.base.caches import kept, once
from lw3dsim.base.kernels import kernels
from lw3dsim.base.values import Value, replace
from lw3dsim.machine.microarchitecture import Parallel  # noqa: TC001  # decoded when remembered
from lw3dsim.map.group.axes import ANEW, STAYS, WARMED, Cuts, Reaches, cut_ways, empty_cuts
from lw3dsim.map.group.fitting import Stages
from lw3dsim.tensor.axis import contiguous

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Ints, Words
    from lw3dsim.base.kernels import Kernels
    from lw3dsim.machine.problem import Problem
    from lw3dsim.tensor.axis import Axis

# Where the second operand of an addition lies: there is none, in DRAM, it is the input of the group, or the tensor of
# this number, which an earlier stage made.
Operand = Literal["none", "dram", "input"] | int
Kept = Literal["none", "t", "h", "w"]

# Sizes of channel blocks of a tensor in DRAM.
Blocks = tuple[int, ...]

KEPT: tuple[Kept, ...] = ("t", "h", "w")


class Reach(Value, frozen=True, kw_only=True):
    """One axis of one stage: its window, sizes, whether it always needs all of its input, and the tensor that it adds.

    It reads the tensor ``reads``. ``out`` and ``inp`` are positions of its output and its input, in each of so many
    ``segments``.
    """

    kernel: int
    stride: int
    padding: int
    out: int
    inp: int
    takes_all: bool
    reads: int
    adds: int = -1
    segments: int = 1


_REACH = operator.attrgetter(*Reaches._fields)


class Group(Value, frozen=True, dict=True, gc=True):
    """Layers that run together: their problems in order, and where each finds its second operand.

    ``reads`` are the tensors that stages read; where none are given, each reads what the one before has made.
    ``free`` are channel blocks that its input and its output may lie in beside those of its stages.
    """

    stages: tuple[Problem, ...]
    operands: tuple[Operand, ...]
    free: tuple[Blocks, Blocks] = ((), ())
    reads: tuple[int, ...] = ()

    @once
    def runs(self) -> tuple[range, ...]:
        """Stages that take turns chunk by chunk of channels: any stage, and those behind it that work per channel."""
        heads = [i for i, stage in enumerate(self.stages) if i == 0 or stage.structure == "dense"]
        return tuple(range(a, b) for a, b in zip(heads, [*heads[1:], len(self.stages)], strict=True))

    @once
    def adds(self) -> tuple[int, ...]:
        """The tensor on chip that each stage has as its second operand, -1 for none."""
        return tuple(one if isinstance(one, int) else 0 if one == "input" else -1 for one in self.operands)

    @once
    def sources(self) -> tuple[int, ...]:
        """The tensor that each stage reads."""
        return self.reads or tuple(range(len(self.stages)))

    @once
    def links(self) -> tuple[Words, Words]:
        """The tensor that each stage reads, and the one on chip that it adds, in words."""
        work = kernels()
        return work.words(self.sources), work.words(self.adds)

    @property
    def waiting(self) -> frozenset[int]:
        """Tensors that an earlier stage makes and a later one than the next uses: each has a place of its own."""
        later = [tensor for i, tensor in enumerate(self.sources) if tensor < i]
        return frozenset(tensor for tensor in [*self.adds, *later] if tensor > 0)

    def reads_back(self, stage: int) -> int:
        """Return how many of the tensors that a stage reads are in the output buffer."""
        return (self.sources[stage] > 0) + (self.adds[stage] > 0)

    @once
    def adders(self) -> int:
        """Adders behind each other in the pipeline: of the deepest input transform and the deepest output transform."""
        algorithms = [stage.algorithm for stage in self.stages if stage.algorithm.is_winograd]
        forms: tuple[Literal["BT", "AT"], ...] = ("BT", "AT")
        return sum(max((one.stages(form) for one in algorithms), default=0) for form in forms)

    def run_of(self, stage: int) -> int:
        """Return the number of the run that a stage is in."""
        return next(number for number, run in enumerate(self.runs) if stage in run)

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of every tensor."""
        first = self.stages[0]
        return (first.c if first.structure == "dense" else first.n, *(stage.n for stage in self.stages))

    @property
    def bits(self) -> tuple[int, ...]:
        """Bits of an element of every tensor."""
        return (self.stages[0].activation_bits, *(stage.output_bits for stage in self.stages))

    @once
    def needed(self) -> tuple[int, ...]:
        """Positions of every tensor that the output depends on; what no later stage looks at is not computed."""
        return tuple(map(math.prod, zip(*self.needed_along, strict=True)))

    @once
    def needed_along(self) -> tuple[tuple[int, ...], ...]:
        """The same positions along T, H and W apart."""
        return tuple(map(_needed, self._reaches))

    @property
    def idle_stages(self) -> tuple[int, ...]:
        """Stages that nothing of the output depends on: what a later stage leaves of theirs is padding alone."""
        return tuple(i for i, positions in enumerate(self.needed[1:]) if positions == 0)

    @property
    def ideal_mults(self) -> tuple[int, ...]:
        """Multiplications of every stage by the paper's formula, rounded up, for the outputs that are needed."""
        return tuple(
            stage.ideal_mults_of(stage.n * outputs) for stage, outputs in zip(self.stages, self.needed[1:], strict=True)
        )

    @once
    def plain(self) -> Stages:
        """The stages and runs in columns."""
        work, stages, runs = kernels(), self.stages, self.runs
        return Stages(
            n=work.words([stage.n for stage in stages]),
            c=work.words([stage.c for stage in stages]),
            has_weights=work.words([stage.has_weights for stage in stages]),
            kernel_bits=work.words([stage.kernel_bits for stage in stages]),
            bias_bits=work.words([stage.bias_bits for stage in stages]),
            run=work.words([number for number, run in enumerate(runs) for _ in run]),
            reads_dram=work.words(self.operand_blocks),
            waits=work.words([tensor in self.waiting for tensor in range(len(stages) + 1)]),
            channels=work.words(self.channels),
            start=work.words([run.start for run in runs]),
            stop=work.words([run.stop for run in runs]),
            bits=work.words(self.bits),
            sources=stages[0].sources,
        )

    @property
    def operand_blocks(self) -> list[int]:
        """By stage, the channel block in which its second operand lies in DRAM, 0 where it has none there."""
        stages = zip(self.stages, self.operands, strict=True)
        return [stage.input_block if operand == "dram" else 0 for stage, operand in stages]

    @property
    def dram_inputs(self) -> list[tuple[int, int, int]]:
        """What it reads from DRAM: (stage that reads it, tensor whose tiles are its tiles, tensors of that layout)."""
        operands = [(i, i + 1, 1) for i, operand in enumerate(self.operands) if operand == "dram"]
        return [(0, 0, self.stages[0].sources), *operands]

    @property
    def segments(self) -> int:
        """How many parts T is in: one, or the clips of a batch where a stage has windows that must not leave one."""
        return max(stage.segments for stage in self.stages)

    @property
    def extent(self) -> tuple[int, int, int]:
        """The positions (T, H, W) of the last output in each of its segments, what is cut into tiles."""
        t, h, w = self.stages[-1].out
        return t // self.segments, h, w

    @property
    def takes_all_frames(self) -> bool:
        """Whether a stage needs all frames at once."""
        return any(stage.whole_frames for stage in self.stages)

    @property
    def input_blocks(self) -> Blocks:
        """The channel blocks that its input may lie in, first that of its first stage."""
        own = self.stages[0].input_block
        return own, *(block for block in self.free[0] if block != own)

    @property
    def output_blocks(self) -> Blocks:
        """The channel blocks that its output may lie in, first that of its last stage."""
        own = self.stages[-1].output_block
        return own, *(block for block in self.free[1] if block != own)

    def in_blocks(self, *, input_block: int | None = None, output_block: int | None = None) -> Group:
        """Return the group with its input or its output in DRAM in channel blocks of these sizes, and no others."""
        stages = list(self.stages)
        if input_block is not None:
            stages[0] = replace(stages[0], input_block=input_block)
        if output_block is not None:
            stages[-1] = replace(stages[-1], output_block=output_block)
        return Group(tuple(stages), self.operands, reads=self.reads)

    def axis(self, dimension: int, tile: int, halo: int) -> GroupAxis:
        """Cut T, H or W (0, 1, 2) of the last output into tiles of ``tile``; see cut_group."""
        return cut_group(self.reaches(dimension), tile, halo)

    def reaches(self, d: int) -> tuple[Reach, ...]:
        """Return one axis of every stage."""
        return self._reaches[d]

    @once
    def _reaches(self) -> tuple[tuple[Reach, ...], ...]:
        segments = self.segments, 1, 1
        return tuple(
            tuple(map(partial(_reach, d, segments[d]), self.stages, self.adds, self.sources)) for d in range(3)
        )


@kept(65536)
def _needed(reaches: tuple[Reach, ...]) -> tuple[int, ...]:
    """Return, by tensor, the positions along an axis that the output depends on."""
    cuts = cut_one(reaches, reaches[-1].out, ANEW)
    return tuple(map(int, cuts.all_new[:: len(cuts.tile)]))


@kept(65536)
def _reach(d: int, segments: int, stage: Problem, adds: int, reads: int) -> Reach:
    """Return one axis of a stage in so many segments."""
    return Reach(
        kernel=stage.kernel[d],
        stride=stage.stride[d],
        padding=stage.padding[d],
        out=stage.out[d] // segments,
        inp=stage.inp[d] // segments,
        takes_all=stage.whole_frames and d == 0,
        reads=reads,
        adds=adds,
        segments=segments,
    )


class GroupAxis(Value, frozen=True, kw_only=True, dict=True, gc=True):
    """One axis of a group cut into tiles; ``cuts`` hold it in words, as the first of the ways to cut the axis."""

    cuts: Cuts

    @property
    def tiles(self) -> int:
        """Number of tiles."""
        return int(self.cuts.tiles[0])

    @once
    def first(self) -> tuple[Ints, ...]:
        """The first new position, by tensor and tile."""
        return self._rows(self.cuts.first)

    @once
    def new(self) -> tuple[Ints, ...]:
        """The new positions, loaded or computed for the tile, by tensor and tile."""
        return self._rows(self.cuts.new)

    @once
    def retained(self) -> tuple[Ints, ...]:
        """The positions in front of the new ones that stay from tiles before, by tensor and tile."""
        return self._rows(self.cuts.retained)

    @once
    def needed(self) -> tuple[Ints, ...]:
        """The input positions that new outputs look at, by stage and tile."""
        return self._rows(self.cuts.needed)

    def _row(self, column: Words, number: int) -> Words:
        begin = number * len(self.cuts.last)
        return column[begin : begin + self.tiles]

    def _rows(self, column: Words) -> tuple[Ints, ...]:
        return tuple(np.asarray(column).reshape(-1, len(self.cuts.last))[:, : self.tiles])

    @once
    def _moved(self) -> dict[int, Axis]:
        return {}

    @once
    def sorts(self) -> tuple[tuple[tuple[int, int], ...], ...]:
        """By tensor, of every number of new positions but 0: the first tile that has it, and how many have it."""
        return tuple(
            tuple((row.index(size), row.count(size)) for size in dict.fromkeys(row) if size)
            for row in map(np.ndarray.tolist, self.new)
        )

    def moved(self, tensor: int) -> Axis:
        """Return what DMA moves of a tensor: its new positions, tile by tile."""
        if tensor not in self._moved:
            first, new = (self._row(column, tensor) for column in (self.cuts.first, self.cuts.new))
            self._moved[tensor] = contiguous(new, first, new, int(self.cuts.all_new[tensor]))
        return self._moved[tensor]


@kept(65536)
def cut_group(reaches: tuple[Reach, ...], tile: int, halo: int) -> GroupAxis:
    """Cut the last output into tiles of ``tile`` and see what every stage computes for each.

    With a ``halo`` that STAYS tiles follow each other, and only what no tile before had is new; where it is WARMED,
    tiles in front of the first come before.
    """
    return GroupAxis(cuts=cut_one(reaches, tile, halo))


def cut_one(reaches: tuple[Reach, ...], tile: int, halo: int) -> Cuts:
    """Return the same in columns, as the first of the ways."""
    work, last = kernels(), reaches[-1]
    tiles = -(-last.out // tile)
    # As many tiles warm up at most as the output has.
    cuts = empty_cuts(work, len(reaches), 1, last.segments * (1 + (halo == WARMED)) * tiles)
    size, low, high, ends = work.carved((1, 2 * tiles, 2 * tiles, len(reaches) + 1))
    size[0] = tile
    work(cut_ways)(plain_reaches(reaches, work), size, 1, halo, halo, cuts, low, high, ends)
    return cuts


@kept(4096)
def plain_reaches(reaches: tuple[Reach, ...], work: Kernels) -> Reaches:
    """Return one axis of all stages in columns."""
    return Reaches._make(map(work.words, zip(*map(_REACH, reaches), strict=True)))


class GroupMapping(Value, frozen=True, kw_only=True):
    """How a group is cut: tile (t, h, w) of its last output, the axis along which halos are kept, chunks of channels.

    Of a batch of clips t are frames of one, where a stage has windows that must not leave it.

    ``chunks`` has the channels of a step per run, ``resident`` and ``parallel`` are per
    stage: whether its weights are loaded once and stay, and how the array works on it. With kept halos tiles may
    ``warm_up``: some come before the first of the output, for which stages make what the input there is good for.
    Second operands from DRAM come a tile at a time in all channels, or ``sliced``, a chunk of these after the other.
    """

    t: int
    h: int
    w: int
    kept: Kept
    chunks: tuple[int, ...]
    resident: tuple[bool, ...]
    parallel: tuple[Parallel, ...]
    ofmap_slots: int
    warm_up: bool = False
    sliced: bool = False

    @property
    def tile(self) -> tuple[int, int, int]:
        """The tile (t, h, w)."""
        return self.t, self.h, self.w

    @property
    def loops(self) -> str:
        """The order of the loops over tiles: the axis along which halos are kept is innermost."""
        return "".join(axis for axis in "thw" if axis != self.kept) + self.kept.replace("none", "")

    def halo(self, axis: str) -> int:
        """Return what becomes of the halo along an axis: ANEW, STAYS or WARMED."""
        return ANEW if axis != self.kept else WARMED if self.warm_up else STAYS

    def axes(self, group: Group) -> tuple[GroupAxis, GroupAxis, GroupAxis]:
        """Return T, H and W of ``group`` cut into these tiles."""
        t, h, w = (
            group.axis(d, size, self.halo(name)) for d, (name, size) in enumerate(zip("thw", self.tile, strict=True))
        )
        return t, h, w

    def describe(self) -> str:
        """Return the mapping in one line."""
        halo = "halo recomputed" if self.kept == "none" else f"halo kept along {self.kept}"
        halo += ", warmed up" if self.warm_up else ""
        halo += " | operands sliced" if self.sliced else ""
        chunks = " ".join(f"n{chunk}" for chunk in self.chunks)
        stay = " ".join(str(i + 1) for i, is_resident in enumerate(self.resident) if is_resident)
        weights = f"weights of {stay} resident" if stay else "weights streamed"
        return f"t{self.t} h{self.h} w{self.w} | {' '.join(self.loops)} | {chunks} | {halo} | {weights}"
