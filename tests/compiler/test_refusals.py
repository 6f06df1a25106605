"""Is everything outside the dialect refused where it stands: file, line, function, and why?"""

from __future__ import annotations

import re

import pytest
from small_packages import written

from lw3dsim.compiler.extension import extension_source
from lw3dsim.compiler.sources import DialectError

HEAD = """from typing import NamedTuple
from math import gcd
from lw3dsim.base.arrays import Words
from lw3dsim.base.kernels import entry, kernel, read
CHANGED = 1
CHANGED += 1
HALF = 0.5
HUGE = 1 << 63
BELOW = -1
class Pair(NamedTuple):
    x: int
    y: int
class Odd(NamedTuple):
    x: int
    name: str
class Held(NamedTuple):
    w: Words
@kernel
def change(w: Words) -> int:
    w[0] = 1
    return 2
@kernel
def nothing(w: Words) -> None:
    pass
"""
SIGNATURE = "a: int, w: Words, p: Pair"
# What stands in a kernel: why it is refused.
BODIES = {
    "return 1.5": "no kernel has an expression like: 1.5",
    "return 'text'": "no kernel has an expression like: 'text'",
    "return a / 2": "no kernel has an expression like: a / 2",
    "return a ** 2": "no kernel has an expression like: a ** 2",
    "return a << 2": "no kernel has an expression like: a << 2",
    "return ~a": "no kernel has an expression like: ~a",
    "return 9223372036854775808": "no kernel has an expression like: 9223372036854775808",
    "return w[0:2][0]": "no kernel has an expression like: 0:2",
    "return [a][0]": "no kernel has an expression like: [a]",
    "return sum(x for x in (a, 1))": "no kernel has an expression like: (x for x in (a, 1))",
    "return (lambda: a)()": "no kernel has an expression like: (lambda: a)()",
    "return 0 < a < 3": "no kernel has an expression like: 0 < a < 3",
    "return w.sum()": "no kernel has an expression like: w.sum()",
    "return a if a is a else 2": "no kernel has an expression like: a is a",
    "return (x := a)": "no kernel has an expression like: (x := a)",
    "return max(*p)": "no kernel has an expression like: *p",
    "a /= 2": "no kernel has the operation Div",
    "w[0] **= 2": "no kernel has the operation Pow",
    "try:\n        pass\n    finally:\n        pass": "no kernel has a statement like: try:",
    "assert a": "no kernel has a statement like: assert a",
    "raise ValueError": "no kernel has a statement like: raise ValueError",
    "del a": "no kernel has a statement like: del a",
    "global CHANGED": "no kernel has a statement like: global CHANGED",
    "import math": "no kernel has a statement like: import math",
    "x: int = 3": "no kernel has a statement like: x: int = 3",
    "a": "no kernel has a statement like: a",
    "def inner() -> int:\n        return 1": "no kernel has a statement like: def inner() -> int:",
    "for x, y in p: pass": "no kernel has a statement like: for ",
    "for x in range(3):\n        pass\n    else:\n        pass": "no kernel has a statement like: for x in range(3):",
    "while a:\n        pass\n    else:\n        pass": "no kernel has a statement like: while a:",
    "for x in w: pass": "only a tuple comes apart",
    "for x in (a, p): pass": "a loop runs through a range, or through values of one type",
    "p.x = 3": "nothing can be assigned to p.x",
    "(x, y), z = p, a": "nothing can be assigned to (x, y)",
    "x, y = 1, 2, 3": "2 names for 3 values",
    "a = w": "a changes its type, or has none",
    "x = a > 1\n    x = 5": "x changes its type, or has none",
    "x = nothing(w)": "x changes its type, or has none",
    "x, y = nothing(w), 1": "what a kernel without a result gives has no name",
    "x = HALF": "HALF is no constant of an integer",
    "x = HUGE": "HUGE is no constant of an integer",
    "x = CHANGED": "CHANGED is no constant of an integer",
    "x = unknown": "unknown is no constant of an integer",
    "return w[-1]": "an index counts from the start",
    "return w[BELOW]": "an index counts from the start",
    "return w[a > 1]": "an index is an integer",
    "return a[0]": "only words and tuples have elements",
    "return a.x": "x is asked of what is no table",
    "return p.z": "Pair.z is nothing that kernels know",
    "return Odd(1, a).name": "a is of another type than was said",
    "x = Pair(1)": "a NamedTuple is made of all of its fields",
    "x = Pair(1, x=2)": "a NamedTuple is made of all of its fields",
    "x = Pair(**p)": "a NamedTuple is made of all of its fields",
    "x = Pair(1, w)": "w is of another type than was said",
    "return change(w=w)": "kernels are called by position",
    "return change()": "change takes 1 arguments",
    "return change(a)": "a is of another type than was said",
    "return read(Odd, w, a).x": "Odd is not of integers alone",
    "return read(Held, w, a).x": "Held is not of integers alone",
    "return read(Pair, a, 1).x": "a NamedTuple is read from words, by its number there",
    "return read(gcd, w, 1).x": "a NamedTuple is read from words, by its number there",
    "return read(Pair, w).x": "a NamedTuple is read from words, by its number there",
    "return gcd(a, 2)": "gcd(a, 2) calls no kernel",
    "return sorted(w)": "sorted(w) calls no kernel",
    "return len(p)": "len(p) calls no kernel",
    "return min(w)": "min(w) calls no kernel",
    "min = 3\n    return min(a, 1)": "min is a variable here",
    "range = 3\n    for x in range(3): pass": "range is not Python's here",
    "return change(w) + w[0]": "a call that changes words stands beside what looks at some: change(w) + w[0]",
    "return min(w[0], change(w))": "a call that changes words stands beside what looks at some",
    "return change(w) + a // 2": "a call that changes words stands beside what looks at some",
    "x = (w[0], change(w))": "a call that changes words stands beside what looks at some",
    "return 1 if w else 2": "only integers are true or false: w",
    "x = a and 2": "only truths are joined by and, or: a",
    "return p == p": "only integers are counted with and compared",
    "return a in (1, w[0])": "names and constants alone are compared by in",
    "x = w if a else p": "values of two types in w if a else p",
    "return w": "return w is of another type than was said",
    "return": "a value is to be returned",
    "pass": "the end may be come to without a value to return",
    "if a: return 1": "the end may be come to without a value to return",
    "while a: return 1": "the end may be come to without a value to return",
    "x = y": "y is no constant of an integer",
    "if a: x = 1\n    return x": "x may have no value here",
    "for x in range(a): pass\n    return x": "x may have no value here",
    "while a:\n        x = 1\n        a -= 1\n    return x": "x may have no value here",
    "while True:\n        if a: break\n        x = 1\n    return x": "x may have no value here",
    "BELOW = BELOW": "BELOW may have no value here",
}


