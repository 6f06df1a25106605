"""Is every burst of the in-order bank model served where and when it should be?

That every timing rule is tight on every preset is part of their contract: ``lw3dsim/testing/dram_presets.py``.
"""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lw3dsim import load_arch
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.describe.dram_standards import DRAM_STANDARDS
from lw3dsim.dram import in_order
from lw3dsim.testing.channel import Channel

NAMES = sorted(DRAM_STANDARDS)
every = pytest.mark.parametrize("name", NAMES)


def channel(name, **options):
    return Channel(DRAM_STANDARDS[name], **options)


@pytest.mark.parametrize(("name", "to_read", "to_write"), [("ddr4-2400-x64", 19, 10), ("lpddr5-6400-x16", 16, 12)])
def test_the_bus_turns_round_sooner_for_another_bank_group(name, to_read, to_write):
    dram = channel(name)
    other = dram.s.banks - 1
    for bank in (0, other):
        dram.read_at(bank, 0)
    write = dram.write_at(0, 0, 1, start=1000)
    read = dram.read_at(other, 0, 1, start=1000)
    assert (write, read) == (1000, 1000 + to_read)
    assert dram.write_at(0, 0, 2, start=1000) == read + to_write


@every
def test_open_banks_close_one_after_another_for_a_refresh(name):
    dram = channel(name, refresh="all-bank")
    s = dram.s
    for bank in range(3):
        dram.read_at(bank, 0)
    # All three could close long before: the first when the refresh is due, the last two tPPD later.
    closed = s.trefi + 2 * s.tppd + s.trp
    assert dram.read_at(0, 0, start=s.trefi) == closed + s.trfc + s.trcd


@every
@pytest.mark.parametrize("refresh", ["all-bank", "per-bank"])
@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 15), st.integers(0, 3), st.integers(0, 300_000), st.booleans()), max_size=6))
def test_refreshes_that_are_jumped_over_are_those_walked_one_by_one(name, refresh, moves):
    if refresh == "per-bank" and not DRAM_STANDARDS[name].trfc_pb:
        return
    jumping, walking, clock = channel(name, refresh=refresh), channel(name, refresh=refresh), 0

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
    dram = channel("lpddr4-3200-x32", refresh="per-bank")
    s = dram.s
    # Bank 0 is refreshed first: bank 1 reads on, bank 0 waits.
    assert dram.read_at(1, 0, start=s.trefi_pb) == s.trefi_pb + s.tpbr2act + s.trcd
    assert dram.read_at(0, 0, start=s.trefi_pb) == s.trefi_pb + s.trfc_pb + s.trcd


def test_a_per_bank_refresh_of_lpddr5_takes_two_banks():
    s = DRAM_STANDARDS["lpddr5-6400-x16"]
    waits = {0: s.trfc_pb, 8: s.trfc_pb, 1: s.tpbr2act, 15: s.tpbr2act}
    for bank, wait in waits.items():
        dram = channel("lpddr5-6400-x16", refresh="per-bank", mapping="row-bankgroup-bank-col")
        assert dram.read_at(bank, 0, start=s.trefi_pb) == s.trefi_pb + wait + s.trcd
    assert channel("lpddr5-6400-x16", refresh="per-bank").counts(8 * s.trefi_pb).bank_refreshes == 8


@every
def test_the_queue_lets_activates_run_ahead(name):
    deep, shallow = channel(name, queue=32), channel(name, queue=1)
    ends = [[dram.move(bank % dram.s.banks, bank) for bank in range(8)][-1] for dram in (deep, shallow)]
    assert ends[0] < ends[1]


@every
@pytest.mark.parametrize("channels", [2, 3])
def test_channels_share_a_run(name, channels):
    one, many = channel(name), channel(name, channels=channels)
    assert many.move(count=60 * channels) == one.move(count=60)
    assert many.counts(10**5).reads == 60 * channels


