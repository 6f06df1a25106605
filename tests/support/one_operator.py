"""Networks of one or two operators, of each that another form writes in several of its own."""

from lw3dsim.describe.workload import (
    Activation,
    BatchNorm,
    ChannelShuffle,
    Concat,
    ConvTranspose3d,
    Gate,
    LayerNorm,
    Matmul,
    Pool3d,
    Rearrange,
    RunningMean,
    Shape,
    Slice,
    Softmax,
    TemporalShift,
    Trg,
    Upsample,
    build_workload,
)

X = Shape(8, 4, 6, 5)
THINNED = {"kernel": (3, 4, 2), "stride": (1, 2, 2), "padding": (1, 1, 0)}

LAYERS = [
    [TemporalShift(name="y", inputs=("x",), parts=4)],
    [TemporalShift(name="y", inputs=("x",), parts=2)],
    [TemporalShift(name="y", inputs=("x",), parts=4, direction="past")],
    [RunningMean(name="y", inputs=("x",))],
    [Pool3d(name="p", inputs=("x",), mode="avg", kernel="frame"), RunningMean(name="y", inputs=("p",))],
    [TemporalShift(name="y", inputs=("x",), parts=2, direction="past"), Softmax(name="z", inputs=("y",))],
    [TemporalShift(name="y", inputs=("x",), parts=3), Trg(name="z", inputs=("y",))],
    [Trg(name="y", inputs=("x",)), Activation(name="z", inputs=("y",), activation="gelu")],
    [ChannelShuffle(name="y", inputs=("x",), groups=4), BatchNorm(name="z", inputs=("y",), activation="swish")],
    [Slice(name="y", inputs=("x",), dim="frames", start=1, stop=4, step=2), Softmax(name="z", inputs=("y",))],
    [
        Concat(name="y", inputs=("x", "x"), dim="height"),
        Pool3d(name="z", inputs=("y",), mode="max", kernel="global"),
    ],
    [Pool3d(name="s", inputs=("x",), mode="avg", kernel="global"), Gate(name="y", inputs=("x", "s"))],
    [ConvTranspose3d(name="y", inputs=("x",), out_channels=4, **THINNED)],
    [Upsample(name="y", inputs=("x",), scale=(1, 2, 3))],
    [Upsample(name="y", inputs=("x",), size=(4, 11, 20), mode="linear")],
    [LayerNorm(name="y", inputs=("x",), epsilon=1e-6)],
    [LayerNorm(name="n", inputs=("x",), groups=2), Softmax(name="y", inputs=("n",), groups=4)],
    [
        Matmul(name="m", inputs=("x", "x"), transpose=True, heads=2, scale=0.5),
        Softmax(name="s", inputs=("m",), groups=2),
        Matmul(name="y", inputs=("s", "x"), heads=2),
    ],
    [Matmul(name="y", inputs=("x", "x"), transpose=True, heads=4, by_frame=True)],
    [Rearrange(name="y", inputs=("x",), sizes=(8, 2, 60), order=(1, 0, 2), shape=(16, 2, 6, 5))],
    [Matmul(name="m", inputs=("x", "x"), transpose=True), Softmax(name="y", inputs=("m",))],
]

NETWORKS = {
    "+".join([layer.kind for layer in layers] + [str(i)]): build_workload(name="one", inputs={"x": X}, layers=layers)
    for i, layers in enumerate(LAYERS)
}
