"""A layer and the array as plain integers: what kernels work on."""

from __future__ import annotations

from typing import Literal, NamedTuple

Structure = Literal["dense", "grouped", "vector"]
Triple = tuple[int, int, int]

Beside = Literal["all", "frame", "position"]

DENSE, GROUPED, VECTOR = 0, 1, 2
STRUCTURES: dict[Structure, int] = {"dense": DENSE, "grouped": GROUPED, "vector": VECTOR}
OF_ALL, OF_FRAME, OF_POSITION = 0, 1, 2
BESIDE: dict[Beside, int] = {"all": OF_ALL, "frame": OF_FRAME, "position": OF_POSITION}


class Layer(NamedTuple):
    """A Problem in integers; ``tile`` is (1, 1, 1), ``coordinates`` and ``taps`` as of a direct kernel where it is.

    In a vector layer an output looks at each of its ``sources`` ``reads`` times, and the lanes work on outputs that lie
    ``beside`` each other. What it reads has ``activation_bits``, what it makes ``output_bits``. ``own_weights`` is 1
    where each of the ``segments`` has weights of its own.
    """

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
    reads: int
    beside: int
    ops_per_output: int
    activation_bits: int
    output_bits: int
    accumulator_bits: int
    kernel_bits: int
    bias_bits: int
    segments: int
    own_weights: int


class Array(NamedTuple):
    """A Machine in integers: a port passes ``*_port_bits`` in every ``*_port_cycles``, in words of ``*_word_bits``.

    ``holds_weights`` and ``stages_inputs``: a round reads a weight, and a position of its patch, once.
    ``reads_back`` and ``keeps``: input and output are intermediate tensors, in the output buffer.
    Of what it reads, frames, or frames and rows, the first so many axes of T and H, lie ``apart``: each in a ring, or
    in a tile of which others look at more; 3: positions, too. Of a vector layer so many channels, a ``block``, lie side
    by side at a position, all of a step where it is 0.
    A round takes one of ``tap_groups``, of ``staged`` taps; of the rows that read inputs of their own ``fed_rows`` do.
    """

    rows: int
    multipliers: int
    lanes: int
    depth: int
    cycles_per_tile: int
    chunk: int
    holds_weights: int
    stages_inputs: int
    ifmap_port_bits: int
    ifmap_port_cycles: int
    weight_port_bits: int
    weight_port_cycles: int
    ofmap_port_bits: int
    ofmap_port_cycles: int
    ifmap_word_bits: int
    weight_word_bits: int
    ofmap_word_bits: int
    input_rate: int
    output_rate: int
    weight_rate: int
    vector_lanes: int
    fill_cycles: int
    transforms_weights: int
    reads_back: int
    keeps: int
    apart: int
    block: int
    fed_rows: int
    tap_groups: int
    staged: Triple
