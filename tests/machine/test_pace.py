"""Does the array keep the pace of three engines that load, feed and drain; and that of a core in Verilog?"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paper import conv, machine, tiles
from test_step import count, packed, port, runs, up, waves_of, whole
from three_engines import Round, times

from lw3dsim.base.arrays import as_arrays
from lw3dsim.base.integers import NEVER
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.engine import fast_engine
from lw3dsim.engine.memory import make_memory
from lw3dsim.engine.trace import empty_trace, make_job
from lw3dsim.errors import MappingError
from lw3dsim.machine.microarchitecture import make_machine
from lw3dsim.map.layer.mapping import make_axes
from lw3dsim.schedule.build import build_schedule


def wave_rounds(problem, array, wave, c, size, is_first, is_last):
    """The rounds of a wave, and its drain."""
    algorithm, bits, at_once = problem.algorithm, problem.activation_bits, min(c, array.chunk)
    tiles_of, pixels, E = count(wave.tiles), wave.channels * count(wave.outputs), algorithm.coordinates
    groups = array.staged.groups
    feed = algorithm.taps // groups * up(tiles_of, array.lanes) * array.cycles_per_tile
    drain = packed(problem, array, wave, is_first, is_last)
    if is_last:
        drain = max(drain, up(pixels, array.vector_lanes))
    if algorithm.is_winograd:
        feed = max(feed, algorithm.taps * whole(wave.inputs * tiles_of, E, array.input_rate))
        drain = max(drain, whole(wave.channels * tiles_of, E, array.output_rate))
    one = Round(
        port(array.weight_port, wave.channels * at_once * problem.kernel_bits // groups),
        sum(port(array.ifmap_port, wave.inputs * run * bits * at_once) for run in runs(problem, array, wave, size)),
        feed,
    )
    return [one] * up(c, array.chunk) * groups, drain


def listed(problem, mapping, array, schedule):
    """The steps of a layer as lists of waves."""
    axes, loops = make_axes(problem, mapping), schedule.loops
    steps = []
    for i in range(schedule.steps):
        n, c = int(axes.n[loops.n[i]]), int(axes.c[loops.c[i]])
        size = [int(axis.outputs[at[i]]) for axis, at in ((axes.t, loops.t), (axes.h, loops.h), (axes.w, loops.w))]
        ends = bool(loops.is_first[i]), bool(loops.is_last[i])
        steps.append([wave_rounds(problem, array, wave, c, size, *ends) for wave in waves_of(problem, array, n, size)])
    return steps


def on_chip(schedule, clocks):
    """The trace of a schedule, in cycles, when every tile is on chip from the beginning."""
    job, memory = make_job(schedule, 1), make_memory(schedule.regions, clocks)
    memory = memory._replace(box_bursts=np.zeros_like(memory.box_bursts))
    trace = empty_trace(job)
    fast_engine.advance(*map(as_arrays, (job, memory, trace)), fast_engine.initial_state(job), NEVER, NEVER)
    return trace


PLAIN = ("dram.model=plain", "layer_setup_cycles=0", "buffers.slots=7", "buffers.ifmap_kib=4096",
         "buffers.weight_kib=4096", "buffers.ofmap_kib=4096")  # fmt: skip


@st.composite
def layers(draw):
    """A layer, a design whose ports, transforms or multipliers bind, and tiles."""
    kernel = draw(st.sampled_from([(1, 1, 1), (3, 1, 1), (1, 3, 3), (3, 3, 3)]))
    groups = draw(st.sampled_from([1, 1, 4]))
    arch = machine(
        *PLAIN,
        f"pe.rows={draw(st.integers(1, 5))}", f"pe.cols={draw(st.integers(1, 3))}",
        f"pe.mults_per_pe={draw(st.sampled_from([1, 8, 12, 20]))}", f"pe.acc_depth={draw(st.sampled_from([4, 8]))}",
        f"buffers.ifmap_port_bytes={draw(st.sampled_from([1, 4, 16]))}",
        f"buffers.weight_port_bytes={draw(st.sampled_from([1, 4, 64]))}",
        f"buffers.ofmap_port_bytes={draw(st.sampled_from([1, 4, 16]))}",
        f"transforms.input_coords_per_cycle={draw(st.sampled_from([4, 10, 36]))}",
        f"transforms.output_coords_per_cycle={draw(st.sampled_from([4, 10, 36]))}",
        f"vector_lanes={draw(st.sampled_from([1, 4, 16]))}",
    )  # fmt: skip
    channels, n = (groups, groups) if groups > 1 else (draw(st.integers(1, 9)), draw(st.integers(1, 9)))
    size = [draw(st.integers(3, 7)) for _ in range(3)]
    more = {"padding": tuple(k // 2 for k in kernel), "groups": groups, "bias": False}
    policy = draw(st.sampled_from(["direct", "hfa"]))
    problem = conv(channels, n, size, kernel, arch, policy, **more)
    cut = [draw(st.integers(1, extent)) for extent in (problem.n, problem.c, *problem.out)]
    return problem, arch, tiles(*cut, slots=7)


@settings(max_examples=200)
@given(layers())
def test_a_layer_on_chip_takes_what_three_engines_take(case):
    problem, arch, mapping = case
    clocks = make_clocks(arch)
    try:
        array = make_machine(problem, arch, "pixel")
    except MappingError:
        return  # a tile needs more accumulators than this design has
    schedule = build_schedule(problem, mapping, arch, clocks)
    trace = on_chip(schedule, clocks)
    expected = times(listed(problem, mapping, array, schedule), array.fill_cycles)
    # Cycles, as a tick is one here; 7 slots of stores that take no time keep no step waiting.
    assert list(zip(trace.start, trace.end, trace.drained, strict=True)) == expected


# A core in Verilog, run in Verilator: cycles from the start of a layer to the end of its last drain.
CORE = ("pe.rows=4", "pe.cols=2", "pe.mults_per_pe=12", "pe.acc_depth=8", "pe.pipeline_stages=6", "winograd.m1=4",
        "transforms.input_coords_per_cycle=10", "transforms.output_coords_per_cycle=10", "vector_lanes=64",
        "buffers.ifmap_port_bytes=16", "buffers.weight_port_bytes=64", "buffers.ofmap_port_bytes=64")  # fmt: skip


def whole_layer(problem, arch):
    """The cycles of a layer in one step, all of it on chip."""
    schedule = build_schedule(problem, tiles(problem.n, problem.c, *problem.out, slots=1), arch, make_clocks(arch))
    return int(on_chip(schedule, make_clocks(arch)).drained[-1])


@pytest.mark.parametrize(
    ("n", "c", "size", "cycles"),
    [
        (8, 8, (8, 4, 4), 660),
        (4, 16, (4, 8, 8), 1174),
        # The core takes 772: it begins a wave in the cycle in which the last word of a drain is read.
        # Its patch lay without gaps; rows that are cut along H and W lie in runs, of a word each.
        (6, 5, (6, 5, 7), 778),
        (9, 3, (5, 3, 3), 232),
        (8, 1, (8, 8, 8), 1078),
        # And 3241, for the same reason.
        (8, 32, (2, 7, 7), 3242),
    ],
)
def test_temporal_tiles_take_the_cycles_of_the_core_in_verilog(n, c, size, cycles):
    # F(4,3): a tile of 6 coordinates a cycle at a rate of 10.
    arch = machine(*PLAIN, *CORE)
    assert whole_layer(conv(c, n, size, (3, 1, 1), arch, "hfa", padding=(1, 0, 0), bias=False), arch) == cycles


def test_a_depthwise_layer_takes_the_cycles_of_the_core_in_verilog():
    ports = [f"buffers.{name}_port_bytes=8" for name in ("ifmap", "weight", "ofmap")]
    arch = machine(
        *PLAIN, "pe.rows=4", "pe.cols=4", "pe.acc_depth=8", "pe.pipeline_stages=4", "vector_lanes=8",
        "pe.staging_elements=216", "pe.staging_weights=27", *ports,
    )  # fmt: skip
    windows = {"stride": (1, 2, 2), "padding": (1, 1, 1), "groups": 8, "bias": False}
    # Weights in 14 cycles and a patch of 4 x 9 x 9 positions of 4 channels in 162, less 2; a pipeline of 4. Two waves
    # of 27 taps for 32 outputs on 4 lanes, 216 each, the patch of the second hidden; 128 outputs drain in 16.
    cycles = 14 + 162 - 2 + 4 + 2 * 216 + 16
    assert whole_layer(conv(8, 8, (2, 7, 7), (3, 3, 3), arch, **windows), arch) == cycles == 626


def test_a_step_whose_tile_is_on_chip_fills_no_pipeline():
    arch = machine(*PLAIN, "pe.acc_depth=8", "pe.pipeline_stages=5", *CORE[-3:])
    problem = conv(3, 2, (1, 16, 4), (1, 1, 1), arch, bias=False)
    schedule = build_schedule(problem, tiles(2, 3, 1, 1, 4, slots=7), arch, make_clocks(arch))
    # 16 rows of 4 pixels on 2 lanes: 3 rounds of 2 cycles a step, the load of a round hidden; 8 outputs drain in 4.
    trace = on_chip(schedule, make_clocks(arch))
    assert [start - 5 for start in trace.start] == [6 * step for step in range(16)]
