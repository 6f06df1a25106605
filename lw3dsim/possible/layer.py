"""Whether a mapping of a layer is possible: sizes, modes, slots, number of steps and buffers, of whatever origin it is.

What a mapping file says, and what is remembered from another run, passes the same checks.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from lw3dsim.account.events import STREAMS
from lw3dsim.base.values import Value, replace
from lw3dsim.errors import one_line
from lw3dsim.machine.microarchitecture import parallel_modes
from lw3dsim.map.division import banks_needed, needs_of, shares_needed
from lw3dsim.map.fill import layer_fill
from lw3dsim.map.layer.mapping import MAX_STEPS
from lw3dsim.map.words import kib, positions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.buffers import Buffers
    from lw3dsim.machine.problem import Problem
    from lw3dsim.map.fill import Fill
    from lw3dsim.map.layer.mapping import Mapping

# What to change where a buffer overflows in a fused group.
REMEDIES = {
    "ifmap": "lower the tile, or raise buffers.ifmap_kib",
    "weight": "lower chunks or what is resident, or raise buffers.weight_kib",
    "ofmap": "lower the tile, the last chunk or ofmap_slots, or raise buffers.ofmap_kib",
    "intermediate": "lower the tile or chunks, or raise buffers.ofmap_kib or buffers.intermediate_share",
}


class Fault(Value, frozen=True, kw_only=True):
    """Why a mapping is impossible: the ``key`` of a mapping file's unit, its ``value`` where one is, and words."""

    key: tuple[str | int, ...]
    value: object = None
    message: str


def layer_faults(problem: Problem, mapping: Mapping, arch: Accelerator, name: str = "") -> Iterator[Fault]:
    """Yield why ``mapping`` of a layer is impossible; what follows the first holds only without it."""
    space = problem.out if problem.shares_weights else problem.segment
    limits = dict(zip("nc", (problem.n, problem.c), strict=True)) | dict(zip("thw", space, strict=True))
    for axis, most in limits.items():
        yield from size_faults(("tile", axis), getattr(mapping, axis), most, f"{positions(axis, problem)} in {name}")
    frames = problem.segment[0]
    if mapping.t > frames and mapping.t % frames:
        message = f"is more than the {frames} frames of a clip, and no multiple of them"
        yield Fault(key=("tile", "t"), value=mapping.t, message=message)
    if problem.whole_frames and mapping.t != frames:
        message = f"{name} needs all frames at once; give {frames}"
        yield Fault(key=("tile", "t"), value=mapping.t, message=message)
    if problem.structure == "grouped" and mapping.n % problem.group_n:
        message = f"with abreast give whole groups: a multiple of {problem.group_n}"
        yield Fault(key=("tile", "n"), value=mapping.n, message=message)
    if problem.structure == "grouped" and mapping.c != problem.c:
        message = f"with abreast {name} is summed up at once: give {problem.c}"
        yield Fault(key=("tile", "c"), value=mapping.c, message=message)
    for stream in STREAMS:
        yield from slots_faults(("slots", stream), getattr(mapping, f"{stream}_slots"), arch)
    yield from mode_faults(("parallel",), mapping.parallel, problem, arch)
    steps = problem.groups * problem.frame_tiles(mapping.t)
    steps *= math.prod(-(-most // getattr(mapping, axis)) for axis, most in limits.items() if axis != "t")
    if steps > MAX_STEPS:
        message = f"makes {steps:,} steps of {name}, at most {MAX_STEPS:,}; raise tile sizes"
        yield Fault(key=("tile",), message=message)
    yield from room_faults(layer_fill(problem, mapping, arch), (name,), arch)


def is_possible(problem: Problem, mapping: Mapping, arch: Accelerator) -> bool:
    """Return whether a layer can be mapped so."""
    return next(layer_faults(problem, mapping, arch), None) is None


def size_faults(key: tuple[str | int, ...], value: int, most: int, what: str) -> Iterator[Fault]:
    """Yield a size that is not 1 to ``most``, the number of ``what``."""
    if not 1 <= value <= most:
        yield Fault(
            key=key, value=value, message=f"{_there_are(most, what)}; give 1{f' to {most}' if most > 1 else ''}"
        )


def _there_are(many: int, what: str) -> str:
    """Return how many there are of ``what``, as "frames in pool" or "slots (buffers.slots)"."""
    if many != 1:
        return f"there are {many} {what}"
    return re.sub("s( in | \\()", r"\1", f"there is 1 {what}", count=1)


def slots_faults(key: tuple[str | int, ...], value: int, arch: Accelerator) -> Iterator[Fault]:
    """Yield slots that are not one to those of the buffers."""
    yield from size_faults(key, value, arch.buffers.slots, "slots (buffers.slots)")


def mode_faults(key: tuple[str | int, ...], parallel: str, problem: Problem, arch: Accelerator) -> Iterator[Fault]:
    """Yield channels in parallel where the array can't."""
    if parallel not in parallel_modes(problem, arch):
        message = "only dense direct layers on PEs of several multipliers can; give pixel, or leave it out"
        yield Fault(key=key, value=parallel, message=message)


def room_faults(fills: Sequence[Fill], names: Sequence[str], arch: Accelerator) -> Iterator[Fault]:
    """Yield what overflows a buffer: how much is needed and how much is there."""
    buffers, who = arch.buffers, "+".join(names)
    if buffers.is_whole:
        yield from _banks(banks_needed(buffers, needs_of(fills, buffers)), who, arch)
        return
    if buffers.is_divided_by_group and len(fills) > len(STREAMS):
        fills = _sharing(fills, buffers)
    for fill in fills:
        if fill.bits > fill.capacity_bits:
            parts = [f"{fill.slots} x {kib(fill.tile_bits)} KiB"] * bool(fill.tile_bits)
            parts += [f"{kib(fill.resident_bits)} KiB resident"] * bool(fill.resident_bits)
            alone = f"lower tile sizes or slots, or raise buffers.{fill.buffer}_kib"
            remedy = REMEDIES[fill.buffer] if len(names) > 1 else alone
            if buffers.shared_kib is not None:
                remedy = "lower tile sizes, chunks or slots, or give it more banks"
            message = (
                f"{who} needs {kib(fill.bits)} KiB of the {fill.buffer} buffer "
                f"({' + '.join(parts)}), {one_line(arch.name)} has {kib(fill.capacity_bits)} KiB; {remedy}"
            )
            yield Fault(key=(), message=message)


def _banks(needed: dict[str, int], who: str, arch: Accelerator) -> Iterator[Fault]:
    """Yield more banks than a shared memory has."""
    buffers, asked = arch.buffers, sum(needed.values())
    if asked > buffers.shared_banks:
        message = (
            f"{who} needs {asked} banks of {buffers.bank_kib} KiB "
            f"({' + '.join(f'{count} {name}' for name, count in needed.items() if count)}), {one_line(arch.name)} has "
            f"{buffers.shared_banks}; lower tile sizes, chunks or slots, or raise buffers.shared_kib"
        )
        yield Fault(key=(), message=message)


def _sharing(fills: Sequence[Fill], buffers: Buffers) -> list[Fill]:
    """Return ``fills`` of a group in which intermediate tensors have what shares they need, outputs the others."""
    (inside,) = (fill.bits for fill in fills if fill.buffer == "intermediate")
    left = buffers.capacity_bits["ofmap"] - shares_needed(buffers, inside) * buffers.share_bits
    return [replace(fill, capacity_bits=max(left, 0)) if fill.buffer == "ofmap" else fill for fill in fills]
