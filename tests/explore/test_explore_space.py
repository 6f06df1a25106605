"""Does a space hold what its file says, and is every wrong file answered by one sentence with its place?"""

from __future__ import annotations

import json
import shlex

import pytest
from explore_helpers import NET, PARAMETERS, write_space
from test_bad_input import refuse

from lw3dsim import simulate
from lw3dsim.explore.bounds import least_of
from lw3dsim.explore.evaluate import Evaluator
from lw3dsim.explore.metrics import METRICS, combined, costs
from lw3dsim.explore.space_file import accelerator_paths, load_space, parse_space

CHOICES = """  pe.rows: [2, 4]
  winograd.m1: {int: [1, 7], step: 3}
  clock_mhz: {float: [100, 200], steps: 3}
  dram.preset: [lpddr4-3200-x32, lpddr5-6400-x16]
  dram.refresh: {values: [all-bank, per-bank], when: {dram.preset: lpddr5-6400-x16}}
  buffers.ifmap_kib: {log2: [16, 100]}
  buffers.weight_kib: {same_as: buffers.ifmap_kib}
  precision.transformed_data_bits: [null, 10]
"""


def space_of(folder, **changes):
    return load_space(write_space(folder, **changes))


def test_parameters_have_the_values_of_the_file(tmp_path):
    space = space_of(tmp_path, parameters=CHOICES)
    values = {parameter.path: parameter.values for parameter in space.parameters}
    assert values["winograd.m1"] == (1, 4, 7)
    assert values["clock_mhz"] == (100.0, 150.0, 200.0)
    assert values["buffers.ifmap_kib"] == (16, 32, 64)
    assert space.size == 2 * 3 * 3 * 2 * 2 * 3 * 2


def test_designs_leave_out_what_does_not_apply_and_follow_what_they_are_tied_to(tmp_path):
    space = space_of(tmp_path, parameters=CHOICES)
    points = [space.point(choice) for choice in space.all_choices()]
    assert len({point.id for point in points}) == len(points) == 2 * 3 * 3 * 3 * 3 * 2
    for point in points:
        values = dict(point.values)
        assert ("dram.refresh" in values) == (values["dram.preset"] == "lpddr5-6400-x16")
        assert values["buffers.weight_kib"] == values["buffers.ifmap_kib"]
    assert {space.point(space.numbered(n)).id for n in range(space.size)} == {point.id for point in points}
    for choice in space.all_choices():
        assert space.choice_of(dict(space.point(choice).values)) == choice


def test_the_digest_knows_the_contents_behind_names(tmp_path):
    first = space_of(tmp_path)
    assert space_of(tmp_path).digest == first.digest
    assert space_of(tmp_path, net=NET.replace("groups: 8", "groups: 4")).digest != first.digest
    assert space_of(tmp_path, parameters=PARAMETERS.replace("[2, 4, 8]", "[2, 4]")).digest != first.digest
    assert space_of(tmp_path, more="constraints: {area_mm2: {max: 3}}\n").digest != first.digest


def test_a_point_costs_what_its_command_prints(tmp_path, cli_json):
    space = space_of(tmp_path, parameters=CHOICES + "  run.algorithm: [hfa, direct]\n  run.fusion: [auto]\n")
    for number in (0, 100, space.size - 1):
        point = space.point(space.numbered(number))
        outcome = Evaluator(space).evaluate(point)
        assert outcome.state == "done", outcome.reason
        words = shlex.split(space.command(point))
        assert words[:2] == ["lw3dsim", "simulate"]
        totals = cli_json(*words[1:], "--format", "json")["totals"]
        assert outcome.metrics["latency_ms"] == totals["latency_ms"]
        assert outcome.metrics["energy_mj"] == totals["energy_pj"] * 1e-9
        assert outcome.metrics["area_mm2"] == totals["area_mm2"]


