"""Where a study is kept: an Optuna study in a local journal file, or in a database that many processes share.

A finished point is one trial: COMPLETE with the objectives as values; PRUNED where
the design is infeasible or was discarded by its bounds; FAIL where the program
failed, with the error. The trial's user attributes hold the rest.

A local journal belongs to one process at a time, which holds a lock on the file: a point is written
when it is finished, as one line. In a database a process first claims a point by a
RUNNING trial; of two claims of one point the lower number holds. A process shows by
a count in the study that it lives; claims of one that has not counted for
``patience`` seconds are failed, and the points taken over.
"""

from __future__ import annotations

import time
import warnings
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

import msgspec
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.exceptions import DuplicatedStudyError, UpdateFinishedTrialError
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial

from lw3dsim import __version__
from lw3dsim.errors import InputError
from lw3dsim.explore.evaluate import Outcome
from lw3dsim.explore.metrics import METRICS, excesses
from lw3dsim.explore.point import Point
from lw3dsim.explore.record import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

    from lw3dsim.explore.plan import Task
    from lw3dsim.explore.space import Parameter, Space

STATES = {
    "done": TrialState.COMPLETE,
    "infeasible": TrialState.PRUNED,
    "discarded": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}
OURS = "lw3dsim"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a study was begun with and keeps for good; ``reference`` bounds its hypervolume."""

    version: str
    digest: str
    sampler: str
    seed: int
    batch: int
    with_bounds: bool
    reference: tuple[float, ...]


@dataclass
class _Owner:
    """What is known of another process: its count, and when we saw it change."""

    count: int
    seen: float


class Store:
    """A study of ``space`` in ``storage``."""

    def __init__(
        self, storage: BaseStorage, space: Space, settings: Settings, *, is_shared: bool, patience: float = 60.0
    ) -> None:
        self.settings, self.is_shared = settings, is_shared
        self._storage, self._space, self._patience = storage, space, patience
        self._study_id = storage.get_study_id_from_name(space.name)
        self._distributions = {parameter.path: _distribution(parameter) for parameter in space.parameters}
        self._next = 0
        self._open: set[int] = set()
        self._finished: set[str] = set()
        self._me = uuid4().hex[:12]
        self._count, self._beaten = 0, -float("inf")
        self._owners: dict[str, _Owner] = {}
        self._claims: dict[str, int] = {}
        self._taken: dict[str, str] = {}

    def poll(self) -> list[Record]:
        """Return the points finished since the last call, whoever did."""
        trials = self._storage.get_all_trials(self._study_id, deepcopy=False)
        news = [trials[number] for number in sorted(self._open)] + trials[self._next :]
        self._next = len(trials)
        self._open = {trial.number for trial in news if not trial.state.is_finished()}
        self._taken = {
            trial.user_attrs["point"]: trial.user_attrs["owner"]
            for trial in news
            if trial.number in self._open and "owner" in trial.user_attrs
        }
        records = [
            record_of(trial, self._space)
            for trial in news
            if "outcome" in trial.user_attrs and trial.state.is_finished()
        ]
        self._finished |= {record.point.id for record in records}
        return records

    def claim(self, tasks: Sequence[Task]) -> list[bool]:
        """Return, per task, whether it is ours to evaluate."""
        if not self.is_shared:
            return [True] * len(tasks)
        numbers = {}
        for task in tasks:
            if task.point.id not in self._finished and task.point.id not in self._taken:
                numbers[task.point.id] = self._create(task)
        trials = self._storage.get_all_trials(self._study_id, deepcopy=False) if numbers else []
        return [
            task.point.id in numbers and self._holds(task.point.id, numbers[task.point.id], trials) for task in tasks
        ]

    def _create(self, task: Task) -> int:
        """Create a claim and return its trial's id."""
        values = dict(task.point.values)
        template = create_trial(
            state=TrialState.RUNNING,
            params=values,
            distributions={path: self._distributions[path] for path in values},
            user_attrs={"point": task.point.id, "index": task.index, "owner": self._me},
        )
        return self._storage.create_new_trial(self._study_id, template)

    def _holds(self, identity: str, trial_id: int, trials: Sequence[FrozenTrial]) -> bool:
        """Keep our claim, or give it up where an earlier one is alive or finished."""
        number = self._storage.get_trial_number_from_id(trial_id)
        # All others were finished, or dead, when we last looked.
        for trial in [trials[n] for n in sorted(self._open) if n < number] + list(trials[self._next : number]):
            is_dead = trial.state == TrialState.FAIL and "outcome" not in trial.user_attrs
            if trial.user_attrs.get("point") == identity and not is_dead:
                self._fail(trial_id)
                return False
        self._claims[identity] = trial_id
        return True

    def finish(self, record: Record) -> bool:
        """Keep a finished point for good; return False where it was taken over meanwhile, and is not kept."""
        trial = _trial_of(record, self._space, self._distributions)
        if not self.is_shared:
            self._storage.create_new_trial(self._study_id, trial)
            self._next += 1
            return True
        trial_id = self._claims.pop(record.point.id)
        try:
            for name, value in trial.user_attrs.items():
                if name not in ("point", "index"):
                    self._storage.set_trial_user_attr(trial_id, name, value)
            for name, value in trial.system_attrs.items():
                self._storage.set_trial_system_attr(trial_id, name, value)
            # Until here the trial counts as running; this is the step that keeps it.
            return self._storage.set_trial_state_values(trial_id, trial.state, trial.values if trial.values else None)
        except UpdateFinishedTrialError:
            return False

    def beat(self) -> None:
        """Show that this process lives; fail the claims of processes that have not for too long."""
        now = time.monotonic()
        if not self.is_shared or now - self._beaten < self._patience / 6:
            return
        self._beaten, self._count = now, self._count + 1
        self._storage.set_study_user_attr(self._study_id, f"alive:{self._me}", self._count)
        counts = self._storage.get_study_user_attrs(self._study_id)
        trials = self._storage.get_all_trials(self._study_id, deepcopy=False, states=(TrialState.RUNNING,))
        for trial in trials:
            name = trial.user_attrs.get("owner", "")
            count = int(counts.get(f"alive:{name}", 0))
            owner = self._owners.get(name)
            if owner is None or owner.count != count:
                self._owners[name] = _Owner(count=count, seen=now)
            elif name != self._me and now - owner.seen > self._patience:
                self._fail(trial._trial_id)  # noqa: SLF001  # the storage interface knows trials by it alone

    def _fail(self, trial_id: int) -> None:
        try:
            self._storage.set_trial_state_values(trial_id, TrialState.FAIL)
        except UpdateFinishedTrialError:
            return

    def is_free(self, identity: str) -> bool:
        """Return whether nobody has claimed or finished a point, as far as the last poll saw."""
        return identity not in self._taken and identity not in self._finished

    def release(self) -> None:
        """Give up the claims that are still ours."""
        for trial_id in self._claims.values():
            self._fail(trial_id)
        self._claims.clear()


