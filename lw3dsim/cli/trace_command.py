"""``lw3dsim trace``."""

from __future__ import annotations

from functools import partial

import click

from lw3dsim.cli.command import Command
from lw3dsim.cli.options import prepared_run, progress_bar, run_options
from lw3dsim.network.request import DEFAULT_SLICES, SLICES, Options, Run, make_request


@click.command("trace", cls=Command)
@click.argument("workload")
@run_options(Run)
@click.option("--layer", "names", multiple=True, metavar="NAME", help="Only this layer, or its group. Repeat it.")
@click.option(
    "--slices",
    type=click.IntRange(*SLICES),
    default=DEFAULT_SLICES,
    show_default=True,
    help="About how many slices the file may have; of longer runs, several steps are one.",
)
@click.option("--banks", is_flag=True, help="Add a track of every DRAM bank: visits of rows, precharges, refreshes.")
@click.option("--out", type=click.Path(dir_okay=False), metavar="FILE", required=True, help="A .json or .json.gz file.")
def command(workload: str, run: Options, names: tuple[str, ...], slices: int, banks: bool, out: str) -> None:
    """Write what every unit does when, to look at in Perfetto or chrome://tracing.

    Tracks for DMA, loader, array, vector unit, drain and what the array waits for; counters for bandwidth, buffers and
    power. WORKLOAD is a name or a file.
    """
    from lw3dsim.base.remembered import remember_mappings
    from lw3dsim.traced import write_trace

    remember_mappings()
    prepared = prepared_run(make_request(workload, run))
    with progress_bar(prepared.network.name) as advance:
        written = write_trace(prepared, out, slices=slices, names=names, banks=banks, progress=partial(advance, 0))
    steps = "" if written.fold == 1 else f", each of up to {written.fold} steps"
    click.echo(f"wrote {out}: {written.slices:,} slices{steps}; open it in Perfetto or chrome://tracing", err=True)
