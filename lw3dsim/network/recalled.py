"""Runs of layers and groups that were simulated before, on disk: under the same mapping they need not be again.

What is recalled is checked as far as its figures tell on each other, and simulated anew where they do.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import numpy as np

from lw3dsim.account.simulated import Run, Simulated
from lw3dsim.base.remembered import is_remembering, recall, remember
from lw3dsim.base.values import Value, fields_of, names_of
from lw3dsim.describe.accelerator_file import named_by
from lw3dsim.engine.causes import CAUSES
from lw3dsim.schedule.work import Work

if TYPE_CHECKING:
    from lw3dsim.describe.accelerator import Accelerator

Mapped = TypeVar("Mapped", bound=Work)

# Longer runs are simulated: they take more room on the disk than they are worth.
MOST_STEPS = 20_000


class _Kept(Value, frozen=True, kw_only=True):
    """What simulation gave, as it is kept: of arrays their lengths, and behind each other their ``words``."""

    run: msgspec.Raw
    words: bytes


def recalled_run(work: Mapped, arch: Accelerator, engine: str) -> Run[Mapped] | None:
    """Return the run of a layer or group under its mapping, if it was kept; None otherwise."""
    if not is_remembering():
        return None
    found = recall(_question(work, arch, engine), Simulated, lambda one: _is_possible(one, len(work.stages)), _unpacked)
    return None if found is None else Run(work=work, arch=arch, **fields_of(found))


def keep_run(run: Run[Work], engine: str) -> None:
    """Keep a run, if it is not too long, for whoever asks for it again."""
    if is_remembering() and run.steps <= MOST_STEPS:
        simulated = Simulated(**{name: getattr(run, name) for name in names_of(Simulated)})
        remember(_question(run.work, run.arch, engine), _packed(simulated))


def _question(work: Work, arch: Accelerator, engine: str) -> object:
    return "run", work, arch, named_by(arch), engine


def _is_possible(found: Simulated, stages: int) -> bool:
    """Return whether the figures of a run agree: causes are all of its time, its layers have done all of its work."""
    activity, events = found.activity, found.events
    columns = [activity.start, activity.end, activity.kind]
    counted = [*fields_of(events).values(), *fields_of(found.dram).values(), found.dram_bound_cycles]
    return (
        min(counted) >= 0
        and len(found.stage_events) == stages
        and sum(stage.mults for stage in found.stage_events) == events.mults
        and tuple(name for name, _ in found.cycles_by_cause) == CAUSES
        and sum(cycles for _, cycles in found.cycles_by_cause) == found.latency_cycles
        and all(len(column) == found.steps for column in columns)
        and bool((activity.start <= activity.end).all())
        and all(len(activity.grant[name]) == len(activity.ready[name]) for name in activity.grant)
    )


def _packed(simulated: Simulated) -> _Kept:
    words: list[bytes] = []

    def to_json(value: Any) -> int | str:
        if isinstance(value, np.ndarray):
            words.append(value.astype(np.int64).tobytes())
            return len(value)
        if isinstance(value, Fraction):
            return str(value)
        raise NotImplementedError(type(value).__name__)

    run = msgspec.json.encode(simulated, enc_hook=to_json)
    return _Kept(run=msgspec.Raw(run), words=b"".join(words))


def _unpacked(text: bytes) -> Simulated:
    """Return what was packed; raises ValueError where there are fewer words than arrays have, or more."""
    kept = msgspec.json.decode(text, type=_Kept)
    words, end = np.frombuffer(kept.words, dtype=np.int64), 0

    def from_json(kind: Any, value: Any) -> Any:
        nonlocal end
        if kind is Fraction:
            return Fraction(value)
        begin, end = end, end + value
        if not begin <= end <= len(words):
            raise ValueError(f"an array of {value} words")
        return words[begin:end]

    found = msgspec.json.decode(kept.run, type=Simulated, dec_hook=from_json)
    if end != len(words):
        raise ValueError(f"{len(words) - end} words too many")
    return found
