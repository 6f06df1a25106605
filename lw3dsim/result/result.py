"""The result of one simulation: totals, layers, breakdowns, and the configuration that repeats it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lw3dsim.result.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a workload costs on an accelerator.

    ``data`` is the whole result as plain values, exactly what :meth:`to_json`
    writes; units are in the key names. :attr:`layers` is the same as a DataFrame.
    Nothing in it can be changed: ``copy.deepcopy(result.data)`` can.
    """

    data: Mapping[str, Any]

    def __post_init__(self) -> None:
        object.__setattr__(self, "data", frozen(self.data))

    @property
    def workload(self) -> str:
        """Name of the workload."""
        return str(self.data["workload"])

    @property
    def arch(self) -> str:
        """Name of the accelerator."""
        return str(self.data["arch"])

    @property
    def config(self) -> Mapping[str, Any]:
        """The resolved configuration: workload and inputs, passes, algorithm, every field of the accelerator."""
        config: Mapping[str, Any] = self.data["config"]
        return config

    @property
    def totals(self) -> Mapping[str, Any]:
        """Figures of the whole network, by name with unit, such as ``latency_cycles`` and ``energy_pj``."""
        totals: Mapping[str, Any] = self.data["totals"]
        return totals

    @property
    def energy_breakdown_pj(self) -> Mapping[str, float]:
        """Energy by component; sums to ``totals["energy_pj"]``."""
        energies: Mapping[str, float] = self.data["energy_breakdown_pj"]
        return energies

    @property
    def cycles_breakdown(self) -> Mapping[str, int]:
        """Cycles by cause; sums to ``totals["latency_cycles"]``."""
        cycles: Mapping[str, int] = self.data["cycles_breakdown"]
        return cycles

    @property
    def dram_bytes_breakdown(self) -> Mapping[str, int]:
        """DRAM bytes by tensor."""
        moved: Mapping[str, int] = self.data["dram_bytes_breakdown"]
        return moved

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
