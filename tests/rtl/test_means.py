"""Are means in Verilog, a product and a shift, those of executed arithmetic?"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lw3dsim.arithmetic.number import Number, divided
from lw3dsim.rtl.inverses import inverse_of

INTEGER = Number(name="integer", bits=8, dtype="int64")


def means(sums, by, bits):
    """Means of sums of ``by`` values, as lw_divider makes them."""
    inverse, offset, shift = inverse_of(by, bits)
    return np.asarray(sums * inverse + offset) >> shift


@pytest.mark.parametrize("bits", [2, 3, 8])
def test_every_sum_is_divided_as_in_executed_arithmetic(bits):
    for by in (*range(1, 70), 100, 147, 255, 256, 257, 392):
        most = by << (bits - 1)
        sums = np.arange(-most, most + 1)
        assert np.array_equal(means(sums, by, bits), divided(sums, by, INTEGER)), by


@given(st.integers(1, 1 << 14), st.sampled_from([4, 8, 16]), st.integers(-(1 << 15), 1 << 15), st.sampled_from([0, 1]))
def test_sums_at_which_means_change_are_divided_likewise(by, bits, quotient, before):
    # The first sum whose mean is the quotient, and the last of the one below.
    most = 1 << (bits - 1)
    quotient = min(max(quotient, 1 - most), most - 1)
    total = quotient * by - by // 2 - before
    inverse, offset, shift = inverse_of(by, bits)
    assert (total * inverse + offset) >> shift == (2 * total + by) // (2 * by) == quotient - before
    assert inverse.bit_length() <= bits + (by - 1).bit_length()


@pytest.mark.parametrize("by", [1, 2, 4, 8, 1024])
def test_a_power_of_two_takes_no_product(by):
    inverse, offset, shift = inverse_of(by, 8)
    assert (inverse, offset, 1 << shift) == (1, by // 2, by)
