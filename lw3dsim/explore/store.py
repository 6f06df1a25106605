"""A study as it is kept: an Optuna study in a local journal file, or in a database that many processes share.

A finished point is one trial: COMPLETE with the objectives as values; PRUNED where
the design is infeasible or was discarded by its bounds; FAIL where the program
failed, with the error. The trial's user attributes hold the rest.

A local journal belongs to one process at a time, which holds a lock on the file: a point is written
when it is finished, as one line. In a database a process first claims a point by a
RUNNING trial; of two claims of one point the lower number holds. A claim of a dead process
of this machine is failed at once, and its point taken over. Processes of other machines show by
a count in the study that they live; claims of one that has not counted for ``patience`` seconds are failed.
"""

from __future__ import annotations

import math
import time
import warnings
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import wraps
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Concatenate, ParamSpec, TypeVar
from uuid import uuid4

import msgspec
import optuna
from msgspec import Meta
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.exceptions import DuplicatedStudyError, UpdateFinishedTrialError
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial

from lw3dsim._version import __version__
from lw3dsim.errors import InputError, one_line, short
from lw3dsim.explore.databases import ATTRIBUTE
from lw3dsim.explore.journal import KEEP
from lw3dsim.explore.kept import STATES, Claim, DamagedError, claim_of, record_of, was_given_up
from lw3dsim.explore.metrics import METRICS, excesses
from lw3dsim.explore.processes import is_dead, this_process
from lw3dsim.explore.samplers import SAMPLERS
from lw3dsim.explore.storages import readable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

    from lw3dsim.explore.plan import Proposal
    from lw3dsim.explore.record import Record
    from lw3dsim.explore.space import Parameter, Space
    from lw3dsim.explore.storages import Opened

