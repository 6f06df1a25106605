"""``lw3dsim new``."""

from __future__ import annotations

import os
from pathlib import Path

import click

from lw3dsim.cli.command import Command


@click.command("new", cls=Command)
@click.argument("kind", type=click.Choice(["workload", "arch", "space"]))
@click.argument("name")
@click.option("--out", type=click.Path(dir_okay=False), metavar="FILE", help="The file; by default NAME.yaml.")
def command(kind: str, name: str, out: str | None) -> None:
    """Write a commented file to begin with: a workload, an accelerator with every field, or a space to search.

    It can be run as it is.
    """
    from lw3dsim.base.forms import BEGUN
    from lw3dsim.base.output import write_text
    from lw3dsim.describe.beginnings import new_text
    from lw3dsim.errors import OutputError, one_line

    text = new_text(kind, name)
    path = Path(out or f"{name}.yaml")
    if os.path.lexists(path):
        raise OutputError(f"{one_line(str(path), 200)}: is there already; give another --out, or delete it")
    write_text(path, text, BEGUN)
    then = {
        "workload": f"lw3dsim simulate {path}",
        "arch": f"lw3dsim simulate c3d --arch {path}",
        "space": f"lw3dsim dse run {path}",
    }
    click.echo(f"wrote {path}; it can be run as it is: {then[kind]}", err=True)
