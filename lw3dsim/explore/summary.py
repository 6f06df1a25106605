"""A study in words, rows and terminal tables."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated

from lw3dsim.base.records import Record as Values
from lw3dsim.base.records import figure
from lw3dsim.errors import InputError, short
from lw3dsim.explore.databases import shown
from lw3dsim.explore.metrics import METRICS, cost, excesses
from lw3dsim.explore.point import Value, as_text
from lw3dsim.report.terminal import Part, Table, figures, four_digits, words

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lw3dsim.explore.record import Record
    from lw3dsim.explore.study import Study

MAX_ROWS = 60
STATES = {
    "done": "simulated",
    "discarded": "discarded by bounds",
    "infeasible": "infeasible",
    "failed": "failed",
}


class Status(Values, frozen=True, kw_only=True):
    """How far a study is."""

    space: str
    storage: str
    sampler: str
    seed: int
    batch: int
    bounds: Annotated[bool, figure("whether designs are discarded by their bounds")]
    choices: Annotated[int, figure("designs of the space; choices where it is too large to count them")]
    finished: Annotated[int, figure("points with an outcome")]
    wanted: Annotated[int, figure("points that were asked for")]
    is_finished: bool
    done: int
    discarded: int
    bounded: Annotated[int, figure("of the discarded: before any of their layers was simulated")]
    infeasible: int
    failed: int
    within_constraints: int
    front: Annotated[int, figure("points on the front")]
    distinct_front: Annotated[int, figure("points on the front, of those that cost the same only one")]
    best: Annotated[dict[str, float], figure("best value of each objective")]
    best_points: Annotated[dict[str, str], figure("id of the point that has it")]
    hypervolume: float
    evaluation_seconds: Annotated[float, figure("of all workers")]

    def __repr__(self) -> str:
        """Return how far the study is, what became of its points, and the best of each objective: a line each."""
        counts = ", ".join(f"{getattr(self, state):,} {word}" for state, word in STATES.items() if getattr(self, state))
        points = f"{self.finished:,} of {self.wanted:,} points"
        lines = [
            f"{self.space}: {points}, {self.front:,} on the front, in {self.storage}",
            f"{self.sampler}, seed {self.seed}; {counts or 'none simulated'}; {self.evaluation_seconds:,.4g} s",
        ]
        lines += [f"best {name}: {value:,.4g}, {self.best_points[name]}" for name, value in self.best.items()]
        return "\n".join(lines)


def status_record(study: Study) -> Status:
    """Return how far a study is."""
    settings, space = study.settings, study.space
    best = {name: best_record(study, name) for name in space.objectives if study.candidates}
    return Status(
        space=space.name,
        storage=shown(study.where),
        sampler=settings.sampler,
        seed=settings.seed,
        batch=settings.batch,
        bounds=settings.with_bounds,
        choices=space.designs,
        finished=len(study.records),
        wanted=study.wanted,
        is_finished=study.is_finished,
        **{state: study.count(state) for state in STATES},
        bounded=_bounded(study),
        within_constraints=len(study.candidates),
        front=len(study.front),
        distinct_front=len(study.distinct_front),
        best={name: record.outcome.metrics[name] for name, record in best.items()},
        best_points={name: record.point.id for name, record in best.items()},
        hypervolume=study.hypervolume,
        evaluation_seconds=round(sum(record.outcome.seconds for record in study.records), 3),
    )


def front_counted(study: Study) -> str:
    """Return how many points are on the front, in words: those that cost the same are told from those that do not."""
    points, distinct = len(study.front), len(study.distinct_front)
    equal = f" ({distinct:,} but for equal ones)" if distinct < points else ""
    return f"{points:,}{equal}"


def counted(study: Study) -> str:
    """Return the points of a study by outcome, in words."""
    words = {**STATES, "discarded": f"{STATES['discarded']}{_how_discarded(study)}"}
    return ", ".join(f"{count:,} {word}" for state, word in words.items() if (count := study.count(state)))


def _how_discarded(study: Study) -> str:
    """Return how many designs were discarded once layers of them were simulated; empty where none was."""
    discarded, bounded = study.count("discarded"), _bounded(study)
    if discarded == bounded:
        return ""
    return f" ({bounded:,} before any layer of them was simulated, {discarded - bounded:,} after some were)"


def _bounded(study: Study) -> int:
    """Return how many designs were discarded before a layer was simulated."""
    return sum(record.outcome.state == "discarded" and not record.outcome.layers for record in study.records)


def best_record(study: Study, objective: str) -> Record:
    """Return the point of a study that keeps the limits and is best in ``objective``, and on the front.

    Of those that are equally good the first objective in which they differ decides, then the order of the study.
    """
    names = dict.fromkeys((objective, *study.space.objectives))
    return min(study.candidates, key=lambda record: [cost(name, record.outcome.metrics[name]) for name in names])


def unfinished(study: Study) -> str:
    """Return what a reader of an unfinished study must know; empty where it is finished."""
    if study.is_finished:
        return ""
    done, wanted = len(study.records), study.wanted
    known = {"exhaustive": "spread evenly over the space", "screening": "the most promising by their bounds"}.get(
        study.settings.sampler, "the first of its sampler"
    )
    return (
        f"unfinished: {done:,} of {wanted:,} points ({100 * done / wanted:.0f}%), {known}; the front, the importance "
        "of parameters and the hypervolume are those of these points alone: others may join the front and beat what is "
        "on it, the hypervolume can still rise, and shares can still change"
    )


def status_tables(study: Study) -> list[Part]:
    """Return the lines of ``lw3dsim dse status``."""
    record = status_record(study)
    counts = counted(study)
    best = ", ".join(
        f"{name} {four_digits(value)} by {record.best_points[name]}" for name, value in record.best.items()
    )
    lines: list[Part] = [
        f"{record.space} in {record.storage}: sampler {record.sampler}, seed {record.seed}, batches of {record.batch}",
        f"{record.finished:,} points finished of {record.choices:,} in the space: {counts or 'none yet'}",
        f"{record.within_constraints:,} keep the constraints; {front_counted(study)} are on the front; best "
        f"{best or 'none yet'}; hypervolume {record.hypervolume:.4f}",
        f"{record.evaluation_seconds:,.1f} s of evaluation in all workers",
    ]
    lines += [f"{count:,} infeasible: {reason}" for reason, count in _reasons(study, "infeasible")]
    lines += [f"{count:,} failed: {reason}" for reason, count in _reasons(study, "failed")]
    return [*_notes(study), *lines]


def failures(study: Study) -> str:
    """Return how many points failed, which might be on the front, and why most did; empty where none has."""
    count = study.count("failed")
    if not count:
        return ""
    ((reason, most),) = _reasons(study, "failed", 1)
    of_them = "" if most == count else f"{most:,} of them: "
    what = "point failed and is" if count == 1 else "points failed and are"
    return f"{count:,} {what} not on the front, whatever the design is worth ({of_them}{reason})"


def _notes(study: Study) -> list[Part]:
    """Return what has to be said first."""
    return [sentence for sentence in (unfinished(study), nothing_allowed(study)) if sentence]


def _reasons(study: Study, state: str, most: int = 3) -> list[tuple[str, int]]:
    reasons = Counter(record.outcome.reason for record in study.records if record.outcome.state == state)
    return sorted(reasons.items(), key=lambda item: (-item[1], item[0]))[:most]


def nothing_allowed(study: Study) -> str:
    """Return a sentence that says why no point keeps the limits; empty where one does, or nothing is finished."""
    if study.candidates or not study.records:
        return ""
    known = [record for record in study.records if record.outcome.metrics]
    if not known:
        reason = _reasons(study, "infeasible", 1) or _reasons(study, "failed", 1)
        return f"no point could be simulated, for instance since {reason[0][0]}; change the space"
    nearest = []
    for limit in study.space.limits:
        values = [record.outcome.metrics[limit.name] for record in known if limit.name in record.outcome.metrics]
        broken = [value for value in values if limit.excess(value) > 0]
        if len(broken) == len(values) and values:
            nearest.append(f"{limit} (nearest: {min(values, key=limit.excess):.4g})")
    what = f"none keeps {' nor '.join(nearest)}" if nearest else "none keeps all constraints at once"
    return f"of {len(study.records):,} points {what}; loosen it, or widen the space"


def chosen_point(study: Study, identity: str) -> Record:
    """Return the point whose id begins with ``identity``. Raises InputError for none, or several."""
    found = [record for record in study.records if record.point.id.startswith(identity)]
    if len(found) != 1 or not identity:
        what = "several points have an id that begins so" if len(found) > 1 else "no finished point has this id"
        raise InputError(f"--point {short(identity)}: {what}; `lw3dsim dse front` and `dse export` list them")
    return found[0]


def point_row(study: Study, record: Record) -> dict[str, Value]:
    """Return a point as a flat row: id, parameters by path, metrics, outcome, and the command that repeats it."""
    values = dict(record.point.values)
    parameters: dict[str, Value] = {p.path: values.get(p.path) for p in study.space.parameters}
    return {
        "index": record.index,
        "point": record.point.id,
        **parameters,
        **{name: record.outcome.metrics.get(name) for name in METRICS},
        "state": record.outcome.state,
        "within_constraints": record.is_candidate(study.space),
        "reason": record.outcome.reason,
        "seconds": record.outcome.seconds,
        "command": study.space.command(record.point),
    }


def point_columns(study: Study) -> list[str]:
    """Return the names of a row's columns."""
    paths = [parameter.path for parameter in study.space.parameters]
    return ["index", "point", *paths, *METRICS, "state", "within_constraints", "reason", "seconds", "command"]


