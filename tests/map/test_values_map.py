"""Are floors, sums, tilings and bounds of the mapper the figures that one gets on paper?"""

from __future__ import annotations

import math

import numpy as np
import pytest
from paper import conv, machine, problem_of

from lw3dsim.base.integers import NEVER
from lw3dsim.base.values import replace
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.describe.workload import Add, Linear, Pool3d, Shape, Trg
from lw3dsim.machine.microarchitecture import PortRate, make_machine, parallel_modes, tree_pj
from lw3dsim.map.floor import compulsory_by_stream, compulsory_bytes, floor_bytes
from lw3dsim.map.layer.price import Price

ARCH = machine()
CLOCKS = make_clocks(ARCH)
LAYER = conv(4, 3, (1, 4, 4), (1, 3, 3), ARCH, bias=True)


# Floors


def test_compulsory_bytes_are_all_tensors_once():
    # 4 channels of 16 pixels; 12 kernels of 9 bytes and 3 biases of 4; 3 channels of 4 pixels.
    assert compulsory_by_stream(LAYER) == {"ifmap": 64, "weight": 120, "ofmap": 12}
    assert compulsory_bytes(LAYER) == 196
    # Of 5 x 5 pixels a window of one with stride 2 looks at 3 x 3.
    gaps = conv(2, 1, (1, 5, 5), (1, 1, 1), ARCH, stride=(1, 2, 2), bias=False)
    assert compulsory_by_stream(gaps) == {"ifmap": 18, "weight": 2, "ofmap": 9}
    grouped = conv(4, 6, (1, 2, 2), (1, 1, 1), ARCH, groups=2, bias=True)
    assert compulsory_by_stream(grouped) == {"ifmap": 16, "weight": 12 + 24, "ofmap": 24}
    depthwise = conv(4, 4, (1, 3, 3), (1, 3, 3), ARCH, groups=4, bias=False)
    assert compulsory_by_stream(depthwise) == {"ifmap": 36, "weight": 36, "ofmap": 4}
    add = problem_of(Add(name="x", inputs=("i", "j", "k")), Shape(2, 1, 2, 2), ARCH)
    assert compulsory_by_stream(add) == {"ifmap": 24, "weight": 0, "ofmap": 8}
    narrow = machine("precision.activation_bits=3", "precision.weight_bits=5")
    odd = conv(1, 1, (1, 1, 3), (1, 1, 1), narrow, bias=False)
    assert compulsory_by_stream(odd) == {"ifmap": 2, "weight": 1, "ofmap": 2}


def moved(products, at_hand, phase_bits):
    """What a phase of these bits bounds: the bytes of all phases but one."""
    return phase_bits * (products / math.sqrt(math.prod(at_hand)) - 1) / 8


def test_a_large_product_moves_more_than_its_tensors():
    # 64 output channels of 64 channels at 64 pixels: 64^3 products, each tensor 4096 bytes. Buffers of 100 elements
    # each; a phase of s times all three leaves 100 (1 + s) elements of each at hand; 2 is the best power of two.
    problem = conv(64, 64, (1, 8, 8), (1, 1, 1), ARCH, bias=False)
    held = dict.fromkeys(("ifmap", "weight", "ofmap"), 800)
    best = max(moved(64**3, [100 * (1 + s)] * 3, s * 2400) for s in (1, 2, 4))
    assert best == moved(64**3, [300] * 3, 4800)
    assert floor_bytes(problem, held) == math.floor(best) > compulsory_bytes(problem)
    # Buffers that hold everything: each tensor once.
    assert floor_bytes(problem, dict.fromkeys(held, 10**6)) == compulsory_bytes(problem) == 3 * 4096


def test_uneven_buffers_are_filled_up_from_the_lowest():
    problem = conv(64, 64, (1, 8, 8), (1, 1, 1), ARCH, bias=False)
    # Weights 20, inputs 50, outputs 80 elements: 150 in all, of which a phase of s adds s x 150. s = 1: 150 raise 20 to
    # 50 (30 of it), both to 80 (60), then all three by 20. s = 2: 170 elements each; s = 4: 250 each... of 8 bits.
    held = {"weight": 160, "ifmap": 400, "ofmap": 640}
    levels = {0.5: [62.5, 62.5, 80], 1: [100] * 3, 2: [150] * 3, 4: [250] * 3, 8: [450] * 3}
    best = max(moved(64**3, of, s * 1200) for s, of in levels.items())
    assert floor_bytes(problem, held) == math.floor(best)


