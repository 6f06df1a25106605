"""One axis of a fused group cut into tiles: what every stage computes for each, and what stays for later ones.

Tiles are those of the last output; what a stage computes for a tile follows from it backwards. Tiles that warm up have
outputs in front of the first, which nobody computes: of what they would look at stages make what there is. Plain
integer code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.base.integers import NEVER, ceiling
from lw3dsim.base.kernels import entry, kernel

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Words
    from lw3dsim.base.kernels import Kernels

# What becomes of halos: every tile computes its own; they are kept; they are, and tiles before the first warm up.
ANEW, STAYS, WARMED = 0, 1, 2


class Reaches(NamedTuple):
    """One axis of all stages; see :class:`lw3dsim.map.group.cutting.Reach`."""

    kernel: Words
    stride: Words
    padding: Words
    out: Words
    inp: Words
    takes_all: Words
    adds: Words
    reads: Words
    stored: Words
    segments: Words


class Cuts(NamedTuple):
    """Ways to cut an axis, and the tiles of all ways behind each other.

    By way: tile size, whether halos are kept, how many tiles warm up, its first tile, their number, and the stages that
    have ``seen`` the input in every tile in which any of it comes, a bit for each. ``last`` is by
    tile; ``first``, ``new`` and ``retained`` are by tensor and tile, ``needed`` by stage and tile (see GroupAxis). The
    other figures are by tensor and way: the most of a tile, also of new and retained ones together, the sum over all,
    the tiles that have any, and the positions that all tiles store together, up to where the last ends.
    """

    tile: Words
    is_kept: Words
    warm: Words
    begin: Words
    tiles: Words
    seen: Words
    last: Words
    first: Words
    new: Words
    retained: Words
    needed: Words
    most_new: Words
    most_retained: Words
    most_held: Words
    all_new: Words
    active: Words
    stored: Words


def empty_cuts(work: Kernels, stages: int, ways: int, room: int) -> Cuts:
    """Return room for so many ways, with so many tiles together."""
    tensors = stages + 1
    by_tile = (size * room for size in (1, tensors, tensors, tensors, stages))
    return Cuts._make(work.carved([*[ways] * 6, *by_tile, *[tensors * ways] * 6]))


@entry
def cut_ways(
    reaches: Reaches, sizes: Words, many: int, least: int, most: int, cuts: Cuts, low: Words, high: Words, ends: Words
) -> int:
    """Fill in the ways to cut an axis into tiles of ``many`` sizes, with halos from ``least`` up to ``most``.

    Of several, those that are kept are left out where there are none, and those that warm up where no tile gets any
    smaller. Return how many ways there are. ``low`` and ``high`` are scratch, by tile, and ``ends``, by tensor.
    """
    ways = begin = 0
    for i in range(many):
        tiles = ceiling(reaches.out[len(reaches.out) - 1], sizes[i])
        for halo in range(least, most + 1):
            cuts.tile[ways], cuts.is_kept[ways], cuts.begin[ways] = sizes[i], min(halo, STAYS), begin
            cuts.warm[ways] = count_warm(reaches, sizes[i], tiles, ends) if halo == WARMED else 0
            cuts.tiles[ways] = cuts.warm[ways] + tiles
            retains = cut_way(reaches, cuts, ways, low, high)
            repeat_way(reaches, cuts, ways)
            is_wanted = halo == ANEW or least == most
            if is_wanted or (retains > 0 and (halo == STAYS or is_smaller(reaches, cuts, ways))):
                begin += cuts.tiles[ways]
                ways += 1
    return ways


@kernel
def is_smaller(reaches: Reaches, cuts: Cuts, way: int) -> bool:
    """Return whether tiles of a tensor, or with what is retained of it, take less than those of the way before."""
    for tensor in range(len(reaches.out) + 1):
        at = tensor * len(cuts.tile) + way
        if cuts.most_new[at] < cuts.most_new[at - 1] or cuts.most_held[at] < cuts.most_held[at - 1]:
            return True
    return False


@kernel
def cut_way(reaches: Reaches, cuts: Cuts, way: int, low: Words, high: Words) -> int:
    """Fill in all of a way but its tile and place; return whether anything is retained."""
    stages, tiles, warm = len(reaches.out), cuts.tiles[way], cuts.warm[way]
    size, tile = reaches.out[stages - 1], cuts.tile[way]
    for j in range(tiles):
        low[j] = max(j - warm, 0) * tile
        high[j] = max(min((j - warm + 1) * tile, size), 0)
    if warm:
        go_ahead(reaches, cuts, way)
    place_tensor(cuts, way, stages, low, high, 0, 0)
    retains = 0
    for back in range(stages):
        i = stages - 1 - back
        look_at_tensor(reaches, cuts, way, i, low, high)
        widen(reaches, cuts, way, i, low, high)
        if i > 0 and reaches.takes_all[i - 1]:
            # What needs all of its input makes all of its output.
            for j in range(tiles):
                high[j] = reaches.out[i - 1] if high[j] > low[j] else 0
                low[j] = 0
        if i > 0 and reaches.stored[i - 1]:
            if is_left(reaches, i):
                go_along(reaches, cuts, way, i, low, high, warm)
            make_whole(cuts.tiles[way], reaches.out[i - 1], low, high)
        # The input comes when a stage looks at it.
        retains += place_tensor(cuts, way, i, low, high, cuts.is_kept[way], min(warm, i))
    last_users(cuts, way)
    cuts.seen[way] = stages_at_input(reaches, cuts, way)
    return retains


@kernel
def stages_at_input(reaches: Reaches, cuts: Cuts, way: int) -> int:
    """Return the stages that look at the input in every tile in which any of it comes: a bit for each."""
    room, begin, found, bit = len(cuts.last), cuts.begin[way], 0, 1
    for i in range(len(reaches.out)):
        if reaches.reads[i] == 0 or reaches.adds[i] == 0:
            looks = 1
            for j in range(begin, begin + cuts.tiles[way]):
                if cuts.new[j] > 0 and cuts.new[(i + 1) * room + j] == 0:
                    looks = 0
            found += bit * looks
        bit *= 2
    return found


@kernel
def count_warm(reaches: Reaches, tile: int, most: int, ends: Words) -> int:
    """Return how many tiles in front of the first there are for which a stage makes anything, up to ``most``."""
    stages, count, lead = len(reaches.out), -1, 1
    while lead > 0 and count < most:
        count, lead = count + 1, 0
        # Where the output ends, in front of its first position, and tensors before it.
        ends[stages] = -count * tile
        for back in range(stages):
            tensor = stages - 1 - back
            ends[tensor] = end_of(reaches, tensor, ends, 1, 0)
            lead = max(lead, ends[tensor] if tensor else 0)
    return count


@kernel
def go_ahead(reaches: Reaches, cuts: Cuts, way: int) -> None:
    """Fill in how far stages go in each tile in place of the ``first`` positions of tensors, which follow from that."""
    stages, room, size = len(reaches.out), len(cuts.last), reaches.out[len(reaches.out) - 1]
    for j in range(cuts.tiles[way]):
        at = cuts.begin[way] + j
        cuts.first[stages * room + at] = min((j - cuts.warm[way] + 1) * cuts.tile[way], size)
        for back in range(stages):
            tensor = stages - 1 - back
            cuts.first[tensor * room + at] = end_of(reaches, tensor, cuts.first, room, at)


@kernel
def end_of(reaches: Reaches, tensor: int, ends: Words, room: int, at: int) -> int:
    """Return where a tensor ends that stages behind it look at, given where their outputs end, 0 or less for none.

    That of tensor i ends at place ``i * room + at`` of ``ends``.
    """
    end, is_read = 0, 0
    for i in range(tensor, len(reaches.out)):
        after = ends[(i + 1) * room + at]
        if reaches.reads[i] == tensor:
            looked = (after - 1) * reaches.stride[i] - reaches.padding[i] + reaches.kernel[i]
            if reaches.takes_all[i]:
                looked = reaches.inp[i] if after > 0 else after
            end, is_read = (max(end, looked) if is_read else looked), 1
        if reaches.adds[i] == tensor:
            end, is_read = (max(end, after) if is_read else after), 1
    if tensor == 0:
        return min(end, reaches.inp[0])
    if not is_read:
        looked = (ends[(tensor + 1) * room + at] - 1) * reaches.stride[tensor] - reaches.padding[tensor]
        end = branch_up_to(reaches, tensor, looked + reaches.kernel[tensor])
    out, last = reaches.out[tensor - 1], len(reaches.out)
    if reaches.stored[tensor - 1] and ends[last * room + at] >= reaches.out[last - 1]:
        return out
    return out if reaches.takes_all[tensor - 1] and end > 0 else min(end, out)


@kernel
def repeat_way(reaches: Reaches, cuts: Cuts, way: int) -> None:
    """Repeat the tiles of one segment for all, which lie one behind another and keep nothing of each other."""
    segments, stages, tiles, room = reaches.segments[0], len(reaches.out), cuts.tiles[way], len(cuts.last)
    for segment in range(1, segments):
        for j in range(cuts.begin[way], cuts.begin[way] + tiles):
            to = j + segment * tiles
            cuts.last[to] = cuts.last[j] + segment * tiles
            for tensor in range(stages + 1):
                size, at = (reaches.out[tensor - 1] if tensor else reaches.inp[0]), tensor * room
                cuts.first[at + to] = cuts.first[at + j] + segment * size
                cuts.new[at + to], cuts.retained[at + to] = cuts.new[at + j], cuts.retained[at + j]
            for stage in range(stages):
                cuts.needed[stage * room + to] = cuts.needed[stage * room + j]
    cuts.tiles[way] = segments * tiles
    for tensor in range(stages + 1):
        figure = tensor * len(cuts.tile) + way
        cuts.all_new[figure], cuts.active[figure] = segments * cuts.all_new[figure], segments * cuts.active[figure]
        cuts.stored[figure] += (segments - 1) * (reaches.out[tensor - 1] if tensor else reaches.inp[0])


@kernel
def look_at_tensor(reaches: Reaches, cuts: Cuts, way: int, tensor: int, low: Words, high: Words) -> None:
    """Fill in what the stages that read a tensor look at for each tile, and how much of it each stage needs."""
    room, begin, is_read = len(cuts.last), cuts.begin[way], 0
    for i in range(tensor, len(reaches.out)):
        if reaches.reads[i] != tensor:
            continue
        at = (i + 1) * room + begin
        for j in range(cuts.tiles[way]):
            first, end = looked_at(reaches, i, cuts.first[at + j], cuts.first[at + j] + cuts.new[at + j])
            cuts.needed[i * room + begin + j] = end - first
            if not is_read or high[j] <= low[j]:
                low[j], high[j] = first, end
            elif end > first:
                low[j], high[j] = min(low[j], first), max(high[j], end)
        is_read = 1
    if not is_read:
        for j in range(cuts.tiles[way]):
            low[j], high[j] = 0, 0


@kernel
def looked_at(reaches: Reaches, i: int, low: int, high: int) -> tuple[int, int]:
    """Return the input interval of the outputs of stage ``i`` from ``low`` to ``high``; nothing is needed for none."""
    inp = reaches.inp[i]
    if reaches.takes_all[i]:
        return 0, (inp if high > low else 0)
    first = min(max(low * reaches.stride[i] - reaches.padding[i], 0), inp)
    last = min(max((high - 1) * reaches.stride[i] - reaches.padding[i] + reaches.kernel[i], 0), inp)
    return first, (max(last, first) if high > low else first)


@kernel
def widen(reaches: Reaches, cuts: Cuts, way: int, tensor: int, low: Words, high: Words) -> None:
    """Make the intervals of a tensor hold those of the outputs that it is added to; empty ones do not count."""
    stages, room, begin = len(reaches.out), len(cuts.last), cuts.begin[way]
    for back in range(stages):
        i = stages - back
        if reaches.adds[i - 1] == tensor:
            for j in range(cuts.tiles[way]):
                first = cuts.first[i * room + begin + j]
                end = first + cuts.new[i * room + begin + j]
                if high[j] <= low[j]:
                    low[j], high[j] = first, end
                elif end > first:
                    low[j], high[j] = min(low[j], first), max(high[j], end)


@kernel
def is_left(reaches: Reaches, tensor: int) -> bool:
    """Return whether no stage reads or adds a tensor: it is made for others alone."""
    users = 0
    for i in range(tensor, len(reaches.out)):
        users += 1 if reaches.reads[i] == tensor or reaches.adds[i] == tensor else 0
    return users == 0


@kernel
def made_up_to(reaches: Reaches, i: int, end: int) -> int:
    """Return where the outputs of stage ``i`` end that look at nothing behind ``end``."""
    return (end + reaches.padding[i] - reaches.kernel[i]) // reaches.stride[i] + 1


@kernel
def branch_up_to(reaches: Reaches, tensor: int, end: int) -> int:
    """Return where a tensor ends whose branch looks at nothing behind ``end`` of what the stage behind it reads too."""
    first = tensor - 1
    while first > 0 and reaches.reads[first] != reaches.reads[tensor]:
        first -= 1
    for i in range(first, tensor):
        end = min(made_up_to(reaches, i, end), reaches.out[i])
    return end


@kernel
def go_along(reaches: Reaches, cuts: Cuts, way: int, tensor: int, low: Words, high: Words, is_ahead: int) -> None:
    """Make intervals of a tensor that no stage uses end with what the stage behind looks at, or where its own goes."""
    reached, room = 0, len(cuts.last)
    for j in range(cuts.tiles[way]):
        at = (tensor + 1) * room + cuts.begin[way] + j
        first, end = looked_at(reaches, tensor, cuts.first[at], cuts.first[at] + cuts.new[at])
        made = branch_up_to(reaches, tensor, end) if end > first else reached
        made = max(made, cuts.first[at - room]) if is_ahead else made
        low[j], high[j] = reached, max(made, reached)
        reached = high[j]


@kernel
def make_whole(tiles: int, size: int, low: Words, high: Words) -> None:
    """Make the intervals of a tensor that is stored hold all of it, one behind the other: the last goes to its end."""
    reached = 0
    for j in range(tiles):
        if j == tiles - 1:
            low[j], high[j] = (low[j] if high[j] > low[j] else reached), size
        if high[j] > low[j]:
            low[j], reached = min(low[j], reached), max(high[j], reached)


@kernel
def reached_before(cuts: Cuts, way: int, tensor: int, tile: int) -> int:
    """Return how far a tensor goes in the tiles of a way before ``tile``."""
    at, reached = tensor * len(cuts.last) + cuts.begin[way], 0
    for j in range(at, at + tile):
        if cuts.new[j]:
            reached = max(reached, cuts.first[j] + cuts.new[j])
    return reached


@kernel
def stored_along(cuts: Cuts, way: int, tensor: int, tile: int) -> int:
    """Return the positions of a tensor that a tile of a way has, and none before: what it stores of it."""
    return reached_before(cuts, way, tensor, tile + 1) - reached_before(cuts, way, tensor, tile)


@kernel
def place_tensor(cuts: Cuts, way: int, tensor: int, low: Words, high: Words, is_kept: int, is_ahead: int) -> int:
    """Fill in what is new of a tensor and what stays, given what is looked at; that becomes what is new.

    Where halos are kept, that is the positions which no tile before had; of those before, what this tile or a later
    one needs stays. Where stages go ahead, it is all up to where they go. Return whether anything stays.
    """
    tiles, room, ways, begin = cuts.tiles[way], len(cuts.last), len(cuts.tile), cuts.begin[way]
    at, wanted = tensor * room + begin, NEVER
    if is_kept:
        for back in range(tiles):
            j = tiles - 1 - back
            wanted = min(wanted, low[j]) if high[j] > low[j] else wanted
            cuts.retained[at + j] = wanted
    reached = total = most = active = stays = held = 0
    for j in range(tiles):
        if is_kept:
            end = max(high[j] if high[j] > low[j] else 0, reached)
            end = max(end, cuts.first[at + j]) if is_ahead else end
            low[j], high[j], reached = min(max(cuts.retained[at + j], reached), end), end, end
            cuts.retained[at + j] = low[j] - min(cuts.retained[at + j], low[j])
        else:
            cuts.retained[at + j] = 0
        new = high[j] - low[j]
        cuts.first[at + j], cuts.new[at + j] = low[j], new
        total += new
        most = max(most, new)
        active += 1 if new else 0
        stays, held = max(stays, cuts.retained[at + j]), max(held, cuts.retained[at + j] + new)
    figure = tensor * ways + way
    cuts.most_new[figure], cuts.most_retained[figure], cuts.most_held[figure] = most, stays, held
    cuts.all_new[figure], cuts.active[figure], cuts.stored[figure] = total, active, high[tiles - 1]
    return 1 if stays else 0


@kernel
def last_users(cuts: Cuts, way: int) -> None:
    """Fill in, per tile, the last one that uses any of its new positions of tensor 0."""
    begin, tiles, after = cuts.begin[way], cuts.tiles[way], 0
    for j in range(tiles):
        cuts.last[begin + j] = j
        if cuts.is_kept[way]:
            # Positions of a tile are used until the tile from which on only later ones stay.
            end = cuts.first[begin + j] + cuts.new[begin + j]
            while after < tiles and cuts.first[begin + after] - cuts.retained[begin + after] < end:
                after += 1
            cuts.last[begin + j] = max(after - 1, j)
