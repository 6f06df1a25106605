"""An accelerator as a drawing of its parts and a table of its fields: ``lw3dsim show --arch``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec

from lw3dsim.account.area import area_mm2
from lw3dsim.base.records import Record
from lw3dsim.describe.beginnings import accelerator_fields
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.report.terminal import Part, Table, words

if TYPE_CHECKING:
    from lw3dsim.describe.accelerator import Accelerator

# What the loops that rows and columns unroll are called.
LOOPS = {
    "output_channels": "an output channel each",
    "input_channels": "an input channel each",
    "tiles": "tiles of their own",
}


class FieldRecord(Record, frozen=True, kw_only=True):
    """A field of an accelerator: its value, its default, and what it means, as text."""

    field: str
    value: str
    default: str
    meaning: str


def arch_rows(arch: Accelerator) -> list[FieldRecord]:
    """Return every field of ``arch``, those of sections behind its own."""
    data = msgspec.to_builtins(arch)
    return [
        FieldRecord(
            field=field.path,
            value=json.dumps(_at(data, field.path)),
            default=_default(field.default),
            meaning=field.meaning,
        )
        for field in accelerator_fields()
    ]


def arch_tables(arch: Accelerator) -> list[Part]:
    """Return the parts of ``arch`` as a drawing, what they add up to, and its fields: first those not at a default."""
    rows = [row for row in arch_rows(arch) if row.field not in ("name", "description")]
    own = [row for row in rows if row.value != row.default]
    kept = [row for row in rows if row.value == row.default]
    cells = [(row.field, row.value, row.default, row.meaning) for row in (*own, *kept)]
    table = Table(
        title="Fields; `--set FIELD=VALUE` changes one",
        columns=words("field", "value", "default", "meaning"),
        rows=cells,
        importance=("value", "meaning", "default"),
    )
    return [f"{arch.name}: {arch.description}" if arch.description else arch.name, *_drawing(arch), *_sums(arch), table]


def _at(data: dict[str, Any], path: str) -> Any:
    for key in path.split("."):
        data = data[key]
    return data


def _default(text: str) -> str:
    return "" if text.startswith("none: ") else text


def _drawing(arch: Accelerator) -> list[str]:
    """Return the way of data through the parts, and what works where."""
    pe, buffers, flow = arch.pe, arch.buffers, arch.dataflow
    names = ("ifmap", "weight", "ofmap")
    sizes = [f"{name} {size} KiB" for name, size in buffers.kib.items()]
    if buffers.is_whole:
        sizes = [f"{name} some of {buffers.shared_banks} x {buffers.bank_kib} KiB" for name in names]
    ports = [f"{getattr(buffers, f'{name}_port_bytes')} B/cycle" for name in names]
    ways = ("-> input transform --+", "---------------------+-> array", "<- vector <- drain <-+")
    wide, broad = max(map(len, sizes)), max(map(len, ports))
    dram = f"{arch.dram.channels} x {arch.dram.preset}" if arch.dram.channels > 1 else arch.dram.preset
    each = "1 multiplier" if pe.mults_per_pe == 1 else f"{pe.mults_per_pe} multipliers"
    columns = "1 column" if pe.cols == 1 else f"{pe.cols} columns"
    return [
        f"  DRAM {dram}",
        "    | DMA",
        *(
            f"    +-{'-' if name == 'ofmap' else '>'} {size:<{wide}}  {port:<{broad}} {way}"
            for name, size, port, way in zip(names, sizes, ports, ways, strict=True)
        ),
        f"  array: {pe.rows} rows, {LOOPS[flow.rows]}; {columns}, {LOOPS[flow.cols]}; {each} a PE",
    ]


def _sums(arch: Accelerator) -> list[str]:
    peak = arch.multipliers * arch.clock_mhz / 1e3
    clocks, bursts = make_clocks(arch), 1 << 20
    moved_ps = clocks.bound_ticks(bursts) / clocks.cycle_ticks * arch.cycle_ps
    gbps = bursts * clocks.burst_bytes / moved_ps * 1e3
    area, kib = sum(area_mm2(arch, ()).values()), arch.buffers.total_kib
    return [
        f"{arch.multipliers:,} multipliers at {arch.clock_mhz:g} MHz: {peak:,.4g} G products a second; {kib:,} KiB of "
        f"SRAM; DRAM {gbps:,.4g} GB/s at most; {area:.4g} mm2 without what layers add"
    ]
