"""What every bank of the DRAM does when, as tracks of a timeline: visits of rows, precharges, refreshes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.account.timeline import TRANSFERS, Track
from lw3dsim.base.arrays import spread
from lw3dsim.dram.bank_log import PRECHARGE, VISIT, Slices
from lw3dsim.engine.trace import streams

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Ints
    from lw3dsim.describe.clocks import Clocks, DramSystem
    from lw3dsim.engine.trace import Job


def bank_names(dram: DramSystem) -> tuple[str, ...]:
    """Return the names of the tracks of all banks."""
    banks = range(dram.standard.banks)
    return tuple(f"DRAM {channel}, bank {bank}" for channel in range(dram.channels) for bank in banks)


def bank_tracks(name: str, job: Job, slices: Slices, clocks: Clocks, finish: int) -> tuple[Track, ...]:
    """Return the tracks of all banks in the run of a layer or group called ``name``, which ends at tick ``finish``."""
    stream, tile = spread(np.array([len(one.box) for one in streams(job)]))
    names = bank_names(clocks.dram)
    edges = np.searchsorted(slices.bank, np.arange(len(names) + 1)).tolist()
    tracks = []
    for title, first, end in zip(names, edges[:-1], edges[1:], strict=True):
        part = Slices(*(column[first:end] for column in slices))
        label, labels = _labels(name, part, stream, tile)
        tracks.append(
            Track(
                name=title,
                # What refreshes take beyond the end is no part of the run.
                begin=np.minimum(part.begin * clocks.clock_ticks, finish),
                end=np.minimum(part.end * clocks.clock_ticks, finish),
                label=label,
                labels=labels,
                figures=(
                    ("row", part.row),
                    ("bursts", part.bursts),
                    ("activates", part.activates),
                    ("row_hits", part.bursts - part.misses - part.conflicts),
                    ("row_misses", part.misses),
                    ("row_conflicts", part.conflicts),
                ),
            )
        )
    return tuple(tracks)


def _labels(name: str, part: Slices, stream: Ints, tile: Ints) -> tuple[Ints, tuple[str, ...]]:
    """Return what slices are called: visits after the layer, the stream and the tile."""
    is_visit = part.what == VISIT
    moved, place = np.unique(part.transfer[is_visit], return_inverse=True)
    label = np.where(part.what == PRECHARGE, 0, 1)
    label[is_visit] = place + 2
    visits = zip(stream[moved].tolist(), tile[moved].tolist(), strict=True)
    return label, ("precharge", "refresh", *(f"{name}: {TRANSFERS[one]} {at}" for one, at in visits))