# The study's attribute that holds the points that the last run was for.
WANTED = "wanted"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a study was begun with and keeps for good; ``reference`` bounds its hypervolume."""

    version: str
    digest: str
    sampler: str
    seed: Annotated[int, Meta(ge=0, lt=1 << 32)]
    batch: Annotated[int, Meta(ge=1, le=10_000)]
    with_bounds: bool
    reference: tuple[Annotated[float, Meta(gt=0, le=1e300)], ...]


class _Version(msgspec.Struct, frozen=True, kw_only=True):
    """What is read of settings first: those of another version may have any shape."""

    version: str


@dataclass
class _Owner:
    """What is known of another process: its count, whatever it is, and when we saw it change."""

    count: object
    seen: float


Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


def _sound(
    method: Callable[Concatenate[Store, Arguments], Answer],
) -> Callable[Concatenate[Store, Arguments], Answer]:
    """Turn what damaged tables make Optuna raise in a ``method`` that writes into a sentence."""

    @wraps(method)
    def checked(self: Store, /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
        with readable(lambda: self._opened.place(self._study_id)):
            return method(self, *args, **kwargs)

    return checked


class Store:
    """A study of ``space`` in ``storage``."""

    def __init__(
        self, opened: Opened, space: Space, settings: Settings, *, is_shared: bool, patience: float = 60.0
    ) -> None:
        self.settings, self.is_shared = settings, is_shared
        self._opened, self._storage, self._space, self._patience = opened, opened.storage, space, patience
        self._study_id = self._storage.get_study_id_from_name(space.name)
        self._distributions = {parameter.path: _distribution(parameter) for parameter in space.parameters}
        self._next = self._last_wanted = 0
        self._open: set[int] = set()
        self._numbers: dict[str, int] = {}
        self._indices: dict[int, int] = {}
        self._me, self._process = uuid4().hex[:12], this_process()
        self._count, self._beaten = 0, -float("inf")
        self._owners: dict[str, _Owner] = {}
        self._claims: dict[str, int] = {}
        self._taken: dict[str, tuple[Claim, int]] = {}

    @property
    def wanted(self) -> int:
        """The points that the last run was for; 0 where that is not known."""
        kept = self._storage.get_study_user_attrs(self._study_id).get(WANTED)
        return kept if isinstance(kept, int) and kept > 0 else 0

    def want(self, points: int) -> None:
        """Keep that the study is to have so many points."""
        if points == self._last_wanted:
            return
        self._last_wanted = points
        if points != self.wanted:
            self._storage.set_study_user_attr(self._study_id, WANTED, points)

    def place(self, identity: str) -> str:
        """Return where the finished point of this id stands."""
        return self._opened.place(self._study_id, self._numbers[identity])

    def poll(self) -> list[Record]:
        """Return the points finished since the last call, whoever did. Raises InputError for a damaged study."""
        trials = self._trials()
        news = [trials[number] for number in sorted(self._open)] + trials[self._next :]
        self._next = len(trials)
        self._open = {trial.number for trial in news if not trial.state.is_finished()}
        self._taken = {}
        records = []
        for trial in news:
            try:
                if trial.number in self._open:
                    claim = claim_of(trial)
                    self._taken[claim.point] = claim, trial._trial_id  # noqa: SLF001  # the storage knows no other
                elif record := record_of(trial, self._space):
                    self._remember(record, trial.number)
                    records.append(record)
            except DamagedError as error:
                raise self._damaged(trial.number, str(error)) from None
        return records

    def _trials(self) -> list[FrozenTrial]:
        with readable(lambda: self._opened.place(self._study_id, self._unreadable())):
            trials = self._storage.get_all_trials(self._study_id, deepcopy=False)
        for number, trial in enumerate(trials):
            if trial.number != number:
                raise InputError(
                    f"{self._opened.place(self._study_id)}: trial {number} is missing, or there twice; {KEEP}"
                )
        return trials

    def _unreadable(self) -> int | None:
        """Return the first trial that can't be read; None where each can by itself."""
        number = 0
        while True:
            try:
                trial_id = self._storage.get_trial_id_from_study_id_trial_number(self._study_id, number)
            except KeyError:
                return None
            try:
                self._storage.get_trial(trial_id)
            except Exception:  # whatever it is, this is the one
                return number
            number += 1

    def _remember(self, record: Record, number: int) -> None:
        """Take in that trial ``number`` keeps ``record``; raise DamagedError where another has its point or index."""
        for kept, key, what in (
            (self._numbers, record.point.id, f"point {record.point.id}"),
            (self._indices, record.index, f"index {record.index}"),
        ):
            if kept.setdefault(key, number) != number:  # type: ignore[arg-type]  # a key of its own dictionary
                raise DamagedError(f"{what} is there already ({self._opened.place(self._study_id, kept[key])})")  # type: ignore[index]

    def _damaged(self, number: int, what: str) -> InputError:
        return InputError(f"{self._opened.place(self._study_id, number)} is no point of lw3dsim: {what}; {KEEP}")

    def own_order(self, proposals: Sequence[Proposal]) -> Sequence[Proposal]:
        """Return ``proposals`` in the order to take them in: of a shared study, by machines, and this process's own.

        Those that are proposed the same points so begin elsewhere, and claim others.
        """
        if not self.is_shared:
            return proposals
        return sorted(proposals, key=lambda given: (self._rank(given.point.machine), self._rank(given.point.id)))

    def _rank(self, what: object) -> bytes:
        return sha256(f"{self._me}{what}".encode()).digest()

    @_sound
    def claim(self, proposals: Sequence[Proposal]) -> list[bool]:
        """Return, per proposal, whether it is ours to evaluate."""
        if not self.is_shared:
            return [True] * len(proposals)
        numbers = {}
        for proposal in proposals:
            if self.is_free(proposal.point.id):
                numbers[proposal.point.id] = self._create(proposal)
        trials = self._trials() if numbers else []
        return [
            proposal.point.id in numbers and self._holds(proposal.point.id, numbers[proposal.point.id], trials)
            for proposal in proposals
        ]

    def _create(self, proposal: Proposal) -> int:
        """Create a claim and return its trial's id."""
        values = dict(proposal.point.values)
        template = create_trial(
            state=TrialState.RUNNING,
            params=values,
            distributions={path: self._distributions[path] for path in values},
            user_attrs=msgspec.to_builtins(
                Claim(point=proposal.point.id, index=proposal.index, owner=self._me, process=self._process)
            ),
        )
        return self._storage.create_new_trial(self._study_id, template)

    def _holds(self, identity: str, trial_id: int, trials: Sequence[FrozenTrial]) -> bool:
        """Keep our claim, or give it up where an earlier one is alive or finished."""
        number = self._storage.get_trial_number_from_id(trial_id)
        # All others were finished, or dead, when we last looked.
        for trial in [trials[n] for n in sorted(self._open) if n < number] + list(trials[self._next : number]):
            if trial.user_attrs.get("point") == identity and not was_given_up(trial):
                self._fail(trial_id)
                return False
        self._claims[identity] = trial_id
        return True

    @_sound
    def finish(self, record: Record) -> bool:
        """Keep a finished point for good; return False where it was taken over meanwhile, and is not kept."""
        trial = _trial_of(record, self._space, self._distributions)
        if not self.is_shared:
            self._storage.create_new_trial(self._study_id, trial)
            self._numbers[record.point.id] = self._indices[record.index] = self._next
            self._next += 1
            return True
        trial_id = self._claims.pop(record.point.id)
        try:
            for name, value in trial.system_attrs.items():
                self._storage.set_trial_system_attr(trial_id, name, value)
            # Behind the notes: a claim that is failed with its outcome has them too.
            for name, value in trial.user_attrs.items():
                if name not in ("point", "index"):
                    self._storage.set_trial_user_attr(trial_id, name, value)
            # Until here the trial counts as running; this is the step that keeps it.
            return self._storage.set_trial_state_values(trial_id, trial.state, trial.values if trial.values else None)
        except UpdateFinishedTrialError:
            return False

    @_sound
    def beat(self) -> None:
        """Show that this process lives, and fail the claims of those that do not.

        A process of this machine is looked up; one elsewhere counts as dead when it has not counted for too long.
        """
        if not self.is_shared:
            return
        for claim, trial_id in self._taken.values():
            if claim.process is not None and is_dead(claim.process):
                self._fail(trial_id)
        now = time.monotonic()
        if now - self._beaten < self._patience / 6:
            return
        self._beaten, self._count = now, self._count + 1
        self._storage.set_study_user_attr(self._study_id, f"alive:{self._me}", self._count)
        counts = self._storage.get_study_user_attrs(self._study_id)
        for claim, trial_id in self._taken.values():
            count, owner = counts.get(f"alive:{claim.owner}"), self._owners.get(claim.owner)
            if owner is None or owner.count != count:
                self._owners[claim.owner] = _Owner(count=count, seen=now)
            elif claim.owner != self._me and now - owner.seen > self._patience:
                self._fail(trial_id)

    def _fail(self, trial_id: int) -> None:
        try:
            self._storage.set_trial_state_values(trial_id, TrialState.FAIL)
        except UpdateFinishedTrialError:
            return

    def is_free(self, identity: str) -> bool:
        """Return whether nobody has claimed or finished a point, as far as the last poll saw."""
        return identity not in self._taken and identity not in self._numbers

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


