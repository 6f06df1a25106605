"""Do unit values have a source, pass through what was published, and follow the stated rules in between?"""

from __future__ import annotations

import itertools
import math

import msgspec
import pytest

from lw3dsim import load_arch
from lw3dsim.account.energy import COMPONENTS
from lw3dsim.account.units import dram_rows, unit_costs
from lw3dsim.describe.accelerator import Tech
from lw3dsim.describe.catalog import shipped_names
from lw3dsim.technology.arithmetic import arithmetic, arithmetic_rows
from lw3dsim.technology.sram import sram

CELLS = ("itrs-lstp", "itrs-lop", "itrs-hp")
NODES = (65, 45, 32, 22)
FAMILIES = ("horowitz", "aladdin")
HOROWITZ, ALADDIN = Tech(), Tech(arithmetic="aladdin")
SLOW_PS = 1_000_000


def techs():
    return [
        Tech(node_nm=node, sram_cell=cell, arithmetic=family)
        for node, cell, family in itertools.product(NODES, CELLS, FAMILIES)
    ]


@pytest.mark.parametrize("arch", shipped_names("arch_configs"))
def test_every_unit_cost_of_every_design_names_its_source(arch):
    design = load_arch(arch)
    for tech in techs():
        rows = unit_costs(msgspec.structs.replace(design, tech=tech))
        assert all(row.source and row.per and row.unit and row.value >= 0 for row in rows)
        memory = [row for row in rows if row.component.endswith("_sram")]
        assert all(tech.sram_cell in row.source and f"{tech.node_nm} nm" in row.source for row in memory)
        logic = [row for row in rows if row.component.startswith("multipliers") and row.unit != "um2"]
        assert all(("Horowitz" in row.source) == (tech.arithmetic == "horowitz") for row in logic)
    assert {row.component for row in dram_rows(design)} == {name for name in COMPONENTS if name.startswith("dram_")}


def test_every_row_of_the_tables_names_its_source():
    assert all(row["source"] for row in arithmetic_rows())


@pytest.mark.parametrize(
    ("operation", "bits", "energy_pj"),
    [("add", (8,), 0.03), ("add", (32,), 0.1), ("mult", (8, 8), 0.2), ("mult", (32, 32), 3.1)],
)
def test_arithmetic_passes_through_horowitz(operation, bits, energy_pj):
    assert arithmetic(HOROWITZ, operation, "energy_pj", *bits) == pytest.approx(energy_pj)


# hwcomponents-library's own output at other nodes: our 45 nm rows and the published factors must give the same.
@pytest.mark.parametrize(
    ("node_nm", "operation", "bits", "energy_pj", "leakage_uw"),
    [
        (65, "add", (8,), 0.07496, 0.8566),
        (65, "mult", (16, 16), 4.52588, 28.5544),
        (45, "mult", (8, 8), 0.91199, 5.7539),
        (32, "mult", (32, 32), 9.62101, 60.7004),
        (32, "add", (32,), 0.15934, 1.8210),
    ],
)
def test_aladdin_scales_as_published(node_nm, operation, bits, energy_pj, leakage_uw):
    tech = Tech(node_nm=node_nm, arithmetic="aladdin")
    assert arithmetic(tech, operation, "energy_pj", *bits) == pytest.approx(energy_pj, rel=1e-3)
    assert arithmetic(tech, operation, "leakage_uw", *bits) == pytest.approx(leakage_uw, rel=1e-3)


# Stillmaker & Baas 2017, table 8: energy a2 V^2 + a1 V + a0 at 0.8 V.
ENERGY = {
    65: 3.755 * 0.64 - 4.398 * 0.8 + 1.975,
    45: 1.103 * 0.64 - 0.362 * 0.8 + 0.2767,
    32: 0.9559 * 0.64 - 0.7823 * 0.8 + 0.471,
    20: 0.373 * 0.64 - 0.1582 * 0.8 + 0.04104,
}


