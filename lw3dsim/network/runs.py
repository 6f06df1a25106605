"""Runs of layers and fused groups, recalled or simulated, and what of a design they depend on.

What tries and simulates (``network/tries.py``) is imported once something is not recalled: a run of which all is takes
two thirds of the time without it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar, cast

import msgspec

from lw3dsim.account.simulated import RUNS
from lw3dsim.base.caches import kept
from lw3dsim.base.remembered import is_remembering, recall, remember
from lw3dsim.base.values import replace
from lw3dsim.network.recalled import recalled_run
from lw3dsim.schedule.work import Work

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lw3dsim.account.simulated import Run
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.dataflow import Loop
    from lw3dsim.machine.problem import Problem
    from lw3dsim.network.tries import Search

Mapped = TypeVar("Mapped", bound=Work)
Candidate = TypeVar("Candidate")
Answer = TypeVar("Answer")
Asked = TypeVar("Asked", bound="Search[Any, Any, Any]")


def best_run(search: Search[Mapped, Candidate, Answer], engine: str) -> Run[Mapped]:
    """Return the run of the best mapping, remembered or found."""
    return remembered_run(search, engine, found_run)


def remembered_run(search: Asked, engine: str, found: Callable[[Asked, str], tuple[Any, Run[Mapped]]]) -> Run[Mapped]:
    """Return the run of the best mapping, remembered or as it is ``found``, with that mapping."""
    if not is_remembering():
        return found(search, engine)[1]
    question = search.question
    known = recall(question, search.kind, search.is_possible)
    if known is not None:
        return run_work(search.work(known), search.design(known), engine)
    mapping, run = found(search, engine)
    remember(question, mapping)
    return run


def found_run(search: Search[Mapped, Candidate, Answer], engine: str) -> tuple[Answer, Run[Mapped]]:
    """Return the best mapping and its run, looked for."""
    from lw3dsim.network.tries import best_of

    return best_of(search, engine)


def run_work(work: Mapped, arch: Accelerator, engine: str = "auto") -> Run[Mapped]:
    """Simulate a layer or group under its mapping."""
    return cast("Run[Mapped]", _simulated(work, arch, engine))


@kept(RUNS)
def _simulated(work: Work, arch: Accelerator, engine: str) -> Run[Work]:
    paced = paced_by(work.stages, arch)
    if paced != arch:
        return replace(run_work(work, paced, engine), arch=arch)
    known = recalled_run(work, arch, engine)
    if known is not None:
        return known
    from lw3dsim.network.tries import simulated_run

    return simulated_run(work, arch, engine)


# What the depth of adder trees follows from, and beside it the number of channels in a tile.
TREE_LOOPS: tuple[Loop, ...] = ("input_channels",)
CHANNEL_LOOPS: tuple[Loop, ...] = ("output_channels", *TREE_LOOPS)


@lru_cache(maxsize=4096)
def bare(arch: Accelerator) -> Accelerator:
    """Return a design without what no mapped layer depends on: designs that differ in that alone share their layers."""
    tiles = msgspec.structs.replace(arch.winograd, m1=1, m2=1)
    return msgspec.structs.replace(arch, name="", description="", winograd=tiles, power_window_us=1.0)


def seen_by(problem: Problem, arch: Accelerator) -> Accelerator:
    """Return a bare design as a layer sees it: the vector unit asks for no lanes of the array and no multipliers."""
    return arch if problem.has_weights else _without_array(arch, CHANNEL_LOOPS)


def paced_by(stages: Sequence[Problem], arch: Accelerator) -> Accelerator:
    """Return a bare design as the time of a layer, or a group of several, depends on it, once that has its mapping.

    A layer on the vector unit runs through the adder trees of the array, on whatever rows those stand.
    """
    return arch if len(stages) > 1 or stages[0].has_weights else _without_array(arch, TREE_LOOPS)


@lru_cache(maxsize=4096)
def _without_array(arch: Accelerator, loops: tuple[Loop, ...]) -> Accelerator:
    """Return a design without what of its array vector layers do not depend on, but for places of these ``loops``."""
    unrolled = {axis for loop in loops for axis in arch.dataflow.axes(loop)}
    pe = msgspec.structs.replace(
        arch.pe,
        rows=arch.pe.rows if "rows" in unrolled else 1,
        cols=arch.pe.cols if "columns" in unrolled else 1,
        mults_per_pe=1,
        acc_depth=1,
    )
    return msgspec.structs.replace(arch, pe=pe)


def settled(run: Run[Mapped], work: Mapped, engine: str) -> Run[Mapped]:
    """Return ``run``, timed anew where its tensors lie differently in ``work``."""
    return run if run.work is work or run.work == work else run_work(work, run.arch, engine)
