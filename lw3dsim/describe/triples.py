"""The windows of layers as they are written: three numbers for (T, H, W), or one number that holds for all three.

Padding may also be two numbers for an axis, before and behind, or the word ``same``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lw3dsim.describe.shape import Extent
from lw3dsim.describe.source import decode
from lw3dsim.describe.windows import Margin
from lw3dsim.errors import short

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lw3dsim.describe.document import Document, KeyPath
    from lw3dsim.errors import InputError

TRIPLES = {
    "kernel": Extent,
    "stride": Extent,
    "padding": Margin,
    "dilation": Extent,
    "output_padding": Margin,
    "apart": Extent,
    "scale": Extent,
    "size": Extent,
}

KINDS = ("conv3d", "conv_transpose3d", "pool3d", "pad", "interleave", "upsample")

# Words that stand for a window, by the kind of layer and the key.
WORDS = {("pool3d", "kernel"): ("global", "frame"), ("pool3d", "padding"): ("same",), ("conv3d", "padding"): ("same",)}


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
        words = WORDS.get((layer["kind"], name), ())
        if not (value is None or value in words or isinstance(value, list | tuple)):
            raise _no_triple(document, (*at, name), value, words)
    return spelled


def _no_triple(document: Document, key: KeyPath, value: object, words: tuple[str, ...]) -> InputError:
    example = "[1, 1, 1]" if key[-1] in ("padding", "output_padding") else "[3, 3, 3]"
    others = f"one for all three, or the word {' or '.join(words)}" if words else "or one for all three"
    remedy = "; without padding, leave it out" if value == "valid" else ""
    return document.error(
        key, f"expected three whole numbers for (T, H, W), such as {example}, {others}, not {short(value)}{remedy}"
    )
