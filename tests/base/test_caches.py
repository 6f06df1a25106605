"""Is what is lent nobody else's meanwhile, and free again afterwards? Is what comes later worked out once?"""

from __future__ import annotations

import weakref
from contextlib import ExitStack

from hypothesis import given
from hypothesis import strategies as st

from lw3dsim.base.caches import Later, lent


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


def test_what_comes_later_is_worked_out_once_and_lets_go_of_what_it_comes_from():
    asked = []

    class Source:
        def work(self):
            asked.append(1)
            return [3]

    source = Source()
    held, later = weakref.ref(source), Later(source.work)
    del source
    assert (held() is None, asked) == (False, [])
    assert later() is later()
    assert (held() is None, asked) == (True, [1])
    assert Later.known(5)() == 5
