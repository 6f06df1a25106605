"""How often a job goes on as it did between two states of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.engine.fast_engine import IFMAPS, NEVER, OPENED, STEP, STORES, WEIGHTS, tile_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lw3dsim.base.arrays import Flags, Ints, Words
    from lw3dsim.engine.trace import Job

    # Whether items of a column, and those at the same places in its other slice, mean the same.
    Alike = Callable[[Ints, slice, slice], Flags]

# Items compared at first; four times as many each time that all of them agree.
_CHUNK, _LARGEST_CHUNK = 1 << 10, 1 << 15


def repeats(job: Job, box_bursts: Words, before: list[int], now: list[int]) -> int:
    """Return how many times ``job`` goes on from ``now`` as it went on from ``before`` to ``now``.

    What a run looks at on that way are the tiles and steps from the first not done with at ``before`` to the first
    not done with at ``now``, and no others. The waits of ``job`` are in order.
    """
    moved = [end - start for start, end in zip(before, now, strict=True)]
    bursts = np.asarray(box_bursts)
    stop = NEVER
    for counter, first, shift, column, alike in _columns(job, bursts, before, moved):
        ahead, size = now[counter], moved[counter]
        if size:
            need = min(ahead + (stop - 1) * size, len(column) - 1 - size) + 1 - first
            agreeing = _agreeing(column, first, size, shift, need, alike)
            stop = min(stop, (first + agreeing - 1 - ahead) // size + 1)
    return max(min(stop, *_standing(job, before, now, moved)), 0)


def _columns(
    job: Job, bursts: Ints, before: list[int], moved: list[int]
) -> Iterator[tuple[int, int, int, Ints, Alike | None]]:
    """Return for all that a run looks at: its counter, the first item, the shift in a period, and what is alike."""

    def as_many(boxes: Ints, here: slice, there: slice) -> Flags:
        return np.asarray(bursts[boxes[here]] == bursts[boxes[there]])

    steps, stores = moved[STEP], moved[STORES]
    columns = (
        (STEP, job.kind, 0, None),
        (IFMAPS, job.ifmap_first, steps, None),
        (IFMAPS, job.ifmap_box, 0, as_many),
        (IFMAPS, job.ifmap_after, steps, _no_waits),
        (IFMAPS, job.ifmap_gate, stores, _no_waits),
        (WEIGHTS, job.weight_first, steps, None),
        (WEIGHTS, job.weight_box, 0, as_many),
        (WEIGHTS, job.weight_after, steps, _no_waits),
        (WEIGHTS, job.weight_gate, stores, _no_waits),
        (OPENED, job.opens, steps, None),
        (OPENED, job.ofmap_after, stores, _no_waits),
        (STORES, job.closes, steps, None),
        (STORES, job.ofmap_box, 0, as_many),
    )
    for counter, column, shift, alike in columns:
        first = before[counter]
        if column is job.ifmap_first or column is job.weight_first:
            first = tile_of(column, first, before[STEP])
        yield counter, first, shift, np.asarray(column), alike


def _no_waits(awaits: Ints, here: slice, there: slice) -> Flags:
    """Return where both await nothing that the tile before them did not await."""
    return _is_idle(awaits, here) & _is_idle(awaits, there)


def _is_idle(awaits: Ints, here: slice) -> Flags:
    first = max(here.start, 1)
    idle = np.asarray(awaits[here] < 0)
    idle[first - here.start :] |= awaits[first : here.stop] == awaits[first - 1 : here.stop - 1]
    return idle


def _agreeing(column: Ints, first: int, size: int, shift: int, need: int, alike: Alike | None) -> int:
    """Return how many of ``need`` items from ``first`` on are ``shift`` less than the one ``size`` on, or like it."""
    done, chunk = 0, _CHUNK
    while done < need:
        start = first + done
        count = min(chunk, need - done)
        here, there = slice(start, start + count), slice(start + size, start + size + count)
        agrees = column[there] - column[here] == shift
        if alike is not None and not agrees.all():
            agrees |= alike(column, here, there)
        if not agrees.all():
            return done + int(agrees.argmin())
        done += count
        chunk = min(4 * chunk, _LARGEST_CHUNK)
    return done


def _standing(job: Job, before: list[int], now: list[int], moved: list[int]) -> Iterator[int]:
    """Return how many times what did not move, and is not at its end, stays out of the way."""
    steps, stores = moved[STEP], moved[STORES]
    yield (len(job.kind) - 1 - now[STEP]) // steps
    for counter, first, after, gate in (
        (IFMAPS, job.ifmap_first, job.ifmap_after, job.ifmap_gate),
        (WEIGHTS, job.weight_first, job.weight_after, job.weight_gate),
    ):
        tile = now[counter]
        unused = tile_of(first, tile, before[STEP])
        if not moved[counter] and unused < len(first):
            yield (int(first[unused]) - 1 - now[STEP]) // steps
        if not moved[counter] and tile < len(first):
            by_step, by_store = int(after[tile]) - now[STEP], int(gate[tile]) - now[STORES]
            by_gate = NEVER if by_store >= 0 and not stores else by_store // max(stores, 1)
            yield max(by_step // steps, by_gate)
    if not moved[OPENED] and now[OPENED] < len(job.opens):
        yield (int(job.opens[now[OPENED]]) - 1 - now[STEP]) // steps
    if not moved[STORES] and now[STORES] < len(job.closes):
        yield (int(job.closes[now[STORES]]) - now[STEP]) // steps
