"""Is a plug-in that fails while it is used blamed in one sentence, by package, entry point and what it raised?"""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import Annotated, ClassVar

import msgspec
import pytest
from msgspec import Meta
from plugin_makers import installed_as, plugin

from lw3dsim import InputError, simulate
from lw3dsim.base import plugins
from lw3dsim.base.caches import forget
from lw3dsim.base.values import replace
from lw3dsim.engine.run import ENGINES, Ran, run_simpy
from lw3dsim.errors import PluginError, raised
from lw3dsim.explore.evaluate import Evaluator
from lw3dsim.explore.space_file import parse_space
from lw3dsim.testing.networks import dense_network
from lw3dsim.transform import Composite, Pass, Rewrite, apply_transforms, read_pass, replace_layers
from lw3dsim.transform.passes import PASSES, unchanged_passes

ACME = "transform 'odd' of acme 1.0 (entry point odd = acme:odd) failed, mend it or do without it: "
ENGINE = "engine 'odd' of acme 1.0 (entry point odd = acme:odd) failed, mend it or do without it: "


class UnprintableError(Exception):
    def __str__(self):
        raise ValueError


class Odd(Rewrite):
    """Does what it was told to."""

    name: ClassVar[str] = "odd"
    does: ClassVar = None

    def chains(self, network):
        return self.does(network)


@pytest.fixture
def registered(monkeypatch):
    """Register a pass or an engine as ``odd``, of the distribution acme."""

    def register(value, family=PASSES):
        monkeypatch.setattr(plugins, "installed", installed_as(plugin("odd", value, group=family.group)))
        monkeypatch.setattr(family, "_tried", {})
        return value

    return register


def fails(error):
    def run(*_):
        raise error

    return run


def refusal(call, *args, **kwargs):
    with pytest.raises(PluginError) as caught:
        call(*args, **kwargs)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# Passes


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (ZeroDivisionError("division by zero"), "ZeroDivisionError: division by zero"),
        (KeyError("two\nlines"), r"KeyError: 'two\nlines'"),
        (RuntimeError("two\nlines \u202e"), "RuntimeError: two lines ?"),
        (StopIteration(), "StopIteration"),
        (SystemExit(3), "SystemExit: 3"),
        (UnprintableError(), "UnprintableError"),
    ],
)
def test_what_a_pass_raises_names_its_package_and_entry_point(monkeypatch, registered, error, says):
    monkeypatch.setattr(registered(Odd), "does", fails(error))
    for call in (apply_transforms, unchanged_passes):
        assert refusal(call, dense_network(), "odd") == ACME + says
    with pytest.raises(PluginError) as caught:
        simulate(dense_network(), "edge_base", transform=["fsb", "odd"])
    assert caught.value.__cause__ is error


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (lambda _: None, "its chains are None, not a dict of lists of layers"),
        (lambda _: {"z": []}, "its chains have 'z', which is no layer of dense"),
        (lambda _: {"a": None}, "its chain for the layer a is None, not a list of layers"),
        (lambda _: {"a": ["b"]}, "it made the layer 'b', which is none"),
        (
            lambda n: {"a": [changed(n, out_channels="many")]},
            "a field of the conv3d 'a' that it made is wrong: Expected",
        ),
        (lambda n: {"a": [changed(n, out_channels=0)]}, "a field of the conv3d 'a' that it made is wrong: Expected"),
        (lambda n: {"a": [changed(n, kernel=1j)]}, "a field of the conv3d 'a' that it made is wrong: "),
    ],
)
def test_chains_that_are_none_are_refused_whoever_makes_them(monkeypatch, registered, made, says):
    monkeypatch.setattr(Odd, "does", staticmethod(made))
    for call in (apply_transforms, unchanged_passes):
        assert refusal(call, dense_network(), Odd()).startswith(
            f"transform odd failed, mend it or do without it: {says}"
        )
    registered(Odd)
    for call in (apply_transforms, unchanged_passes):
        assert refusal(call, dense_network(), "odd").startswith(ACME + says)
    assert says in refusal(replace_layers, dense_network(), made(dense_network()))


def changed(network, **fields):
    return msgspec.structs.replace(network.layers[0], **fields)


@dataclass(frozen=True)
class Bare(Pass):
    """Returns what it was told to."""

    name: ClassVar[str] = "odd"
    matched: ClassVar = ()
    made: ClassVar = None

    def matches(self, _):
        return self.matched

    def apply(self, network):
        return self.made(network)


