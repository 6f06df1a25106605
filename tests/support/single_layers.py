"""Random networks of a single layer on accelerators that are shipped, and what each objective makes of its own goal."""

from __future__ import annotations

from random import Random
from typing import Any

from lw3dsim import simulate

ARCHS = ("edge_small", "edge_base", "edge_large", "array_16x16")
KINDS = ("conv", "depthwise", "gate", "add", "mul", "pool", "trg")
SIZES = (4, 7, 8, 12, 14, 16, 28, 32)

# What a run is as good as, the less the better.
GOALS = {
    "latency": lambda totals: totals.latency_cycles,
    "energy": lambda totals: totals.energy_pj,
    "edp": lambda totals: totals.latency_cycles * totals.energy_pj,
    "dram_bytes": lambda totals: totals.dram_bytes,
}


def single_layer(seed: int) -> tuple[dict[str, Any], str]:
    """Return a network of one layer, as its file would say it, and the name of an accelerator."""
    rng = Random(seed)  # noqa: S311  # not for secrecy
    channels = rng.choice((3, 8, 16, 24, 32, 48, 54, 64, 128))
    shape = {"frames": rng.choice((1, 2, 4, 8, 16)), "height": rng.choice(SIZES), "width": rng.choice(SIZES)}
    clip = {"channels": channels, **shape}
    kernel = rng.choice(([1, 1, 1], [3, 1, 1], [1, 3, 3], [3, 3, 3]))
    conv = {"kind": "conv3d", "kernel": kernel, "padding": [size // 2 for size in kernel]}
    kind, inputs = rng.choice(KINDS), {"clip": clip}
    if kind in {"gate", "add", "mul"}:
        inputs["other"] = {"channels": channels, "frames": 1, "height": 1, "width": 1} if kind == "gate" else clip
    layer = {
        "conv": {**conv, "out_channels": rng.choice((8, 16, 40, 64, 128))},
        "depthwise": {**conv, "out_channels": channels, "groups": channels},
        "pool": {"kind": "pool3d", "mode": "max", "kernel": [1, 2, 2]},
    }.get(kind, {"kind": kind})
    of_two = {"inputs": list(inputs)} if len(inputs) > 1 else {}
    return {"name": "single", "inputs": inputs, "layers": [{"name": "layer", **of_two, **layer}]}, rng.choice(ARCHS)


def losses(workload: str, arch: str) -> dict[str, float]:
    """Return, by objective, its own goal over the best that any objective makes of it: 1 where it wins."""
    runs = {objective: simulate(workload, arch, objective=objective).totals for objective in GOALS}
    return {name: goal(runs[name]) / min(map(goal, runs.values())) for name, goal in GOALS.items()}
