"""``lw3dsim show``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lw3dsim.cli.command import Command
from lw3dsim.cli.options import format_option, load_network, print_csv, put, run_options
from lw3dsim.network.request import Design, make_request

if TYPE_CHECKING:
    from lw3dsim.cli.options import Show
    from lw3dsim.network.request import Options


@click.command("show", cls=Command)
@click.argument("workload")
@run_options(Design, only=("transform", "input_size", "classes", "dims", "allow_unknown", "algorithm", "m1", "m2"))
@format_option()
def command(workload: str, run: Options, form: str, show: Show) -> None:
    """Layers of a workload: shapes, parameters, MACs, ideal multiplications.

    WORKLOAD is a name or a file.
    """
    from lw3dsim.report.text.network import network_record
    from lw3dsim.transform.passes import apply_transforms

    request = make_request(workload, run)
    network = apply_transforms(load_network(request), request.transform)
    record = network_record(network, request.algorithm, request.m1, request.m2)
    if form == "json":
        put(record.to_json())
    elif form == "csv":
        rows = [
            {
                key: "; ".join(map(str, value)) if isinstance(value, list) else value
                for key, value in layer.as_dict().items()
            }
            for layer in record.layers
        ]
        print_csv(rows)
    else:
        from lw3dsim.report.text.tables import network_tables

        show(network_tables(record))
