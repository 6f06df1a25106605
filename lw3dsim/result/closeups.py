"""Layers seen from close by: the loop nest of each, and of those that take longest what every unit does when."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

import msgspec

from lw3dsim.base.records import Count, Positive, Record, figure
from lw3dsim.errors import InputError, short

if TYPE_CHECKING:
    from collections.abc import Iterator


class Strip(Record, frozen=True, kw_only=True):
    """Slices of one unit, in order, in cycles from the begin of the layer, and how long it is at each of its labels.

    They are disjoint, but where slices of a label that lie close to each other are drawn as one.
    """

    name: str
    begin: tuple[float, ...]
    end: tuple[float, ...]
    label: Annotated[tuple[Count, ...], figure("what each is called, by number")]
    labels: tuple[str, ...]
    busy_cycles: Annotated[tuple[float, ...], figure("of each label, exactly")]


class Fill(Record, frozen=True, kw_only=True):
    """What lies in a buffer: KiB from each of some times on, and how much there is room for."""

    name: str
    times: tuple[float, ...]
    kib: tuple[float, ...]


class Stretch(Record, frozen=True, kw_only=True):
    """A part of a layer's run, or all of it, from ``begin`` to ``end`` in cycles.

    Slices of a label with gaps below ``merged_cycles`` are one, where there are many. ``arrows`` lead from the grant of
    a load to the step that uses it first.
    """

    name: str
    begin: float
    end: float
    first_step: Count
    last_step: Count
    merged_cycles: float
    strips: tuple[Strip, ...]
    fills: tuple[Fill, ...]
    arrows: tuple[tuple[float, float], ...]


class Closeup(Record, frozen=True, kw_only=True):
    """A layer or group: its loop nest as text, and stretches of its run, where it is one of those that take longest."""

    name: str
    latency_cycles: Positive
    nest: str
    steps: Positive
    stretches: tuple[Stretch, ...] = ()


class Closeups(Record, frozen=True, kw_only=True):
    """The layers of a run, in order."""

    workload: str
    closeups: tuple[Closeup, ...]


def closeups_text(closeups: Closeups) -> str:
    """Return the closeups as JSON text, in one line."""
    return msgspec.json.encode(closeups).decode() + "\n"


def check_closeups(closeups: Closeups) -> None:
    """Raise ValueError where something of them can't be drawn."""
    for closeup in closeups.closeups:
        for stretch in closeup.stretches:
            if not stretch.begin < stretch.end or not all(map(math.isfinite, _times(stretch))):
                raise ValueError(f"{closeup.name}: a stretch from {stretch.begin} to {stretch.end}")
            for strip in stretch.strips:
                is_whole = len(strip.begin) == len(strip.end) == len(strip.label)
                if not is_whole or len(strip.labels) != len(strip.busy_cycles):
                    raise ValueError(f"{closeup.name}: slices of {strip.name} without begin, end, label or cycles")
                if max(strip.label, default=0) >= max(len(strip.labels), 1):
                    raise ValueError(f"{closeup.name}: a slice of {strip.name} is labelled {max(strip.label)}")
            if any(len(fill.times) != len(fill.kib) for fill in stretch.fills):
                raise ValueError(f"{closeup.name}: a buffer without times or KiB")


def kept_closeup(closeups: Closeups | None, workload: str, layer: str | None) -> Closeup:
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
        names = ", ".join(one.name for one in kept)
        raise InputError(
            f"{short(layer)} is no layer whose timeline was kept; the {len(kept)} longest have one: {names}"
        )
    return found


def _times(stretch: Stretch) -> Iterator[float]:
    yield from (stretch.begin, stretch.end, stretch.merged_cycles)
    for strip in stretch.strips:
        yield from (*strip.begin, *strip.end, *strip.busy_cycles)
    for fill in stretch.fills:
        yield from (*fill.times, *fill.kib)
    for arrow in stretch.arrows:
        yield from arrow
