"""Files to begin with: an accelerator with every field of the schema explained, a small workload, a small space."""

from __future__ import annotations

import json
from difflib import get_close_matches
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import msgspec

from lw3dsim.base.values import Value, replace
from lw3dsim.describe.accelerator import Accelerator
from lw3dsim.describe.accelerator_file import load_arch
from lw3dsim.errors import InputError, short

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# The shipped design that a new one begins as.
FIRST = "edge_base"
WIDTH = 110

WORKLOAD = """\
# Tensors are C x T x H x W; a layer without `inputs` reads the tensor before it.
# docs/workloads.md has every kind of layer.
name: "{name}"
description: what it is, and where it comes from
inputs:
  clip: {{channels: 3, frames: 16, height: 64, width: 64}}   # `--input TxHxW` sizes it anew
parameters: {{classes: 10}}                                 # $classes below; `--classes N` overrides it

blocks:
  unit:                                                   # written once, used many times; `input` is what it is given
    parameters: [channels]
    layers:
      - {{name: xy, kind: conv3d, out_channels: $channels, kernel: [1, 3, 3], padding: [0, 1, 1], activation: relu}}
      - {{name: t, kind: conv3d, out_channels: $channels, kernel: [3, 1, 1], padding: [1, 0, 0], batch_norm: true}}
      - {{name: sum, kind: add, inputs: [t, input], activation: relu}}

layers:
  - {{name: stem, kind: conv3d, out_channels: 16, kernel: 3, stride: [1, 2, 2], padding: 1, activation: relu}}
  - {{name: body, block: unit, repeat: 2, with: {{channels: 16}}}}   # layers body.0.xy, body.0.t, ...
  - {{name: pool, kind: pool3d, mode: avg, kernel: global}}
  - {{name: fc, kind: linear, out_features: $classes}}
"""

SPACE = """\
# `lw3dsim dse run` searches it, `dse front` and `dse report` show what was found. docs/exploration.md has all of it.
name: "{name}"
description: what is searched, and why
arch: edge_base                       # what every design starts from: a name of `lw3dsim list`, or a file
workloads:                            # one chip runs them all; `weight` is the share of each where costs are averaged
  - {{workload: c3d, transform: fsb_c3d, algorithm: hfa, input: 16x56x56}}
parameters:                           # any field of an accelerator, and of the run: run.algorithm, run.fusion, ...
  pe.rows: [4, 8, 16]
  winograd.m1: {{int: [1, 4]}}
  winograd.m2: {{int: [1, 4]}}
  buffers.ofmap_kib: [128, 256]
objectives: [latency_ms, energy_mj, area_mm2]
constraints: {{area_mm2: {{max: 20}}}}    # designs beyond are on no front
"""


class Field(Value, frozen=True, kw_only=True):
    """A field of an accelerator file: its path, what it means, what it may be, and its default, each as text."""

    path: str
    meaning: str
    allowed: str
    default: str


def accelerator_fields() -> list[Field]:
    """Return every field of an accelerator file, in the order of the schema."""
    fields = schema_fields(msgspec.json.schema(Accelerator)["$defs"], "Accelerator")
    return [replace(field, meaning=field.meaning or "what the design is for") for field in fields]


def schema_fields(schema: dict[str, Any], title: str, before: str = "") -> list[Field]:
    """Return the fields of what is called ``title`` in a schema, and of its sections; paths begin with ``before``."""
    return [
        Field(
            path=path,
            meaning=_meaning(said),
            allowed=_allowed(said),
            default=json.dumps(said["default"]) if "default" in said else "none: it must be given",
        )
        for path, said in _said(schema, title, before)
    ]


def fields_of(path: str, fields: Sequence[Field], kinds: Sequence[str]) -> list[Field]:
    """Return the field of this path, or those of a section. Raises InputError for one that is neither nor a kind."""
    found = [field for field in fields if field.path == path or field.path.startswith(f"{path}.")]
    if not found:
        raise _unknown(path, [field.path for field in fields], kinds)
    return found


def _unknown(path: str, paths: Sequence[str], kinds: Sequence[str]) -> InputError:
    """Build the error for a field that there is none of: those nearest by path, or by last name, or all sections."""
    sections = dict.fromkeys([*kinds, *(one.partition(".")[0] for one in paths)])
    # A long text is close to no name, and takes long to be held against them.
    near = get_close_matches(path[:100], [*sections, *paths], n=3, cutoff=0.7)
    if not near:
        names = get_close_matches(path[:100].rpartition(".")[2], {one.rpartition(".")[2] for one in paths}, n=1)
        near = [one for one in paths if one.rpartition(".")[2] in names][:3]
    hint = f"did you mean {' or '.join(map(repr, near))}?" if near else f"there are: {', '.join(sections)}"
    return InputError(f"unknown field {short(path)}; {hint}")


def accelerator_text(name: str) -> str:
    """Return an accelerator file of the design that is the default, with every field and what it means."""
    design, lines, section = msgspec.to_builtins(load_arch(FIRST)), [], ""
    design |= {"name": name, "description": "what it is"}
    for field in accelerator_fields():
        before, _, key = field.path.rpartition(".")
        if before != section and before:
            lines += ["", f"{before}:"]
        section = before
        value = design[before][key] if before else design[key]
        indent = "  " * bool(before)
        lines += [f"{indent}# {line}" for line in wrap(f"{field.meaning}; {field.allowed}", WIDTH - len(indent))]
        lines.append(f"{indent}{key}: {json.dumps(value)}")
    about = "# Every field of an accelerator, as `edge_base` has it; what stands at its default may be left out."
    return "\n".join([about, *lines]) + "\n"


def new_text(kind: str, name: str) -> str:
    """Return a file of ``kind`` to begin with, called ``name``. Raises InputError for a name that is none."""
    if not name.replace("-", "_").isidentifier():
        raise InputError(f"{short(name)} is no name; begin with a letter, and go on with letters, digits, - and _")
    texts = {"workload": WORKLOAD.format(name=name), "arch": accelerator_text(name), "space": SPACE.format(name=name)}
    return texts[kind]


_KINDS = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
}


def _said(schema: dict[str, Any], title: str, before: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what is said of each field, those of sections behind those of the accelerator itself."""
    fields = schema[title]["properties"]
    for name, said in fields.items():
        if "$ref" not in said:
            yield before + name, said
    for name, said in fields.items():
        if "$ref" in said:
            yield from _said(schema, said["$ref"].rpartition("/")[2], f"{before}{name}.")


def _meaning(said: dict[str, Any]) -> str:
    return str(said.get("description", ""))


def _allowed(said: dict[str, Any]) -> str:
    """Return what values may be, in words."""
    if "anyOf" in said:
        return " or ".join(_allowed(one) for one in said["anyOf"])
    if "enum" in said:
        return "one of " + ", ".join(map(str, said["enum"]))
    if said.get("type") == "null":
        return "null"
    least, most, below = (said.get(name) for name in ("minimum", "maximum", "exclusiveMaximum"))
    kind = _KINDS.get(str(said.get("type")), "a value")
    if "prefixItems" in said:
        kind = f"a list of {len(said['prefixItems'])}: {_allowed(said['prefixItems'][0])}"
    if least is not None and (most is not None or below is not None):
        return f"{kind}, {least:,} to {most:,}" if most is not None else f"{kind}, from {least:,}, below {below:,}"
    return kind
