"""Are the transforms exact, and do their costs equal the published ones?"""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lw3dsim.algebra.winograd import gain, integers, matrix_adds, signed_bits, tile_adds, transform
from lw3dsim.transform.algorithms import Algorithm

SIZES = [(m, r) for m in range(1, 11) for r in range(1, 11) if m + r - 1 <= 10]


@pytest.mark.parametrize(("m", "r"), SIZES)
def test_every_transform_is_a_correlation(m, r):
    transform(m, r).verify()


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


# Signed 8-bit operands, |x| <= 127, worst case in scaled integers: transformed input and weight bits in 1D, 2D, 3D.
BITS = {(4, 3): ((12, 15, 18), (13, 18, 22)), (2, 3): ((9, 10, 11), (10, 12, 13))}


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("size", BITS)
def test_bit_growth_is_the_known_one(size, dims):
    t = transform(*size)
    data, weight = BITS[size]
    assert signed_bits(127 * gain(t.BT) ** dims) == data[dims - 1]
    assert signed_bits(127 * gain(t.G) ** dims) == weight[dims - 1]


def test_additions_of_f23_are_the_published_four():
    # Lavin & Gray 2016: 32 operations for the 2D data transform of F(2x2, 3x3), 24 for its inverse.
    t = transform(2, 3)
    assert matrix_adds(t.BT) == 4
    assert tile_adds((t.BT, t.BT)) == 32
    assert tile_adds((t.AT, t.AT)) == 24


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
