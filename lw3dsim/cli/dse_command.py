"""``lw3dsim dse``: search a design space."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lw3dsim.arguments import as_optional_path
from lw3dsim.cli.command import Group
from lw3dsim.cli.options import format_option, options_of, print_csv, print_json, put
from lw3dsim.explore.wanted import Proving, Wanted

if TYPE_CHECKING:
    from collections.abc import Callable

    from lw3dsim.cli.options import Show
    from lw3dsim.explore.runner import Watcher
    from lw3dsim.explore.study import Study

    Command = Callable[..., None]


@click.group("dse", cls=Group)
def command() -> None:
    """Search a design space: run a study, look at it, export it.

    SPACE is a shipped space (see `lw3dsim list`) or a YAML file; docs/exploration.md describes it.
    """


def storage_option(function: Command) -> Command:
    """Add the ``--storage`` option."""
    return click.option(
        "--storage",
        metavar="FILE|URL",
        callback=_named,
        help="Where the study is kept: a journal file, or a database, such as postgresql://user@host/name, that "
        "any number of processes share. Default: results/dse/NAME.journal.",
    )(function)


def _named(_context: click.Context, _option: click.Parameter, given: str | None) -> str | None:
    """Return where a study is kept, None for its usual place."""
    return as_optional_path("storage", given, "a file name or the URL of a database")


def _study(space: str, storage: str | None) -> Study:
    from lw3dsim.explore.space_file import load_space
    from lw3dsim.explore.storages import default_file
    from lw3dsim.explore.study import read_study

    loaded = load_space(space)
    return read_study(loaded, storage or default_file(loaded.name))


@command.command("run")
@click.argument("space")
@options_of(Wanted)
@storage_option
@click.option("--serve", is_flag=True, help="Serve the page of the study on this machine while it runs.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8080,
    show_default=True,
    help="The port for --serve; 0 for any that is free.",
)
def run_command(space: str, storage: str | None, asked: Wanted, serve: bool, port: int) -> None:
    """Run a study of SPACE until it has --trials finished points; Ctrl-C stops it cleanly."""
    from lw3dsim.base.native import extension
    from lw3dsim.dse import checked, goal_of
    from lw3dsim.explore.databases import shown
    from lw3dsim.explore.hiring import hired
    from lw3dsim.explore.progress import Display
    from lw3dsim.explore.runner import Run
    from lw3dsim.explore.space_file import load_space
    from lw3dsim.explore.storages import default_file
    from lw3dsim.explore.study import Study, begun, remembering
    from lw3dsim.explore.summary import counted

    wanted = checked(asked, Wanted)
    loaded = load_space(space)
    where = storage or default_file(loaded.name)
    loaded = remembering(loaded, where)
    extension()  # what there is to say of it stands above the display
    with hired(loaded, wanted) as crew, begun(loaded, where, wanted) as store:
        finished = store.poll()
        goal = goal_of(loaded, store, wanted, len(finished))
        with ExitStack() as stack:
            display = Display(loaded, goal, store.settings.reference, len(finished))
            watcher: Watcher = display
            if serve:
                from lw3dsim.explore.serving import served

                before = Study(
                    space=loaded, where=where, settings=store.settings, records=tuple(finished), last_wanted=goal
                )
                watcher, address = stack.enter_context(served(display, before, port))
                click.echo(f"the study is at {address} while it runs", err=True)
            stack.enter_context(display)
            ended = Run(loaded, store, goal, watcher, finished).run(crew)
    at = "" if storage is None else f" --storage {shown(storage)}"
    again = f"; `lw3dsim dse run {space}{at} --resume` goes on" if ended.was_interrupted else ""
    study = _study(space, storage)
    counts = f" ({counted(study)})" if study.records else ""
    click.echo(f"{ended.finished} of {ended.wanted} points are finished in {shown(where)}{counts}{again}", err=True)
    _warn(study)


def _warn(study: Study) -> None:
    """Say so on standard error where a study is unfinished, points failed, or no point of it keeps the limits."""
    from lw3dsim.explore.summary import failures, nothing_allowed, unfinished

    for sentence in filter(None, (unfinished(study), failures(study), nothing_allowed(study))):
        click.echo(f"note: {study.space.name}: {sentence}", err=True)


@command.command("status")
@click.argument("space")
@storage_option
@format_option("table", "json", has_columns=False)
def status_command(space: str, storage: str | None, form: str, show: Show) -> None:
    """Say how far the study of SPACE is: points by outcome, best values, hypervolume."""
    from lw3dsim.explore.summary import status_record, status_tables

    study = _study(space, storage)
    if form == "json":
        put(status_record(study).to_json())
    else:
        show(status_tables(study))


@command.command("front")
@click.argument("space")
@storage_option
@click.option("--point", metavar="ID", help="Only this point, on the front or not, with all its metrics.")
@click.option("--commands", is_flag=True, help="Print only the commands that simulate the points again.")
@format_option()
def front_command(space: str, storage: str | None, point: str | None, commands: bool, form: str, show: Show) -> None:
    """Print the Pareto front of the study of SPACE, and how to simulate its points again."""
    from lw3dsim.explore.summary import chosen_point, front_tables, point_rows, point_tables

    study = _study(space, storage)
    records = study.front if point is None else [chosen_point(study, point)]
    rows: list[dict[str, Any]] = point_rows(study, records)
    if form != "table" or commands:
        _warn(study)
    if commands:
        put("\n".join(row["command"] for row in rows))
    elif form == "json":
        print_json(
            {
                "space": study.space.name,
                "finished": len(study.records),
                "wanted": study.wanted,
                "is_finished": study.is_finished,
                "hypervolume": study.hypervolume,
                "points": rows,
            }
        )
    elif form == "csv" and rows:
        print_csv(rows)
    elif form == "table":
        show(front_tables(study) if point is None else point_tables(study, records[0]))
        if rows:
            # Not through a table, which would break the line.
            put(f"simulate {'the first' if point is None else 'it'} again: {rows[0]['command']}")


@command.command("prove")
@click.argument("space")
@storage_option
@options_of(Proving)
@format_option("table", "json", has_columns=False)
def prove_command(space: str, storage: str | None, asked: Proving, form: str, show: Show) -> None:
    """Prove how good a front of SPACE is: that of the study in --storage, or of some designs where there is none.

    Boxes of designs are bounded as a whole and cut, until a front beats them or they break a limit. Ctrl-C stops it
    cleanly.
    """
    from lw3dsim.dse import checked
    from lw3dsim.explore.proof.run import proved
    from lw3dsim.explore.proof.text import line, lines, record
    from lw3dsim.explore.space_file import load_space

    wanted = checked(asked, Proving)
    prover = proved(load_space(space), storage, wanted, lambda one: click.echo(line(one), err=True))
    if form == "json":
        put(record(prover).to_json())
    else:
        show(lines(record(prover)))


@command.command("export")
@click.argument("space")
@click.option(
    "--out", required=True, type=click.Path(dir_okay=False), metavar="FILE", help="A .csv or a .parquet file."
)
@storage_option
def export_command(space: str, storage: str | None, out: str) -> None:
    """Write every finished point of the study of SPACE to a CSV or Parquet file."""
    from lw3dsim.explore.export import form_of, write_points

    form_of(Path(out))
    study = _study(space, storage)
    write_points(study, Path(out))
    _warn(study)
    put(out)


@command.command("report")
@click.argument("space")
@storage_option
@click.option(
    "--out", type=click.Path(dir_okay=False), metavar="FILE", help="Where to write; default: results/dse/NAME.html."
)
def report_command(space: str, storage: str | None, out: str | None) -> None:
    """Write a self-contained HTML page of the study of SPACE."""
    from lw3dsim.dse import report_of

    study = _study(space, storage)
    target = report_of(study, out)
    _warn(study)
    put(str(target))
