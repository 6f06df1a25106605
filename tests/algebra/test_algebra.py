"""Are the transforms exact, and do their costs equal the published ones?"""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripts import script

from lw3dsim.algebra.accuracy import float32_error
from lw3dsim.algebra.costs import AddCost, add_cost, signed_digits, tile_cost
from lw3dsim.algebra.winograd import gain, integers, points_of, signed_bits, transform
from lw3dsim.transform.algorithms import Algorithm

SIZES = [(m, r) for m in range(1, 11) for r in range(1, 11) if m + r - 1 <= 10]


@pytest.mark.parametrize("points", ["integer", "float"])
@pytest.mark.parametrize(("m", "r"), SIZES)
def test_every_transform_is_a_correlation(m, r, points):
    transform(m, r, points).verify()


@pytest.mark.parametrize("points", ["integer", "float"])
@pytest.mark.parametrize(("m", "r"), [(2, 3), (4, 3), (6, 3), (2, 5), (4, 4), (3, 2), (7, 3), (8, 3)])
def test_matrices_are_those_of_wincnn(m, r, points):
    """An independent Cook-Toom; what a coordinate is scaled by may stand in any of the three matrices."""
    # They take long to import, and are used here alone.
    from sympy import Rational
    from wincnn import cookToomFilter

    finite = [Rational(p.numerator, p.denominator) for p in points_of(m + r - 1, points)]
    theirs = [
        [[Fraction(int(x.p), int(x.q)) for x in matrix.row(i)] for i in range(matrix.rows)]
        for matrix in cookToomFilter(finite, m, r)[:3]
    ]
    ours = transform(m, r, points)
    for q in range(ours.n):
        assert outer(ours.AT, ours.G, ours.BT, q) == outer(*theirs, q)


def outer(output, weight, data, q):
    """What coordinate ``q`` adds to every output, of every weight and every input."""
    return [[[row[q] * g * b for b in data[q]] for g in weight[q]] for row in output]


def test_too_many_coordinates_are_refused():
    with pytest.raises(ValueError, match="m \\+ r - 1 <= 10"):
        transform(9, 3)


def test_f43_has_the_published_input_matrix():
    # Lavin & Gray 2016, up to the order of the points.
    assert set(integers(transform(4, 3).BT)) == {
        (4, 0, -5, 0, 1, 0),
        (0, -4, -4, 1, 1, 0),
        (0, 4, -4, -1, 1, 0),
        (0, -2, -1, 2, 1, 0),
        (0, 2, -1, -2, 1, 0),
        (0, 4, 0, -5, 0, 1),
    }


@given(st.sampled_from(SIZES), st.data())
def test_tiles_compute_the_direct_filter(size, data):
    m, r = size
    t = transform(m, r)
    number = st.integers(-128, 127)
    d = data.draw(st.lists(number, min_size=t.n, max_size=t.n))
    g = data.draw(st.lists(number, min_size=r, max_size=r))
    U = [sum((a * x for a, x in zip(row, g, strict=True)), Fraction(0)) for row in t.G]
    V = [sum((b * x for b, x in zip(row, d, strict=True)), Fraction(0)) for row in t.BT]
    Y = [sum(a * u * v for a, u, v in zip(row, U, V, strict=True)) for row in t.AT]
    assert [sum(g[k] * d[i + k] for k in range(r)) for i in range(m)] == Y


# Signed 8-bit operands, |x| <= 127, worst case: transformed input and weight bits in 1D, 2D, 3D. By hand, of F(4,3):
# a row 4 0 -5 0 1 grows by 10, a row 1 2 4 by 7.
BITS = {
    (2, 3): ((9, 10, 11), (10, 12, 13)),
    (4, 3): ((12, 15, 18), (11, 14, 17)),
    (6, 3): ((14, 20, 25), (11, 14, 17)),
}


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("size", BITS)
def test_bit_growth_is_the_known_one(size, dims):
    t = transform(*size)
    data, weight = BITS[size]
    assert signed_bits(127 * gain(t.BT) ** dims) == data[dims - 1]
    assert signed_bits(127 * gain(t.G) ** dims) == weight[dims - 1]


@pytest.mark.parametrize("name", ["G", "BT"])
@pytest.mark.parametrize(("m", "r"), SIZES)
def test_a_width_holds_the_worst_operands_and_one_bit_less_does_not(m, r, name):
    rows = integers(getattr(transform(m, r), name))
    worst = max(sum(entry * (127 if entry > 0 else -127) for entry in row) for row in rows)
    bits = signed_bits(127 * gain(getattr(transform(m, r), name)))
    assert -(2 ** (bits - 1)) <= -worst < worst < 2 ** (bits - 1)
    assert worst >= 2 ** (bits - 2)


