"""The result of one simulation: totals, layers, breakdowns, and the configuration that repeats it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from lw3dsim.account.accesses import Access
from lw3dsim.base.calls import strict_methods
from lw3dsim.base.records import Breakdown, unit_of
from lw3dsim.result.records import RunRecord

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from lw3dsim.account.area import AreaBreakdown
    from lw3dsim.account.events import DramBytesBreakdown
    from lw3dsim.base.records import Cell, Plain
    from lw3dsim.engine.causes import CyclesBreakdown
    from lw3dsim.result.closeups import Closeups
    from lw3dsim.result.records import Configuration, EnergyBreakdown, Layer, Totals

# How the parts of a breakdown are called as columns of a layer.
COLUMNS = {
    "energy_breakdown_pj": "energy_{}_pj",
    "cycles_breakdown": "cycles_{}",
    "dram_bytes_breakdown": "dram_{}_bytes",
}


class Draft(Protocol):
    """What makes a record once somebody looks at it: totals ask for less than layers."""

    @property
    def record(self) -> RunRecord:
        """The whole tree of records."""

    @property
    def totals(self) -> Totals:
        """The totals of that record."""


@strict_methods
class Result:
    """What a workload costs on an accelerator: typed, frozen records, and tables of them.

    Figures are attributes with their units in their names: ``result.totals.latency_ms``. :attr:`layers` and
    :attr:`energy` are DataFrames; ``record.layers`` are the same layers as records. Made of its ``record``, or of what
    makes that once somebody looks at it; ``closeups`` likewise, which not every result has.
    """

    __slots__ = ("_closeups", "_record")

    def __init__(
        self, *, record: RunRecord | Draft, closeups: Closeups | Callable[[], Closeups | None] | None = None
    ) -> None:
        self._record = record
        self._closeups = closeups

    @property
    def record(self) -> RunRecord:
        """The whole tree of records."""
        if not isinstance(self._record, RunRecord):
            self._record = self._record.record
        return self._record

    @property
    def closeups(self) -> Closeups | None:
        """Loop nests of all layers and timelines of the longest, for its page; None where they were not kept.

        Raises InputError where what was kept can't be read, or is of another run.
        """
        if callable(self._closeups):
            self._closeups = self._closeups()
        return self._closeups

    def __eq__(self, other: object) -> bool:
        return self.record == other.record if isinstance(other, Result) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.record)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(record={self.record!r})"

    def __getstate__(self) -> RunRecord:
        return self.record

    def __setstate__(self, record: RunRecord) -> None:
        self._record, self._closeups = record, None

    @property
    def workload(self) -> str:
        """Name of the workload."""
        return self.record.workload

    @property
    def arch(self) -> str:
        """Name of the accelerator."""
        return self.record.arch

    @property
    def config(self) -> Configuration:
        """The resolved configuration: workload and inputs, passes, algorithm, every field of the accelerator."""
        return self.record.config

    @property
    def totals(self) -> Totals:
        """Figures of the whole network, such as ``latency_cycles`` and ``energy_pj``."""
        return self._record.totals

    @property
    def energy_breakdown_pj(self) -> EnergyBreakdown:
        """Energy by component; sums to ``totals.energy_pj``."""
        return self.record.energy_breakdown_pj

    @property
    def cycles_breakdown(self) -> CyclesBreakdown:
        """Cycles by cause; sums to ``totals.latency_cycles``."""
        return self.record.cycles_breakdown

    @property
    def dram_bytes_breakdown(self) -> DramBytesBreakdown:
        """DRAM bytes by tensor; sums to ``totals.dram_bytes``."""
        return self.record.dram_bytes_breakdown

    @property
    def area_breakdown_mm2(self) -> AreaBreakdown:
        """Area by component; sums to ``totals.area_mm2``."""
        return self.record.area_breakdown_mm2

    @property
    def data(self) -> dict[str, Plain]:
        """The whole result as plain data, what :meth:`to_json` writes: a copy."""
        return self.record.as_dict()

    @property
    def layers(self) -> pd.DataFrame:
        """One row per layer, breakdowns as columns; ``attrs["units"]`` are the units of the columns."""
        import pandas as pd

        frame = pd.DataFrame([flat_layer(layer) for layer in self.record.layers])
        frame.attrs["units"] = {str(column): unit for column in frame if (unit := _unit_of_column(str(column)))}
        return frame

    @property
    def energy(self) -> pd.DataFrame:
        """Energy as a tidy table: layer, component, cause, energy_pj; sums to every total of energy."""
        import pandas as pd

        rows = [
            {"layer": layer.name, "component": component, "cause": cause, "energy_pj": value}
            for layer in self.record.layers
            for component, causes in layer.energy_causes_pj.items()
            for cause, value in causes.items()
        ]
        return pd.DataFrame(rows)

    @property
    def accesses(self) -> pd.DataFrame:
        """Reads, writes and energy as a tidy table: layer, level, tensor, by whom; ``record.accesses`` are sums."""
        import pandas as pd

        names = Access.order()
        rows = [
            {"layer": layer.name, **{name: getattr(row, name) for name in names}}
            for layer in self.record.layers
            for row in layer.accesses
        ]
        return pd.DataFrame(rows)

    @property
    def reuse(self) -> pd.DataFrame:
        """How often each level serves what it holds: layer, level, tensor, bytes above and below, reuse."""
        import pandas as pd

        rows = [
            {"layer": layer.name, **row.as_dict(), "reuse": row.reuse}
            for layer in self.record.layers
            for row in layer.reuse
        ]
        return pd.DataFrame(rows)

    def to_json(self) -> str:
        """Return the result as JSON text; the same inputs give the same bytes."""
        return self.record.to_json()


def flat_layer(layer: Layer) -> dict[str, Cell]:
    """Return a layer with its breakdowns spread into columns; causes of energy, and accesses, have their own tables."""
    flat: dict[str, Cell] = {}
    for name in layer.keys():  # noqa: SIM118  # a record
        value = getattr(layer, name)
        if name in COLUMNS:
            flat |= {COLUMNS[name].format(part): figure for part, figure in value.items()}
        elif not isinstance(value, Breakdown | tuple):
            flat[name] = value
    return flat


def _unit_of_column(name: str) -> str:
    return "cycles" if name.startswith("cycles_") else unit_of(name)