def test_nodes_scale_by_the_published_polynomials_and_areas():
    # 22 nm lies a sixth of the way from 20 to 32 nm.
    energy = ENERGY | {22: ENERGY[20] + (ENERGY[32] - ENERGY[20]) * 2 / 12}
    areas = {65: 1.5, 45: 1.0, 32: 0.46, 22: 0.21 + (0.46 - 0.21) * 2 / 12}
    for node in NODES:
        tech = Tech(node_nm=node)
        assert arithmetic(tech, "add", "energy_pj", 32) == pytest.approx(0.1 * energy[node] / ENERGY[45])
        assert arithmetic(tech, "mult", "leakage_uw", 8, 8) == pytest.approx(5.7539 * energy[node] / ENERGY[45])
        assert arithmetic(tech, "mult", "area_um2", 32, 32) == pytest.approx(1024 * 7.391 / 0.75 * areas[node])


def test_widths_are_linear_between_those_of_the_table_and_proportional_outside():
    def add(bits):
        return 1000 * arithmetic(HOROWITZ, "add", "energy_pj", bits)

    # Horowitz: adders of 8, 16, 32 bits take 30, 50, 100 fJ.
    assert [add(bits) for bits in (4, 8, 12, 16, 20, 32, 64)] == pytest.approx([15, 30, 40, 50, 62.5, 100, 200])

    def mult(*bits):
        return arithmetic(HOROWITZ, "mult", "energy_pj", *bits)

    # Multipliers of 64 and 1024 square bits take 0.2 and 3.1 pJ.
    assert mult(4, 8) == pytest.approx(0.1)
    assert mult(16, 34) == pytest.approx(0.2 + 2.9 * (544 - 64) / 960)
    assert mult(64, 32) == pytest.approx(6.2)


def test_22_nm_lies_between_its_published_neighbours():
    # 32 and 16 nm of the same library.
    for operation, bits, below, above in (("add", (8,), 0.01049, 0.03983), ("mult", (8, 8), 0.15827, 0.60131)):
        tech = Tech(node_nm=22, arithmetic="aladdin")
        assert below < arithmetic(tech, operation, "energy_pj", *bits) < above


def test_the_families_differ_as_documented():
    assert arithmetic(ALADDIN, "mult", "energy_pj", 8, 8) == pytest.approx(4.56 * 0.2, rel=1e-3)
    assert arithmetic(ALADDIN, "add", "energy_pj", 8) == pytest.approx(2 * 0.03, rel=0.01)
    assert arithmetic(ALADDIN, "register", "energy_pj", 8) == arithmetic(HOROWITZ, "register", "energy_pj", 8)


@pytest.mark.parametrize("tech", techs(), ids=lambda t: f"{t.arithmetic}-{t.sram_cell}-{t.node_nm}")
def test_wider_operands_never_cost_less(tech):
    for quantity in ("energy_pj", "area_um2", "leakage_uw"):
        for operation in ("add", "register"):
            values = [arithmetic(tech, operation, quantity, bits) for bits in range(2, 65)]
            assert values == sorted(values)
        values = [arithmetic(tech, "mult", quantity, 8, bits) for bits in range(2, 65)]
        assert values == sorted(values)


def test_smaller_nodes_never_cost_more():
    for family, quantity in itertools.product(FAMILIES, ("energy_pj", "area_um2", "leakage_uw")):
        values = [arithmetic(Tech(node_nm=node, arithmetic=family), "mult", quantity, 8, 8) for node in NODES]
        assert values == sorted(values, reverse=True)


def test_sram_passes_through_cacti():
    # CACTI 7, itrs-lstp, 45 nm, 64 KiB x 256 bit; two such macros beside each other make a 512-bit port.
    one = sram(64, 32, 1, HOROWITZ, SLOW_PS)
    assert one.read_pj_per_byte == pytest.approx(1.6187, rel=1e-3)
    assert (one.random_cycle_ns, one.access_ns, one.macros) == (1.8932, 1.5687, 1)
    assert sram(128, 64, 1, HOROWITZ, SLOW_PS).area_mm2 == pytest.approx(2 * 0.19894, rel=1e-3)


