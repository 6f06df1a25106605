"""The state of one DRAM channel and its controller: columns, an element per bank, queue slot or rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.base.integers import NEVER
from lw3dsim.dram.timing_rules import COMMANDS, rule_arrays

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Words
    from lw3dsim.describe.accelerator import Refresh
    from lw3dsim.describe.dram_standards import DramStandard


QUEUE = 32  # reads, and as many writes, that wait before the queues of the banks, unless told otherwise
BANK_QUEUE = 8
DRAIN_ABOVE = 8  # writes that start a drain when no command waits
HIT_LIMIT = 4  # bursts of a row after which an older request to another row may close it

IN_LINE, AT_BANK = 1, 2  # where a pending read waits: the transaction queue or the queue of its bank


class Limits(NamedTuple):
    """Constants of a replay, in clocks where they are times.

    ``leads`` [command] are clocks of the command bus before the one that timings count from. Where ``aad`` is not 0
    an activate is two commands, at most so far apart. ``wck_postamble`` is how long a write clock goes on after a
    burst.
    """

    queue: int
    banks: int
    refresh_stride: int
    leads: Words
    aad: int
    wck_postamble: int
    faw: int
    read_latency: int
    write_latency: int
    refresh_interval: int
    per_bank: int


class Registers(NamedTuple):
    """What a controller remembers, a word each.

    Of the requests: the next to enter; reads and writes that wait for a bank, and so many of these writes to be
    drained; all that wait ``in_banks``; whether one of those that wait for a bank may find room. Of the banks: the last
    that issued a command, the oldest of the last four activates, how many are open, and since when any is. Of the
    refreshes: how many are due, of which bank, and when the next will be. Of the clock: when to look for a command
    again, from when on the command bus is free, until when the write clock runs, the last data beat, and ``now``, the
    clock at which to go on. Of a split activate: its bank, -1 for none, and when its second command must go. Of the
    command that was chosen: its bank, its slot, and the clocks until the one that its timings count from.
    """

    next_request: Words
    reads_waiting: Words
    writes_waiting: Words
    draining: Words
    in_banks: Words
    is_schedulable: Words
    last_bank: Words
    oldest_act: Words
    open_banks: Words
    opened_at: Words
    refreshes_due: Words
    refresh_bank: Words
    next_refresh: Words
    wake: Words
    command_bus: Words
    wck_until: Words
    last_beat: Words
    now: Words
    split_bank: Words
    split_until: Words
    chosen_bank: Words
    chosen_slot: Words
    chosen_lead: Words


class Counts(NamedTuple):
    """What a channel has done, a word each; see :class:`lw3dsim.dram.power.DramCounts`."""

    reads: Words
    writes: Words
    activates: Words
    precharges: Words
    refreshes: Words
    bank_refreshes: Words
    row_hits: Words
    row_misses: Words
    row_conflicts: Words
    merged_reads: Words
    merged_writes: Words
    forwarded_reads: Words
    active_clocks: Words


class Channel(NamedTuple):
    """Everything the controller's loop touches: lists where CPython runs it, arrays where it is compiled.

    ``bank_of``, ``row_of``, ``block_of``, ``is_write`` describe request i; requests to one burst share a block.
    ``bank_ready`` [command x bank], ``group_ready`` [command x group] and ``rank_ready`` [command] hold the first
    clock that the timing rules allow. ``queue`` [bank x slot] holds requests in order of arrival; ``first_read``,
    ``first_write`` name the first slot that hits the open row, BANK_QUEUE if none; ``may_close`` says that the oldest
    request may close it. ``pending_reads`` and ``pending_writes`` tell per block whether, and where, a request waits.
    """

    limits: Limits
    bank_of: Words
    row_of: Words
    block_of: Words
    is_write: Words
    group_of: Words
    rule_first: Words
    rule_scope: Words
    rule_then: Words
    rule_clocks: Words
    bank_ready: Words
    group_ready: Words
    rank_ready: Words
    activates: Words
    open_row: Words
    row_hits: Words
    conflict: Words
    queue: Words
    queued: Words
    first_read: Words
    first_write: Words
    may_close: Words
    reads: Words
    writes: Words
    pending_reads: Words
    pending_writes: Words
    registers: Registers
    counts: Counts


def new_channel(
    standard: DramStandard,
    bank_of: list[int],
    row_of: list[int],
    block_of: list[int],
    is_write: list[int],
    refresh: Refresh,
    queue: int = QUEUE,
) -> Channel:
    """Return an idle channel with its requests; blocks are numbered from 0."""
    rules = rule_arrays(standard)
    banks, groups = standard.banks, standard.bank_groups
    registers = Registers(*([0] for _ in Registers._fields))
    registers.next_refresh[0] = NEVER if refresh == "none" else _refresh_interval(standard, refresh)
    registers.split_bank[0] = -1
    registers.wck_until[0] = -1 if standard.wck_postamble_clocks else NEVER
    blocks = max(block_of, default=-1) + 1
    return Channel(
        limits=_limits(standard, refresh, queue),
        bank_of=bank_of,
        row_of=row_of,
        block_of=block_of,
        is_write=is_write,
        group_of=[bank // standard.banks_per_group for bank in range(banks)],
        rule_first=rules.first,
        rule_scope=rules.scope,
        rule_then=rules.then,
        rule_clocks=rules.clocks,
        bank_ready=[0] * (len(COMMANDS) * banks),
        group_ready=[0] * (len(COMMANDS) * groups),
        rank_ready=[0] * len(COMMANDS),
        activates=[-standard.tfaw] * 4,
        open_row=[-1] * banks,
        row_hits=[0] * banks,
        conflict=[0] * banks,
        queue=[0] * (BANK_QUEUE * banks),
        queued=[0] * banks,
        first_read=[BANK_QUEUE] * banks,
        first_write=[BANK_QUEUE] * banks,
        may_close=[0] * banks,
        reads=[0] * queue,
        writes=[0] * queue,
        pending_reads=[0] * blocks,
        pending_writes=[0] * blocks,
        registers=registers,
        counts=Counts(*([0] for _ in Counts._fields)),
    )


def _limits(standard: DramStandard, refresh: Refresh, queue: int) -> Limits:
    return Limits(
        queue=queue,
        banks=standard.banks,
        refresh_stride=standard.refresh_stride,
        leads=_leads(standard),
        aad=standard.taad,
        wck_postamble=standard.wck_postamble_clocks,
        faw=standard.tfaw,
        read_latency=standard.cl + standard.burst_clocks,
        write_latency=standard.cwl + standard.burst_clocks,
        refresh_interval=_refresh_interval(standard, refresh),
        per_bank=int(refresh == "per-bank"),
    )


def _refresh_interval(standard: DramStandard, refresh: Refresh) -> int:
    return standard.trefi_pb if refresh == "per-bank" else standard.trefi


def _leads(standard: DramStandard) -> list[int]:
    activate = 1 if standard.taad else standard.activate_clocks
    clocks = {"ACT": activate, "RD": standard.column_clocks, "WR": standard.column_clocks}
    return [clocks.get(name, standard.other_clocks) - 1 for name in COMMANDS]
