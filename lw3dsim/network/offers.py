"""What layers and groups of a network offer: a cost by the layouts of what each reads and writes.

Costs begin as bounds, and become exact only where they are part of the best cut by what is known.
"""

from __future__ import annotations

import functools
import math
import string
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lw3dsim.map.group.laid import Table
from lw3dsim.network.layers import AS_IT_LIES
from lw3dsim.network.units import moved_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lw3dsim.base.arrays import Flags, Floats
    from lw3dsim.describe.workload import Workload
    from lw3dsim.map.group.group import Blocks, Group
    from lw3dsim.map.group.laid import Layouts
    from lw3dsim.map.group.partition import Path
    from lw3dsim.network.layers import Lies


class End(NamedTuple):
    """What a layer or group reads or writes: its tensor, and the blocks that this may have; None as it lies."""

    tensor: str | None
    blocks: tuple[int | None, ...]


NOTHING = End(None, (None,)), End(None, (None,))

# The last of the blocks of an end that may have any: all that are not listed. What it costs there is a bound.
OTHERS = 0


@dataclass(kw_only=True)
class Offer:
    """What a layer or group costs at ``least`` by the layouts of its ends; where that is ``known``, it costs no less.

    ``bounds`` are closer and closer ones of all entries, one for all or one for each; ``exact`` finds one of them.
    Where it ``stays`` in what is listed, it can't have an end in OTHERS.
    """

    ends: tuple[End, ...]
    least: Floats
    known: Flags
    bounds: list[Callable[[], float | Floats]]
    exact: Callable[[Lies], float]
    first: float = 0.0
    stays: bool = True

    @classmethod
    def of(
        cls,
        ends: tuple[End, ...],
        least: float | Floats,
        exact: Callable[[Lies], float],
        *bounds: Callable[[], float | Floats],
        stays: bool = True,
    ) -> Offer:
        """Return an offer of which a bound is known, one for all of its entries or one for each."""
        unknown, bounded = np.zeros(0, dtype=bool), np.zeros(0)
        offer = cls(
            ends=ends,
            least=bounded,
            known=unknown,
            bounds=list(bounds),
            exact=exact,
            first=float(np.min(least)),
            stays=stays,
        )
        offer._bound(least)
        return offer

    @classmethod
    def all_known(cls, ends: tuple[End, ...], costs: Floats) -> Offer:
        """Return an offer of which there is no more to know."""
        return cls(
            ends=ends,
            least=costs,
            known=np.ones(costs.shape, dtype=bool),
            bounds=[],
            exact=lambda _: math.nan,
        )

    @property
    def table(self) -> Table:
        """Return the costs by tensor."""
        names = tuple(sorted({end.tensor for end in self.ends if end.tensor is not None}))
        letters = string.ascii_letters[: len(names) + len(self.ends)]
        axes = [names.index(end.tensor) if end.tensor else len(names) + i for i, end in enumerate(self.ends)]
        # What is there at several ends lies alike at all of them.
        kept = f"{''.join(letters[axis] for axis in axes)}->{letters[: len(names)]}"
        return Table(names, np.asarray(np.einsum(kept, self.least)))

    def look(self, layouts: Layouts) -> bool:
        """Find out more about it where its ends lie so; return whether there was more to know."""
        at = self._place(layouts)
        if self.known[at] and (self.stays or not self.bounds):
            return False
        if self.bounds:
            self._bound(np.maximum(self.least, self.bounds.pop(0)()))
            if math.isinf(self.least[at]):
                self.known[:] = True
        else:
            self.least[at], self.known[at] = self.exact(self.lies(layouts)), True
        return True

    def widen(self, blocks: Mapping[str, Blocks], least: float | Callable[[], Floats]) -> None:
        """Have the ends in more ``blocks``; what is not known there is bounded by ``least``, what is stays."""
        before, old, known = self.ends, self.least, self.known
        self.ends = tuple(end if end.tensor is None else End(end.tensor, blocks[end.tensor]) for end in before)
        self._bound(least() if callable(least) else least)
        both = [[block for block in end.blocks if block != OTHERS] for end in before]
        at = np.ix_(*([end.blocks.index(block) for block in some] for end, some in zip(before, both, strict=True)))
        now = np.ix_(*([end.blocks.index(block) for block in some] for end, some in zip(self.ends, both, strict=True)))
        self.least[now], self.known[now] = old[at], known[at]

    def _bound(self, least: float | Floats) -> None:
        """Bound all entries; what is in OTHERS is never known any closer."""
        shape = tuple(len(end.blocks) for end in self.ends)
        self.least, self.known = np.broadcast_to(np.asarray(least, dtype=np.float64), shape).copy(), self._in_others
        if self.stays:
            self.least[self.known] = math.inf

    @property
    def _in_others(self) -> Flags:
        """By entry, whether any end is in OTHERS."""
        each = (np.array([block == OTHERS for block in end.blocks], dtype=bool) for end in self.ends)
        return np.asarray(functools.reduce(np.logical_or.outer, each), dtype=bool)

    def lies(self, layouts: Layouts) -> Lies:
        """Return the blocks of its ends in these layouts."""
        return tuple(end.blocks[i] for end, i in zip(self.ends, self._place(layouts), strict=True))

    def _place(self, layouts: Layouts) -> tuple[int, ...]:
        return tuple(0 if end.tensor is None else layouts[end.tensor] for end in self.ends)


def users_of(network: Workload, blocks: Mapping[str, Blocks]) -> dict[str, set[int]]:
    """Return, by tensor whose layout decides, the layers that read or write it."""
    users: dict[str, set[int]] = {name: set() for name in blocks}
    for i, layer in enumerate(network.layers):
        for name in (*network.reads_as_laid(layer), layer.name):
            if (own := network.laid_like.get(name)) in users:
                users[own].add(i)
    return users


def ends_of(network: Workload, path: Path, blocks: Mapping[str, Blocks], group: Group | None = None) -> tuple[End, ...]:
    """Return what a layer, or the ``group`` of a path, reads and writes, as it lies where that can't be chosen."""
    names = moved_of(network, [network.layers[i] for i in path], group)
    each = zip(names, AS_IT_LIES if group is None else group.own_blocks, strict=True)
    ends = ((network.laid_like.get(name or "", ""), block) for name, block in each)
    return tuple(_end(name, blocks.get(name, (block,))) for name, block in ends)


def _end(name: str, blocks: tuple[int | None, ...]) -> End:
    """Return an end of these blocks; where there is one, it is no choice."""
    return End(name if len(blocks) > 1 else None, blocks)
