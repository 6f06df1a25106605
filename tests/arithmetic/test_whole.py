"""Is a layer computed at once what its schedule makes of it, value for value, and are observed shifts kept?"""

from __future__ import annotations

import numpy as np
import pytest

from lw3dsim import load_arch
from lw3dsim.arithmetic.direct import computation_of, compute
from lw3dsim.arithmetic.machine import execute as run_schedule
from lw3dsim.arithmetic.noise import Power, estimated_db, sqnr_db
from lw3dsim.arithmetic.number import NUMBERS, random_tensor
from lw3dsim.arithmetic.operands import make_operands, observed, whole_width, worst_case
from lw3dsim.arithmetic.whole import WholeLayer
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.describe.workload import Conv3d, Shape
from lw3dsim.machine.microarchitecture import make_machine
from lw3dsim.machine.problem import make_problem
from lw3dsim.map.layer.search import search
from lw3dsim.network.calibration import Observed
from lw3dsim.schedule.build import build_schedule
from lw3dsim.transform.algorithms import candidates

NUMBER = NUMBERS["int8"]
SHAPE = Shape(10, 5, 11, 9)
KINDS = {
    "direct": ({"kernel": (3, 3, 3), "padding": (1, 1, 1), "stride": (1, 2, 2)}, "direct"),
    "temporal": ({"kernel": (3, 1, 1), "padding": (1, 0, 0)}, "hfa"),
    "depthwise": ({"kernel": (1, 3, 3), "padding": (0, 1, 1), "groups": 10}, "hfa"),
    "grouped": ({"kernel": (1, 3, 3), "padding": (0, 1, 1), "groups": 2}, "hfa"),
    "nested": ({"kernel": (3, 3, 3), "padding": (1, 1, 1)}, "nested"),
}
# Full width, and multipliers that drop bits; buffers that cut the layer into many tiles, and channels apart.
WIDTHS = {"full": (), "narrow": ("precision.transformed_data_bits=9", "precision.transformed_weight_bits=9")}


def mapped(kind, overrides=()):
    design = load_arch(
        "edge_small", overrides=["buffers.ifmap_kib=2", "buffers.weight_kib=2", "buffers.ofmap_kib=2", *overrides]
    )
    how, policy = KINDS[kind]
    layer = Conv3d(name="conv", inputs=("x",), out_channels=10, bias=True, activation="relu", **how)
    (algorithm,) = candidates(layer, policy, 2, 4)
    problem = make_problem(layer, (SHAPE,), layer.output_shape((SHAPE,)), algorithm, design)
    return layer, problem, search(problem, design, make_clocks(design))[0].mapping, design


