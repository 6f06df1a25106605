"""Is a layer read alike, and refused in the same sentence, whether its kind is asked alone or among all others?"""

from __future__ import annotations

import pytest
from msgspec import structs

from lw3dsim.describe.document import Document
from lw3dsim.describe.source import decode
from lw3dsim.describe.workload import LAYERS, AnyLayer
from lw3dsim.errors import InputError

# For any key: what some key takes, and what none does.
VALUES = (None, True, -1, 0.5, "max", [], [1, 3, 3], {"a": 1})

DOCUMENT = Document(path="net.yaml", data={}, lines={("layers", 0): 7, ("layers", 0, "kernel"): 8})


def read(kind, entry):
    """Return the layer, or why it is none."""
    try:
        return decode(DOCUMENT, kind, entry, ("layers", 0))
    except InputError as error:
        return str(error)


@pytest.mark.parametrize("name", LAYERS)
def test_a_kind_asked_alone_reads_and_refuses_as_it_does_among_others(name):
    whole = {"kind": name, "name": "a", "inputs": ["x"], "kernel": [1, 3, 3], "out_channels": 8}
    keys = [field.encode_name for field in structs.fields(LAYERS[name])]
    entries = [{**whole, key: value} for key in (*keys, "kernal") for value in VALUES]
    short = {key: whole[key] for key in ("kind", "name", "inputs")}
    entries += [{**short, key: value} for key in keys for value in VALUES[-2:]]
    entries += [{key: value for key, value in whole.items() if key != left} for left in whole if left != "kind"]
    assert len(entries) > 40
    for entry in entries:
        assert read(LAYERS[name], entry) == read(AnyLayer, entry)
