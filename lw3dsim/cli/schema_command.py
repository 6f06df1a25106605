"""``lw3dsim schema``."""

from __future__ import annotations

import click

from lw3dsim.cli.command import Command
from lw3dsim.cli.options import print_json


@click.command("schema", cls=Command)
@click.argument("kind", type=click.Choice(["accelerator", "result", "execution"]), default="accelerator")
def command(kind: str) -> None:
    """JSON Schema of a kind of file: every field with meaning, range and default.

    KIND is accelerator (the default), result (what `simulate` writes) or execution (what `execute` writes).
    """
    import msgspec

    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.result.executed import ExecutionRecord
    from lw3dsim.result.records import RunRecord

    kinds = {"accelerator": Accelerator, "result": RunRecord, "execution": ExecutionRecord}
    # A mapping in a result is free: a file of its own says what it may hold.
    print_json(msgspec.json.schema(kinds[kind], schema_hook=lambda _: {"description": "any value"}))
