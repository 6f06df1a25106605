"""The shape of a saved result, for checking files that come from outside."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from lw3dsim.describe.accelerator import Accelerator

Count = Annotated[int, Meta(ge=0)]
Positive = Annotated[int, Meta(ge=1)]
Amount = Annotated[float, Meta(ge=0)]
PositiveAmount = Annotated[float, Meta(gt=0)]
Energies = Annotated[dict[str, Amount], Meta(min_length=1)]
Counts = Annotated[dict[str, Count], Meta(min_length=1)]


class _Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Figures that the totals and every layer carry."""

    latency_cycles: Positive
    latency_ms: PositiveAmount
    energy_pj: PositiveAmount
    edp_js: PositiveAmount
    average_power_mw: PositiveAmount
    peak_power_mw: PositiveAmount
    clips_per_s: PositiveAmount
    macs: Count
    executed_mults: Count
    ideal_mults: Count
    params: Count
    dram_read_bytes: Positive
    dram_write_bytes: Positive
    compulsory_bytes: Positive
    sram_read_bytes: Count
    sram_write_bytes: Count
    compute_bound_cycles: Count
    dram_bound_cycles: Positive
    ideal_cycles: Count
    steps: Positive
    utilization: Amount
    effective_macs_per_cycle: Amount
    sqnr_db: float | None = None


class _Totals(_Figures, frozen=True, kw_only=True):
    """Figures of the network; those of a stream of clips where one was run."""

    area_mm2: PositiveAmount
    clips: Positive | None = None
    stream_latency_cycles: Positive | None = None
    stream_latency_ms: PositiveAmount | None = None
    stream_first_clip_cycles: Positive | None = None
    stream_bound_cycles: Positive | None = None
    stream_clips_per_s: PositiveAmount | None = None
    overlap_gain: PositiveAmount | None = None


class _Layer(_Figures, frozen=True, kw_only=True):
    """One layer."""

    name: str
    kind: str
    algorithm: str
    note: str
    mapping: str
    bound_by: str
    idle: str = ""
    output_shape: str
    energy_breakdown_pj: Energies
    energy_causes_pj: dict[str, dict[str, Amount]]
    cycles_breakdown: Counts
    dram_bytes_breakdown: Counts


class _Network(msgspec.Struct, frozen=True, kw_only=True):
    """The workload as it was run: shapes (C, T, H, W) by input."""

    name: str
    inputs: dict[str, tuple[int, int, int, int]]


class _Config(msgspec.Struct, frozen=True, kw_only=True):
    """The configuration, as far as a page shows it apart."""

    workload: _Network
    transforms: list[str]
    algorithm: str
    engine: str
    arch: Accelerator


class SavedResult(msgspec.Struct, frozen=True, kw_only=True):
    """A whole result.json; further keys are allowed."""

    workload: str
    arch: str
    version: str
    config: _Config
    totals: _Totals
    energy_breakdown_pj: Energies
    cycles_breakdown: Counts
    dram_bytes_breakdown: Counts
    area_breakdown_mm2: Energies
    stream_cycles_breakdown: Counts | None = None
    layers: Annotated[list[_Layer], Meta(min_length=1)]

    def check(self) -> None:
        """Raise ValueError where figures contradict each other."""
        for figures in (self.totals, *self.layers):
            if (figures.macs > 0) != (figures.ideal_mults > 0):
                raise ValueError(f"ideal_mults = {figures.ideal_mults} with macs = {figures.macs}")
