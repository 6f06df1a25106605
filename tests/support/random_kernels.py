"""Random kernels: modules of the dialect's text, in which every value stays within 64 bits."""

from __future__ import annotations

import random

HEAD = '''
from typing import NamedTuple
from lw3dsim.base.arrays import Words
from lw3dsim.base.kernels import entry, kernel

ODD, MASK = 7, 0b1011

class Inner(NamedTuple):
    """Of a pair."""
    z: int
    v: Words

class Pair(NamedTuple):
    """What kernels are given."""
    x: int
    y: int
    w: Words
    inner: Inner

class Result(NamedTuple):
    """What kernels give."""
    value: int
    is_odd: bool
    both: tuple[int, int]
'''
NUMBERS, TABLES, WORDS = ["a", "b", "x", "y", "z"], ["p", "q", "r"], ["w", "u", "p.w", "q.w", "r.inner.v"]
# Kernels that call no other, and are called by the rest.
LEAVES = 6


class Writer:
    """Writes one kernel from random choices."""

    def __init__(self, choice: random.Random, calls: list[str]) -> None:
        self.choice, self.calls, self.lines = choice, calls, []

    def one(self, *values: str) -> str:
        return self.choice.choice(values)

    def leaf(self) -> str:
        number = str(self.choice.choice([0, 1, 2, 3, 5, 64, 1000, -1, -2, -7]))
        name, table = self.one(*NUMBERS), self.one(*TABLES)
        parts = f"{table}.x", f"{table}.inner.z", "t[0]", "t[1]", f"t[{name} % 3]", "ODD", "MASK"
        return self.one(number, name, name, f"len({self.one(*WORDS)})", self.place(), *parts)

    def place(self) -> str:
        words, name = self.one(*WORDS), self.one(*NUMBERS)
        return f"{words}[{name} % len({words})]" if self.choice.random() < 0.97 else f"{words}[{name}]"

    def number(self, depth: int = 2) -> str:
        """Return an expression that stays small enough to be added to a few others."""
        if depth == 0:
            return self.leaf()
        left, right = self.number(depth - 1), self.number(depth - 1)
        return self.one(
            f"({left} {self.one('+', '-', '&', '|')} {right})",
            f"({self.leaf()} * {self.leaf()})",
            f"({left} {self.one('//', '%')} {right if self.choice.random() < 0.1 else f'({right} | 1)'})",
            f"({left} >> ({right} & 127))",
            f"{self.one('min', 'max')}({left}, {right}, {self.leaf()})",
            f"abs({left})",
            f"-{left}",
            f"({left} if {self.truth()} else {right})",
            f"({self.truth()} + {left})",
            f"int({self.truth()})",
        )

    def truth(self, depth: int = 1) -> str:
        if depth == 0:
            return f"({self.leaf()} {self.one('<', '<=', '==', '!=', '>', '>=')} {self.leaf()})"
        left, right = self.truth(depth - 1), self.truth(depth - 1)
        member = f"({self.one(*NUMBERS)} in (0, ODD, {self.one(*NUMBERS)}))"
        return self.one(f"({left} and {right})", f"({left} or {right})", f"(not {left})", left, member)

    def table(self) -> str:
        inner = self.one("p.inner", "q.inner", f"Inner({self.small()}, {self.one(*WORDS)})")
        made = f"Pair(x={self.small()}, y={self.leaf()}, w={self.one(*WORDS)}, inner={inner})"
        return self.one(*TABLES, made, f"({self.one(*TABLES)} if {self.truth()} else {self.one(*TABLES)})")

    def small(self) -> str:
        return f"{self.number()} % 10007"

    def block(self, pad: str, depth: int, in_loop: bool = False) -> None:
        for _ in range(self.choice.randint(1, 3)):
            self.statement(pad, depth, in_loop)

    def statement(self, pad: str, depth: int, in_loop: bool) -> None:
        name, place = self.one(*NUMBERS), self.place()
        simple = [
            f"{name} = {self.small()}",
            f"{name} {self.one('+', '-', '//', '%')}= {self.small()}; {name} %= 10007",
            f"{name} *= {self.leaf()} % 1000; {name} = {name} % 10007 - 5000",
            f"{place} = {self.small()}",
            f"{place} += {self.small()}; u[0] %= 9973; w[0] %= 9973",
            f"t = ({self.small()}, {self.small()}, {self.leaf()})",
            "x, y = y, x",
            f"x = z = {self.small()}",
            "w[0], w[x % len(w)] = w[y % len(w)], w[0]",
            "x, y, z = t",
            f"z, w[z % len(w)] = {self.small()}, {self.small()}",
            f"{self.one('q', 'r', 'p')} = {self.table()}",
            "q, r = r, q",
            f"w = {self.one(*WORDS)}",
        ]
        if self.calls:
            given = f"{self.leaf()}, {self.small()}, {self.one(*WORDS)}, {self.one(*WORDS)}, {self.table()}"
            simple += [f"{name}, {place} = {self.one(*self.calls)}({given}).both"] * 3
            simple += [f"{self.one(*self.calls)}({given})", f"{place} = {self.one(*self.calls)}({given}).value"]
        if in_loop:
            simple += [f"if {self.truth()}: {self.one('break', 'continue')}"] * 2
        if depth == 0 or self.choice.random() < 0.6:
            self.lines += [pad + part for part in self.one(*simple).split("; ")]
            return
        self.compound(pad, depth)

    def compound(self, pad: str, depth: int) -> None:
        counter = f"n{len(self.lines)}"
        loops = [
            f"for {self.one('i', 'x')} in range({self.leaf()} % 5):",
            f"for i in range({self.leaf()} % 4, {self.leaf()} % 6, {self.leaf()} % 5 - 1):",
            f"for {self.one('i', 'y')} in ({self.small()}, {self.leaf()}, ODD):",
            f"for {self.one('s', 'q')} in (p, q, r):",
            f"for {self.one('v', 'w')} in (w, u):",
        ]
        kind = self.choice.random()
        if kind < 0.4:
            self.lines.append(f"{pad}if {self.one(self.truth(), self.leaf(), f'({self.leaf()} and {self.leaf()})')}:")
            self.block(pad + "    ", depth - 1)
            if self.choice.random() < 0.5:
                self.lines.append(f"{pad}else:")
                self.block(pad + "    ", depth - 1)
        elif kind < 0.8:
            self.lines.append(pad + self.one(*loops))
            self.block(pad + "    ", depth - 1, in_loop=True)
        else:
            test = self.one(f"{counter} > 0", "True")
            self.lines += [f"{pad}{counter} = {self.leaf()} % 6", f"{pad}while {test}:"]
            self.lines += [f"{pad}    {counter} -= 1", f"{pad}    if {counter} < 0: break"]
            self.block(pad + "    ", depth - 1, in_loop=True)


def random_module(seed: int, count: int) -> str:
    """Return a module of ``count`` kernels, named k0, k1 and so on."""
    text = [HEAD]
    for number in range(count):
        choice = random.Random(seed * 1000 + number)  # noqa: S311  # the same again
        writer = Writer(choice, [f"k{i}" for i in range(LEAVES)] if number >= LEAVES else [])
        writer.block("    ", 2)
        writer.block("    ", 1)
        head = f"@entry\ndef k{number}(a: int, b: int, w: Words, u: Words, p: Pair) -> Result:"
        start = "    x = y = 1\n    z = a\n    t = (a, b, 3)\n    q = p\n    r = Pair(b, 2, u, p.inner)"
        end = "    return Result(value=x + y * 3, is_odd=z % 2 == 1, both=(t[0], q.x + r.x + p.inner.z))"
        text.append("\n".join([head, start, *writer.lines, end]))
    return "\n\n\n".join(text)
