"""What a core has to fuse layers, counted in its Verilog: what finds and places words of intermediate tensors.

Only accelerators that can fuse have it. All is priced by the rows of ``technology``; docs/energy.md lists the counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.account.built import counting
from lw3dsim.account.transforming import registers
from lw3dsim.base.caches import kept
from lw3dsim.technology.arithmetic import arithmetic
from lw3dsim.technology.structures import structure

if TYPE_CHECKING:
    from lw3dsim.account.transforming import Depths
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.technology.arithmetic import Quantity

# Of rounds that lie in rings, and of a sum's other operand: bits of the next descriptor and of the one that is fed;
# flip-flops, additions and selectors, of 32 bits, of the counters that find them.
RINGS_HELD = 522
RINGS_COUNTED, RINGS_ADDITIONS, RINGS_CHOICES, RINGS_BITS = 384, 19, 30, 32

# An element of an output buffer of 256 KiB and bytes; positions of a tile along an axis, and channels.
PLACE_BITS, COUNT_BITS = 18, 10

# Of where results go a descriptor has a tag and a mode, counts along axes and channels, and steps as wide as a place.
# It is held next, fed and draining, and in each stage behind the drain, which is clocked once a wave.
KEPT_TAG, KEPT_COUNTS, KEPT_STEPS, KEPT_HELD = 21, 10, 23, 3

# A result is counted in its row, its tile along three axes, its block of channels and its ring; its place has
# additions and selectors. What the next word begins with, and the next run, is held.
RESULT_COUNTERS, RESULT_ADDITIONS, RESULT_CHOICES = 6, 5.5, 20
WORD_COUNTS, WORD_PLACES = 11, 15

# A tag of an element that is read says whether it is of a tile.
TAG_BITS = 16


def fusing(arch: Accelerator, quantity: Quantity, depths: Depths) -> float:
    """Return the area or the leakage of what an accelerator has to fuse layers, but for `chosen`; 0 where it can't.

    Where results go is said as much later as transforms are deep.
    """
    if not arch.buffers.can_fuse:
        return 0.0
    tech = arch.tech
    held = RINGS_HELD + RINGS_COUNTED + WORD_COUNTS * COUNT_BITS + WORD_PLACES * PLACE_BITS
    kept_bits = KEPT_TAG + KEPT_COUNTS * COUNT_BITS + KEPT_STEPS * PLACE_BITS
    held += (KEPT_HELD + max(arch.pe.pipeline_stages - 1, 0)) * kept_bits
    rings = RINGS_ADDITIONS * arithmetic(tech, "add", quantity, RINGS_BITS)
    rings += RINGS_CHOICES * RINGS_BITS * structure(tech, "multiplexer", quantity)
    later = kept_bits * registers(tech, quantity, depths.both)
    held_all = held * arithmetic(tech, "register", quantity, 1)
    return held_all + later + rings + placing(arch, quantity) + finding(arch, quantity)


def placing(arch: Accelerator, quantity: Quantity) -> float:
    """Return a quantity of what says where the results of a word go, and turns them there."""
    tech = arch.tech
    each = counting(tech, quantity, RESULT_COUNTERS * COUNT_BITS, held=False)
    each += RESULT_ADDITIONS * arithmetic(tech, "add", quantity, PLACE_BITS)
    each += RESULT_CHOICES * PLACE_BITS * structure(tech, "multiplexer", quantity)
    return _results(arch) * each + turning(arch, quantity)


def finding(arch: Accelerator, quantity: Quantity) -> float:
    """Return a quantity of what reads a word from any element on, without what lies beyond a tile."""
    tech, bits = arch.tech, arch.precision.activation_bits
    checked = arithmetic(tech, "add", quantity, TAG_BITS) / 2 + bits * structure(tech, "multiplexer", quantity)
    return _results(arch) * checked + turning(arch, quantity)


def chosen(arch: Accelerator, quantity: Quantity) -> float:
    """Return a quantity of what chooses, in front of the staging registers, the buffer that a word comes from."""
    bits = 8 * max(arch.buffers.ifmap_port_bytes, arch.buffers.ofmap_port_bytes)
    return bits * structure(arch.tech, "multiplexer", quantity) if arch.buffers.can_fuse else 0.0


@kept(1024)
def kept_word_pj(arch: Accelerator) -> tuple[float, float]:
    """Return the pJ of finding a word of an intermediate tensor that is read, and of placing one that is written."""
    return finding(arch, "energy_pj") + chosen(arch, "energy_pj"), placing(arch, "energy_pj")


def _results(arch: Accelerator) -> int:
    """Return the results of a word of the output buffer."""
    return 8 * arch.buffers.ofmap_port_bytes // arch.precision.activation_bits


def turning(arch: Accelerator, quantity: Quantity) -> float:
    """Return a quantity of a rotator of a word, by any number of elements."""
    levels = max(_results(arch) - 1, 0).bit_length()
    return levels * 8 * arch.buffers.ofmap_port_bytes * structure(arch.tech, "multiplexer", quantity)
