"""``lw3dsim show``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from lw3dsim.base.parameters import declared_by, option_called
from lw3dsim.cli.command import Command
from lw3dsim.cli.options import check_overrides, format_option, load_network, print_csv, print_json, put, run_options
from lw3dsim.errors import InputError
from lw3dsim.network.request import Design, make_request

if TYPE_CHECKING:
    from lw3dsim.cli.options import Show
    from lw3dsim.network.request import Options


@click.command("show", cls=Command)
@click.argument("workload", required=False)
@click.option("--arch", metavar="NAME|FILE", help="Show this accelerator instead: its parts, and every field.")
@click.option("--set", "changes", multiple=True, metavar="FIELD=VALUE", help="With --arch: change a field. Repeat it.")
@run_options(Design, only=("transform", "input_size", "classes", "dims", "allow_unknown", "algorithm", "m1", "m2"))
@format_option()
def command(
    workload: str | None, arch: str | None, changes: tuple[str, ...], run: Options, form: str, show: Show
) -> None:
    """Layers of a workload: shapes, parameters, MACs, ideal multiplications; or an accelerator.

    WORKLOAD is a name or a file.
    """
    if (workload is None) == (arch is None):
        raise InputError("show takes a WORKLOAD, or --arch and an accelerator; give one of the two")
    if workload is not None:
        if changes:
            raise InputError("--set changes a field of an accelerator; leave it out, or show --arch")
        _show_workload(workload, run, form, show)
    elif arch is not None:
        _refuse_of_a_workload(run)
        _show_arch(arch, changes, form, show)


def _refuse_of_a_workload(run: Options) -> None:
    """Refuse what is asked of a workload where there is none. Raises InputError."""
    for declared in declared_by(Design):
        if declared.name != "arch" and getattr(run, declared.name) not in (declared.default, ()):
            raise InputError(f"{option_called(declared)} is of a workload; leave it out, or show one instead of --arch")


def _show_arch(name: str, changes: tuple[str, ...], form: str, show: Show) -> None:
    from lw3dsim.describe.accelerator_file import load_arch
    from lw3dsim.report.text.arch import arch_rows, arch_tables

    check_overrides(changes)
    arch = load_arch(name, overrides=changes)
    if form == "table":
        show(arch_tables(arch))
        return
    # Texts of the table are JSON; files have values.
    rows = [
        row.as_dict() | {"value": json.loads(row.value), "default": json.loads(row.default) if row.default else None}
        for row in arch_rows(arch)
    ]
    print_json({"arch": arch.name, "fields": rows}) if form == "json" else print_csv(rows)


def _show_workload(workload: str, run: Options, form: str, show: Show) -> None:
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
