"""Cycles and events of the compute pipeline, as written down in ``docs/microarchitecture.md``.

A *group* is what the array works on between two swaps of the accumulator banks:
up to ``rows`` output channels times ``acc_depth`` x cols x G tiles. Its
initiation interval is the largest of multiply, port and transform cycles; its
results drain through the output transform while the next group is multiplied.
All functions work element by element on integer arrays.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.errors import MappingError
from lw3dsim.map.arrays import Flags, Ints, ceil_div
from lw3dsim.technology.sram import buffers

if TYPE_CHECKING:
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.map.problem import Problem

# Ties of the binding resource go to the first.
CAUSES = ("multiply", "vector", "sram_port", "transform")


@dataclass(frozen=True, kw_only=True)
class PortRate:
    """What a buffer delivers: ``bits`` in every ``per_cycles`` cycles."""

    bits: int
    per_cycles: int

    def cycles(self, bits: Ints) -> Ints:
        """Return the cycles in which ``bits`` pass."""
        return ceil_div(bits * self.per_cycles, self.bits)


@dataclass(frozen=True, kw_only=True)
class Machine:
    """The array as one problem uses it: lanes, depths and port widths, resolved once.

    ``lanes`` tiles are worked on at once, ``depth`` of them behind each other
    in a group; ``cycles_per_tile`` is e of the design; ``chunk`` the input
    channels that an adder tree takes at once (1 in pixel-parallel mode). ``shared_ports``
    are the buffers of a single bank, where DMA and array meet. In a fused group ``reads_back`` says that the input is
    an intermediate tensor, and ``keeps`` that the output is one: they lie in the output buffer.
    """

    rows: int
    lanes: int
    depth: int
    cycles_per_tile: int
    chunk: int
    ifmap_port: PortRate
    weight_port: PortRate
    ofmap_port: PortRate
    shared_ports: tuple[str, ...]
    input_rate: int
    output_rate: int
    weight_rate: int
    vector_lanes: int
    fill_cycles: int
    transforms_weights: bool
    reads_back: bool = False
    keeps: bool = False

    @property
    def input_port(self) -> PortRate:
        """The port at which the input is read."""
        return self.ofmap_port if self.reads_back else self.ifmap_port

    @property
    def group_tiles(self) -> int:
        """Most tiles of a group."""
        return self.lanes * self.depth


def make_machine(problem: Problem, arch: Accelerator, parallel: str) -> Machine:
    """Resolve the array for ``problem`` in ``pixel`` or ``channel`` parallel mode.

    Raises MappingError when a tile needs more accumulators than a multiplier has.
    """
    E, mults = problem.algorithm.coordinates, arch.pe.mults_per_pe
    cycles_per_tile = -(-E // mults)
    if cycles_per_tile > arch.pe.acc_depth:
        raise MappingError(
            "pe.acc_depth",
            f"{problem.algorithm.label} has {E} coordinates for {mults} multipliers: each needs "
            f"{cycles_per_tile} accumulators, there are {arch.pe.acc_depth}; raise pe.acc_depth or lower m1, m2",
        )
    at_once = 1 if parallel == "channel" else max(mults // E, 1)
    macros = buffers(arch)
    latency = max(macros["ifmap"].access_cycles, macros["weight"].access_cycles) - 1
    return Machine(
        rows=arch.pe.rows,
        lanes=arch.pe.cols * at_once,
        depth=arch.pe.acc_depth // cycles_per_tile,
        cycles_per_tile=cycles_per_tile,
        chunk=mults if parallel == "channel" else 1,
        ifmap_port=_port_rate(arch, "ifmap", macros["ifmap"].cycles_per_access),
        weight_port=_port_rate(arch, "weight", macros["weight"].cycles_per_access),
        ofmap_port=_port_rate(arch, "ofmap", macros["ofmap"].cycles_per_access),
        shared_ports=tuple(name for name in macros if _banks(arch, name) == 1),
        input_rate=arch.input_coords_per_cycle,
        output_rate=arch.output_coords_per_cycle,
        weight_rate=arch.weight_coords_per_cycle,
        vector_lanes=arch.vector_lanes,
        fill_cycles=arch.pe.pipeline_stages + problem.algorithm.transform_depth + latency,
        transforms_weights=arch.winograd.weight_transform == "onchip" and problem.algorithm.is_winograd,
    )


def _banks(arch: Accelerator, name: str) -> int:
    return int(getattr(arch.buffers, f"{name}_banks"))


def _port_rate(arch: Accelerator, name: str, cycles_per_access: int) -> PortRate:
    """Return what a buffer delivers when successive words rotate over the banks of one slot."""
    bits = 8 * int(getattr(arch.buffers, f"{name}_port_bytes"))
    rotating = max(_banks(arch, name) // arch.buffers.slots, 1)
    common = math.gcd(bits * rotating, cycles_per_access)
    if cycles_per_access <= rotating:
        return PortRate(bits=bits, per_cycles=1)
    return PortRate(bits=bits * rotating // common, per_cycles=cycles_per_access // common)


def balanced(total: Ints, most: Ints | int) -> Ints:
    """Return the part size that cuts ``total`` into as few, as equal parts as ``most`` allows."""
    most = np.maximum(most, 1)
    return ceil_div(total, ceil_div(total, most))


def group_shape(problem: Problem, machine: Machine, t: Ints, h: Ints, w: Ints) -> tuple[Ints, Ints, Ints]:
    """Return the tiles (t, h, w) of a group within a step of t x h x w outputs: rows first, then frames."""
    mt, mh, mw = problem.algorithm.tile
    gw = balanced(ceil_div(w, mw), machine.group_tiles)
    gh = balanced(ceil_div(h, mh), machine.group_tiles // gw)
    gt = balanced(ceil_div(t, mt), machine.group_tiles // (gw * gh))
    return gt, gh, gw


@dataclass(frozen=True, kw_only=True)
class Groups:
    """Cycles and events of groups, one array element each.

    ``compute`` and ``drain`` are cycles, ``cause`` indexes CAUSES. Bits are SRAM
    traffic at the ports; adds are additions of one transform.
    """

    compute: Ints
    drain: Ints
    cause: Ints
    mults: Ints
    accumulations: Ints
    tree_adds: Ints
    ifmap_read_bits: Ints
    weight_read_bits: Ints
    ofmap_read_bits: Ints
    ofmap_write_bits: Ints
    intermediate_read_bits: Ints
    intermediate_write_bits: Ints
    input_tiles: Ints
    weight_kernels: Ints
    output_tiles: Ints
    vector_ops: Ints


def group_cost(
    problem: Problem,
    machine: Machine,
    *,
    rows: Ints,
    tiles: tuple[Ints, Ints, Ints],
    outputs: Ints,
    c: Ints,
    is_first: Flags,
    is_last: Flags,
) -> Groups:
    """Return the cost of groups of ``rows`` channels and ``tiles`` (t, h, w), reducing ``c`` channels.

    ``outputs`` counts the output pixels kept of a group; ``is_first`` and ``is_last``
    say whether the reduction starts and ends here (else partial sums are read, written).
    """
    count = tiles[0] * tiles[1] * tiles[2]
    own_input = rows if problem.structure == "depthwise" else np.ones_like(rows)
    rounds = ceil_div(c, machine.chunk)
    patch_bits = own_input * _patch(problem, tiles) * problem.activation_bits
    interval, cause = _interval(problem, machine, rows, count, own_input, patch_bits * np.minimum(c, machine.chunk), c)

    pixels = rows * outputs
    read_bits = np.where(is_first, 0, pixels * problem.accumulator_bits)
    write_bits = pixels * np.where(is_last, problem.activation_bits, problem.accumulator_bits)
    vector_ops = np.where(is_last, pixels, 0)
    used = rows * count * problem.algorithm.coordinates * problem.algorithm.taps
    none = np.zeros_like(count)
    transformed = count if problem.algorithm.is_winograd else none
    compute = rounds * interval
    if machine.reads_back:
        # What is read and what drains take turns at the port of the output buffer.
        turns = machine.ofmap_port.cycles(patch_bits * c) + machine.ofmap_port.cycles(read_bits + write_bits)
        cause = np.where(turns > compute, 2, cause)
        compute = np.maximum(compute, turns)
    return Groups(
        compute=compute,
        drain=_drain(problem, machine, rows * count, read_bits + write_bits, vector_ops),
        cause=cause,
        mults=used * c,
        accumulations=used * rounds,
        tree_adds=np.asarray(used * (c - rounds)),
        ifmap_read_bits=none if machine.reads_back else patch_bits * c,
        weight_read_bits=rows * c * problem.kernel_bits,
        ofmap_read_bits=read_bits,
        ofmap_write_bits=none if machine.keeps else write_bits,
        intermediate_read_bits=patch_bits * c if machine.reads_back else none,
        intermediate_write_bits=write_bits if machine.keeps else none,
        input_tiles=own_input * transformed * c * problem.algorithm.taps,
        weight_kernels=rows * c * problem.algorithm.taps if machine.transforms_weights else np.zeros_like(rows),
        output_tiles=rows * transformed,
        vector_ops=vector_ops,
    )


def _interval(
    problem: Problem, machine: Machine, rows: Ints, count: Ints, own_input: Ints, patch_bits: Ints, c: Ints
) -> tuple[Ints, Ints]:
    """Return the initiation interval of one round (``chunk`` input channels of every tile) and what binds it."""
    algorithm = problem.algorithm
    multiply = algorithm.taps * ceil_div(count, machine.lanes) * machine.cycles_per_tile
    kernel_bits = rows * np.minimum(c, machine.chunk) * problem.kernel_bits
    port = np.maximum(machine.input_port.cycles(patch_bits), machine.weight_port.cycles(kernel_bits))
    transform = np.zeros_like(multiply)
    if algorithm.is_winograd:
        transform = algorithm.taps * ceil_div(own_input * count * algorithm.coordinates, machine.input_rate)
    if machine.transforms_weights:
        weights = algorithm.taps * ceil_div(rows * algorithm.coordinates, machine.weight_rate)
        transform = np.maximum(transform, weights)
    interval = np.maximum(np.maximum(multiply, port), transform)
    return interval, np.where(interval == multiply, 0, np.where(interval == port, 2, 3)).astype(np.int64)


def _drain(problem: Problem, machine: Machine, tiles: Ints, port_bits: Ints, vector_ops: Ints) -> Ints:
    """Return the drain of a group: partial sums at the port, bias and requantisation, the output transform."""
    drain = np.maximum(machine.ofmap_port.cycles(port_bits), ceil_div(vector_ops, machine.vector_lanes))
    if problem.algorithm.is_winograd:
        drain = np.maximum(drain, ceil_div(tiles * problem.algorithm.coordinates, machine.output_rate))
    return drain


def _patch(problem: Problem, tiles: tuple[Ints, Ints, Ints]) -> Ints:
    """Return the input pixels that a group reads per channel: its tiles' patch, overlaps read once."""
    patch = np.ones_like(tiles[0])
    for d in range(3):
        outputs = tiles[d] * problem.algorithm.tile[d]
        # A phase of a strided kernel may reach past it: ceil(K / s) s >= K.
        reach = (problem.kernel[d] - 1) * problem.dilation[d] + 1
        contiguous = (outputs - 1) * problem.stride[d] + reach
        patch = patch * np.minimum(contiguous, outputs * problem.kernel[d])
    return patch


