"""``lw3dsim explain``."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from lw3dsim.cli.options import (
    algorithm_options,
    format_option,
    fusion_options,
    print_csv,
    progress_bar,
    warn_unchanged,
    workload_options,
)

if TYPE_CHECKING:
    from lw3dsim.objective import Objective


@click.command("explain")
@click.argument("workload")
@click.option("--arch", default="edge_base", show_default=True, metavar="NAME|FILE", help="The accelerator.")
@click.option(
    "--set", "overrides", multiple=True, metavar="KEY.PATH=VALUE", help="Override a field of the accelerator."
)
@workload_options
@algorithm_options
@fusion_options
@format_option()
def command(
    workload: str,
    arch: str,
    overrides: tuple[str, ...],
    transform: str | None,
    input_size: str | None,
    classes: int | None,
    algorithm: str,
    m1: int | None,
    m2: int | None,
    fusion: str,
    objective: Objective,
    form: str,
) -> None:
    """Say what binds WORKLOAD on an accelerator, and what more or less of each resource would change.

    Options as for simulate. Each neighbour of the design is simulated in full.
    """
    from lw3dsim.describe.workload_file import load_workload
    from lw3dsim.explore.explain import explain
    from lw3dsim.explore.explanation_tables import explanation_tables
    from lw3dsim.report.tables import print_tables

    network = load_workload(workload, input_size=input_size, classes=classes)
    warn_unchanged(network, transform)
    with progress_bar(network.name) as advance:
        explanation = explain(
            network,
            arch=arch,
            transform=transform,
            algorithm=algorithm,
            m1=m1,
            m2=m2,
            overrides=overrides,
            fusion=fusion,
            objective=objective,
            progress=partial(advance, 0),
        )
    if form == "json":
        click.echo(explanation.to_json(), nl=False)
    elif form == "csv":
        print_csv(explanation.rows())
    else:
        print_tables(explanation_tables(explanation))
