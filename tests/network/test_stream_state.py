"""Do layers that keep state from clip to clip make of a stream of clips what they make of one long clip?"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lw3dsim
from lw3dsim import load_arch
from lw3dsim.arithmetic.moves import arranged
from lw3dsim.base.values import replace
from lw3dsim.describe.moves import (
    ChannelShuffle,
    Concat,
    Interleave,
    Pad,
    Permute,
    Rearrange,
    Reshape,
    Slice,
    TemporalShift,
    Upsample,
)
from lw3dsim.describe.products import Conv3d, Gate, Linear, Matmul
from lw3dsim.describe.states import look_back
from lw3dsim.describe.vectors import Add, Mul, Pool3d, RunningMean, Trg
from lw3dsim.describe.workload import Shape, build_workload
from lw3dsim.describe.workload_file import parse_workload
from lw3dsim.describe.workload_text import workload_text
from lw3dsim.explore.evaluate import Evaluator
from lw3dsim.explore.space_file import parse_space

SMALL = load_arch("edge_small", overrides=["buffers.ifmap_kib=2", "buffers.weight_kib=2", "buffers.ofmap_kib=2"])
X = Shape(8, 4, 6, 6)


def conv(name, source, channels, kernel, **more):
    return Conv3d(name=name, inputs=(source,), out_channels=channels, kernel=kernel, **more)


def causal(frames):
    """A causal network with every way to look back: windows, strides, dilation, pools, a shift; and what does not."""
    layers = [
        conv("stem", "x", 8, (3, 3, 3), padding=((2, 0), 1, 1), activation="relu", bias=True),
        TemporalShift(name="shift", inputs=("stem",), parts=4, direction="past"),
        conv("time", "shift", 8, (5, 1, 1), padding=((4, 0), 0, 0)),
        Add(name="sum", inputs=("stem", "time")),
        Pool3d(name="most", inputs=("sum",), mode="max", kernel=(3, 3, 3), stride=(2, 2, 2), padding=(1, 1, 1)),
        Pool3d(
            name="mean", inputs=("most",), mode="avg", kernel=(2, 3, 3), stride=(1, 1, 1), padding=((1, 0), 1, 1),
            count_include_pad=False,
        ),
        conv("apart", "mean", 8, (3, 3, 3), dilation=(2, 1, 1), padding=((4, 0), 1, 1), groups=8, activation="swish"),
        conv("pixels", "apart", 12, (1, 1, 1)),
        ChannelShuffle(name="shuffle", inputs=("pixels",), groups=3),
        Pool3d(name="squeeze", inputs=("shuffle",), mode="avg", kernel="frame"),
        RunningMean(name="so_far", inputs=("squeeze",)),
        Concat(name="both", inputs=("so_far", "squeeze")),
        conv("gate", "both", 12, (1, 1, 1), activation="sigmoid"),
        Mul(name="gated", inputs=("pixels", "gate")),
        RunningMean(name="means", inputs=("gated",)),
    ]  # fmt: skip
    return build_workload(name="causal", inputs={"x": Shape(3, frames, 8, 8)}, layers=layers)


def chain(frames, kernels):
    """Temporal convolutions behind each other, each with all of its padding before the first frame."""
    layers, source = [], "x"
    for i, (taps, stride, dilation) in enumerate(kernels):
        reach = (taps - 1) * dilation
        layers.append(
            conv(
                f"t{i}", source, 4, (taps, 1, 1), stride=(stride, 1, 1), dilation=(dilation, 1, 1),
                padding=((max(reach + 1 - stride, 0), 0), 0, 0),
            )
        )  # fmt: skip
        source = f"t{i}"
    return build_workload(name="chain", inputs={"x": Shape(2, frames, 2, 3)}, layers=layers)


@pytest.mark.parametrize(
    ("algorithm", "fusion", "dtype"),
    [*itertools.product(["direct", "winograd3d"], ["off", "auto"], ["int8"]), ("hfa", "auto", "int16")],
)
def test_a_stream_of_clips_is_one_long_clip(algorithm, fusion, dtype):
    how = {"arch": SMALL, "algorithm": algorithm, "fusion": fusion, "dtype": dtype}
    stream = lw3dsim.execute(causal(4), stream_state="all", clips=3, **how)
    long = lw3dsim.execute(causal(12), **how)
    # The direct computation may add up floats in another order.
    assert stream.exact or dtype == "float64"
    assert stream.outputs == long.outputs


def test_in_floating_point_it_is_so_to_rounding():
    stream = lw3dsim.execute(causal(4), stream_state="all", clips=3, dtype="float64")
    long = lw3dsim.execute(causal(12), dtype="float64")
    for name, values in long.outputs.items():
        assert np.allclose(stream.outputs[name], values, rtol=1e-12, atol=0)


@settings(max_examples=25)
@given(
    st.integers(1, 3),
    st.integers(1, 5),
    st.lists(st.tuples(st.integers(1, 5), st.just(1), st.integers(1, 3)), min_size=1, max_size=3),
    st.sampled_from(["off", "auto"]),
)
def test_clips_may_be_shorter_than_what_layers_look_back_at(frames, clips, kernels, fusion):
    stream = lw3dsim.execute(chain(frames, kernels), stream_state="all", clips=clips, fusion=fusion)
    long = lw3dsim.execute(chain(frames * clips, kernels), fusion=fusion)
    assert stream.exact
    assert stream.outputs == long.outputs


def test_without_state_every_clip_begins_anew():
    stream = lw3dsim.execute(causal(4), clips=3)
    assert stream.exact
    assert stream.outputs != lw3dsim.execute(causal(12)).outputs


def test_batches_are_streams_side_by_side():
    together = lw3dsim.execute(causal(4), stream_state="all", batch=2)
    assert together.exact
    one, two = (lw3dsim.simulate(causal(4), stream_state="all", batch=batch).totals for batch in (1, 2))
    assert two.state_bytes == 2 * one.state_bytes
    assert two.compulsory_bytes < 2 * one.compulsory_bytes  # weights once


def test_state_is_read_and_kept():
    """Kernel of 5 frames on 8 channels of 8 x 8: the 4 frames before the clip are read again, and stay."""
    network = build_workload(
        name="time", inputs={"x": Shape(8, 4, 8, 8)},
        layers=[conv("time", "x", 16, (5, 1, 1), padding=((4, 0), 0, 0))],
    )  # fmt: skip
    without, kept = (lw3dsim.simulate(network, stream_state=mode).totals for mode in ("off", "all"))
    frames = 4 * 8 * 8 * 8
    assert (without.state_bytes, kept.state_bytes) == (0, frames)
    assert kept.compulsory_bytes - without.compulsory_bytes == frames
    assert kept.dram_read_bytes - without.dram_read_bytes == frames
    assert kept.dram_write_bytes == without.dram_write_bytes
    assert kept.energy_pj > without.energy_pj
    assert kept.latency_cycles > without.latency_cycles
    assert (kept.macs, kept.executed_mults) == (without.macs, without.executed_mults)


@pytest.mark.parametrize("fusion", ["off", "auto"])
def test_engines_agree_with_state(fusion):
    fast, reference = (
        lw3dsim.simulate(causal(4), SMALL, stream_state="all", fusion=fusion, clips=2, engine=engine)
        for engine in ("fast", "simpy")
    )
    assert fast.record.layers == reference.record.layers
    assert fast.totals == reference.totals
    for layer in fast.record.layers:
        assert layer.dram_bytes >= layer.compulsory_bytes


def test_a_layer_that_looks_back_begins_its_group():
    result = lw3dsim.simulate(causal(4), SMALL, stream_state="all", fusion="auto")
    inner = [name for layer in result.record.layers for name in layer.name.split("+")[1:]]
    assert inner
    assert not {"stem", "time", "most", "mean", "apart"} & {*inner}


def test_a_tensor_that_two_layers_look_back_at_stays_once():
    layers = [
        conv("short", "x", 4, (3, 1, 1), padding=((2, 0), 0, 0)),
        conv("long", "x", 4, (5, 1, 1), padding=((4, 0), 0, 0)),
        Add(name="sum", inputs=("short", "long")),
    ]
    network = build_workload(name="two", inputs={"x": Shape(4, 4, 5, 5)}, layers=layers)
    layers = lw3dsim.simulate(network, stream_state="all").record.layers
    assert [layer.state_bytes for layer in layers] == [0, 4 * 4 * 5 * 5, 0]


def test_a_running_mean_keeps_its_sums():
    """Sums of 32 bits are as much as four frames of 8, and are read and written with each clip, here of three."""
    network = build_workload(
        name="mean", inputs={"x": Shape(8, 3, 4, 8)}, layers=[RunningMean(name="mean", inputs=("x",))]
    )
    without, kept = (lw3dsim.simulate(network, stream_state=mode).totals for mode in ("off", "all"))
    frame = 8 * 4 * 8
    assert kept.state_bytes == 4 * frame
    assert (without.dram_read_bytes, without.dram_write_bytes) == (3 * frame, 3 * frame)
    assert (kept.dram_read_bytes, kept.dram_write_bytes) == (7 * frame, 7 * frame)


@pytest.mark.parametrize("dtype", ["int8", "int16"])
def test_sums_of_many_clips_are_exact(dtype):
    def network(frames):
        layers = [Pool3d(name="p", inputs=("x",), mode="avg", kernel="frame"), RunningMean(name="m", inputs=("p",))]
        return build_workload(name="means", inputs={"x": Shape(5, frames, 3, 3)}, layers=layers)

    stream = lw3dsim.execute(network(2), stream_state="all", clips=40, dtype=dtype)
    assert stream.exact
    assert stream.outputs == lw3dsim.execute(network(80), dtype=dtype).outputs


def test_the_stream_of_movinet_runs_clip_by_clip_as_one():
    stream = lw3dsim.execute("movinet_a0_stream", input_size="2x32x32", classes=5, clips=2)
    assert stream.exact
    long = lw3dsim.execute("movinet_a0_stream", input_size="4x32x32", classes=5, stream_state="off")
    assert stream.outputs == long.outputs
    assert lw3dsim.execute("movinet_a0_stream", input_size="2x32x32", classes=5, clips=2, fusion="auto").exact


def looks(layer, *shapes):
    return look_back(layer, shapes, layer.output_shape(shapes))


@pytest.mark.parametrize(
    ("layer", "shapes", "reason"),
    [
        (conv("a", "x", 4, (3, 1, 1), padding=(1, 0, 0)), [X], "looks at 1 frame behind the clip"),
        (conv("a", "x", 4, (5, 1, 1), padding=(2, 0, 0)), [X], "looks at 2 frames behind the clip"),
        (conv("a", "x", 4, (3, 1, 1)), [X], "makes 2 of the 4 frames of a clip, with a stride of 1"),
        (conv("a", "x", 4, (1, 1, 1), stride=(3, 1, 1)), [X], "makes 2 of the 4 frames of a clip, with a stride of 3"),
        (Pool3d(name="a", inputs=("x",), mode="avg", kernel="global"), [X], "takes all frames of a clip together"),
        (Linear(name="a", inputs=("x",), out_features=3), [X], "takes all frames of a clip together"),
        (Trg(name="a", inputs=("x",)), [X], "takes all frames of a clip together"),
        (Matmul(name="a", inputs=("x", "y"), transpose=True), [X, X], "takes all frames of a clip together"),
        (Gate(name="a", inputs=("x", "y")), [X, Shape(8, 1, 1, 1)], "takes a frame for all frames of a clip"),
        (Add(name="a", inputs=("x", "y")), [X, Shape(8, 1, 6, 6)], "takes a frame for all frames of a clip"),
        (TemporalShift(name="a", inputs=("x",)), [X], "takes channels from the next frame"),
        (Pad(name="a", inputs=("x",), padding=((1, 0), 0, 0)), [X], "pads every clip with frames"),
        (Slice(name="a", inputs=("x",), dim="frames", start=1, stop=3), [X], "makes 2 of the 4 frames"),
        (Rearrange(name="a", inputs=("x",), sizes=(8, 4, 36), order=(1, 0, 2), shape=(4, 8, 6, 6)), [X], "moves"),
        (Concat(name="a", inputs=("x", "y"), dim="frames"), [X, X], "has frames of one behind those of another"),
        (Permute(name="a", inputs=("x",), order=("frames", "channels", "height", "width")), [X], "moves values"),
        (Reshape(name="a", inputs=("x",), shape=(4, 8, 6, 6)), [X], "moves values between frames"),
        (Upsample(name="a", inputs=("x",), scale=(2, 1, 1), mode="linear"), [X], "makes frames out of several"),
        (Interleave(name="a", inputs=("x", "y"), apart=(2, 1, 1)), [X._replace(frames=5), X], "unlike number in turns"),
    ],
)  # fmt: skip
def test_what_is_not_causal_is_refused(layer, shapes, reason):
    frames, why = looks(layer, *shapes)
    assert frames == 0
    assert reason in why


@pytest.mark.parametrize(
    ("layer", "shapes", "frames"),
    [
        (conv("a", "x", 4, (3, 1, 1), stride=(2, 1, 1), padding=(1, 0, 0)), [X], 1),
        (conv("a", "x", 4, (2, 1, 1), stride=(2, 1, 1)), [X], 0),
        (Pool3d(name="a", inputs=("x",), mode="max", kernel=(3, 1, 1), stride=(1, 1, 1), padding=((1, 1), 0, 0)),
         [X._replace(frames=1)], None),
        (Pool3d(name="a", inputs=("x",), mode="avg", kernel=(4, 6, 6)), [X], 0),
        (Slice(name="a", inputs=("x",), dim="frames", start=1, stop=4, step=2), [X], 0),
        (Slice(name="a", inputs=("x",), dim="channels", start=1, stop=4), [X], 0),
        (Linear(name="a", inputs=("x",), out_features=3), [X._replace(frames=1)], 0),
        (Permute(name="a", inputs=("x",), order=("channels", "frames", "width", "height")), [X], 0),
        (Reshape(name="a", inputs=("x",), shape=(8, 4, 36, 1)), [X], 0),
        (Upsample(name="a", inputs=("x",), scale=(2, 1, 1)), [X], 0),
        (Interleave(name="a", inputs=("x", "y"), apart=(2, 1, 1)), [X, X], 0),
        (Pad(name="a", inputs=("x",), padding=(0, 1, 1)), [X], 0),
        (Matmul(name="a", inputs=("x", "y"), transpose=True, by_frame=True), [X, X], 0),
    ],
)  # fmt: skip
def test_what_is_causal_looks_back_at_frames(layer, shapes, frames):
    found = looks(layer, *shapes)
    assert found.frames == (frames or 0)
    assert bool(found.reason) == (frames is None)


def test_learned_tensors_are_of_no_clip():
    inputs = {"x": X, "row": Shape(8, 1, 6, 6), "frames": X}
    layers = [Add(name="a", inputs=("x", "row")), Add(name="b", inputs=("a", "frames"))]
    network = build_workload(name="learned", inputs=inputs, layers=layers, learned=("row", "frames"))
    result = lw3dsim.simulate(network, stream_state="causal")
    assert result.record.notes == ("b takes learned frames, which are the same of every clip: it runs clip by clip",)


def half_causal():
    layers = [
        conv("before", "x", 4, (3, 1, 1), padding=((2, 0), 0, 0)),
        conv("around", "before", 4, (3, 1, 1), padding=(1, 0, 0)),
        Pool3d(name="pool", inputs=("around",), mode="avg", kernel="global"),
        Linear(name="fc", inputs=("pool",), out_features=5),
    ]
    return build_workload(name="half", inputs={"x": Shape(4, 4, 5, 5)}, layers=layers)


def test_layers_that_are_not_causal_are_named():
    with pytest.raises(lw3dsim.InputError) as error:
        lw3dsim.simulate(half_causal(), stream_state="all")
    assert "layer around of half looks at 1 frame behind the clip" in str(error.value)
    result = lw3dsim.simulate(half_causal(), stream_state="causal")
    assert result.record.notes == (
        "around looks at 1 frame behind the clip: it runs clip by clip",
        "pool takes all frames of a clip together: it runs clip by clip",
    )
    assert result.config.stream_state == "causal"
    assert [layer.state_bytes for layer in result.record.layers] == [2 * 4 * 25, 0, 0, 0]
    assert lw3dsim.execute(half_causal(), stream_state="causal", clips=2).exact


def test_a_file_may_ask_for_state(tmp_path):
    network = chain(2, [(3, 1, 1)])
    asked = replace(network, stream_state="all")
    again = parse_workload(workload_text(asked))
    assert again.stream_state == "all"
    assert lw3dsim.simulate(again).totals.state_bytes == 2 * 2 * 6
    assert lw3dsim.simulate(again, stream_state="off").totals.state_bytes == 0
    result = lw3dsim.simulate(again)
    (tmp_path / "result.json").write_text(result.record.to_json())
    assert lw3dsim.load_result(tmp_path).record == result.record
    with pytest.raises(lw3dsim.InputError, match="stream_state"):
        parse_workload(workload_text(network) + "stream_state: always\n")
    with pytest.raises(lw3dsim.InputError, match="stream_state"):
        lw3dsim.simulate(network, stream_state="always")


def test_mapping_files_hold_with_state(tmp_path):
    mapped = lw3dsim.map_workload(causal(4), SMALL, stream_state="all", fusion="auto")
    mapped.save(tmp_path / "m.yaml")
    again = lw3dsim.simulate(causal(4), SMALL, stream_state="all", fusion="auto", mapping=tmp_path / "m.yaml")
    assert again.record.layers == lw3dsim.simulate(causal(4), SMALL, stream_state="all", fusion="auto").record.layers


def test_what_is_shifted_from_the_past_alone_is_what_pytorch_shifts():
    values = np.arange(8 * 4, dtype=np.int64).reshape(8, 4, 1, 1)
    (made,) = arranged(TemporalShift(name="s", inputs=("x",), parts=4, direction="past"), [values])
    assert (made[:2, 1:] == values[:2, :-1]).all()
    assert not made[:2, 0].any()
    assert (made[2:] == values[2:]).all()


def test_a_study_compares_streams_with_and_without_state():
    space = parse_space(
        "name: streams\n"
        "workloads: [{workload: movinet_a0_stream, input: 8x32x32, stream_state: all}]\n"
        "parameters: {run.stream_state: ['off', all]}\n"
        "objectives: [dram_mb, latency_ms]\n"
    )
    evaluator = Evaluator(space)
    off, kept = (evaluator.evaluate(space.point(choice)).metrics for choice in space.all_choices())
    runs = [lw3dsim.simulate("movinet_a0_stream", input_size="8x32x32", stream_state=mode) for mode in ("off", "all")]
    assert [one["dram_mb"] for one in (off, kept)] == pytest.approx([run.totals.dram_bytes / 1e6 for run in runs])
    assert off["dram_mb"] < kept["dram_mb"]
    assert "--stream-state off" in space.command(space.point((0,)))
    with pytest.raises(lw3dsim.InputError, match=r"run\.stream_state.*allowed: all, causal, off"):
        parse_space(
            "name: s\nworkloads: [{workload: c3d}]\nparameters: {run.stream_state: [some]}\nobjectives: [dram_mb]\n"
        )
