"""What was mapped and simulated: layers by themselves, and fused groups of layers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from lw3dsim.account.energy import Sparsity, Stage, layer_energy_pj
from lw3dsim.describe.workload import Conv3d, Linear
from lw3dsim.map.floor import (
    compulsory_by_stream,
    compulsory_bytes,
    group_compulsory_by_stream,
    group_compulsory_bytes,
)

if TYPE_CHECKING:
    from lw3dsim.account.energy import Causes
    from lw3dsim.account.events import Events
    from lw3dsim.account.power import Activity
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.workload import AnyLayer, Workload
    from lw3dsim.dram.power import DramCounts
    from lw3dsim.engine.attribution import Busy
    from lw3dsim.machine.problem import Problem
    from lw3dsim.map.group.group import Group, GroupMapping
    from lw3dsim.map.layer.mapping import Mapping


@dataclass(frozen=True, kw_only=True)
class _Figures:
    """What a simulation gave, and the bytes that no schedule on these buffers moves less of (``dram_floor_bytes``).

    ``layouts`` of input and output; ``layout_extra_bytes`` is what they cost
    against the layouts that would be best for this layer or group alone.
    """

    steps: int
    latency_cycles: int
    cycles_by_cause: tuple[tuple[str, int], ...]
    busy: Busy
    events: Events
    dram: DramCounts
    activity: Activity
    dram_bound_cycles: int
    dram_floor_bytes: int
    layouts: tuple[str, ...]
    layout_extra_bytes: int = 0

    @property
    def dram_bytes(self) -> int:
        """Bytes from and to DRAM."""
        return self.events.dram_read_bytes + self.events.dram_write_bytes


@dataclass(frozen=True, kw_only=True)
class LayerRun(_Figures):
    """One layer mapped and simulated, without its graph context."""

    problem: Problem
    mapping: Mapping

    @cached_property
    def stages(self) -> tuple[Stage, ...]:
        """The layer as the only stage."""
        return (Stage(problem=self.problem, events=self.events, ideal_mults=self.problem.ideal_mults),)

    @property
    def compulsory_bytes(self) -> int:
        """The bytes of its inputs, weights and outputs, once each."""
        return compulsory_bytes(self.problem)

    @property
    def compulsory_by_stream(self) -> dict[str, int]:
        """The same of inputs, weights and outputs."""
        return compulsory_by_stream(self.problem)


@dataclass(frozen=True, kw_only=True)
class GroupRun(_Figures):
    """A fused group mapped and simulated; ``stage_events`` are what the steps of each stage did."""

    group: Group
    mapping: GroupMapping
    stage_events: tuple[Events, ...]

    @cached_property
    def stages(self) -> tuple[Stage, ...]:
        """The layers of the group."""
        each = zip(self.group.stages, self.stage_events, self.group.ideal_mults, strict=True)
        return tuple(Stage(problem=problem, events=events, ideal_mults=mults) for problem, events, mults in each)

    @property
    def compulsory_bytes(self) -> int:
        """The bytes of the inputs, weights and outputs of the group, once each."""
        return group_compulsory_bytes(self.group)

    @property
    def compulsory_by_stream(self) -> dict[str, int]:
        """The same of inputs, weights and outputs."""
        return group_compulsory_by_stream(self.group)


Run = LayerRun | GroupRun


@dataclass(frozen=True, kw_only=True)
class Unit:
    """A layer of a network, or several that are fused, and its run."""

    layers: tuple[AnyLayer, ...]
    run: Run

    @property
    def name(self) -> str:
        """The name of the first layer, and of each further one what its dotted name does not share with the first."""
        first, *others = (layer.name for layer in self.layers)
        return "+".join([first, *(_unshared(first.split("."), name.split(".")) for name in others)])

    @property
    def kind(self) -> str:
        """The kind of the layer, ``fused`` for several."""
        return self.layers[0].kind if len(self.layers) == 1 else "fused"


def _unshared(first: list[str], name: list[str]) -> str:
    shared = 0
    while shared < min(len(first), len(name)) - 1 and first[shared] == name[shared]:
        shared += 1
    return ".".join(name[shared:])


def unit_energy_pj(network: Workload, unit: Unit, arch: Accelerator, leakage: float) -> dict[str, Causes]:
    """Return pJ by component and cause of a layer or group; ``leakage`` is that of the whole chip in mW."""
    sparsities = [
        Sparsity(
            data=network.densities[layer.inputs[0]],
            weight=layer.weight_density if isinstance(layer, Conv3d | Linear) else 1.0,
        )
        for layer in unit.layers
    ]
    run = unit.run
    return layer_energy_pj(run.stages, run.events, run.dram, dict(run.cycles_by_cause), arch, leakage, sparsities)
