"""A machine and layers that are small enough to be counted on paper."""

from __future__ import annotations

from lw3dsim import load_arch
from lw3dsim.describe.workload import Conv3d, Shape
from lw3dsim.machine.problem import make_problem
from lw3dsim.map.layer.mapping import Mapping
from lw3dsim.transform.algorithms import candidates

# 2 x 2 PEs of one multiplier and two accumulators; ports of 4 bytes; a cycle of 2 ns; bursts of 32 bytes in 10 ns,
# which answer after 20 ns more; channels lie in DRAM two by two.
SETTINGS = (
    "clock_mhz=500", "pe.rows=2", "pe.cols=2", "pe.mults_per_pe=1", "pe.acc_depth=2", "pe.pipeline_stages=3",
    "vector_lanes=2", "layer_setup_cycles=10", "winograd.m1=2", "winograd.m2=2",
    "buffers.ifmap_kib=4", "buffers.weight_kib=4", "buffers.ofmap_kib=4",
    "buffers.ifmap_port_bytes=4", "buffers.weight_port_bytes=4", "buffers.ofmap_port_bytes=4",
    "dram.preset=lpddr4-3200-x16", "dram.bandwidth_gbps=3.2", "dram.latency_ns=20",
    "dram.layout=blocked", "dram.channel_block=2",
)  # fmt: skip


def machine(*overrides):
    """Return the machine, with some fields changed."""
    chosen = {override.partition("=")[0]: override for override in (*SETTINGS, *overrides)}
    return load_arch("edge_small", overrides=tuple(chosen.values()))


def problem_of(layer, shape, arch, policy="direct"):
    """Return a layer of one input, or several of one shape, as the mapper sees it."""
    shapes = (shape,) * len(layer.inputs)
    algorithm = candidates(layer, policy, arch.winograd.m1, arch.winograd.m2)[0]
    return make_problem(layer, shapes, layer.output_shape(shapes), algorithm, arch)


def conv(channels, out_channels, size, kernel, arch, policy="direct", **more):
    """Return a convolution of ``channels`` x ``size`` (T, H, W)."""
    layer = Conv3d(name="x", inputs=("i",), out_channels=out_channels, kernel=kernel, **more)
    return problem_of(layer, Shape(channels, *size), arch, policy)


def tiles(n, c, t, h, w, order="weights_outer", parallel="pixel", slots=2):
    """Return a mapping with the same slots in all buffers."""
    each = dict.fromkeys(("ifmap_slots", "weight_slots", "ofmap_slots"), slots)
    return Mapping(n=n, c=c, t=t, h=h, w=w, order=order, parallel=parallel, **each)
