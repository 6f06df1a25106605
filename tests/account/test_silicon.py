"""Is the energy of a chip that was measured within what docs/energy.md says?"""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from lw3dsim import simulate
from lw3dsim.account.energy import COMPONENTS

ALEXNET = Path(__file__).parents[2] / "experiments" / "silicon" / "alexnet_conv.yaml"

# Chen et al., JSSC 52(1), 2017: 278 mW at 23.1 GMAC/s, without DRAM; how near the model is to be.
MEASURED_PJ, FACTOR = 12.0, 1.5


@pytest.fixture(scope="module")
def chip_pj():
    """pJ a MAC by component, without DRAM, of the convolutions of AlexNet on a chip sized like Eyeriss."""
    record = simulate(str(ALEXNET), arch="eyeriss_like").record
    macs = sum(layer.macs for layer in record.layers)
    spent = record.energy_breakdown_pj
    return {name: getattr(spent, name) / macs for name in COMPONENTS if not name.startswith("dram_")}


def test_alexnet_takes_what_eyeriss_does_within_a_factor(chip_pj):
    total = math.fsum(chip_pj.values())
    assert MEASURED_PJ / FACTOR < total < MEASURED_PJ * FACTOR


def test_files_and_clock_take_more_than_multipliers_as_on_the_chip(chip_pj):
    # Published: multipliers and adders 3 to 9%, clock 33 to 45% and scratchpads 33 to 42% of the chip.
    assert chip_pj["accumulators"] > chip_pj["clock"] > chip_pj["multipliers"]
    assert chip_pj["multipliers"] < 0.15 * math.fsum(chip_pj.values())