def test_no_level_rises_above_its_tensor():
    # 2 output channels: 64 x 2 weights of a byte, 64 x 256 inputs, 512 outputs. Buffers of 100, 300 and 40 elements:
    # 440 in all; weights stop at 128, outputs at 512.
    problem = conv(64, 2, (1, 16, 16), (1, 1, 1), ARCH, bias=False)
    held = {"weight": 800, "ifmap": 2400, "ofmap": 320}
    levels = {
        # s = 1: 440: outputs 40 -> 100 (60), both to 128 (56), outputs to 300 (172), inputs and outputs by 76.
        1: [128, 376, 376],
        # s = 2: 880 - 60 - 56 - 172 = 592: by 212 to 512 each (424), 168 more for the inputs alone.
        2: [128, 680, 512],
        4: [128, 680 + 880, 512],
        8: [128, 1560 + 1760, 512],
        16: [128, 3320 + 3520, 512],
        32: [128, 6840 + 7040, 512],
        64: [128, 64 * 256, 512],
    }
    best = max(moved(64 * 2 * 256, of, s * 3520) for s, of in levels.items())
    assert floor_bytes(problem, held) == max(math.floor(best), compulsory_bytes(problem))


def test_a_layer_whose_outputs_share_an_input_position_has_no_floor_but_its_tensors():
    held = dict.fromkeys(("ifmap", "weight", "ofmap"), 80)
    large = conv(64, 64, (1, 8, 8), (1, 3, 3), ARCH, padding=(0, 1, 1), bias=False)
    assert floor_bytes(large, held) > compulsory_bytes(large)
    # Padding as wide as the kernel: outputs that look at nothing, or not at their own position.
    for padding, size in (((0, 3, 3), 8), ((0, 2, 2), 8)):
        wide = conv(64, 64, (1, size, size), (1, 3, 3), ARCH, padding=padding, bias=False)
        # Outputs are more than input positions.
        assert floor_bytes(wide, held) == compulsory_bytes(wide)
    dilated = conv(64, 64, (1, 9, 9), (1, 3, 3), ARCH, padding=(0, 1, 1), dilation=(1, 2, 2), bias=False)
    assert floor_bytes(dilated, held) == compulsory_bytes(dilated)
    even = conv(64, 64, (1, 9, 9), (1, 3, 3), ARCH, padding=(0, 2, 2), dilation=(1, 2, 2), bias=False)
    assert floor_bytes(even, held) > compulsory_bytes(even)
    depthwise = conv(64, 64, (1, 8, 8), (1, 3, 3), ARCH, padding=(0, 1, 1), groups=64, bias=False)
    assert floor_bytes(depthwise, held) == compulsory_bytes(depthwise)


# A layer as the mapper sees it


def test_problems_have_the_sizes_widths_and_operations_of_their_layers():
    assert (LAYER.structure, LAYER.groups, LAYER.n, LAYER.c, LAYER.out, LAYER.inp) == (
        "dense", 1, 3, 4, (1, 2, 2), (1, 4, 4),
    )  # fmt: skip
    assert (LAYER.outputs, LAYER.macs, LAYER.ideal_mults) == (12, 432, 432)
    assert (LAYER.kernel_bits, LAYER.bias_bits, LAYER.data_bits, LAYER.weight_bits) == (72, 32, 8, 8)
    # 36 products of 8 x 8 bits need 8 + 8 - 1 + 6 bits.
    narrow = machine("precision.accumulator_bits=8")
    assert conv(4, 3, (1, 4, 4), (1, 3, 3), narrow).register_bits == 21
    assert conv(1, 3, (1, 4, 4), (1, 1, 1), narrow).register_bits == 15
    assert conv(16, 3, (1, 4, 4), (1, 1, 1), narrow).register_bits == 19
    assert conv(17, 3, (1, 4, 4), (1, 1, 1), narrow).register_bits == 20
    fc = problem_of(Linear(name="x", inputs=("i",), out_features=5), Shape(3, 2, 2, 2), ARCH)
    assert (fc.structure, fc.n, fc.c, fc.out, fc.kernel, fc.macs, fc.input_block) == (
        "dense", 5, 24, (1, 1, 1), (1, 1, 1), 120, 24,
    )  # fmt: skip
    pool = problem_of(Pool3d(name="x", inputs=("i",), mode="avg", kernel="global"), Shape(3, 4, 2, 2), ARCH)
    assert (pool.structure, pool.n, pool.c, pool.ops_per_output, pool.reduces_frames, pool.macs) == (
        "vector", 3, 4, 16, True, 0,
    )  # fmt: skip
    add = problem_of(Add(name="x", inputs=("i", "j")), Shape(3, 4, 2, 2), ARCH)
    assert (add.sources, add.ops_per_output, add.c, add.kernel_bits, add.reduces_frames) == (2, 2, 1, 0, False)
    trg = problem_of(Trg(name="x", inputs=("i",)), Shape(3, 4, 2, 2), ARCH)
    assert (trg.ops_per_output, trg.whole_frames, trg.sources, trg.divider_bits) == (2, True, 1, 10)


