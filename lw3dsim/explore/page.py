"""A study as a self-contained HTML page."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.explore import figures
from lw3dsim.explore.point import as_text
from lw3dsim.explore.summary import counted, failures, nothing_allowed, status_record, unfinished
from lw3dsim.report.html.render import Drawing, rendered

if TYPE_CHECKING:
    from lw3dsim.explore.study import Study

# Rows of the table; `dse export` has all points.
MAX_ROWS = 200


class Section(NamedTuple):
    """Figures under a heading."""

    title: str
    drawings: list[Drawing]


class Row(NamedTuple):
    """A point of the front."""

    id: str
    metrics: list[float]
    parameters: list[str]
    command: str


def study_page(study: Study) -> str:
    """Return the page of ``study``; the same study gives the same text."""
    sections = [Section("Front", _fronts(study) if study.candidates else [])]
    if study.candidates:
        sections += [Section("Designs", [_parallel(study)]), Section("Search", _search(study))]
    space, shown = study.space, _shown(study)
    return rendered(
        "study.html.j2",
        f"Design space {space.name}",
        description=space.description,
        facts=_facts(study),
        warnings=[sentence for sentence in (unfinished(study), failures(study), nothing_allowed(study)) if sentence],
        sections=sections,
        headings=[_words(figures.axis_title(name)) for name in shown] + [_words(p.path) for p in space.free],
        rows=_rows(study, shown),
    )


def _facts(study: Study) -> list[str]:
    record, space = status_record(study), study.space
    counts = counted(study)
    loads = "; ".join(
        " ".join(filter(None, (load.workload, load.transform, load.algorithm, load.input_size))) for load in space.loads
    )
    limits = "; ".join(str(limit) for limit in space.limits) or "none"
    return [
        f"workloads: {loads} on {space.arch}",
        f"sampler {record.sampler}, seed {record.seed}",
        f"{record.finished:,} points of {record.choices:,} choices: {counts or 'none yet'}",
        f"constraints: {limits}",
        f"{record.front} designs on the front, hypervolume {record.hypervolume:.4f}",
    ]


def _fronts(study: Study) -> list[Drawing]:
    """Return a figure per pair of objectives and colour; one objective is shown against what follows from it."""
    objectives = study.space.objectives
    pairs = list(combinations(objectives, 2)) or [(objectives[0], "area_mm2")]
    colours = figures.colouring(study)
    return [
        Drawing(
            figures.clouds(study, x, y, parameter),
            f"Front of {figures.axis_title(x)} and {figures.axis_title(y)} by {parameter.path}",
            "Every design that was simulated and keeps the constraints (grey; at most 3,000 are drawn), and the front.",
        )
        for x, y in pairs
        for parameter in colours
    ]


def _parallel(study: Study) -> Drawing:
    caption = "A line per design over its parameters and objectives; the front in orange (of the others, at most 500)."
    return Drawing(figures.coordinates(study), "Parallel coordinates", caption)


def _search(study: Study) -> list[Drawing]:
    corner = "The share of the box between no cost at all and the reference that the front dominates."
    shares = (
        "The share of the variance of an objective's logarithm between the means of a parameter's values, "
        "among the designs that were simulated."
    )
    return [
        Drawing(figures.history(study), "Hypervolume over points", corner),
        Drawing(figures.importance_bars(study), "Importance of parameters", shares),
    ]


def _shown(study: Study) -> list[str]:
    space = study.space
    return [*space.objectives, *(limit.name for limit in space.limits if limit.name not in space.objectives)]


def _rows(study: Study, shown: list[str]) -> list[Row]:
    space, rows = study.space, []
    for record in study.front[:MAX_ROWS]:
        values = dict(record.point.values)
        rows.append(
            Row(
                id=record.point.id,
                metrics=[record.outcome.metrics[name] for name in shown],
                parameters=[as_text(values[p.path]) if p.path in values else "" for p in space.free],
                command=space.command(record.point),
            )
        )
    return rows


def _words(name: str) -> list[str]:
    """Return a heading in parts that don't break."""
    return name.replace(".", ".\0").replace(", ", ",\0").split("\0")
