"""Are the noise of narrowed operands, their shifts and their roundings the figures that one gets on paper?"""

from __future__ import annotations

import math

import numpy as np
import pytest
from paper import conv, machine

from lw3dsim.arithmetic.direct import compute
from lw3dsim.arithmetic.noise import combined_db, overflow_noise, sqnr_db
from lw3dsim.arithmetic.number import NUMBERS, Number, divided, random_tensor, shifted
from lw3dsim.arithmetic.operands import applied, make_operands, narrowed, narrowing_shifts, phases, winograd_forms
from lw3dsim.arithmetic.overflow import accumulated, held
from lw3dsim.base.values import replace
from lw3dsim.describe.workload import Conv3d, Linear

INT8 = NUMBERS["int8"]


def temporal(*overrides, channels=5, policy="hfa", **more):
    """F(2,3) along time."""
    return conv(channels, 2, (6, 2, 2), (3, 1, 1), machine(*overrides), policy, **more)


def test_shifts_drop_the_bits_that_a_coordinate_has_too_many():
    BT, G, AT = winograd_forms(temporal(), INT8)
    # Rows of BT have two ones: 2 x 127 takes 9 bits. Rows of 2 G add up to 2, 3, 3, 2: 254 takes 9 bits, 381 takes 10.
    assert narrowing_shifts(BT, INT8.largest, 9).ravel().tolist() == [0, 0, 0, 0]
    assert narrowing_shifts(BT, INT8.largest, 7).ravel().tolist() == [2, 2, 2, 2]
    assert narrowing_shifts(G, INT8.largest, 9).ravel().tolist() == [0, 1, 1, 0]
    assert narrowing_shifts(G, INT8.largest, 9).shape == (4, 1, 1)
    assert [len(m) for m in AT] == [2, 1, 1]


def test_noise_is_that_of_dropped_bits_through_the_transforms():
    # Data in 8 bits drop one of each coordinate, weights in 9 one of the two in the middle. A value of 8 bits has the
    # power p = 127 x 128 / 3; data coordinates 2 p, weights 4, 3, 3, 4 p. A dropped bit that is rounded leaves
    # (4 + 2) / 12 = 1/2. Products: 4 p / 2 outside, 3 p / 2 + 2 p / 2 + 1/4 in the middle. Outputs add the outer
    # coordinates in one of two, the middle ones in both.
    p = 127 * 128 / 3
    noise = 2 * (1 / 2) * 2 * p + 2 * (2.5 * p + 0.25)
    # Everything is scaled by 2: 4 times the power. 3 taps; 5 channels add up; the result is rounded to 1/12.
    expected = 10 * math.log10(4 * 3 * p**2 * 5 / (5 * noise + 4 / 12))
    narrow = temporal("precision.transformed_data_bits=8", "precision.transformed_weight_bits=9")
    assert sqnr_db(narrow) == pytest.approx(expected)
    # Two bits dropped leave (16 + 2) / 12 = 3/2.
    data = temporal("precision.transformed_data_bits=7")
    noise = (2 * (1 / 2) * 4 + 2 * 3) * 1.5 * p
    assert sqnr_db(data) == pytest.approx(10 * math.log10(4 * 3 * p**2 * 5 / (5 * noise + 4 / 12)))
    assert sqnr_db(temporal()) is None
    assert sqnr_db(temporal("precision.transformed_data_bits=8", policy="direct")) is None


def test_noise_in_two_dimensions_is_the_product_of_both():
    narrow = conv(5, 2, (1, 6, 6), (1, 3, 3), machine("precision.transformed_data_bits=9"), "hfa")
    # 4 ones a row: 508 takes 10 bits, one is dropped. Sums of squares of weights: 4, 3, 3, 4 times itself; outputs add
    # coordinates 1/2, 1, 1, 1/2 times itself: (4/2 + 3 + 3 + 4/2)^2 in all.
    p = 127 * 128 / 3
    assert sqnr_db(narrow) == pytest.approx(10 * math.log10(16 * 9 * p**2 * 5 / (5 * 0.5 * p * 100 + 16 / 12)))


def test_noises_of_layers_add_up():
    assert combined_db([None, None]) is None
    assert combined_db([None, 20.0, 20.0]) == pytest.approx(-10 * math.log10(0.02))
    assert combined_db([10.0]) == pytest.approx(10.0)


