"""A layer computed on whole tensors, by what also runs its schedule: tile for tile the same values, sooner.

Waves are computed at once, and kernels are transformed once for all clips. The input channels that a mapping takes at
once stay together, since what is drained of them is rounded; neither tiles along other axes nor the order of loops
change a value.
"""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.arithmetic.computation import Peaks
from lw3dsim.arithmetic.machine import (
    Execution,
    compute_tile,
    fresh_tile,
    load_ifmap,
    load_weights,
    store_tile,
    transformed_inputs,
)
from lw3dsim.arithmetic.place import Place

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lw3dsim.arithmetic.computation import Computation
    from lw3dsim.arithmetic.number import Number, Tensor
    from lw3dsim.arithmetic.operands import Operands
    from lw3dsim.machine.microarchitecture import Machine
    from lw3dsim.machine.problem import Problem


class WholeLayer:
    """A layer under a mapping that takes ``channels`` input channels at once; called with what it reads of a clip."""

    def __init__(
        self,
        problem: Problem,
        channels: int,
        machine: Machine,
        number: Number,
        computation: Computation,
        operands: Operands | None,
    ) -> None:
        shape = (problem.groups * problem.n, *problem.out)
        self.run = Execution(
            problem=problem,
            machine=machine,
            number=number,
            computation=computation,
            sources=(),
            output=np.zeros(0),
            written=np.zeros(shape, dtype=np.int8),
            operands=operands,
            in_waves=False,
        )
        whole = {"n": slice(0, problem.n), "origin": (0, 0, 0), "size": problem.out}
        chunks = [slice(at, min(at + channels, problem.c)) for at in range(0, problem.c, channels)]
        self._places = [[Place(group=g, c=c, **whole) for c in chunks] for g in range(problem.groups)]  # type: ignore[arg-type]
        self._kernels: dict[tuple[int, int], Tensor] = {}

    @property
    def is_winograd(self) -> bool:
        """Whether operands are transformed."""
        return self.run.operands is not None

    @property
    def groups_at_once(self) -> int:
        """Of how many groups the channels of a place are."""
        problem = self.run.problem
        return problem.n // problem.group_n if problem.structure == "grouped" else 1

    def transformed_weights(self) -> Iterator[Tensor]:
        """Yield transformed weights (N, channels, phases, coordinates)."""
        for places in self._places:
            for place in places:
                yield self._kernel(place)

    def twin(self) -> WholeLayer:
        """Return the same layer with storage of its own; kernels are shared."""
        other = copy(self)
        other.run = replace(self.run, written=self.run.written.copy(), peaks=Peaks())
        return other

    def transformed_inputs(self, sources: Sequence[Tensor]) -> Iterator[Tensor]:
        """Yield the coordinates of ``sources`` before they are narrowed, in the last three dimensions."""
        run = self.run
        run.sources = sources
        tiles = [-(-size // m) for size, m in zip(run.problem.out, run.problem.algorithm.tile, strict=True)]
        for places in self._places:
            for place in places:
                run.ifmap = load_ifmap(run, place)
                yield transformed_inputs(run, [(0, count) for count in tiles])

    def __call__(self, sources: Sequence[Tensor]) -> Tensor:
        """Return the output (N, T, H, W) on ``sources``, as they are arranged for the layer."""
        run = self.run
        run.sources = sources
        run.output = np.zeros(run.written.shape, dtype="int64" if run.number.is_integer else run.number.dtype)
        for places in self._places:
            run.ofmap = fresh_tile(run, places[0])
            for place in places:
                run.ifmap = load_ifmap(run, place)
                if run.computation.weights is not None:
                    run.kernels = self._kernel(place)
                compute_tile(run, place)
            store_tile(run, places[-1])
        return run.output

    def _kernel(self, place: Place) -> Tensor:
        """Return the kernels of a place as the multipliers take them."""
        at = place.group, place.c.start
        if at not in self._kernels:
            self._kernels[at] = load_weights(self.run, place)
        return self._kernels[at]
