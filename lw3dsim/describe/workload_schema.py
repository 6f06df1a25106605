"""What a workload file may hold, as a JSON Schema for editors, and as fields for a reader."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from lw3dsim.describe.beginnings import Field, schema_fields
from lw3dsim.describe.triples import TRIPLES, WORDS
from lw3dsim.describe.workload import LAYERS
from lw3dsim.describe.workload_file import Block, BlockUse, InputEntry, WorkloadFile

Schema = dict[str, Any]

# What `$name` stands for is put in before anything is checked.
PARAMETER: Schema = {"type": "string", "pattern": r"^\$"}
ENTRY: Schema = {"$ref": "#/$defs/Entry"}


def workload_schema() -> Schema:
    """Return the JSON Schema of a workload file."""
    defs = _defs()
    for kind in (BlockUse, *LAYERS.values()):
        properties = defs[kind.__name__]["properties"]
        for name, said in properties.items():
            if name not in ("kind", "name", "block"):
                properties[name] = _or_parameter(said)
    entries = [{"$ref": f"#/$defs/{kind.__name__}"} for kind in (BlockUse, *LAYERS.values())]
    top = defs["WorkloadFile"]["properties"]
    top["inputs"]["additionalProperties"] = {"$ref": "#/$defs/InputEntry"}
    top["blocks"]["additionalProperties"] = {"$ref": "#/$defs/Block"}
    for holder in (top, defs["Block"]["properties"]):
        holder["layers"]["items"] = ENTRY
    return {"$ref": "#/$defs/WorkloadFile", "$defs": defs | {"Entry": {"anyOf": entries}}}


def workload_fields() -> list[Field]:
    """Return the fields of a workload file (``workload.name``), its inputs and blocks, and of layers by their kind."""
    defs = _defs()
    titles = {"workload": "WorkloadFile", "input": "InputEntry", "block": "BlockUse"}
    titles |= {name: kind.__name__ for name, kind in LAYERS.items()}
    return [field for before, title in titles.items() for field in schema_fields(defs, title, f"{before}.")]


def _defs() -> Schema:
    """Return what is said of the file and of everything in it, as files have it but for parameters."""
    kinds = (WorkloadFile, InputEntry, Block, BlockUse, *LAYERS.values())
    _, found = msgspec.json.schema_components(kinds, ref_template="#/$defs/{name}")
    defs = {name: _in_plain_words(said) for name, said in found.items()}
    for kind in LAYERS.values():
        _as_written(defs[kind.__name__])
    return defs


def _in_plain_words(said: Schema) -> Schema:
    """Return the schema with its description as plain text rather than as the docstring that it is."""
    words = re.sub(r"\s+", " ", str(said.get("description", ""))).replace("``", "`").strip()
    return said | ({"description": words} if words else {})


def _as_written(layer: Schema) -> None:
    """Let a layer be as files have it: inputs left out, or one, and windows as one number or a word."""
    layer["required"] = [name for name in layer["required"] if name != "inputs"]
    properties = layer["properties"]
    kind = properties["kind"]["enum"][0]
    if "inputs" in properties:
        about = "what it reads; default: the tensor before it"
        properties["inputs"] = {
            "anyOf": [{"type": "string"}, properties["inputs"]],
            "default": None,
            "description": about,
        }
    for name in properties.keys() & TRIPLES.keys():
        said = dict(properties[name])
        default = {"default": said.pop("default")} if "default" in said else {}
        choices = said.get("anyOf", [said])
        words = [
            word for word in WORDS.get((kind, name), ()) if not any(word in one.get("enum", ()) for one in choices)
        ]
        words_too = [{"enum": words}] if words else []
        properties[name] = {"anyOf": [{"type": "integer", "minimum": 0}, *choices, *words_too], **default}


def _or_parameter(said: Schema) -> Schema:
    """Return what a value may be where it, or a member of it that is a list, may be a `$` parameter."""
    own: Schema = {key: said[key] for key in ("description", "default") if key in said}
    plain: Schema = {key: value for key, value in said.items() if key not in own}
    choices = [_with_members(one) for one in (plain["anyOf"] if set(plain) == {"anyOf"} else [plain])]
    return {"anyOf": [*choices, PARAMETER], **own}


def _with_members(said: Schema) -> Schema:
    members = said.get("prefixItems")
    return said | {"prefixItems": [_or_parameter(one) for one in members]} if members else said
