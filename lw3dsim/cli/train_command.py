"""``lw3dsim train``."""

from __future__ import annotations

import click

from lw3dsim.cli.command import Command
from lw3dsim.cli.options import options_of, progress_bar
from lw3dsim.learn.options import TrainingOptions


@click.command("train", cls=Command)
@click.argument("workload")
@options_of(TrainingOptions)
def command(workload: str, asked: TrainingOptions) -> None:
    """Train a workload from scratch on labelled clips, and score it on others.

    WORKLOAD is a name or a file. The folder --out then holds its weights, as `lw3dsim execute --weights` takes them.
    """
    from functools import partial

    from lw3dsim.learn.training import train

    with progress_bar(workload) as advance:
        trained = train(workload, **vars(asked), progress=partial(advance, 0), note=_noted)
    if trained.test_clips:
        click.echo(f"test, {trained.test_clips} clips: top-1 {trained.test_top1:.3f}, top-5 {trained.test_top5:.3f}")


def _noted(sentence: str) -> None:
    click.echo(f"note: {sentence}", err=True)
