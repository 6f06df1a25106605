"""A study as a self-contained HTML page: the front first, then every design, then how the search went."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from markupsafe import Markup

from lw3dsim.explore import axes
from lw3dsim.explore.figures import axis_title
from lw3dsim.explore.importance import importances
from lw3dsim.explore.point import as_text
from lw3dsim.explore.summary import (
    best_record,
    counted,
    failures,
    front_counted,
    nothing_allowed,
    status_record,
    unfinished,
)
from lw3dsim.report.html.markup import joined, number, percent, share_text, tag
from lw3dsim.report.html.render import rendered
from lw3dsim.report.html.scales import Scale, tick_text

if TYPE_CHECKING:
    from lw3dsim.explore.record import Record
    from lw3dsim.explore.study import Study

# Rows of the table; `dse export` has all points.
MAX_ROWS = 200


class Row(NamedTuple):
    """A point of the front."""

    place: int
    id: str
    metrics: list[tuple[str, float]]
    parameters: list[str]
    command: str


class Weight(NamedTuple):
    """How much a parameter decides of each objective: shares as lengths and as text."""

    path: str
    shares: list[tuple[str, str]]


def study_page(study: Study, live: str = "") -> str:
    """Return the page of ``study``; the same study gives the same text.

    ``live`` is, on a page that follows a run, whether it "runs" or is "ended".
    """
    space, candidates = study.space, study.candidates
    records = axes.drawn(study)
    return rendered(
        "study.html.j2",
        f"Design space {space.name}",
        description=space.description,
        verdict=_verdict(study),
        facts=_facts(study),
        warnings=[sentence for sentence in (unfinished(study), failures(study), nothing_allowed(study)) if sentence],
        live=live,
        data=_json(axes.data_of(study, records)) if records else "",
        headings=[axis_title(name) for name in axes.shown_metrics(study)],
        paths=[parameter.path for parameter in space.free],
        rows=_rows(study),
        front=len(study.front),
        objectives=[axis_title(name).partition(",")[0] for name in space.objectives],
        weights=_weights(study) if candidates else [],
        history=_history(study) if candidates else None,
    )


def _json(data: dict[str, object]) -> Markup:
    """Return data as JSON that can stand within a page."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c")
    return Markup(text)  # noqa: S704  # no tag can end or begin in it


def _verdict(study: Study) -> list[tuple[str, str]]:
    """Return what the search found in pieces: text, and what of it is stressed."""
    if not study.candidates:
        return [("No design that keeps the constraints yet.", "")]
    base = axes.base_metrics(study)
    pieces = [("", f"{front_counted(study)} designs"), (f" of {len(study.records):,} are on the front", "")]
    for name in study.space.objectives:
        record = best_record(study, name)
        value = record.outcome.metrics[name]
        title, _, unit = axis_title(name).partition(", ")
        against = f" ({value / base[name]:.2f}x the base design)" if base.get(name) else ""
        pieces += [(f"; best {title} ", f"{number(value)} {unit}".strip()), (against, "")]
    return [*pieces, (".", "")]


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
        f"{record.finished:,} points of {record.choices:,} in the space: {counts or 'none yet'}",
        f"constraints: {limits}",
        f"hypervolume {record.hypervolume:.4f}",
    ]


def _rows(study: Study) -> list[Row]:
    """Return the first points of the front; what is drawn has them in the same order."""
    return [_row(study, place, record) for place, record in enumerate(study.front[:MAX_ROWS])]


def _row(study: Study, place: int, record: Record) -> Row:
    space, values, metrics = study.space, dict(record.point.values), record.outcome.metrics
    return Row(
        place=place,
        id=record.point.id,
        metrics=[(number(metrics[name]), metrics[name]) for name in axes.shown_metrics(study)],
        parameters=[as_text(values[p.path]) if p.path in values else "" for p in space.free],
        command=space.command(record.point),
    )


def _weights(study: Study) -> list[Weight]:
    """Return the parameters, those first that decide most, with their share of each objective's variance."""
    shares = {name: importances(study, name) for name in study.space.objectives}
    total = {p.path: sum(share[p.path] for share in shares.values()) for p in study.space.free}
    return [
        Weight(path, [(percent(share[path]), share_text(share[path])) for share in shares.values()])
        for path in sorted(total, key=lambda path: -total[path])
    ]


class History(NamedTuple):
    """The hypervolume over finished points: a drawing, its ticks, and what is to be seen."""

    drawing: Markup
    below: list[tuple[str, str]]
    beside: list[tuple[str, str]]
    said: str


def _history(study: Study) -> History:
    points = study.history()
    # The first points lift it from nothing; what matters comes after.
    risen = [share for _, share in points if share > 0] or [0.0, 1.0]
    x, y = Scale(low=0, high=max(points[-1][0], 1)), Scale.of(risen)
    path = "".join(
        f"{'M' if not place else 'H'}{1000 * x.share(at):.1f}{' ' if not place else 'V'}"
        f"{1000 * (1 - max(y.share(share), 0)):.1f}"
        for place, (at, share) in enumerate(points)
    )
    drawing = tag(
        "svg",
        tag("path", d=path, class_="run"),
        viewBox="0 0 1000 1000",
        preserveAspectRatio="none",
        aria_hidden="true",
    )
    half = next(at for at, share in points if share >= 0.99 * points[-1][1])
    return History(
        joined([drawing]),
        [(percent(x.share(tick)), tick_text(tick)) for tick in x.ticks(6)],
        [(percent(1 - y.share(tick)), tick_text(tick)) for tick in y.ticks(5)],
        f"It stands at {points[-1][1]:.4f}; 99% of that was there after {half:,} of {points[-1][0]:,} points.",
    )
