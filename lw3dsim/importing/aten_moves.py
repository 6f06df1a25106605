"""The operators of PyTorch that only move elements, and what each is in ONNX."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from lw3dsim.importing.program import Call, Reader


def numbers(values: Any, count: int) -> list[int]:
    """Return so many integers of one, or of as many."""
    several = list(values) if isinstance(values, tuple | list) else [values]
    return [int(value) for value in (several * count if len(several) == 1 else several)]


def each(read: Callable[[Call], None], *ops: str) -> dict[str, Reader]:
    """Return one reader for several operators."""
    return dict.fromkeys(ops, read)


def _cat(call: Call) -> None:
    tensors = call.given["tensors"]
    rank = len(call.made)
    call.emit("Concat", [call.reading.name(each) for each in tensors], axis=int(call.given["dim"]) % rank)


def _same(call: Call) -> None:
    call.emit("Identity", [call.reading.name(call.node.all_input_nodes[0])])


def _dropout(call: Call) -> None:
    if call.given.get("train"):
        raise call.error("drops elements in evaluation as well; pass training=self.training")
    _same(call)


def _expand(call: Call) -> None:
    call.emit("Expand", [call.tensor("self"), call.number(call.made)])


def _repeat(call: Call) -> None:
    times, given = [int(count) for count in call.given["repeats"]], call.dims("self")
    source = call.tensor("self")
    if len(times) > len(given):
        shape = [1] * (len(times) - len(given)) + list(given)
        source = call.emit("Reshape", [source, call.number(shape)], made=[call.between("shape")], allowzero=1)
    call.emit("Tile", [source, call.number(times)])


def _reshape(call: Call) -> None:
    call.emit("Reshape", [call.tensor("self"), call.number(call.made)], allowzero=1)


def _permute(call: Call) -> None:
    call.emit("Transpose", [call.tensor("self")], perm=[int(dim) % len(call.made) for dim in call.given["dims"]])


def _transpose(call: Call) -> None:
    order = list(range(len(call.made)))
    one, other = (int(call.given.get(name, i)) % len(order) for i, name in enumerate(("dim0", "dim1")))
    order[one], order[other] = order[other], order[one]
    call.emit("Transpose", [call.tensor("self")], perm=order)


def _movedim(call: Call) -> None:
    rank = len(call.made)
    source, to = ([int(dim) % rank for dim in numbers(call.given[name], 1)] for name in ("source", "destination"))
    places = dict(zip(to, source, strict=True))
    left = iter([dim for dim in range(rank) if dim not in source])
    call.emit("Transpose", [call.tensor("self")], perm=[places[i] if i in places else next(left) for i in range(rank)])


def _pad(call: Call) -> None:
    pads = list(map(int, call.given["pad"]))
    rank = len(call.made)
    before = [0] * (rank - len(pads) // 2) + pads[::2][::-1]
    behind = [0] * (rank - len(pads) // 2) + pads[1::2][::-1]
    mode, value = call.given.get("mode", "constant"), float(call.given["value"] or 0)
    call.emit("Pad", [call.tensor("self"), call.number(before + behind), call.number(value)], mode=mode)


def _slice(call: Call) -> None:
    axis, size = call.axis(), call.dims("self")[call.axis()]
    start, end = call.given["start"], call.given["end"]
    bounds = (0 if start is None else start, size if end is None else end, axis, call.given["step"])
    call.emit("Slice", [call.tensor("self"), *(call.number([int(bound)]) for bound in bounds)])


def _narrow(call: Call) -> None:
    start, axis = int(call.given["start"]) % call.dims("self")[call.axis()], call.axis()
    bounds = (start, start + int(call.given["length"]), axis)
    call.emit("Slice", [call.tensor("self"), *(call.number([bound]) for bound in bounds)])


def _roll(call: Call) -> None:
    """Read a rotation: what goes over the end of a dimension comes in front."""
    shifts, dims = numbers(call.given["shifts"], 1), numbers(call.given["dims"], 1)
    source, sizes = call.tensor("self"), call.made
    turned = [(shift, dim) for shift, dim in zip(shifts, dims, strict=True) if shift % sizes[dim]]
    if not turned:
        _same(call)
    for i, (shift, dim) in enumerate(turned):
        axis, size = dim % len(sizes), sizes[dim]
        places = (0, size - shift % size), (size - shift % size, size)
        parts = []
        for j, (start, end) in enumerate(places):
            bounds = [call.number([bound]) for bound in (start, end, axis)]
            parts.append(call.emit("Slice", [source, *bounds], made=[call.between(f"part_{i}_{j}")]))
        last = i == len(turned) - 1
        source = call.emit("Concat", parts[::-1], axis=axis, made=() if last else [call.between(f"turned_{i}")])


def _select(call: Call) -> None:
    call.emit("Gather", [call.tensor("self"), call.number(int(call.given["index"]))], axis=call.axis())


def _index_select(call: Call) -> None:
    call.emit("Gather", [call.tensor("self"), call.tensor("index")], axis=call.axis())


def _split(call: Call) -> None:
    axis, parts = call.axis(), call.reading.outputs(call.node)
    sizes = [shape[axis] for shape in call.several]
    call.emit("Split", [call.tensor("self"), call.number(sizes)], axis=axis, made=parts)


def _cumsum(call: Call) -> None:
    call.emit("CumSum", [call.tensor("self"), call.number(call.axis())])


def _unbind(call: Call) -> None:
    axis, read = call.axis(), {user.args[1] for user in call.node.users if user.users}
    for i, part in enumerate(call.reading.outputs(call.node)):
        if i in read:
            call.emit("Gather", [call.tensor("self"), call.number(i)], axis=axis, made=[part])


def _channel_shuffle(call: Call) -> None:
    batch, channels, *sizes = call.made
    groups = int(call.given["groups"])
    apart, swapped = call.between("apart"), call.between("swapped")
    shape = [batch, groups, channels // groups, *sizes]
    call.emit("Reshape", [call.tensor("self"), call.number(shape)], made=[apart], allowzero=1)
    call.emit("Transpose", [apart], made=[swapped], perm=[0, 2, 1, *range(3, len(shape))])
    call.emit("Reshape", [swapped, call.number(call.made)], allowzero=1)


MOVES: dict[str, Reader] = {
    **each(_cat, "cat", "concat"),
    **each(_same, "alias", "clone", "contiguous", "detach", "lift_fresh_copy", "to", "_to_copy", "type_as", "float"),
    **each(_dropout, "dropout", "feature_dropout", "native_dropout"),
    **each(_expand, "expand", "expand_as"),
    "repeat": _repeat,
    **each(
        _reshape, "view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze", "view_as", "_unsafe_view",
        "reshape_as",
    ),
    "permute": _permute,
    **each(_transpose, "transpose", "swapaxes", "t"),
    "movedim": _movedim,
    **each(_pad, "pad", "constant_pad_nd"),
    "roll": _roll,
    "slice": _slice,
    "narrow": _narrow,
    "select": _select,
    "index_select": _index_select,
    **each(_split, "split", "split_with_sizes", "chunk", "tensor_split"),
    "cumsum": _cumsum,
    "unbind": _unbind,
    **each(_channel_shuffle, "channel_shuffle", "native_channel_shuffle"),
}  # fmt: skip
