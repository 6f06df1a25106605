"""Is a call that does not fit what is called refused in a sentence that says what to give, whatever is called?"""

from __future__ import annotations

import inspect
from dataclasses import dataclass

import pytest

import lw3dsim
from lw3dsim import InputError, dse, learn, transform
from lw3dsim.base.calls import strict, strict_methods
from lw3dsim.explore.plots import StudyPlots
from lw3dsim.report.plots import ComparisonPlots, ResultPlots
from lw3dsim.transform.passing import Pass

FUNCTIONS = {
    f"{home.__name__}.{name}": getattr(home, name)
    for home in (lw3dsim, dse, learn, transform)
    for name in home.__all__
    if inspect.isfunction(getattr(home, name))
}
PASSES = {
    name: made
    for name in transform.__all__
    if inspect.isclass(made := getattr(transform, name)) and not inspect.isabstract(made)
}
# What verbs return, and what draws it.
HELD = (
    lw3dsim.Result, lw3dsim.Comparison, lw3dsim.Explanation, lw3dsim.Mappings, lw3dsim.ExecutionResult, dse.Study,
    dse.Space, dse.Proof, learn.ScoreRecord, ResultPlots, ComparisonPlots, StudyPlots, transform.Fsb, transform.Fast3d,
)  # fmt: skip
METHODS = {
    f"{kind.__name__}.{name}": getattr(kind, name)
    for kind in HELD
    for name, member in inspect.getmembers_static(kind)
    if not name.startswith("_") and inspect.isfunction(member) and member.__module__.startswith("lw3dsim")
}


def takes_any(function):
    return any(each.kind is each.VAR_KEYWORD for each in inspect.signature(function).parameters.values())


def refused(function, *given, **named):
    with pytest.raises(InputError) as error:
        function(*given, **named)
    sentence = str(error.value)
    assert isinstance(error.value, TypeError)
    assert "\n" not in sentence
    assert "positional" not in sentence
    assert "unexpected keyword" not in sentence
    assert "__init__" not in sentence
    return sentence


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_says_what_it_takes(name):
    function, called = FUNCTIONS[name], name.rpartition(".")[2]
    if not takes_any(function):
        assert refused(function, colour=3).startswith(f"{called} takes no argument 'colour'; ")
        assert refused(function, *range(99)).startswith(f"{called} takes ")
    needed = [each.name for each in inspect.signature(function).parameters.values() if each.default is each.empty]
    if any(one not in ("example_inputs", "named_inputs") for one in needed):
        assert refused(function).endswith(f"{needed[0]} is missing; give it")


@pytest.mark.parametrize("name", METHODS)
def test_a_method_says_what_it_takes_but_for_itself(name):
    method, itself = METHODS[name], object()
    names = [*inspect.signature(method).parameters][1:]
    sentence = refused(method, itself, colour=3)
    assert "takes no argument 'colour'; " in sentence
    assert all(one in sentence for one in names)
    assert "self" not in sentence
    assert " takes " in refused(method, itself, *range(99))


@pytest.mark.parametrize("name", PASSES)
def test_a_pass_says_what_it_is_made_with(name):
    kind = PASSES[name]
    fields = [argument.name for argument in kind.arguments()]
    sentence = refused(kind, colour=3)
    assert sentence.startswith(f"{name} takes no argument 'colour'; ")
    assert all(field in sentence for field in fields)
    many = refused(kind, *range(99))
    says = f"{len(fields)} argument{'s' if len(fields) > 1 else ''} by place, not 99" if fields else "no arguments"
    assert many.startswith(f"{name} takes {says}; ")
    assert [*inspect.signature(kind).parameters] == fields


def test_a_pass_of_others_says_so_too():
    @dataclass(frozen=True)
    class Widened(Pass):
        """Make all wide."""

        name = "widened"
        by: int

        def matches(self, network):
            return tuple(network.shapes)[: self.by]

        def apply(self, network):
            return network

    assert refused(Widened) == "Widened: by is missing; give it"
    assert refused(Widened, 2, 3) == "Widened takes 1 argument by place, not 2; leave the others out"
    assert refused(Widened, bye=2) == "Widened takes no argument 'bye'; did you mean 'by'? Allowed: by"
    assert refused(Widened(2).matches, 1, 2).endswith(
        "Widened.matches takes 1 argument by place, not 2; leave the others out"
    )
    assert Widened(by=2) == Widened(2)
    with pytest.raises(TypeError, match="abstract"):
        Pass()


@strict
def twice(x, /, *rest, scale=1, **more):
    return len(x) * scale * (1 + len(rest) + len(more))


@strict_methods
class Bell:
    def ring(self, times):
        return "ding" * times

    def hum(self):
        return "mm"

    def tune(self, *, pitch):
        return pitch

    @classmethod
    def cast(cls):
        return cls()


def test_what_fits_is_called_and_what_goes_wrong_inside_stays_what_it_is():
    assert twice("ab", 1, 2, a=3, scale=2) == 16
    assert Bell.cast().ring(2) == "dingding"
    for call in (lambda: twice(3), lambda: Bell().ring("x"), lambda: Bell().ring([])):
        with pytest.raises(TypeError) as error:
            call()
        assert not isinstance(error.value, InputError)
    assert refused(twice) == "twice: x is missing; give it"
    assert refused(Bell().ring) == "Bell.ring: times is missing; give it"
    assert refused(Bell().hum, 1) == "Bell.hum takes no arguments; leave them out"
    assert refused(Bell().tune, 1) == "Bell.tune takes no arguments by place; name them: pitch"
    assert refused(Bell().ring, 1, times=2) == "Bell.ring: times is given by its place and by its name; keep one"
    assert refused(Bell.cast, 1) == "Bell.cast takes no arguments; leave them out"
