"""Does the DRAM model keep every timing rule, tightly, and agree with two other simulators?"""

from __future__ import annotations

import csv
import gzip
import itertools
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lw3dsim.base.integers import NEVER
from lw3dsim.base.kernels import INTERPRETED, NATIVE
from lw3dsim.base.values import replace
from lw3dsim.describe.accelerator_file import load_arch
from lw3dsim.describe.address_map import FIELDS, address_map
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.describe.dram_standards import DRAM_STANDARDS
from lw3dsim.dram import channel as c
from lw3dsim.dram import controller
from lw3dsim.dram.banks import ACT_1, choose, issue, look, ready
from lw3dsim.dram.power import DramCounts, DramEnergy, dram_energy
from lw3dsim.dram.replay import Replay, channel_counts, replay
from lw3dsim.dram.timing_rules import ACT, COMMANDS, RD, REF, REFPB, RULES, WR
from lw3dsim.dram.trace import Trace, read_trace
from lw3dsim.errors import InputError

DATA = Path(__file__).parents[1] / "data"
REQUESTS = 16384
LPDDR4, DDR4, LPDDR5 = (DRAM_STANDARDS[n] for n in ("lpddr4-3200-x32", "ddr4-2400-x64", "lpddr5-6400-x16"))
PRESET = {"DDR4": "ddr4-2400-x64", "LPDDR4": "lpddr4-3200-x32"}
MAPPING = {"RoCoBa": "row-col-bank"}


def trace_of(addresses, writes=False):
    addresses = np.asarray(addresses, dtype=np.int64)
    return Trace(name="made", addresses=addresses, writes=np.broadcast_to(writes, addresses.shape))


def reference_traces():
    i = np.arange(REQUESTS)
    pair, beat = i // 128, i % 64
    second = i // 64 % 2 == 1
    return {
        "a_seq_read_1MiB": trace_of(64 * i),
        "b_seq_write_1MiB": trace_of(64 * i, True),
        "c_stride4K_read": trace_of(4096 * i),
        "d_alt_4K_rd_wr": trace_of(4096 * pair + 64 * beat + 0x4000000 * second, second),
        "e_random_read": read_trace(DATA / "dram_random_read.csv.gz"),
    }


