"""Algorithms of all layers together: what the units of a kind of Winograd tile leak against what its layers save."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.account.simulated import Unit
from lw3dsim.network.objective import network_cost

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lw3dsim.account.simulated import LayerRun
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.workload import Workload
    from lw3dsim.network.objective import Weights
    from lw3dsim.transform.algorithms import Kind


_NONE: frozenset[Kind] = frozenset()


def worthy_kinds(
    network: Workload,
    runs: list[LayerRun],
    arch: Accelerator,
    weights: Weights,
    mapped: Callable[[frozenset[Kind]], list[LayerRun]],
) -> list[LayerRun]:
    """Return ``runs``, or those that are ``mapped`` without some kinds of algorithms, where these cost less in all.

    The chip is as wide as its widest operands and has the transforms of its largest tiles, and leaks in every layer.
    Of the kinds that are used, the one is dropped without which most is saved, as long as there is one.
    """

    def cost(those: Sequence[LayerRun]) -> float:
        units = [Unit(layers=(layer,), run=run) for layer, run in zip(network.layers, those, strict=True)]
        return network_cost(network, units, arch, weights)

    best, least, without = runs, cost(runs), _NONE
    while True:
        used = {run.work.problem.algorithm.kind for run in best} - {"direct"}
        fewer = [(kind, mapped(without | {kind})) for kind in sorted(used)]
        kind, cheapest = min(fewer, key=lambda one: cost(one[1]), default=("direct", best))
        if cost(cheapest) >= least:
            return best
        best, least, without = cheapest, cost(cheapest), without | {kind}
