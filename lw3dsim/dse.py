"""Search a design space from Python: run a study, look at it, export it.

A *space* is the name of a shipped one, a YAML file, or what :func:`load_space` returns. A study of it is kept in its
``storage``, a journal file or the URL of a database; by default ``results/dse/NAME.journal``, under the folder that
the process is in. The functions are those of ``lw3dsim dse``, and read and write the same studies.
All raise InputError in one sentence for what is wrong, and OutputError where a file can't be written.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from lw3dsim.arguments import as_optional_path, as_path, as_path_or, check_callback
from lw3dsim.base.calls import strict
from lw3dsim.base.forms import PAGE
from lw3dsim.base.output import check_file, check_folder, save_files
from lw3dsim.base.parameters import Parameters, checked_values, declared_by, parameter, taking
from lw3dsim.explore.export import points_table, write_points
from lw3dsim.explore.hiring import hired
from lw3dsim.explore.page import study_page
from lw3dsim.explore.proof.run import proved
from lw3dsim.explore.proof.text import Proof, record
from lw3dsim.explore.runner import Run
from lw3dsim.explore.space import Space
from lw3dsim.explore.space_file import load_space as read_space
from lw3dsim.explore.storages import DEFAULT_FOLDER, default_file
from lw3dsim.explore.study import Study as Kept
from lw3dsim.explore.study import begun, default_trials, read_study, remembering
from lw3dsim.explore.summary import best_record, front_counted, point_rows, status_record
from lw3dsim.explore.wanted import Proving, Wanted

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from lw3dsim.arguments import PathArgument
    from lw3dsim.explore.plots import StudyPlots
    from lw3dsim.explore.proof.search import Prover
    from lw3dsim.explore.record import Record
    from lw3dsim.explore.store import Store
    from lw3dsim.explore.summary import Status

__all__ = [
    "Proof",
    "Space",
    "Study",
    "export",
    "front",
    "load_space",
    "points",
    "prove",
    "report",
    "run",
    "status",
    "study",
]

Asked = TypeVar("Asked", bound=Parameters)


def __dir__() -> list[str]:
    return sorted(__all__)


@dataclass(frozen=True, kw_only=True)
class Study(Kept):
    """A study as it stands, and figures of it."""

    def __repr__(self) -> str:
        """Return what was searched, how far it is, and the best of each objective: a line each."""
        name = self.space.name
        lines = [f"{name}: {len(self.records):,} of {self.wanted:,} points, {front_counted(self)} on the front"]
        for objective in self.space.objectives if self.candidates else ():
            best = best_record(self, objective)
            lines.append(f"best {objective}: {best.outcome.metrics[objective]:,.4g}, {best.point.id}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        import html

        import pandas as pd

        said = html.escape(repr(self).partition("\n")[0])
        rows = pd.DataFrame(point_rows(self, self.front)).drop(columns="command", errors="ignore")
        return f"<div><p><b>{said}</b></p>{rows.to_html(index=False, max_rows=10)}</div>"

    @property
    def plot(self) -> StudyPlots:
        """Figures of the page as Plotly's: ``study.plot.front()``, ``parallel()``, ``importance()``, ``history()``."""
        from lw3dsim.explore.plots import StudyPlots

        return StudyPlots(self)


def _held(found: Kept) -> Study:
    """Return a study as its user holds it."""
    return Study(**{each.name: getattr(found, each.name) for each in fields(found)})


@strict
def load_space(name: PathArgument) -> Space:
    """Load a shipped space by name, or a space file (docs/exploration.md describes it). Raises InputError."""
    return read_space(as_path("space", name, "a name or a file"))


class OfStudy(Parameters):
    """What says which study is meant."""

    space: PathArgument | Space = parameter(
        lambda name, value: as_path_or(name, value, Space, "a name, a file"),
        "The design space: a name, a file, or what load_space returns.",
        kw_only=False,
    )
    storage: PathArgument | None = parameter(
        lambda name, value: as_optional_path(name, value, "a file name or the URL of a database"),
        "The journal file, or the URL of the database, that keeps the study.",
        default=None,
    )


class Search(OfStudy, Wanted):
    """Arguments of :func:`run`."""

    progress: Callable[[int, int], None] | None = parameter(
        lambda name, value: check_callback(name, value, "progress(done, all)"),
        "Called as progress(done, all) after every point.",
        default=None,
    )


@taking(Search)
def run(asked: Search) -> Study:
    """Run a study of ``space`` until it has ``trials`` finished points, and return it as it then stands.

    An interrupt (Ctrl-C) ends the run cleanly; the study can be resumed. Workers are started as fresh processes, so
    a script calls this under ``if __name__ == "__main__":``. Raises InputError and OutputError.
    """
    wanted = checked(asked, Wanted)
    loaded, where = _opened(asked.space, asked.storage)
    loaded = remembering(loaded, where)
    with hired(loaded, wanted) as crew, begun(loaded, where, wanted) as store:
        finished = store.poll()
        goal = goal_of(loaded, store, wanted, len(finished))
        Run(loaded, store, goal, _Told(goal, asked.progress), finished).run(crew)
    return _held(read_study(loaded, where))


