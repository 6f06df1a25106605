"""Cases of one workload side by side, with ratios to the first."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from lw3dsim.arguments import as_dims, as_members, as_text, as_truth, check_callback, twice
from lw3dsim.base.calls import strict, strict_methods
from lw3dsim.base.parameters import parameter
from lw3dsim.base.values import replace
from lw3dsim.describe.weights import bare
from lw3dsim.errors import ArgumentError, InputError, one_line, short
from lw3dsim.network.pipeline import load_asked, prepare, resolve_network, simulate_prepared
from lw3dsim.network.request import DEFAULT_ARCH, Design, Run, make_request
from lw3dsim.result.headlines import ratio
from lw3dsim.transform.passes import unchanged_passes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pandas as pd

    from lw3dsim.arguments import PathArgument
    from lw3dsim.base.records import Cell
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.workload import Workload
    from lw3dsim.network.request import Request
    from lw3dsim.result.records import Layer, Totals
    from lw3dsim.result.result import Result


def as_name(name: str, value: object) -> str:
    """Return the name of a case."""
    return as_text(name, value, "the name of a case")


class Case(Run):
    """One way to run a clip of the workload: a name, and arguments of ``simulate``, by their names."""

    name: str = parameter(as_name, "What tables call it; each case has a name of its own.")

    def request(self, workload: PathArgument | Workload) -> Request:
        """Return the request to run ``workload`` so. Raises InputError."""
        return make_request(workload, self)


@strict_methods
@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The results of several cases of one workload, in order; ``unchanged`` are each case's idle passes."""

    workload: str
    names: tuple[str, ...]
    results: tuple[Result, ...]
    unchanged: tuple[tuple[str, ...], ...]

    def rows(self) -> list[dict[str, Cell]]:
        """Return the totals of each case, with summed DRAM and SRAM bytes."""
        return [
            {
                "case": name,
                "arch": result.arch,
                **_figures(result.totals),
                "dram_bytes": result.totals.dram_bytes,
                "sram_bytes": result.totals.sram_bytes,
            }
            for name, result in zip(self.names, self.results, strict=True)
        ]

    def notes(self) -> list[list[str]]:
        """Return, per case, what it asks for and what changes nothing in this network."""
        cases = zip(self.results, self.unchanged, strict=True)
        return [
            [*passes, *_without_effect(result), *_slower_than_direct(result, self.results)] for result, passes in cases
        ]

    def notes_by_case(self) -> list[str]:
        """Return the notes as lines that begin with the names of their cases."""
        return [f"{name}: {note}" for name, notes in zip(self.names, self.notes(), strict=True) for note in notes]

    @property
    def table(self) -> pd.DataFrame:
        """One row per case; ``*_ratio`` columns are relative to the first case, empty where that has zero."""
        import pandas as pd

        frame = pd.DataFrame(self.rows())
        for column in frame.columns.drop(["case", "arch"]):
            values = frame[column].to_list()
            frame[f"{column}_ratio"] = pd.Series([_ratio(value, values[0]) for value in values], dtype="float64")
        return frame

    def to_json(self) -> str:
        """Return all results as JSON text."""
        rows = self.rows()
        cases = []
        for row, result, notes in zip(rows, self.results, self.notes(), strict=True):
            figures = {key: value for key, value in row.items() if key not in ("case", "arch")}
            # The first case need not have a figure that another has.
            ratios = {key: _ratio(value, rows[0][key]) if key in rows[0] else None for key, value in figures.items()}
            cases.append({"name": row["case"], "notes": notes, "ratios": ratios, "result": result.data})
        return json.dumps({"workload": self.workload, "cases": cases}, indent=2) + "\n"


def _figures(totals: Totals) -> dict[str, Cell]:
    """Return the figures of a network by name."""
    return {name: getattr(totals, name) for name in totals}


def _ratio(value: Cell, base: Cell) -> float | None:
    if isinstance(value, str) or isinstance(base, str):
        return None
    return ratio(value, base)


def _without_effect(result: Result) -> list[str]:
    """Return what a run asked for that no layer does."""
    wanted, notes = result.config.algorithm, []
    fast = any(map(_is_fast, result.record.layers))
    # What a mapping file lets run direct might run otherwise.
    if wanted != "direct" and not fast and result.config.mapping is None:
        why = (
            "no layer is faster than direct" if wanted == "auto" else f"no layer can run {wanted} here, all run direct"
        )
        notes.append(why)
    if result.config.fusion == "auto" and all(layer.kind != "fused" for layer in result.record.layers):
        notes.append("no layers are worth fusing")
    return notes


def _is_fast(layer: Layer) -> bool:
    return layer.algorithm not in ("direct", "none")


# Layers of a note that are named.
NAMED = 4


