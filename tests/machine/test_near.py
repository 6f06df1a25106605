"""Are staged words as many as the files that an accelerator declares, and do lanes find inputs in few of them?"""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paper import conv

from lw3dsim import load_arch
from lw3dsim.machine.near import (
    far_words,
    grouped,
    groups_of,
    kernel_words,
    lines_of,
    patch_words,
    power_of_two,
    reach_words,
    rows_of,
)
from lw3dsim.transform.algorithms import Algorithm


def test_a_set_holds_what_all_files_of_a_row_of_multipliers_do():
    # 36 lanes of 64 inputs of 8 bits in words of 64 bytes; 14 lanes of 108 inputs of 16 bits in words of 8.
    assert patch_words(load_arch("edge_small")) == 36
    assert patch_words(load_arch("eyeriss_like")) == 378


def test_lanes_find_inputs_in_the_words_they_fill_and_two_more():
    # 36 bytes are one word, 28 bytes four of 8.
    assert reach_words(load_arch("edge_small"), own_inputs=False) == 4
    assert reach_words(load_arch("eyeriss_like"), own_inputs=False) == 8
    # Of 8 rows of 36 bytes 4.5 words of 64.
    assert reach_words(load_arch("edge_base"), own_inputs=True) == 8


def test_weights_of_a_row_may_end_in_a_word_more():
    # 36 multipliers of 8 weights of 8 bits are nine words of 32 bytes; of 14 bits, 16.
    arch = load_arch("edge_small")
    assert kernel_words(arch, 8) == 9 + 1
    assert kernel_words(arch, 14) == 16 + 1


@pytest.mark.parametrize(("number", "power"), [(1, 1), (2, 2), (3, 4), (4, 4), (5, 8)])
def test_powers_of_two_are_no_less(number, power):
    assert power_of_two(number) == power


ARCH = load_arch("edge_small")
TEMPORAL = Algorithm(kind="winograd1d", tile=(4, 1, 1), filter=(3, 1, 1))
SPATIAL = Algorithm(kind="winograd2d", tile=(1, 4, 4), filter=(1, 3, 3))
CUBE = Algorithm(kind="winograd3d", tile=(2, 2, 2), filter=(3, 3, 3))


def test_without_fast_algorithms_all_lanes_share_their_words():
    assert groups_of(ARCH, (), own_inputs=False) == (1, 36, reach_words(ARCH, own_inputs=False))


def test_six_rows_of_a_window_and_six_frames_of_six_tiles_are_six_groups():
    assert groups_of(ARCH, (SPATIAL, TEMPORAL), own_inputs=True) == (6, 6, 4)
    # A cube of 64 coordinates on 36 multipliers has 16 rows of four.
    assert groups_of(ARCH, (CUBE,), own_inputs=False) == (16, 4, 4)


def test_columns_of_single_multipliers_share_groups():
    # 16 columns with a tile each: all lanes of a row of a window lie side by side.
    assert groups_of(load_arch("array_16x16"), (SPATIAL,), own_inputs=False).many < 6 * 16


@pytest.mark.parametrize("algorithm", [TEMPORAL, SPATIAL, CUBE])
@given(mults=st.integers(1, 80), columns=st.integers(1, 4), size=st.integers(1, 20), data=st.data())
def test_groups_hold_every_element_once_behind_the_first_of_them(algorithm, mults, columns, size, data):
    groups = grouped(lines_of(algorithm, mults, columns), size)
    window = [m + r - 1 for m, r in zip(algorithm.tile, algorithm.filter, strict=True)]
    lanes = columns * max(mults // algorithm.coordinates, 1)
    assert sorted(element for group in groups for element in group) == [
        (lane, at) for lane in range(lanes) for at in itertools.product(*map(range, window))
    ]
    assert all(0 < len(group) <= size and len({one.at[:2] for one in group}) == 1 for group in groups)
    assert rows_of(algorithm, mults, columns).groups(size) == len(groups)
    # Tiles follow each other, wherever a row of them ends.
    begins = list(itertools.accumulate(data.draw(st.lists(st.integers(0, 99), min_size=lanes, max_size=lanes))))
    for group in groups:
        places = [begins[lane] + at[2] for lane, at in group]
        assert places[0] == min(places)


@pytest.mark.parametrize("own_inputs", [False, True])
@pytest.mark.parametrize("algorithms", [(SPATIAL, TEMPORAL), (CUBE,), (TEMPORAL,)])
@pytest.mark.parametrize("name", ["edge_small", "edge_base", "array_16x16", "winograd3d"])
def test_no_other_size_of_groups_has_fewer_selectors(name, algorithms, own_inputs):
    arch = load_arch(name)
    lanes, words = arch.input_lanes, patch_words(arch)
    lines = [lines_of(one, arch.pe.mults_per_pe, arch.pe.cols) for one in algorithms]

    def selectors(many, size, reach):
        return many * (max(words - reach, 0) + size * reach)

    found = groups_of(arch, algorithms, own_inputs=own_inputs)
    for size in range(1, 40):
        many = max(-(-lanes // size), *(len(grouped(one, size)) for one in lines))
        beside = size * (arch.pe.rows if own_inputs else 1) * arch.precision.activation_bits
        reach = power_of_two(-(-beside // (8 * arch.buffers.ifmap_port_bytes)) + 2)
        assert selectors(*found) <= selectors(many, size, reach)


def test_windows_reach_over_the_rows_and_frames_of_a_wave():
    arch = load_arch("edge_base")
    depthwise = conv(8, 8, (1, 32, 32), (1, 3, 3), arch, "hfa", groups=8)
    # A wave of 16 tiles has two rows of 8: rows of 34 positions. Of six the last begins 170 behind the first, and five
    # more are the window's, four the tile's: 179 positions of 8 bytes in words of 64, from anywhere in a word on.
    assert far_words(arch, [depthwise], own_inputs=True) == power_of_two(-(-179 * 8 // 64) + 1)
    # 6 tiles of F(4,3) side by side in each of 6 frames; of 96 tiles of a wave three rows of 32 are in a frame.
    temporal = conv(8, 8, (4, 32, 32), (3, 1, 1), arch, "hfa")
    assert far_words(arch, [temporal], own_inputs=False) == power_of_two(-(-(5 * 3 * 32 + 6 + 32) // 64) + 1)
    # No more than there are.
    wide = conv(8, 8, (1, 112, 112), (1, 3, 3), arch, "hfa", groups=8)
    assert far_words(arch, [wide], own_inputs=True) == patch_words(arch)
