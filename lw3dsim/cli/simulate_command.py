"""``lw3dsim simulate``."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from lw3dsim.cli.options import (
    algorithm_options,
    format_option,
    fusion_options,
    machine_options,
    mapping_option,
    progress_bar,
    warn_unchanged,
    workload_options,
)

if TYPE_CHECKING:
    from lw3dsim.objective import Objective


@click.command("simulate")
@click.argument("workload")
@machine_options
@workload_options
@algorithm_options
@fusion_options
@mapping_option
@click.option(
    "--clips",
    type=click.IntRange(1, 1000),
    help="Also run this many clips behind each other, without a stop between layers.",
)
@click.option(
    "--out", type=click.Path(), metavar="DIR", help="Also write result.json, two CSV tables, report.html here."
)
@format_option()
def command(
    workload: str,
    arch: str,
    overrides: tuple[str, ...],
    engine: str,
    transform: str | None,
    input_size: str | None,
    classes: int | None,
    algorithm: str,
    m1: int | None,
    m2: int | None,
    fusion: str,
    objective: Objective,
    mapping: str | None,
    clips: int | None,
    out: str | None,
    form: str,
) -> None:
    """Simulate WORKLOAD (a name or a file): cycles, energy, memory accesses, and where they go."""
    from lw3dsim.describe.workload_file import load_workload
    from lw3dsim.pipeline import simulate
    from lw3dsim.remembered import remember_mappings
    from lw3dsim.report.files import check_folder, save_result

    remember_mappings()
    network = load_workload(workload, input_size=input_size, classes=classes)
    warn_unchanged(network, transform)
    folder = check_folder(out) if out is not None else None
    with progress_bar(network.name) as advance:
        result = simulate(
            network,
            arch=arch,
            transform=transform,
            algorithm=algorithm,
            m1=m1,
            m2=m2,
            engine=engine,
            overrides=overrides,
            clips=clips,
            fusion=fusion,
            objective=objective,
            mapping=mapping,
            progress=partial(advance, 0),
        )
    if folder is not None:
        save_result(result, folder)
        click.echo(f"wrote {folder}/result.json, layers.csv, energy.csv, report.html", err=True)
    if form == "json":
        click.echo(result.to_json(), nl=False)
    elif form == "csv":
        click.echo(result.layers.to_csv(index=False, lineterminator="\n"), nl=False)
    else:
        from lw3dsim.report.tables import print_tables, result_tables

        print_tables(result_tables(result))
