"""``lw3dsim list``."""

from __future__ import annotations

from inspect import getdoc, isfunction
from typing import TYPE_CHECKING, Any

import click

from lw3dsim.base.plugins import Family
from lw3dsim.cli.command import Command
from lw3dsim.cli.options import format_option, print_json
from lw3dsim.errors import one_line

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from lw3dsim.base.plugins import Tried
    from lw3dsim.cli.options import Show
    from lw3dsim.transform.passing import Pass

# The folders of what is kept in files.
FOLDERS = {"workloads": "workloads", "archs": "arch_configs", "spaces": "experiments"}


@click.command("list", cls=Command)
@format_option("table", "json", has_columns=False)
def command(form: str, show: Show) -> None:
    """Names of workloads, accelerators, transforms, algorithms, dataflows, DRAM presets, engines, and so on."""
    groups = _groups()
    if form == "json":
        named = {group: _usable(names) for group, names in groups.items()}
        print_json({**named, "folders": {group: str(_folder(group)) for group in FOLDERS}, "plugins": _plugins(groups)})
        return
    lines = []
    for group, names in groups.items():
        lines.append(f"{group}: (files in {_folder(group)})" if group in FOLDERS else f"{group}:")
        lines += _lines(names)
    show(lines)


def _folder(group: str) -> Path:
    """Return where the files of a group lie."""
    from lw3dsim.describe.catalog import shipped_folder

    return shipped_folder(FOLDERS[group])


def _groups() -> dict[str, Collection[str]]:
    """Return all that has a name, by what it is: families that plug-ins add to, and names that are lw3dsim's own."""
    from lw3dsim.describe.catalog import named_files
    from lw3dsim.describe.dataflow import DATAFLOWS
    from lw3dsim.describe.dram_standards import DRAM_PRESETS
    from lw3dsim.engine.run import ENGINES
    from lw3dsim.explore.samplers import SAMPLERS
    from lw3dsim.transform.algorithms import POLICIES
    from lw3dsim.transform.passes import PASSES

    return {
        "workloads": named_files(FOLDERS["workloads"]),
        "archs": named_files(FOLDERS["archs"]),
        "transforms": PASSES,
        "algorithms": POLICIES,
        "dataflows": DATAFLOWS,
        "dram_presets": DRAM_PRESETS,
        "engines": ENGINES,
        "spaces": named_files(FOLDERS["spaces"]),
        "samplers": SAMPLERS,
    }


def _tried(names: Collection[str]) -> list[Tried[Any]]:
    return names.plugins() if isinstance(names, Family) else []


def _own(names: Collection[str]) -> Collection[str]:
    return names.builtin if isinstance(names, Family) else names


def _usable(names: Collection[str]) -> list[str]:
    return names.usable() if isinstance(names, Family) else [*names]


def _plugins(groups: dict[str, Collection[str]]) -> list[dict[str, str]]:
    """Return every plug-in as a record; its ``problem`` is empty where it can be used."""
    return [
        {
            "group": group,
            "name": tried.plugin.name,
            "distribution": tried.plugin.distribution,
            "entry_point": tried.plugin.target,
            "problem": tried.problem,
        }
        for group, names in groups.items()
        for tried in _tried(names)
    ]


def _lines(names: Collection[str]) -> Iterator[str]:
    """Yield a line per name: what is known of it, and where it is from if it is not built in; passes with arguments."""
    tried = _tried(names)
    room = max(map(len, [*_own(names), *(one.plugin.name for one in tried)]))
    for name in _own(names):
        kind = names.builtin[name] if isinstance(names, Family) else None
        yield f"  {name:<{room}}  {_about(kind)}".rstrip()
        yield from _arguments(kind)
    for one in tried:
        origin = f"[{one.plugin.distribution}]"
        about = f"can't be used, {one.plugin.target}: {one.problem}" if one.problem else _about(one.value)
        yield f"  {one.plugin.name:<{room}}  {about} {origin}".replace("   [", "  [")
        yield from _arguments(one.value)


def _as_pass(value: object) -> type[Pass] | None:
    from lw3dsim.transform.passing import Pass

    return value if isinstance(value, type) and issubclass(value, Pass) else None


def _about(value: object) -> str:
    """Return what a member of a family says of itself, if it does: a function, the first line of its docstring."""
    kind = _as_pass(value)
    if kind is not None:
        return kind.about()
    if isfunction(value):
        return one_line((getdoc(value) or "").partition("\n")[0].removesuffix("."), 120)
    return str(getattr(value, "description", ""))


def _arguments(value: object) -> Iterator[str]:
    """Yield a line per argument of a pass: its default, what it means, what it takes."""
    from lw3dsim.transform.fields import text_of

    kind = _as_pass(value)
    arguments = () if kind is None else kind.arguments()
    room = max((len(argument.name) for argument in arguments), default=0)
    for argument in arguments:
        default = "" if argument.is_required else text_of(argument.default)
        shown = f" [default: {default}]" if default else ""
        yield f"    {argument.name:<{room}}  {argument.about}; {argument.allowed}{shown}"
