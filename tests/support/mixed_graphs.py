"""Random small graphs of every kind of layer, with skips, side branches and several outputs."""

# ruff: noqa: ARG002  # every kind is given a tensor and its shape
from __future__ import annotations

from hypothesis import strategies as st

from lw3dsim.describe.workload import (
    Activation,
    Add,
    BatchNorm,
    ChannelShuffle,
    Concat,
    Conv3d,
    ConvTranspose3d,
    Copy,
    Gate,
    Interleave,
    LayerNorm,
    Linear,
    Matmul,
    Mul,
    Pad,
    Permute,
    Pool3d,
    Rearrange,
    Reshape,
    RunningMean,
    Shape,
    Slice,
    Softmax,
    TemporalShift,
    Trg,
    Upsample,
    build_workload,
)  # fmt: skip
from lw3dsim.errors import ShapeError

FUNCTIONS = ("none", "relu", "relu6", "swish", "hard_sigmoid", "gelu")
DIMS = ("channels", "frames", "height", "width")
# What keeps every frame where it is, and looks at none behind it.
CAUSAL = (
    "conv", "depthwise", "grouped", "pool", "batch_norm", "activation", "softmax", "layer_norm", "norm", "shift",
    "mean", "sum", "mul", "gate", "shuffle", "copy", "concat", "slice", "upsample",
)  # fmt: skip
ALL = (
    *CAUSAL, "linear", "transposed", "matmul", "trg", "pad", "permute", "reshape", "rearrange", "interleave",
    "window_pool",
)  # fmt: skip


