"""The timeline of a layer for papers: what its units do when, as strips."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.errors import InputError, unknown
from lw3dsim.report.html.figures import STYLES
from lw3dsim.report.paper.canvas import HATCHES, new_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from lw3dsim.report.paper.canvas import Width
    from lw3dsim.result.closeups import Closeup, Closeups

TRANSFERS = {"load ifmap": "ifmap", "load weight": "weight", "store ofmap": "ofmap"}
STYLE_OF = {"drain_stall": "drain"} | TRANSFERS


def timeline(closeups: Closeups | None, workload: str, layer: str | None, width: Width) -> Figure:
    """Return the steady state of a layer, of the longest unless one is named. Raises InputError where there is none."""
    closeup = chosen(closeups, workload, layer)
    stretch = closeup.stretches[0]
    strips = [strip for strip in stretch.strips if strip.begin]
    figure, axes = new_axes(width, 0.9 + 0.2 * len(strips))
    keys: dict[str, None] = {}
    for at, strip in enumerate(strips):
        for number, label in enumerate(strip.labels):
            key = label.rpartition(": ")[2]
            key = STYLE_OF.get(key, key)
            known = key not in keys
            keys[key] = None
            pairs = zip(strip.begin, strip.end, strip.label, strict=True)
            axes.broken_barh(
                [(begin, end - begin) for begin, end, of in pairs if of == number], (at - 0.38, 0.76),
                facecolors=STYLES[key].colour, edgecolor="#202020", linewidth=0.25,
                hatch=HATCHES[list(keys).index(key) % len(HATCHES)], label=STYLES[key].label if known else "_",
            )  # fmt: skip
    axes.set_yticks(range(len(strips)), [strip.name for strip in strips])
    axes.invert_yaxis()
    axes.set_xlim(stretch.begin, stretch.end)
    axes.set_xlabel(f"cycle of {closeup.name[:60]}, {stretch.name}")
    axes.legend(
        loc="lower left", bbox_to_anchor=(0, 1.01), ncols=3 if width == "single" else 6, fontsize=6, borderaxespad=0
    )
    return figure


def chosen(closeups: Closeups | None, workload: str, layer: str | None) -> Closeup:
    """Return the layer that is asked for, or the longest, where its timeline was kept. Raises InputError."""
    kept = [] if closeups is None else [one for one in closeups.closeups if one.stretches]
    if not kept:
        raise InputError(
            f"{workload}: no timeline was kept beside this result; simulate it again, with `simulate --out` for files"
        )
    if layer is None:
        return max(kept, key=lambda one: one.latency_cycles)
    found = next((one for one in kept if one.name == layer), None)
    if found is None:
        raise unknown("layer with a timeline", layer, [one.name for one in kept])
    return found
