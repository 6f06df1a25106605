"""A timeline as a file of trace events, which Perfetto and chrome://tracing open: a line an event, written as it comes.

The format is JSON as Chrome's trace viewer reads it: ``X`` are slices, ``C`` counters, ``s`` and ``f`` ends of arrows,
``M`` names. A microsecond in it is a core cycle; times are cut to thousandths of one, so that slices stay disjoint.
"""

from __future__ import annotations

import gzip
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from lw3dsim.account.timeline import TRACKS
from lw3dsim.base.forms import TRACE, TRACE_HEAD
from lw3dsim.base.output import writing
from lw3dsim.base.values import Value
from lw3dsim.errors import InputError, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from lw3dsim.account.timeline import Level, Timeline, Track
    from lw3dsim.base.arrays import Floats, Ints

PROCESS = 1


# What is written at once.
CHUNK = 1 << 14

MILLI = 1000


class Spent(Value, frozen=True, kw_only=True):
    """What a layer has spent of something up to each of some ``times`` (cycles), linear in between."""

    name: str
    unit: str
    times: Floats
    spent: Floats
    # What one a cycle is in the unit.
    factor: float


class Named(Value, frozen=True, kw_only=True):
    """A layer or group, the figures that its slice is shown with, what happens in it, and what it spends over time."""

    name: str
    figures: Mapping[str, Any]
    timeline: Timeline
    spent: Sequence[Spent]


def check_trace_name(path: Path) -> None:
    """Raise InputError for a name that does not say whether the file is packed."""
    if not path.name.lower().endswith((".json", ".json.gz")):
        raise InputError(f"{one_line(str(path), 200)}: is no name of a trace; let it end with .json or .json.gz")


