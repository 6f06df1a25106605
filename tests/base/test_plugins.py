"""Do families find what plug-ins add, and is a broken one refused in one sentence, where it is asked for alone?"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta
from plugin_makers import installed_as, plugin

import lw3dsim
from lw3dsim import InputError, simulate
from lw3dsim.base import plugins
from lw3dsim.base.plugins import Family
from lw3dsim.base.values import replace
from lw3dsim.describe.dram_standards import DRAM_STANDARDS, _preset
from lw3dsim.testing.networks import dense_network
from lw3dsim.transform import Composite, Fsb, Pass, Rewrite, Trg, apply_transforms, read_pass
from lw3dsim.transform.passing import check_pass
from lw3dsim.transform.rewrite import verify


@dataclass(frozen=True)
class Nothing(Pass):
    """Does nothing."""

    name: ClassVar[str] = "nothing"

    def matches(self, _):
        return ()

    def apply(self, network):
        return network


@dataclass(frozen=True)
class Every(Nothing):
    """Has an argument of every type."""

    name: ClassVar[str] = "every"
    needed: Annotated[int, Meta(ge=-5, lt=6, description="a whole number")]
    flag: bool = False
    share: Annotated[float, Meta(gt=0.5, le=2)] = 1.0
    word: Literal["up", "down"] = "up"
    text: str = ""
    many: tuple[float, ...] = ()
    words: tuple[Literal["a", "b"], ...] = ("a",)


def family(monkeypatch, *found, builtin=None):
    monkeypatch.setattr(plugins, "installed", installed_as(*found))
    return Family("lw3dsim.passes", "transform", builtin or {"fsb": Fsb}, read=check_pass)


def refusal(names, name):
    with pytest.raises(InputError) as caught:
        names.get(name)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_family_has_what_is_built_in_and_what_plug_ins_add(monkeypatch):
    names = family(monkeypatch, plugin("nothing", Nothing))
    assert list(names) == ["fsb", "nothing"]
    assert len(names) == 2
    assert "nothing" in names
    assert "none" not in names
    assert names.get("nothing") is Nothing
    assert [(one.plugin.distribution, one.value, one.problem) for one in names.plugins()] == [("acme 1.0", Nothing, "")]


def test_built_in_names_are_found_without_a_look_at_what_is_installed(monkeypatch):
    def looked():
        raise AssertionError

    monkeypatch.setattr(plugins, "installed", looked)
    assert Family("lw3dsim.passes", "transform", {"fsb": Fsb}, read=check_pass).get("fsb") is Fsb
    simulate(dense_network(), "edge_base", transform="fsb,trg", engine="auto")


def test_a_plug_in_is_imported_when_it_is_asked_for_and_once(monkeypatch):
    loaded = []
    one = plugin("nothing", Nothing)._replace(load=lambda: loaded.append(1) or Nothing)
    names = family(monkeypatch, one, plugin("broken", ImportError("never asked for")))
    assert list(names) == ["fsb", "broken", "nothing"]
    assert not loaded
    assert names.get("nothing") is names.get("nothing") is Nothing
    assert loaded == [1]


def test_an_unknown_name_is_answered_with_all_that_there_are(monkeypatch):
    text = refusal(family(monkeypatch, plugin("nothing", Nothing)), "nothin")
    assert text == "unknown transform 'nothin'; did you mean 'nothing'? Allowed: fsb, nothing; or is a plug-in missing?"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (ImportError("no module\nnamed x"), "ImportError: no module named x"),
        (SystemExit(3), "SystemExit: 3"),
        (ZeroDivisionError(), "ZeroDivisionError"),
        (len, "it is no subclass of lw3dsim.transform.Pass"),
        (Pass, "the class Pass lacks apply, matches"),
        (Every, "the name of the class Every is 'every'; both are the same"),
    ],
)
def test_a_broken_plug_in_is_refused_by_its_distribution_entry_point_and_reason(monkeypatch, value, reason):
    text = refusal(family(monkeypatch, plugin("broken", value)), "broken")
    assert text.startswith(
        "transform 'broken' of acme 1.0 (entry point broken = acme:broken) can't be used, mend it or uninstall it: "
    )
    assert reason in text


def test_a_name_that_is_taken_stays_with_what_is_built_in_or_is_no_one_s(monkeypatch):
    found = plugin("fsb", Nothing), plugin("nothing", Nothing), plugin("nothing", Nothing, "other 2.0")
    names = family(monkeypatch, *found)
    assert names.get("fsb") is Fsb
    assert refusal(names, "nothing") == (
        "transform 'nothing' is claimed by acme 1.0 (entry point nothing = acme:nothing) and other 2.0 (entry point "
        "nothing = acme:nothing); uninstall all but one of them"
    )
    assert names.usable() == ["fsb"]
    problems = [(one.plugin.name, one.plugin.distribution, bool(one.problem)) for one in names.plugins()]
    assert problems == [("fsb", "acme 1.0", True), ("nothing", "acme 1.0", True), ("nothing", "other 2.0", True)]
    assert "built-in" in names.plugins()[0].problem


@pytest.mark.parametrize("name", ["a b", "a:b", "a,b", "", "-a", "ä"])
def test_a_name_that_no_text_can_hold_is_refused(monkeypatch, name):
    assert "letters, digits" in refusal(family(monkeypatch, plugin(name, Nothing)), name)


def test_a_preset_is_a_record_or_a_function_that_makes_one():
    record = replace(DRAM_STANDARDS["ddr4-2400-x64"], rows=4096)
    assert _preset("x", record) is _preset("x", lambda: record) is record
    with pytest.raises(InputError, match="DramStandard"):
        _preset("x", {"rows": 4096})


def site(folder, **files):
    """A folder of a path with a distribution that has an entry point in every group; ``files`` by their names."""
    (folder / "acme-1.0.dist-info").mkdir(parents=True)
    (folder / "acme-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    lines = [
        f"[lw3dsim.{group}]\n{name} = {target}\n"
        for group, name, target in (
            ("passes", "acme_pass", "acme_here:Missing"),
            ("dram_presets", "acme_dram", "acme_here:TABLE"),
            ("engines", "acme_engine", "acme_here:engine"),
            ("workloads", "acme_net", "acme_nets"),
            ("accelerators", "acme_chip", "acme_here"),
            ("spaces", "acme_space", "acme_nowhere"),
        )
    ]
    (folder / "acme-1.0.dist-info" / "entry_points.txt").write_text("\n".join(lines))
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    return folder


def command(folder, *args):
    code = "from lw3dsim.cli.main import main; main()"
    env = {"PYTHONPATH": f"{folder}:{Path(lw3dsim.__file__).parent.parent}", "HOME": str(folder)}
    return subprocess.run([sys.executable, "-c", code, *args], env=env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        (("show", "c3d", "--transform", "acme_pass"), "AttributeError"),
        (("energy", "--set", "dram.preset=acme_dram"), "it is no lw3dsim.describe.dram_standards.DramStandard"),
        (("simulate", "c3d", "--engine", "acme_engine"), "no function of a job, a memory and a truth value"),
        (("show", "acme_net"), "no file acme_net.yaml lies in that package"),
        (("energy", "--arch", "acme_chip"), "it names no package"),
        (("dse", "status", "acme_space"), "No module named 'acme_nowhere'"),
    ],
)
def test_whatever_is_wrong_with_an_entry_point_is_one_sentence_and_exit_code_2(tmp_path, args, reason):
    folder = site(tmp_path, acme_here="TABLE = {}\ndef engine(job):\n    pass\n")
    (folder / "acme_nets").mkdir()
    run = command(folder, *args)
    assert run.returncode == 2, run.stderr
    assert run.stdout == ""
    assert run.stderr.count("\n") == 1
    assert "acme 1.0 (entry point acme_" in run.stderr
    assert reason in run.stderr


def test_damaged_metadata_of_others_harms_no_one(tmp_path):
    folder = site(tmp_path, acme_here="TABLE = {}\n")
    (folder / "worse-1.0.dist-info").mkdir()
    (folder / "worse-1.0.dist-info" / "entry_points.txt").write_bytes(b"[lw3dsim.passes]\nworse = \xff\xfe\n= =\n[")
    run = command(folder, "list")
    assert run.returncode == 0, run.stderr
    assert "acme_pass" in run.stdout


# Arguments of passes


def test_the_text_of_a_pass_has_what_differs_from_the_defaults():
    assert str(Fsb()) == "fsb"
    assert str(Fsb(alpha=0.5, middle=[64, 128])) == "fsb:alpha=0.5:middle=64/128"
    assert read_pass("fsb:alpha=1.0") == Fsb(alpha=1) == Fsb()
    assert str(Every(needed=0)) == "every:needed=0"
    assert Every.read("every:needed=-5:flag=true:word=down:words=b/a").flag is True


@given(
    st.builds(
        Every,
        needed=st.integers(-5, 5),
        flag=st.booleans(),
        share=st.floats(0.5, 2, exclude_min=True),
        word=st.sampled_from(["up", "down"]),
        text=st.text("abc./=-_", max_size=5),
        many=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1).map(tuple),
        words=st.lists(st.sampled_from(["a", "b"]), min_size=1).map(tuple),
    )
)
def test_the_text_of_a_pass_reads_back_as_itself(one):
    assert Every.read(str(one)) == one


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("every", "transform every: lacks needed; give a whole number of at least -5 and below 6"),
        ("every:needed=6", "needed = 6: expected a whole number of at least -5 and below 6"),
        ("every:needed=1:needed=2", "'needed' is given twice"),
        ("every:needed=1:flag=1", "flag = '1': expected true or false"),
        ("every:needed=1:share=0.5", "share = 0.5: expected a number above 0.5 and up to 2"),
        ("every:needed=1:share=nan", "share = nan"),
        ("every:needed=1:many=inf", "many = (inf,)"),
        ("every:needed=1:word=left", "word = 'left': expected one of up, down"),
        ("every:needed=1:words=a/c", "words = ('a', 'c'): expected one of a, b, or several with / between them"),
        ("every:needed=1:colour=red", "unknown argument of transform every 'colour'"),
        ("every:needed=1:text=a b", "expected text without commas, colons and blanks"),
    ],
)
def test_a_wrong_argument_is_one_sentence(text, says):
    with pytest.raises(InputError) as caught:
        Every.read(text)
    assert says in str(caught.value)


@pytest.mark.parametrize("given", [{"alpha": 0}, {"alpha": "1"}, {"middle": (0,)}, {"middle": 4}, {"path": "a,b"}])
def test_a_pass_made_in_python_is_checked_as_one_in_text(given):
    with pytest.raises(InputError, match=f"transform fsb: {next(iter(given))} = "):
        Fsb(**given)


def test_a_class_that_is_no_frozen_dataclass_of_known_types_is_no_pass():
    class Bare(Nothing):
        name: ClassVar[str] = "bare"
        share: float = 1.0

    @dataclass(frozen=True)
    class Listed(Nothing):
        name: ClassVar[str] = "listed"
        parts: dict = field(default_factory=dict)

    @dataclass(frozen=True)
    class Odd(Nothing):
        name: ClassVar[str] = "odd"
        part: complex = 1j

    for kind, says in ((Bare, "frozen dataclass"), (Listed, "default_factory"), (Odd, "text form")):
        with pytest.raises(InputError, match=says):
            check_pass(kind.name, kind)


# Passes at work


def test_passes_are_taken_as_objects_as_text_and_mixed():
    network = dense_network()
    mixed = simulate(network, transform=[Fsb(alpha=0.5), "trg:layers=1"])
    assert mixed.data["config"]["transforms"] == ["fsb:alpha=0.5", "trg:layers=1"]
    assert mixed.data == simulate(network, transform="fsb:alpha=0.5,trg:layers=1").data
    assert simulate(network, transform=Trg()).data["config"]["transforms"] == ["trg"]


def test_a_pass_that_has_no_name_anywhere_is_taken_as_an_object():
    result = simulate(dense_network(), transform=Nothing())
    assert result.data["config"]["transforms"] == ["nothing"]


@dataclass(frozen=True)
class Returns(Nothing):
    """Returns whatever it was made for."""

    name: ClassVar[str] = "returns"

    def apply(self, network):
        return self.made[0](network)

    made: ClassVar[list] = []


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda _: None, "returned None, which is no Workload"),
        (lambda network: replace(network, layers=network.layers[:-2]), "order, shapes or densities"),
        (lambda network: replace(network, layers=network.layers[1:]), "returned no sound network"),
        (lambda network: replace(network, layers=network.layers[::-1]), "order, shapes or densities"),
        (lambda network: replace(network, shapes={**network.shapes, "a": network.shapes["b"]}), "order, shapes"),
        (lambda network: apply_transforms(network, "fsb") and replace(network, inputs={}), "no sound network"),
    ],
)
def test_what_a_pass_returns_is_verified(monkeypatch, make, says):
    monkeypatch.setattr(Returns, "made", [make])
    with pytest.raises(InputError, match=f"transform returns .*{says}"):
        apply_transforms(dense_network(), Returns())


def test_a_pass_may_not_change_what_goes_into_a_network():
    network, other = dense_network(), dense_network()
    wider = replace(other, inputs={"clip": other.inputs["clip"]._replace(height=20)})
    with pytest.raises(InputError, match="changed the inputs of dense"):
        verify("returns", network, wider)


def test_a_composite_matches_what_its_parts_rewrite_of_the_network_it_is_given():
    @dataclass(frozen=True)
    class Both(Composite):
        """Both."""

        name: ClassVar[str] = "both"

        @property
        def parts(self):
            return Fsb(path="b"), Trg(layers=1)

    assert Both().matches(dense_network()) == ("a", "b")


def test_a_rewrite_that_puts_a_layer_in_its_own_place_matches_nothing():
    class Same(Rewrite):
        """The same."""

        name: ClassVar[str] = "same"

        def chains(self, network):
            return {layer.name: [layer] for layer in network.layers}

    assert Same().matches(dense_network()) == ()


@pytest.mark.parametrize("group", ["dram_presets", "engines", "dataflows"])
def test_all_that_is_listed_says_what_it_is(cli, group):
    lines = cli("list").stdout.splitlines()
    listed = lines[lines.index(f"{group}:") + 1 :]
    listed = listed[: next(i for i, line in enumerate(listed) if not line.startswith(" "))]
    assert len(listed) > 1
    assert [line for line in listed if len(line.split()) < 3] == []
