"""Is every rule of the in-order bank model tight, and is every burst served where and when it should be?"""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_engines import clocks

from lw3dsim.describe.dram_standards import DRAM_STANDARDS
from lw3dsim.dram import in_order
from lw3dsim.dram.device import idle_device

NAMES = sorted(DRAM_STANDARDS)
every = pytest.mark.parametrize("name", NAMES)


class Channel:
    """A DRAM that answers when a burst at (bank, row, column) is done; banks count through all groups."""

    def __init__(self, name, *, refresh="none", channels=1, mapping="row-bank-col", queue=32):
        self.dram = clocks(
            "in_order", preset=name, refresh=refresh, channels=channels, mapping=mapping, queue=queue
        ).dram
        self.s = self.dram.standard
        self.device = idle_device(self.dram)
        self.columns = self.s.columns // self.s.burst_length

    def move(self, bank=0, row=0, column=0, *, count=1, write=0, start=0):
        address = (row * self.s.banks + bank) * self.columns + column
        return in_order.serve(self.device, address, count, start, write)[1]

    def read_at(self, *place, **options):
        """The clock at which the read is issued."""
        return self.move(*place, **options) - self.s.cl - self.s.burst_clocks

    def write_at(self, *place, **options):
        return self.move(*place, write=1, **options) - self.s.cwl - self.s.burst_clocks

    def counts(self, clock):
        return in_order.counts_until(self.device, clock)


@every
def test_a_closed_row_opens_in_trcd_and_bursts_follow_in_tccd(name):
    dram = Channel(name)
    s = dram.s
    first = dram.read_at(0, 5)
    assert first == s.trcd
    assert dram.read_at(0, 5, 1) == first + max(s.tccd_l, s.burst_clocks)
    assert dram.counts(10**6).row_hits == 1


@every
def test_a_run_in_one_row_is_the_same_as_its_bursts_one_by_one(name):
    whole, single = Channel(name), Channel(name)
    at_once = whole.move(3, 7, count=20)
    assert [single.move(3, 7, column) for column in range(20)][-1] == at_once
    assert whole.counts(10**6) == single.counts(10**6)


@every
def test_another_row_waits_for_tras_trtp_and_trp(name):
    dram = Channel(name)
    s = dram.s
    read = dram.read_at(0, 1)
    precharge = max(s.tras, read + s.trtp)
    activate = max(precharge + s.trp, s.trc)
    assert dram.read_at(0, 2) == activate + s.trcd
    counts = dram.counts(10**6)
    assert (counts.row_hits, counts.row_misses, counts.row_conflicts, counts.activates) == (0, 1, 1, 2)


@every
def test_a_written_row_closes_after_twr(name):
    dram = Channel(name)
    s = dram.s
    write = dram.write_at(0, 1)
    precharge = write + s.cwl + s.burst_clocks + s.recovery_clocks + s.twr
    assert dram.write_at(0, 2) == max(precharge + s.trp, s.trc) + s.trcd


@every
def test_the_bus_turns_round(name):
    dram = Channel(name)
    s = dram.s
    write = dram.write_at(0, 0, 0)
    read = dram.read_at(0, 0, 1)
    assert read == write + s.cwl + s.group_clocks + s.twtr_l
    assert dram.write_at(0, 0, 2) == read + s.cl + s.group_clocks - s.cwl + s.turnaround


@pytest.mark.parametrize(("name", "to_read", "to_write"), [("ddr4-2400-x64", 19, 10), ("lpddr5-6400-x16", 16, 12)])
def test_the_bus_turns_round_sooner_for_another_bank_group(name, to_read, to_write):
    dram = Channel(name)
    other = dram.s.banks - 1
    for bank in (0, other):
        dram.read_at(bank, 0)
    write = dram.write_at(0, 0, 1, start=1000)
    read = dram.read_at(other, 0, 1, start=1000)
    assert (write, read) == (1000, 1000 + to_read)
    assert dram.write_at(0, 0, 2, start=1000) == read + to_write