def test_sram_is_log_linear_between_the_sizes_of_the_table():
    # 8 x sqrt(2) KiB lie half way, in logarithm, between 8 and 16: two banks of 5.657 KiB between 4 and 8.
    # CACTI 7, itrs-lstp, 45 nm, 64 bits: 4 KiB 3.3855 / 6.4536 pJ, 8 KiB 6.137 / 7.8781 pJ.
    share = math.log2(6 / 4)
    six = sram(6, 8, 1, HOROWITZ, SLOW_PS)
    assert six.read_pj_per_byte == pytest.approx(3.3855 ** (1 - share) * 6.137**share / 8)
    assert six.write_pj_per_byte == pytest.approx(6.4536 ** (1 - share) * 7.8781**share / 8)
    assert six.area_mm2 == pytest.approx(0.013503 ** (1 - share) * 0.026267**share)
    assert six.leakage_mw == pytest.approx(0.00014043 ** (1 - share) * 0.00025678**share)
    assert six.random_cycle_ns == pytest.approx(0.78077 ** (1 - share) * 0.88626**share)
    assert six.access_ns == pytest.approx(1.0179 ** (1 - share) * 1.0638**share)


def test_ports_and_clocks_decide_macros_widths_and_cycles():
    # A port of 20 bytes is 160 bits: one macro of 256 bits, whose word is read whole; of 12 bytes one of 128 bits.
    # A port of 9 bytes is wider than a macro of 64 bits.
    assert sram(8, 9, 1, HOROWITZ, SLOW_PS).source.endswith("x 128 bit")
    assert sram(8, 8, 1, HOROWITZ, SLOW_PS).source.endswith("x 64 bit")
    assert sram(8, 20, 1, HOROWITZ, SLOW_PS).read_pj_per_byte == pytest.approx(11.484 / 20)
    assert sram(8, 12, 1, HOROWITZ, SLOW_PS).write_pj_per_byte == pytest.approx(14.052 / 12)
    # 33 bytes are 264 bits: two macros of 256 beside each other, 4 KiB each.
    wide = sram(8, 33, 1, HOROWITZ, SLOW_PS)
    assert (wide.macros, wide.read_pj_per_byte) == (2, pytest.approx(2 * 10.204 / 33))
    assert wide.source.endswith("2 macro(s) of 4 KiB x 256 bit")
    # 4 KiB x 64 bits: random cycle 0.78077 ns, access 1.0179 ns, in cycles of 1.0 and 0.5 ns.
    one, two = sram(4, 8, 1, HOROWITZ, 1000), sram(4, 8, 1, HOROWITZ, 500)
    assert (one.cycles_per_access, one.access_cycles) == (1, 2)
    assert (two.cycles_per_access, two.access_cycles) == (2, 3)
    # In a cycle of 0.9 ns 256-bit macros answer in one (0.87091 ns), narrower ones in two: four are 1024 bits.
    fast = sram(16, 128, 1, HOROWITZ, 900)
    assert (fast.cycles_per_access, fast.access_cycles, fast.macros) == (1, 1, 4)
    # Two banks of two macros beside each other: 3 MiB are 768 KiB each; beyond 1 MiB there are two behind each other.
    assert sram(3072, 64, 2, HOROWITZ, SLOW_PS).macros == 4
    assert sram(6144, 64, 2, HOROWITZ, SLOW_PS).macros == 8
    assert (
        sram(6144, 64, 2, HOROWITZ, SLOW_PS).read_pj_per_byte == sram(3072, 64, 2, HOROWITZ, SLOW_PS).read_pj_per_byte
    )