@pytest.mark.parametrize("matched", [None, "a", ["a"], ("a", 3), ("z",), 7])
def test_what_matches_is_names_of_layers(monkeypatch, registered, matched):
    monkeypatch.setattr(registered(Bare), "matched", matched)
    assert f"matches returned {matched!r}, which is no tuple" in refusal(unchanged_passes, dense_network(), "odd")

    class Both(Composite):
        name: ClassVar[str] = "both"
        parts = (Bare(),)

    assert f"matches returned {matched!r}" in refusal(unchanged_passes, dense_network(), Both())


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (lambda _: None, "apply returned None, which is no Workload"),
        (lambda n: replace(n, layers=None), "the layers that it made are None, not a tuple of layers"),
        (lambda n: replace(n, layers=(3, *n.layers)), "it made the layer 3, which is none"),
        (lambda n: replace(n, layers=n.layers[1:]), "apply returned no sound network: "),
        (lambda n: replace(n, shapes=None), "apply returned a network whose order, shapes or densities are not those"),
    ],
)
def test_what_a_pass_returns_is_verified_in_the_name_of_its_package(monkeypatch, registered, made, says):
    monkeypatch.setattr(registered(Bare), "made", staticmethod(made))
    assert refusal(apply_transforms, dense_network(), "odd").startswith(ACME + says)


def test_a_pass_that_fails_when_it_is_made_is_blamed(registered):
    @dataclass(frozen=True)
    class Picky(Bare):
        share: Annotated[float, Meta(gt=0)] = 1.0

        def __post_init__(self):
            super().__post_init__()
            raise OSError(2, "no such table", "acme.csv")

    registered(Picky)
    assert refusal(read_pass, "odd:share=2") == ACME + "FileNotFoundError: [Errno 2] no such table: 'acme.csv'"
    with pytest.raises(InputError, match=r"^transform odd: share = -1.0: expected a number above 0$") as caught:
        read_pass("odd:share=-1")
    assert not isinstance(caught.value, PluginError)


def test_a_refusal_of_a_pass_is_passed_on_as_it_is(monkeypatch, registered):
    monkeypatch.setattr(registered(Odd), "does", fails(InputError("layer a has no frames; give more")))
    with pytest.raises(InputError, match=r"^layer a has no frames; give more$"):
        apply_transforms(dense_network(), "odd")


