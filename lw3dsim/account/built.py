"""What a core has besides what its accelerator file lists, counted in its Verilog: addresses, collector, control.

A *counter* of so many bits is their flip-flops, an addition, a comparison, taken as half an addition, and a selector of
the next value. All is priced by the rows of ``technology``; docs/energy.md lists the counts.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lw3dsim.base.caches import kept
from lw3dsim.technology.arithmetic import arithmetic
from lw3dsim.technology.structures import clock_pj, structure

if TYPE_CHECKING:
    from lw3dsim.account.transforming import Depths
    from lw3dsim.describe.accelerator import Accelerator, Tech
    from lw3dsim.machine.problem import Problem
    from lw3dsim.technology.arithmetic import Quantity

# An addition and a comparison.
COUNTER_ADDITIONS = 1.5

# Bits of three descriptors of waves (next, fed, draining), and of groups in the next; of the counters of loader, feed,
# drain and controller; products of 16 bits for the places of taps and kernels and for the tiles of a round and a drain.
CONTROL_HELD, CONTROL_COUNTED, CONTROL_PRODUCTS = 2700, 860, 7
# Bits that travel beside the data from drain to accumulators and output buffer; additions of 16 bits in a cycle.
CONTROL_BESIDE, CONTROL_ADDITIONS, CONTROL_BITS = 250, 12, 16

# Where a lane finds its tile: two counters, three places with their steps, and the sum of these with that of the tap.
ADDRESS_BITS, ADDRESS_COUNTERS, ADDRESS_STEPS = 16, 2, 3

# The tile of a lane along T, H and W, and the outputs up to it.
KEPT_COUNTERS = 4

# Words in which a partial sum may be wanted.
PICKED_PARTIAL = 2

# A result is added to a partial sum, then to a bias, and rounded.
FINISHING_ADDITIONS = 3


def counting(tech: Tech, quantity: Quantity, bits: int, *, held: bool = True) -> float:
    """Return a quantity of counters of so many bits in all; without flip-flops where they are ``held`` elsewhere."""
    made = COUNTER_ADDITIONS * arithmetic(tech, "add", quantity, CONTROL_BITS) * bits / CONTROL_BITS
    made += bits * structure(tech, "multiplexer", quantity)
    return made + bits * arithmetic(tech, "register", quantity, 1) if held else made


def control_flip_flops(arch: Accelerator) -> int:
    """Return the flip-flops of the controller that are clocked in every cycle: descriptors are but once a wave."""
    return CONTROL_COUNTED + CONTROL_BESIDE * max(arch.pe.pipeline_stages - 1, 0)


def control(arch: Accelerator, quantity: Quantity, depths: Depths) -> float:
    """Return the area or the leakage of the controller, with what goes beside transforms so deep."""
    held = CONTROL_HELD + control_flip_flops(arch)
    return (
        held * arithmetic(arch.tech, "register", quantity, 1)
        + counting(arch.tech, quantity, CONTROL_COUNTED, held=False)
        + CONTROL_PRODUCTS * arithmetic(arch.tech, "mult", quantity, CONTROL_BITS, CONTROL_BITS)
        + CONTROL_BESIDE * depths.beside(arch.tech, quantity)
    )


def control_pj(arch: Accelerator) -> float:
    """Return the pJ of the controller in a cycle."""
    added = CONTROL_ADDITIONS * arithmetic(arch.tech, "add", "energy_pj", CONTROL_BITS)
    return control_flip_flops(arch) * clock_pj(arch.tech) + added


def addresses(tech: Tech, quantity: Quantity) -> float:
    """Return a quantity of what says where a lane finds its inputs, in every cycle."""
    add = arithmetic(tech, "add", quantity, ADDRESS_BITS)
    select = ADDRESS_BITS * structure(tech, "multiplexer", quantity)
    counters = counting(tech, quantity, ADDRESS_COUNTERS * ADDRESS_BITS, held=False)
    return counters + ADDRESS_STEPS * (2 * add + select)


def tree_adders(arch: Accelerator, product_bits: int) -> dict[int, int]:
    """Return the adders of trees by their width: over the multipliers of each PE, and across PEs where these add up.

    A node of a tree is a bit wider than those below it.
    """
    pes, mults = arch.multipliers // arch.pe.mults_per_pe, arch.pe.mults_per_pe
    found: dict[int, int] = {}
    nodes, bits = mults, product_bits
    while nodes > 1:
        bits += 1
        found[bits] = pes * (nodes // 2)
        nodes -= nodes // 2
    across = arch.multipliers - arch.multipliers // arch.places("input_channels")
    if across:
        found[product_bits] = across
    return found


def picked(arch: Accelerator, sum_bits: int) -> int:
    """Return the outputs of which a word of the output buffer has a part, at most: results, or partial sums."""
    word = 8 * arch.buffers.ofmap_port_bytes
    return max(word // arch.precision.activation_bits, -(-word // sum_bits) + 1)


def collector(arch: Accelerator, places: int, sum_bits: int, quantity: Quantity) -> float:
    """Return the area or the leakage of what makes words of sums; for every lane the outputs of its tile are counted.

    ``places`` are the sums of a PE at a depth.
    """
    tech = arch.tech
    kept = counting(tech, quantity, KEPT_COUNTERS * _tile_bits(arch), held=False)
    # Partial sums of a depth wait; the last of them may be added as they come.
    waits = arithmetic(tech, "register", quantity, 1) + structure(tech, "multiplexer", quantity)
    return (
        picked(arch, sum_bits) * collecting(arch, places, sum_bits, quantity)
        + arch.places("tiles") * arch.pe.mults_per_pe * kept
        + depth_sums(arch, places) * sum_bits * waits
    )


def depth_sums(arch: Accelerator, places: int) -> int:
    """Return the sums of all PEs at a depth, of so many ``places`` each."""
    return arch.multipliers // arch.pe.mults_per_pe // arch.places("input_channels") * places


def collecting(arch: Accelerator, places: int, sum_bits: int, quantity: Quantity) -> float:
    """Return a quantity of an output of a word: it is found, picked out of the sums of a depth, and finished.

    Of partial sums each is picked by an output of a word of sums, and by one of a word of results.
    """
    many, rows, sums = picked(arch, sum_bits), arch.places("output_channels"), depth_sums(arch, places)
    chosen = (chosen_sums(rows, sums // rows, many) + PICKED_PARTIAL * sums) / many * sum_bits / 8
    begun = (rows - 1).bit_length() * sum_bits * structure(arch.tech, "multiplexer", quantity)
    return (
        chosen * structure(arch.tech, "selector", quantity)
        + begun
        + counting(arch.tech, quantity, _walk_bits(arch, places) + many.bit_length(), held=False)
        + finishing(arch.tech, quantity, sum_bits)
    )


def chosen_sums(rows: int, files: int, many: int) -> int:
    """Return the sums among which a word of so ``many`` outputs is chosen, if each were chosen by itself.

    Row r takes those of the positions of which a word has a part where r + 1 rows work, one out of all its ``files``;
    then each output is what it is for any number of rows that work, as if it began with the first of them.
    """
    of_rows = sum((many - 1) // (row + 1) + 1 for row in range(rows))
    return of_rows * files + (many + rows - 1) * rows


def finishing(tech: Tech, quantity: Quantity, sum_bits: int) -> float:
    """Return a quantity of what makes a result of a sum: additions, and a shifter by any number of bits."""
    levels = (sum_bits - 1).bit_length()
    shifter = levels * sum_bits * structure(tech, "multiplexer", quantity)
    return FINISHING_ADDITIONS * arithmetic(tech, "add", quantity, sum_bits) + shifter


def output_pj(arch: Accelerator, problem: Problem) -> float:
    """Return the pJ of an output that leaves the accumulators, but for the addition that the vector unit counts."""
    return _output_pj(arch, tile_places(arch, problem), problem.accumulator_bits)


@kept(4096)
def _output_pj(arch: Accelerator, places: int, bits: int) -> float:
    once = arithmetic(arch.tech, "add", "energy_pj", bits)
    return collecting(arch, places, bits, "energy_pj") - once


def tile_places(arch: Accelerator, problem: Problem) -> int:
    """Return the sums that a PE has at a depth: one of each multiplier, or those of a tile that is taken in parts."""
    return max(arch.pe.mults_per_pe, math.prod(problem.algorithm.tile))


def _tile_bits(arch: Accelerator) -> int:
    lanes = arch.places("tiles") * arch.pe.mults_per_pe
    return lanes.bit_length() + (arch.pe.acc_depth - 1).bit_length()


def _walk_bits(arch: Accelerator, places: int) -> int:
    """Return the bits that say of an output which it is.

    Its row; its place in a tile along T, H and W and its lane; its file and that which a line, a plane, a tile and a
    column begin with; its tile along T, H and W. Besides, its position is counted.
    """
    rows, files = arch.places("output_channels"), arch.places("tiles") * places
    return rows.bit_length() + 4 * places.bit_length() + 5 * files.bit_length() + 3 * _tile_bits(arch)
