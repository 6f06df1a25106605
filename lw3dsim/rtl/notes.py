"""What a program of a core is: descriptors of waves, what DMA does when, the results that it should make, its room."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.base.values import Value
from lw3dsim.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.base.arrays import Ints
    from lw3dsim.rtl.windows import Window


class Happening(NamedTuple):
    """What DMA does at the begin of a cycle: words that it has written, a tile that has arrived, room that it made.

    Of a word it leaves the bits ``spared`` as they are, which are of other tiles.
    """

    cycle: int
    kind: str
    number: int
    word: int = 0
    spared: int = 0


def in_order(happenings: Sequence[Happening]) -> list[Happening]:
    """Return what happens in order of time, and words with what they hold then: what is spared too."""
    held = dict[tuple[str, int], int]()
    made = list[Happening]()
    for one in sorted(happenings, key=lambda one: one.cycle):
        word = one.word | held.get((one.kind, one.number), 0) & one.spared
        held[one.kind, one.number] = word
        made.append(one._replace(word=word, spared=0))
    return made


class Block(NamedTuple):
    """Where a block of so many channels lies in its buffer, and how far the next: in elements.

    Of its positions the buffer holds a window, by default what a step looks at.
    """

    base: int
    channels: int
    pitch: int
    window: Window | None = None


class UnfitError(InputError):
    """A layer or group ``name`` does not run on a core, for a ``reason``."""

    def __init__(self, name: str, reason: str) -> None:
        self.name, self.reason = name, reason
        super().__init__(f"{name} {reason}; choose others with --layers")


def check_room(name: str, buffer: str, words: int, room: int) -> None:
    """Refuse a tile of a layer or group that needs more words than a slot of a buffer has. Raises UnfitError."""
    if words > room:
        raise UnfitError(name, f"has a tile of {words} words for the {buffer} buffer, in which a slot has {room}")


class Fresh(NamedTuple):
    """Whether a step is the first to use its input and its weights, and waits for the step before to drain."""

    ifmap: bool
    weight: bool
    waits: bool = False


class Results(NamedTuple):
    """A word of results: the stage that makes it, its word in the output buffer, and which of the outputs it holds."""

    stage: int
    address: int
    at: Ints


class Leaving(NamedTuple):
    """What DMA takes of a tensor that a stage makes and others read: elements from one on, and which of its outputs."""

    stage: int
    element: int
    at: Ints


class CoreProgram(Value, frozen=True, kw_only=True, eq=False):
    """A program of a core, and the words of results that it should make.

    In order of time, what DMA takes of intermediate tensors is ``leaving``; ``room`` is what it needs of a core.
    """

    waves: list[int]
    happenings: list[Happening]
    results: list[Results]
    leaving: list[Leaving]
    room: Room
    limit: int


class Room(Value, frozen=True, kw_only=True):
    """The most words of a round, of patch, weights and intermediate patch, of partial sums of a depth, and of biases.

    ``kernels`` are words of a row, ``reach`` those in which lanes find inputs at one time, ``near`` those of a group
    of elements of a column, ``elements`` those of intermediate tensors, ``counted`` bits of what is counted along their
    axes, ``slots`` tiles that may come before the first of them is used. Means are made of sums of ``divided`` bits, by
    products with numbers of ``inverse``. There are so many ``divisions``, and ``tables`` that are looked up in.
    """

    patch: int
    kernels: int
    reach: int
    near: int
    inner: int
    sums: int
    divided: int
    inverse: int
    divisions: int
    tables: int
    biases: int
    elements: int
    counted: int
    slots: int


@dataclass(kw_only=True)
class Notes:
    """What has been made of a program, by the makers of all of its stages, and the room that it takes."""

    waves: list[int] = field(default_factory=list)
    happenings: list[Happening] = field(default_factory=list)
    results: list[Results] = field(default_factory=list)
    # By store the words of results that leave with it.
    leaving: dict[int, list[int]] = field(default_factory=dict)
    # What leaves of intermediate tensors, with the cycles in which it has.
    besides: list[tuple[int, Leaving]] = field(default_factory=list)
    bias_words: dict[tuple[int, ...], int] = field(default_factory=dict)
    # By number of values of which there are means, and by function: which it is of them.
    divisions: dict[int, int] = field(default_factory=dict)
    tables: dict[str, int] = field(default_factory=dict)
    drained_words: int = 0
    patch: int = 1
    kernels: int = 1
    reach: int = 1
    near: int = 1
    inner: int = 1
    sums: int = 1
    divided: int = 0
    inverse: int = 1
    counted: int = 1

    def leave(self, store: int, before: int) -> None:
        """Note that the results behind the first ``before`` leave with a store."""
        self.leaving.setdefault(store, []).extend(one.address for one in self.results[before:])

    def program(self, last: int, elements: int, slots: int) -> CoreProgram:
        """Return the program, which ends with cycle ``last``."""
        left = sorted(self.besides, key=lambda one: one[0])
        self.happenings += [Happening(cycle, "leaves", one.element, len(one.at)) for cycle, one in left]
        return CoreProgram(
            waves=self.waves,
            happenings=in_order(self.happenings),
            results=self.results,
            leaving=[one for _, one in left],
            room=Room(
                patch=self.patch,
                kernels=self.kernels,
                reach=self.reach,
                near=self.near,
                inner=self.inner,
                sums=self.sums,
                divided=self.divided,
                inverse=self.inverse,
                divisions=max(len(self.divisions), 1),
                tables=len(self.tables),
                biases=len(self.bias_words),
                elements=elements,
                counted=self.counted,
                slots=slots,
            ),
            limit=2 * last + 10000,
        )