def tensors(layer, seed=1):
    random = np.random.default_rng(seed)
    weights = random_tensor((10, SHAPE.channels // layer.groups, *layer.kernel), NUMBER, random)
    return random_tensor(tuple(SHAPE), NUMBER, random), weights, random_tensor((10,), NUMBER, random)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_at_once_is_what_its_schedule_makes(kind, width):
    layer, problem, mapping, design = mapped(kind, WIDTHS[width])
    values, weights, bias = tensors(layer)
    computation = computation_of(layer, SHAPE, weights, bias)
    machine = make_machine(problem, design, mapping.parallel)
    schedule = build_schedule(problem, mapping, design, make_clocks(design))
    assert schedule.loops.n.size > 1
    expected, _ = run_schedule(problem, mapping, schedule, machine, NUMBER, computation, [values])
    operands = make_operands(problem, NUMBER) if problem.algorithm.is_winograd else None
    whole = WholeLayer(problem, mapping.c, machine, NUMBER, computation, operands)
    assert np.array_equal(whole([values]), expected)
    assert np.array_equal(whole([values]), expected)  # nothing is left of the first call
    if width == "full":
        assert np.array_equal(expected, compute(layer, [values], weights, bias, NUMBER))


def test_observed_shifts_drop_less_and_saturate_what_was_not_seen():
    layer, problem, mapping, design = mapped("nested", WIDTHS["narrow"])
    values, weights, bias = tensors(layer)
    small = values // 8
    computation = computation_of(layer, SHAPE, weights, bias)
    machine = make_machine(problem, design, mapping.parallel)

    def whole(shifts):
        return WholeLayer(problem, mapping.c, machine, NUMBER, computation, make_operands(problem, NUMBER, shifts))

    wide = whole(whole_width(problem, NUMBER))
    seen = [np.abs(made).max(axis=tuple(range(made.ndim - 3))) for made in wide.transformed_inputs([small])]
    exact = wide([small])
    peaks = np.max([np.abs(made).max(axis=(0, 1, 2)) for made in wide.transformed_weights()], axis=0)
    fitting, worst = observed(problem, np.max(seen, axis=0), peaks), worst_case(problem, NUMBER)
    assert (fitting.data <= worst.data).all()
    assert (fitting.data < worst.data).any()
    assert (fitting.as_one().data == fitting.data.max()).all()
    noise = {
        name: np.square((whole(shifts)([small]) - exact).astype(float)).sum()
        for name, shifts in {"worst": worst, "observed": fitting, "as one": fitting.as_one()}.items()
    }
    assert noise["observed"] < noise["as one"]
    assert noise["observed"] < noise["worst"] / 4
    # Eight times larger than what was seen: coordinates end at the largest of their multipliers.
    far = whole(fitting)
    largest = whole(whole_width(problem, NUMBER))([values])
    assert np.square((far([values]) - largest).astype(float)).sum() > 100 * noise["observed"]


@pytest.mark.parametrize("is_positive", [False, True])
@pytest.mark.parametrize("kind", ["temporal", "depthwise", "nested"])
def test_the_estimate_is_near_what_is_executed_on_operands_like_those_seen(kind, is_positive):
    layer, problem, mapping, design = mapped(kind, WIDTHS["narrow"])
    plain = layer.__class__(**{name: getattr(layer, name) for name in layer.__struct_fields__} | {"activation": "none"})
    random = np.random.default_rng(4)
    _, weights, bias = tensors(layer)
    # Smooth, and far from uniform, as activations are.
    values = np.rint(np.cumsum(random.normal(0, 6, tuple(SHAPE)), axis=3)).clip(-127, 127).astype(np.int64)
    if is_positive:  # behind rectifiers: what rounding up adds does not average out over channels
        values, weights = np.abs(values), np.abs(weights)
    computation = computation_of(plain, SHAPE, weights, bias)
    machine = make_machine(problem, design, mapping.parallel)

    wide = WholeLayer(
        problem, problem.c, machine, NUMBER, computation, make_operands(problem, NUMBER, whole_width(problem, NUMBER))
    )
    data, weight = Observed(), Observed()
    for made in wide.transformed_inputs([values]):
        data.see(made.reshape(wide.groups_at_once, -1, *made.shape[2:]), (1,))
    for made in wide.transformed_weights():
        weight.see(made, (1, 2))
    exact = wide([values]).astype(float)
    power = Power(
        data=data.squares,
        weight=weight.squares,
        signal=np.square(exact).mean(),
        data_sums=data.products,
        weight_sums=weight.products,
    )
    shifts = worst_case(problem, NUMBER)
    narrow = WholeLayer(problem, problem.c, machine, NUMBER, computation, make_operands(problem, NUMBER, shifts))
    error = narrow([values]) - exact
    measured = 10 * np.log10(np.square(exact).sum() / np.square(error).sum())
    # Where many bits are dropped, what is left is not white.
    near = 1 if kind == "temporal" else 3.5
    assert estimated_db(problem, shifts, power) == pytest.approx(measured, abs=near)
    assert estimated_db(problem, whole_width(problem, NUMBER), power) is None


@pytest.mark.parametrize("m", range(2, 8))
def test_noise_is_estimated_where_and_only_where_a_bit_is_lost(m):
    layer = Conv3d(name="conv", inputs=("x",), out_channels=4, kernel=(3, 1, 1), padding=(1, 0, 0))
    shape = Shape(4, 2 * m, 6, 6)
    (algorithm,) = candidates(layer, "hfa", m, 2)
    random = np.random.default_rng(m)
    values = random_tensor(tuple(shape), NUMBER, random)
    weights = random_tensor((4, 4, 3, 1, 1), NUMBER, random)
    exact = compute(layer, [values], weights, None, NUMBER)
    widths = {"transformed_data_bits": algorithm.data_bits(8), "transformed_weight_bits": algorithm.weight_bits(8)}
    for less in (None, *widths):
        bits = {name: width - (name == less) for name, width in widths.items()}
        design = load_arch("edge_small", overrides=[f"precision.{name}={width}" for name, width in bits.items()])
        problem = make_problem(layer, (shape,), layer.output_shape((shape,)), algorithm, design)
        machine, computation = make_machine(problem, design, "pixel"), computation_of(layer, shape, weights, None)
        whole = WholeLayer(problem, 4, machine, NUMBER, computation, make_operands(problem, NUMBER))
        assert (sqnr_db(problem) is None) == np.array_equal(whole([values]), exact) == (less is None)
