"""How full the buffers get under a mapping: the largest tile of each, how many are there at once, and what stays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from lw3dsim.base.values import Value
from lw3dsim.map.layer.mapping import input_tile, make_axes, weight_tile_bits

if TYPE_CHECKING:
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.machine.problem import Problem
    from lw3dsim.map.layer.mapping import Mapping

BufferName = Literal["ifmap", "weight", "ofmap", "intermediate"]


class Fill(Value, frozen=True, kw_only=True):
    """What a mapping takes of a buffer: ``slots`` times its largest tile, beside ``resident_bits`` that stay.

    ``intermediate`` is the part of the output buffer that holds the tensors inside a fused group.
    """

    buffer: BufferName
    tile_bits: int
    slots: int
    resident_bits: int
    capacity_bits: int

    @property
    def bits(self) -> int:
        """Bits that are taken at most."""
        return self.resident_bits + self.slots * self.tile_bits


def layer_fill(problem: Problem, mapping: Mapping, arch: Accelerator) -> list[Fill]:
    """Return how full the buffers get in a layer under ``mapping``; partial sums are wide."""
    axes = make_axes(problem, mapping)
    pixels = int(axes.t.needed.max()) * int(axes.h.needed.max()) * int(axes.w.span.max())
    channels = input_tile(problem, mapping)
    n, c = np.array(mapping.n), np.array(mapping.c)
    element = problem.accumulator_bits if mapping.c < problem.c else problem.output_bits
    tiles: dict[BufferName, tuple[int, int]] = {
        "ifmap": (channels * pixels * problem.sources * problem.activation_bits, mapping.ifmap_slots),
        "weight": (int(weight_tile_bits(problem, n, c, True)) if problem.kernel_bits else 0, mapping.weight_slots),
        "ofmap": (mapping.n * mapping.t * mapping.h * mapping.w * element, mapping.ofmap_slots),
    }
    capacity = arch.buffers.capacity_bits
    return [
        Fill(buffer=name, tile_bits=bits, slots=slots, resident_bits=0, capacity_bits=capacity[name])
        for name, (bits, slots) in tiles.items()
    ]
