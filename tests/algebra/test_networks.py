"""Is what a network adds up the product with the matrices, in no more bits than it says, and are quotients exact?"""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lw3dsim.algebra.costs import add_cost, tile_cost
from lw3dsim.algebra.networks import Network, Ref
from lw3dsim.algebra.quotients import division_steps
from lw3dsim.algebra.winograd import MAX_COORDINATES, common_denominator, integers, transform

ONE = ((1,),)
SHAPES = [(m, n + 1 - m) for n in range(1, 7) for m in range(1, n + 1)]


def values_of(network, inputs):
    """Every signal of a network, in whole numbers."""
    values = list(inputs)
    for one in network.sums:
        values.append((values[one.first] << one.first_shift) + one.sign * (values[one.second] << one.second_shift))
    return values


def taken(ref, values):
    """What a reference to a signal stands for."""
    return ref.sign * (values[ref.signal] << ref.shift)


@given(
    st.tuples(*[st.sampled_from([(1, 1), *SHAPES])] * 3).filter(lambda one: math.prod(map(sum, one)) < 400), st.data()
)
def test_a_network_is_the_product_with_the_matrix_of_each_axis(shapes, data):
    matrices = [integers(transform(m, r).AT) for m, r in shapes]
    sizes = [len(matrix[0]) for matrix in matrices]
    tile = np.array(data.draw(st.lists(st.integers(-99, 99), min_size=math.prod(sizes), max_size=math.prod(sizes))))
    network = Network(tile.size)
    made = network.transformed(matrices)
    expected = tile.reshape(sizes).astype(object)
    for axis, matrix in enumerate(matrices):
        expected = np.moveaxis(np.tensordot(np.array(matrix, dtype=object), expected, (1, axis)), 0, axis)
    values = values_of(network, tile.tolist())
    assert [taken(ref, values) for ref in made] == expected.reshape(-1).tolist()
    # Nothing is taken away as a whole, and shifted inputs are outputs at most: a core writes no other.
    assert all(ref.sign > 0 and ref.shift >= 0 for ref in made)


@given(st.sampled_from(SHAPES), st.integers(2, 12), st.integers(1, 24), st.data())
def test_sums_fit_the_bits_that_they_have_and_outputs_those_that_are_taken(shape, bits, most, data):
    matrix = integers(transform(*shape).AT)
    network = Network(len(matrix[0]))
    made = network.transformed([ONE, ONE, matrix])
    inputs = [data.draw(st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)) for _ in range(network.inputs)]
    exact = values_of(network, inputs)
    outputs: dict[int, int] = {}
    for ref in made:
        outputs[ref.signal] = max(outputs.get(ref.signal, 0), most - ref.shift)
    widths = network.widths(bits, outputs)
    held = list(inputs)
    for one, width in zip(network.sums, widths, strict=True):
        added = (held[one.first] << one.first_shift) + one.sign * (held[one.second] << one.second_shift)
        held.append(signed(added, width))
    for ref in made:
        assert (taken(ref, held) - taken(ref, exact)) % 2**most == 0
    # Where all bits are taken nothing is lost at all.
    wide = network.widths(bits, dict.fromkeys(range(network.inputs + len(network.sums)), 64))
    for value, width in zip(exact[network.inputs :], wide, strict=True):
        assert signed(value, width) == value


def signed(value, bits):
    """What is left of a number in so many bits, two's complement."""
    return (value + (1 << bits) // 2) % (1 << bits) - (1 << bits) // 2 if bits > 0 else 0


@pytest.mark.parametrize(("m", "r"), SHAPES)
def test_a_line_takes_the_additions_that_are_counted(m, r):
    matrix = integers(transform(m, r).AT)
    network = Network(len(matrix[0]))
    network.transformed([ONE, ONE, matrix])
    assert len(network.sums) == add_cost(matrix).shared


def test_what_transforms_have_in_common_is_added_once():
    matrix = integers(transform(4, 3).AT)
    network = Network(36)
    for first in range(0, 36, 6):
        network.transformed([matrix, ONE, ONE], first)
    assert len(network.sums) == 6 * 10
    network.transformed([ONE, matrix, matrix])
    assert len(network.sums) == tile_cost((ONE, matrix, matrix)).shared == (6 + 4) * 10


@given(st.lists(st.tuples(st.permutations([(1, 1), *[(4, 3), (2, 3)]]), st.integers(0, 40)), min_size=1, max_size=4))
def test_tiles_anywhere_add_what_they_would_if_nothing_was_known_of_a_tile_by_itself(tiles):
    network, plain = Network(40 + 24), Network(40 + 24)
    for shapes, first in tiles:
        matrices = [integers(transform(m, r).AT) for m, r in shapes]
        inputs = [Ref(first + place, 0, 1) for place in range(math.prod(len(matrix[0]) for matrix in matrices))]
        assert network.transformed(matrices, first) == plain.through(matrices, inputs)
    assert (network.sums, network.growth) == (plain.sums, plain.growth)
    assert len(set(network.sums)) == len(network.sums)


@given(st.lists(st.sampled_from([1, 3, 5, 7, 9, 15, 27, 45, 225, 1575]), min_size=1), st.integers(-(2**20), 2**20))
def test_each_step_of_a_division_is_a_subtraction_of_what_it_makes(divisors, number):
    quotients = {1: number * math.prod(set(divisors)) * 1575}
    for step in division_steps(divisors):
        quotients[step.divisor] = made = quotients[step.of] * step.of // step.divisor
        assert made * step.divisor == quotients[1]
        assert step.divisor == step.of * ((1 << step.shift) + step.sign)
        # Bits of the quotient hang on lower ones of it.
        assert step.shift > 0
        assert made == step.sign * (quotients[step.of] - (made << step.shift))
    assert quotients.keys() >= set(divisors)


def test_every_transform_has_a_scale_that_can_be_divided_by():
    for m, r in itertools.product(range(1, MAX_COORDINATES), repeat=2):
        if m + r - 1 <= MAX_COORDINATES:
            form = transform(m, r)
            scale = math.prod(map(common_denominator, (form.AT, form.G, form.BT)))
            odd = scale // (scale & -scale)
            assert {odd, odd**2, odd**3} <= {1, *(step.divisor for step in division_steps({odd, odd**2, odd**3}))}


def test_a_number_that_is_no_product_of_neighbours_of_powers_of_two_is_refused():
    with pytest.raises(ValueError, match="11 is no product"):
        division_steps([11])


@given(st.tuples(*[st.sampled_from([(1, 1), *SHAPES])] * 3).filter(lambda one: math.prod(map(sum, one)) < 400))
def test_a_tile_takes_the_fewest_additions_of_any_order(shapes):
    matrices = tuple(integers(transform(m, r).AT) for m, r in shapes)
    network = Network(math.prod(len(matrix[0]) for matrix in matrices))
    network.transformed(matrices)
    assert len(network.sums) == min(
        tile_cost(matrices, order).shared for order in itertools.permutations(range(len(matrices)))
    )
