"""A fused group: neighbouring layers that run tile by tile, with the tensors between them on chip.

A *stage* is a layer of the group. Tensor 0 is the input of the group, tensor i + 1 the
output of stage i. Tiles are those of the last output; what a stage computes for a tile
follows from it backwards, axis by axis, through kernels, strides and padding.
"""

from __future__ import annotations

import itertools
import math
from functools import partial
from typing import TYPE_CHECKING, Literal

from lw3dsim.base.caches import kept, once
from lw3dsim.base.kernels import kernels
from lw3dsim.base.values import Value, replace
from lw3dsim.machine.microarchitecture import Parallel  # noqa: TC001  # decoded when remembered
from lw3dsim.map.group.axes import ANEW, STAYS, WARMED
from lw3dsim.map.group.cutting import Reach, cut_group, cut_one
from lw3dsim.map.group.fitting import Stages

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.base.arrays import Words
    from lw3dsim.machine.problem import Problem
    from lw3dsim.map.group.cutting import GroupAxis

# Where the second operand of an addition lies: there is none, in DRAM, it is the input of the group, or the tensor of
# this number, which an earlier stage made.
Operand = Literal["none", "dram", "input"] | int
Kept = Literal["none", "t", "h", "w"]

# Sizes of channel blocks of a tensor in DRAM.
Blocks = tuple[int, ...]

KEPT: tuple[Kept, ...] = ("t", "h", "w")


