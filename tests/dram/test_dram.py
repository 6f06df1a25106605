"""Does the DRAM model keep every timing rule, tightly, and agree with two other simulators?"""

from __future__ import annotations

import csv
import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from traces import DDR4, LPDDR4, LPDDR5, trace_of

from lw3dsim.base.integers import NEVER
from lw3dsim.base.kernels import INTERPRETED
from lw3dsim.base.values import replace
from lw3dsim.describe.dram_standards import DRAM_STANDARDS
from lw3dsim.dram import channel as c
from lw3dsim.dram import controller
from lw3dsim.dram.banks import ACT_1, choose, issue, look, ready
from lw3dsim.dram.replay import replay
from lw3dsim.dram.timing_rules import ACT, COMMANDS, RD, REF, REFPB, RULES, WR
from lw3dsim.dram.trace import read_trace

DATA = Path(__file__).parents[1] / "data"
REQUESTS = 16384
PRESET = {"DDR4": "ddr4-2400-x64", "LPDDR4": "lpddr4-3200-x32"}
MAPPING = {"RoCoBa": "row-col-bank"}


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
@settings(max_examples=12)
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
