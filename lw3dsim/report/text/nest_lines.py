"""Lines of a loop nest: loops, what happens within, aligned for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.base.values import Value
from lw3dsim.map.words import plural, unrolling
from lw3dsim.report.terminal import wrapped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.machine.microarchitecture import Machine

WIDTH = 100


class Loop(Value, frozen=True, kw_only=True):
    """A loop over the tiles of one dimension: the last takes the rest, or all are as equal as can be (``is_even``).

    In each of several ``clips`` there are ``total`` positions. So many tiles ``warm`` up before the first.
    """

    dim: str
    total: int
    tile: int
    is_even: bool = False
    clips: int = 1
    warm: int = 0

    @property
    def of_clip(self) -> int:
        """How many tiles it cuts each clip into."""
        return -(-self.total // self.tile)

    @property
    def trips(self) -> int:
        """How often it runs."""
        return self.clips * (self.warm + self.of_clip)

    @property
    def last(self) -> int:
        """The size of the last tile, which may be smaller."""
        return self.total // self.of_clip if self.is_even else self.total - (self.of_clip - 1) * self.tile

    @property
    def code(self) -> str:
        """The loop as code."""
        return f"for {self.dim} in {self.trips:,}"

    @property
    def sizes(self) -> str:
        """The size of its tiles, of the smaller where there are any, and of the whole."""
        smaller = f" or {self.last}" if self.is_even else f", last {self.last},"
        each = f" in each of {self.clips} clips" if self.clips > 1 else ""
        before = f"{self.warm} to warm up, " if self.warm else ""
        return f"{before}{self.tile}{smaller if self.last < self.tile else ''} of {self.total}{each}"


class Line(Value, frozen=True, kw_only=True):
    """A line of a nest: where it happens, within how many loops, as code, and in words."""

    level: str
    depth: int
    code: str
    note: str


def aligned(lines: Sequence[Line], width: int = WIDTH) -> list[str]:
    """Return the lines as text: levels, code and notes in columns, notes wrapped."""
    level = 2 + max(len(line.level) for line in lines)
    code = 2 + max(2 * line.depth + len(line.code) for line in lines)
    text, before = [], ""
    for line in lines:
        name = line.level if line.level != before else ""
        head = f"  {name:<{level}}{'  ' * line.depth + line.code:<{code}}"
        parts = wrapped(line.note, max(width - len(head), 30))
        text += [(head if i == 0 else " " * len(head)) + part for i, part in enumerate(parts)]
        before = line.level
    return [line.rstrip() for line in text]


def times(count: int) -> str:
    """Return ``count`` as how often."""
    return f"{count:,} times"


def lanes(machine: Machine, arch: Accelerator) -> str:
    """Return the lanes of the array, which are its places for tiles times the tiles that a PE works on."""
    places = unrolling("tiles", arch)
    return f"{plural(machine.lanes, 'lane')} ({plural(arch.places('tiles'), places) if places else 'of a PE'})"


def summed(arch: Accelerator) -> str:
    """Return along what input channels are summed up in adder trees, nothing where they are not."""
    places = unrolling("input_channels", arch)
    return f", in adder trees along {plural(arch.places('input_channels'), places)}" if places else ""


def one_each(arch: Accelerator) -> str:
    """Return how output channels lie on the PEs."""
    places = unrolling("output_channels", arch)
    return f"one a {places}" if places else "one after the other"


def rows(machine: Machine, arch: Accelerator) -> str:
    """Return the places for output channels."""
    places = unrolling("output_channels", arch)
    return "all PEs" if not places else f"{machine.rows} {places}s" + " of PEs" * (places != "PE")
