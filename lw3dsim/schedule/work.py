"""What runs as one under its mapping, and what it can be asked: a layer by itself here, or a fused group of layers.

Whoever maps, simulates, lays out or accounts for one of them asks these questions, and need not know which it has.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, Self

from lw3dsim.base.caches import kept
from lw3dsim.base.values import replace
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.errors import MappingError
from lw3dsim.map.division import capacities
from lw3dsim.map.fill import layer_fill
from lw3dsim.map.floor import compulsory_by_stream, floor_bytes
from lw3dsim.map.layer.mapping import input_boxes, input_layout, input_tile, make_axes, output_boxes, output_layout

if TYPE_CHECKING:
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.clocks import Clocks
    from lw3dsim.machine.problem import Problem
    from lw3dsim.map.fill import Fill
    from lw3dsim.map.group.group import Group, GroupMapping
    from lw3dsim.map.layer.mapping import Mapping
    from lw3dsim.schedule.build import Drafted
    from lw3dsim.schedule.chain import Link
    from lw3dsim.schedule.program import Program
    from lw3dsim.tensor.layout import Boxes


class Second(NamedTuple):
    """The second operand of a stage of a group, which comes from DRAM."""

    stage: int


# What a unit reads or writes: its input, its output, the tensor of this number that a group stores besides, or what
# stages in it read beside what is on chip.
Side = Literal["input", "output"] | int | Second


class Work(ABC):
    """A layer or a fused group under a mapping."""

    mapping: Mapping | GroupMapping

    @property
    @abstractmethod
    def stages(self) -> tuple[Problem, ...]:
        """Its layers, in order."""

    @property
    def sides(self) -> tuple[Side, ...]:
        """What it moves of activations: its input, its output, what it stores besides, second operands from DRAM."""
        return "input", "output"

    @property
    def fused(self) -> Group | None:
        """The group that it is, None for a layer."""
        return None

    @property
    @abstractmethod
    def ideal_mults(self) -> tuple[int, ...]:
        """Multiplications of each layer by the paper's formula."""

    @property
    @abstractmethod
    def compulsory_by_stream(self) -> dict[str, int]:
        """Bytes of its inputs, weights and outputs, once each."""

    @abstractmethod
    def floor_bytes(self, arch: Accelerator) -> int:
        """Return the DRAM bytes that no schedule on the buffers of ``arch`` moves less of."""

    @abstractmethod
    def least_bytes(self, arch: Accelerator) -> int | None:
        """Return the DRAM bytes that no mapping in the mapper's space moves less of; None where that is not known."""

    @abstractmethod
    def draft(self, arch: Accelerator, clocks: Clocks) -> Drafted:
        """Return its steps, as far as an engine needs them."""

    def program(self, arch: Accelerator, clocks: Clocks) -> Program:
        """Return all of its steps."""
        return self.draft(arch, clocks).schedule()

    @abstractmethod
    def link(self, program: Program, reads: tuple[int, ...]) -> Link:
        """Return its program as a link of a chain that reads the outputs of other links."""

    @abstractmethod
    def fill(self, arch: Accelerator) -> list[Fill]:
        """Return how full the buffers get."""

    @abstractmethod
    def boxes(self, side: Side, burst_bytes: int) -> Boxes:
        """Return the boxes of a side that DMA moves."""

    @abstractmethod
    def tile_channels(self, side: Side) -> int:
        """Return the channels of a tile of a side."""

    @abstractmethod
    def in_block(self, side: Side, block: int) -> Self:
        """Return it with a side in channel blocks of ``block``."""

    @abstractmethod
    def repeats(self, moved: int, once: int) -> int:
        """Return how often its input is read, of which bursts are ``moved`` in all, and in its boxes ``once``."""

    def block(self, side: Side) -> int:
        """Return the channel block of a side."""
        return self.reader(side).input_block if reads(side) else self.maker(side).output_block

    def reader(self, side: Side) -> Problem:
        """Return the layer that reads what is read."""
        return self.stages[side.stage] if isinstance(side, Second) else self.stages[0]

    def maker(self, side: Side) -> Problem:
        """Return the layer that makes what is written."""
        return self.stages[side - 1] if isinstance(side, int) else self.stages[-1]

    def layouts(self, burst_bytes: int) -> tuple[str, str]:
        """Return the layouts of its input and output."""
        first, last = self.stages[0], self.stages[-1]
        return input_layout(first, burst_bytes).describe(), output_layout(last, burst_bytes).describe()


def reads(side: Side) -> bool:
    """Return whether a side is read, not written."""
    return side == "input" or isinstance(side, Second)


@dataclass(frozen=True)
class LayerWork(Work):
    """A layer by itself."""

    problem: Problem
    mapping: Mapping

    @property
    def stages(self) -> tuple[Problem, ...]:
        """The layer alone."""
        return (self.problem,)

    @property
    def ideal_mults(self) -> tuple[int, ...]:
        """Its multiplications by the paper's formula."""
        return (self.problem.ideal_mults,)

    @property
    def compulsory_by_stream(self) -> dict[str, int]:
        """Bytes of its inputs, weights and outputs, once each."""
        return compulsory_by_stream(self.problem)

    def floor_bytes(self, arch: Accelerator) -> int:
        """See Work."""
        return min(floor_bytes(self.problem, capacity) for capacity in capacities(arch.buffers))

    def least_bytes(self, arch: Accelerator) -> int | None:
        """See Work: of all mappings of the layer in its algorithm, whose input and output lie as they do."""
        return _least_of_layer(self.problem, arch)

    def draft(self, arch: Accelerator, clocks: Clocks) -> Drafted:
        """See Work."""
        # What is recalled needs no steps: to run that without what makes them is a third shorter.
        from lw3dsim.schedule.build import draft_layer

        return draft_layer(self.problem, self.mapping, arch, clocks)

    def link(self, program: Program, reads: tuple[int, ...]) -> Link:
        """See Work."""
        from lw3dsim.schedule.chain import Link

        bits = program.ofmap.bits
        if self.mapping.c < self.problem.c:
            bits = bits // self.problem.output_bits * self.problem.accumulator_bits
        return Link(program=program, reads=reads, held_bits=bits, is_alone=False)

    def fill(self, arch: Accelerator) -> list[Fill]:
        """See Work."""
        return layer_fill(self.problem, self.mapping, arch)

    def boxes(self, side: Side, burst_bytes: int) -> Boxes:
        """See Work."""
        if side == "input":
            return input_boxes(self.problem, self.mapping, make_axes(self.problem, self.mapping), burst_bytes)
        return output_boxes(self.problem, self.mapping, burst_bytes)

    def tile_channels(self, side: Side) -> int:
        """See Work."""
        return input_tile(self.problem, self.mapping) if side == "input" else self.mapping.n

    def in_block(self, side: Side, block: int) -> LayerWork:
        """See Work."""
        if block == self.block(side):
            return self
        problem = self.problem
        problem = replace(problem, input_block=block) if side == "input" else replace(problem, output_block=block)
        return replace(self, problem=problem)

    def repeats(self, moved: int, once: int) -> int:
        """See Work: an input may be read again for other output channels."""
        return moved // max(once, 1)


@kept(4096)
def _least_of_layer(problem: Problem, arch: Accelerator) -> int | None:
    from lw3dsim.map.layer.search import fewest_bursts

    clocks = make_clocks(arch)
    try:
        return fewest_bursts(problem, arch, clocks) * clocks.burst_bytes
    except MappingError:
        return None
