"""Keep processes at it: each runs a batch of inputs, bounded in memory and time, and tells what it found."""

from __future__ import annotations

import multiprocessing
import os
import resource
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .kinds import KINDS
from .pool import good_files
from .running import Found, keep, run_number

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator, Sequence
    from multiprocessing.connection import Connection
    from pathlib import Path

MEMORY_BYTES = 6 << 30
BATCH = 300
# Of inputs that are also run in a process of their own.
ALONE = 250
# Findings of one signature that are kept.
MOST_KEPT = 3


@dataclass
class Tally:
    """How many inputs were run, by kind, and what was found, by signature."""

    inputs: Counter[str] = field(default_factory=Counter)
    seconds: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to run: inputs from ``first`` on of each of ``kinds``, until ``seconds`` or ``count`` per kind are over."""

    kinds: Sequence[str]
    seed: int
    first: int = 0
    seconds: float | None = None
    count: int | None = None
    limit: float = 10.0
    keep: Path
    skip: Sequence[re.Pattern[str]] = ()


def fuzz(plan: Plan) -> Iterator[tuple[Tally, Found | None]]:
    """Run inputs in turn over the kinds; yield after every input, with what was found that is not skipped."""
    tally = Tally()
    prepare()
    begin = time.monotonic()
    last = plan.first + (plan.count if plan.count is not None else 10**9)
    at = plan.first
    while at < last:
        numbers = [(number, kind) for number in range(at, min(at + BATCH, last)) for kind in plan.kinds]
        at += BATCH
        while numbers:
            for number, kind, seconds, found in _batch(plan, numbers[: BATCH * 2]):
                numbers.pop(0)
                tally.inputs[kind] += 1
                tally.seconds[kind] += seconds
                news = found if found is not None and _is_new(tally, plan, found, number) else None
                yield tally, news
                if plan.seconds is not None and time.monotonic() - begin > plan.seconds:
                    return


def _is_new(tally: Tally, plan: Plan, found: Found, number: int) -> bool:
    """Count and keep a finding; return whether it is one to show."""
    if any(pattern.search(f"{found.kind}: {found.signature}") for pattern in plan.skip):
        tally.skipped[found.signature] += 1
        return False
    tally.found[found.signature] += 1
    if tally.found[found.signature] <= MOST_KEPT:
        keep(found, plan.keep / f"{found.kind}-{plan.seed}-{number}")
    return tally.found[found.signature] <= MOST_KEPT


def _batch(plan: Plan, numbers: Sequence[tuple[int, str]]) -> Iterator[tuple[int, str, float, Found | None]]:
    """Run inputs in a process of its own; one that ends it, or does not end, is a finding."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    worker = context.Process(target=_work, args=(theirs, plan, numbers))
    worker.start()
    theirs.close()
    try:
        for number, kind in numbers:
            begin = time.monotonic()
            try:
                # The worker's own alarm comes first, unless compiled code holds it up.
                found = ours.recv() if ours.poll(plan.limit * 500 + 120) else _lost(plan, kind, number, "does not end")
            except EOFError:
                worker.join()
                found = _lost(plan, kind, number, f"ends the process ({worker.exitcode})")
            yield number, kind, time.monotonic() - begin, found
            if found is not None and found.signature.startswith("lost"):
                return
    finally:
        worker.kill()
        worker.join()
        ours.close()


def _lost(plan: Plan, kind: str, number: int, what: str) -> Found:
    from .case import random_of

    case = KINDS[kind].make(random_of(kind, plan.seed, number))
    return Found(
        kind=kind,
        seed=plan.seed,
        number=number,
        what=what,
        signature=f"lost: {what}",
        detail="",
        commands=(),
        case=case,
    )


def _work(pipe: Connection, plan: Plan, numbers: Sequence[tuple[int, str]]) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    for number, kind in numbers:
        alone = number % ALONE == ALONE - 1
        pipe.send(
            run_number(kind, KINDS[kind], plan.seed, number, seconds=plan.limit * (5 if alone else 1), alone=alone)
        )
    pipe.close()
    os._exit(0)


def prepare() -> None:
    """Load what every run needs, so that no input is blamed for it; let nothing be remembered between inputs.

    Processes that are forked afterwards have it too.
    """
    os.environ["LW3DSIM_MAPPING_CACHE"] = "0"
    os.environ["COLUMNS"] = "120"
    import lw3dsim.explore.warm  # noqa: F401

    good_files()
