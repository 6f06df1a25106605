"""``lw3dsim explain``."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from lw3dsim.cli.command import Command
from lw3dsim.cli.options import format_option, prepared_run, print_csv, progress_bar, put, run_options
from lw3dsim.network.request import Design, make_request

if TYPE_CHECKING:
    from lw3dsim.cli.options import Show
    from lw3dsim.network.request import Options


@click.command("explain", cls=Command)
@click.argument("workload")
@run_options(Design)
@format_option()
def command(workload: str, run: Options, form: str, show: Show) -> None:
    """Say what binds a workload on an accelerator, and what a step of each resource would buy.

    WORKLOAD is a name or a file. Options as for simulate. Each neighbour of the design is simulated in full.
    """
    from lw3dsim.base.remembered import remember_mappings
    from lw3dsim.comparison.explain import explain_prepared
    from lw3dsim.report.text.explanation import explanation_tables

    remember_mappings()
    prepared = prepared_run(make_request(workload, run))
    with progress_bar(prepared.network.name) as advance:
        explanation = explain_prepared(prepared, partial(advance, 0))
    if form == "json":
        put(explanation.to_json())
    elif form == "csv":
        print_csv([row.as_dict() for row in explanation.rows()])
    else:
        show(explanation_tables(explanation))
