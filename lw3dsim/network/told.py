"""How much of mapping a network is done, for who waits for it."""

from __future__ import annotations

from math import isqrt
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

    from lw3dsim.describe.workload import Workload


def work_of(network: Workload) -> list[int]:
    """Return, per layer, about how long mapping and simulating it takes, in units of their own.

    That grows with the square root of the elements that it moves; a layer like one before it takes no time.
    """
    seen, work = set[object](), []
    for layer in network.layers:
        inputs, output = network.input_shapes(layer), network.shapes[layer.name]
        kind = (msgspec.structs.replace(layer, name="", inputs=()), *inputs)
        elements = sum(shape.elements for shape in (*inputs, output)) + network.layer_params(layer)
        work.append(1 if kind in seen else 1 + isqrt(elements))
        seen.add(kind)
    return work


# Fusing takes about as long as so many passes over the layers.
FUSING = 4


class Told:
    """Tells someone how much of ``passes`` over the layers of a network is done."""

    def __init__(self, network: Workload, passes: int, to: Callable[[int, int], None] | None) -> None:
        """Tell ``to``, if there is anyone."""
        self._work, self._to, self._done = [] if to is None else work_of(network), to, 0
        self._all = passes * sum(self._work)

    def layer(self, index: int, times: int = 1) -> None:
        """Say that a layer is done in this pass, which counts as so many."""
        if self._to is not None:
            self._done += times * self._work[index]
            self._to(self._done, self._all)

    def all(self) -> None:
        """Say that nothing is left."""
        if self._to is not None:
            self._to(self._all, self._all)
