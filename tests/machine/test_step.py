"""Does a step cost what the machine's page says: every wave of the array listed, in the order in which it runs?"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lw3dsim import load_arch
from lw3dsim.base.kernels import INTERPRETED
from lw3dsim.describe.workload import Conv3d, Shape
from lw3dsim.errors import MappingError
from lw3dsim.machine.microarchitecture import make_machine, parallel_modes, plain_array
from lw3dsim.machine.problem import make_problem, on_rows, plain_layer
from lw3dsim.machine.step import Costs, array_step
from lw3dsim.machine.waves import channel_passes, cost_waves, empty_waves
from lw3dsim.transform.algorithms import candidates


def up(a, b):
    return -(-a // b)


def equal_parts(total, most):
    """As few parts of ``total`` as ``most`` allows, as equal as can be, the larger first: 10 by 4 are 4, 3, 3."""
    return [len(part) for part in np.array_split(np.arange(total), up(total, most))]


@dataclass
class Wave:
    """What the array holds between two swaps: channels, the inputs that they read, tiles and outputs (t, h, w)."""

    channels: int
    inputs: int
    tiles: tuple[int, int, int]
    outputs: tuple[int, int, int]


def channels_on_rows(problem, n, rows):
    """The (channels, inputs) of one wave after the other."""
    if problem.structure == "dense":
        return [(min(rows, n - first), 1) for first in range(0, n, rows)]
    layer_groups, beside = n // problem.group_n, rows // problem.abreast
    side_by_side = [min(beside, layer_groups - first) for first in range(0, layer_groups, beside)]
    return [
        (count * problem.abreast, count) for count in side_by_side for _ in range(problem.group_n // problem.abreast)
    ]


def waves_of(problem, machine, n, size):
    """List the waves of a step: w innermost, then h, t, channels. Whole rows come together, then frames."""
    tiles = [up(s, m) for s, m in zip(size, problem.algorithm.tile, strict=True)]
    room = machine.lanes * machine.depth
    of_w = equal_parts(tiles[2], room)
    of_h = equal_parts(tiles[1], max(room // of_w[0], 1))
    of_t = equal_parts(tiles[0], max(room // (of_w[0] * of_h[0]), 1))

    def spans(parts, m, total):
        ends = list(itertools.accumulate(parts))
        return [(part, min(end * m, total) - (end - part) * m) for part, end in zip(parts, ends, strict=True)]

    axes = [spans(p, m, s) for p, m, s in zip((of_t, of_h, of_w), problem.algorithm.tile, size, strict=True)]
    return [
        Wave(channels=c, inputs=i, tiles=tuple(p for p, _ in place), outputs=tuple(o for _, o in place))
        for c, i in channels_on_rows(problem, n, machine.staged.rows)
        for place in itertools.product(*axes)
    ]


def count(values):
    product = 1
    for value in values:
        product *= value
    return product


def touched(problem, tiles, taps, d):
    """Input positions that so many taps of so many tiles read along an axis, each once, in order."""
    outputs = range(tiles * problem.algorithm.tile[d])
    return sorted({i * problem.stride[d] + j * problem.dilation[d] for i in outputs for j in range(taps)})


def patch(problem, machine, wave):
    """How many positions of an input a round reads."""
    along = zip(wave.tiles, machine.staged.taps, strict=True)
    return count(len(touched(problem, tiles, taps, d)) for d, (tiles, taps) in enumerate(along))


def runs(problem, machine, wave, size):
    """The lengths of what a round reads of an input without a gap, of a tile that lies in the buffer row by row.

    Where frames, or rows too, lie apart, something else is between them.
    """
    step = [up(s, m) for s, m in zip(size, problem.algorithm.tile, strict=True)]
    stored = [touched(problem, tiles, k, d) for d, (tiles, k) in enumerate(zip(step, problem.kernel, strict=True))]
    along = zip(wave.tiles, machine.staged.taps, strict=True)
    read = [touched(problem, tiles, k, d) for d, (tiles, k) in enumerate(along)]
    row, found = stored[2][-1] - stored[2][0] + 1 + (machine.apart > 1), []
    frame = len(stored[1]) * row + (machine.apart > 0)
    for t, h in itertools.product(read[0], read[1]):
        start = stored[0].index(t) * frame + stored[1].index(h) * row
        if found and found[-1][1] == start + read[2][0]:
            found[-1][1] = start + read[2][-1] + 1
        else:
            found.append([start + read[2][0], start + read[2][-1] + 1])
    return [end - start for start, end in found]


def port(rate, bits):
    return up(bits * rate.per_cycles, rate.bits)


def whole(tiles, coordinates, rate):
    """Cycles of a transform unit, which does whole tiles in a cycle or takes whole cycles for a tile."""
    return up(tiles, rate // coordinates) if rate >= coordinates else tiles * up(coordinates, rate)


def depths(problem, machine, wave):
    """Outputs of a wave at each depth of the accumulators: tile by tile it is counted which there are."""
    kept = [
        [min(m, outputs - i * m) for i in range(tiles)]
        for tiles, m, outputs in zip(wave.tiles, problem.algorithm.tile, wave.outputs, strict=True)
    ]
    of_tiles = [t * h * w for t, h, w in itertools.product(*kept)]
    firsts = range(0, len(of_tiles), machine.lanes)
    return [wave.channels * sum(of_tiles[first : first + machine.lanes]) for first in firsts]


def packed(problem, machine, wave, is_first, is_last):
    """Cycles in which a wave drains at the port, packed within what lies at one depth of the accumulators."""
    rate, sums = machine.ofmap_port, problem.accumulator_bits
    written = problem.output_bits if is_last else sums
    cycles = 0
    for outputs in depths(problem, machine, wave):
        passing = port(rate, outputs * written) + (0 if is_first else port(rate, outputs * sums))
        cycles += max(passing, machine.cycles_per_tile)
    return cycles


def drained_words(problem, machine, wave, is_first, is_last):
    """Words of partial sums that a wave reads, and of results that it writes: none has outputs of two depths."""
    each = depths(problem, machine, wave)

    def words(bits):
        return sum(up(outputs * bits, machine.ofmap_port.word_bits) for outputs in each)

    results = "intermediate_write_words" if machine.keeps else "result_words"
    return {"partial_words": 0 if is_first else words(problem.accumulator_bits)} | {
        results: words(problem.output_bits) if is_last else 0
    }


class Paced(NamedTuple):
    """A wave: its cycles, of a round at the ports, of its last round in the array; its drain; its first reads.

    These are what its weights and then its patch take but for their last words, which the pipeline reads.
    """

    cycles: int
    load: int
    last: int
    drain: int
    reads: int


def paced(waves):
    """Return the cycles of the first of these waves, of all, and those in which they wait for drains, and for loads."""
    total, stalls, late = [], 0, 0
    for before, wave in itertools.pairwise([None, *waves]):
        if before:
            late += max(wave.load - before.last, 0)
            stalls += max(before.drain - wave.cycles, 0)
        total.append(wave.cycles)
    return total[0], sum(total) + stalls + late, stalls, late


def reference(problem, machine, n, c, size, is_first, is_last):
    """The columns of a step's cycles and events, summed up wave by wave."""
    algorithm, bits = problem.algorithm, problem.activation_bits
    out = dict.fromkeys(Costs._fields, 0)
    rounds, groups = up(c, machine.chunk), machine.staged.groups
    taps = algorithm.taps // groups
    walked = []
    for wave in waves_of(problem, machine, n, size):
        tiles, E = count(wave.tiles), algorithm.coordinates
        lengths = runs(problem, machine, wave, size)
        read = wave.inputs * patch(problem, machine, wave) * bits * groups
        reading = machine.ofmap_port if machine.reads_back else machine.ifmap_port
        of_inputs = sum(port(reading, wave.inputs * length * bits * min(c, machine.chunk)) for length in lengths)
        of_weights = port(machine.weight_port, wave.channels * min(c, machine.chunk) * problem.kernel_bits // groups)
        multiply = taps * up(tiles, machine.lanes) * machine.cycles_per_tile
        transform = max(
            algorithm.taps * whole(wave.inputs * tiles, E, machine.input_rate) * algorithm.is_winograd,
            algorithm.taps * whole(wave.channels, E, machine.weight_rate) * machine.transforms_weights,
        )
        load, feed = max(of_inputs, of_weights), max(multiply, transform)
        cause = "sram_port" if load > feed else "multiply" if multiply == feed else "transform"
        cycles = (rounds * groups - 1) * max(load, feed) + feed
        pixels = wave.channels * count(wave.outputs)
        drain = packed(problem, machine, wave, is_first, is_last)
        if machine.reads_back and rounds * groups * of_inputs + drain > cycles:
            # Till the end of its turns the last round is fed.
            feed += rounds * groups * of_inputs + drain - cycles
            cycles, cause = rounds * groups * of_inputs + drain, "sram_port"
        if is_last:
            drain = max(drain, up(pixels, machine.vector_lanes))
        if algorithm.is_winograd:
            drain = max(drain, whole(wave.channels * tiles, E, machine.output_rate))
        walked.append(Paced(cycles, load, feed, drain, of_weights - 1 + of_inputs - 1))
        products = wave.channels * tiles * E * algorithm.taps * c
        if cause == "multiply":
            # A row with a channel works for all cycles, a lane for those in which it has a tile.
            out["row_cycles"] += wave.channels * cycles
            out["lane_cycles"] += wave.channels * tiles * rounds * algorithm.taps * machine.cycles_per_tile
            out["products"] += products
        out[cause] += cycles
        out["mults"] += products
        out["accumulations"] += products // c * rounds
        out["tree_adds"] += products // c * (c - rounds)
        out["intermediate_read_bits" if machine.reads_back else "ifmap_read_bits"] += read * c
        out["weight_read_bits"] += wave.channels * c * problem.kernel_bits
        out["ofmap_read_bits"] += 0 if is_first else pixels * problem.accumulator_bits
        write = "intermediate_write_bits" if machine.keeps else "ofmap_write_bits"
        out[write] += pixels * (bits if is_last else problem.accumulator_bits)
        out["staged_inputs"] += wave.inputs * tiles * E * algorithm.taps * c
        out["input_tiles"] += wave.inputs * tiles * c * algorithm.taps * algorithm.is_winograd
        out["weight_kernels"] += wave.channels * c * algorithm.taps * machine.transforms_weights
        out["output_tiles"] += wave.channels * tiles * algorithm.is_winograd
        out["vector_ops"] += pixels * is_last
        chunk, all_rounds = min(c, machine.chunk), rounds * groups
        read = "intermediate_read_words" if machine.reads_back else "ifmap_read_words"
        runs_bits = [wave.inputs * length * bits * chunk for length in lengths]
        out[read] += all_rounds * sum(up(run, reading.word_bits) for run in runs_bits)
        weight_bits = wave.channels * chunk * problem.kernel_bits // groups
        out["weight_read_words"] += all_rounds * up(weight_bits, machine.weight_port.word_bits)
        for name, words in drained_words(problem, machine, wave, is_first, is_last).items():
            out[name] += words
    out["head"], total, out["drain_stall"], late = paced(walked)
    out["entry"], out["load"] = machine.fill_cycles + walked[0].reads, walked[0].load
    out["body"], out["tail"], out["drain"] = total - out["head"], walked[-1].last, walked[-1].drain
    out["sram_port"] += late
    return out


@st.composite
def steps(draw):
    """A convolution, a design, how the layer lies on its rows, and a step of it."""
    kernel = draw(st.sampled_from([(1, 1, 1), (3, 1, 1), (1, 3, 3), (3, 3, 3)]))
    groups = draw(st.sampled_from([1, 1, 2, 3, 7]))
    n, c = groups * draw(st.integers(1, 12)), groups * draw(st.integers(1, 5))
    layer = Conv3d(
        name="x",
        inputs=("i",),
        out_channels=n,
        kernel=kernel,
        stride=draw(st.sampled_from([(1, 1, 1), (1, 2, 2)])),
        padding=tuple(k // 2 for k in kernel),
        dilation=draw(st.sampled_from([(1, 1, 1), (1, 1, 1), (1, 2, 2)])),
        groups=groups,
    )
    shape = Shape(c, *(draw(st.integers(5, 14)) for _ in range(3)))
    overrides = [
        f"pe.rows={draw(st.integers(1, 9))}", f"pe.cols={draw(st.integers(1, 3))}",
        f"pe.mults_per_pe={draw(st.sampled_from([1, 8, 20, 36]))}", f"pe.acc_depth={draw(st.sampled_from([2, 4, 16]))}",
        f"buffers.ifmap_port_bytes={draw(st.sampled_from([2, 8, 64]))}",
        f"buffers.weight_port_bytes={draw(st.sampled_from([2, 16, 128]))}",
        f"buffers.ofmap_port_bytes={draw(st.sampled_from([1, 8, 64]))}",
        f"transforms.input_coords_per_cycle={draw(st.sampled_from([4, 36, 200]))}",
        f"transforms.output_coords_per_cycle={draw(st.sampled_from([4, 36, 200]))}",
        f"vector_lanes={draw(st.sampled_from([1, 8]))}",
        f"winograd.weight_transform={draw(st.sampled_from(['offline', 'onchip']))}",
    ]  # fmt: skip
    arch = load_arch("edge_base", overrides=overrides)
    policy = draw(st.sampled_from(["direct", "hfa", "winograd3d", "auto"]))
    algorithm = draw(st.sampled_from(candidates(layer, policy, 2, 2)))
    whole = make_problem(layer, (shape,), layer.output_shape((shape,)), algorithm, arch)
    problem = draw(st.sampled_from(on_rows(whole, arch.pe.rows)))
    unit = problem.group_n
    of_n = unit * draw(st.integers(1, problem.n // unit))
    of_c = problem.c if problem.structure == "grouped" else draw(st.integers(1, problem.c))
    size = tuple(draw(st.integers(1, out)) for out in problem.out)
    inside = {"reads_back": draw(st.booleans()), "keeps": draw(st.booleans()), "apart": draw(st.integers(0, 2))}
    return problem, arch, draw(st.sampled_from(parallel_modes(problem, arch))), of_n, of_c, size, inside


@settings(max_examples=300)
@given(steps(), st.booleans(), st.booleans())
def test_a_step_costs_what_its_groups_cost_one_by_one(case, is_first, is_last):
    problem, arch, parallel, n, c, size, inside = case
    try:
        machine = make_machine(problem, arch, parallel, **inside)
    except MappingError:
        return  # a tile needs more accumulators than this design has
    expected = reference(problem, machine, n, c, size, is_first, is_last)
    layer, array = plain_layer(problem), plain_array(machine)
    waves, costs = empty_waves(INTERPRETED), INTERPRETED.columns(Costs, 1)
    cost_waves(layer, array, n, c, *size, int(is_first), int(is_last), waves)
    array_step(layer, array, c, int(is_first), int(is_last), waves, costs, 0)
    found = {name: column[0] for name, column in costs._asdict().items()}
    assert {name: found[name] for name in expected} == expected
    assert channel_passes(layer, array, n) == len(channels_on_rows(problem, n, machine.staged.rows))


def test_a_wave_of_fewer_rows_than_dilated_taps_leave_between_them_reads_row_by_row():
    layer = Conv3d(name="x", inputs=("i",), out_channels=1, kernel=(1, 3, 3), padding=(0, 1, 1), dilation=(1, 2, 2))
    design = ["pe.rows=2", "pe.cols=2", "pe.mults_per_pe=1", "pe.acc_depth=2", "buffers.ifmap_port_bytes=2"]
    arch = load_arch("edge_base", overrides=[*design, "buffers.ofmap_port_bytes=1"])
    shape = Shape(1, 5, 5, 5)
    (algorithm,) = candidates(layer, "direct", 2, 2)
    problem = make_problem(layer, (shape,), layer.output_shape((shape,)), algorithm, arch)
    machine = make_machine(problem, arch, "pixel")
    waves = empty_waves(INTERPRETED)
    cost_waves(plain_layer(problem), plain_array(machine), 1, 1, 1, 2, 3, 0, 0, waves)
    # Of six rows in the tile a wave reads every other one, 7 positions of a byte each, at 2 bytes a cycle.
    assert waves.inputs[waves.used[0]] == 3 * 4
