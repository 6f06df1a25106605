"""Do tracks of banks show what the engine's DRAM did, at its times, and add up to what the result counts?"""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

import numpy as np
import pytest
from test_bad_input import refuse
from test_timeline import read

import lw3dsim
from lw3dsim import traced
from lw3dsim.account.timeline import OF_ROWS, TRACKS, TRANSFERS
from lw3dsim.base.values import replace
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.dram.bank_log import PRECHARGE, REFRESH, VISIT
from lw3dsim.engine.logged import run_logged
from lw3dsim.engine.memory import make_memory
from lw3dsim.engine.run import simulate_job
from lw3dsim.engine.trace import make_job, streams
from lw3dsim.network.pipeline import map_prepared, prepare
from lw3dsim.network.request import Run, make_request

CASES = {
    "in order": {"workload": "c3d_small", "overrides": ["layer_setup_cycles=77"]},
    "fused, refreshed bank by bank, two channels": {
        "workload": "c3d_small", "transform": "fsb_c3d", "algorithm": "hfa", "fusion": "auto",
        "overrides": ["dram.refresh=per-bank", "dram.channels=2", "clock_mhz=700"],
    },
    "another standard": {"workload": "c3d_small", "overrides": ["dram.preset=ddr4-2400-x64", "dram.refresh=none"]},
    # Set up for so long that refreshes are jumped over.
    "idle": {"workload": "c3d_small", "overrides": ["layer_setup_cycles=99999", "dram.refresh=per-bank"]},
    "idle, all banks": {"workload": "c3d_small", "overrides": ["layer_setup_cycles=99999"]},
    "reordering": {
        "workload": "c3d_small", "input_size": "4x16x16", "overrides": ["dram.model=fr_fcfs", "clock_mhz=700"],
    },
    "reordering, refreshed bank by bank": {
        "workload": "c3d_small", "input_size": "4x16x16", "fusion": "auto",
        "overrides": ["dram.model=fr_fcfs", "dram.refresh=per-bank", "dram.channels=2"],
    },
    "reordering, an activate of two commands": {
        "workload": "c3d_small", "input_size": "4x16x16",
        "overrides": ["dram.model=fr_fcfs", "dram.preset=lpddr5-6400-x16"],
    },
}  # fmt: skip


@pytest.fixture(params=CASES.values(), ids=CASES, scope="module")
def case(request):
    return request.param


@pytest.fixture(scope="module")
def runs(case):
    """Of each layer or group: what was counted, its job, the engine's own run, the one that is written down."""
    given = dict(case)
    prepared = prepare(make_request(given.pop("workload"), Run(**given)))
    runs = []
    for unit in map_prepared(prepared):
        run = unit.run
        clocks = make_clocks(run.arch)
        program = run.work.program(run.arch, clocks)
        job = make_job(program, clocks.cycle_ticks)
        timing = simulate_job(job, make_memory(program.regions, clocks), program.kinds, "auto")
        logged, slices = run_logged(job, make_memory(program.regions, clocks), clocks.dram)
        runs.append((unit, program, clocks, timing, logged, slices))
    return runs


def columns(trace):
    return [column for moved in streams(trace) for column in moved] + list(trace[3:])


def test_the_run_is_that_of_the_engine_and_its_commands_are_those_counted(runs):
    for unit, _, clocks, timing, logged, slices in runs:
        for mine, theirs in zip(
            (*streams(logged), logged[3:]), (*streams(timing.trace), timing.trace[3:]), strict=True
        ):
            for column, other in zip(mine, theirs, strict=True):
                assert np.array_equal(column, other)
        counts, standard = unit.run.dram, clocks.dram.standard
        assert counts == timing.dram
        assert slices.bursts.sum() == counts.reads + counts.writes
        assert slices.activates.sum() == counts.activates
        assert slices.misses.sum() == counts.row_misses
        assert slices.conflicts.sum() == counts.row_conflicts
        assert (slices.what == PRECHARGE).sum() == counts.precharges
        assert (slices.what == REFRESH).sum() == (
            counts.refreshes * standard.banks + counts.bank_refreshes * standard.banks // standard.refresh_stride
        )


def test_visits_lie_within_their_transfers_and_the_last_ends_with_it(runs):
    for _, program, clocks, timing, _, slices in runs:
        bursts = np.concatenate(program.stream_bursts)
        grant, ready = (
            np.concatenate([np.asarray(getattr(one, name)) for one in streams(timing.trace)])
            for name in ("grant", "ready")
        )
        visits = slices.what == VISIT
        of = slices.transfer[visits]
        assert np.array_equal(np.bincount(of, weights=slices.bursts[visits], minlength=len(bursts)), bursts)
        begin, end = slices.begin[visits] * clocks.clock_ticks, slices.end[visits] * clocks.clock_ticks
        assert (begin >= grant[of]).all()
        assert (end <= ready[of]).all()
        last = np.zeros(len(bursts), dtype=np.int64)
        np.maximum.at(last, of, end)
        # A visit is cut where the next command to its bank comes before its last data beat.
        following = np.append((slices.begin[1:] == slices.end[:-1]) & (slices.bank[1:] == slices.bank[:-1]), False)
        cut = np.zeros(len(bursts), dtype=bool)
        cut[of[following[visits]]] = True
        assert ((last == ready) | cut)[bursts > 0].all()
        assert last.max() == ready.max()


