"""``lw3dsim energy``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lw3dsim.cli.command import Command
from lw3dsim.cli.options import format_option, prepared_run, print_json, run_options
from lw3dsim.network.request import Design, Options, make_request

if TYPE_CHECKING:
    from lw3dsim.cli.options import Show

# What says which layers are shown.
OF_LAYERS = ("transform", "input_size", "classes", "dims", "allow_unknown", "algorithm", "m1", "m2")


@click.command("energy", cls=Command)
@click.argument("workload", required=False)
@run_options(Design, only=("arch", "overrides", *OF_LAYERS))
@format_option("table", "json")
def command(workload: str | None, run: Options, form: str, show: Show) -> None:
    """Print unit energies, leakage, areas and memory times of an accelerator, each with its source.

    With a WORKLOAD, a name or a file: arithmetic in the algorithms and at the widths of its layers.
    """
    from lw3dsim.account.units import shown_widths, unit_costs
    from lw3dsim.base.values import fields_of
    from lw3dsim.describe.accelerator_file import load_arch
    from lw3dsim.errors import InputError
    from lw3dsim.network.layers import problems_of
    from lw3dsim.report.text.tables import unit_tables

    if workload is None:
        if run != Options(arch=run.arch, overrides=run.overrides, dims=()):
            raise InputError("only --arch and --set apply without a WORKLOAD; name one, for instance c3d")
        design, problems = load_arch(str(run.arch), overrides=run.overrides), []
    else:
        prepared = prepared_run(make_request(workload, run))
        design, problems = prepared.design, problems_of(prepared.network, prepared.design, run.algorithm)
    rows = unit_costs(design, problems)
    note = shown_widths(design, workload)
    if form == "json":
        print_json(
            {
                "arch": design.name,
                "node_nm": design.tech.node_nm,
                "note": note,
                "unit_costs": [fields_of(row) for row in rows],
            }
        )
    else:
        show([*unit_tables(design.name, rows), note])
