"""``lw3dsim execute``."""

from __future__ import annotations

import sys

import click

from lw3dsim.cli.options import algorithm_options, format_option, machine_options, warn_unchanged, workload_options


@click.command("execute")
@click.argument("workload")
@machine_options
@workload_options
@algorithm_options
@click.option("--dtype", default="int8", show_default=True, help="int8, int16, float32 or float64.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Of clips and weights.")
@format_option("table", "json")
def command(
    workload: str,
    arch: str,
    overrides: tuple[str, ...],
    engine: str,
    transform: str | None,
    input_size: str | None,
    classes: int | None,
    algorithm: str,
    m1: int | None,
    m2: int | None,
    dtype: str,
    seed: int,
    form: str,
) -> None:
    """Run real tensors through the schedules of WORKLOAD and compare each layer with a direct computation."""
    from lw3dsim.describe.workload_file import load_workload
    from lw3dsim.engine.run import check_engine
    from lw3dsim.execution import execute
    from lw3dsim.report.tables import execution_tables, print_tables

    check_engine(engine)
    network = load_workload(workload, input_size=input_size, classes=classes)
    warn_unchanged(network, transform)
    with click.progressbar(
        length=len(network.layers), label=network.name, file=sys.stderr, hidden=not sys.stderr.isatty()
    ) as bar:
        result = execute(
            network,
            arch=arch,
            transform=transform,
            algorithm=algorithm,
            m1=m1,
            m2=m2,
            dtype=dtype,
            seed=seed,
            overrides=overrides,
            progress=lambda done, total: bar.update(done * len(network.layers) // total - bar.pos),
        )
    if form == "json":
        click.echo(result.to_json(), nl=False)
    else:
        print_tables(execution_tables(result.data))