class TraceFile:
    """A file of trace events, to which layers are added one after another; see :func:`trace_file`."""

    def __init__(
        self, file: BinaryIO, about: Mapping[str, Any], fold: int, points: int, banks: Sequence[str] = ()
    ) -> None:
        """Begin a file that tells ``about`` what it is, with tracks of ``banks`` besides the others.

        Every ``fold`` steps or transfers are one slice; a counter has up to so many ``points`` in a layer.
        """
        self._file, self._fold, self._points = file, fold, points
        self._tracks = {name: number for number, name in enumerate(("layers", *TRACKS, *banks), start=1)}
        self._begin, self._arrows, self.slices = 0, 0, 0
        data = json.dumps(dict(about), ensure_ascii=True, separators=(",", ":"))
        self._put([f'{TRACE_HEAD}{data},"traceEvents":[', _named("process_name", 0, str(about.get("title", "")))], "\n")
        for name, number in self._tracks.items():
            self._events([_named("thread_name", number, name), _sorted(number)])

    def add(self, unit: Named) -> None:
        """Write what happens in a layer or group, behind those that were added."""
        timeline = unit.timeline
        args = json.dumps(dict(unit.figures), separators=(",", ":"))
        name, length = json.dumps(unit.name), timeline.latency_cycles
        self._events([_slice(self._tracks["layers"], self._begin, length, name, args)])
        self.slices += 1
        folded = {track.name: track.folded(self._fold) for track in timeline.tracks}
        for track in folded.values():
            self._slices(track, timeline.cycle)
        for bank in timeline.banks:
            self._slices(bank.folded(self._fold), timeline.cycle)
        self._connect(timeline, folded)
        for level in timeline.levels:
            self._level(level, timeline.cycle)
        for spent in unit.spent:
            self._rate(spent, length)
        self._begin += length

    def close(self) -> None:
        """End the file."""
        self._put([f'\n],"displayTimeUnit":"ns","cycles":{self._begin}}}\n'], "")

    def _slices(self, track: Track, cycle: int) -> None:
        if track.name != "DMA":
            # Transfers may be granted at once, one behind the other; nothing else takes no time.
            track = track.chosen(track.end > track.begin)
        figures = [(name, column) for name, column in track.figures if not name.endswith("_cycles") or column.any()]
        names = [json.dumps(label) for label in track.labels]
        template = f'{{"ph":"X","pid":{PROCESS},"tid":{self._tracks[track.name]},"ts":%d.%03d,"dur":%d.%03d,"name":%s'
        said = ",".join(
            f'"{name.removesuffix("_ticks")}{_CYCLES if name.endswith("_ticks") else ""}":%s' for name, _ in figures
        )
        template += f',"args":{{{said}}}}}' if figures else "}"
        for first in range(0, len(track), CHUNK):
            part = slice(first, first + CHUNK)
            begin, end = self._milli(track.begin[part], cycle), self._milli(track.end[part], cycle)
            columns = [*_whole(begin), *_whole(end - begin), [names[label] for label in track.label[part].tolist()]]
            columns += [_values(name, column[part], cycle) for name, column in figures]
            self._events([template % row for row in zip(*columns, strict=True)])
        self.slices += len(track)

    def _connect(self, timeline: Timeline, folded: Mapping[str, Track]) -> None:
        """Draw arrows from the slices of loads to those of the steps that use them first."""
        dma = folded["DMA"]
        loads, steps = timeline.arrows.transfer // self._fold, timeline.arrows.step
        for name in ("array", "vector unit"):
            track = folded[name]
            if not len(track):
                continue
            own = np.asarray(dict(timeline.track(name).figures)["step"])
            place = np.searchsorted(own, steps)
            is_here = own[np.minimum(place, len(own) - 1)] == steps
            pairs = np.unique(np.stack([loads[is_here], place[is_here] // self._fold]), axis=1)
            self._draw(dma.begin[pairs[0]], track.begin[pairs[1]], self._tracks[name], timeline.cycle)

    def _draw(self, tails: Ints, heads: Ints, track: int, cycle: int) -> None:
        common = f'"pid":{PROCESS},"name":"load","cat":"load","id":%d,"ts":%d.%03d'
        begins = f'{{"ph":"s","tid":{self._tracks["DMA"]},{common}}}'
        ends = f'{{"ph":"f","bp":"e","tid":{track},{common}}}'
        numbers = range(self._arrows, self._arrows + len(tails))
        self._arrows += len(tails)
        for template, times in ((begins, tails), (ends, heads)):
            columns = zip(numbers, *_whole(self._milli(times, cycle)), strict=True)
            self._events([template % row for row in columns])

    def _level(self, level: Level, cycle: int) -> None:
        some = np.unique(np.linspace(0, len(level.times) - 1, min(self._points, len(level.times))).astype(np.int64))
        kib = (level.values[some] / 8192).tolist()
        self._counter(level.name, "KiB", self._milli(level.times[some], cycle), kib)

    def _rate(self, spent: Spent, length: int) -> None:
        edges = np.unique(np.linspace(0, length, self._points + 1).astype(np.int64))
        rates = np.diff(np.interp(edges, spent.times, spent.spent)) / np.diff(edges) * spent.factor
        self._counter(spent.name, spent.unit, (edges[:-1] + self._begin) * MILLI, rates.tolist())

    def _counter(self, name: str, unit: str, milli: Ints, values: Sequence[float]) -> None:
        template = f'{{"ph":"C","pid":{PROCESS},"name":"{name}","ts":%d.%03d,"args":{{"{unit}":%.6g}}}}'
        self._events([template % row for row in zip(*_whole(milli), values, strict=True)])

    def _milli(self, ticks: Ints, cycle: int) -> Ints:
        """Return times of the layer under way, in thousandths of a cycle from the begin of the network."""
        return np.asarray(self._begin * MILLI + ticks * MILLI // cycle)

    def _events(self, events: Sequence[str]) -> None:
        if events:
            self._put([",\n".join(("", *events))], "")

    def _put(self, parts: Iterable[str], end: str) -> None:
        self._file.write((end.join(parts)).encode("ascii"))


_CYCLES = "_cycles"


@contextmanager
def trace_file(
    path: Path, about: Mapping[str, Any], fold: int, points: int, banks: Sequence[str] = ()
) -> Iterator[TraceFile]:
    """Write a trace to ``path``, packed where its name ends with ``.gz``; there is none where the context fails.

    See :class:`TraceFile` for the others.

    Raises InputError for another name, OutputError where it can't be written.
    """
    check_trace_name(path)
    with writing(path, TRACE) as file:
        if path.suffix.lower() == ".gz":
            # Without a time or name, so that the same run gives the same bytes.
            with gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0) as packed:
                yield from _written(packed, about, fold, points, banks)
        else:
            yield from _written(file, about, fold, points, banks)


def _written(file: Any, about: Mapping[str, Any], fold: int, points: int, banks: Sequence[str]) -> Iterator[TraceFile]:
    trace = TraceFile(file, about, fold, points, banks)
    yield trace
    trace.close()


def _named(what: str, track: int, name: str) -> str:
    return json.dumps({"ph": "M", "pid": PROCESS, "tid": track, "name": what, "args": {"name": name}})


def _sorted(track: int) -> str:
    return json.dumps(
        {"ph": "M", "pid": PROCESS, "tid": track, "name": "thread_sort_index", "args": {"sort_index": track}}
    )


def _slice(track: int, begin: int, length: int, name: str, args: str) -> str:
    return f'{{"ph":"X","pid":{PROCESS},"tid":{track},"ts":{begin},"dur":{length},"name":{name},"args":{args}}}'


def _whole(milli: Ints) -> tuple[list[int], list[int]]:
    """Return whole units and thousandths."""
    return (milli // MILLI).tolist(), (milli % MILLI).tolist()


def _values(name: str, column: Ints, cycle: int) -> list[Any]:
    """Return the figures of slices; ticks as cycles."""
    values: list[Any] = ((column / cycle).round(3) if name.endswith("_ticks") else column).tolist()
    return values
