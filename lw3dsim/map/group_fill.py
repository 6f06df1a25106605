"""How full the buffers get in a fused group, and what it gets of a memory that is divided by that."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.base.kernels import kernels
from lw3dsim.base.values import replace
from lw3dsim.describe.buffers import SHARES
from lw3dsim.map.division import divided, needs_of, shares_needed
from lw3dsim.map.fill import Fill
from lw3dsim.map.group.cutting import cut_one
from lw3dsim.map.group.fitting import beside_bits, input_bits, new_positions, slice_bits, window_bits
from lw3dsim.map.group.floor import stage_weight_bits
from lw3dsim.map.layer.mapping import weight_tile_bits
from lw3dsim.map.layer.room import slots_that_fit

if TYPE_CHECKING:
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.map.fill import BufferName
    from lw3dsim.map.group.axes import Cuts
    from lw3dsim.map.group.group import Group, GroupMapping


def group_design(group: Group, mapping: GroupMapping, arch: Accelerator) -> Accelerator:
    """Return ``arch`` as a fused group sees it, what is not given divided by what its mapping needs.

    Raises ValueError where that is more than there is.
    """
    buffers = arch.buffers
    if not buffers.is_divided_by_group:
        return arch
    needs = needs_of(group_fill(group, mapping, arch), buffers)
    buffers = divided(buffers, needs) if buffers.is_whole else buffers
    share = shares_needed(buffers, needs["intermediate"])
    if share + shares_needed(buffers, needs["ofmap"]) > SHARES:
        raise ValueError(f"{share} of {SHARES} shares of the output buffer leave too little for outputs")
    return replace(arch, buffers=replace(buffers, intermediate_share=share / SHARES))


def group_fill(group: Group, mapping: GroupMapping, arch: Accelerator) -> list[Fill]:
    """Return how full the buffers get in a fused group under ``mapping``."""
    work, stages, cuts = kernels(), group.plain, _cuts(group, mapping)
    one = 0, 0, 0
    new = [int(work(new_positions)(*cuts, *one, tensor)) for tensor in range(len(group.stages) + 1)]
    if mapping.sliced:
        runs = enumerate(zip(group.runs, mapping.chunks, strict=True))
        slices = [work(slice_bits)(stages, *cuts, *one, i) * min(n, group.channels[run.stop]) for i, (run, n) in runs]
        window = int(work(input_bits)(stages, *cuts, *one)) + max(map(int, slices))
    else:
        window = int(work(window_bits)(stages, *cuts, *one))
    inside, capacity = arch.buffers.intermediate_bits, arch.buffers.capacity_bits
    streamed, beside = [], []
    for number, (run, chunk) in enumerate(zip(group.runs, mapping.chunks, strict=True)):
        streamed.append(sum(_chunk_bits(group, i, chunk) for i in run if not mapping.resident[i]))
        inner = range(run.start + 1, run.stop)
        chunks = sum(new[i] * group.bits[i] for i in inner) * min(chunk, group.channels[run.stop])
        beside.append(int(work(beside_bits)(stages, *cuts, *one, number)) + chunks)
    output = new[-1] * group.stages[-1].output_bits * mapping.chunks[-1]
    most = max(streamed)
    stay = sum(map(stage_weight_bits, itertools.compress(group.stages, mapping.resident)))
    inputs = work(slots_that_fit)(arch.buffers.slots, window, capacity["ifmap"])
    weights = work(slots_that_fit)(arch.buffers.slots, most, capacity["weight"] - stay) if most else 1
    rows: list[tuple[BufferName, int, int, int, int]] = [
        ("ifmap", window, int(inputs), 0, capacity["ifmap"]),
        ("weight", most, int(weights), stay, capacity["weight"]),
        ("intermediate", max(beside), 1, 0, inside),
        ("ofmap", output, mapping.ofmap_slots, 0, arch.buffers.output_bits),
    ]
    return [
        Fill(buffer=name, tile_bits=bits, slots=count, resident_bits=stays, capacity_bits=room)
        for name, bits, count, stays, room in rows
    ]


def _chunk_bits(group: Group, i: int, chunk: int) -> int:
    """Return the bits of the weights of a chunk of stage ``i``."""
    stage = group.stages[i]
    return int(weight_tile_bits(stage, np.array(chunk), np.array(stage.c), True)) if stage.has_weights else 0


def _cuts(group: Group, mapping: GroupMapping) -> tuple[Cuts, Cuts, Cuts]:
    """Return the axes of ``group`` as ``mapping`` cuts them, the only way."""
    t, h, w = (
        cut_one(group.reaches[d], tile, mapping.halo(name))
        for d, (name, tile) in enumerate(zip("thw", mapping.tile, strict=True))
    )
    return t, h, w