@settings(max_examples=150)
@given(
    st.sampled_from(NAMES),
    st.sampled_from(["row-bank-col", "row-col-bank", "bank-row-col", "row-bank-col-bankgroup"]),
    st.lists(st.tuples(st.integers(0, 50_000), st.integers(1, 200), st.integers(0, 1)), max_size=12),
    st.integers(1, 3),
)
def test_runs_split_anywhere_take_the_same_time(name, mapping, runs, parts):
    whole = channel(name, mapping=mapping, refresh="all-bank", queue=1024)
    split = channel(name, mapping=mapping, refresh="all-bank", queue=1024)
    for first, count, write in runs:
        end = whole.serve(first, count, write=write)
        cuts = [first + count * part // parts for part in range(parts + 1)]
        ends = [split.serve(low, high - low, write=write) for low, high in itertools.pairwise(cuts)]
        assert max(ends) == end
    assert whole.counts(10**7) == split.counts(10**7)


@settings(max_examples=100)
@given(
    st.sampled_from(NAMES),
    st.sampled_from(["row-bank-col", "row-col-bank", "bank-row-col"]),
    st.integers(2, 3),
    st.lists(st.tuples(st.integers(0, 50_000), st.integers(0, 400), st.integers(0, 1)), max_size=8),
)
def test_of_channels_that_alternate_each_moves_its_own_bursts_as_it_does_alone(name, mapping, channels, runs):
    options = {"mapping": mapping, "refresh": "all-bank"}
    many, alone = channel(name, channels=channels, **options), [channel(name, **options) for _ in range(channels)]
    start = 0
    for first, count, write in runs:
        accepted, done = in_order.serve(many.device, first, count, start, write)
        each = []
        for number, one in enumerate(alone):
            # Of the bursts in front of burst n of all, so many are those of a channel.
            low, high = (-(-(n - number) // channels) for n in (first, first + count))
            each.append(in_order.serve(one.device, low, high - low, start, write))
        assert (accepted, done) == tuple(map(max, zip(*each, strict=True)))
        start = accepted


@settings(max_examples=60)
@given(
    st.sampled_from(NAMES),
    st.lists(st.tuples(st.integers(0, 9000), st.integers(1, 200), st.booleans()), min_size=1, max_size=12),
)
def test_runs_of_no_bursts_take_no_time(name, runs):
    with_none, without = channel(name, refresh="all-bank"), channel(name, refresh="all-bank")
    some = [(first, count) for first, count, is_none in runs if not is_none]
    of_all = [[first for first, _, _ in runs], [0 if is_none else count for _, count, is_none in runs]]
    of_some = [[first for first, _ in some], [count for _, count in some]]
    ends = [
        in_order.serve_runs(of.device, *lists, 0, len(lists[0]), 7, 0)
        for of, lists in ((with_none, of_all), (without, of_some))
    ]
    assert ends[0] == ends[1]
    assert with_none.counts(10**7) == without.counts(10**7)


@every
@pytest.mark.parametrize("bursts", [1, 500, 2_000, 20_000])
def test_no_stream_of_bursts_is_faster_than_refreshes_let_it_be(name, bursts):
    of_refresh = [f"dram.preset={name}", "dram.refresh=all-bank", "dram.channels=1"]
    clocks = make_clocks(load_arch("edge_base", overrides=of_refresh))
    _, done = in_order.serve(channel(name, refresh="all-bank").device, 0, bursts, 0, 0)
    least = clocks.refreshed_ticks(bursts)
    assert clocks.bound_ticks(bursts) <= least <= done * clocks.clock_ticks
    # Of a long stream it is most of what refreshes take, where bursts of neighbouring columns keep the bus busy.
    assert least > clocks.bound_ticks(bursts) * (1.02 if bursts == 20_000 else 0)


@every
def test_the_first_burst_after_a_refresh_opens_a_bank(name):
    clocks = make_clocks(
        load_arch("edge_base", overrides=[f"dram.preset={name}", "dram.refresh=all-bank", "dram.channels=2"])
    )
    s = DRAM_STANDARDS[name]
    before = -(-s.trefi // s.burst_clocks)
    between = -(-(s.trefi - s.trfc - s.trcd) // s.burst_clocks)
    assert clocks.refreshed_ticks(2 * before) == clocks.bound_ticks(2 * before)
    # One burst more, of either channel, is behind the refresh; so many later, behind the next.
    first = s.trefi + s.trfc + s.trcd
    assert clocks.refreshed_ticks(2 * before + 1) == first * clocks.clock_ticks
    assert clocks.refreshed_ticks(2 * (before + 2)) == (first + s.burst_clocks) * clocks.clock_ticks
    assert clocks.refreshed_ticks(2 * (before + between) + 1) == (first + s.trefi) * clocks.clock_ticks


@every
def test_bursts_from_any_time_on_are_as_far_apart_as_commands_and_refreshes_let_them_be(name):
    s, device = DRAM_STANDARDS[name], channel(name, channels=2, refresh="all-bank").device
    apart = min(max(s.tccd_s, s.burst_clocks), s.tccd_l)
    # Of 21 one channel has 11.
    assert in_order.least_clocks(device, 0) == in_order.least_clocks(device, 1) == 0
    assert in_order.least_clocks(device, 21) == 10 * apart
    # In ten times what lies between two refreshes are ten of them; that takes longer, not yet as long as eleven.
    tens = 10 * (s.trefi // apart + 1)
    lost = s.trfc + s.trcd - apart
    assert in_order.least_clocks(device, 2 * tens + 1) == tens * apart + (tens * apart + 10 * lost) // s.trefi * lost
    for free in ("none", "per-bank"):
        assert in_order.least_clocks(channel(name, refresh=free).device, 10**4 + 1) == 10**4 * apart


@every
@pytest.mark.parametrize("refresh", ["all-bank", "none"])
@settings(max_examples=40)
@given(start=st.integers(0, 10**6), before=st.integers(1, 3000), bursts=st.integers(1, 30_000))
def test_no_bursts_from_any_time_on_are_faster_than_that(name, refresh, start, before, bursts):
    device = channel(name, refresh=refresh).device
    accepted, _ = in_order.serve(device, 0, before, start, 0)
    _, done = in_order.serve(device, before, bursts, accepted, 1)
    assert done - accepted >= in_order.least_clocks(device, bursts)
