"""Does the fuzzer see what must not be, and does a short run of it find nothing?"""

from __future__ import annotations

from pathlib import Path

import pytest
from fuzz import running, session
from fuzz.case import Case, Kind, folder_of_its_own, random_of, write_files
from fuzz.damage import text_of
from fuzz.invariants import check_result
from fuzz.kinds import KINDS
from fuzz.networks import network
from fuzz.session import Finding, Outcome, Session, parse_json

from lw3dsim.describe.workload_file import parse_workload

# Of every kind; those that take longer are fewer. `make fuzz` goes on.
SHORT = dict.fromkeys(KINDS, 10) | {
    "trace": 25,
    "result": 20,
    "journal": 20,
    "sqlite": 12,
    "accelerator": 10,
    "options": 20,
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_short_run_of_every_kind_finds_nothing(kind):
    found = [running.run_number(kind, KINDS[kind], 0, number, shrinks=False) for number in range(SHORT[kind])]
    assert [(one.number, one.what, one.commands) for one in found if one is not None] == []


@pytest.mark.parametrize("kind", KINDS)
def test_an_input_follows_from_its_kind_seed_and_number(kind):
    make = KINDS[kind].make
    assert make(random_of(kind, 1, 2)) == make(random_of(kind, 1, 2)) != make(random_of(kind, 1, 3))


def test_networks_are_valid_and_of_every_layer_kind():
    networks = [parse_workload(text_of(network(random_of("network", 0, number)))) for number in range(60)]
    kinds = {layer.kind for one in networks for layer in one.layers}
    assert kinds == {"conv3d", "linear", "pool3d", "add", "concat", "trg", "activation"}


# fmt: off
WRONG = {
    "an exception": (Outcome(code=1, out="", err="", error=KeyError("x")), "KeyError"),
    "a traceback of another process": (Outcome(code=2, out="", err="Traceback\nError: x\n"), "a traceback"),
    "another exit code": (Outcome(code=1, out="", err="Error: x\n"), "exit code #"),
    "no word": (Outcome(code=2, out="", err=""), "not one sentence"),
    "two sentences": (Outcome(code=2, out="", err="Error: x\nError: y\n"), "not one sentence"),
    "usage": (Outcome(code=2, out="", err="Usage: x\nTry --help\nError: y\n"), "not one sentence"),
    "a control character": (Outcome(code=2, out="", err="Error: \x1b[31m\n"), "what can't be printed"),
    "a long sentence": (Outcome(code=2, out="", err=f"Error: {'x' * 9999}\n"), "a sentence too long"),
    "half an answer": (Outcome(code=2, out="{", err="Error: x\n"), "output beside a refusal"),
    "another file's name": (Outcome(code=2, out="", err="Error: b.yaml is bad\n"), "names no file"),
}
# fmt: on


@pytest.mark.parametrize("name", WRONG)
def test_what_is_neither_an_answer_nor_one_sentence_is_found(tmp_path, monkeypatch, name):
    outcome, signature = WRONG[name]
    monkeypatch.setattr(Session, "_here", lambda *_: outcome)
    with pytest.raises(Finding) as found:
        Session(folder=tmp_path).cli("show", "a.yaml", names=("a.yaml",))
    assert found.value.signature.startswith(signature)


@pytest.mark.parametrize("code", [0, 2])
@pytest.mark.parametrize(
    ("what", "act"),
    [
        ("was changed", lambda: Path("a.yaml").write_text("b")),
        ("is gone", lambda: Path("a.yaml").unlink()),
        ("was left over", lambda: Path(".page.html.x").write_text("")),
        ("was left over", lambda: Path("new").mkdir()),
    ],
)
def test_a_changed_or_left_over_file_is_found(monkeypatch, what, act, code):
    monkeypatch.setattr(
        Session, "_here", lambda *_: (act(), Outcome(code=code, out="", err="Error: x\n" * (code > 0)))[1]
    )
    with folder_of_its_own() as folder:
        write_files(folder, {"a.yaml": b"a", "page.html": b"old"})
        with pytest.raises(Finding, match=what):
            Session(folder=folder).cli("report", "a.yaml", writes=("page.html",))


def test_an_output_may_be_made_but_not_by_a_refusal(monkeypatch):
    case = Case(files={})
    for code, is_found in ((0, False), (2, True)):
        outcome = Outcome(code=code, out="", err="Error: x\n" * (code > 0))
        monkeypatch.setattr(Session, "_here", lambda *_, end=outcome: (Path("page.html").write_text("x"), end)[1])
        kind = Kind(
            make=lambda _: case, run=lambda session, _: session.cli("report", "a", writes=("page.html",)) and None
        )
        assert (running.run_case(kind, case)[0] is not None) == is_found


@pytest.mark.parametrize(
    ("kind", "plan"),
    [
        ("options", ("new", "arch", "x")),
        ("python", ("lw3dsim.trace('net.yaml', out='t.json')", "")),
    ],
)
def test_a_file_that_is_asked_for_is_no_finding(kind, plan):
    text = text_of(network(random_of("network", 0, 4)))
    found, commands = running.run_case(KINDS[kind], Case(files={"net.yaml": text.encode()}, plan=plan))
    assert found is None
    assert commands


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", '{"a": -Infinity}', "1e999", "[", ""])
def test_json_that_is_none_or_not_finite_is_found(text):
    with pytest.raises(Finding):
        parse_json(text)


@pytest.fixture(scope="module")
def result():
    from lw3dsim import simulate

    return simulate(parse_workload(text_of(network(random_of("network", 0, 4)))), algorithm="auto").to_json()


def test_a_good_result_keeps_all_invariants(result):
    check_result(parse_json(result))


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("totals.latency_cycles", 1),
        ("layers.0.latency_cycles", -1),
        ("layers.0.cycles_breakdown.dram_read", 1),
        ("totals.energy_pj", 1),
        ("layers.0.energy_breakdown_pj.leakage", 1),
        ("layers.0.dram_read_bytes", -1),
        ("dram_bytes_breakdown.ifmap", 1),
        ("totals.area_mm2", 0.001),
        ("layers.0.compute_bound_cycles", 10**9),
        ("totals.dram_floor_bytes", 10**12),
        ("totals.utilization", 2),
        ("layers.0.macs", 1),
    ],
)
def test_a_figure_that_breaks_an_invariant_is_found(result, path, change):
    data = part = parse_json(result)
    *above, last = path.split(".")
    for key in above:
        part = part[int(key) if key.isdigit() else key]
    part[last] += change
    with pytest.raises(Finding, match=r"."):
        check_result(data)