def figures(name):
    with (DATA / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def replays():
    """Every row of the DRAMsim3 figures beside our replay of it."""
    traces = reference_traces()
    rows = {}
    for row in figures("dramsim3.csv"):
        family, _, mapping = row["config"].partition("_")
        preset, order = PRESET[family], MAPPING.get(mapping.rpartition("_")[2], "row-bank-col")
        rows[row["config"], row["trace"]] = row, replay(DRAM_STANDARDS[preset], traces[row["trace"]], order)
    assert len(rows) == 15
    return rows


# Against other simulators


def test_clocks_rows_and_commands_equal_dramsim3(replays):
    for row, ours in replays.values():
        counts = ours.counts
        theirs = [int(row[name]) for name in ("cycles_last_data", "row_hit", "row_miss", "row_conflict", "n_act")]
        assert [ours.cycles, counts.row_hits, counts.row_misses, counts.row_conflicts, counts.activates] == theirs
        assert [counts.reads, counts.writes] == [int(row["n_rd"]), int(row["n_wr"])]
        assert counts.refreshes == int(row["n_ref_until_end"])
        assert ours.bytes_moved == ours.bytes_asked == int(row["bytes"])


def test_energy_by_part_agrees_with_dramsim3(replays):
    # Where a trace ends in writes its run seems to go on: at most one refresh more, and a little other background.
    # Its clock of DDR4 is 0.83 ns, rounded: all its energies are charge per clock times that.
    for row, ours in replays.values():
        energy, nj = ours.energy, 1e-3 * float(row["tCK_ns"]) / ours.standard.clock_ns
        for name, part in (("e_act_nJ", energy.activate), ("e_rd_nJ", energy.read), ("e_wr_nJ", energy.write)):
            assert part * nj == pytest.approx(float(row[name]), abs=0.01)
        assert energy.background * nj == pytest.approx(float(row["e_bg_nJ"]), rel=0.003)
        one = energy.refresh / ours.counts.refreshes
        assert -0.1 < float(row["e_ref_nJ"]) - energy.refresh * nj < one * nj + 0.1
        assert energy.total * nj == pytest.approx(float(row["e_total_nJ"]), rel=0.001)


def test_clocks_agree_with_ramulator(replays):
    # Another scheduler, another rule for draining writes, other tRFC for DDR4: near, not equal.
    for row in figures("ramulator2.csv"):
        if row["config"].startswith("LPDDR5"):
            continue
        config = "DDR4_2400_x64_1rank" if row["config"].startswith("DDR4") else "LPDDR4_3200_x32_RoBaCo"
        ours = replays[config, row["trace"]][1]
        assert ours.cycles == pytest.approx(int(row["cycles_last_data"]), rel=0.055)


def test_a_stream_that_sees_as_many_requests_as_ramulator_takes_its_clocks():
    # Ramulator holds 32 requests in all; here as many wait, and 8 more in the queue of a stream's bank. In bank groups
    # that decides how early the next row, of another group, joins in. 24 and 8 see what it sees.
    rows = {row["config"]: int(row["cycles_last_data"]) for row in figures("ramulator2.csv") if "a_seq" in row["trace"]}
    mebibyte = reference_traces()["a_seq_read_1MiB"]
    ddr4 = replay(DDR4, mebibyte, queue=24).cycles
    assert ddr4 == pytest.approx(rows["DDR4_2400U_8Gb_x16_ch64"], rel=0.001)
    lpddr5 = [replay(LPDDR5, mebibyte, request_bytes=64, queue=queue).cycles for queue in (24, 32)]
    assert lpddr5[0] == pytest.approx(rows["LPDDR5_6400_8Gb_x16"], rel=0.02)
    assert lpddr5[1] < 0.9 * rows["LPDDR5_6400_8Gb_x16"]


def test_what_is_left_out_of_lpddr4_is_little_to_streams():
    # Commands of LPDDR4 take four clocks, or two; its reads leave the bus tDQSCK later, its writes one clock.
    whole = replace(
        LPDDR4,
        activate_clocks=4,
        column_clocks=4,
        other_clocks=2,
        turnaround=8,
        recovery_clocks=1,
        twtr_s=17,
        twtr_l=17,
    )
    traces = reference_traces()
    for name, most in (("a_seq_read_1MiB", 1.003), ("d_alt_4K_rd_wr", 1.006), ("e_random_read", 1.035)):
        part = trace_of(traces[name].addresses[:4096], traces[name].writes[:4096])
        assert 1 <= replay(whole, part).cycles / replay(LPDDR4, part).cycles <= most


# Timing, one rule at a time

# (previous, next, relation of the banks) -> clocks, by hand from the data sheets' formulas.
DDR4_CLOCKS = {
    ("ACT", "RD", "same"): 17, ("ACT", "WR", "same"): 17, ("ACT", "PRE", "same"): 39, ("ACT", "ACT", "same"): 56,
    ("ACT", "ACT", "group"): 8, ("ACT", "ACT", "rank"): 7, ("ACT", "REF", "same"): 56, ("PRE", "ACT", "same"): 17,
    ("PRE", "REF", "same"): 17, ("PRE", "PRE", "rank"): 0, ("RD", "RD", "same"): 6, ("RD", "RD", "group"): 6,
    ("RD", "RD", "rank"): 4, ("RD", "WR", "same"): 10, ("RD", "WR", "rank"): 10, ("RD", "PRE", "same"): 9,
    ("RD", "PRE", "group"): 0, ("WR", "WR", "group"): 6, ("WR", "WR", "rank"): 4, ("WR", "RD", "same"): 25,
    ("WR", "RD", "group"): 25, ("WR", "RD", "rank"): 19, ("WR", "PRE", "same"): 34, ("REF", "ACT", "rank"): 420,
    ("REF", "REF", "same"): 420,
}  # fmt: skip
LPDDR4_CLOCKS = {
    ("ACT", "RD", "same"): 29, ("ACT", "PRE", "same"): 68, ("ACT", "ACT", "same"): 97, ("ACT", "ACT", "group"): 16,
    ("PRE", "ACT", "same"): 29, ("PRE", "PRE", "group"): 4, ("PRE", "REF", "group"): 29, ("RD", "RD", "group"): 8,
    ("RD", "WR", "group"): 23, ("RD", "PRE", "same"): 12, ("WR", "WR", "same"): 8, ("WR", "RD", "same"): 38,
    ("WR", "PRE", "same"): 51, ("REF", "ACT", "same"): 448, ("ACT", "REFpb", "same"): 97, ("ACT", "REFpb", "group"): 16,
    ("PRE", "REFpb", "same"): 29, ("REFpb", "ACT", "same"): 224, ("REFpb", "ACT", "group"): 16,
    ("REFpb", "REFpb", "group"): 224,
}  # fmt: skip
LPDDR5_CLOCKS = {
    ("ACT", "ACT", "same"): 49, ("ACT", "ACT", "rank"): 4, ("PRE", "PRE", "rank"): 2, ("RD", "RD", "same"): 4,
    ("RD", "RD", "rank"): 2, ("RD", "WR", "same"): 14, ("RD", "WR", "rank"): 12, ("WR", "RD", "group"): 23,
    ("WR", "RD", "rank"): 16, ("RD", "PRE", "same"): 6, ("WR", "PRE", "same"): 40, ("REF", "ACT", "rank"): 168,
    ("REFpb", "ACT", "same"): 96, ("REFpb", "ACT", "pair"): 96, ("REFpb", "ACT", "rank"): 6,
    ("REFpb", "REFpb", "group"): 72, ("ACT", "REFpb", "pair"): 49, ("PRE", "REFpb", "pair"): 15,
}  # fmt: skip
CASES = [
    pytest.param(standard, *case, clocks, id="-".join((name, *case)))
    for name, standard, table in (
        ("ddr4", DDR4, DDR4_CLOCKS), ("lpddr4", LPDDR4, LPDDR4_CLOCKS), ("lpddr5", LPDDR5, LPDDR5_CLOCKS)
    )
    for case, clocks in table.items()
]  # fmt: skip


def other_bank(standard, relation):
    return {"same": 0, "group": 1, "pair": standard.refresh_stride % standard.banks, "rank": standard.banks - 1}[
        relation
    ]


def test_the_cases_cover_every_rule():
    covered = {case[:2] for table in (DDR4_CLOCKS, LPDDR4_CLOCKS, LPDDR5_CLOCKS) for case in table}
    assert {(rule.previous, rule.then) for rule in RULES} == covered


@pytest.mark.parametrize(("standard", "previous", "then", "relation", "clocks"), CASES)
def test_a_command_is_blocked_until_its_rule_allows_it_and_goes_then(standard, previous, then, relation, clocks):
    target = other_bank(standard, relation)
    wanted = COMMANDS.index(then)
    line = after(standard, previous, then, target)
    lead = int(bool(standard.taad) and then == "ACT")
    if clocks:
        assert choose(line, 1000 + clocks - 1 - lead) == -1
        assert line.registers.wake[0] == 1000 + clocks - lead
    if lead:
        assert choose(line, 1000 + max(clocks, 1) - 1) == ACT_1
    assert choose(line, 1000 + max(clocks, 1)) == wanted
    refreshed = target % standard.refresh_stride
    assert line.registers.chosen_bank[0] == {"REF": 0, "REFpb": refreshed}.get(then, target)


def after(standard, previous, then, target):
    """Return a channel with ``previous`` issued to bank 0 at clock 1000 and only ``then`` to ``target`` left to do.

    Its write clock runs.
    """
    refresh = "per-bank" if then == "REFpb" else "none"
    rows = [7, 9 if then == "PRE" else 7]
    line = c.new_channel(standard, [0, target], rows, [0, 1], [int(previous == "WR"), int(then == "WR")], refresh)
    line.queued[0] = 1
    line.registers.wck_until[0] = NEVER
    opened(line, 0, previous in ("PRE", "RD", "WR"))
    issue(line, COMMANDS.index(previous), 0, 0, 1000)
    opened(line, 0, False)
    line.queued[0] = 0
    line.registers.refreshes_due[0] = int(then.startswith("REF"))
    if then.startswith("REF"):
        line.registers.refresh_bank[0] = target % standard.refresh_stride
    else:
        line.queue[target * c.BANK_QUEUE], line.queued[target] = 1, 1
        opened(line, target, then in ("PRE", "RD", "WR"))
    return line


def opened(line, bank, is_open):
    line.open_row[bank] = 7 if is_open else -1
    line.registers.open_banks[0] = int(is_open)
    look(line, bank)


def test_a_fifth_activate_waits_for_the_window():
    standard = DDR4
    banks = [0, 4, 1, 5, 2]
    line = c.new_channel(standard, banks, [0] * 5, list(range(5)), [0] * 5, "none")
    for request, bank in enumerate(banks):
        line.queue[bank * c.BANK_QUEUE], line.queued[bank] = request, 1
    clock, times = 0, []
    for bank in banks:
        clock = max(clock, ready(line, ACT, bank))
        issue(line, ACT, bank, 0, clock)
        times.append(clock)
    assert times == [0, 7, 14, 21, 36]


def test_an_activate_of_two_commands_lets_reads_between_them_but_not_for_long():
    line = c.new_channel(LPDDR5, [4, 0], [7, 7], [0, 1], [0, 0], "none")
    line.queue[4 * c.BANK_QUEUE], line.queued[4] = 0, 1
    assert choose(line, 10) == ACT_1
    line.queue[0], line.queued[0] = 1, 1
    opened(line, 0, True)
    line.registers.wck_until[0] = NEVER
    limit = 10 + LPDDR5.taad
    assert choose(line, limit - 1) == RD
    assert (choose(line, limit), line.registers.chosen_bank[0]) == (ACT, 4)
    assert line.registers.split_bank[0] == -1


def test_the_command_bus_bounds_random_reads_of_lpddr5(monkeypatch):
    # Two bursts of a closed row: PRE, ACT-1, ACT-2 and two reads, where tRRD and the bus would do with four clocks.
    trace = trace_of(reference_traces()["e_random_read"].addresses[:2000])
    split, seen = commands_of(monkeypatch, LPDDR5, trace, request_bytes=64)
    assert split.cycles >= len(seen) + split.counts.activates
    whole = replay(replace(LPDDR5, activate_clocks=1, taad=0), trace, request_bytes=64)
    assert split.cycles > 1.1 * whole.cycles


def test_a_write_clock_that_has_stopped_takes_a_command_to_start(monkeypatch):
    # Reads 17 clocks of latency, 2 of burst and 1 of postamble apart find it running, later ones do not.
    for gap, lead in ((20, 0), (21, 1)):
        line = c.new_channel(LPDDR5, [0, 0], [7, 7], [0, 1], [0, 0], "none")
        line.queue[:2], line.queued[0] = [0, 1], 2
        opened(line, 0, True)
        issue(line, RD, 0, 0, 1000)
        line.bank_ready[RD * LPDDR5.banks] = 1000 + gap
        assert choose(line, 1000 + gap - lead - 1) == -1
        assert choose(line, 1000 + gap - lead) == RD
        assert line.registers.chosen_lead[0] == lead
    _, seen = commands_of(monkeypatch, LPDDR5, trace_of([0, 32]))
    assert [clock for clock, command, _ in seen] == [2, 17, 21]


def commands_of(monkeypatch, standard, trace, **options):
    """Replay and return the commands: (clock, command, bank)."""
    seen = []

    def spy(channel, command, bank, slot, now):
        seen.append((now, command, bank))
        issue(channel, command, bank, slot, now)

    monkeypatch.setattr(controller, "issue", spy)
    monkeypatch.setattr("lw3dsim.dram.replay.kernels", lambda: INTERPRETED)
    return replay(standard, trace, **options), seen


def mixed_trace(standard, seed, requests=1500, rows=6):
    rng = np.random.default_rng(seed)
    row_bytes = standard.banks * standard.columns * standard.bus_bits // 8
    runs = np.repeat(rng.integers(0, rows * row_bytes // 64, requests // 4 + 1) * 64, 4)[:requests]
    return trace_of(runs + np.arange(requests) % 4 * 64, rng.random(requests) < 0.4)


@pytest.mark.parametrize("refresh", ["all-bank", "per-bank"])
@pytest.mark.parametrize("standard", [LPDDR4, DDR4, LPDDR5])
def test_no_pair_of_commands_breaks_a_rule(monkeypatch, standard, refresh):
    if refresh == "per-bank" and not standard.trefi_pb:
        pytest.skip("DDR4 has none")
    _, seen = commands_of(monkeypatch, standard, mixed_trace(standard, 1), refresh=refresh)
    assert all(a[0] < b[0] for a, b in itertools.pairwise(seen))
    longest = max(rule.clocks(standard) for rule in RULES)
    per_group = standard.banks_per_group
    for i, (clock, command, bank) in enumerate(seen):
        for later, then, target in itertools.takewhile(lambda s, t=clock: s[0] < t + longest, seen[i + 1 :]):
            for rule in RULES:
                if (rule.previous, rule.then) != (COMMANDS[command], COMMANDS[then]):
                    continue
                near = {"bank": bank == target, "group": bank // per_group == target // per_group, "rank": True}
                assert not near[rule.scope] or later - clock >= rule.clocks(standard), rule.name
    activates = [clock for clock, command, _ in seen if command == ACT]
    assert all(b - a >= standard.tfaw for a, b in zip(activates, activates[4:], strict=False))


def test_data_bursts_never_overlap(monkeypatch):
    for standard in DRAM_STANDARDS.values():
        _, seen = commands_of(monkeypatch, standard, mixed_trace(standard, 2))
        latency = {RD: standard.cl, WR: standard.cwl}
        starts = sorted(clock + latency[command] for clock, command, _ in seen if command in latency)
        assert all(b - a >= standard.burst_clocks for a, b in itertools.pairwise(starts))


@pytest.mark.parametrize("refresh", ["all-bank", "per-bank", "none"])
@pytest.mark.parametrize("name", DRAM_STANDARDS)
def test_the_controller_does_the_same_compiled(monkeypatch, name, refresh):
    standard = DRAM_STANDARDS[name]
    if refresh == "per-bank" and not standard.trefi_pb:
        pytest.skip("this standard has none")
    for channels, queue in ((1, 32), (2, 3)):
        with monkeypatch.context() as patch:
            options = {"refresh": refresh, "channels": channels, "queue": queue}
            translated = replay(standard, mixed_trace(standard, 3), **options)
            patch.setattr("lw3dsim.dram.replay.kernels", lambda: INTERPRETED)
            assert replay(standard, mixed_trace(standard, 3), **options) == translated


# What a replay conserves


@pytest.mark.parametrize("name", DRAM_STANDARDS)
@given(
    seed=st.integers(0, 10**6), writes=st.sampled_from([0.0, 0.1, 0.5, 1.0]), blocks=st.sampled_from([4, 300, 10**6])
)
@settings(max_examples=12, deadline=None)
def test_every_request_is_answered_once(name, seed, writes, blocks):
    standard = DRAM_STANDARDS[name]
    rng = np.random.default_rng(seed)
    trace = trace_of(rng.integers(0, blocks, 300) * standard.burst_bytes, rng.random(300) < writes)
    result = replay(standard, trace)
    counts = result.counts
    assert counts.reads + counts.merged_reads + counts.forwarded_reads == int((~trace.writes).sum())
    assert counts.writes + counts.merged_writes == int(trace.writes.sum())
    assert counts.row_hits + counts.row_misses + counts.row_conflicts == counts.reads + counts.writes
    assert counts.row_misses + counts.row_conflicts <= counts.activates
    assert 0 <= counts.activates - counts.precharges <= standard.banks
    assert counts.active_clocks + counts.idle_clocks == result.cycles
    assert result.cycles >= (counts.reads + counts.writes) * standard.burst_clocks
    assert result.gbps <= standard.peak_gbps or counts.reads + counts.writes < result.requests


def test_refreshes_come_when_due_and_cost_time(monkeypatch):
    trace = trace_of(64 * np.arange(4000))
    with_refresh, seen = commands_of(monkeypatch, LPDDR4, trace)
    times = [clock for clock, command, _ in seen if command == REF]
    assert len(times) == with_refresh.counts.refreshes == with_refresh.cycles // LPDDR4.trefi
    longest = LPDDR4.tras + LPDDR4.banks * LPDDR4.tppd + LPDDR4.trp + LPDDR4.twr + LPDDR4.cwl + LPDDR4.burst_clocks
    assert all(0 <= clock - (i + 1) * LPDDR4.trefi <= longest for i, clock in enumerate(times))
    without = replay(LPDDR4, trace, refresh="none")
    assert without.counts.refreshes == without.energy.refresh == 0
    assert without.cycles < with_refresh.cycles


def test_per_bank_refresh_goes_round_and_leaves_the_others_running(monkeypatch):
    trace = reference_traces()["e_random_read"]
    trace = trace_of(trace.addresses[:4000])
    together = replay(LPDDR4, trace)
    single, seen = commands_of(monkeypatch, LPDDR4, trace, refresh="per-bank")
    banks = [bank for _, command, bank in seen if command == REFPB]
    assert banks == [i % LPDDR4.banks for i in range(len(banks))]
    assert single.cycles < together.cycles
    assert single.counts.bank_refreshes == pytest.approx(single.cycles / LPDDR4.trefi_pb, abs=2)
    share = together.energy.refresh / together.counts.refreshes / LPDDR4.banks
    assert single.energy.refresh == pytest.approx(single.counts.bank_refreshes * share)


def test_every_bank_is_refreshed_as_often_one_way_as_the_other():
    # A per-bank refresh of LPDDR5 takes two banks: its interval is an eighth of the other's, for 16 banks.
    for standard in (LPDDR4, LPDDR5):
        turn = standard.refresh_stride * standard.trefi_pb
        assert turn <= standard.trefi
        assert turn == pytest.approx(standard.trefi, rel=0.002)
    trace = trace_of(reference_traces()["e_random_read"].addresses[:4000])
    together, single = (replay(LPDDR5, trace, refresh=way) for way in ("all-bank", "per-bank"))
    rates = [run.energy.refresh / run.cycles for run in (together, single)]
    assert rates[1] == pytest.approx(rates[0], rel=0.15)


def test_spreading_over_banks_and_channels_never_hurts():
    strided = np.arange(3000) * (1 << 16) % (1 << 28)
    random = reference_traces()["e_random_read"].addresses[:3000]
    for addresses in (strided, random):
        one_bank = addresses // 64 % 64 * 64 + addresses // 4096 % 4096 * LPDDR4.banks * 4096
        assert replay(LPDDR4, trace_of(addresses)).cycles <= replay(LPDDR4, trace_of(one_bank)).cycles
        one, two = (replay(LPDDR4, trace_of(addresses), channels=n) for n in (1, 2))
        assert two.cycles <= one.cycles
        assert two.bytes_moved == one.bytes_moved


def test_channels_that_end_early_stand_by():
    addresses = np.concatenate([np.arange(64) * 128, np.arange(4000) * 128 + 64])
    both = replay(LPDDR4, trace_of(addresses), channels=2)
    assert both.counts.refreshes == 2 * (both.cycles // LPDDR4.trefi)
    assert both.counts.active_clocks + both.counts.idle_clocks == 2 * both.cycles


def test_queues_answer_what_they_hold():
    counts = replay(LPDDR4, trace_of([0, 0, 0], [True, True, False])).counts
    assert (counts.writes, counts.merged_writes, counts.reads, counts.forwarded_reads) == (1, 1, 0, 1)
    counts = replay(LPDDR4, trace_of([0, 0, 0], [False, False, True])).counts
    assert (counts.reads, counts.merged_reads, counts.writes) == (1, 1, 1)


# Addresses


@pytest.mark.parametrize("name", DRAM_STANDARDS)
@given(order=st.permutations(FIELDS), channels=st.sampled_from([1, 2, 3, 8]), start=st.integers(0, 2**40))
@settings(max_examples=20, deadline=None)
def test_every_burst_has_its_own_place(name, order, channels, start):
    standard = DRAM_STANDARDS[name]
    where = address_map("-".join(order), standard, channels)
    bursts = (start + np.arange(5000)) % (where.capacity_bytes // standard.burst_bytes)
    place = where.locate(bursts * standard.burst_bytes + 3)
    digits = {"row": place.row, "bank": place.bank, "bankgroup": place.bank_group, "col": place.column}
    digits["channel"] = place.channel
    number = np.zeros_like(bursts)
    for field, size in where.fields:
        assert 0 <= digits[field].min() <= digits[field].max() < size
        number = number * size + digits[field]
    assert (number == bursts).all()


def test_fields_that_are_not_named_have_their_place():
    assert [f for f, _ in address_map("row-bank-col", DDR4).fields] == ["row", "bank", "bankgroup", "col", "channel"]
    assert [f for f, _ in address_map("row-col-bank", DDR4).fields] == ["row", "col", "bank", "bankgroup", "channel"]
    place = address_map("row-bank-col", DDR4, 2).locate(np.array([0, 64, 128]))
    assert place.channel.tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("row-bank-cl", "did you mean 'col'"),
        ("row-bank", "col is missing"),
        ("row-row-bank-col", "row twice"),
        ("", "unknown field ''"),
        ("row bank col", "unknown field"),
    ],
)
def test_a_bad_mapping_is_one_sentence(text, says):
    with pytest.raises(InputError, match=says):
        address_map(text, DDR4)


# Presets and energy


@pytest.mark.parametrize(
    ("name", "peak", "clock_ps", "burst", "gib"),
    [
        ("lpddr4-3200-x16", 6.4, 625, 32, 1),
        ("lpddr4-3200-x32", 12.8, 625, 64, 2),
        ("lpddr5-6400-x16", 12.8, 1250, 32, 1),
        ("ddr4-2400-x64", 19.2, Fraction(2500, 3), 64, 4),
        ("ddr3-1600-x64", 12.8, 1250, 64, 4),
    ],
)
def test_presets_are_what_their_names_say(name, peak, clock_ps, burst, gib):
    standard = DRAM_STANDARDS[name]
    _, rate, width = name.split("-")
    assert standard.peak_gbps == peak == int(rate) * int(width[1:]) / 8000
    assert standard.clock_ps == clock_ps
    assert Fraction(standard.burst_bytes, standard.burst_clocks) * 1000 / clock_ps == Fraction(str(peak))
    assert (standard.burst_bytes, standard.capacity_bytes) == (burst, gib << 30)


def test_time_has_a_base_in_which_the_clocks_of_core_and_dram_are_whole():
    for name, ticks_per_ps in (("lpddr4-3200-x32", 1), ("ddr4-2400-x64", 3)):
        clocks = make_clocks(load_arch("edge_base", overrides=[f"dram.preset={name}", "clock_mhz=300"]))
        assert clocks.ticks_per_ps == ticks_per_ps
        assert clocks.cycle_ticks == 3333 * ticks_per_ps
        assert Fraction(clocks.clock_ticks, ticks_per_ps) == DRAM_STANDARDS[name].clock_ps
        peak = Fraction(1000 * clocks.burst_bytes * ticks_per_ps, clocks.least_burst_ticks)
        assert peak == Fraction(str(DRAM_STANDARDS[name].peak_gbps))


def test_energy_by_hand():
    counts = DramCounts(
        reads=2, writes=3, activates=1, precharges=1, refreshes=1, bank_refreshes=4, active_clocks=100, idle_clocks=50
    )
    energy = dram_energy(DRAM_STANDARDS["lpddr4-3200-x16"], counts)
    # mW from the rails: IDD0 56.625, IDD2N 34.125, IDD3N 37.875, IDD4R 471.55, IDD4W 295.55, IDD5 117.825
    assert energy.activate == pytest.approx((56.625 * 97 - 37.875 * 68 - 34.125 * 29) * 0.625)
    assert energy.read == pytest.approx(2 * (471.55 - 37.875) * 8 * 0.625)
    assert energy.write == pytest.approx(3 * (295.55 - 37.875) * 8 * 0.625)
    assert energy.refresh == pytest.approx(1.5 * (117.825 - 37.875) * 448 * 0.625)
    assert energy.background == pytest.approx((100 * 37.875 + 50 * 34.125) * 0.625)
    assert energy.io == pytest.approx(256 * (2 * 1.83 + 3 * 5.68))
    assert energy.total == pytest.approx(
        energy.activate + energy.read + energy.write + energy.refresh + energy.background
    )


@pytest.mark.parametrize("name", DRAM_STANDARDS)
def test_a_trace_ends_with_its_last_beat(name):
    standard = DRAM_STANDARDS[name]
    read, write = (
        replay(standard, Trace(name="one", addresses=np.array([0]), writes=np.array([flag])), refresh="none").cycles
        for flag in (False, True)
    )
    # After an activate either waits for the same clocks; then for its data, and these pass.
    assert write - read == standard.cwl - standard.cl


def test_all_devices_of_a_channel_draw_their_currents():
    standard = DRAM_STANDARDS["ddr4-2400-x64"]
    counts = DramCounts(reads=0, writes=0, activates=0, precharges=0, refreshes=0, active_clocks=1, idle_clocks=0)
    drawn = sum(rail.volts * rail.idd3n for rail in standard.rails)
    assert standard.devices > 1
    assert dram_energy(standard, counts).background == pytest.approx(standard.devices * drawn * standard.clock_ns)


def test_a_trace_reports_time_bandwidth_and_energy_a_bit():
    counts = DramCounts(reads=3, writes=1, activates=1, precharges=1, refreshes=0, active_clocks=100, idle_clocks=0)
    energy = DramEnergy(activate=100, read=200, write=300, refresh=0, background=40, io=5000)
    found = Replay(
        standard=DRAM_STANDARDS["lpddr4-3200-x16"], channels=1, requests=5, request_bytes=16, bursts=5, cycles=64,
        counts=counts, energy=energy,
    )  # fmt: skip
    # 5 requests of 16 bytes; 4 bursts of 32 bytes; 64 clocks of 0.625 ns. The interface is outside the devices.
    assert (found.bytes_asked, found.bytes_moved, found.ns) == (80, 128, 40.0)
    assert (found.gbps, found.pj_per_bit) == (3.2, 1.0)


# The command


def written(tmp_path, text, name="trace.csv"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_the_command_reports_time_rows_and_energy(cli, cli_json, tmp_path):
    path = written(tmp_path, gzip.compress(b"addr_hex,op\n0,R\n40,W\n0x80,R\n"), "small.csv.gz")
    record = cli_json("dram", "--preset", "lpddr4-3200-x32", "--trace", str(path), "--format", "json")
    assert (record["requests"], record["bytes"], record["reads"], record["writes"]) == (3, 192, 2, 1)
    assert record["row_hits"] + record["row_misses"] + record["row_conflicts"] == 3
    parts = record["energy_pj"]
    assert set(parts) == {"activate", "read", "write", "refresh", "background", "total", "io"}
    assert parts["total"] == pytest.approx(sum(parts[name] for name in set(parts) - {"total", "io"}))
    assert record["ns"] == pytest.approx(record["cycles"] * 0.625)
    table = cli("dram", "--preset", "lpddr4-3200-x32", "--trace", str(path))
    assert table.exit_code == 0
    assert "a request is 64 bytes and touches 1 burst(s) of 64: 3 requests, 192 bytes asked for" in table.stdout


def test_a_request_is_the_bursts_that_its_bytes_touch(cli, cli_json, tmp_path):
    path = written(tmp_path, "addr_hex,op\n0,R\n70,W\n7f,R\n")
    command = ("dram", "--preset", "lpddr5-6400-x16", "--trace", str(path))
    # Bursts of 32 bytes: [0, 64), [0x70, 0xb0) and [0x7f, 0xbf) touch 2, 3 and 3.
    record = cli_json(*command, "--request-bytes", "64", "--format", "json")
    assert (record["requests"], record["request_bytes"], record["bytes"]) == (3, 64, 192)
    assert (record["bursts"], record["burst_bytes"], record["bursts_per_request"]) == (8, 32, 8 / 3)
    assert record["moved_bytes"] == 32 * (record["reads"] + record["writes"])
    assert "touches 2.667 burst(s) of 32: 3 requests, 192 bytes asked for, 8 bursts" in " ".join(
        cli(*command, "--request-bytes", "64").stdout.split()
    )
    # Without a size a line is the burst around its address.
    record = cli_json(*command, "--format", "json")
    assert (record["request_bytes"], record["bursts"], record["bytes"]) == (32, 3, 96)
    for size, bursts in ((1, 3), (32, 5), (33, 6), (4096, 3 * 129 - 1)):
        assert replay(LPDDR5, read_trace(path), request_bytes=size).bursts == bursts


@given(st.integers(1, 300), st.lists(st.tuples(st.integers(0, 5000), st.booleans()), min_size=1, max_size=20))
@settings(max_examples=40, deadline=None)
def test_a_trace_of_requests_is_the_trace_of_their_bursts(size, requests):
    split = [
        (burst * 32, is_write)
        for address, is_write in requests
        for burst in range(address // 32, (address + size - 1) // 32 + 1)
    ]
    whole, single = (trace_of(*map(list, zip(*pairs, strict=True))) for pairs in (requests, split))
    ours, theirs = replay(LPDDR5, whole, request_bytes=size), replay(LPDDR5, single)
    assert (ours.cycles, ours.counts, ours.energy) == (theirs.cycles, theirs.counts, theirs.energy)
    assert (ours.bursts, ours.bytes_asked) == (len(split), size * len(requests))


BAD = {
    "heading": ("addr,op\n0,R\n", ":1 'addr,op': the first line must be addr_hex,op"),
    "empty file": ("", ":1 (empty)"),
    "no request": ("addr_hex,op\n", ":1 no request"),
    "hex": ("addr_hex,op\n0,R\nxyz,R\n", ":3 'xyz,R': write a byte address in hex"),
    "negative": ("addr_hex,op\n-40,R\n", ":2 '-40,R'"),
    "huge": ("addr_hex,op\n" + "f" * 40 + ",R\n", ":2 address "),
    "op": ("addr_hex,op\n0,X\n", ":2 op 'X': write R or W"),
    "no op": ("addr_hex,op\n0\n", ":2 '0'"),
    "outside": ("addr_hex,op\n0,R\nfffffffff,R\n", ":3 address 0xfffffffff lies outside the 2 GiB"),
    "gap": ("addr_hex,op\n0,R\n\n0,R\n", ":3 an empty line"),
    "binary": (bytes(range(256)) * 50, ":1 "),
    "long line": ("addr_hex,op\n" + "0" * 10**6, ":2 "),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_trace_is_one_sentence(cli, tmp_path, case):
    text, says = BAD[case]
    refused(cli("dram", "--preset", "lpddr4-3200-x32", "--trace", str(written(tmp_path, text))), "trace.csv" + says)


def refused(result, says):
    assert result.exit_code == 2
    assert says in result.stderr
    assert result.stderr.count("\n") == 1
    assert "Traceback" not in result.stderr


def test_bad_files_and_names_are_one_sentence(cli, tmp_path):
    good = written(tmp_path, "addr_hex,op\n0,R\n")
    packed = gzip.compress(b"addr_hex,op\n" + b"0,R\n" * 5000)
    cases = [
        (["lpddr4-3200-x32", tmp_path / "none.csv"], "not a regular file"),
        (["lpddr4-3200-x32", tmp_path], "not a regular file"),
        (["lpddr4-3200-x32", written(tmp_path, "addr_hex,op\n0,R\n", "plain.csv.gz")], "is not a gzip file"),
        (["lpddr4-3200-x32", written(tmp_path, packed[:-20], "cut.csv.gz")], "damaged gzip"),
        (["lpddr4-3200-x23", good], "did you mean 'lpddr4-3200-x32'?"),
        (["ddr4-2400-x64", good, "--mapping", "row-bank-clo"], "did you mean 'col'"),
        (["ddr4-2400-x64", good, "--refresh", "per-bank"], "refreshes all banks together"),
        (["ddr4-2400-x64", good, "--channels", "0"], "--channels"),
        (["ddr4-2400-x64", good, "--request-bytes", "0"], "--request-bytes"),
        (["ddr4-2400-x64", good, "--queue", "0"], "--queue"),
        (
            ["lpddr4-3200-x32", written(tmp_path, "addr_hex,op\n7fffffe0,R\n", "end.csv"), "--request-bytes", "64"],
            "end.csv:2 address 0x7fffffe0 + 64 bytes lies outside the 2 GiB",
        ),
        (
            [
                "lpddr4-3200-x32",
                written(tmp_path, "addr_hex,op\n" + "0,R\n" * 200, "many.csv"),
                "--request-bytes",
                str(1 << 20),
            ],
            "many.csv: 200 requests of 1048576 bytes touch 3,276,800 bursts, more than 2,000,000",
        ),
    ]
    for (preset, path, *more), says in cases:
        refused(cli("dram", "--preset", preset, "--trace", str(path), *more), says)


def test_too_many_requests_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("lw3dsim.dram.trace.MAX_REQUESTS", 3)
    with pytest.raises(InputError, match=r"trace.csv:5 more than 3 requests"):
        read_trace(written(tmp_path, "addr_hex,op\n" + "0,R\n" * 4))


@pytest.mark.parametrize("work", [INTERPRETED, NATIVE], ids=["interpreted", "native"])
def test_a_channel_stands_by_when_its_requests_are_served_and_gone(work):
    line = work.own(c.new_channel(LPDDR4, [0, 1], [3, 4], [0, 1], [0, 0], "all-bank"))
    end = work(controller.run)(line, 0)
    empty = work.own(line._replace(bank_of=[], row_of=[], block_of=[], is_write=[]))
    # Two requests have entered, and none is left.
    assert work(controller.run)(empty, 10 * LPDDR4.trefi) == end
    assert channel_counts(empty, 10 * LPDDR4.trefi).refreshes == 10
