"""What a core has besides its transforms to run fast algorithms: their stages, and what chooses operands of tiles.

All is counted in its Verilog; docs/energy.md lists the counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.machine.near import far_words, groups_of, patch_words, word_bits
from lw3dsim.technology.arithmetic import arithmetic
from lw3dsim.technology.structures import structure

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from lw3dsim.describe.accelerator import Accelerator, Tech
    from lw3dsim.machine.problem import Problem
    from lw3dsim.technology.arithmetic import Quantity
    from lw3dsim.transform.algorithms import Algorithm

# Bits that wait beside words of weights, and that say what rows work on, of which weights.
WORD_TAG, ROWS_SAID = 34, 99

# A place in a staged patch.
PLACE_BITS = 16


class Depths(NamedTuple):
    """The registers that transforms of inputs, of outputs, and both together may take, but for none."""

    inner: frozenset[int]
    outer: frozenset[int]

    @property
    def most(self) -> int:
        """Registers of the deepest of both."""
        return max(self.inner, default=0) + max(self.outer, default=0)

    @property
    def both(self) -> frozenset[int]:
        """What they may take together: a group takes the deepest of each."""
        inner, outer = self.inner | {0}, self.outer | {0}
        return frozenset(one + other for one in inner for other in outer) - {0}

    def beside(self, tech: Tech, quantity: Quantity) -> float:
        """Return a quantity of a bit that goes beside input transforms, then beside output transforms."""
        return registers(tech, quantity, self.inner) + registers(tech, quantity, self.outer)


def depths_of(problems: Collection[Problem]) -> Depths:
    """Return the registers of the transforms of a core for these problems."""
    fast = {one.algorithm for one in problems if one.algorithm.is_winograd}
    inner, outer = (frozenset(one.stages(matrix) for one in fast) for matrix in ("BT", "AT"))
    return Depths(inner - {0}, outer - {0})


def registers(tech: Tech, quantity: Quantity, depths: Collection[int]) -> float:
    """Return a quantity of a bit that passes as many registers as one of ``depths`` says, or none."""
    held = max(depths, default=0) * arithmetic(tech, "register", quantity, 1)
    return held + len(depths) * structure(tech, "multiplexer", quantity)


def input_stages(arch: Accelerator, depths: Depths, data_bits: int, quantity: Quantity, *, own_inputs: bool) -> float:
    """Return a quantity of the stages of input transforms: operands, and words of weights that wait as long."""
    held = (arch.multipliers if own_inputs else arch.input_lanes) * data_bits
    held += 8 * arch.buffers.weight_port_bytes + WORD_TAG + ROWS_SAID
    return held * registers(arch.tech, quantity, depths.inner)


def column_coordinates(arch: Accelerator, algorithm: Algorithm) -> int:
    """Return the coordinates of the tiles that a column works on, of all parts of one."""
    each = algorithm.coordinates
    return max(arch.pe.mults_per_pe // each, 1) * each


def columns(arch: Accelerator, *, own_inputs: bool) -> int:
    """Return how many columns take inputs of their own: each has input transforms for its tiles."""
    mults = arch.multipliers if own_inputs else arch.input_lanes
    return mults // arch.pe.mults_per_pe


def tile_choices(
    arch: Accelerator, problems: Sequence[Problem], weight_bits: int, quantity: Quantity, *, own_inputs: bool
) -> float:
    """Return a quantity of what chooses operands of tiles of a core for several algorithms and direct layers.

    Of the words near all lanes groups choose some of their own; each of their elements lies at a
    distance from its lane's first. For every algorithm there is a selector of an element's group and of a multiplier's
    weight.
    """
    algorithms = dict.fromkeys(one.algorithm for one in problems)
    tech, bits, many = arch.tech, arch.precision.activation_bits, len(algorithms)
    groups = groups_of(arch, algorithms, own_inputs=own_inputs)
    places = max(arch.pe.mults_per_pe, *(column_coordinates(arch, one) for one in algorithms))
    multiplexer = structure(tech, "multiplexer", quantity)
    far, words = far_words(arch, problems, own_inputs=own_inputs), patch_words(arch)
    near = (words - far + groups.many * max(far - groups.reach, 0)) * word_bits(arch)
    found = (
        groups.many
        * groups.size
        * (arithmetic(tech, "add", quantity, PLACE_BITS) + 2 * many * PLACE_BITS * multiplexer)
    )
    moved = columns(arch, own_inputs=own_inputs) * places * many * bits
    weights = arch.multipliers // arch.places("tiles") * many * weight_bits
    return found + (near + moved + weights) * multiplexer
