"""What DMA moves: regions of DRAM, cut into boxes, each a list of runs of bursts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.base.caches import once
from lw3dsim.base.kernels import kernels
from lw3dsim.base.values import Value, replace
from lw3dsim.tensor.runs import Runs, list_tiles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.base.arrays import Ints
    from lw3dsim.tensor.layout import Boxes


class Activations(Value, frozen=True, kw_only=True, dict=True, gc=True):
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

    @once
    def box_bursts(self) -> Ints:
        """Bursts moved per box."""
        return self.boxes.bursts(len(self.bases))

    def shifted(self, bursts: int) -> Activations:
        """Return the same ``bursts`` further on in DRAM."""
        return replace(self, bases=tuple(base + bursts for base in self.bases))

    @property
    def most_runs(self) -> int:
        """The most runs that there are of all boxes; raises MappingError where they are too many."""
        return self.boxes.check_runs() * len(self.bases)

    def list_runs(self, page: int, into: Runs, done: tuple[int, int]) -> tuple[int, int]:
        """List the DMA descriptors of every box behind so many boxes and runs; return how many there are then."""
        return self.boxes.list_runs(self.bases, page, into, done)


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

    @property
    def most_runs(self) -> int:
        """The runs of all tiles: one each."""
        return len(self.box_bursts)

    def list_runs(self, page: int, into: Runs, done: tuple[int, int]) -> tuple[int, int]:  # noqa: ARG002
        """List the DMA descriptors of every tile, of one run, which has nothing to be joined to; return the same."""
        work = kernels()
        return work(list_tiles)(work.words(self.box_bursts), self.base, into, *done)


def runs_of(regions: Sequence[Activations | Weights], page: int = 0) -> Runs:
    """Return the DMA descriptors of every box of all ``regions``.

    What lies in one of the DRAM's pages, of so many bursts, may be joined. Raises MappingError for more than can be
    listed.
    """
    work = kernels()
    most = sum(region.most_runs for region in regions)
    boxes = sum(len(region.box_bursts) for region in regions)
    into, done = Runs(work.empty(boxes + 1), work.room(most), work.room(most)), (0, 0)
    for region in regions:
        done = region.list_runs(page, into, done)
    _, runs = done
    return Runs(into.offsets, into.first[:runs], into.bursts[:runs])
