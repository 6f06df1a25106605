"""Does what is mapped for a figure have the least of it, beside what is mapped for others?"""

from __future__ import annotations

from functools import cache
from random import Random

import pytest

from lw3dsim import simulate
from lw3dsim.describe.workload import Add, Conv3d, Pool3d, Shape, build_workload
from lw3dsim.network.objective import OBJECTIVES, TIE

ARCHS = ("edge_base", "edge_small", "edge_direct", "eyeriss_like", "array_16x16")
# Seeds of networks, each on the design, with the algorithms and the fusion, that it draws.
SEEDS = range(24)


def drawn_network(rng: Random):
    """Return a chain of a few small layers: dense, separable, pooled, with skips."""
    channels, size, layers, tensor = rng.choice([3, 8, 16]), rng.choice([7, 8, 14, 16]), [], "x"
    shape = Shape(channels, rng.choice([2, 4, 8]), size, size)

    def conv(out, kernel, *, groups=1):
        nonlocal tensor, channels
        padding, name = tuple(k // 2 for k in kernel), f"l{len(layers)}"
        layers.append(
            Conv3d(name=name, inputs=(tensor,), out_channels=out, kernel=kernel, padding=padding, groups=groups)
        )
        tensor, channels = name, out

    for _ in range(rng.randint(2, 4)):
        kind, out = rng.choice(["dense", "pointwise", "fsb", "pool", "skip"]), rng.choice([8, 16, 32, 48])
        if kind == "dense":
            conv(out, (3, 3, 3))
        elif kind == "pointwise":
            conv(out, (1, 1, 1))
        elif kind == "fsb":
            conv(out, (3, 1, 1))
            conv(out, (1, 3, 3), groups=out)
            conv(rng.choice([16, 32]), (1, 1, 1))
        elif kind == "pool" and size >= 4:
            layers.append(Pool3d(name=f"l{len(layers)}", inputs=(tensor,), mode="max", kernel=(1, 2, 2)))
            tensor, size = layers[-1].name, size // 2
        else:
            before = tensor
            conv(channels, (1, 3, 3))
            layers.append(Add(name=f"l{len(layers)}", inputs=(before, tensor)))
            tensor = layers[-1].name
    return build_workload(name="drawn", inputs={"x": shape}, layers=layers)


@cache
def figures(seed):
    """Return, by objective, what the result has of every objective's figure."""
    rng = Random(seed)  # noqa: S311  # a draw that repeats
    network, arch = drawn_network(rng), rng.choice(ARCHS)
    asked = {"algorithm": rng.choice(["direct", "hfa", "auto"]), "fusion": rng.choice(["off", "auto"])}
    found = {}
    # Where time has no price at all, some bytes more are saved, whatever that takes.
    for objective in (one for one in OBJECTIVES if one != "dram_bytes_only"):
        totals = simulate(network, arch, objective=objective, **asked).totals
        energy, cycles = totals.energy_pj, totals.latency_cycles
        found[objective] = {
            "latency": cycles, "energy": energy, "edp": energy * cycles, "dram_bytes": totals.dram_bytes
        }  # fmt: skip
    return found


@pytest.mark.parametrize(
    ("objective", "share"), [("energy", 0.005), ("edp", 0.01), ("dram_bytes", 0.005), ("latency", 0.03)]
)
def test_no_other_objective_is_better_at_a_figure_than_that_of_its_own(objective, share):
    worse = {}
    for seed in SEEDS:
        found = figures(seed)
        least = min(found, key=lambda other: found[other][objective])
        over = found[objective][objective] / found[least][objective] - 1
        if over > share:
            worse[seed] = (least, over)
    assert not worse


def bottleneck(shape):
    """Return a block of three convolutions around which its input is added to what they make."""
    layers = [
        Conv3d(name="a", inputs=("x",), out_channels=4, kernel=(1, 1, 1)),
        Conv3d(name="b", inputs=("a",), out_channels=4, kernel=(3, 3, 3), padding=(1, 1, 1)),
        Conv3d(name="c", inputs=("b",), out_channels=shape.channels, kernel=(1, 1, 1)),
        Add(name="d", inputs=("x", "c")),
    ]
    return build_workload(name="bottleneck", inputs={"x": shape}, layers=layers)


# Blocks that one group of few steps does, of which estimates are off by more than its mappings are apart.
BLOCKS = [(8, (6, 4, 17, 5)), (4, (6, 4, 12, 7)), (8, (12, 4, 16, 5)), (8, (6, 2, 20, 6)), (8, (6, 4, 19, 5))]


@pytest.mark.parametrize(("kib", "shape"), BLOCKS)
def test_a_small_block_is_fastest_where_it_is_mapped_for_latency(kib, shape):
    network = bottleneck(Shape(*shape))
    design = {"arch": "edge_base", "overrides": [f"buffers.{name}_kib={kib}" for name in ("ifmap", "weight", "ofmap")]}
    cycles = {
        objective: simulate(
            network, **design, algorithm="auto", fusion="auto", objective=objective
        ).totals.latency_cycles
        for objective in ("latency", "edp", "energy")
    }
    # All bytes are worth a part of all cycles.
    assert cycles["latency"] <= min(cycles.values()) * (1 + 1 / TIE)


def test_latency_is_seldom_had_better_by_another_objective():
    each = [(figures(seed)["latency"]["latency"], [one["latency"] for one in figures(seed).values()]) for seed in SEEDS]
    assert sum(own / min(every) - 1 for own, every in each) / len(each) <= 0.0025
