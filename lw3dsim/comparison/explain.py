"""What binds a design, and what a step of each of its resources would buy: found by simulating its neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from lw3dsim.account.binding import remedy
from lw3dsim.base.calls import strict_methods
from lw3dsim.base.records import Cell, Record, figure
from lw3dsim.base.values import replace
from lw3dsim.describe.accelerator import Accelerator
from lw3dsim.describe.dataflow import DATAFLOWS
from lw3dsim.describe.expected import reason_of
from lw3dsim.engine.causes import CyclesBreakdown
from lw3dsim.errors import InputError
from lw3dsim.network.pipeline import simulate_prepared
from lw3dsim.result.records import Totals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd

    from lw3dsim.network.pipeline import Prepared
    from lw3dsim.result.result import Result

# Fields that are doubled and halved.
DOUBLED = (
    "pe.rows",
    "pe.cols",
    "pe.mults_per_pe",
    "pe.acc_depth",
    "buffers.ifmap_kib",
    "buffers.weight_kib",
    "buffers.ofmap_kib",
    "buffers.ifmap_port_bytes",
    "buffers.weight_port_bytes",
    "buffers.ofmap_port_bytes",
    "buffers.shared_kib",
    "buffers.shared_banks",
    "buffers.shared_port_bytes",
    "vector_lanes",
    "dram.channels",
    "dram.bandwidth_gbps",
)
# Fields that go one up and down, and those that take another word.
STEPPED = ("winograd.m1", "winograd.m2", "buffers.slots")
FUSION = "run.fusion"
SWITCHED = {"winograd.weight_transform": ("offline", "onchip")}
# Where a throughput follows from the array unless it is given, what it then is.
RESOLVED = {
    "transforms.input_coords_per_cycle": "input_coords_per_cycle",
    "transforms.output_coords_per_cycle": "output_coords_per_cycle",
    "transforms.weight_coords_per_cycle": "weight_coords_per_cycle",
}


@dataclass(frozen=True, kw_only=True)
class Change:
    """One field changed from ``before`` to ``after``, and the result; None with the ``reason`` where there is none."""

    path: str
    before: Cell
    after: Cell
    result: Result | None
    reason: str = ""


class Neighbour(Record, frozen=True, kw_only=True):
    """A neighbour as a row: its figures, and their changes; nothing of one that has no mapping, for a ``reason``."""

    field: Annotated[str, figure("what is changed")]
    before: Cell
    after: Cell
    latency_ms: float | None
    energy_pj: float | None
    area_mm2: float | None
    latency_change: Annotated[float | None, figure("relative to the design")]
    energy_change: Annotated[float | None, figure("relative to the design")]
    area_change_mm2: float | None
    reason: str


class Cause(Record, frozen=True, kw_only=True):
    """What binds layers: its share of the cycles, its layers, words on the longest of them, what helps."""

    cause: str
    share: float
    layers: tuple[str, ...]
    words: Annotated[str, figure("of idle lanes: how many idle, and why")]
    helps: str


class ExplanationRecord(Record, frozen=True, kw_only=True):
    """An explanation as JSON holds it."""

    workload: str
    arch: str
    totals: Totals
    bound_by: dict[str, float]
    causes: tuple[Cause, ...]
    cycles_breakdown: CyclesBreakdown
    neighbours: tuple[Neighbour, ...]


@strict_methods
@dataclass(frozen=True, kw_only=True)
class Explanation:
    """A design's result and its neighbours, what shortens it most first."""

    base: Result
    changes: tuple[Change, ...]

    def rows(self) -> list[Neighbour]:
        """Return a row per neighbour: its figures, and their change relative to the design (area: in mm2)."""
        return [self._row(change) for change in self.changes]

    def _row(self, change: Change) -> Neighbour:
        old, new = self.base.totals, None if change.result is None else change.result.totals
        return Neighbour(
            field=change.path,
            before=change.before,
            after=change.after,
            latency_ms=new.latency_ms if new else None,
            energy_pj=new.energy_pj if new else None,
            area_mm2=new.area_mm2 if new else None,
            latency_change=new.latency_ms / old.latency_ms - 1 if new else None,
            energy_change=new.energy_pj / old.energy_pj - 1 if new else None,
            area_change_mm2=new.area_mm2 - old.area_mm2 if new else None,
            reason=change.reason,
        )

    @property
    def table(self) -> pd.DataFrame:
        """The rows of :meth:`rows` as a DataFrame, units in the names of columns; changes are shares, of area mm2."""
        import pandas as pd

        return pd.DataFrame([row.as_dict() for row in self.rows()], columns=[*Neighbour.order()])

    def bounds(self) -> dict[str, float]:
        """Return the share of the cycles that go to layers bound by each cause, the largest first."""
        total, shares = self.base.totals.latency_cycles, dict[str, float]()
        for layer in self.base.record.layers:
            shares[layer.bound_by] = shares.get(layer.bound_by, 0.0) + layer.latency_cycles / total
        return dict(sorted(shares.items(), key=lambda item: (-item[1], item[0])))

    def causes(self) -> list[Cause]:
        """Return a row per cause that binds layers, the most cycles first."""
        layers = sorted(self.base.record.layers, key=lambda layer: -layer.latency_cycles)
        rows = []
        for cause, share in self.bounds().items():
            bound = [layer for layer in layers if layer.bound_by == cause]
            words = bound[0].idle if cause.startswith("idle") else ""
            names = tuple(layer.name for layer in bound)
            rows.append(
                Cause(cause=cause, share=share, layers=names, words=words, helps=remedy(cause, self.base.config.arch))
            )
        return rows

    def to_json(self) -> str:
        """Return the explanation as JSON text."""
        record = ExplanationRecord(
            workload=self.base.workload,
            arch=self.base.arch,
            totals=self.base.totals,
            bound_by=self.bounds(),
            causes=tuple(self.causes()),
            cycles_breakdown=self.base.cycles_breakdown,
            neighbours=tuple(self.rows()),
        )
        return record.to_json()


