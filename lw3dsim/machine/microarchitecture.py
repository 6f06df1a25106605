"""The array as a layer uses it: lanes, depths and port widths, as written down in ``docs/microarchitecture.md``."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from lw3dsim.base.arrays import ceil_div
from lw3dsim.base.caches import kept
from lw3dsim.base.kernels import kernels
from lw3dsim.base.values import Value, replace
from lw3dsim.errors import MappingError
from lw3dsim.machine.problem import plain_layer
from lw3dsim.machine.records import Array
from lw3dsim.machine.staging import Way, staging_ways, unstaged, wave_cost
from lw3dsim.technology.arithmetic import arithmetic
from lw3dsim.technology.sram import buffers
from lw3dsim.technology.structures import accumulator_file

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Ints
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.machine.problem import Problem
    from lw3dsim.technology.arithmetic import Operation
    from lw3dsim.transform.algorithms import Algorithm

Parallel = Literal["pixel", "channel"]

PARALLEL_MODES: tuple[Parallel, ...] = ("pixel", "channel")


class PortRate(Value, frozen=True, kw_only=True):
    """What a buffer delivers: ``bits`` in every ``per_cycles`` cycles, in words of ``word_bits``."""

    bits: int
    per_cycles: int
    word_bits: int

    def cycles(self, bits: Ints) -> Ints:
        """Return the cycles in which ``bits`` pass."""
        return ceil_div(bits * self.per_cycles, self.bits)


class Machine(Value, frozen=True, kw_only=True):
    """The array as one problem uses it, under the dataflow of the design: resolved once.

    ``rows`` output channels and ``lanes`` tiles are worked on at once, ``depth`` of the tiles behind each other
    in a wave; ``cycles_per_tile`` is e of the design; ``chunk`` the input
    channels that adder trees take at once: those that the array unrolls, times those of a PE in channel-parallel
    mode. ``holds_weights`` and ``stages_inputs`` say that a round reads a weight, and a position of a wave's patch,
    once; else every pass over the lanes reads its weights, and every tap its inputs. ``shared_ports``
    are the buffers of a single bank, where DMA and array meet. In a fused group ``reads_back`` says how many inputs
    are intermediate tensors, and ``keeps`` that the output is one: they lie in the output buffer. With kept halos
    what it reads may lie in rings, the first so many axes of T and H ``apart``; so may what others look at as well, of
    which a ``block`` of channels lies side by side: see Array. ``staged`` is how rounds are.
    """

    rows: int
    multipliers: int
    lanes: int
    depth: int
    cycles_per_tile: int
    chunk: int
    holds_weights: bool
    stages_inputs: bool
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
    reads_back: int
    keeps: bool
    apart: int
    block: int
    staged: Way


def parallel_modes(problem: Problem, arch: Accelerator) -> tuple[Parallel, ...]:
    """Return the modes in which the array can work on ``problem``: adder trees are for direct dense layers."""
    is_direct = problem.has_weights and not problem.is_depthwise and not problem.algorithm.is_winograd
    return PARALLEL_MODES if is_direct and arch.pe.mults_per_pe > 1 else ("pixel",)


def tree_pj(problem: Problem, arch: Accelerator) -> float:
    """Return the pJ of a product that goes through an adder tree in its PE, over those of one that does not.

    Where the array sums up in trees anyway, those of a PE come before one place in so many.
    """

    def energy(operation: Operation, bits: int) -> float:
        return arithmetic(arch.tech, operation, "energy_pj", bits)

    alone = accumulate_pj(arch, problem.register_bits)
    more = energy("add", problem.data_bits + problem.weight_bits) + alone / arch.pe.mults_per_pe - alone
    return more / arch.places("input_channels")


@kept(4096)
def accumulate_pj(arch: Accelerator, bits: int) -> float:
    """Return the pJ of an addition to an accumulator of so many bits, read and written in its file."""
    return arithmetic(arch.tech, "add", "energy_pj", bits) + accumulator_file(arch, bits).access_pj


def make_machine(
    problem: Problem,
    arch: Accelerator,
    parallel: Parallel,
    *,
    reads_back: int = 0,
    keeps: bool = False,
    adders: int = 0,
    apart: int = 0,
    block: int = 0,
) -> Machine:
    """Resolve the array for ``problem`` in a parallel mode, in a pipeline that has so many ``adders`` of transforms.

    Raises MappingError when a tile needs more accumulators than a multiplier has, or more than staging files hold.
    """
    way = best_way(problem, arch, parallel) if problem.has_weights else unstaged(problem.kernel, arch)
    return _machine(problem.algorithm, arch, parallel, reads_back, keeps, way, adders, apart, block)


@kept(65536)
def best_way(problem: Problem, arch: Accelerator, parallel: Parallel) -> Way:
    """Return the way to stage ``problem`` that takes the fewest cycles for the work of its first wave.

    Of equals the one that reads the fewest bits, then the most taps.
    """
    _check_depth(problem.algorithm, arch)
    ways = staging_ways(problem, arch, arch.pe.mults_per_pe if parallel == "channel" else 1)
    if len(ways) == 1:
        return ways[0]
    layer, cost_of = plain_layer(problem), kernels()(wave_cost)

    def cost(way: Way) -> tuple[Fraction, Fraction]:
        machine = _machine(problem.algorithm, arch, parallel, False, False, way)
        cycles, bits, tiles = cost_of(layer, plain_array(machine))
        return Fraction(cycles, tiles), Fraction(bits, tiles)

    return min(ways, key=cost)


def _check_depth(algorithm: Algorithm, arch: Accelerator) -> None:
    E, mults = algorithm.coordinates, arch.pe.mults_per_pe
    cycles_per_tile = -(-E // mults)
    if cycles_per_tile > arch.pe.acc_depth:
        raise MappingError(
            "pe.acc_depth",
            f"{algorithm.label} has {E} coordinates for {mults} multipliers: each needs "
            f"{cycles_per_tile} accumulators, there are {arch.pe.acc_depth}; raise pe.acc_depth or lower m1, m2",
        )


@kept(65536)
def _machine(
    algorithm: Algorithm,
    arch: Accelerator,
    parallel: Parallel,
    reads_back: int,
    keeps: bool,
    way: Way,
    adders: int = 0,
    apart: int = 0,
    block: int = 0,
) -> Machine:
    idle, E, mults = _idle(arch), algorithm.coordinates, arch.pe.mults_per_pe
    at_once, chunk = (1, mults) if parallel == "channel" else (max(mults // E, 1), 1)
    return replace(
        idle,
        lanes=idle.lanes * at_once,
        depth=way.depth,
        cycles_per_tile=-(-E // mults),
        chunk=idle.chunk * chunk,
        fill_cycles=idle.fill_cycles + max(algorithm.transform_depth, adders),
        transforms_weights=idle.transforms_weights and algorithm.is_winograd,
        reads_back=reads_back,
        keeps=keeps,
        apart=apart,
        block=block,
        staged=way,
    )


@kept(4096)
def _idle(arch: Accelerator) -> Machine:
    """Return the array as no problem uses it: what the design alone tells."""
    macros, in_trees = buffers(arch), arch.places("input_channels")
    latency = max(macros["ifmap"].access_cycles, macros["weight"].access_cycles) - 1
    return Machine(
        rows=arch.places("output_channels"),
        multipliers=arch.multipliers,
        lanes=arch.places("tiles"),
        depth=0,
        cycles_per_tile=0,
        chunk=in_trees,
        holds_weights=arch.dataflow.weights == "once_a_round",
        stages_inputs=arch.dataflow.inputs == "once_a_round",
        ifmap_port=_port_rate(arch, "ifmap", macros["ifmap"].cycles_per_access),
        weight_port=_port_rate(arch, "weight", macros["weight"].cycles_per_access),
        ofmap_port=_port_rate(arch, "ofmap", macros["ofmap"].cycles_per_access),
        shared_ports=shared_ports(arch),
        input_rate=arch.input_coords_per_cycle,
        output_rate=arch.output_coords_per_cycle,
        weight_rate=arch.weight_coords_per_cycle,
        vector_lanes=arch.vector_lanes,
        fill_cycles=arch.pe.pipeline_stages + tree_depth(in_trees) + latency,
        transforms_weights=arch.winograd.weight_transform == "onchip",
        reads_back=0,
        keeps=False,
        apart=0,
        block=0,
        staged=Way(taps=(1, 1, 1), groups=1, depth=0, rows=0),
    )


@kept(4096)
def shared_ports(arch: Accelerator) -> tuple[str, ...]:
    """Return the buffers of a single bank, where DMA and the array meet."""
    return tuple(name for name in buffers(arch) if _banks(arch, name) == 1)


def tree_depth(places: int) -> int:
    """Return the adders behind each other in a tree that sums up so many places: its pipeline stages."""
    return (places - 1).bit_length()


def _banks(arch: Accelerator, name: str) -> int:
    return int(getattr(arch.buffers, f"{name}_banks"))


def _port_rate(arch: Accelerator, name: str, cycles_per_access: int) -> PortRate:
    """Return what a buffer delivers when successive words rotate over the banks of one slot."""
    bits = 8 * int(getattr(arch.buffers, f"{name}_port_bytes"))
    rotating = max(_banks(arch, name) // arch.buffers.slots, 1)
    common = math.gcd(bits * rotating, cycles_per_access)
    if cycles_per_access <= rotating:
        return PortRate(bits=bits, per_cycles=1, word_bits=bits)
    rate = bits * rotating // common
    return PortRate(bits=rate, per_cycles=cycles_per_access // common, word_bits=bits)


@kept(65536)
def plain_array(machine: Machine) -> Array:
    """Return ``machine`` in integers."""
    return Array(
        rows=machine.rows,
        multipliers=machine.multipliers,
        lanes=machine.lanes,
        depth=machine.depth,
        cycles_per_tile=machine.cycles_per_tile,
        chunk=machine.chunk,
        holds_weights=int(machine.holds_weights),
        stages_inputs=int(machine.stages_inputs),
        ifmap_port_bits=machine.ifmap_port.bits,
        ifmap_port_cycles=machine.ifmap_port.per_cycles,
        weight_port_bits=machine.weight_port.bits,
        weight_port_cycles=machine.weight_port.per_cycles,
        ofmap_port_bits=machine.ofmap_port.bits,
        ofmap_port_cycles=machine.ofmap_port.per_cycles,
        ifmap_word_bits=machine.ifmap_port.word_bits,
        weight_word_bits=machine.weight_port.word_bits,
        ofmap_word_bits=machine.ofmap_port.word_bits,
        input_rate=machine.input_rate,
        output_rate=machine.output_rate,
        weight_rate=machine.weight_rate,
        vector_lanes=machine.vector_lanes,
        fill_cycles=machine.fill_cycles,
        transforms_weights=int(machine.transforms_weights),
        reads_back=machine.reads_back,
        keeps=int(machine.keeps),
        apart=machine.apart,
        block=machine.block,
        fed_rows=machine.staged.rows,
        tap_groups=machine.staged.groups,
        staged=machine.staged.taps,
    )
