"""The in-order bank model: bursts move in the order of the DMA, activates run ahead of them.

A controller holds the next ``queue`` bursts of a channel. As soon as a burst is in the queue its row is
precharged and activated, while the bursts in front of it still move; reads and writes keep their order.
The rules are those of :mod:`lw3dsim.dram.timing_rules`, applied to a whole visit of a row at once, so that the
cost is per row visited and not per burst. A refresh goes in front of every command that would be issued when
it is due or later. The command bus is not modelled: neither that one command fits a clock, nor that some take
several, nor the synchronisation of a write clock, which fits the clock before the first burst. Times are clocks
of the DRAM.

:func:`serve` and what it calls work on flat integer sequences: lists here, arrays where they are compiled.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from lw3dsim.base.kernels import kernel
from lw3dsim.describe.address_map import address_map
from lw3dsim.dram.power import DramCounts, summed
from lw3dsim.dram.timing_rules import gap

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Words
    from lw3dsim.describe.clocks import DramSystem

NEVER = 1 << 60

# What a bank, a bank group, a channel and an entry of a channel's ring of row visits remember.
OPEN_ROW, ACT_AT, PRE_AT, COLUMN_AT, BANK_WORDS = range(5)
GROUP_ACT, GROUP_READ, GROUP_WRITE, GROUP_WORDS = range(4)
(
    RANK_ACT, RANK_READ, RANK_WRITE, RANK_PRE, FAW_0, FAW_1, FAW_2, FAW_3, FAW_NEXT, DUE, NEXT_BANK, OPEN_BANKS,
    CLOSED_SINCE, ISSUED, HEAD, TAIL, READS, WRITES, ACTIVATES, PRECHARGES, REFRESHES, MISSES, CONFLICTS, IDLE,
    CHANNEL_WORDS,
) = range(25)  # fmt: skip
VISIT_INDEX, VISIT_CLOCK, VISIT_STEP, VISIT_WORDS = range(4)

# What the standard, the queue and the address mapping fix.
(
    BANKS, GROUPS, QUEUE, LANES, LOW_SPAN, READ_DATA, WRITE_DATA, READ_STEP, WRITE_STEP,
    RCD, RAS, RC, RP, FAW, PPD, READ_TO_PRE, WRITE_TO_PRE, ACT_GROUP, ACT_RANK,
    READ_READ_GROUP, READ_READ_RANK, READ_WRITE_GROUP, READ_WRITE_RANK,
    WRITE_WRITE_GROUP, WRITE_WRITE_RANK, WRITE_READ_GROUP, WRITE_READ_RANK,
    REFRESH_EVERY, REFRESH_CLOCKS, IS_PER_BANK, REFRESH_STRIDE, REFRESH_TO_OTHER, FIELDS,
) = range(33)  # fmt: skip

# Kinds of address fields; a field is a pair (kind, size) behind FIELDS, from the least significant on.
COLUMN, CHANNEL, GROUP, BANK, ROW = range(5)
KINDS = {"col": COLUMN, "channel": CHANNEL, "bankgroup": GROUP, "bank": BANK, "row": ROW}
FIELDS_END = FIELDS + 2 * len(KINDS)


@lru_cache(maxsize=256)
def constants(dram: DramSystem) -> tuple[int, ...]:
    """Return what :func:`serve` needs to know of ``dram``."""
    s = dram.standard
    fields = address_map(dram.mapping, s, dram.channels).fields[::-1]
    lanes = dram.channels if fields[0][0] == "channel" else 1
    low = fields[1] if fields[0][0] == "channel" else fields[0]
    read_read, write_write = gap(s, "RD", "RD", "group"), gap(s, "WR", "WR", "group")
    is_per_bank = dram.refresh == "per-bank"
    k = [0] * FIELDS
    k[BANKS], k[GROUPS], k[QUEUE], k[LANES] = s.banks, s.bank_groups, dram.queue, lanes
    k[LOW_SPAN] = lanes * (low[1] if low[0] == "col" else 1)
    k[READ_DATA], k[WRITE_DATA] = s.cl + s.burst_clocks, s.cwl + s.burst_clocks
    k[READ_STEP], k[WRITE_STEP] = read_read, write_write
    k[RCD], k[RAS], k[RC] = (gap(s, "ACT", then, "bank") for then in ("RD", "PRE", "ACT"))
    k[RP], k[FAW], k[PPD] = gap(s, "PRE", "ACT", "bank"), s.tfaw, gap(s, "PRE", "PRE", "rank")
    k[READ_TO_PRE], k[WRITE_TO_PRE] = gap(s, "RD", "PRE", "bank"), gap(s, "WR", "PRE", "bank")
    k[ACT_GROUP], k[ACT_RANK] = gap(s, "ACT", "ACT", "group"), gap(s, "ACT", "ACT", "rank")
    k[READ_READ_GROUP], k[READ_READ_RANK] = read_read, gap(s, "RD", "RD", "rank")
    k[READ_WRITE_GROUP], k[READ_WRITE_RANK] = gap(s, "RD", "WR", "group"), gap(s, "RD", "WR", "rank")
    k[WRITE_WRITE_GROUP], k[WRITE_WRITE_RANK] = write_write, gap(s, "WR", "WR", "rank")
    k[WRITE_READ_GROUP], k[WRITE_READ_RANK] = gap(s, "WR", "RD", "group"), gap(s, "WR", "RD", "rank")
    k[IS_PER_BANK], k[REFRESH_EVERY] = int(is_per_bank), s.trefi_pb if is_per_bank else s.trefi
    k[REFRESH_STRIDE] = s.refresh_stride if is_per_bank else 1
    k[REFRESH_CLOCKS] = gap(s, "REFpb", "ACT", "bank") if is_per_bank else gap(s, "REF", "ACT", "rank")
    k[REFRESH_TO_OTHER] = gap(s, "REFpb", "ACT", "rank") if is_per_bank else k[REFRESH_CLOCKS]
    if dram.refresh == "none":
        k[REFRESH_EVERY] = NEVER
    for name, size in fields:
        k += [KINDS[name], size]
    return tuple(k)


def idle_state(dram: DramSystem) -> tuple[list[int], list[int], list[int], list[int]]:
    """Return banks, groups, channels and rings of ``dram`` at clock 0: every bank closed, the first refresh ahead."""
    k = constants(dram)
    banks = [-1, 0, 0, 0] * (dram.channels * k[BANKS])
    groups = [0] * (dram.channels * k[GROUPS] * GROUP_WORDS)
    channels = [0] * (dram.channels * CHANNEL_WORDS)
    channels[DUE::CHANNEL_WORDS] = [k[REFRESH_EVERY]] * dram.channels
    return banks, groups, channels, [0] * (dram.channels * (k[QUEUE] + 2) * VISIT_WORDS)


def counts(k: Words, banks: Words, channels: Words, clock: int) -> DramCounts:
    """Return what all channels did until ``clock``; closes their accounts."""
    return summed(_channel_counts(k, banks, channels, i, clock) for i in range(len(channels) // CHANNEL_WORDS))


def _channel_counts(k: Words, banks: Words, channels: Words, channel: int, clock: int) -> DramCounts:
    finish(k, banks, channels, channel, clock)
    words = [int(word) for word in channels[channel * CHANNEL_WORDS : (channel + 1) * CHANNEL_WORDS]]
    misses, conflicts, refreshes = words[MISSES], words[CONFLICTS], words[REFRESHES]
    return DramCounts(
        reads=words[READS],
        writes=words[WRITES],
        activates=words[ACTIVATES],
        precharges=words[PRECHARGES],
        refreshes=0 if k[IS_PER_BANK] else refreshes,
        bank_refreshes=refreshes if k[IS_PER_BANK] else 0,
        row_hits=words[READS] + words[WRITES] - misses - conflicts,
        row_misses=misses,
        row_conflicts=conflicts,
        active_clocks=clock - words[IDLE],
        idle_clocks=words[IDLE],
    )


@kernel
def serve(
    k: Words,
    banks: Words,
    groups: Words,
    channels: Words,
    rings: Words,
    first: int,
    count: int,
    start: int,
    write: int,
) -> tuple[int, int]:
    """Move ``count`` bursts from address ``first`` on, requested at clock ``start``.

    Return the clock at which the last of them entered its queue, and the end of
    the last beat. ``write`` is 1 for writes. State is updated in place.
    """
    accepted = done = start
    end = first + count
    lanes, span = k[LANES], k[LOW_SPAN]
    while first < end:
        stop = min(end, (first // span + 1) * span)
        for address in range(first, min(first + lanes, stop)):
            channel, group, bank, row = _place(k, address)
            bursts = (stop - address + lanes - 1) // lanes
            entered, last = _visit(k, banks, groups, channels, rings, channel, group, bank, row, bursts, start, write)
            accepted, done = max(accepted, entered), max(done, last)
        first = stop
    return accepted, done


@kernel
def _place(k: Words, address: int) -> tuple[int, int, int, int]:
    """Return channel, bank group, bank (counted through all groups) and row of a burst."""
    channel = group = bank = row = 0
    for field in range(FIELDS, FIELDS_END, 2):
        kind, size = k[field], k[field + 1]
        if size == 1:
            continue
        digit = address % size
        address //= size
        if kind == CHANNEL:
            channel = digit
        elif kind == GROUP:
            group = digit
        elif kind == BANK:
            bank = digit
        elif kind == ROW:
            row = digit
    return channel, group, group * (k[BANKS] // k[GROUPS]) + bank, row


@kernel
def _visit(
    k: Words,
    banks: Words,
    groups: Words,
    channels: Words,
    rings: Words,
    channel: int,
    group: int,
    bank: int,
    row: int,
    bursts: int,
    start: int,
    write: int,
) -> tuple[int, int]:
    """Move ``bursts`` of one row; return when the last entered the queue and the end of its last beat."""
    b = (channel * k[BANKS] + bank) * BANK_WORDS
    g = (channel * k[GROUPS] + group) * GROUP_WORDS
    c = channel * CHANNEL_WORDS
    step = k[WRITE_STEP] if write else k[READ_STEP]
    outcome, clock = 0, start
    while bursts > 0:
        arrival = max(start, _entered(k, channels, rings, channel, channels[c + ISSUED]))
        if banks[b + OPEN_ROW] == row:
            clock = max(arrival, banks[b + COLUMN_AT], groups[g + GROUP_READ + write], channels[c + RANK_READ + write])
        elif banks[b + OPEN_ROW] >= 0:
            clock = max(arrival, banks[b + PRE_AT], channels[c + RANK_PRE])
        else:
            oldest = channels[c + FAW_0 + channels[c + FAW_NEXT]]
            clock = max(arrival, banks[b + ACT_AT], groups[g + GROUP_ACT], channels[c + RANK_ACT], oldest)
        if clock >= channels[c + DUE]:
            _refresh(k, banks, channels, channel)
            _refresh_idle(k, banks, channels, channel, arrival)
            outcome = 0
        elif banks[b + OPEN_ROW] == row:
            moved = min(bursts, (channels[c + DUE] - clock + step - 1) // step)
            _remember(k, channels, rings, channel, clock, step, moved)
            clock += (moved - 1) * step
            _column(k, banks, groups, channels, b, g, c, clock, write)
            channels[c + READS + write] += moved
            channels[c + MISSES] += outcome == 1
            channels[c + CONFLICTS] += outcome == 2
            bursts -= moved
            outcome = 0
        elif banks[b + OPEN_ROW] >= 0:
            _precharge(k, banks, channels, b, c, clock)
            outcome = 2
        else:
            _activate(k, banks, groups, channels, b, g, c, row, clock)
            outcome = max(outcome, 1)
    return _entered(k, channels, rings, channel, channels[c + ISSUED] - 1), clock + k[READ_DATA + write]


@kernel
def _column(
    k: Words, banks: Words, groups: Words, channels: Words, b: int, g: int, c: int, clock: int, write: int
) -> None:
    """Note that the last read or write of a visit is issued at ``clock``."""
    to_pre, same_group, same_rank, other_group, other_rank = (
        (k[WRITE_TO_PRE], k[WRITE_WRITE_GROUP], k[WRITE_WRITE_RANK], k[WRITE_READ_GROUP], k[WRITE_READ_RANK])
        if write
        else (k[READ_TO_PRE], k[READ_READ_GROUP], k[READ_READ_RANK], k[READ_WRITE_GROUP], k[READ_WRITE_RANK])
    )
    same, other = write, 1 - write
    banks[b + PRE_AT] = max(banks[b + PRE_AT], clock + to_pre)
    groups[g + GROUP_READ + same] = clock + same_group
    groups[g + GROUP_READ + other] = max(groups[g + GROUP_READ + other], clock + other_group)
    channels[c + RANK_READ + same] = clock + same_rank
    channels[c + RANK_READ + other] = max(channels[c + RANK_READ + other], clock + other_rank)


@kernel
def _precharge(k: Words, banks: Words, channels: Words, b: int, c: int, clock: int) -> None:
    banks[b + OPEN_ROW] = -1
    banks[b + ACT_AT] = max(banks[b + ACT_AT], clock + k[RP])
    channels[c + RANK_PRE] = clock + k[PPD]
    channels[c + PRECHARGES] += 1
    channels[c + OPEN_BANKS] -= 1
    if channels[c + OPEN_BANKS] == 0:
        channels[c + CLOSED_SINCE] = clock


@kernel
def _activate(
    k: Words, banks: Words, groups: Words, channels: Words, b: int, g: int, c: int, row: int, clock: int
) -> None:
    banks[b + OPEN_ROW] = row
    banks[b + COLUMN_AT] = clock + k[RCD]
    banks[b + PRE_AT] = clock + k[RAS]
    banks[b + ACT_AT] = clock + k[RC]
    groups[g + GROUP_ACT] = clock + k[ACT_GROUP]
    channels[c + RANK_ACT] = clock + k[ACT_RANK]
    channels[c + FAW_0 + channels[c + FAW_NEXT]] = clock + k[FAW]
    channels[c + FAW_NEXT] = (channels[c + FAW_NEXT] + 1) % 4
    channels[c + ACTIVATES] += 1
    if channels[c + OPEN_BANKS] == 0:
        channels[c + IDLE] += max(clock - channels[c + CLOSED_SINCE], 0)
    channels[c + OPEN_BANKS] += 1


@kernel(inline=False)
def _refresh(k: Words, banks: Words, channels: Words, channel: int) -> None:
    """Close the banks that are due for refresh one after another, and refresh them."""
    c = channel * CHANNEL_WORDS
    due = channels[c + DUE]
    from_bank, stride = channels[c + NEXT_BANK], k[REFRESH_STRIDE]
    channels[c + NEXT_BANK] = (from_bank + 1) % stride
    clock = due
    for bank in range(from_bank, k[BANKS], stride):
        b = (channel * k[BANKS] + bank) * BANK_WORDS
        if banks[b + OPEN_ROW] >= 0:
            _precharge(k, banks, channels, b, c, max(due, banks[b + PRE_AT], channels[c + RANK_PRE]))
        clock = max(clock, banks[b + ACT_AT])
    for bank in range(from_bank, k[BANKS], stride):
        banks[(channel * k[BANKS] + bank) * BANK_WORDS + ACT_AT] = clock + k[REFRESH_CLOCKS]
    channels[c + RANK_ACT] = max(channels[c + RANK_ACT], clock + k[REFRESH_TO_OTHER])
    channels[c + REFRESHES] += 1
    channels[c + DUE] = due + k[REFRESH_EVERY]


@kernel(inline=False)
def _refresh_idle(k: Words, banks: Words, channels: Words, channel: int, until: int) -> None:
    """Jump over the rounds of refreshes that come before ``until`` and find every bank closed and ready.

    The last two rounds are left: the state behind them is that behind all.
    """
    c = channel * CHANNEL_WORDS
    due, refreshes = channels[c + DUE], k[REFRESH_STRIDE]
    rounds = (until - due) // (k[REFRESH_EVERY] * refreshes) - 2
    if rounds <= 0 or channels[c + OPEN_BANKS] > 0:
        return
    for bank in range(k[BANKS]):
        if banks[(channel * k[BANKS] + bank) * BANK_WORDS + ACT_AT] > due:
            return
    channels[c + REFRESHES] += rounds * refreshes
    channels[c + DUE] = due + rounds * refreshes * k[REFRESH_EVERY]


@kernel
def _entered(k: Words, channels: Words, rings: Words, channel: int, index: int) -> int:
    """Return when burst ``index`` of a channel finds room in the queue: when the one ``queue`` before it is issued."""
    c = channel * CHANNEL_WORDS
    index -= k[QUEUE]
    if index < 0:
        return 0
    entries = k[QUEUE] + 2
    ring = channel * entries * VISIT_WORDS
    head = channels[c + HEAD]
    while head != channels[c + TAIL]:
        following = head + 1 if head + 1 < entries else 0
        if rings[ring + following * VISIT_WORDS + VISIT_INDEX] > index:
            break
        head = following
    channels[c + HEAD] = head
    entry = ring + head * VISIT_WORDS
    return rings[entry + VISIT_CLOCK] + (index - rings[entry + VISIT_INDEX]) * rings[entry + VISIT_STEP]


@kernel
def _remember(k: Words, channels: Words, rings: Words, channel: int, clock: int, step: int, bursts: int) -> None:
    """Append a visit of ``bursts`` from ``clock`` on to the ring of a channel."""
    c = channel * CHANNEL_WORDS
    entries = k[QUEUE] + 2
    if channels[c + ISSUED] > 0:
        tail = channels[c + TAIL] + 1
        channels[c + TAIL] = tail if tail < entries else 0
    entry = (channel * entries + channels[c + TAIL]) * VISIT_WORDS
    rings[entry + VISIT_INDEX] = channels[c + ISSUED]
    rings[entry + VISIT_CLOCK] = clock
    rings[entry + VISIT_STEP] = step
    channels[c + ISSUED] += bursts


def finish(k: Words, banks: Words, channels: Words, channel: int, clock: int) -> None:
    """Refresh what is due until ``clock``, and close the account of the time without an open bank."""
    c = channel * CHANNEL_WORDS
    while channels[c + DUE] <= clock:
        _refresh(k, banks, channels, channel)
        _refresh_idle(k, banks, channels, channel, clock)
    if channels[c + OPEN_BANKS] == 0:
        channels[c + IDLE] += max(clock - channels[c + CLOSED_SINCE], 0)
        channels[c + CLOSED_SINCE] = max(clock, channels[c + CLOSED_SINCE])
