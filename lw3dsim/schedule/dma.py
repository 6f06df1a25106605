"""What DMA moves: regions of DRAM, cut into boxes, each a list of runs of bursts."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.base.arrays import spread
from lw3dsim.base.values import Value, replace
from lw3dsim.tensor.layout import Boxes, Runs

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Ints


class Activations(Value, frozen=True, kw_only=True, dict=True):
    """One tensor, or several of equal layout, from the bursts ``bases`` on; a box is moved from each in turn."""

    boxes: Boxes
    bases: tuple[int, ...]

    @property
    def bursts(self) -> int:
        """Bursts of one of the tensors."""
        return self.boxes.layout.bursts

    @property
    def end(self) -> int:
        """The first burst behind all tensors."""
        return max(self.bases) + self.bursts

    @cached_property
    def box_bursts(self) -> Ints:
        """Bursts moved per box."""
        return self.boxes.bursts(len(self.bases))

    def shifted(self, bursts: int) -> Activations:
        """Return the same ``bursts`` further on in DRAM."""
        return replace(self, bases=tuple(base + bursts for base in self.bases))

    def runs(self, page: int = 0) -> Runs:
        """Return the DMA descriptors of every box; what lies in one of the DRAM's pages may be joined."""
        if len(self.bases) == 1:
            return self.boxes.runs(self.bases[0], page)
        one = self.boxes.runs(0)
        per_box, tensors = np.diff(one.offsets), len(self.bases)
        segment, at = spread(np.repeat(per_box, tensors))
        box, tensor = np.divmod(segment, tensors)
        run = one.offsets[box] + at
        bases = np.array(self.bases, dtype=np.int64)
        return Runs(offsets=one.offsets * tensors, first=one.first[run] + bases[tensor], count=one.count[run])


class Weights(Value, frozen=True, kw_only=True):
    """Weight tiles behind each other from burst ``base`` on, each starting on a burst."""

    box_bursts: Ints
    base: int

    @property
    def bursts(self) -> int:
        """Bursts of all tiles."""
        return int(self.box_bursts.sum())

    @property
    def end(self) -> int:
        """The first burst behind all tiles."""
        return self.base + self.bursts

    def shifted(self, bursts: int) -> Weights:
        """Return the same ``bursts`` further on in DRAM."""
        return replace(self, base=self.base + bursts)

    def runs(self, page: int = 0) -> Runs:  # noqa: ARG002  # one run has nothing to be joined to
        """Return the DMA descriptors of every tile: one run each."""
        ends = np.cumsum(self.box_bursts)
        boxes = np.arange(len(ends) + 1, dtype=np.int64)
        return Runs(offsets=boxes, first=self.base + ends - self.box_bursts, count=self.box_bursts)
