"""A network of another tool, before it is understood: its nodes, its inputs, and what is constant."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lw3dsim.errors import InputError, one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

# The size of a dimension, or the word that stands for it; None where the file says nothing.
Dimension = int | str | None
Dimensions = tuple[Dimension, ...]

# Constants of at most so many elements have values that may be sizes, axes or pads.
FEW = 4096


# What an element that is masked has added in front of a softmax: its share is zero in any floating point.
MASKED = -1e4

# Bits of the integers that are taken for codes of numbers, by their type in ONNX: (U)INT8, 16, 4, 2.
INTEGER_BITS = {2: 8, 3: 8, 4: 16, 5: 16, 21: 4, 22: 4, 25: 2, 26: 2}


@dataclass(frozen=True, kw_only=True)
class Constant:
    """A tensor that is known before the network runs: its shape, and its values where they are few.

    ``read`` gets those that are many, when they are asked for. ``is_scale``: it only says what integers stand for, and
    a product with it is no work of the network. ``bits``: how wide it is stored, where that is in narrow integers.
    """

    shape: tuple[int, ...]
    values: NDArray[Any] | None = None
    is_scale: bool = False
    bits: int | None = None
    read: Callable[[], NDArray[Any] | None] | None = field(default=None, compare=False)

    def array(self) -> NDArray[Any] | None:
        """Return all values; None where the file has none."""
        return self.values if self.values is not None or self.read is None else self.read()


@dataclass(frozen=True, kw_only=True)
class Node:
    """An operator at work: what it reads and makes; an input left out is ``""``. ``raw`` is as in the file.

    ``called`` is what messages call the operator, where that is not ``op``; ``is_path``: ``name`` is the path of a
    module, which layers are called by as it is.
    """

    op: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    raw: Any = None
    called: str = ""
    is_path: bool = False


@dataclass(frozen=True, kw_only=True)
class Branch:
    """A graph in an operator, which runs where a condition holds, or again and again.

    It reads tensors of the graph around it by name; ``inputs`` of its own are by their number of dimensions.
    """

    nodes: tuple[Node, ...]
    outputs: tuple[str, ...]
    constants: Mapping[str, Constant]
    inputs: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Graph:
    """A network: nodes in order, inputs with their dimensions, constants, outputs, and shapes that the file records.

    ``source`` is what it is written in, ``opset`` the version of ONNX that says what its operators do, ``input_bits``
    how wide those inputs are that are narrow integers.
    """

    name: str
    nodes: tuple[Node, ...]
    inputs: Mapping[str, Dimensions]
    outputs: tuple[str, ...]
    constants: Mapping[str, Constant]
    recorded: Mapping[str, Dimensions]
    opset: int
    source: str = "ONNX"
    input_bits: Mapping[str, int] = field(default_factory=dict)


def refusal(shown: str, node: Node, sizes: Sequence[str], why: str) -> InputError:
    """Return the error that says what is wrong at a ``node`` that reads tensors of such ``sizes``."""
    name, op = (one_line(text) for text in (node.name, node.called or node.op))
    what = f"{op}{' of ' + ', '.join(sizes) if sizes else ''}"
    return InputError(f"{shown}: node {f'{name} ({what})' if name else what}: {why}")
