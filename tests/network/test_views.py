"""Do layers that an address can do move nothing, and is all else as it was: values, bytes of others, order in time?"""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lw3dsim
from lw3dsim.base.values import replace
from lw3dsim.describe.accelerator_file import load_arch
from lw3dsim.describe.moves import DIMENSIONS
from lw3dsim.describe.workload import (
    Add,
    Concat,
    Conv3d,
    ConvTranspose3d,
    Interleave,
    Linear,
    Permute,
    Pool3d,
    Reshape,
    Shape,
    Slice,
    build_workload,
)
from lw3dsim.map.mapping_file import parse_mapping
from lw3dsim.network.fewest import Asked, find_fewest
from lw3dsim.network.layouts import layouts_of
from lw3dsim.network.pipeline import map_network
from lw3dsim.network.views import bare_of_moves, viewed
from lw3dsim.report.text.mapping_file import mapping_text

X = Shape(64, 8, 16, 16)
ARCH = load_arch("edge_base")


def network_of(*middle, shape=X):
    """Layers between two convolutions."""
    first = Conv3d(name="a", inputs=("x",), out_channels=shape.channels, kernel=(1, 1, 1))
    last = Conv3d(name="z", inputs=((middle or (first,))[-1].name,), out_channels=8, kernel=(1, 1, 1))
    return build_workload(name="net", inputs={"x": shape}, layers=[first, *middle, last])


def one(kind, *inputs, **keys):
    return kind(name="m", inputs=inputs or ("a",), **keys)


VIEWS = {
    "channels": one(Slice, dim="channels", start=32, stop=64),
    "some channels": one(Slice, dim="channels", start=16, stop=27),
    "frames": one(Slice, dim="frames", start=1, stop=8, step=3),
    "rows": one(Slice, dim="height", start=3, stop=9),
    "columns": one(Slice, dim="width", start=4, stop=16),
    "frames and rows": one(Reshape, shape=(64, 1, 128, 16)),
    "rows of whole bursts": one(Reshape, shape=(64, 8, 1, 256)),
}
COPIES = {
    "torn channels": one(Slice, dim="channels", start=3, stop=64),
    "every other channel": one(Slice, dim="channels", stop=64, step=2),
    "every other column": one(Slice, dim="width", stop=16, step=2),
    "other channels": one(Reshape, shape=(32, 16, 16, 16)),
    "turned": one(Permute, order=("channels", "height", "frames", "width")),
}


@pytest.mark.parametrize("layer", VIEWS.values(), ids=VIEWS)
@pytest.mark.parametrize("fusion", ["off", "auto"])
def test_what_an_address_can_do_moves_nothing(layer, fusion):
    network = network_of(layer)
    result = lw3dsim.simulate(network, fusion=fusion)
    (view,) = result.record.views
    assert (view.name, view.kind, view.inputs) == ("m", layer.kind, ("a",))
    assert [row.name for row in result.record.layers] == ["a", "z"]
    assert lw3dsim.execute(network, fusion=fusion).exact
    # The tensor is written once, and what is looked at of it is read once.
    a, z = result.record.layers
    assert a.dram_write_bytes >= X.elements
    assert z.dram_read_bytes >= network.shapes["m"].elements


@pytest.mark.parametrize("layer", COPIES.values(), ids=COPIES)
def test_what_it_can_not_do_is_a_copy_that_is_counted(layer):
    network = network_of(layer)
    result = lw3dsim.simulate(network)
    assert result.record.views == ()
    copy = result.record.layers[1]
    assert copy.dram_bytes >= 2 * network.shapes["m"].elements


def test_a_layer_reads_a_view_as_it_would_read_a_tensor_of_its_own():
    whole = lw3dsim.simulate(network_of(VIEWS["frames and rows"])).record.layers[1]
    own = Conv3d(name="z", inputs=("m",), out_channels=8, kernel=(1, 1, 1))
    alone = build_workload(name="own", inputs={"m": Shape(64, 1, 128, 16)}, layers=[own])
    (row,) = lw3dsim.simulate(alone).record.layers
    assert (whole.dram_bytes, whole.latency_cycles) == (row.dram_bytes, row.latency_cycles)


