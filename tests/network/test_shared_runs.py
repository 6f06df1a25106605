"""Do designs that share what they found of layers on the vector unit find what each finds by itself?"""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from dataflow_records import known
from hypothesis import given, settings
from hypothesis import strategies as st
from paper import problem_of
from vector_layers import drawn_vector_layer

from lw3dsim.account.simulated import Simulated
from lw3dsim.base.caches import forget
from lw3dsim.base.values import names_of
from lw3dsim.describe.accelerator_file import load_arch
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.describe.dataflow import BUILT_IN, Dataflow
from lw3dsim.engine.run import simulate_schedule
from lw3dsim.network.layers import LayerSearch, run_problem
from lw3dsim.network.runs import bare, best_run, run_work, seen_by

TURNED = Dataflow(
    name="turned", description="output channels on columns, trees on rows", rows="input_channels",
    cols="output_channels",
)  # fmt: skip
SMALL = [f"buffers.{name}_kib=4" for name in ("ifmap", "weight", "ofmap")]


@pytest.fixture(autouse=True, scope="module")
def _another_dataflow():
    with known([TURNED]):
        yield


def simulated(run):
    """Return what a run says of its simulation, arrays as lists."""
    return msgspec.to_builtins(
        {name: getattr(run, name) for name in names_of(Simulated)},
        enc_hook=lambda value: value.tolist() if isinstance(value, np.ndarray) else str(value),
    )


@st.composite
def layers_of_designs(draw):
    """A layer of the vector unit, as it is seen by two designs that differ in the shape of their arrays."""
    flow = draw(st.sampled_from([*BUILT_IN, TURNED])).name
    layer, shape = drawn_vector_layer(draw(st.integers(0, 2**32 - 1)))
    seen = []
    for _ in range(2):
        sizes = [f"pe.{name}={draw(st.integers(1, most))}" for name, most in (("rows", 16), ("cols", 5))]
        arch = load_arch("edge_small", overrides=[*SMALL, *sizes, f"pe.dataflow={flow}"])
        problem = problem_of(layer, shape, arch)
        seen.append(seen_by(problem, bare(arch)))
    return problem, seen


@settings(max_examples=60, deadline=None)
@given(layers_of_designs())
def test_a_layer_runs_on_every_array_as_if_no_other_had_been_tried(case):
    problem, designs = case
    for arch in designs:
        shared = run_problem(problem, arch)
        alone = best_run(LayerSearch(problem=problem, arch=arch, price=None, most=4), "auto")
        assert (shared.work, shared.arch) == (alone.work, alone.arch)
        assert simulated(shared) == simulated(alone)
        clocks = make_clocks(arch)
        timing = simulate_schedule(shared.work.program(arch, clocks), clocks)
        anew = run_work(shared.work, arch)
        assert (timing.latency_cycles, timing.cycles_by_cause) == (anew.latency_cycles, dict(anew.cycles_by_cause))
        assert simulated(anew) == simulated(alone)


def test_designs_of_other_rows_simulate_a_layer_once():
    layer, shape = drawn_vector_layer(1)
    forget()
    runs = []
    for rows in (2, 4):
        arch = load_arch("edge_small", overrides=[f"pe.rows={rows}"])
        problem = problem_of(layer, shape, arch)
        runs.append(run_problem(problem, seen_by(problem, bare(arch))))
    first, second = runs
    assert first.work == second.work
    assert first.arch != second.arch
    # What is simulated is kept once, and not for each.
    assert first.activity is second.activity
