"""A program that ``torch.export`` made, as a graph: what is constant, what is changed in place, and who made what."""

from __future__ import annotations

import math
import operator
import re
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lw3dsim.errors import one_line
from lw3dsim.importing.graph import FEW, Constant, Graph, Node, refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from lw3dsim.errors import InputError

    Reader = Callable[["Call"], None]

# What nodes of a graph mean is what this version of ONNX's operators says.
OPSET = 21

# Operators whose results may lie in the memory of what they read.
VIEWS = frozenset({
    "alias", "chunk", "contiguous", "detach", "dropout", "expand", "expand_as", "feature_dropout", "flatten", "movedim",
    "narrow", "permute", "reshape", "select", "slice", "split", "split_with_sizes", "squeeze", "swapaxes", "t",
    "tensor_split", "to", "transpose", "type_as", "unbind", "unflatten", "unsqueeze", "view", "view_as",
})  # fmt: skip


class Call(NamedTuple):
    """An operator of PyTorch at work, its arguments by the names that PyTorch has for them."""

    reading: Reading
    node: Any
    op: str
    given: Mapping[str, Any]

    @property
    def module(self) -> str:
        """The path of the module that calls it; a module that is called again has the same."""
        stack = list((self.node.meta.get("nn_module_stack") or {}).values())
        return re.sub(r"@\d+", "", stack[-1][0]) if stack else ""

    @property
    def made(self) -> tuple[int, ...]:
        """The dimensions of what it makes."""
        return shapes_of(self.node)[0]

    @property
    def several(self) -> tuple[tuple[int, ...], ...]:
        """The dimensions of every tensor that it makes."""
        return shapes_of(self.node)

    def dims(self, argument: str) -> tuple[int, ...]:
        """Return the dimensions of a tensor that it is given."""
        return shapes_of(self.given[argument])[0]

    def axis(self, argument: str = "dim") -> int:
        """Return a dimension that it is told, counted from the first."""
        rank = len(self.dims("self" if "self" in self.given else "input"))
        return int(self.given[argument]) % max(rank, 1)

    def tensor(self, argument: str) -> str:
        """Return what the graph calls a tensor that it is given: nothing where it is left out."""
        given = self.given.get(argument)
        return "" if given is None else self.reading.name(given)

    def number(self, values: Any) -> str:
        """Return what the graph calls a constant of these values."""
        array = np.asarray(values)
        return self.reading.constant(Constant(shape=array.shape, values=array))

    def operand(self, argument: str) -> str:
        """Return what the graph calls a tensor or a number that it is given."""
        given = self.given[argument]
        return self.number(float(given)) if isinstance(given, int | float) else self.reading.name(given)

    def emit(self, op: str, inputs: Sequence[str], *, made: Sequence[str] = (), **attributes: Any) -> str:
        """Add a node that makes what the operator makes, or else what ``made`` calls so; return the first of them."""
        outputs = tuple(made) or self.reading.outputs(self.node)
        self.reading.nodes.append(
            Node(
                op=op, name=self.module, is_path=True, called=f"aten.{self.op}", inputs=tuple(inputs), outputs=outputs,
                attributes=attributes,
            )
        )  # fmt: skip
        return outputs[0]

    def between(self, what: str) -> str:
        """Return a name for a tensor that only the graph has."""
        return f"{self.node.name}.{what}"

    def error(self, why: str) -> InputError:
        """Return the error that says what is wrong with it."""
        tensors = (shape for given in self.node.all_input_nodes for shape in shapes_of(given))
        sizes = ["x".join(map(str, shape)) or "a number" for shape in tensors]
        node = Node(op=self.op, name=self.module, called=f"aten.{self.op}", inputs=(), outputs=(), attributes={})
        return refusal(self.reading.shown, node, sizes, why)