@pytest.mark.parametrize(
    ("kernel", "channels", "is_view"), [((2, 1, 1), 8, True), ((1, 2, 2), 64, True), ((1, 2, 2), 8, False)]
)
def test_phases_are_written_in_turns_where_pixels_are_whole_bursts(kernel, channels, is_view):
    up = one(ConvTranspose3d, out_channels=channels, kernel=kernel, stride=kernel)
    network = network_of(up, shape=Shape(16, 4, 8, 8))
    result = lw3dsim.simulate(network)
    assert [view.name for view in result.record.views] == (["m"] if is_view else [])
    assert lw3dsim.execute(network).exact
    written = sum(row.dram_write_bytes for row in result.record.layers if row.kind == "conv_phase")
    assert written >= network.shapes["m"].elements


def test_a_vector_for_linear_layers_is_the_tensor_itself():
    layers = [
        Pool3d(name="p", inputs=("x",), mode="avg", kernel=(8, 8, 8)),
        Reshape(name="flat", inputs=("p",), shape=(256, 1, 1, 1)),
        Linear(name="fc", inputs=("flat",), out_features=10),
    ]
    network = build_workload(name="head", inputs={"x": X}, layers=layers)
    assert [view.name for view in lw3dsim.simulate(network).record.views] == ["flat"]
    assert lw3dsim.execute(network).exact


def test_tensors_in_one_another_have_one_block_and_a_place_has_one_tensor():
    layers = [
        Conv3d(name="a", inputs=("x",), out_channels=64, kernel=(1, 1, 1)),
        *(Slice(name=f"s{i}", inputs=("a",), dim="channels", start=24 * i, stop=24 * i + 24) for i in range(2)),
        *(Conv3d(name=f"z{i}", inputs=(f"s{i}",), out_channels=8, kernel=(1, 1, 1)) for i in range(2)),
        Interleave(name="both", inputs=("z0", "z1"), apart=(2, 1, 1)),
        Interleave(name="again", inputs=("z1", "z0"), apart=(2, 1, 1)),
        Add(name="sum", inputs=("both", "again")),
    ]
    network = viewed(build_workload(name="net", inputs={"x": X}, layers=layers), ARCH)
    assert [view.name for view in network.views] == ["s0", "s1", "both"]
    assert network.blocks["a"] == network.blocks["s0"] == network.blocks["s1"] == 8
    assert {"sum", "again"} <= {layer.name for layer in network.layers}
    assert viewed(network, ARCH).views == network.views


def joined(dim="channels", channels=(64, 32), shape=X, **more):
    """Convolutions whose outputs are joined, and one that reads them together."""
    layers = [
        Conv3d(name=f"a{i}", inputs=("x",), out_channels=count, kernel=(1, 1, 1)) for i, count in enumerate(channels)
    ]
    names = tuple(layer.name for layer in layers)
    layers.append(Concat(name="m", inputs=more.get("inputs", names), dim=dim))
    layers.append(Conv3d(name="z", inputs=("m",), out_channels=8, kernel=(1, 1, 1)))
    return build_workload(name="joined", inputs={"x": shape}, layers=layers)


@pytest.mark.parametrize("fusion", ["off", "auto"])
@pytest.mark.parametrize(
    "network",
    [
        joined(),
        joined(channels=(64, 16, 8)),
        joined("frames", (32, 32)),
        joined("height", (32, 32)),
        joined("width", (64, 64), Shape(64, 8, 16, 16)),
        joined(channels=(64, 256), shape=Shape(64, 1, 1, 1)),
    ],
    ids=["channels", "three", "frames", "height", "width", "vectors"],
)
def test_what_is_joined_is_written_there_at_once(network, fusion):
    result = lw3dsim.simulate(network, fusion=fusion)
    (view,) = result.record.views
    assert (view.name, view.kind) == ("m", "concat")
    assert lw3dsim.execute(network, fusion=fusion).exact
    assert lw3dsim.execute(network, fusion=fusion, batch=2).exact
    rows = {row.name: row for row in result.record.layers}
    assert rows["z"].dram_read_bytes >= network.shapes["m"].elements
    written = sum(row.dram_write_bytes for name, row in rows.items() if name != "z")
    assert written >= network.shapes["m"].elements


