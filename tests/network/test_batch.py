"""Do clips that are computed together share their weights, keep to themselves, and cost what follows from that?"""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lw3dsim
from lw3dsim import load_arch
from lw3dsim.account.energy import Sparsity
from lw3dsim.base.caches import forget
from lw3dsim.base.values import replace
from lw3dsim.describe.workload import (
    Activation,
    Add,
    BatchNorm,
    ChannelShuffle,
    Concat,
    Conv3d,
    Gate,
    Linear,
    Matmul,
    Mul,
    Pad,
    Permute,
    Pool3d,
    Shape,
    Slice,
    Softmax,
    TemporalShift,
    Trg,
    build_workload,
)
from lw3dsim.engine import simpy_engine
from lw3dsim.errors import MappingError
from lw3dsim.explore.bounds import least_of
from lw3dsim.explore.evaluate import Evaluator
from lw3dsim.explore.space_file import parse_space
from lw3dsim.machine.problem import in_batch, make_problem
from lw3dsim.map.floor import compulsory_by_stream, compulsory_bytes, floor_bytes
from lw3dsim.map.layer.price import Price
from lw3dsim.network.floor import floors_under, layer_floors
from lw3dsim.network.layers import run_layer, run_problem
from lw3dsim.network.pipeline import in_batch as network_in_batch
from lw3dsim.network.views import viewed
from lw3dsim.transform.algorithms import candidates

SMALL = ["pe.rows=6", "buffers.ifmap_kib=8", "buffers.weight_kib=8", "buffers.ofmap_kib=8"]
TINY = load_arch("edge_small", overrides=["buffers.ifmap_kib=1", "buffers.weight_kib=1", "buffers.ofmap_kib=1"])
ROOMY = load_arch("edge_small", overrides=["buffers.ifmap_kib=2", "buffers.weight_kib=2", "buffers.ofmap_kib=2"])
BYTES = Price(cycle=0.0, dram_byte=1.0)
LINEAR = build_workload(
    name="linear", inputs={"x": Shape(512, 1, 4, 4)}, layers=[Linear(name="fc", inputs=("x",), out_features=1024)]
)


def conv(name, source, channels, kernel, **more):
    return Conv3d(name=name, inputs=(source,), out_channels=channels, kernel=kernel, **more)


def convolutions():
    """Every form of a convolution: padded and strided along time, separable, depthwise, in groups; pool and linear."""
    layers = [
        conv("dense", "x", 8, (3, 3, 3), padding=(1, 1, 1), activation="relu"),
        conv("space", "dense", 12, (1, 3, 3), padding=(0, 1, 1), bias=True),
        conv("time", "space", 12, (3, 1, 1), padding=((2, 0), 0, 0)),
        conv("strided", "time", 12, (3, 3, 3), stride=(2, 2, 2), padding=(1, 1, 1)),
        conv("depthwise", "strided", 12, (3, 3, 3), padding=(1, 1, 1), groups=12),
        conv("pixels", "depthwise", 16, (1, 1, 1)),
        conv("groups", "pixels", 16, (3, 3, 3), padding=(2, 1, 1), dilation=(2, 1, 1), groups=4),
        conv("window", "groups", 8, (4, 3, 3)),
        Pool3d(name="pool", inputs=("window",), mode="avg", kernel="global"),
        Linear(name="fc", inputs=("pool",), out_features=10),
    ]
    return build_workload(name="convolutions", inputs={"x": Shape(3, 8, 10, 10)}, layers=layers)


def vectors():
    """Pools that look over borders, sums, products, factors that every clip has of its own, attention."""
    layers = [
        conv("a", "x", 8, (2, 3, 3), padding=(0, 1, 1)),
        Pool3d(name="most", inputs=("a",), mode="max", kernel=(3, 2, 2), stride=(2, 2, 2), padding=(1, 0, 0)),
        Pool3d(
            name="mean", inputs=("most",), mode="avg", kernel=(2, 3, 3), stride=(1, 1, 1), padding=(1, 1, 1),
            count_include_pad=False,
        ),
        conv("b", "mean", 8, (1, 1, 1)),
        Add(name="sum", inputs=("b", "mean"), activation="relu"),
        Mul(name="product", inputs=("sum", "mean")),
        Pool3d(name="pool", inputs=("product",), mode="avg", kernel="global"),
        conv("squeeze", "pool", 8, (1, 1, 1), activation="sigmoid"),
        Gate(name="gate", inputs=("product", "squeeze")),
        Trg(name="trg", inputs=("gate",)),
        Matmul(name="scores", inputs=("trg", "gate"), transpose=True),
        Softmax(name="weights", inputs=("scores",)),
        Matmul(name="attention", inputs=("weights", "gate")),
        Linear(name="fc", inputs=("attention",), out_features=5),
    ]  # fmt: skip
    return build_workload(name="vectors", inputs={"x": Shape(3, 7, 8, 8)}, layers=layers)


