"""What happened in a layer, counted in integers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lw3dsim.map.mapping import input_axis

if TYPE_CHECKING:
    from lw3dsim.map.fused import Group
    from lw3dsim.map.problem import Problem
    from lw3dsim.schedule.program import Program


@dataclass(frozen=True, kw_only=True)
class Events:
    """Event counts of one layer or fused group; DRAM bytes are whole bursts, SRAM bytes what passes a port.

    ``ofmap_dma_bytes``, a part of ``ofmap_read_bytes``, are what DMA takes out of the output buffer;
    ``intermediate_*`` belong to the tensors inside a fused group, which lie there too.
    """

    mults: int
    accumulations: int
    tree_adds: int
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


def count_events(schedule: Program, burst_bytes: int) -> Events:
    """Count the events of a program; they do not depend on time."""
    total = schedule.total
    return Events(
        mults=total("mults"),
        accumulations=total("accumulations"),
        tree_adds=total("tree_adds"),
        input_tiles=total("input_tiles"),
        weight_kernels=total("weight_kernels"),
        output_tiles=total("output_tiles"),
        vector_ops=total("vector_ops"),
        dram_ifmap_bytes=int(schedule.bursts(schedule.ifmap).sum()) * burst_bytes,
        dram_weight_bytes=int(schedule.bursts(schedule.weight).sum()) * burst_bytes,
        dram_ofmap_bytes=int(schedule.bursts(schedule.ofmap).sum()) * burst_bytes,
        ifmap_read_bytes=_bytes(total("ifmap_read_bits")),
        ifmap_write_bytes=_bytes(int(schedule.ifmap.bits.sum())),
        weight_read_bytes=_bytes(total("weight_read_bits")),
        weight_write_bytes=_bytes(int(schedule.weight.bits.sum())),
        ofmap_read_bytes=_bytes(total("ofmap_read_bits") + int(schedule.ofmap.bits.sum())),
        ofmap_write_bytes=_bytes(total("ofmap_write_bits")),
        ofmap_dma_bytes=_bytes(int(schedule.ofmap.bits.sum())),
        intermediate_read_bytes=_bytes(total("intermediate_read_bits")),
        intermediate_write_bytes=_bytes(total("intermediate_write_bits")),
    )


def constant_mults(problem: Problem) -> int:
    """Return the multiplications by a constant: the mean of a TRG over frames that are no power of two."""
    frames = problem.inp[0]
    is_shift = frames & (frames - 1) == 0
    return 0 if not problem.whole_frames or is_shift else problem.n * problem.out[1] * problem.out[2]


def compulsory_bytes(problem: Problem) -> int:
    """Return the bytes of every needed input, every weight and every output, once each."""
    return sum(compulsory_by_stream(problem).values())


def compulsory_by_stream(problem: Problem) -> dict[str, int]:
    """Return the compulsory bytes of inputs, weights and outputs."""
    pixels = 1
    for dimension, size in enumerate(problem.out):
        axis = input_axis(problem, dimension, size)
        pixels *= int(axis.needed[0])
    channels = problem.groups * problem.c if problem.structure == "dense" else problem.n
    return {
        "ifmap": _bytes(channels * pixels * problem.sources * problem.activation_bits),
        "weight": _bytes(_weight_bits(problem)),
        "ofmap": _bytes(problem.outputs * problem.activation_bits),
    }


def group_compulsory_bytes(group: Group) -> int:
    """Return the bytes of every needed input and operand, every weight and every output of a fused group, once each."""
    return sum(group_compulsory_by_stream(group).values())


def group_compulsory_by_stream(group: Group) -> dict[str, int]:
    """Return the compulsory bytes of inputs and operands, weights and outputs of a fused group."""
    bits = group.stages[0].activation_bits
    reads = [sources * group.channels[tensor] * group.needed[tensor] for _, tensor, sources in group.dram_inputs]
    return {
        "ifmap": sum(_bytes(elements * bits) for elements in reads),
        "weight": sum(_bytes(_weight_bits(stage)) for stage in group.stages),
        "ofmap": _bytes(group.stages[-1].outputs * bits),
    }


def _weight_bits(problem: Problem) -> int:
    return problem.groups * problem.n * (problem.c * problem.kernel_bits + problem.bias_bits)


def _bytes(bits: int) -> int:
    return -(-bits // 8)
