"""Who evaluates the points of a run: processes on this machine, or a cluster."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import TYPE_CHECKING

from lw3dsim.errors import InputError
from lw3dsim.explore.workers import Pool

if TYPE_CHECKING:
    from lw3dsim.explore.crew import Crew
    from lw3dsim.explore.space import Space
    from lw3dsim.explore.wanted import Wanted


def hired(space: Space, wanted: Wanted) -> Crew:
    """Return those who evaluate points of ``space`` for a run. Raises InputError where there are none."""
    if wanted.dask is None:
        return Pool(space, wanted.workers or len(os.sched_getaffinity(0)), limit_s=wanted.point_limit_s)
    if wanted.workers is not None:
        raise InputError(f"--workers {wanted.workers}: a cluster has workers of its own; drop --workers, or --dask")
    if find_spec("distributed") is None:
        raise InputError(
            "--dask needs the package distributed, which is not installed; run `pip install 'lw3dsim[distributed]'`"
        )
    from lw3dsim.explore.cluster import Cluster

    return Cluster(space, wanted.dask, limit_s=wanted.point_limit_s)
