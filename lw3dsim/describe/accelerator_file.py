"""Read an accelerator file, with ``key.path=value`` overrides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lw3dsim.describe.accelerator import Accelerator
from lw3dsim.describe.catalog import find
from lw3dsim.describe.dram_standards import DRAM_STANDARDS
from lw3dsim.describe.source import Document, KeyPath, decode, parse_file, parse_yaml, read_text
from lw3dsim.errors import InputError, one_line, suggest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def load_arch(name: str | Path, *, overrides: Sequence[str] = ()) -> Accelerator:
    """Load a shipped accelerator by name, or an accelerator file.

    ``overrides`` are ``"pe.rows=16"`` texts applied before validation. Raises
    InputError.
    """
    path = find("arch_configs", "arch", str(name))
    return parse_arch(read_text(path), str(path), overrides=overrides)


def parse_arch(text: str, path: str = "<text>", *, overrides: Sequence[str] = ()) -> Accelerator:
    """Build the accelerator that the YAML ``text`` describes; see :func:`load_arch`."""
    document = parse_file(text, path)
    arch: Accelerator = decode(document, Accelerator, document.data)
    _check_preset(document, arch)
    for override in overrides:
        document = _overridden(document, override)
        arch = decode(document, Accelerator, document.data)
        _check_preset(document, arch)
    return arch


def locate_key(name: str | Path, key: str, overrides: Sequence[str] = ()) -> str:
    """Return ``file:line key``, or the override, that last set ``key`` of the accelerator ``name``."""
    for override in reversed(overrides):
        if f"{key}.".startswith(f"{override.partition('=')[0].strip()}."):
            return f"--set {one_line(override)}"
    path = find("arch_configs", "arch", str(name))
    return f"{parse_yaml(read_text(path), str(path)).where(tuple(key.split('.')))} {key}"


def _check_preset(document: Document, arch: Accelerator) -> None:
    preset = arch.dram.preset
    if preset not in DRAM_STANDARDS:
        raise document.error(("dram", "preset"), f"unknown preset {preset!r}; {suggest(preset, DRAM_STANDARDS)}")


def _overridden(document: Document, override: str) -> Document:
    """Return the document with one override applied; errors in it will name the option."""
    path, equals, value = override.partition("=")
    key: KeyPath = tuple(path.strip().split("."))
    if not equals or not all(key):
        raise InputError(f"--set {one_line(override)}: expected key.path=value, such as pe.rows=16")
    place = f"--set {one_line(override)}"
    data = parse_yaml(value, place).data
    return Document(path=place, data=_with_value(document.data, key, data, place), lines={})


def _with_value(data: Any, key: KeyPath, value: Any, place: str) -> Any:
    if not key:
        return value
    if not isinstance(data, dict):
        raise InputError(f"{place}: {key[0]!r} is below a plain value; check the key path")
    head, *rest = key
    return {**data, head: _with_value(data.get(head, {} if rest else None), tuple(rest), value, place)}
