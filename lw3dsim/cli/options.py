"""Options that several commands share."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from lw3dsim.base.parameters import declared_by, option_called, said_of
from lw3dsim.errors import InputError, one_line
from lw3dsim.network.request import Options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from dataclasses import Field

    from lw3dsim.base.parameters import Parameters
    from lw3dsim.describe.workload import Workload
    from lw3dsim.network.pipeline import Prepared
    from lw3dsim.network.request import Request
    from lw3dsim.report.terminal import Part

    Command = Callable[..., None]
    Option = Callable[[Command], Command]


FORMATS = ("table", "json", "csv")


class Show(NamedTuple):
    """Prints tables and lines: whole if ``wide``, or ``columns`` of them by heading."""

    wide: bool
    columns: tuple[str, ...]

    def check(self, parts: Sequence[Part]) -> None:
        """Raise InputError where no table has one of the columns; for before anything is written."""
        from lw3dsim.report.terminal import check_columns

        check_columns(parts, self.columns)

    def __call__(self, parts: Sequence[Part]) -> None:
        """Print them. Raises InputError where no table has one of the columns."""
        from lw3dsim.report.terminal import print_tables

        print_tables(parts, wide=self.wide, columns=self.columns)


def format_option(*formats: str, has_columns: bool = True) -> Option:
    """Return the ``--format`` option; the first format is the default.

    Where that is a table, the command is passed ``show``, which prints tables and lines; where its lines have columns,
    the options of a table are added.
    """
    names = formats or FORMATS
    option = click.option("--format", "form", type=click.Choice(names), default=names[0], show_default=True)
    if names[0] != "table":
        return option

    def decorate(function: Command) -> Command:
        @wraps(function)
        def with_show(*, form: str, wide: bool = False, columns: str | None = None, **given: Any) -> None:
            if form != "table" and (wide or columns is not None):
                which = "--wide" if wide else "--columns"
                raise InputError(f"{which} is for the table; leave it out with --format {form}, which gives everything")
            chosen = tuple(filter(None, (part.strip() for part in (columns or "").split(","))))
            function(form=form, show=Show(wide=wide, columns=chosen), **given)

        if not has_columns:
            return option(with_show)
        wide = click.option("--wide", is_flag=True, help="Show the whole table, however narrow the terminal is.")
        only = click.option("--columns", metavar="LIST", help="Show these columns of the table, comma-separated.")
        return option(wide(only(with_show)))

    return decorate


def run_options(*kinds: type[Parameters], only: Sequence[str] = ()) -> Option:
    """Add an option per parameter of ``kinds``, or of these alone, and pass what they say as one value: ``run``."""
    declared = [each for kind in kinds for each in declared_by(kind) if not only or each.name in only]

    def decorate(function: Command) -> Command:
        @wraps(function)
        def with_run(**given: Any) -> None:
            overrides = given.get("overrides", ())
            run = Options(**{each.name: given.pop(each.name) for each in declared})
            check_overrides(overrides)
            function(run=run, **given)

        return _with_options(declared, with_run)

    return decorate


def options_of(kind: type[Parameters]) -> Option:
    """Add an option per parameter of ``kind``, and pass what they say as a value of it: ``asked``."""
    declared = declared_by(kind)

    def decorate(function: Command) -> Command:
        @wraps(function)
        def with_asked(**given: Any) -> None:
            asked = kind(**{each.name: given.pop(each.name) for each in declared})
            function(asked=asked, **given)

        return _with_options(declared, with_asked)

    return decorate


def _with_options(declared: Sequence[Field[Any]], command: Command) -> Command:
    for each in reversed(declared):
        command = _option(each)(command)
    return command


def _option(declared: Field[Any]) -> Option:
    """Return the option of the command line for a parameter."""
    said = said_of(declared)
    return click.option(
        option_called(declared),
        declared.name,
        type=next((kind for kind in (int, float) if str(declared.type).startswith(kind.__name__)), None),
        is_flag=str(declared.type).startswith("bool") or None,
        default=None if said.is_repeated else declared.default,
        show_default=declared.default is not None,
        multiple=said.is_repeated,
        metavar=said.values,
        help=f"{said.about} Repeat it." if said.is_repeated else said.about,
    )


def check_overrides(overrides: Sequence[str]) -> None:
    """Raise InputError where an override undoes an earlier one."""
    keys = [override.partition("=")[0].strip().split(".") for override in overrides]
    for number, key in enumerate(keys):
        for earlier in range(number):
            if keys[earlier][: len(key)] == key:
                undone = one_line(overrides[earlier])
                raise InputError(f"--set {one_line(overrides[number])} undoes --set {undone}; keep one of the two")


def load_network(request: Request) -> Workload:
    """Load the workload of ``request``, sized; say on standard error which passes find nothing to rewrite in it."""
    from lw3dsim.network.pipeline import load_asked
    from lw3dsim.transform.passes import unchanged_passes

    network = load_asked(request).workload
    note_copies(network)
    _note(unchanged_passes(network, request.transform))
    return network


def note_copies(network: Workload) -> None:
    """Say on standard error which layers stand for operators that are not known."""
    from lw3dsim.describe.moves import Copy, copied

    for layer in network.layers:
        if isinstance(layer, Copy):
            click.echo(f"note: {layer.name}: {copied(layer)}", err=True)


def _note(sentences: Sequence[str]) -> None:
    for sentence in sentences:
        click.echo(f"note: {sentence}", err=True)


def prepared_run(request: Request, *, in_widths: bool = True) -> Prepared:
    """Read what ``request`` names, with the notes of :func:`load_network`, and if it runs in them on its widths.

    Raises InputError.
    """
    from lw3dsim.network.pipeline import prepare

    prepared = prepare(request)
    note_copies(prepared.loaded.workload)
    _note((*prepared.idle, *(prepared.notes if in_widths else ())))
    return prepared


@contextmanager
def progress_bar(label: str, parts: int = 1) -> Iterator[Callable[[int, int, int], None]]:
    """Show a bar on standard error where that is a terminal; call it with (part, done, all of the part)."""
    if not sys.stderr.isatty():
        yield lambda *_: None
        return
    from lw3dsim.base.native import extension
    from lw3dsim.report.progress import Bar

    extension()  # what there is to say of it stands above the bar
    bar = Bar(label, 1000 * parts)
    try:
        yield lambda part, done, total: bar.show(1000 * part + 1000 * done // total)
    finally:
        bar.close()


def put(text: str) -> None:
    """Print ``text``, with an end of line where it has none, on standard output."""
    # With the stream named, what its encoding lacks is escaped there; else UTF-8 would be written to some.
    click.echo(text, file=sys.stdout, nl=not text.endswith("\n"))


def print_json(data: Mapping[str, Any]) -> None:
    """Print ``data`` as JSON on standard output."""
    import json

    put(json.dumps(data, indent=2))


def print_csv(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print ``rows`` as CSV on standard output."""
    import csv
    import io

    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    put(text.getvalue())
