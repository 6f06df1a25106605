"""``lw3dsim dram``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lw3dsim.cli.command import Command
from lw3dsim.cli.options import format_option, put
from lw3dsim.describe.address_map import DEFAULT_MAPPING
from lw3dsim.errors import one_line

if TYPE_CHECKING:
    from lw3dsim.cli.options import Show
    from lw3dsim.describe.accelerator import Refresh

MAX_REQUEST_BYTES = 1 << 20


@click.command("dram", cls=Command)
@click.option("--preset", required=True, metavar="NAME", help="DRAM standard, as lpddr4-3200-x32.")
@click.option("--trace", required=True, metavar="FILE", help="CSV or CSV.gz of addr_hex,op lines, one request each.")
@click.option(
    "--request-bytes",
    type=click.IntRange(1, MAX_REQUEST_BYTES),
    metavar="N",
    help="Bytes of a request, from its address on: all bursts that they touch.  [default: the one burst around it]",
)
@click.option(
    "--mapping",
    default=DEFAULT_MAPPING,
    show_default=True,
    help="Address fields, most significant first: row, bank, bankgroup, col, channel.",
)
@click.option("--channels", type=click.IntRange(1, 64), default=1, show_default=True, help="Channels, each fed alone.")
@click.option("--refresh", type=click.Choice(["all-bank", "per-bank", "none"]), default="all-bank", show_default=True)
@click.option(
    "--queue",
    type=click.IntRange(1, 1024),
    default=32,
    show_default=True,
    help="Reads, and as many writes, that wait before the queues of the banks.",
)
@format_option("table", "json")
def command(
    preset: str,
    trace: str,
    request_bytes: int | None,
    mapping: str,
    channels: int,
    refresh: Refresh,
    queue: int,
    form: str,
    show: Show,
) -> None:
    """Replay an address trace on a DRAM: time, row hits, commands and energy."""
    from lw3dsim.describe.dram_standards import DRAM_PRESETS
    from lw3dsim.dram.replay import replay
    from lw3dsim.dram.trace import read_trace
    from lw3dsim.report.text.dram import dram_record, dram_tables

    standard = DRAM_PRESETS.get(preset)
    path = Path(trace)
    result = replay(standard, read_trace(path), mapping, channels, refresh, request_bytes, queue)
    record = dram_record(result, preset, mapping, refresh, queue, one_line(path.name))
    if form == "json":
        put(record.to_json())
    else:
        show(dram_tables(record))
