"""What the vector unit costs: an operation is an addition, a product, or a look-up in a table of its lane.

What lanes have besides is counted in their Verilog: docs/energy.md lists the counts.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lw3dsim.account.built import counting, finishing, picked
from lw3dsim.account.events import constant_mults
from lw3dsim.account.transforming import depths_of, registers
from lw3dsim.base.caches import kept
from lw3dsim.technology.arithmetic import arithmetic
from lw3dsim.technology.structures import structure
from lw3dsim.technology.tables import table

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from lw3dsim.describe.accelerator import Accelerator, Tech
    from lw3dsim.machine.problem import Problem
    from lw3dsim.technology.arithmetic import Quantity

# An inverse, or an inverse root: a look-up, and a step of Newton's method: products, and an addition.
NEWTON_PRODUCTS = 3

# A lane: banks of its accumulator; selectors, as wide, of the one that works, the one that drains, and what is kept;
# and, as wide as an element, of the larger of two and of the kind.
BANKS, LANE_SELECTORS, ELEMENT_SELECTORS = 2, 3, 2
# Of a result that meets a partial sum: both are let through or not, and the mean is chosen.
MERGING_SELECTORS = 2
# What the sum of all frames begins with, and that or a difference.
TRG_SELECTORS = 2

# Bits beside the operands of lanes. What finds groups: bits of its registers and, of these, counters; addresses that
# are added, and selected.
BESIDE = 24
GROUPS_HELD, GROUPS_COUNTED, GROUPS_ADDED, GROUPS_SELECTED, ADDRESS_BITS = 288, 96, 9, 6, 32


def operation_pj(problem: Problem, tech: Tech) -> float:
    """Return the energy of an operation of the vector unit in a layer, on average over those of an output."""
    mix, wide, bits = problem.mix, problem.accumulator_bits, product_bits(problem)
    add, product = arithmetic(tech, "add", "energy_pj", wide), arithmetic(tech, "mult", "energy_pj", bits, bits)
    if not (mix.lookups or mix.products):
        return add
    look_up = table(tech, problem.output_bits).energy_pj
    spent = (problem.ops_per_output - mix.lookups - mix.products) * add
    spent += mix.lookups * look_up + mix.products * product
    if mix.inverses:
        wider = arithmetic(tech, "mult", "energy_pj", 2 * bits, 2 * bits)
        spent += mix.inverses * (look_up + NEWTON_PRODUCTS * wider + add)
    return spent / problem.ops_per_output


def product_bits(problem: Problem) -> int:
    """Return the width of what the vector unit multiplies: what is read, or sums of it that are divided."""
    return problem.needed_bits if problem.mix.divides_sums else problem.activation_bits


def divided_bits(problem: Problem) -> int:
    """Return the width of sums of which a layer makes means, 0 where it makes none."""
    if problem.means:
        return problem.divider_bits
    return problem.needed_bits if problem.mix.divides_sums else 0


def rounding(tech: Tech, quantity: Quantity, bits: int, quotient_bits: int, *, by_shift: bool = False) -> float:
    """Return a quantity of what makes a mean of a product: an addition that rounds, and a shift to so many bits.

    A product is twice as wide as the sum; a sum that is divided by a power of two is itself shifted.
    """
    wide = bits if by_shift else 2 * bits
    levels = max(wide - quotient_bits, 0).bit_length()
    chosen = sum(min(quotient_bits + (1 << level) - 1, wide) for level in range(levels))
    return arithmetic(tech, "add", quantity, wide) + chosen * structure(tech, "multiplexer", quantity)


def dividing(tech: Tech, quantity: Quantity, bits: int, quotient_bits: int) -> float:
    """Return a quantity of what divides a sum of so many bits by any number: a product with the inverse, rounded."""
    return arithmetic(tech, "mult", quantity, bits, bits) + rounding(tech, quantity, bits, quotient_bits)


def means_pj(problem: Problem, made: float, tech: Tech) -> float:
    """Return the energy of the means in a layer that makes so many results, but for products that are operations."""
    divided, bits = divided_bits(problem), problem.output_bits
    if not divided:
        return 0.0
    products = constant_mults(problem)
    many = problem.batch * problem.means * problem.n * math.prod(problem.out[1:]) if problem.means else made
    by_shift = not (products or problem.mix.products)
    rounded = many * rounding(tech, "energy_pj", divided, bits, by_shift=by_shift)
    return rounded + products * arithmetic(tech, "mult", "energy_pj", divided, divided)


def operand_pj(problem: Problem, arch: Accelerator) -> float:
    """Return the energy of an operand of a lane but for its operation: it waits as long as products, and is kept."""
    wide, bits = problem.accumulator_bits, problem.activation_bits
    held = (arch.product_stages + 1) * bits + wide
    chosen = LANE_SELECTORS * wide + ELEMENT_SELECTORS * bits
    return arithmetic(arch.tech, "register", "energy_pj", held) + chosen * structure(
        arch.tech, "multiplexer", "energy_pj"
    )


def made_pj(problem: Problem, arch: Accelerator) -> float:
    """Return the energy of a sum or result that leaves a lane: it is packed into a word, merged and finished."""
    wide, bits = problem.accumulator_bits, problem.output_bits
    many = min(arch.vector_lanes, picked(arch, wide))
    packed = _packing(arch, wide) / many * structure(arch.tech, "multiplexer", "energy_pj")
    return packed + merging(arch.tech, "energy_pj", wide, bits) + finishing(arch.tech, "energy_pj", wide)


def merging(tech: Tech, quantity: Quantity, wide: int, bits: int) -> float:
    """Return a quantity of what takes the larger of a result and a partial sum, or both, and then a mean or not."""
    selected = MERGING_SELECTORS * wide * structure(tech, "multiplexer", quantity)
    return arithmetic(tech, "add", quantity, bits) + selected


def vector_flip_flops(problems: Sequence[Problem], arch: Accelerator) -> int:
    """Return the flip-flops that are clocked while lanes work: operands that wait, and sums, of one bank."""
    wide = max(one.accumulator_bits for one in problems)
    bits = max(one.activation_bits for one in problems)
    summed = max((divided_bits(one) for one in problems if one.means), default=0)
    return _waiting(arch, bits) + arch.vector_lanes * (wide + summed)


def _waiting(arch: Accelerator, bits: int) -> int:
    """Return the flip-flops in which operands wait as long as products, with what is said of them."""
    return (arch.product_stages + 1) * (arch.vector_lanes * bits + BESIDE) + BESIDE


def _packing(arch: Accelerator, wide: int) -> int:
    """Return the selectors that put what lanes made into a word, from any lane on, or what the collector picked."""
    lanes = arch.vector_lanes
    many = min(lanes, picked(arch, wide))
    chosen = [min(many + (1 << level) - 1, lanes - (1 << level)) for level in range((lanes - 1).bit_length())]
    return wide * (many + sum(chosen))


@kept(1024)
def _groups(tech: Tech, quantity: Quantity) -> float:
    """Return a quantity of what finds the operands and words of groups, one behind the other."""
    held = GROUPS_HELD * arithmetic(tech, "register", quantity, 1)
    added = GROUPS_ADDED * arithmetic(tech, "add", quantity, ADDRESS_BITS)
    selected = GROUPS_SELECTED * ADDRESS_BITS * structure(tech, "multiplexer", quantity)
    return held + added + selected + counting(tech, quantity, GROUPS_COUNTED, held=False)


def vector_unit(arch: Accelerator, problems: Collection[Problem], quantity: Quantity) -> float:
    """Return the area or the leakage of the vector unit: lanes with what any layer uses, and what all share."""
    tech, lanes = arch.tech, arch.vector_lanes
    vectors = [one for one in problems if one.structure == "vector"]
    wide = max((one.accumulator_bits for one in problems), default=arch.precision.accumulator_bits)
    bits = max((one.activation_bits for one in vectors), default=arch.precision.activation_bits)
    shared = _waiting(arch, bits) * arithmetic(tech, "register", quantity, 1)
    shared += _packing(arch, wide) * structure(tech, "multiplexer", quantity) + _groups(tech, quantity)
    if arch.buffers.can_fuse:
        # Layers of a fused group have a pipeline as deep as its transforms.
        shared += (lanes * bits + BESIDE) * registers(tech, quantity, depths_of(problems).both)
    leaving = min(lanes, picked(arch, wide)) * _leaving(vectors, tech, quantity, wide, bits)
    return shared + leaving + lanes * lane(problems, tech, quantity, wide, bits)


def lane(problems: Collection[Problem], tech: Tech, quantity: Quantity, wide: int, bits: int) -> float:
    """Return the area or leakage of a lane: an accumulator of ``wide`` bits, and what else any layer uses."""
    multiplexer = structure(tech, "multiplexer", quantity)
    made = arithmetic(tech, "add", quantity, wide) + arithmetic(tech, "add", quantity, bits)
    made += BANKS * arithmetic(tech, "register", quantity, wide)
    made += (LANE_SELECTORS * wide + ELEMENT_SELECTORS * bits) * multiplexer
    if summed := max((divided_bits(one) for one in problems if one.means), default=0):
        # TRG: a sum of all frames, and a difference of two.
        made += arithmetic(tech, "register", quantity, summed) + arithmetic(tech, "add", quantity, summed)
        made += arithmetic(tech, "add", quantity, bits + 1) + TRG_SELECTORS * summed * multiplexer
    multiplying = [one for one in problems if one.mix.products > one.mix.divides_sums]
    if multiplied := [product_bits(one) * (2 if one.mix.inverses else 1) for one in multiplying]:
        made += arithmetic(tech, "mult", quantity, max(multiplied), max(multiplied))
    if looking_up := [one.output_bits for one in problems if one.mix.lookups or one.mix.inverses]:
        one = table(tech, max(looking_up))
        made += one.area_um2 if quantity == "area_um2" else one.leakage_uw
    return made


def _leaving(problems: Collection[Problem], tech: Tech, quantity: Quantity, wide: int, bits: int) -> float:
    """Return the area or leakage of what a result of a lane passes but for what all results do."""
    made, dividing_all = merging(tech, quantity, wide, bits), [one for one in problems if divided_bits(one)]
    if divided := max(map(divided_bits, dividing_all), default=0):
        by_shift = not any(constant_mults(one) or one.mix.products for one in dividing_all)
        made += (
            rounding(tech, quantity, divided, bits, by_shift=True)
            if by_shift
            else dividing(tech, quantity, divided, bits)
        )
    return made