def test_a_design_that_contradicts_itself_is_infeasible_with_the_reason(tmp_path):
    space = space_of(tmp_path, parameters="  dram.refresh: [per-bank]\n  dram.preset: [ddr3-1600-x64]\n")
    outcome = Evaluator(space).evaluate(space.point((0, 0)))
    assert outcome.state == "infeasible"
    assert "ddr3-1600-x64 refreshes all banks together" in outcome.reason


def test_workloads_are_weighted_or_the_worst_counts():
    parts = [dict.fromkeys(METRICS, 10.0), dict.fromkeys(METRICS, 40.0)]
    weighted, worst = (combined(parts, [3, 1], how) for how in ("weighted", "worst"))
    assert (weighted["latency_ms"], worst["latency_ms"]) == (17.5, 40.0)
    assert (weighted["area_mm2"], weighted["sqnr_db"], worst["clips_per_s"]) == (40.0, 10.0, 10.0)


def test_two_workloads_share_a_chip():
    text = (
        "name: two\ncombine: worst\nworkloads:\n  - {workload: c3d, input: 16x32x32}\n"
        "  - {workload: c3d, input: 16x32x32, algorithm: winograd3d}\nparameters: {pe.rows: [4]}\n"
        "objectives: [latency_ms]\n"
    )
    space = parse_space(text)
    outcome = Evaluator(space).evaluate(space.point((0,)))
    alone = [
        simulate("c3d", input_size="16x32x32", algorithm=algorithm, overrides=["pe.rows=4"]).totals
        for algorithm in ("direct", "winograd3d")
    ]
    assert outcome.metrics["latency_ms"] == max(totals["latency_ms"] for totals in alone)
    assert outcome.metrics["area_mm2"] >= max(totals["area_mm2"] for totals in alone)
    assert space.command(space.point((0,))).count("lw3dsim simulate") == 2


@pytest.mark.parametrize("algorithm", ["direct", "hfa", "nested", "auto"])
def test_bounds_are_never_above_what_is_simulated(tmp_path, algorithm):
    parameters = (
        "  pe.rows: [1, 8]\n  pe.mults_per_pe: [4, 36]\n  winograd.m1: [2, 4]\n  winograd.m2: [1, 4]\n"
        "  winograd.weight_transform: [offline, onchip]\n  dram.bandwidth_gbps: [null, 1.0]\n"
        f"  run.algorithm: [{algorithm}]\n  run.fusion: ['off', auto]\n"
    )
    dense = "  - {name: d, kind: conv3d, out_channels: 6, kernel: [3, 3, 3], padding: [1, 1, 1], activation: relu}\n"
    space = space_of(tmp_path, parameters=parameters, net=NET + dense)
    evaluator = Evaluator(space)
    for choice in list(space.all_choices())[::5]:
        point = space.point(choice)
        found, prospect = evaluator.evaluate(point), evaluator.prospect(point)
        assert found.state == "done", found.reason
        check_bounds(space, point, bounds(evaluator, point), found)
        check_bounds(space, point, prospect.least, found)
        while prospect.refine():
            check_bounds(space, point, prospect.least, found)


def bounds(evaluator, point):
    """What a design costs at least however its layers are mapped."""
    (load,) = evaluator.space.loads
    chosen, network = load.at(point), evaluator.network(load, point)
    return least_of(network, chosen.algorithm, evaluator.design(point), is_fused=chosen.fusion != "off")


def check_bounds(space, point, least, found):
    for name in space.metrics:
        low, high = costs(least, [name])[0], costs(found.metrics, [name])[0]
        assert low <= high, (name, point.values)


ODD = """
name: odd
inputs: {clip: {channels: 8, frames: 3, height: 9, width: 7}}
layers:
  - {name: a, kind: conv3d, out_channels: 48, kernel: [1, 1, 1]}
  - {name: p, kind: pool3d, mode: max, kernel: [2, 2, 2]}
  - {name: b, kind: conv3d, out_channels: 16, kernel: [1, 2, 2], stride: [1, 2, 2]}
  - {name: c, kind: conv3d, out_channels: 16, kernel: [1, 1, 1]}
  - {name: d, kind: add, inputs: [c, b]}
"""


