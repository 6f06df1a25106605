"""Layouts of tensors in DRAM: chosen once all layers are mapped, for all users of a tensor together."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lw3dsim.account.simulated import GroupRun
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.describe.workload import Linear
from lw3dsim.machine.problem import Problem
from lw3dsim.map.group.group import Group
from lw3dsim.network.blocks import Use, candidate_blocks, in_block, wanted_block
from lw3dsim.network.fusion import run_group_mapping
from lw3dsim.network.layers import bare, run_mapping

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lw3dsim.account.simulated import Run, Unit
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.workload import Workload


def settle_layouts(
    network: Workload, units: list[Unit], arch: Accelerator, engine: str, given: Mapping[str, int]
) -> list[Unit]:
    """Give every tensor the layout that the mappings of its users want together; time anew what that changes.

    ``given`` are channel blocks of tensors whose layout is not to be chosen.
    """
    burst_bytes = make_clocks(arch).burst_bytes
    works = [unit.run.group if isinstance(unit.run, GroupRun) else unit.run.problem for unit in units]
    extra = [0] * len(units)
    for tensor, users in _uses(network, units, burst_bytes).items():
        uses = [use for _, use in users]
        block = given.get(tensor, uses[0].block)
        tried = candidate_blocks(uses, network.shapes[tensor].channels, arch.dram.channel_block) | {block}
        moved = [use.bursts(sorted(tried)) for use in uses]
        if arch.dram.layout == "auto" and tensor not in given:
            block = wanted_block(moved, block)
        for (i, use), bursts in zip(users, moved, strict=True):
            works[i] = in_block(works[i], use.side, block)
            extra[i] += (bursts[block] - min(bursts.values())) * burst_bytes
    return [
        replace(unit, run=replace(_settled(unit.run, work, arch, engine), layout_extra_bytes=over))
        for unit, work, over in zip(units, works, extra, strict=True)
    ]


def _settled(run: Run, work: Problem | Group, arch: Accelerator, engine: str) -> Run:
    """Return ``run``, timed anew where its tensors lie differently in ``work``."""
    if isinstance(run, GroupRun):
        assert isinstance(work, Group)  # noqa: S101  # the work of this run
        return run if run.group == work else run_group_mapping(work, run.mapping, bare(arch), engine)
    assert isinstance(work, Problem)  # noqa: S101  # the work of this run
    return run if run.problem == work else run_mapping(work, run.mapping, bare(arch), engine)


def _uses(network: Workload, units: list[Unit], burst_bytes: int) -> dict[str, list[tuple[int, Use]]]:
    """Return, for every tensor whose layout is free, the mapped layers and groups that use it."""
    uses: dict[str, list[tuple[int, Use]]] = {}
    for i, unit in enumerate(units):
        first, run = unit.layers[0], unit.run
        read, written = uses.setdefault(first.inputs[0], []), uses.setdefault(unit.layers[-1].name, [])
        work = run.group if isinstance(run, GroupRun) else run.problem
        written.append((i, Use(work=work, mapping=run.mapping, side="output", burst_bytes=burst_bytes)))
        once = Use(work=work, mapping=run.mapping, side="input", burst_bytes=burst_bytes)
        if isinstance(run, GroupRun):
            read.append((i, once))
        elif not isinstance(first, Linear):
            bursts = once.bursts([once.block])[once.block]
            read.append((i, replace(once, times=run.events.dram_ifmap_bytes // burst_bytes // max(bursts, 1))))
    free = free_tensors(network)
    return {name: users for name, users in uses.items() if users and name in free}


def layouts_of(network: Workload, units: list[Unit], arch: Accelerator) -> dict[str, int]:
    """Return the channel blocks in which mapped ``units`` have the tensors whose layout is free."""
    uses = _uses(network, units, make_clocks(arch).burst_bytes)
    return {tensor: use.block for tensor, ((_, use), *_) in uses.items()}


def free_tensors(network: Workload) -> set[str]:
    """Return the tensors whose layout can be chosen.

    Tensors that one layer reads together share a layout, and a vector has but one.
    """
    together = {name for layer in network.layers for name in layer.inputs if len(layer.inputs) > 1}
    return {name for name, shape in network.shapes.items() if name not in together and shape.extent != (1, 1, 1)}
