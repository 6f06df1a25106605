"""Is what a layer is mapped to for energy as good as the best of many mappings, simulated and accounted for in full?"""

from __future__ import annotations

import pytest

from lw3dsim.account.simulated import Unit
from lw3dsim.describe.accelerator_file import load_arch
from lw3dsim.describe.workload import Conv3d, Pool3d, Shape, build_workload
from lw3dsim.network.layers import LayerSearch, run_problem
from lw3dsim.network.objective import Figures, leakage_of, make_weights
from lw3dsim.network.pipeline import map_layers
from lw3dsim.network.runs import bare, run_work, seen_by

MANY = 40
LAYERS = {
    "pointwise": (Conv3d(name="l", inputs=("x",), out_channels=128, kernel=(1, 1, 1)), Shape(64, 16, 56, 56)),
    "small": (Conv3d(name="l", inputs=("x",), out_channels=256, kernel=(1, 1, 1)), Shape(128, 8, 14, 14)),
    "dense": (
        Conv3d(name="l", inputs=("x",), out_channels=32, kernel=(3, 3, 3), padding=(1, 1, 1)),
        Shape(32, 8, 28, 28),
    ),
    "pool": (Pool3d(name="l", inputs=("x",), mode="max", kernel=(2, 2, 2)), Shape(64, 8, 28, 28)),
}


@pytest.mark.parametrize("arch", ["edge_small", "edge_large"])
@pytest.mark.parametrize("name", LAYERS)
def test_no_other_mapping_near_in_time_and_traffic_takes_less(name, arch):
    layer, shape = LAYERS[name]
    design = load_arch(arch)
    network = build_workload(name="one", inputs={"x": shape}, layers=[layer])
    runs = map_layers(network, design)
    price = make_weights(network, runs, design, "energy").price
    leakage = leakage_of([Unit(layers=(layer,), run=runs[0])], design)
    problem = runs[0].work.problem
    seen = seen_by(problem, bare(design))

    def energy_pj(run):
        return Figures.of(network, Unit(layers=(layer,), run=run), leakage).energy_pj

    asked = LayerSearch(problem=problem, arch=seen, price=price, most=MANY)
    least = min(energy_pj(run_work(asked.work(one.mapping), seen)) for one in asked.candidates())
    assert energy_pj(run_problem(problem, seen, price=price)) <= 1.005 * least