def test_winograd_problems_count_tiles_and_store_transformed_kernels():
    # F(2x2,3x3): 16 products for 4 outputs; 16 weights of 12 bits a kernel. 5 x 3 outputs: 15 x 4 ideally.
    problem = conv(4, 3, (1, 7, 5), (1, 3, 3), ARCH, "hfa")
    assert (problem.ideal_mults, problem.macs) == (3 * 15 * 4 * 4, 3 * 15 * 4 * 9)
    assert problem.kernel_bits == 16 * 12
    assert conv(4, 3, (1, 7, 5), (1, 3, 3), machine("winograd.weight_transform=onchip"), "hfa").kernel_bits == 72
    # Ideal products that are no whole number are rounded up: F(2,3) takes 4/2 of 3 outputs x 1 channel... F(4,3) 6/4.
    four = machine("winograd.m1=4")
    assert conv(1, 1, (5, 1, 1), (3, 1, 1), four, "hfa").ideal_mults == math.ceil(3 * 6 / 4)
    declared = machine("precision.transformed_data_bits=9", "precision.transformed_weight_bits=16")
    narrow = conv(4, 3, (1, 7, 5), (1, 3, 3), declared, "hfa")
    assert (narrow.data_bits, narrow.weight_bits) == (9, 12)


def test_sums_that_a_register_does_not_hold_come_out_of_the_transform_as_wide_as_it_makes_them():
    def widths(channels, *overrides):
        problem = conv(channels, 2, (6, 2, 2), (3, 1, 1), machine(*overrides), "hfa", bias=False)
        return problem.register_bits, problem.transform_bits, problem.accumulator_bits

    # F(2,3), data of 9 bits (254), weights of 10 (127 or 381), sums of 5: 18 + 3 bits. Three coordinates, the outer
    # one twice, add up to an output, twice as large as 15 products of 127 x 127: 483,870 takes 20 bits, no more than
    # the register.
    declared = "precision.accumulator_bits=8"
    assert widths(5, declared) == (21, 21, 19)
    # Registers of 12 bits hold 2048, of which (2 + 1 + 1) x 2048 takes 15 bits; with a bit of data dropped twice that.
    wrapping = ("precision.accumulator_bits=12", "precision.overflow=wrap")
    assert widths(5, *wrapping) == (12, 15, 12)
    assert widths(5, *wrapping, "precision.transformed_data_bits=8") == (12, 16, 12)
    # Operands of 8 and 9 bits: 16 + 3 bits hold the sums, the transform takes 20 as before. Bits that are dropped, of
    # all data and of weights in the middle, are errors of 2 x 127 outside, taken twice, and 2 x 254 + 2 x 381 + 4
    # inside: 499,152.
    narrow = ("precision.transformed_data_bits=8", "precision.transformed_weight_bits=9")
    assert widths(5, declared, *narrow) == (19, 20, 19)
    # A dropped bit of data is an error of 2 x (254 + 381 + 381), half of it in an output: 43 x (3 x 127^2 + 1016) is
    # more than 2^21, which 43 x 3 x 127^2 is not, nor 42 times the same.
    dropped = "precision.transformed_data_bits=8"
    assert [widths(channels, declared, dropped)[2] for channels in (42, 43)] == [22, 23]


# The array


