"""The operators of PyTorch that are taken, and what each is in ONNX, whose operators a graph has."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from lw3dsim.importing.products import turned

if TYPE_CHECKING:
    from collections.abc import Callable

    from lw3dsim.importing.program import Call, Reader

ACTIVATIONS = {
    "relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh", "silu": "Swish", "hardswish": "HardSwish", "gelu": "Gelu",
}  # fmt: skip


UPSAMPLED = ("nearest1d", "nearest2d", "nearest3d", "linear1d", "bilinear2d", "trilinear3d")


def _numbers(values: Any, count: int) -> list[int]:
    """Return so many integers of one, or of as many."""
    several = list(values) if isinstance(values, tuple | list) else [values]
    return [int(value) for value in (several * count if len(several) == 1 else several)]


def _activation(call: Call) -> None:
    how = {"approximate": call.given["approximate"]} if "approximate" in call.given else {}
    call.emit(ACTIVATIONS[call.op.rstrip("_")], [call.tensor("self")], **how)


def _hard_sigmoid(call: Call) -> None:
    call.emit("HardSigmoid", [call.tensor("self")], alpha=1 / 6, beta=0.5)


def _clipped(low: str | float, high: str | float) -> Reader:
    """Return the reader of an operator that cuts values off: at numbers, or what arguments of such names say."""

    def read(call: Call) -> None:
        bounds = (call.given.get(bound) if isinstance(bound, str) else bound for bound in (low, high))
        given = ["" if bound is None else call.number(float(bound)) for bound in bounds]
        call.emit("Clip", [call.tensor("self"), *given])

    return read


def _softmax(call: Call) -> None:
    call.emit("Softmax", [call.tensor("self")], axis=call.axis())


def _conv(call: Call) -> None:
    if call.given.get("transposed"):
        _transposed(call)
        return
    _, _, *kernel = call.dims("weight")
    rank = len(kernel)
    padding = call.given["padding"]
    zeros: dict[str, Any] = {"pads": [] if isinstance(padding, str) else _numbers(padding, rank) * 2}
    if isinstance(padding, str):
        zeros["auto_pad"] = "SAME_UPPER" if padding == "same" else "VALID"
    call.emit(
        "Conv",
        [call.tensor("input"), call.tensor("weight"), call.tensor("bias")],
        strides=_numbers(call.given["stride"], rank),
        dilations=_numbers(call.given["dilation"], rank),
        group=int(call.given["groups"]),
        **zeros,
    )


def _transposed(call: Call) -> None:
    _, _, *kernel = call.dims("weight")
    rank = len(kernel)
    call.emit(
        "ConvTranspose",
        [call.tensor("input"), call.tensor("weight"), call.tensor("bias")],
        strides=_numbers(call.given["stride"], rank),
        pads=_numbers(call.given["padding"], rank) * 2,
        output_padding=_numbers(call.given["output_padding"], rank),
        dilations=_numbers(call.given["dilation"], rank),
        group=int(call.given["groups"]),
    )


def _upsample(call: Call) -> None:
    """Read an upsampling; PyTorch repeats values by rounding down, and interpolates between their centres."""
    if call.given.get("align_corners"):
        raise call.error("aligns corners; lw3dsim takes align_corners=False")
    nearest = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    linear = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
    source = call.tensor("input" if "input" in call.given else "self")
    how = nearest if "nearest" in call.op else linear
    call.emit("Resize", [source, "", "", call.number(call.made)], **how)


def _batch_norm(call: Call) -> None:
    if call.given.get("training") or not call.tensor("running_mean"):
        raise call.error("normalises by the figures of its own batch; keep running figures, and normalise by them")
    mean = call.tensor("running_mean")
    channels, variance = call.dims("running_mean"), call.tensor("running_var")
    plain = (("weight", 1.0), ("bias", 0.0))
    scales = [call.tensor(name) or call.number(np.full(channels, value)) for name, value in plain]
    call.emit("BatchNormalization", [call.tensor("input"), *scales, mean, variance], epsilon=float(call.given["eps"]))


def _max_pool(call: Call) -> None:
    source, window = _unpadded(call, float("-inf"))
    call.emit("MaxPool", [source], **window)


def _avg_pool(call: Call) -> None:
    if call.given.get("divisor_override") not in (None, math.prod(_window(call)["kernel_shape"])):
        raise call.error("divides by another number than that of its window's elements")
    counted, own = int(call.given["count_include_pad"]), _window(call)
    source, window = call.tensor("self"), own
    if counted or not any(own["pads"]):
        source, window = _unpadded(call, 0.0)
        counted = 1 if window != own else counted
    call.emit("AveragePool", [source], count_include_pad=counted, **window)


def _unpadded(call: Call, value: float) -> tuple[str, dict[str, Any]]:
    """Return what a pool reads and its windows: a padding with ``value`` before it, which it alone reads, is its own.

    No pool's padding is more than half of its window.
    """
    source, window, nodes = call.given["self"], _window(call), call.reading.nodes
    pad = nodes[-1] if nodes and nodes[-1].outputs == (str(source),) else None
    if pad is None or pad.op != "Pad" or len(source.users) > 1 or pad.attributes["mode"] != "constant":
        return call.tensor("self"), window
    pads, known = (call.reading.constants[name].values for name in pad.inputs[1:])
    rank = len(window["kernel_shape"])
    if pads is None or known is None or float(known) != value or window["ceil_mode"]:
        return call.tensor("self"), window
    around = [int(side) for side in (*pads[2 : 2 + rank], *pads[4 + rank :])]
    both = [own + more for own, more in zip(window["pads"], around, strict=True)]
    if any(2 * side > k for side, k in zip(both, window["kernel_shape"] * 2, strict=True)) or min(around) < 0:
        return call.tensor("self"), window
    nodes.pop()
    return pad.inputs[0], {**window, "pads": both}


def _window(call: Call) -> dict[str, Any]:
    rank = len(call.dims("self")) - 2
    kernel = _numbers(call.given["kernel_size"], rank)
    return {
        "kernel_shape": kernel,
        "strides": _numbers(call.given["stride"] or kernel, rank),
        "pads": _numbers(call.given["padding"], rank) * 2,
        "dilations": _numbers(call.given.get("dilation", 1), rank),
        "ceil_mode": int(call.given["ceil_mode"]),
    }


def _adaptive(op: str) -> Reader:
    """Return the reader of a pool that is told how many windows it has, which must be of one size."""

    def read(call: Call) -> None:
        sizes, counts = call.dims("self")[2:], call.made[2:]
        if any(size % count for size, count in zip(sizes, counts, strict=True)):
            raise call.error(f"has windows of several sizes: {counts} does not divide {sizes}; use a fixed window")
        window = [size // count for size, count in zip(sizes, counts, strict=True)]
        if set(counts) == {1}:
            call.emit(f"Global{op}", [call.tensor("self")])
        else:
            call.emit(op, [call.tensor("self")], kernel_shape=window, strides=window)

    return read


def _reduced(op: str) -> Reader:
    """Return the reader of an operator that makes one number of several."""

    def read(call: Call) -> None:
        axes = call.given.get("dim")
        several = axes if isinstance(axes, tuple | list) else [axes]
        axes = several if several and axes is not None else range(len(call.dims("self")))
        call.emit(op, [call.tensor("self")], axes=list(axes), keepdims=int(bool(call.given.get("keepdim"))))

    return read


def _linear(call: Call) -> None:
    weight, bias = call.tensor("weight"), call.tensor("bias")
    if weight not in call.reading.constants:
        raise call.error("has weights that are computed; lw3dsim takes constant weights")
    columns = call.reading.constant(turned(call.reading.constants[weight]))
    product = call.emit("MatMul", [call.tensor("input"), columns], made=[call.between("product")] if bias else ())
    if bias:
        call.emit("Add", [product, bias])


def _addmm(call: Call) -> None:
    if call.given["alpha"] != 1 or call.given["beta"] != 1:
        raise call.error("scales its product or its summand; lw3dsim takes both as they are")
    product = call.emit("MatMul", [call.tensor("mat1"), call.tensor("mat2")], made=[call.between("product")])
    call.emit("Add", [product, call.tensor("self")])


def _matmul(second: str) -> Reader:
    return lambda call: _emit_plain(call, "MatMul", "self", second)


def _attention(call: Call) -> None:
    if call.tensor("attn_mask") or call.given["is_causal"] or call.given["dropout_p"]:
        raise call.error("is masked, or drops elements; lw3dsim takes plain attention")
    rank, inner = len(call.dims("query")), call.dims("query")[-1]
    scale = call.given.get("scale") or 1 / math.sqrt(inner)
    columns, scaled, product, shares = map(call.between, ("columns", "scaled", "product", "shares"))
    order = [*range(rank - 2), rank - 1, rank - 2]
    call.emit("Transpose", [call.tensor("key")], made=[columns], perm=order)
    call.emit("Mul", [call.tensor("query"), call.number(scale)], made=[scaled])
    call.emit("MatMul", [scaled, columns], made=[product])
    call.emit("Softmax", [product], made=[shares], axis=rank - 1)
    call.emit("MatMul", [shares, call.tensor("value")])


def _emit_plain(call: Call, op: str, *operands: str) -> None:
    call.emit(op, [call.operand(name) for name in operands])


def _arithmetic(op: str) -> Reader:
    """Return the reader of arithmetic of two tensors, or of a tensor and a number."""

    def read(call: Call) -> None:
        if call.given.get("alpha", 1) != 1 or call.given.get("rounding_mode"):
            raise call.error("scales its second operand, or rounds; lw3dsim takes plain sums and products")
        _emit_plain(call, op, "self", "other")

    return read


def _add(call: Call) -> None:
    """Read a sum; of one that stands before it in the same expression, and that nothing else reads, all in one."""
    first, nodes = call.given["self"], call.reading.nodes
    before = nodes[-1] if nodes and nodes[-1].outputs == (str(first),) and nodes[-1].op in ("Add", "Sum") else None
    is_one = before is not None and len(first.users) == 1 and before.name == call.module
    if before is None or not is_one or {*before.inputs, call.operand("other")} & call.reading.constants.keys():
        _arithmetic("Add")(call)
        return
    nodes.pop()
    call.emit("Sum", [*before.inputs, call.operand("other")])


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
    """Read an expansion that its readers do anyway: of the factors of a product, or of nothing."""
    readers = [str(user.target).split(".")[1:2] for user in call.node.users]
    if call.made != call.dims("self") and not all(reader in (["mul"], ["mul_"]) for reader in readers):
        raise call.error("repeats elements for more than a product")
    _same(call)
    call.reading.repeated.add(call.node)


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
    source, to = ([int(dim) % rank for dim in _numbers(call.given[name], 1)] for name in ("source", "destination"))
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


def _select(call: Call) -> None:
    call.emit("Gather", [call.tensor("self"), call.number(int(call.given["index"]))], axis=call.axis())


def _index_select(call: Call) -> None:
    call.emit("Gather", [call.tensor("self"), call.tensor("index")], axis=call.axis())


def _split(call: Call) -> None:
    axis, parts = call.axis(), call.reading.outputs(call.node)
    sizes = [shape[axis] for shape in call.several]
    call.emit("Split", [call.tensor("self"), call.number(sizes)], axis=axis, made=parts)


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


def _each(read: Callable[[Call], None], *ops: str) -> dict[str, Reader]:
    return dict.fromkeys(ops, read)


READERS: dict[str, Reader] = {
    **_each(_activation, *ACTIVATIONS),
    "hardsigmoid": _hard_sigmoid,
    "relu6": _clipped(0.0, 6.0),
    "hardtanh": _clipped("min_val", "max_val"),
    "clamp": _clipped("min", "max"),
    "clamp_min": _clipped("min", "max"),
    **_each(_softmax, "softmax", "_softmax"),
    **_each(_conv, "conv1d", "conv2d", "conv3d", "convolution"),
    **_each(_transposed, *(f"conv_transpose{n}d" for n in (1, 2, 3))),
    **_each(_upsample, *(f"upsample_{how}" for how in UPSAMPLED)),
    **_each(_batch_norm, "batch_norm", "_native_batch_norm_legit_no_training", "cudnn_batch_norm"),
    **_each(_max_pool, *(f"max_pool{n}d{more}" for n in (1, 2, 3) for more in ("", "_with_indices"))),
    **_each(_avg_pool, "avg_pool1d", "avg_pool2d", "avg_pool3d"),
    **_each(_adaptive("AveragePool"), *(f"{lead}adaptive_avg_pool{n}d" for n in (1, 2, 3) for lead in ("", "_"))),
    **_each(_adaptive("MaxPool"), *(f"adaptive_max_pool{n}d" for n in (1, 2, 3))),
    "mean": _reduced("ReduceMean"),
    "amax": _reduced("ReduceMax"),
    "linear": _linear,
    "addmm": _addmm,
    "matmul": _matmul("other"),
    **_each(_matmul("mat2"), "mm", "bmm"),
    "scaled_dot_product_attention": _attention,
    "add": _add,
    "sub": _arithmetic("Sub"),
    "mul": _arithmetic("Mul"),
    "div": _arithmetic("Div"),
    **_each(_cat, "cat", "concat"),
    **_each(_same, "alias", "clone", "contiguous", "detach", "lift_fresh_copy", "to", "_to_copy", "type_as", "float"),
    **_each(_dropout, "dropout", "feature_dropout", "native_dropout"),
    **_each(_expand, "expand", "expand_as"),
    **_each(
        _reshape, "view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze", "view_as", "_unsafe_view",
        "reshape_as",
    ),
    "permute": _permute,
    **_each(_transpose, "transpose", "swapaxes", "t"),
    "movedim": _movedim,
    **_each(_pad, "pad", "constant_pad_nd"),
    "slice": _slice,
    "narrow": _narrow,
    "select": _select,
    "index_select": _index_select,
    **_each(_split, "split", "split_with_sizes", "chunk", "tensor_split"),
    "unbind": _unbind,
    **_each(_channel_shuffle, "channel_shuffle", "native_channel_shuffle"),
}  # fmt: skip
