"""Does a step cost, under every dataflow, what one counts who walks over the PEs, pass by pass?"""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import msgspec
import pytest
from dataflow_records import EVERY, known
from hypothesis import given, settings
from hypothesis import strategies as st
from paper import conv, machine
from test_step import Paced, count, drained_words, paced, packed, patch, port, runs, up, waves_of, whole

from lw3dsim import load_arch
from lw3dsim.base.kernels import INTERPRETED
from lw3dsim.describe.dataflow import BUILT_IN
from lw3dsim.describe.workload import Conv3d, Shape
from lw3dsim.errors import MappingError
from lw3dsim.machine.microarchitecture import make_machine, parallel_modes, plain_array
from lw3dsim.machine.problem import make_problem, on_rows, plain_layer
from lw3dsim.machine.step import Costs, array_step
from lw3dsim.machine.waves import cost_waves, empty_waves
from lw3dsim.transform.algorithms import candidates


@pytest.fixture(autouse=True, scope="module")
def _every_dataflow():
    with known():
        yield


def standing(arch, loop):
    """Return, per PE, which position of ``loop`` it stands at, and how many there are."""
    rows, cols = arch.pe.rows, arch.pe.cols
    by_row, by_col = arch.dataflow.rows == loop, arch.dataflow.cols == loop
    places = {
        (r, q): (r * cols + q if by_row and by_col else r if by_row else q if by_col else 0)
        for r in range(rows)
        for q in range(cols)
    }
    return places, len(set(places.values()))


