"""The operators of PyTorch that are taken, and what each is in ONNX, whose operators a graph has."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from lw3dsim.importing.aten_moves import MOVES, each, numbers
from lw3dsim.importing.graph import MASKED
from lw3dsim.importing.products import turned

if TYPE_CHECKING:
    from lw3dsim.importing.program import Call, Reader

ACTIVATIONS = {
    "relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh", "silu": "Swish", "hardswish": "HardSwish", "gelu": "Gelu",
}  # fmt: skip


UPSAMPLED = ("nearest1d", "nearest2d", "nearest3d", "linear1d", "bilinear2d", "trilinear3d")


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
    zeros: dict[str, Any] = {}
    if isinstance(padding, str):
        zeros["auto_pad"] = "SAME_UPPER" if padding == "same" else "VALID"
    else:
        zeros["pads"] = numbers(padding, rank) * 2
    call.emit(
        "Conv",
        [call.tensor("input"), call.tensor("weight"), call.tensor("bias")],
        strides=numbers(call.given["stride"], rank),
        dilations=numbers(call.given["dilation"], rank),
        group=int(call.given["groups"]),
        **zeros,
    )


def _transposed(call: Call) -> None:
    _, _, *kernel = call.dims("weight")
    rank = len(kernel)
    call.emit(
        "ConvTranspose",
        [call.tensor("input"), call.tensor("weight"), call.tensor("bias")],
        strides=numbers(call.given["stride"], rank),
        pads=numbers(call.given["padding"], rank) * 2,
        output_padding=numbers(call.given["output_padding"], rank),
        dilations=numbers(call.given["dilation"], rank),
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


# Factors and summands of a norm that has none.
PLAIN = (("weight", 1.0), ("bias", 0.0))


def _batch_norm(call: Call) -> None:
    if call.given.get("training") or not call.tensor("running_mean"):
        raise call.error("normalises by the figures of its own batch; keep running figures, and normalise by them")
    mean = call.tensor("running_mean")
    channels, variance = call.dims("running_mean"), call.tensor("running_var")
    scales = [call.tensor(name) or call.number(np.full(channels, value)) for name, value in PLAIN]
    call.emit("BatchNormalization", [call.tensor("input"), *scales, mean, variance], epsilon=float(call.given["eps"]))


def _layer_norm(call: Call) -> None:
    shape = call.given["normalized_shape"]
    if len(shape) != 1:
        raise call.error("is a norm of several dimensions; lw3dsim has one of the last, channels")
    weight = call.tensor("weight") or call.number(np.ones(shape))
    inputs = [call.tensor("input"), weight, *([call.tensor("bias")] if call.tensor("bias") else [])]
    call.emit("LayerNormalization", inputs, axis=-1, epsilon=float(call.given["eps"]))


def _group_norm(call: Call) -> None:
    """Read a norm of groups of channels, or of each; of one that has running figures, these are what counts."""
    if call.tensor("running_mean") and not call.given.get("use_input_stats"):
        _batch_norm(call)
        return
    channels = call.dims("input")[1]
    groups = int(call.given.get("num_groups", channels))
    scales = [call.tensor(name) or call.number(np.full(channels, value)) for name, value in PLAIN]
    call.emit(
        "GroupNormalization", [call.tensor("input"), *scales], num_groups=groups, epsilon=float(call.given["eps"])
    )


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
    kernel = numbers(call.given["kernel_size"], rank)
    return {
        "kernel_shape": kernel,
        "strides": numbers(call.given["stride"] or kernel, rank),
        "pads": numbers(call.given["padding"], rank) * 2,
        "dilations": numbers(call.given.get("dilation", 1), rank),
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
    if call.given["dropout_p"]:
        raise call.error("drops elements in evaluation as well; pass dropout_p only in training")
    rank, inner = len(call.dims("query")), call.dims("query")[-1]
    scale = call.given.get("scale") or 1 / math.sqrt(inner)
    columns, scaled, product, masked, shares = map(call.between, ("columns", "scaled", "product", "masked", "shares"))
    order = [*range(rank - 2), rank - 1, rank - 2]
    call.emit("Transpose", [call.tensor("key")], made=[columns], perm=order)
    call.emit("Mul", [call.tensor("query"), call.number(scale)], made=[scaled])
    call.emit("MatMul", [scaled, columns], made=[product])
    if (mask := _mask(call)) is not None:
        product = call.emit("Add", [product, call.number(mask)], made=[masked])
    call.emit("Softmax", [product], made=[shares], axis=rank - 1)
    call.emit("MatMul", [shares, call.tensor("value")])


def _mask(call: Call) -> Any:
    """Return what an attention adds to its products, None for nothing."""
    if call.given["is_causal"]:
        rows, columns = call.dims("query")[-2], call.dims("key")[-2]
        return np.where(np.tri(rows, columns, dtype=bool), 0, MASKED).astype(np.float32)
    if not (name := call.tensor("attn_mask")):
        return None
    constant = call.reading.constants.get(name)
    values = None if constant is None else constant.array()
    if values is None:
        raise call.error("is masked by what is computed; lw3dsim takes masks that are constants")
    added = np.where(values, 0, MASKED) if values.dtype == bool else np.maximum(values, MASKED)
    return added.astype(np.float32) if added.any() else None


def _einsum(call: Call) -> None:
    tensors = [call.reading.name(each) for each in call.given["tensors"]]
    call.emit("Einsum", tensors, equation=str(call.given["equation"]))


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


READERS: dict[str, Reader] = {
    **each(_activation, *ACTIVATIONS),
    "hardsigmoid": _hard_sigmoid,
    "relu6": _clipped(0.0, 6.0),
    "hardtanh": _clipped("min_val", "max_val"),
    "clamp": _clipped("min", "max"),
    "clamp_min": _clipped("min", "max"),
    **each(_softmax, "softmax", "_softmax"),
    **each(_conv, "conv1d", "conv2d", "conv3d", "convolution"),
    **each(_transposed, *(f"conv_transpose{n}d" for n in (1, 2, 3))),
    **each(_upsample, *(f"upsample_{how}" for how in UPSAMPLED)),
    **each(_batch_norm, "batch_norm", "_native_batch_norm_legit_no_training", "cudnn_batch_norm"),
    "layer_norm": _layer_norm,
    **each(_group_norm, "group_norm", "instance_norm"),
    **each(_max_pool, *(f"max_pool{n}d{more}" for n in (1, 2, 3) for more in ("", "_with_indices"))),
    **each(_avg_pool, "avg_pool1d", "avg_pool2d", "avg_pool3d"),
    **each(_adaptive("AveragePool"), *(f"{lead}adaptive_avg_pool{n}d" for n in (1, 2, 3) for lead in ("", "_"))),
    **each(_adaptive("MaxPool"), *(f"adaptive_max_pool{n}d" for n in (1, 2, 3))),
    "mean": _reduced("ReduceMean"),
    "amax": _reduced("ReduceMax"),
    "linear": _linear,
    "addmm": _addmm,
    "matmul": _matmul("other"),
    **each(_matmul("mat2"), "mm", "bmm"),
    "einsum": _einsum,
    "scaled_dot_product_attention": _attention,
    "add": _add,
    "sub": _arithmetic("Sub"),
    "mul": _arithmetic("Mul"),
    "div": _arithmetic("Div"),
    **MOVES,
}  # fmt: skip
