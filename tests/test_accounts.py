"""Does every unit energy have a source, and do the interpolation rules pass through the published points?"""

from __future__ import annotations

import pytest

from lw3dsim import load_arch
from lw3dsim.account.energy import buffers
from lw3dsim.account.tables import arithmetic, arithmetic_rows, sram
from lw3dsim.describe.dram_presets import DRAM_PRESETS


def test_every_row_names_its_source():
    assert all(row["source"] for row in arithmetic_rows())
    assert all(preset.source for preset in DRAM_PRESETS.values())
    assert all(buffer.source for buffer in buffers(load_arch("edge_base")).values())


@pytest.mark.parametrize(
    ("operation", "bits", "energy_pj"),
    [("add", (8,), 0.03), ("add", (32,), 0.1), ("mult", (8, 8), 0.2), ("mult", (32, 32), 3.1)],
)
def test_arithmetic_passes_through_horowitz(operation, bits, energy_pj):
    assert arithmetic(operation, "energy_pj", *bits) == pytest.approx(energy_pj)


def test_wider_operands_never_cost_less():
    for operation in ("add", "register"):
        energies = [arithmetic(operation, "energy_pj", bits) for bits in range(2, 65)]
        assert energies == sorted(energies)
    energies = [arithmetic("mult", "energy_pj", 8, bits) for bits in range(2, 65)]
    assert energies == sorted(energies)


def test_sram_passes_through_cacti_and_grows_with_size():
    # CACTI 7, itrs-lstp, 45 nm, 64 KiB x 256 bit.
    assert sram(64, 32, 45, "itrs-lstp").read_pj_per_byte == pytest.approx(1.6187, rel=1e-3)
    # Two such macros beside each other make a 512-bit port.
    assert sram(128, 64, 45, "itrs-lstp").area_mm2 == pytest.approx(2 * 0.19894, rel=1e-3)
    areas = [sram(kib, 64, 45, "itrs-lstp").area_mm2 for kib in (8, 16, 48, 100, 512, 2048, 5000)]
    assert areas == sorted(areas)


def test_macros_never_leave_the_table():
    tiny, smallest = sram(1, 64, 45, "itrs-lstp"), sram(8, 64, 45, "itrs-lstp")
    assert tiny.area_mm2 == smallest.area_mm2
    assert sram(4096, 64, 45, "itrs-lstp").read_pj_per_byte == sram(2048, 64, 45, "itrs-lstp").read_pj_per_byte
