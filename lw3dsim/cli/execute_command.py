"""``lw3dsim execute``."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from lw3dsim.cli.command import Command
from lw3dsim.cli.options import format_option, prepared_run, print_csv, progress_bar, put, run_options
from lw3dsim.network.request import Clips, Run, Tensors, make_request

if TYPE_CHECKING:
    from lw3dsim.cli.options import Show
    from lw3dsim.network.request import Options


@click.command("execute", cls=Command)
@click.argument("workload")
@run_options(Run, Clips, Tensors)
@click.option("--out", type=click.Path(), metavar="DIR", help="Also write execution.json here.")
@format_option()
def command(workload: str, run: Options, out: str | None, form: str, show: Show) -> None:
    """Run real tensors through the schedules of a workload and check the arithmetic.

    Each layer is compared with a direct computation. WORKLOAD is a name or a file.
    """
    from lw3dsim.arithmetic.number import OWN_WIDTHS
    from lw3dsim.base.output import check_folder, save_texts
    from lw3dsim.base.remembered import remember_mappings
    from lw3dsim.network.execution import execute_prepared
    from lw3dsim.report.save import EXECUTION_FILES
    from lw3dsim.report.text.tables import execution_tables

    remember_mappings()
    folder = check_folder(out, EXECUTION_FILES) if out is not None else None
    prepared = prepared_run(make_request(workload, run), in_widths=run.dtype == OWN_WIDTHS)
    with progress_bar(prepared.network.name) as advance:
        result = execute_prepared(prepared, partial(advance, 0))
    tables = execution_tables(result) if form == "table" else []
    show.check(tables)
    if folder is not None:
        save_texts(folder, EXECUTION_FILES, [result.to_json()])
    if form == "json":
        put(result.to_json())
    elif form == "csv":
        rows = [layer.as_dict() for layer in result.layers]
        columns = dict.fromkeys(name for row in rows for name in row)
        print_csv([{name: row.get(name, "") for name in columns} for row in rows])
    else:
        show(tables)
