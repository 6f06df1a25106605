"""``lw3dsim compare``."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from lw3dsim.arguments import as_overrides
from lw3dsim.base.values import replace
from lw3dsim.cli.command import Command
from lw3dsim.cli.options import check_overrides, format_option, note_copies, progress_bar, put, run_options
from lw3dsim.errors import InputError, check_text, one_line, short
from lw3dsim.network.request import DEFAULT_ARCH, Options, Run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.cli.options import Show
    from lw3dsim.comparison.compare import Case
    from lw3dsim.describe.workload import Workload


@click.command("case", cls=Command, add_help_option=False)
@run_options(Run)
def _case_options(**_: object) -> None:
    """Options of one case: those of a run."""


class _OfCases(Command):
    """A command some of whose options belong to its cases, and that says so where they are given to all."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments. Raises InputError for an option of a case."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            option = error.option_name
            if any(option in parameter.opts for parameter in _case_options.params):
                raise InputError(
                    f'{option} is an option of a case; give it in one: --case "NAME: {option} ..."'
                ) from None
            raise


@click.command("compare", cls=_OfCases)
@click.argument("workload")
@click.option(
    "--case",
    "cases",
    multiple=True,
    metavar='"NAME: OPTIONS"',
    help="A case: a name and options of simulate (not --clips, --calibration, or what to write). Repeat it.",
)
@click.option("--input", "input_size", metavar="TxHxW", help="Frames, height and width of the clip, in all cases.")
@click.option("--classes", type=int, metavar="N", help="Number of classes, in all cases.")
@click.option(
    "--arch",
    "archs",
    multiple=True,
    metavar="NAME|FILE",
    help=f"The accelerator, by default {DEFAULT_ARCH}. Repeat it to compare accelerators.",
)
@run_options(Run, only=("overrides", "engine", "dims", "allow_unknown"))
@click.option("--html", type=click.Path(dir_okay=False), metavar="FILE", help="Also write the comparison as a page.")
@format_option()
def command(
    workload: str,
    cases: tuple[str, ...],
    archs: tuple[str, ...],
    input_size: str | None,
    classes: int | None,
    run: Options,
    html: str | None,
    form: str,
    show: Show,
) -> None:
    """Simulate several cases of a workload side by side, with ratios to the first.

    WORKLOAD is a name or a file. Without --case: baseline, FSB, FSB+hFA and 3D Winograd. --input, --classes, --dim,
    --set and --engine hold for every case that does not give its own. Several --arch without --case: the workload as it
    is, direct, once on each; with --case: each case that has no --arch of its own, once on each.
    """
    from lw3dsim.base.forms import PAGE
    from lw3dsim.base.output import check_file, write_text
    from lw3dsim.base.remembered import remember_mappings
    from lw3dsim.comparison.compare import compare, resized
    from lw3dsim.report.text.tables import comparison_tables

    remember_mappings()
    run = replace(run, input_size=input_size, classes=classes)
    network = _loaded(workload, run)
    if html is not None:
        check_file(html, PAGE)
    chosen = _cases(network, cases, archs, run)
    position = {case.name: i for i, case in enumerate(chosen)}
    with progress_bar(network.name, parts=len(chosen)) as advance:
        comparison = compare(
            workload if resized(chosen) else network,
            chosen,
            progress=lambda name, done, total: advance(position[name], done, total),
        )
    tables = comparison_tables(_title(network), comparison) if form == "table" else []
    show.check(tables)
    if html is not None:
        from lw3dsim.report.html.comparison import comparison_page

        write_text(html, comparison_page(comparison), PAGE)
        click.echo(f"wrote {html}", err=True)
    if form == "json":
        put(comparison.to_json())
    elif form == "csv":
        put(comparison.table.to_csv(index=False, lineterminator="\n"))
    else:
        show(tables)


def _loaded(name: str, run: Options) -> Workload:
    """Return the network as all cases read it, saying what is a guess in it."""
    from lw3dsim.importing.load import load_workload

    given = {key: getattr(run, key) for key in ("input_size", "classes", "dims", "allow_unknown")}
    network = load_workload(name, **given)
    note_copies(network)
    return network


def _title(network: Workload) -> str:
    return f"{network.name} ({', '.join(f'{name} {shape}' for name, shape in network.inputs.items())})"


def _cases(network: Workload, texts: Sequence[str], archs: Sequence[str], common: Options) -> list[Case]:
    """Return the cases that are meant; what they do not say is as in ``common``. Raises InputError."""
    from lw3dsim.comparison.compare import Case, default_cases

    for arch in archs:
        if archs.count(arch) > 1:
            raise InputError(f"--arch {one_line(arch)} is given twice; give each accelerator once")
    wanted = archs or (DEFAULT_ARCH,)
    if texts:
        cases = [case for text in texts for case in _parsed(text, wanted, common)]
    elif len(wanted) > 1:
        cases = [Case(name=arch, arch=arch) for arch in wanted]
    else:
        cases = default_cases(network, wanted[0])
    for name in sorted({case.name for case in cases}):
        if sum(case.name == name for case in cases) > 1:
            raise InputError(f"--case: the name {short(name)} is used twice; rename one")
    return cases if texts else [replace(case, engine=common.engine, overrides=common.overrides) for case in cases]


def _parsed(text: str, archs: Sequence[str], common: Options) -> list[Case]:
    """Parse ``"name: --transform fsb --algorithm hfa"``; return a case for each of ``archs``, or on its own."""
    from lw3dsim.comparison.compare import Case

    check_text(f'--case "{one_line(text)}"', text)
    name, colon, options = text.partition(":")
    if not colon or not name.strip():
        raise InputError(
            f'--case "{one_line(text)}": expected "name: options of simulate", such as "fsb: --transform fsb"'
        )
    defaults = {key: getattr(common, key) for key in ("engine", "input_size", "classes", "dims", "allow_unknown")}
    try:
        context = _case_options.make_context("case", shlex.split(options), default_map=defaults)
        own = context.params["overrides"]
        check_overrides(own)
    except click.UsageError as error:
        raise InputError(f'--case "{one_line(text)}": {error.format_message()}') from None
    except ValueError as error:
        raise InputError(f'--case "{one_line(text)}": {error}') from None
    keys = [override.partition("=")[0].strip() for override in own]
    kept = (
        override
        for override in as_overrides("overrides", common.overrides)
        if override.partition("=")[0].strip() not in keys
    )
    case = Case(name=name.strip(), **{**context.params, "overrides": (*kept, *own)})
    if context.get_parameter_source("arch") is ParameterSource.COMMANDLINE:
        return [case]
    if len(archs) == 1:
        return [replace(case, arch=archs[0])]
    return [replace(case, name=f"{case.name} on {arch}", arch=arch) for arch in archs]
