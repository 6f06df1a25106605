"""``lw3dsim list``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lw3dsim.cli.command import Command
from lw3dsim.cli.options import format_option, print_json

if TYPE_CHECKING:
    from lw3dsim.cli.options import Show


@click.command("list", cls=Command)
@format_option("table", "json")
def command(form: str, show: Show) -> None:
    """Names of workloads, accelerators, transforms, algorithms, dataflows, DRAM presets, engines, and so on."""
    from lw3dsim.describe.catalog import shipped_names
    from lw3dsim.describe.dataflow import dataflows
    from lw3dsim.describe.dram_standards import DRAM_STANDARDS
    from lw3dsim.engine.run import ENGINES
    from lw3dsim.explore.samplers import SAMPLERS
    from lw3dsim.transform.algorithms import POLICIES
    from lw3dsim.transform.passes import PASSES

    names = {
        "workloads": shipped_names("workloads"),
        "archs": shipped_names("arch_configs"),
        "transforms": list(PASSES),
        "algorithms": list(POLICIES),
        "dataflows": list(dataflows()),
        "dram_presets": list(DRAM_STANDARDS),
        "engines": list(ENGINES),
        "spaces": shipped_names("experiments"),
        "samplers": list(SAMPLERS),
    }
    if form == "json":
        print_json(names)
        return
    described = {"transforms": {name: one.description for name, one in PASSES.items()}}
    described |= {"dataflows": {name: one.description for name, one in dataflows().items()}}
    lines = []
    for group, members in names.items():
        abouts = [described.get(group, {}).get(member, "") for member in members]
        room = max(map(len, members))
        lines += [
            f"{group}:",
            *(f"  {member:<{room}}  {about}".rstrip() for member, about in zip(members, abouts, strict=True)),
        ]
    show(lines)
