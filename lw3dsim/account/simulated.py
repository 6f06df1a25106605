"""What was mapped and simulated: layers by themselves, and fused groups of layers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Generic, TypeVar

from lw3dsim.account.energy import Sparsity, Stage, layer_energy_pj
from lw3dsim.describe.workload import Conv3d, Linear
from lw3dsim.schedule.work import GroupWork, LayerWork, Work

if TYPE_CHECKING:
    from lw3dsim.account.energy import Causes
    from lw3dsim.account.events import Events
    from lw3dsim.account.power import Activity
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.workload import AnyLayer, Workload
    from lw3dsim.dram.power import DramCounts
    from lw3dsim.engine.attribution import Busy


Done = TypeVar("Done", bound=Work, covariant=True)


@dataclass(frozen=True, kw_only=True)
class Run(Generic[Done]):
    """A mapped layer or fused group, and what its simulation gave, without its graph context.

    ``stage_events`` are what the steps of each of its layers did; no schedule on these buffers moves less than
    ``dram_floor_bytes``. ``layouts`` are those of input and output; ``layout_extra_bytes`` is what they cost
    against the layouts that would be best for this layer or group alone.
    """

    work: Done
    steps: int
    latency_cycles: int
    cycles_by_cause: tuple[tuple[str, int], ...]
    busy: Busy
    events: Events
    stage_events: tuple[Events, ...]
    dram: DramCounts
    activity: Activity
    dram_bound_cycles: int
    dram_floor_bytes: int
    layouts: tuple[str, str]
    layout_extra_bytes: int = 0

    @property
    def dram_bytes(self) -> int:
        """Bytes from and to DRAM."""
        return self.events.dram_read_bytes + self.events.dram_write_bytes

    @property
    def compulsory_bytes(self) -> int:
        """The bytes of inputs, weights and outputs, once each."""
        return sum(self.work.compulsory_by_stream.values())

    @cached_property
    def stages(self) -> tuple[Stage, ...]:
        """The layers, with what each did."""
        each = zip(self.work.stages, self.stage_events, self.work.ideal_mults, strict=True)
        return tuple(Stage(problem=problem, events=events, ideal_mults=mults) for problem, events, mults in each)


LayerRun = Run[LayerWork]
GroupRun = Run[GroupWork]


@dataclass(frozen=True, kw_only=True)
class Unit:
    """A layer of a network, or several that are fused, and its run."""

    layers: tuple[AnyLayer, ...]
    run: Run[Work]

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
