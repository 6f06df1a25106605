"""The record of a DRAM standard: fields with their ranges, what follows from them, and how they fit each other."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, NamedTuple

from msgspec import Meta

from lw3dsim.base.values import Value
from lw3dsim.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

Lines = Annotated[int, Meta(ge=1, le=4096)]
Banks = Annotated[int, Meta(ge=1, le=256)]
Number = Annotated[int, Meta(ge=1, le=1 << 24)]
Clocks = Annotated[int, Meta(ge=1, le=1_000_000)]
ClocksOrNone = Annotated[int, Meta(ge=0, le=1_000_000)]
Command = Annotated[int, Meta(ge=1, le=16)]
Share = Annotated[float, Meta(gt=0, le=1)]
Volts = Annotated[float, Meta(gt=0, le=100)]
Current = Annotated[float, Meta(ge=0, le=1_000_000)]
Energy = Annotated[float, Meta(ge=0, le=1_000_000)]
Source = Annotated[str, Meta(min_length=1)]


class Rail(Value, frozen=True, kw_only=True):
    """Currents of one supply of one device, mA at ``volts``.

    ``idd0`` one bank cycling at tRC, ``idd2n`` all banks closed, ``idd3n`` banks open, ``idd4r`` and ``idd4w``
    bursts without a gap, ``idd5ab`` during all-bank refresh (tRFC).
    """

    volts: Volts
    idd0: Current
    idd2n: Current
    idd3n: Current
    idd4r: Current
    idd4w: Current
    idd5ab: Current


class DramStandard(Value, frozen=True, kw_only=True):
    """One channel with one rank.

    ``data_rate_mtps`` million transfers per second and line, ``beats_per_clock`` of them per clock; every ``t*``,
    ``cl``, ``cwl``, ``turnaround`` and ``*_clocks`` in clocks. ``columns`` per row are device columns of
    ``device_bits``; a burst covers ``burst_length`` of them. It keeps its bank group busy for ``array_clocks``
    (BL/n_max; 0: as long as the bus). ``turnaround`` separates a read burst from the write burst after it (tRTRS),
    ``recovery_clocks`` a write burst from tWR, ``tppd`` two precharges (0: no rule).

    A command occupies the command bus for ``activate_clocks``, ``column_clocks`` or, others, ``other_clocks``; timings
    count from the last of them. Where ``taad`` is not 0 the two clocks of an activate are two commands (ACT-1 and
    ACT-2) at most so far apart, with reads and writes in between. Where ``wck_postamble_clocks`` is not 0, a read or
    write that comes later than so many clocks after the burst before takes one clock more, for the synchronisation
    of its write clock (CAS).

    Per-bank refresh is absent where ``trefi_pb`` is 0; it takes ``banks_per_refresh`` banks at a time, as far
    apart as they can be. ``io_*`` in pJ per bit, not part of the device's energy. ``sustained_share`` is the share of
    the peak bandwidth that a 1 MiB sequential read reaches with refresh and row changes, under the default mapping, in
    the FR-FCFS controller of this package, which equals DRAMsim3 clock for clock; the plain model moves bursts so fast.
    """

    bus_bits: Lines
    device_bits: Lines
    bank_groups: Banks
    banks_per_group: Banks
    rows: Number
    columns: Number
    burst_length: Number
    data_rate_mtps: Number
    beats_per_clock: Number
    cl: Clocks
    cwl: Clocks
    trcd: Clocks
    trp: Clocks
    tras: Clocks
    trrd_s: ClocksOrNone
    trrd_l: ClocksOrNone
    tfaw: ClocksOrNone
    tccd_s: Clocks
    tccd_l: Clocks
    twtr_s: ClocksOrNone
    twtr_l: ClocksOrNone
    trtp: ClocksOrNone
    twr: ClocksOrNone
    turnaround: ClocksOrNone
    tppd: ClocksOrNone
    trfc: Clocks
    trefi: Clocks
    array_clocks: ClocksOrNone = 0
    recovery_clocks: ClocksOrNone = 0
    activate_clocks: Command = 1
    taad: ClocksOrNone = 0
    column_clocks: Command = 1
    other_clocks: Command = 1
    wck_postamble_clocks: ClocksOrNone = 0
    banks_per_refresh: Banks = 1
    trfc_pb: ClocksOrNone = 0
    trefi_pb: ClocksOrNone = 0
    tpbr2act: ClocksOrNone = 0
    tpbr2pbr: ClocksOrNone = 0
    sustained_share: Share
    rails: tuple[Rail, ...]
    io_read_pj_per_bit: Energy
    io_write_pj_per_bit: Energy
    io_source: Source
    source: Source

    @property
    def trc(self) -> int:
        """Clocks between activates of one bank: open, restore, precharge."""
        return self.tras + self.trp

    @property
    def banks(self) -> int:
        """Banks of the channel."""
        return self.bank_groups * self.banks_per_group

    @property
    def devices(self) -> int:
        """Devices side by side on the bus."""
        return self.bus_bits // self.device_bits

    @property
    def burst_clocks(self) -> int:
        """Clocks that a burst occupies the bus."""
        return self.burst_length // self.beats_per_clock

    @property
    def group_clocks(self) -> int:
        """Clocks that a burst occupies its bank group."""
        return max(self.array_clocks, self.burst_clocks)

    @property
    def row_clocks(self) -> int:
        """Clocks from the activate of a row over a read, or a write, to the end of its precharge."""
        read, written = self.trtp, self.cwl + self.burst_clocks + self.recovery_clocks + self.twr
        return max(self.tras, self.trcd + max(read, written)) + self.trp

    @property
    def refresh_stride(self) -> int:
        """Per-bank refreshes until all banks have had one: bank n is refreshed with n + this, and so on."""
        return self.banks // self.banks_per_refresh

    @property
    def burst_bytes(self) -> int:
        """Bytes of a burst, the unit of every access."""
        return self.bus_bits * self.burst_length // 8

    @property
    def capacity_bytes(self) -> int:
        """Bytes of the channel."""
        return self.banks * self.rows * self.columns * self.bus_bits // 8

    @property
    def clock_ps(self) -> Fraction:
        """The clock period in ps, exactly."""
        return Fraction(1_000_000 * self.beats_per_clock, self.data_rate_mtps)

    @property
    def clock_ns(self) -> float:
        """The clock period in ns, for figures that are no decisions."""
        return self.beats_per_clock * 1000 / self.data_rate_mtps

    @property
    def peak_gbps(self) -> float:
        """GB/s on the bus without a gap: data rate x width."""
        return self.bus_bits * self.data_rate_mtps / 8000

    @property
    def description(self) -> str:
        """The channel in a line."""
        return (
            f"{self.bus_bits} bits at {self.data_rate_mtps} MT/s, {self.peak_gbps:g} GB/s; {self.banks} banks, "
            f"{self.capacity_bytes >> 20} MiB"
        )


class SizeRule(NamedTuple):
    """How ``fields`` of a standard fit each other."""

    says: str
    fields: tuple[str, ...]
    holds: Callable[[DramStandard], bool]


SIZE_RULES = (
    SizeRule("the bus is whole bytes", ("bus_bits",), lambda s: s.bus_bits % 8 == 0),
    SizeRule("devices fill the bus", ("bus_bits", "device_bits"), lambda s: s.bus_bits % s.device_bits == 0),
    SizeRule("bursts fill a row", ("columns", "burst_length"), lambda s: s.columns % s.burst_length == 0),
    SizeRule(
        "bursts take whole clocks",
        ("burst_length", "beats_per_clock"),
        lambda s: not s.burst_length % s.beats_per_clock,
    ),
    SizeRule("refreshes fill a turn", ("banks", "banks_per_refresh"), lambda s: s.banks % s.banks_per_refresh == 0),
    SizeRule("a row is read before it closes", ("trcd", "tras"), lambda s: s.trcd <= s.tras),
    SizeRule("no group is faster than the rank", ("tccd_s", "tccd_l"), lambda s: s.tccd_s <= s.tccd_l),
    SizeRule("no group is faster than the rank", ("trrd_s", "trrd_l"), lambda s: s.trrd_s <= s.trrd_l),
    SizeRule("no group is faster than the rank", ("twtr_s", "twtr_l"), lambda s: s.twtr_s <= s.twtr_l),
    SizeRule("four activates take as long as one", ("trrd_l", "tfaw"), lambda s: s.trrd_l <= s.tfaw),
    SizeRule("bursts end before the next", ("burst_clocks", "tccd_l"), lambda s: s.burst_clocks <= s.tccd_l),
    SizeRule("both are 0 or neither", ("trefi_pb", "trfc_pb"), lambda s: (s.trefi_pb > 0) == (s.trfc_pb > 0)),
    SizeRule("refreshes leave time", ("trfc", "row_clocks", "trefi"), lambda s: s.trfc + s.row_clocks <= s.trefi),
)


def check_sizes(standard: DramStandard) -> None:
    """Raise InputError, in half a sentence, for the first rule of sizes that ``standard`` breaks."""
    for says, fields, holds in SIZE_RULES:
        if not holds(standard):
            values = " and ".join(f"{name} = {getattr(standard, name)}" for name in fields)
            raise InputError(f"{values} do not fit each other: {says}")
