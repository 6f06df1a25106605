"""The in-order bank model: bursts move in the order of the DMA, activates run ahead of them.

A controller holds the next ``queue`` bursts of a channel. As soon as a burst is in the queue its row is
precharged and activated, while the bursts in front of it still move; reads and writes keep their order.
The rules are those of :mod:`lw3dsim.dram.timing_rules`, applied to a whole visit of a row at once, so that the
cost is per row visited and not per burst. A refresh goes in front of every command that would be issued when
it is due or later. The command bus is not modelled: neither that one command fits a clock, nor that some take
several, nor the synchronisation of a write clock, which fits the clock before the first burst. Times are clocks
of the DRAM.

:func:`serve` and what it calls work on the columns of a :class:`lw3dsim.dram.device.Device`: lists here, arrays where
they are translated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.base.integers import ceiling
from lw3dsim.base.kernels import kernel
from lw3dsim.dram.power import DramCounts, summed

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Words
    from lw3dsim.dram.device import Device, Digit


def counts_until(device: Device, clock: int) -> DramCounts:
    """Return what all channels did until ``clock``; closes their accounts."""
    return summed([_channel_counts(device, channel, clock) for channel in range(len(device.channels.due))])


def _channel_counts(device: Device, channel: int, clock: int) -> DramCounts:
    finish(device, channel, clock)
    moved, *others = device.counts
    activates, precharges, refreshes, misses, conflicts, idle = (int(column[channel]) for column in others)
    reads, writes = int(moved[2 * channel]), int(moved[2 * channel + 1])
    is_per_bank = device.rules.is_per_bank
    return DramCounts(
        reads=reads,
        writes=writes,
        activates=activates,
        precharges=precharges,
        refreshes=0 if is_per_bank else refreshes,
        bank_refreshes=refreshes if is_per_bank else 0,
        row_hits=reads + writes - misses - conflicts,
        row_misses=misses,
        row_conflicts=conflicts,
        active_clocks=clock - idle,
        idle_clocks=idle,
    )


@kernel
def serve(device: Device, first: int, count: int, start: int, write: int) -> tuple[int, int]:
    """Move ``count`` bursts from address ``first`` on, requested at clock ``start``.

    Return the clock at which the queues have taken in all bursts so far, and the end of
    the last beat. ``write`` is 1 for writes. State is updated in place.
    """
    done = _move(device, first, count, start, write)
    return _accepted(device, start), done


@kernel
def serve_runs(
    device: Device, first: Words, bursts: Words, run: int, end: int, start: int, write: int
) -> tuple[int, int]:
    """Move the runs from ``run`` until ``end``, of ``bursts`` from address ``first`` on, all requested at ``start``.

    Return what :func:`serve` does. Runs in one row of a bank are one visit of it: each burst is in the queue when the
    one before it is issued, so it does not matter whether they touch.
    """
    done = start
    lanes, span = device.rules.lanes, device.rules.span
    while run < end:
        address, count = first[run], bursts[run]
        stop = (address // span + 1) * span
        run += 1
        if lanes > 1 or address + count > stop:
            last = _move(device, address, count, start, write)
        else:
            while run < end and first[run] >= address and first[run] + bursts[run] <= stop:
                count += bursts[run]
                run += 1
            last = _visit(device, address, count, start, write)
        done = max(done, last)
    return _accepted(device, start), done


@kernel
def _move(device: Device, first: int, count: int, start: int, write: int) -> int:
    """Move ``count`` bursts from ``first`` on, row by row in each of the channels; return the end of the last beat."""
    done, end = start, first + count
    lanes, span = device.rules.lanes, device.rules.span
    while first < end:
        stop = min(end, (first // span + 1) * span)
        for address in range(first, min(first + lanes, stop)):
            last = _visit(device, address, (stop - address + lanes - 1) // lanes, start, write)
            done = max(done, last)
        first = stop
    return done


@kernel
def _accepted(device: Device, start: int) -> int:
    """Return when the queues have taken in all bursts so far, ``start`` or later."""
    accepted, issued = start, device.channels.issued
    for c in range(len(issued)):
        entered = _entered(device, c, issued[c] - 1)
        accepted = max(accepted, entered)
    return accepted


@kernel
def least_clocks(device: Device, bursts: int) -> int:
    """Return the clocks from the first of ``bursts`` to the last, at least, on channels that share them evenly.

    They are as far apart as any two commands to a rank; but where all banks are refreshed together in between, as far
    as it takes to refresh them and to open a row again.
    """
    rules = device.rules
    apart = min(rules.same_rank[0], rules.same_rank[1], rules.other_rank[0], rules.other_rank[1])
    apart = min(apart, rules.step[0], rules.step[1])
    spread = max(ceiling(bursts, len(device.channels.due)) - 1, 0) * apart
    if rules.is_per_bank:
        return spread
    lost = max(rules.refresh_clocks + rules.rcd - apart, 0)
    # With its refreshes it takes longer, which more of them may fall into.
    clocks = spread + spread // rules.refresh_every * lost
    return spread + clocks // rules.refresh_every * lost


@kernel
def _value(digit: Digit, address: int) -> int:
    # Divisions would take most of the time of a short visit.
    return address >> digit.shift & digit.mask if digit.shift >= 0 else address // digit.stride % digit.size


@kernel
def _visit(device: Device, address: int, bursts: int, start: int, write: int) -> int:
    """Move ``bursts`` of the row at ``address``; return the end of the last beat."""
    moved, clock = 0, start
    if bursts > 0:
        moved, clock = _issue(device, address, bursts, start, write)
    if moved < bursts:
        clock = _go_on(device, address, moved, bursts - moved, start, write)
    return clock + device.rules.data[write]


@kernel
def _go_on(device: Device, address: int, moved: int, bursts: int, start: int, write: int) -> int:
    """Move ``bursts`` more behind the refresh that stopped those ``moved`` before; return the clock of the last."""
    c, clock = _value(device.rules.channel, address), start
    while bursts > 0:
        if moved == 0:
            _refresh(device, c)
            _refresh_idle(device, c, max(start, _entered(device, c, device.channels.issued[c])))
        moved, clock = _issue(device, address, bursts, start, write)
        bursts -= moved
    return clock


@kernel
def _issue(device: Device, address: int, bursts: int, start: int, write: int) -> tuple[int, int]:
    """Move those of ``bursts`` in the row at ``address`` that are issued before the next refresh is due.

    Return how many, and the clock of the last; where the refresh comes before any, the clock says nothing.
    """
    rules, banks, groups, channels = device.rules, device.banks, device.groups, device.channels
    c, group, row = _value(rules.channel, address), _value(rules.group, address), _value(rules.row, address)
    # Groups and banks are counted through all channels.
    g = c * rules.groups + group
    b = c * rules.banks + group * rules.bank.size + _value(rules.bank, address)
    due, step = channels.due[c], rules.step[write]
    arrival = max(start, _entered(device, c, channels.issued[c]))
    is_conflict = is_miss = 0
    if banks.open_row[b] != row:
        if banks.open_row[b] >= 0:
            clock = max(arrival, banks.precharge[b], channels.precharge[c])
            if clock >= due:
                return 0, clock
            _precharge(device, b, c, clock)
            is_conflict = 1
        oldest = channels.window[4 * c + channels.oldest[c]]
        clock = max(arrival, banks.activate[b], groups.activate[g], channels.activate[c], oldest)
        if clock >= due:
            return 0, clock
        _activate(device, b, g, c, row, clock)
        is_miss = 1 - is_conflict
    clock = max(arrival, banks.burst[b], groups.burst[2 * g + write], channels.burst[2 * c + write])
    if clock >= due:
        return 0, clock
    moved = bursts
    if clock + (bursts - 1) * step >= due:
        moved = (due - clock + step - 1) // step
    _remember(device, c, clock, step, moved)
    clock += (moved - 1) * step
    _burst(device, b, g, c, clock, write)
    device.counts.moved[2 * c + write] += moved
    device.counts.misses[c] += is_miss
    device.counts.conflicts[c] += is_conflict
    return moved, clock


@kernel
def _burst(device: Device, b: int, g: int, c: int, clock: int, write: int) -> None:
    """Note that the last read or write of a visit is issued at ``clock``."""
    rules, of_bank, of_group, of_rank = device.rules, device.banks.precharge, device.groups.burst, device.channels.burst
    other = 1 - write
    of_bank[b] = max(of_bank[b], clock + rules.to_precharge[write])
    of_group[2 * g + write] = clock + rules.same_group[write]
    of_group[2 * g + other] = max(of_group[2 * g + other], clock + rules.other_group[write])
    of_rank[2 * c + write] = clock + rules.same_rank[write]
    of_rank[2 * c + other] = max(of_rank[2 * c + other], clock + rules.other_rank[write])


@kernel
def _precharge(device: Device, b: int, c: int, clock: int) -> None:
    rules, banks, channels = device.rules, device.banks, device.channels
    banks.open_row[b] = -1
    banks.activate[b] = max(banks.activate[b], clock + rules.rp)
    channels.precharge[c] = clock + rules.ppd
    device.counts.precharges[c] += 1
    channels.open_banks[c] -= 1
    if channels.open_banks[c] == 0:
        channels.closed_since[c] = clock


@kernel
def _activate(device: Device, b: int, g: int, c: int, row: int, clock: int) -> None:
    rules, banks, channels = device.rules, device.banks, device.channels
    banks.open_row[b] = row
    banks.burst[b] = clock + rules.rcd
    banks.precharge[b] = clock + rules.ras
    banks.activate[b] = clock + rules.rc
    device.groups.activate[g] = clock + rules.rrd_group
    channels.activate[c] = clock + rules.rrd_rank
    channels.window[4 * c + channels.oldest[c]] = clock + rules.faw
    channels.oldest[c] = (channels.oldest[c] + 1) & 3
    device.counts.activates[c] += 1
    if channels.open_banks[c] == 0:
        device.counts.idle[c] += max(clock - channels.closed_since[c], 0)
    channels.open_banks[c] += 1


@kernel
def _refresh(device: Device, c: int) -> None:
    """Close the banks that are due for refresh one after another, and refresh them."""
    rules, banks, channels = device.rules, device.banks, device.channels
    due, from_bank = channels.due[c], channels.next_bank[c]
    channels.next_bank[c] = (from_bank + 1) % rules.refresh_stride
    clock = due
    first, end = c * rules.banks + from_bank, (c + 1) * rules.banks
    for b in range(first, end, rules.refresh_stride):
        if banks.open_row[b] >= 0:
            _precharge(device, b, c, max(due, banks.precharge[b], channels.precharge[c]))
        clock = max(clock, banks.activate[b])
    for b in range(first, end, rules.refresh_stride):
        banks.activate[b] = clock + rules.refresh_clocks
    channels.activate[c] = max(channels.activate[c], clock + rules.refresh_to_other)
    device.counts.refreshes[c] += 1
    channels.due[c] = due + rules.refresh_every


@kernel
def _refresh_idle(device: Device, c: int, until: int) -> None:
    """Jump over the rounds of refreshes that come before ``until`` and find every bank closed and ready.

    The last two rounds are left: the state behind them is that behind all.
    """
    rules, channels = device.rules, device.channels
    due, refreshes = channels.due[c], rules.refresh_stride
    rounds = (until - due) // (rules.refresh_every * refreshes) - 2
    if rounds <= 0 or channels.open_banks[c] > 0:
        return
    for b in range(c * rules.banks, (c + 1) * rules.banks):
        if device.banks.activate[b] > due:
            return
    device.counts.refreshes[c] += rounds * refreshes
    channels.due[c] = due + rounds * refreshes * rules.refresh_every


@kernel
def _entered(device: Device, c: int, index: int) -> int:
    """Return when burst ``index`` of a channel finds room in the queue: when the one ``queue`` before it is issued."""
    channels, visits = device.channels, device.visits
    index -= device.rules.queue
    if index < 0:
        return 0
    entries = device.rules.queue + 2
    ring, head, tail = c * entries, channels.head[c], channels.tail[c]
    while head != tail:
        following = head + 1 if head + 1 < entries else 0
        if visits.first[ring + following] > index:
            break
        head = following
    channels.head[c] = head
    return visits.clock[ring + head] + (index - visits.first[ring + head]) * visits.step[ring + head]


@kernel
def _remember(device: Device, c: int, clock: int, step: int, bursts: int) -> None:
    """Append a visit of ``bursts`` from ``clock`` on to the ring of a channel."""
    channels, visits = device.channels, device.visits
    entries = device.rules.queue + 2
    if channels.issued[c] > 0:
        tail = channels.tail[c] + 1
        channels.tail[c] = tail if tail < entries else 0
    entry = c * entries + channels.tail[c]
    visits.first[entry], visits.clock[entry], visits.step[entry] = channels.issued[c], clock, step
    channels.issued[c] += bursts


def finish(device: Device, c: int, clock: int) -> None:
    """Refresh what is due until ``clock``, and close the account of a channel's time without an open bank."""
    channels = device.channels
    while channels.due[c] <= clock:
        _refresh(device, c)
        _refresh_idle(device, c, clock)
    if channels.open_banks[c] == 0:
        device.counts.idle[c] += max(clock - channels.closed_since[c], 0)
        channels.closed_since[c] = max(clock, channels.closed_since[c])