def test_what_no_plug_in_is_at_fault_for_fails_as_it_does(monkeypatch, registered):
    monkeypatch.setattr(Odd, "does", fails(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):  # an object of the caller's own class
        apply_transforms(dense_network(), Odd())
    registered(Bare)
    with pytest.raises(ZeroDivisionError):  # another class than the one that has its name
        apply_transforms(dense_network(), Odd())
    monkeypatch.setattr(PASSES.builtin["fsb"], "chains", fails(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):  # built in
        apply_transforms(dense_network(), "fsb")


@pytest.mark.parametrize("command", [("show", "c3d"), ("simulate", "c3d"), ("map", "c3d"), ("execute", "c3d")])
def test_on_the_command_line_it_is_one_line_and_exit_code_2(monkeypatch, registered, cli, command):
    monkeypatch.setattr(registered(Odd), "does", fails(ZeroDivisionError("zero")))
    run = cli(*command, "--transform", "fsb,odd")
    assert (run.exit_code, run.stdout) == (2, "")
    assert run.stderr == f"Error: {ACME}ZeroDivisionError: zero\n"


def test_a_key_that_is_pressed_is_no_fault(monkeypatch, registered):
    monkeypatch.setattr(registered(Odd), "does", fails(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        apply_transforms(dense_network(), "odd")


def test_errors_of_plug_ins_travel_between_processes(monkeypatch, registered):
    monkeypatch.setattr(registered(Odd), "does", fails(ZeroDivisionError()))
    with pytest.raises(PluginError) as caught:
        apply_transforms(dense_network(), "odd")
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301  # what was pickled here
    assert (type(again), str(again)) == (PluginError, str(caught.value))


def test_what_was_raised_is_cut_behind_a_word():
    assert raised(ValueError("word " * 100), 40) == "ValueError: word word word word ..."
    assert raised(ValueError("w" * 100), 40) == f"ValueError: {'w' * 24} ..."
    assert raised(ValueError(", ".join("abc")), 40) == "ValueError: a, b, c"
    assert raised(TypeError(f"lacks {', '.join(map(repr, range(99)))}"), 30).endswith("1, 2 ...")


# Engines


@pytest.mark.parametrize(
    ("engine", "says"),
    [
        (fails(IndexError("list index out of range")), "IndexError: list index out of range"),
        (lambda *_: None, "it returned None, not a lw3dsim.engine.run.Ran"),
        (lambda *_: (1, 2, 3), "it returned (1, 2, 3), not a lw3dsim.engine.run.Ran"),
        (lambda *_: Ran(None, None, None), "its trace is None, not a lw3dsim.engine.trace.Trace"),
    ],
)
def test_an_engine_that_fails_is_blamed(registered, engine, says):
    registered(engine, ENGINES)
    assert refusal(simulate, dense_network(), "edge_base", engine="odd") == ENGINE + says


def spoiled(**columns):
    """The reference, but that it returns other columns of its trace."""

    def run(job, memory, jump):
        ran = run_simpy(job, memory, jump)
        return ran._replace(trace=ran.trace._replace(**{name: make(ran.trace) for name, make in columns.items()}))

    return run


@pytest.mark.parametrize(
    ("engine", "says"),
    [
        (spoiled(start=lambda trace: trace.start[1:]), "start of its trace is ["),
        (spoiled(end=lambda trace: [float(end) for end in trace.end]), "end of its trace is ["),
        (spoiled(end=lambda trace: [-1] * len(trace.end)), "end of its trace has times that are none, such as -1"),
        (spoiled(drained=lambda trace: [0] * len(trace.end)), "drained[0] = 0 of its trace lies before end[0] = "),
        (spoiled(ofmap=lambda _: None), "ofmap of its trace is None, not lw3dsim.engine.trace.Transfers"),
        (
            spoiled(ofmap=lambda trace: trace.ofmap._replace(ready=trace.ofmap.grant[1:])),
            "ofmap.ready of its trace is ",
        ),
        (lambda *given: run_simpy(*given)._replace(memory=None), "it left None, not the memory that it was given"),
        (
            lambda *given: run_simpy(*given)._replace(placed_steps=-1),
            "its placed_steps are -1, not a whole number up to",
        ),
    ],
)
def test_a_trace_that_can_not_be_is_refused_before_anything_is_made_of_it(registered, engine, says):
    registered(engine, ENGINES)
    assert refusal(simulate, dense_network(), "edge_base", engine="odd").startswith(ENGINE + says)


@pytest.mark.parametrize("model", ["plain", "in_order", "fr_fcfs"])
def test_every_trace_of_the_reference_passes(registered, model):
    registered(run_simpy, ENGINES)
    design = {"dram.model": model}
    own = simulate(dense_network(), overrides=design, engine="odd", fusion="auto", clips=2, algorithm="auto")
    expected = simulate(dense_network(), overrides=design, engine="simpy", fusion="auto", clips=2, algorithm="auto")
    assert own.totals == expected.totals


def test_a_fault_of_a_built_in_engine_is_no_one_else_s(monkeypatch):
    monkeypatch.setitem(ENGINES.builtin, "simpy", fails(ZeroDivisionError()))
    forget()
    with pytest.raises(ZeroDivisionError):
        simulate(dense_network(), "edge_base", engine="simpy")


# Studies

SPACE = """
name: odd
arch: edge_small
workloads: [{workload: c3d, input: 16x32x32}]
parameters:
  pe.rows: [8, 16]
  run.transform: [fsb, odd]
objectives: [latency_ms]
"""


def test_a_space_whose_workload_needs_a_pass_that_fails_is_refused_with_its_line(monkeypatch, registered):
    monkeypatch.setattr(registered(Odd), "does", fails(ZeroDivisionError("zero")))
    text = SPACE.replace("run.transform: [fsb, odd]", "pe.cols: [8]").replace("32x32}", "32x32, transform: odd}")
    with pytest.raises(InputError) as caught:
        parse_space(text, "odd.yaml")
    assert str(caught.value) == f"odd.yaml:4 workloads[0]: {ACME}ZeroDivisionError: zero"


def test_points_of_a_pass_that_fails_say_so_and_others_go_on(monkeypatch, registered):
    monkeypatch.setattr(registered(Odd), "does", fails(ZeroDivisionError("zero")))
    space = parse_space(SPACE)
    outcomes = [Evaluator(space).evaluate(space.point(choice)) for choice in space.all_choices()]
    assert [outcome.state for outcome in outcomes].count("done") == 2
    failed = [outcome for outcome in outcomes if outcome.state != "done"]
    assert {(outcome.state, outcome.reason) for outcome in failed} == {("failed", ACME + "ZeroDivisionError: zero")}