@dataclass
class Reading:
    """The graph as it grows while a program is read."""

    shown: str
    readers: Mapping[str, Reader]
    nodes: list[Node] = field(default_factory=list)
    constants: dict[str, Constant] = field(default_factory=dict)
    recorded: dict[str, tuple[int, ...]] = field(default_factory=dict)
    names: dict[Any, str] = field(default_factory=dict)
    # Whose memory each result lies in, and of what is changed in place, which result it was at first.
    memory: dict[Any, Any] = field(default_factory=dict)
    first: dict[Any, Any] = field(default_factory=dict)
    order: dict[Any, int] = field(default_factory=dict)
    # Tensors that no parameter is in, as PyTorch makes them: what is changed in place changes in all that share memory.
    filled: dict[Any, Any] = field(default_factory=dict)
    # Parts of tensors that are only written to: of which tensor, which box, and which axes they lack.
    boxes: dict[Any, tuple[Any, list[tuple[int, int]], tuple[int, ...]]] = field(default_factory=dict)

    def name(self, node: Any) -> str:
        """Return what the graph calls the present value of a result."""
        return self.names[self.first.get(node, node)]

    def outputs(self, node: Any) -> tuple[str, ...]:
        """Return what the graph calls the results of an operator."""
        shapes = shapes_of(node)
        return tuple(f"{node.name}.{i}" for i in range(len(shapes))) if _is_several(node) else (str(node.name),)

    def constant(self, constant: Constant) -> str:
        """Add a constant; return what the graph calls it."""
        name = f"constant.{len(self.constants)}"
        self.constants[name] = constant
        return name

    def read(self, node: Any) -> None:
        """Read an operator."""
        if node.target is operator.getitem:
            source, i = node.args
            self.names[node] = f"{source.name}.{i}"
            self.memory[node] = self.memory.get(source, source)
            return
        call = _call(self, node)
        if call.op in ("slice", "select") and self._is_written(node):
            self._note_box(call)
            return
        if call.op == "copy_" and node.args[0] in self.boxes:
            self._write(call)
            return
        is_changing = call.op.endswith("_") and not call.op.startswith("_")
        self.names[node] = self.outputs(node)[0]
        if call.op in ASSERTIONS:
            return
        if self._is_constant(node):
            self._keep(call)
            return
        known = self.readers.get(call.op.rstrip("_") if is_changing else call.op)
        if known is None:
            raise call.error(f"this operator is not taken; write that part in YAML, or use: {', '.join(self.readers)}")
        known(call)
        if is_changing:
            self._changed(call, node.args[0])
        elif call.op in VIEWS:
            (source, *_) = node.all_input_nodes
            self.memory[node] = self.memory.get(source, source)
        self.recorded |= dict(zip(self.outputs(node), shapes_of(node), strict=True))

    def _is_written(self, node: Any) -> bool:
        """Whether a part of a tensor is only written to: by data, or as a part of such a part."""
        return bool(node.users) and all(self._writes(user, node) for user in node.users)

    def _writes(self, user: Any, part: Any) -> bool:
        op = _call(self, user).op
        if op == "copy_":  # of data: constants that are written to constants are worked out
            return user.args[0] is part and not self._known(user.args[1])
        return op in ("slice", "select") and user.args[0] is part and self._is_written(user)

    def _known(self, node: Any) -> bool:
        """Whether what is read later holds no data."""
        if node.op == "placeholder":
            return str(node.name) in self.constants
        return all(self._known(source) for source in node.all_input_nodes)

    def _note_box(self, call: Call) -> None:
        """Note which box of a tensor a part is, and which of its axes it lacks."""
        source = call.given["self"]
        sizes = shapes_of(source)[0]
        whole = self.first.get(source, source)
        root, box, gone = self.boxes.get(source, (whole, [(0, size) for size in sizes], ()))
        axis = call.axis() + sum(1 for one in gone if one <= call.axis())
        start, size = box[axis][0], sizes[call.axis()]
        if call.op == "select":
            first = int(call.given["index"]) % size
            taken, gone = range(first, first + 1), (*gone, axis)
        else:
            taken = range(*slice(call.given["start"], call.given["end"], call.given["step"]).indices(size))
        if taken.step != 1:
            raise call.error("writes every so-many-th position; lw3dsim takes writes of whole boxes")
        box = [*box[:axis], (start + taken.start, start + taken.stop), *box[axis + 1 :]]
        self.boxes[call.node] = (root, box, gone)
        self.names[call.node] = self.names[root]

    def _write(self, call: Call) -> None:
        """Let a tensor mean what it is with another written to a box of it."""
        root, box, gone = self.boxes[call.node.args[0]]
        starts, stops = zip(*box, strict=True)
        update = self.name(call.given["src"])
        call.emit("SliceWrite", [self.names[root], update], starts=starts, stops=stops, gone=gone)
        self.names[root] = self.names[call.node] = self.outputs(call.node)[0]
        self.first[call.node] = root

    def _is_constant(self, node: Any) -> bool:
        """Whether an operator reads no data: what it makes is known before the network runs."""
        sources = [source for source in node.all_input_nodes if self.name(source) not in self.constants]
        return not sources or _call(self, node).op in FILLED

    def _keep(self, call: Call) -> None:
        """Keep what an operator makes of constants: its shape, and its values, at once where they are few."""
        if not _is_several(call.node) and math.prod(call.made) <= MOST_FILLED and self._is_filled(call):
            self.filled[call.node] = made = _made(call)
            values = _array(made) if math.prod(call.made) <= FEW else None
            name = self.outputs(call.node)[0]
            self.constants[name] = Constant(shape=call.made, values=values, read=partial(_array, made))
            return
        values = _computed(call) if math.prod(call.made) <= FEW and not _is_several(call.node) else None
        read = None if values is not None or _is_several(call.node) else partial(_computed, call)
        for name, shape in zip(self.outputs(call.node), shapes_of(call.node), strict=True):
            self.constants[name] = Constant(shape=shape, values=values, read=read)

    def _is_filled(self, call: Call) -> bool:
        """Whether no parameter is in what an operator makes."""
        return call.op in FILLED or all(source in self.filled for source in call.node.all_input_nodes)

    def _changed(self, call: Call, changed: Any) -> None:
        """Let a tensor that is changed in place mean what it is now; refuse where a view of it is read later."""
        whole = self.first.get(changed, changed)
        root = self.memory.get(whole, whole)
        for other in (*self.memory, root):
            is_part = self.memory.get(other, other) is root and self.first.get(other, other) is not whole
            if is_part and any(self.order[user] > self.order[call.node] for user in other.users):
                raise call.error("changes a part of a tensor in place that is read later; write it without")
        self.first[call.node] = whole
        self.memory[call.node] = root
        self.names[whole] = self.outputs(call.node)[0]


