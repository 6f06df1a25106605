"""``lw3dsim energy``."""

from __future__ import annotations

import click

from lw3dsim.cli.options import RunOptions, format_option, print_json, run_options


@click.command("energy")
@run_options("arch", "overrides")
@format_option("table", "json")
def command(run: RunOptions, form: str) -> None:
    """Print unit energies, leakage, areas and memory times of an accelerator, each with its source."""
    from dataclasses import asdict

    from lw3dsim.account.units import unit_costs
    from lw3dsim.describe.accelerator_file import load_arch
    from lw3dsim.report.tables import print_tables, unit_tables

    design = load_arch(run.arch, overrides=run.overrides)
    rows = [asdict(row) for row in unit_costs(design)]
    if form == "json":
        print_json({"arch": design.name, "node_nm": design.tech.node_nm, "unit_costs": rows})
    else:
        print_tables(unit_tables(design.name, rows))
