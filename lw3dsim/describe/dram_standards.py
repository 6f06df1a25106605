"""One channel of each DRAM standard: organisation, timings in clocks, currents by supply rail, interface energy.

Sources
-------
LPDDR4: timings and currents of the JEDEC 8 Gb LPDDR4-3200 x16 device, as DRAMSys (Fraunhofer IESE) ships
them; the x32 channel is two such devices. DDR4, DDR3: the speed grades and 8 Gb x16 currents that DRAMsim3
(Li et al., IEEE CAL 2020) ships, DDR3 at 1.35 V. LPDDR5: JESD209-5 timings of an 8 Gb x16 die with 4 bank
groups, BL16 at WCK:CK = 4:1, as Ramulator 2.1 resolves and later forks of its table correct them by edition C:
a read before a precharge BL/n_min + nRBTP (tables 225 and 340), a write BL/n_min + 1 + nWR (340), turns of the bus
by BL/n_max within a bank group (339, 347, 350) and by RU(tWCK2DQO / tCK) = 2, activates by their second command.
tREFIpb is an eighth of tREFI, so each of its commands refreshes two of the 16 banks, n and n + 8.

LPDDR5 currents are derived: the sheet is Micron Y52P LPDDR5X (MT62F1G32D2 family, Rev. H 03/2025, Table 18,
16 Gb die, x16, maxima, 7500 Mb/s column; read at second hand). What a burst draws above standby is scaled by
6400/7500, constant energy per bit. The sheet lists VDD1 for neither refresh nor VDDQ for standby without a
bank open: those rails are taken to draw IDD3N. A 16 Gb die at maxima: expect a real 8 Gb part to draw less.

Interface energy (``io_*``) is what the device currents leave out: the controller's PHY or the far end of the
termination, per bit moved. LPDDR4: measured in silicon, 65 nm, 4266 Mb/s (Kim et al., IEEE TCAS-II 65(12),
2018, pp. 1894-1898). The others are termination only, 0.5 V^2 / (R_driver + R_termination) per unit interval
for lines tied to one rail (POD of DDR4, LVSTL of LPDDR5: random data draws half of the time), V^2 / 4 / (R_driver
+ R_termination) for DDR3's centre-tied SSTL, as CACTI-IO models it (Jouppi et al., ICCAD 2012). A read drives
34 ohm into 40 ohm, a write 34 ohm into 120 ohm (DDR3, DDR4: the conditions of Micron's IDD tables);
LPDDR5 drives 40 ohm into 40 ohm at 0.5 V.
"""

from __future__ import annotations

from lw3dsim.base.plugins import Family
from lw3dsim.describe.allowed import checked
from lw3dsim.describe.dram_standard import DramStandard, Rail, check_sizes
from lw3dsim.errors import InputError

__all__ = ["DRAM_PRESETS", "DRAM_STANDARDS", "DramStandard", "Rail"]


def _lpddr4_3200(bus_bits: int, sustained_share: float) -> DramStandard:
    return DramStandard(
        bus_bits=bus_bits,
        device_bits=16,
        bank_groups=1,
        banks_per_group=8,
        rows=65536,
        columns=1024,
        burst_length=16,
        data_rate_mtps=3200,
        beats_per_clock=2,
        cl=28,
        cwl=14,
        trcd=29,
        trp=29,
        tras=68,
        trrd_s=16,
        trrd_l=16,
        tfaw=64,
        tccd_s=8,
        tccd_l=8,
        twtr_s=16,
        twtr_l=16,
        trtp=12,
        twr=29,
        turnaround=1,
        tppd=4,
        trfc=448,
        trefi=6246,
        trfc_pb=224,
        trefi_pb=780,
        tpbr2act=16,  # the next activate keeps tRRD
        tpbr2pbr=224,
        sustained_share=sustained_share,
        rails=(
            Rail(volts=1.8, idd0=3.5, idd2n=2.0, idd3n=2.25, idd4r=2.25, idd4w=2.25, idd5ab=10.0),
            Rail(volts=1.1, idd0=45.0, idd2n=27.0, idd3n=30.0, idd4r=275.0, idd4w=210.0, idd5ab=90.0),
            Rail(volts=1.1, idd0=0.75, idd2n=0.75, idd3n=0.75, idd4r=150.0, idd4w=55.0, idd5ab=0.75),
        ),
        io_read_pj_per_bit=1.83,
        io_write_pj_per_bit=5.68,
        io_source="controller PHY in 65 nm silicon at 4266 Mb/s: Kim et al., IEEE TCAS-II 65(12), 2018",
        source=f"JEDEC 8 Gb LPDDR4-3200 x16, {bus_bits // 16} device(s), as DRAMSys ships it; VDD1, VDD2, VDDQ",
    )


