"""The accelerator: every field of the modelled machine, with meaning, unit, default and range.

The schema is the manual: each field's description says what it is; its name
carries the unit. ``docs/microarchitecture.md`` describes how the parts work
together.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from lw3dsim.describe.buffers import Buffers, Rate, Section
from lw3dsim.describe.dataflow import DATAFLOWS, DEFAULT_DATAFLOW, Dataflow, Loop
from lw3dsim.describe.shape import Bits

Count = Annotated[int, Meta(ge=1, le=1024)]
# Stages that come before multipliers: a buffer answers, staging takes its word, lanes their operands.
LEAST_STAGES = 3


class Pe(Section, frozen=True):
    """The array of Winograd processing elements."""

    rows: Annotated[Count, Meta(description="PE rows; a row works on one output channel, or what dataflow says")]
    cols: Annotated[Count, Meta(description="PE columns; a column works on its own tiles, or what dataflow says")]
    mults_per_pe: Annotated[Count, Meta(description="multipliers in a PE")]
    acc_depth: Annotated[
        int, Meta(ge=1, le=4096, description="accumulators per multiplier and bank (there are two banks)")
    ] = 16
    accumulator_storage: Annotated[
        Literal["auto", "flipflop", "latch", "sram"],
        Meta(description="what a bank of accumulators is built of; auto: the smallest that meets the clock"),
    ] = "auto"
    pipeline_stages: Annotated[
        int,
        Meta(ge=0, le=256, description="cycles from the ifmap port to an accumulator, paid when a step starts"),
    ] = 8
    staging_elements: Annotated[
        Annotated[int, Meta(ge=1, le=65536)] | None,
        Meta(
            description="inputs that a multiplier's staging file holds of a round, in each of its two sets; default: "
            "of the files of all rows together, four taps of acc_depth tiles, or nine taps for every row"
        ),
    ] = None
    staging_weights: Annotated[
        Annotated[int, Meta(ge=1, le=65536)] | None,
        Meta(
            description="weights that a multiplier's file holds of a round, in each of its two sets; default: 8, or a "
            "PE's share of 64"
        ),
    ] = None
    dataflow: Annotated[
        str, Meta(description="what rows and columns unroll, and what PEs keep; see `lw3dsim list`")
    ] = DEFAULT_DATAFLOW


class Winograd(Section, frozen=True):
    """Tile sizes of the fast algorithms and where weights are transformed."""

    m1: Annotated[int, Meta(ge=1, le=8, description="temporal tile of F(m1, K)")] = 4
    m2: Annotated[int, Meta(ge=1, le=8, description="spatial tile of F(m2 x m2, R x R)")] = 4
    weight_transform: Annotated[
        Literal["offline", "onchip"],
        Meta(description="offline: DRAM and SRAM hold transformed weights; onchip: a unit transforms them"),
    ] = "offline"


class Transforms(Section, frozen=True):
    """Throughput of the transform units, in Winograd coordinates a cycle."""

    input_coords_per_cycle: Annotated[
        Rate | None,
        Meta(description="input transform; default: what a dense layer consumes, the PEs of one output channel"),
    ] = None
    output_coords_per_cycle: Annotated[
        Rate | None, Meta(description="output transform; default: the multipliers of one output channel")
    ] = None
    weight_coords_per_cycle: Annotated[
        Rate | None,
        Meta(description="on-chip weight transform; default: a PE's multipliers, per input channel at once"),
    ] = None


DramModel = Literal["plain", "in_order", "fr_fcfs"]
Refresh = Literal["all-bank", "per-bank", "none"]


class Dram(Section, frozen=True):
    """The memory outside the chip."""

    preset: Annotated[str, Meta(description="standard, speed grade and width; see `lw3dsim list`")] = "lpddr4-3200-x32"
    channels: Annotated[int, Meta(ge=1, le=64, description="channels, each with its own banks and queue")] = 1
    model: Annotated[
        DramModel | None,
        Meta(
            description="in_order: banks, rows and refresh, bursts in the order of the DMA; fr_fcfs: the same with "
            "reordering within a transfer; plain: bandwidth and latency. "
            "Default: in_order, plain where bandwidth_gbps or latency_ns is given"
        ),
    ] = None
    mapping: Annotated[
        str | None,
        Meta(
            description="address fields from the most significant on, out of row, bank, bankgroup, col, channel; "
            "bankgroup follows bank, channel comes last, where they are not named. "
            "Default: row-bank-col, with bankgroup behind it where the standard has bank groups"
        ),
    ] = None
    refresh: Annotated[Refresh, Meta(description="how rows are refreshed; per-bank where the standard has it")] = (
        "all-bank"
    )
    queue: Annotated[int, Meta(ge=1, le=1024, description="bursts that wait in the controller, per channel")] = 32
    bandwidth_gbps: Annotated[
        Annotated[float, Meta(ge=0.001, le=100_000)] | None,
        Meta(description="the sustained GB/s of one channel; plain model only"),
    ] = None
    latency_ns: Annotated[
        Annotated[float, Meta(ge=0, le=100_000)] | None,
        Meta(description="the first-access latency; plain model only"),
    ] = None
    layout: Annotated[
        Literal["auto", "blocked", "cthw"],
        Meta(
            description="activations in DRAM: blocked is [C/b][T][H][W][b] with b = channel_block; cthw has b = 1; "
            "auto chooses b per tensor: channel_block times a power of two, all channels, or what its users' tiles hold"
        ),
    ] = "auto"
    channel_block: Annotated[
        int, Meta(ge=1, le=1024, description="channels stored next to each other (the smallest block for auto)")
    ] = 8

    @property
    def resolved_model(self) -> DramModel:
        """The model that is simulated."""
        if self.model is not None:
            return self.model
        return "in_order" if self.bandwidth_gbps is None and self.latency_ns is None else "plain"


Overflow = Literal["widen", "saturate", "wrap"]


class Precision(Section, frozen=True):
    """Widths of operands and sums in bits, and what happens where they do not suffice."""

    activation_bits: Annotated[Bits, Meta(description="activations in DRAM and SRAM")] = 8
    weight_bits: Annotated[Bits, Meta(description="untransformed weights")] = 8
    accumulator_bits: Annotated[
        Bits, Meta(description="accumulators, partial sums in the output buffer, vector unit, biases; see overflow")
    ] = 32
    overflow: Annotated[
        Overflow,
        Meta(
            description="what happens where a layer's worst case needs more than accumulator_bits: widen makes its "
            "accumulators and partial sums as wide as that; saturate and wrap keep them, and every sum that does not "
            "fit becomes the nearest value that does, or loses its upper bits (two's complement)"
        ),
    ] = "widen"
    transformed_data_bits: Annotated[
        Bits | None, Meta(description="transformed inputs have at most so many; default: full bit growth")
    ] = None
    transformed_weight_bits: Annotated[
        Bits | None, Meta(description="transformed weights have at most so many; default: full bit growth")
    ] = None
    shifts: Annotated[
        Literal["worst_case", "calibrated"],
        Meta(
            description="by how much Winograd coordinates are narrowed: so that any operands fit, or those of clips of "
            "the training; in what scores trained networks alone, else it is worst_case"
        ),
    ] = "worst_case"
    shifts_per: Annotated[
        Literal["tap", "tensor"], Meta(description="what has a shift of its own: every coordinate, or the tensor")
    ] = "tap"


class Tech(Section, frozen=True):
    """What the unit energies and areas are taken from."""

    node_nm: Annotated[Literal[65, 45, 32, 22], Meta(description="process node of logic and SRAM")] = 45
    sram_cell: Annotated[
        Literal["itrs-lstp", "itrs-lop", "itrs-hp"], Meta(description="CACTI 7 cell and periphery type")
    ] = "itrs-lstp"
    arithmetic: Annotated[
        Literal["horowitz", "aladdin"], Meta(description="family of arithmetic costs; see docs/energy.md")
    ] = "horowitz"


class Accelerator(Section, frozen=True):
    """One accelerator design."""

    name: Annotated[str, Meta(min_length=1, description="what the design is called")]
    clock_mhz: Annotated[
        float, Meta(ge=1, le=10_000, description="core clock; its period is rounded to whole picoseconds")
    ]
    pe: Pe
    buffers: Buffers
    description: str = ""
    vector_lanes: Annotated[
        Rate, Meta(description="elements a cycle of activation, pooling, addition, TRG and requantisation")
    ] = 32
    layer_setup_cycles: Annotated[
        int, Meta(ge=0, le=1_000_000, description="cycles to configure the machine for a layer")
    ] = 100
    power_window_us: Annotated[
        float, Meta(ge=0.001, le=1_000_000, description="length of the window over which peak power is averaged")
    ] = 10.0
    winograd: Winograd = Winograd()
    transforms: Transforms = Transforms()
    dram: Dram = Dram()
    precision: Precision = Precision()
    tech: Tech = Tech()

    @property
    def multipliers(self) -> int:
        """Number of multipliers of the whole array."""
        return self.pe.rows * self.pe.cols * self.pe.mults_per_pe

    @property
    def dataflow(self) -> Dataflow:
        """The record that ``pe.dataflow`` names."""
        return DATAFLOWS.get(self.pe.dataflow)

    def places(self, loop: Loop) -> int:
        """Return how many positions of ``loop`` the PEs of the array work on at once, each with its multipliers."""
        return self.dataflow.places(loop, self.pe.rows, self.pe.cols)

    @property
    def product_stages(self) -> int:
        """Registers behind each other between a multiplier and its accumulator."""
        return max(self.pe.pipeline_stages - LEAST_STAGES, 0)

    @property
    def staging_room(self) -> int:
        """Inputs in a set of staging files, of the multipliers of all rows that share a broadcast."""
        rows = self.places("output_channels")
        return rows * self.pe.staging_elements if self.pe.staging_elements else max(4 * self.pe.acc_depth, 9 * rows)

    @property
    def staging_weights(self) -> int:
        """Resolved weights in a set of the staging file of a multiplier."""
        return self.pe.staging_weights or max(8, -(-64 // self.pe.mults_per_pe))

    @property
    def cycle_ps(self) -> int:
        """The core clock period, rounded to whole picoseconds."""
        return round(1_000_000 / self.clock_mhz)

    @property
    def input_lanes(self) -> int:
        """Multipliers that take inputs of their own, in all PEs that work for an output channel."""
        return self.multipliers // self.places("output_channels")

    @property
    def input_coords_per_cycle(self) -> int:
        """Resolved throughput of the input transform."""
        return self.transforms.input_coords_per_cycle or self.input_lanes

    @property
    def output_coords_per_cycle(self) -> int:
        """Resolved throughput of the output transform."""
        return self.transforms.output_coords_per_cycle or self.input_lanes

    @property
    def weight_coords_per_cycle(self) -> int:
        """Resolved throughput of the on-chip weight transform."""
        default = self.pe.mults_per_pe * self.places("input_channels")
        return self.transforms.weight_coords_per_cycle or default