def moves():
    """Layers that only move values, along time and between dimensions."""
    layers = [
        Slice(name="frames", inputs=("x",), dim="frames", start=1, stop=7, step=2),
        Pad(name="pad", inputs=("frames",), padding=((1, 0), (1, 1), (0, 1))),
        TemporalShift(name="shift", inputs=("pad",), parts=4),
        ChannelShuffle(name="shuffle", inputs=("shift",), groups=2),
        conv("window", "shuffle", 8, (4, 3, 3), padding=(0, 1, 1)),
        BatchNorm(name="norm", inputs=("window",)),
        Permute(name="turned", inputs=("shuffle",), order=("channels", "height", "frames", "width")),
        Concat(name="twice", inputs=("turned", "turned")),
        Slice(name="channels", inputs=("twice",), dim="channels", start=2, stop=10),
        Activation(name="relu", inputs=("channels",)),
    ]
    return build_workload(name="moves", inputs={"x": Shape(8, 8, 8, 9)}, layers=layers)


NETWORKS = {network.name: network for network in (convolutions(), vectors(), moves())}
CASES = [*itertools.product(NETWORKS, ["direct", "hfa", "winograd3d"], [2, 3]), ("convolutions", "auto", 5)]


def problem_of(layer, shape, batch, arch=TINY, policy="direct"):
    return make_problem(layer, (shape,), layer.output_shape((shape,)), candidates(layer, policy, 2, 2)[0], arch, batch)


def test_a_batch_reads_the_weights_of_a_linear_layer_once():
    """8192 x 1024 weights and 1024 biases of 4 bytes; of each of 8 clips 8192 inputs and 1024 outputs."""
    one, eight = (lw3dsim.simulate(LINEAR, batch=batch).totals for batch in (1, 8))
    assert eight.compulsory_bytes == 8192 * 1024 + 4 * 1024 + 8 * (8192 + 1024) == 8_466_432
    # At 12.8 GB/s and 500 MHz a cycle moves 25.6 bytes.
    assert eight.compulsory_bytes / 25.6 == 330_720
    assert eight.compulsory_bytes <= eight.dram_bytes < 1.02 * eight.compulsory_bytes
    assert 330_720 <= eight.latency_cycles < 1.15 * 330_720
    assert 8 * one.latency_cycles > 7.5 * eight.latency_cycles
    # Clips fill the lanes that a single one leaves idle.
    assert eight.utilization > 7 * one.utilization


@pytest.mark.parametrize(("name", "algorithm", "batch"), CASES)
def test_every_clip_of_a_batch_is_computed_as_it_would_be_alone(name, algorithm, batch):
    arch = load_arch("edge_small", overrides=SMALL)
    executed = lw3dsim.execute(NETWORKS[name], arch, algorithm=algorithm, batch=batch)
    assert [layer.name for layer in executed.layers if not layer.exact] == []


@pytest.mark.parametrize("name", NETWORKS)
def test_engines_agree_on_batches(name):
    fast, slow = (
        lw3dsim.simulate(NETWORKS[name], "edge_small", batch=3, engine=engine) for engine in ("fast", "simpy")
    )
    assert fast.totals == slow.totals


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("batch", [2, 5])
def test_a_batch_does_the_work_of_its_clips_and_moves_no_less_than_it_must(name, batch):
    arch = load_arch("edge_small", overrides=SMALL)
    one, many = (lw3dsim.simulate(NETWORKS[name], arch, batch=clips) for clips in (1, batch))
    for alone, together in zip(one.record.layers, many.record.layers, strict=True):
        assert together.macs == batch * alone.macs
        assert together.params == alone.params
        assert together.executed_mults == batch * alone.executed_mults
        assert together.dram_bytes >= together.dram_floor_bytes >= together.compulsory_bytes
        assert alone.compulsory_bytes <= together.compulsory_bytes <= batch * alone.compulsory_bytes
        assert together.latency_cycles <= batch * alone.latency_cycles
    assert many.totals.clips_per_s == pytest.approx(batch * 1e3 / many.totals.latency_ms)
    assert many.totals.clip_energy_pj == pytest.approx(many.totals.energy_pj / batch)
    spent = [lw3dsim.simulate(NETWORKS[name], arch, batch=clips, objective="energy").totals for clips in (1, batch)]
    assert spent[1].clip_energy_pj < spent[0].energy_pj


