"""What every engine owes: the integers of the reference."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pytest

from lw3dsim.api import execute, simulate
from lw3dsim.engine.memory import dram_counts
from lw3dsim.engine.run import ENGINES
from lw3dsim.testing.accounts import check_accounts
from lw3dsim.testing.contract import Contract
from lw3dsim.testing.jobs import random_job, random_memory
from lw3dsim.testing.networks import small_networks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.describe.accelerator import DramModel
    from lw3dsim.dram.power import DramCounts
    from lw3dsim.engine.run import Engine

# Jobs of each model of the DRAM.
JOBS = 60

Times = list[list[int]]


class EngineContract(Contract):
    """Give ``engines``, names of engines."""

    subject = "engine"
    attribute = "engines"
    engines: ClassVar[Sequence[str]] = ()

    @pytest.mark.parametrize("jump", [True, False])
    @pytest.mark.parametrize("model", ["plain", "in_order", "fr_fcfs"])
    def test_every_time_and_count_is_that_of_the_reference(self, engine: str, model: DramModel, jump: bool) -> None:
        """On jobs and memories that are drawn at random, whether it may jump over what repeats or not."""
        run = ENGINES.get(engine)
        for seed in range(JOBS if model != "fr_fcfs" else JOBS // 10):
            assert _outcome(run, seed, model, jump=jump) == _expected(seed, model), seed

    def test_the_job_is_not_written_into(self, engine: str) -> None:
        """The same job may run again on another memory."""
        for seed in range(20):
            job = random_job(seed)
            ENGINES.get(engine)(job, random_memory(seed, "in_order"), True)
            assert repr(job) == repr(random_job(seed))

    @pytest.mark.parametrize("model", ["plain", "in_order", "fr_fcfs"])
    def test_a_network_gets_the_figures_of_the_reference(self, engine: str, model: str) -> None:
        """All of a result but the name of the engine, with clips behind each other."""
        for network in small_networks():
            results = [
                simulate(network, overrides={"dram.model": model}, engine=name, clips=2) for name in (engine, "simpy")
            ]
            check_accounts(results[0])
            first, second = ({key: value for key, value in one.data.items() if key != "config"} for one in results)
            assert first == second

    def test_what_it_times_can_be_executed(self, engine: str) -> None:
        """With every figure of the arithmetic as it is."""
        for network in small_networks():
            assert execute(network, engine=engine).exact


@cache
def _expected(seed: int, model: DramModel) -> tuple[Times, DramCounts | None]:
    """Return what the reference says, which is the same for every engine."""
    return _outcome(ENGINES.get("simpy"), seed, model, jump=False)


def _outcome(run: Engine, seed: int, model: DramModel, *, jump: bool) -> tuple[Times, DramCounts | None]:
    """Return all times of a job, and what its DRAM did."""
    trace, memory, placed = run(random_job(seed), random_memory(seed, model), jump)
    assert 0 <= placed <= len(random_job(seed).kind)
    return [np.asarray(times).tolist() for times in trace], dram_counts(memory, trace.finish)
