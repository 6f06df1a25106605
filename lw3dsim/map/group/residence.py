"""Which stages of a fused group may keep their weights on chip: plain integer code.

A set of stages that stay leaves less room for the chunks of the others, but streams less for every tile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.base.integers import ceiling
from lw3dsim.base.kernels import entry, kernel
from lw3dsim.map.group.fitting import largest_up_to

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Words
    from lw3dsim.map.group.fitting import Chunks, Limits, Stages


@entry
def list_sets(stages: Stages, chunks: Chunks, limits: Limits, sets: Words, bits: Words) -> int:
    """List the sets of stages whose weights fit together, a flag for each stage, and their bits; return how many.

    Those of few bits come first, of equal ones those of few stages, then those that the first stages are not in.
    A set is left out if one more stage could stay with the same largest chunks of all runs, in one slot, in two and in
    all, as that streams less, and nothing waits where it did not.
    """
    many, count, subsets = len(stages.n), 0, 1
    for stage in range(many):
        subsets *= 2 if stages.has_weights[stage] else 1
    for subset in range(subsets):
        rest, taken = subset, 0
        for stage in range(many):
            flag = 0
            if stages.has_weights[stage]:
                flag, rest = rest % 2, rest // 2
            sets[count * many + stage] = flag
            taken += flag * bits_of(stages, stage)
        if taken <= limits.weight_bits and not can_grow(stages, chunks, limits, sets, count * many, taken):
            bits[count] = taken
            count += 1
    gap = count >> 1
    while gap > 0:
        for at in range(gap, count):
            place = at
            while place >= gap and comes_before(sets, bits, many, place, place - gap):
                exchange_sets(sets, bits, many, place, place - gap)
                place -= gap
        gap >>= 1
    return count


@kernel
def comes_before(sets: Words, bits: Words, many: int, one: int, other: int) -> bool:
    """Return whether a set of so many stages comes before another."""
    if bits[one] != bits[other]:
        return bits[one] < bits[other]
    more = first = 0
    for stage in range(many):
        differs = sets[one * many + stage] - sets[other * many + stage]
        more += differs
        first = first if first else differs
    return more < 0 or (more == 0 and first < 0)


@kernel
def exchange_sets(sets: Words, bits: Words, many: int, one: int, other: int) -> None:
    """Let two sets of so many stages take each other's places."""
    bits[one], bits[other] = bits[other], bits[one]
    for stage in range(many):
        a, b = one * many + stage, other * many + stage
        sets[a], sets[b] = sets[b], sets[a]


@kernel
def bits_of(stages: Stages, stage: int) -> int:
    """Return the bits of all weights and biases of a stage."""
    if not stages.has_weights[stage]:
        return 0
    return stages.n[stage] * (stages.c[stage] * stages.kernel_bits[stage] + stages.bias_bits[stage])


@kernel
def can_grow(stages: Stages, chunks: Chunks, limits: Limits, sets: Words, at: int, taken: int) -> bool:
    """Return whether another stage could stay beside the set at a place, of ``taken`` bits, at no cost to chunks."""
    for stage in range(len(stages.n)):
        more = taken + bits_of(stages, stage)
        if stages.has_weights[stage] and not sets[at + stage] and more <= limits.weight_bits:
            is_free = True
            for run in range(len(stages.start)):
                for slots in (1, 2, limits.slots):
                    before = most_beside(stages, chunks, limits, sets, at, run, taken, slots)
                    sets[at + stage] = 1
                    after = most_beside(stages, chunks, limits, sets, at, run, more, slots)
                    sets[at + stage] = 0
                    is_free = is_free and before == after
            if is_free:
                return True
    return False


@kernel
def most_beside(
    stages: Stages, chunks: Chunks, limits: Limits, sets: Words, at: int, run: int, taken: int, slots: int
) -> int:
    """Return the place of the largest chunk of a run whose weights fit beside a set, as often as there are slots."""
    streamed = 0
    for stage in range(stages.start[run], stages.stop[run]):
        if not sets[at + stage]:
            streamed += ceiling(bits_of(stages, stage), stages.n[stage])
    if streamed == 0:
        return chunks.begin[run + 1] - 1
    return largest_up_to(chunks, run, (limits.weight_bits - taken) // slots // streamed)
