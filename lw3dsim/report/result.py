"""The result of one simulation: totals, layers, breakdowns, and the configuration that repeats it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd

Breakdown = dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a workload costs on an accelerator.

    ``data`` is the whole result as plain values, exactly what :meth:`to_json`
    writes; units are in the key names. :attr:`layers` is the same as a DataFrame.
    """

    data: Mapping[str, Any]

    @property
    def workload(self) -> str:
        """Name of the workload."""
        return str(self.data["workload"])

    @property
    def arch(self) -> str:
        """Name of the accelerator."""
        return str(self.data["arch"])

    @property
    def config(self) -> dict[str, Any]:
        """The resolved configuration."""
        return dict(self.data["config"])

    @property
    def totals(self) -> dict[str, Any]:
        """Figures of the whole network."""
        return dict(self.data["totals"])

    @property
    def energy_breakdown_pj(self) -> Breakdown:
        """Energy by component; sums to ``totals["energy_pj"]``."""
        return dict(self.data["energy_breakdown_pj"])

    @property
    def cycles_breakdown(self) -> dict[str, int]:
        """Cycles by cause; sums to ``totals["latency_cycles"]``."""
        return dict(self.data["cycles_breakdown"])

    @property
    def dram_bytes_breakdown(self) -> dict[str, int]:
        """DRAM bytes by tensor."""
        return dict(self.data["dram_bytes_breakdown"])

    @property
    def layers(self) -> pd.DataFrame:
        """One row per layer, breakdowns as columns."""
        import pandas as pd

        return pd.DataFrame([flat_layer(layer) for layer in self.data["layers"]])

    @property
    def energy(self) -> pd.DataFrame:
        """Energy as a tidy table: layer, component, cause, energy_pj; sums to every total of energy."""
        import pandas as pd

        rows = [
            {"layer": layer["name"], "component": component, "cause": cause, "energy_pj": value}
            for layer in self.data["layers"]
            for component, causes in layer["energy_causes_pj"].items()
            for cause, value in causes.items()
        ]
        return pd.DataFrame(rows)

    def to_json(self) -> str:
        """Return the result as JSON text; the same inputs give the same bytes."""
        return json.dumps(self.data, indent=2) + "\n"

    def report(self, path: str | Path) -> None:
        """Write a self-contained HTML page to ``path``."""
        from lw3dsim.report.files import write_text
        from lw3dsim.report.page import result_page

        write_text(path, result_page(self))


def flat_layer(layer: Mapping[str, Any]) -> dict[str, Any]:
    """Return a layer's record with its breakdowns spread into columns; causes of energy have a table of their own."""
    flat: dict[str, Any] = {}
    for key, value in layer.items():
        if not isinstance(value, dict):
            flat[key] = value
        elif key == "energy_causes_pj":
            continue
        elif key == "energy_breakdown_pj":
            flat |= {f"energy_{name}_pj": part for name, part in value.items()}
        elif key == "cycles_breakdown":
            flat |= {f"cycles_{name}": part for name, part in value.items()}
        elif key == "dram_bytes_breakdown":
            flat |= {f"dram_{name}_bytes": part for name, part in value.items()}
        else:
            flat |= {f"{key}_{name}": part for name, part in value.items()}
    return flat
