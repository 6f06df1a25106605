"""Layouts of a network that is cut into units: by what all of them move, then by what they cost.

Bursts decide at first, as nothing is simulated for that. As many may take longer in another layout, where they open
more rows: where a unit pays much for that, the layouts that users were mapped for are tried.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lw3dsim.base.values import replace
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.network.layout_costs import PAYS
from lw3dsim.network.layouts import settle_layouts, standing, uses_of
from lw3dsim.network.objective import Figures
from lw3dsim.network.runs import settled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lw3dsim.account.simulated import Unit
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.workload import Workload
    from lw3dsim.network.blocks import Use
    from lw3dsim.network.objective import Weights


@dataclass(frozen=True, kw_only=True)
class Settler:
    """What settles the layouts of a network: ``weights`` tell what units cost on a chip of ``leakage`` mW."""

    network: Workload
    arch: Accelerator
    engine: str
    weights: Weights
    leakage: float | None

    def cost(self, unit: Unit) -> float:
        """Return what a unit costs."""
        return self.weights.cost(Figures.of(self.network, unit, self.leakage))

    def settle(self, units: list[Unit], given: Mapping[str, int]) -> list[Unit]:
        """Give every tensor a layout, time anew what that changes; channel blocks that are ``given`` stand."""
        found = settle_layouts(self.network, units, self.arch, self.engine, given)
        much = sum(map(self.cost, found)) / PAYS
        paying = {i for i, (own, unit) in enumerate(zip(units, found, strict=True)) if self._pays(own, unit, much)}
        if not paying or self.arch.dram.layout != "auto":
            return found
        known = standing(self.network, given)
        for tensor, users in uses_of(self.network, units, make_clocks(self.arch).burst_bytes).items():
            if (
                tensor not in known
                and tensor not in self.network.read_together
                and not paying.isdisjoint(i for i, _ in users)
            ):
                self._try_own(found, users)
        return found

    def _pays(self, own: Unit, unit: Unit, much: float) -> bool:
        """Return whether a unit costs ``much`` more than its ``own`` run."""
        return own.run is not unit.run and self.cost(unit) - self.cost(own) > much

    def _try_own(self, units: list[Unit], users: Sequence[tuple[int, Use]]) -> None:
        """Put a tensor in the layout of those that its users were mapped for in which they cost the least."""
        for block in sorted({use.block for _, use in users}):
            anew = [self._moved_to(units[i], use, block) for i, use in users]
            if sum(map(self.cost, anew)) < sum(self.cost(units[i]) for i, _ in users):
                for (i, _), unit in zip(users, anew, strict=True):
                    units[i] = unit

    def _moved_to(self, unit: Unit, use: Use, block: int) -> Unit:
        """Return a unit as it is mapped, timed anew with a side in blocks of another size."""
        work = unit.run.work
        bursts = use.bursts(sorted({work.block(use.side), block}))
        extra = (bursts[block] - bursts[work.block(use.side)]) * use.burst_bytes
        run = settled(unit.run, work.in_block(use.side, block), self.engine)
        return replace(unit, run=run, layout_extra_bytes=unit.layout_extra_bytes + extra)
