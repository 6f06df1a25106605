"""The roofline: layers as points under the roofs of DRAM and of the multipliers, drawn as SVG that fits any width."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.base.values import replace
from lw3dsim.report.html.markup import joined, number, percent, share_text, tag
from lw3dsim.report.html.scales import Scale, tick_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markupsafe import Markup

    from lw3dsim.result.records import Layer, RunRecord

# Layers that are named in the drawing; every point says its name when it is looked at.
NAMED = 8

# The radius of the largest point, and of the smallest, in pixels.
LARGEST, SMALLEST = 20.0, 3.5

# What a drawing of usual width and height measures, in pixels: labels keep apart in that.
WIDTH, HEIGHT = 900.0, 400.0
TEXT, LETTER = 15.0, 6.8

# Letters of a name in the drawing.
LONGEST = 22

# Room for the names of roofs, as a share of the axis.
ROOM = 0.2

# Classes of points by algorithm.
ALGORITHMS = ("direct", "winograd1d", "winograd2d", "winograd3d", "nested")


class Roofline(NamedTuple):
    """The drawing, what is to be seen in words, and key and label of the algorithms in it."""

    drawing: Markup
    said: str
    keys: list[tuple[str, str]]


class _Point(NamedTuple):
    layer: Layer
    x: float
    y: float
    radius: float
    share: float


def roofline(record: RunRecord) -> Roofline | None:
    """Return the roofline of a run; None where no layer has MACs."""
    layers = [layer for layer in record.layers if layer.macs]
    if not layers:
        return None
    totals, count = record.totals, record.config.arch.multipliers
    bandwidth = totals.dram_bytes / totals.dram_bound_cycles
    roofs = {"multipliers": float(count)}
    for layer in layers:
        if layer.algorithm != "direct":
            gain = count * layer.macs / layer.ideal_mults
            roofs[layer.algorithm] = max(roofs.get(layer.algorithm, 0.0), gain)
    intensity = [layer.macs / layer.dram_bytes for layer in layers]
    reached = [layer.effective_macs_per_cycle for layer in layers]
    x = Scale.of([*intensity, *(roof / bandwidth for roof in roofs.values())], is_log=True)
    # Names of roofs stand to the right of all points.
    x = replace(x, high=x.high * (x.high / x.low) ** ROOM)
    y = Scale.of([*reached, *roofs.values()], is_log=True)
    points = _points(record, layers, x, y)
    drawing = joined((_axes(x, y), _roofs(roofs, bandwidth, x, y), _dots(points), _names(points)))
    kinds = dict.fromkeys(_kind(layer) for layer in layers)
    return Roofline(drawing, _said(layers, bandwidth, count), [(_colour(kind), kind) for kind in kinds])


def _kind(layer: Layer) -> str:
    return layer.algorithm.split(" ")[0]


def _colour(kind: str) -> str:
    return f"alg-{kind if kind in ALGORITHMS else 'other'}"


def _said(layers: Sequence[Layer], bandwidth: float, count: int) -> str:
    ridge = count / bandwidth
    left = [layer for layer in layers if layer.macs / layer.dram_bytes < ridge]
    cycles = sum(layer.latency_cycles for layer in left) / sum(layer.latency_cycles for layer in layers)
    return (
        f"{len(left)} of {len(layers)} layers with MACs do fewer than {number(ridge)} MACs a byte: for them DRAM's "
        f"roof is the lower one. They take {share_text(cycles)} of these layers' cycles."
    )


def _points(record: RunRecord, layers: Sequence[Layer], x: Scale, y: Scale) -> list[_Point]:
    longest = max(layer.latency_cycles for layer in layers)
    return [
        _Point(
            layer,
            x.share(layer.macs / layer.dram_bytes),
            1 - y.share(layer.effective_macs_per_cycle),
            max(LARGEST * (layer.latency_cycles / longest) ** 0.5, SMALLEST),
            layer.latency_cycles / record.totals.latency_cycles,
        )
        for layer in sorted(layers, key=lambda layer: -layer.latency_cycles)
    ]


def _axes(x: Scale, y: Scale) -> Markup:
    lines = [
        tag("line", class_="grid", x1=percent(x.share(at)), x2=percent(x.share(at)), y1="0%", y2="100%")
        for at in x.ticks()
    ]
    lines += [
        tag("line", class_="grid", x1="0%", x2="100%", y1=percent(1 - y.share(at)), y2=percent(1 - y.share(at)))
        for at in y.ticks()
    ]
    below = [
        tag("text", tick_text(at), class_=f"tick below{' minor' * (i % 2)}", x=percent(x.share(at)), y="100%", dy=16)
        for i, at in enumerate(x.ticks())
    ]
    beside = [
        tag("text", tick_text(at), class_="tick beside", x=0, y=percent(1 - y.share(at)), dx=-6, dy=4)
        for at in y.ticks()
    ]
    return joined([*lines, *below, *beside])


def _roofs(roofs: dict[str, float], bandwidth: float, x: Scale, y: Scale) -> Markup:
    """Return the line of DRAM up to the highest roof, and from it a level line per algorithm, with their names."""
    highest = max(roofs.values())
    start = max(x.low, y.low / bandwidth)
    drawn = [
        tag(
            "line",
            class_="roof",
            x1=percent(x.share(start)),
            y1=percent(1 - y.share(start * bandwidth)),
            x2=percent(x.share(highest / bandwidth)),
            y2=percent(1 - y.share(highest)),
        )
    ]
    taken: list[float] = []
    for label, roof in sorted(roofs.items(), key=lambda item: -item[1]):
        at = percent(1 - y.share(roof))
        kind = "roof" if label == "multipliers" else "roof gain"
        drawn.append(tag("line", class_=kind, x1=percent(x.share(roof / bandwidth)), y1=at, x2="100%", y2=at))
        place = HEIGHT * (1 - y.share(roof))
        if all(abs(place - other) > TEXT for other in taken):
            taken.append(place)
            minor = "" if label == "multipliers" else " minor"
            drawn.append(
                tag("text", f"{label} {number(roof)}", class_="roof-name" + minor, x="100%", y=at, dx=-4, dy=-5)
            )
    middle = (start * highest / bandwidth) ** 0.5
    drawn.append(
        tag(
            "text",
            f"DRAM {bandwidth:.4g} bytes a cycle",
            class_="roof-name minor",
            x=percent(x.share(middle)),
            y=percent(1 - y.share(middle * bandwidth)),
            dx=-12,
            dy=-4,
        )
    )
    return joined(drawn)


def _dots(points: Sequence[_Point]) -> Markup:
    """Return the points, the largest behind the others."""
    return joined(
        tag(
            "circle",
            class_=f"dot {_colour(_kind(point.layer))}",
            cx=percent(point.x),
            cy=percent(point.y),
            r=point.radius,
            data_tip=f"{point.layer.name}\n{point.layer.algorithm}, bound by {point.layer.bound_by}\n"
            f"{number(point.layer.macs / point.layer.dram_bytes)} MACs a byte, "
            f"{number(point.layer.effective_macs_per_cycle)} MACs a cycle\n"
            f"{share_text(point.share)} of the cycles, utilization {share_text(point.layer.utilization)}",
        )
        for point in points
    )


def _names(points: Sequence[_Point]) -> Markup:
    """Return the names of the layers that take longest, each beside its point where there is room."""
    taken = [_around(point) for point in points]
    texts = []
    for place, point in enumerate(points[:NAMED]):
        spot = next((one for one in _spots(point) if _is_free(one.box, taken, _around(point))), None)
        if spot is None:
            continue
        taken.append(spot.box)
        is_minor = place > 2 or spot.is_beside
        texts.append(
            tag(
                "text",
                _short(point.layer.name),
                class_=f"name {spot.anchor}{' minor' * is_minor}",
                x=percent(point.x),
                y=percent(point.y),
                dx=spot.dx,
                dy=spot.dy,
            )
        )
    return joined(texts)


class _Spot(NamedTuple):
    """A place for a name: left, right, top, bottom in pixels, how the text is put there, and whether it is beside."""

    box: tuple[float, float, float, float]
    anchor: str
    dx: float
    dy: float
    is_beside: bool = False


def _short(name: str) -> str:
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"


def _around(point: _Point) -> tuple[float, float, float, float]:
    x, y = WIDTH * point.x, HEIGHT * point.y
    return x - point.radius, x + point.radius, y - point.radius, y + point.radius


def _spots(point: _Point) -> list[_Spot]:
    """Return the places around a point, the best first: above, below, right, left.

    Above and below it, the text reaches to where there is more room, so that a narrow drawing doesn't cut it.
    """
    wide, (left, right, top, bottom) = LETTER * len(_short(point.layer.name)), _around(point)
    x, y = WIDTH * point.x, HEIGHT * point.y
    start, anchor = (x, "") if point.x < 1 / 3 else (x - wide / 2, "middle") if point.x < 2 / 3 else (x - wide, "left")
    return [
        _Spot((start, start + wide, top - TEXT, top - 1), anchor, 0, -point.radius - 5),
        _Spot((start, start + wide, bottom + 1, bottom + TEXT), anchor, 0, point.radius + 13),
        _Spot((right + 2, right + 5 + wide, y - TEXT / 2, y + TEXT / 2), "", point.radius + 5, 4, is_beside=True),
        _Spot((left - 5 - wide, left - 2, y - TEXT / 2, y + TEXT / 2), "left", -point.radius - 5, 4, is_beside=True),
    ]


def _is_free(
    box: tuple[float, float, float, float],
    taken: Sequence[tuple[float, float, float, float]],
    own: tuple[float, float, float, float],
) -> bool:
    is_within = box[0] > 0 and box[1] < WIDTH and box[2] > 0 and box[3] < HEIGHT
    return is_within and not any(_meet(box, other) for other in taken if other != own)


def _meet(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    return one[0] < other[1] and other[0] < one[1] and one[2] < other[3] and other[2] < one[3]
