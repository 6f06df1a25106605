"""A layer, the array and its memory as plain integers: what the mapper's kernels work on.

Kernels are functions of integers and flat sequences; CPython runs them as they
stand, :mod:`lw3dsim.map.kernels` has them translated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from lw3dsim.map.layout import Layout
    from lw3dsim.map.microarchitecture import Machine
    from lw3dsim.map.problem import Problem, Structure, Triple

DENSE, GROUPED, VECTOR = range(3)
STRUCTURES: dict[Structure, int] = {"dense": DENSE, "grouped": GROUPED, "vector": VECTOR}


class Layer(NamedTuple):
    """A Problem in integers; ``tile`` is (1, 1, 1), ``coordinates`` and ``taps`` as of a direct kernel where it is."""

    structure: int
    groups: int
    group_n: int
    abreast: int
    n: int
    c: int
    out: Triple
    inp: Triple
    kernel: Triple
    stride: Triple
    padding: Triple
    dilation: Triple
    tile: Triple
    coordinates: int
    taps: int
    is_winograd: int
    reduces_frames: int
    sources: int
    ops_per_output: int
    activation_bits: int
    accumulator_bits: int
    kernel_bits: int
    bias_bits: int


class Array(NamedTuple):
    """A Machine in integers: a port passes ``*_port_bits`` in every ``*_port_cycles``.

    ``reads_back`` and ``keeps``: input and output are intermediate tensors, in the output buffer.
    """

    rows: int
    multipliers: int
    lanes: int
    depth: int
    cycles_per_tile: int
    chunk: int
    ifmap_port_bits: int
    ifmap_port_cycles: int
    weight_port_bits: int
    weight_port_cycles: int
    ofmap_port_bits: int
    ofmap_port_cycles: int
    input_rate: int
    output_rate: int
    weight_rate: int
    vector_lanes: int
    fill_cycles: int
    transforms_weights: int
    reads_back: int
    keeps: int


class Rows(NamedTuple):
    """A Layout in integers: ``columns`` bursts a pixel's block, ``pixel_bits`` from a pixel to the next."""

    block: int
    columns: int
    element_bits: int
    pixel_bits: int
    row_bursts: int
    burst_bits: int


def plain_layer(problem: Problem) -> Layer:
    """Return ``problem`` in integers."""
    algorithm = problem.algorithm
    return Layer(
        structure=STRUCTURES[problem.structure],
        groups=problem.groups,
        group_n=problem.group_n,
        abreast=problem.abreast,
        n=problem.n,
        c=problem.c,
        out=problem.out,
        inp=problem.inp,
        kernel=problem.kernel,
        stride=problem.stride,
        padding=problem.padding,
        dilation=problem.dilation,
        tile=algorithm.tile,
        coordinates=algorithm.coordinates,
        taps=algorithm.taps,
        is_winograd=int(algorithm.is_winograd),
        reduces_frames=int(problem.reduces_frames),
        sources=problem.sources,
        ops_per_output=problem.ops_per_output,
        activation_bits=problem.activation_bits,
        accumulator_bits=problem.accumulator_bits,
        kernel_bits=problem.kernel_bits,
        bias_bits=problem.bias_bits,
    )


def plain_array(machine: Machine) -> Array:
    """Return ``machine`` in integers."""
    return Array(
        rows=machine.rows,
        multipliers=machine.multipliers,
        lanes=machine.lanes,
        depth=machine.depth,
        cycles_per_tile=machine.cycles_per_tile,
        chunk=machine.chunk,
        ifmap_port_bits=machine.ifmap_port.bits,
        ifmap_port_cycles=machine.ifmap_port.per_cycles,
        weight_port_bits=machine.weight_port.bits,
        weight_port_cycles=machine.weight_port.per_cycles,
        ofmap_port_bits=machine.ofmap_port.bits,
        ofmap_port_cycles=machine.ofmap_port.per_cycles,
        input_rate=machine.input_rate,
        output_rate=machine.output_rate,
        weight_rate=machine.weight_rate,
        vector_lanes=machine.vector_lanes,
        fill_cycles=machine.fill_cycles,
        transforms_weights=int(machine.transforms_weights),
        reads_back=int(machine.reads_back),
        keeps=int(machine.keeps),
    )


def plain_rows(layout: Layout) -> Rows:
    """Return ``layout`` in integers."""
    return Rows(
        block=layout.block,
        columns=layout.columns,
        element_bits=layout.element_bits,
        pixel_bits=layout.pixel_bits,
        row_bursts=layout.row_bursts,
        burst_bits=8 * layout.burst_bytes,
    )
