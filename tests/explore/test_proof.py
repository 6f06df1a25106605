"""Does no design cost less than its box, and is what is proved of a space so, at any time and in the end?"""

from __future__ import annotations

import json
import os
import signal
from itertools import pairwise
from random import Random

import numpy as np
import pytest
from explore_helpers import kept_study, write_space
from test_bad_input import refuse

from lw3dsim import dse
from lw3dsim.explore.evaluate import Evaluator
from lw3dsim.explore.front import non_dominated
from lw3dsim.explore.proof.boxes import box_of, choices_in, halves, the_choice, whole
from lw3dsim.explore.proof.relaxation import Relaxation
from lw3dsim.explore.proof.run import prove
from lw3dsim.explore.proof.search import Prover
from lw3dsim.explore.proof.state import load, save
from lw3dsim.explore.space_file import load_space

MIXED = """name: mixed
inputs: {clip: {channels: 3, frames: 6, height: 20, width: 18}}
layers:
  - {name: stem, kind: conv3d, out_channels: 12, kernel: [3, 3, 3], stride: [1, 2, 2], padding: [1, 1, 1]}
  - {name: temporal, kind: conv3d, out_channels: 16, kernel: [3, 1, 1], padding: [1, 0, 0]}
  - {name: depthwise, kind: conv3d, out_channels: 16, kernel: [1, 3, 3], padding: [0, 1, 1], groups: 16}
  - {name: pointwise, kind: conv3d, out_channels: 16, kernel: [1, 1, 1]}
  - {name: sum, kind: add, inputs: [pointwise, temporal]}
  - {name: grouped, kind: conv3d, out_channels: 24, kernel: [1, 3, 3], padding: [0, 1, 1], groups: 4}
  - {name: strided, kind: conv3d, out_channels: 20, kernel: [1, 1, 1], stride: [1, 2, 2]}
  - {name: dilated, kind: conv3d, out_channels: 20, kernel: [1, 3, 3], padding: [0, 2, 2], dilation: [1, 2, 2]}
  - {name: pool, kind: pool3d, mode: max, kernel: [2, 2, 2], stride: [2, 2, 2]}
  - {name: mean, kind: pool3d, mode: avg, kernel: global}
  - {name: classes, kind: linear, out_features: 11}
"""

# What is proved of a box by all kinds of layers is proved by few of them of a space.
SHORT = "".join(line for line in MIXED.splitlines(keepends=True) if "kernel: [1, 3, 3]" not in line)

CHOICES = {
    "pe.rows": [1, 2, 5, 8],
    "pe.cols": [1, 2, 3],
    "pe.mults_per_pe": [1, 4, 9, 36],
    "pe.acc_depth": [1, 4, 16],
    "pe.dataflow": ["output_stationary", "weight_stationary"],
    "winograd.m1": [1, 2, 4],
    "winograd.m2": [1, 2, 4],
    "winograd.weight_transform": ["offline", "onchip"],
    "transforms.input_coords_per_cycle": ["null", 4],
    "transforms.output_coords_per_cycle": ["null", 4],
    "buffers.ifmap_kib": [4, 8, 64],
    "buffers.weight_kib": [4, 16],
    "buffers.ofmap_kib": [8, 64],
    "buffers.ifmap_port_bytes": [2, 16, 64],
    "buffers.weight_port_bytes": [2, 16],
    "buffers.ofmap_port_bytes": [4, 32],
    "buffers.ifmap_banks": [1, 2, 4],
    "buffers.ofmap_banks": [1, 2],
    "buffers.slots": [1, 2],
    "vector_lanes": [1, 8, 32],
    "layer_setup_cycles": [0, 100],
    "clock_mhz": [250, 500, 1500],
    "dram.preset": ["lpddr4-3200-x16", "lpddr5-6400-x16", "ddr4-2400-x64"],
    "dram.model": ["in_order", "plain", "fr_fcfs"],
    "dram.channels": [1, 2],
    "precision.activation_bits": [8, 16],
    "precision.accumulator_bits": [16, 32],
    "run.algorithm": ["direct", "hfa", "auto", "nested"],
    "run.fusion": ['"off"', "auto"],
    "run.objective": ["latency", "energy"],
}
OBJECTIVES = (
    "latency_ms",
    "energy_mj",
    "area_mm2",
    "dram_mb",
    "edp_mjs",
    "sram_kib",
    "clips_per_s",
    "average_power_mw",
)


