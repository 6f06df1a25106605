"""``lw3dsim schema``."""

from __future__ import annotations

import click

from lw3dsim.cli.command import Command
from lw3dsim.cli.options import print_json

KINDS = ("accelerator", "workload", "space", "result", "execution")


@click.command("schema", cls=Command)
@click.argument("what", default="accelerator", metavar="[KIND|FIELD]")
def command(what: str) -> None:
    """Every field of a kind of file, with meaning, range and default: JSON Schema, or a table of some.

    KIND prints a JSON Schema: accelerator (the default), workload, space, result (what `simulate` writes) or execution
    (what `execute` writes). FIELD prints a table: a field of an accelerator, such as pe.acc_depth, or a section, such
    as pe; a kind of layer, such as conv3d; workload.NAME or space.NAME of the other files.
    """
    if what in KINDS:
        _print_schema(what)
    else:
        _print_fields(what)


def _print_schema(kind: str) -> None:
    if kind == "workload":
        from lw3dsim.describe.workload_schema import workload_schema

        print_json(workload_schema())
    elif kind == "space":
        from lw3dsim.explore.space_file import space_schema

        print_json(space_schema())
    else:
        _print_record(kind)


def _print_record(kind: str) -> None:
    import msgspec

    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.result.executed import ExecutionRecord
    from lw3dsim.result.records import RunRecord

    kinds = {"accelerator": Accelerator, "result": RunRecord, "execution": ExecutionRecord}
    # A mapping in a result is free: a file of its own says what it may hold.
    print_json(msgspec.json.schema(kinds[kind], schema_hook=lambda _: {"description": "any value"}))


def _print_fields(path: str) -> None:
    from lw3dsim.describe.beginnings import accelerator_fields, fields_of
    from lw3dsim.describe.workload_schema import workload_fields
    from lw3dsim.explore.space_file import space_fields
    from lw3dsim.report.terminal import Table, print_tables, words

    found = fields_of(path, [*accelerator_fields(), *workload_fields(), *space_fields()], KINDS)
    rows = [(field.path, field.default, field.allowed, field.meaning) for field in found]
    print_tables([Table(columns=words("field", "default", "may be", "meaning"), rows=rows)], wide=True, columns=())
