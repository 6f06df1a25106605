"""What was mapped and simulated: layers by themselves, and fused groups of layers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

from lw3dsim.account.accesses import accesses_of

# The types of a run's fields are read where it is recalled.
from lw3dsim.account.energy import Sparsity, Stage, leaked_pj, working_pj
from lw3dsim.account.events import Events  # noqa: TC001
from lw3dsim.account.power import Activity  # noqa: TC001
from lw3dsim.base.caches import kept, once
from lw3dsim.base.values import Value, replace
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.describe.workload import Conv3d, Linear
from lw3dsim.dram.power import DramCounts  # noqa: TC001
from lw3dsim.engine.causes import Busy  # noqa: TC001

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lw3dsim.account.accesses import Access
    from lw3dsim.account.energy import Causes
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.workload import AnyLayer, Workload
    from lw3dsim.schedule.group_work import GroupWork
    from lw3dsim.schedule.work import LayerWork, Work


Done = TypeVar("Done", bound="Work", covariant=True)

# Runs that a process keeps for each of what it asks of them: one takes some 20 to 50 KB.
RUNS = 8192


class Simulated(Value, frozen=True, kw_only=True, eq=False):
    """What the simulation of a layer or fused group gave.

    ``stage_events`` are what the steps of each of its layers did; ``layouts`` are those of input and output.
    """

    steps: int
    latency_cycles: int
    cycles_by_cause: tuple[tuple[str, int], ...]
    busy: Busy
    events: Events
    stage_events: tuple[Events, ...]
    dram: DramCounts
    activity: Activity
    dram_bound_cycles: int
    layouts: tuple[str, str]


class Run(Simulated, Generic[Done], frozen=True, kw_only=True, eq=False, dict=True, gc=True):
    """A mapped layer or fused group, and what its simulation gave, without its graph context.

    ``arch`` is the design, without what no mapped layer depends on. A run is equal to itself alone: what follows from
    it is kept with it.
    """

    work: Done
    arch: Accelerator

    def design(self, arch: Accelerator) -> Accelerator:
        """Return ``arch``, on which this ran, with its memory divided as it was for this layer or group."""
        own = self.arch.buffers
        return arch if arch.buffers == own else replace(arch, buffers=own)

    @property
    def dram_bytes(self) -> int:
        """Bytes from and to DRAM."""
        return self.events.dram_read_bytes + self.events.dram_write_bytes

    @property
    def compulsory_bytes(self) -> int:
        """The bytes of inputs, weights and outputs, once each."""
        return sum(self.work.compulsory_by_stream.values())

    @once
    def dram_floor_bytes(self) -> int:
        """The bytes that no schedule on these buffers moves less of."""
        return self.work.floor_bytes(self.arch)

    @once
    def stages(self) -> tuple[Stage, ...]:
        """The layers, with what each did."""
        each = zip(self.work.stages, self.stage_events, self.work.ideal_mults, strict=True)
        return tuple(Stage(problem=problem, events=events, ideal_mults=mults) for problem, events, mults in each)


LayerRun: TypeAlias = "Run[LayerWork]"
GroupRun: TypeAlias = "Run[GroupWork]"


class Unit(Value, frozen=True, kw_only=True):
    """A layer of a network, or several that are fused, and its run.

    ``layout_extra_bytes`` is what the layouts of its input and output cost against those best for it alone.
    """

    layers: tuple[AnyLayer, ...]
    run: Run[Work]
    layout_extra_bytes: int = 0

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


def unit_energy_pj(network: Workload, unit: Unit, leakage_mw: float) -> dict[str, Causes]:
    """Return pJ by component and cause of a layer or group; ``leakage_mw`` is that of the whole chip."""
    run = unit.run
    spent = _working_pj(run, sparsities_of(network, unit.layers))
    return spent | {"leakage": leaked_pj(dict(run.cycles_by_cause), run.arch, leakage_mw)}


def component_energy_pj(network: Workload, unit: Unit, leakage_mw: float) -> dict[str, float]:
    """Return the same by component alone."""
    run = unit.run
    leaked = leaked_pj(dict(run.cycles_by_cause), run.arch, leakage_mw)
    return _working_sums_pj(run, sparsities_of(network, unit.layers)) | {"leakage": math.fsum(leaked.values())}


def unit_accesses(network: Workload, unit: Unit, causes_pj: Mapping[str, Causes]) -> tuple[Access, ...]:
    """Return the accesses at every level of a layer or group, whose energies by component and cause are known."""
    run = unit.run
    burst_bytes = make_clocks(run.arch).burst_bytes
    return accesses_of(run.stages, run.events, causes_pj, run.arch, sparsities_of(network, unit.layers), burst_bytes)


def sparsities_of(network: Workload, layers: Sequence[AnyLayer]) -> tuple[Sparsity, ...]:
    """Return the sparsity of every one of ``layers``."""
    return tuple(
        Sparsity(
            data=network.densities[layer.inputs[0]],
            weight=layer.weight_density if isinstance(layer, Conv3d | Linear) else 1.0,
        )
        for layer in layers
    )


@kept(RUNS)
def _working_pj(run: Run[Work], sparsities: tuple[Sparsity, ...]) -> dict[str, Causes]:
    return working_pj(run.stages, run.events, run.dram, dict(run.cycles_by_cause), run.arch, sparsities)


@kept(RUNS)
def _working_sums_pj(run: Run[Work], sparsities: tuple[Sparsity, ...]) -> dict[str, float]:
    return {component: math.fsum(causes.values()) for component, causes in _working_pj(run, sparsities).items()}