RAGGED = joined(channels=(48, 32), shape=Shape(64, 2, 14, 14))


@pytest.mark.parametrize("fusion", ["off", "auto"])
def test_where_bytes_alone_count_what_is_joined_may_lie_in_packed_rows_all_of_it(fusion):
    result = lw3dsim.simulate(RAGGED, ARCH, fusion=fusion, objective="dram_bytes_only")
    rows = {row.name: row for row in result.record.layers}
    lying = {row.output_layout for name, row in rows.items() if name != "z"} | {rows["z"].input_layout}
    assert lying == {"C/16 T HW 16"}
    assert result.totals.dram_bytes == result.totals.least_dram_bytes
    network = replace(viewed(RAGGED, ARCH), packed={})
    padded = Asked(network=network, arch=ARCH, policy="direct", fuses=fusion == "auto", fixed={}, given={})
    assert find_fewest(padded).dram_bytes > result.totals.dram_bytes
    usual = lw3dsim.simulate(RAGGED, ARCH, fusion=fusion, objective="dram_bytes").record.layers
    assert not any("HW" in row.input_layout + row.output_layout for row in usual)


@settings(max_examples=25)
@given(
    st.lists(st.sampled_from([8, 16, 24, 48]), min_size=2, max_size=3),
    st.tuples(st.integers(1, 3), st.integers(3, 15), st.integers(3, 15)),
    st.sampled_from(["off", "auto"]),
    st.booleans(),
)
def test_what_is_joined_in_any_rows_is_mapped_saved_and_run_again_to_the_same_figures(
    channels, extent, fusion, is_read
):
    given = joined(channels=channels, shape=Shape(64, *extent))
    network = viewed(given if is_read else replace(given, layers=given.layers[:-1]), ARCH)
    units = map_network(network, ARCH, fusion=fusion, objective="dram_bytes_only")
    lying = layouts_of(network, units, ARCH)
    file = parse_mapping(mapping_text(network, ARCH, "direct", units, lying))
    assert file.layouts == lying
    for objective in ("latency", "dram_bytes_only"):
        again = map_network(network, ARCH, fusion=fusion, objective=objective, file=file)
        assert [unit.run.events for unit in again] == [unit.run.events for unit in units]
        assert layouts_of(network, again, ARCH) == lying


def test_planes_of_what_lies_in_packed_rows_in_one_another_are_alike():
    joins = [joined(dim, (48, 48), Shape(64, 2, 14, 14)) for dim in ("channels", "frames", "height", "width")]
    assert [bool(viewed(network, ARCH).packed) for network in joins] == [True, True, False, False]
    assert not viewed(RAGGED, load_arch("edge_base", overrides=("dram.layout=blocked",))).packed


@pytest.mark.parametrize(
    "network",
    [
        joined(channels=(60, 7)),
        joined(inputs=("a0", "a0"), channels=(32,)),
        joined(inputs=("a0", "x"), channels=(64,)),
        joined("width", (8, 8), Shape(64, 2, 4, 3)),
        joined(channels=(60, 256), shape=Shape(64, 1, 1, 1)),
    ],
    ids=["torn block", "twice the same", "an input of the network", "torn burst", "torn vector"],
)
def test_what_can_not_be_written_there_is_copied(network):
    result = lw3dsim.simulate(network)
    assert result.record.views == ()
    copy = next(row for row in result.record.layers if row.name == "m")
    assert copy.dram_bytes >= 2 * network.shapes["m"].elements
    assert lw3dsim.execute(network).exact


def test_all_that_a_dense_block_joins_lies_in_one_place():
    """As of DenseNet: every layer reads all before it; each time more are joined, those before in the same order."""
    layers = [Conv3d(name=f"l{i}", inputs=("x",), out_channels=32, kernel=(1, 1, 1)) for i in range(2)]
    for i in range(2, 5):
        layers.append(Concat(name=f"c{i}", inputs=tuple(f"l{j}" for j in range(i))))
        layers.append(Conv3d(name=f"l{i}", inputs=(f"c{i}",), out_channels=32, kernel=(1, 3, 3), padding=(0, 1, 1)))
    layers.append(Concat(name="c5", inputs=("l0", "l1", "l2", "l3", "l4")))
    layers.append(Concat(name="turned", inputs=("l1", "l0")))
    layers.append(Concat(name="all", inputs=("c5", "turned")))
    network = build_workload(name="dense", inputs={"x": X}, layers=layers)
    result = lw3dsim.simulate(network)
    # What is joined in another order lies elsewhere: it is copied, into the place where all of it is.
    assert [view.name for view in result.record.views] == ["c2", "c3", "c4", "c5", "all"]
    assert [row.name for row in result.record.layers if row.kind == "concat"] == ["turned"]
    assert lw3dsim.execute(network).exact


