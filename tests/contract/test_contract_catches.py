"""Do the contracts of `lw3dsim.testing` catch what they are there for? Each subject here breaks one promise."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import Annotated, ClassVar

import msgspec
import pytest
from msgspec import Meta

from lw3dsim import InputError
from lw3dsim.base.values import replace
from lw3dsim.describe.dram_standards import DRAM_STANDARDS
from lw3dsim.engine import run as engines
from lw3dsim.engine.run import Ran, run_simpy
from lw3dsim.testing import DramPresetContract, EngineContract, PassContract
from lw3dsim.testing.networks import dense_network
from lw3dsim.transform import Fsb, Pass, Rewrite, passes
from lw3dsim.transform.rewrite import replace_layers

DDR4 = DRAM_STANDARDS["ddr4-2400-x64"]


@dataclass(frozen=True)
class Widened(Pass):
    """Says that it rewrites one layer, and rewrites another."""

    name: ClassVar[str] = "widened"

    def matches(self, _):
        return ("b",)

    def apply(self, network):
        return replace_layers(network, {"a": [msgspec.structs.replace(network.layers[0], out_channels=20)]})


@dataclass(frozen=True)
class Shorter(Rewrite):
    """Ends with another shape."""

    name: ClassVar[str] = "shorter"

    def chains(self, network):
        return {"fc": [msgspec.structs.replace(network.layers[-1], out_features=3)]}


@dataclass(frozen=True)
class Counting(Rewrite):
    name: ClassVar[str] = "counting"
    share: Annotated[float, Meta(ge=0, description="nothing", examples=[-1])] = 1.0
    other: int = 1
    seen: ClassVar[list] = []

    def chains(self, network):
        self.seen.append(network)
        return {"a": [msgspec.structs.replace(network.layers[0], out_channels=8 + len(self.seen))]}


class OfDense(PassContract):
    networks = (dense_network(),)
    passes = (Counting(),)


@pytest.mark.parametrize(
    ("one", "promise"),
    [
        (Widened(), "test_what_does_not_match_stays"),
        (Shorter(), "test_outputs_keep_their_shapes"),
        (Counting(), "test_it_does_the_same_again"),
        (Counting(), "test_it_says_what_it_does_and_what_its_arguments_mean"),
        (Counting(), "test_every_argument_is_tried"),
        (Fsb(path="nowhere"), "test_it_finds_something_to_rewrite"),
    ],
    ids=str,
)
def test_a_pass_that_breaks_a_promise_is_caught(one, promise):
    with pytest.raises(AssertionError):
        getattr(OfDense(), promise)(one)


def test_a_pass_that_is_not_registered_or_whose_example_is_wrong_is_caught():
    with pytest.raises(InputError, match="unknown transform 'widened'"):
        OfDense().test_its_name_leads_to_its_class(Widened())
    with pytest.raises(InputError, match="share = -1"):
        OfDense().test_examples_and_defaults_of_arguments_are_allowed(Counting())


def test_a_pass_whose_arguments_are_not_checked_is_caught(monkeypatch):
    monkeypatch.setattr(Fsb, "__post_init__", lambda _: None)
    with pytest.raises(pytest.fail.Exception):
        OfDense().test_arguments_out_of_range_are_refused_by_name(Fsb())


def test_a_pass_whose_text_loses_an_argument_is_caught(monkeypatch):
    monkeypatch.setattr(Fsb, "__str__", lambda _: "fsb")
    assert passes.read_pass("fsb") == Fsb()
    with pytest.raises(AssertionError):
        OfDense().test_its_text_reads_back_as_itself(Fsb(alpha=0.5))


@pytest.mark.parametrize(
    ("standard", "promise"),
    [
        (replace(DDR4, device_bits=24), "test_its_sizes_fit_each_other"),
        (replace(DDR4, columns=1001), "test_its_sizes_fit_each_other"),
        (replace(DDR4, tras=3), "test_its_sizes_fit_each_other"),
        (replace(DDR4, cl=-1), "test_its_sizes_fit_each_other"),
        (replace(DDR4, rails=()), "test_its_currents_rise_with_what_is_done"),
        (replace(DDR4, rails=(replace(DDR4.rails[0], idd2n=50.0),)), "test_its_currents_rise_with_what_is_done"),
        (replace(DDR4, source=""), "test_its_currents_rise_with_what_is_done"),
        (replace(DDR4, trefi_pb=10), "test_a_bank_is_refreshed_as_often_one_way_as_the_other"),
        (replace(DDR4, sustained_share=0.9), "test_its_sustained_share_is_that_of_the_controller"),
    ],
)
def test_a_preset_that_breaks_a_promise_is_caught(standard, promise):
    with pytest.raises((AssertionError, InputError)):
        getattr(DramPresetContract(), promise)(standard)


def late(job, memory, jump):
    """The reference, but for a tick in the last store."""
    trace, memory, placed = run_simpy(job, memory, jump)
    trace.ofmap.ready[-1] += 1
    return Ran(trace, memory, placed)


def forgetful(job, memory, jump):
    """The reference, but the memory comes back as it was."""
    trace, _, placed = run_simpy(job, memory, jump)
    return Ran(trace, memory, placed)


def careless(job, memory, jump):
    """The reference, but it writes into the job."""
    ran = run_simpy(job, memory, jump)
    job.head[:] = 0
    return ran


@pytest.mark.parametrize(
    ("run", "model"), [(late, "plain"), (late, "fr_fcfs"), (forgetful, "in_order")], ids=lambda part: str(part)[:20]
)
def test_an_engine_whose_figures_are_off_is_caught(monkeypatch, run, model):
    monkeypatch.setitem(engines.ENGINES.builtin, "wrong", run)
    with pytest.raises(AssertionError):
        EngineContract().test_every_time_and_count_is_that_of_the_reference("wrong", model, jump=True)


def test_an_engine_that_writes_into_the_job_is_caught(monkeypatch):
    monkeypatch.setitem(engines.ENGINES.builtin, "wrong", careless)
    with pytest.raises(AssertionError):
        EngineContract().test_the_job_is_not_written_into("wrong")


def test_a_contract_without_subjects_is_refused(tmp_path):
    (tmp_path / "test_none.py").write_text(
        "from lw3dsim.testing import PassContract\n\nclass TestNone(PassContract):\n    pass\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode != 0
    assert "TestNone names no passes; give the class some to test" in run.stdout
