"""``lw3dsim show``."""

from __future__ import annotations

import click

from lw3dsim.cli.options import (
    algorithm_options,
    format_option,
    print_csv,
    print_json,
    warn_unchanged,
    workload_options,
)


@click.command("show")
@click.argument("workload")
@workload_options
@algorithm_options
@format_option()
def command(
    workload: str,
    transform: str | None,
    input_size: str | None,
    classes: int | None,
    algorithm: str,
    m1: int | None,
    m2: int | None,
    form: str,
) -> None:
    """Layers of WORKLOAD (a name or a file): shapes, parameters, MACs, ideal multiplications."""
    from lw3dsim.describe.workload_file import load_workload
    from lw3dsim.report.network import network_record
    from lw3dsim.transform.passes import apply_transforms

    network = load_workload(workload, input_size=input_size, classes=classes)
    warn_unchanged(network, transform)
    record = network_record(apply_transforms(network, transform), algorithm, m1 or 4, m2 or 4)
    if form == "json":
        print_json(record)
    elif form == "csv":
        rows = [
            {key: "; ".join(value) if isinstance(value, list) else value for key, value in layer.items()}
            for layer in record["layers"]
        ]
        print_csv(rows)
    else:
        from lw3dsim.report.tables import network_tables, print_tables

        print_tables(network_tables(record))
