"""``lw3dsim map``."""

from __future__ import annotations

from functools import partial

import click

from lw3dsim.cli.command import Command
from lw3dsim.cli.options import format_option, prepared_run, progress_bar, put, run_options
from lw3dsim.network.request import Options, Run, make_request


@click.command("map", cls=Command)
@click.argument("workload")
@run_options(Run)
@click.option("--layer", "names", multiple=True, metavar="NAME", help="Only this layer, or its group. Repeat it.")
@click.option("--save", type=click.Path(dir_okay=False), metavar="FILE", help="Also write the mappings as YAML.")
@format_option("text", "json")
def command(workload: str, run: Options, names: tuple[str, ...], save: str | None, form: str) -> None:
    """Show the mapping of each layer as a loop nest; save it as a file to edit.

    Also how full buffers are, DRAM traffic, and what binds. WORKLOAD is a name or a file.
    """
    from lw3dsim.base.forms import MAPPING
    from lw3dsim.base.output import check_file
    from lw3dsim.base.remembered import remember_mappings
    from lw3dsim.mapped import mappings_of
    from lw3dsim.report.terminal import terminal_width
    from lw3dsim.report.text.nest_lines import WIDTH

    remember_mappings()
    if save is not None:
        check_file(save, MAPPING)
    prepared = prepared_run(make_request(workload, run))
    with progress_bar(prepared.network.name) as advance:
        mappings = mappings_of(prepared, names, partial(advance, 0))
    if save is not None:
        mappings.save(save)
        click.echo(f"wrote {save}", err=True)
    width = min(terminal_width() or WIDTH, WIDTH)
    put(mappings.to_json() if form == "json" else mappings.text(width))