@every
def test_activates_keep_trrd_and_tfaw(name):
    dram = Channel(name)
    s = dram.s
    # Banks 0..4: within a group where it has that many, else in the next.
    group = [bank // s.banks_per_group for bank in range(5)]
    activates = [0]
    for bank in range(1, 5):
        gaps = [s.trrd_l if group[bank] == group[before] else s.trrd_s for before in range(bank)]
        activates.append(max(at + gap for at, gap in zip(activates, gaps, strict=True)))
    activates[4] = max(activates[4], activates[0] + s.tfaw)
    opened = [dram.read_at(bank, 0) for bank in range(5)]
    assert opened[4] >= activates[4] + s.trcd
    # The reads behind each other on the bus are later than the activates only where the bus binds.
    bus = opened[3] + max(s.burst_clocks, s.tccd_l if group[4] == group[3] else s.tccd_s)
    assert opened[4] == max(activates[4] + s.trcd, bus)


@every
@pytest.mark.parametrize(("early", "refreshes"), [(1, 0), (0, 1)])
def test_a_refresh_comes_in_front_of_a_command_that_is_due_with_it(name, early, refreshes):
    dram = Channel(name, refresh="all-bank")
    s = dram.s
    activate = s.trefi - early
    read = dram.read_at(0, 0, start=activate)
    if refreshes:
        assert read == s.trefi + s.trfc + s.trcd
    else:
        # Activated in time, but the read is not: the row closes again and is opened after the refresh.
        assert read == max(activate + s.tras + s.trp, s.trefi, activate + s.trc) + s.trfc + s.trcd
        assert dram.counts(read).activates == 2


@every
def test_open_banks_close_one_after_another_for_a_refresh(name):
    dram = Channel(name, refresh="all-bank")
    s = dram.s
    for bank in range(3):
        dram.read_at(bank, 0)
    # All three could close long before: the first when the refresh is due, the last two tPPD later.
    closed = s.trefi + 2 * s.tppd + s.trp
    assert dram.read_at(0, 0, start=s.trefi) == closed + s.trfc + s.trcd


@every
def test_refreshes_go_on_while_nothing_moves(name):
    dram = Channel(name, refresh="all-bank")
    counts = dram.counts(10 * dram.s.trefi)
    assert counts.refreshes == 10
    assert (counts.active_clocks, counts.idle_clocks) == (0, 10 * dram.s.trefi)


@every
@pytest.mark.parametrize("refresh", ["all-bank", "per-bank"])
@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 15), st.integers(0, 3), st.integers(0, 300_000), st.booleans()), max_size=6))
def test_refreshes_that_are_jumped_over_are_those_walked_one_by_one(name, refresh, moves):
    if refresh == "per-bank" and not DRAM_STANDARDS[name].trfc_pb:
        return
    jumping, walking, clock = Channel(name, refresh=refresh), Channel(name, refresh=refresh), 0

    def walk(until):
        while walking.device.channels.due[0] <= until:
            in_order._refresh(walking.device, 0)  # noqa: SLF001  # one by one

    for bank, row, pause, write in [*moves, (0, 0, 300_000, False)]:
        clock += pause
        walk(clock)
        where = {"count": 3, "write": int(write), "start": clock}
        assert jumping.move(bank % jumping.s.banks, row, **where) == walking.move(bank % walking.s.banks, row, **where)
    walk(clock + 10**6)
    assert jumping.counts(clock + 10**6) == walking.counts(clock + 10**6)
    assert jumping.device == walking.device


def test_one_bank_refreshes_while_the_others_work():
    dram = Channel("lpddr4-3200-x32", refresh="per-bank")
    s = dram.s
    # Bank 0 is refreshed first: bank 1 reads on, bank 0 waits.
    assert dram.read_at(1, 0, start=s.trefi_pb) == s.trefi_pb + s.tpbr2act + s.trcd
    assert dram.read_at(0, 0, start=s.trefi_pb) == s.trefi_pb + s.trfc_pb + s.trcd


def test_a_per_bank_refresh_of_lpddr5_takes_two_banks():
    s = DRAM_STANDARDS["lpddr5-6400-x16"]
    waits = {0: s.trfc_pb, 8: s.trfc_pb, 1: s.tpbr2act, 15: s.tpbr2act}
    for bank, wait in waits.items():
        dram = Channel("lpddr5-6400-x16", refresh="per-bank", mapping="row-bankgroup-bank-col")
        assert dram.read_at(bank, 0, start=s.trefi_pb) == s.trefi_pb + wait + s.trcd
    assert Channel("lpddr5-6400-x16", refresh="per-bank").counts(8 * s.trefi_pb).bank_refreshes == 8


@every
def test_the_queue_lets_activates_run_ahead(name):
    deep, shallow = Channel(name, queue=32), Channel(name, queue=1)
    ends = [[dram.move(bank % dram.s.banks, bank) for bank in range(8)][-1] for dram in (deep, shallow)]
    assert ends[0] < ends[1]


@every
@pytest.mark.parametrize("channels", [2, 3])
def test_channels_share_a_run(name, channels):
    one, many = Channel(name), Channel(name, channels=channels)
    assert many.move(count=60 * channels) == one.move(count=60)
    assert many.counts(10**5).reads == 60 * channels


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(NAMES),
    st.sampled_from(["row-bank-col", "row-col-bank", "bank-row-col", "row-bank-col-bankgroup"]),
    st.lists(st.tuples(st.integers(0, 50_000), st.integers(1, 200), st.integers(0, 1)), max_size=12),
    st.integers(1, 3),
)
def test_runs_split_anywhere_take_the_same_time(name, mapping, runs, parts):
    whole = Channel(name, mapping=mapping, refresh="all-bank", queue=1024)
    split = Channel(name, mapping=mapping, refresh="all-bank", queue=1024)
    for first, count, write in runs:
        end = in_order.serve(whole.device, first, count, 0, write)[1]
        cuts = [first + count * part // parts for part in range(parts + 1)]
        ends = [in_order.serve(split.device, low, high - low, 0, write)[1] for low, high in itertools.pairwise(cuts)]
        assert max(ends) == end
    assert whole.counts(10**7) == split.counts(10**7)
