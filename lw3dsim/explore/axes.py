"""The designs of a study as a page draws them: where each lies on every axis, and what is written there."""

from __future__ import annotations

import math
from itertools import combinations
from typing import TYPE_CHECKING, Any, NamedTuple

from lw3dsim.explore.figures import axis_title, colouring, sampled
from lw3dsim.explore.front import Front
from lw3dsim.explore.metrics import METRICS, cost
from lw3dsim.explore.point import as_text
from lw3dsim.explore.study import REFERENCE
from lw3dsim.report.html.markup import number
from lw3dsim.report.html.scales import Scale, tick_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.explore.record import Record
    from lw3dsim.explore.space import Parameter
    from lw3dsim.explore.study import Study

# Values of a parameter that are written at its axis.
WRITTEN = 12


class Axis(NamedTuple):
    """An axis: where each design lies, 0 to 1 or None where it is not on it, ticks, and marks of its own.

    ``base`` is where the unchanged design lies, ``limits`` where constraints are and which side keeps them.
    """

    name: str
    title: str
    is_metric: bool
    is_rate: bool
    at: list[float | None]
    ticks: list[tuple[float, str]]
    base: float | None
    limits: list[tuple[float, str, str]]


def drawn(study: Study) -> list[Record]:
    """Return the designs that are drawn: the whole front first, then others, those that break a constraint too."""
    front = study.front
    own = {record.point.id for record in front}
    done = [record for record in study.records if record.outcome.state == "done" and record.point.id not in own]
    return [*front, *sampled(done)]


def data_of(study: Study, records: Sequence[Record]) -> dict[str, Any]:
    """Return what the script of the page draws from."""
    front = {record.point.id for record in study.front}
    metrics = metric_axes(study, records)
    parameters = [_parameter_axis(parameter, records) for parameter in study.space.free]
    return {
        "axes": [axis._asdict() for axis in (*metrics, *parameters)],
        "ids": [record.point.id for record in records],
        "front": [int(record.point.id in front) for record in records],
        "kept": [int(record.is_candidate(study.space)) for record in records],
        "said": [said(study, record) for record in records],
        **dict(zip("xy", _opposed(study), strict=True)),
        "colour": _colour(study, len(metrics)),
    }


def _colour(study: Study, metrics: int) -> int:
    """Return the place of the axis whose values colour the front at first, behind so many metrics; -1 for none."""
    first = next(iter(colouring(study)), None) if study.candidates else None
    return -1 if first is None else metrics + study.space.free.index(first)


def _opposed(study: Study) -> tuple[int, int]:
    """Return which two metrics are to be seen first: those with the most designs on their own front."""
    names = shown_metrics(study)
    vectors = [[cost(name, record.outcome.metrics[name]) for name in names] for record in study.front]
    own = {(a, b): Front((v[a], v[b]) for v in vectors) for a, b in combinations(range(len(names)), 2)}
    return max(own, key=lambda pair: len(own[pair].vectors))


def said(study: Study, record: Record) -> str:
    """Return a design in lines: its id, its metrics, its parameters."""
    values, metrics = dict(record.point.values), record.outcome.metrics
    shown = ", ".join(f"{axis_title(name)}: {number(metrics[name])}" for name in shown_metrics(study))
    chosen = "; ".join(f"{p.path} = {as_text(values[p.path])}" for p in study.space.free if p.path in values)
    return f"{record.point.id}\n{shown}\n{chosen}"


def shown_metrics(study: Study) -> list[str]:
    """Return the objectives and what is limited besides; with a single one, the area to see it against."""
    space = study.space
    names = [*space.objectives, *(limit.name for limit in space.limits if limit.name not in space.objectives)]
    return names if len(names) > 1 else list(dict.fromkeys([*names, "area_mm2"]))


def metric_axes(study: Study, records: Sequence[Record]) -> list[Axis]:
    """Return an axis per objective and limited metric."""
    base = base_metrics(study)
    return [_metric_axis(study, name, records, base.get(name)) for name in shown_metrics(study)]


def base_metrics(study: Study) -> dict[str, float]:
    """Return the objectives of the unchanged design, as far as the reference of the hypervolume tells them."""
    space = study.space
    if space.reference:
        return {}
    return {
        name: cost(name, side / REFERENCE)
        for name, side in zip(space.objectives, study.settings.reference, strict=True)
        if METRICS[name].best is None
    }


def _metric_axis(study: Study, name: str, records: Sequence[Record], base: float | None) -> Axis:
    values = [record.outcome.metrics[name] for record in records]
    bounds = [
        (bound, f"{name} {sign} {bound:g}", sign)
        for limit in study.space.limits
        if limit.name == name
        for bound, sign in ((limit.low, ">="), (limit.high, "<="))
        if bound is not None
    ]
    ends = [*values, *([] if base is None else [base]), *(bound for bound, _, _ in bounds)]
    is_log = METRICS[name].best is None and min(ends) > 0 and max(ends) > min(ends)
    scale = Scale.of(ends, is_log=is_log)
    return Axis(
        name=name,
        title=axis_title(name),
        is_metric=True,
        is_rate=METRICS[name].is_rate,
        at=[_short(scale.share(value)) for value in values],
        ticks=[(_short(scale.share(tick)), tick_text(tick)) for tick in scale.ticks()],
        base=None if base is None else _short(scale.share(base)),
        limits=[(_short(scale.share(bound)), text, sign) for bound, text, sign in bounds],
    )


def _parameter_axis(parameter: Parameter, records: Sequence[Record]) -> Axis:
    """Return the axis of a parameter; where it does not apply, a design is not on it."""
    last = max(len(parameter.values) - 1, 1)
    places = {value: place for place, value in enumerate(parameter.values)}
    at: list[float | None] = []
    for record in records:
        values = dict(record.point.values)
        at.append(_inset(places[values[parameter.path]] / last) if parameter.path in values else None)
    step = -(-len(parameter.values) // WRITTEN)
    ticks = [(_inset(i / last), as_text(v)) for i, v in enumerate(parameter.values) if i % step == 0]
    return Axis(parameter.path, parameter.path, False, False, at, ticks, None, [])


def _inset(share: float) -> float:
    return _short(0.06 + 0.88 * share)


def _short(share: float) -> float:
    return round(share, 4) if math.isfinite(share) else 0.0
