"""Options that several commands share."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from lw3dsim.base.values import replace
from lw3dsim.errors import InputError, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from lw3dsim.describe.workload import Workload
    from lw3dsim.network.pipeline import Prepared
    from lw3dsim.network.request import Request
    from lw3dsim.report.terminal import Part

    Command = Callable[..., None]
    Option = Callable[[Command], Command]


FORMATS = ("table", "json", "csv")


@dataclass(frozen=True, kw_only=True)
class Show:
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


def format_option(*formats: str) -> Option:
    """Return the ``--format`` option; the first format is the default.

    Where that is a table, its options are added, and the command is passed ``show``, which prints tables and lines.
    """
    names = formats or FORMATS
    option = click.option("--format", "form", type=click.Choice(names), default=names[0], show_default=True)
    if names[0] != "table":
        return option

    def decorate(function: Command) -> Command:
        @wraps(function)
        def with_show(*, form: str, wide: bool, columns: str | None, **given: Any) -> None:
            if form != "table" and (wide or columns is not None):
                which = "--wide" if wide else "--columns"
                raise InputError(f"{which} is for the table; leave it out with --format {form}, which gives everything")
            chosen = tuple(filter(None, (part.strip() for part in (columns or "").split(","))))
            function(form=form, show=Show(wide=wide, columns=chosen), **given)

        wide = click.option("--wide", is_flag=True, help="Show the whole table, however narrow the terminal is.")
        only = click.option("--columns", metavar="LIST", help="Show these columns of the table, comma-separated.")
        return option(wide(only(with_show)))

    return decorate


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How a workload is run, as it was typed; what a command has no option for is at its default."""

    arch: str = "edge_base"
    overrides: tuple[str, ...] = ()
    engine: str = "auto"
    transform: str | None = None
    input_size: str | None = None
    classes: int | None = None
    algorithm: str = "direct"
    m1: int | None = None
    m2: int | None = None
    fusion: str = "off"
    objective: str = "latency"
    mapping: str | None = None

    def request(self, workload: str, **more: Any) -> Request:
        """Return the request to run ``workload`` so; ``more`` are arguments of make_request. Raises InputError."""
        from lw3dsim.network.request import make_request

        return make_request(workload, **{field.name: getattr(self, field.name) for field in fields(self)}, **more)


# By field of RunOptions, in the order of the help.
RUN_OPTIONS: dict[str, Option] = {
    "arch": click.option(
        "--arch", default=RunOptions.arch, show_default=True, metavar="NAME|FILE", help="The accelerator."
    ),
    "overrides": click.option(
        "--set", "overrides", multiple=True, metavar="KEY.PATH=VALUE", help="Override a field of the accelerator."
    ),
    "engine": click.option(
        "--engine",
        default=RunOptions.engine,
        show_default=True,
        help="auto; fast (compiled); or simpy (the readable reference): equal numbers.",
    ),
    "transform": click.option(
        "--transform", metavar="LIST", help="Passes to apply, comma-separated; see `lw3dsim list`."
    ),
    "input_size": click.option("--input", "input_size", metavar="TxHxW", help="Frames, height and width of the clip."),
    "classes": click.option("--classes", type=int, metavar="N", help="Number of classes."),
    "algorithm": click.option(
        "--algorithm",
        default=RunOptions.algorithm,
        show_default=True,
        help="direct, hfa, winograd3d, nested or auto.",
    ),
    "m1": click.option("--m1", type=int, metavar="1..8", help="Temporal tile of F(m1, K)."),
    "m2": click.option("--m2", type=int, metavar="1..8", help="Spatial tile of F(m2xm2, RxR)."),
    "fusion": click.option(
        "--fusion",
        metavar="[off|auto]",
        default=RunOptions.fusion,
        show_default=True,
        help="auto: run neighbouring layers tile by tile, with the tensors between them on chip, where it pays.",
    ),
    "objective": click.option(
        "--objective",
        metavar="[latency|energy|edp|dram_bytes]",
        default=RunOptions.objective,
        show_default=True,
        help="What mappings and fused groups are chosen for.",
    ),
    "mapping": click.option(
        "--mapping",
        metavar="FILE",
        help="Take the mappings of layers and groups from this file (of `map --save`); map the rest.",
    ),
}


def run_options(*fields: str) -> Option:
    """Add the options of these ``fields``, by default all, and pass what they say as one value: ``run``."""
    names = fields or tuple(RUN_OPTIONS)

    def decorate(function: Command) -> Command:
        @wraps(function)
        def with_run(**given: Any) -> None:
            run = RunOptions(**{name: given.pop(name) for name in names})
            check_overrides(run.overrides)
            function(run=run, **given)

        command: Command = with_run
        for name in reversed(names):
            command = RUN_OPTIONS[name](command)
        return command

    return decorate


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
    from lw3dsim.network.pipeline import resolve_network
    from lw3dsim.transform.passes import unchanged_passes

    network = resolve_network(request.workload, None, request.input_size, request.classes)
    for name in unchanged_passes(network, request.transform):
        click.echo(f"note: transform {name} changes no layer of {network.name}", err=True)
    return network


def prepared_run(request: Request) -> Prepared:
    """Read what ``request`` names, with the notes of :func:`load_network`. Raises InputError."""
    from lw3dsim.network.pipeline import prepare

    return prepare(replace(request, workload=load_network(request), input_size=None, classes=None))


@contextmanager
def progress_bar(label: str, parts: int = 1) -> Iterator[Callable[[int, int, int], None]]:
    """Show a bar on standard error where that is a terminal; call it with (part, done, all of the part)."""
    if not sys.stderr.isatty():
        yield lambda *_: None
        return
    from lw3dsim.report.progress import Bar

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
