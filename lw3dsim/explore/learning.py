"""The samplers of Optuna that learn from results: TPE, NSGA-II and III, Gaussian processes.

They work on a study of their own, in memory, apart from the one that is kept:
a parameter is the place of its value there, an order where values have one. The
durable study holds no unfinished or refused proposals then, and its storage is not in their way.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

from lw3dsim.explore.metrics import excesses
from lw3dsim.explore.proposer import OpenProposer, derived_seed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna.samplers import BaseSampler
    from optuna.trial import Trial

    from lw3dsim.explore.record import Record
    from lw3dsim.explore.space import Choice, Space

# Points at random before TPE and GP begin to model.
STARTUP = 24


class Learning(OpenProposer):
    """A sampler of Optuna under this house's protocol; see :class:`lw3dsim.explore.samplers.Proposer`."""

    def __init__(self, name: str, space: Space, seed: int, batch: int) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._name, self._space, self._seed, self._batch = name, space, seed, batch
        self._study = optuna.create_study(directions=["minimize"] * len(space.objectives))
        self._distributions: dict[str, BaseDistribution] = {
            parameter.path: IntDistribution(0, len(parameter.values) - 1)
            if parameter.is_ordered
            else CategoricalDistribution(range(len(parameter.values)))
            for parameter in space.free
        }
        self._open: list[Trial] = []
        self._worst = [1.0] * len(space.objectives)

    def tell(self, records: Sequence[Record]) -> None:
        """Add what came of points; what can't be mapped breaks a limit, whatever it would have cost."""
        for trial in self._open:
            self._study.tell(trial, state=TrialState.FAIL)
        self._open = []
        for record in records:
            self._add(record)

    def _add(self, record: Record) -> None:
        outcome = record.outcome
        constraints = excesses(outcome.metrics, self._space.limits)
        if outcome.metrics:
            values = list(self._space.costs(outcome.metrics))
            self._worst = [max(a, b) for a, b in zip(self._worst, values, strict=True)]
            constraints["mapping"] = -1.0
        else:
            values = self._worst
            constraints = {limit.name: 1.0 for limit in self._space.limits} | {"mapping": 1.0}
        choice = self._space.choice_of(dict(record.point.values))
        trial = create_trial(
            state=TrialState.COMPLETE,
            params=dict(zip(self._distributions, choice, strict=True)),
            distributions=self._distributions,
            values=values,
            system_attrs=dict(record.notes),
            constraints=constraints,
        )
        self._study.add_trial(trial)

    def start(self, batch: int) -> None:
        """Take a sampler with the seed of the batch."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Optuna calls some of its options experimental
            self._study.sampler = _sampler(self._name, derived_seed(self._seed, batch), self._batch)

    def ask(self) -> tuple[Choice, dict[str, Any]] | None:
        """Return a proposal; it counts as running until results are told."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trial = self._study.ask(self._distributions)
        self._open.append(trial)
        choice = tuple(int(trial.params[path]) for path in self._distributions)
        return choice, dict(self._study.get_trials(deepcopy=False)[trial.number].system_attrs)


def _sampler(name: str, seed: int, batch: int) -> BaseSampler:
    if name == "tpe":
        return optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP, multivariate=True, constant_liar=True)
    if name == "nsga2":
        return optuna.samplers.NSGAIISampler(seed=seed, population_size=batch)
    if name == "nsga3":
        return optuna.samplers.NSGAIIISampler(seed=seed, population_size=batch)
    return optuna.samplers.GPSampler(seed=seed, n_startup_trials=STARTUP, deterministic_objective=True)
