"""``lw3dsim compare``."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click

from lw3dsim.cli.options import RunOptions, format_option, progress_bar, run_options
from lw3dsim.errors import InputError, one_line

if TYPE_CHECKING:
    from lw3dsim.describe.workload import Workload
    from lw3dsim.explore.compare import Case


@click.command("case", add_help_option=False)
@run_options()
def _case_options(**_: object) -> None:
    """Options of one case: those of a run."""


@click.command("compare")
@click.argument("workload")
@click.option(
    "--case",
    "cases",
    multiple=True,
    metavar='"NAME: OPTIONS"',
    help="A case: a name and options of simulate (not --clips, --out, --format). Repeat it.",
)
@click.option("--input", "input_size", metavar="TxHxW", help="Frames, height and width of the clip, in all cases.")
@click.option("--classes", type=int, metavar="N", help="Number of classes, in all cases.")
@run_options("arch", "overrides", "engine")
@click.option("--html", type=click.Path(dir_okay=False), metavar="FILE", help="Also write the comparison as a page.")
@format_option()
def command(
    workload: str,
    cases: tuple[str, ...],
    input_size: str | None,
    classes: int | None,
    run: RunOptions,
    html: str | None,
    form: str,
) -> None:
    """Simulate several cases of a workload side by side, with ratios to the first.

    WORKLOAD is a name or a file. Without --case: baseline, FSB, FSB+hFA and 3D Winograd. --arch, --set and --engine
    hold for every case that does not give its own.
    """
    from dataclasses import replace

    from lw3dsim.describe.workload_file import load_workload
    from lw3dsim.explore.compare import compare, default_cases
    from lw3dsim.remembered import remember_mappings
    from lw3dsim.report.files import check_file
    from lw3dsim.report.forms import PAGE
    from lw3dsim.report.tables import comparison_tables, print_tables

    remember_mappings()
    network = load_workload(workload, input_size=input_size, classes=classes)
    if html is not None:
        check_file(html, PAGE)
    common = ["--arch", run.arch, "--engine", run.engine, *(f"--set={override}" for override in run.overrides)]
    sizes = {"--input": input_size, "--classes": classes}
    common += [f"{option}={value}" for option, value in sizes.items() if value is not None]
    if cases:
        chosen = [_parse_case(text, common) for text in cases]
    else:
        chosen = [
            replace(case, engine=run.engine, overrides=run.overrides) for case in default_cases(network, run.arch)
        ]
    resized = any(case.input_size is not None or case.classes is not None for case in chosen)
    position = {case.name: i for i, case in enumerate(chosen)}
    with progress_bar(network.name, parts=len(chosen)) as advance:
        comparison = compare(
            workload if resized else network,
            chosen,
            progress=lambda name, done, total: advance(position[name], done, total),
        )
    if html is not None:
        comparison.report(html)
        click.echo(f"wrote {html}", err=True)
    if form == "json":
        click.echo(comparison.to_json(), nl=False)
    elif form == "csv":
        click.echo(comparison.table.to_csv(index=False, lineterminator="\n"), nl=False)
    else:
        print_tables([*comparison_tables(_title(network), comparison.rows()), *comparison.notes()])


def _title(network: Workload) -> str:
    return f"{network.name} ({', '.join(f'{name} {shape}' for name, shape in network.inputs.items())})"


def _parse_case(text: str, common: list[str]) -> Case:
    """Parse ``"name: --transform fsb --algorithm hfa"``; options given later win over the common ones."""
    from lw3dsim.explore.compare import Case

    name, colon, options = text.partition(":")
    if not colon or not name.strip():
        raise InputError(
            f'--case "{one_line(text)}": expected "name: options of simulate", such as "fsb: --transform fsb"'
        )
    try:
        context = _case_options.make_context("case", [*common, *shlex.split(options)], resilient_parsing=False)
    except click.UsageError as error:
        raise InputError(f'--case "{one_line(text)}": {error.format_message()}') from None
    except ValueError as error:
        raise InputError(f'--case "{one_line(text)}": {error}') from None
    return Case(name=name.strip(), **context.params)