def drawn_space(draw, folder, parameters, objectives, net, more=""):
    """A space of some of the parameters, each with some of its values."""
    lines = ""
    for path in draw.sample(sorted(CHOICES), parameters):
        values = draw.sample(CHOICES[path], draw.randint(2, min(3, len(CHOICES[path]))))
        lines += f"  {path}: [{', '.join(map(str, values))}]\n"
    text = f"[{', '.join(draw.sample(OBJECTIVES, objectives))}]"
    return load_space(write_space(folder, parameters=lines, objectives=text, more=more, net=net))


def around(draw, space, choice):
    """A box with a choice, and others as they fall."""
    return [
        1 << place | (draw.getrandbits(size) if draw.random() < 0.5 else 0)
        for place, size in zip(choice, space.sizes, strict=True)
    ]


def cut_to(boxes, fixed, choices):
    """The boxes with one value of each of the parameters that a box must have one of: that of its choice."""
    for row, choice in zip(boxes, choices, strict=True):
        for number in fixed:
            row[number] = 1 << choice[number]
    return np.array(boxes, dtype=np.uint64)


@pytest.mark.parametrize("number", range(8))
def test_no_design_costs_less_than_any_box_that_it_is_in(number, tmp_path):
    draw = Random(number)  # noqa: S311  # repeatable
    space = drawn_space(draw, tmp_path, 12, 4, MIXED)
    relaxation, evaluator, seen = Relaxation(space), Evaluator(space), 0
    for _ in range(4):
        choice = space.canonical(tuple(draw.randrange(size) for size in space.sizes))
        outcome = evaluator.evaluate(space.point(choice))
        if outcome.state != "done":
            continue
        boxes = cut_to([around(draw, space, choice) for _ in range(12)], relaxation.fixed, [choice] * 12)
        low = relaxation.costs(np.concatenate([box_of(choice), boxes]))
        cost = np.array(space.costs(outcome.metrics))
        # One of the alternatives in a box, with fast algorithms or without, is that of the design.
        assert (low <= cost).all(axis=2).any(axis=1).all(), (space.point(choice), low / cost)
        # A larger box costs no more.
        assert (low[1:] <= low[0] * (1 + 1e-12)).all()
        seen += 1
    assert seen


def test_the_bound_of_one_design_is_near_it(tmp_path):
    space = load_space(write_space(tmp_path, objectives="[latency_ms, energy_mj, area_mm2]", net=MIXED))
    relaxation, evaluator, shares = Relaxation(space), Evaluator(space), []
    for choice in list(space.all_choices())[::7]:
        outcome = evaluator.evaluate(space.point(choice))
        if outcome.state == "done":
            low = relaxation.costs(box_of(choice)).min(axis=1)
            shares.append(low[0] / np.array(space.costs(outcome.metrics)))
    assert (np.median(shares, axis=0) > (0.3, 0.3, 0.65)).all(), np.median(shares, axis=0)


def test_halves_of_a_box_make_it():
    box = np.array([[0b1011, 0b1, 0b11]], dtype=np.uint64)
    first, last = halves(box, 0)
    assert (first[0, 0], last[0, 0]) == (0b11, 0b1000)
    assert choices_in(first) + choices_in(last) == [4, 2]
    assert choices_in(whole((3, 1, 64))) == [3 * 64]
    assert the_choice(box_of((2, 0, 63))[0].tolist()) == (2, 0, 63)


KNOWN = {}


def enumerated(space):
    """Every design by its canonical choice, simulated; of a space that several tests prove, once."""
    if space.digest not in KNOWN:
        evaluator = Evaluator(space)
        KNOWN[space.digest] = {choice: evaluator.evaluate(space.point(choice)) for choice in space.all_choices()}
    return KNOWN[space.digest]


def front_of(space, every):
    chosen = [
        (choice, space.costs(outcome.metrics))
        for choice, outcome in every.items()
        if outcome.state == "done" and space.allows(outcome.metrics)
    ]
    return {chosen[place] for place in non_dominated([costs for _, costs in chosen])}


def check_certificate(prover, every):
    """Hold what is proved by now against every design."""
    space, found = prover.space, prover.certificate()
    front = [np.array(space.costs(metrics)) for metrics in prover.front.values()]
    assert sum(found.verdicts.values()) + found.open_choices == space.size
    shares = prover.shares_within((1.0, 1.5, 1e9))
    assert all(low <= high for low, high in pairwise(shares))
    for outcome in every.values():
        if outcome.state == "done" and space.allows(outcome.metrics):
            cost = np.array(space.costs(outcome.metrics))
            assert not front or min((vector / cost).max() for vector in front) <= found.factor * (1 + 1e-9)
            assert not found.ideal or (np.array(found.ideal) <= cost).all()


