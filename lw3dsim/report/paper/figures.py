"""Figures of results for papers, by kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.arguments import as_text, as_word
from lw3dsim.errors import InputError
from lw3dsim.report.paper.canvas import check_figure, write_figure
from lw3dsim.report.paper.roofline import roofline
from lw3dsim.report.paper.stacks import accesses, cycles, energy
from lw3dsim.report.paper.timeline import timeline

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.figure import Figure

    from lw3dsim.arguments import PathArgument
    from lw3dsim.report.paper.canvas import Width
    from lw3dsim.result.result import Result

KINDS = ("energy", "cycles", "accesses", "roofline", "timeline")

# Kinds that show several runs side by side.
OF_SEVERAL = ("energy", "cycles")


def save_figure(
    kind: str,
    names: Sequence[str],
    results: Sequence[Result],
    path: PathArgument,
    width: object = "single",
    layer: str | None = None,
) -> Path:
    """Write a figure of results, called ``names`` where there are several; return its file.

    Raises InputError and OutputError.
    """
    fitting = KINDS if len(results) == 1 else OF_SEVERAL
    if isinstance(kind, str) and kind in KINDS and kind not in fitting:
        raise InputError(
            f"{kind}: shows one run, and {len(results)} were given; {' and '.join(OF_SEVERAL)} show several"
        )
    kind = as_word("kind", kind, fitting)
    named = None if layer is None else as_text("layer", layer)
    if layer is not None and kind != "timeline":
        raise InputError(f"{kind}: shows all layers; a layer is named for a timeline")
    target, wide = check_figure(path, width)
    what = results[0].workload if len(results) == 1 else ", ".join(names)
    write_figure(target, f"{kind} of {what}", lambda: _drawn(kind, names, results, wide, named))
    return target


def _drawn(kind: str, names: Sequence[str], results: Sequence[Result], width: Width, layer: str | None) -> Figure:
    first, records = results[0], [result.record for result in results]
    if kind == "energy":
        return energy(names, records, width)
    if kind == "cycles":
        return cycles(names, records, width)
    if kind == "accesses":
        return accesses(first.record, width)
    if kind == "roofline":
        return roofline(first.record, width)
    return timeline(first.closeups, first.workload, layer, width)
