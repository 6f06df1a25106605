"""``lw3dsim export``."""

from __future__ import annotations

import click

from lw3dsim.cli.command import Command


@click.command("export", cls=Command)
@click.argument("workload")
@click.option("--onnx", "out", type=click.Path(dir_okay=False), metavar="FILE", required=True, help="Write it here.")
@click.option("--transform", metavar="LIST", help="Passes to apply first, comma-separated; see `lw3dsim list`.")
@click.option("--input", "input_size", metavar="TxHxW", help="Frames, height and width of the clip.")
@click.option("--classes", type=int, metavar="N", help="Number of classes.")
@click.option("--dim", "dims", multiple=True, metavar="NAME=SIZE", help="Size of a named dimension. Repeat it.")
@click.option(
    "--weights",
    default="none",
    show_default=True,
    metavar="[none|random]",
    help="none: weights are inputs of the model; random: they are drawn, and in the file.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of random weights.")
def command(
    workload: str,
    out: str,
    transform: str | None,
    input_size: str | None,
    classes: int | None,
    dims: tuple[str, ...],
    weights: str,
    seed: int,
) -> None:
    """Write a workload as a model in ONNX.

    WORKLOAD is a name or a file.
    """
    from pathlib import Path

    from lw3dsim.base.forms import ONNX
    from lw3dsim.base.output import check_file, write_files
    from lw3dsim.exporting.onnx_model import onnx_bytes, to_onnx
    from lw3dsim.importing.load import load_workload

    check_file(out, ONNX)
    network = load_workload(workload, input_size=input_size, classes=classes, dims=dims)
    model = to_onnx(network, transform, weights=weights, seed=seed)
    write_files({Path(out): (ONNX, onnx_bytes(model))})
    click.echo(f"wrote {out}", err=True)
