"""Does what a fused group computes, with only what is on chip, equal its layers computed directly one by one?"""

from __future__ import annotations

import numpy as np
import pytest
from fused_groups import ADDING, SMALL, any_mapping, chains, fusable, network_of, slicing_chains
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from lw3dsim.arithmetic.fused import GroupComputation, execute_group
from lw3dsim.arithmetic.number import NUMBERS, random_tensor, shift_of, shifted
from lw3dsim.base.values import replace
from lw3dsim.network.execution import Bench, make_computation, referenced
from lw3dsim.network.given import Given
from lw3dsim.schedule.fused import stage_machines

INT8 = NUMBERS["int8"]


def references(chain, seed):
    """Inputs, computations, shifts and the output of a chain, layer by layer on whole tensors."""
    random, network = np.random.default_rng(seed), network_of(chain)
    bench = Bench(network=network, design=SMALL, number=INT8, random=random, given=Given(source="random", readers={}))
    sizes = {name: shape._replace(frames=network.batch * shape.frames) for name, shape in network.inputs.items()}
    known = {name: random_tensor(tuple(size), INT8, random) for name, size in sizes.items()}
    computations, shifts, output = [], [], None
    for layer in network.layers:
        computation = make_computation(bench, layer, known)
        sources = [known[name] for name in layer.inputs]
        output, computation = referenced(layer, sources, computation, INT8, network.batch)
        shifts.append(shift_of(output, INT8))
        known[layer.name] = shifted(output, shifts[-1], INT8)
        computations.append(computation)
    return network, known, computations, shifts, output


def executed(chain, group, mapping, schedule, seed, arch=SMALL):
    network, known, computations, shifts, expected = references(chain, seed)
    second = [
        next((known[name] for name in layer.inputs if name.startswith("side")), None) if operand == "dram" else None
        for layer, operand in zip(network.layers, group.operands, strict=True)
    ]
    first = tuple(known[name] for name in network.layers[0].streams)
    computation = GroupComputation(
        computations=tuple(computations), shifts=tuple(shifts), inputs=first, operands=tuple(second)
    )
    machines = stage_machines(group, mapping, arch)
    made = execute_group(group, mapping, schedule, machines, INT8, computation)
    assert set(made.stored) == set(group.stored)
    assert all(np.array_equal(made.stored[i], known[network.layers[i - 1].name]) for i in group.stored)
    return made.output, expected


@settings(max_examples=60)
@given(chains(), st.booleans(), st.data(), st.integers(0, 2**32 - 1))
def test_fused_groups_equal_their_layers_whatever_the_mapping(chain, warm_up, data, seed):
    group = fusable(chain)
    mapping, schedule, *_ = any_mapping(group, data, warm_up=warm_up)
    assume(schedule.steps < 2000)
    output, expected = executed(chain, group, mapping, schedule, seed)
    assert np.array_equal(output, expected)


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(slicing_chains(), st.data(), st.integers(0, 2**32 - 1))
def test_so_they_do_where_operands_come_slice_by_slice(chain, data, seed):
    group = fusable(chain, ADDING)
    mapping, schedule, *_ = any_mapping(group, data, ADDING, sliced=True)
    assume(schedule.steps < 2000)
    output, expected = executed(chain, group, mapping, schedule, seed, ADDING)
    assert np.array_equal(output, expected)


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(chains(), st.data())
def test_a_halo_that_was_not_kept_is_missed(chain, data):
    group = fusable(chain)
    mapping, schedule, *_ = any_mapping(group, data)
    assume(mapping.kept != "none" and any(axis.retained[0].any() for axis in mapping.axes(group)))
    last = int(np.flatnonzero(schedule.places.stage == 0)[-1])
    loads = schedule.ifmap
    # Where the first tile reads all there is, no load comes before the last.
    assume((loads.first < last).any())
    # Without the loads of the first tiles the later ones have nothing to retain.
    broken = replace(schedule, ifmap=replace(loads, first=loads.first[loads.first >= last]))
    with pytest.raises(AssertionError, match="not on chip"):
        executed(chain, group, mapping, broken, 0)


def test_a_difference_over_all_frames_needs_them_all_even_where_few_are_looked_at(tmp_path, cli):
    """A pool that drops the last of four frames; the mean of a TRG is over all four and lies in the last."""
    path = tmp_path / "few.yaml"
    path.write_text(
        """
name: few
inputs: {clip: {channels: 16, frames: 4, height: 8, width: 8}}
layers:
  - {name: g, kind: trg, inputs: [clip]}
  - {name: p, kind: conv3d, out_channels: 16, kernel: [1, 1, 1]}
  - {name: q, kind: pool3d, mode: max, kernel: [3, 1, 1]}
"""
    )
    result = cli("execute", str(path), "--fusion", "auto")
    assert "g+p+q" in result.stdout
    assert "1 of 1 layers equal the direct computation exactly" in result.output
