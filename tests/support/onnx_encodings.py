"""One network in many encodings: two convolutions, a pool, a head."""

import numpy as np
from onnx import TensorProto
from onnx_files import Net

CLIP = {"clip": [1, 3, 8, 16, 16]}
AROUND = {"pads": [1] * 6, "strides": [1, 2, 2], "kernel_shape": [3, 3, 3]}


def plain(net, *, weights="initializer", folded=True, head="Gemm", pool="GlobalAveragePool", conv=None):
    """Write the network; ``conv`` writes a convolution by itself, with its activation."""
    for out, taken, name in ((8, 3, "/stem/stem.0/Conv"), (16, 8, "/body/Conv")):
        if conv is not None:
            conv(net, out, taken, name)
            continue
        w = net.weight(out, taken, 3, 3, 3, kind=weights)
        net.node("Conv", [net.last, w, *([net.weight(out)] if folded else [])], name=name, **AROUND)
        if not folded:
            net.node("BatchNormalization", [net.last, *(net.weight(out) for _ in range(4))])
        net.node("Relu")
    net.node("MaxPool", kernel_shape=[2, 2, 2], strides=[2, 2, 2])
    if pool == "GlobalAveragePool":
        net.node(pool)
    elif pool == "means":
        net.node("ReduceMean", axes=[-1, -2, -3], keepdims=0)
    elif net.opset >= 18:  # since then axes are an input
        net.node(pool, [net.last, net.values(np.array([2, 3, 4]))], keepdims=1)
    else:
        net.node(pool, axes=[2, 3, 4], keepdims=1)
    return head_of(net, head)


def head_of(net, head):
    if head == "Gemm":
        net.node("Flatten", axis=1)
        net.node("Gemm", [net.last, net.weight(5, 16), net.weight(5)], transB=1)
    elif head == "Gemm of columns":
        net.node("Reshape", [net.last, net.values(np.array([1, -1]))])
        net.node("Gemm", [net.last, net.weight(16, 5), net.weight(5)])
    elif head == "no flatten":
        net.node("Gemm", [net.last, net.weight(5, 16), net.weight(5)], transB=1)
    elif head == "MatMul":
        net.node("Squeeze", [net.last, net.values(np.array([2, 3, 4]))])
        x, w = net.last, net.weight(16, 5, kind="transposed")
        net.node("MatMul", [x, w])
        net.node("Add", [net.last, net.weight(5)])
    elif head == "dropped":
        net.node("Dropout", [net.node("Flatten", axis=1)], outputs=2)
        net.node("Identity")
        net.node("Gemm", [net.last, net.weight(5, 16), net.weight(5)], transB=1)
        net.node("Identity")
    elif head == "a shape":
        data = net.last
        shape = net.node("Shape")
        first = net.node("Gather", [shape, net.values(np.array(0))], axis=0)
        first = net.node("Unsqueeze", [first, net.values(np.array([0]))])
        wanted = net.node("Concat", [first, net.values(np.array([-1]))], axis=0)
        net.node("Reshape", [data, wanted])
        net.node("Gemm", [net.last, net.weight(5, 16), net.weight(5)], transB=1)
    return net


def bias_behind(net, out, taken, name):
    net.node("Conv", [net.last, net.weight(out, taken, 3, 3, 3)], name=name, **AROUND)
    net.node("Add", [net.weight(1, out, 1, 1, 1), net.last])
    net.node("Relu")


def padded_before(net, out, taken, name):
    net.node("Pad", [net.last, net.values(np.array([0, 0, 1, 1, 1] * 2))])
    net.node("Conv", [net.last, net.weight(out, taken, 3, 3, 3), net.weight(out)], name=name, strides=[1, 2, 2])
    net.node("Relu")


def clipped(net, out, taken, name):
    net.node("Conv", [net.last, net.weight(out, taken, 3, 3, 3), net.weight(out)], name=name, **AROUND)
    net.node("Clip", [net.last, net.values(np.float32(0))])


def joined(net, out, taken, name):
    given = [net.last, net.weight(out, taken, 3, 3, 3), net.weight(out)]
    net.node("FusedConv", given, name=name, domain="com.microsoft", activation="Relu", **AROUND)


def rewritten(change):
    """Weights that a ``change`` of several stored constants makes."""

    def conv(net, out, taken, name):
        data = net.last
        w = change(net, out, taken)
        net.node("Conv", [data, w, net.weight(out)], name=name, **AROUND)
        net.node("Relu")

    return conv


def cast(net, out, taken):
    name = net.weight(out, taken, 3, 3, 3)
    tensor = net.initializers[-1]
    half = np.frombuffer(tensor.raw_data, np.float32).astype(np.float16)
    tensor.raw_data, tensor.data_type = half.tobytes(), TensorProto.FLOAT16
    return net.node("Cast", [name], to=TensorProto.FLOAT)


