"""Run a proof: begin it or go on with it, until all is proved, time is up, or an interrupt comes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from lw3dsim.base.forms import PROOF
from lw3dsim.base.output import check_file, make_folder
from lw3dsim.errors import InputError, one_line
from lw3dsim.explore.evaluate import Evaluator
from lw3dsim.explore.plan import Plan
from lw3dsim.explore.proof.search import Prover
from lw3dsim.explore.proof.state import load, save
from lw3dsim.explore.record import Record
from lw3dsim.explore.runner import interrupts
from lw3dsim.explore.storages import DEFAULT_FOLDER, default_file
from lw3dsim.explore.study import read_study, remembering

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lw3dsim.explore.space import Space
    from lw3dsim.explore.wanted import Proving

# Seconds between two states that are kept, and between two that are shown.
KEEP_EVERY_S = 60.0
SHOW_EVERY_S = 15.0

# Designs that are simulated at first where no study is given.
FIRST = 100


def proved(space: Space, storage: str | None, asked: Proving, show: Callable[[Prover], None]) -> Prover:
    """Prove what can be of the front of the study in ``storage``, by default the space's own where there is one.

    ``show`` is given the proof every ``SHOW_EVERY_S``. Raises InputError and OutputError.
    """
    has_study = storage is not None or Path(default_file(space.name)).exists()
    where = storage or default_file(space.name)
    known = read_study(space, where).front if has_study else ()
    space = remembering(space, where)
    out = Path(asked.out) if asked.out is not None else Path(DEFAULT_FOLDER) / f"{space.name}.proof"
    prover = opened(space, out, resume=asked.resume)
    prove(prover, out, known=known, minutes=asked.minutes, show=show)
    return prover


def opened(space: Space, out: Path, *, resume: bool) -> Prover:
    """Return the proof of ``space`` that is in ``out``, or a new one. Raises InputError and OutputError."""
    if resume:
        return Prover(space, load(out, space))
    make_folder(out.parent)
    check_file(out, PROOF)
    if out.exists() and out.stat().st_size:
        raise InputError(
            f"{one_line(str(out), 200)}: a proof is there already; add --resume to go on with it, or give another --out"
        )
    return Prover(space)


def prove(
    prover: Prover,
    out: Path,
    *,
    known: Sequence[Record],
    minutes: float | None,
    show: Callable[[Prover], None],
) -> None:
    """Prove what can be in so many ``minutes``, from the designs that are ``known``; what is proved stands in ``out``.

    Raises OutputError where it can't be written.
    """
    begin = kept = shown = time.monotonic()
    with interrupts() as interrupt:
        for record in known:
            if record.outcome.state == "done":
                prover.learn(prover.space.choice_of(dict(record.point.values)), record.outcome.metrics)
        if not prover.front:
            _start(prover, lambda: interrupt.is_wished)
        while not (prover.is_done or interrupt.is_wished):
            now = time.monotonic()
            if minutes is not None and now - begin > 60 * minutes:
                break
            if now - shown > SHOW_EVERY_S:
                show(prover)
                shown = now
            if now - kept > KEEP_EVERY_S:
                save(out, prover.kept())
                kept = now
            prover.step()
        save(out, prover.kept())


def _start(prover: Prover, is_over: Callable[[], bool]) -> None:
    """Simulate some designs, as a sampler that learns proposes them: a proof needs a front to hold boxes against."""
    space, evaluator = prover.space, Evaluator(prover.space)
    plan, left = Plan(space, "nsga2", 0), min(FIRST, space.designs)
    while left > 0 and plan.can_ask() and (batch := plan.ask()):
        for proposal in batch[:left]:
            if is_over():
                return
            outcome = evaluator.evaluate(proposal.point)
            plan.finish(Record(index=proposal.index, point=proposal.point, outcome=outcome, notes=proposal.notes))
            if outcome.state == "done":
                prover.learn(space.choice_of(dict(proposal.point.values)), outcome.metrics)
        left -= len(batch)
