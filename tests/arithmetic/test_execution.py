"""Does the schedule compute the layer: executed tile by tile, equal to a convolution by an independent library?"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from lw3dsim import execute, load_arch, simulate
from lw3dsim.arithmetic.computation import Computation
from lw3dsim.arithmetic.direct import computation_of, compute, temporal_residual_gradient
from lw3dsim.arithmetic.machine import execute as run_schedule
from lw3dsim.arithmetic.noise import sqnr_db
from lw3dsim.arithmetic.number import NUMBERS, random_tensor
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.describe.workload import Add, Concat, Conv3d, Linear, Pool3d, Shape, Trg
from lw3dsim.errors import MappingError
from lw3dsim.machine.microarchitecture import make_machine
from lw3dsim.machine.problem import make_problem, on_rows
from lw3dsim.map.layer.search import search
from lw3dsim.network import pipeline
from lw3dsim.network.pipeline import map_network
from lw3dsim.schedule.build import build_schedule
from lw3dsim.transform.algorithms import candidates

ARCHS = {
    bits: load_arch(
        "edge_small",
        overrides=[
            "pe.rows=6", "buffers.ifmap_kib=8", "buffers.weight_kib=16", "buffers.ofmap_kib=8", "pe.acc_depth=64",
            f"precision.activation_bits={bits}", f"precision.weight_bits={bits}",
        ],
    )
    for bits in (8, 16)
}  # fmt: skip

quick = settings(max_examples=150)


def scipy_convolution(values, weights, layer):
    """A convolution by SciPy: correlate each channel pair, add up, pick the strided positions."""
    values = np.pad(values, [(0, 0), *((p, p) for p in layer.padding)])
    reach = [(k - 1) * d + 1 for k, d in zip(layer.kernel, layer.dilation, strict=True)]
    spread = np.zeros((*weights.shape[:2], *reach), dtype=weights.dtype)
    spread[(slice(None), slice(None), *(slice(None, None, d) for d in layer.dilation))] = weights
    size = [n - k + 1 for n, k in zip(values.shape[1:], reach, strict=True)]
    per_group = len(weights) // layer.groups
    outputs = []
    for n, kernels in enumerate(spread):
        first = n // per_group * weights.shape[1]
        total = 0
        for c, kernel in enumerate(kernels):
            full = ndimage.correlate(values[first + c], kernel, mode="constant", origin=[-(k // 2) for k in reach])
            total = total + full[tuple(slice(0, s) for s in size)]
        outputs.append(total[tuple(slice(None, None, s) for s in layer.stride)])
    return np.stack(outputs)


@st.composite
def cases(draw):
    kernel = draw(
        st.sampled_from([(1, 1, 1), (3, 1, 1), (1, 3, 3), (3, 3, 3), (2, 3, 1), (1, 5, 5), (5, 1, 1), (1, 7, 7)])
    )
    structure = draw(st.sampled_from(["dense", "dense", "depthwise", "grouped"]))
    n, c, groups = draw(st.integers(1, 20)), draw(st.integers(1, 20)), 1
    if structure == "depthwise":
        groups = c = n
    elif structure == "grouped":
        groups = draw(st.integers(2, 7))
        n, c = groups * draw(st.integers(1, 6)), groups * draw(st.integers(1, 4))
    layer = Conv3d(
        name="x",
        inputs=("i",),
        out_channels=n,
        kernel=kernel,
        stride=draw(st.sampled_from([(1, 1, 1), (1, 1, 1), (1, 2, 2), (2, 1, 1), (3, 3, 3)])),
        padding=tuple(draw(st.integers(0, k)) for k in kernel),
        dilation=draw(st.sampled_from([(1, 1, 1), (1, 1, 1), (1, 1, 1), (1, 2, 2), (2, 1, 1)])),
        groups=groups,
        bias=draw(st.booleans()),
        activation=draw(st.sampled_from(["none", "relu"])),
    )
    shape = Shape(c, draw(st.integers(9, 11)), draw(st.integers(13, 17)), draw(st.integers(13, 17)))
    policy = draw(st.sampled_from(["direct", "hfa", "winograd3d", "nested", "polyphase"]))
    return layer, shape, policy, draw(st.integers(1, 8)), draw(st.integers(1, 8)), draw(st.integers(0, 2**32 - 1))


def choice(layer, policy, m1, m2):
    """The algorithm of a policy; ``polyphase`` is what ``auto`` adds for strided kernels."""
    if policy == "polyphase":
        return candidates(layer, "auto", m1, m2)[-1]
    return candidates(layer, policy, m1, m2)[0]


def executed(layer, shape, algorithm, arch, number, computation, sources, pick=0):
    ways = on_rows(make_problem(layer, (shape,), layer.output_shape((shape,)), algorithm, arch), arch.pe.rows)
    problem, clocks = ways[pick % len(ways)], make_clocks(arch)
    mappings = search(problem, arch, clocks)
    mapping = mappings[pick % len(mappings)].mapping
    schedule = build_schedule(problem, mapping, arch, clocks)
    return run_schedule(
        problem, mapping, schedule, make_machine(problem, arch, mapping.parallel), number, computation, sources
    )


@quick
@given(cases(), st.sampled_from(["int8", "int16", "float32", "float64"]), st.integers(0, 7))
def test_executed_layers_equal_an_independent_convolution(case, dtype, pick):
    layer, shape, policy, m1, m2, seed = case
    number, random = NUMBERS[dtype], np.random.default_rng(seed)
    if dtype == "float32":
        m1, m2 = min(m1, 6), min(m2, 6)  # beyond, single precision keeps no digit of a 3D tile
    values = random_tensor(tuple(shape), number, random)
    fan = shape.channels // layer.groups
    weights = random_tensor((layer.out_channels, fan, *layer.kernel), number, random)
    bias = random_tensor((layer.out_channels,), number, random) if layer.bias else None
    expected = scipy_convolution(values.astype(float), weights.astype(float), layer)
    if bias is not None:
        expected = expected + bias[:, None, None, None]
    if layer.activation == "relu":
        expected = np.maximum(expected, 0)
    computation = Computation(reduction="sum", activation=layer.activation, weights=weights, bias=bias)
    arch = ARCHS[number.bits or 8]
    algorithm = choice(layer, policy, m1, m2)
    try:
        output, _ = executed(layer, shape, algorithm, arch, number, computation, [values], pick)
    except MappingError:
        return  # a huge tile may need more accumulators or buffer than this small design has
    reference = compute(layer, [values], weights, bias, number)
    if number.is_integer:
        assert np.array_equal(output, expected)
        assert np.array_equal(reference, expected)
    else:
        # Rounding grows with the tile: F(6x6x6, 3x3x3) in float32 keeps two digits of the largest value.
        loss = {"float32": 2e-2 if algorithm.is_winograd else 1e-4, "float64": 1e-9}[dtype]
        assert np.abs(output - expected).max() <= loss * max(np.abs(expected).max(), 1)
        assert np.allclose(reference, expected, rtol=1e-9, atol=1e-9)


def vector_layers():
    kind = st.sampled_from(["max", "avg", "global", "add", "trg"])
    return st.tuples(kind, st.integers(1, 30), st.integers(2, 9), st.integers(5, 12), st.integers(0, 7))


@quick
@given(vector_layers(), st.integers(0, 2**32 - 1))
def test_vector_layers_are_executed_exactly(case, seed):
    kind, channels, frames, side, pick = case
    shape, number = Shape(channels, frames, side, side), NUMBERS["int8"]
    random = np.random.default_rng(seed)
    count = 3 if kind == "add" else 1
    sources = [random_tensor(tuple(shape), number, random) for _ in range(count)]
    layer = {
        "max": Pool3d(name="x", inputs=("i",), mode="max", kernel=(2, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1)),
        "avg": Pool3d(name="x", inputs=("i",), mode="avg", kernel=(1, 2, 2)),
        "global": Pool3d(name="x", inputs=("i",), mode="avg", kernel="global"),
        "add": Add(name="x", inputs=("i", "j", "k")),
        "trg": Trg(name="x", inputs=("i",)),
    }[kind]
    shapes = (shape,) * count
    problem = make_problem(layer, shapes, layer.output_shape(shapes), candidates(layer, "direct", 4, 4)[0], ARCHS[8])
    clocks = make_clocks(ARCHS[8])
    mappings = search(problem, ARCHS[8], clocks)
    mapping = mappings[pick % len(mappings)].mapping
    schedule = build_schedule(problem, mapping, ARCHS[8], clocks)
    computation = computation_of(layer, shape, None, None)
    machine = make_machine(problem, ARCHS[8], mapping.parallel)
    output, _ = run_schedule(problem, mapping, schedule, machine, number, computation, sources)
    assert np.array_equal(output, compute(layer, sources, None, None, number))


def test_the_reference_pools_and_differences_as_defined():
    values = np.arange(2 * 3 * 4 * 4).reshape(2, 3, 4, 4)
    number = NUMBERS["int8"]
    pooled = compute(Pool3d(name="x", inputs=("i",), mode="max", kernel=(1, 2, 2)), [values], None, None, number)
    assert np.array_equal(pooled, values.reshape(2, 3, 2, 2, 2, 2).max(axis=(3, 5)))
    gradient = temporal_residual_gradient(values, number)
    assert np.array_equal(gradient[:, :-1], values[:, 1:] - values[:, :-1])
    assert np.array_equal(gradient[:, -1], values.sum(axis=1) // 3)
    joined = compute(Concat(name="x", inputs=("i", "j")), [values, values], None, None, number)
    assert joined.shape == (4, 3, 4, 4)
    flat = compute(
        Linear(name="x", inputs=("i",), out_features=1), [values], np.ones((1, 96, 1, 1, 1), int), None, number
    )
    assert flat.item() == values.sum()


# A narrow network in each way, and one of many channels.
EXACT = [("c3d_small", dtype, algorithm) for dtype in ("int8", "int16") for algorithm in ("direct", "hfa", "auto")]


@pytest.mark.parametrize(("workload", "dtype", "algorithm"), [*EXACT, ("c3d", "int8", "auto")])
def test_a_whole_fsb_network_is_exact(workload, dtype, algorithm):
    result = execute(workload, transform="fsb_c3d", algorithm=algorithm, dtype=dtype, input_size="16x32x32", seed=3)
    assert result.exact
    assert all(layer["max_abs_error"] == 0 and layer["sqnr_db"] is None for layer in result.layers)


@pytest.mark.parametrize("algorithm", ["winograd3d", "nested"])
def test_dense_winograd_networks_are_exact(algorithm):
    assert execute("c3d_small", algorithm=algorithm, m1=2, m2=2).exact


def test_residuals_laterals_and_concats_are_exact():
    result = execute("slowfast_r50_4x16", transform="fasttrg", algorithm="hfa", input_size="32x32x32")
    assert result.exact
    kinds = {layer["kind"] for layer in result.layers}
    # The layers before write into their parts of what is joined: of a concat nothing is left to do.
    assert kinds >= {"add", "trg", "pool3d", "linear", "conv3d"}
    assert "concat" not in kinds


def test_observed_ranges_stay_inside_the_worst_case():
    result = execute("c3d", transform="fsb_c3d", algorithm="hfa", input_size="16x32x32")
    winograd = [layer for layer in result.layers if "data_bits" in layer]
    assert len(winograd) == 14
    for layer in winograd:
        for name in ("data", "weight", "sum"):
            assert 1 < layer[f"observed_{name}_bits"] <= layer[f"{name}_bits"]


def test_narrower_operands_cost_accuracy_and_more_bits_win_it_back():
    def noise(bits):
        overrides = [f"precision.transformed_data_bits={bits}", f"precision.transformed_weight_bits={bits}"]
        result = execute("c3d_small", transform="fsb_c3d", algorithm="hfa", overrides=overrides)
        return [layer["sqnr_db"] for layer in result.layers if "1d" in layer["algorithm"]]

    eight, eleven = noise(8), noise(11)
    assert all(better > worse + 12 for worse, better in zip(eight, eleven, strict=True))
    assert all(value is None for value in noise(18))


def test_the_command_line_executes(cli, cli_json, tmp_path):
    data = cli_json("execute", "c3d_small", "--dtype", "float32", "--seed", "7", "--format", "json")
    assert (data["dtype"], data["seed"]) == ("float32", 7)
    assert data["layers"][0].keys() >= {"name", "exact", "max_abs_error", "sqnr_db"}
    assert data["layers"][0]["sqnr_db"] > 100
    cli("execute", "c3d_small", "--out", str(tmp_path / "run"), "--format", "csv")
    assert (tmp_path / "run" / "execution.json").exists()
    assert "8 of 8 layers equal" in cli("execute", "c3d_small").stdout
    refused = cli("execute", "c3d_small", "--dtype", "int4")
    assert refused.exit_code == 2
    assert "int8" in refused.stderr


def test_the_engine_reaches_the_layers_that_are_executed(cli, monkeypatch):
    asked = []

    def keep(*args, engine, **options):
        asked.append(engine)
        return map_network(*args, engine=engine, **options)

    monkeypatch.setattr(pipeline, "map_network", keep)
    results = [execute("c3d_small", engine=engine) for engine in ("simpy", "fast")]
    assert results[0] == results[1]
    assert cli("execute", "c3d_small", "--engine", "simpy").exit_code == 0
    assert asked == ["simpy", "fast", "simpy"]
    assert "unknown engine 'simp'; did you mean 'simpy'" in cli("execute", "c3d_small", "--engine", "simp").stderr


def test_a_store_that_is_missing_is_noticed():
    layer, shape = Conv3d(name="x", inputs=("i",), out_channels=4, kernel=(1, 1, 1)), Shape(4, 4, 9, 9)
    arch = ARCHS[8]
    problem = make_problem(layer, (shape,), layer.output_shape((shape,)), candidates(layer, "direct", 4, 4)[0], arch)
    mapping = search(problem, arch, make_clocks(arch))[0].mapping
    schedule = build_schedule(problem, mapping, arch, make_clocks(arch))
    broken = with_loops(schedule, is_last=schedule.loops.is_last & False)
    computation = Computation(reduction="sum", weights=np.ones((4, 4, 1, 1, 1), int), bias=None)
    machine = make_machine(problem, arch, mapping.parallel)
    with pytest.raises(AssertionError, match="not stored exactly once"):
        run_schedule(problem, mapping, broken, machine, NUMBERS["int8"], computation, [np.ones(tuple(shape), int)])


def with_loops(schedule, **changes):
    from lw3dsim.base.values import replace

    return replace(schedule, loops=replace(schedule.loops, **changes))


@pytest.mark.parametrize("bits", [9, 10, 11, 12])
@pytest.mark.parametrize(
    ("kernel", "groups", "policy", "m"),
    [((3, 1, 1), 1, "hfa", 4), ((1, 3, 3), 1, "hfa", 4), ((1, 3, 3), 16, "hfa", 2), ((3, 3, 3), 1, "nested", 2)],
)
def test_the_estimated_sqnr_is_close_to_the_executed_one(bits, kernel, groups, policy, m):
    """White uniform operands: at most 1.5 dB too high; lower where dropped bits of a weight happen to be zero."""
    arch = load_arch(
        "edge_base",
        overrides=[f"precision.transformed_data_bits={bits}", f"precision.transformed_weight_bits={bits}"],
    )
    padding = tuple(k // 2 for k in kernel)
    layer = Conv3d(name="x", inputs=("i",), out_channels=16, kernel=kernel, padding=padding, groups=groups)
    shape, number, random = Shape(16, 12, 24, 24), NUMBERS["int8"], np.random.default_rng(bits)
    values = random_tensor(tuple(shape), number, random)
    weights = random_tensor((16, 16 // groups, *kernel), number, random)
    computation = Computation(reduction="sum", weights=weights, bias=None)
    algorithm = candidates(layer, policy, m, m)[0]
    problem = make_problem(layer, (shape,), layer.output_shape((shape,)), algorithm, arch)
    output, _ = executed(layer, shape, algorithm, arch, number, computation, [values])
    reference = compute(layer, [values], weights, None, number)
    estimate = sqnr_db(problem)
    noise = np.square((output - reference).astype(float)).sum()
    if noise == 0:
        assert estimate is None or estimate > 40
        return
    executed_db = 10 * np.log10(np.square(reference.astype(float)).sum() / noise)
    assert executed_db - 4 < estimate < executed_db + 1.5


def test_the_estimate_in_a_network_is_within_a_few_decibels():
    overrides = ["precision.transformed_data_bits=11", "precision.transformed_weight_bits=12"]
    options = {"transform": "fsb_c3d", "algorithm": "hfa", "input_size": "16x32x32", "overrides": overrides}
    estimated = {layer["name"]: layer["sqnr_db"] for layer in simulate("c3d", **options).data["layers"]}
    differences = [
        estimated[layer["name"]] - layer["sqnr_db"]
        for layer in execute("c3d", **options).layers
        if layer["sqnr_db"] is not None
    ]
    assert len(differences) > 5
    # Activations in a network are neither white nor full-range, so fewer dB are left than for uniform operands.
    assert 0 < np.mean(differences) < 15
