"""Do tables of words go to lists and to arrays whole, is what is fit shared, and do constants mean no columns?"""

from __future__ import annotations

import ast
from typing import NamedTuple

import numpy as np
import pytest
from test_structure import FOLDERS, tree_of

from lw3dsim.base.arrays import as_arrays, as_lists
from lw3dsim.base.kernels import INTERPRETED, NATIVE


class Inner(NamedTuple):
    """A column, and what belongs to it."""

    column: object
    pair: tuple
    number: int


class Outer(NamedTuple):
    """A table in a table."""

    first: object
    inner: Inner
    other: object


COLUMN = np.array([3, 4, 5])
TABLE = Outer(first=[1, 2], inner=Inner(column=COLUMN, pair=(7, 8), number=9), other=None)


def test_a_table_goes_to_lists_with_the_tables_within_it():
    assert as_lists(TABLE) == Outer(first=[1, 2], inner=Inner(column=[3, 4, 5], pair=(7, 8), number=9), other=None)
    assert as_lists(TABLE).first is TABLE.first


def test_a_table_goes_to_arrays_and_shares_those_that_are_fit():
    arrays = as_arrays(TABLE)
    assert (arrays.first.tolist(), arrays.first.dtype) == ([1, 2], np.int64)
    assert arrays.inner.column is COLUMN
    assert (arrays.inner.pair, arrays.inner.number, arrays.other) == ((7, 8), 9, None)


@pytest.mark.parametrize("unfit", [COLUMN[::-1], COLUMN.astype(np.int32), np.broadcast_to(COLUMN, (3,))])
def test_kernels_in_machine_code_get_contiguous_writable_words_alone(unfit):
    words = as_arrays(Inner(column=unfit, pair=(), number=0)).column
    assert words.flags.carray
    assert words.dtype == np.int64
    assert words.tolist() == unfit.tolist()


def test_kernels_own_what_they_run_on():
    assert isinstance(INTERPRETED.own(TABLE).inner.column, list)
    assert isinstance(NATIVE.own(TABLE).first, np.ndarray)


@pytest.mark.parametrize("work", [INTERPRETED, NATIVE])
def test_words_of_one_block_are_those_of_each_column(work):
    columns = [[1, 2, 3], [], [True, False], (4,)]
    split = work.split(*columns)
    assert [list(map(int, words)) for words in split] == [[1, 2, 3], [], [1, 0], [4]]
    split[0][2] = 9
    assert list(split[2]) == [1, 0]
    assert work.split() == []


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_no_constants_are_counted_off_to_mean_columns(folder):
    for path in folder.glob("*.py"):
        for node in tree_of(path).body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
                assert not (isinstance(node.value.func, ast.Name) and node.value.func.id == "range"), (
                    path,
                    node.lineno,
                )
