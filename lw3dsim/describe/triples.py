"""The windows of layers as they are written: three numbers for (T, H, W), or one number that holds for all three."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lw3dsim.describe.source import decode
from lw3dsim.describe.workload import Extent, Margin
from lw3dsim.errors import short

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lw3dsim.describe.source import Document, KeyPath
    from lw3dsim.errors import InputError

TRIPLES = {"kernel": Extent, "stride": Extent, "padding": Margin, "dilation": Extent}

KINDS = ("conv3d", "pool3d")


def spelled_out(document: Document, at: KeyPath, layer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entry of a layer, found at key path ``at``, with a number for each of T, H and W.

    What is neither one number nor three, and no other word of the key, is refused with what to write instead. Raises
    InputError.
    """
    if layer.get("kind") not in KINDS:
        return dict(layer)
    spelled = dict(layer)
    for name, kind in TRIPLES.items():
        value = layer.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            spelled[name] = [decode(document, kind, value, (*at, name))] * 3
    for name in TRIPLES:
        value = spelled.get(name)
        if name == "padding" and isinstance(value, str) and value.lower() in ("same", "valid"):
            raise document.error((*at, name), _instead(value.lower(), spelled))
        is_word = value == "global" and name == "kernel" and layer["kind"] == "pool3d"
        if not (value is None or is_word or isinstance(value, list | tuple)):
            raise _no_triple(document, (*at, name), value, may_be_global=name == "kernel" and layer["kind"] == "pool3d")
    return spelled


def _no_triple(document: Document, key: KeyPath, value: object, *, may_be_global: bool) -> InputError:
    example = "[1, 1, 1]" if key[-1] == "padding" else "[3, 3, 3]"
    others = "one for all three, or the word global" if may_be_global else "or one for all three"
    return document.error(
        key, f"expected three whole numbers for (T, H, W), such as {example}, {others}, not {short(value)}"
    )


def _instead(word: str, layer: Mapping[str, Any]) -> str:
    """Return what to write instead of a padding that is a word."""
    if word == "valid":
        return "'valid' is not taken; leave padding out, or write 0"
    reaches = _reaches(layer)
    if reaches is None:
        return "'same' is not taken; write the zeros at each side of (T, H, W), such as [1, 1, 1] for kernel [3, 3, 3]"
    sides = [reach // 2 for reach in reaches]
    if any(reach % 2 for reach in reaches):
        return (
            "'same' is not taken, and this kernel would need more zeros at one side than at the other; write the "
            f"zeros at each side of (T, H, W), such as {sides}"
        )
    return f"'same' is not taken; write {sides}, the zeros at each side of (T, H, W) that keep the size at stride 1"


def _reaches(layer: Mapping[str, Any]) -> list[int] | None:
    """Return how many positions a kernel reaches beyond one, along T, H and W; None where that is not known."""
    triples = (layer.get("kernel"), layer.get("dilation", [1, 1, 1]))
    known = [triple for triple in triples if isinstance(triple, list | tuple) and len(triple) == 3]
    if len(known) < len(triples) or not all(type(size) is int for triple in known for size in triple):
        return None
    return [(size - 1) * step for size, step in zip(*known, strict=True)]
