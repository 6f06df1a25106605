"""The pace of the array, as written down in ``docs/microarchitecture.md``: plain integer code.

Three engines overlap. The ports *load* a round, patch and weights, into one of two sets of staging registers; the
array is *fed* from the other: transformed and multiplied; what a wave has summed up *drains*. The load of a round
begins with the feed of the one before, and both end before the next pair begins. A swap of accumulator banks that
waits for a drain holds the loads too. So neighbours alone decide what a wave waits for, and the rules sum up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.base.kernels import kernel
from lw3dsim.machine.waves import AXES, KINDS, LARGER, LAST_SORT, SORTS

if TYPE_CHECKING:
    from lw3dsim.machine.waves import Waves

# What a wave waits for between the end of the one before and its own first product.
FOR_DRAIN, FOR_LOAD = 0, 1


@kernel
def first_wave(waves: Waves) -> int:
    """Return the sort of the first wave: of the first parts along all axes."""
    sort = 0
    for axis in range(AXES):
        kind = LARGER
        while waves.parts[KINDS * axis + kind] == 0:
            kind += 1
        sort = KINDS * sort + kind
    return sort


@kernel
def waiting_cycles(waves: Waves, cause: int) -> int:
    """Return the cycles that waves of a step wait for a ``cause`` behind the first.

    Waves follow each other with w innermost. Where an axis goes on, the axes within
    it return from their last part to their first, and those around it stay.
    """
    if not may_wait(waves, cause):
        return 0
    first, waits, unit, around = first_wave(waves), 0, SORTS // KINDS, 1
    for axis in range(AXES):
        at = KINDS * axis
        if waves.parts[at] + waves.parts[at + 1] + waves.parts[at + 2] > 1:
            for outer in range(around):
                times = times_around(waves, axis, outer)
                if times:
                    waits += times * axis_waits(waves, cause, at, unit, KINDS * unit * outer, first % unit)
        unit //= KINDS
        around *= KINDS
    clips = waves.many[1]
    return clips * waits + (clips - 1) * wait(waves, cause, LAST_SORT, first)


@kernel
def may_wait(waves: Waves, cause: int) -> bool:
    """Return whether any wave may wait for a ``cause``, in whatever order they come."""
    longest = 0
    first = waves.used[0]
    shortest = waves.compute[first] if cause == FOR_DRAIN else waves.feed[first]
    for i in range(waves.many[0]):
        sort = waves.used[i]
        longest = max(longest, waves.drain[sort] if cause == FOR_DRAIN else waves.load[sort])
        shortest = min(shortest, waves.compute[sort] if cause == FOR_DRAIN else waves.feed[sort])
    return longest > shortest


@kernel
def times_around(waves: Waves, axis: int, outer: int) -> int:
    """Return how often the parts around an axis come in the sorts ``outer``."""
    times = 1
    for step in range(axis):
        times *= waves.parts[KINDS * (axis - 1 - step) + outer % KINDS]
        outer //= KINDS
    return times


@kernel
def axis_waits(waves: Waves, cause: int, at: int, unit: int, base: int, first: int) -> int:
    """Return the waits of one way through the axis whose parts begin at ``at``.

    Its sorts are ``unit`` apart, from the sort ``base`` on. Within it waves end with the last sort and begin with
    ``first``.
    """
    waits, last, before = 0, unit - 1, -1
    for kind in range(KINDS):
        count, sort = waves.parts[at + kind], base + kind * unit
        if count:
            if before >= 0:
                waits += wait(waves, cause, before + last, sort + first)
            waits += (count - 1) * wait(waves, cause, sort + last, sort + first)
            before = sort
    return waits


@kernel
def wait(waves: Waves, cause: int, before: int, after: int) -> int:
    """Return what a wave of the sort ``after``, behind one of the sort ``before``, adds to its step by a ``cause``.

    While it computes the one before drains: what that takes longer shows. While the one before is fed for the last
    time, its own first round is loaded: likewise.
    """
    if cause == FOR_DRAIN:
        return max(waves.drain[before] - waves.compute[after], 0)
    return max(waves.load[after] - waves.feed[before], 0)


@kernel
def array_cycles(waves: Waves) -> int:
    """Return the cycles of a step from its first product on: of all its waves, and of what they wait for."""
    cycles = waiting_cycles(waves, FOR_DRAIN) + waiting_cycles(waves, FOR_LOAD)
    for i in range(waves.many[0]):
        sort = waves.used[i]
        cycles += waves.number[sort] * waves.compute[sort]
    return cycles


@kernel
def port_cycles(waves: Waves) -> int:
    """Return the cycles in which all rounds of a step are loaded."""
    cycles = 0
    for i in range(waves.many[0]):
        sort = waves.used[i]
        cycles += waves.number[sort] * waves.rounds[sort] * waves.load[sort]
    return cycles


@kernel
def entry_cycles(waves: Waves, fill: int) -> int:
    """Return the cycles from the start of a step to its first product where nothing is fed meanwhile.

    Its weights are read, then its patch; the reads of the last words are stages of the pipeline, which takes ``fill``.
    """
    first = first_wave(waves)
    return fill + waves.weights[first] - 1 + waves.inputs[first] - 1
