"""What layers and groups of a network offer: a cost by the layouts of what each reads and writes.

Costs begin as bounds, and become exact only where they are part of the best cut by what is known.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lw3dsim.describe.workload import Linear
from lw3dsim.map.group.laid import Table
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
    """The input or output of a layer or group: its tensor, and the blocks that this may have; None as it lies."""

    tensor: str | None
    blocks: tuple[int | None, ...]


NOTHING = End(None, (None,)), End(None, (None,))


@dataclass(kw_only=True)
class Offer:
    """What a layer or group costs at ``least`` by the layouts of its ends; where that is ``known``, it costs no less.

    ``bounds`` are closer and closer ones of all entries, one for all or one for each; ``exact`` finds one of them.
    """

    ends: tuple[End, End]
    least: Floats
    known: Flags
    bounds: list[Callable[[], float | Floats]]
    exact: Callable[[Lies], float]

    @classmethod
    def of(
        cls, ends: tuple[End, End], least: float, exact: Callable[[Lies], float], *bounds: Callable[[], float | Floats]
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
    def all_known(cls, ends: tuple[End, End], costs: Floats) -> Offer:
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
        kept = self.least.transpose(*free, *(i for i in range(2) if i not in free))
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
        (first, last), (i, j) = self.ends, self._place(layouts)
        return first.blocks[i], last.blocks[j]

    def _place(self, layouts: Layouts) -> tuple[int, int]:
        i, j = (0 if end.tensor is None else layouts[end.tensor] for end in self.ends)
        return i, j


def users_of(network: Workload, blocks: Mapping[str, Blocks]) -> dict[str, set[int]]:
    """Return, by tensor whose layout decides, the layers that read or write it."""
    users: dict[str, set[int]] = {name: set() for name in blocks}
    for i, layer in enumerate(network.layers):
        reads = () if isinstance(layer, Linear) else layer.inputs[:1]
        for name in (*reads, layer.name):
            if name in users:
                users[name].add(i)
    return users


def ends_of(network: Workload, path: Path, blocks: Mapping[str, Blocks], own: Lies = AS_IT_LIES) -> tuple[End, End]:
    """Return what a path reads and writes, in its ``own`` blocks where these can't be chosen."""
    first, last = network.layers[path[0]], network.layers[path[-1]].name
    read = "" if isinstance(first, Linear) else first.inputs[0]
    return (
        End(read, blocks[read]) if read in blocks else End(None, own[:1]),
        End(last, blocks[last]) if last in blocks else End(None, own[1:]),
    )
