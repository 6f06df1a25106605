"""``lw3dsim simulate``."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from lw3dsim.cli.command import Command
from lw3dsim.cli.options import format_option, prepared_run, progress_bar, put, run_options
from lw3dsim.errors import InputError
from lw3dsim.network.request import Clips, Judged, Run, make_request

if TYPE_CHECKING:
    from collections.abc import Callable

    from lw3dsim.cli.options import Show
    from lw3dsim.network.pipeline import Prepared
    from lw3dsim.network.request import Options
    from lw3dsim.result.result import Result


@click.command("simulate", cls=Command)
@click.argument("workload")
@run_options(Run, Clips, Judged)
@click.option(
    "--out",
    type=click.Path(),
    metavar="DIR",
    help="Also write result.json, closeups.json, report.html, three CSV tables here.",
)
@click.option(
    "--accesses", is_flag=True, help="Also show reads, writes and energy of every level, from DRAM to registers."
)
@format_option()
def command(workload: str, run: Options, out: str | None, accesses: bool, form: str, show: Show) -> None:
    """Simulate a workload on an accelerator: cycles, energy, memory accesses, and where they go.

    WORKLOAD is a name or a file.
    """
    from lw3dsim.base.remembered import remember_mappings
    from lw3dsim.network.pipeline import simulate_prepared
    from lw3dsim.report.text.tables import result_tables

    if accesses and form == "json":
        raise InputError("--accesses is for table and csv; leave it out with --format json, which gives everything")
    remember_mappings()
    save = None if out is None else _saving(out)
    prepared = prepared_run(make_request(workload, run))
    with progress_bar(prepared.network.name) as advance:
        result = simulate_prepared(prepared, partial(advance, 0))
    tables = result_tables(result) if form == "table" else []
    if form == "table" and accesses:
        from lw3dsim.report.text.accesses import access_tables

        tables += access_tables(result)
    show.check(tables)
    if save is not None:
        save(result, prepared)
    if form == "json":
        put(result.to_json())
    elif form == "csv":
        frame = result.accesses if accesses else result.layers
        put(frame.to_csv(index=False, lineterminator="\n"))
    else:
        show(tables)


def _saving(out: str) -> Callable[[Result, Prepared], None]:
    """Return what writes a result and its closeups into the folder ``out``, which is checked now. Raises InputError."""
    from lw3dsim.base.output import check_folder
    from lw3dsim.closeups import closeups_of
    from lw3dsim.report.save import RESULT_FILES, save_result
    from lw3dsim.result.result import Result

    folder = check_folder(out, RESULT_FILES)

    def save(result: Result, prepared: Prepared) -> None:
        save_result(Result(record=result.record, closeups=closeups_of(prepared)), folder)
        click.echo(f"wrote {folder}/{', '.join(reversed(RESULT_FILES))}", err=True)

    return save
