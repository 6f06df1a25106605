"""Whether a mapping of a fused group is possible; see :mod:`lw3dsim.possible.layer`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.map.group.cutting import is_seen
from lw3dsim.map.group.orders import disagreeing, modes_of
from lw3dsim.map.group.tables import MAX_GROUP_STEPS
from lw3dsim.map.group_fill import group_fill
from lw3dsim.map.words import DIMENSIONS
from lw3dsim.possible.layer import Fault, mode_faults, room_faults, size_faults, slots_faults

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.map.group.group import Group, GroupMapping


def group_faults(group: Group, mapping: GroupMapping, arch: Accelerator, names: Sequence[str]) -> Iterator[Fault]:
    """Yield why ``mapping`` of a fused group is impossible; what follows the first holds only without it."""
    for i in group.idle_stages:
        yield Fault(key=("group", i), message=f"nothing behind {names[i]} needs any of its output; take it out")
    for axis, size, most in zip("thw", mapping.tile, group.extent, strict=True):
        yield from size_faults(("tile", axis), size, most, f"{DIMENSIONS[axis]} in {names[-1]}")
    if group.takes_all_frames and mapping.t != group.extent[0]:
        message = f"the group needs all frames at once; give {group.extent[0]}"
        yield Fault(key=("tile", "t"), value=mapping.t, message=message)
    yield from _flags(group, mapping)
    if len(mapping.chunks) != len(group.runs):
        runs = "; ".join("+".join(names[i] for i in run) for run in group.runs)
        yield Fault(key=("chunks",), value=list(mapping.chunks), message=f"give one size per run: {runs}")
    for i, (run, chunk) in enumerate(zip(group.runs, mapping.chunks, strict=True)):
        yield from size_faults(("chunks", i), chunk, group.channels[run.stop], f"channels in {names[run.stop - 1]}")
    if not len(mapping.parallel) == len(mapping.resident) == len(group.stages):
        yield Fault(key=("group",), message=f"give a mode for each of {len(group.stages)} layers")
    for i in disagreeing(group, mapping.parallel):
        message = f"reads what another layer reads in another mode; give both {' or '.join(modes_of(group, arch)[i])}"
        yield Fault(key=("group", i, "parallel"), value=mapping.parallel[i], message=message)
    for i, stage in enumerate(group.stages):
        yield from mode_faults(("group", i, "parallel"), mapping.parallel[i], stage, arch)
        if mapping.resident[i] and not stage.has_weights:
            yield Fault(key=("group", i, "resident"), value=True, message=f"{names[i]} has no weights; leave it out")
    yield from slots_faults(("ofmap_slots",), mapping.ofmap_slots, arch)
    steps = mapping.steps(group)
    if steps > MAX_GROUP_STEPS:
        message = f"makes {steps:,} steps, at most {MAX_GROUP_STEPS:,}; raise tile sizes or chunks"
        yield Fault(key=("tile",), message=message)
    yield from room_faults(group_fill(group, mapping, arch), names, arch)


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


def is_possible_group(group: Group, mapping: GroupMapping, arch: Accelerator) -> bool:
    """Return whether a fused group can be mapped so."""
    return next(group_faults(group, mapping, arch, [""] * len(group.stages)), None) is None
