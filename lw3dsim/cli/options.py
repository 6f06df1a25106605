"""Options that several commands share."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    Command = Callable[..., None]
    Option = Callable[[Command], Command]


FORMATS = ("table", "json", "csv")


def format_option(*formats: str) -> Option:
    """Return the ``--format`` option; the first format is the default."""
    names = formats or FORMATS
    return click.option("--format", "form", type=click.Choice(names), default=names[0], show_default=True)


def workload_options(function: Command) -> Command:
    """Add the options that shape a workload."""
    function = click.option("--classes", type=click.IntRange(1, 65536), help="Number of classes.")(function)
    function = click.option("--input", "input_size", metavar="TxHxW", help="Frames, height and width of the clip.")(
        function
    )
    return click.option("--transform", metavar="LIST", help="Passes to apply, comma-separated; see `lw3dsim list`.")(
        function
    )


def algorithm_options(function: Command) -> Command:
    """Add the options that choose algorithms."""
    tile = click.IntRange(1, 8)
    function = click.option("--m2", type=tile, help="Spatial tile of F(m2xm2, RxR).")(function)
    function = click.option("--m1", type=tile, help="Temporal tile of F(m1, K).")(function)
    return click.option(
        "--algorithm", default="direct", show_default=True, help="direct, hfa, winograd3d, nested or auto."
    )(function)


def fusion_options(function: Command) -> Command:
    """Add the options that choose what is fused, and what mappings are chosen for."""
    function = click.option(
        "--objective",
        type=click.Choice(["latency", "energy", "edp", "dram_bytes"]),
        default="latency",
        show_default=True,
        help="What mappings and fused groups are chosen for.",
    )(function)
    return click.option(
        "--fusion",
        type=click.Choice(["off", "auto"]),
        default="off",
        show_default=True,
        help="auto: run neighbouring layers tile by tile, with the tensors between them on chip, where it pays.",
    )(function)


def mapping_option(function: Command) -> Command:
    """Add the option that fixes mappings."""
    return click.option(
        "--mapping",
        metavar="FILE",
        help="Take the mappings of layers and groups from this file (of `map --save`); map the rest.",
    )(function)


def machine_options(function: Command) -> Command:
    """Add the options that choose the accelerator and the engine."""
    function = click.option(
        "--engine",
        default="auto",
        show_default=True,
        help="auto; fast, compiled; or simpy, the readable reference: equal numbers.",
    )(function)
    function = click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="KEY.PATH=VALUE",
        help="Override a field of the accelerator.",
    )(function)
    return click.option("--arch", default="edge_base", show_default=True, metavar="NAME|FILE", help="The accelerator.")(
        function
    )


@contextmanager
def progress_bar(label: str, parts: int = 1) -> Iterator[Callable[[int, int, int], None]]:
    """Show a bar on standard error where that is a terminal; call it with (part, done, all of the part)."""
    with click.progressbar(length=1000 * parts, label=label, file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:
        yield lambda part, done, total: bar.update(1000 * part + 1000 * done // total - bar.pos)


def print_json(data: Mapping[str, Any]) -> None:
    """Print ``data`` as JSON on standard output."""
    click.echo(json.dumps(data, indent=2))


def print_csv(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print ``rows`` as CSV on standard output."""
    import csv
    import io

    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    click.echo(text.getvalue(), nl=False)


def warn_unchanged(workload: Any, transform: str | None) -> None:
    """Say on standard error which passes found nothing to rewrite."""
    from lw3dsim.transform.passes import unchanged_passes

    for name in unchanged_passes(workload, transform):
        click.echo(f"note: transform {name} changes no layer of {workload.name}", err=True)
