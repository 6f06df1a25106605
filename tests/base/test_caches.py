"""Is what is lent nobody else's meanwhile, and free again afterwards?"""

from __future__ import annotations

from contextlib import ExitStack

from hypothesis import given
from hypothesis import strategies as st

from lw3dsim.base.caches import lent


def lent_of(free, size):
    """Room of at least a ``size``, lent."""
    return lent(free, lambda: bytearray(size), lambda room: len(room) >= size)


@given(st.lists(st.integers(0, 9), max_size=4), st.lists(st.integers(0, 9), min_size=1, max_size=6))
def test_who_asks_has_something_that_suits_alone_until_it_is_returned(sizes, asked):
    free, before = [bytearray(size) for size in sizes], len(sizes)
    with ExitStack() as stack:
        rooms = [stack.enter_context(lent_of(free, size)) for size in asked]
        assert all(len(room) >= size for room, size in zip(rooms, asked, strict=True))
        assert len({id(room) for room in [*rooms, *free]}) == len(rooms) + len(free)
        assert len(free) == max(before - len(asked), 0)
    assert {id(room) for room in rooms} <= {id(room) for room in free}


def test_what_was_returned_is_lent_again():
    free = []
    with lent(free, object) as first:
        pass
    with lent(free, object) as second:
        assert second is first
