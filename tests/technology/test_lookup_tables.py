"""Is what is looked up, multiplied and inverted in the vector unit charged as what it is?"""

import pytest

import lw3dsim
from lw3dsim.account.vector import operation_pj
from lw3dsim.describe.accelerator_file import load_arch
from lw3dsim.describe.workload import (
    Activation,
    Add,
    Conv3d,
    LayerNorm,
    Mul,
    Pool3d,
    Shape,
    Softmax,
    Upsample,
    build_workload,
)
from lw3dsim.machine.problem import problem_of
from lw3dsim.technology.arithmetic import arithmetic
from lw3dsim.technology.tables import table
from lw3dsim.transform.algorithms import candidates

ARCH = load_arch("edge_base")
X = Shape(16, 4, 6, 6)


def add(bits):
    return arithmetic(ARCH.tech, "add", "energy_pj", bits)


def mult(bits):
    return arithmetic(ARCH.tech, "mult", "energy_pj", bits, bits)


def network_of(layer):
    inputs = dict.fromkeys(layer.inputs, X)
    return build_workload(name="one", inputs=inputs, layers=[layer])


def problem(layer, arch=ARCH):
    return problem_of(network_of(layer), layer, candidates(layer, "direct", 1, 1)[0], arch)


def test_a_table_of_a_byte_is_a_ram_of_all_codes_and_a_wider_one_of_pieces():
    byte, wide = table(ARCH.tech, 8), table(ARCH.tech, 16)
    assert table(ARCH.tech, 5) == byte
    # 32 nm, itrs-lstp or what the design says: the row, its area times 1.3.
    row = {"itrs-lstp": (0.2309, 0.0005375, 2.984e-05), "itrs-hp": (0.2006, 0.0005377, 0.09475)}
    small = load_arch("edge_base", overrides=["tech.node_nm=32"]).tech
    energy, area, leakage = row[small.sram_cell.replace("lop", "lstp")]
    one = table(small, 8)
    assert (one.energy_pj, one.area_um2, one.leakage_uw) == pytest.approx((energy, area * 1.3e6, leakage * 1e3))
    # The pieces' RAM, a product of value and slope, and the sum with the base.
    assert wide.energy_pj > arithmetic(ARCH.tech, "mult", "energy_pj", 16, 16) + add(32)
    assert "multiplier" in wide.form
    assert "multiplier" not in byte.form


WIDE = 32
LOOK_UP = table(ARCH.tech, 8).energy_pj
INVERSE = LOOK_UP + 3 * mult(16) + add(WIDE)


@pytest.mark.parametrize(
    ("layer", "pj"),
    [
        (Activation(name="y", inputs=("x",), activation="relu"), add(WIDE)),
        (Activation(name="y", inputs=("x",), activation="swish"), LOOK_UP),
        (Conv3d(name="y", inputs=("x",), out_channels=4, kernel=(1, 1, 1), activation="gelu"), add(WIDE) + LOOK_UP),
        (Add(name="y", inputs=("x", "z")), 2 * add(WIDE)),
        (Mul(name="y", inputs=("x", "z"), activation="sigmoid"), add(WIDE) + mult(8) + LOOK_UP),
        (Upsample(name="y", inputs=("x",), scale=(1, 2, 2), mode="linear"), 4 * mult(8)),
        (Upsample(name="y", inputs=("x",), scale=(1, 2, 2)), add(WIDE)),
        (Pool3d(name="y", inputs=("x",), mode="max", kernel=(1, 3, 3)), 9 * add(WIDE)),
        (Pool3d(name="y", inputs=("x",), mode="avg", kernel=(1, 3, 3)), 8 * add(WIDE) + mult(12)),
        (Pool3d(name="y", inputs=("x",), mode="avg", kernel=(1, 2, 2)), 4 * add(WIDE)),
        (Softmax(name="y", inputs=("x",), groups=2), 4 * add(WIDE) + 2 * LOOK_UP + mult(8) + INVERSE / 8),
        (LayerNorm(name="y", inputs=("x",)), 4 * add(WIDE) + 2 * mult(8) + INVERSE / 16),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_an_output_takes_what_its_operations_are(layer, pj):
    one = problem(layer)
    assert operation_pj(one, ARCH.tech) * one.ops_per_output == pytest.approx(pj)


def test_lanes_have_tables_where_a_layer_looks_up():
    plain, looked_up = (
        lw3dsim.simulate(network_of(Activation(name="y", inputs=("x",), activation=name)), ARCH)
        for name in ("relu", "swish")
    )
    more = looked_up.totals.area_mm2 - plain.totals.area_mm2
    assert more == pytest.approx(ARCH.vector_lanes * table(ARCH.tech, 8).area_um2 / 1e6)
    vector = [one.energy.query("component == 'vector'")["energy_pj"].sum() for one in (plain, looked_up)]
    assert vector[1] - vector[0] == pytest.approx(X.elements * (LOOK_UP - add(WIDE)))
