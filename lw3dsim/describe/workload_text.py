"""Write a workload as a file that a person can read and edit; it reads back as the same workload."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import yaml

from lw3dsim.base.forms import WORKLOAD_TITLE
from lw3dsim.describe.document import SCIENTIFIC
from lw3dsim.describe.triples import TRIPLES
from lw3dsim.describe.workload_blocks import blocks_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lw3dsim.describe.workload import AnyLayer, Workload
    from lw3dsim.describe.workload_blocks import Block, Run

# Wider than any line: every layer has its own.
WIDTH = 1 << 20
WIDTHS = ("activation_bits", "weight_bits")


def workload_text(network: Workload) -> str:
    """Return ``network`` as the text of a workload file: what is not said is what is left out by default."""
    inputs = {
        name: shape._asdict()
        | ({} if network.densities[name] == 1 else {"density": network.densities[name]})
        | ({} if name not in network.input_bits else {"activation_bits": network.input_bits[name]})
        | ({"learned": True} if name in network.learned else {})
        for name, shape in network.inputs.items()
    }
    found = blocks_of(network)
    return "".join((
        f"{WORKLOAD_TITLE}\n",
        *(f"{key}: {_flow(getattr(network, key))}\n" for key in ("name", "description", "source")),
        "" if network.fsb_variant == "fsb" else f"fsb_variant: {network.fsb_variant}\n",
        "" if network.stream_state == "off" else f"stream_state: {network.stream_state}\n",
        *(f"{key}: {bits}\n" for key in WIDTHS if (bits := getattr(network, key)) is not None),
        "inputs:\n",
        *(f"  {_flow(name)}: {_flow(shape)}\n" for name, shape in inputs.items()),
        *_blocks({block.name: block for block, _ in found.values()}),
        "layers:\n",
        *(f"  - {_flow(entry)}\n" for entry in _repeated(list(_entries(network, found)))),
    ))  # fmt: skip


def _blocks(blocks: Mapping[str, Block]) -> Iterator[str]:
    """Yield the lines of the blocks."""
    if blocks:
        yield "blocks:\n"
    for block in blocks.values():
        run, before = block.runs[0], "input"
        parameters = f"    parameters: {_flow(list(block.values))}\n" if block.values else ""
        yield f"  {_flow(block.name)}:\n{parameters}    layers:\n"
        for layer in run.layers:
            name = run.own[layer.name]
            entry = _entry(layer, name, run.inputs(layer), before)
            entry |= {key: f"${given}" for (own, key), given in block.parameters.items() if own == name}
            yield f"      - {_flow(entry)}\n"
            before = name


def _entries(network: Workload, found: Mapping[str, tuple[Block, Run]]) -> Iterator[dict[str, Any]]:
    """Yield the entries of the list of layers: layers, and uses of blocks."""
    before, inside = list(network.inputs)[-1], 0
    for layer in network.layers:
        if inside:
            inside -= 1
        elif layer.name in found:
            block, run = found[layer.name]
            use: dict[str, Any] = {"name": run.name, "block": block.name}
            use |= {} if run.source == before else {"inputs": run.source}
            yield use | ({"with": block.given(run)} if block.values else {})
            inside = len(run.layers) - 1
        else:
            yield _entry(layer, layer.name, layer.inputs, before)
        before = layer.name


def _repeated(entries: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield ``entries``, equal uses ``stage.0``, ``stage.1``, ... behind each other as one that is repeated."""
    taken = {str(entry["name"]).rpartition(".")[0] for entry in entries if "block" not in entry}
    place = 0
    while place < len(entries):
        entry, count = entries[place], 1
        stem, _, number = str(entry["name"]).rpartition(".")
        if "block" in entry and number == "0" and stem and stem not in taken:
            rest = {key: value for key, value in entry.items() if key not in ("name", "inputs")}
            while place + count < len(entries) and entries[place + count] == {"name": f"{stem}.{count}", **rest}:
                count += 1
        again = any(str(other["name"]).startswith(f"{stem}.") for other in entries[place + count :])
        is_whole = count > 1 and not again
        yield {**entry, "name": stem, "repeat": count} if is_whole else entry
        place += count if is_whole else 1


def _entry(layer: AnyLayer, name: str, inputs: tuple[str, ...], before: str) -> dict[str, Any]:
    """Return a layer without what is so by default: its inputs where they are the tensor before it."""
    said = msgspec.to_builtins(layer)
    entry: dict[str, Any] = {"name": name, "kind": layer.kind}
    if inputs != (before,):
        entry["inputs"] = inputs[0] if len(inputs) == 1 else list(inputs)
    for field in msgspec.structs.fields(layer):
        key = field.name
        if key not in ("name", "inputs") and getattr(layer, key) != field.default:
            entry[key] = _short(said[key]) if key in TRIPLES else said[key]
    return entry


def _short(triple: Any) -> Any:
    """Return one number for three equal ones."""
    is_even = isinstance(triple, list | tuple) and len(set(map(str, triple))) == 1 and isinstance(triple[0], int)
    return triple[0] if is_even else triple


class _Dumper(yaml.SafeDumper):
    """Quotes words that the reader would take for numbers, too."""


def _word(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="'" if SCIENTIFIC.fullmatch(text) else None)


_Dumper.add_representer(str, _word)


def _flow(value: Any) -> str:
    """Return a value on one line."""
    plain = yaml.dump(value, Dumper=_Dumper, default_flow_style=True, width=WIDTH, sort_keys=False, allow_unicode=True)
    return plain.removesuffix("\n").removesuffix("\n...").strip()
