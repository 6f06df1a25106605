"""The mapper of fused groups on a shared memory: the cheapest mappings of all ways to divide it.

Every way to give banks to inputs and weights is searched as a design by itself, whose intermediate tensors and outputs
share the rest; with what the cheapest mappings of the ways before cost: tiles that cost more, by their bounds, are not
looked at, nor are ways all of whose tiles do.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lw3dsim.base.kernels import kernels
from lw3dsim.base.values import Value, replace
from lw3dsim.errors import MappingError
from lw3dsim.map.division import divisions
from lw3dsim.map.group.candidates import fit_within, gathered, parts_within
from lw3dsim.map.group.cost import make_rates, make_scales
from lw3dsim.map.group.pricing import LEAST
from lw3dsim.map.group.rooms import make_room
from lw3dsim.map.group.search import (
    CANDIDATES,
    FIRST_ROOM,
    Weighed,
    bound_tiles,
    cheapest,
    check_busy,
    fill_room,
    is_short,
    price_candidates,
    search_group,
    taken,
    with_seconds,
)
from lw3dsim.map.group.tables import limits_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lw3dsim.base.arrays import Floats
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.clocks import Clocks
    from lw3dsim.map.group.candidates import Candidates, Fits
    from lw3dsim.map.group.cost import Scales
    from lw3dsim.map.group.group import Blocks, Group
    from lw3dsim.map.group.pricing import Aim
    from lw3dsim.map.group.rooms import Room
    from lw3dsim.map.group.search import Found, Plan
    from lw3dsim.map.group.weighing import Modes
    from lw3dsim.map.layer.price import Price

# Over what prices that are rounded to integers may be less.
SLACK = 1 + 1e-6


class _Way(NamedTuple):
    """A way to give banks to inputs and weights: the tiles that fit, and what these cost at least."""

    design: Accelerator
    fits: Fits
    least: Floats

    @property
    def lowest(self) -> float:
        """What no mapping costs less than."""
        return float(np.min(self.least, initial=math.inf))


class _Best:
    """The cheapest mappings of all ways so far: of those alike in time and steps, that which moves least."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._found: dict[Plan, tuple[float, int, Found]] = {}

    def add(self, cost: float, steps: int, found: Found) -> None:
        """Add a mapping, unless it is known to cost as little."""
        known = self._found.get(found.plan)
        if known is None or cost < known[0]:
            self._found[found.plan] = cost, steps, found

    def listed(self) -> list[Found]:
        """Return the best, the cheapest first."""
        seen: set[tuple[float, int]] = set()
        chosen: list[Found] = []
        for _, steps, found in sorted(self._found.values(), key=lambda one: one[:2]):
            if (found.cycles, steps) not in seen and len(chosen) < self._keep:
                seen.add((found.cycles, steps))
                chosen.append(found)
        return chosen


class _Lister(Value, frozen=True, kw_only=True):
    """Lists candidates of one way after another: the room that they share knows what the best cost so far.

    Costs are counted in integers, ``scale`` times as high.
    """

    scales: Scales
    scale: float
    modes: Modes
    aim: Aim
    keep: int
    room: Room

    @classmethod
    def of(cls, scales: Scales, fits: Fits, lowest: float, keep: int) -> _Lister:
        """Return a lister for ways of which no mapping costs less than ``lowest``."""
        scale = LEAST / lowest if lowest else 0.0
        return cls(
            scales=scales,
            scale=scale,
            modes=scales.plain_modes(scale),
            aim=scales.aim(scale),
            keep=keep,
            room=make_room(fits.parts, len(scales.modes), FIRST_ROOM, keep),
        )

    def candidates(self, way: _Way, scales: Scales, most: float) -> tuple[Candidates | None, float]:
        """Return candidates of tiles of at most ``most`` that may be among the best; and what is too much then."""
        work, fits, modes = kernels(), way.fits, len(scales.modes)
        places = np.flatnonzero(way.least <= most)
        order = places[np.argsort(way.least[places], kind="stable")]
        streamed = work.empty(len(fits.parts.set_bits) * (len(fits.parts.stages.start) + 1))
        weighed = Weighed(scales.lying, self.modes, scales.rates, self.aim)
        room, count, limit = fill_room(fits, order, weighed, self.room._replace(streamed=streamed))
        found = taken(fits, room, modes, count, limit) if count else None
        return found, limit / self.scale * SLACK + self._beside if self.scale else math.inf

    @property
    def _beside(self) -> float:
        """What tiles are bounded with, and the limit is without: setting up, and no trees, which may save."""
        price, trees = self.scales.price, self.scales.trees
        return price.cycle * self.scales.setup_cycles - sum(min(cost, 0.0) for cost in trees)


def search_divided(
    group: Group,
    arch: Accelerator,
    clocks: Clocks,
    price: Price,
    *,
    keep: int = CANDIDATES,
    more: int = 1,
    lies: tuple[Blocks, ...] | None = None,
    enough: float = math.inf,
) -> list[Found]:
    """Return the ``keep`` cheapest mappings of ``group``, best first, over all divisions of the memory of ``arch``.

    See :func:`lw3dsim.map.group.search.search_group`, which takes ``more``, ``lies`` and ``enough`` too; where the
    memory is divided they are looked for whatever they cost.

    Raises MappingError when none fits, or where a stage has nothing to compute.
    """
    if not arch.buffers.is_whole:
        return search_group(group, arch, clocks, price, keep=keep, more=more, lies=lies, enough=enough)
    group = with_seconds(group, lies)
    found = _search_divisions(group, arch, clocks, price, keep, lies)
    is_more = more > 1 and is_short(group, found)
    return _search_divisions(group, arch, clocks, price, more * keep, lies) if is_more else found


def _search_divisions(
    group: Group, arch: Accelerator, clocks: Clocks, price: Price, keep: int, lies: tuple[Blocks, ...] | None
) -> list[Found]:
    """Return the ``keep`` cheapest over all divisions."""
    best, most, lister = _Best(keep), math.inf, None
    for way in _ways(group, arch, clocks, price):
        if not way.fits.count or way.lowest > most:
            continue
        if lister is None:
            lister = _lister(group, way, clocks, price, keep, lies)
        scales = replace(lister.scales, rates=make_rates(way.design, clocks))
        found, most = lister.candidates(way, scales, most)
        if found is None or not found.count:
            continue
        priced = price_candidates(found, scales)
        for i in cheapest(priced, keep):
            best.add(float(priced.cost[i]), int(priced.costs.steps[i]), priced.found(i))
    listed = best.listed()
    if not listed:
        raise MappingError("buffers.shared_kib", "no tile of the fused group fits the banks")
    return listed


def _lister(
    group: Group, way: _Way, clocks: Clocks, price: Price, keep: int, lies: tuple[Blocks, ...] | None
) -> _Lister:
    scales = make_scales(group, way.fits, way.design, clocks, price, lies)
    return _Lister.of(scales, way.fits, way.lowest, keep)


def _ways(group: Group, arch: Accelerator, clocks: Clocks, price: Price) -> Iterator[_Way]:
    """Yield the ways to give banks to inputs and weights, those that may cost the least first."""
    of, ways = gathered(group, arch), list[_Way]()
    check_busy(of)
    for designs in divisions(arch):
        parts = parts_within(of, limits_of(designs[0]))
        for design in designs:
            fits = fit_within(of, limits_of(design), parts)
            ways.append(_Way(design, fits, bound_tiles(fits, design, clocks, price)))
    yield from sorted(ways, key=lambda way: way.lowest)