DRAM_STANDARDS: dict[str, DramStandard] = {
    "lpddr4-3200-x16": _lpddr4_3200(16, 0.916),
    "lpddr4-3200-x32": _lpddr4_3200(32, 0.917),
    "lpddr5-6400-x16": DramStandard(
        bus_bits=16,
        device_bits=16,
        bank_groups=4,
        banks_per_group=4,
        rows=32768,
        columns=1024,
        burst_length=16,
        data_rate_mtps=6400,
        beats_per_clock=8,
        cl=17,
        cwl=9,
        trcd=15,
        trp=15,
        tras=34,
        trrd_s=4,
        trrd_l=4,
        tfaw=16,
        tccd_s=2,
        tccd_l=4,
        twtr_s=5,
        twtr_l=10,
        trtp=6,
        twr=28,
        turnaround=2,  # tWCK2DQO, at most 1.6 ns, rounded up
        tppd=2,
        trfc=168,
        trefi=3125,
        array_clocks=4,
        recovery_clocks=1,
        activate_clocks=2,
        taad=8,
        wck_postamble_clocks=1,
        banks_per_refresh=2,
        trfc_pb=96,
        trefi_pb=390,
        tpbr2act=6,
        tpbr2pbr=72,
        sustained_share=0.924,
        rails=(
            Rail(volts=1.8, idd0=3.8, idd2n=1.5, idd3n=2.8, idd4r=15.771, idd4w=14.491, idd5ab=2.8),
            Rail(volts=1.05, idd0=53.0, idd2n=32.5, idd3n=40.0, idd4r=338.667, idd4w=232.0, idd5ab=205.0),
            Rail(volts=0.5, idd0=0.6, idd2n=0.6, idd3n=0.6, idd4r=95.576, idd4w=0.6, idd5ab=0.6),
        ),
        io_read_pj_per_bit=0.244,
        io_write_pj_per_bit=0.244,
        io_source="termination only, LVSTL 40 into 40 ohm at 0.5 V, after CACTI-IO (ICCAD 2012)",
        source="JESD209-5 timings (8 Gb x16, 4 bank groups); currents derived from Micron Y52P LPDDR5X x 6400/7500",
    ),
    "ddr4-2400-x64": DramStandard(
        bus_bits=64,
        device_bits=16,
        bank_groups=2,
        banks_per_group=4,
        rows=65536,
        columns=1024,
        burst_length=8,
        data_rate_mtps=2400,
        beats_per_clock=2,
        cl=17,
        cwl=12,
        trcd=17,
        trp=17,
        tras=39,
        trrd_s=7,
        trrd_l=8,
        tfaw=36,
        tccd_s=4,
        tccd_l=6,
        twtr_s=3,
        twtr_l=9,
        trtp=9,
        twr=18,
        turnaround=1,
        tppd=0,
        trfc=420,
        trefi=9360,
        sustained_share=0.947,
        rails=(Rail(volts=1.2, idd0=80.0, idd2n=34.0, idd3n=47.0, idd4r=243.0, idd4w=228.0, idd5ab=280.0),),
        io_read_pj_per_bit=4.05,
        io_write_pj_per_bit=1.95,
        io_source="termination only, POD 34 into 40 and 120 ohm at 1.2 V, after CACTI-IO (ICCAD 2012)",
        source="8 Gb x16 DDR4-2400 (17-17-17), 4 devices, as DRAMsim3 ships it",
    ),
    "ddr3-1600-x64": DramStandard(
        bus_bits=64,
        device_bits=16,
        bank_groups=1,
        banks_per_group=8,
        rows=65536,
        columns=1024,
        burst_length=8,
        data_rate_mtps=1600,
        beats_per_clock=2,
        cl=11,
        cwl=8,
        trcd=11,
        trp=11,
        tras=28,
        trrd_s=6,
        trrd_l=6,
        tfaw=32,
        tccd_s=4,
        tccd_l=4,
        twtr_s=6,
        twtr_l=6,
        trtp=6,
        twr=12,
        turnaround=1,
        tppd=0,
        trfc=280,
        trefi=6240,
        sustained_share=0.955,
        rails=(Rail(volts=1.35, idd0=67.0, idd2n=36.0, idd3n=51.0, idd4r=185.0, idd4w=185.0, idd5ab=270.0),),
        io_read_pj_per_bit=3.85,
        io_write_pj_per_bit=1.85,
        io_source="termination only, SSTL 34 into 40 and 120 ohm at 1.35 V, after CACTI-IO (ICCAD 2012)",
        source="8 Gb x16 DDR3L-1600 (11-11-11), 4 devices, as DRAMsim3 ships it",
    ),
}


def _preset(_: str, found: object) -> DramStandard:
    """Return what the entry point of a preset names: a record, or a function that makes it; its fields are checked."""
    standard = found() if callable(found) else found
    if not isinstance(standard, DramStandard):
        raise InputError("it is no lw3dsim.describe.dram_standards.DramStandard, and no function that returns one")
    standard = checked(standard)
    check_sizes(standard)
    return standard


DRAM_PRESETS: Family[DramStandard] = Family("lw3dsim.dram_presets", "DRAM preset", DRAM_STANDARDS, read=_preset)
