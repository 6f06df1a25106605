"""Are staged words as many as the files that an accelerator declares, and do lanes find inputs in few of them?"""

from __future__ import annotations

import pytest

from lw3dsim import load_arch
from lw3dsim.machine.near import kernel_words, patch_words, power_of_two, reach_words


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
