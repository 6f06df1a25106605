"""Are sums as wide as declared, everywhere alike, and what becomes of those that do not fit?"""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lw3dsim import execute, load_arch, simulate
from lw3dsim.account.area import area_mm2
from lw3dsim.arithmetic.computation import Computation
from lw3dsim.arithmetic.direct import compute
from lw3dsim.arithmetic.machine import execute as run_schedule
from lw3dsim.arithmetic.noise import sqnr_db
from lw3dsim.arithmetic.number import NUMBERS, random_tensor
from lw3dsim.arithmetic.overflow import held
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.describe.workload import Add, Conv3d, Linear, Pool3d, Shape, Trg
from lw3dsim.machine.microarchitecture import make_machine
from lw3dsim.machine.problem import make_problem, width_note
from lw3dsim.map.layer.mapping import Mapping
from lw3dsim.network.runs import run_work
from lw3dsim.schedule.build import build_schedule
from lw3dsim.schedule.work import LayerWork
from lw3dsim.technology.arithmetic import arithmetic
from lw3dsim.technology.structures import accumulator_file, structure_um2
from lw3dsim.transform.algorithms import candidates

INT8 = NUMBERS["int8"]
quick = settings(max_examples=60)


def arch_of(bits: int, overflow: str, *more: str, name: str = "edge_small"):
    return load_arch(
        name,
        overrides=[f"precision.accumulator_bits={bits}", f"precision.overflow={overflow}", "pe.acc_depth=64", *more],
    )


def problem_of(layer, shapes, arch, policy="direct", m=2):
    return make_problem(layer, shapes, layer.output_shape(shapes), candidates(layer, policy, m, m)[0], arch)


POINT = Conv3d(name="x", inputs=("i",), out_channels=1, kernel=(1, 1, 1), bias=False)


def executed(problem, arch, sources, weights=None, bias=None, c=None, parallel="pixel", reduction="sum"):
    """Run the layer as one tile in space, ``c`` input channels a step."""
    t, h, w = problem.out
    mapping = Mapping(
        n=problem.n, c=c or problem.c, t=t, h=h, w=w, order="weights_outer", parallel=parallel,
        ifmap_slots=1, weight_slots=1, ofmap_slots=1,
    )  # fmt: skip
    schedule = build_schedule(problem, mapping, arch, make_clocks(arch))
    divisors = np.full(problem.out, math.prod(problem.kernel)) if reduction == "avg" else None
    computation = Computation(reduction=reduction, weights=weights, bias=bias, divisors=divisors)
    machine = make_machine(problem, arch, parallel)
    return run_schedule(problem, mapping, schedule, machine, INT8, computation, sources)[0]


def dot(values, weights, bits, overflow, **more):
    """A 1x1x1 kernel on one pixel."""
    arch = arch_of(bits, overflow)
    problem = problem_of(POINT, (Shape(len(values), 1, 1, 1),), arch)
    column = np.array(values).reshape(-1, 1, 1, 1)
    return int(executed(problem, arch, [column], np.array(weights).reshape(1, -1, 1, 1, 1), **more).item())


# 4 products of 127 x 127 = 16,129 make 64,516 < 2^16: 17 bits. A fifth makes 80,645.
@pytest.mark.parametrize(
    ("products", "bits", "overflow", "result"),
    [
        (4, 17, "widen", 64516),
        (4, 17, "saturate", 64516),
        (4, 17, "wrap", 64516),
        (5, 17, "widen", 80645),
        (5, 17, "saturate", 65535),
        (5, 17, "wrap", 80645 - 131072),
        (4, 16, "saturate", 32767),
        (4, 16, "wrap", 64516 - 65536),
        (2, 15, "wrap", 32258 - 32768),
    ],
)
def test_a_sum_that_just_fits_is_exact_and_one_that_just_does_not_saturates_or_wraps(products, bits, overflow, result):
    assert dot([127] * products, [127] * products, bits, overflow) == result
    lowest = -(2 ** (bits - 1))
    mirrored = lowest if result == -lowest - 1 else -result
    assert dot([127] * products, [-127] * products, bits, overflow) == mirrored


