"""A study as a self-contained HTML page."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from lw3dsim.explore import figures
from lw3dsim.explore.point import as_text
from lw3dsim.explore.summary import STATES, failures, nothing_allowed, status_record, unfinished
from lw3dsim.report.html.elements import figure, number, page, table, text

if TYPE_CHECKING:
    from lw3dsim.explore.study import Study

# Rows of the table; `dse export` has all points.
MAX_ROWS = 200


def study_page(study: Study) -> str:
    """Return the page of ``study``; the same study gives the same text."""
    body = [_gist(study), "<h2>Front</h2>"]
    if study.candidates:
        body += _fronts(study)
        body += ["<h2>Designs</h2>", _parallel(study), "<h2>Search</h2>", *_search(study)]
    body += ["<h2>Points of the front</h2>", _front_table(study)]
    return page(f"Design space {study.space.name}", body)


def _gist(study: Study) -> str:
    record, space = status_record(study), study.space
    counts = ", ".join(f"{record[state]:,} {word}" for state, word in STATES.items() if record[state])
    loads = "; ".join(
        " ".join(filter(None, (load.workload, load.transform, load.algorithm, load.input_size))) for load in space.loads
    )
    limits = "; ".join(str(limit) for limit in space.limits) or "none"
    facts = (
        f"workloads: {loads} on {space.arch}",
        f"sampler {record['sampler']}, seed {record['seed']}",
        f"{record['finished']:,} points of {record['choices']:,} choices: {counts or 'none yet'}",
        f"constraints: {limits}",
        f"{record['front']} designs on the front, hypervolume {record['hypervolume']:.4f}",
    )
    lines = [f"<p>{text(space.description)}</p>"] if space.description else []
    lines.append(f'<p class="soft">{text("; ".join(facts))}</p>')
    lines += [
        f'<p class="warning">{text(sentence)}</p>'
        for sentence in (unfinished(study), failures(study), nothing_allowed(study))
        if sentence
    ]
    return "".join(lines)


def _fronts(study: Study) -> list[str]:
    """Return a figure per pair of objectives and colour; one objective is shown against what follows from it."""
    objectives = study.space.objectives
    pairs = list(combinations(objectives, 2)) or [(objectives[0], "area_mm2")]
    colours = figures.colouring(study)
    return [
        figure(
            figures.clouds(study, x, y, parameter),
            f"Front of {figures.axis_title(x)} and {figures.axis_title(y)} by {parameter.path}",
            "Every design that was simulated and keeps the constraints (grey; at most 3,000 are drawn), and the front.",
        )
        for x, y in pairs
        for parameter in colours
    ]


def _parallel(study: Study) -> str:
    caption = "A line per design over its parameters and objectives; the front in orange (of the others, at most 500)."
    return figure(figures.coordinates(study), "Parallel coordinates", caption)


def _search(study: Study) -> list[str]:
    corner = "The share of the box between no cost at all and the reference that the front dominates."
    shares = (
        "The share of the variance of an objective's logarithm between the means of a parameter's values, "
        "among the designs that were simulated."
    )
    return [
        figure(figures.history(study), "Hypervolume over points", corner),
        figure(figures.importance_bars(study), "Importance of parameters", shares),
    ]


def _front_table(study: Study) -> str:
    space = study.space
    limited = [limit.name for limit in space.limits if limit.name not in space.objectives]
    shown = (*space.objectives, *limited)
    rows = []
    for record in study.front[:MAX_ROWS]:
        values = dict(record.point.values)
        rows.append(
            [
                f'<td class="text name">{record.point.id}</td>',
                *(f"<td>{number(record.outcome.metrics[name])}</td>" for name in shown),
                *(f"<td>{text(as_text(values[p.path])) if p.path in values else ''}</td>" for p in space.free),
                f'<td class="text"><code>{text(space.command(record.point))}</code></td>',
            ]
        )
    headings = [_heading(figures.axis_title(name)) for name in shown] + [_heading(p.path) for p in space.free]
    return table(("point",), [*headings, "command"], rows)


def _heading(name: str) -> str:
    """Return a heading that breaks behind a point or comma alone."""
    words = text(name).replace(".", ".\0").replace(", ", ",\0").split("\0")
    return "<br>".join(f'<span style="white-space: nowrap">{word}</span>' for word in words)