def find_settings(opened: Opened, space: Space) -> Settings | None:
    """Return what the study of ``space`` was begun with, None where there is none.

    Raises InputError for a study of another space, or one that lw3dsim has not made.
    """
    storage = opened.storage
    try:
        study_id = storage.get_study_id_from_name(space.name)
    except KeyError:
        return None
    place = opened.place(study_id)
    with readable(lambda: place):
        kept = storage.get_study_user_attrs(study_id).get(ATTRIBUTE)
        has_trials = storage.get_n_trials(study_id) > 0
    if kept is None:
        if has_trials:
            raise InputError(
                f"{place}: the study {space.name} was not made by lw3dsim; rename the space or take another --storage"
            )
        return None
    try:
        version = msgspec.convert(kept, _Version).version
        if version != __version__:
            raise InputError(
                f"{place}: the study {space.name} was made by lw3dsim {one_line(version, 40)}, whose numbers may "
                f"differ from those of {__version__}; take another --storage"
            )
        settings = msgspec.convert(kept, Settings)
        if settings.sampler not in SAMPLERS:
            raise DamagedError(f"unknown sampler {short(settings.sampler)}")
        if len(settings.reference) != len(space.objectives) or not all(map(math.isfinite, settings.reference)):
            raise DamagedError(f"the reference {short(settings.reference)} is not one of its objectives")
    except (msgspec.ValidationError, DamagedError, RecursionError) as error:
        raise InputError(
            f"{place}: the settings of the study {space.name} are damaged ({error}); nothing was written: {KEEP}"
        ) from None
    if settings.digest != space.digest:
        raise InputError(
            f"{place}: the study {space.name} was made of another space: parameters, workloads, accelerator, "
            "objectives or constraints have changed since; rename the space or take another --storage"
        )
    return settings


def create(storage: BaseStorage, space: Space, settings: Settings) -> None:
    """Create the study of ``space``, or end what a killed process began of it.

    Harmless where another process does the same at this moment.
    """
    better = {True: StudyDirection.MAXIMIZE, False: StudyDirection.MINIMIZE}
    directions = [better[METRICS[name].is_rate] for name in space.objectives]
    try:
        storage.get_study_id_from_name(space.name)
    except KeyError:
        with suppress(DuplicatedStudyError):
            optuna.create_study(storage=storage, study_name=space.name, directions=directions)
    study = optuna.load_study(storage=storage, study_name=space.name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Optuna calls it experimental
        study.set_metric_names(list(space.objectives))
    study.set_user_attr("space", space.described())
    study.set_user_attr(ATTRIBUTE, msgspec.to_builtins(settings))
