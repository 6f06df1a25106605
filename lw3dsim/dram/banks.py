"""Which command goes next on a channel, and what it changes.

Banks are tried round robin, from the one after the last that issued. A closed bank opens the row of its oldest
request. In an open one the first request, in order, whose command the timing rules allow goes: a hit, or for the
oldest request to another row a precharge, unless hits wait and the row has served fewer than HIT_LIMIT bursts. A due
refresh stops the banks involved, closes them lowest first as they become ready, then issues; the other banks go on.

An activate of two commands is split: its first goes as soon as the second may follow in the next clock, the second
when no read or write can, or at last at its limit. Nothing else goes in between.

Functions over the columns of a :class:`lw3dsim.dram.channel.Channel`, which they update in place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.base.integers import NEVER
from lw3dsim.base.kernels import kernel
from lw3dsim.dram.channel import (
    BANK_QUEUE,
    HIT_LIMIT,
    Channel,
)
from lw3dsim.dram.timing_rules import ACT, COMMANDS, PRE, RD, REF, REFPB, WR

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Words

ACT_1 = len(COMMANDS)  # the first command of a split activate: nothing counts from it


@kernel
def take_out(line: Words, at: int, end: int) -> None:
    """Close up the places of ``line`` up to ``end`` where the one at ``at`` is taken out."""
    for place in range(at, end - 1):
        line[place] = line[place + 1]


@kernel
def look(channel: Channel, bank: int) -> None:
    """Find what the requests of ``bank`` want of its open row."""
    first_read = first_write = BANK_QUEUE
    row = channel.open_row[bank]
    start = bank * BANK_QUEUE
    if row >= 0:
        for slot in range(channel.queued[bank]):
            request = channel.queue[start + slot]
            if channel.row_of[request] != row:
                continue
            if not channel.is_write[request]:
                first_read = min(first_read, slot)
            elif first_write == BANK_QUEUE and not _read_before(channel, start, slot):
                first_write = slot
    channel.first_read[bank] = first_read
    channel.first_write[bank] = first_write
    other = row >= 0 and channel.queued[bank] > 0 and channel.row_of[channel.queue[start]] != row
    hits = min(first_read, first_write) < BANK_QUEUE
    channel.may_close[bank] = int(other and (not hits or channel.row_hits[bank] >= HIT_LIMIT))


@kernel
def _read_before(channel: Channel, start: int, slot: int) -> bool:
    """Tell whether a read of the same burst waits before ``slot``."""
    block = channel.block_of[channel.queue[start + slot]]
    for before in range(start, start + slot):
        request = channel.queue[before]
        if channel.block_of[request] == block and not channel.is_write[request]:
            return True
    return False


@kernel
def ready(channel: Channel, command: int, bank: int) -> int:
    """Return the first clock at which the timing rules allow ``command`` to ``bank``."""
    group = channel.group_of[bank]
    groups = len(channel.group_ready) // len(channel.rank_ready)
    clock = channel.bank_ready[command * channel.limits.banks + bank]
    clock = max(clock, channel.group_ready[command * groups + group], channel.rank_ready[command])
    if command == ACT:
        clock = max(clock, channel.activates[channel.registers.oldest_act[0]] + channel.limits.faw)
    return clock


@kernel
def choose(channel: Channel, now: int) -> int:
    """Return the command to begin at ``now``, or -1 with the clock to look again in a register.

    Its bank, its slot and the clocks until the one that its timings count from are in registers too.
    """
    registers = channel.registers
    registers.wake[0] = NEVER
    is_split = registers.split_bank[0] >= 0
    if is_split and now >= registers.split_until[0]:
        return _activate_second(channel)
    held = -1
    if registers.refreshes_due[0] and not is_split:
        command = _refresh(channel, now)
        if command >= 0 or not channel.limits.per_bank:
            return command
        held = registers.refresh_bank[0]
    banks, stride = channel.limits.banks, channel.limits.refresh_stride
    bank = registers.last_bank[0]
    for _ in range(banks):
        bank = bank + 1 if bank + 1 < banks else 0
        if channel.queued[bank] and bank % stride != held:
            command = _column(channel, bank, now) if is_split else _bank_command(channel, bank, now)
            if command >= 0:
                registers.last_bank[0] = registers.chosen_bank[0] = bank
                return command
    return _activate_second(channel) if is_split else -1


@kernel
def _bank_command(channel: Channel, bank: int, now: int) -> int:
    if channel.open_row[bank] < 0:
        return _activate(channel, bank, now)
    if channel.may_close[bank] and _if_ready(channel, PRE, bank, now) >= 0:
        channel.conflict[bank] = 1
        return PRE
    return _column(channel, bank, now)


@kernel
def _column(channel: Channel, bank: int, now: int) -> int:
    """Return the read or write that goes next to the open row of ``bank``, its slot in a register."""
    registers = channel.registers
    slot, other = channel.first_read[bank], channel.first_write[bank]
    command, other_command = RD, WR
    if other <= slot:
        slot, other, command, other_command = other, slot, WR, RD
    if slot < BANK_QUEUE and _if_ready(channel, command, bank, now) >= 0:
        registers.chosen_slot[0] = slot
        return command
    if other < BANK_QUEUE and _if_ready(channel, other_command, bank, now) >= 0:
        registers.chosen_slot[0] = other
        return other_command
    return -1


@kernel
def _activate(channel: Channel, bank: int, now: int) -> int:
    """Return the command that opens a row of ``bank``, or the first of its two."""
    registers = channel.registers
    if not channel.limits.aad:
        return _if_ready(channel, ACT, bank, now)
    clock = ready(channel, ACT, bank) - 1
    if clock > now:
        registers.wake[0] = min(registers.wake[0], clock)
        return -1
    registers.split_bank[0], registers.split_until[0], registers.chosen_lead[0] = bank, now + channel.limits.aad, 0
    return ACT_1


@kernel
def _activate_second(channel: Channel) -> int:
    """Return the second command of a split activate, which no rule holds up any more."""
    registers = channel.registers
    registers.chosen_bank[0], registers.split_bank[0], registers.chosen_lead[0] = registers.split_bank[0], -1, 0
    return ACT


@kernel
def _if_ready(channel: Channel, command: int, bank: int, now: int) -> int:
    clock = ready(channel, command, bank)
    lead = channel.limits.leads[command]
    if command in (RD, WR) and max(clock, now + lead) > channel.registers.wck_until[0]:
        lead += 1  # the write clock has stopped: synchronise it first
    if clock - lead <= now:
        channel.registers.chosen_lead[0] = lead
        return command
    channel.registers.wake[0] = min(channel.registers.wake[0], clock - lead)
    return -1


@kernel
def _refresh(channel: Channel, now: int) -> int:
    """Return the next command of a due refresh: close the banks involved, then refresh."""
    registers = channel.registers
    command, first, step = REF, 0, 1
    if channel.limits.per_bank:
        command, first, step = REFPB, registers.refresh_bank[0], channel.limits.refresh_stride
    is_closed = True
    for bank in range(first, channel.limits.banks, step):
        if channel.open_row[bank] >= 0:
            is_closed = False
            if _if_ready(channel, PRE, bank, now) >= 0:
                registers.chosen_bank[0] = bank
                return PRE
    if not is_closed or not _may_refresh(channel, command, first, step, now):
        return -1
    registers.chosen_bank[0] = first
    return command


@kernel
def _may_refresh(channel: Channel, command: int, first: int, step: int, now: int) -> bool:
    """Tell whether the timing rules allow a refresh of the banks involved; where one must wait, note until when."""
    if command == REF:
        return _if_ready(channel, REF, 0, now) >= 0
    for bank in range(first, channel.limits.banks, step):  # noqa: SIM110  # compiled
        if _if_ready(channel, REFPB, bank, now) < 0:
            return False
    return True


@kernel
def issue(channel: Channel, command: int, bank: int, slot: int, now: int) -> None:
    """Carry out ``command``, counted from ``now``: state, counts, and the clocks that its timing rules block."""
    if command == ACT:
        _open(channel, bank, now)
    elif command == PRE:
        _close(channel, bank, now)
    elif command in (RD, WR):
        _transfer(channel, command, bank, slot, now)
    else:
        registers = channel.registers
        registers.refreshes_due[0] -= 1
        registers.refresh_bank[0] = (registers.refresh_bank[0] + 1) % channel.limits.refresh_stride
        if command == REF:
            channel.counts.refreshes[0] += 1
            step = 1
        else:
            channel.counts.bank_refreshes[0] += 1
            step = channel.limits.refresh_stride
        for refreshed in range(bank, channel.limits.banks, step):
            channel.conflict[refreshed] = 0
            if command == REFPB and refreshed != bank:
                _block(channel, command, refreshed, now)
    _block(channel, command, bank, now)


@kernel
def _block(channel: Channel, command: int, bank: int, now: int) -> None:
    """Note what ``command`` to ``bank`` keeps waiting."""
    bank_ready, group_ready, rank_ready = channel.bank_ready, channel.group_ready, channel.rank_ready
    banks = channel.limits.banks
    groups = len(group_ready) // len(rank_ready)
    for rule in range(channel.rule_first[command], channel.rule_first[command + 1]):
        clock = now + channel.rule_clocks[rule]
        then, scope = channel.rule_then[rule], channel.rule_scope[rule]
        if scope == 0:
            at = then * banks + bank
            bank_ready[at] = max(bank_ready[at], clock)
        elif scope == 1:
            at = then * groups + channel.group_of[bank]
            group_ready[at] = max(group_ready[at], clock)
        else:
            rank_ready[then] = max(rank_ready[then], clock)


@kernel
def _open(channel: Channel, bank: int, now: int) -> None:
    registers = channel.registers
    channel.open_row[bank] = channel.row_of[channel.queue[bank * BANK_QUEUE]]
    channel.row_hits[bank] = 0
    channel.activates[registers.oldest_act[0]] = now
    registers.oldest_act[0] = (registers.oldest_act[0] + 1) % 4
    if registers.open_banks[0] == 0:
        registers.opened_at[0] = now
    registers.open_banks[0] += 1
    channel.counts.activates[0] += 1
    look(channel, bank)


@kernel
def _close(channel: Channel, bank: int, now: int) -> None:
    registers = channel.registers
    channel.open_row[bank] = -1
    channel.row_hits[bank] = 0
    registers.open_banks[0] -= 1
    if registers.open_banks[0] == 0:
        channel.counts.active_clocks[0] += now - registers.opened_at[0]
    channel.counts.precharges[0] += 1
    look(channel, bank)


@kernel
def _transfer(channel: Channel, command: int, bank: int, slot: int, now: int) -> None:
    registers, counts = channel.registers, channel.counts
    at, end = bank * BANK_QUEUE + slot, bank * BANK_QUEUE + channel.queued[bank] - 1
    block = channel.block_of[channel.queue[at]]
    take_out(channel.queue, at, end + 1)
    channel.queued[bank] -= 1
    if command == RD:
        channel.pending_reads[block] = 0
        counts.reads[0] += 1
        latency = channel.limits.read_latency
    else:
        channel.pending_writes[block] = 0
        counts.writes[0] += 1
        latency = channel.limits.write_latency
    if channel.row_hits[bank]:
        counts.row_hits[0] += 1
    elif channel.conflict[bank]:
        counts.row_conflicts[0] += 1
    else:
        counts.row_misses[0] += 1
    channel.row_hits[bank] += 1
    registers.in_banks[0] -= 1
    registers.is_schedulable[0] = 1
    registers.last_beat[0] = max(registers.last_beat[0], now + latency)
    registers.wck_until[0] = max(registers.wck_until[0], now + latency + channel.limits.wck_postamble)
    look(channel, bank)
