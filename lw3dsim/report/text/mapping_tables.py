"""What ``lw3dsim map`` shows: per layer or fused group its loop nest, buffer fill, traffic, and what binds it."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Annotated

import msgspec

from lw3dsim.account.binding import binding, idle_words
from lw3dsim.base.records import Record, figure
from lw3dsim.base.values import fields_of
from lw3dsim.describe.workload import Conv3d, Linear, Pool3d
from lw3dsim.map.words import kib, plural
from lw3dsim.report.terminal import Table, View, figures, laid_out, words, wrapped
from lw3dsim.report.text.loop_nest import make_nest
from lw3dsim.report.text.mapping_file import entry_of
from lw3dsim.report.text.nest_lines import WIDTH, aligned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.account.simulated import Unit
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.workload import AnyLayer, Workload
    from lw3dsim.map.fill import Fill
    from lw3dsim.transform.algorithms import Algorithm


class Traffic(Record, frozen=True, kw_only=True):
    """DRAM bytes that a stream, or all, move, and the least that they must."""

    name: str
    dram_bytes: int
    compulsory_bytes: int


class LoopRecord(Record, frozen=True, kw_only=True):
    """A loop over the tiles of one dimension; of a batch whose tiles are parts of a clip, for each of its clips."""

    dim: str
    total: Annotated[int, figure("positions that it cuts into tiles")]
    tile: int
    trips: Annotated[int, figure("how often it runs")]
    last: Annotated[int, figure("size of the last tile")]
    clips: Annotated[int, figure("clips of a batch of which it cuts each; only where there are several")] = 1


class LineRecord(Record, frozen=True, kw_only=True):
    """A line of a loop nest: where it happens, within how many loops, as code, and in words."""

    level: str
    depth: int
    code: str
    note: str


class FillRecord(Record, frozen=True, kw_only=True):
    """What a mapping takes of a buffer."""

    buffer: str
    tile_bits: int
    slots: int
    resident_bits: int
    capacity_bits: int
    bits: Annotated[int, figure("taken at most")]


class UnitRecord(Record, frozen=True, kw_only=True):
    """What is known of the mapping of a layer or fused group."""

    name: str
    kind: str
    layers: tuple[str, ...]
    output_shape: str
    mapping: Annotated[dict[str, object], figure("as a mapping file holds it")]
    loops: tuple[LoopRecord, ...]
    nest: tuple[LineRecord, ...]
    steps: int
    buffers: tuple[FillRecord, ...]
    traffic: tuple[Traffic, ...]
    dram_floor_bytes: int
    latency_cycles: int
    dram_bound_cycles: int
    bound_by: str
    idle: str


def traffic_rows(unit: Unit) -> list[Traffic]:
    """Return the rows of the traffic table of a layer or group: by stream, then the total."""
    moved, least = unit.run.events.dram_bytes_breakdown, unit.run.work.compulsory_by_stream
    rows = [Traffic(name=name, dram_bytes=size, compulsory_bytes=least[name]) for name, size in moved.items()]
    total = Traffic(name="total", dram_bytes=unit.run.dram_bytes, compulsory_bytes=unit.run.compulsory_bytes)
    return [row for row in rows if row.dram_bytes] + [total]


def unit_record(network: Workload, unit: Unit, arch: Accelerator) -> UnitRecord:
    """Return what is known of the mapping of a layer or group."""
    nest, run = make_nest(unit, arch), unit.run
    return UnitRecord(
        name=unit.name,
        kind=unit.kind,
        layers=tuple(layer.name for layer in unit.layers),
        output_shape="x".join(map(str, network.shapes[unit.layers[-1].name])),
        mapping=msgspec.to_builtins(entry_of(unit, arch)),
        loops=tuple(
            LoopRecord(
                dim=loop.dim, total=loop.total, tile=loop.tile, trips=loop.trips, last=loop.last, clips=loop.clips
            )
            for loop in nest.loops
        ),
        nest=tuple(LineRecord(**fields_of(line)) for line in nest.lines),
        steps=run.steps,
        buffers=tuple(FillRecord(**fields_of(fill), bits=fill.bits) for fill in nest.fill),
        traffic=tuple(traffic_rows(unit)),
        dram_floor_bytes=run.dram_floor_bytes,
        latency_cycles=run.latency_cycles,
        dram_bound_cycles=run.dram_bound_cycles,
        bound_by=binding(run),
        idle=idle_words(run, arch),
    )


def unit_text(network: Workload, unit: Unit, arch: Accelerator, width: int = WIDTH) -> str:
    """Return the loop nest of a layer or group, its tables, and what binds it, in ``width`` where that can be."""
    nest, run = make_nest(unit, arch), unit.run
    stages = zip(unit.layers, run.stages, strict=True)
    title = [_title(network, layer, stage.problem.algorithm) for layer, stage in stages]
    title = title if len(title) == 1 else [f"fused: {title[0]}", *(f"     + {line}" for line in title[1:])]
    title = [part for line in title for part in wrapped(line, width, hang=7)]
    share, cause = run.dram_bound_cycles / run.latency_cycles, binding(run)
    idle = f" ({idle_words(run, arch)})" if cause.startswith("idle") else ""
    line = (
        f"  {plural(run.latency_cycles, 'cycle')} in {plural(run.steps, 'step')}, bound by {cause}{idle}; "
        f"DRAM takes {share:.0%} of them at least"
    )
    least = kib(8 * run.dram_floor_bytes)
    bound = f"  no schedule on these buffers moves less than {least} KiB; this one {_ratio(unit):.2f} x that"
    tables = _beside(_fill_table(nest.fill), _traffic_table(traffic_rows(unit)), width)
    last = [part for text in (line, bound) for part in wrapped(text, width, hang=4)]
    return "\n".join([*title, *aligned(nest.lines, width), *tables, *last])


def _ratio(unit: Unit) -> float:
    """Return what is moved over what must be."""
    return unit.run.dram_bytes / unit.run.dram_floor_bytes


def _title(network: Workload, layer: AnyLayer, algorithm: Algorithm) -> str:
    shapes = " + ".join(map(str, network.input_shapes(layer)))
    kernel = f" {'x'.join(map(str, layer.kernel))}" if isinstance(layer, Conv3d | Pool3d) else ""
    stride = f" /{'x'.join(map(str, layer.stride))}" if isinstance(layer, Conv3d) and max(layer.stride) > 1 else ""
    how = f", {algorithm.label}" if isinstance(layer, Conv3d | Linear) else ""
    how += f" ({algorithm.reason})" if algorithm.reason else ""
    return f"{layer.name}: {layer.kind}{kernel}{stride}, {shapes} -> {network.shapes[layer.name]}{how}"


def _fill_table(fills: Sequence[Fill]) -> list[str]:
    rows = []
    for fill in fills:
        if fill.bits:
            stays = f" + {kib(fill.resident_bits)}" if fill.resident_bits else ""
            tiles = f"{fill.slots} x {kib(fill.tile_bits)}{stays}" if fill.tile_bits else kib(fill.resident_bits)
            share = f"{fill.bits / fill.capacity_bits:.0%}"
            rows.append((fill.buffer, kib(fill.bits), kib(fill.capacity_bits), share, tiles))
    return _texts(Table(columns=(*words("buffer"), *figures("KiB", "of", "full", "slots x KiB")), rows=rows))


def _traffic_table(traffic: Sequence[Traffic]) -> list[str]:
    rows = []
    for row in traffic:
        ratio = f"{row.dram_bytes / row.compulsory_bytes:.2f}" if row.compulsory_bytes else ""
        rows.append((row.name, kib(8 * row.dram_bytes), kib(8 * row.compulsory_bytes), ratio))
    return _texts(Table(columns=(*words("DRAM"), *figures("KiB", "compulsory", "ratio")), rows=rows))


def _texts(table: Table) -> list[str]:
    return [line.text for line in laid_out(table, View())]


def _beside(left: Sequence[str], right: Sequence[str], width: int) -> list[str]:
    """Return two tables next to each other, or below each other where ``width`` is too small for that."""
    room = max(map(len, left))
    if 2 + room + 5 + max(map(len, right)) > width:
        return [f"  {line}" for line in (*left, *right)]
    return [f"  {a:<{room}}     {b}".rstrip() for a, b in itertools.zip_longest(left, right, fillvalue="")]
