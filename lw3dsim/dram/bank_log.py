"""What every bank does when: the models of :mod:`lw3dsim.dram`, run by CPython, with their commands written down.

The functions that run are those of the models themselves (:func:`lw3dsim.base.rebound.rebound`), so the times are
theirs. Nothing here runs unless it is asked for.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lw3dsim.base.kernels import Kernels
from lw3dsim.base.rebound import rebound
from lw3dsim.dram import controller, in_order
from lw3dsim.dram.timing_rules import ACT, PRE, RD, REF, REFPB, WR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.base.arrays import Ints
    from lw3dsim.describe.clocks import DramSystem
    from lw3dsim.dram.channel import Channel
    from lw3dsim.dram.device import Device

VISIT, PRECHARGE, REFRESH = 0, 1, 2

# How the first burst after an activate is counted: as one that found the row, its bank closed, or another row open.
HIT, MISS, CONFLICT = 0, 1, 2


class Slices(NamedTuple):
    """What banks did, a row for each: from clock ``begin`` to ``end``; banks are counted through all channels.

    A visit is what one ``transfer`` does in an open row, from its first command there to its last data beat. -1 is no
    transfer, and no row.
    """

    bank: Ints
    what: Ints
    begin: Ints
    end: Ints
    transfer: Ints
    row: Ints
    bursts: Ints
    activates: Ints
    misses: Ints
    conflicts: Ints


class BankLog:
    """Commands as they come, each bank's in order of time; those of one transfer in one open row are one visit."""

    def __init__(self, dram: DramSystem) -> None:
        """Begin with closed banks."""
        standard, self.channels = dram.standard, dram.channels
        self.transfer = -1
        self.banks = standard.banks
        self._rp = standard.trp
        self._columns = Slices(*(array("q") for _ in Slices._fields))  # type: ignore[arg-type]  # arrays in the end
        banks = self.banks * self.channels
        self._row = [-1] * banks
        # The visit under way in each bank: its row in the order of Slices, None for none.
        self._visit: list[list[int] | None] = [None] * banks
        self._how = [HIT] * banks

    def activate(self, bank: int, row: int, clock: int, how: int) -> None:
        """Note that a row is opened; its first burst counts as ``how``."""
        self._row[bank], self._how[bank] = row, how
        self._visit[bank] = [bank, VISIT, clock, clock, self.transfer, row, 0, 1, 0, 0]

    def found_open(self, channel: int) -> None:
        """Count what comes next in a channel's open rows as hits."""
        first = channel * self.banks
        self._how[first : first + self.banks] = [HIT] * self.banks

    def move(self, bank: int, first: int, end: int, bursts: int) -> None:
        """Note bursts of the open row, from the command of the first to the last data beat."""
        visit = self._visit[bank]
        if visit is None or visit[4] != self.transfer:
            self._close(bank)
            visit = self._visit[bank] = [bank, VISIT, first, first, self.transfer, self._row[bank], 0, 0, 0, 0]
        visit[3] = max(visit[3], end)
        visit[6] += bursts
        visit[8] += self._how[bank] == MISS
        visit[9] += self._how[bank] == CONFLICT
        self._how[bank] = HIT

    def precharge(self, bank: int, clock: int) -> None:
        """Note that the row is closed."""
        self._close(bank)
        self._put([bank, PRECHARGE, clock, clock + self._rp, -1, self._row[bank], 0, 0, 0, 0])
        self._row[bank] = -1

    def refresh(self, bank: int, clock: int, clocks: int) -> None:
        """Note that a bank is refreshed."""
        self._put([bank, REFRESH, clock, clock + clocks, -1, -1, 0, 0, 0, 0])

    def slices(self) -> Slices:
        """Return all of them, by bank, then time; none begins before the one before it ends."""
        for bank in range(len(self._visit)):
            self._close(bank)
        columns = Slices(*(np.array(column, dtype=np.int64) for column in self._columns))
        order = np.lexsort((columns.begin, columns.bank))
        columns = Slices(*(column[order] for column in columns))
        # The next command to a bank need not wait for the data of the last.
        is_same = columns.bank[1:] == columns.bank[:-1]
        columns.end[:-1][is_same] = np.minimum(columns.end[:-1], columns.begin[1:])[is_same]
        return columns

    def _close(self, bank: int) -> None:
        visit = self._visit[bank]
        if visit is not None:
            # An activate without a burst goes on until the next command.
            visit[3] = max(visit[3], visit[2] + 1)
            self._put(visit)
        self._visit[bank] = None

    def _put(self, row: Sequence[int]) -> None:
        for column, value in zip(self._columns, row, strict=True):
            column.append(value)  # type: ignore[attr-defined]  # arrays in the end


