"""Are fronts and hypervolumes what their definitions say?"""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lw3dsim.explore.front import Front, dominates, hypervolume, non_dominated
from lw3dsim.explore.metrics import METRICS, cost

REFERENCE = 6


def vectors(size, most=12):
    return st.lists(st.tuples(*[st.integers(0, REFERENCE + 1)] * size), max_size=most)


def counted(found, size):
    """Count the unit cubes below the reference that a vector dominates."""
    cells = product(range(REFERENCE), repeat=size)
    return sum(any(all(v <= c for v, c in zip(vector, cell, strict=True)) for vector in found) for cell in cells)


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_hypervolume_equals_the_counted_cells(size):
    @given(vectors(size))
    def check(found):
        assert hypervolume(found, (REFERENCE,) * size) == counted(found, size)

    check()


@given(vectors(3))
def test_a_front_has_exactly_what_nothing_dominates(found):
    front = Front(found).vectors
    expected = sorted({v for v in found if not any(dominates(other, v) for other in found)})
    assert front == expected
    assert [found[place] for place in non_dominated(found)] == [v for v in found if v in expected]


@given(vectors(3), st.tuples(*[st.integers(0, REFERENCE)] * 3))
def test_one_more_vector_never_lowers_the_hypervolume(found, more):
    reference = (REFERENCE,) * 3
    before, after = hypervolume(found, reference), hypervolume([*found, more], reference)
    assert after >= before
    assert (after > before) == (Front(found).add(more) and all(x < REFERENCE for x in more))


@given(vectors(3), st.randoms())
def test_the_order_of_vectors_does_not_matter(found, random):
    mixed = random.sample(found, len(found))
    assert Front(mixed).vectors == Front(found).vectors
    assert hypervolume(mixed, (REFERENCE,) * 3) == hypervolume(found, (REFERENCE,) * 3)


@pytest.mark.parametrize("name", METRICS)
def test_a_cost_rises_where_its_metric_gets_worse_and_turns_back_into_it(name):
    better, worse = (0.3, 0.2) if METRICS[name].is_rate else (20.0, 30.0)
    assert 0 <= cost(name, better) < cost(name, worse)
    assert cost(name, cost(name, worse)) == pytest.approx(worse)