class Group(Value, frozen=True, dict=True, gc=True):
    """Layers that run together: their problems in order, and where each finds its second operand.

    ``reads`` are the tensors that stages read; where none are given, each reads what the one before has made.
    Of the tensors between stages those that others read too are ``stored`` besides: each is there in all channels, as
    the stage behind it is dense. ``free`` are channel blocks that its input, its output and each of these may lie in
    beside those of its stages; second operands from DRAM have theirs.
    """

    stages: tuple[Problem, ...]
    operands: tuple[Operand, ...]
    free: tuple[Blocks, ...] = ((), ())
    reads: tuple[int, ...] = ()
    stored: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Raise ValueError for a tensor that is to be stored, and is made and taken chunk by chunk of channels."""
        for tensor in self.stored:
            if self.stages[tensor].structure != "dense":
                raise ValueError(f"tensor {tensor} is stored, and stage {tensor}, which is behind it, is not dense")

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
        reads, adds = kernels().split(self.sources, self.adds)
        return reads, adds

    @property
    def waiting(self) -> frozenset[int]:
        """Tensors that a later stage than the next uses, or DMA: each has a place of its own."""
        later = [tensor for i, tensor in enumerate(self.sources) if tensor < i]
        return frozenset(tensor for tensor in [*self.adds, *later, *self.stored] if tensor > 0)

    @once
    def stores(self) -> tuple[bool, ...]:
        """Whether what each stage makes for others of them is stored besides."""
        return tuple(number in self.stored for number in range(1, len(self.stages) + 1))

    def reads_back(self, stage: int) -> int:
        """Return how many of the tensors that a stage reads are in the output buffer."""
        return (self.sources[stage] > 0) + (self.adds[stage] > 0)

    @once
    def kinds(self) -> tuple[tuple[int, ...], tuple[bool, ...]]:
        """By stage, how many of the tensors that it reads are in the output buffer, and whether its own stays there."""
        stages = range(len(self.stages))
        return tuple(map(self.reads_back, stages)), tuple([stage < stages[-1] for stage in stages])

    @once
    def adders(self) -> int:
        """Adders behind each other in the pipeline: of the deepest input transform and the deepest output transform."""
        algorithms = [stage.algorithm for stage in self.stages if stage.algorithm.is_winograd]
        forms: tuple[Literal["BT", "AT"], ...] = ("BT", "AT")
        return sum(max((one.stages(form) for one in algorithms), default=0) for form in forms)

    def run_of(self, stage: int) -> int:
        """Return the number of the run that a stage is in."""
        return next(number for number, run in enumerate(self.runs) if stage in run)

    @once
    def channels(self) -> tuple[int, ...]:
        """Channels of every tensor."""
        first = self.stages[0]
        return (first.c if first.structure == "dense" else first.n, *(stage.n for stage in self.stages))

    @once
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
        return tuple(map(_needed, self.reaches))

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
        stages, runs, waiting = self.stages, self.runs, self.waiting
        columns = kernels().split(
            [stage.n for stage in stages],
            [stage.c for stage in stages],
            [stage.has_weights for stage in stages],
            [stage.kernel_bits for stage in stages],
            [stage.bias_bits for stage in stages],
            [number for number, run in enumerate(runs) for _ in run],
            self.operand_blocks,
            [tensor in waiting for tensor in range(len(stages) + 1)],
            [False, *self.stores],
            self.channels,
            [run.start for run in runs],
            [run.stop for run in runs],
            self.bits,
        )
        return Stages._make((*columns, stages[0].sources))

    @property
    def operand_blocks(self) -> list[int]:
        """By stage, the channels of a block in which its second operand lies in DRAM, 0 where it has none there."""
        blocks = [0] * len(self.stages)
        for stage in self.seconds:
            blocks[stage] = abs(self.stages[stage].input_block)
        return blocks

    @once
    def seconds(self) -> tuple[int, ...]:
        """The stages whose second operand is in DRAM."""
        return tuple(i for i, operand in enumerate(self.operands) if operand == "dram")

    @property
    def dram_inputs(self) -> list[tuple[int, int, int]]:
        """What it reads from DRAM: (stage that reads it, tensor whose tiles are its tiles, tensors of that layout)."""
        return [(0, 0, self.stages[0].sources), *((i, i + 1, 1) for i in self.seconds)]

    @once
    def besides_bits(self) -> int:
        """The bits that it stores of tensors between its stages."""
        return sum(self.needed[tensor] * self.channels[tensor] * self.bits[tensor] for tensor in self.stored)

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
    def own_blocks(self) -> Blocks:
        """The channel blocks of its input, its output, what it stores besides, and second operands from DRAM."""
        inner = (self.stages[tensor - 1].output_block for tensor in self.stored)
        seconds = (self.stages[i].input_block for i in self.seconds)
        return self.stages[0].input_block, self.stages[-1].output_block, *inner, *seconds

    @once
    def all_blocks(self) -> tuple[Blocks, ...]:
        """Those that each of these tensors may lie in, first its own."""
        return tuple(itertools.starmap(_own_first, itertools.zip_longest(self.own_blocks, self.free, fillvalue=())))

    def of_stages(self, stages: tuple[Problem, ...], free: tuple[Blocks, ...]) -> Group:
        """Return the same group of other problems, which are dense where its own are, with tensors in ``free`` blocks.

        What it says of its links and runs is that of this group: it is worked out once for all designs.
        """
        made = Group(stages, self.operands, free=free, reads=self.reads, stored=self.stored)
        made.__dict__.update(self._links)
        return made

    @once
    def _links(self) -> dict[str, object]:
        """What it says of its links and runs."""
        return {
            name: getattr(self, name) for name in ("runs", "adds", "sources", "links", "stores", "seconds", "kinds")
        }

    def in_blocks(
        self,
        *,
        input_block: int | None = None,
        output_block: int | None = None,
        stored: Sequence[int | None] = (),
        seconds: Sequence[int | None] = (),
    ) -> Group:
        """Return the group with its tensors in DRAM in channel blocks of these sizes, and no others; None: its own."""
        stages, last = list(self.stages), len(self.stages) - 1
        for stage, block in zip((0, *self.seconds), (input_block, *seconds), strict=False):
            if block is not None:
                stages[stage] = replace(stages[stage], input_block=block)
        made = zip((last, *(tensor - 1 for tensor in self.stored)), (output_block, *stored), strict=False)
        for stage, block in made:
            if block is not None:
                stages[stage] = replace(stages[stage], output_block=block)
        laid = Group(tuple(stages), self.operands, reads=self.reads, stored=self.stored)
        laid.__dict__["unlaid"] = self.unlaid
        return laid

    def lying(self, blocks: Sequence[int | None]) -> Group:
        """Return the same with all of these tensors in ``blocks``, in the order of :attr:`own_blocks`."""
        first, last, *others = blocks
        stored = len(self.stored)
        return self.in_blocks(input_block=first, output_block=last, stored=others[:stored], seconds=others[stored:])

    @once
    def unlaid(self) -> Group:
        """The group that this is in other blocks: for what does not depend on how it lies, worked out once for all."""
        return self

    @once
    def reaches(self) -> tuple[tuple[Reach, ...], tuple[Reach, ...], tuple[Reach, ...]]:
        """T, H and W of every stage."""
        segments = self.segments, 1, 1
        t, h, w = (
            tuple(map(partial(_reach, d, segments[d]), self.stages, self.adds, self.sources, self.stores))
            for d in range(3)
        )
        return t, h, w


def _own_first(own: int, free: Blocks) -> Blocks:
    """Return the channel blocks that a tensor may lie in, first its own."""
    return own, *[block for block in free if block != own]


@kept(65536)
def _needed(reaches: tuple[Reach, ...]) -> tuple[int, ...]:
    """Return, by tensor, the positions along an axis that the output depends on."""
    cuts = cut_one(reaches, reaches[-1].out, ANEW)
    return tuple(map(int, cuts.all_new[:: len(cuts.tile)]))


@kept(65536)
def _reach(d: int, segments: int, stage: Problem, adds: int, reads: int, stored: bool) -> Reach:
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
        stored=stored,
        segments=segments,
    )


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
        (t, h, w), halo = group.unlaid.reaches, self.halo
        return cut_group(t, self.t, halo("t")), cut_group(h, self.h, halo("h")), cut_group(w, self.w, halo("w"))

    def steps(self, group: Group) -> int:
        """Return how many steps ``group`` takes at most: those of every tile, though some do without a stage."""
        t, h, w = self.axes(group)
        chunks = zip(group.runs, self.chunks, strict=True)
        of_tile = sum([len(run) * -(-group.stages[run[-1]].n // chunk) for run, chunk in chunks])
        return t.tiles * h.tiles * w.tiles * of_tile

    def describe(self) -> str:
        """Return the mapping in one line."""
        halo = "halo recomputed" if self.kept == "none" else f"halo kept along {self.kept}"
        halo += ", warmed up" if self.warm_up else ""
        halo += " | operands sliced" if self.sliced else ""
        chunks = " ".join(f"n{chunk}" for chunk in self.chunks)
        stay = " ".join(str(i + 1) for i, is_resident in enumerate(self.resident) if is_resident)
        weights = f"weights of {stay} resident" if stay else "weights streamed"
        return f"t{self.t} h{self.h} w{self.w} | {' '.join(self.loops)} | {chunks} | {halo} | {weights}"
