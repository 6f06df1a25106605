"""Search a design space from Python: run a study, look at it, export it.

A *space* is the name of a shipped one, a YAML file, or what :func:`load_space` returns. A study of it is kept in its
``storage``, a journal file or the URL of a database; by default ``results/dse/NAME.journal``, under the folder that
the process is in. The functions are those of ``lw3dsim dse`` and read and write the same studies. All raise
InputError in one sentence for what is wrong, and OutputError where a file can't be written.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lw3dsim.arguments import (
    as_number,
    as_optional_integer,
    as_optional_path,
    as_optional_truth,
    as_path,
    as_path_or,
    as_truth,
    as_word,
    check_callback,
)
from lw3dsim.base.forms import PAGE
from lw3dsim.base.output import check_file, write_text
from lw3dsim.explore.export import points_table, write_points
from lw3dsim.explore.hiring import as_address, hired
from lw3dsim.explore.page import study_page
from lw3dsim.explore.runner import Run
from lw3dsim.explore.samplers import SAMPLERS
from lw3dsim.explore.space import Space
from lw3dsim.explore.space_file import load_space as read_space
from lw3dsim.explore.storages import DEFAULT_FOLDER, default_file
from lw3dsim.explore.study import Study, Wanted, begun, default_trials, read_study
from lw3dsim.explore.summary import point_rows, status_record
from lw3dsim.network.request import MAX_SEED

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from lw3dsim.arguments import PathArgument
    from lw3dsim.explore.record import Record
    from lw3dsim.explore.store import Store
    from lw3dsim.explore.summary import Status

__all__ = ["Space", "Study", "export", "front", "load_space", "points", "report", "run", "status", "study"]

MAX_TRIALS = 100_000_000
MAX_WORKERS = 1024
MAX_BATCH = 10_000
PATIENCE_S = 60.0


def __dir__() -> list[str]:
    return sorted(__all__)


def load_space(name: PathArgument) -> Space:
    """Load a shipped space by name, or a space file (docs/exploration.md describes it). Raises InputError."""
    return read_space(as_path("space", name, "a name or a file"))


def run(
    space: PathArgument | Space,
    *,
    trials: int | None = None,
    sampler: str | None = None,
    seed: int | None = None,
    workers: int | None = None,
    storage: PathArgument | None = None,
    resume: bool = False,
    batch: int | None = None,
    bounds: bool | None = None,
    patience_s: float = PATIENCE_S,
    point_limit_s: float | None = None,
    dask: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Study:
    """Run a study of ``space`` until it has ``trials`` finished points, and return it as it then stands.

    ``trials`` are by default every design for the sampler exhaustive, else 1000. ``sampler`` is exhaustive, random,
    qmc, tpe, nsga2, nsga3 or gp: by default exhaustive where the trials cover the space, else nsga2; ``seed`` (0) is
    its seed, ``batch`` how many points it proposes at once. ``workers`` are processes, by default one per core.
    ``resume`` goes on with a study that is there. ``bounds`` (True) discards designs that are proved to be off the
    front without simulating them. ``patience_s`` (0.5 to 86,400) is the seconds after which the points of a silent
    process on a shared storage are taken over. A point that takes longer than ``point_limit_s`` (0.1 to 86,400; by
    default any time) seconds is stopped and counts as failed. ``dask`` is the address of the scheduler of a Dask
    cluster, whose workers then evaluate the points. ``progress(done, all)`` is called after every point.

    An interrupt (Ctrl-C) ends the run cleanly; the study can be resumed. Workers are started as fresh processes, so
    a script calls this under ``if __name__ == "__main__":``. Raises InputError and OutputError.
    """
    wanted = make_wanted(
        trials=trials,
        sampler=sampler,
        seed=seed,
        batch=batch,
        bounds=bounds,
        resume=resume,
        patience_s=patience_s,
        workers=workers,
        point_limit_s=point_limit_s,
        dask=dask,
    )
    check_callback("progress", progress, "progress(done, all)")
    loaded, where = _opened(space, storage)
    with hired(loaded, wanted) as crew, begun(loaded, where, wanted) as store:
        goal = goal_of(loaded, store, wanted)
        Run(loaded, store, goal, _Told(goal, progress), store.poll()).run(crew)
    return read_study(loaded, where)


def make_wanted(
    *,
    trials: int | None,
    sampler: str | None,
    seed: int | None,
    batch: int | None,
    bounds: bool | None,
    resume: bool,
    patience_s: float,
    workers: int | None,
    point_limit_s: float | None,
    dask: str | None,
) -> Wanted:
    """Return what a run asks of a study. Raises InputError for the first argument that is none."""
    return Wanted(
        trials=as_optional_integer("trials", trials, 1, MAX_TRIALS),
        sampler=None if sampler is None else as_word("sampler", sampler, SAMPLERS),
        seed=as_optional_integer("seed", seed, 0, MAX_SEED),
        batch=as_optional_integer("batch", batch, 1, MAX_BATCH),
        with_bounds=as_optional_truth("bounds", bounds),
        resume=as_truth("resume", resume),
        patience_s=as_number("patience_s", patience_s, 0.5, 86_400),
        workers=as_optional_integer("workers", workers, 1, MAX_WORKERS),
        point_limit_s=None if point_limit_s is None else as_number("point_limit_s", point_limit_s, 0.1, 86_400),
        dask=None if dask is None else as_address("dask", dask),
    )


def goal_of(space: Space, store: Store, wanted: Wanted) -> int:
    """Return how many finished points the study in ``store`` shall have."""
    return min(wanted.trials or default_trials(space, store.settings.sampler), space.size)


class _Told:
    """Calls a function after every point."""

    def __init__(self, goal: int, progress: Callable[[int, int], None] | None) -> None:
        self._goal, self._progress, self._shown = goal, progress, 0

    def show(self, record: Record) -> None:  # noqa: ARG002  # the signature of a Watcher
        """Tell of a finished point."""
        self._shown += 1
        if self._progress is not None:
            self._progress(self._shown, self._goal)

    def tick(self) -> None:
        """See Watcher; there is no clock to look at."""

    def note(self, sentence: str) -> None:
        """See Watcher; there is nobody to tell."""


def study(space: PathArgument | Space, *, storage: PathArgument | None = None) -> Study:
    """Return the study of ``space`` as it stands: its settings, records, front, hypervolume. Raises InputError."""
    return read_study(*_opened(space, storage))


def status(space: PathArgument | Space, *, storage: PathArgument | None = None) -> Status:
    """Return how far the study of ``space`` is: points by outcome, best values, hypervolume. Raises InputError."""
    return status_record(study(space, storage=storage))


def front(space: PathArgument | Space, *, storage: PathArgument | None = None) -> pd.DataFrame:
    """Return the Pareto front of the study of ``space``: a row per point.

    Columns are its id, its parameters by path, its metrics with units in their names, and the command that simulates
    it again. Raises InputError.
    """
    import pandas as pd

    found = study(space, storage=storage)
    return pd.DataFrame(point_rows(found, found.front))


def points(space: PathArgument | Space, *, storage: PathArgument | None = None) -> pd.DataFrame:
    """Return every finished point of the study of ``space``, in the sampler's order: a row each, as for ``front``.

    Raises InputError.
    """
    return points_table(study(space, storage=storage))


def export(space: PathArgument | Space, path: PathArgument, *, storage: PathArgument | None = None) -> Path:
    """Write every finished point of the study of ``space`` to a ``.csv`` or ``.parquet`` file; return its path.

    Raises InputError and OutputError.
    """
    target = Path(as_path("path", path))
    write_points(study(space, storage=storage), target)
    return target


def report(
    space: PathArgument | Space, path: PathArgument | None = None, *, storage: PathArgument | None = None
) -> Path:
    """Write a self-contained HTML page of the study of ``space``; return its path, by default results/dse/NAME.html.

    Raises InputError and OutputError.
    """
    given = as_optional_path("path", path)
    return report_of(study(space, storage=storage), given)


def report_of(found: Study, given: str | None) -> Path:
    """Write the page of a study that is read to the file ``given``; see :func:`report`."""
    target = Path(given) if given is not None else Path(DEFAULT_FOLDER) / f"{found.space.name}.html"
    if given is None:
        target.parent.mkdir(parents=True, exist_ok=True)
    check_file(target, PAGE)
    write_text(target, study_page(found), PAGE)
    return target


def _opened(space: PathArgument | Space, storage: PathArgument | None) -> tuple[Space, str]:
    """Return the space, and where its study is kept."""
    given = as_path_or("space", space, Space, "a name, a file")
    where = as_optional_path("storage", storage, "a file name or the URL of a database")
    loaded = read_space(given) if isinstance(given, str) else given
    return loaded, where or default_file(loaded.name)