class Making:
    """A graph under way: tensors and their shapes, layers; kinds of layers as methods, None where one does not fit."""

    def __init__(self, draw, shape, *, causal, bits):
        self.draw, self.causal, self.bits = draw, causal, bits
        self.shapes, self.layers = {"x": shape}, []

    def pick(self, *values):
        return self.draw(st.sampled_from(values))

    def add(self, kind):
        """Put a layer of ``kind`` behind one of the last tensors, if it fits there."""
        *_, last = self.shapes
        x = self.pick(last, last, last, *list(self.shapes)[-3:])
        layer = getattr(self, kind)(x, self.shapes[x])
        if layer is None:
            return
        try:
            shape = layer.output_shape(tuple(self.shapes[name] for name in layer.inputs))
        except ShapeError:
            return
        if shape.elements <= 12_000:
            self.layers.append(layer)
            self.shapes[layer.name] = shape

    def of(self, kind, *inputs, **keys):
        if self.bits and self.pick(True, False):
            keys["activation_bits"] = self.pick(*self.bits)
        if self.bits and "weight_bits" in kind.__struct_fields__:
            keys["weight_bits"] = self.pick(None, *self.bits)
        return kind(name=f"l{len(self.layers)}", inputs=inputs, **keys)

    def like(self, x, shape):
        """Another tensor of this shape, or of one in some of its sizes, else the same."""
        fits = [
            name for name, other in self.shapes.items()
            if name != x and all(n in (1, whole) for n, whole in zip(other, shape, strict=True))
        ]  # fmt: skip
        return self.pick(*fits[-3:]) if fits else x

    def kernel(self, shape):
        kernel = self.pick((1, 1, 1), (3, 1, 1), (1, 3, 3), (2, 2, 3))
        before = (kernel[0] - 1, 0) if self.causal else self.pick(0, (0, kernel[0] // 2))
        stride = 1 if self.causal else self.pick(1, min(2, kernel[0]))
        around = (before, self.pick(0, kernel[1] // 2), kernel[2] // 2)
        return {"kernel": kernel, "stride": (stride, self.pick(1, min(2, kernel[1])), 1), "padding": around}

    def convolved(self, x, shape, out, groups):
        keys = self.kernel(shape)
        return self.of(
            Conv3d,
            x,
            out_channels=out,
            groups=groups,
            bias=self.pick(True, False),
            activation=self.pick(*FUNCTIONS),
            **keys,
        )

    def conv(self, x, shape):
        return self.convolved(x, shape, self.pick(4, 6, 16), 1)

    def depthwise(self, x, shape):
        return self.convolved(x, shape, shape.channels, shape.channels)

    def grouped(self, x, shape):
        return self.convolved(x, shape, 8, 2)

    def linear(self, x, shape):
        return self.of(Linear, x, out_features=self.pick(4, 10), activation=self.pick(*FUNCTIONS))

    def transposed(self, x, shape):
        kernel, stride = self.pick(((2, 2, 2), (2, 2, 2)), ((1, 3, 3), (1, 2, 2)), ((3, 1, 2), (1, 1, 2)))
        return self.of(ConvTranspose3d, x, out_channels=self.pick(4, 32), kernel=kernel, stride=stride)

    def matmul(self, x, shape):
        return self.of(Matmul, x, x, transpose=True, heads=self.pick(1, 2), by_frame=self.pick(True, False))

    def pool(self, x, shape):
        return self.of(Pool3d, x, mode=self.pick("max", "avg"), kernel="frame")

    def window_pool(self, x, shape):
        kernel = self.pick((2, 2, 2), (1, 3, 3), (2, 3, 2))
        keys = {"ceil_mode": self.pick(True, False), "count_include_pad": self.pick(True, False)}
        return self.of(
            Pool3d, x, mode=self.pick("max", "avg"), kernel=kernel, stride=(1, 2, 2), padding=(0, 1, 1), **keys
        )

    def batch_norm(self, x, shape):
        return self.of(BatchNorm, x, activation=self.pick(*FUNCTIONS))

    def activation(self, x, shape):
        return self.of(Activation, x, activation=self.pick("sigmoid", "tanh", "hard_swish"))

    def softmax(self, x, shape):
        return self.of(Softmax, x, groups=self.pick(1, 2))

    def layer_norm(self, x, shape):
        return self.of(LayerNorm, x, groups=self.pick(1, 2))

    def norm(self, x, shape):
        plain = self.of(LayerNorm, x)
        self.layers.append(plain)
        self.shapes[plain.name] = shape
        return self.of(BatchNorm, plain.name)

    def trg(self, x, shape):
        return self.of(Trg, x)

    def shift(self, x, shape):
        return self.of(TemporalShift, x, parts=4, direction="past" if self.causal else "both")

    def mean(self, x, shape):
        return self.of(RunningMean, x)

    def _together(self, kind, x, shape):
        other = self.like(x, shape)
        return self.of(kind, *((x, other) if self.pick(True, False) else (other, x)), activation=self.pick(*FUNCTIONS))

    def sum(self, x, shape):
        return self._together(Add, x, shape)

    def mul(self, x, shape):
        return self._together(Mul, x, shape)

    def gate(self, x, shape):
        if self.causal:
            return None
        factors = self.of(Pool3d, x, mode="avg", kernel="global")
        self.layers.append(factors)
        self.shapes[factors.name] = factors.output_shape((shape,))
        return self.of(Gate, x, factors.name, activation=self.pick(*FUNCTIONS))

    def concat(self, x, shape):
        dim = "channels" if self.causal else self.pick(*DIMS)
        return self.of(Concat, x, self.like(x, shape), dim=dim)

    def interleave(self, x, shape):
        return self.of(Interleave, x, x, apart=self.pick((2, 1, 1), (1, 1, 2)))

    def slice(self, x, shape):
        dim = self.pick("channels", "height", "width") if self.causal else self.pick(*DIMS)
        start = self.draw(st.integers(0, getattr(shape, dim) - 1))
        stop = self.draw(st.integers(start + 1, getattr(shape, dim)))
        return self.of(Slice, x, dim=dim, start=start, stop=stop, step=self.pick(1, 1, 2) if not self.causal else 1)

    def pad(self, x, shape):
        return self.of(Pad, x, padding=(self.pick(0, 1), (0, 2), 1))

    def shuffle(self, x, shape):
        return self.of(ChannelShuffle, x, groups=2)

    def copy(self, x, shape):
        return self.of(Copy, x, of="Odd")

    def upsample(self, x, shape):
        return self.of(Upsample, x, scale=(1, 2, 1), mode=self.pick("nearest", "linear"))

    def permute(self, x, shape):
        return self.of(Permute, x, order=tuple(self.draw(st.permutations(DIMS))))

    def reshape(self, x, shape):
        return self.of(Reshape, x, shape=(shape.channels, shape.frames, 1, shape.height * shape.width))

    def rearrange(self, x, shape):
        c, t, h, w = shape
        return self.of(Rearrange, x, sizes=(c, t, h * w), order=self.pick((2, 1, 0), (1, 0, 2)), shape=(h * w, t, 1, c))


@st.composite
def mixed_graphs(draw, *, causal=False, bits=()):
    """A random network of up to nine layers of all kinds, or of those alone that may keep state of a stream.

    Some tensors and weights have one of these ``bits``.
    """
    shape = Shape(draw(st.sampled_from([4, 8, 12])), *(draw(st.integers(3, most)) for most in (4, 7, 6)))
    making = Making(draw, shape, causal=causal, bits=bits)
    for kind in draw(st.lists(st.sampled_from(("conv", "conv", *(CAUSAL if causal else ALL))), min_size=3, max_size=8)):
        making.add(kind)
    read = {name for layer in making.layers for name in layer.inputs}
    if "x" not in read:
        making.layers.append(making.of(Activation, "x", activation="relu"))
    input_bits = {"x": draw(st.sampled_from(bits))} if bits else None
    return build_workload(name="mixed", inputs={"x": shape}, layers=making.layers, input_bits=input_bits)
