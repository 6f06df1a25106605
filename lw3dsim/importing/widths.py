"""In what widths the integers of a graph are: of what its products read, and of their weights.

A tensor is as wide as the integers that are stored for it, whether they are read as such or stand for reals.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.importing.graph import INTEGER_BITS, Constant

if TYPE_CHECKING:
    from collections.abc import Iterable

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
    """Bits of activations and of weights, None where none are integers; a sentence on each that is in several."""

    activation_bits: int | None
    weight_bits: int | None
    notes: tuple[str, ...]


def widths_of(graph: Graph) -> Widths:
    """Return the widths of the integers in ``graph``: where there are several, the widest, and what holds of it."""
    known = _Known(graph)
    activations, weights = set[int | None](), set[int | None]()
    for node in graph.nodes:
        made = known.read(node)
        if node.op in ("QuantizeLinear", "DynamicQuantizeLinear") or node.op.startswith("Q"):
            activations |= {made} - {None}
        if node.op not in PRODUCTS:
            continue
        data, other = node.inputs[0], next(iter(node.inputs[PRODUCTS[node.op] :]), "")
        activations.add(8 if node.op == "DynamicQuantizeMatMul" else known.bits.get(data))
        is_weight = node.op not in OF_TWO or other in known.fixed
        (weights if is_weight else activations).add(known.bits.get(other))
    return Widths(
        _widest(activations), _widest(weights), (*_said("activations", activations), *_said("weights", weights))
    )


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
    """Return a sentence on tensors that are not all in one width."""
    widest = _widest(widths)
    if widest is None or len(widths) == 1:
        return []
    numbers = " and ".join(map(str, sorted(bits for bits in widths if bits is not None)))
    floating = " and in floating point" if None in widths else ""
    return [f"the file has {what} of {numbers} bits{floating}; all are taken as of {widest}"]
