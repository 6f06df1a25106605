"""One memory in place of three buffers: its banks as macros of CACTI 7, and the network between banks and ports.

Four ask a bank: who reads inputs, who reads weights, the port of outputs, and DMA. What is counted of the network:

* every bank chooses its address among the four, and a word to write of two, DMA's or the drain's;
* each of the four words that are read, inputs, weights, outputs and those that leave by DMA, is chosen among all banks;
* a word goes half a side of the memory, a square, between port and bank.

Choosing is a tree of multiplexers of two (``data/structures_45nm.csv``): in a tree all bits of all nodes take area and
leak, and those on the way of a word take energy. What it adds to an access in time is not modelled.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lw3dsim.base.values import replace
from lw3dsim.describe.buffers import STREAM_BUFFERS
from lw3dsim.technology.structures import structure, wire_pj_per_bit_mm

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lw3dsim.describe.accelerator import Tech
    from lw3dsim.describe.buffers import Buffers
    from lw3dsim.technology.sram import Sram

ASKERS, WRITERS, READ_WORDS = 4, 2, 4

UM2_PER_MM2, UW_PER_MW = 1e6, 1e3


def network_multiplexers(buffers: Buffers) -> int:
    """Return the multiplexers of two, by bit, between the ports of a shared memory and its banks."""
    banks, word = buffers.shared_banks, 8 * buffers.shared_port_bytes
    address = (buffers.bank_kib * 1024 // buffers.shared_port_bytes - 1).bit_length()
    of_bank = (ASKERS - 1) * address + (WRITERS - 1) * word
    return banks * of_bank + READ_WORDS * (banks - 1) * word


def shared_buffers(buffers: Buffers, banks: Sram, tech: Tech) -> Mapping[str, Sram]:
    """Return a shared memory as three buffers, given its ``banks`` together.

    A byte at a port of any pays for its way through the network. Area and leakage, the network's included, are those of
    all: a third counts for each.
    """
    through = network_multiplexers(buffers)
    side_mm = math.sqrt(banks.area_mm2) / 2
    way = 8 * side_mm * wire_pj_per_bit_mm(tech)
    node = 8 * structure(tech, "multiplexer", "energy_pj")
    area = banks.area_mm2 + through * structure(tech, "multiplexer", "area_um2") / UM2_PER_MM2
    leakage = banks.leakage_mw + through * structure(tech, "multiplexer", "leakage_uw") / UW_PER_MW
    one = replace(
        banks,
        read_pj_per_byte=banks.read_pj_per_byte + way + math.ceil(math.log2(buffers.shared_banks)) * node,
        write_pj_per_byte=banks.write_pj_per_byte + way + node,
        area_mm2=area / len(STREAM_BUFFERS),
        leakage_mw=leakage / len(STREAM_BUFFERS),
        source=f"a third of {banks.source}, shared, with the network of {buffers.shared_banks} banks",
    )
    return dict.fromkeys(STREAM_BUFFERS, one)
