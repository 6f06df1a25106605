"""``lw3dsim algebra``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from lw3dsim.cli.command import Command
from lw3dsim.cli.options import format_option, put
from lw3dsim.errors import InputError

if TYPE_CHECKING:
    from lw3dsim.algebra.winograd import PointSet
    from lw3dsim.cli.options import Show


@click.command("algebra", cls=Command)
@click.option("--m", type=click.IntRange(1, 10), default=4, show_default=True, help="Outputs of a tile.")
@click.option("--r", type=click.IntRange(1, 10), default=3, show_default=True, help="Taps of the filter.")
@click.option("--dims", type=click.IntRange(1, 3), default=1, show_default=True, help="Dimensions of the tile.")
@click.option("--points", type=click.Choice(["integer", "float"]), default="integer", show_default=True)
@click.option("--bits", type=click.IntRange(2, 64), default=8, show_default=True, help="Width of the operands.")
@format_option("table", "json")
def command(m: int, r: int, dims: int, points: PointSet, bits: int, form: str, show: Show) -> None:
    """Matrices, additions, bit growth and float error of the Winograd algorithm F(m, r)."""
    from lw3dsim.algebra.winograd import MAX_COORDINATES
    from lw3dsim.report.text.algebra import algebra_record, algebra_tables

    if m + r - 1 > MAX_COORDINATES:
        raise InputError(f"--m {m} --r {r}: m + r - 1 is {m + r - 1}, at most {MAX_COORDINATES} is allowed")
    record = algebra_record(m, r, dims, points, bits)
    if form == "json":
        put(record.to_json())
    else:
        show(algebra_tables(record))
