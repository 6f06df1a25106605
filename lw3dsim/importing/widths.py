"""In what widths the integers of a graph are: of what its products read, and of their weights.

A tensor is as wide as the integers that are stored for it, whether they are read as such or stand for reals.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from lw3dsim.importing.building import Given
from lw3dsim.importing.graph import INTEGER_BITS, Constant
from lw3dsim.importing.tensors import Tensor

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lw3dsim.importing.building import Building
    from lw3dsim.importing.graph import Graph, Node

# Operators with weights, by which of their inputs these are; the first is data.
PRODUCTS = {
    **dict.fromkeys(("Conv", "ConvInteger", "ConvTranspose", "FusedConv", "FusedGemm", "Gemm"), 1),
    **dict.fromkeys(("DynamicQuantizeMatMul", "MatMul", "MatMulInteger", "MatMulIntegerToFloat"), 1),
    **dict.fromkeys(("QGemm", "QLinearConv", "QLinearMatMul"), 3),
}
# Which of their second inputs may be data.
OF_TWO = frozenset({"MatMul", "MatMulInteger", "QLinearMatMul"})
# Which inputs say what integers an operator makes; of every other QLinear operator it is the fifth.
MADE_LIKE = {
    "QGemm": 8, "QLinearAdd": 7, "QLinearConcat": 1, "QLinearConv": 7, "QLinearMatMul": 7, "QLinearMul": 7,
    "QuantizeLinear": 2,
}  # fmt: skip
# What makes no other numbers than it reads.
HOLDING = frozenset({
    "Clip", "Concat", "DequantizeLinear", "Dropout", "Expand", "Flatten", "Gather", "GlobalMaxPool", "Identity",
    "MaxPool", "Pad", "Relu", "Reshape", "Slice", "Split", "Squeeze", "Transpose", "Unsqueeze",
})  # fmt: skip


class Widths(NamedTuple):
    """Bits of activations and of weights, the widest, None where none are integers; sentences on those in reals.

    By name, the bits of every tensor of data that there are integers of, and by the first output of an operator with
    weights those of its weights.
    """

    activation_bits: int | None
    weight_bits: int | None
    notes: tuple[str, ...]
    tensors: Mapping[str, int]
    weights: Mapping[str, int]


def widths_of(graph: Graph) -> Widths:
    """Return the widths of the integers in ``graph``; what is in reals beside them is taken to be as the widest."""
    known = _Known(graph)
    activations, weights, of_weights = set[int | None](), set[int | None](), dict[str, int]()
    for node in graph.nodes:
        made = known.read(node)
        if node.op in ("QuantizeLinear", "DynamicQuantizeLinear") or node.op.startswith("Q"):
            activations |= {made} - {None}
        if node.op not in PRODUCTS:
            continue
        data, other = node.inputs[0], next(iter(node.inputs[PRODUCTS[node.op] :]), "")
        activations.add(8 if node.op == "DynamicQuantizeMatMul" else known.bits.get(data))
        is_weight = node.op not in OF_TWO or other in known.fixed
        bits = known.bits.get(other)
        (weights if is_weight else activations).add(bits)
        if is_weight and bits is not None:
            of_weights[node.outputs[0]] = bits
    notes = (*_said("activations", activations), *_said("weights", weights))
    of_data = {name: bits for name, bits in known.bits.items() if name not in known.fixed}
    return Widths(_widest(activations), _widest(weights), notes, of_data, of_weights)


class _Known:
    """What is known of the tensors of a graph so far: the bits of integers, and which are constant."""

    def __init__(self, graph: Graph) -> None:
        self.fixed = set(graph.constants)
        self.bits = {name: one.bits for name, one in graph.constants.items() if one.bits is not None}
        self.bits |= graph.input_bits

    def read(self, node: Node) -> int | None:
        """Note what ``node`` makes; return the bits of data that it makes integers of, None where there are none."""
        given = [name for name in node.inputs if name]
        is_fixed = self.fixed.issuperset(given)
        made = self._made(node, is_fixed=is_fixed)
        self.fixed.update(node.outputs if is_fixed else ())
        if made is not None:
            several = node.outputs if node.op == "Split" else node.outputs[:1]
            self.bits |= dict.fromkeys(several, made)
        return None if is_fixed else made

    def _made(self, node: Node, *, is_fixed: bool) -> int | None:
        """Return how many bits the integers have that the first output of ``node`` is, or stands for."""
        if node.op == "Constant":
            return next((one.bits for one in node.attributes.values() if isinstance(one, Constant)), None)
        if node.op == "DynamicQuantizeLinear":
            return 8
        if node.op in MADE_LIKE or node.op.startswith("QLinear"):
            like = MADE_LIKE.get(node.op, 4)
            said = self.bits.get(node.inputs[like]) if like < len(node.inputs) else None
            if node.op != "QuantizeLinear":
                return said
            return said or INTEGER_BITS.get(int(node.attributes.get("output_dtype", 0)), 8)
        # Integers of weights may also be turned into reals by a cast and products.
        return self.bits.get(node.inputs[0]) if node.inputs and (is_fixed or node.op in HOLDING) else None


def _widest(widths: Iterable[int | None]) -> int | None:
    return max((bits for bits in widths if bits is not None), default=None)


def _said(what: str, widths: set[int | None]) -> list[str]:
    """Return a sentence on tensors of which some are integers and some are not."""
    widest = _widest(widths)
    if widest is None or None not in widths:
        return []
    numbers = " and ".join(map(str, sorted(bits for bits in widths if bits is not None)))
    return [f"the file has {what} of {numbers} bits and in floating point; the latter are taken as of {widest}"]


def layers_in_widths(building: Building, widths: Widths) -> None:
    """Say the width of every layer and input of ``building`` that is not in those of the whole network."""
    tensors, weights = dict[str, int](), dict[str, int]()
    for of, found in ((widths.tensors, tensors), (widths.weights, weights)):
        for name, bits in of.items():
            meaning = building.meanings.get(name)
            if isinstance(meaning, Given):  # an input that was quantised before it was known to be data
                meaning = building.meanings[meaning.name]
            if isinstance(meaning, Tensor):
                found[meaning.source] = max(bits, found.get(meaning.source, 0))
    for name, layer in building.layers.items():
        own = {
            key: said[name]
            for key, said in (("activation_bits", tensors), ("weight_bits", weights))
            if said.get(name, getattr(widths, key)) != getattr(widths, key) and hasattr(layer, key)
        }
        building.layers[name] = msgspec.structs.replace(layer, **own) if own else layer
    widest = widths.activation_bits
    building.input_bits = {name: tensors[name] for name in building.inputs if tensors.get(name, widest) != widest}
