"""How many words a core stages of inputs and weights, and in how many of them lanes find their inputs at one time.

A set holds the words of a patch, in registers. Where lanes find inputs at one time lies in a few of them, neighbours
that all lanes share. A row of PEs holds the words in which its weights lie.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lw3dsim.describe.accelerator import Accelerator

BYTE = 8


def power_of_two(number: int) -> int:
    """Return the power of two that is no less than ``number``."""
    return 1 << (number - 1).bit_length()


def patch_words(arch: Accelerator) -> int:
    """Return the words of a set of staged inputs."""
    bits = arch.input_lanes * arch.staging_room * arch.precision.activation_bits
    return -(-bits // (BYTE * arch.buffers.ifmap_port_bytes))


def reach_words(arch: Accelerator, *, own_inputs: bool) -> int:
    """Return the words in which lanes find inputs at one time: those of lanes side by side, and two where rows end.

    Where rows of PEs read inputs of their own, those of all rows lie side by side. A power of two.
    """
    beside = arch.input_lanes * (arch.places("output_channels") if own_inputs else 1)
    filled = -(-beside * arch.precision.activation_bits // (BYTE * arch.buffers.ifmap_port_bytes))
    return power_of_two(filled + 2)


def kernel_words(arch: Accelerator, weight_bits: int) -> int:
    """Return the words of a set of staged weights of a row of PEs: they begin and end anywhere in a word."""
    bits = arch.pe.mults_per_pe * arch.staging_weights * weight_bits
    return -(-bits // (BYTE * arch.buffers.weight_port_bytes)) + 1
