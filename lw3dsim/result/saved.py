"""Saved results: the shape of a file that comes from outside, and its check."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from lw3dsim.arguments import as_path
from lw3dsim.describe.accelerator import Accelerator
from lw3dsim.errors import InputError, one_line
from lw3dsim.result.result import Result

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lw3dsim.arguments import PathArgument

# No figure of a run comes near these, and what is computed from them does not overflow.
LARGEST_COUNT, LARGEST_AMOUNT = (1 << 63) - 1, 1e280
Count = Annotated[int, Meta(ge=0, le=LARGEST_COUNT)]
Positive = Annotated[int, Meta(ge=1, le=LARGEST_COUNT)]
Amount = Annotated[float, Meta(ge=0, le=LARGEST_AMOUNT)]
PositiveAmount = Annotated[float, Meta(gt=0, le=LARGEST_AMOUNT)]
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
        """Raise ValueError where figures contradict each other: sums of parts, and what follows from counts."""
        for layer in self.layers:
            _check_figures(layer, layer, f"layer {layer.name}: ", self.config.arch)
            for component, causes in layer.energy_causes_pj.items():
                _check_sum(causes, layer.energy_breakdown_pj.get(component, 0.0), f"layer {layer.name}: {component}")
        _check_figures(self.totals, self, "", self.config.arch)
        for name in COUNTS:
            _check_sum({layer.name: getattr(layer, name) for layer in self.layers}, getattr(self.totals, name), name)
        for name in ("energy_breakdown_pj", "cycles_breakdown", "dram_bytes_breakdown"):
            for part, value in getattr(self, name).items():
                parts = {layer.name: getattr(layer, name).get(part, 0) for layer in self.layers}
                _check_sum(parts, value, f"{name}.{part}")
        _check_sum(self.area_breakdown_mm2, self.totals.area_mm2, "area_mm2")
        if self.stream_cycles_breakdown is not None:
            _check_sum(self.stream_cycles_breakdown, self.totals.stream_latency_cycles or 0, "stream_latency_cycles")


# Integer figures of layers that add up to those of the network.
COUNTS = (
    "latency_cycles",
    "macs",
    "executed_mults",
    "ideal_mults",
    "params",
    "dram_read_bytes",
    "dram_write_bytes",
    "compulsory_bytes",
    "sram_read_bytes",
    "sram_write_bytes",
    "compute_bound_cycles",
    "dram_bound_cycles",
    "ideal_cycles",
    "steps",
)

# Sums of floats in another order differ by as much at most.
RELATIVE = 1e-9


def _check_figures(figures: _Figures, parts: _Layer | SavedResult, of: str, arch: Accelerator) -> None:
    """Check what follows from the counts of a layer or the network, and that its breakdowns sum to them."""
    if (figures.macs > 0) != (figures.ideal_mults > 0):
        raise ValueError(f"{of}ideal_mults = {figures.ideal_mults} with macs = {figures.macs}")
    cycles, seconds = figures.latency_cycles, figures.latency_cycles * arch.cycle_ps / 1e12
    _check_sum(parts.cycles_breakdown, cycles, f"{of}latency_cycles")
    _check_sum(parts.dram_bytes_breakdown, figures.dram_read_bytes + figures.dram_write_bytes, f"{of}DRAM bytes")
    _check_sum(parts.energy_breakdown_pj, figures.energy_pj, f"{of}energy_pj")
    follow = {
        "latency_ms": seconds * 1e3,
        "utilization": figures.executed_mults / (arch.multipliers * cycles),
        "effective_macs_per_cycle": figures.macs / cycles,
        "clips_per_s": 1 / seconds,
        "edp_js": figures.energy_pj * 1e-12 * seconds,
        "average_power_mw": figures.energy_pj * 1e-9 / seconds,
    }
    for name, value in follow.items():
        if not math.isclose(getattr(figures, name), value, rel_tol=RELATIVE):
            raise ValueError(f"{of}{name} = {getattr(figures, name)!r} where {value!r} follows from the rest")


def _check_sum(parts: Mapping[str, float], total: float, name: str) -> None:
    """Check that ``parts`` sum to ``total``, exactly where they are counts."""
    summed = sum(parts.values()) if isinstance(total, int) else math.fsum(parts.values())
    if not (summed == total if isinstance(total, int) else math.isclose(summed, total, rel_tol=RELATIVE)):
        raise ValueError(f"{name} = {total!r} where its parts sum to {summed!r}")


RESULT_FILE = "result.json"


MAX_RESULT_BYTES = 256 << 20


def load_result(path: PathArgument) -> Result:
    """Read a result from its JSON file or the folder that holds it; raise InputError if it is none."""
    path = as_path("path", path, "a file or folder")
    name = one_line(str(path), 200)
    remedy = "give the folder or the result.json of `simulate --out`"
    try:
        file = Path(path) / RESULT_FILE if Path(path).is_dir() else Path(path)
        if not file.is_file():
            raise InputError(f"{name}: is not a regular file that exists; {remedy}")
        if file.stat().st_size > MAX_RESULT_BYTES:
            raise InputError(f"{name}: larger than {MAX_RESULT_BYTES >> 20} MiB; {remedy}")
        raw = file.read_bytes()
    except OSError as error:
        raise InputError(f"{name}: cannot be read ({error.strerror}); {remedy}") from None
    try:
        saved = msgspec.json.decode(raw, type=SavedResult)
        saved.check()
        data = json.loads(raw)
        # What is not said of an accelerator is at its default, here as everywhere.
        data["config"]["arch"] = msgspec.to_builtins(saved.config.arch)
        return Result(data=data)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise InputError(f"{file}: not a result of lw3dsim ({error}); {remedy}") from None
