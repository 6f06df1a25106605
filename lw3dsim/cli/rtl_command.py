"""``lw3dsim rtl``."""

from __future__ import annotations

import csv
from functools import partial
from typing import TYPE_CHECKING

import click

from lw3dsim.cli.command import Group
from lw3dsim.cli.options import format_option, prepared_run, print_csv, progress_bar, put, run_options
from lw3dsim.errors import InputError
from lw3dsim.network.request import Run, make_request

if TYPE_CHECKING:
    from lw3dsim.cli.options import Show
    from lw3dsim.network.request import Options


@click.group("rtl", cls=Group)
def command() -> None:
    """Write the core of an accelerator in SystemVerilog, and hold it against the simulator."""


@command.command("check")
@click.argument("workload")
@run_options(Run)
@click.option(
    "--layers",
    metavar="LIST",
    help="Run these layers, comma-separated, names with commas in double quotes; by default all that the core does.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the tensors that are drawn.")
@click.option("--build", type=click.Path(file_okay=False), metavar="DIR", help="Build cores here, and keep them.")
@format_option()
def check_command(
    workload: str, run: Options, layers: str | None, seed: int, build: str | None, form: str, show: Show
) -> None:
    """Run the layers of WORKLOAD on the core, with Verilator, and compare every value and every time.

    Outputs are held against executed arithmetic, first products, ends and drains of steps, port words, products and
    updates of accumulators against the simulator: equal, without tolerance. Exits with 1 where anything differs.
    """
    from lw3dsim.base.remembered import remember_mappings
    from lw3dsim.report.text.rtl import check_tables
    from lw3dsim.rtl.check import check_prepared

    remember_mappings()
    prepared = prepared_run(make_request(workload, run))
    with progress_bar(prepared.network.name) as advance:
        result = check_prepared(prepared, _names(layers), seed, build, partial(advance, 0))
    if form == "json":
        put(result.to_json())
    elif form == "csv":
        print_csv([layer.as_dict() for layer in result.layers])
    else:
        show(check_tables(result))
    if not result.equal:
        raise SystemExit(1)


@command.command("export")
@click.option("--workload", metavar="WORKLOAD", help="Write programs of its layers too: a name or a file.")
@run_options(Run)
@click.option(
    "--layers",
    metavar="LIST",
    help="Of these layers, comma-separated, names with commas in double quotes; by default all that the core does.",
)
@click.option("--out", type=click.Path(file_okay=False), metavar="DIR", required=True, help="Write the files here.")
def export_command(workload: str | None, run: Options, layers: str | None, out: str) -> None:
    """Write the core of an accelerator in SystemVerilog: modules, a test bench, programs of layers, and a page.

    Without --workload the core is as wide as the accelerator declares, with one as its layers need.
    """
    from lw3dsim.describe.accelerator_file import load_arch
    from lw3dsim.errors import InputError
    from lw3dsim.network.request import Options
    from lw3dsim.rtl.export import export_core

    prepared = None
    if workload is not None:
        prepared = prepared_run(make_request(workload, run))
        design = prepared.design
    elif layers is not None or run != Options(arch=run.arch, overrides=run.overrides, dims=()):
        raise InputError("only --arch and --set apply without --workload; name one, for instance c3d")
    else:
        design = load_arch(str(run.arch), overrides=run.overrides)
    count, refused = export_core(design, out, prepared, _names(layers))
    for reason in refused:
        click.echo(f"no program: {reason}", err=True)
    click.echo(f"wrote {count} files to {out}", err=True)


def _names(layers: str | None) -> list[str] | None:
    """Return the names of a list with commas between them; a name that holds commas stands in double quotes."""
    if layers is None:
        return None
    try:
        names = [name.strip() for name in next(csv.reader([layers], skipinitialspace=True, strict=True), [])]
    except csv.Error:
        raise InputError(f"--layers {layers}: a double quote is not closed, or stands within a name") from None
    if "" in names and any(names):
        raise InputError(f"--layers {layers}: a name between two commas is missing")
    return [name for name in dict.fromkeys(names) if name]