@pytest.mark.parametrize("name", ["G", "BT"])
@pytest.mark.parametrize(("m", "r"), SIZES)
def test_operands_are_integers_and_no_factor_is_left_in_the_widest_of_them(m, r, name):
    matrix = getattr(transform(m, r), name)
    assert all(entry.denominator == 1 for row in matrix for entry in row)
    smallest = [[int(entry) // math.gcd(*map(int, row)) for entry in row] for row in matrix]
    assert gain(matrix) == max(sum(map(abs, row)) for row in smallest)


@pytest.mark.parametrize("n", range(3, 9))
def test_no_other_points_make_narrower_operands(n):
    search, grown = script("winograd_points"), gain(transform(n - 1, 2).BT)
    assert grown == search.least_data_growth(n, grown)
    for r in range(2, n):
        assert gain(transform(n + 1 - r, r).G) == search.least_weight_growth(n, r)


def test_a_set_of_points_that_is_not_the_best_is_found_out():
    # x (x - 1) (x - 2) (x - 3) grows by 24.
    search = script("winograd_points")
    grown = search.data_growth(((1, 0), (0, 1), (1, 1), (2, 1), (3, 1)))
    assert grown == 24
    assert search.least_data_growth(5, grown) == 6


# Lavin & Gray 2016 (2D; a multiply-add is one operation there, shifts are free here): data, weight, output transform.
PUBLISHED_OPS = {(2, 3): (32, 28, 24), (4, 3): (144, 72, 100)}


@pytest.mark.parametrize("size", PUBLISHED_OPS)
def test_additions_match_or_beat_the_published_ones(size):
    t = transform(*size)
    counts = [tile_cost((integers(matrix),) * 2).shared for matrix in (t.BT, t.G, t.AT)]
    assert all(ours <= theirs for ours, theirs in zip(counts, PUBLISHED_OPS[size], strict=True))
    assert (counts[0], counts[2]) == (PUBLISHED_OPS[size][0], PUBLISHED_OPS[size][2])


def test_additions_in_one_and_three_dimensions_follow_by_nesting():
    t = transform(4, 3)
    ops = [[tile_cost((integers(matrix),) * dims).shared for matrix in (t.BT, t.G, t.AT)] for dims in (1, 3)]
    assert ops == [[12, 8, 10], [1296, 504, 760]]


@given(st.integers(-5000, 5000))
def test_signed_digits_are_the_number_and_never_adjacent(value):
    digits = signed_digits(value)
    assert sum(sign << shift for shift, sign in digits) == value
    shifts = [shift for shift, _ in digits]
    assert all(b - a > 1 for a, b in itertools.pairwise(shifts))


def test_a_pair_that_recurs_within_a_row_is_shared_where_it_does_not_overlap_itself():
    # 85 x is x + 4 x + 16 x + 64 x: with y = x + 4 x it is y + 16 y.
    assert add_cost(((85,),)) == AddCost(plain=3, shared=2, depth=2)
    # 21 x is x + 4 x + 16 x: both pairs of neighbours need 4 x.
    assert add_cost(((21,),)) == AddCost(plain=2, shared=2, depth=2)
    # Of 21 x and 5 x the sum x + 4 x is shared: two additions for three.
    assert add_cost(((21,), (5,))) == AddCost(plain=3, shared=2, depth=2)


@given(st.lists(st.lists(st.integers(-40, 40), min_size=3, max_size=3), min_size=1, max_size=4))
def test_sharing_never_adds_work(rows):
    cost = add_cost(tuple(map(tuple, rows)))
    assert cost.shared <= cost.plain
    assert (cost.depth == 0) == (cost.plain == 0)


@pytest.mark.parametrize(("m", "published"), [(2, 7.65e-8), (4, 3.29e-7), (6, 8.79e-7)])
def test_float_error_is_within_twice_the_published_one(m, published):
    # Barabasz et al. 2020, mean error of F(m, 3) in 1D, float32.
    assert published / 2 < float32_error(m, 3) < published * 2


def test_the_float_points_are_no_worse_than_the_integer_ones():
    for m in range(4, 9):
        assert float32_error(m, 3, points="float") < 1.1 * float32_error(m, 3, points="integer")


@pytest.mark.parametrize(
    ("kind", "tile", "filter_", "mults"),
    [
        ("winograd1d", (4, 1, 1), (3, 1, 1), 6),
        ("winograd2d", (1, 4, 4), (1, 3, 3), 36),
        ("winograd3d", (4, 4, 4), (3, 3, 3), 216),
        ("nested", (2, 4, 4), (3, 3, 3), 144),
    ],
)
def test_coordinates_are_the_products_of_one_dimensional_tiles(kind, tile, filter_, mults):
    algorithm = Algorithm(kind=kind, tile=tile, filter=filter_)
    assert algorithm.coordinates == mults
    assert algorithm.mults_per_output == Fraction(mults, tile[0] * tile[1] * tile[2])
