"""``lw3dsim score``."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from lw3dsim.cli.command import Command
from lw3dsim.cli.options import format_option, options_of, print_csv, progress_bar, put, run_options
from lw3dsim.learn.options import ScoringOptions
from lw3dsim.network.request import Design

if TYPE_CHECKING:
    from lw3dsim.cli.options import Show
    from lw3dsim.network.request import Options

CHOSEN = ("arch", "transform", "algorithm", "m1", "m2", "input_size", "overrides", "objective")


@click.command("score", cls=Command)
@click.argument("workload")
@click.option("--weights", metavar="FILE.npz", required=True, help="The weights, as `lw3dsim train` leaves them.")
@run_options(Design, only=CHOSEN)
@options_of(ScoringOptions)
@click.option("--out", type=click.Path(), metavar="DIR", help="Also write score.json here.")
@format_option()
def command(
    workload: str, weights: str, run: Options, asked: ScoringOptions, out: str | None, form: str, show: Show
) -> None:
    """Score a trained network in the integers of an accelerator, on clips that it has not seen.

    WORKLOAD is a name or a file.
    """
    from lw3dsim.base.forms import SCORE
    from lw3dsim.base.output import check_folder, save_texts
    from lw3dsim.base.remembered import remember_mappings
    from lw3dsim.learn.scoring import score
    from lw3dsim.report.text.scored import score_tables

    remember_mappings()
    files = {"score.json": SCORE}
    folder = check_folder(out, files) if out is not None else None
    design = {name: getattr(run, name) for name in CHOSEN}
    with progress_bar(workload) as advance:
        record = score(workload, weights=weights, **design, **vars(asked), progress=partial(advance, 0))
    tables = score_tables(record) if form == "table" else []
    show.check(tables)
    if folder is not None:
        save_texts(folder, files, [record.to_json()])
    if form == "json":
        put(record.to_json())
    elif form == "csv":
        print_csv([layer.as_dict() for layer in record.layers])
    else:
        show(tables)
