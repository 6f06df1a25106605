"""Of mappings nearly as fast as the fastest, is the one that moves least taken, whichever is simulated first?"""

from __future__ import annotations

from lw3dsim.base.integers import NEVER
from lw3dsim.describe.accelerator_file import load_arch
from lw3dsim.describe.workload import Conv3d, Shape
from lw3dsim.engine.run import race
from lw3dsim.machine.problem import make_problem
from lw3dsim.map.layer.price import CANDIDATES, TOLERANCE
from lw3dsim.network.layers import LayerSearch, run_problem
from lw3dsim.transform.algorithms import Algorithm


def test_of_those_that_are_near_in_the_end_the_thriftiest_is_taken():
    # A layer of r2plus1d_r18: the first candidate moves least and is too slow for the fastest, which comes last.
    arch = load_arch("edge_small")
    layer = Conv3d(name="conv", inputs=("x",), out_channels=144, kernel=(1, 3, 3), padding=(0, 1, 1))
    shape = Shape(64, 16, 56, 56)
    problem = make_problem(layer, (shape,), Shape(144, 16, 56, 56), Algorithm(kind="direct", filter=(1, 3, 3)), arch)
    search = LayerSearch(problem=problem, arch=arch, price=None, most=CANDIDATES)
    candidates = search.candidates()
    ticks = [race(search.program(one), search.clocks.in_order, NEVER).latency_cycles for one in candidates]
    near = [
        one for one, took in zip(candidates, ticks, strict=True) if took * TOLERANCE <= min(ticks) * (TOLERANCE + 1)
    ]
    assert len(near) < len(candidates)
    run = run_problem(problem, arch)
    assert run.work.mapping == min(near, key=lambda one: one.bursts).mapping
