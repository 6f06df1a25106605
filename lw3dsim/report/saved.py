"""The shape of a saved result, for checking files that come from outside."""

from __future__ import annotations

import msgspec

from lw3dsim.describe.accelerator import Accelerator


class _Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Figures that the totals and every layer carry."""

    latency_cycles: int
    latency_ms: float
    energy_pj: float
    edp_js: float
    clips_per_s: float
    macs: int
    executed_mults: int
    ideal_mults: int
    params: int
    dram_read_bytes: int
    dram_write_bytes: int
    compulsory_bytes: int
    sram_read_bytes: int
    sram_write_bytes: int
    compute_bound_cycles: int
    dram_bound_cycles: int
    ideal_cycles: int
    steps: int
    utilization: float
    effective_macs_per_cycle: float


class _Totals(_Figures, frozen=True, kw_only=True):
    """Figures of the network."""

    area_mm2: float


class _Layer(_Figures, frozen=True, kw_only=True):
    """One layer."""

    name: str
    kind: str
    algorithm: str
    note: str
    mapping: str
    bound_by: str
    output_shape: str
    energy_breakdown_pj: dict[str, float]
    cycles_breakdown: dict[str, int]
    dram_bytes_breakdown: dict[str, int]


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
    energy_breakdown_pj: dict[str, float]
    cycles_breakdown: dict[str, int]
    dram_bytes_breakdown: dict[str, int]
    area_breakdown_mm2: dict[str, float]
    layers: list[_Layer]
