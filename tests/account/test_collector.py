"""Is a word chosen among no more sums than it takes for any number of rows that work?"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lw3dsim.account.built import chosen_sums


def places(rows, many):
    """Every row and position of which a word of so many outputs has a part, and every output with rows that work."""
    found, beside = set(), set()
    for working in range(1, rows + 1):
        for begin in range(working):
            outputs = range(begin, begin + many)
            found |= {(output % working, output // working) for output in outputs}
            beside |= {(output, working) for output in outputs}
    return len(found), len(beside)


@given(st.integers(1, 12), st.integers(1, 40), st.integers(1, 24))
def test_rows_choose_among_files_and_outputs_among_rows(rows, files, many):
    taken, beside = places(rows, many)
    # Where few rows work the last outputs are not chosen from more of them.
    assert taken * files + beside <= chosen_sums(rows, files, many) <= taken * files + beside + rows * rows


def test_of_many_rows_and_outputs_it_is_a_third_of_them_or_less():
    assert chosen_sums(16, 72, 128) < 0.3 * 16 * 72 * 128
