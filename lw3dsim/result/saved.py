"""Saved results: a file that comes from outside, and its check."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, cast

import msgspec

from lw3dsim.arguments import as_path
from lw3dsim.base.records import summed_fields
from lw3dsim.errors import InputError, one_line
from lw3dsim.result.derived import derived
from lw3dsim.result.records import Figures, RunRecord
from lw3dsim.result.result import COLUMNS, Result

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lw3dsim.arguments import PathArgument
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.result.records import Layer

# Sums of floats in another order differ by as much at most.
RELATIVE = 1e-9


def check(record: RunRecord) -> None:
    """Raise ValueError where figures contradict each other: sums of parts, and what follows from counts."""
    arch = record.config.arch
    for layer in record.layers:
        _check_figures(layer, layer, f"layer {layer.name}: ", arch)
        for component, causes in layer.energy_causes_pj.items():
            _check_sum(causes.parts(), layer.energy_breakdown_pj[component], f"layer {layer.name}: {component}")
    _check_figures(record.totals, record, "", arch)
    for name in summed_fields(Figures):
        parts = {layer.name: getattr(layer, name) for layer in record.layers}
        _check_sum(parts, getattr(record.totals, name), name)
    for name in COLUMNS:
        for part, value in getattr(record, name).items():
            parts = {layer.name: getattr(layer, name)[part] for layer in record.layers}
            _check_sum(parts, value, f"{name}.{part}")
    _check_sum(record.area_breakdown_mm2.parts(), record.totals.area_mm2, "area_mm2")
    if record.stream_cycles_breakdown is not None:
        stream_cycles = record.totals.stream_latency_cycles or 0
        _check_sum(record.stream_cycles_breakdown.parts(), stream_cycles, "stream_latency_cycles")


def _check_figures(figures: Figures, parts: Layer | RunRecord, of: str, arch: Accelerator) -> None:
    """Check what follows from the counts of a layer or the network, and that its breakdowns sum to them."""
    if (figures.macs > 0) != (figures.ideal_mults > 0):
        raise ValueError(f"{of}ideal_mults = {figures.ideal_mults} with macs = {figures.macs}")
    energies = parts.energy_breakdown_pj
    _check_sum(parts.cycles_breakdown.parts(), figures.latency_cycles, f"{of}latency_cycles")
    _check_sum(parts.dram_bytes_breakdown.parts(), figures.dram_bytes, f"{of}DRAM bytes")
    _check_sum(energies.parts(), figures.energy_pj, f"{of}energy_pj")
    follow = derived(figures.latency_cycles, figures.macs, figures.executed_mults, energies.values(), arch)
    for name, value in cast("dict[str, float]", follow).items():
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
        record = msgspec.json.decode(raw, type=RunRecord)
        check(record)
        return Result(record=record)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise InputError(f"{file}: not a result of lw3dsim ({error}); {remedy}") from None
