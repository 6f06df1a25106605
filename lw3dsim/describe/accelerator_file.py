"""Read an accelerator file, with ``key.path=value`` overrides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from lw3dsim.arguments import as_overrides, as_path
from lw3dsim.base.calls import strict
from lw3dsim.base.values import replace
from lw3dsim.describe.accelerator import Accelerator
from lw3dsim.describe.address_map import address_map
from lw3dsim.describe.buffers import STREAM_BUFFERS, Buffers
from lw3dsim.describe.catalog import find
from lw3dsim.describe.dataflow import DATAFLOWS
from lw3dsim.describe.document import Document, KeyPath
from lw3dsim.describe.dram_standards import DRAM_PRESETS
from lw3dsim.describe.source import decode, parse_file, parse_yaml, read_text
from lw3dsim.errors import InputError, check_name, check_text, one_line, short

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.arguments import OverridesArgument, PathArgument


@strict
def load_arch(name: PathArgument, *, overrides: OverridesArgument = None) -> Accelerator:
    """Load a shipped accelerator by ``name``, or an accelerator file.

    ``overrides`` change fields before they are checked: ``"pe.rows=16"``, a list of such texts, or a dict with values
    by key path, such as ``{"pe.rows": 16}``. Every field, with its unit and range, is in the JSON Schema that
    ``lw3dsim schema`` prints. Raises InputError.
    """
    changes = as_overrides("overrides", overrides)
    return _decoded(_overridden(_read(as_path("arch", name, "a name or a file")), changes))


def check_loaded(arch: Accelerator) -> Accelerator:
    """Return ``arch`` as it would be if it were read from a file: all its fields of the right types and in range.

    Raises InputError where they are not, since a value that is built or changed in Python is not checked then.
    """
    check_name("arch", arch.name)
    try:
        data = msgspec.to_builtins(arch)
    except TypeError as error:
        raise InputError(f"arch {short(arch.name)}: a field holds what no file can ({error})") from None
    return _decoded(Document(path=f"arch {short(arch.name)}", data=data, lines={}))


def named_by(arch: Accelerator) -> tuple[object, ...]:
    """Return what the names in ``arch`` stand for, as values whose repr tells all of it.

    A plug-in may give a name other contents tomorrow: whatever is kept of ``arch`` for later is kept with these.
    Raises InputError for a name that stands for nothing.
    """
    return DRAM_PRESETS.get(arch.dram.preset), DATAFLOWS.get(arch.pe.dataflow)


def locate_key(name: str, key: str, overrides: Sequence[str] = ()) -> str:
    """Return ``file:line key``, or the override, that last set ``key`` of the accelerator ``name``."""
    return _overridden(_read(name), overrides).named(tuple(key.split(".")))


def _read(name: str) -> Document:
    path = find("arch_configs", name)
    return parse_file(read_text(path), str(path))


def _decoded(document: Document) -> Accelerator:
    arch: Accelerator = decode(document, Accelerator, document.data)
    _check_buffers(document, arch)
    _check_dataflow(document, arch)
    _check_dram(document, arch)
    return arch


SHARED: KeyPath = ("buffers", "shared_kib")

SIZES = ", ".join(f"{name}_kib" for name in STREAM_BUFFERS)

# Buffers of which nothing is said.
DEFAULTS = msgspec.to_builtins(Buffers())


def _check_buffers(document: Document, arch: Accelerator) -> None:
    """Refuse buffers that are missing, that are both three and one, or banks that are of no whole KiB."""
    buffers, given = arch.buffers, document.data["buffers"]
    if buffers.shared_kib is None:
        for name, size in buffers.kib.items():
            if f"{name}_kib" in given and not size:
                rule = "expected a whole number of at least 1; where all buffers are shared, give shared_kib alone"
                raise document.wrong(("buffers", f"{name}_kib"), size, rule)
            if not size:
                raise document.error(
                    ("buffers",), f"the key '{name}_kib' is missing; add it, or shared_kib for all three"
                )
        for key in ("shared_banks", "shared_port_bytes"):
            if given.get(key, DEFAULTS[key]) != DEFAULTS[key]:
                raise document.conflict(
                    ("buffers", key), SHARED, "belongs to a shared memory; drop it, or give shared_kib alone"
                )
        return
    for name in STREAM_BUFFERS:
        for key in ("kib", "port_bytes", "banks"):
            path = f"{name}_{key}"
            own = 0 if key == "kib" else getattr(buffers, path)
            if path in given and given[path] not in (own, DEFAULTS[path]):
                remedy = f"drop it, give shared_{key}" if key != "kib" else f"drop {SIZES}, or make them 0"
                raise document.conflict(("buffers", path), SHARED, f"belongs to buffers that are not shared; {remedy}")
    if given.get("intermediate_share", 0) not in (0, "auto"):
        raise document.conflict(
            ("buffers", "intermediate_share"),
            SHARED,
            "belongs to buffers that are not shared: else every group has what is best for it; "
            "drop it, or give auto or 0",
        )
    if buffers.shared_kib % buffers.shared_banks:
        raise document.conflict(
            SHARED,
            ("buffers", "shared_banks"),
            f"is no multiple of shared_banks ({buffers.shared_banks}); banks have whole KiB",
        )


def _check_dataflow(document: Document, arch: Accelerator) -> None:
    """Refuse a dataflow that there is none of."""
    try:
        DATAFLOWS.get(arch.pe.dataflow)
    except InputError as error:
        raise document.error(("pe", "dataflow"), str(error)) from None


def _check_dram(document: Document, arch: Accelerator) -> None:
    """Refuse what the schema can't: an unknown preset or mapping, and keys that contradict each other."""
    dram = arch.dram
    try:
        standard = DRAM_PRESETS.get(dram.preset)
    except InputError as error:
        raise document.error(("dram", "preset"), str(error)) from None
    try:
        if dram.mapping is not None:
            address_map(dram.mapping, standard, dram.channels)
    except InputError as error:
        raise document.error(("dram", "mapping"), str(error)) from None
    if dram.refresh == "per-bank" and not standard.trefi_pb:
        raise document.conflict(
            ("dram", "refresh"),
            ("dram", "preset"),
            f"can't be per-bank: {dram.preset} refreshes all banks together; use all-bank or none",
        )
    if dram.model in ("in_order", "fr_fcfs"):
        for key in ("bandwidth_gbps", "latency_ns"):
            if getattr(dram, key) is not None:
                raise document.conflict(
                    ("dram", key),
                    ("dram", "model"),
                    f"belongs to the plain model, not to {dram.model}; drop it or set model to plain",
                )


def _overridden(document: Document, overrides: Sequence[str]) -> Document:
    """Return the document with ``overrides`` applied; errors in what they set will name the option."""
    for override in overrides:
        path, equals, value = override.partition("=")
        key: KeyPath = tuple(path.strip().split("."))
        place = f"--set {one_line(override)}"
        check_text(place, override)
        if not equals or not all(key):
            raise InputError(f"{place}: expected key.path=value, such as pe.rows=16")
        data = _with_value(document.data, key, parse_yaml(value, place).data, place)
        document = replace(document, data=data, changes=(*document.changes, (key, place)))
    return document


def _with_value(data: Any, key: KeyPath, value: Any, place: str) -> Any:
    if not key:
        return value
    if not isinstance(data, dict):
        raise InputError(f"{place}: {short(key[0])} is below a plain value; check the key path")
    head, *rest = key
    return {**data, head: _with_value(data.get(head, {} if rest else None), tuple(rest), value, place)}
