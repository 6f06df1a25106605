"""Jobs and memories of every kind that a schedule may make, and more, drawn by a seed."""

from __future__ import annotations

from bisect import bisect_left
from random import Random
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.describe.clocks import Clocks, DramSystem
from lw3dsim.describe.dram_standards import DRAM_STANDARDS
from lw3dsim.engine.memory import idle_memory
from lw3dsim.engine.trace import Job, Stream
from lw3dsim.schedule.room import release_steps, release_stores
from lw3dsim.tensor.runs import Runs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.base.arrays import Ints
    from lw3dsim.describe.accelerator import DramModel
    from lw3dsim.engine.memory import Memory

BOXES = 4


def random_job(seed: int) -> Job:
    """Return a job of at most 25 steps that moves :data:`BOXES` boxes; the same for the same ``seed``."""
    draw = Random(seed)
    steps, kinds, cycle = draw.randint(1, 25), draw.randint(1, 4), draw.choice([1, 3, 7, 1250])
    closes = sorted({steps - 1, *draw.sample(range(steps), draw.randrange(steps))})
    has_slots = draw.random() < 0.5

    def cycles() -> Ints:
        return _ints([draw.randint(0, 12) * cycle for _ in range(kinds)])

    def boxes(tiles: Sequence[int]) -> Ints:
        return _ints([draw.randrange(BOXES) for _ in tiles])

    def load_stream() -> list[int]:
        return [] if draw.random() < 0.1 else sorted({0, *draw.sample(range(steps), draw.randrange(steps))})

    def after(first: list[int]) -> Ints:
        if has_slots:
            return release_steps(_ints(first), draw.randint(1, 7))
        return _ints([draw.randint(-1, step - 1) for step in first])

    def gates(first: list[int]) -> Ints:
        """Return for every tile any of the stores closed before its first use; most often none."""
        closed = [0 if has_slots or draw.random() < 0.7 else bisect_left(closes, step) for step in first]
        return _ints([draw.randint(-1, stores - 1) for stores in closed])

    ifmap, weight = load_stream(), load_stream()
    freed = _ints([draw.randint(-1, tile - 1) for tile in range(len(closes))])
    return Job(
        kind=_ints([draw.randrange(kinds) for _ in range(steps)]),
        entry=cycles(),
        load=cycles(),
        tail=cycles(),
        head=cycles(),
        body=cycles(),
        drain=cycles(),
        lead=_leads(draw, kinds, cycle),
        ifmap=Stream(_ints(ifmap), boxes(ifmap), after(ifmap), gates(ifmap), _words(draw, ifmap)),
        weight=Stream(_ints(weight), boxes(weight), after(weight), gates(weight), _words(draw, weight)),
        ofmap=Stream(
            first=_ints([0, *(step + 1 for step in closes[:-1])]),
            box=boxes(closes),
            after=_ints(closes),
            gate=release_stores(len(closes), draw.randint(1, 7)) if has_slots else freed,
            words=_words(draw, closes),
        ),
        setup=cycle * draw.randint(0, 3),
        cycle=cycle,
    )


def random_memory(seed: int, model: DramModel) -> Memory:
    """Return an idle memory of a ``model`` with :data:`BOXES` boxes; the same for the same arguments."""
    draw = Random(seed)
    standard = DRAM_STANDARDS[draw.choice(sorted(DRAM_STANDARDS))]
    dram = DramSystem(
        standard=standard,
        channels=draw.choice([1, 2, 3]),
        model=model,
        mapping=draw.choice(["row-bank-col", "row-col-bank", "bank-row-col", "row-bank-col-bankgroup"]),
        refresh=draw.choice(["all-bank", "none"]),
        queue=draw.choice([1, 4, 32]),
    )
    burst_ticks = draw.choice([1, 2, 5, 700])
    clocks = Clocks(
        dram=dram,
        cycle_ticks=1,
        clock_ticks=standard.clock_ps.numerator,
        burst_ticks=burst_ticks,
        least_burst_ticks=burst_ticks,
        latency_ticks=draw.choice([0, 1, 9, 2000]),
    )
    most = 70 if model == "fr_fcfs" else 2000
    sizes = [size for size in (1, 2, 14, 63, 64, 65, 300, 2000) if size <= most]
    boxes = [[(draw.randint(0, 100_000), draw.choice(sizes)) for _ in range(draw.randint(0, 4))] for _ in range(BOXES)]
    runs = [run for box in boxes for run in box]
    return idle_memory(
        clocks,
        _ints([sum(count for _, count in box) for box in boxes]),
        Runs(
            offsets=np.cumsum(_ints([0, *map(len, boxes)])),
            first=_ints([first for first, _ in runs]),
            bursts=_ints([count for _, count in runs]),
        ),
    )


def _words(draw: Random, tiles: Sequence[int]) -> Ints:
    """Return the words that pass a port which DMA and the array share; most often they share none."""
    meets = draw.random() < 0.3
    return _ints([draw.choice([0, 1, draw.randint(1, 20)]) if meets else 0 for _ in tiles])


def _leads(draw: Random, kinds: int, cycle: int) -> Ints:
    """Return leads by kind; half of the kinds may be loaded ahead."""
    return _ints([draw.choice([-1, -1, 0, draw.randint(0, 12)]) * cycle for _ in range(kinds)])


def _ints(values: list[int]) -> Ints:
    return np.array(values, dtype=np.int64)
