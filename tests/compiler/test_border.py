"""Does the border to Python take what a kernel is declared to take, and say of which argument else it is not so?"""

from __future__ import annotations

import pickle
import threading
from array import array

import numpy as np
import pytest
from small_packages import compiled, written

from lw3dsim.base.kernels import flat, read
from lw3dsim.compiler.build import compilers

pytestmark = pytest.mark.skipif(not compilers(), reason="no C compiler here")

TEXT = """
from typing import NamedTuple
from lw3dsim.base.arrays import Words
from lw3dsim.base.kernels import entry, interpreted, read

class Box(NamedTuple):
    first: int
    size: tuple[int, int]
    last: int

class Pair(NamedTuple):
    x: int
    w: Words

class Both(NamedTuple):
    first: Words
    second: Words

class Given(NamedTuple):
    value: int
    is_small: bool

@entry
def taken(a: int, w: Words, p: Pair, t: tuple[int, int], is_more: bool) -> Given:
    w[0] = p.w[0] + t[1]
    return Given(a + p.x + is_more, a < 3)

@entry
def fall(a: int, w: Words) -> int:
    w[0] = 7
    return w[a] // w[1]

@entry
def crossed(both: Both) -> int:
    both.first[0], both.second[1] = both.second[0], len(both.first)
    return both.first[1]

@entry
def quiet(w: Words) -> None:
    w[0] += 1

@entry
def box(w: Words, number: int) -> Box:
    w[0] += 1
    found = read(Box, w, number)
    w[1] = found.size[0] + 1
    return found

@interpreted
def slow(a: int) -> int:
    return len(str(a))

@entry
def asked(a: int) -> int:
    return slow(a)

@entry
def odd(int64_t: int, k_at: int, main: int, words: int, _: int, k1: int) -> int:
    for room in range(k1):
        int64_t, k_at = k_at, int64_t + room
    return int64_t * 3 + k_at * 5 + main * 7 + words * 11 + _
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return compiled(written(tmp_path_factory.mktemp("border"), TEXT, "border_of_test"))


def words(*values):
    return np.array(values, dtype=np.int64)


def arguments(module, **changed):
    first, second = words(1, 2), words(5)
    right = {"a": 2, "w": first, "p": module.Pair(10, second), "t": (3, 4), "is_more": True} | changed
    return list(right.values())


def test_what_is_given_is_of_the_declared_class(made):
    module, kernels = made
    given = arguments(module)
    result = kernels["taken"](*given)
    assert result == module.Given(13, is_small=True)
    assert (type(result), type(result.is_small)) == (module.Given, bool)
    assert given[1].tolist() == [9, 2]
    assert kernels["quiet"](words(1)) is None


class Own(np.ndarray):
    """Arrays of a class of their own."""


@pytest.mark.parametrize(
    "other",
    [
        lambda plain: plain[:],
        lambda plain: plain.astype("q"),
        lambda plain: pickle.loads(pickle.dumps(plain)),  # noqa: S301  # ours
        lambda plain: plain.view(Own),
        memoryview,
        lambda plain: array("q", plain.tolist()),
    ],
    ids=["slice", "long long", "type of its own", "class of its own", "memoryview", "array of the standard library"],
)
def test_words_are_whatever_has_a_buffer_of_int64(made, other):
    module, kernels = made
    for _ in range(2):  # the first array that comes is looked at closer
        given = other(words(1, 2))
        assert kernels["taken"](*arguments(module, w=given)) == module.Given(13, is_small=True)
        assert list(given) == [9, 2]


def test_a_table_of_words_alone_may_come_in_one_piece(made):
    module, kernels = made
    sheet = words(1, 2, 3, 4, 5, 6).reshape(2, 3)
    assert kernels["crossed"](sheet) == 2
    assert sheet.tolist() == [[4, 2, 3], [4, 3, 6]]
    apart = module.Both(words(1, 2, 3), words(4, 5, 6))
    assert kernels["crossed"](apart) == 2
    assert [column.tolist() for column in apart] == sheet.tolist()
    empty = np.zeros((2, 0), dtype=np.int64)
    with pytest.raises(IndexError):
        kernels["crossed"](empty)


SHEET = words(1, 2, 3, 4, 5, 6, 7, 8).reshape(2, 4)


@pytest.mark.parametrize(
    "sheet",
    [
        SHEET.reshape(1, 8),
        SHEET.reshape(4, 2),
        SHEET.ravel(),
        SHEET.reshape(2, 2, 2),
        SHEET[:, ::2],
        SHEET.astype(np.int32),
        SHEET.astype(np.float64),
        np.asfortranarray(SHEET),
        [[1, 2], [3, 4]],
        3,
    ],
    ids=str,
)
def test_a_table_in_one_piece_has_a_row_for_each_of_its_words(made, sheet):
    _, kernels = made
    with pytest.raises((TypeError, ValueError, BufferError), match="crossed: argument 1: "):
        kernels["crossed"](sheet)


READ_ONLY = words(1, 2)
READ_ONLY.flags.writeable = False
WRONG = {
    "a": ([1.5, "text", None, 1 << 63, -(1 << 63) - 1], 1),
    "w": (
        [
            [1, 2],
            words(1, 2, 3)[::2],
            READ_ONLY,
            words(1, 2).reshape(1, 2),
            np.array([1, 2], dtype=np.int32),
            np.array([1, 2], dtype=np.uint64),
            np.array([1.0, 2.0]),
            np.array([1, 2], dtype=">i8"),
            np.frombuffer(bytearray(17), dtype=np.uint8)[1:].view(np.int64),
            b"12345678",
            None,
        ],
        2,
    ),
    "p": ([(), (1,), (1, words(2), 3), [1, words(2)], (1, [2]), (words(1), 2), 3, words(1, 2).reshape(2, 1)], 3),
    "t": ([(1,), (1, 2, 3), [1, 2], 3, (1, "2")], 4),
    "is_more": ([1, 0, None, "True"], 5),
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in WRONG for value in WRONG[name][0]], ids=str)
def test_a_wrong_argument_is_named(made, name, value):
    module, kernels = made
    given = arguments(module, **{name: value})
    with pytest.raises((TypeError, ValueError, OverflowError, BufferError)) as caught:
        kernels["taken"](*given)
    assert str(caught.value).startswith(f"border_of_test.kernels_of_it.taken: argument {WRONG[name][1]}: ")
    # Nothing ran, and nothing is held.
    right = arguments(module)
    assert kernels["taken"](*right) == module.Given(13, is_small=True)


@pytest.mark.parametrize("count", [0, 1, 4, 6])
def test_too_few_and_too_many_arguments_are_counted(made, count):
    module, kernels = made
    given = [*arguments(module), 1][:count]
    with pytest.raises(TypeError, match=f"taken does not take {count} arguments"):
        kernels["taken"](*given)


def test_faults_are_those_of_cpython_and_leave_what_was_written(made):
    module, kernels = made
    for values, at, fault in (([1, 0], 1, ZeroDivisionError), ([1, 2], 2, IndexError), ([], 0, IndexError)):
        for kernel, given in ((kernels["fall"], words(*values)), (module.fall, list(values))):
            with pytest.raises(fault):
                kernel(at, given)
            assert list(given[:1]) == [7][: len(values)]


def test_an_index_from_the_end_is_a_fault(made):
    _, kernels = made
    with pytest.raises(IndexError):
        kernels["fall"](-1, words(1, 2))


def test_arrays_are_let_go_after_a_call(made):
    _, kernels = made
    array = np.array([1, 2], dtype=np.int64)
    kernels["quiet"](array)
    with pytest.raises(IndexError):
        kernels["fall"](5, array)
    array.resize(5, refcheck=False)


def test_what_only_cpython_runs_is_a_fault(made):
    module, kernels = made
    assert module.asked(1234) == 4
    with pytest.raises(ValueError, match="only CPython runs this"):
        kernels["asked"](1234)


def test_names_of_c_are_names_like_others(made):
    module, kernels = made
    given = (3, 5, 7, 11, 13, 4)
    assert kernels["odd"](*given) == module.odd(*given)


def test_kernels_run_at_the_same_time_in_threads(made):
    _, kernels = made
    arrays, wrong = [words(0, 0) for _ in range(4)], []

    def run(array):
        for _ in range(2000):
            kernels["quiet"](array)
            try:
                kernels["fall"](9, array)
                wrong.append(array)
            except IndexError:
                pass

    threads = [threading.Thread(target=run, args=(array,)) for array in arrays]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert [array.tolist() for array in arrays] == [[7, 0]] * 4


def test_tables_in_words_are_read_back(made):
    module, kernels = made
    boxes = [module.Box(1, (2, 3), 4), module.Box(5, (6, 7), 8)]
    laid = [word for each in boxes for word in flat(each)]
    assert [read(module.Box, laid, i) for i in range(2)] == boxes
    own, theirs = words(*laid, 9), [*laid, 9]
    for number in (1, 0):
        assert kernels["box"](own, number) == module.box(theirs, number)
        assert own.tolist() == theirs
    for number in (2, -1):
        with pytest.raises(IndexError):
            kernels["box"](own, number)
        with pytest.raises(IndexError):
            module.box(theirs, number)
