"""Do the slices of a timeline stand side by side, add up to what was counted, and begin and end with the layer?"""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from decimal import Decimal
from itertools import pairwise

import pytest
from test_bad_input import refuse

import lw3dsim
from lw3dsim.account.timeline import TRACKS, WAITS
from lw3dsim.base.output import OutputError
from lw3dsim.network.request import DEFAULT_SLICES

HOSTILE = '"},<script>alert(1)</script>\\u0000\n'
CASES = {
    "direct": {"workload": "c3d", "input_size": "16x32x32"},
    "fsb, hfa, fused": {
        "workload": "c3d", "input_size": "16x32x32", "transform": "fsb_c3d", "algorithm": "hfa", "fusion": "auto",
    },
    "attention and pools": {"workload": "x3d_s", "input_size": "4x32x32", "fusion": "auto"},
    "plain DRAM, one bank": {
        "workload": "slowfast_r50_4x16", "input_size": "8x32x32",
        "overrides": ["dram.model=plain", "buffers.ofmap_banks=1", "buffers.ifmap_banks=1"],
    },
    "reordering DRAM": {"workload": "c3d_small", "overrides": ["dram.model=fr_fcfs", "clock_mhz=700"]},
    "batch": {"workload": "c3d_small", "batch": 3, "overrides": ["layer_setup_cycles=77"]},
}  # fmt: skip


def read(path):
    """The events of a trace by their phase, read by nothing of ours; times as decimals, as they stand there."""
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    data = json.loads(text, parse_float=Decimal)
    events = defaultdict(list)
    for event in data["traceEvents"]:
        events[event["ph"]].append(event)
    names = {e["tid"]: e["args"]["name"] for e in events["M"] if e["name"] == "thread_name"}
    tracks = {name: [] for name in names.values()}
    for event in events["X"]:
        tracks[names[event["tid"]]].append(event)
    return data, events, tracks


def cycles_by_cause(slices, waits):
    """The cycles of steps and waits by cause, as a result counts them, but for what of the array is idle."""
    found = defaultdict(int)
    for step in slices:
        for name, value in step["args"].items():
            if name.endswith("_cycles") and name != "waits_for_drain_cycles":
                found[{"drain_stall": "drain"}.get(cause := name.removesuffix("_cycles"), cause)] += value
    for wait in waits:
        found[wait["name"]] += wait["dur"]
    return {cause: cycles for cause, cycles in found.items() if cycles}


def expected_by_cause(breakdown):
    causes = breakdown.as_dict()
    causes["multiply"] += sum(causes.pop(idle) for idle in ("idle_rows", "idle_lanes", "idle_multipliers"))
    return {cause: cycles for cause, cycles in causes.items() if cycles}


@pytest.mark.parametrize("fold", [False, True])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_slices_stand_side_by_side_and_add_up_to_the_result(case, fold, tmp_path):
    path = tmp_path / ("trace.json.gz" if fold else "trace.json")
    result = lw3dsim.simulate(**case)
    written = lw3dsim.trace(**case, out=path, slices=100 if fold else 300_000)
    data, events, tracks = read(path)
    assert tuple(tracks) == ("layers", *TRACKS)
    assert sum(map(len, tracks.values())) == written.slices == len(events["X"])
    assert (written.fold > 1) == fold
    assert f"up to {written.fold} steps" in data["otherData"]["folding"] or not fold
    latency = result.totals.latency_cycles
    assert data["cycles"] == latency
    for slices in tracks.values():
        assert all(one["ts"] + one["dur"] <= after["ts"] for one, after in pairwise(slices))
        assert not slices or slices[-1]["ts"] + slices[-1]["dur"] <= latency
    assert [(one["name"], one["dur"]) for one in tracks["layers"]] == [
        (layer.name, layer.latency_cycles) for layer in result.record.layers
    ]
    assert (
        sum(one["args"]["bytes"] for one in tracks["DMA"])
        == result.totals.dram_read_bytes + result.totals.dram_write_bytes
    )
    if not fold:
        steps = tracks["array"] + tracks["vector unit"]
        assert cycles_by_cause(steps, tracks["waits"]) == pytest.approx(
            expected_by_cause(result.cycles_breakdown), abs=0
        )
        assert {wait["name"] for wait in tracks["waits"]} <= set(WAITS)


