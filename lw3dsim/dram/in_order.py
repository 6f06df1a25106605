"""The in-order bank model: bursts move in the order of the DMA, activates run ahead of them.

A controller holds the next ``queue`` bursts of a channel. As soon as a burst is in the queue its row is
precharged and activated, while the bursts in front of it still move; reads and writes keep their order.
The rules are those of :mod:`lw3dsim.dram.timing_rules`, applied to a whole visit of a row at once, so that the
cost is per row visited and not per burst. A refresh goes in front of every command that would be issued when
it is due or later. The command bus is not modelled: neither that one command fits a clock, nor that some take
several, nor the synchronisation of a write clock, which fits the clock before the first burst. Times are clocks
of the DRAM.

:func:`serve_runs` and what it calls work on the columns of a :class:`lw3dsim.dram.device.Device`: lists here, arrays
where they are translated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.base.integers import ceiling
from lw3dsim.base.kernels import kernel
from lw3dsim.dram.power import DramCounts, summed

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Words
    from lw3dsim.dram.device import Device, Digit, Rules


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


def serve(device: Device, first: int, count: int, start: int, write: int) -> tuple[int, int]:
    """Move ``count`` bursts from address ``first`` on, as :func:`serve_runs` does a run."""
    return serve_runs(device, [first], [count], 0, 1, start, write)


@kernel
def serve_runs(
    device: Device, first: Words, bursts: Words, run: int, end: int, start: int, write: int
) -> tuple[int, int]:
    """Move the runs from ``run`` until ``end``, of ``bursts`` from address ``first`` on, all requested at ``start``.

    Return the clock at which the queues have taken in all bursts so far, and the end of the last beat. ``write`` is 1
    for writes. State is updated in place.
    """
    done, lanes = start, device.rules.lanes
    # Channels know nothing of each other.
    for lane in range(lanes if run < end else 0):
        address, left, at, passed = first[run] + (lane - first[run]) % lanes, 0, run, 0
        while left > 0 or at < end:
            address, left, at, passed, last = _go_on(
                device, first, bursts, address, left, at, passed, end, lane, start, write
            )
            done = max(done, last)
    return _accepted(device, start), done


@kernel
def _accepted(device: Device, start: int) -> int:
    """Return when the queues have taken in all bursts so far, ``start`` or later."""
    accepted, channels = start, device.channels
    for c in range(len(channels.issued)):
        head, entered = _entered(device, c, channels.head[c], channels.tail[c], channels.issued[c] - 1)
        channels.head[c] = head
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
def _go_on(
    device: Device, first: Words, bursts: Words, address: int, left: int, run: int, passed: int, end: int, lane: int,
    start: int, write: int,
) -> tuple[int, int, int, int, int]:  # fmt: skip
    """Move bursts of one channel, until a refresh is due, which is made, or the next are another's.

    Those are ``left`` in the row at ``address``, and then those of ``run`` but for the first ``passed``, and of what is
    behind it before ``end``. Return what is left so, and the end of the last beat. How the channel stands is read and
    written once for all of them.
    """
    rules, channels, counts, c = device.rules, device.channels, device.counts, _value(device.rules.channel, address)
    issued, head, tail = channels.issued[c], channels.head[c], channels.tail[c]
    activate, precharge, burst = channels.activate[c], channels.precharge[c], channels.burst[2 * c + write]
    activates, precharges, misses, conflicts = counts.activates[c], counts.precharges[c], 0, 0
    before, last, due, step, is_due = issued, start, channels.due[c], rules.step[write], False
    while not is_due and (left > 0 or run < end):
        while left == 0 and run < end:
            address, left, run, passed = _next_visit(rules, first, bursts, run, passed, end, lane)
        if left == 0 or (rules.channel.size > rules.lanes and _value(rules.channel, address) != c):
            break
        g, b, row = _place(rules, c, address)
        head, clock = _entered(device, c, head, tail, issued)
        clock, found, is_open = max(clock, start), device.banks.open_row[b], 1
        if found != row:
            is_open, activate, precharge, activates, precharges = _open(
                device, b, g, c, row, clock, due, activate, precharge, activates, precharges
            )
        clock = max(clock, device.banks.activate[b] - rules.rc + rules.rcd, burst)
        if rules.groups > 1:
            clock = max(clock, device.groups.burst[2 * g + write])
        if is_open == 0 or clock >= due:
            is_due = True
        else:
            moved = left if clock + (left - 1) * step < due else (due - clock + step - 1) // step
            tail = _remember(device, c, tail, issued, clock, step)
            last = clock + (moved - 1) * step
            _burst(device, b, g, last, write)
            burst, issued, left = last + rules.same_rank[write], issued + moved, left - moved
            misses += found < 0
            conflicts += found >= 0 and found != row
    channels.issued[c], channels.head[c], channels.tail[c] = issued, head, tail
    channels.activate[c], channels.precharge[c], channels.burst[2 * c + write] = activate, precharge, burst
    counts.activates[c], counts.precharges[c] = activates, precharges
    counts.misses[c] += misses
    counts.conflicts[c] += conflicts
    done = start if issued == before else _end(device, c, issued - before, last, write)
    if is_due:
        _make_refresh(device, c, start)
    return address, left, run, passed, done


@kernel
def _end(device: Device, c: int, bursts: int, last: int, write: int) -> int:
    """Count ``bursts`` of a channel, the ``last`` of them issued at that clock; return the end of the last beat."""
    rules, burst, other = device.rules, device.channels.burst, 2 * c + 1 - write
    burst[other] = max(burst[other], last + rules.other_rank[write])
    device.counts.moved[2 * c + write] += bursts
    return last + rules.data[write]


@kernel
def _next_visit(
    rules: Rules, first: Words, bursts: Words, run: int, passed: int, end: int, lane: int
) -> tuple[int, int, int, int]:
    """Return the address of what a channel has in the next row, of how many bursts, and what is behind them.

    Runs in one row of a bank are one visit of it: each burst is in the queue when the one before it is issued, so it
    does not matter whether they touch.
    """
    address, stop = first[run] + passed, first[run] + bursts[run]
    page = address - _value(rules.page, address) + rules.page.size
    left = min(stop, page) - address
    if stop > page:
        passed = page - first[run]
    else:
        run, passed = run + 1, 0
    if rules.lanes > 1:
        ahead = (lane - address) % rules.lanes
        return address + ahead, ceiling(max(left - ahead, 0), rules.lanes), run, passed
    if passed == 0:
        while run < end and first[run] >= address and first[run] + bursts[run] <= page:
            left += bursts[run]
            run += 1
    return address, left, run, passed


@kernel
def _place(rules: Rules, c: int, address: int) -> tuple[int, int, int]:
    """Return the bank group, the bank and the row of an address in a channel; the first two are counted through all."""
    group = _value(rules.group, address) if rules.groups > 1 else 0
    b = c * rules.banks + group * rules.bank.size + _value(rules.bank, address)
    return c * rules.groups + group, b, _value(rules.row, address)


@kernel
def _open(
    device: Device, b: int, g: int, c: int, row: int, arrival: int, due: int, activate: int, precharge: int,
    activates: int, precharges: int,
) -> tuple[int, int, int, int, int]:  # fmt: skip
    """Open a row of a bank that may have another open, unless a refresh is due before.

    Return whether it is open, and how the channel stands: when its next ``activate`` and ``precharge`` may be, and how
    many there were.
    """
    rules, banks, channels = device.rules, device.banks, device.channels
    free = banks.activate[b]
    if banks.open_row[b] >= 0:
        clock = max(arrival, banks.precharge[b], precharge)
        if clock >= due:
            return 0, activate, precharge, activates, precharges
        precharge, precharges = clock + rules.ppd, precharges + 1
        free = _precharge(device, b, c, clock, activates == precharges)
    clock = max(arrival, free, activate)
    if rules.groups > 1:
        clock = max(clock, device.groups.activate[g])
    if rules.faw > 0:
        clock = max(clock, channels.window[4 * c + channels.oldest[c]])
    if clock >= due:
        banks.open_row[b], banks.activate[b] = -1, free
        return 0, activate, precharge, activates, precharges
    if activates == precharges:
        device.counts.idle[c] += max(clock - channels.closed_since[c], 0)
    _activate(device, b, g, c, row, clock)
    return 1, clock + rules.rrd_rank, precharge, activates + 1, precharges


@kernel
def _precharge(device: Device, b: int, c: int, clock: int, is_last: bool) -> int:
    """Close the row of a bank, the ``last`` of its channel or not; return when it may be activated."""
    if is_last:
        device.channels.closed_since[c] = clock
    return max(device.banks.activate[b], clock + device.rules.rp)


@kernel
def _activate(device: Device, b: int, g: int, c: int, row: int, clock: int) -> None:
    rules, banks, channels = device.rules, device.banks, device.channels
    banks.open_row[b] = row
    banks.precharge[b] = clock + rules.ras
    banks.activate[b] = clock + rules.rc
    if rules.groups > 1:
        device.groups.activate[g] = clock + rules.rrd_group
    if rules.faw > 0:
        channels.window[4 * c + channels.oldest[c]] = clock + rules.faw
        channels.oldest[c] = (channels.oldest[c] + 1) & 3


@kernel
def _burst(device: Device, b: int, g: int, clock: int, write: int) -> None:
    """Note that the last read or write of a visit is issued at ``clock``."""
    rules, of_bank, of_group = device.rules, device.banks.precharge, device.groups.burst
    of_bank[b] = max(of_bank[b], clock + rules.to_precharge[write])
    if rules.groups > 1:
        other = 2 * g + 1 - write
        of_group[2 * g + write] = clock + rules.same_group[write]
        of_group[other] = max(of_group[other], clock + rules.other_group[write])


@kernel
def _make_refresh(device: Device, c: int, start: int) -> None:
    """Refresh what is due in a channel before its next burst, requested at ``start``, is in the queue."""
    channels = device.channels
    head, entered = _entered(device, c, channels.head[c], channels.tail[c], channels.issued[c])
    channels.head[c] = head
    _refresh(device, c)
    _refresh_idle(device, c, max(start, entered))


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
            at = max(due, banks.precharge[b], channels.precharge[c])
            device.counts.precharges[c] += 1
            banks.open_row[b], banks.activate[b] = -1, _precharge(device, b, c, at, _is_closed(device, c))
            channels.precharge[c] = at + rules.ppd
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
    if rounds <= 0 or not _is_closed(device, c):
        return
    for b in range(c * rules.banks, (c + 1) * rules.banks):
        if device.banks.activate[b] > due:
            return
    device.counts.refreshes[c] += rounds * refreshes
    channels.due[c] = due + rounds * refreshes * rules.refresh_every


@kernel
def _is_closed(device: Device, c: int) -> bool:
    """Return whether no bank of a channel is open."""
    return device.counts.activates[c] == device.counts.precharges[c]


@kernel
def _entered(device: Device, c: int, head: int, tail: int, index: int) -> tuple[int, int]:
    """Return when burst ``index`` of a channel finds room in the queue: when the one ``queue`` before it is issued.

    In front of it the visit that this one is of, of those from ``head`` to ``tail``.
    """
    visits, entries = device.visits, device.rules.queue + 2
    index -= device.rules.queue
    if index < 0:
        return head, 0
    ring = c * entries
    while head != tail:
        following = head + 1 if head + 1 < entries else 0
        if visits.first[ring + following] > index:
            break
        head = following
    return head, visits.clock[ring + head] + (index - visits.first[ring + head]) * visits.step[ring + head]


@kernel
def _remember(device: Device, c: int, tail: int, issued: int, clock: int, step: int) -> int:
    """Append a visit from ``clock`` on to the ring of a channel, behind so many bursts; return where it is."""
    visits, entries = device.visits, device.rules.queue + 2
    tail = tail + 1 if tail + 1 < entries else 0
    entry = c * entries + tail
    visits.first[entry], visits.clock[entry], visits.step[entry] = issued, clock, step
    return tail


def finish(device: Device, c: int, clock: int) -> None:
    """Refresh what is due until ``clock``, and close the account of a channel's time without an open bank."""
    channels = device.channels
    while channels.due[c] <= clock:
        _refresh(device, c)
        _refresh_idle(device, c, clock)
    if _is_closed(device, c):
        device.counts.idle[c] += max(clock - channels.closed_since[c], 0)
        channels.closed_since[c] = max(clock, channels.closed_since[c])
