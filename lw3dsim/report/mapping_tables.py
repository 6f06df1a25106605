"""What ``lw3dsim map`` shows: per layer or fused group its loop nest, buffer fill, traffic, and what binds it."""

from __future__ import annotations

import itertools
import textwrap
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from lw3dsim.account.binding import binding, idle_words
from lw3dsim.describe.workload import Conv3d, Linear, Pool3d
from lw3dsim.report.loop_nest import make_nest
from lw3dsim.report.mapping_file import entry_of
from lw3dsim.report.nest_lines import WIDTH, aligned, columns, kib, plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.account.simulated import Unit
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.workload import AnyLayer, Workload
    from lw3dsim.map.fill import Fill
    from lw3dsim.transform.algorithms import Algorithm


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """DRAM bytes that a stream, or all, move, and the least that they must."""

    name: str
    dram_bytes: int
    compulsory_bytes: int


def traffic_rows(unit: Unit) -> list[Traffic]:
    """Return the rows of the traffic table of a layer or group: by stream, then the total."""
    moved, least = unit.run.events.dram_bytes_by_stream, unit.run.compulsory_by_stream
    rows = [Traffic(name=name, dram_bytes=size, compulsory_bytes=least[name]) for name, size in moved.items()]
    total = Traffic(name="total", dram_bytes=unit.run.dram_bytes, compulsory_bytes=unit.run.compulsory_bytes)
    return [row for row in rows if row.dram_bytes] + [total]


def unit_record(network: Workload, unit: Unit, arch: Accelerator) -> dict[str, Any]:
    """Return what is known of the mapping of a layer or group, for JSON."""
    nest, run = make_nest(unit, arch), unit.run
    return {
        "name": unit.name,
        "kind": unit.kind,
        "layers": [layer.name for layer in unit.layers],
        "output_shape": "x".join(map(str, network.shapes[unit.layers[-1].name])),
        "mapping": msgspec.to_builtins(entry_of(unit)),
        "loops": [asdict(loop) | {"trips": loop.trips, "last": loop.last} for loop in nest.loops],
        "nest": [asdict(line) for line in nest.lines],
        "steps": run.steps,
        "buffers": [asdict(fill) | {"bits": fill.bits} for fill in nest.fill],
        "traffic": [asdict(row) for row in traffic_rows(unit)],
        "dram_floor_bytes": run.dram_floor_bytes,
        "latency_cycles": run.latency_cycles,
        "dram_bound_cycles": run.dram_bound_cycles,
        "bound_by": binding(run),
        "idle": idle_words(run, arch),
    }


def unit_text(network: Workload, unit: Unit, arch: Accelerator) -> str:
    """Return the loop nest of a layer or group, its tables, and what binds it."""
    nest, run = make_nest(unit, arch), unit.run
    stages = zip(unit.layers, run.stages, strict=True)
    title = [_title(network, layer, stage.problem.algorithm) for layer, stage in stages]
    title = title if len(title) == 1 else [f"fused: {title[0]}", *(f"     + {line}" for line in title[1:])]
    title = [
        part for line in title for part in textwrap.wrap(line, WIDTH, subsequent_indent=" " * 7, break_on_hyphens=False)
    ]
    share, cause = run.dram_bound_cycles / run.latency_cycles, binding(run)
    idle = f" ({idle_words(run, arch)})" if cause.startswith("idle") else ""
    line = (
        f"  {plural(run.latency_cycles, 'cycle')} in {plural(run.steps, 'step')}, bound by {cause}{idle}; "
        f"DRAM takes {share:.0%} of them at least"
    )
    least = kib(8 * run.dram_floor_bytes)
    bound = f"  no schedule on these buffers moves less than {least} KiB; this one {_ratio(unit):.2f} x that"
    tables = _beside(_fill_table(nest.fill), _traffic_table(traffic_rows(unit)))
    return "\n".join([*title, *aligned(nest.lines), *tables, line, bound])


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
    rows = [("buffer", "KiB", "of", "full", "slots x KiB")]
    for fill in fills:
        if fill.bits:
            stays = f" + {kib(fill.resident_bits)}" if fill.resident_bits else ""
            tiles = f"{fill.slots} x {kib(fill.tile_bits)}{stays}" if fill.tile_bits else kib(fill.resident_bits)
            share = f"{fill.bits / fill.capacity_bits:.0%}"
            rows.append((fill.buffer, kib(fill.bits), kib(fill.capacity_bits), share, tiles))
    return columns(rows)


def _traffic_table(traffic: Sequence[Traffic]) -> list[str]:
    rows = [("DRAM", "KiB", "compulsory", "ratio")]
    for row in traffic:
        ratio = f"{row.dram_bytes / row.compulsory_bytes:.2f}"
        rows.append((row.name, kib(8 * row.dram_bytes), kib(8 * row.compulsory_bytes), ratio))
    return columns(rows)


def _beside(left: Sequence[str], right: Sequence[str]) -> list[str]:
    """Return two tables next to each other."""
    width = max(map(len, left))
    return [f"  {a:<{width}}     {b}".rstrip() for a, b in itertools.zip_longest(left, right, fillvalue="")]
