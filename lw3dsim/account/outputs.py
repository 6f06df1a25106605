"""What makes outputs of the sums of fast algorithms, counted in the core: additions of every PE, stages, divisions.

A PE adds up its tiles with what algorithms have in common added once (`algebra.networks`). Outputs that are picked for
a word wait as many stages as the additions are deep, and are divided by the odd part of their scale. Of tiles that are
taken in parts sums wait till all are there, and outputs till their words are made.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.account.built import depth_sums, picked, tile_places
from lw3dsim.algebra.quotients import division_steps
from lw3dsim.base.caches import kept
from lw3dsim.technology.arithmetic import arithmetic
from lw3dsim.technology.structures import clock_pj, structure
from lw3dsim.transform.outputs import output_unit, scale

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.describe.accelerator import Accelerator, Tech
    from lw3dsim.machine.problem import Problem
    from lw3dsim.technology.arithmetic import Quantity
    from lw3dsim.transform.algorithms import Algorithm


class Widths(NamedTuple):
    """Bits of accumulators, of outputs, and of a scaled output at most."""

    register: int
    output: int
    transform: int


class Counts(NamedTuple):
    """What a PE adds, by bits; which outputs it chooses; the divisions of an output, and of how many divisors."""

    additions: tuple[tuple[int, int], ...]
    choices: int
    divisions: int
    divisors: int


def output_transform(
    arch: Accelerator, problems: Sequence[Problem], widths: Widths, quantity: Quantity, *, also_direct: bool
) -> float:
    """Return the area or the leakage of what makes outputs for ``problems`` of fast algorithms.

    ``also_direct``: others are there too, whose sums take no stage.
    """
    if not problems:
        return 0.0
    tech, counts = arch.tech, output_counts(_distinct(problems), arch.pe.mults_per_pe, widths)
    register, choice = arithmetic(tech, "register", quantity, 1), structure(tech, "multiplexer", quantity)

    def add(bits: int) -> float:
        return arithmetic(tech, "add", quantity, bits)

    of_pe = sum(many * add(bits) for bits, many in counts.additions) + counts.choices * widths.output * choice
    depths = {one.algorithm.stages("AT") for one in problems} | ({0} if also_direct else set())
    waits = max(depths) * register + (len(depths) - 1) * choice
    of_output = (
        counts.divisions * add(widths.output)
        + counts.divisors * widths.output * choice
        + (widths.output + row_bits(arch)) * waits
    )
    return (
        depth_sums(arch, 1) * of_pe
        + picked(arch, widths.output) * of_output
        + max(waiting_bits(arch, one, widths) for one in problems) * (register + choice)
    )


def row_bits(arch: Accelerator) -> int:
    """Return the bits that say from which row an output comes."""
    return max((arch.places("output_channels") - 1).bit_length(), 1)


def _distinct(problems: Sequence[Problem]) -> tuple[Algorithm, ...]:
    """Return the algorithms of problems, each of a tile and a filter once, in an order of their own."""
    shapes = {(one.algorithm.tile, one.algorithm.filter): one.algorithm for one in problems}
    return tuple(shapes[shape] for shape in sorted(shapes))


@kept(4096)
def output_counts(algorithms: tuple[Algorithm, ...], mults: int, widths: Widths) -> Counts:
    """Return what a PE of so many ``mults`` has for ``algorithms``, and what an output has behind it."""
    unit = output_unit(algorithms, mults)
    taken = unit.taken(unit.scaled_bits(widths.output, widths.transform))
    bits = Counter(unit.network.widths(widths.register, taken))
    odd = {divisor for divisor in unit.divisors if divisor > 1}
    return Counts(tuple(sorted(bits.items())), sum(unit.chosen_places()), len(division_steps(odd)), len(odd))


def waiting_bits(arch: Accelerator, problem: Problem, widths: Widths) -> int:
    """Return the bits that wait where tiles are taken in parts: their sums, and the outputs of the depth before."""
    mults = arch.pe.mults_per_pe
    parts = -(-problem.algorithm.coordinates // mults)
    if parts == 1:
        return 0
    outputs = depth_sums(arch, tile_places(arch, problem))
    return depth_sums(arch, parts * mults) * widths.register + outputs * widths.output


def gathered_pj(arch: Accelerator, problem: Problem) -> float:
    """Return the pJ of a tile of outputs that waits, a coordinate of it written once."""
    if problem.algorithm.coordinates <= arch.pe.mults_per_pe:
        return 0.0
    return problem.algorithm.coordinates * problem.register_bits * _held_pj(arch.tech)


def scaled_pj(arch: Accelerator, problem: Problem) -> float:
    """Return the pJ of an output that passes the stages of its transform, and is divided; 0 of a direct layer."""
    return _scaled_pj(arch.tech, problem.algorithm, problem.accumulator_bits) if problem.algorithm.is_winograd else 0.0


@kept(4096)
def _scaled_pj(tech: Tech, algorithm: Algorithm, bits: int) -> float:
    _, divisor = scale(algorithm)
    divided = len(division_steps((divisor,))) * arithmetic(tech, "add", "energy_pj", bits)
    return divided + algorithm.stages("AT") * bits * _held_pj(tech)


def _held_pj(tech: Tech) -> float:
    """Return the pJ of a bit that is held for a cycle: of its flip-flop, and of the clock of that."""
    return arithmetic(tech, "register", "energy_pj", 1) + clock_pj(tech)