@pytest.mark.parametrize("objective", ["latency", "dram_bytes"])
def test_what_no_later_layer_looks_at_is_in_no_bound_of_fused_layers(tmp_path, objective):
    parameters = (
        "  pe.rows: [1, 8]\n  pe.mults_per_pe: [4, 36]\n  dram.preset: [lpddr4-3200-x16, ddr4-2400-x64]\n"
        f"  run.objective: [{objective}]\n  run.fusion: ['off', auto]\n"
    )
    space = space_of(tmp_path, parameters=parameters, net=ODD)
    evaluator = Evaluator(space)
    (load,) = space.loads
    mults = set()
    for choice in space.all_choices():
        point = space.point(choice)
        chosen, network = load.at(point), evaluator.network(load, point)
        check_bounds(space, point, bounds(evaluator, point), evaluator.evaluate(point))
        result = simulate(network, arch=evaluator.design(point), fusion=chosen.fusion, objective=objective)
        mults.add(result.totals["executed_mults"])
    # Odd rows and columns, and a frame, are left out where the pool is fused.
    assert len(mults) > 1


def test_every_field_of_the_accelerator_can_be_explored():
    paths = accelerator_paths()
    assert {"pe.rows", "buffers.ifmap_kib", "dram.preset", "precision.weight_bits", "clock_mhz"} <= paths.keys()
    assert "name" not in paths


BAD = {
    "  pe.rowz: [1]\n": "space.yaml:5 parameters.pe.rowz: no field|did you mean 'pe.rows'",
    "  pe.rows: []\n": "space.yaml:5 parameters.pe.rows: the list is empty; give it a value",
    "  run.objective: []\n": "space.yaml:5 parameters.run.objective: the list is empty; give it a value",
    "  run.input: [4x16x16, 0x1x1]\n": "parameters.run.input: the value '0x1x1' is not allowed: expected frames",
    "  pe.rows: {int: [8, 4]}\n": "parameters.pe.rows: the range is empty",
    "  pe.rows: {log2: [9, 8]}\n": "the range is empty",
    "  clock_mhz: {float: [9, 8]}\n": "the range is empty",
    "  pe.rows: [0, 4]\n": "the value 0 is not allowed: expected a whole number from 1 to",
    "  pe.rows: [4, many]\n": "the value 'many' is not allowed: expected a whole number",
    "  pe.rows: [4, 4]\n": "the value 4 is given twice",
    "  pe.rows: {int: [1, 2], log2: [1, 2]}\n": "has int and log2|one of int",
    "  pe.rows: {}\n": "has no values",
    "  pe.rows: 4\n": "parameters.pe.rows = 4: expected a mapping of keys to values",
    "  pe.rows: {int: [1, 2], steep: 2}\n": "steep: unknown key; did you mean 'step'",
    "  pe.rows: {int: [1, 1000000]}\n": "more than 10000 values",
    "  pe.rows: {values: [1], when: {pe.cols: 1}}\n": "'pe.cols' is no parameter above",
    "  pe.cols: [1]\n  pe.rows: {values: [1], when: {pe.cols: 2}}\n": "pe.cols is never 2; its values are 1",
    "  pe.cols: {same_as: pe.rows}\n": "no parameter above",
    "  run.algorithm: [fast]\n": "the value 'fast' is not allowed; allowed: auto, direct",
    "  run.fusion: [off, auto]\n": "the value False is not allowed; YAML reads a bare off as false: quote it",
    "  run.arch: [edge_base, edge_bas]\n": "parameters.run.arch: unknown arch 'edge_bas'; did you mean 'edge_base'",
    "  run.speed: [1]\n": "run.speed: no field",
    "  winograd.weight_transform: [never]\n": "not allowed",
}
BAD_ENDS = {
    "objectives: [speed]\n": "unknown metric 'speed'",
    "objectives: [latency_ms, latency_ms]\n": "latency_ms is given twice",
    "objectives: []\n": "objectives",
    "objectives: [latency_ms]\nconstraints: {area: {max: 1}}\n": "unknown metric 'area'; did you mean 'area_mm2'",
    "objectives: [latency_ms]\nconstraints: {area_mm2: {}}\n": "limits nothing",
    "objectives: [latency_ms]\nconstraints: {area_mm2: {min: 2, max: 1}}\n": "nothing is at least 2 and at most 1",
    "objectives: [latency_ms]\nreference: {energy_mj: 1}\n": "is no objective",
    "objectives: [latency_ms, energy_mj]\nreference: {energy_mj: 1}\n": "lacks latency_ms",
    "objectives: [sqnr_db]\nreference: {sqnr_db: 120}\n": "reference.sqnr_db: no design is better; give less than 120",
    "objectives: [latency_ms]\nreference: {latency_ms: 1e31}\n": "reference.latency_ms = 1e+31: expected a number",
    "objectives: [clips_per_s]\nreference: {clips_per_s: 1e-31}\n": "reference.clips_per_s = 1e-31: expected a number",
    "objectives: [latency_ms]\narch: none\n": "unknown arch 'none'",
    "objectives: [latency_ms]\ncombine: best\n": "combine = 'best': not allowed",
    "objectives: [latency_ms]\nseed: 3\n": "seed: unknown key",
}


