"""Mapping files: the mappings of layers and fused groups as short YAML, to be edited and simulated again.

A file says for which network it was made, how tensors lie in DRAM, then lists *units*: a
layer by itself or the layers of a fused group, each with its tiles. What it says of sizes is checked where it
is used (:mod:`lw3dsim.network.fixed`); here is its form.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta

from lw3dsim.base.values import Value
from lw3dsim.describe.source import decode, parse_file, read_text
from lw3dsim.errors import InputError, short
from lw3dsim.machine.microarchitecture import Parallel
from lw3dsim.map.group.group import GroupMapping, Kept
from lw3dsim.map.layer.mapping import Mapping, Order
from lw3dsim.tensor.layout import PACKED

if TYPE_CHECKING:
    from lw3dsim.describe.document import Document, KeyPath

MOST_CHANNELS = 65536
Size = Annotated[int, Meta(ge=1, le=MOST_CHANNELS)]
Slots = Annotated[int, Meta(ge=1, le=7)]
Name = Annotated[str, Meta(min_length=1)]
Share = Annotated[float, Meta(gt=0, lt=1)]


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Base of all sections: keyword-only, unknown keys refused."""


class Tile(_Section, frozen=True, kw_only=True):
    """Sizes of a step: output channels, input channels (frames where a pool leaves one), outputs in T, H, W."""

    n: Size
    c: Size
    t: Size
    h: Size
    w: Size


class BufferSlots(_Section, frozen=True, kw_only=True):
    """Tiles that each buffer holds at once."""

    ifmap: Slots
    weight: Slots
    ofmap: Slots


class BankCounts(_Section, frozen=True, kw_only=True):
    """Banks of a shared memory that a unit has for inputs, weights and outputs; in a group also for what is inside."""

    ifmap: Size
    weight: Size
    ofmap: Size


class LayerEntry(_Section, frozen=True, kw_only=True):
    """A layer by itself; ``abreast`` are the channels of a group that rows hold where they hold several groups."""

    layer: Name
    algorithm: str = "direct"
    tile: Tile
    order: Order = "weights_outer"
    parallel: Parallel = "pixel"
    abreast: Size | None = None
    slots: BufferSlots
    banks: BankCounts | None = None

    @property
    def layers(self) -> tuple[str, ...]:
        """The layer alone."""
        return (self.layer,)

    @property
    def mapping(self) -> Mapping:
        """The mapping that the entry means."""
        tile, slots = self.tile, self.slots
        return Mapping(
            n=tile.n,
            c=tile.c,
            t=tile.t,
            h=tile.h,
            w=tile.w,
            order=self.order,
            parallel=self.parallel,
            ifmap_slots=slots.ifmap,
            weight_slots=slots.weight,
            ofmap_slots=slots.ofmap,
        )

    @classmethod
    def of(cls, name: str, algorithm: str, mapping: Mapping, abreast: int | None) -> LayerEntry:
        """Return the entry of a layer that runs ``algorithm`` under ``mapping``, groups ``abreast`` on the rows."""
        m = mapping
        return cls(
            layer=name,
            algorithm=algorithm,
            tile=Tile(n=m.n, c=m.c, t=m.t, h=m.h, w=m.w),
            order=m.order,
            parallel=m.parallel,
            abreast=abreast,
            slots=BufferSlots(ifmap=m.ifmap_slots, weight=m.weight_slots, ofmap=m.ofmap_slots),
        )


class GroupTile(_Section, frozen=True, kw_only=True):
    """Positions of the last output of a group that a tile has."""

    t: Size
    h: Size
    w: Size


class StageEntry(_Section, frozen=True, kw_only=True):
    """A layer of a fused group; ``resident``: its weights are loaded once and stay on chip."""

    layer: Name
    algorithm: str = "direct"
    parallel: Parallel = "pixel"
    resident: bool = False


