"""The mapper: enumerate tilings, keep what fits the buffers, rank by estimated latency and traffic.

The caller simulates the best few and takes the best by simulation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.describe.accelerator import KIB_BITS
from lw3dsim.errors import MappingError
from lw3dsim.map.estimate import latency, rough_step_cycles, step_cycles
from lw3dsim.map.mapping import ORDERS, Mapping, Order, Parallel, weight_tile_bits
from lw3dsim.map.microarchitecture import make_machine
from lw3dsim.map.tilings import Tilings, enumerate_tilings
from lw3dsim.map.traffic import Traffic, traffic

if TYPE_CHECKING:
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.clocks import Clocks
    from lw3dsim.map.arrays import Flags, Floats, Ints
    from lw3dsim.map.problem import Problem

# Latencies within 1/1000 count as equal; fewer DRAM bytes then decide.
TOLERANCE = 1000

# Tilings that are costed group by group, per loop order and parallel mode.
SHORTLIST = 3000

MAX_STEPS = 4_000_000

STREAMS = ("ifmap", "weight", "ofmap")


def search(problem: Problem, arch: Accelerator, clocks: Clocks, *, keep: int = 5) -> list[Mapping]:
    """Return the ``keep`` most promising mappings, best first; raise MappingError when none fits."""
    everything = enumerate_tilings(problem, arch.pe.rows, arch.pe.mults_per_pe, clocks.burst_bytes)
    slots = _slots(problem, arch, everything)
    fits = _fits(problem, arch, everything, slots)
    if not fits.any():
        raise _too_small(problem, arch, everything, slots)
    fitting = np.flatnonzero(fits)
    tilings = everything.take(fitting)
    moved = {order: traffic(problem, tilings, order, clocks) for order in ORDERS}
    found = [
        found for mode in _modes(problem, arch) for found in _promising(problem, arch, tilings, moved, mode, clocks)
    ]
    best = _best(
        np.concatenate([f.latency for f in found]),
        np.concatenate([f.bursts for f in found]),
        np.concatenate([f.steps for f in found]),
        keep,
    )
    owner = np.repeat(np.arange(len(found)), [len(f.index) for f in found])
    index = np.concatenate([f.index for f in found])
    return [_mapping(everything, slots, int(fitting[index[i]]), found[owner[i]]) for i in best]


@dataclass(frozen=True, kw_only=True)
class _Found:
    """The shortlist of one loop order and parallel mode; ``index`` points into the fitting tilings."""

    index: Ints
    order: Order
    parallel: Parallel
    latency: Floats
    bursts: Ints
    steps: Ints


def _modes(problem: Problem, arch: Accelerator) -> tuple[Parallel, ...]:
    is_direct = problem.structure == "dense" and not problem.algorithm.is_winograd
    return ("pixel", "channel") if is_direct and arch.pe.mults_per_pe > 1 else ("pixel",)


def _promising(
    problem: Problem,
    arch: Accelerator,
    tilings: Tilings,
    traffics: dict[Order, Traffic],
    parallel: Parallel,
    clocks: Clocks,
) -> list[_Found]:
    """Rank all tilings roughly, for every loop order, then the best of them with every group counted."""
    machine, slots = make_machine(problem, arch, parallel), arch.buffers.slots
    rough = rough_step_cycles(problem, machine, tilings)
    found = []
    for order, whole in traffics.items():
        estimate = latency(problem, machine, tilings, whole, rough, slots, clocks)
        if order != ORDERS[0]:
            # Loops that one tile leaves nothing of come in one order only: such a schedule has been seen.
            estimate[(tilings.n_parts == 1) | (tilings.spatial == 1)] = np.inf
        index = _smallest(estimate, whole.bursts, SHORTLIST)
        index = index[np.isfinite(estimate[index])]
        if len(index) == 0:
            continue
        few, moved, estimate = tilings.take(index), whole.take(index), estimate[index]
        if problem.structure != "vector":
            counted = step_cycles(problem, machine, few)
            estimate = latency(problem, machine, few, moved, counted, slots, clocks)
        found.append(
            _Found(
                index=index,
                order=order,
                parallel=parallel,
                latency=estimate,
                bursts=moved.bursts,
                steps=few.steps(problem),
            )
        )
    return found


def _smallest(estimate: Floats, bursts: Ints, count: int) -> Ints:
    """Return the positions of the ``count`` smallest estimates, fewer bursts first among equals, then position."""
    index = np.arange(len(estimate))
    if len(index) > count:
        # Sorting all of them would cost more than estimating them.
        index = np.flatnonzero(estimate <= np.partition(estimate, count)[count])
    return np.asarray(index[np.lexsort((index, bursts[index], estimate[index]))][:count])


def _best(estimate: Floats, bursts: Ints, steps: Ints, keep: int) -> list[int]:
    """Return positions of the best: half by traffic among the nearly fastest, then by latency."""
    near = np.flatnonzero(estimate * TOLERANCE <= estimate.min() * (TOLERANCE + 1))
    thrifty = near[np.lexsort((near, estimate[near], steps[near], bursts[near]))][: keep // 2]
    fastest = np.lexsort((np.arange(len(estimate)), steps, bursts, estimate))[:keep]
    return list(dict.fromkeys([*thrifty.tolist(), *fastest.tolist()]))[:keep]


def _mapping(tilings: Tilings, slots: dict[str, Ints], i: int, found: _Found) -> Mapping:
    return Mapping(
        n=int(tilings.n[i]),
        c=int(tilings.c[i]),
        t=int(tilings.t[i]),
        h=int(tilings.h[i]),
        w=int(tilings.w[i]),
        order=found.order,
        parallel=found.parallel,
        ifmap_slots=int(slots["ifmap"][i]),
        weight_slots=int(slots["weight"][i]),
        ofmap_slots=int(slots["ofmap"][i]),
    )


def _slots(problem: Problem, arch: Accelerator, tilings: Tilings) -> dict[str, Ints]:
    """Return the slots of each buffer: all of it is one slot where a single tile is all there is."""
    n, c = tilings.n_parts, tilings.c_parts
    tiles = {
        "ifmap": tilings.spatial * c * (1 if problem.structure == "dense" else n),
        "weight": n * c,
        "ofmap": tilings.spatial * n,
    }
    return {name: np.where(count * problem.groups == 1, 1, arch.buffers.slots) for name, count in tiles.items()}


def _tile_bits(problem: Problem, tilings: Tilings) -> dict[str, Ints]:
    """Return the bits that the largest tile of each stream takes in its buffer."""
    n, c = tilings.n, tilings.c
    channels = c if problem.structure == "dense" else n
    pixels = tilings.input.pixels
    if problem.reduces_frames:
        pixels = pixels // np.maximum(tilings.frames, 1) * np.minimum(c, tilings.frames)
    outputs = n * tilings.t * tilings.h * tilings.w
    return {
        "ifmap": channels * pixels * problem.sources * problem.activation_bits,
        "weight": weight_tile_bits(problem, n, c, True),
        "ofmap": outputs * np.where(c < problem.c, problem.accumulator_bits, problem.activation_bits),
    }


def _fits(problem: Problem, arch: Accelerator, tilings: Tilings, slots: dict[str, Ints]) -> Flags:
    """Return which tilings fit all buffers in a bounded number of steps, as a mask."""
    bits, capacity = _tile_bits(problem, tilings), arch.buffers.capacity_bits
    fits = tilings.steps(problem) <= MAX_STEPS
    for name in STREAMS:
        fits &= bits[name] <= capacity[name] // slots[name]
    return np.asarray(fits)


def _too_small(problem: Problem, arch: Accelerator, tilings: Tilings, slots: dict[str, Ints]) -> MappingError:
    """Say which buffer is too small for any tiling, and how large it would have to be."""
    capacity = arch.buffers.capacity_bits
    for name, bits in _tile_bits(problem, tilings).items():
        need, have = -(-int((bits * slots[name]).min()) // KIB_BITS), capacity[name] // KIB_BITS
        if need > have:
            lower = " or lower buffers.slots" if arch.buffers.slots > 1 else ""
            remedy = f"needs at least {need} KiB; raise it{lower}"
            return MappingError(f"buffers.{name}_kib", f"{have} KiB hold no tile ({remedy})")
    return MappingError(
        "buffers",
        f"no tiling fits all three buffers in {MAX_STEPS} steps; raise ifmap_kib, weight_kib, ofmap_kib",
    )
