"""``lw3dsim plot``."""

from __future__ import annotations

from pathlib import Path

import click

from lw3dsim.cli.command import Command
from lw3dsim.errors import InputError, one_line

KINDS = ("energy", "cycles", "accesses", "roofline", "timeline", "front")


@click.command("plot", cls=Command)
@click.argument("sources", nargs=-1, required=True, metavar="RUN...|SPACE")
@click.option("--kind", type=click.Choice(KINDS), required=True, help="What to draw; `front` is of a study.")
@click.option(
    "--out", type=click.Path(dir_okay=False), metavar="FILE", required=True, help=".svg, .pdf, .png or .html."
)
@click.option("--width", type=click.Choice(["single", "double"]), default="single", show_default=True,
              help="Of a column of a paper, 3.5 inches, or of two, 7.16.")  # fmt: skip
@click.option("--layer", metavar="NAME", help="The layer of a timeline; by default the longest.")
@click.option("--storage", metavar="FILE|URL", help="Where the study is kept. Default: results/dse/NAME.journal.")
def command(sources: tuple[str, ...], kind: str, out: str, width: str, layer: str | None, storage: str | None) -> None:
    """Draw a figure for a paper: vector or PNG, in the width of a column, letters embedded, readable in grey.

    RUN is what `simulate --out` wrote: the folder, or its result.json; energy and cycles take several, side by side.
    SPACE names a study, as for `dse front`. Needs the extra figures: pip install 'lw3dsim[figures]'.
    """
    if kind == "front":
        if len(sources) > 1 or layer is not None:
            raise InputError("front: is of one study; give its space, and no --layer")
        from lw3dsim import dse
        from lw3dsim.result.saved import holds_result

        if holds_result(sources[0]):
            kinds = ", ".join(KINDS[:-1])
            raise InputError(
                f"{one_line(sources[0], 200)}: is a run, of which there are {kinds}; give the space of a study"
            )
        dse.study(sources[0], storage=storage).plot.save("front", out, width=width)
    else:
        if storage is not None:
            raise InputError(f"--storage is for --kind front; leave it out with --kind {kind}")
        from lw3dsim.api import load_result
        from lw3dsim.report.paper.figures import save_figure

        results = [load_result(source) for source in sources]
        save_figure(kind, [_name(source) for source in sources], results, out, width, layer)
    click.echo(f"wrote {out}", err=True)


def _name(source: str) -> str:
    """Return what a run is called: its folder."""
    path = Path(source)
    return (path if path.is_dir() else path.parent).resolve().name
