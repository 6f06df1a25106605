"""Do modules of constant matrices make the products, in no more bits than these need?"""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lw3dsim.algebra.costs import add_cost
from lw3dsim.algebra.winograd import integers, transform
from lw3dsim.rtl.linear import growth_of, matrix_module

ENTRIES = st.integers(-9, 9)
MATRICES = st.tuples(st.integers(1, 5), st.integers(1, 5)).flatmap(
    lambda size: st.tuples(*[st.tuples(*[ENTRIES] * size[1])] * size[0])
)
TRANSFORMS = [
    integers(getattr(transform(m, r), name))
    for m, r in ((2, 2), (2, 3), (4, 3), (6, 3), (2, 5))
    for name in ("BT", "G", "AT")
]
BITS = 8
LARGEST = 127


def evaluated(text, values):
    """Return what a module makes of values, each sum checked for its bits, and how many additions it has."""
    known, out, adds = {f"s{i}": value for i, value in enumerate(values)}, [], 0
    for line in text.splitlines():
        if found := re.fullmatch(r" +wire signed \[IN\+(\d+)-1:0\] (s\d+) = (.*);", line):
            bits, name, sum_of = BITS + int(found[1]), found[2], found[3]
            known[name] = of(sum_of, known)
            assert -(1 << bits - 1) <= known[name] < 1 << bits - 1
            adds += 1
        elif found := re.fullmatch(r" +assign out\[.*\] = (.*);", line):
            out.append(of(found[1], known))
    return out, adds


def of(text, known):
    """Return the value of a sum of signals, cast and shifted."""
    plain = re.sub(r"\(IN\+\d+\)'\((\w+)\)", r"\1", text).replace("<<<", "<<")
    if "<<" in plain and not plain.startswith(("(", "-")) and " + " not in plain and " - " not in plain:
        plain = f"({plain})"
    return eval("0" if plain == "'0" else plain, {}, known)  # noqa: S307  # text that was made here


@given(MATRICES, st.data())
def test_a_module_multiplies_by_its_matrix(matrix, data):
    values = data.draw(st.tuples(*[st.integers(-LARGEST, LARGEST)] * len(matrix[0])))
    out, _ = evaluated(matrix_module("x", matrix), values)
    assert out == [sum(a * b for a, b in zip(row, values, strict=True)) for row in matrix]
    bits = BITS + growth_of(matrix)
    assert all(-(1 << bits - 1) <= value < 1 << bits - 1 for value in out)


@pytest.mark.parametrize("matrix", TRANSFORMS, ids=str)
def test_a_transform_has_the_additions_that_are_counted(matrix):
    ends = [tuple(LARGEST if entry < 0 else -LARGEST for entry in row) for row in matrix]
    for values in ends:
        out, adds = evaluated(matrix_module("x", matrix), values)
        assert out == [sum(a * b for a, b in zip(row, values, strict=True)) for row in matrix]
        assert adds == add_cost(matrix).shared
