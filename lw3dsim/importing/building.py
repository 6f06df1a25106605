"""The workload as it grows while the nodes of a graph are read, one behind the other."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from lw3dsim.base.values import Value, replace
from lw3dsim.describe.expected import refused_at, rule
from lw3dsim.describe.workload import Activation, Add, BatchNorm, Conv3d, ConvTranspose3d, Gate, LayerNorm, Linear, Mul
from lw3dsim.errors import InputError, ShapeError, one_line
from lw3dsim.importing.axes import Axes, axes_of, settled
from lw3dsim.importing.graph import Constant, refusal
from lw3dsim.importing.pieces import Pieces
from lw3dsim.importing.recipes import Recipe, derived, finite, unit
from lw3dsim.importing.tensors import GROUPS, STANDARD, Tensor, tensor_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from lw3dsim.describe.shape import Shape
    from lw3dsim.describe.workload import AnyLayer, Layer
    from lw3dsim.importing.graph import Dimensions, Graph, Node


class Given(Value, frozen=True, kw_only=True):
    """An input of the graph, its dimensions in some ``order``, while it is not known whether it is data or weights."""

    name: str
    dims: tuple[Any, ...]
    order: tuple[int, ...]


class Differences(Value, frozen=True, kw_only=True):
    """The differences of neighbouring frames of ``tensor``, which only a TRG has a use for."""

    tensor: Tensor


class Sums(Value, frozen=True, kw_only=True):
    """The sums of all frames of ``tensor`` up to each, of which lw3dsim has the means alone."""

    tensor: Tensor


# Operators that look at no element of their inputs from such a one on, but at what they are.
UNREAD = {"CastLike": 1, "Shape": 0}
# Operators whose inputs behind the first are weights and factors, never data.
WEIGHTED = frozenset({"BatchNormalization", "Conv", "ConvTranspose", "Gemm", "LayerNormalization"})

Meaning = Tensor | Axes | Pieces | Constant | Given | Differences | Sums


@dataclass
class Building:
    """Layers so far, and what the tensors of the graph mean."""

    graph: Graph
    shown: str
    open_input: Callable[[str, Dimensions], tuple[int, ...]]
    fold: Callable[[Node, Sequence[Any]], list[Any]]
    meanings: dict[str, Meaning] = field(default_factory=dict)
    layers: dict[str, AnyLayer] = field(default_factory=dict)
    recipes: dict[str, Recipe] = field(default_factory=dict)
    inputs: dict[str, Shape] = field(default_factory=dict)
    shapes: dict[str, Shape] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    single: set[str] = field(default_factory=set)  # layers whose output is read once
    readers: dict[str, list[Node]] = field(default_factory=dict)
    uses: Counter[str] = field(default_factory=Counter)
    learned_inputs: list[str] = field(default_factory=list)
    input_bits: dict[str, int] = field(default_factory=dict)
    repeated: set[str] = field(default_factory=set)  # what has fewer elements than it says, as its readers repeat them

    def __post_init__(self) -> None:
        """Note who reads what."""
        for node in self.graph.nodes:
            for name in node.inputs[: UNREAD.get(node.op)]:
                self.readers.setdefault(name, []).append(node)
                self.uses[name] += 1
        self.uses.update(self.graph.outputs)
        self.meanings |= self.graph.constants
        self.meanings |= {
            name: Given(name=name, dims=dims, order=tuple(range(len(dims)))) for name, dims in self.graph.inputs.items()
        }

    def error(self, node: Node, why: str) -> InputError:
        """Return the error that says what is wrong at ``node``."""
        return refusal(self.shown, node, [self._sizes(name) for name in node.inputs if name], why)

    def _sizes(self, name: str) -> str:
        match self.meanings.get(name):
            case Tensor(dims=dims) | Axes(dims=dims) | Constant(shape=dims) | Given(dims=dims):
                return "x".join(one_line(str(size), 20) for size in dims) or "a number"
        return "nothing"

    def meaning(self, node: Node, i: int) -> Meaning | None:
        """Return what input ``i`` means, None where it is left out."""
        if i >= len(node.inputs) or not node.inputs[i]:
            return None
        if node.inputs[i] not in self.meanings:
            later = any(node.inputs[i] in other.outputs for other in self.graph.nodes)
            why = "is made behind it: a cycle, or nodes out of order" if later else "nothing before it makes"
            raise self.error(node, f"reads {one_line(node.inputs[i])}, which {why}")
        meaning = self.meanings[node.inputs[i]]
        if isinstance(meaning, Given) and self.graph.source == "PyTorch":
            return self._as_data(meaning)  # weights of a module are no inputs of it
        if isinstance(meaning, Given) and len(meaning.dims) == 1 and isinstance(meaning.dims[0], int):
            return Constant(shape=meaning.dims)  # data has a batch, so it is weights
        return meaning

    def data(self, node: Node, i: int, channels: int = -1) -> Tensor:
        """Return input ``i`` as a tensor of the workload; of one that is cut, axis ``channels`` are its channels."""
        laid = self.laid(node, i)
        if isinstance(laid, Tensor) and GROUPS not in laid.labels:
            return laid
        name = node.inputs[i]
        made = replace(settled(self, node, axes_of(laid), channels), is_alone=self.uses[name] == 1)
        self.meanings[name] = made  # others read it as it lies now
        return made

    def laid(self, node: Node, i: int) -> Tensor | Axes:
        """Return input ``i`` as a tensor of the workload, as it lies."""
        match self.meaning(node, i):
            case Tensor() | Axes() as tensor:
                return tensor
            case Given() as given:
                return self._as_data(given)
            case Differences():
                raise self.error(node, "reads the difference of two frames; lw3dsim subtracts constants alone")
            case Sums():
                raise self.error(node, "reads sums of all frames so far; lw3dsim has their means alone")
        raise self.error(node, f"input {i} is a constant where data is expected; export the network without it")

    def _as_data(self, given: Given) -> Tensor:
        tensor = self._opened(given.name)
        return replace(tensor, labels=tuple(tensor.labels[place] for place in given.order))

    def _opened(self, name: str) -> Tensor:
        """Return an input of the graph as data."""
        known = self.meanings[name]
        if isinstance(known, Tensor):
            return known
        try:
            tensor = tensor_of(
                self._name(name), self.open_input(name, self.graph.inputs[name]), is_alone=self.uses[name] == 1
            )
        except InputError as error:
            raise InputError(f"{self.shown}: input {one_line(name)} {error}") from None
        self.inputs[tensor.source] = self.shapes[tensor.source] = tensor.shape
        self.meanings[name] = tensor
        return tensor

    def constant(self, node: Node, i: int) -> Constant | None:
        """Return input ``i`` as weights: None where it is left out."""
        match self.meaning(node, i):
            case None:
                return None
            case Constant() as constant:
                return constant
            case Given(dims=dims) if all(isinstance(size, int) for size in dims):
                return Constant(shape=tuple(dims))
        raise self.error(node, f"input {i} is computed where weights are expected; lw3dsim takes constant weights")

    def is_weights(self, name: str) -> bool:
        """Return whether an input of the graph is read as weights alone, by operators that have such."""
        read = [(node.op, i) for node in self.readers.get(name, ()) for i, one in enumerate(node.inputs) if one == name]
        return isinstance(self.meanings[name], Given) and bool(read) and all(i and op in WEIGHTED for op, i in read)

    def values(self, node: Node, i: int) -> Any:
        """Return the values of input ``i``, None where it is left out; raises InputError where they are not known."""
        constant = self.constant(node, i)
        if constant is not None and constant.values is None:
            raise self.error(node, f"input {i} has no values in the file; sizes, axes and pads must have some")
        return None if constant is None else constant.values

    def axis(self, node: Node, axis: int, rank: int) -> int:
        """Return an axis of ``rank`` dimensions counted from the first; raises InputError where it is none."""
        if not -rank <= axis < rank:
            raise self.error(node, f"axis {axis} is none of {rank} dimensions")
        return axis % rank

    def said(self, node: Node, name: str, i: int) -> Any:
        """Return what older files have as the attribute ``name``, and newer ones as input ``i``; None for neither."""
        return node.attributes[name] if name in node.attributes else self.values(node, i)

    def add(
        self, node: Node, kind: type[Layer], sources: Sequence[Tensor], labels: tuple[str, ...] | None = None,
        output: int = 0, recipe: Recipe | None = None, part: str = "", **keys: Any,
    ) -> Tensor:  # fmt: skip
        """Add a layer that makes an ``output`` of a node; ``labels`` are of its dimensions, ``recipe`` its weights.

        ``part``: what a layer is called behind the name of the node that is not what the node makes.
        """
        text = node.name if not output else f"{node.name}_{output}"
        name = self._name(text, (node.called or node.op).rpartition(".")[2], is_path=node.is_path, part=part)
        given = {"kind": kind.__struct_config__.tag, "name": name, "inputs": [one.source for one in sources], **keys}
        try:
            layer: Any = msgspec.convert(given, kind)
        except msgspec.ValidationError as error:
            raise self.error(node, _unfit(error, kind, given)) from None
        try:
            shape = layer.output_shape(tuple(one.shape for one in sources))
        except ShapeError as error:
            raise self.error(node, str(error)) from None
        self.layers[name], self.shapes[name] = layer, shape
        if recipe is not None:
            if recipe.bias is not None and math.prod(recipe.bias.shape) not in (1, recipe.channels):
                raise self.error(node, f"has {math.prod(recipe.bias.shape)} biases for {recipe.channels} channels")
            self.recipes[name] = recipe
        is_as_before = labels is None
        labels = labels or sources[0].labels
        if set(labels) - {"N", "1"} <= {"F"}:
            labels = STANDARD[2]
        made = node.outputs[output]
        if self.uses[made] == 1:
            self.single.add(name)
        groups = sources[0].groups if is_as_before else 1
        return Tensor(source=name, shape=shape, labels=labels, is_alone=self.uses[made] == 1, groups=groups)

    def change(self, tensor: Tensor, **keys: Any) -> None:
        """Give the layer that makes a tensor other fields."""
        self.layers[tensor.source] = replace(self.layers[tensor.source], **keys)

    def fold_in(self, tensor: Tensor, factor: Constant | None = None, summand: Constant | None = None) -> None:
        """Multiply the weights of the layer that makes ``tensor`` by a factor, and add a summand."""
        if (recipe := self.recipes.get(tensor.source)) is not None:
            recipe = recipe if factor is None else recipe.scaled(factor)
            self.recipes[tensor.source] = recipe if summand is None else recipe.shifted(summand)

    def per_channel(self, node: Node, data: Tensor, factor: Constant | None, summand: Constant | None) -> Tensor:
        """Return a layer of factors and summands per channel, behind what the node makes where there is any."""
        is_part = isinstance(self.layers.get(data.source), LayerNorm) and node.op != "BatchNormalization"
        part = "affine" if is_part else ""
        made = self.add(node, BatchNorm, [data], recipe=unit(data.shape.channels), part=part)
        self.fold_in(made, factor, summand)
        return made

    def learned(
        self, node: Node, constant: Constant, shape: Shape, laid: Callable[[NDArray[Any]], NDArray[Any]]
    ) -> Tensor:
        """Return a constant as a tensor of the network, of which ``laid`` makes the order C x T x H x W."""
        path = next((name for name in node.inputs if self.meanings.get(name) is constant), "")
        name = self._name(path or f"{node.name}.learned")
        self.inputs[name] = self.shapes[name] = shape
        values = derived(laid, finite(constant))
        self.recipes[name] = Recipe(channels=shape.channels, taps=(1, *shape.extent), weight=values)
        self.learned_inputs.append(name)
        return Tensor(source=name, shape=shape, labels=STANDARD[5], is_alone=True)

    def drop(self, name: str) -> None:
        """Take a layer out again that others do the work of; its name is free."""
        del self.layers[name]
        self.recipes.pop(name, None)
        self.names.discard(name)
        self.single.discard(name)

    def maker(self, tensor: Tensor, *kinds: type) -> Any:
        """Return the layer that makes ``tensor`` where it is of a kind, is read once, and has no activation yet."""
        layer = self.layers.get(tensor.source)
        is_open = tensor.is_alone and isinstance(layer, kinds) and getattr(layer, "activation", "none") == "none"
        return layer if is_open else None

    def activated(self, node: Node, tensor: Tensor, function: str) -> Tensor:
        """Return ``tensor`` behind an activation: in the layer that makes it, where nothing else reads that."""
        if self.maker(tensor, Conv3d, ConvTranspose3d, Linear, Add, Mul, Gate, BatchNorm) is not None:
            self.change(tensor, activation=function)
            return self.view(node, tensor)
        return self.add(node, Activation, [tensor], activation=function)

    def view(self, node: Node, tensor: Tensor, labels: tuple[str, ...] | None = None) -> Tensor:
        """Return ``tensor`` as the output of a node that changes nothing, with other ``labels``."""
        is_alone = tensor.is_alone and self.uses[node.outputs[0]] == 1
        return replace(tensor, is_alone=is_alone, is_chain=tensor.is_alone, labels=labels or tensor.labels)

    def _name(self, text: str, op: str = "", *, is_path: bool = False, part: str = "") -> str:
        """Return a name for what the file calls ``text``: its module path, where that is what it is; each one once."""
        clean = _cleaned(text, op) if not is_path else "".join(c if c.isprintable() else "_" for c in text)
        # In a workload file a word that begins with a dollar is a parameter.
        base = re.sub(r"^\$", "_", clean[:200]) or op.lower() or "tensor"
        base += f".{part}" if part else ""
        name, count = base, 1
        while name in self.names:
            count += 1
            name = f"{base}_{count}"
        self.names.add(name)
        return name


def _unfit(error: msgspec.ValidationError, kind: type, keys: Mapping[str, Any]) -> str:
    """Return what is wrong with the ``keys`` of a layer of a ``kind``, by the key."""
    problem, _, tail = str(error).partition(" - at ")
    path = refused_at(kind, keys, tail)
    said = f"{path[0]} = {keys[str(path[0])]}: " if path and path[0] in keys else ""
    return said + rule(kind, path, keys, problem)


def _cleaned(text: str, op: str) -> str:
    """Return the module path in the name of a node, where it is one."""
    parts = [part for part in text.split("/") if part]
    if op and len(parts) > 1 and re.fullmatch(rf"{re.escape(op)}(_\d+)?", parts[-1]):
        parts.pop()
    # PyTorch writes the way to each module: layer1/layer1.0/conv2.
    pairs = zip(parts, [*parts[1:], ""], strict=False)
    parts = [part for part, behind in pairs if not behind.startswith(f"{part}.")]
    return ".".join("".join(c if c.isprintable() and not c.isspace() else "_" for c in part) for part in parts)
