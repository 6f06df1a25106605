"""The layers of a network in every form that they may take, as columns of figures, and what they cost at best in boxes.

Work adds up over tiles, and shares of work are rounded up: however a layer is cut, the array takes no less time than
for the whole layer at once, its rows, lanes and trees full but for one rounding; it reads its inputs once for
every pass over the output channels, and its weights once for every wave that the accumulators of all lanes can hold.
Drains take turns, so they take no less time than all outputs at the port, the vector unit and the output transform.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lw3dsim.account.events import constant_mults
from lw3dsim.account.outputs import scaled_pj
from lw3dsim.account.vector import operation_pj
from lw3dsim.map.floor import compulsory_by_stream
from lw3dsim.technology.arithmetic import arithmetic
from lw3dsim.technology.structures import clock_pj, least_file_pj
from lw3dsim.tensor.axis import Reads, read_by

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lw3dsim.account.energy import Sparsity
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.dataflow import Loop
    from lw3dsim.explore.proof.factors import Array, Bus, Memory
    from lw3dsim.explore.proof.parts import Part
    from lw3dsim.machine.microarchitecture import Parallel
    from lw3dsim.machine.problem import Problem
    from lw3dsim.technology.arithmetic import Operation

    Figures = NDArray[np.float64]
    Flags = NDArray[np.bool_]


class Forms(NamedTuple):
    """Layers in forms that they may take, an element each, counted for the whole layer.

    ``channels`` are its output channels, ``reduced`` what each sums up, ``tiles`` those that cover what is made,
    ``coordinates`` and ``taps`` of the algorithm. Bits are those of inputs and outputs once, of a kernel, of what comes
    from DRAM and goes there. With ``is_passed`` inputs are read for every pass over the output channels. Energies are
    those of a product with its registers, its accumulation, and an addition in a tree; of transforming a tile, a
    kernel, the outputs of a tile; and of all operations of the vector unit, and what scales its operands.
    """

    is_vector: Figures
    is_channel: Figures
    is_winograd: Figures
    is_passed: Figures
    is_onchip: Figures
    channels: Figures
    reduced: Figures
    tiles: Figures
    coordinates: Figures
    taps: Figures
    input_channels: Figures
    input_bits: Figures
    output_bits: Figures
    kernel_bits: Figures
    read_bytes: Figures
    weight_bytes: Figures
    written_bytes: Figures
    vector_ops: Figures
    product_pj: Figures
    accumulate_pj: Figures
    tree_pj: Figures
    input_pj: Figures
    kernel_pj: Figures
    output_pj: Figures
    vector_pj: Figures


class AtBest(NamedTuple):
    """What forms cost at least, a row a box: time of array and drains, bytes, energy but for what is paid by time."""

    compute_ps: Figures
    drain_ps: Figures
    moved_bytes: Figures
    working_pj: Figures


def form_of(problem: Problem, part: Part, arch: Accelerator, parallel: Parallel, sparsity: Sparsity) -> Forms:
    """Return a form of a layer, in numbers."""
    algorithm, outputs = problem.algorithm, problem.groups * problem.n * part.positions
    is_vector = not problem.has_weights
    tiles = [-(-(high - low) // size) for (low, high), size in zip(part.made, algorithm.tile, strict=True)]
    onchip = arch.winograd.weight_transform == "onchip" and algorithm.is_winograd

    def pj(operation: Operation, *bits: int) -> float:
        return arithmetic(arch.tech, operation, "energy_pj", *bits)

    active = algorithm.active_share(sparsity.data, sparsity.weight)
    data, weight, register = problem.data_bits, problem.weight_bits, problem.register_bits
    ops = outputs * problem.ops_per_output
    divides = constant_mults(problem) if part.is_alone else 0
    # A product is held in front of its multiplier and stage after stage behind it; these are clocked in every cycle of
    # the array, in which no multiplier makes more than one.
    held = 1 + arch.product_stages
    clocked = arch.product_stages * (data + weight) + 1
    column = {
        "is_vector": is_vector,
        "is_channel": parallel == "channel",
        "is_winograd": algorithm.is_winograd,
        "is_passed": problem.structure == "dense" and problem.groups == 1,
        "is_onchip": onchip,
        "channels": problem.groups * problem.n,
        "reduced": problem.c,
        "tiles": math.prod(tiles),
        "coordinates": algorithm.coordinates,
        "taps": 0 if is_vector else algorithm.taps,
        "input_channels": problem.input_channels,
        "input_bits": problem.input_channels * _needed(problem, part) * problem.sources * problem.activation_bits,
        "output_bits": outputs * problem.output_bits,
        "kernel_bits": problem.kernel_bits,
        "read_bytes": part.read_bits // 8,
        "weight_bytes": compulsory_by_stream(problem)["weight"],
        "written_bytes": part.written_bits // 8,
        "vector_ops": ops,
        "product_pj": active * (pj("mult", data, weight) + held * (pj("register", data) + pj("register", weight)))
        + clocked * clock_pj(arch.tech),
        "accumulate_pj": active * (pj("add", register) + least_file_pj(arch.tech, register)),
        "tree_pj": active * pj("add", data + weight),
        "input_pj": algorithm.input_adds * pj("add", data),
        "kernel_pj": algorithm.weight_adds * pj("add", weight) if onchip else 0.0,
        "output_pj": algorithm.output_adds * pj("add", problem.transform_bits),
        "vector_pj": ops * operation_pj(problem, arch.tech)
        + outputs * scaled_pj(arch, problem)
        + divides * pj("mult", problem.divider_bits, problem.divider_bits),
    }
    return Forms(**{name: np.array([float(value)]) for name, value in column.items()})


def _needed(problem: Problem, part: Part) -> int:
    """Return the input positions of a channel that any output of what is made looks at; of a batch, all of it is."""
    needed, segments = problem.segments, (problem.segments, 1, 1)
    for d, (low, high) in enumerate(part.made):
        size, taps = problem.inp[d] // segments[d], (problem.kernel[d], problem.stride[d])
        reads = Reads(size, *taps, problem.padding[d], problem.dilation[d])
        needed *= read_by(reads, low, (high - low) // segments[d])[2]
    return needed


def joined(forms: list[Forms]) -> Forms:
    """Return several forms, one behind the other."""
    return Forms(*(np.concatenate(columns) for columns in zip(*forms, strict=True)))


class Units(NamedTuple):
    """What a form finds in an array: places of output channels, lanes, input channels summed up at once.

    ``each`` are the cycles of a tile, ``depth`` the tiles behind each other in a lane.
    """

    outputs: Figures
    lanes: Figures
    chunk: Figures
    each: Figures
    depth: Figures


def units_of(forms: Forms, array: Array, arch: Accelerator) -> Units:
    """Return the units that each of ``forms`` finds in the array of each box."""
    mults = array.mults
    each = np.ceil(forms.coordinates / mults)
    at_once = np.where(forms.is_channel > 0, 1, np.maximum(mults // forms.coordinates, 1))
    trees = places(arch, "input_channels", array)
    return Units(
        outputs=places(arch, "output_channels", array),
        lanes=places(arch, "tiles", array) * at_once,
        chunk=trees * np.where(forms.is_channel > 0, mults, 1),
        each=each,
        depth=np.maximum(array.depth // each, 1),
    )


def places(arch: Accelerator, loop: Loop, array: Array) -> Figures:
    """Return how many positions of ``loop`` the array works on at once."""
    found = np.ones_like(array.rows)
    for axis in arch.dataflow.axes(loop):
        found = found * (array.rows if axis == "rows" else array.cols)
    return found


def at_best(
    forms: Forms, array: Array, memories: tuple[Memory, Memory, Memory], bus: Bus, arch: Accelerator, *, is_fused: bool
) -> AtBest:
    """Return what ``forms`` cost at least in boxes; figures of boxes are columns."""
    ifmap, weight, ofmap = memories
    f, units = forms, units_of(forms, array, arch)
    if is_fused:
        # What lies between the layers of a group is read from the output buffer.
        ifmap = ifmap._replace(
            read_pj=np.minimum(ifmap.read_pj, ofmap.read_pj), ps_per_bit=np.minimum(ifmap.ps_per_bit, ofmap.ps_per_bit)
        )
    passes, rounds = np.ceil(f.channels / units.outputs), np.ceil(f.reduced / units.chunk)
    again = np.where(f.is_passed > 0, passes, 1)
    waves = np.ceil(f.tiles / (units.lanes * units.depth))
    products = f.channels * f.reduced * f.tiles * f.coordinates * f.taps
    input_bits, weight_bits = f.input_bits * again, waves * f.channels * f.reduced * f.kernel_bits
    input_tiles = f.is_winograd * f.input_channels * again * f.tiles * f.taps
    kernels = f.is_onchip * waves * f.channels * f.reduced * f.taps
    output_tiles = f.is_winograd * f.channels * f.tiles
    in_rate, out_rate, weight_rate = _rates(arch, array, units)
    vector = f.vector_ops / array.vector_lanes
    cycles = np.maximum.reduce([
        passes * rounds * np.ceil(f.tiles / units.lanes) * f.taps * units.each,
        input_tiles * f.coordinates / in_rate,
        kernels * f.coordinates / weight_rate,
        f.is_vector * vector,
    ])  # fmt: skip
    output_ps = f.output_bits * ofmap.ps_per_bit
    ports = np.maximum(input_bits * ifmap.ps_per_bit, weight_bits * weight.ps_per_bit)
    drains = (1 - f.is_vector) * np.maximum(vector, output_tiles * f.coordinates / out_rate)
    share = rounds / f.reduced
    summed = np.minimum(f.accumulate_pj, share * f.accumulate_pj + (1 - share) * f.tree_pj)
    memory_pj = (
        input_bits / 8 * ifmap.read_pj
        + f.read_bytes * ifmap.write_pj
        + weight_bits / 8 * weight.read_pj
        + f.weight_bytes * weight.write_pj
        + f.output_bits / 8 * ofmap.write_pj
        + f.written_bytes * ofmap.read_pj
    )
    logic_pj = products * (f.product_pj + summed) + input_tiles * f.input_pj + kernels * f.kernel_pj
    moved_pj = (f.read_bytes + f.weight_bytes) * bus.read_pj + f.written_bytes * bus.write_pj
    cannot = np.where(units.each > array.depth, math.inf, 0.0)
    return AtBest(
        compute_ps=np.maximum(cycles * array.cycle_ps, ports) + cannot,
        drain_ps=np.maximum(drains * array.cycle_ps, output_ps) + cannot,
        moved_bytes=f.read_bytes + f.weight_bytes + f.written_bytes + cannot,
        working_pj=logic_pj + output_tiles * f.output_pj + f.vector_pj + memory_pj + moved_pj + cannot,
    )


def _rates(arch: Accelerator, array: Array, units: Units) -> tuple[Figures, Figures, Figures]:
    """Return what the units transform of inputs, outputs and weights in a cycle."""
    given = arch.transforms
    default = array.rows * array.cols * array.mults // units.outputs
    weights = array.mults * places(arch, "input_channels", array)
    return (
        default if given.input_coords_per_cycle is None else np.full_like(default, given.input_coords_per_cycle),
        default if given.output_coords_per_cycle is None else np.full_like(default, given.output_coords_per_cycle),
        weights if given.weight_coords_per_cycle is None else np.full_like(weights, given.weight_coords_per_cycle),
    )
