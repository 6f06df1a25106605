"""Has every burst its own place, and are time, energy and refusals of a trace what one counts?"""

from __future__ import annotations

import gzip
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from traces import DDR4, LPDDR4, LPDDR5, trace_of

from lw3dsim.base.kernels import INTERPRETED, NATIVE
from lw3dsim.describe.accelerator_file import load_arch
from lw3dsim.describe.address_map import FIELDS, address_map
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.describe.dram_standards import DRAM_STANDARDS
from lw3dsim.dram import channel as c
from lw3dsim.dram import controller
from lw3dsim.dram.power import DramCounts, DramEnergy, dram_energy
from lw3dsim.dram.replay import Replay, channel_counts, replay
from lw3dsim.dram.trace import Trace, read_trace
from lw3dsim.errors import InputError


@pytest.mark.parametrize("name", DRAM_STANDARDS)
@given(order=st.permutations(FIELDS), channels=st.sampled_from([1, 2, 3, 8]), start=st.integers(0, 2**40))
@settings(max_examples=20)
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
@settings(max_examples=40)
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
