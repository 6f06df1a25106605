"""Layouts of tensors in DRAM: chosen once all layers are mapped, for all users of a tensor together."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from lw3dsim.base.values import replace
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.network.blocks import Use, candidate_blocks, wanted_block
from lw3dsim.network.runs import settled
from lw3dsim.network.units import moved_of
from lw3dsim.tensor.layout import block_sizes, bursts_in_block, packed_in_fewer

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from lw3dsim.account.simulated import Unit
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.workload import Workload
    from lw3dsim.map.group.group import Blocks
    from lw3dsim.schedule.work import Side, Work


def settle_layouts(
    network: Workload, units: list[Unit], arch: Accelerator, engine: str, given: Mapping[str, int]
) -> list[Unit]:
    """Give every tensor the layout that the mappings of its users want together; time anew what that changes.

    ``given`` are channel blocks of tensors whose layout is not to be chosen.
    """
    works, extra = laid_out(network, units, arch, given)
    return [
        replace(unit, run=settled(unit.run, work, engine), layout_extra_bytes=over)
        for unit, work, over in zip(units, works, extra, strict=True)
    ]


def laid_out(
    network: Workload, units: list[Unit], arch: Accelerator, given: Mapping[str, int]
) -> tuple[list[Work], list[int]]:
    """Return what runs as each of ``units`` once every tensor has its layout, and the bytes that costs it over its own.

    See :func:`settle_layouts`; nothing is simulated. Tensors that are read together keep theirs.
    """
    burst_bytes, given = make_clocks(arch).burst_bytes, standing(network, given)
    works = [unit.run.work for unit in units]
    extra = [0] * len(units)
    for tensor, users in uses_of(network, units, burst_bytes).items():
        if tensor in network.read_together and tensor not in given:
            continue
        uses = [use for _, use in users]
        block = given.get(tensor, uses[0].block)
        tried = candidate_blocks(uses, network.shapes[tensor].channels, arch.dram.channel_block) | {block}
        moved = [use.bursts(sorted(tried)) for use in uses]
        if arch.dram.layout == "auto" and tensor not in given:
            block = wanted_block(moved, block)
        for (i, use), bursts in zip(users, moved, strict=True):
            works[i] = works[i].in_block(use.side, block)
            extra[i] += (bursts[block] - min(bursts.values())) * burst_bytes
    return works, extra


def uses_of(network: Workload, units: Sequence[Unit], burst_bytes: int) -> dict[str, list[tuple[int, Use]]]:
    """Return, for every tensor whose layout is free, the mapped layers and groups that use it, or what lies like it."""
    uses: dict[str, list[tuple[int, Use]]] = {}
    for i, unit in enumerate(units):
        for side, name in moved_by_side(network, unit).items():
            if name in network.laid_like:
                uses.setdefault(network.laid_like[name], []).append((i, _use(unit, side, burst_bytes)))
    return uses


def moved_by_side(network: Workload, unit: Unit) -> dict[Side, str]:
    """Return the tensors that a mapped layer or group moves, by side; of what it reads together the first."""
    work = unit.run.work
    names = moved_of(network, unit.layers, work.fused)
    return {side: name for side, name in zip(work.sides, names, strict=True) if name is not None}


def stored_by(unit: Unit) -> dict[Side, str]:
    """Return the tensors that a group stores besides its output, by side."""
    return {side: unit.layers[side - 1].name for side in unit.run.work.sides if isinstance(side, int)}


def _use(unit: Unit, side: Side, burst_bytes: int) -> Use:
    moved = unit.run.events.dram_ifmap_bytes // burst_bytes if side == "input" else None
    return Use(work=unit.run.work, side=side, burst_bytes=burst_bytes, moved=moved)


def moved_by(unit: Unit, burst_bytes: int, lies: Sequence[int | None]) -> int:
    """Return the DRAM bytes that a mapped layer or group moves where its sides are in these blocks."""
    each = zip(unit.run.work.sides, lies, strict=True)
    return unit.run.dram_bytes + sum(moved_more(unit, burst_bytes, side, (block,))[0] for side, block in each)


def moved_more(unit: Unit, burst_bytes: int, side: Side, blocks: Sequence[int | None]) -> list[int]:
    """Return the DRAM bytes that a mapped unit moves more of a side in ``blocks``; None: its own."""
    own = unit.run.work.block(side)
    wanted = [own if block is None else block for block in blocks]
    if all(block == own for block in wanted):
        return [0] * len(blocks)
    use = _use(unit, side, burst_bytes)
    bursts = use.bursts(sorted({own, *wanted}))
    return [(bursts[block] - bursts[own]) * burst_bytes for block in wanted]


def blocks_of(
    network: Workload, units: Sequence[Unit], arch: Accelerator, given: Mapping[str, int]
) -> dict[str, Blocks]:
    """Return the channel blocks of each tensor whose layout decides: the usual, those of ``units`` and their tiles.

    Those that are ``given`` stand, and tensors that are read together keep theirs.
    """
    given, smallest = standing(network, given), arch.dram.channel_block
    found: dict[str, Blocks] = {}
    for name, users in uses_of(network, units, make_clocks(arch).burst_bytes).items():
        if name in network.read_together and name not in given:
            continue
        uses = [use for _, use in users]
        blocks = candidate_blocks(uses, network.shapes[name].channels, smallest)
        found[name] = (given[name],) if name in given else tuple(sorted(blocks))
    return found


def layouts_of(network: Workload, units: list[Unit], arch: Accelerator) -> dict[str, int]:
    """Return the channel blocks in which mapped ``units`` have the tensors whose layout is free."""
    uses = uses_of(network, units, make_clocks(arch).burst_bytes)
    moved = {name for unit in units for name in moved_by_side(network, unit).values()}
    moved |= {name for unit in units for name in network.reads_as_laid(unit.layers[0])}
    return {name: uses[own][0][1].block for name, own in network.laid_like.items() if name in moved}


def free_blocks(
    network: Workload, arch: Accelerator, given: Collection[str], kept: Collection[str] = ()
) -> dict[str, Blocks]:
    """Return, per tensor, the channel blocks that whoever uses it may ask for; those of tensors ``given`` stand.

    So do those that are ``kept``, by what stands for them.
    """
    known = standing(network, dict.fromkeys(given, 0)) if arch.dram.layout == "auto" else network.shapes
    free = {name for name, own in network.laid_like.items() if own not in known and own not in kept}
    return {
        name: tuple(block_sizes(arch.dram.channel_block, shape.channels)) if name in free else ()
        for name, shape in network.shapes.items()
    }


def packed_blocks(network: Workload, arch: Accelerator, free: Mapping[str, Blocks]) -> dict[str, Blocks]:
    """Return, per tensor, those of its ``free`` blocks, with packed rows, that store it in fewer bursts than any."""
    burst_bytes, own_bits = make_clocks(arch).burst_bytes, arch.precision.activation_bits

    def packed(name: str, blocks: Blocks) -> Blocks:
        shape, bits = network.shapes[name], network.tensor_bits.get(name, own_bits)
        return tuple(packed_in_fewer(blocks, partial(bursts_in_block, shape.channels, shape.extent, bits, burst_bytes)))

    return {name: packed(name, blocks) for name, blocks in free.items()}


def standing(network: Workload, given: Mapping[str, int]) -> dict[str, int]:
    """Return the channel blocks that stand, those ``given`` and those of views, by what stands for tensors."""
    return {network.laid_like.get(name, name): block for name, block in {**given, **network.blocks}.items()}
