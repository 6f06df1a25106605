"""Do integers come to another step as real numbers would, to half a step and 15 bits?"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lw3dsim.arithmetic.number import NUMBERS
from lw3dsim.arithmetic.scales import channel_steps, clipped, codes, rescale, rescaled

NUMBER = NUMBERS["int8"]


@given(value=st.integers(-(2**31), 2**31), factor=st.floats(1e-9, 100))
def test_a_rescaled_value_is_the_product_to_half_a_step_and_the_multiplier(value, factor):
    made = int(rescaled(np.array([[[[value]]]]), rescale(factor))[0, 0, 0, 0])
    assert abs(made - value * factor) <= 0.5 + abs(value * factor) * 2**-15 + 1e-6


@pytest.mark.parametrize("factor", [2.0**-70, 2.0**-62, 2.0**-16, 1.0, 2.0**15, 2.0**17])
def test_powers_of_two_are_exact_and_what_is_too_small_is_nothing(factor):
    assert int(rescaled(np.array([[[[4096]]]]), rescale(factor))[0, 0, 0, 0]) == int(4096 * factor + 0.5)


def test_each_channel_has_its_own_factor():
    values = np.full((2, 1, 1, 3), 100)
    assert rescaled(values, rescale(np.array([0.5, 0.25])))[:, 0, 0, 0].tolist() == [50, 25]


def test_the_largest_weight_of_a_channel_has_the_largest_code():
    weights = np.array([[0.5, -1.0], [0.0, 0.0], [2e-3, 1e-3]])
    steps = channel_steps(weights, NUMBER)
    assert codes(weights, steps, NUMBER).tolist() == [[64, -127], [0, 0], [127, 64]]
    assert clipped(np.array([300, -300, 5]), NUMBER).tolist() == [127, -127, 5]
