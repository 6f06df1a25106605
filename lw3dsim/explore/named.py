"""What the names in a search space stand for: its designs, its networks, trained weights and what plug-ins add."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from lw3dsim.describe.accelerator_file import load_arch, named_by
from lw3dsim.describe.dataflow import DATAFLOWS
from lw3dsim.describe.dram_standards import DRAM_PRESETS
from lw3dsim.errors import InputError
from lw3dsim.explore.space import digest_of
from lw3dsim.network.pipeline import resolve_network
from lw3dsim.transform.passes import as_passes

if TYPE_CHECKING:
    from collections.abc import Callable

    from lw3dsim.describe.document import Document
    from lw3dsim.explore.point import Load
    from lw3dsim.explore.space import Parameter


def contents_of(document: Document, arch: str, loads: tuple[Load, ...], parameters: list[Parameter]) -> str:
    """Return what the names of a space file stand for; raise InputError for one that stands for nothing."""
    values = {parameter.path: parameter.values for parameter in parameters}
    try:
        design = load_arch(arch)
    except InputError as error:
        raise document.error(("arch",), str(error)) from None
    networks = []
    for index, load in enumerate(loads):
        try:
            networks.append(resolve_network(load.workload, load.transform, load.input_size, load.classes, load.dims))
        except InputError as error:
            raise document.error(("workloads", index), str(error)) from None
    named: list[object] = [named_by(design)]
    for index, load in enumerate(loads):
        if load.examined is not None:
            try:
                named.append(digest_of(Path(document.path).parent / load.examined.weights))
            except InputError as error:
                raise document.error(("workloads", index, "accuracy", "weights"), str(error)) from None
    for path in sorted(NAMED.keys() & values.keys()):
        try:
            named += [NAMED[path](str(name), loads) for name in values[path]]
        except InputError as error:
            raise document.error(("parameters", path), str(error)) from None
    return msgspec.json.encode([design]).decode() + repr(networks) + repr(named)


def _design(name: str) -> object:
    """Return an accelerator, and what names in it stand for; raise InputError for one that can't be read."""
    design = load_arch(name)
    return design, named_by(design)


def _transformed(transform: str, loads: tuple[Load, ...]) -> object:
    """Return what passes make of the networks of a space, or why they do not fit; raise InputError for unknown ones."""
    passes = as_passes("run.transform", transform)
    try:
        return [resolve_network(load.workload, passes, load.input_size, load.classes, load.dims) for load in loads]
    except InputError as error:
        return str(error)


# What the values of a parameter stand for that are names, by its path; a plug-in may give them other contents tomorrow.
NAMED: dict[str, Callable[[str, tuple[Load, ...]], object]] = {
    "pe.dataflow": lambda name, _: DATAFLOWS.get(name),
    "dram.preset": lambda name, _: DRAM_PRESETS.get(name),
    "run.arch": lambda name, _: _design(name),
    "run.transform": _transformed,
}