def test_operands_know_the_scale_and_the_type_that_holds_their_bound():
    # G of F(2,3) has halves: a scale of 2. 127^2 x 5 channels x gains 2, 3 and 3 doubled are below 2^53.
    operands = make_operands(temporal(), INT8)
    assert (operands.scale, operands.work, operands.is_narrowed) == (2, "float64", False)
    assert make_operands(conv(5, 2, (1, 6, 6), (1, 3, 3), machine(), "hfa"), INT8).scale == 4
    floats = make_operands(temporal(), NUMBERS["float32"])
    assert (floats.scale, floats.work, floats.is_narrowed) == (1, "float32", False)
    assert floats.data_shift.shape == (4, 1, 1)
    assert make_operands(temporal("precision.transformed_data_bits=8"), INT8).is_narrowed
    assert make_operands(temporal("precision.transformed_weight_bits=8"), INT8).is_narrowed
    # The bound: largest^2 x channels x 18, twice. 2^53 / (2 x 18 x 127^2) = 15,512,610,...
    number = Number(name="x", bits=8, dtype="int64")
    assert number.working_type(2**53 - 1) == "float64"
    assert (number.working_type(2**53), number.working_type(2**63 - 1), number.working_type(2**63)) == (
        "int64", "int64", "object",
    )  # fmt: skip
    assert NUMBERS["float32"].working_type(2**60) == "float32"
    assert (INT8.largest, NUMBERS["int16"].largest, INT8.is_integer, NUMBERS["float64"].is_integer) == (
        127, 32767, True, False,
    )  # fmt: skip
    wide = Number(name="x", bits=24, dtype="int64")
    # (2^23 - 1)^2 x 36 channels x 18 x 2 is between 2^53 and 2^63; of 30 bits it is more.
    assert make_operands(temporal(channels=36), wide).work == "int64"
    assert make_operands(temporal(channels=36), Number(name="x", bits=30, dtype="int64")).work == "object"


def test_the_bound_of_a_sum_counts_channels_and_phases():
    # F(2,3), 24 bits: (2^23 - 1)^2 x 16 x 2 is just below 2^51 of one channel, below 2^53 of four.
    wide = Number(name="x", bits=24, dtype="int64")
    assert make_operands(temporal(channels=1), wide).work == "float64"
    assert make_operands(temporal(channels=4), wide).work == "float64"
    assert make_operands(temporal(channels=5), wide).work == "int64"


def test_integers_are_rounded_half_up():
    values = np.array([-3, -2, -1, 0, 1, 2, 3, 5])
    assert divided(values, 2, INT8).tolist() == [-1, -1, 0, 0, 1, 1, 2, 3]
    assert divided(np.array([1.0, 3.0]), 2, NUMBERS["float64"]).tolist() == [0.5, 1.5]
    assert shifted(values, 1, INT8).tolist() == [-1, -1, 0, 0, 1, 1, 2, 3]
    assert shifted(np.array([5, -5]), 0, INT8).tolist() == [5, -5]
    assert shifted(np.array([1000, -1000]), 2, INT8).tolist() == [127, -127]
    assert narrowed(np.array([5, 6, -6, 700]), np.array([2, 2, 2, 2]), 8, is_observed=False).tolist() == [1, 2, -1, 127]
    assert narrowed(np.array([-700, 9]), np.array([0, 1]), 8, is_observed=False).tolist() == [-127, 5]
    assert narrowed(np.array([5, 700]), np.array([0, 0]), 8, is_observed=False).tolist() == [5, 700]
    assert narrowed(np.array([5, 700]), np.array([0, 0]), 8, is_observed=True).tolist() == [5, 127]


def test_random_operands_cover_their_range():
    random = np.random.default_rng(1)
    values = random_tensor((10_000,), INT8, random)
    assert (values.min(), values.max()) == (-127, 127)
    floats = random_tensor((10_000,), NUMBERS["float32"], random, 0.5)
    assert -0.5 <= floats.min() < -0.49
    assert 0.49 < floats.max() <= 0.5


