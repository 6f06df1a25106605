"""The cheapest mappings of a fused group, of all of its tiles: plain integer code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.base.kernels import entry, kernel
from lw3dsim.map.group.cheapest import list_cheap_tiles
from lw3dsim.map.group.rooms import lowest_of
from lw3dsim.map.group.shortlist import shortlist
from lw3dsim.map.group.stepping import Steps
from lw3dsim.map.group.tiles import list_tiles

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Words
    from lw3dsim.map.group.fitting import Parts, Tiles
    from lw3dsim.map.group.lying import Lying
    from lw3dsim.map.group.rooms import Room
    from lw3dsim.map.group.tiles import Gauge
    from lw3dsim.map.group.weighing import Modes


@entry
def list_cheapest(
    parts: Parts, ways: tuple[int, int, int], gauge: Gauge, is_square: int, lying: Lying, modes: Modes, enough: int,
    fit: Tiles, order: Words, room: Room,
) -> tuple[int, int]:  # fmt: skip
    """List mappings with the cheapest of all tiles among them; see shortlist for what is returned.

    First of tiles that may cost hardly more than the cheapest does at least: those that cost more are looked at where
    the cheapest of these do. None are returned where all cost more than ``enough``. ``order``, by tile, is scratch.
    """
    many, cut = list_cheap_tiles(parts, ways, gauge, is_square, fit, order, Steps(room.waves, room.seen, 0))
    while True:
        order_tiles(fit, many, order)
        count, most = shortlist(
            parts, fit, order, many, gauge.limits, gauge.floor, lying, modes, gauge.rates, gauge.aim, enough, room
        )
        if count >= 0 and cut > enough and lowest_of(room, count) > enough:
            return 0, most
        if count < 0 or most <= cut:
            return count, most
        cut = most
        many = list_tiles(parts, ways, gauge, is_square, cut, fit, order)


@kernel
def order_tiles(fit: Tiles, many: int, order: Words) -> None:
    """Fill in so ``many`` tiles, those of the lowest cost first, of equal ones the first."""
    for tile in range(many):
        order[tile] = tile
    gap = many
    while gap > 1:
        gap = max(gap * 5 // 11, 1)
        for at in range(gap, many):
            tile, place = order[at], at
            while place >= gap and comes_first(fit, tile, order[place - gap]):
                order[place] = order[place - gap]
                place -= gap
            order[place] = tile


@kernel
def comes_first(fit: Tiles, one: int, other: int) -> bool:
    """Return whether a tile costs less at least than another, or as much and is listed before."""
    return fit.cost[one] < fit.cost[other] or (fit.cost[one] == fit.cost[other] and one < other)
