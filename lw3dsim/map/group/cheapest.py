"""The cheapest tiles of a fused group, and what they cost at least: plain integer code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.base.integers import NEVER
from lw3dsim.base.kernels import kernel
from lw3dsim.map.group.pricing import LEAST
from lw3dsim.map.group.stepping import Steps, cost_of_steps
from lw3dsim.map.group.tiles import cost_in_room, cost_of_tile, list_tiles, whole_way

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Words
    from lw3dsim.map.group.fitting import Parts, Tiles
    from lw3dsim.map.group.tiles import Gauge

# Tiles are looked at first that may cost so many parts more than the cheapest.
MARGIN = 32


@kernel
def list_cheap_tiles(
    parts: Parts, ways: tuple[int, int, int], gauge: Gauge, is_square: int, fit: Tiles, listed: Words, steps: Steps
) -> tuple[int, int]:
    """List the tiles that may cost hardly more than the cheapest does at least; return how many, and how much that is.

    NEVER where no tile fits. ``listed`` is scratch, see list_tiles.
    """
    lowest = least_of_tiles(parts, ways, gauge, fit, is_square, NEVER, steps)
    cut = min(lowest + max(lowest, LEAST) // MARGIN, NEVER)
    return list_tiles(parts, ways, gauge, is_square, cut, fit, listed), cut


@kernel
def least_of_tiles(
    parts: Parts, ways: tuple[int, int, int], gauge: Gauge, fit: Tiles, is_square: int, enough: int, steps: Steps
) -> int:
    """Return what the cheapest tile of a group costs at least, or ``enough`` where that is no more; see Steps."""
    best, whole_h, whole_w = enough, whole_way(parts.h, ways[1]), whole_way(parts.w, ways[2])
    # Large tiles first, as they cost less: what costs more along fewer axes than the best so far is passed over.
    for i in range(ways[0] - 1, -1, -1):
        if cost_of_tile(parts, gauge, fit, 0, i, whole_h, whole_w, 0, best) >= best:
            continue
        for j in range(ways[1] - 1, -1, -1):
            # A window slides along one axis only.
            kept = parts.t.is_kept[i] + parts.h.is_kept[j]
            if kept > 1 or cost_of_tile(parts, gauge, fit, 0, i, j, whole_w, 0, best) >= best:
                continue
            # A tile of a square group costs what it costs with H and W exchanged.
            for k in range(j if is_square else ways[2] - 1, -1, -1):
                if kept + parts.w.is_kept[k] <= 1:
                    best = min(best, closest_of_tile(parts, gauge, fit, is_square, i, j, k, steps, best))
    return best


@kernel
def closest_of_tile(
    parts: Parts, gauge: Gauge, fit: Tiles, is_square: int, i: int, j: int, k: int, steps: Steps, enough: int
) -> int:
    """Return what a tile costs at least, of a square group with H and W exchanged or not; ``enough`` where no less."""
    cost = cost_in_room(parts, gauge, fit, 0, i, j, k, enough)
    if cost >= enough or steps.kinds == 0:
        return min(cost, enough)
    cost = cost_of_steps(parts, gauge, fit, 0, steps, enough)
    if is_square and j != k:
        # What both cost is the same but for their steps.
        fit.h[0], fit.w[0] = k, j
        cost = min(cost, cost_of_steps(parts, gauge, fit, 0, steps, cost))
    return min(cost, enough)
