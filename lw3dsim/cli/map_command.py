"""``lw3dsim map``."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from lw3dsim.cli.options import RunOptions, format_option, load_network, print_json, progress_bar, run_options
from lw3dsim.errors import unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.account.simulated import Unit


@click.command("map")
@click.argument("workload")
@run_options()
@click.option("--layer", "names", multiple=True, metavar="NAME", help="Only this layer, or its group. Repeat it.")
@click.option("--save", type=click.Path(dir_okay=False), metavar="FILE", help="Also write the mappings as YAML.")
@format_option("text", "json")
def command(workload: str, run: RunOptions, names: tuple[str, ...], save: str | None, form: str) -> None:
    """Show the mapping of each layer as a loop nest; save it as a file to edit.

    Also how full buffers are, DRAM traffic, and what binds. WORKLOAD is a name or a file.
    """
    from lw3dsim.layouts import layouts_of
    from lw3dsim.map.mapping_file import load_mapping
    from lw3dsim.pipeline import located, map_network, resolve_design, resolve_network
    from lw3dsim.remembered import remember_mappings
    from lw3dsim.report.files import check_file, write_text
    from lw3dsim.report.mapping_file import mapping_text
    from lw3dsim.report.mapping_tables import unit_record, unit_text

    remember_mappings()
    given = load_network(workload, run)
    if save is not None:
        check_file(save)
    file = None if run.mapping is None else load_mapping(run.mapping)
    network = resolve_network(given, run.transform, None, None)
    design = resolve_design(run.arch, run.overrides, run.m1, run.m2)
    _check_names(names, [layer.name for layer in network.layers])
    with progress_bar(network.name) as advance, located(run.arch, design, run.overrides):
        units = map_network(
            network,
            design,
            algorithm=run.algorithm,
            engine=run.engine,
            fusion=run.fusion,
            objective=run.objective,
            file=file,
            progress=partial(advance, 0),
        )
    units = _chosen(units, names)
    if save is not None:
        layouts = layouts_of(network, units, design)
        write_text(save, mapping_text(network, design, run.algorithm, units, layouts))
        click.echo(f"wrote {save}", err=True)
    if form == "json":
        records = [unit_record(network, unit, design) for unit in units]
        print_json({"workload": network.name, "arch": design.name, "units": records})
    else:
        click.echo("\n\n".join(unit_text(network, unit, design) for unit in units))


def _check_names(names: Sequence[str], layers: Sequence[str]) -> None:
    for name in names:
        if name not in layers:
            raise unknown("layer", name, layers)


def _chosen(units: list[Unit], names: Sequence[str]) -> list[Unit]:
    """Return the units that hold any of the layers ``names``; all where none is named."""
    return [unit for unit in units if not names or any(layer.name in names for layer in unit.layers)]
