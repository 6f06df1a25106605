"""The channels of a DRAM as :mod:`lw3dsim.dram.in_order` knows them: what is fixed, and how they stand, in columns.

Banks and bank groups are counted through all channels. Times are clocks of the DRAM.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.base.caches import kept
from lw3dsim.base.integers import NEVER
from lw3dsim.base.kernels import INTERPRETED
from lw3dsim.describe.address_map import address_map
from lw3dsim.dram.timing_rules import gap

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Words
    from lw3dsim.base.kernels import Kernels
    from lw3dsim.describe.clocks import DramSystem
    from lw3dsim.dram.timing_rules import Scope

Pair = tuple[int, int]


class Digit(NamedTuple):
    """A field of an address: bursts from one value to the next, and how many values there are.

    Where both are powers of two the field is that of ``mask`` from bit ``shift`` on, which no division finds; else
    ``shift`` is -1.
    """

    stride: int
    size: int
    shift: int
    mask: int


def digit(stride: int, size: int) -> Digit:
    """Return a field of an address."""
    is_binary = stride & (stride - 1) == 0 and size & (size - 1) == 0
    return Digit(stride, size, stride.bit_length() - 1 if is_binary else -1, size - 1)


class Rules(NamedTuple):
    """What the standard, the queue and the address mapping fix; pairs are of (reads, writes).

    There are so many ``banks`` and bank ``groups`` in a channel, and ``queue`` bursts are known ahead. Of the bursts of
    a ``page`` behind each other each of ``lanes`` channels has its own in one row. In clocks: ``data`` pass from a
    command to the end of its burst, and at least ``step`` to the next of a run; ``same_group``, ``same_rank`` to
    another command alike, ``other_group``, ``other_rank`` to one of the other kind; the others are named as in the
    table of rules; ``faw`` is 0 where four activates of a rank are as far apart anyway. ``refresh_every`` clocks every
    ``refresh_stride``-th bank is refreshed in ``refresh_clocks``, and any other may be activated ``refresh_to_other``
    after it began.
    """

    banks: int
    groups: int
    queue: int
    lanes: int
    page: Digit
    channel: Digit
    group: Digit
    bank: Digit
    row: Digit
    data: Pair
    step: Pair
    same_group: Pair
    same_rank: Pair
    other_group: Pair
    other_rank: Pair
    to_precharge: Pair
    rcd: int
    ras: int
    rc: int
    rp: int
    faw: int
    ppd: int
    rrd_group: int
    rrd_rank: int
    is_per_bank: int
    refresh_every: int
    refresh_stride: int
    refresh_clocks: int
    refresh_to_other: int


class Banks(NamedTuple):
    """Per bank of every channel: its open row, -1 for none, and when its next activate and precharge may be."""

    open_row: Words
    activate: Words
    precharge: Words


class BankGroups(NamedTuple):
    """Per bank group of every channel: when its next activate may be; its next read, and its next write."""

    activate: Words
    burst: Words


class Channels(NamedTuple):
    """Per channel: when its next activate, precharge, read or write may be, and where it stands.

    ``window`` has, for each of four activates, when tFAW allows the fourth after it, ``oldest`` first. A refresh is
    ``due``, of ``next_bank``. While no bank is open, none is since ``closed_since``. So many bursts are ``issued``;
    ``head`` and ``tail`` are the oldest and the newest of its visits.
    """

    activate: Words
    precharge: Words
    burst: Words
    window: Words
    oldest: Words
    due: Words
    next_bank: Words
    closed_since: Words
    issued: Words
    head: Words
    tail: Words


class Counts(NamedTuple):
    """Per channel: bursts ``moved`` (reads, writes), commands, how rows were found, clocks without an open bank."""

    moved: Words
    activates: Words
    precharges: Words
    refreshes: Words
    misses: Words
    conflicts: Words
    idle: Words


class Visits(NamedTuple):
    """Per channel a ring of visits of rows: the number of the first burst, its clock, and clocks to each next one."""

    first: Words
    clock: Words
    step: Words


class Device(NamedTuple):
    """All channels of a DRAM: what is fixed, and how they stand."""

    rules: Rules
    banks: Banks
    groups: BankGroups
    channels: Channels
    visits: Visits
    counts: Counts


@lru_cache(maxsize=256)
def rules_of(dram: DramSystem) -> Rules:
    """Return what :func:`lw3dsim.dram.in_order.serve_runs` needs to know of ``dram``."""
    s = dram.standard
    fields = address_map(dram.mapping, s, dram.channels).fields[::-1]
    digits, stride = {}, 1
    for name, size in fields:
        digits[name] = digit(stride, size)
        stride *= size
    lanes = dram.channels if fields[0][0] == "channel" else 1
    low = fields[1] if fields[0][0] == "channel" else fields[0]
    is_per_bank = dram.refresh == "per-bank"
    same_group = gap(s, "RD", "RD", "group"), gap(s, "WR", "WR", "group")
    refresh_clocks = gap(s, "REFpb", "ACT", "bank") if is_per_bank else gap(s, "REF", "ACT", "rank")
    # What holds within the only group of a rank holds within the rank.
    rank: Scope = "rank" if s.bank_groups > 1 else "group"
    rrd_rank = gap(s, "ACT", "ACT", rank)
    refresh_every = s.trefi_pb if is_per_bank else s.trefi
    return Rules(
        banks=s.banks,
        groups=s.bank_groups,
        queue=dram.queue,
        lanes=lanes,
        page=digit(1, lanes * (low[1] if low[0] == "col" else 1)),
        channel=digits["channel"],
        group=digits["bankgroup"],
        bank=digits["bank"],
        row=digits["row"],
        data=(s.cl + s.burst_clocks, s.cwl + s.burst_clocks),
        step=same_group,
        same_group=same_group,
        same_rank=(gap(s, "RD", "RD", rank), gap(s, "WR", "WR", rank)),
        other_group=(gap(s, "RD", "WR", "group"), gap(s, "WR", "RD", "group")),
        other_rank=(gap(s, "RD", "WR", rank), gap(s, "WR", "RD", rank)),
        to_precharge=(gap(s, "RD", "PRE", "bank"), gap(s, "WR", "PRE", "bank")),
        rcd=gap(s, "ACT", "RD", "bank"),
        ras=gap(s, "ACT", "PRE", "bank"),
        rc=gap(s, "ACT", "ACT", "bank"),
        rp=gap(s, "PRE", "ACT", "bank"),
        # Four activates of a rank may be so far apart anyway.
        faw=s.tfaw if s.tfaw > 4 * rrd_rank else 0,
        ppd=gap(s, "PRE", "PRE", "rank"),
        rrd_group=gap(s, "ACT", "ACT", "group"),
        rrd_rank=rrd_rank,
        is_per_bank=int(is_per_bank),
        refresh_every=NEVER if dram.refresh == "none" else refresh_every,
        refresh_stride=s.refresh_stride if is_per_bank else 1,
        refresh_clocks=refresh_clocks,
        refresh_to_other=gap(s, "REFpb", "ACT", "rank") if is_per_bank else refresh_clocks,
    )


def idle_device(dram: DramSystem, work: Kernels) -> Device:
    """Return ``dram`` at clock 0, on words of ``work``: every bank closed, the first refresh ahead."""
    words, (banks, groups, channels, visits, counts) = _idle(dram, work)
    own = words.copy()
    return Device(
        rules=rules_of(dram),
        banks=Banks(*[own[column] for column in banks]),
        groups=BankGroups(*[own[column] for column in groups]),
        channels=Channels(*[own[column] for column in channels]),
        visits=Visits(*[own[column] for column in visits]),
        counts=Counts(*[own[column] for column in counts]),
    )


@kept(256)
def _idle(dram: DramSystem, work: Kernels) -> tuple[Words, list[list[slice]]]:
    """Return the words of an idle device, all behind each other, and where the columns of its tables lie."""
    rules, channels = rules_of(dram), dram.channels
    banks, groups = channels * rules.banks, channels * rules.groups
    tables = (
        INTERPRETED.columns(Banks, banks)._replace(open_row=[-1] * banks),
        BankGroups(activate=[0] * groups, burst=[0] * (2 * groups)),
        INTERPRETED.columns(Channels, channels)._replace(
            burst=[0] * (2 * channels),
            window=[0] * (4 * channels),
            due=[rules.refresh_every] * channels,
            # The first visit comes behind, at the beginning of the ring.
            tail=[rules.queue + 1] * channels,
        ),
        INTERPRETED.columns(Visits, channels * (rules.queue + 2)),
        INTERPRETED.columns(Counts, channels)._replace(moved=[0] * (2 * channels)),
    )
    words: list[int] = []
    places: list[list[slice]] = []
    for table in tables:
        places.append([])
        for column in table:
            places[-1].append(slice(len(words), len(words) + len(column)))
            words += column
    return work.words(words), places
