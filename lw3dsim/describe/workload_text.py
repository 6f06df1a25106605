"""Write a workload as a file that a person can read and edit; it reads back as the same workload."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import yaml

from lw3dsim.base.forms import WORKLOAD_TITLE
from lw3dsim.describe.triples import TRIPLES

if TYPE_CHECKING:
    from lw3dsim.describe.workload import AnyLayer, Workload

# Wider than any line: every layer has its own.
WIDTH = 1 << 20


def workload_text(network: Workload) -> str:
    """Return ``network`` as the text of a workload file: what is not said is what is left out by default."""
    inputs = {
        name: shape._asdict() | ({} if network.densities[name] == 1 else {"density": network.densities[name]})
        for name, shape in network.inputs.items()
    }
    lines = [
        f"{WORKLOAD_TITLE}\n",
        *(f"{key}: {_flow(getattr(network, key))}\n" for key in ("name", "description", "source")),
        "" if network.fsb_variant == "fsb" else f"fsb_variant: {network.fsb_variant}\n",
        "inputs:\n",
        *(f"  {_flow(name)}: {_flow(shape)}\n" for name, shape in inputs.items()),
        "layers:\n",
    ]
    before = list(network.inputs)[-1]
    for layer in network.layers:
        lines.append(f"  - {_flow(_entry(layer, before))}\n")
        before = layer.name
    return "".join(lines)


def _entry(layer: AnyLayer, before: str) -> dict[str, Any]:
    """Return a layer without what is so by default: its inputs where they are the tensor before it."""
    said = msgspec.to_builtins(layer)
    entry: dict[str, Any] = {"name": layer.name, "kind": layer.kind}
    if layer.inputs != (before,):
        entry["inputs"] = layer.inputs[0] if len(layer.inputs) == 1 else list(layer.inputs)
    for field in msgspec.structs.fields(layer):
        key = field.name
        if key not in ("name", "inputs") and getattr(layer, key) != field.default:
            entry[key] = _short(said[key]) if key in TRIPLES else said[key]
    return entry


def _short(triple: Any) -> Any:
    """Return one number for three equal ones."""
    is_even = isinstance(triple, list | tuple) and len(set(map(str, triple))) == 1 and isinstance(triple[0], int)
    return triple[0] if is_even else triple


def _flow(value: Any) -> str:
    """Return a value on one line."""
    plain = yaml.safe_dump(value, default_flow_style=True, width=WIDTH, sort_keys=False, allow_unicode=True)
    return plain.removesuffix("\n").removesuffix("\n...").strip()