def test_a_sum_saturates_in_the_order_of_the_channels():
    """Seven times 100 x 10 up, then down: up to 4,095 of 13 bits, and down from there."""
    up, down = [100] * 7, [-100] * 7
    assert dot(up + down, [10] * 14, 13, "saturate") == max(4095 - 7000, -4096)
    assert dot(up + down, [10] * 14, 13, "wrap") == 0
    assert dot([100, -100] * 7, [10] * 14, 13, "saturate") == 0


def test_partial_sums_saturate_when_they_are_written_back():
    """Steps of 4 channels: 4,000 and 4,000 fit 13 bits each, their sum does not; a third step comes down from 4,095."""
    values = [100] * 8 + [-100] * 4
    assert dot(values, [10] * 12, 13, "saturate", c=4) == 4095 - 4000
    assert dot(values, [10] * 12, 13, "wrap", c=4) == 4000


def test_an_adder_tree_saturates_once_a_round():
    """36 channels at once: the tree holds 1,200 where an accumulator goes up to 1,023, then down to -1,024."""
    values, arch = [100] * 18 + [-100] * 17 + [0], arch_of(11, "saturate")
    problem = problem_of(POINT, (Shape(36, 1, 1, 1),), arch)
    column, weights = np.array(values).reshape(-1, 1, 1, 1), np.full((1, 36, 1, 1, 1), 12)
    assert arch.pe.mults_per_pe >= 36
    assert executed(problem, arch, [column], weights, parallel="channel").item() == 1023
    assert executed(problem, arch, [column], weights, parallel="pixel").item() == -1024


def test_a_bias_is_added_in_the_vector_unit_at_accumulator_width():
    arch = arch_of(15, "saturate")
    problem = problem_of(POINT, (Shape(1, 1, 1, 1),), arch)
    full, one = np.full((1, 1, 1, 1), 127), np.full((1, 1, 1, 1, 1), 127)
    assert executed(problem, arch, [full], one, bias=np.array([127])).item() == 127 * 127 + 127
    narrow = arch_of(14, "saturate")
    problem = problem_of(POINT, (Shape(1, 1, 1, 1),), narrow)
    assert executed(problem, narrow, [full], one, bias=np.array([-127])).item() == 8191 - 127


def test_vector_layers_add_up_at_accumulator_width():
    shape, full = Shape(1, 4, 2, 2), np.full((1, 4, 2, 2), 127)
    arch = arch_of(8, "saturate")
    add = Add(name="x", inputs=("i", "j"))
    assert (executed(problem_of(add, (shape, shape), arch), arch, [full, full]) == 127).all()
    wrapping = arch_of(8, "wrap")
    assert (executed(problem_of(add, (shape, shape), wrapping), wrapping, [full, full]) == 254 - 256).all()
    pool = Pool3d(name="x", inputs=("i",), mode="avg", kernel=(1, 2, 2))
    # 4 x 127 = 508 becomes 127, of which a quarter is 31.75.
    assert (executed(problem_of(pool, (shape,), arch), arch, [full], reduction="avg") == 32).all()
    trg = executed(problem_of(Trg(name="x", inputs=("i",)), (shape,), arch), arch, [full], reduction="trg")
    assert (trg[:, :-1] == 0).all()
    assert (trg[:, -1] == 32).all()
    maximum = Pool3d(name="x", inputs=("i",), mode="max", kernel=(1, 2, 2))
    assert problem_of(maximum, (shape,), arch).needed_bits == 8
    assert problem_of(add, (shape, shape), arch).needed_bits == 9
    assert problem_of(pool, (shape,), arch).needed_bits == 10
    assert problem_of(Trg(name="x", inputs=("i",)), (shape,), arch).needed_bits == 10


@given(st.lists(st.integers(-(2**70), 2**70), min_size=1), st.integers(2, 64))
def test_registers_hold_twos_complement(values, bits):
    many = np.array(values, dtype=object)
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    assert held(many, bits, "widen").tolist() == values
    assert held(many, bits, "saturate").tolist() == [min(max(v, low), high) for v in values]
    wrapped = held(many, bits, "wrap").tolist()
    assert all(low <= w <= high and (v - w) % 2**bits == 0 for v, w in zip(values, wrapped, strict=True))
    small = [v % 2**61 - 2**60 for v in values]
    assert held(np.array(small), bits, "wrap").tolist() == held(np.array(small, object), bits, "wrap").tolist()


