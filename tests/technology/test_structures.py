"""Are banks of accumulators built as asked, or of the smallest that meets the clock; are areas of one synthesis?"""

from __future__ import annotations

import itertools

import pytest

from lw3dsim import load_arch
from lw3dsim.account.energy import COMPONENTS, energy_range_pj
from lw3dsim.errors import InputError
from lw3dsim.technology.arithmetic import arithmetic
from lw3dsim.technology.scaling import read_table
from lw3dsim.technology.structures import accumulator_file

V2 = (0.9 / 1.1) ** 2


def bank(*overrides, bits=32):
    return accumulator_file(load_arch("edge_base", overrides=list(overrides)), bits)


def test_registers_of_a_bank_cost_all_of_its_words():
    # Of 32 bits and 16 words: 2.97 pJ of flip-flops by simulation at 1.1 V, 5.85 of 32 words; 6.4 um2 a bit.
    at = {depth: bank("pe.accumulator_storage=flipflop", f"pe.acc_depth={depth}") for depth in (16, 32)}
    assert at[16].access_pj == pytest.approx(2.974 * V2, rel=0.02)
    assert at[32].access_pj == pytest.approx(5.854 * V2, rel=0.04)
    assert at[16].area_um2 == pytest.approx(3221.8 / 0.75, rel=0.02)
    assert at[16].leakage_uw == pytest.approx(59.6, rel=0.01)
    latch = bank("pe.accumulator_storage=latch")
    assert latch.access_pj == pytest.approx(2.941 * V2, rel=0.05)
    assert latch.area_um2 == pytest.approx(2495.1 / 0.75, rel=0.04)


def test_a_small_sram_is_corrected_by_compiled_macros():
    # CACTI: 64 x 32 in 45 nm, a read 0.7602 and a write 1.33 pJ, 0.002207 mm2.
    found = bank("pe.accumulator_storage=sram", "pe.acc_depth=64")
    assert found.access_pj == pytest.approx(2.5 * (0.7602 + 1.33))
    assert found.area_um2 == pytest.approx(2.3 * 2207)
    # 40 words take the macro of 64.
    assert bank("pe.accumulator_storage=sram", "pe.acc_depth=40") == found


def test_the_smallest_that_meets_the_clock_is_taken():
    assert [bank(f"pe.acc_depth={depth}").storage for depth in (4, 16, 19, 20, 512)] == [
        "latch", "latch", "latch", "sram", "sram",
    ]  # fmt: skip
    # An SRAM of 32 words answers after 0.63 ns.
    assert bank("pe.acc_depth=32", "clock_mhz=2000").storage == "latch"
    for depth, other in itertools.pairwise((1, 2, 8, 16, 19, 20, 31, 32, 64, 256, 512, 1024)):
        assert bank(f"pe.acc_depth={depth}").area_um2 <= bank(f"pe.acc_depth={other}").area_um2


@pytest.mark.parametrize("overrides", [("pe.acc_depth=64", "clock_mhz=2000"), ("pe.acc_depth=1024",)])
def test_an_sram_that_there_is_not_is_refused_in_a_sentence(overrides):
    with pytest.raises(InputError, match=r"pe\.accumulator_storage: no SRAM of \d+ words x 32 bits meets \d+ ps"):
        bank("pe.accumulator_storage=sram", *overrides)


def test_areas_are_of_one_synthesis_within_what_its_laws_leave():
    tech = load_arch("edge_base").tech
    for other, ratio in (((16, 16), 4.138), ((12, 13), 2.461), ((15, 18), 4.349)):
        found = arithmetic(tech, "mult", "area_um2", *other) / arithmetic(tech, "mult", "area_um2", 8, 8)
        assert found == pytest.approx(ratio, rel=0.04)
    assert arithmetic(tech, "mult", "area_um2", 8, 8) == arithmetic(
        load_arch("edge_base", overrides=["tech.arithmetic=aladdin"]).tech, "mult", "area_um2", 8, 8
    )


def test_every_component_has_a_range_around_its_nominal_energy():
    for name in COMPONENTS:
        low, high = energy_range_pj({name: 10.0})
        assert low <= 10.0 <= high
    assert energy_range_pj({"clock": 10.0, "dram_read": 5.0}) == (pytest.approx(12.0), pytest.approx(18.2))
    assert all(row["source"] for name in ("structures_45nm.csv", "energy_range.csv") for row in read_table(name))