@st.composite
def layers(draw):
    kernel = draw(st.sampled_from([(1, 1, 1), (3, 1, 1), (3, 3, 3), (2, 1, 3), (1, 3, 3)]))
    channels = draw(st.integers(1, 12))
    groups = channels if draw(st.booleans()) else 1
    layer = conv(
        "y",
        "x",
        channels if groups > 1 else draw(st.integers(1, 12)),
        kernel,
        stride=draw(st.sampled_from([(1, 1, 1), (2, 1, 1), (1, 2, 2)])),
        padding=tuple(draw(st.integers(0, k // 2)) for k in kernel),
        groups=groups,
        bias=draw(st.booleans()),
    )
    return layer, Shape(channels, draw(st.integers(3, 5)), draw(st.integers(3, 6)), draw(st.integers(3, 6)))


@settings(max_examples=40)
@given(layers(), st.integers(2, 4), st.sampled_from(["direct", "hfa", "winograd3d"]))
def test_the_least_traffic_of_a_batch_is_between_what_it_must_move_and_that_of_its_clips_alone(case, batch, policy):
    """Where a single clip is one tile that fills a buffer, several need a slot for the next: here there is room."""
    layer, shape = case
    one, many = (problem_of(layer, shape, clips, policy=policy) for clips in (1, batch))
    try:
        alone = run_problem(one, TINY, price=BYTES)
    except MappingError:
        return
    together = run_problem(many, ROOMY, price=BYTES)
    assert floor_bytes(many, ROOMY.buffers.capacity_bits) <= together.dram_bytes <= batch * alone.dram_bytes
    of_one, of_many = compulsory_by_stream(one), compulsory_by_stream(many)
    assert of_many == {"weight": of_one["weight"]} | {name: batch * of_one[name] for name in ("ifmap", "ofmap")}
    assert compulsory_bytes(many) <= together.dram_bytes


@pytest.mark.parametrize("kernel", [(1, 1, 1), (1, 3, 3)])
def test_clips_of_a_layer_that_looks_at_single_frames_are_one_long_clip(kernel):
    layer = conv("y", "x", 8, kernel, padding=(0, kernel[1] // 2, kernel[2] // 2))
    batch, long = problem_of(layer, Shape(4, 3, 6, 6), 5), problem_of(layer, Shape(4, 15, 6, 6), 1)
    assert batch == replace(long, batch=5)


def test_a_window_of_all_frames_steps_from_clip_to_clip():
    problem = problem_of(conv("y", "x", 8, (4, 3, 3)), Shape(4, 4, 6, 6), 5)
    assert (problem.segments, problem.out[0], problem.inp[0], problem.stride[0]) == (1, 5, 20, 4)


def test_padding_between_clips_is_that_of_each():
    problem = problem_of(conv("y", "x", 8, (3, 1, 1), padding=(1, 0, 0)), Shape(4, 3, 6, 6), 5)
    assert problem.segments == 5
    assert problem == in_batch(problem_of(conv("y", "x", 8, (3, 1, 1), padding=(1, 0, 0)), Shape(4, 3, 6, 6), 1), 5)


def test_factors_of_each_clip_are_loaded_for_each():
    """A gate has a factor per channel and clip; a convolution of single channels would have one for all clips."""
    gate = Gate(name="y", inputs=("x", "f"))
    network = build_workload(name="gate", inputs={"x": Shape(8, 2, 4, 4), "f": Shape(8, 1, 1, 1)}, layers=[gate])
    loaded = [lw3dsim.simulate(network, batch=batch).record.layers[0].dram_bytes_breakdown.weight for batch in (1, 3)]
    assert loaded[1] == 3 * loaded[0] > 0


@pytest.mark.parametrize("name", NETWORKS)
def test_no_mapping_of_a_batch_beats_its_floor(name):
    arch = load_arch("edge_small", overrides=SMALL)
    network = network_in_batch(NETWORKS[name], 3)
    for layer in network.layers:
        run = run_layer(network, layer, arch, "direct", "auto", None)
        floors = floors_under(layer_floors(network, layer, arch, "direct", Sparsity()), run)
        assert min(floor.cycles for floor in floors) <= run.latency_cycles
        assert min(floor.dram_bytes for floor in floors) <= run.dram_bytes


def test_a_result_of_a_batch_says_so_and_reads_back(tmp_path):
    result = lw3dsim.simulate(LINEAR, batch=4)
    assert result.config.batch == result.totals.batch == 4
    (tmp_path / "result.json").write_text(result.to_json(), encoding="utf-8")
    assert lw3dsim.load_result(tmp_path).record == result.record
    assert "batch" not in lw3dsim.simulate(LINEAR).to_json()
    (tmp_path / "result.json").write_text(result.to_json().replace('"batch": 4', '"batch": 2', 1), encoding="utf-8")
    with pytest.raises(lw3dsim.InputError, match=r"not a result|config\.batch = 2"):
        lw3dsim.load_result(tmp_path)


def test_saved_mappings_of_a_batch_are_simulated_as_they_were(tmp_path):
    network = NETWORKS["convolutions"]
    arch = load_arch("edge_small", overrides=SMALL)
    lw3dsim.map_workload(network, arch, batch=3).save(tmp_path / "m.yaml")
    again = lw3dsim.simulate(network, arch, batch=3, mapping=tmp_path / "m.yaml")
    assert again.record.layers == lw3dsim.simulate(network, arch, batch=3).record.layers


@pytest.mark.parametrize("arch", [TINY, ROOMY], ids=["tiny", "roomy"])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_batch_is_fused_clip_by_clip(name, arch):
    """Both engines agree, the arithmetic is exact, and no less is moved than must be."""
    network = NETWORKS[name]
    fused, reference = (
        lw3dsim.simulate(network, arch, batch=3, fusion="auto", engine=engine) for engine in ("fast", "simpy")
    )
    assert fused.record.layers == reference.record.layers
    assert fused.totals.latency_cycles <= lw3dsim.simulate(network, arch, batch=3).totals.latency_cycles
    for layer in fused.record.layers:
        assert layer.dram_bytes >= layer.dram_floor_bytes >= layer.compulsory_bytes
        assert layer.executed_mults >= layer.ideal_mults
    assert any("+" in layer.name for layer in fused.record.layers) or name != "vectors"
    assert lw3dsim.execute(network, arch, batch=3, fusion="auto", algorithm="hfa").exact


def test_an_engine_times_what_is_mapped_and_nothing_else(monkeypatch):
    times, run = [], simpy_engine.run

    def counted(*args):
        times.append(1)
        return run(*args)

    monkeypatch.setattr(simpy_engine, "run", counted)
    forget()
    result = lw3dsim.simulate(NETWORKS["convolutions"], TINY, fusion="auto", engine="simpy")
    assert 0 < len(times) <= len(result.record.layers)


def test_weights_of_a_fused_group_are_loaded_once_for_all_clips():
    """FSB of 64 channels: as all weights stay on chip, 4 clips read them once."""
    layers = [
        conv("a", "x", 64, (3, 1, 1), padding=(1, 0, 0)),
        conv("b", "a", 64, (1, 3, 3), padding=(0, 1, 1), groups=64),
        conv("c", "b", 64, (1, 1, 1)),
    ]
    network = build_workload(name="fsb", inputs={"x": Shape(64, 8, 28, 28)}, layers=layers)
    how = {"fusion": "auto", "objective": "dram_bytes"}
    one, four = (lw3dsim.simulate(network, batch=batch, **how).record.layers for batch in (1, 4))
    assert [layer.name for layer in one] == [layer.name for layer in four] == ["a+b+c"]
    # Chunks of channels begin at bursts.
    assert all(16_960 <= layers[0].dram_bytes_breakdown.weight < 17_200 for layers in (one, four))
    assert four[0].dram_bytes_breakdown.ofmap == 4 * one[0].dram_bytes_breakdown.ofmap


def test_saved_groups_of_a_batch_are_simulated_as_they_were(tmp_path):
    network = NETWORKS["vectors"]
    mapped = lw3dsim.map_workload(network, TINY, batch=3, fusion="auto")
    mapped.save(tmp_path / "m.yaml")
    again = lw3dsim.simulate(network, TINY, batch=3, fusion="auto", mapping=tmp_path / "m.yaml")
    assert again.record.layers == lw3dsim.simulate(network, TINY, batch=3, fusion="auto").record.layers


@pytest.mark.parametrize("name", NETWORKS)
def test_bounds_of_a_fused_batch_are_below_what_it_costs(name):
    network = viewed(network_in_batch(NETWORKS[name], 3), ROOMY)
    least, result = least_of(network, "direct", ROOMY, is_fused=True), simulate(NETWORKS[name], ROOMY)
    assert least["latency_ms"] <= result.latency_ms
    assert least["dram_mb"] <= result.dram_bytes / 1e6
    assert least["energy_mj"] <= result.energy_pj * 1e-9


def simulate(network, arch):
    return lw3dsim.simulate(network, arch, batch=3, fusion="auto").totals


def test_the_nest_of_a_group_tells_the_tiles_of_each_clip():
    layers = [conv("a", "x", 8, (3, 3, 3), padding=(1, 1, 1)), conv("b", "a", 8, (3, 3, 3), padding=(1, 1, 1))]
    network = build_workload(name="two", inputs={"x": Shape(8, 5, 16, 16)}, layers=layers)
    (unit,) = lw3dsim.map_workload(network, "edge_small", batch=3, fusion="auto", objective="dram_bytes").records()
    frames = next(loop for loop in unit.loops if loop.dim == "t")
    assert (frames.clips, frames.total) == (3, 5)
    assert frames.trips == 3 * -(-5 // frames.tile)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch": 0}, "batch = 0: expected a whole number from 1 to 256"),
        ({"batch": 2, "clips": 3}, "clips = 3: runs clip after clip; leave it out, or give no batch"),
    ],
)
def test_what_a_batch_cannot_be_combined_with_is_refused(options, message):
    with pytest.raises(lw3dsim.InputError) as refused:
        lw3dsim.simulate(LINEAR, **options)
    assert str(refused.value).startswith(message)


@pytest.mark.parametrize(
    ("size", "message"),
    [(3, "is more than the 2 frames of a clip, and no multiple of them"), (12, "there are 6 frames in y; give 1 to 6")],
)
def test_a_tile_of_part_of_several_clips_is_refused(tmp_path, size, message):
    layer = conv("y", "x", 4, (3, 1, 1), padding=(1, 0, 0))
    network = build_workload(name="time", inputs={"x": Shape(4, 2, 4, 4)}, layers=[layer])
    lw3dsim.map_workload(network, batch=3).save(tmp_path / "m.yaml")
    text = (tmp_path / "m.yaml").read_text(encoding="utf-8")
    (tmp_path / "m.yaml").write_text(re.sub(r" t: \d+,", f" t: {size},", text), encoding="utf-8")
    with pytest.raises(lw3dsim.InputError, match=message):
        lw3dsim.simulate(network, batch=3, mapping=tmp_path / "m.yaml")


def test_a_study_searches_the_size_of_a_batch():
    space = parse_space(
        "name: batches\n"
        "workloads: [{workload: c3d_paper, input: 16x32x32}]\n"
        "parameters: {run.batch: [1, 4]}\n"
        "objectives: [clips_per_s, energy_mj]\n"
    )
    evaluator = Evaluator(space)
    one, four = (evaluator.evaluate(space.point(choice)).metrics for choice in space.all_choices())
    assert four["clips_per_s"] > one["clips_per_s"]
    # Of a clip: weights come on chip once for four.
    assert four["energy_mj"] < one["energy_mj"] < 4 * four["energy_mj"]
    assert four["dram_mb"] < one["dram_mb"] < 4 * four["dram_mb"]
    assert four["latency_ms"] > one["latency_ms"]
    assert "--batch 4" in space.command(space.point((1,)))
