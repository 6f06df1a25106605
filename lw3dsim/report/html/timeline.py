"""The timeline of a layer as a drawing: a row per unit, a line per buffer, an arrow from a load to its first step."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.report.html.figures import STYLES
from lw3dsim.report.html.markup import joined, number, percent, share_text, short, tag
from lw3dsim.report.html.scales import Scale, tick_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

    from lw3dsim.result.closeups import Fill, Stretch, Strip

# The drawing is so many units long; a page stretches it to its width.
LENGTH = 20_000

# Units of height of a row, and of the bar in it.
ROW, BAR = 24, 16

# Slices of a track up to which neighbours differ in tone, and steps up to which they are numbered.
TONED, NUMBERED = 120, 24

# Keys, which have colours, of what slices are called.
KEYS = {
    "load ifmap": "ifmap",
    "load weight": "weight",
    "store ofmap": "ofmap",
    "drain_stall": "drain",
}
TRACK_KEYS = {"loader": "staging", "drain": "drain"}
WORDS = {"dram_read": "waits for DRAM read", "dram_write": "waits for DRAM write"}


class View(NamedTuple):
    """A stretch to look at: its name, the sentence on it, rows' names, the drawing, its axis, what colours mean."""

    name: str
    said: str
    rows: list[str]
    height: int
    drawing: Markup
    ticks: list[tuple[str, str]]
    numbers: list[tuple[str, str, str]]
    begin: str
    end: str
    keys: list[tuple[str, str]]


def stretch_view(stretch: Stretch, steps: int) -> View:
    """Return what a page shows of a stretch of a layer of so many ``steps``."""
    rows = [strip.name for strip in stretch.strips] + [fill.name for fill in stretch.fills]
    height = ROW * len(rows)
    scale = Scale(low=stretch.begin, high=stretch.end)
    drawn = [_strip(strip, place, scale) for place, strip in enumerate(stretch.strips)]
    places = range(len(stretch.strips), len(rows))
    drawn += [_fill(fill, place, scale) for place, fill in zip(places, stretch.fills, strict=True)]
    drawn.append(_arrows(stretch, scale))
    keys = {_key(strip, label): _words(strip, label) for strip in stretch.strips for label in strip.labels}
    return View(
        name=stretch.name,
        said=_said(stretch, steps),
        rows=rows,
        height=height,
        drawing=tag(
            "svg",
            *drawn,
            viewBox=f"0 0 {LENGTH} {height}",
            preserveAspectRatio="none",
            aria_hidden="true",
        ),
        ticks=[(percent(scale.share(at)), tick_text(at)) for at in scale.ticks(6)],
        numbers=_numbers(stretch, scale),
        begin=short(stretch.begin),
        end=short(stretch.end),
        keys=list(keys.items()),
    )


def _words(strip: Strip, label: str) -> str:
    """Return what a colour means: causes and transfers, without the name of a layer."""
    if strip.name in TRACK_KEYS:
        return strip.name
    cause = label.rpartition(": ")[2]
    key = KEYS.get(cause, cause)
    if cause in WORDS or key not in STYLES or cause.startswith(("load", "store")):
        return WORDS.get(cause, cause)
    return STYLES[key].label


def _key(strip: Strip, label: str) -> str:
    cause = label.rpartition(": ")[2]
    return TRACK_KEYS.get(strip.name) or KEYS.get(cause, cause)


def _strip(strip: Strip, place: int, scale: Scale) -> Markup:
    """Return the slices of a track as thick lines: a path for each colour and tone."""
    paths: dict[tuple[int, int], list[str]] = {}
    is_toned, count = len(strip.begin) <= TONED, dict.fromkeys(strip.label, 0)
    for begin, end, label in zip(strip.begin, strip.end, strip.label, strict=True):
        at, to = (round(LENGTH * scale.share(one)) for one in (begin, end))
        tone = count[label] % 2 if is_toned else 0
        count[label] += 1
        paths.setdefault((label, tone), []).append(f"M{at} {ROW * place + ROW // 2}h{max(to - at, 1)}")
    return joined(
        tag(
            "path",
            d="".join(parts),
            class_=f"slice k-{_key(strip, strip.labels[label])}{' odd' * tone}",
            stroke_width=BAR,
            data_row=strip.name,
            data_label=strip.labels[label],
        )
        for (label, tone), parts in paths.items()
    )


