"""Whether a mapping is possible: sizes, modes, slots, number of steps and buffers, of whatever origin it is.

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
from lw3dsim.map.fill import group_fill, layer_fill
from lw3dsim.map.group.cutting import is_seen
from lw3dsim.map.group.orders import disagreeing, modes_of
from lw3dsim.map.group.tables import MAX_GROUP_STEPS
from lw3dsim.map.layer.search import MAX_STEPS
from lw3dsim.map.words import DIMENSIONS, kib, positions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.buffers import Buffers
    from lw3dsim.machine.problem import Problem
    from lw3dsim.map.fill import Fill
    from lw3dsim.map.group.group import Group, GroupMapping
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
        yield from _size(("tile", axis), getattr(mapping, axis), most, f"{positions(axis, problem)} in {name}")
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
        yield from _slots(("slots", stream), getattr(mapping, f"{stream}_slots"), arch)
    yield from _mode(("parallel",), mapping.parallel, problem, arch)
    steps = problem.groups * problem.frame_tiles(mapping.t)
    steps *= math.prod(-(-most // getattr(mapping, axis)) for axis, most in limits.items() if axis != "t")
    if steps > MAX_STEPS:
        message = f"makes {steps:,} steps of {name}, at most {MAX_STEPS:,}; raise tile sizes"
        yield Fault(key=("tile",), message=message)
    yield from _room(layer_fill(problem, mapping, arch), (name,), arch)


def group_faults(group: Group, mapping: GroupMapping, arch: Accelerator, names: Sequence[str]) -> Iterator[Fault]:
    """Yield why ``mapping`` of a fused group is impossible; what follows the first holds only without it."""
    for i in group.idle_stages:
        yield Fault(key=("group", i), message=f"nothing behind {names[i]} needs any of its output; take it out")
    for axis, size, most in zip("thw", mapping.tile, group.extent, strict=True):
        yield from _size(("tile", axis), size, most, f"{DIMENSIONS[axis]} in {names[-1]}")
    if group.takes_all_frames and mapping.t != group.extent[0]:
        message = f"the group needs all frames at once; give {group.extent[0]}"
        yield Fault(key=("tile", "t"), value=mapping.t, message=message)
    yield from _flags(group, mapping)
    if len(mapping.chunks) != len(group.runs):
        runs = "; ".join("+".join(names[i] for i in run) for run in group.runs)
        yield Fault(key=("chunks",), value=list(mapping.chunks), message=f"give one size per run: {runs}")
    for i, (run, chunk) in enumerate(zip(group.runs, mapping.chunks, strict=True)):
        yield from _size(("chunks", i), chunk, group.channels[run.stop], f"channels in {names[run.stop - 1]}")
    if not len(mapping.parallel) == len(mapping.resident) == len(group.stages):
        yield Fault(key=("group",), message=f"give a mode for each of {len(group.stages)} layers")
    for i in disagreeing(group, mapping.parallel):
        message = f"reads what another layer reads in another mode; give both {' or '.join(modes_of(group, arch)[i])}"
        yield Fault(key=("group", i, "parallel"), value=mapping.parallel[i], message=message)
    for i, stage in enumerate(group.stages):
        yield from _mode(("group", i, "parallel"), mapping.parallel[i], stage, arch)
        if mapping.resident[i] and not stage.has_weights:
            yield Fault(key=("group", i, "resident"), value=True, message=f"{names[i]} has no weights; leave it out")
    yield from _slots(("ofmap_slots",), mapping.ofmap_slots, arch)
    steps = group_steps(group, mapping)
    if steps > MAX_GROUP_STEPS:
        message = f"makes {steps:,} steps, at most {MAX_GROUP_STEPS:,}; raise tile sizes or chunks"
        yield Fault(key=("tile",), message=message)
    yield from _room(group_fill(group, mapping, arch), names, arch)


def group_steps(group: Group, mapping: GroupMapping) -> int:
    """Return how many steps a group takes at most: those of every tile, though some do without a stage."""
    tiles = math.prod(axis.tiles for axis in mapping.axes(group))
    chunks = zip(group.runs, mapping.chunks, strict=True)
    return tiles * sum(len(run) * -(-group.channels[run.stop] // chunk) for run, chunk in chunks)


def _flags(group: Group, mapping: GroupMapping) -> Iterator[Fault]:
    """Yield what is asked of tiles of a group that can't be with the rest of it."""
    if mapping.warm_up and mapping.kept == "none":
        message = "tiles warm up along the axis of kept halos; give kept: t, h or w, or leave it out"
        yield Fault(key=("warm_up",), value=True, message=message)
    if not is_seen(mapping.axes(group)):
        message = "input comes for a tile in which no layer that reads it makes anything; give larger tiles"
        yield Fault(key=("tile",), message=message)
    if mapping.sliced and "dram" not in group.operands:
        message = "no second operand of the group comes from DRAM; leave it out"
        yield Fault(key=("sliced",), value=True, message=message)


def is_possible(problem: Problem, mapping: Mapping, arch: Accelerator) -> bool:
    """Return whether a layer can be mapped so."""
    return next(layer_faults(problem, mapping, arch), None) is None


def is_possible_group(group: Group, mapping: GroupMapping, arch: Accelerator) -> bool:
    """Return whether a fused group can be mapped so."""
    return next(group_faults(group, mapping, arch, [""] * len(group.stages)), None) is None


def _size(key: tuple[str | int, ...], value: int, most: int, what: str) -> Iterator[Fault]:
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


def _slots(key: tuple[str | int, ...], value: int, arch: Accelerator) -> Iterator[Fault]:
    yield from _size(key, value, arch.buffers.slots, "slots (buffers.slots)")


def _mode(key: tuple[str | int, ...], parallel: str, problem: Problem, arch: Accelerator) -> Iterator[Fault]:
    """Yield channels in parallel where the array can't."""
    if parallel not in parallel_modes(problem, arch):
        message = "only dense direct layers on PEs of several multipliers can; give pixel, or leave it out"
        yield Fault(key=key, value=parallel, message=message)


def _room(fills: Sequence[Fill], names: Sequence[str], arch: Accelerator) -> Iterator[Fault]:
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