class GroupEntry(_Section, frozen=True, kw_only=True):
    """A fused group: its layers in order, its tile, the axis along which halos are kept, channels of a step by run.

    ``warm_up``: tiles before the first of the output, for which the first layers make what they can. ``sliced``: second
    operands from DRAM come a chunk of channels at a time.
    """

    group: Annotated[tuple[StageEntry, ...], Meta(min_length=2, max_length=16)]
    tile: GroupTile
    kept: Kept = "none"
    warm_up: bool = False
    sliced: bool = False
    chunks: Annotated[tuple[Size, ...], Meta(min_length=1)]
    ofmap_slots: Slots
    banks: BankCounts | None = None
    intermediate_share: Share | None = None

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers of the group."""
        return tuple(stage.layer for stage in self.group)

    @property
    def mapping(self) -> GroupMapping:
        """The mapping that the entry means."""
        return GroupMapping(
            t=self.tile.t,
            h=self.tile.h,
            w=self.tile.w,
            kept=self.kept,
            warm_up=self.warm_up,
            sliced=self.sliced,
            chunks=self.chunks,
            resident=tuple(stage.resident for stage in self.group),
            parallel=tuple(stage.parallel for stage in self.group),
            ofmap_slots=self.ofmap_slots,
        )

    @classmethod
    def of(cls, names: tuple[str, ...], algorithms: tuple[str, ...], mapping: GroupMapping) -> GroupEntry:
        """Return the entry of a group whose layers run ``algorithms`` under ``mapping``."""
        columns = zip(names, algorithms, mapping.parallel, mapping.resident, strict=True)
        return cls(
            group=tuple(StageEntry(layer=n, algorithm=a, parallel=p, resident=r) for n, a, p, r in columns),
            tile=GroupTile(t=mapping.t, h=mapping.h, w=mapping.w),
            kept=mapping.kept,
            warm_up=mapping.warm_up,
            sliced=mapping.sliced,
            chunks=mapping.chunks,
            ofmap_slots=mapping.ofmap_slots,
        )


Entry = LayerEntry | GroupEntry


class _File(_Section, frozen=True, kw_only=True):
    """The top level of a mapping file."""

    workload: str | None = None
    transforms: tuple[str, ...] | None = None
    inputs: dict[str, tuple[Size, Size, Size, Size]] | None = None
    algorithm: str = ""
    arch: str = ""
    version: str = ""
    layouts: dict[str, Any] = {}
    units: Annotated[tuple[dict[str, Any], ...], Meta(min_length=1)]


class MappingFile(Value, frozen=True, kw_only=True):
    """A mapping file as read: for which network it is, where it says so, and its units; ``document`` locates errors.

    ``layouts`` are channel blocks of tensors in DRAM, negative where rows are packed.
    """

    document: Document
    workload: str | None
    transforms: tuple[str, ...] | None
    inputs: dict[str, tuple[int, int, int, int]] | None
    layouts: dict[str, int]
    entries: tuple[Entry, ...]

    def key(self, number: int, *path: str | int) -> KeyPath:
        """Return the key path of ``path`` in unit ``number``."""
        return ("units", number, *path)

    def place(self, number: int, *path: str | int) -> str:
        """Return ``file:line`` of ``path`` in unit ``number``."""
        return self.document.where(self.key(number, *path))


def load_mapping(path: str | Path) -> MappingFile:
    """Read a mapping file; raise InputError where it is none."""
    return parse_mapping(read_text(Path(path)), str(path))


def parse_mapping(text: str, path: str = "<text>") -> MappingFile:
    """Read the mapping file that the YAML ``text`` is; see :func:`load_mapping`."""
    document = parse_file(text, path)
    file: _File = decode(document, _File, document.data)
    entries: list[Entry] = []
    for number, unit in enumerate(file.units):
        at = ("units", number)
        if ("layer" in unit) == ("group" in unit):
            raise document.error(at, "needs either the key 'layer' or the key 'group'; give one of them")
        entries.append(decode(document, GroupEntry if "group" in unit else LayerEntry, unit, at))
    return MappingFile(
        document=document,
        workload=file.workload,
        transforms=file.transforms,
        inputs=file.inputs,
        layouts={name: _block_of(document, block, ("layouts", name)) for name, block in file.layouts.items()},
        entries=tuple(entries),
    )


def _block_of(document: Document, said: object, key: KeyPath) -> int:
    """Return the block that a layout says, negative for packed rows."""
    packed = re.fullmatch(f"([0-9]{{1,9}}) {PACKED}", said) if isinstance(said, str) else None
    channels = int(packed[1]) if packed else said
    if type(channels) is not int or not 1 <= channels <= MOST_CHANNELS:
        raise InputError(
            f"{document.named(key, short(said))}: expected a whole number of channels, 1 to {MOST_CHANNELS}, or, for "
            f"packed rows, one with a space and the word {PACKED} behind it: 54 {PACKED}"
        )
    return -channels if packed else channels