def reshaped(net, out, taken):
    return net.node("Reshape", [net.weight(out, taken * 27), net.values(np.array([out, taken, 3, 3, 3]))])


def halved(net, out, taken):
    return net.node("Concat", [net.weight(out // 2, taken, 3, 3, 3), net.weight(out // 2, taken, 3, 3, 3)], axis=0)


def scaled_weights(net, out, taken):
    return net.node("Mul", [net.weight(out, taken, 3, 3, 3), net.weight(out, 1, 1, 1, 1)])


def two_scales(net, out, taken, name):
    for op in ("QuantizeLinear", "DequantizeLinear"):
        net.node(op, [net.last, net.values(np.float32(0.1)), net.values(np.int8(0))])
    data = net.last
    net.node("Conv", [data, net.weight(out, taken, 3, 3, 3, kind="dequantised"), net.weight(out)], name=name, **AROUND)
    net.node("Relu")


def integers(net, out, taken, name):
    scale, zero = net.values(np.float32(0.1)), net.values(np.int8(0))
    net.node("QuantizeLinear", [net.last, scale, zero])
    w, bias = net.weight(out, taken, 3, 3, 3), net.weight(out)
    net.node("QLinearConv", [net.last, scale, zero, w, scale, zero, scale, zero, bias], name=name, **AROUND)
    net.node("Relu")
    net.node("DequantizeLinear", [net.last, scale, zero])


def scales_on_the_way(net, out, taken, name):
    q, scale, zero = net.node("DynamicQuantizeLinear", outputs=3)
    scale = net.node("Mul", [scale, net.values(np.float32(0.1))])
    net.node("ConvInteger", [q, net.weight(out, taken, 3, 3, 3), zero, net.values(np.int8(0))], name=name, **AROUND)
    net.node("Cast", to=1)
    net.node("Mul", [net.last, scale])
    net.node("Add", [net.last, net.weight(out, 1, 1, 1)])
    net.node("Relu")


def elsewhere(net):
    """Put the weights into a file that is not there."""
    for tensor in net.initializers:
        if len(tensor.dims) > 1:
            tensor.ClearField("raw_data")
            tensor.data_location = TensorProto.EXTERNAL
            tensor.external_data.add(key="location", value="/nowhere/at/all")
    return net


ENCODINGS = {
    "weights as initializers": lambda: plain(Net(CLIP)),
    "stripped of data": lambda: plain(Net(CLIP, stripped=True)),
    "constants": lambda: plain(Net(CLIP), weights="constant"),
    "identities": lambda: plain(Net(CLIP), weights="identity"),
    "transposed": lambda: plain(Net(CLIP), weights="transposed"),
    "transposed and stripped": lambda: plain(Net(CLIP, stripped=True), weights="transposed"),
    "dequantised": lambda: plain(Net(CLIP), weights="dequantised"),
    "graph inputs": lambda: plain(Net(CLIP), weights="input"),
    "in another file": lambda: elsewhere(plain(Net(CLIP))),
    "an old opset": lambda: plain(Net(CLIP, opset=11)),
    "a newer opset": lambda: plain(Net(CLIP, opset=21), pool="ReduceMean"),
    "a symbolic batch": lambda: plain(Net({"clip": ["N", 3, 8, 16, 16]})),
    "an open batch": lambda: plain(Net({"clip": [None, 3, 8, 16, 16]})),
    "a mean": lambda: plain(Net(CLIP), pool="ReduceMean"),
    "a mean that drops its axes": lambda: plain(Net(CLIP), pool="means", head="no flatten"),
    "columns": lambda: plain(Net(CLIP), head="Gemm of columns"),
    "a product and a sum": lambda: plain(Net(CLIP), head="MatMul"),
    "a shape that is worked out": lambda: plain(Net(CLIP), head="a shape"),
    "dropouts and identities": lambda: plain(Net(CLIP), head="dropped"),
    "biases behind": lambda: plain(Net(CLIP), conv=bias_behind),
    "pads in front": lambda: plain(Net(CLIP), conv=padded_before),
    "clipped at zero": lambda: plain(Net(CLIP), conv=clipped),
    "joined by a runtime": lambda: plain(Net(CLIP), conv=joined),
    "weights of half the bits": lambda: plain(Net(CLIP), conv=rewritten(cast)),
    "weights as matrices": lambda: plain(Net(CLIP), conv=rewritten(reshaped)),
    "weights in halves": lambda: plain(Net(CLIP), conv=rewritten(halved)),
    "weights times scales": lambda: plain(Net(CLIP), conv=rewritten(scaled_weights)),
    "of two scales": lambda: plain(Net(CLIP), conv=two_scales),
    "of integers": lambda: plain(Net(CLIP), conv=integers),
    "of scales on the way": lambda: plain(Net(CLIP), conv=scales_on_the_way),
}
