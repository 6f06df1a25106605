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

from lw3dsim.base.integers import NEVER
from lw3dsim.base.kernels import entry, kernel
from lw3dsim.dram.banks import ACT_1, choose, issue, look, take_out
from lw3dsim.dram.channel import (
    AT_BANK,
    BANK_QUEUE,
    DRAIN_ABOVE,
    IN_LINE,
    Channel,
)

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Words


@entry
def run(channel: Channel, until: int) -> int:
    """Serve every request; return the clock of the last data beat.

    Refreshes go on to that beat, or to clock ``until`` if that is later; call again with a later one to go on.
    """
    registers = channel.registers
    serve(channel)
    end = max(registers.last_beat[0], until)
    stand_by(channel, end)
    if registers.open_banks[0]:
        channel.counts.active_clocks[0] += end - registers.opened_at[0]
        registers.opened_at[0] = end
    return registers.last_beat[0]


@entry
def serve(channel: Channel) -> None:
    """Go on until the last request has been issued; the clock then stands behind that command."""
    channel.registers.now[0] = _go_on(channel, NEVER)


@entry
def stand_by(channel: Channel, until: int) -> None:
    """Go on to clock ``until`` with whatever refresh is due."""
    _go_on(channel, until)
    channel.registers.now[0] = until + 1


@kernel
def _go_on(channel: Channel, until: int) -> int:
    """Carry out what happens to clock ``until``, or, where that is NEVER, to the command of the last request.

    Return the clock behind the last at which something could happen.
    """
    registers, requests = channel.registers, len(channel.bank_of)
    following = registers.now[0]
    behind = following
    while following <= until:
        is_done = registers.next_request[0] >= requests and not registers.in_banks[0]
        if until == NEVER and is_done and not (registers.reads_waiting[0] or registers.writes_waiting[0]):
            break
        behind = following + 1
        following = _clock(channel, following)
    return behind


@kernel
def _clock(channel: Channel, now: int) -> int:
    """Carry out what happens at clock ``now``; return the next clock at which something can."""
    registers = channel.registers
    changed = registers.next_request[0] < len(channel.bank_of) and _admit(channel)
    while now >= registers.next_refresh[0]:
        registers.next_refresh[0] += channel.limits.refresh_interval
        registers.refreshes_due[0] += 1
        registers.wake[0] = now
    if now >= registers.wake[0] and now >= registers.command_bus[0]:
        command = choose(channel, now)
        if command >= 0:
            counted = now + registers.chosen_lead[0]
            if command != ACT_1:
                issue(channel, command, registers.chosen_bank[0], registers.chosen_slot[0], counted)
            registers.wake[0] = registers.command_bus[0] = counted + 1
    if registers.is_schedulable[0] and _schedule(channel, now):
        changed = True
    return now + 1 if changed else max(now + 1, min(registers.wake[0], registers.next_refresh[0]))


@kernel
def _admit(channel: Channel) -> bool:
    """Take the next request if its queue has room."""
    registers = channel.registers
    request = registers.next_request[0]
    block = channel.block_of[request]
    if channel.is_write[request]:
        if registers.writes_waiting[0] == channel.limits.queue:
            return False
        if channel.pending_writes[block]:
            channel.counts.merged_writes[0] += 1
        else:
            channel.pending_writes[block] = 1
            channel.writes[registers.writes_waiting[0]] = request
            registers.writes_waiting[0] += 1
    else:
        if registers.reads_waiting[0] == channel.limits.queue:
            return False
        if channel.pending_writes[block]:
            channel.counts.forwarded_reads[0] += 1
        elif channel.pending_reads[block]:
            channel.counts.merged_reads[0] += 1
        else:
            channel.pending_reads[block] = IN_LINE
            channel.reads[registers.reads_waiting[0]] = request
            registers.reads_waiting[0] += 1
    registers.next_request[0] += 1
    registers.is_schedulable[0] = 1
    return True


@kernel
def _schedule(channel: Channel, now: int) -> bool:
    """Move the first request whose bank queue has room; remember when there is none. Return whether to try again."""
    registers = channel.registers
    waiting = registers.writes_waiting[0]
    if registers.draining[0] == 0 and waiting:
        rest = registers.next_request[0] == len(channel.bank_of) and registers.reads_waiting[0] == 0
        idle = registers.in_banks[0] == 0
        if waiting == channel.limits.queue or (idle and (waiting > DRAIN_ABOVE or rest)):
            registers.draining[0] = waiting
    if registers.draining[0]:
        slot = _first_with_room(channel, channel.writes, waiting)
        if slot == waiting:
            registers.is_schedulable[0] = 0
            return False
        read = channel.pending_reads[channel.block_of[channel.writes[slot]]]
        if not read:
            _to_bank(channel, channel.writes, slot, waiting, now)
            registers.writes_waiting[0] -= 1
            registers.draining[0] -= 1
            return True
        registers.draining[0] = 0  # the read of this burst goes first
        if read == AT_BANK:
            return True
    waiting = registers.reads_waiting[0]
    slot = _first_with_room(channel, channel.reads, waiting)
    if slot == waiting:
        registers.is_schedulable[0] = 0
        return False
    channel.pending_reads[channel.block_of[channel.reads[slot]]] = AT_BANK
    _to_bank(channel, channel.reads, slot, waiting, now)
    registers.reads_waiting[0] -= 1
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
    channel.registers.in_banks[0] += 1
    look(channel, bank)
    channel.registers.wake[0] = min(channel.registers.wake[0], now + 1)