def logged_in_order(log: BankLog) -> dict[str, Any]:
    """Return the functions of the in-order model, which write their commands to ``log``."""
    # The bank of each channel that has just been closed for another row, and clock and step of the bursts under way.
    closed, moved = [-1] * log.channels, [(0, 1)] * log.channels

    def precharge(device: Device, b: int, c: int, clock: int, is_last: bool) -> int:
        log.precharge(b, clock)
        closed[c] = b
        return int(inner["_precharge"](device, b, c, clock, is_last))

    def activate(device: Device, b: int, g: int, c: int, row: int, clock: int) -> None:
        inner["_activate"](device, b, g, c, row, clock)
        log.activate(b, row, clock, CONFLICT if closed[c] == b else MISS)
        closed[c] = -1

    def remember(device: Device, c: int, tail: int, issued: int, clock: int, step: int) -> int:
        moved[c] = (clock, step)
        return int(inner["_remember"](device, c, tail, issued, clock, step))

    def burst(device: Device, b: int, g: int, clock: int, write: int) -> None:
        inner["_burst"](device, b, g, clock, write)
        first, step = moved[b // log.banks]
        log.move(b, first, clock + device.rules.data[write], (clock - first) // step + 1)

    inner: dict[str, Any] = {}
    hooks = {
        "_precharge": precharge,
        "_activate": activate,
        "_remember": remember,
        "_burst": burst,
        **_refreshes(log, closed, inner),
    }
    return rebound(in_order, hooks, inner)


def _refreshes(log: BankLog, closed: list[int], inner: dict[str, Any]) -> dict[str, Any]:
    """Return what is called for the functions of the in-order model that refresh, which are in ``inner``."""

    def refresh(device: Device, c: int) -> None:
        rules, refreshed = device.rules, device.channels.next_bank[c]
        inner["_refresh"](device, c)
        for b in range(c * rules.banks + refreshed, (c + 1) * rules.banks, rules.refresh_stride):
            log.refresh(b, device.banks.activate[b] - rules.refresh_clocks, rules.refresh_clocks)
        log.found_open(c)
        closed[c] = -1

    def refresh_idle(device: Device, c: int, until: int) -> None:
        rules, due, refreshed = device.rules, device.channels.due[c], device.channels.next_bank[c]
        inner["_refresh_idle"](device, c, until)
        # Every bank is closed and ready in the rounds that are jumped over, so each comes when it is due.
        for clock in range(due, device.channels.due[c], rules.refresh_every):
            for b in range(c * rules.banks + refreshed, (c + 1) * rules.banks, rules.refresh_stride):
                log.refresh(b, clock, rules.refresh_clocks)
            refreshed = (refreshed + 1) % rules.refresh_stride

    return {"_refresh": refresh, "_refresh_idle": refresh_idle}


class LoggedKernels(Kernels, frozen=True):
    """The functions of the reordering controller on lists, which write their commands to a log."""

    names: dict[str, Any]

    def __call__(self, function: Any) -> Any:
        """Return ``function`` with its commands written down."""
        return self.names[function.__name__]


def logged_reordering(log: BankLog, dram: DramSystem, channels: Sequence[Channel]) -> Kernels:
    """Return the functions of the reordering controller, which write the commands of ``channels`` to ``log``."""
    standard = dram.standard
    clocks = {REF: standard.trfc, REFPB: standard.trfc_pb}
    # Requests come in columns of their own, state is shared.
    numbers = {id(channel.open_row): number for number, channel in enumerate(channels)}

    def issue(channel: Channel, command: int, bank: int, slot: int, now: int) -> None:
        b = numbers[id(channel.open_row)] * log.banks + bank
        how = CONFLICT if channel.conflict[bank] else MISS
        inner["issue"](channel, command, bank, slot, now)
        if command == ACT:
            log.activate(b, channel.open_row[bank], now, how)
        elif command == PRE:
            log.precharge(b, now)
        elif command in (RD, WR):
            limits = channel.limits
            log.move(b, now, now + (limits.read_latency if command == RD else limits.write_latency), 1)
        else:
            stride = 1 if command == REF else channel.limits.refresh_stride
            for refreshed in range(b, b - bank + log.banks, stride):
                log.refresh(refreshed, now, clocks[command])

    inner: dict[str, Any] = {}
    return LoggedKernels(is_native=False, names=rebound(controller, {"issue": issue}, inner))