def test_the_largest_macro_that_meets_the_clock_lies_on_the_line_between_two_sizes():
    # 64 KiB x 256 bits answer in 1.5687 ns, 128 KiB in 2.0175 ns: 2 ns on the line of their logarithms.
    largest = 64 * 2 ** (math.log(2 / 1.5687) / math.log(2.0175 / 1.5687))
    assert 124 < largest < 125
    assert sram(124, 32, 1, HOROWITZ, 2000).macros == 1
    assert sram(125, 32, 1, HOROWITZ, 2000).macros == 2


def test_banks_are_macros_of_their_own():
    whole, halves = sram(128, 32, 1, HOROWITZ, SLOW_PS), sram(128, 32, 2, HOROWITZ, SLOW_PS)
    half = sram(64, 32, 1, HOROWITZ, SLOW_PS)
    assert halves.read_pj_per_byte == half.read_pj_per_byte < whole.read_pj_per_byte
    assert halves.area_mm2 == 2 * half.area_mm2
    assert halves.leakage_mw == 2 * half.leakage_mw


def test_macros_never_leave_the_table():
    tiny, smallest = sram(1, 64, 1, HOROWITZ, SLOW_PS), sram(8, 64, 1, HOROWITZ, SLOW_PS)
    assert tiny.area_mm2 == smallest.area_mm2
    large, twice = sram(2048, 64, 1, HOROWITZ, SLOW_PS), sram(4096, 64, 1, HOROWITZ, SLOW_PS)
    assert twice.read_pj_per_byte == large.read_pj_per_byte
    assert twice.area_mm2 == 2 * large.area_mm2


def test_a_port_narrower_than_its_macro_pays_for_whole_words():
    assert sram(64, 4, 1, HOROWITZ, SLOW_PS).read_pj_per_byte == pytest.approx(
        2 * sram(64, 8, 1, HOROWITZ, SLOW_PS).read_pj_per_byte
    )


@pytest.mark.parametrize("tech", techs(), ids=lambda t: f"{t.arithmetic}-{t.sram_cell}-{t.node_nm}")
@pytest.mark.parametrize("cycle_ps", [250, 1000, 2000, 5000])
def test_a_larger_buffer_is_never_slower_and_keeps_to_the_clock(tech, cycle_ps):
    for port_bytes, banks in itertools.product((8, 16, 48, 64), (1, 2, 8)):
        sizes = [sram(kib, port_bytes, banks, tech, cycle_ps) for kib in (1, 8, 48, 128, 300, 1024, 4096, 65536)]
        assert len({(s.cycles_per_access, s.access_cycles) for s in sizes}) == 1
        for s in sizes:
            assert s.random_cycle_ns <= s.cycles_per_access * cycle_ps / 1000 * (1 + 1e-9)
            assert s.access_ns <= s.access_cycles * cycle_ps / 1000 * (1 + 1e-9)
        areas = [s.area_mm2 for s in sizes]
        assert areas == sorted(areas)


def test_a_bank_takes_the_largest_macro_that_meets_the_clock():
    # 256 KiB x 256 bit cycle in 3.45 ns: one macro at 200 MHz, two at 500 MHz. The smallest needs 0.87 ns.
    assert sram(256, 32, 1, HOROWITZ, 5000).macros == 1
    fast = sram(256, 32, 1, HOROWITZ, 2000)
    assert fast.macros == 3  # 128 KiB would cycle in time but answer after 2.02 ns
    assert (fast.cycles_per_access, fast.access_cycles) == (1, 1)
    assert sram(256, 32, 1, HOROWITZ, 500).cycles_per_access == 2


@pytest.mark.parametrize("cell", CELLS)
def test_a_wider_port_never_takes_more_cycles(cell):
    for node, cycle_ps in itertools.product(NODES, range(100, 2000, 50)):
        tech = Tech(node_nm=node, sram_cell=cell)
        found = [sram(64, port, 2, tech, cycle_ps) for port in (1, 8, 16, 32, 64, 100)]
        cycles = [(s.cycles_per_access, s.access_cycles) for s in found]
        assert cycles == sorted(cycles, reverse=True)
