"""The timeline of a layer for papers: what its units do when, as strips."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.report.html.figures import label_style
from lw3dsim.report.paper.canvas import HATCHES, new_axes
from lw3dsim.result.closeups import kept_closeup

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from lw3dsim.report.paper.canvas import Width
    from lw3dsim.result.closeups import Closeups


def timeline(closeups: Closeups | None, workload: str, layer: str | None, width: Width) -> Figure:
    """Return the steady state of a layer, of the longest unless one is named. Raises InputError where there is none."""
    closeup = kept_closeup(closeups, workload, layer)
    stretch = closeup.stretches[0]
    strips = [strip for strip in stretch.strips if strip.begin]
    figure, axes = new_axes(width, 0.9 + 0.2 * len(strips))
    keys: dict[str, None] = {}
    for at, strip in enumerate(strips):
        for number, label in enumerate(strip.labels):
            look = label_style(label)
            is_new = look.label not in keys
            keys[look.label] = None
            pairs = zip(strip.begin, strip.end, strip.label, strict=True)
            axes.broken_barh(
                [(begin, end - begin) for begin, end, of in pairs if of == number], (at - 0.38, 0.76),
                facecolors=look.colour, edgecolor="#202020", linewidth=0.25,
                hatch=HATCHES[list(keys).index(look.label) % len(HATCHES)], label=look.label if is_new else "_",
            )  # fmt: skip
    axes.set_yticks(range(len(strips)), [strip.name for strip in strips])
    axes.invert_yaxis()
    axes.set_xlim(stretch.begin, stretch.end)
    axes.set_xlabel(f"cycle of {closeup.name[:60]}, {stretch.name}")
    axes.legend(
        loc="lower left", bbox_to_anchor=(0, 1.01), ncols=3 if width == "single" else 6, fontsize=6, borderaxespad=0
    )
    return figure