class Walk:
    """The array under a dataflow: what its PEs do in a round, one by one."""

    def __init__(self, problem, arch, parallel, staged):
        self.problem, self.arch = problem, arch
        self.E, self.taps, mults = problem.algorithm.coordinates, problem.algorithm.taps, arch.pe.mults_per_pe
        self.of_n, self.channels_at_once = standing(arch, "output_channels")
        self.of_c, trees = standing(arch, "input_channels")
        self.of_tile, tiles = standing(arch, "tiles")
        self.in_tree = mults if parallel == "channel" else 1
        self.in_pe = 1 if parallel == "channel" else max(mults // self.E, 1)
        self.cycles_per_tile = up(self.E, mults)
        self.chunk, self.lanes = trees * self.in_tree, tiles * self.in_pe
        self.depth, self.groups = staged.depth, staged.groups
        # Levels of a tree: halves, until one sum is left.
        self.levels, left = 0, trees
        while left > 1:
            self.levels, left = self.levels + 1, up(left, 2)

    def round(self, wave, tiles, channels, staged):
        """Count the rounds, of all groups of taps, of ``channels`` input channels for a wave of so many ``tiles``."""
        did = SimpleNamespace(products=0, sums=0, cycles=0, busy=0, weights=0, inputs=0, transformed=0)
        did.channels = wave.inputs * channels
        tap_weights = set()
        for tap, turn in itertools.product(range(self.taps), range(up(tiles, self.lanes))):
            sums, weights, inputs = set(), set(), set()
            for pe, slot, leaf in itertools.product(self.of_n, range(self.in_pe), range(self.in_tree)):
                n, tile = self.of_n[pe], (turn * self.lanes) + self.of_tile[pe] * self.in_pe + slot
                c = self.of_c[pe] * self.in_tree + leaf
                if n < wave.channels and tile < tiles and c < channels:
                    did.products += self.E
                    sums.add((n, tile))
                    weights.add((n, c))
                    inputs.add((n // (wave.channels // wave.inputs), c, tile))
            did.cycles += self.cycles_per_tile
            did.busy += len(sums) * self.cycles_per_tile
            did.sums += len(sums) * self.E
            did.transformed += len(inputs)
            fresh = weights - {(n, c) for n, c, of in tap_weights if of == tap}
            did.weights += len(fresh if self.arch.dataflow.weights == "once_a_round" else weights)
            tap_weights |= {(n, c, tap) for n, c in weights}
            did.inputs += len(inputs) * self.E
        if self.arch.dataflow.inputs == "once_a_round":
            # The patch of every group of taps.
            did.inputs = wave.inputs * channels * staged * self.groups
        return did

    def port_bits(self, did):
        """Return what passes the ports in a round: of inputs, and of weights, which come with all their taps."""
        assert did.weights * self.problem.kernel_bits % self.taps == 0
        return did.inputs * self.problem.activation_bits, did.weights * self.problem.kernel_bits // self.taps


def pace(walk, machine, did, lengths):
    """Return what a round takes at the ports, of weights and of inputs, and in the array, and what binds."""
    bits, weight_bits = walk.port_bits(did)
    winograd = walk.problem.algorithm.is_winograd
    reading, stages = machine.ofmap_port if machine.reads_back else machine.ifmap_port, machine.stages_inputs
    of_position = walk.problem.activation_bits * did.channels
    parts = [of_position * run for run in lengths] if stages else [bits // walk.groups]
    of_inputs = sum(port(reading, part) for part in parts)
    of_weights = port(machine.weight_port, weight_bits // walk.groups)
    transform = walk.taps * max(
        whole(did.transformed // walk.taps, walk.E, machine.input_rate) * winograd,
        whole(did.weights // walk.taps, walk.E, machine.weight_rate) * machine.transforms_weights,
    )
    multiply = did.cycles // walk.groups
    takes = {"multiply": multiply, "transform": transform, "sram_port": max(of_weights, of_inputs)}
    return of_weights, of_inputs, max(multiply, transform), max(takes, key=lambda name: takes[name])


def round_words(walk, machine, did, lengths):
    """Return the words of inputs and of weights that a round reads."""
    bits, weight_bits = walk.port_bits(did)
    reading = machine.ofmap_port if machine.reads_back else machine.ifmap_port
    of_position = walk.problem.activation_bits * did.channels
    parts = [of_position * run for run in lengths] if machine.stages_inputs else [bits // walk.groups]
    inputs = sum(up(part, reading.word_bits) for part in parts)
    return inputs, up(weight_bits // walk.groups, machine.weight_port.word_bits)


def drained(walk, machine, wave, tiles, pixels, is_first, is_last):
    alone = takes = packed(walk.problem, machine, wave, is_first, is_last)
    if is_last:
        takes = max(takes, up(pixels, machine.vector_lanes))
    if walk.problem.algorithm.is_winograd:
        takes = max(takes, whole(wave.channels * tiles, walk.E, machine.output_rate))
    return alone, takes


def walked(problem, arch, parallel, machine, n, c, size, is_first, is_last):
    """The columns of a step's cycles and events, from a walk over all its rounds."""
    walk, out = Walk(problem, arch, parallel, machine.staged), dict.fromkeys(Costs._fields, 0)
    shape = SimpleNamespace(lanes=walk.lanes, depth=walk.depth, staged=machine.staged)
    read = "intermediate_read_bits" if machine.reads_back else "ifmap_read_bits"
    written = "intermediate_write_bits" if machine.keeps else "ofmap_write_bits"
    waves = []
    for wave in waves_of(problem, shape, n, size):
        tiles, pixels = count(wave.tiles), wave.channels * count(wave.outputs)
        lengths, parts = runs(problem, machine, wave, size), range(0, c, walk.chunk)
        staged = patch(problem, machine, wave)
        rounds = [walk.round(wave, tiles, min(walk.chunk, c - first), staged) for first in parts]
        # Rounds follow each other at the pace of the first; a last one with fewer channels takes no less.
        of_weights, of_inputs, feed, cause = pace(walk, machine, rounds[0], lengths)
        load = max(of_weights, of_inputs)
        cycles = (len(rounds) * walk.groups - 1) * max(load, feed) + feed
        bits = sum(walk.port_bits(did)[0] for did in rounds)
        port_alone, drain = drained(walk, machine, wave, tiles, pixels, is_first, is_last)
        turns = len(rounds) * walk.groups * of_inputs + port_alone
        if machine.reads_back and turns > cycles:
            feed += turns - cycles
            cycles, cause = turns, "sram_port"
        waves.append(Paced(cycles, load, feed, drain, of_weights - 1 + of_inputs - 1))
        out[cause] += cycles
        products, sums = sum(did.products for did in rounds), sum(did.sums for did in rounds)
        if cause == "multiply":
            out["row_cycles"] += wave.channels * cycles
            out["lane_cycles"] += sum(did.busy for did in rounds)
            out["products"] += products
        out["mults"] += products
        out["accumulations"] += sums
        out["tree_adds"] += products - sums
        out[read] += bits
        out["weight_read_bits"] += sum(walk.port_bits(did)[1] for did in rounds)
        out["ofmap_read_bits"] += 0 if is_first else pixels * problem.accumulator_bits
        out[written] += pixels * (problem.activation_bits if is_last else problem.accumulator_bits)
        winograd = problem.algorithm.is_winograd
        # What a tile multiplies is held, as often as that is.
        out["staged_inputs"] += sum(did.transformed for did in rounds) * walk.E
        out["input_tiles"] += sum(did.transformed for did in rounds) * winograd
        out["weight_kernels"] += sum(did.weights for did in rounds) * machine.transforms_weights
        out["output_tiles"] += wave.channels * tiles * winograd
        out["vector_ops"] += pixels * is_last
        inputs, weights = round_words(walk, machine, rounds[0], lengths)
        out[read.replace("bits", "words")] += len(rounds) * walk.groups * inputs
        out["weight_read_words"] += len(rounds) * walk.groups * weights
        for name, words in drained_words(problem, machine, wave, is_first, is_last).items():
            out[name] += words
    latency = arch.pe.pipeline_stages + walk.levels + problem.algorithm.transform_depth
    out["head"], total, out["drain_stall"], late = paced(waves)
    out["entry"], out["load"] = latency + waves[0].reads, waves[0].load
    out["body"], out["tail"], out["drain"] = total - out["head"], waves[-1].last, waves[-1].drain
    out["sram_port"] += late
    return out


def costed(problem, machine, n, c, size, is_first, is_last):
    layer, array = plain_layer(problem), plain_array(machine)
    waves, costs = empty_waves(INTERPRETED), INTERPRETED.columns(Costs, 1)
    cost_waves(layer, array, n, c, *size, int(is_first), int(is_last), waves)
    array_step(layer, array, c, int(is_first), int(is_last), waves, costs, 0)
    return {name: column[0] for name, column in costs._asdict().items()}


@st.composite
def steps(draw):
    """A convolution, a design under any dataflow, how the layer lies on it, and a step of it."""
    kernel = draw(st.sampled_from([(1, 1, 1), (3, 1, 1), (1, 2, 2), (1, 3, 3)]))
    waves = draw(st.sampled_from([1, 1, 2, 3]))
    layer = Conv3d(
        name="x",
        inputs=("i",),
        out_channels=waves * draw(st.integers(1, 6)),
        kernel=kernel,
        stride=draw(st.sampled_from([(1, 1, 1), (1, 2, 2)])),
        padding=tuple(k // 2 for k in kernel),
        groups=waves,
    )
    shape = Shape(waves * draw(st.integers(1, 9)), *(draw(st.integers(3, 6)) for _ in range(3)))
    arch = load_arch(
        "edge_base",
        overrides=[
            f"pe.dataflow={draw(st.sampled_from(EVERY + BUILT_IN)).name}",
            f"pe.rows={draw(st.integers(1, 4))}", f"pe.cols={draw(st.integers(1, 3))}",
            f"pe.mults_per_pe={draw(st.sampled_from([1, 2, 9, 20]))}", f"pe.acc_depth={draw(st.sampled_from([4, 16]))}",
            f"buffers.ifmap_port_bytes={draw(st.sampled_from([1, 4, 64]))}",
            f"buffers.weight_port_bytes={draw(st.sampled_from([1, 8, 128]))}",
            f"buffers.ofmap_port_bytes={draw(st.sampled_from([1, 8, 64]))}",
            f"transforms.input_coords_per_cycle={draw(st.sampled_from([4, 36, 200]))}",
            f"transforms.output_coords_per_cycle={draw(st.sampled_from([4, 36, 200]))}",
            f"vector_lanes={draw(st.sampled_from([1, 8]))}",
            f"winograd.weight_transform={draw(st.sampled_from(['offline', 'onchip']))}",
        ],
    )  # fmt: skip
    policy = draw(st.sampled_from(["direct", "hfa", "auto"]))
    algorithm = draw(st.sampled_from(candidates(layer, policy, 2, 2)))
    whole = make_problem(layer, (shape,), layer.output_shape((shape,)), algorithm, arch)
    problem = draw(st.sampled_from(on_rows(whole, arch.places("output_channels"))))
    unit = problem.group_n
    of_n = unit * draw(st.integers(1, problem.n // unit))
    of_c = problem.c if problem.structure == "grouped" else draw(st.integers(1, problem.c))
    size = tuple(draw(st.integers(1, out)) for out in problem.out)
    inside = {"reads_back": draw(st.booleans()), "keeps": draw(st.booleans())}
    return problem, arch, draw(st.sampled_from(parallel_modes(problem, arch))), of_n, of_c, size, inside


@settings(max_examples=250)
@given(steps(), st.booleans(), st.booleans())
def test_a_step_costs_what_a_walk_over_its_pes_counts(case, is_first, is_last):
    problem, arch, parallel, n, c, size, inside = case
    try:
        resolved = make_machine(problem, arch, parallel, **inside)
    except MappingError:
        return  # a tile needs more accumulators than this design has
    expected = walked(problem, arch, parallel, resolved, n, c, size, is_first, is_last)
    found = costed(problem, resolved, n, c, size, is_first, is_last)
    assert {name: found[name] for name in expected} == expected


WIDE = tuple(f"buffers.{name}_port_bytes=1024" for name in ("ifmap", "weight", "ofmap"))


def test_input_channels_on_columns_meet_in_a_tree():
    # 2 x 4 PEs of one multiplier: 10 channels take 3 rounds, of 4, 4 and 2; each 9 taps for 2 tiles.
    arch = machine("pe.cols=4", "pe.dataflow=weight_stationary", *WIDE)
    problem = conv(10, 2, (1, 3, 4), (1, 3, 3), arch, bias=False)
    step = costed(problem, make_machine(problem, arch, "pixel"), 2, 10, (1, 1, 2), True, True)
    # A fill of 3 stages and 2 levels of adders.
    assert (step["entry"], step["head"], step["body"]) == (3 + 2, 3 * 9 * 2, 0)
    assert (step["mults"], step["accumulations"], step["tree_adds"]) == (2 * 2 * 90, 2 * 2 * 27, 2 * 2 * 63)
    # A patch of 3 x 4 positions, and 2 kernels of 9 weights, of each channel, once.
    assert (step["ifmap_read_bits"], step["weight_read_bits"]) == (8 * 120, 8 * 180)


def test_weights_stay_while_as_many_tiles_pass_as_there_are_accumulators():
    for depth, waves in ((2, 4), (4, 2), (8, 1)):
        arch = machine("pe.cols=4", f"pe.acc_depth={depth}", "pe.dataflow=weight_stationary", *WIDE)
        problem = conv(4, 2, (1, 1, 8), (1, 1, 1), arch, bias=False)
        step = costed(problem, make_machine(problem, arch, "pixel"), 2, 4, (1, 1, 8), True, True)
        assert step["weight_read_bits"] == waves * 2 * 4 * 8
        assert step["ifmap_read_bits"] == 4 * 8 * 8
        assert step["entry"] == 3 + 2
        assert step["head"] + step["body"] - step["drain_stall"] == 8


def test_a_depthwise_layer_works_on_one_column_of_input_channels():
    wide = machine("pe.cols=4", "pe.dataflow=weight_stationary", *WIDE)
    alone = machine("pe.cols=1", *WIDE)
    problem = conv(6, 6, (1, 4, 4), (1, 3, 3), wide, groups=6, bias=False)
    steps = [
        costed(problem, make_machine(problem, arch, "pixel"), 6, 1, (1, 2, 2), True, True) for arch in (wide, alone)
    ]
    assert steps[0]["body"] == steps[1]["body"]
    assert steps[0]["head"] == steps[1]["head"]
    assert steps[0]["entry"] == steps[1]["entry"] + 2
    assert steps[0]["multiply"] == steps[1]["multiply"]


def test_an_array_of_one_column_is_the_same_whatever_columns_unroll():
    problem_arch = machine("pe.cols=1")
    problem = conv(5, 3, (2, 5, 6), (1, 3, 3), problem_arch, bias=False)
    first, *others = (
        costed(problem, make_machine(problem, arch, "pixel"), 3, 5, (2, 3, 4), True, False)
        for arch in (machine("pe.cols=1", f"pe.dataflow={flow.name}") for flow in BUILT_IN)
    )
    assert others == [first] * len(others)


def test_rows_and_columns_may_change_places():
    for flow in EVERY:
        turned = msgspec.structs.replace(flow, rows=flow.cols, cols=flow.rows)
        name = next(one.name for one in EVERY if msgspec.structs.replace(one, name=turned.name) == turned)
        one = machine("pe.rows=2", "pe.cols=3", f"pe.dataflow={flow.name}")
        other = machine("pe.rows=3", "pe.cols=2", f"pe.dataflow={name}")
        problem = conv(5, 3, (2, 5, 6), (1, 3, 3), one, bias=False)
        assert make_machine(problem, one, "pixel") == make_machine(problem, other, "pixel")


def test_transform_units_serve_all_input_channels_of_a_round():
    # F(2x2,3x3) on 4 columns of 16 multipliers: a round transforms a tile of 4 channels, and their kernels of 2 rows.
    fast = "pe.dataflow=weight_stationary", "pe.cols=4", "pe.mults_per_pe=16", *WIDE
    arch = machine(*fast, "transforms.input_coords_per_cycle=8")
    problem = conv(8, 2, (1, 4, 4), (1, 3, 3), arch, "hfa", bias=False)
    step = costed(problem, make_machine(problem, arch, "pixel"), 2, 8, (1, 2, 2), True, True)
    assert (step["transform"], step["input_tiles"]) == (2 * 4 * 16 // 8, 8)
    arch = machine(*fast, "winograd.weight_transform=onchip", "transforms.weight_coords_per_cycle=16")
    problem = conv(8, 2, (1, 4, 4), (1, 3, 3), arch, "hfa", bias=False)
    step = costed(problem, make_machine(problem, arch, "pixel"), 2, 8, (1, 2, 2), True, True)
    assert (step["transform"], step["weight_kernels"]) == (2 * 4 * 2 * 16 // 16, 16)


def test_transform_units_are_as_fast_as_the_array_unless_said_otherwise():
    for flow, inputs, weights in (("output_stationary", 3 * 16, 16), ("weight_stationary", 3 * 16, 3 * 16)):
        arch = machine("pe.rows=2", "pe.cols=3", "pe.mults_per_pe=16", f"pe.dataflow={flow}")
        assert arch.input_coords_per_cycle == arch.output_coords_per_cycle == inputs
        assert arch.weight_coords_per_cycle == weights
