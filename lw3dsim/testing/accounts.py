"""What holds of every result: sums close, and no bound is undercut."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lw3dsim.account.accesses import LEVEL_COMPONENTS
from lw3dsim.base.records import summed_fields
from lw3dsim.result.records import Figures

if TYPE_CHECKING:
    from lw3dsim.base.records import Breakdown
    from lw3dsim.result.records import Layer, RunRecord
    from lw3dsim.result.result import Result

# Sums of floats are the same but for their rounding.
ROUNDING = 1e-12


def check_accounts(result: Result) -> None:
    """Raise AssertionError where a sum of ``result`` does not close, or a figure is below a bound of it."""
    _check_bounds(result.totals)
    _check_totals(result.record)
    for layer in result.record.layers:
        _check_layer(layer)


def _check_bounds(figures: Figures) -> None:
    assert figures.executed_mults >= figures.ideal_mults
    assert figures.dram_bytes >= figures.compulsory_bytes
    assert figures.latency_cycles >= figures.compute_bound_cycles
    assert figures.latency_cycles >= figures.dram_bound_cycles
    assert 0 <= figures.utilization <= 1


def _check_layer(layer: Layer) -> None:
    _check_bounds(layer)
    moved = layer.dram_bytes_breakdown
    assert sum(layer.cycles_breakdown.values()) == layer.latency_cycles
    assert _same(layer.energy_breakdown_pj, layer.energy_pj)
    assert (moved.ifmap + moved.weight, moved.ofmap) == (layer.dram_read_bytes, layer.dram_write_bytes)
    if layer.algorithm == "direct":
        assert layer.executed_mults == layer.ideal_mults == layer.macs
    _check_accesses(layer)


def _check_accesses(layer: Layer) -> None:
    """Check that accesses sum to the energies of the breakdown, and to the bytes that are counted."""
    rows, energies = layer.accesses, layer.energy_breakdown_pj
    for level, components in LEVEL_COMPONENTS.items():
        spent = math.fsum(row.energy_pj for row in rows if row.level == level)
        assert math.isclose(spent, math.fsum(energies[name] for name in components), rel_tol=ROUNDING), level
    for tensor, moved in layer.dram_bytes_breakdown.items():
        assert sum(row.bytes for row in rows if (row.level, row.tensor) == ("dram", tensor)) == moved
    of_buffers = [row for row in rows if row.level.endswith("_sram")]
    assert sum(row.read_bytes for row in of_buffers) == layer.sram_read_bytes
    assert sum(row.write_bytes for row in of_buffers) == layer.sram_write_bytes
    inside = [row for row in rows if row.tensor == "intermediate"]
    assert sum(row.read_bytes for row in inside) == layer.intermediate_read_bytes
    assert sum(row.write_bytes for row in inside) == layer.intermediate_write_bytes


def _check_totals(record: RunRecord) -> None:
    totals, layers = record.totals, record.layers
    assert sum(record.cycles_breakdown.values()) == totals.latency_cycles
    assert _same(record.energy_breakdown_pj, totals.energy_pj)
    assert math.isclose(math.fsum(layer.energy_pj for layer in layers), totals.energy_pj, rel_tol=ROUNDING)
    assert sum(record.dram_bytes_breakdown.values()) == totals.dram_bytes
    assert _same(record.area_breakdown_mm2, totals.area_mm2)
    for name in summed_fields(Figures):
        assert sum(getattr(layer, name) for layer in layers) == getattr(totals, name), name


def _same(parts: Breakdown[float], total: float) -> bool:
    return math.isclose(math.fsum(parts.values()), total, rel_tol=ROUNDING)
