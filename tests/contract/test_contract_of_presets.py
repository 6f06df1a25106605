"""Do the built-in DRAM presets keep the contract that every preset owes?"""

from __future__ import annotations

from lw3dsim.describe.dram_standards import DRAM_STANDARDS
from lw3dsim.testing import DramPresetContract


class TestPresets(DramPresetContract):
    presets = tuple(DRAM_STANDARDS)
