"""Is every shipped network executed as it is defined, with fast algorithms in fused groups?"""

from __future__ import annotations

import pytest
from shipped_networks import FAMILIES, SMALL

from lw3dsim import execute, load_workload
from lw3dsim.describe.catalog import shipped_names

# Execution is minutes for the widest.
EXECUTED = SMALL | {"c3d": "16x16x16"}
# Executed in other tests.
ELSEWHERE = ("c3d_paper", "slowfast_r50_4x16")


def test_every_shipped_network_has_a_small_clip():
    assert SMALL.keys() == set(shipped_names("workloads"))


# Direct and unfused, one layer after another, for some that have operators of their own.
RUNS = [(name, "hfa", "auto") for name in FAMILIES if name not in ELSEWHERE]
RUNS += [(name, "direct", "off") for name in ("c3d_small", "movinet_a0_stream", "x3d_s")]


@pytest.mark.parametrize(("workload", "algorithm", "fusion"), RUNS)
def test_a_shipped_network_is_executed_exactly(workload, algorithm, fusion):
    network = load_workload(workload, input_size=EXECUTED[workload], classes=11)
    result = execute(network, algorithm=algorithm, fusion=fusion)
    assert result.exact
    # What is joined is written there at once: no layer does it.
    done = [layer for layer in network.layers if layer.kind != "concat"]
    assert sum(row.name.count("+") + 1 for row in result.layers) == len(done)
