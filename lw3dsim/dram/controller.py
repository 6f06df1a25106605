"""A first-ready, first-come-first-served controller: its queues and its loop.

Each clock, in this order: at most one request enters its transaction queue, in trace order; a due refresh is noted;
at most one command begins (``banks``), where none of several clocks is still on the command bus; at most one request
moves from a transaction queue to the queue of its bank, the first one in order that finds room there. Clocks in
which none of this can happen are skipped.

Reads wait in one queue, writes in a buffer. The buffer drains, all that it holds then, when it is full, when no command
waits and more than DRAIN_ABOVE writes do, or when nothing else is left. A read of a buffered write is answered from
the buffer, a write to it merges with it, reads of one burst that wait together are one command; a write never
overtakes a read of its burst.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.base.kernels import CONTROLLER, kernel
from lw3dsim.dram.banks import ACT_1, choose, issue, look, take_out
from lw3dsim.dram.channel import (
    ACTIVE_CLOCKS,
    AT_BANK,
    BANK_QUEUE,
    CHOSEN_BANK,
    CHOSEN_LEAD,
    CHOSEN_SLOT,
    COMMAND_BUS,
    DRAIN_ABOVE,
    DRAINING,
    FORWARDED_READS,
    IN_BANKS,
    IN_LINE,
    LAST_BEAT,
    MERGED_READS,
    MERGED_WRITES,
    NEXT,
    NEXT_REFRESH,
    NOW,
    OPEN_BANKS,
    OPENED_AT,
    READS_WAITING,
    REFRESHES_DUE,
    SCHEDULABLE,
    WAKE,
    WRITES_WAITING,
    Channel,
)

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Words


@kernel(entry=CONTROLLER)
def run(channel: Channel, until: int = 0) -> int:
    """Serve every request; return the clock of the last data beat.

    Refreshes go on to that beat, or to clock ``until`` if that is later; call again with a later one to go on.
    """
    registers = channel.registers
    serve(channel)
    end = max(registers[LAST_BEAT], until)
    stand_by(channel, end)
    if registers[OPEN_BANKS]:
        channel.counts[ACTIVE_CLOCKS] += end - registers[OPENED_AT]
        registers[OPENED_AT] = end
    return registers[LAST_BEAT]


@kernel(entry=CONTROLLER)
def serve(channel: Channel) -> None:
    """Go on until the last request has been issued; the clock then stands behind that command."""
    registers = channel.registers
    now = following = registers[NOW]
    while (
        registers[NEXT] < len(channel.bank_of)
        or registers[IN_BANKS]
        or registers[READS_WAITING]
        or registers[WRITES_WAITING]
    ):
        now = following
        following = _clock(channel, now)
        registers[NOW] = now + 1


@kernel(entry=CONTROLLER)
def stand_by(channel: Channel, until: int) -> None:
    """Go on to clock ``until`` with whatever refresh is due."""
    registers = channel.registers
    while registers[NOW] <= until:
        registers[NOW] = _clock(channel, registers[NOW])
    registers[NOW] = until + 1


@kernel(inline=False)
def _clock(channel: Channel, now: int) -> int:
    """Carry out what happens at clock ``now``; return the next clock at which something can."""
    registers = channel.registers
    changed = registers[NEXT] < len(channel.bank_of) and _admit(channel)
    while now >= registers[NEXT_REFRESH]:
        registers[NEXT_REFRESH] += channel.limits.refresh_interval
        registers[REFRESHES_DUE] += 1
        registers[WAKE] = now
    if now >= registers[WAKE] and now >= registers[COMMAND_BUS]:
        command = choose(channel, now)
        if command >= 0:
            counted = now + registers[CHOSEN_LEAD]
            if command != ACT_1:
                issue(channel, command, registers[CHOSEN_BANK], registers[CHOSEN_SLOT], counted)
            registers[WAKE] = registers[COMMAND_BUS] = counted + 1
    if registers[SCHEDULABLE] and _schedule(channel, now):
        changed = True
    return now + 1 if changed else max(now + 1, min(registers[WAKE], registers[NEXT_REFRESH]))


@kernel
def _admit(channel: Channel) -> bool:
    """Take the next request if its queue has room."""
    registers = channel.registers
    request = registers[NEXT]
    block = channel.block_of[request]
    if channel.is_write[request]:
        if registers[WRITES_WAITING] == channel.limits.queue:
            return False
        if channel.pending_writes[block]:
            channel.counts[MERGED_WRITES] += 1
        else:
            channel.pending_writes[block] = 1
            channel.writes[registers[WRITES_WAITING]] = request
            registers[WRITES_WAITING] += 1
    else:
        if registers[READS_WAITING] == channel.limits.queue:
            return False
        if channel.pending_writes[block]:
            channel.counts[FORWARDED_READS] += 1
        elif channel.pending_reads[block]:
            channel.counts[MERGED_READS] += 1
        else:
            channel.pending_reads[block] = IN_LINE
            channel.reads[registers[READS_WAITING]] = request
            registers[READS_WAITING] += 1
    registers[NEXT] += 1
    registers[SCHEDULABLE] = 1
    return True


@kernel
def _schedule(channel: Channel, now: int) -> bool:
    """Move the first request whose bank queue has room; remember when there is none. Return whether to try again."""
    registers = channel.registers
    waiting = registers[WRITES_WAITING]
    if registers[DRAINING] == 0 and waiting:
        rest = registers[NEXT] == len(channel.bank_of) and registers[READS_WAITING] == 0
        idle = registers[IN_BANKS] == 0
        if waiting == channel.limits.queue or (idle and (waiting > DRAIN_ABOVE or rest)):
            registers[DRAINING] = waiting
    if registers[DRAINING]:
        slot = _first_with_room(channel, channel.writes, waiting)
        if slot == waiting:
            registers[SCHEDULABLE] = 0
            return False
        read = channel.pending_reads[channel.block_of[channel.writes[slot]]]
        if not read:
            _to_bank(channel, channel.writes, slot, waiting, now)
            registers[WRITES_WAITING] -= 1
            registers[DRAINING] -= 1
            return True
        registers[DRAINING] = 0  # the read of this burst goes first
        if read == AT_BANK:
            return True
    waiting = registers[READS_WAITING]
    slot = _first_with_room(channel, channel.reads, waiting)
    if slot == waiting:
        registers[SCHEDULABLE] = 0
        return False
    channel.pending_reads[channel.block_of[channel.reads[slot]]] = AT_BANK
    _to_bank(channel, channel.reads, slot, waiting, now)
    registers[READS_WAITING] -= 1
    return True


@kernel
def _first_with_room(channel: Channel, line: Words, waiting: int) -> int:
    queued, bank_of = channel.queued, channel.bank_of
    for slot in range(waiting):
        if queued[bank_of[line[slot]]] < BANK_QUEUE:
            return slot
    return waiting


@kernel
def _to_bank(channel: Channel, line: Words, slot: int, waiting: int, now: int) -> None:
    request = line[slot]
    take_out(line, slot, waiting)
    bank = channel.bank_of[request]
    channel.queue[bank * BANK_QUEUE + channel.queued[bank]] = request
    channel.queued[bank] += 1
    channel.registers[IN_BANKS] += 1
    look(channel, bank)
    channel.registers[WAKE] = min(channel.registers[WAKE], now + 1)