def point_rows(study: Study, records: Iterable[Record]) -> list[dict[str, Value]]:
    """Return ``records`` as rows."""
    return [point_row(study, record) for record in records]


def front_tables(study: Study) -> list[Part]:
    """Return the tables of ``lw3dsim dse front``."""
    space, front = study.space, study.front
    limited = [limit.name for limit in space.limits if limit.name not in space.objectives]
    measured = (*space.objectives, *limited)
    costs = Counter(space.costs(record.outcome.metrics) for record in front)
    distinct = study.distinct_front
    rows = []
    for record in distinct[:MAX_ROWS]:
        values = dict(record.point.values)
        equal = costs[space.costs(record.outcome.metrics)] - 1
        rows.append(
            (
                record.point.id,
                *(four_digits(record.outcome.metrics[metric]) for metric in measured),
                *(as_text(values[p.path]) if p.path in values else "" for p in space.free),
                f"+{equal}" if equal else "",
            )
        )
    # In this order: what a point's parameters are can be looked up by its id.
    columns = (*words("point"), *figures(*measured, *(p.path for p in space.free), "equal"))
    table = Table(title=f"Front of {space.name}", columns=columns, rows=rows)
    lines: list[Part] = [*_notes(study), *filter(None, [failures(study)]), table]
    if len(distinct) < len(front):
        lines.append("(equal +N: so many more points cost the same; --format csv lists all)")
    if len(distinct) > MAX_ROWS:
        lines.append(f"({len(distinct) - MAX_ROWS} more points; --format csv lists all)")
    return [*lines, f"hypervolume {study.hypervolume:.4f} up to {_corner(study)}"]


def _corner(study: Study) -> str:
    """Return the reference of the hypervolume, whose sides are costs, as metrics."""
    corner = zip(study.space.objectives, study.settings.reference, strict=True)
    return ", ".join(f"{name} {four_digits(cost(name, value))}" for name, value in corner)


def point_tables(study: Study, record: Record) -> list[Part]:
    """Return everything about one point."""
    outcome = record.outcome
    lines: list[Part] = [f"point {record.point.id}, number {record.index}: {STATES[outcome.state]}"]
    if outcome.reason:
        lines.append(outcome.reason)
    lines += [f"{path} = {as_text(value)}" for path, value in record.point.values]
    lines += [f"{name}: {value:,.6g}" for name, value in outcome.metrics.items()]
    broken = [name for name, excess in excesses(outcome.metrics, study.space.limits).items() if excess > 0]
    if broken:
        lines.append(f"breaks the limit of {', '.join(broken)}")
    return lines