def test_banks_keep_the_rules_of_the_standard(runs):
    for _, _, clocks, _, _, slices in runs:
        standard, length = clocks.dram.standard, slices.end - slices.begin
        refresh = standard.trfc_pb if clocks.dram.refresh == "per-bank" else standard.trfc
        # Nothing comes within them.
        assert (length[slices.what == PRECHARGE] == standard.trp).all()
        assert (length[slices.what == REFRESH] == refresh).all()
        assert (length > 0).all()
        # They take turns.
        refreshed = np.bincount(slices.bank[slices.what == REFRESH], minlength=clocks.dram.channels * standard.banks)
        assert (np.ptp(refreshed.reshape(clocks.dram.channels, -1), axis=1) <= 1).all()
        for bank in np.unique(slices.bank):
            row, opened = -1, -standard.trc
            mine = slices.bank == bank
            columns = (slices.what, slices.begin, slices.row, slices.activates)
            for what, begin, at, activates in zip(*(column[mine].tolist() for column in columns), strict=True):
                if what == REFRESH:
                    assert row == -1
                elif what == PRECHARGE:
                    assert row == at
                    assert begin - opened >= standard.tras
                    row = -1
                elif activates:
                    assert row == -1
                    assert begin - opened >= standard.trc
                    row, opened = at, begin
                else:
                    assert row == at


@pytest.mark.parametrize("fold", [False, True])
def test_tracks_of_banks_add_up_to_the_result(case, fold, tmp_path):
    result = lw3dsim.simulate(**case)
    written = lw3dsim.trace(**case, banks=True, out=tmp_path / "t.json", slices=200 if fold else 300_000)
    _, events, tracks = read(tmp_path / "t.json")
    assert (written.fold > 1) == fold
    assert written.slices == len(events["X"])
    banks = {name: slices for name, slices in tracks.items() if name.startswith("DRAM ")}
    assert tuple(tracks) == ("layers", *TRACKS, *banks)
    totals = result.totals
    found, moved = defaultdict(int), defaultdict(int)
    for slices in banks.values():
        assert all(one["ts"] + one["dur"] <= after["ts"] for one, after in pairwise(slices))
        assert all(one["ts"] + one["dur"] <= totals.latency_cycles for one in slices)
        for one in slices:
            moved[one["name"]] += one["args"]["bursts"]
            for name in OF_ROWS:
                found[name] += one["args"][name]
    arch = lw3dsim.load_arch("edge_base", overrides=case["overrides"])
    burst_bytes = make_clocks(arch).burst_bytes
    assert found["bursts"] * burst_bytes == totals.dram_read_bytes + totals.dram_write_bytes
    assert [found[name] for name in OF_ROWS[1:]] == [
        totals.dram_activates, totals.row_hits, totals.row_misses, totals.row_conflicts,
    ]  # fmt: skip
    if not fold:
        layers, names = tracks["layers"], {"precharge": 0, "refresh": 0}
        for one in tracks["DMA"]:
            layer = next(layer for layer in reversed(layers) if layer["ts"] <= one["ts"])
            name = f"{layer['name']}: {one['name']} {one['args']['tile']}"
            assert one["name"] in TRANSFERS
            names[name] = one["args"]["bytes"] // burst_bytes
        assert {name: moved[name] for name in names} == names
        assert set(moved) <= set(names)


def test_without_being_asked_for_there_are_none(tmp_path):
    lw3dsim.trace("c3d_small", out=tmp_path / "t.json")
    assert tuple(read(tmp_path / "t.json")[2]) == ("layers", *TRACKS)


def test_what_has_no_banks_to_show_is_refused(cli, tmp_path, monkeypatch):
    line = ("trace", "c3d_small", "--banks", "--out", str(tmp_path / "t.json"))
    refuse(cli(*line, "--set", "dram.model=plain"), "dram.model = plain knows no banks; take in_order or fr_fcfs")
    monkeypatch.setattr(traced, "BANK_SLICES", 100)
    refuse(cli(*line), "slices, more than 100; name other layers")
    assert not list(tmp_path.iterdir())


def test_the_engine_of_a_plug_in_is_refused(tmp_path):
    prepared = prepare(make_request("c3d_small", Run()))
    prepared = replace(prepared, request=replace(prepared.request, engine="acme"))
    with pytest.raises(lw3dsim.InputError, match="banks: what banks do is not known of engine 'acme'; take auto"):
        traced.write_trace(prepared, tmp_path / "t.json", slices=1000, banks=True)
    assert not list(tmp_path.iterdir())
