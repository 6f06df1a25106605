"""Do random kernels give in machine code what CPython gives, leave the same words, and fail at the same place?"""

from __future__ import annotations

import random

import numpy as np
import pytest
from random_kernels import random_module
from small_packages import compiled, written

from lw3dsim.compiler.build import compilers

COUNT, INPUTS = 30, 60
FAULTS = IndexError, ZeroDivisionError, ValueError

pytestmark = pytest.mark.skipif(not compilers(), reason="no C compiler here")


class Strict(list):
    """Words as kernels have them: counted from the start alone."""

    def __getitem__(self, index):
        if index < 0:
            raise IndexError(index)
        return super().__getitem__(index)

    def __setitem__(self, index, value):
        if index < 0:
            raise IndexError(index)
        super().__setitem__(index, value)


def outcome(kernel, a, b, columns, module, kind):
    """Return what a kernel gives, or that it fails, and the words after that."""
    w, u, v = (kind(column) for column in columns)
    pair = module.Pair(a % 5, b % 7, w, module.Inner(a % 3, v))
    try:
        given = kernel(a, b, w, u, pair)
    except FAULTS:
        given = "a fault"
    return given, [list(map(int, words)) for words in (w, u, v)]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = written(tmp_path_factory.mktemp("random"), random_module(seed(), COUNT), "random_kernels_of_test")
    return compiled(root)


def seed():
    return 1


def test_random_kernels_are_what_cpython_runs(made):
    module, kernels = made
    choice, faults = random.Random(seed()), 0  # noqa: S311  # the same again
    for name, kernel in kernels.items():
        for _ in range(INPUTS):
            a, b = (choice.choice([0, 1, 2, 5, 63, 1000, -1, -3, -500]) for _ in "ab")
            columns = [[choice.randint(-9, 9) for _ in range(choice.choice([1, 2, 3, 6] * 5 + [0]))] for _ in "wuv"]
            expected = outcome(getattr(module, name), a, b, columns, module, Strict)
            found = outcome(kernel, a, b, columns, module, lambda words: np.array(words, dtype=np.int64))
            assert found == expected, (name, a, b, columns)
            faults += expected[0] == "a fault"
    # Both kinds of end are seen.
    assert 0.1 < faults / (len(kernels) * INPUTS) < 0.9