def explain_prepared(prepared: Prepared, progress: Callable[[int, int], None] | None = None) -> Explanation:
    """Explain what was asked for; see :func:`explain`."""
    request, design = prepared.request, prepared.design

    def run(arch: Accelerator, fusion: str) -> Result:
        asked = replace(request, arch=arch, overrides=(), fusion=fusion)
        return simulate_prepared(replace(prepared, request=asked, design=arch))

    base = simulate_prepared(prepared)
    fusion = request.fusion
    steps = [step for step in _steps(design) if request.algorithm != "direct" or not step[0].startswith("winograd.")]
    steps.append((FUSION, fusion, "auto" if fusion == "off" else "off"))
    changes = []
    for done, (path, before, after) in enumerate(steps, start=1):
        changes.append(_changed(run, design, fusion, path, before, after))
        if progress is not None:
            progress(done, len(steps))
    changes.sort(key=lambda change: change.result.totals.latency_cycles if change.result else float("inf"))
    return Explanation(base=base, changes=tuple(changes))


def _steps(design: Accelerator) -> Iterator[tuple[str, Cell, Cell]]:
    """Yield path, value and changed value of every neighbour."""
    data, shared = msgspec.to_builtins(design), design.buffers.shared_kib is not None
    for path in DOUBLED:
        value = _value(data, path)
        if value is not None and (not path.startswith("buffers.") or shared == path.startswith("buffers.shared_")):
            yield path, value, value * 2
            if value >= 2:
                yield path, value, value / 2 if isinstance(value, float) else value // 2
    for path, name in RESOLVED.items():
        value = getattr(design, name)
        yield path, value, value * 2
        if value >= 2:
            yield path, value, value // 2
    for path in STEPPED:
        value = _value(data, path)
        yield path, value, value + 1
        yield path, value, value - 1
    for path, words in (SWITCHED | {"pe.dataflow": tuple(DATAFLOWS.usable())}).items():
        value = _value(data, path)
        yield from ((path, value, word) for word in words if word != value)


def _value(data: dict[str, Any], path: str) -> Any:
    for key in path.split("."):
        data = data[key]
    return data


def _changed(
    run: Callable[[Accelerator, str], Result], design: Accelerator, fusion: str, path: str, before: Cell, after: Cell
) -> Change:
    data = msgspec.to_builtins(design)
    folder, _, key = path.rpartition(".")
    if path != FUSION:
        (data[folder] if folder else data)[key] = after
    try:
        neighbour = msgspec.convert(data, Accelerator)
        result = run(neighbour, str(after) if path == FUSION else fusion)
    except InputError as error:
        return Change(path=path, before=before, after=after, result=None, reason=str(error))
    except msgspec.ValidationError as error:
        reason = reason_of(Accelerator, data, str(error))
        return Change(path=path, before=before, after=after, result=None, reason=reason)
    return Change(path=path, before=before, after=after, result=result)
