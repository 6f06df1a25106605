"""Cases of one workload side by side, with ratios to the first."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lw3dsim.describe.workload import Workload
from lw3dsim.describe.workload_file import load_workload
from lw3dsim.errors import InputError
from lw3dsim.pipeline import DEFAULT_ARCH, simulate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import pandas as pd

    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.objective import Objective
    from lw3dsim.report.result import Result


@dataclass(frozen=True, kw_only=True)
class Case:
    """One way to run a clip of the workload; the fields are those of ``simulate``."""

    name: str
    arch: str | Path | Accelerator = DEFAULT_ARCH
    transform: str | None = None
    algorithm: str = "direct"
    m1: int | None = None
    m2: int | None = None
    engine: str = "auto"
    input_size: str | None = None
    classes: int | None = None
    overrides: tuple[str, ...] = ()
    fusion: str = "off"
    objective: Objective = "latency"
    mapping: str | Path | None = None


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The results of several cases of one workload, in order."""

    workload: str
    names: tuple[str, ...]
    results: tuple[Result, ...]

    def rows(self) -> list[dict[str, Any]]:
        """Return the totals of each case, with summed DRAM and SRAM bytes."""
        return [
            {
                "case": name,
                "arch": result.arch,
                **result.totals,
                "dram_bytes": result.totals["dram_read_bytes"] + result.totals["dram_write_bytes"],
                "sram_bytes": result.totals["sram_read_bytes"] + result.totals["sram_write_bytes"],
            }
            for name, result in zip(self.names, self.results, strict=True)
        ]

    def notes(self) -> list[str]:
        """Return one line per case whose algorithm no layer could run."""
        lines = []
        for name, result in zip(self.names, self.results, strict=True):
            wanted = result.config["algorithm"]
            fast = any(layer["algorithm"] not in ("direct", "none") for layer in result.data["layers"])
            # What a mapping file lets run direct might run otherwise.
            if wanted not in ("direct", "auto") and not fast and "mapping" not in result.config:
                lines.append(f"{name}: no layer can run {wanted} here, all run direct")
        return lines

    @property
    def table(self) -> pd.DataFrame:
        """One row per case; ``*_ratio`` columns are relative to the first case."""
        import pandas as pd

        frame = pd.DataFrame(self.rows())
        for column in frame.columns.drop(["case", "arch"]):
            frame[f"{column}_ratio"] = frame[column] / frame[column].iloc[0]
        return frame

    def to_json(self) -> str:
        """Return all results as JSON text."""
        rows = self.rows()
        cases = []
        for row, result in zip(rows, self.results, strict=True):
            figures = {key: value for key, value in row.items() if key not in ("case", "arch")}
            ratios = {key: value / rows[0][key] if rows[0][key] else None for key, value in figures.items()}
            cases.append({"name": row["case"], "ratios": ratios, "result": dict(result.data)})
        return json.dumps({"workload": self.workload, "cases": cases}, indent=2) + "\n"

    def report(self, path: str | Path) -> None:
        """Write a self-contained HTML page that compares the cases to ``path``."""
        from lw3dsim.report.files import write_text
        from lw3dsim.report.page import comparison_page

        write_text(path, comparison_page(self.workload, self.names, self.results))


def default_cases(workload: Workload, arch: str | Path | Accelerator = DEFAULT_ARCH) -> list[Case]:
    """Return baseline, FSB, FSB + hFA and 3D Winograd; FSB in the form that the paper gives the network, if any."""
    fsb = workload.fsb_variant
    return [
        Case(name="baseline", arch=arch),
        Case(name="FSB", arch=arch, transform=fsb),
        Case(name="FSB+hFA", arch=arch, transform=fsb, algorithm="hfa"),
        Case(name="3D Winograd", arch=arch, algorithm="winograd3d"),
    ]


def compare(
    workload: str | Path | Workload,
    cases: Sequence[Case] | None = None,
    *,
    arch: str | Path | Accelerator = DEFAULT_ARCH,
    progress: Callable[[str, int, int], None] | None = None,
) -> Comparison:
    """Simulate ``workload`` once per case (by default :func:`default_cases` on ``arch``).

    ``progress(case, done, all)`` is called after every layer. Raises InputError.
    """
    network = workload if isinstance(workload, Workload) else load_workload(workload)
    chosen = list(cases) if cases is not None else default_cases(network, arch)
    if not chosen:
        raise InputError("compare needs at least one case")
    results = []
    for case in chosen:
        try:
            results.append(_simulated(case, workload, network, _named(progress, case.name)))
        except InputError as error:
            raise InputError(f"case {case.name}: {error}" if len(chosen) > 1 else str(error)) from None
    return Comparison(workload=network.name, names=tuple(case.name for case in chosen), results=tuple(results))


def _simulated(
    case: Case, workload: str | Path | Workload, network: Workload, progress: Callable[[int, int], None] | None
) -> Result:
    """Simulate one case; a case that resizes the network starts from the workload as it was given."""
    is_resized = case.input_size is not None or case.classes is not None
    return simulate(
        workload if is_resized else network,
        arch=case.arch,
        transform=case.transform,
        algorithm=case.algorithm,
        m1=case.m1,
        m2=case.m2,
        engine=case.engine,
        input_size=case.input_size,
        classes=case.classes,
        overrides=case.overrides,
        fusion=case.fusion,
        objective=case.objective,
        mapping=case.mapping,
        progress=progress,
    )


def _named(progress: Callable[[str, int, int], None] | None, name: str) -> Callable[[int, int], None] | None:
    return None if progress is None else lambda done, total: progress(name, done, total)