def _fill(fill: Fill, place: int, scale: Scale) -> Markup:
    """Return how much lies in a buffer over time, as an area under steps; the row is as high as the most of it."""
    most = max(fill.kib, default=0) or 1
    base, top = ROW * (place + 1) - 2, ROW - 6
    path = [f"M0 {base}"]
    for at, kib in zip(fill.times, fill.kib, strict=True):
        path.append(f"H{round(LENGTH * scale.share(at))}V{short(base - top * kib / most)}")
    path.append(f"H{LENGTH}V{base}z")
    key = "_".join(fill.name.split()[:1]) + "_sram"
    return tag(
        "path", d="".join(path), class_=f"fill k-{key}", data_row=fill.name, data_label=f"most {number(most)} KiB"
    )


def _arrows(stretch: Stretch, scale: Scale) -> Markup:
    """Return curves from the DMA's row to that of the array."""
    rows = {strip.name: place for place, strip in enumerate(stretch.strips)}
    goal = rows.get("array", rows.get("vector unit"))
    if "DMA" not in rows or goal is None:
        return joined(())
    top, bottom = ROW * rows["DMA"] + ROW // 2 + BAR // 2, ROW * goal + ROW // 2 - BAR // 2
    middle = (top + bottom) // 2
    curves = []
    for begin, end in stretch.arrows:
        x, to = (round(LENGTH * scale.share(at)) for at in (begin, end))
        curves.append(f"M{x} {top}C{x} {middle} {to} {middle} {to} {bottom}")
    return tag("path", d="".join(curves), class_="arrow") if curves else joined(())


def _numbers(stretch: Stretch, scale: Scale) -> list[tuple[str, str, str]]:
    """Return place, width and number of each step, where there are few."""
    strip = next((one for one in stretch.strips if one.name in ("array", "vector unit")), None)
    count = stretch.last_step - stretch.first_step + 1
    # In a group, the array's steps and those of the vector unit take turns.
    if strip is None or len(strip.begin) != count or count > NUMBERED:
        return []
    bounds = zip(strip.begin, strip.end, strict=True)
    return [
        (percent(scale.share(begin)), percent(scale.share(end) - scale.share(begin)), str(stretch.first_step + place))
        for place, (begin, end) in enumerate(bounds)
    ]


def _busy(strips: Sequence[Strip], *names: str) -> float:
    return sum(sum(one.busy_cycles) for one in strips if one.name in names)


def _said(stretch: Stretch, steps: int) -> str:
    """Return what is to be seen: how busy units are, and whether loads come before the steps that need them."""
    length = stretch.end - stretch.begin
    works, dma = _busy(stretch.strips, "array", "vector unit") / length, _busy(stretch.strips, "DMA") / length
    units = [strip.name for strip in stretch.strips if strip.name in ("array", "vector unit")]
    unit = f"the {' and the '.join(units)} {'are' if len(units) > 1 else 'is'}"
    waits = sum(
        cycles
        for strip in stretch.strips
        if strip.name == "waits"
        for label, cycles in zip(strip.labels, strip.busy_cycles, strict=True)
        if label.startswith("dram")
    )
    what = f"Steps {stretch.first_step} to {stretch.last_step} of {steps:,}" if steps > 1 else "The only step"
    busy = f"{what}: {unit} busy {share_text(min(works, 1))} of the time, DMA {share_text(min(dma, 1))}"
    near = stretch.merged_cycles
    merged = f" Gaps below {near:,.0f} cycles are not drawn." if near else ""
    if steps == 1:
        return f"{busy}.{merged}"
    if waits / length < 0.01:
        return f"{busy}. Double buffering works: while a step runs, DMA fetches what the next ones need.{merged}"
    late = share_text(waits / length)
    return f"{busy}. Double buffering can't hide DRAM here: steps wait for it {late} of the time.{merged}"