def _distribution(parameter: Parameter) -> BaseDistribution:
    """Return how the durable study describes a parameter: by its own values, for whoever reads it."""
    values = parameter.values
    if parameter.is_ordered and all(isinstance(value, int) for value in values):
        return IntDistribution(int(values[0] or 0), int(values[-1] or 0))
    if parameter.is_ordered:
        return FloatDistribution(float(values[0] or 0), float(values[-1] or 0))
    return CategoricalDistribution(values)


def _trial_of(record: Record, space: Space, distributions: dict[str, BaseDistribution]) -> FrozenTrial:
    outcome, values = record.outcome, dict(record.point.values)
    is_done = outcome.state == "done"
    return create_trial(
        state=STATES[outcome.state],
        params=values,
        distributions={path: distributions[path] for path in values},
        values=[outcome.metrics[name] for name in space.objectives] if is_done else None,
        user_attrs={"point": record.point.id, "index": record.index, "outcome": asdict(outcome)},
        system_attrs=dict(record.notes),
        constraints=excesses(outcome.metrics, space.limits) if is_done else None,
    )


def record_of(trial: FrozenTrial, space: Space) -> Record:
    """Return the finished point that a trial of the study keeps."""
    kept = {p.path: p.values[p.values.index(trial.params[p.path])] for p in space.parameters if p.path in trial.params}
    return Record(
        index=trial.user_attrs["index"],
        point=Point(values=tuple(kept.items())),
        outcome=Outcome(**trial.user_attrs["outcome"]),
        notes={name: value for name, value in trial.system_attrs.items() if not name.startswith("constraints")},
    )


def find_settings(storage: BaseStorage, space: Space) -> Settings | None:
    """Return what the study of ``space`` was begun with, None where there is none.

    Raises InputError for a study of another space, or one that lw3dsim has not made.
    """
    try:
        study_id = storage.get_study_id_from_name(space.name)
    except KeyError:
        return None
    kept = storage.get_study_user_attrs(study_id).get(OURS)
    if kept is None:
        if storage.get_n_trials(study_id):
            raise InputError(
                f"the study {space.name} there was not made by lw3dsim; rename the space or take another --storage"
            )
        return None
    settings = msgspec.convert(kept, Settings)
    if settings.version != __version__:
        raise InputError(
            f"the study {space.name} there was made by lw3dsim {settings.version}, whose numbers may differ from "
            f"those of {__version__}; take another --storage"
        )
    if settings.digest != space.digest:
        raise InputError(
            f"the study {space.name} there was made of another space: parameters, workloads, accelerator, objectives "
            "or constraints have changed since; rename the space or take another --storage"
        )
    return settings


def create(storage: BaseStorage, space: Space, settings: Settings) -> None:
    """Create the study of ``space``; harmless where another process does the same at this moment."""
    better = {True: StudyDirection.MAXIMIZE, False: StudyDirection.MINIMIZE}
    directions = [better[METRICS[name].is_rate] for name in space.objectives]
    try:
        study = optuna.create_study(storage=storage, study_name=space.name, directions=directions)
    except DuplicatedStudyError:
        study = optuna.load_study(storage=storage, study_name=space.name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Optuna calls it experimental
        study.set_metric_names(list(space.objectives))
    study.set_user_attr("space", space.described())
    study.set_user_attr(OURS, msgspec.to_builtins(settings))
