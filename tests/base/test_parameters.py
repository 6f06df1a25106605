"""Are parameters that are declared once what calls, signatures, commands and documents say of them?"""

from __future__ import annotations

import inspect
import pickle
from dataclasses import FrozenInstanceError, replace

import pytest

import lw3dsim
from lw3dsim import Case, InputError
from lw3dsim.arguments import as_integer, as_text
from lw3dsim.base.parameters import Parameters, checked_values, declared_by, option_called, parameter, said_of, taking
from lw3dsim.cli.main import main
from lw3dsim.network.request import Design, Options, Request


class Deed(Parameters):
    """Who does something."""

    who: str = parameter(as_text, "Who does it.", kw_only=False)


class Greeting(Deed):
    """A greeting, and how often."""

    word: str = parameter(as_text, "What is said.", default="hello", kw_only=False, option="--say")
    times: int = parameter(
        lambda name, value: as_integer(name, value, 1, 9), "How often.", default=1, in_python="1 to 9."
    )


@taking(Greeting)
def greet(asked: Greeting) -> str:
    """Greet someone."""
    return " ".join([asked.word] * asked.times + [asked.who])


def test_a_function_takes_what_is_declared_by_place_and_by_name():
    assert greet("Ann") == "hello Ann"
    assert greet("Ann", "hi", times=2) == greet(times=2, word="hi", who="Ann") == "hi hi Ann"


def test_a_function_shows_what_is_declared():
    assert str(inspect.signature(greet)) == "(who: 'str', word: 'str' = 'hello', *, times: 'int' = 1) -> 'str'"
    assert inspect.getdoc(greet) == (
        "Greet someone.\n\nArgs:\n    who: Who does it.\n    word: What is said.\n    times: How often. 1 to 9."
    )
    assert [option_called(each) for each in declared_by(Greeting)] == ["--who", "--say", "--times"]


WRONG = {
    "greet takes no argument 'tims'; did you mean 'times'? Allowed: times, who, word": lambda: greet("Ann", tims=2),
    "greet takes 2 arguments by place, not 3; name those after them": lambda: greet("Ann", "hi", 2),
    "greet: who is given by its place and by its name; keep one": lambda: greet("Ann", who="Bob"),
    "greet: who is missing; give it": lambda: greet(word="hi"),
    "Greeting takes no argument 'x'; allowed: times, who, word": lambda: Greeting("Ann", x=1),
}


@pytest.mark.parametrize("sentence", WRONG)
def test_a_call_that_is_none_says_so_in_one_sentence(sentence):
    for kind in (InputError, TypeError):
        with pytest.raises(kind) as refused:
            WRONG[sentence]()
        assert str(refused.value) == sentence


def test_values_are_checked_when_they_are_kept_and_stay_as_they_are():
    asked = Greeting("Ann", times=12)
    with pytest.raises(InputError, match="times = 12: expected a whole number from 1 to 9"):
        checked_values(asked)
    assert checked_values(replace(asked, times=2)) == {"who": "Ann", "word": "hello", "times": 2}
    with pytest.raises(FrozenInstanceError):
        asked.times = 2
    with pytest.raises(FrozenInstanceError):
        del asked.times
    assert pickle.loads(pickle.dumps(asked)) == asked != replace(asked, times=3)  # noqa: S301  # our own
    assert repr(asked) == "Greeting(who='Ann', word='hello', times=12)"


VERBS = [lw3dsim.simulate, lw3dsim.execute, lw3dsim.explain, lw3dsim.map_workload, lw3dsim.trace]


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.__name__)
def test_a_verb_tells_of_all_its_arguments(verb):
    parameters = inspect.signature(verb).parameters
    assert {"workload", "progress", *(each.name for each in declared_by(Design))} <= parameters.keys()
    for name in parameters:
        assert f"\n    {name}: " in verb.__doc__
    with pytest.raises(InputError, match=f"{verb.__name__} takes no argument 'algoritm'; did you mean 'algorithm'"):
        verb("c3d", algoritm="hfa")


@pytest.mark.parametrize("command", ["simulate", "execute", "explain", "map", "trace", "show", "energy", "compare"])
def test_an_option_of_a_command_is_as_its_argument_is_declared(command):
    declared = {each.name: each for each in declared_by(Options)}
    options = [option for option in main.get_command(None, command).params if option.name in declared]
    assert options
    for option in options:
        said = said_of(declared[option.name])
        if command == "compare" and option.name in ("input_size", "classes"):
            continue  # these are of all cases, and say so
        if (command, option.name) == ("show", "arch"):
            continue  # what is shown, not what something runs on
        assert option.opts == [option_called(declared[option.name])]
        assert option.help == (f"{said.about} Repeat it." if said.is_repeated else said.about)
        assert option.metavar == said.values
        assert said.is_repeated or option.default == declared[option.name].default


def test_a_request_and_a_case_have_the_arguments_of_a_run():
    assert {each.name for each in declared_by(Request)} == {"workload", *(each.name for each in declared_by(Options))}
    assert {each.name for each in declared_by(Case)} - {"name"} < {each.name for each in declared_by(Options)}
