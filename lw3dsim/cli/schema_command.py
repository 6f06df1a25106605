"""``lw3dsim schema``."""

from __future__ import annotations

import click

from lw3dsim.cli.command import Command
from lw3dsim.cli.options import print_json


@click.command("schema", cls=Command)
def command() -> None:
    """JSON Schema of accelerator files: every field with meaning, range and default."""
    import msgspec

    from lw3dsim.describe.accelerator import Accelerator

    print_json(msgspec.json.schema(Accelerator))