@pytest.mark.parametrize("overflow", ["saturate", "wrap"])
@pytest.mark.parametrize("sigma", [30.0, 100.0, 1000.0, 300_000.0])
def test_the_noise_of_overflows_is_that_of_normal_sums(overflow, sigma):
    # What a register of 8 bits holds of x, weighed by how often a normal sum is x.
    x = np.linspace(-9 * sigma, 9 * sigma, 2_000_001)
    weight = np.exp(-((x / sigma) ** 2) / 2)
    kept = np.clip(x, -128, 128) if overflow == "saturate" else (x + 128) % 256 - 128
    expected = (weight * (x - kept) ** 2).sum() / weight.sum()
    register = replace(temporal(), accumulator_bits=8, overflow=overflow)
    assert overflow_noise(sigma**2, register) == pytest.approx(expected, rel=1e-3)


def test_no_register_overflows_ten_deviations_away():
    for overflow in ("saturate", "wrap"):
        assert overflow_noise(12.0**2, replace(temporal(), accumulator_bits=8, overflow=overflow)) == 0


def test_phases_are_every_other_input_with_zeros_at_the_end():
    values = np.arange(5).reshape(1, 5, 1, 1)
    split = phases(values, (2, 1, 1))
    assert split.shape == (1, 2, 3, 1, 1)
    assert split[0, 0].ravel().tolist() == [0, 2, 4]
    assert split[0, 1].ravel().tolist() == [1, 3, 0]
    plane = phases(np.arange(16).reshape(1, 4, 4), (1, 2, 2))
    assert plane.reshape(4, 4).tolist() == [[0, 2, 8, 10], [1, 3, 9, 11], [4, 6, 12, 14], [5, 7, 13, 15]]
    uneven = phases(np.arange(18).reshape(1, 3, 6), (1, 3, 2))
    assert uneven.reshape(6, 3).tolist() == [
        [0, 2, 4], [1, 3, 5], [6, 8, 10], [7, 9, 11], [12, 14, 16], [13, 15, 17],
    ]  # fmt: skip


def test_matrices_apply_along_their_own_dimension():
    values = np.arange(6).reshape(1, 2, 3)
    matrices = np.array([[2]]), np.array([[1, 1]]), np.array([[1, 0, 0], [0, 0, 1]])
    # Rows (0 1 2) and (3 4 5) add up to (3 5 7); of it the first and the last, twice.
    assert applied(matrices, values).tolist() == [[[6, 14]]]


def test_a_register_saturates_on_the_way_where_any_sum_may_leave_it():
    # 100 + 100 is held as 127, less 100 it is 27; beside it sums that fit keep their value.
    terms = [np.array([100, 1]), np.array([100, 1]), np.array([-100, 0])]
    exact, magnitude = np.array([100, 2]), np.array([300, 2])
    assert accumulated(terms, exact, magnitude, 8, "saturate").tolist() == [27, 2]
    # 9 bits hold 200, and 10 bits all that the magnitudes add up to.
    assert accumulated(terms, exact, magnitude, 9, "saturate").tolist() == [100, 2]
    assert accumulated([], exact, magnitude, 10, "saturate").tolist() == [100, 2]
    # What wraps forgets the order.
    assert accumulated([], np.array([200, -129]), magnitude, 8, "wrap").tolist() == [200 - 256, 127]
    assert held(np.array([-129, 128, 127]), 8, "saturate").tolist() == [-128, 127, 127]


def test_the_reference_is_exact_where_floats_are_not():
    # Three products of (2^26 - 1)^2 are odd and more than 2^53, and so are those of either of two taps.
    number = Number(name="x", bits=27, dtype="int64")
    assert number.largest == 2**26 - 1
    linear = Linear(name="x", inputs=("i",), out_features=1, bias=False)
    values, weights = np.full((3, 1, 1, 1), number.largest), np.full((1, 3, 1, 1, 1), number.largest)
    assert compute(linear, [values], weights, None, number).tolist() == [[[[3 * number.largest**2]]]]
    layer = Conv3d(name="x", inputs=("i",), out_channels=1, kernel=(1, 1, 2), bias=False)
    values, weights = np.full((3, 1, 1, 2), number.largest), np.full((1, 3, 1, 1, 2), number.largest)
    assert compute(layer, [values], weights, None, number).tolist() == [[[[6 * number.largest**2]]]]