def test_a_machine_resolves_lanes_depth_ports_and_fill():
    arch = machine("pe.mults_per_pe=20", "pe.cols=3", "pe.acc_depth=6", "buffers.ofmap_port_bytes=2",
                   "pe.staging_elements=54", "pe.staging_weights=9")  # fmt: skip
    direct = make_machine(LAYER, arch, "pixel")
    assert (direct.rows, direct.lanes, direct.depth, direct.cycles_per_tile, direct.chunk) == (2, 60, 6, 1, 1)
    tree = make_machine(LAYER, arch, "channel")
    assert (tree.lanes, tree.depth, tree.chunk) == (3, 6, 20)
    # F(2x2,3x3) has 16 coordinates: one tile of 20 multipliers; on 7 it takes 3 cycles, and 2 tiles 6 accumulators.
    fast = conv(4, 3, (1, 4, 4), (1, 3, 3), arch, "hfa")
    assert make_machine(fast, arch, "pixel").lanes == 3
    few = make_machine(fast, machine("pe.mults_per_pe=7", "pe.acc_depth=7"), "pixel")
    assert (few.lanes, few.cycles_per_tile, few.depth) == (2, 3, 2)
    # 3 pipeline stages; transforms of two dimensions, of depth 1 and 2 adders each; 4 KiB answer in a cycle of 2 ns.
    assert (direct.fill_cycles, make_machine(fast, arch, "pixel").fill_cycles) == (3, 3 + 2 * (1 + 2))
    # In a cycle of 0.5 ns they answer in three cycles, and cycle in two: two banks and two slots deliver a word in two.
    quick = machine("clock_mhz=2000", "buffers.weight_banks=4")
    found = make_machine(LAYER, quick, "pixel")
    assert found.fill_cycles == 3 + 2
    halved, whole = PortRate(bits=16, per_cycles=1, word_bits=32), PortRate(bits=32, per_cycles=1, word_bits=32)
    assert (found.ifmap_port, found.weight_port) == (halved, whole)
    assert (direct.ofmap_port, direct.ifmap_port) == (PortRate(bits=16, per_cycles=1, word_bits=16), whole)
    assert PortRate(bits=32, per_cycles=3, word_bits=32).cycles(np.array([32, 33, 64])).tolist() == [3, 4, 6]
    assert direct.shared_ports == ()
    assert make_machine(LAYER, machine("buffers.weight_banks=1"), "pixel").shared_ports == ("weight",)


def test_adder_trees_are_for_direct_dense_layers_of_several_multipliers():
    many = machine("pe.mults_per_pe=4")
    assert parallel_modes(LAYER, many) == ("pixel", "channel")
    assert parallel_modes(LAYER, ARCH) == ("pixel",)
    assert parallel_modes(conv(4, 3, (1, 4, 4), (1, 3, 3), many, "hfa"), many) == ("pixel",)
    assert parallel_modes(conv(4, 4, (1, 4, 4), (1, 3, 3), many, groups=4), many) == ("pixel",)
    # An accumulation: an addition of 32 bits, a read and a write in a file of two words of latches; a tree adds at 16
    # bits and accumulates a quarter as often.
    alone = 0.1 + 32 * 2 * 0.00565 * (0.9 / 1.1) ** 2
    assert tree_pj(LAYER, many) == pytest.approx(0.05 + alone / 4 - alone)


def test_prices_are_counted_in_ticks():
    price = Price(cycle=4.0, dram_byte=0.5, pj=2.0)
    assert price.of(10, 6) == 43
    # 16 per burst of 32 bytes are 4 cycles of 2000 ticks.
    assert price.burst_ticks(CLOCKS) == 8000
    assert price.in_ticks(6.0, CLOCKS) == 3000
    assert (price.in_ticks(0.0, CLOCKS), Price(cycle=0.0, dram_byte=1.0).burst_ticks(CLOCKS)) == (0, NEVER)
    many = machine("pe.mults_per_pe=4")
    assert price.of_trees(LAYER, many) == pytest.approx(2 * 432 * tree_pj(LAYER, many))
    assert price.of_mode(LAYER, many, "channel") == price.of_trees(LAYER, many)
    assert price.of_mode(LAYER, many, "pixel") == 0


def test_rows_are_paid_for_by_the_byte_or_each():
    price = Price(cycle=4.0, dram_byte=0.5, pj=2.0, row=30.0, opening=0.125)
    in_banks = replace(CLOCKS, dram=replace(CLOCKS.dram, model="in_order"))
    counted = price.counted(in_banks)
    assert (counted.dram_byte, counted.row, counted.opening) == (0.375, 30.0, 0.0)
    assert counted.counted(in_banks) == counted
    # A plain DRAM has no rows to count: its bytes pay for all.
    plain = price.counted(replace(CLOCKS, dram=replace(CLOCKS.dram, model="plain")))
    assert (plain.dram_byte, plain.row) == (0.5, 0.0)