def test_a_run_without_end_is_found():
    def spin(*_):
        while True:
            pass

    finding, _ = running.run_case(
        Kind(make=lambda _: Case(files={}), run=lambda s, _: (s.log.append("lw3dsim x"), spin())),
        Case(files={}),
        seconds=0.05,
    )
    assert finding.signature.startswith("too slow")


def test_what_is_found_is_made_small_and_kept(tmp_path):
    def run(session, _):
        session.log.append("lw3dsim show net.yaml")
        if b"bad" in Path("net.yaml").read_bytes():
            raise Finding("bad is bad")

    lines = [b"line %d\n" % number for number in range(40)]
    kind = Kind(make=lambda _: Case(files={"net.yaml": b"".join([*lines, b"bad\n", *lines])}), run=run)
    found = running.run_number("workload", kind, 1, 2)
    assert found.case.files == {"net.yaml": b"bad\n"}
    running.keep(found, tmp_path / "kept")
    assert (tmp_path / "kept" / "files" / "net.yaml").read_bytes() == b"bad\n"
    assert "lw3dsim show net.yaml" in (tmp_path / "kept" / "finding.txt").read_text()


def test_special_files_stand_where_a_case_puts_them():
    with folder_of_its_own() as folder:
        write_files(folder, {"a": "folder", "b": "fifo", "c": "loop", "d": "nowhere"})
        kinds = {name: mode for name, (mode, _) in session.snapshot(folder).items()}
    assert len(set(kinds.values())) == 3
    assert not folder.exists()
