"""Write mappings as a mapping file: short, commented, to be edited by hand."""

from __future__ import annotations

import json
from functools import singledispatch
from typing import TYPE_CHECKING

import msgspec

from lw3dsim._version import __version__
from lw3dsim.base.forms import MAPPING_TITLE
from lw3dsim.map.mapping_file import BankCounts, GroupEntry, LayerEntry
from lw3dsim.schedule.group_work import GroupWork
from lw3dsim.schedule.work import LayerWork, Work
from lw3dsim.tensor.layout import said_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lw3dsim.account.simulated import Unit
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.workload import Workload
    from lw3dsim.map.mapping_file import Entry

ABOUT = f"""\
{MAPPING_TITLE} Edit it, and give it to `simulate --mapping`: units that are listed run as they
# are here, layers that are not are mapped anew. docs/mapping.md explains every key.
#   layouts channels that a tensor keeps next to each other in DRAM: 1 is C T H W, all of them T H W C; packed: rows
#           follow without gaps
#   tile    n output channels, c input channels (frames where a pool leaves one), t x h x w outputs of a step
#   order   weights_outer: for n, for t h w, for c; tiles_outer: for t h w, for n, for c
#   slots   tiles that a buffer holds at once
#   group   layers that run tile by tile (of the last output); chunks: channels of a step, per run of stages
"""


def entry_of(unit: Unit, arch: Accelerator) -> Entry:
    """Return the entry of a layer or group that is mapped on ``arch``, with what it has of memory that is divided."""
    entry = _entry(unit.run.work, tuple(layer.name for layer in unit.layers))
    whole, own = arch.buffers, unit.run.arch.buffers
    if whole.is_whole:
        entry = msgspec.structs.replace(entry, banks=BankCounts(**own.banks()))
    if isinstance(entry, GroupEntry) and whole.is_divided_by_group:
        return msgspec.structs.replace(entry, intermediate_share=own.intermediate_share)
    return entry


@singledispatch
def _entry(work: Work, names: tuple[str, ...]) -> Entry:
    raise NotImplementedError


@_entry.register(LayerWork)
def _entry_layer(work: LayerWork, names: tuple[str, ...]) -> Entry:
    problem = work.problem
    abreast = problem.abreast if problem.is_side_by_side else None
    return LayerEntry.of(names[0], problem.algorithm.label, work.mapping, abreast)


@_entry.register(GroupWork)
def _entry_group(work: GroupWork, names: tuple[str, ...]) -> Entry:
    return GroupEntry.of(names, tuple(stage.algorithm.label for stage in work.stages), work.mapping)


def mapping_text(
    network: Workload, arch: Accelerator, policy: str, units: Sequence[Unit], layouts: Mapping[str, int]
) -> str:
    """Return the mapping file of ``units`` of ``network``, mapped with the algorithms of ``policy``."""
    inputs = ", ".join(f"{_word(name)}: {list(shape)}" for name, shape in network.inputs.items())
    lines = [
        ABOUT.rstrip(),
        f"workload: {_word(network.name)}",
        f"transforms: [{', '.join(map(_word, network.transforms))}]",
        f"inputs: {{{inputs}}}",
        f"algorithm: {_word(policy)}",
        f"arch: {_word(arch.name)}",
        f"version: {_word(__version__)}",
        *(["layouts:"] if layouts else []),
        *(f"  {_word(name)}: {said_of(block)}" for name, block in layouts.items()),
        "units:",
    ]
    for unit in units:
        entry = entry_of(unit, arch)
        lines += _group_lines(entry) if isinstance(entry, GroupEntry) else _layer_lines(entry)
    return "\n".join(lines) + "\n"


def _layer_lines(entry: LayerEntry) -> list[str]:
    tile, slots = entry.tile, entry.slots
    lines = [f"  - layer: {_word(entry.layer)}"]
    lines += [f"    algorithm: {_word(entry.algorithm)}"] if entry.algorithm != "direct" else []
    return [
        *lines,
        f"    tile: {{n: {tile.n}, c: {tile.c}, t: {tile.t}, h: {tile.h}, w: {tile.w}}}",
        f"    order: {entry.order}",
        f"    parallel: {entry.parallel}",
        *([f"    abreast: {entry.abreast}"] if entry.abreast else []),
        f"    slots: {{ifmap: {slots.ifmap}, weight: {slots.weight}, ofmap: {slots.ofmap}}}",
        *_bank_lines(entry.banks),
    ]


def _bank_lines(banks: BankCounts | None) -> list[str]:
    if banks is None:
        return []
    return [f"    banks: {{ifmap: {banks.ifmap}, weight: {banks.weight}, ofmap: {banks.ofmap}}}"]


def _group_lines(entry: GroupEntry) -> list[str]:
    stages = []
    for stage in entry.group:
        keys = [f"layer: {_word(stage.layer)}"]
        keys += [f"algorithm: {_word(stage.algorithm)}"] if stage.algorithm != "direct" else []
        keys += [f"parallel: {stage.parallel}"] if stage.parallel != "pixel" else []
        keys += ["resident: true"] if stage.resident else []
        stages.append(f"      - {{{', '.join(keys)}}}")
    return [
        "  - group:",
        *stages,
        f"    tile: {{t: {entry.tile.t}, h: {entry.tile.h}, w: {entry.tile.w}}}",
        f"    kept: {entry.kept}",
        *(["    warm_up: true"] if entry.warm_up else []),
        *(["    sliced: true"] if entry.sliced else []),
        f"    chunks: {list(entry.chunks)}",
        f"    ofmap_slots: {entry.ofmap_slots}",
        *_bank_lines(entry.banks),
        *([] if entry.intermediate_share is None else [f"    intermediate_share: {entry.intermediate_share!r}"]),
    ]


def _word(text: str) -> str:
    """Return ``text`` as YAML: as it is where that reads back as the same text, else in quotes."""
    is_plain = text[:1].isalpha() and all(c.isascii() and (c.isalnum() or c in "_.-") for c in text)
    is_word = text.lower() in ("y", "n", "yes", "no", "on", "off", "true", "false", "null", "none")
    return text if is_plain and not is_word else json.dumps(text, ensure_ascii=False)