def test_arrows_lead_from_loads_to_steps_that_begin_once_they_are_there(tmp_path):
    lw3dsim.trace(**CASES["direct"], out=tmp_path / "trace.json")
    _, events, tracks = read(tmp_path / "trace.json")
    # Of transfers that are granted at once, the one that is there first.
    loads = {}
    for one in tracks["DMA"]:
        loads[one["ts"]] = min(one["args"]["there_cycles"], loads.get(one["ts"], one["args"]["there_cycles"]))
    starts = {one["ts"] for one in tracks["array"] + tracks["vector unit"]}
    assert len(events["s"]) == len(events["f"]) == sum(one["name"].startswith("load") for one in tracks["DMA"])
    for tail, head in zip(events["s"], events["f"], strict=True):
        assert tail["id"] == head["id"]
        assert tail["ts"] + Decimal(loads[tail["ts"]]) <= head["ts"] + 1
        assert head["ts"] in starts


def test_counters_are_those_of_the_result(tmp_path):
    result = lw3dsim.simulate(**CASES["direct"])
    lw3dsim.trace(**CASES["direct"], out=tmp_path / "trace.json")
    _, events, _ = read(tmp_path / "trace.json")
    points = defaultdict(list)
    for event in events["C"]:
        ((unit, value),) = event["args"].items()
        points[event["name"]].append((event["ts"], unit, float(value)))

    def mean(name):
        times = [*(time for time, _, _ in points[name]), result.totals.latency_cycles]
        spans = [float(b - a) for a, b in pairwise(times)]
        return sum(span * value for span, (_, _, value) in zip(spans, points[name], strict=True)) / sum(spans)

    assert mean("power") == pytest.approx(result.totals.average_power_mw, rel=1e-4)
    assert mean("DRAM bandwidth") == pytest.approx(
        (result.totals.dram_read_bytes + result.totals.dram_write_bytes) / result.totals.latency_ms / 1e6, rel=1e-4
    )
    arch = lw3dsim.load_arch("edge_base")
    for name in ("ifmap", "weight", "ofmap"):
        most = max(value for _, unit, value in points[f"{name} buffer"] if unit == "KiB")
        assert 0 < most <= getattr(arch.buffers, f"{name}_kib")


def test_hostile_names_are_text(tmp_path):
    path = tmp_path / "net.yaml"
    layer = f"{{name: {json.dumps(HOSTILE)}, kind: conv3d, out_channels: 4, kernel: [1, 1, 1]}}"
    path.write_text(
        f"name: odd\ninputs: {{clip: {{channels: 3, frames: 2, height: 4, width: 4}}}}\nlayers:\n  - {layer}\n"
    )
    try:
        lw3dsim.load_workload(path)
    except lw3dsim.InputError:
        return
    lw3dsim.trace(path, out=tmp_path / "trace.json")
    _, _, tracks = read(tmp_path / "trace.json")
    assert tracks["layers"][0]["name"] == HOSTILE


def test_layers_may_be_chosen_and_the_same_run_gives_the_same_bytes(cli, tmp_path):
    # Capitals in the end of a name mean nothing.
    one, two = tmp_path / "one.json.gz", tmp_path / "two.JSON.GZ"
    for path in (one, two):
        done = cli("trace", "c3d_small", "--layer", "conv2a", "--out", str(path))
        assert done.exit_code == 0, done.stderr
        assert "open it in Perfetto" in done.stderr
    assert one.read_bytes() == two.read_bytes()
    _, _, tracks = read(one)
    assert [layer["name"] for layer in tracks["layers"]] == ["conv2a"]
    # It may be written over, as may no other file.
    assert cli("trace", "c3d_small", "--out", str(one)).exit_code == 0


def test_what_can_not_be_written_is_refused(cli, tmp_path):
    (tmp_path / "mine.json").write_text('{"a": 1}')
    refuse(cli("trace", "c3d_small", "--out", str(tmp_path / "mine.json")), "not a trace that lw3dsim wrote")
    refuse(cli("trace", "c3d_small", "--out", str(tmp_path / "trace.txt")), "let it end with .json or .json.gz")
    refuse(cli("trace", "c3d_small", "--out", str(tmp_path / "t.json"), "--layer", "conv9"), "unknown layer 'conv9'")
    with pytest.raises(OutputError, match="cannot be written"):
        lw3dsim.trace("c3d_small", out=tmp_path / "no" / "trace.json")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.json"]


def test_a_file_of_the_default_length_is_below_100_mb(tmp_path):
    asked = 2000
    written = lw3dsim.trace(**CASES["direct"], slices=asked, out=tmp_path / "t.json")
    assert written.fold > 1
    # What a slice that was asked for takes, with its arrows, and its share of counters and names.
    assert (tmp_path / "t.json").stat().st_size / asked * DEFAULT_SLICES < 100e6
