"""Is the front that screening finds the front, with fewer designs simulated, and has every design its verdict?"""

from __future__ import annotations

import signal
from pathlib import Path
from random import Random

import pytest
from explore_helpers import NET, ROOT, exported, write_space
from test_bad_input import refuse

from lw3dsim.explore.evaluate import Evaluator
from lw3dsim.explore.front import dominates, non_dominated
from lw3dsim.explore.plan import Plan
from lw3dsim.explore.progress import Display
from lw3dsim.explore.record import Record
from lw3dsim.explore.runner import Run
from lw3dsim.explore.samplers import MOST_SCREENED
from lw3dsim.explore.space_file import load_space, parse_space
from lw3dsim.explore.study import begun, read_study
from lw3dsim.explore.wanted import Wanted

SLICE = (ROOT / "experiments" / "tiles_and_pes.yaml").read_text(encoding="utf-8")
SMALLER = (
    ("workload: c3d", "workload: c3d, input: 16x56x56"),
    ("[2, 4, 8, 16, 32]", "[2, 8]"),
    ("[1, 2, 4]", "[1, 2]"),
    ("m1: {int: [1, 6]}", "m1: [1, 2, 4]"),
    ("m2: {int: [1, 6]}", "m2: [1, 2, 4, 6]"),
)

CHOICES = {
    "pe.rows": [1, 2, 4, 8],
    "pe.mults_per_pe": [4, 9, 36],
    "winograd.m1": [1, 2, 4],
    "winograd.m2": [1, 2, 4],
    "buffers.ifmap_kib": [2, 4, 64],
    "buffers.weight_kib": [2, 4],
    "dram.preset": ["lpddr4-3200-x16", "ddr4-2400-x64"],
    "dram.model": ["in_order", "plain"],
    "clock_mhz": [250, 500],
    # What costs nothing that is measured makes ties.
    "power_window_us": [1, 2],
    "run.algorithm": ["hfa", "direct", "auto"],
    "run.fusion": ['"off"', "auto"],
    "run.objective": ["latency", "energy"],
}
# Long enough for bounds to be tight.
LONG = NET.replace("{channels: 4, frames: 4, height: 8, width: 8}", "{channels: 16, frames: 8, height: 40, width: 40}")
LONG = LONG.replace("out_channels: 8", "out_channels: 32").replace("groups: 8", "groups: 32")
OBJECTIVES = ("latency_ms", "energy_mj", "area_mm2", "dram_mb", "edp_mjs", "sram_kib", "clips_per_s")


def looked_at(space, sampler):
    """Every design of a space as ``sampler`` has it looked at, in this process."""
    plan, evaluator, records = Plan(space, sampler, 0), Evaluator(space), []
    for proposal in plan.survey():
        plan.learn_bounds(proposal.point, evaluator.survey(proposal.point))
    while plan.can_ask() and (batch := plan.ask()):
        for proposal in batch:
            front = proposal.front if sampler == "screening" else None
            outcome = proposal.outcome or evaluator.evaluate(proposal.point, front)
            records.append(Record(index=proposal.index, point=proposal.point, outcome=outcome, notes={}))
            plan.finish(records[-1])
    return records


def front_of(space, records):
    chosen = [record for record in records if record.is_candidate(space)]
    vectors = [space.costs(record.outcome.metrics) for record in chosen]
    return {(chosen[place].point.id, vectors[place]) for place in non_dominated(vectors)}


def check_screened(space):
    """Hold screening against every design; return how many were discarded."""
    every = {record.point.id: record for record in looked_at(space, "exhaustive")}
    records = looked_at(space, "screening")
    assert front_of(space, records) == front_of(space, every.values())
    assert {record.point.id for record in records} == every.keys()
    simulated = [space.costs(r.outcome.metrics) for r in records if r.is_candidate(space)]
    discarded = [record for record in records if record.outcome.state == "discarded"]
    for record in discarded:
        truth = every[record.point.id].outcome
        if truth.state == "done":
            bound, cost = space.costs(record.outcome.metrics), space.costs(truth.metrics)
            assert all(low <= high for low, high in zip(bound, cost, strict=True)), record.point
            is_beaten = any(dominates(vector, cost) for vector in simulated)
            assert is_beaten or not space.allows(truth.metrics)
    return len(discarded)


def test_screening_finds_the_front_of_a_slice_of_tiles_and_pes():
    text = SLICE
    for old, new in SMALLER:
        assert old in text
        text = text.replace(old, new)
    space = parse_space(text)
    assert space.size == 2 * 2 * 4 * 3 * 4
    assert check_screened(space) > 0.45 * space.size


@pytest.mark.parametrize("number", range(12))
def test_screening_finds_the_front_of_any_space_with_its_ties(number, tmp_path):
    draw = Random(number)  # noqa: S311  # repeatable
    chosen = draw.sample(sorted(CHOICES), 4)
    parameters = "".join(
        f"  {path}: [{', '.join(map(str, draw.sample(CHOICES[path], min(3, len(CHOICES[path])))))}]\n"
        for path in chosen
    )
    objectives = f"[{', '.join(draw.sample(OBJECTIVES, draw.choice((1, 2, 3))))}]"
    more = draw.choice(("", "constraints: {area_mm2: {max: 3.5}}\n", "constraints: {latency_ms: {max: 0.02}}\n"))
    space = load_space(write_space(tmp_path, parameters=parameters, objectives=objectives, more=more))
    check_screened(space)