def test_laterals_of_slowfast_are_written_into_the_slow_pathway():
    result = lw3dsim.simulate("slowfast_r50_8x8", input_size="32x64x64")
    assert [view.name for view in result.record.views] == [f"join{i}" for i in range(1, 6)]
    assert not [row for row in result.record.layers if row.kind == "concat"]


def test_a_stream_waits_for_what_is_behind_a_view():
    network = network_of(VIEWS["rows"])
    alone = lw3dsim.simulate(network).totals.latency_cycles
    stream = lw3dsim.simulate(network, clips=2).totals
    # A clip may overlap with the next, not with itself beyond loading ahead.
    assert stream.stream_first_clip_cycles > 0.8 * alone


@pytest.mark.parametrize("name", ["frames", "some channels", "frames and rows"])
def test_every_clip_of_a_batch_is_looked_at_by_itself(name):
    network = network_of(VIEWS[name])
    assert lw3dsim.execute(network, batch=3).exact
    assert [view.name for view in lw3dsim.simulate(network, batch=3).record.views] == ["m"]


def test_bounds_of_many_designs_hold_for_each():
    network = network_of(VIEWS["rows"])
    bare = bare_of_moves(network)
    assert [layer.name for layer in bare.layers] == ["a", "z"]
    only = build_workload(name="one", inputs={"a": X}, layers=[VIEWS["rows"]])
    assert viewed(only, ARCH).layers == only.layers


@given(data=st.data(), fusion=st.sampled_from(["off", "auto"]), layout=st.sampled_from(["auto", "blocked", "cthw"]))
@settings(max_examples=25)
def test_chains_of_moves_are_executed_exactly(data, fusion, layout):
    shape = Shape(data.draw(st.sampled_from([6, 16, 32, 40])), 4, 6, 8)
    layers, now = [], shape
    for i in range(data.draw(st.integers(1, 4))):
        dim = data.draw(st.sampled_from(["channels", "frames", "height", "width"]))
        size = getattr(now, dim)
        first = data.draw(st.integers(0, size - 1))
        last = data.draw(st.integers(first + 1, size))
        kinds = [
            Slice(name=f"m{i}", inputs=("x",), dim=dim, start=first, stop=last, step=data.draw(st.integers(1, 2))),
            Reshape(name=f"m{i}", inputs=("x",), shape=(now.channels, 1, now.frames * now.height, now.width)),
            Permute(name=f"m{i}", inputs=("x",), order=tuple(data.draw(st.permutations(DIMENSIONS)))),
            Conv3d(name=f"m{i}", inputs=("x",), out_channels=16, kernel=(1, 1, 1)),
        ]
        layers.append(data.draw(st.sampled_from(kinds)))
        now = layers[-1].output_shape((now,))
    names = ["x", *(layer.name for layer in layers)]
    fields = [{f: getattr(x, f) for f in x.__struct_fields__} for x in layers]
    chain = [
        type(x)(**known | {"inputs": (read,)})
        for x, known, (read, _) in zip(layers, fields, itertools.pairwise(names), strict=True)
    ]
    last = Conv3d(name="z", inputs=(names[-1],), out_channels=8, kernel=(1, 1, 1))
    network = build_workload(name="chain", inputs={"x": shape}, layers=[*chain, last])
    design = load_arch("edge_base", overrides=(f"dram.layout={layout}",))
    result = lw3dsim.execute(network, arch=design, fusion=fusion)
    assert result.exact
    assert lw3dsim.simulate(network, arch=design, fusion=fusion).totals.dram_bytes >= network.shapes["z"].elements
