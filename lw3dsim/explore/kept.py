"""What a study keeps of a point, and the check that a trial is one: studies come from elsewhere too."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import msgspec
from msgspec import Meta
from optuna.trial import TrialState

from lw3dsim.errors import short
from lw3dsim.explore.evaluate import Outcome, State
from lw3dsim.explore.metrics import METRICS, MOST
from lw3dsim.explore.point import Point
from lw3dsim.explore.processes import Process
from lw3dsim.explore.record import Record

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from lw3dsim.explore.point import Value
    from lw3dsim.explore.space import Space

Kept = TypeVar("Kept")

STATES = {
    "done": TrialState.COMPLETE,
    "infeasible": TrialState.PRUNED,
    "discarded": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}

Index = Annotated[int, Meta(ge=0, lt=1 << 62)]


class _Outcome(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An :class:`Outcome` as it is kept."""

    state: State
    metrics: dict[str, float]
    reason: str
    seconds: Annotated[float, Meta(ge=0, le=MOST)]
    layers: Annotated[int, Meta(ge=0)] = 0


class _Finished(msgspec.Struct, frozen=True, kw_only=True):
    """The attributes of the trial of a finished point; one of a shared study has those of its claim too."""

    point: str
    index: Index
    outcome: _Outcome


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """The attributes of the trial of a point that ``owner`` is evaluating, or has given up."""

    point: str
    index: Index
    owner: str
    process: Process | None = None


class DamagedError(ValueError):
    """A trial that lw3dsim can't have written; says what is wrong with it."""


def claim_of(trial: FrozenTrial) -> Claim:
    """Return the claim that an unfinished trial stands for. Raises DamagedError."""
    if trial.state is not TrialState.RUNNING:
        raise DamagedError(f"its state is {trial.state.name}")
    return _converted(trial, Claim)


def was_given_up(trial: FrozenTrial) -> bool:
    """Return whether a trial is a claim of a process that died, be it while it wrote down what it had found.

    The trial's state is written last, and keeps the point; a claim that others have failed before that is theirs.
    """
    outcome = trial.user_attrs.get("outcome")
    is_kept = "owner" not in trial.user_attrs or not isinstance(outcome, dict) or outcome.get("state") == "failed"
    return trial.state is TrialState.FAIL and (outcome is None or not is_kept)


def record_of(trial: FrozenTrial, space: Space) -> Record | None:
    """Return the point that a finished trial keeps, None for a claim that was given up. Raises DamagedError."""
    if was_given_up(trial):
        _converted(trial, Claim)
        return None
    kept = _converted(trial, _Finished)
    if trial.state is not STATES[kept.outcome.state]:
        raise DamagedError(f"its state is {trial.state.name}, but the point was {kept.outcome.state}")
    if kept.index >= space.size:
        raise DamagedError(f"index is {kept.index}; the space has {space.size} choices")
    point = _point_of(trial, space)
    if point.id != kept.point:
        raise DamagedError(f"its parameters are those of point {point.id}, not of {short(kept.point)}")
    _check_metrics(kept.outcome, space)
    if kept.outcome.state == "done":
        wanted = [kept.outcome.metrics[name] for name in space.objectives]
        if trial.values != wanted:  # no frame
            raise DamagedError(f"its values {short(trial.values)} are not its metrics {short(wanted)}")
    if not all(isinstance(name, str) for name in trial.system_attrs):
        raise DamagedError("the name of an attribute is no text")
    outcome = Outcome(**msgspec.structs.asdict(kept.outcome))
    notes = {name: value for name, value in trial.system_attrs.items() if not name.startswith("constraints")}
    return Record(index=kept.index, point=point, outcome=outcome, notes=notes)


def _converted(trial: FrozenTrial, kind: type[Kept]) -> Kept:
    try:
        return msgspec.convert(trial.user_attrs, kind)
    except (msgspec.ValidationError, RecursionError) as error:
        raise DamagedError(f"its attributes are not those of a point ({error})") from None


def _point_of(trial: FrozenTrial, space: Space) -> Point:
    values: dict[str, Value] = {}
    parameters: dict[str, Any] = dict(trial.params)
    for parameter in space.parameters:
        if parameter.path not in parameters:
            continue
        value = parameters.pop(parameter.path)
        if value not in parameter.values:
            raise DamagedError(f"{parameter.path} = {short(value)} is no value of the space")
        values[parameter.path] = parameter.values[parameter.values.index(value)]
    if parameters:
        raise DamagedError(f"{short(next(iter(parameters)))} is no parameter of the space")
    point = Point(values=tuple(values.items()))
    if space.point(space.choice_of(values)) != point:
        raise DamagedError("its parameters are no design of the space")
    return point


def _check_metrics(outcome: _Outcome, space: Space) -> None:
    """Raise DamagedError where a metric is missing, unknown, or no cost that a design can have."""
    has_any = outcome.state in ("done", "discarded")
    needed, known = (set(space.metrics), set(METRICS)) if has_any else (set[str](), set[str]())
    if names := sorted((needed - outcome.metrics.keys()) | (outcome.metrics.keys() - known)):
        raise DamagedError(f"its metrics are not those of a point that was {outcome.state} ({short(names)})")
    for name, value in outcome.metrics.items():
        metric = METRICS[name]
        least = metric.least if outcome.state == "done" else min(metric.least, 0.0)
        most = MOST if metric.best is None else metric.best
        if not (math.isfinite(value) and least <= value <= most):
            raise DamagedError(f"{name} is {short(value)}")