@st.composite
def convolutions(draw):
    kernel, policy = draw(
        st.sampled_from(
            [
                ((1, 1, 1), "direct"),
                ((3, 3, 3), "direct"),
                ((3, 1, 1), "hfa"),
                ((1, 3, 3), "hfa"),
                ((3, 3, 3), "nested"),
            ]
        )
    )
    c, depthwise = draw(st.integers(1, 12)), draw(st.booleans())
    n = c if depthwise else draw(st.integers(1, 5))
    layer = Conv3d(
        name="x", inputs=("i",), out_channels=n, kernel=kernel, padding=tuple(k // 2 for k in kernel),
        groups=c if depthwise and c > 1 else 1, bias=draw(st.booleans()),
    )  # fmt: skip
    return layer, Shape(c, 3, 5, 5), policy, draw(st.integers(1, 12)), draw(st.integers(0, 2**32 - 1))


def convolved(case, bits, overflow, *more):
    layer, shape, policy, chunk, seed = case
    arch = arch_of(bits, overflow, *more)
    problem = problem_of(layer, (shape,), arch, policy)
    random = np.random.default_rng(seed)
    values = random_tensor(tuple(shape), INT8, random)
    weights = random_tensor((layer.out_channels, shape.channels // layer.groups, *layer.kernel), INT8, random)
    bias = random_tensor((layer.out_channels,), INT8, random) if layer.bias else None
    output = executed(problem, arch, [values], weights, bias, c=min(chunk, problem.c))
    return problem, output, compute(layer, [values], weights, bias, INT8)


@quick
@given(convolutions())
def test_registers_as_wide_as_needed_are_exact_whatever_overflow_says(case):
    needed = convolved(case, 64, "widen")[0].needed_bits
    for overflow in ("widen", "saturate", "wrap"):
        problem, output, exact = convolved(case, needed, overflow)
        assert problem.register_bits == problem.needed_bits == needed
        assert np.array_equal(output, exact)


@quick
@given(convolutions(), st.integers(6, 40))
def test_wide_registers_of_widen_are_exact_whatever_is_declared(case, bits):
    problem, output, exact = convolved(case, bits, "widen")
    assert np.array_equal(output, exact)
    assert problem.register_bits >= problem.needed_bits or problem.accumulator_bits >= problem.needed_bits


@quick
@given(convolutions(), st.integers(8, 20))
def test_direct_sums_wrap_to_the_exact_sum_modulo_the_register_in_any_order(case, bits):
    layer, shape, _, chunk, seed = case
    _, output, exact = convolved((layer, shape, "direct", chunk, seed), bits, "wrap")
    assert np.array_equal(output, held(exact, bits, "wrap"))
    _, whole, _ = convolved((layer, shape, "direct", 12, seed), bits, "wrap")
    assert np.array_equal(output, whole)


@quick
@given(convolutions(), st.integers(8, 20))
def test_a_saturated_sum_is_what_a_scalar_machine_adds_up(case, bits):
    layer, shape, _, chunk, seed = case
    problem, output, _ = convolved((layer, shape, "direct", chunk, seed), bits, "saturate")
    random = np.random.default_rng(seed)
    values = random_tensor(tuple(shape), INT8, random)
    weights = random_tensor((layer.out_channels, shape.channels // layer.groups, *layer.kernel), INT8, random)
    bias = random_tensor((layer.out_channels,), INT8, random) if layer.bias else np.zeros(layer.out_channels, int)
    padded = np.pad(values, [(0, 0), *((p, p) for p in layer.padding)])
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    n, t, h, w = (seed % size for size in output.shape)
    own = n if layer.groups > 1 else 0
    stored, chunk = 0, min(chunk, problem.c)
    for first in range(0, problem.c, chunk):
        total = 0
        for c in range(first, min(first + chunk, problem.c)):
            for tap in np.ndindex(*layer.kernel):
                product = weights[n, c][tap] * padded[own + c, t + tap[0], h + tap[1], w + tap[2]]
                total = min(max(total + int(product), low), high)
        stored = min(max(stored + total, low), high)
    assert output[n, t, h, w] == min(max(stored + int(bias[n]), low), high)


def test_winograd_sums_wrap_in_the_winograd_domain():
    """F(2,3) on 8 bits, one channel; a register of 12 bits holds each of its four products modulo 4,096."""
    arch = arch_of(12, "wrap")
    layer = Conv3d(name="x", inputs=("i",), out_channels=1, kernel=(3, 1, 1), bias=False)
    problem = problem_of(layer, (Shape(1, 4, 1, 1),), arch, "hfa")
    d, g = np.array([10, -20, 90, 40]), np.array([7, 50, -30])
    output = executed(problem, arch, [d.reshape(1, 4, 1, 1)], g.reshape(1, 1, 3, 1, 1)).ravel()
    # Coordinates of BT d and of G g: points 0, 1, -1 and infinity. Half of AT takes those of 0 and of infinity twice.
    V = np.array([d[0] - d[2], d[1] + d[2], d[2] - d[1], d[3] - d[1]])
    U = np.array([g[0], g.sum(), g[0] - g[1] + g[2], g[2]])
    P = held(V * U, 12, "wrap")
    assert not np.array_equal(P, V * U)
    sums = np.array([2 * P[0] + P[1] + P[2], P[1] - P[2] + 2 * P[3]])
    assert problem.register_bits == 12
    exact = np.array([d[0] * g[0] + d[1] * g[1] + d[2] * g[2], d[1] * g[0] + d[2] * g[1] + d[3] * g[2]])
    Q = V * U
    unwrapped = np.array([2 * Q[0] + Q[1] + Q[2], Q[1] - Q[2] + 2 * Q[3]])
    assert np.array_equal(unwrapped, 2 * exact)
    assert np.array_equal(output, held((sums + 1) // 2, 12, "wrap"))


def test_winograd_sums_saturate_channel_by_channel():
    """F(2,3) on 8 bits, two channels; a register of 12 bits stops at 2,047 and goes on from there."""
    arch = arch_of(12, "saturate")
    layer = Conv3d(name="x", inputs=("i",), out_channels=1, kernel=(3, 1, 1), bias=False)
    problem = problem_of(layer, (Shape(2, 4, 1, 1),), arch, "hfa")
    d, g = np.array([[10, -20, 90, 40], [50, 60, -70, 20]]), np.array([[7, 50, -30], [9, -8, 20]])
    output = executed(problem, arch, [d.reshape(2, 4, 1, 1)], g.reshape(1, 2, 3, 1, 1)).ravel()
    # Coordinates of BT d and of G g: points 0, 1, -1 and infinity. Products: -560, 1890, -8030, -1800; 1080, -210,
    # -4810, -800.
    V = np.array([d[:, 0] - d[:, 2], d[:, 1] + d[:, 2], d[:, 2] - d[:, 1], d[:, 3] - d[:, 1]])
    U = np.array([g[:, 0], g.sum(axis=1), g[:, 0] - g[:, 1] + g[:, 2], g[:, 2]])
    first, second = (V * U).T.tolist()
    P = [min(max(min(max(a, -2048), 2047) + b, -2048), 2047) for a, b in zip(first, second, strict=True)]
    assert (V * U).sum(axis=1).tolist() != P
    sums = np.array([2 * P[0] + P[1] + P[2], P[1] - P[2] + 2 * P[3]])
    assert np.array_equal(output, held((sums + 1) // 2, 12, "saturate"))


SUM = 8 + 8 - 1 + math.ceil(math.log2(512 * 27))


def test_a_layer_says_what_it_needs_and_what_is_declared():
    layer, shape = Conv3d(name="x", inputs=("i",), out_channels=64, kernel=(3, 3, 3)), Shape(512, 4, 9, 9)
    assert SUM == 29
    for overflow, outcome in (("widen", "widened"), ("saturate", "saturates"), ("wrap", "wraps")):
        problem = problem_of(layer, (shape,), arch_of(16, overflow))
        assert width_note(problem, 16) == f"needs 29 bits, 16 declared: {outcome}"
        assert width_note(problem, 29) == ""
        width = 29 if overflow == "widen" else 16
        assert (problem.register_bits, problem.accumulator_bits) == (width, width)


@pytest.mark.parametrize(("overflow", "width"), [("widen", 29), ("saturate", 16), ("wrap", 16)])
def test_energy_area_and_partial_sums_are_of_one_width(overflow, width):
    """512 channels in two steps: 4 x 5 x 5 outputs of 8 channels, written and read once as partial sums."""
    arch = arch_of(16, overflow, name="edge_base")
    layer, shape = Conv3d(name="x", inputs=("i",), out_channels=8, kernel=(3, 3, 3), bias=False), Shape(512, 6, 7, 7)
    problem = problem_of(layer, (shape,), arch)
    mapping = Mapping(
        n=8, c=256, t=4, h=5, w=5, order="weights_outer", parallel="pixel",
        ifmap_slots=1, weight_slots=1, ofmap_slots=1,
    )  # fmt: skip
    run = run_work(LayerWork(problem, mapping), arch)
    results = 8 * 4 * 5 * 5
    sums = results * width // 8
    assert run.events.ofmap_write_bytes == sums + results
    assert run.events.ofmap_read_bytes == sums + results
    from lw3dsim.account.built import output_pj
    from lw3dsim.account.energy import Sparsity, onchip_pj, wires_pj

    def spent(register):
        # An addition, a read and a write in a file of 64 words.
        return arithmetic(arch.tech, "add", "energy_pj", register) + accumulator_file(arch, register).access_pj

    thin = problem_of(layer, (shape,), arch_of(8, "wrap", name="edge_base"))
    narrow = run_work(LayerWork(thin, mapping), arch)
    own, other = (
        onchip_pj(one.stages, one.events, arch, [Sparsity()]) - sum(wires_pj(one.stages, one.events, arch).values())
        for one in (run, narrow)
    )
    from lw3dsim.technology.sram import buffers

    # As many bytes more go and come, in whole words.
    sram, word = buffers(arch)["ofmap"], arch.buffers.ofmap_port_bytes
    more = (run.events.partial_words - narrow.events.partial_words) * word
    assert more > 0
    assert own - other == pytest.approx(
        problem.macs * (spent(width) - spent(8))
        + more * (sram.read_pj_per_byte + sram.write_pj_per_byte)
        + results * (arithmetic(arch.tech, "add", "energy_pj", width) - arithmetic(arch.tech, "add", "energy_pj", 8))
        # Every sum is collected twice: as a partial one, and finished.
        + 2 * results * (output_pj(arch, problem) - output_pj(arch, thin))
    )
    per_multiplier = arithmetic(arch.tech, "add", "area_um2", width)
    per_multiplier += 2 * accumulator_file(arch, width).area_um2
    assert area_mm2(arch, [problem])["accumulators"] == pytest.approx(arch.multipliers * per_multiplier / 1e6)
    # Lanes have adders and two banks as wide, and selectors.
    more = area_mm2(arch, [problem])["vector"] - area_mm2(arch, [thin])["vector"]
    lanes = [
        arch.vector_lanes
        * (arithmetic(arch.tech, "add", "area_um2", bits) + 2 * bits * structure_um2(arch.tech, "flip_flop"))
        for bits in (width, 8)
    ]
    assert lanes[0] - lanes[1] < 1e6 * more < 3 * (lanes[0] - lanes[1])


@pytest.mark.parametrize("overflow", ["saturate", "wrap"])
@pytest.mark.parametrize("bits", [13, 15, 17])
@pytest.mark.parametrize(("kernel", "policy"), [((3, 3, 3), "direct"), ((3, 1, 1), "hfa")])
def test_the_estimated_sqnr_of_sums_that_overflow_is_close_to_the_executed_one(overflow, bits, kernel, policy):
    arch = arch_of(bits, overflow, "buffers.ifmap_kib=1024", "buffers.weight_kib=256")
    layer = Conv3d(
        name="x", inputs=("i",), out_channels=16, kernel=kernel, padding=tuple(k // 2 for k in kernel), bias=False
    )
    shape, random = Shape(16, 8, 12, 12), np.random.default_rng(bits)
    values, weights = random_tensor(tuple(shape), INT8, random), random_tensor((16, 16, *kernel), INT8, random)
    problem = problem_of(layer, (shape,), arch, policy)
    output = executed(problem, arch, [values], weights)
    reference = compute(layer, [values], weights, None, INT8)
    noise = np.square((output - reference).astype(float)).sum()
    measured = 10 * math.log10(np.square(reference.astype(float)).sum() / noise)
    # Sums saturate on the way as well; errors of a Winograd tile's coordinates partly cancel.
    assert measured - 5 < sqnr_db(problem) < measured + 3


NETWORK = """
name: small
inputs: {clip: {channels: 64, frames: 4, height: 8, width: 8}}
layers:
  - {name: a, kind: conv3d, inputs: clip, out_channels: 16, kernel: [3, 3, 3], padding: [1, 1, 1]}
  - {name: b, kind: pool3d, inputs: a, mode: max, kernel: [1, 2, 2]}
  - {name: c, kind: linear, inputs: b, out_features: 10}
"""


def test_a_network_reports_what_its_registers_cost(tmp_path):
    (tmp_path / "small.yaml").write_text(NETWORK, encoding="utf-8")

    def run(function, overflow, bits):
        overrides = [f"precision.accumulator_bits={bits}", f"precision.overflow={overflow}"]
        return function(tmp_path / "small.yaml", overrides=overrides)

    exact = run(execute, "widen", 16)
    assert exact.exact
    # 64 x 27 products of 15 bits; 16 x 4 x 4 x 4 of them.
    assert [layer["note"][:13] for layer in exact.layers] == ["needs 26 bits", "", "needs 25 bits"]
    for overflow, outcome in (("saturate", "saturates"), ("wrap", "wraps")):
        narrow = run(execute, overflow, 16)
        layer = narrow.layers[0]
        assert not narrow.exact
        assert layer["note"] == f"needs 26 bits, 16 declared: {outcome}"
        assert layer["max_abs_error"] > 0
        assert -10 < layer["sqnr_db"] < 10
        assert (narrow.accumulator_bits, narrow.overflow) == (16, overflow)
    simulated = run(simulate, "saturate", 16)
    assert simulated.data["layers"][0]["note"] == "needs 26 bits, 16 declared: saturates"
    assert simulated.totals["overflow_layers"] == 2
    assert simulated.totals["sqnr_db"] < 10
    enough = run(simulate, "saturate", 26).totals
    assert (enough["overflow_layers"], enough["sqnr_db"]) == (0, None)
    assert run(execute, "wrap", 26).exact


def test_linear_layers_overflow_too():
    arch = arch_of(16, "saturate")
    layer = Linear(name="x", inputs=("i",), out_features=1, bias=False)
    problem = problem_of(layer, (Shape(2, 1, 1, 2),), arch)
    full = np.full((4, 1, 1, 1), 127)
    assert executed(problem, arch, [full], np.full((1, 4, 1, 1, 1), 127)).item() == 32767


def test_the_schema_explains_overflow(cli):
    text = json.dumps(json.loads(cli("schema").stdout))
    assert "widen" in text
    assert "two's complement" in text
    refused = cli("simulate", "c3d", "--set", "precision.overflow=clamp")
    assert refused.exit_code == 2
    assert "clamp" in refused.stderr


def test_unit_costs_are_at_the_widths_that_a_workload_takes_or_say_that_they_are_declared(cli, cli_json):
    def widths(*options):
        data = cli_json("energy", *options, "--format", "json")
        rows = (row for row in data["unit_costs"] if row["component"].startswith("accumulators ("))
        return data["note"], {row["per"].split(" of ")[-1] for row in rows if row["per"].startswith("read and write")}

    narrow = ("--set", "precision.accumulator_bits=16")
    c3d = ("c3d", "--input", "16x16x16", *narrow)
    # conv1a: 3 x 27 products; conv3b to conv5b: 256 and 512 x 27; fc6 to fc8: 512, 4096 and 4096.
    widened = {f"{bits} bit" for bits in (22, 26, 27, 28, 29, 24)}
    assert widths(*c3d) == ("Algorithms and widths are those of the layers of c3d.", widened)
    assert widths(*c3d, "--set", "precision.overflow=wrap")[1] == {"16 bit"}
    note = cli_json("energy", *narrow, "--format", "json")["note"]
    assert "sums have 16 bits as declared, and wider where a layer's worst case needs more" in note
    assert "3-tap kernels" in note
    assert note in " ".join(cli("energy", *narrow).stdout.split())
    refused = cli("energy", "--algorithm", "hfa")
    assert refused.exit_code == 2
    assert "name one" in refused.stderr