def test_equal_designs_are_all_on_the_front(tmp_path):
    parameters = "  pe.rows: [2, 4]\n  power_window_us: [1, 2, 4]\n"
    space = load_space(write_space(tmp_path, parameters=parameters))
    records = looked_at(space, "screening")
    vectors = [vector for _, vector in front_of(space, records)]
    assert all(vectors.count(vector) == 3 for vector in vectors)


@pytest.mark.parametrize("combine", ["weighted", "worst"])
def test_several_workloads_on_one_chip_are_screened(combine, tmp_path):
    (tmp_path / "other.yaml").write_text(LONG.replace("groups: 32", "groups: 16"), encoding="utf-8")
    load = f"\n  - {{workload: {tmp_path / 'other.yaml'}, algorithm: auto, weight: 3}}\nparameters:"
    objectives = "[latency_ms, energy_mj, area_mm2]"
    path = write_space(tmp_path, more=f"combine: {combine}\n", objectives=objectives, net=LONG)
    text = Path(path).read_text(encoding="utf-8").replace("\nparameters:", load)
    assert check_screened(parse_space(text)) > 0


def test_the_verdict_of_every_design_is_kept_and_counted(cli, cli_json, tmp_path):
    space = write_space(tmp_path, objectives="[latency_ms, energy_mj, area_mm2]", net=LONG)
    one, two = tmp_path / "one", tmp_path / "two"
    told = cli("dse", "run", space, "--storage", str(one), "--sampler", "screening", "--workers", "1")
    assert told.exit_code == 0, told.stderr
    cli("dse", "run", space, "--storage", str(two), "--sampler", "screening", "--workers", "2", "--trials", "70")
    resumed = cli("dse", "run", space, "--storage", str(two), "--workers", "2", "--resume")
    assert resumed.exit_code == 0, resumed.stderr
    assert exported(cli, space, one, tmp_path) == exported(cli, space, two, tmp_path)
    status = cli_json("dse", "status", space, "--storage", str(one), "--format", "json")
    assert status["is_finished"]
    assert status["done"] + status["discarded"] + status["infeasible"] == status["finished"] == 144
    assert 0 < status["bounded"] <= status["discarded"]
    study = read_study(load_space(space), str(one))
    partly = [record for record in study.records if record.outcome.state == "discarded" and record.outcome.layers]
    assert status["bounded"] == status["discarded"] - len(partly)
    assert f"{status['done']} simulated, {status['discarded']} discarded by bounds" in told.stderr
    shown = cli("dse", "status", space, "--storage", str(one)).stdout
    assert f"{status['done']} simulated, {status['discarded']} discarded by bounds" in shown


class Alone:
    """A crew of one worker, in this process, that interrupts the run when it has answered so often."""

    takers, news = [0], list

    def __init__(self, space, answers):
        self.evaluator, self.left, self.given = Evaluator(space), answers, []

    def begin(self, *, with_bounds):
        assert with_bounds

    @property
    def pending(self):
        return len(self.given)

    def give(self, proposals, number):
        assert number == 0
        self.given += proposals

    def collect(self, _):
        self.left -= 1
        if self.left == 0:
            signal.raise_signal(signal.SIGINT)
        done, self.given = self.given, []
        return [(proposal, self.evaluator.answer(proposal.question, with_bounds=True)) for proposal in done]


@pytest.mark.parametrize("answers", [3, 8])
def test_an_interrupt_in_the_survey_leaves_a_study_that_goes_on(answers, cli, cli_json, tmp_path):
    path = write_space(tmp_path, parameters="  pe.rows: [2, 4]\n  winograd.m1: [1, 2, 4]\n")
    space, file, wanted = load_space(path), str(tmp_path / "study"), Wanted(sampler="screening")
    with begun(space, file, wanted) as store, Display(space, space.size, store.settings.reference, 0) as display:
        ended = Run(space, store, space.size, display).run(Alone(space, answers))
    assert (ended.finished, ended.was_interrupted) == (max(answers - space.size, 0), True)
    assert cli("dse", "run", path, "--storage", file, "--workers", "1", "--resume").exit_code == 0
    assert cli_json("dse", "status", path, "--storage", file, "--format", "json")["is_finished"]


def test_screening_without_bounds_and_of_spaces_too_large_is_refused(cli, tmp_path):
    space = write_space(tmp_path)
    asked = ("dse", "run", "--sampler", "screening", "--storage", str(tmp_path / "study"))
    refuse(cli(*asked, space, "--no-bounds"), "leaves designs out by their bounds")
    refuse(cli(*asked, "edge_chip"), f"up to {MOST_SCREENED:,}")
    assert not (tmp_path / "study").exists()