# The largest tensor that is filled in while a program is read: masks, grids of positions.
MOST_FILLED = 1 << 24

# Operators that only check something, and those whose results have nothing but the shape of what they read.
ASSERTIONS = frozenset({"_assert_tensor_metadata", "_assert_scalar", "_assert_async", "sym_constrain_range_for_size"})
FILLED = frozenset({"zeros_like", "ones_like", "full_like", "new_zeros", "new_ones", "new_full"})


def graph_of(program: Any, shown: str, readers: Mapping[str, Reader]) -> Graph:
    """Return the graph of an exported ``program``; ``shown`` is what messages call it. Raises InputError."""
    reading = Reading(shown=shown, readers=readers)
    inputs = {}
    weights = {**program.constants, **dict(program.state_dict)}
    targets = {spec.arg.name: spec.target for spec in program.graph_signature.input_specs if spec.target}
    reading.order = {node: i for i, node in enumerate(program.graph.nodes)}
    outputs: Iterable[Any] = ()
    for node in program.graph.nodes:
        if node.op == "placeholder" and shapes_of(node):
            reading.names[node] = str(node.name)
            if node.name in targets:
                reading.constants[str(node.name)] = _weights(shapes_of(node)[0], weights.get(targets[node.name]))
            else:
                inputs[str(node.name)] = shapes_of(node)[0]
        elif node.op == "call_function":
            reading.read(node)
        elif node.op == "output":
            outputs = [reading.name(each) for each in node.all_input_nodes if each in reading.names]
    return Graph(
        name=shown, nodes=tuple(reading.nodes), inputs=inputs, outputs=tuple(outputs), constants=reading.constants,
        recorded=reading.recorded, opset=OPSET, source="PyTorch",
    )  # fmt: skip


def shapes_of(node: Any) -> tuple[tuple[int, ...], ...]:
    """Return the dimensions of every tensor that a node makes."""
    made = node.meta.get("val")
    several = made if isinstance(made, tuple | list) else (made,)
    return tuple(tuple(int(size) for size in each.shape) for each in several if hasattr(each, "shape"))


def _is_several(node: Any) -> bool:
    return isinstance(node.meta.get("val"), tuple | list)


def _call(reading: Reading, node: Any) -> Call:
    """Return an operator with its arguments by name, those that were left out as they are by default."""
    schema = getattr(node.target, "_schema", None)
    op = str(schema.name).rpartition("::")[2] if schema else one_line(str(node.target))
    given = {each.name: each.default_value for each in schema.arguments} if schema else {}
    given |= dict(zip(given, node.args, strict=False)) | dict(node.kwargs)
    return Call(reading, node, op, given)


def _weights(shape: tuple[int, ...], tensor: Any) -> Constant:
    """Return what is kept of a parameter or a buffer."""
    if math.prod(shape) <= FEW:
        return Constant(shape=shape, values=_array(tensor))
    return Constant(shape=shape, read=partial(_array, tensor))


def _array(tensor: Any) -> Any:
    """Return the values of a tensor; None for one that has none, on the device ``meta`` or faked."""
    from torch._subclasses.fake_tensor import FakeTensor

    if tensor is None or tensor.is_meta or isinstance(tensor, FakeTensor):
        return None
    tensor = tensor.detach().cpu()
    return (tensor if tensor.dtype.itemsize < 2 or not tensor.is_floating_point() else tensor.float()).numpy()


def _computed(call: Call) -> Any:
    """Return the values that an operator makes of constants whose values are known; else None."""
    try:
        return _array(_made(call))
    except LookupError:
        return None


def _made(call: Call) -> Any:
    """Return the tensor that an operator makes of constants. Raises LookupError where the values of one are missing."""
    import torch

    def known(given: Any) -> Any:
        if isinstance(given, torch.fx.Node):
            if given in call.reading.filled:
                return call.reading.filled[given]
            if call.op in FILLED:  # it has the shape and type of what it is given, not its values
                return torch.empty(shapes_of(given)[0], dtype=given.meta["val"].dtype)
            values = call.reading.constants[str(given.name)].array()
            if values is None:
                raise LookupError
            return torch.from_numpy(np.array(values))
        return type(given)(map(known, given)) if isinstance(given, tuple | list) else given

    where = {"device": torch.device("cpu")} if "device" in call.node.kwargs else {}
    return call.node.target(*map(known, call.node.args), **{**call.node.kwargs, **where})