@pytest.mark.parametrize("parameters", BAD)
def test_wrong_parameters_are_refused_in_one_sentence(cli, tmp_path, parameters):
    result = cli("dse", "run", write_space(tmp_path, parameters=parameters))
    refuse(result, BAD[parameters])


def test_a_wrong_name_is_answered_in_words(cli, tmp_path):
    said = refuse(
        cli("dse", "run", write_space(tmp_path, name="'a b'")), "space.yaml:1 name = 'a b': expected 1 to 100 of"
    )
    assert "regex" not in said


@pytest.mark.parametrize("end", BAD_ENDS)
def test_wrong_objectives_and_constraints_are_refused(cli, tmp_path, end):
    path = write_space(tmp_path)
    text = (tmp_path / "space.yaml").read_text()
    (tmp_path / "space.yaml").write_text(text[: text.rindex("objectives")] + end)
    refuse(cli("dse", "run", path), BAD_ENDS[end])


@pytest.mark.parametrize(
    ("entry", "parts"),
    [
        ("{workload: nowhere}", "unknown workload 'nowhere'"),
        ("{workload: c3d, transform: fsbb}", "unknown transform"),
        ("{workload: c3d, algorithm: fast}", "unknown algorithm 'fast'"),
        ("{workload: c3d, input: big}", "big"),
        ("{workload: c3d, weight: 0}", "weight = 0"),
    ],
)
def test_wrong_workloads_are_refused_with_their_place(cli, tmp_path, entry, parts):
    (tmp_path / "space.yaml").write_text(
        f"name: s\nworkloads:\n  - {entry}\nparameters: {{pe.rows: [1]}}\nobjectives: [latency_ms]\n"
    )
    line = refuse(cli("dse", "run", str(tmp_path / "space.yaml")), parts)
    assert "space.yaml:3" in line


def test_shipped_spaces_are_listed_and_found(cli_json, cli):
    names = cli_json("list", "--format", "json")["spaces"]
    assert {"tiles_and_pes", "edge_chip", "shared_chip", "memories", "accuracy"} <= set(names)
    for name in names:
        space = load_space(name)
        assert space.name == name
        assert space.description
    assert load_space("edge_chip").size >= 1_000_000
    assert load_space("tiles_and_pes").size >= 2000
    refuse(cli("dse", "status", "tiles"), "unknown space 'tiles'|tiles_and_pes")
    json.dumps(load_space("edge_chip").described())
