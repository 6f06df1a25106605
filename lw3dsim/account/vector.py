"""What the vector unit costs: an operation is an addition, a product, or a look-up in a table of its lane."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.technology.arithmetic import arithmetic
from lw3dsim.technology.tables import table

if TYPE_CHECKING:
    from collections.abc import Collection

    from lw3dsim.describe.accelerator import Accelerator, Tech
    from lw3dsim.machine.problem import Problem
    from lw3dsim.technology.arithmetic import Quantity

# An inverse, or an inverse root: a look-up, and a step of Newton's method: products, and an addition.
NEWTON_PRODUCTS = 3


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


def lane(arch: Accelerator, problems: Collection[Problem], quantity: Quantity) -> float:
    """Return the area or the leakage of a lane: an adder, and a multiplier and a table where any layer uses them."""
    wide = max((p.accumulator_bits for p in problems), default=arch.precision.accumulator_bits)
    made = arithmetic(arch.tech, "add", quantity, wide)
    if multiplying := [product_bits(p) * (2 if p.mix.inverses else 1) for p in problems if p.mix.products]:
        made += arithmetic(arch.tech, "mult", quantity, max(multiplying), max(multiplying))
    if looking_up := [p.output_bits for p in problems if p.mix.lookups or p.mix.inverses]:
        one = table(arch.tech, max(looking_up))
        made += one.area_um2 if quantity == "area_um2" else one.leakage_uw
    return made
