"""A fused group of layers under its mapping, and what can be asked of it as of a layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lw3dsim.base.caches import kept
from lw3dsim.base.values import replace
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.errors import MappingError
from lw3dsim.map.floor import group_compulsory_by_stream, group_compulsory_bytes
from lw3dsim.map.group.boxes import group_input_boxes, group_output_boxes, group_stored_boxes
from lw3dsim.map.group_fill import group_fill
from lw3dsim.map.layer.price import Price
from lw3dsim.schedule.chain import Link
from lw3dsim.schedule.fused import draft_group
from lw3dsim.schedule.work import Second, Work

if TYPE_CHECKING:
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.clocks import Clocks
    from lw3dsim.machine.problem import Problem
    from lw3dsim.map.fill import Fill
    from lw3dsim.map.group.group import Group, GroupMapping
    from lw3dsim.schedule.build import Drafted
    from lw3dsim.schedule.program import Program
    from lw3dsim.schedule.work import Side
    from lw3dsim.tensor.layout import Boxes


@dataclass(frozen=True)
class GroupWork(Work):
    """A fused group of layers."""

    group: Group
    mapping: GroupMapping

    @property
    def stages(self) -> tuple[Problem, ...]:
        """The layers of the group."""
        return self.group.stages

    @property
    def fused(self) -> Group:
        """See Work."""
        return self.group

    @property
    def sides(self) -> tuple[Side, ...]:
        """See Work."""
        return "input", "output", *self.group.stored, *map(Second, self.group.seconds)

    @property
    def ideal_mults(self) -> tuple[int, ...]:
        """Multiplications of each layer by the paper's formula, for the outputs that are needed."""
        return self.group.ideal_mults

    @property
    def compulsory_by_stream(self) -> dict[str, int]:
        """Bytes of the inputs, weights and outputs of the group, once each."""
        return group_compulsory_by_stream(self.group)

    def floor_bytes(self, arch: Accelerator) -> int:  # noqa: ARG002  # compulsory on any buffers
        """See Work."""
        return group_compulsory_bytes(self.group)

    def least_bytes(self, arch: Accelerator) -> int | None:
        """See Work: of all mappings of the group whose input and output lie as they do."""
        return _least_bytes(self.group, arch)

    def draft(self, arch: Accelerator, clocks: Clocks) -> Drafted:
        """See Work."""
        return draft_group(self.group, self.mapping, arch, clocks)

    def link(self, program: Program, reads: tuple[int, ...]) -> Link:
        """See Work."""
        return Link(program=program, reads=reads, held_bits=program.ofmap.bits, is_alone=True)

    def fill(self, arch: Accelerator) -> list[Fill]:
        """See Work."""
        return group_fill(self.group, self.mapping, arch)

    def boxes(self, side: Side, burst_bytes: int) -> Boxes:
        """See Work."""
        axes = self.mapping.axes(self.group)
        if side == "input":
            return group_input_boxes(self.group, self.mapping, 0, 0, axes, burst_bytes)
        if isinstance(side, Second):
            return group_input_boxes(self.group, self.mapping, side.stage, side.stage + 1, axes, burst_bytes)
        if isinstance(side, int):
            return group_stored_boxes(self.group, side, axes, burst_bytes)
        return group_output_boxes(self.group, self.mapping, axes, burst_bytes)

    def tile_channels(self, side: Side) -> int:
        """See Work."""
        if isinstance(side, Second):
            channels, run = self.group.channels[side.stage + 1], self.group.run_of(side.stage)
            return self.mapping.chunks[run] if self.mapping.sliced else channels
        if isinstance(side, int):
            return self.group.channels[side]
        return self.group.channels[0] if side == "input" else self.mapping.chunks[-1]

    def in_block(self, side: Side, block: int) -> GroupWork:
        """See Work."""
        if block == self.block(side):
            return self
        return replace(self, group=self.group.lying([block if own == side else None for own in self.sides]))

    def repeats(self, moved: int, once: int) -> int:  # noqa: ARG002  # of any size
        """See Work: all that is read of an input is in its boxes, of each that is read like it."""
        return self.stages[0].sources


@kept(4096)
def _least_bytes(group: Group, arch: Accelerator) -> int | None:
    # A start without groups that are searched is shorter by what that needs.
    from lw3dsim.map.group.dividing import search_divided
    from lw3dsim.map.group.search import in_usual_chunks

    clocks, price = make_clocks(arch), Price(cycle=0.0, dram_byte=1.0)
    lies = tuple((block,) for block in group.own_blocks)
    try:
        return search_divided(in_usual_chunks(group, arch), arch, clocks, price, keep=1, lies=lies)[0].dram_bytes
    except MappingError:
        return None