@pytest.mark.parametrize("number", range(4))
def test_a_proof_of_a_small_space_ends_with_its_front(number, tmp_path, monkeypatch):
    monkeypatch.setattr("lw3dsim.explore.proof.search.AT_ONCE", 4)
    draw = Random(100 + number)  # noqa: S311  # repeatable
    more = draw.choice(("", "constraints: {area_mm2: {max: 3.5}}\n", "constraints: {clips_per_s: {min: 4000}}\n"))
    space = drawn_space(draw, tmp_path, 4, draw.choice((1, 2, 3)), SHORT, more)
    every, prover = enumerated(space), Prover(space)
    for choice in list(every)[:: max(len(every) // 4, 1)]:
        if every[choice].state == "done":
            prover.learn(choice, every[choice].metrics)
    while not prover.is_done:
        check_certificate(prover, every)
        prover.step()
    check_certificate(prover, every)
    assert {(choice, space.costs(metrics)) for choice, metrics in prover.front.items()} == front_of(space, every)
    assert prover.certificate().factor == 1


def test_a_proof_that_was_kept_goes_on_where_it_was(tmp_path):
    space = load_space(write_space(tmp_path, objectives="[latency_ms, energy_mj, area_mm2]", net=MIXED))
    every, prover, file = enumerated(space), Prover(space), tmp_path / "kept.proof"
    learnt(prover, every)
    prover.step()
    save(file, prover.kept())
    again = Prover(space, load(file, space))
    assert again.front == prover.front
    assert again.certificate().verdicts == prover.certificate().verdicts
    assert again.certificate().open_boxes == prover.certificate().open_boxes > 0
    while not again.is_done:
        again.step()
    assert {(choice, space.costs(metrics)) for choice, metrics in again.front.items()} == front_of(space, every)
    assert again.certificate().factor == 1
    assert sum(again.certificate().verdicts.values()) == space.size


def learnt(prover, every):
    """Hold a proof against some of the designs."""
    for choice in list(every)[::9]:
        prover.learn(choice, every[choice].metrics)


def test_a_proof_that_is_killed_has_kept_what_was_proved_before(tmp_path, monkeypatch):
    monkeypatch.setattr("lw3dsim.explore.proof.run.KEEP_EVERY_S", 0.0)
    space = load_space(write_space(tmp_path, objectives="[latency_ms, energy_mj, area_mm2]", net=MIXED))
    every, file, steps = enumerated(space), tmp_path / "killed.proof", []
    prover = Prover(space)
    step = prover.step

    def killed():
        steps.append(prover.certificate().open_choices)
        if len(steps) == 5:
            raise SystemError("killed")
        step()

    monkeypatch.setattr(prover, "step", killed)
    learnt(prover, every)
    with pytest.raises(SystemError):
        prove(prover, file, known=(), minutes=None, show=lambda _: None)
    again = Prover(space, load(file, space))
    assert again.certificate().open_choices == steps[-1]
    prove(again, file, known=(), minutes=None, show=lambda _: None)
    assert again.is_done
    assert {(choice, space.costs(metrics)) for choice, metrics in again.front.items()} == front_of(space, every)


def test_an_interrupt_ends_a_proof_which_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr("lw3dsim.explore.proof.run.SHOW_EVERY_S", -1.0)
    space = load_space(write_space(tmp_path, objectives="[latency_ms, energy_mj, area_mm2]", net=MIXED))
    prover, file = Prover(space), tmp_path / "interrupted.proof"
    learnt(prover, enumerated(space))
    prove(prover, file, known=(), minutes=None, show=lambda _: os.kill(os.getpid(), signal.SIGINT))
    assert not prover.is_done
    assert Prover(space, load(file, space)).certificate().open_choices == prover.certificate().open_choices


def test_most_of_a_large_space_is_ruled_out_by_a_few_designs(tmp_path):
    wide = MIXED.replace("height: 20, width: 18", "height: 64, width: 64")
    parameters = (
        "  pe.rows: [1, 2, 4, 8, 16, 32]\n  pe.cols: [1, 2, 4]\n  pe.mults_per_pe: [1, 4, 16]\n"
        "  buffers.ifmap_kib: {log2: [16, 1024]}\n  buffers.weight_kib: {log2: [16, 1024]}\n"
        "  buffers.ofmap_kib: {log2: [16, 1024]}\n  vector_lanes: [1, 8, 64]\n  winograd.m1: [1, 2, 4]\n"
    )
    space = load_space(
        write_space(tmp_path, parameters=parameters, objectives="[latency_ms, energy_mj, area_mm2]", net=wide)
    )
    evaluator, prover = Evaluator(space), Prover(space)
    for rows in range(6):
        choice = (rows, rows // 2, 1, 2, 2, 2, 1, 0)
        prover.learn(choice, evaluator.evaluate(space.point(choice)).metrics)
    shares = []
    for _ in range(24):
        prover.step()
        shares.append(prover.shares_within((1.0,))[0])
    # What is proved stays so.
    assert all(before <= after + 1e-12 for before, after in pairwise(shares))
    # Bounds leave out what staging takes, the energy of the collector, how full words of ports are, and the transforms
    # of all algorithms but the smallest.
    assert prover.certificate().verdicts["dominated"] > space.size / 10


def test_from_the_command_line_a_proof_begins_stops_and_ends(cli, cli_json, tmp_path):
    space, out = write_space(tmp_path, objectives="[latency_ms, energy_mj, area_mm2]"), tmp_path / "small.proof"
    asked = ("dse", "prove", space, "--out", str(out))
    begun = cli_json(*asked, "--minutes", "0", "--format", "json")
    assert begun["open"] > 0
    refuse(cli(*asked), "is there already; add --resume")
    done = cli(*asked, "--resume")
    assert done.exit_code == 0, done.stderr
    assert "is that of the whole space" in done.stdout
    other = write_space(tmp_path, objectives="[latency_ms]")
    refuse(cli("dse", "prove", other, "--out", str(out), "--resume"), "a proof of another space")


def test_from_python_a_proof_is_what_the_command_line_makes_of_it(cli_json, tmp_path, monkeypatch):
    monkeypatch.setattr("lw3dsim.explore.proof.run.SHOW_EVERY_S", -1.0)
    space, out = write_space(tmp_path, objectives="[latency_ms, energy_mj, area_mm2]"), tmp_path / "small.proof"
    told = []
    begun = dse.prove(space, out=out, minutes=0)
    done = dse.prove(space, out=out, resume=True, progress=told.append)
    assert not begun.is_finished
    assert done.is_finished
    assert done.factor == 1
    assert {type(one) for one in told} == {dse.Proof}
    said = repr(done).splitlines()
    assert said[0].startswith(f"small: {done.choices} choices; ")
    assert said[-1] == f"the front of {done.front} designs is that of the whole space"
    assert repr(begun).splitlines()[0].startswith("small: ")
    assert "costs at most" in repr(begun)
    opens = [one.open for one in told]
    assert opens == sorted(opens, reverse=True)
    assert cli_json("dse", "prove", space, "--out", str(out), "--resume", "--format", "json") | {"seconds": 0} == (
        done.as_dict() | {"seconds": 0}
    )


def test_a_proof_begins_with_the_front_of_its_study(tmp_path):
    space, journal = write_space(tmp_path, objectives="[latency_ms, energy_mj, area_mm2]"), tmp_path / "small.journal"
    kept_study(space, journal)
    proof = dse.prove(space, storage=journal, out=tmp_path / "small.proof", minutes=0)
    assert proof.front == len(dse.front(space, storage=journal))


@pytest.mark.parametrize("damage", ["boxes", "dominated", "front", "text"])
def test_a_proof_that_is_damaged_is_refused(damage, cli, tmp_path):
    space, out = write_space(tmp_path, objectives="[latency_ms, energy_mj, area_mm2]"), tmp_path / "small.proof"
    assert cli("dse", "prove", space, "--out", str(out), "--minutes", "0").exit_code == 0
    kept = json.loads(out.read_bytes())
    changed = {"boxes": "AAAA", "dominated": "7", "front": [{"choice": [9, 9, 9, 9], "metrics": {}}]}
    text = json.dumps(kept | {damage: changed.get(damage)}) if damage != "text" else out.read_text()[:-20]
    out.write_text(text.replace('{"proof": ', '{"proof":'))
    refuse(cli("dse", "prove", space, "--out", str(out), "--resume"), "is no proof that lw3dsim wrote")


def test_what_a_proof_cannot_hold_is_refused(cli, tmp_path):
    many = write_space(tmp_path, parameters="  layer_setup_cycles: {int: [1, 65]}\n")
    refuse(cli("dse", "prove", many, "--out", str(tmp_path / "a.proof")), "has 65 values; proofs take up to 64")
    families = "".join(
        f"  precision.{name}_bits: {{int: [8, 31]}}\n" for name in ("activation", "weight", "accumulator")
    )
    many = write_space(tmp_path, parameters=families)
    refuse(cli("dse", "prove", many, "--out", str(tmp_path / "a.proof")), "13,824 combinations")
