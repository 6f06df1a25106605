"""The tree of a result: what a run costs, layer by layer, by component and by cause.

A figure is one field. Its name carries its unit, its type its range, its description
what it means; JSON, its schema, the check of saved files, the columns of tables, the
sums over layers and the glossary follow from it.
"""

from __future__ import annotations

from typing import Annotated, get_args

from msgspec import Meta

from lw3dsim.account.accesses import Access, Reuse, reuses, summed_accesses
from lw3dsim.account.area import AreaBreakdown
from lw3dsim.account.energy import ByComponent, EnergyCauses
from lw3dsim.account.events import DramBytesBreakdown
from lw3dsim.base.records import Amount, Count, Positive, PositiveAmount, Record, ahead, figure, one_of, summed
from lw3dsim.describe.accelerator import Accelerator
from lw3dsim.describe.workload import AnyLayer, Phase, ScaledNorm, Size, StreamState
from lw3dsim.engine.causes import CAUSES, CyclesBreakdown
from lw3dsim.transform.algorithms import POLICIES

# Words that fields take.
KINDS = tuple(str(kind.__struct_config__.tag) for kind in (*get_args(AnyLayer), Phase, ScaledNorm))
Kind = Annotated[str, one_of(*KINDS, "fused")]
Cause = Annotated[str, one_of("dram", *CAUSES)]
Policy = Annotated[str, one_of(*POLICIES)]
Fusion = Annotated[str, one_of("off", "auto")]
State = Annotated[str, one_of(*get_args(StreamState))]
Objective = Annotated[str, one_of("latency", "energy", "edp", "dram_bytes", "dram_bytes_only")]

# No operands are so wide that their squares differ by more.
Decibels = Annotated[float, Meta(ge=-1000, le=1000)]


class EnergyBreakdown(ByComponent[Amount], frozen=True, kw_only=True):
    """Energy by component."""


class EnergyCausesByComponent(ByComponent[EnergyCauses], frozen=True, kw_only=True):
    """Energy by component and cause."""


class Figures(Record, frozen=True, kw_only=True):
    """What the network, and every layer or fused group of it, costs."""

    latency_cycles: Annotated[Positive, summed("cycles of the core clock, one layer after the other")]
    macs: Annotated[Count, summed("multiply-accumulates of the direct computation")]
    executed_mults: Annotated[Count, summed("multiplications that the array does")]
    ideal_mults: Annotated[Count, summed("multiplications of the paper's formula for the algorithm")]
    params: Annotated[Count, summed("weights and biases")]
    dram_read_bytes: Annotated[Positive, summed("bytes read from DRAM, whole bursts")]
    dram_write_bytes: Annotated[Positive, summed("bytes written to DRAM, whole bursts")]
    dram_activates: Annotated[Count, summed("rows of DRAM opened")]
    dram_refreshes: Annotated[Count, summed("refreshes of a rank or a bank")]
    row_hits: Annotated[Count, summed("bursts that find their row open")]
    row_misses: Annotated[Count, summed("bursts that find their bank closed")]
    row_conflicts: Annotated[Count, summed("bursts that find another row open")]
    layout_extra_bytes: Annotated[
        int, summed("DRAM bytes that the layouts of the network cost against those best for each layer alone")
    ]
    compulsory_bytes: Annotated[Positive, summed("inputs, weights and outputs once each")]
    dram_floor_bytes: Annotated[Positive, summed("no schedule on these buffers moves less")]
    sram_read_bytes: Annotated[Count, summed("bytes read from the buffers")]
    sram_write_bytes: Annotated[Count, summed("bytes written to the buffers")]
    intermediate_read_bytes: Annotated[Count, summed("of them, read of tensors inside fused groups")]
    intermediate_write_bytes: Annotated[Count, summed("of them, written of tensors inside fused groups")]
    compute_bound_cycles: Annotated[Count, summed("no fewer with every multiplier, or vector lane, always busy")]
    dram_bound_cycles: Annotated[Positive, summed("no fewer with DRAM always busy")]
    ideal_cycles: Annotated[Count, summed("the ideal multiplications on all multipliers")]
    steps: Annotated[Positive, summed("steps of the array")]
    overflow_layers: Annotated[Count, summed("layers whose sums may need more bits than are declared")]
    latency_ms: Annotated[PositiveAmount, figure("time of one clip, or of a batch of several")]
    utilization: Annotated[Amount, figure("multiplications done over those possible in the time")]
    effective_macs_per_cycle: Annotated[Amount, figure("direct multiply-accumulates a cycle")]
    energy_pj: Annotated[PositiveAmount, figure("energy of one clip, or of a batch of several")]
    energy_low_pj: Annotated[PositiveAmount, figure("the least of it that the sources of unit values leave open")]
    energy_high_pj: Annotated[PositiveAmount, figure("the most of it, likewise")]
    clips_per_s: Annotated[PositiveAmount, figure("clips a second, one after the other, or batch after batch")]
    edp_js: Annotated[PositiveAmount, figure("energy-delay product")]
    average_power_mw: Annotated[PositiveAmount, figure("energy over time")]
    peak_power_mw: Annotated[PositiveAmount, figure("power over the busiest window of `power_window_us`")]
    sqnr_db: Annotated[
        Decibels | None,
        figure("signal to quantisation noise of Winograd arithmetic, estimated; none where it is exact"),
    ]

    state_bytes: Annotated[
        Count, summed("frames of the clip before that stay in DRAM; only where layers keep state in a stream")
    ] = 0

    @property
    def dram_bytes(self) -> int:
        """Bytes from and to DRAM."""
        return self.dram_read_bytes + self.dram_write_bytes

    @property
    def sram_bytes(self) -> int:
        """Bytes read from and written to the buffers."""
        return self.sram_read_bytes + self.sram_write_bytes


