"""The command line of the fuzzer."""

from __future__ import annotations

import re
import tempfile
import time
from pathlib import Path

import click

from .driver import Plan, fuzz
from .kinds import KINDS


@click.command()
@click.option("--seconds", type=float, help="How long to go on. Default: until --count, or Ctrl-C.")
@click.option("--count", type=int, help="Inputs per kind.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--first", type=int, default=0, show_default=True, help="The number of the first input.")
@click.option("--kinds", default=",".join(KINDS), show_default=True, help="Kinds of input, comma-separated.")
@click.option("--keep", type=click.Path(path_type=Path), help="Where findings are kept. Default: a temporary folder.")
@click.option(
    "--skip",
    type=click.Path(exists=True, path_type=Path),
    help="Regular expressions, one a line, of findings to pass over.",
)
@click.option("--limit", type=float, default=10.0, show_default=True, help="Seconds that an input may compute.")
def main(
    seconds: float | None,
    count: int | None,
    seed: int,
    first: int,
    kinds: str,
    keep: Path | None,
    skip: Path | None,
    limit: float,
) -> None:
    """Give the product inputs of every kind, good and damaged; keep what it should not have done."""
    chosen = kinds.split(",")
    for kind in chosen:
        if kind not in KINDS:
            raise click.UsageError(f"unknown kind {kind!r}; allowed: {', '.join(KINDS)}")
    folder = keep or Path(tempfile.mkdtemp(prefix="lw3dsim-found-"))
    patterns = [re.compile(line) for line in skip.read_text().splitlines() if line.strip()] if skip else []
    plan = Plan(
        kinds=chosen, seed=seed, first=first, seconds=seconds, count=count, limit=limit, keep=folder, skip=patterns
    )
    begin = shown = time.monotonic()
    tally = None
    try:
        for tally, found in fuzz(plan):
            if found is not None:
                click.echo(f"{found.kind} {found.seed} {found.number}: {found.what[:300]}")
            if time.monotonic() - shown > 60:
                shown = time.monotonic()
                click.echo(
                    f"{tally.inputs.total()} inputs in {shown - begin:.0f} s, {tally.found.total()} findings", err=True
                )
    except KeyboardInterrupt:
        click.echo("stopped", err=True)
    if tally is None:
        return
    for kind in chosen:
        rate = tally.seconds[kind] / max(tally.inputs[kind], 1)
        click.echo(f"{kind:<12}{tally.inputs[kind]:>8} inputs {1000 * rate:>8.0f} ms each")
    for signature, times in tally.found.most_common():
        click.echo(f"{times:>6} x {signature}")
    for signature, times in tally.skipped.most_common():
        click.echo(f"{times:>6} x (passed over) {signature}")
    click.echo(
        f"{tally.inputs.total()} inputs in {time.monotonic() - begin:.0f} s, {tally.found.total()} findings"
        + (f" in {folder}" if tally.found else "")
    )
    raise SystemExit(1 if tally.found else 0)


if __name__ == "__main__":
    main()
