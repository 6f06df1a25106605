"""What layers and groups of a network offer: a cost by the layouts of what each reads and writes.

Costs begin as bounds, and become exact only where they are part of the best cut by what is known.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lw3dsim.describe.workload import Linear
from lw3dsim.map.group.laid import Table
from lw3dsim.network.chains import moved_of, stored_of
from lw3dsim.network.layers import AS_IT_LIES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lw3dsim.base.arrays import Flags, Floats
    from lw3dsim.describe.workload import Workload
    from lw3dsim.map.group.group import Blocks
    from lw3dsim.map.group.laid import Layouts
    from lw3dsim.map.group.partition import Path
    from lw3dsim.network.layers import Lies


class End(NamedTuple):
    """What a layer or group reads or writes: its tensor, and the blocks that this may have; None as it lies."""

    tensor: str | None
    blocks: tuple[int | None, ...]


NOTHING = End(None, (None,)), End(None, (None,))


@dataclass(kw_only=True)
class Offer:
    """What a layer or group costs at ``least`` by the layouts of its ends; where that is ``known``, it costs no less.

    ``bounds`` are closer and closer ones of all entries, one for all or one for each; ``exact`` finds one of them.
    """

    ends: tuple[End, ...]
    least: Floats
    known: Flags
    bounds: list[Callable[[], float | Floats]]
    exact: Callable[[Lies], float]

    @classmethod
    def of(
        cls, ends: tuple[End, ...], least: float, exact: Callable[[Lies], float], *bounds: Callable[[], float | Floats]
    ) -> Offer:
        """Return an offer of which a bound is known."""
        shape = tuple(len(end.blocks) for end in ends)
        return cls(
            ends=ends,
            least=np.full(shape, float(least)),
            known=np.zeros(shape, dtype=bool),
            bounds=list(bounds),
            exact=exact,
        )

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
        names = [end.tensor for end in self.ends]
        free = [i for i, name in enumerate(names) if name is not None]
        free.sort(key=lambda i: names[i] or "")
        kept = self.least.transpose(*free, *(i for i in range(len(names)) if i not in free))
        return Table(
            tuple(name for i in free if (name := names[i]) is not None),
            kept.reshape([len(self.ends[i].blocks) for i in free]),
        )

    def look(self, layouts: Layouts) -> bool:
        """Find out more about it where its ends lie so; return whether there was more to know."""
        at = self._place(layouts)
        if self.known[at]:
            return False
        if self.bounds:
            self.least = np.broadcast_to(self.bounds.pop(0)(), self.least.shape).copy()
            if math.isinf(self.least[at]):
                self.known[:] = True
        else:
            self.least[at], self.known[at] = self.exact(self.lies(layouts)), True
        return True

    def lies(self, layouts: Layouts) -> Lies:
        """Return the blocks of its ends in these layouts."""
        return tuple(end.blocks[i] for end, i in zip(self.ends, self._place(layouts), strict=True))

    def _place(self, layouts: Layouts) -> tuple[int, ...]:
        return tuple(0 if end.tensor is None else layouts[end.tensor] for end in self.ends)


def users_of(network: Workload, blocks: Mapping[str, Blocks]) -> dict[str, set[int]]:
    """Return, by tensor whose layout decides, the layers that read or write it."""
    users: dict[str, set[int]] = {name: set() for name in blocks}
    for i, layer in enumerate(network.layers):
        reads = () if isinstance(layer, Linear) else layer.inputs[:1]
        for name in (*reads, layer.name):
            if name in users:
                users[name].add(i)
    return users


def ends_of(network: Workload, path: Path, blocks: Mapping[str, Blocks], own: Lies = AS_IT_LIES) -> tuple[End, ...]:
    """Return what a path reads and writes, in its ``own`` blocks where these can't be chosen."""
    layers = [network.layers[i] for i in path]
    read, *made = moved_of(layers, stored_of(network, layers))
    each = itertools.zip_longest(("" if isinstance(layers[0], Linear) else read, *made), own)
    return tuple(End(name, blocks[name]) if name in blocks else End(None, (block,)) for name, block in each)