def _slower_than_direct(result: Result, others: Sequence[Result]) -> list[str]:
    """Return on which layers a fast algorithm takes longer than direct does, where another case runs them direct."""
    config = result.config
    if config.algorithm in ("direct", "auto"):
        return []
    direct = msgspec.structs.replace(config, algorithm="direct")
    for other in others:
        if other.config == direct:
            cycles = {layer.name: layer.latency_cycles for layer in other.record.layers}
            slower = [
                f"{layer.name} ({layer.latency_cycles / cycles[layer.name]:.2f}x)"
                for layer in result.record.layers
                if _is_fast(layer) and layer.latency_cycles > cycles.get(layer.name, layer.latency_cycles)
            ]
            if slower:
                more = f" and {len(slower) - NAMED} more" if len(slower) > NAMED else ""
                named = ", ".join(slower[:NAMED])
                return [f"{config.algorithm} takes longer than direct on {named}{more}; auto chooses by layer"]
    return []


@strict
def default_cases(workload: PathArgument | Workload, arch: PathArgument | Accelerator = DEFAULT_ARCH) -> list[Case]:
    """Return baseline, FSB, FSB + hFA and 3D Winograd; FSB in the form that the paper gives the network, if any.

    Raises InputError.
    """
    request = make_request(workload, Design(arch=arch))
    fsb = resolve_network(bare(request.workload), None, None, None).fsb_variant
    return [
        Case(name="baseline", arch=request.arch),
        Case(name="FSB", arch=request.arch, transform=fsb),
        Case(name="FSB+hFA", arch=request.arch, transform=fsb, algorithm="hfa"),
        Case(name="3D Winograd", arch=request.arch, algorithm="winograd3d"),
    ]


def compare(
    workload: PathArgument | Workload,
    cases: Sequence[Case] | None = None,
    *,
    arch: PathArgument | Accelerator = DEFAULT_ARCH,
    progress: Callable[[str, int, int], None] | None = None,
) -> Comparison:
    """Simulate ``workload`` once per case (by default :func:`default_cases` on ``arch``).

    All cases are read and checked before the first is simulated; each has a name of its own.
    ``progress(case, done, all)`` is called after every layer. Raises InputError.
    """
    check_callback("progress", progress, "progress(case, done, all)")
    given = bare(make_request(workload, Design(arch=arch)).workload)
    chosen = None if cases is None else _checked(cases)
    # Where every case resizes the network, it need not have a size of its own.
    is_sized = chosen is None or len(resized(chosen)) < len(chosen)
    network = resolve_network(given, None, None, None) if is_sized else given
    chosen = default_cases(network, arch) if chosen is None else chosen
    prepared = []
    for case in chosen:
        with _named(case, chosen):
            # A case that resizes the network starts from the workload as it was given.
            prepared.append(prepare(case.request(given if _is_resized(case) else network)))
    results, unchanged = [], []
    for case, run in zip(chosen, prepared, strict=True):
        with _named(case, chosen):
            results.append(simulate_prepared(run, _told_of(progress, case.name)))
            unchanged.append(_idle_passes(run.request))
    names = tuple(case.name for case in chosen)
    return Comparison(
        workload=prepared[0].network.name, names=names, results=tuple(results), unchanged=tuple(unchanged)
    )


def resized(cases: Sequence[Case]) -> list[Case]:
    """Return the cases that read the network in their own way. Raises InputError."""
    chosen = []
    for case in cases:
        with _named(case, cases):
            chosen += [case] if _is_resized(case) else []
    return chosen


def _is_resized(case: Case) -> bool:
    is_sized = case.input_size is not None or case.classes is not None
    return is_sized or as_dims("dims", case.dims) != () or as_truth("allow_unknown", case.allow_unknown)


def _idle_passes(request: Request) -> tuple[str, ...]:
    """Return the sentences on passes that rewrite nothing."""
    before = load_asked(request).workload
    return tuple(unchanged_passes(before, request.transform))


def _checked(cases: Sequence[Case]) -> list[Case]:
    chosen = as_members("cases", cases, Case, "a Case, in a list of them")
    if not chosen:
        raise InputError("compare needs at least one case")
    named = [replace(case, name=as_name("name", case.name)) for case in chosen]
    if (name := twice(case.name for case in named)) is not None:
        raise ArgumentError("cases", [case.name for case in named], f"the name {short(name)} is used twice; rename one")
    return named


@contextmanager
def _named(case: Case, cases: Sequence[Case]) -> Iterator[None]:
    """Say of which case an error is, where there are several."""
    place = f"case {one_line(case.name)}: " if len(cases) > 1 else ""
    try:
        yield
    except ArgumentError as error:
        raise error.within(place) from None
    except InputError as error:
        raise InputError(f"{place}{error}") from None


def _told_of(progress: Callable[[str, int, int], None] | None, name: str) -> Callable[[int, int], None] | None:
    return None if progress is None else lambda done, total: progress(name, done, total)