def vector_cost(
    problem: Problem,
    machine: Machine,
    *,
    inputs: Ints,
    outputs: Ints,
    c: Ints,
    is_first: Flags,
    is_last: Flags,
    read_back: Ints | int = 0,
) -> Groups:
    """Return the cost of vector steps that read ``inputs`` elements and update ``outputs`` elements.

    ``read_back`` are the elements of an intermediate tensor that they read besides, at the output buffer.
    """
    wide, narrow = problem.accumulator_bits, problem.activation_bits
    frames = problem.c if problem.reduces_frames else 1
    ops = outputs * ceil_div(problem.ops_per_output * np.asarray(c), frames)
    none = np.zeros_like(ops)
    in_bits, back_bits = inputs * narrow, np.asarray(none + read_back * narrow, dtype=np.int64)
    read_bits = np.where(is_first, 0, outputs * wide)
    write_bits = outputs * np.where(is_last, narrow, wide)
    vector = ceil_div(ops, machine.vector_lanes)
    port = np.maximum(machine.ifmap_port.cycles(in_bits), machine.ofmap_port.cycles(read_bits + write_bits + back_bits))
    return Groups(
        compute=np.maximum(vector, port),
        drain=none,
        cause=np.where(vector >= port, 1, 2).astype(np.int64),
        mults=none,
        accumulations=none,
        tree_adds=none,
        ifmap_read_bits=in_bits,
        weight_read_bits=none,
        ofmap_read_bits=read_bits,
        ofmap_write_bits=none if machine.keeps else write_bits,
        intermediate_read_bits=back_bits,
        intermediate_write_bits=write_bits if machine.keeps else none,
        input_tiles=none,
        weight_kernels=none,
        output_tiles=none,
        vector_ops=ops,
    )