def refused(tmp_path, text):
    root = written(tmp_path, text)
    with pytest.raises(DialectError) as caught:
        extension_source(root, "small._kernels")
    return str(caught.value).removeprefix(f"{root / 'kernels_of_it.py'}:")


@pytest.mark.parametrize("body", BODIES)
def test_what_is_outside_the_dialect_is_refused_where_it_stands(tmp_path, body):
    text = f"{HEAD}@entry\ndef kept({SIGNATURE}) -> int:\n    {body}\n"
    first = text[: text.rindex(f"    {body}")].count("\n") + 1
    line, function, why = refused(tmp_path, text).split(":", 2)
    is_of_function = "end may be" in why or "without a result" in why
    assert function == " kept"
    assert int(line) == first - 1 if is_of_function else first <= int(line) <= first + body.count("\n")
    assert why.strip().startswith(BODIES[body])


HEADS = {
    "@entry\ndef kept(a: int = 1) -> int:": "a kernel takes positional parameters, without defaults",
    "@entry\ndef kept(*a: int) -> int:": "a kernel takes positional parameters, without defaults",
    "@entry\ndef kept(*, a: int) -> int:": "a kernel takes positional parameters, without defaults",
    "@entry\ndef kept(a: float) -> int:": "kernels know int, bool, Words, tuples of int and NamedTuples, not float",
    "@entry\ndef kept(a) -> int:": "kernels know int, bool, Words, tuples of int and NamedTuples, not nothing",
    "@entry\ndef kept(a: int):": "kernels know int, bool, Words, tuples of int and NamedTuples, not nothing",
    "@entry\ndef kept(a: list[int]) -> int:": "kernels know int, bool, Words, tuples of int and NamedTuples, not list",
    "@kernel\n@entry\ndef kept(a: int) -> int:": "a kernel has one decorator",
    "@entry\ndef kept(a: Words) -> Words:": "Python is given integers, truths, tuples and NamedTuples of them alone",
}


@pytest.mark.parametrize("head", HEADS)
def test_a_head_is_refused(tmp_path, head):
    said = refused(tmp_path, f"{HEAD}{head}\n    return a\n")
    assert re.fullmatch(rf"\d+: kept: {re.escape(HEADS[head])}.*", said)


def test_no_kernel_calls_itself_not_even_by_another(tmp_path):
    two = "@entry\ndef {}(a: int) -> int:\n    return {}(a)\n"
    assert refused(tmp_path, HEAD + two.format("kept", "kept")).endswith(": kept: no kernel calls itself")
    both = two.format("one", "other") + two.format("other", "one")
    assert refused(tmp_path / "again", HEAD + both).endswith(": no kernel calls itself")


def test_a_kernel_that_is_declared_twice_is_refused(tmp_path):
    one = "@entry\ndef kept(a: int) -> int:\n    return a\n"
    assert refused(tmp_path, HEAD + one + one).endswith(": kept: a kernel has one meaning")


def test_what_a_module_names_anew_is_not_python_s(tmp_path):
    text = f"{HEAD}from math import gcd as min\n@entry\ndef kept(a: int) -> int:\n    return min(a, 1)\n"
    assert refused(tmp_path, text).endswith(": kept: min(a, 1) calls no kernel")