class Totals(Figures, frozen=True, kw_only=True):
    """Figures of the network, those of each clip of a batch, and those of a stream of clips, where one was run."""

    area_mm2: Annotated[PositiveAmount, figure("area of the chip, for the algorithms of this run")]
    batch: Annotated[Count, figure("clips that are computed together; this and the three that follow only then")] = 0
    clip_latency_ms: Annotated[Amount, figure("time of a batch over its clips")] = 0.0
    clip_energy_pj: Annotated[Amount, figure("energy of a batch over its clips")] = 0.0
    clip_dram_bytes: Annotated[Amount, figure("bytes from and to DRAM of a batch over its clips")] = 0.0
    clips: Annotated[Count, figure("clips that run behind each other; this and what follows only then")] = 0
    stream_latency_cycles: Annotated[Count, figure("cycles of all clips")] = 0
    stream_latency_ms: Annotated[Amount, figure("time of all clips")] = 0.0
    stream_first_clip_cycles: Annotated[Count, figure("cycles until the first clip is done")] = 0
    stream_bound_cycles: Annotated[Count, figure("the array or DRAM is busy for all clips, whichever is longer")] = 0
    stream_clips_per_s: Annotated[Amount, figure("clips a second from the end of the first on")] = 0.0
    overlap_gain: Annotated[Amount, figure("by how much all clips are faster than layer by layer")] = 0.0
    least_dram_bytes: Annotated[
        Positive | None,
        figure("no cut into groups, mappings and layouts in the mapper's space move less; only for `dram_bytes_only`"),
    ] = None

    @classmethod
    def order(cls) -> tuple[str, ...]:
        """Return the names in the order in which they are written."""
        return ahead(cls.__struct_fields__, ("area_mm2",), "energy_pj")


# What a layer is, said before what it costs.
IDENTITY = ("name", "kind", "algorithm", "note", "mapping", "input_layout", "output_layout", "output_shape")


class Layer(Figures, frozen=True, kw_only=True):
    """A layer, or several that are fused."""

    name: Annotated[str, figure("name of the layer; of a fused group, of its layers")]
    kind: Annotated[Kind, figure("kind of the layer, or `fused`")]
    algorithm: Annotated[str, figure("algorithm that it runs, with its tile; `none` where nothing is multiplied")]
    note: Annotated[str, figure("why it does not run what was asked for, and what becomes of sums too wide")]
    mapping: Annotated[str, figure("its tiling, in short")]
    input_layout: Annotated[str, figure("layout of its input in DRAM")]
    output_layout: Annotated[str, figure("layout of its output in DRAM")]
    output_shape: Annotated[str, figure("output as CxTxHxW")]
    bound_by: Annotated[Cause, figure("what binds it: `dram`, or a cause of cycles")]
    idle: Annotated[str, figure("in words, which part of the array idles most while others multiply, and why")]
    energy_breakdown_pj: EnergyBreakdown
    energy_causes_pj: EnergyCausesByComponent
    cycles_breakdown: CyclesBreakdown
    dram_bytes_breakdown: DramBytesBreakdown
    accesses: tuple[Access, ...]
    least_dram_bytes: Annotated[
        Positive | None,
        figure(
            "no mapping of it in the mapper's space moves less, its input and output as they lie; "
            "of single layers only where bytes are the objective"
        ),
    ] = None

    @property
    def reuse(self) -> tuple[Reuse, ...]:
        """Accesses above per access below, by level and tensor."""
        return reuses(self.accesses)

    @classmethod
    def order(cls) -> tuple[str, ...]:
        """Return the names in the order in which they are written."""
        return ahead(cls.__struct_fields__, IDENTITY, cls.__struct_fields__[0])


class Inputs(Record, frozen=True, kw_only=True):
    """The workload as it was run: shapes (C, T, H, W) by input."""

    name: str
    inputs: dict[str, tuple[Size, Size, Size, Size]]


class Configuration(Record, frozen=True, kw_only=True):
    """What repeats a run; what is at its default is not written."""

    workload: Inputs
    transforms: tuple[str, ...]
    algorithm: Policy
    engine: str
    arch: Accelerator
    clips: int | None = None
    batch: Annotated[int, Meta(ge=1)] = 1
    stream_state: State = "off"
    fusion: Fusion = "off"
    objective: Objective = "latency"
    mapping: tuple[dict[str, object], ...] | None = None
    layouts: dict[str, int | str] | None = None


class View(Record, frozen=True, kw_only=True):
    """A layer that moves nothing: its output (CxTxHxW) lies where its ``inputs`` do, as an address says where."""

    name: str
    kind: Kind
    inputs: tuple[str, ...]
    output_shape: str


class RunRecord(Record, frozen=True, kw_only=True):
    """A whole result, as ``result.json`` holds it.

    ``notes`` say which passes changed no layer, and why, and where the widths of the network and accelerator differ.
    """

    workload: str
    arch: str
    version: str
    config: Configuration
    totals: Totals
    energy_breakdown_pj: EnergyBreakdown
    cycles_breakdown: CyclesBreakdown
    dram_bytes_breakdown: DramBytesBreakdown
    area_breakdown_mm2: AreaBreakdown
    stream_cycles_breakdown: CyclesBreakdown | None = None
    notes: tuple[str, ...] = ()
    views: tuple[View, ...] = ()
    layers: Annotated[tuple[Layer, ...], Meta(min_length=1)]

    @property
    def accesses(self) -> tuple[Access, ...]:
        """Accesses of the network: the sums of its layers'."""
        return summed_accesses(layer.accesses for layer in self.layers)

    @property
    def reuse(self) -> tuple[Reuse, ...]:
        """Accesses above per access below, by level and tensor."""
        return reuses(self.accesses)
