"""``lw3dsim report``."""

from __future__ import annotations

from pathlib import Path

import click

from lw3dsim.cli.command import Command
from lw3dsim.cli.options import put


@click.command("report", cls=Command)
@click.argument("source", metavar="DIR|FILE")
@click.option(
    "--out",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Where to write; default: beside the result.",
)
def command(source: str, out: str | None) -> None:
    """Write a self-contained HTML page of a saved result.

    Give what `simulate --out` wrote: the folder, or its result.json.
    """
    from lw3dsim.api import load_result

    result = load_result(source)
    folder = Path(source) if Path(source).is_dir() else Path(source).parent
    target = Path(out) if out is not None else folder / "report.html"
    result.report(target)
    put(str(target))
