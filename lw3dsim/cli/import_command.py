"""``lw3dsim import``."""

from __future__ import annotations

import click

from lw3dsim.cli.command import Command
from lw3dsim.cli.options import note_copies, put


@click.command("import", cls=Command)
@click.argument("workload")
@click.option("--input", "input_size", metavar="TxHxW", help="Frames, height and width of the clip.")
@click.option("--dim", "dims", multiple=True, metavar="NAME=SIZE", help="Size of a named dimension. Repeat it.")
@click.option("--out", type=click.Path(dir_okay=False), metavar="FILE", help="Write the workload to this file.")
@click.option("--force", is_flag=True, help="Replace that file though it was edited.")
@click.option("--allow-unknown", is_flag=True, help="Take operators that are not known as copies.")
def command(
    workload: str, input_size: str | None, dims: tuple[str, ...], out: str | None, *, force: bool, allow_unknown: bool
) -> None:
    """Write a network of another tool as a workload file that can be read and edited.

    WORKLOAD is a file *.onnx, or a list of layers of SCALE-Sim or Timeloop; or a name or a workload file, whose blocks
    are written out.
    """
    from lw3dsim.base.forms import WORKLOAD
    from lw3dsim.base.output import check_file, check_unedited, write_text
    from lw3dsim.describe.workload_text import workload_text
    from lw3dsim.importing.load import load_workload

    if out is not None:
        check_file(out, WORKLOAD)
    network = load_workload(workload, input_size=input_size, dims=dims, allow_unknown=allow_unknown)
    note_copies(network)
    text = workload_text(network)
    if out is None:
        put(text)
    else:
        if not force:
            check_unedited(out, text)
        write_text(out, text, WORKLOAD)
        click.echo(f"wrote {out}", err=True)
