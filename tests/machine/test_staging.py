"""Do staging files bound rounds, waves and rows as the machine's page says?"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paper import conv, machine

from lw3dsim import simulate
from lw3dsim.errors import MappingError
from lw3dsim.machine.microarchitecture import make_machine, parallel_modes

SIZE = (4, 12, 12)
WIDE = tuple(f"buffers.{name}_port_bytes=1024" for name in ("ifmap", "weight", "ofmap"))


def way(problem, arch, parallel="pixel"):
    return make_machine(problem, arch, parallel).staged


def test_a_dense_kernel_is_staged_by_as_many_taps_as_depth_allows():
    # Two rows of 48 elements: 96 hold 27 taps of 3 tiles, 9 of 10, 3 of 32. Four tiles deep the most taps read least.
    array = ("pe.rows=2", "pe.acc_depth=4", "pe.staging_weights=27", *WIDE)
    problem = conv(4, 4, SIZE, (3, 3, 3), machine(), padding=(1, 1, 1))
    whole = way(problem, machine(*array, "pe.staging_elements=54"))
    assert (whole.taps, whole.groups, whole.depth, whole.rows) == ((3, 3, 3), 1, 4, 2)
    # One element less a row, and a wave of all taps is three deep: weights come more often. Nine taps are four deep.
    few = way(problem, machine("pe.rows=2", "pe.acc_depth=4", "pe.staging_weights=9", *WIDE, "pe.staging_elements=54"))
    assert (few.taps, few.groups, few.depth) == ((1, 3, 3), 3, 4)
    one = way(problem, machine("pe.rows=2", "pe.acc_depth=4", "pe.staging_weights=1", *WIDE, "pe.staging_elements=2"))
    assert (one.taps, one.groups, one.depth) == ((1, 1, 1), 27, 4)


def test_rows_with_inputs_of_their_own_share_the_files():
    # Four rows of five elements: 20 hold 9 taps of 2 inputs, 3 of 6: all four rows one tile deep, single taps 5 deep.
    arch = machine("pe.rows=4", "pe.acc_depth=8", "pe.staging_elements=5", *WIDE)
    problem = conv(8, 8, SIZE, (1, 3, 3), arch, padding=(0, 1, 1), groups=8)
    found = way(problem, arch)
    inputs, taps = found.rows, 9 // found.groups
    assert inputs * taps * found.depth <= 20 < inputs * taps * (found.depth + 1)


def test_adder_trees_hold_a_channel_for_each_multiplier():
    # Three taps of every channel in a multiplier's file of weights; in pixel-parallel mode nine in a PE of four.
    arch = machine("pe.mults_per_pe=4", "pe.staging_weights=3", "pe.staging_elements=64", *WIDE)
    problem = conv(8, 8, SIZE, (1, 3, 3), arch, padding=(0, 1, 1))
    assert way(problem, arch, "channel").taps == (1, 1, 3)
    assert way(problem, arch).taps == (1, 3, 3)


def test_a_tile_that_does_not_fit_says_which_file_is_too_small():
    # F(2x2,3x3) has 16 coordinates: 16 weights, and as many inputs, of one multiplier in 16 cycles.
    problem = conv(4, 3, (1, 4, 4), (1, 3, 3), machine(), "hfa")
    small = machine("pe.acc_depth=16", "pe.staging_weights=15")
    with pytest.raises(MappingError, match=r"needs 16 weights a multiplier, there are 15; raise pe\.staging_weights"):
        make_machine(problem, small, "pixel")
    small = machine("pe.rows=2", "pe.acc_depth=16", "pe.staging_elements=7")
    with pytest.raises(MappingError, match=r"staging holds 14; raise pe\.staging_elements"):
        make_machine(problem, small, "pixel")


def test_a_layer_whose_tile_does_not_fit_runs_direct_and_says_so():
    overrides = ["pe.staging_elements=1", "pe.staging_weights=1", "pe.acc_depth=64", "pe.rows=2", "pe.mults_per_pe=4"]
    result = simulate("c3d", "edge_base", algorithm="winograd3d", overrides=overrides, input_size="16x32x32")
    notes = {layer["name"]: layer["note"] for layer in result.data["layers"] if layer["kind"] == "conv3d"}
    assert all("pe.staging_weights" in note for note in notes.values())


@settings(max_examples=60)
@given(
    st.sampled_from([(1, 1, 1), (3, 1, 1), (1, 3, 3), (3, 3, 3), (1, 7, 7)]),
    st.sampled_from([1, 4, 8]), st.integers(1, 8), st.sampled_from([1, 4, 9]), st.sampled_from([1, 2, 5, 40]),
    st.sampled_from([1, 3, 9]),
)  # fmt: skip
def test_what_is_staged_fits_its_files(kernel, groups, rows, mults, elements, weights):
    arch = machine(f"pe.rows={rows}", f"pe.mults_per_pe={mults}", f"pe.staging_elements={elements}",
                   f"pe.staging_weights={weights}", "pe.acc_depth=8")  # fmt: skip
    problem = conv(8, 8, (3, 9, 9), kernel, arch, padding=tuple(k // 2 for k in kernel), groups=groups)
    for mode in parallel_modes(problem, arch):
        found = way(problem, arch, mode)
        taps = kernel[0] * kernel[1] * kernel[2] // found.groups
        inputs = found.rows // problem.abreast if problem.structure == "grouped" else 1
        assert found.taps[0] * found.taps[1] * found.taps[2] == taps
        assert 1 <= found.depth <= 8
        assert inputs * found.depth * taps <= rows * elements
        assert taps <= weights * (1 if mode == "channel" else mults)