def checked(asked: Parameters, kind: type[Asked]) -> Asked:
    """Return the parameters of ``kind`` as their checks keep them. Raises InputError for the first that is wrong."""
    values = checked_values(asked)
    return kind(**{each.name: values[each.name] for each in declared_by(kind)})


def goal_of(space: Space, store: Store, wanted: Wanted, finished: int) -> int:
    """Return how many finished points the study in ``store`` shall have: no fewer than the ``finished`` that it has."""
    return min(max(wanted.trials or default_trials(space, store.settings.sampler), finished), space.designs)


class _Told:
    """Calls a function after every point."""

    def __init__(self, goal: int, progress: Callable[[int, int], None] | None) -> None:
        self._goal, self._progress, self._shown = goal, progress, 0

    def show(self, record: Record) -> None:  # noqa: ARG002  # the signature of a Watcher
        """Tell of a finished point."""
        self._shown += 1
        if self._progress is not None:
            self._progress(self._shown, self._goal)

    def survey(self, bounded: int, of: int) -> None:
        """See Watcher; points alone are told of."""

    def tick(self) -> None:
        """See Watcher; there is no clock to look at."""

    def note(self, sentence: str) -> None:
        """See Watcher; there is nobody to tell."""


class Proved(OfStudy, Proving):
    """Arguments of :func:`prove`."""

    progress: Callable[[Proof], None] | None = parameter(
        lambda name, value: check_callback(name, value, "progress(proof)"),
        "Called with what is proved by then, every 15 seconds.",
        default=None,
    )


@taking(Proved)
def prove(asked: Proved) -> Proof:
    """Prove how good the front of the study of ``space`` is, or one of some designs where there is no study.

    Returns what is proved by the end: of all, of the minutes that were asked for, or of what an interrupt (Ctrl-C) has
    left. The proof is kept, and can be resumed. Raises InputError and OutputError.
    """
    wanted = checked(asked, Proving)
    loaded, _ = _opened(asked.space, asked.storage)

    def show(prover: Prover) -> None:
        if asked.progress is not None:
            asked.progress(record(prover))

    return record(proved(loaded, as_optional_path("storage", asked.storage), wanted, show))


@strict
def study(space: PathArgument | Space, *, storage: PathArgument | None = None) -> Study:
    """Return the study of ``space`` as it stands: its settings, records, front, hypervolume. Raises InputError."""
    return _held(read_study(*_opened(space, storage)))


@strict
def status(space: PathArgument | Space, *, storage: PathArgument | None = None) -> Status:
    """Return how far the study of ``space`` is: points by outcome, best values, hypervolume. Raises InputError."""
    return status_record(study(space, storage=storage))


@strict
def front(space: PathArgument | Space, *, storage: PathArgument | None = None) -> pd.DataFrame:
    """Return the Pareto front of the study of ``space``: a row per point.

    Columns are its id, its parameters by path, its metrics with units in their names, and the command that simulates
    it again. Raises InputError.
    """
    import pandas as pd

    found = study(space, storage=storage)
    return pd.DataFrame(point_rows(found, found.front))


@strict
def points(space: PathArgument | Space, *, storage: PathArgument | None = None) -> pd.DataFrame:
    """Return every finished point of the study of ``space``, in the sampler's order: a row each, as for ``front``.

    Raises InputError.
    """
    return points_table(study(space, storage=storage))


@strict
def export(space: PathArgument | Space, path: PathArgument, *, storage: PathArgument | None = None) -> Path:
    """Write every finished point of the study of ``space`` to a ``.csv`` or ``.parquet`` file; return its path.

    Raises InputError and OutputError.
    """
    target = Path(as_path("path", path))
    write_points(study(space, storage=storage), target)
    return target


@strict
def report(
    space: PathArgument | Space, path: PathArgument | None = None, *, storage: PathArgument | None = None
) -> Path:
    """Write a self-contained HTML page of the study of ``space``; return its path, by default results/dse/NAME.html.

    Raises InputError and OutputError.
    """
    given = as_optional_path("path", path)
    return report_of(study(space, storage=storage), given)


def report_of(found: Kept, given: str | None) -> Path:
    """Write the page of a study that is read to the file ``given``; see :func:`report`."""
    target = Path(given) if given is not None else Path(DEFAULT_FOLDER) / f"{found.space.name}.html"
    if given is None:
        check_folder(target.parent, {target.name: PAGE})
    else:
        check_file(target, PAGE)
    save_files({target: (PAGE, study_page(found).encode("utf-8"))})
    return target


def _opened(space: PathArgument | Space, storage: PathArgument | None) -> tuple[Space, str]:
    """Return the space, and where its study is kept."""
    given = as_path_or("space", space, Space, "a name, a file")
    where = as_optional_path("storage", storage, "a file name or the URL of a database")
    loaded = read_space(given) if isinstance(given, str) else given
    return loaded, where or default_file(loaded.name)
