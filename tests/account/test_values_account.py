"""Are energy, area and power the figures that one gets on paper?"""

from __future__ import annotations

import math

import numpy as np
import pytest
from paper import conv, machine, problem_of, tiles

from lw3dsim.account.area import area_mm2, leakage_mw
from lw3dsim.account.binding import binding, idle_words
from lw3dsim.account.dram import dram_energy_pj, moved_shares, plain_counts
from lw3dsim.account.energy import COMPONENTS, Sparsity, Stage, layer_energy_pj, onchip_pj
from lw3dsim.account.events import Events, constant_mults, count_events
from lw3dsim.account.outputs import Widths, output_counts
from lw3dsim.account.power import Activity, Profile, counts_of, joined, layer_profile, make_activity
from lw3dsim.account.simulated import Unit, unit_energy_pj
from lw3dsim.account.units import unit_costs
from lw3dsim.base.values import fields_of, names_of, replace
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.describe.workload import Conv3d, Shape, Trg
from lw3dsim.describe.workload_file import parse_workload
from lw3dsim.dram.power import DramCounts, DramEnergy, summed
from lw3dsim.engine.run import simulate_schedule
from lw3dsim.machine.near import far_words, groups_of, patch_words
from lw3dsim.machine.problem import side_by_side
from lw3dsim.network.runs import run_work
from lw3dsim.schedule.build import build_schedule
from lw3dsim.schedule.program import Kinds
from lw3dsim.schedule.work import LayerWork
from lw3dsim.technology.sram import buffers

ARCH = machine()
DENSE = Sparsity()
NO_EVENTS = Events(**dict.fromkeys(Events.__struct_fields__, 0))
# Every kind of event another number, so that none can stand for another.
EVENTS = Events(
    mults=1000, accumulations=900, tree_adds=0, staged_inputs=500, input_tiles=70, weight_kernels=13, output_tiles=50,
    vector_ops=300,
    dram_ifmap_bytes=640, dram_weight_bytes=320, dram_ofmap_bytes=96, ifmap_read_bytes=111, ifmap_write_bytes=222,
    weight_read_bytes=333, weight_write_bytes=444, ofmap_read_bytes=700, ofmap_write_bytes=800, ofmap_dma_bytes=100,
    intermediate_read_bytes=55, intermediate_write_bytes=66, ifmap_read_words=31, ifmap_write_words=62,
    weight_read_words=93, weight_write_words=124, partial_words=160, result_words=43, ofmap_dma_words=27,
    intermediate_read_words=17, intermediate_write_words=19,
)  # fmt: skip
COUNTS = DramCounts(
    reads=30, writes=3, activates=2, precharges=2, refreshes=1, row_hits=31, row_misses=2, active_clocks=640,
    idle_clocks=0,
)  # fmt: skip
CYCLES = {"multiply": 60, "fill": 30, "dram_read": 10}

# Horowitz, 45 nm: pJ of adders of 16 and 32 bits, of an 8 x 8 multiplier.
ADD_16, ADD_32, MULT_8 = 0.05, 0.1, 0.2

# Synthesis at 1.1 V, brought to 0.9 V: of a flip-flop's bit; of 32 bits in a file of two words of latches.
BIT = 0.00565 * (0.9 / 1.1) ** 2
MUX_BIT, CLOCK = 0.0023 * (0.9 / 1.1) ** 2, 1.5 * 0.00858 * (0.9 / 1.1) ** 2
ACCUMULATE = ADD_32 + 32 * 2 * 0.00565 * (0.9 / 1.1) ** 2

# um2 in a floor plan that is three quarters full: of an adder's, a multiplier's, a flip-flop's, a latch file's bit.
ADDER, PRODUCT, FLIP_FLOP, LATCH = 5.608 / 0.75, 7.391 / 0.75, 4.522 / 0.75, 4.868 / 0.75
SELECTOR, MUX = 13.12 / 0.75, 1.862 / 0.75
# A counter's bit beside its flip-flop: it is added to, compared, and selected.
COUNTER = 1.5 * ADDER + MUX
DIRECT = conv(4, 3, (1, 4, 4), (1, 3, 3), ARCH)
WINOGRAD = conv(4, 3, (1, 4, 4), (1, 3, 3), ARCH, "hfa")


def energy(problem=DIRECT, events=EVENTS, leakage=2.5, sparsity=DENSE):
    stage = Stage(problem=problem, events=events, ideal_mults=0)
    return layer_energy_pj([stage], events, COUNTS, CYCLES, ARCH, leakage, [sparsity])


def test_leakage_is_power_times_time_by_the_causes_of_the_cycles():
    # 100 cycles of 2 ns at 2.5 mW are 500 pJ: 60, 30 and 10 hundredths of it.
    assert energy()["leakage"] == pytest.approx({"multiply": 300, "fill": 150, "dram_read": 50})
    assert energy(leakage=0)["leakage"] == {"multiply": 0, "fill": 0, "dram_read": 0}


def word_found(add_16, mux):
    """A word of four elements of an intermediate tensor, turned in two steps, each of them checked by its tag."""
    return 4 * (add_16 / 2 + 8 * mux) + 2 * 32 * mux


def word_placed(add_bit, add_18, mux):
    """Likewise four results: each is counted in 60 bits, and its place of 18 bits has 5.5 additions, 20 selectors."""
    return 4 * (60 * (1.5 * add_bit + mux) + 5.5 * add_18 + 20 * 18 * mux) + 2 * 32 * mux


def test_sram_energy_by_cause_is_words_times_pj_of_an_access():
    # CACTI 7, itrs-lstp, 45 nm, 4 KiB in two banks: the smallest macro of 64 bits, 4 KiB; a port of 4 bytes pays for
    # the word. Read 3.3855 pJ, written 6.4536 pJ an access of 4 bytes.
    read, write = 3.3855, 6.4536
    found = energy()
    assert found["ifmap_sram"] == pytest.approx({"dma": 62 * write, "array": 31 * read})
    assert found["weight_sram"] == pytest.approx({"dma": 124 * write, "array": 93 * read})
    assert found["ofmap_sram"] == pytest.approx({
        "dma": 27 * read,
        "array": 43 * write,
        # Partial sums are read as often as they are written.
        "partial_sums": 160 * (read + write),
        "intermediate_reads": 17 * (read + word_found(ADD_16, MUX_BIT) + 32 * MUX_BIT),
        "intermediate_writes": 19 * (write + word_placed(ADD_16 / 16, 0.05 + 0.05 * 2 / 16, MUX_BIT)),
    })  # fmt: skip


def test_arithmetic_energy_of_a_direct_layer_is_operations_times_pj():
    found = {name: causes.get("compute") for name, causes in energy().items()}
    assert found["multipliers"] == pytest.approx(1000 * MULT_8)
    # An accumulation adds, reads and writes at 32 bits.
    assert found["accumulators"] == pytest.approx(900 * ACCUMULATE)
    # Two operands of 8 bits; three stages leave none for products.
    assert found["operand_registers"] == pytest.approx(1000 * 16 * BIT)
    # 300 results and 150 partial sums (600 bytes) leave: for each there are 22 / 4 sums of 4 bytes to choose from and
    # twice 4 / 4 partial sums, it is counted by 28 bits, begins with either row, is added to a partial sum and rounded,
    # and shifted in 5 steps.
    counted = 28 * (1.5 * ADD_16 / 16 + MUX_BIT)
    each = 30 * 0.02753 * (0.9 / 1.1) ** 2 + counted + 2 * ADD_32 + (5 + 1) * 32 * MUX_BIT
    assert energy()["collector"] == pytest.approx({"compute": 300 * each, "partial_sums": 600 / 4 * each})
    assert found["vector"] == pytest.approx(300 * ADD_32)
    # A direct tile has no transform.
    assert found["input_transform"] == found["weight_transform"] == found["output_transform"] == 0


def test_an_adder_tree_adds_at_the_width_of_the_products():
    tree = Events(**{**fields_of(EVENTS), "tree_adds": 40})
    found = energy(events=tree, sparsity=Sparsity(data=0.5, weight=0.5))
    # Products are 8 + 8 bits wide; trees and their accumulators are not gated, multipliers are: a quarter is left.
    assert found["accumulators"]["compute"] == pytest.approx(900 * ACCUMULATE + 40 * ADD_16)
    assert found["multipliers"]["compute"] == pytest.approx(250 * MULT_8)
    assert found["operand_registers"]["compute"] == pytest.approx(250 * 16 * BIT)


def test_arithmetic_energy_of_a_winograd_layer_is_that_of_wider_operands_and_transforms():
    # F(2x2,3x3): 8 bits of data grow by 2 x 2 to 10, of weights by (integer G: 2 x 2 rows of sum 3) 3 x 3 to 12.
    # In 1D: 4, 3 (g0 + g2 is shared) and 4 additions, on 4 + 4 lines of inputs, 3 + 4 of weights, 4 + 2 of outputs.
    algorithm = WINOGRAD.algorithm
    assert (WINOGRAD.data_bits, WINOGRAD.weight_bits, WINOGRAD.register_bits) == (10, 12, 32)
    assert (algorithm.input_adds, algorithm.weight_adds, algorithm.output_adds) == (8 * 4, 7 * 3, 6 * 4)
    found = {name: causes.get("compute") for name, causes in energy(WINOGRAD).items()}
    add_10, add_12 = (0.03 + (0.05 - 0.03) * (bits - 8) / 8 for bits in (10, 12))
    assert found["input_transform"] == pytest.approx(70 * 32 * add_10)
    assert found["weight_transform"] == pytest.approx(13 * 21 * add_12)
    # A PE has one multiplier: 16 sums of a tile are written, each in a cycle, till all are there.
    # What leaves, 300 results and 150 partial sums, passes 4 stages; the scale is a shift.
    tiles = 50 * (24 * ADD_32 + 16 * 32 * (BIT + CLOCK))
    assert found["output_transform"] == pytest.approx(tiles + (300 + 150) * 4 * 32 * (BIT + CLOCK))
    # A multiplier of a x b bits is linear in a x b between 8 x 8 (0.2 pJ) and 32 x 32 (3.1 pJ).
    assert found["multipliers"] == pytest.approx(1000 * (0.2 + 2.9 * (10 * 12 - 64) / (1024 - 64)))
    assert found["operand_registers"] == pytest.approx(1000 * (10 + 12) * BIT)


def test_a_product_is_held_in_every_stage_behind_the_multiplier():
    # Of six stages three come before it. Registers are clocked while the array works: 36 and three times 4 x 16 bits.
    arch = machine("pe.pipeline_stages=6")
    stage = Stage(problem=DIRECT, events=EVENTS, ideal_mults=0)
    found = layer_energy_pj([stage], EVENTS, COUNTS, CYCLES, arch, 0, [DENSE])
    assert found["operand_registers"]["compute"] == pytest.approx(1000 * (1 + 3) * 16 * BIT)
    assert found["clock"] == pytest.approx({"multiply": 60 * (36 + 3 * 4 * 16) * CLOCK})
    bits = 4 * (3 * 16) + 36
    assert area_mm2(arch, [DIRECT])["operand_registers"] == pytest.approx(bits * FLIP_FLOP * 1e-6)


def test_dram_energy_of_streams_is_split_by_their_bytes():
    parts, system = energy(), make_clocks(ARCH).dram
    whole = dram_energy_pj(system, COUNTS)
    assert list(parts) == list(COMPONENTS)
    # 640 + 320 bytes are read, 96 written.
    assert parts["dram_read"] == pytest.approx({"ifmap": whole["dram_read"] * 2 / 3, "weight": whole["dram_read"] / 3})
    assert parts["dram_write"] == pytest.approx({"ofmap": whole["dram_write"]})
    assert parts["dram_activate"] == pytest.approx(
        {name: whole["dram_activate"] * size / 1056 for name, size in (("ifmap", 640), ("weight", 320), ("ofmap", 96))}
    )
    # The interface takes 1.83 pJ a bit read and 5.68 pJ a bit written: 30 and 3 bursts of 256 bits.
    assert whole["dram_io"] == pytest.approx(256 * (30 * 1.83 + 3 * 5.68))
    assert parts["dram_io"] == pytest.approx(
        {"ifmap": 8 * 640 * 1.83, "weight": 8 * 320 * 1.83, "ofmap": 8 * 96 * 5.68}
    )
    for name in ("dram_refresh", "dram_background"):
        assert parts[name] == pytest.approx({cause: whole[name] * share / 100 for cause, share in CYCLES.items()})
    assert moved_shares(system, "dram_write", NO_EVENTS) == {}


def test_bytes_at_the_buffers_are_those_of_all_four():
    assert EVENTS.sram_read_bytes == 111 + 333 + 700 + 55
    assert EVENTS.sram_write_bytes == 222 + 444 + 800 + 66


def test_onchip_energy_is_what_neither_dram_nor_time_costs():
    stages = [Stage(problem=DIRECT, events=EVENTS, ideal_mults=0)] * 2
    found = layer_energy_pj(stages, EVENTS, COUNTS, CYCLES, ARCH, 2.5, [Sparsity()] * 2)
    # Two stages work twice as much; the buffers count the group's events.
    assert found["multipliers"]["compute"] == pytest.approx(2000 * MULT_8)
    assert found["ifmap_sram"] == energy()["ifmap_sram"]
    rest = [name for name in COMPONENTS if not name.startswith("dram_") and name not in ("leakage", "clock", "control")]
    assert onchip_pj(stages, EVENTS, ARCH, [Sparsity()] * 2) == pytest.approx(
        math.fsum(sum(found[name].values()) for name in rest)
    )


@pytest.mark.parametrize(("frames", "mults"), [(1, 0), (2, 0), (3, 5 * 4 * 6), (4, 0), (6, 5 * 4 * 6), (12, 120)])
def test_a_mean_over_frames_that_are_no_power_of_two_multiplies_once_per_channel_and_pixel(frames, mults):
    trg = problem_of(Trg(name="x", inputs=("i",)), Shape(5, frames, 4, 6), ARCH)
    assert constant_mults(trg) == mults
    assert constant_mults(conv(2, 2, (3, 4, 4), (1, 1, 1), ARCH)) == 0
    # Sums of 3 frames take 8 + 2 bits, of 12 frames 8 + 4.
    bits = {1: 8, 2: 9, 3: 10, 4: 10, 6: 11, 12: 12}[frames]
    assert trg.divider_bits == bits
    divide = 0.2 + 2.9 * (bits * bits - 64) / 960 if bits * bits >= 64 else 0.2
    # Each is rounded, and of what is shifted, by as many bits as a sum has more than 8, 8 are chosen.
    wide = 2 * bits if mults else bits
    adder = 0.03 + 0.02 * (wide - 8) / 8 if wide <= 16 else 0.05 + 0.05 * (wide - 16) / 16
    chosen = sum(min(8 + 2**level - 1, wide) for level in range((wide - 8).bit_length()))
    rounded = 5 * 4 * 6 * (adder + chosen * MUX_BIT)
    assert energy(trg, NO_EVENTS)["vector"]["compute"] == pytest.approx(mults * divide + rounded)


# Area and leakage


def test_rows_that_read_inputs_of_their_own_find_them_in_more_words():
    arch = machine("pe.rows=8")
    depthwise = conv(8, 8, (1, 4, 4), (1, 3, 3), arch, groups=8)
    # 8 x 2 elements fill 4 words of 4: with two more, as a power of two, 8 in place of 4. Of 32 elements a lane takes 8
    # side by side, 7 more in each of 5 steps.
    more = area_mm2(arch, [depthwise])["staging"] - area_mm2(arch, [conv(8, 8, (1, 4, 4), (1, 3, 3), arch)])["staging"]
    assert more == pytest.approx((2 * (4 * 4 + 7 * 5) * SELECTOR - 4 * 32 * MUX) * 1e-6)


def test_area_is_that_of_every_unit():
    arch = machine("buffers.intermediate_share=0")
    found = area_mm2(arch, [DIRECT])
    # 4 multipliers; each has an adder of 32 bits, two banks of two 32-bit accumulators, registers around.
    assert found["multipliers"] == pytest.approx(4 * 64 * PRODUCT * 1e-6)
    assert found["accumulators"] == pytest.approx(4 * (32 * ADDER + 2 * 2 * 32 * LATCH) * 1e-6)
    # PEs of one multiplier have no trees; an operand of each is cut off where it idles.
    assert found["adder_trees"] == pytest.approx(4 * 8 * MUX * 1e-6)
    # An input for each of 2 columns, a weight for each of 2 rows, and whether each of 4 works.
    assert found["operand_registers"] == pytest.approx((2 * 8 + 2 * 8 + 4) * FLIP_FLOP * 1e-6)
    # A word has room for 4 results. Of 4 positions, or 2 where both rows work, a row has one of 2 sums of 4 bytes; of 5
    # outputs from the first of a position on each is one or the other. Of 4 partial sums each is picked twice. 2 bits
    # count the row of an output, 4 its place in a tile and its lane, 10 the file (five counters), 9 its tile along T, H
    # and W, 3 its position. It is the first of a position, or the next.
    picked = ((4 + 2) * 2 + 5 * 2 + 2 * 4) * 4 / 4
    each = picked * SELECTOR + 28 * COUNTER + 3 * 32 * ADDER + (5 + 1) * 32 * MUX
    kept = 4 * 3 * COUNTER
    assert found["collector"] == pytest.approx((4 * each + 2 * kept + 4 * 32 * (FLIP_FLOP + MUX)) * 1e-6)
    # Descriptors, counters, what travels beside the data for two stages; seven products of 16 bits.
    held = (2700 + 860 + 2 * 250) * FLIP_FLOP
    assert found["control"] == pytest.approx((held + 860 * COUNTER + 7 * 256 * PRODUCT) * 1e-6)
    # 2 rows: 18 inputs for each of 2 columns, 64 weights in 17 words for each of 2 rows; twice. Two columns fill a word
    # of 4 elements; with two more, as a power of two, each chooses out of 4, which are chosen out of 9, and knows twice
    # where (two counters and three steps of 16 bits). 2 x 2 x 4 elements of a corner turn.
    files = 2 * (2 * 18 * 8 + 2 * 17 * 32) * 6.354 / 0.75
    chosen = 2 * 4 * 4 * SELECTOR + (9 - 4) * 32 * MUX
    where = 2 * 2 * (32 * COUNTER + 3 * 16 * (2 * ADDER + MUX))
    assert found["staging"] == pytest.approx((files + chosen + where + 2 * 2 * 4 * 8 * FLIP_FLOP) * 1e-6)
    assert found["input_transform"] == found["weight_transform"] == found["output_transform"] == 0
    # Two banks of the smallest macro each.
    for name in ("ifmap", "weight", "ofmap"):
        assert found[f"{name}_sram"] == pytest.approx(2 * 0.013503)
    # uW of 4 multipliers and 7 of 16 bits, of adders of 32 bits (4 accumulators, 2 lanes, 3 of each of 4 results, 9
    # addresses of groups), of 8 (what is the larger, in a lane and behind it), and of the bits of adders of 16
    # (counters, steps of addresses).
    counters = 860 + 4 * 28 + 2 * 12 + 4 * 32 + 96
    logic = 4 * 5.7539 + 7 * 23.01558 + (4 + 2 + 4 * 3 + 9) * 2.7619 + 4 * 0.69048
    logic += (1.5 * counters + 4 * 3 * 2 * 16) * 1.3809 / 16
    # nW of bits and bytes; mW of 6 macros.
    bits = 4 * 2 * 2 * 32 * 86.1 + (36 + 2700 + 860 + 2 * 250 + 4 * 32 + 2 * 2 * 4 * 8) * 79.1
    bits += (counters + 4 * 8 + 4 * 3 * 16 + 4 * 6 * 32) * 35.9
    # The vector unit's: operands that wait, two banks of two lanes, groups; selectors of words and groups, of lanes.
    bits += (64 + 2 * 64 + 288) * 79.1 + (3 * 32 + 6 * 32 + 2 * (3 * 32 + 2 * 8 + 2 * 32)) * 35.9
    bits += 2 * (2 * 18 * 8 + 2 * 17 * 32) * 116.4 + (2 * 4 * 4 + 4 * picked) * 290
    bits += ((9 - 4) * 32 + 4 * 32) * 35.9
    assert leakage_mw(arch, [DIRECT]) == pytest.approx(logic / 1000 + bits / 1e6 + 6 * 0.00014043)


def test_what_fuses_layers_takes_room_only_where_they_can_be_fused():
    without = machine("buffers.intermediate_share=0")
    more, found = area_mm2(ARCH, [DIRECT]), area_mm2(without, [DIRECT])
    # 21 bits, 10 counts of 10 and 23 steps of 18 bits say where results go, in three descriptors and two stages.
    held = 522 + 384 + 11 * 10 + 15 * 18 + (3 + 2) * (21 + 10 * 10 + 23 * 18)
    words = word_found(16 * ADDER, MUX) + word_placed(ADDER, 18 * ADDER, MUX)
    fused = held * FLIP_FLOP + 19 * 32 * ADDER + 30 * 32 * MUX + words
    assert more["control"] - found["control"] == pytest.approx(fused * 1e-6)
    # A word is chosen of both buffers.
    assert more["staging"] - found["staging"] == pytest.approx(32 * MUX * 1e-6)
    assert {name for name in found if more[name] != found[name]} == {"control", "staging"}
    assert leakage_mw(ARCH, [DIRECT]) > leakage_mw(without, [DIRECT])


def test_area_of_transforms_is_adders_per_coordinate_at_their_rate():
    rate = "transforms.input_coords_per_cycle=5"
    arch = machine(rate, "transforms.weight_coords_per_cycle=3", "winograd.weight_transform=onchip")
    found = area_mm2(arch, [DIRECT, WINOGRAD, conv(4, 3, (4, 4, 4), (3, 1, 1), ARCH, "hfa")])
    # Of F(2x2,3x3): 32, 21 and 24 additions for 16 coordinates; of F(2,3) 4, 3 and 4 for 4: fewer.
    add_10, add_12 = 10 * ADDER, 12 * ADDER
    # Each of two columns has a transform of whole tiles.
    assert found["input_transform"] == pytest.approx(32 / 16 * 2 * 16 * add_10 * 1e-6)
    assert found["weight_transform"] == pytest.approx(21 / 16 * 3 * add_12 * 1e-6)
    # Multipliers are as wide as the widest of each operand.
    assert found["multipliers"] == pytest.approx(4 * 120 * PRODUCT * 1e-6)
    assert area_mm2(machine(rate), [WINOGRAD])["weight_transform"] == 0


def test_area_of_output_transforms_is_that_of_every_pe_with_what_algorithms_have_in_common_once():
    temporal = conv(4, 3, (4, 4, 4), (3, 1, 1), ARCH, "hfa")
    found = area_mm2(ARCH, [DIRECT, WINOGRAD, temporal])
    # F(2x2,3x3) along W takes 4 additions of each of 4 lines, along H as many of 2 columns. F(2,3) is the first line of
    # it. What is made of the last line counts twice, so that a bit less of it is taken.
    of_pe = (20 * 32 + 4 * 31) * ADDER
    # 4 places have an output of the one, 2 of the other.
    of_pe += (4 + 2) * 32 * MUX
    # The 16 sums of a tile wait, and the last may pass by; so do 4 outputs of the depth before.
    of_pe += (16 + 4) * 32 * (FLIP_FLOP + MUX)
    # Each of 4 outputs of a word passes no stage, 2 or 4, with a bit of its row.
    assert found["output_transform"] == pytest.approx((4 * of_pe + 4 * 33 * (4 * FLIP_FLOP + 2 * MUX)) * 1e-6)


def test_outputs_are_divided_by_the_odd_part_of_their_scales():
    arch = machine("pe.mults_per_pe=36", "winograd.m1=4", "winograd.m2=4")
    temporal, spatial = (conv(4, 3, (4, 4, 4), kernel, arch, "hfa").algorithm for kernel in ((3, 1, 1), (1, 3, 3)))
    one, both = (output_counts(these, 36, Widths(32, 32, 32)) for these in ((temporal,), (temporal, spatial)))
    # F(4,3) divides by 24, F(4x4,3x3) by 576: by 3, and by 3 once more.
    assert (one.divisions, one.divisors) == (1, 1)
    assert (both.divisions, both.divisors) == (2, 2)
    # Six tiles of F(4,3), of 10 additions each, are one of F(4x4,3x3) along W.
    assert sum(many for _, many in one.additions) == 6 * 10
    assert sum(many for _, many in both.additions) == (6 + 4) * 10


def test_transforms_of_a_faster_rate_have_more_adders():
    arch = machine("transforms.input_coords_per_cycle=50")
    assert area_mm2(arch, [WINOGRAD])["input_transform"] == pytest.approx(32 / 16 * 50 * 10 * ADDER * 1e-6)


def test_rows_that_transform_inputs_of_their_own_have_a_transform_each():
    arch = machine("pe.rows=8")
    one, many = (
        area_mm2(arch, [conv(8, 8, (1, 4, 4), (1, 3, 3), arch, "hfa", groups=groups)])["input_transform"]
        for groups in (1, 8)
    )
    assert many == pytest.approx(8 * one)


def test_operands_and_what_is_said_of_them_wait_as_long_as_transforms_are_deep():
    arch = machine("buffers.intermediate_share=0")
    direct, fast = (area_mm2(arch, [one]) for one in (DIRECT, WINOGRAD))
    # F(2x2,3x3) has two adders behind each other in front of the array, and four behind it. A register in each, and a
    # selector of whether a layer passes them: of an operand of 10 bits for each of 2 columns, of a word of weights of
    # 32 bits with 34 beside, of 99 bits that say what rows work on.
    assert (WINOGRAD.algorithm.stages("BT"), WINOGRAD.algorithm.stages("AT")) == (2, 4)
    waiting = (2 * 10 + 32 + 34 + 99) * (2 * FLIP_FLOP + MUX)
    around = (2 * 10 + 2 * 12 + 4) * FLIP_FLOP
    assert fast["operand_registers"] == pytest.approx((around + waiting) * 1e-6)
    # What the drain says goes beside both.
    beside = 250 * ((2 + 4) * FLIP_FLOP + 2 * MUX)
    assert fast["control"] - direct["control"] == pytest.approx(beside * 1e-6)
    # Layers that can be fused have either, or none, each of a group the deepest of it: 2, 4 or 6 registers.
    direct, fast = (area_mm2(ARCH, [one]) for one in (DIRECT, WINOGRAD))
    kept = (21 + 10 * 10 + 23 * 18) * (6 * FLIP_FLOP + 3 * MUX)
    assert fast["control"] - direct["control"] == pytest.approx((beside + kept) * 1e-6)
    # So do the operands of two lanes, and what is said of these.
    lanes = (2 * 8 + 24) * (6 * FLIP_FLOP + 3 * MUX)
    assert fast["vector"] - direct["vector"] == pytest.approx(lanes * 1e-6)


def test_lanes_of_tiles_choose_words_for_each_group():
    arch = machine("buffers.intermediate_share=0")
    direct, fast = (area_mm2(arch, [one])["staging"] for one in (DIRECT, WINOGRAD))
    # Two columns take 16 elements each in rows of four.
    groups, size, near = groups_of(arch, [WINOGRAD.algorithm], own_inputs=False)
    far = far_words(arch, [WINOGRAD], own_inputs=False)
    words = patch_words(arch)
    assert (words, far <= words) == (9, True)
    assert (groups * size >= 2 * 16, size % 4) == (True, 0)
    chosen = groups * size * near * 4 * SELECTOR + (words - far + groups * (far - near)) * 32 * MUX
    # An element is added to its lane's place, which is chosen as that one is, and goes to its place in the tile; each
    # row of the array takes a weight of 12 bits.
    found = groups * size * (16 * ADDER + 2 * 16 * MUX) + (2 * 16 * 8 + 2 * 12) * MUX
    plain = 2 * 4 * 4 * SELECTOR + (9 - 4) * 32 * MUX
    # A row holds weights of 12 bits for those of 8: 64 in 25 words for 17, twice.
    weights = 2 * 2 * (25 - 17) * 32 * 6.354 / 0.75
    assert fast - direct == pytest.approx((chosen + found - plain + weights) * 1e-6)


def test_without_layers_widths_are_the_declared_ones():
    arch = machine("precision.activation_bits=16", "precision.weight_bits=4", "precision.accumulator_bits=24")
    found = area_mm2(arch, [])
    assert found["multipliers"] == pytest.approx(4 * 64 * PRODUCT * 1e-6)  # 16 x 4 = 8 x 8
    assert found["accumulators"] == pytest.approx(4 * (24 * ADDER + 4 * 24 * LATCH) * 1e-6)
    assert found["operand_registers"] == pytest.approx((2 * 16 + 2 * 4 + 4) * FLIP_FLOP * 1e-6)


def test_the_list_of_unit_costs_has_the_figures_that_the_accounts_multiply_by():
    costs = {(row.component, row.unit, row.per): row.value for row in unit_costs(ARCH)}
    standard = make_clocks(ARCH).dram.standard
    one = {"reads": 1, "writes": 1, "activates": 1, "precharges": 1, "refreshes": 1}
    of_one = dram_energy_pj(make_clocks(ARCH).dram, DramCounts(**one, active_clocks=1, idle_clocks=0))
    idle = dram_energy_pj(make_clocks(ARCH).dram, DramCounts(**one, active_clocks=0, idle_clocks=1))
    assert costs["dram_activate", "pJ", "activate and precharge"] == pytest.approx(of_one["dram_activate"])
    assert costs["dram_read", "pJ", "burst of 32 bytes read"] == pytest.approx(of_one["dram_read"])
    assert costs["dram_write", "pJ", "burst of 32 bytes written"] == pytest.approx(of_one["dram_write"])
    assert costs["dram_refresh", "pJ", "refresh of all banks of a channel"] == pytest.approx(of_one["dram_refresh"])
    # A clock is 0.625 ns: pJ of a clock over ns are mW. IDD3N and IDD2N of the rails.
    assert standard.clock_ps == 625
    assert costs["dram_background", "mW", "time with a bank open, all channels"] == pytest.approx(37.875)
    assert costs["dram_background", "mW", "time with no bank open, all channels"] == pytest.approx(34.125)
    assert idle["dram_background"] == pytest.approx(34.125 * 0.625)
    assert costs["dram_io", "pJ", "bit read"] == 1.83
    assert costs["dram_io", "pJ", "bit written"] == 5.68
    two = {(row.component, row.per): row.value for row in unit_costs(machine("dram.channels=2"))}
    assert two["dram_background", "time with a bank open, all channels"] == pytest.approx(2 * 37.875)
    assert two["dram_background", "time with no bank open, all channels"] == pytest.approx(2 * 34.125)
    assert two["dram_read", "burst of 32 bytes read"] == costs["dram_read", "pJ", "burst of 32 bytes read"]
    assert costs["ofmap_sram", "mm2", "buffer"] == buffers(ARCH)["ofmap"].area_mm2
    assert costs["multipliers (winograd2d F(2,3)xF(2,3))", "pJ", "10x12 bit multiplication"] == pytest.approx(
        0.2 + 2.9 * (120 - 64) / 960
    )
    # F(2,3): data grow by 2 to 9 bits, weights by 3 to 10. Sums of 16 frames take 8 + 4 bits.
    assert costs["input_transform (winograd1d F(2,3))", "pJ", "9 bit addition"] == pytest.approx(0.03 + 0.02 / 8)
    assert costs["weight_transform (winograd1d F(2,3))", "pJ", "10 bit addition"] == pytest.approx(0.03 + 0.04 / 8)
    assert costs["accumulators (adder tree)", "pJ", "16 bit addition"] == ADD_16
    # A product, of which 24 bits are rounded and 8 chosen.
    assert costs["vector (mean of up to 16 frames)", "pJ", "mean of a sum of 12 bit"] == pytest.approx(
        0.2 + 2.9 * (144 - 64) / 960 + 0.075 + (8 + 9 + 11 + 15 + 23) * MUX_BIT
    )
    assert not any(
        "winograd" in name
        for name, *_ in ((r.component,) for r in unit_costs(machine("winograd.m1=1", "winograd.m2=1")))
    )


# DRAM


def test_a_plain_memory_is_taken_to_read_rows_once_and_to_refresh_in_time():
    system = make_clocks(machine("dram.channels=2")).dram
    events = Events(
        **{**fields_of(NO_EVENTS), "dram_ifmap_bytes": 3200, "dram_weight_bytes": 32, "dram_ofmap_bytes": 1600}
    )
    # 101 bursts read and 50 written of 16 columns in rows of 1024: 2416 columns, 3 rows.
    # Two channels for 10 us are 32000 clocks of 0.625 ns together, a refresh every 6246.
    found = plain_counts(system, events, 32_000)
    assert (found.bank_refreshes, found.row_conflicts, found.merged_reads, found.merged_writes) == (0, 0, 0, 0)
    assert found.forwarded_reads == 0
    assert found == DramCounts(
        reads=101, writes=50, activates=3, precharges=3, refreshes=5, row_hits=148, row_misses=3, active_clocks=32000,
        idle_clocks=0,
    )  # fmt: skip


def test_counts_of_channels_add_up_and_devices_spend_all_but_the_interface():
    both = summed([COUNTS, COUNTS])
    assert (both.reads, both.writes, both.active_clocks, both.idle_clocks) == (60, 6, 1280, 0)
    assert DramEnergy(activate=1, read=2, write=4, refresh=8, background=16, io=32).total == 31


# Power


def test_energy_over_time_is_that_of_steps_transfers_and_what_is_constant():
    # Two steps of 100 ps with a gap between; an input transfer in it; an output transfer behind them. Step 1 does
    # three times the work of step 0.
    activity = Activity(
        start=np.array([0, 200]),
        end=np.array([100, 300]),
        kind=np.array([0, 1]),
        counts={name: np.array([1, 3]) for name in ("mults", "ofmap_write_bits", "result_words")},
        grant={"ifmap": np.array([100]), "weight": np.array([], dtype=int), "ofmap": np.array([300, 350])},
        ready={"ifmap": np.array([200]), "weight": np.array([], dtype=int), "ofmap": np.array([350, 400])},
        bursts={"ifmap": np.array([7]), "weight": np.array([], dtype=int), "ofmap": np.array([1, 4])},
    )
    spent = {
        "leakage": {"multiply": 30.0, "fill": 10.0},
        "multipliers": {"compute": 40.0},
        "ofmap_sram": {"array": 8.0, "dma": 5.0, "partial_sums": 0.0},
        "ifmap_sram": {"dma": 2.0},
        "dram_read": {"ifmap": 3.0},
        "dram_write": {"ofmap": 5.0},
    }
    found = layer_profile(activity, spent, 400)
    # 10 of 40 pJ of leakage each 100 ps. Step 0 has 12 of 48 pJ. 5 pJ of DRAM and buffer of the input. 36 of 48 pJ.
    # The output's 10 pJ: a burst and then four in 50 ps each.
    assert found.time.tolist() == [0, 100, 200, 300, 350, 400]
    assert np.diff(found.energy) == pytest.approx([10 + 12, 10 + 5, 10 + 36, 5 + 2, 5 + 8])
    # The most in 100 ps is step 1; in 150 ps it and the half of the transfer before; 1 pJ in 1 ps is 1000 mW.
    assert found.peak_mw(100) == pytest.approx(46 / 100 * 1000)
    assert found.peak_mw(150) == pytest.approx((46 + 7.5) / 150 * 1000)
    assert found.peak_mw(400) == found.peak_mw(1e6) == pytest.approx(103 / 400 * 1000)


@pytest.mark.parametrize("is_late", [False, True])
def test_a_window_may_end_or_begin_where_the_power_changes(is_late):
    # 100 ps at 0, a burst of 10 pJ in 50 ps, 250 ps at 0.1 pJ/ps; and the same backwards in time.
    parts = [(100, 0.0), (50, 10.0), (250, 25.0)]
    lengths, energies = zip(*(parts[::-1] if is_late else parts), strict=True)
    found = Profile(time=np.cumsum([0.0, *lengths]), energy=np.cumsum([0.0, *energies]))
    # 150 ps: the burst and 100 ps of what comes behind (in front of) it.
    assert found.peak_mw(150) == pytest.approx((10 + 10) / 150 * 1000)


def test_a_peak_at_the_very_begin_is_seen_and_none_is_below_the_average():
    first = Profile(time=np.array([0.0, 1, 100]), energy=np.array([0.0, 5, 5]))
    assert first.peak_mw(1) == pytest.approx(5000)
    # 10 pJ at both ends of 30 ps: any window of 20 ps has one of them, half a pJ a ps; over all it is two thirds.
    ends = Profile(time=np.array([0.0, 10, 20, 30]), energy=np.array([0.0, 10, 10, 20]))
    assert ends.peak_mw(20) == pytest.approx(20 / 30 * 1000)
    assert ends.peak_mw(10) == pytest.approx(1000)


def test_profiles_follow_each_other_in_time_and_energy():
    one = Profile(time=np.array([0.0, 10]), energy=np.array([0.0, 3]))
    two = Profile(time=np.array([0.0, 5, 20]), energy=np.array([0.0, 4, 4]))
    both = joined([one, two])
    assert np.interp([0, 5, 10, 15, 30], both.time, both.energy) == pytest.approx([0, 1.5, 3, 7, 7])


def test_the_activity_of_a_layer_is_what_its_engine_and_its_schedule_say():
    clocks = make_clocks(ARCH)
    schedule = build_schedule(DIRECT, tiles(2, 3, 1, 1, 2), ARCH, clocks)
    trace = simulate_schedule(schedule, clocks, "simpy").trace
    activity = make_activity(schedule, trace)
    assert activity.start.tolist() == list(trace.start)
    assert activity.end.tolist() == list(trace.end)
    assert activity.grant["ofmap"].tolist() == list(trace.ofmap.grant)
    assert activity.ready["weight"].tolist() == list(trace.weight.ready)
    assert {name: bursts.sum() for name, bursts in activity.bursts.items()} == {"ifmap": 36, "weight": 10, "ofmap": 4}
    events = count_events(schedule, 32, ARCH.buffers)
    assert activity.counts["mults"][activity.kind].sum() == events.mults
    # Wires are driven at every port that the array has, not only where outputs leave it.
    by_dma = events.ifmap_write_bytes + events.weight_write_bytes + events.ofmap_dma_bytes
    ported = events.sram_read_bytes + events.sram_write_bytes - by_dma
    assert activity.counts["ported_bits"][activity.kind].sum() == 8 * ported


def test_what_leaves_accumulators_of_a_group_is_paid_where_there_are_products():
    # The lanes of the second step pool what the first has made.
    of_step = {"mults": np.array([8, 0]), "vector_ops": np.array([4, 12]), "ofmap_write_bits": np.array([0, 32])}
    kinds = replace(build_schedule(DIRECT, tiles(2, 3, 1, 1, 2), ARCH, make_clocks(ARCH)).kinds, **{
        name: of_step.get(name, np.zeros(2, dtype=np.int64))
        for name in names_of(Kinds)
    })  # fmt: skip
    none = np.array([], dtype=np.int64)
    tensors = dict.fromkeys(("ifmap", "weight", "ofmap"), none)
    activity = Activity(
        start=np.array([0, 100]), end=np.array([100, 200]), kind=np.array([0, 1]), counts=counts_of(kinds),
        grant=tensors, ready=tensors, bursts=tensors,
    )  # fmt: skip
    found = layer_profile(activity, {"collector": {"compute": 5.0}, "vector": {"compute": 16.0}}, 200)
    assert np.diff(found.energy) == pytest.approx([5 + 4, 12])


def test_a_layer_by_itself_pays_nothing_for_layouts():
    run = run_work(LayerWork(DIRECT, tiles(2, 3, 1, 1, 2)), ARCH)
    assert (run.dram_bytes, run.compulsory_bytes) == (1600, 64 + 108 + 12)
    assert Unit(layers=(), run=run).layout_extra_bytes == 0
    assert run.work.compulsory_by_stream == {"ifmap": 64, "weight": 108, "ofmap": 12}
    # 50 bursts of 5 cycles each; plain DRAM counts them, 3 commands of a row.
    assert (run.dram_bound_cycles, run.dram.reads, run.dram.writes, run.steps) == (250, 46, 4, 8)
    assert run.stages[0].ideal_mults == 432


def test_what_binds_is_the_bus_where_it_is_busier_than_the_array_else_the_largest_cause():
    run = run_work(LayerWork(DIRECT, tiles(2, 3, 1, 1, 2)), ARCH)

    def bound(dram_bound, **cycles):
        causes = dict.fromkeys(dict(run.cycles_by_cause), 0) | cycles
        latency = sum(causes.values())
        by_cause = tuple(causes.items())
        return binding(replace(run, cycles_by_cause=by_cause, latency_cycles=latency, dram_bound_cycles=dram_bound))

    # 60 of 100 cycles wait for DRAM, in the other 40 the array works.
    waiting = {"multiply": 25, "fill": 15, "dram_read": 40, "dram_write": 20}
    assert bound(40, **waiting) == "dram"
    assert bound(39, **waiting) == "dram_read"
    assert bound(39, **waiting | {"multiply": 50, "drain": 20}) == "multiply"


def words(problem, mapping, arch):
    return idle_words(run_work(LayerWork(problem, mapping), arch), arch)


def test_what_idles_is_said_in_words():
    def of(*out, n=2, c=2, **more):
        return conv(c, n, out, (1, 1, 1), ARCH, **more)

    assert words(of(1, 1, 1), tiles(2, 2, 1, 1, 1), ARCH) == "1 of 2 columns idle: 1 pixel"
    assert words(of(1, 1, 4, n=1, c=8), tiles(1, 8, 1, 1, 4), ARCH) == "1 of 2 rows idle: 1 output channel"
    # Three channels take two rows twice: the second time one of two, on average half a row.
    assert words(of(1, 1, 4, n=3, c=8), tiles(3, 8, 1, 1, 4), ARCH) == "0.5 of 2 rows idle: 3 output channels"
    assert words(of(1, 1, 4, n=4, c=8), tiles(1, 8, 1, 1, 4), ARCH) == "1 of 2 rows idle: 4 output channels, 1 a step"
    # 3 pixels take two lanes twice.
    assert words(of(1, 1, 3, c=8), tiles(2, 8, 1, 1, 3), ARCH) == (
        "0.5 of 2 columns idle: 1x1x3 pixels, in groups that leave lanes over"
    )
    assert words(of(1, 1, 6, c=8), tiles(2, 8, 1, 1, 3), ARCH) == (
        "0.5 of 2 columns idle: 1x1x3 pixels a step, in groups that leave lanes over"
    )
    # Two pixels would fill two lanes, one a step does not.
    assert words(of(1, 1, 2, c=8), tiles(2, 8, 1, 1, 1), ARCH) == (
        "1 of 2 columns idle: 1x1x1 pixels a step, in groups that leave lanes over"
    )
    # Three groups of a channel on two rows, side by side: the third leaves one idle.
    beside = side_by_side(of(1, 1, 4, n=3, c=24, groups=3), 1)
    assert (
        words(beside, tiles(3, 8, 1, 1, 4), ARCH) == "0.5 of 2 rows idle: 3 groups of 1 output channel, 2 side by side"
    )
    assert words(of(1, 1, 4, n=2, c=16, groups=2), tiles(1, 8, 1, 1, 4), ARCH) == (
        "1 of 2 rows idle: 1 output channel in each of 2 groups"
    )
    assert words(of(1, 1, 4), tiles(2, 2, 1, 1, 4), ARCH) == ""
    # F(2x2,3x3) works 16 of 20 multipliers.
    arch = machine("pe.mults_per_pe=20", *(f"buffers.{name}_port_bytes=1024" for name in ("ifmap", "weight", "ofmap")))
    fast = conv(10, 2, (1, 6, 6), (1, 3, 3), arch, "hfa", bias=False)
    assert words(fast, tiles(2, 10, 1, 4, 4), arch) == (
        "4 of 20 multipliers of a PE idle: F(2,3)xF(2,3) tiles have 16 coordinates"
    )
    one = conv(8, 2, (1, 4, 4), (1, 3, 3), arch, "hfa", bias=False)
    assert words(one, tiles(2, 8, 1, 2, 2), arch) == "1 of 2 columns idle: 1 F(2,3)xF(2,3) tile"
    # Trees of 20 inputs add up 10.
    tree, two = (conv(c, 2, (1, 1, 4), (1, 1, 1), arch, bias=False) for c in (10, 20))
    assert words(tree, tiles(2, 10, 1, 1, 4, parallel="channel"), arch) == (
        "10 of 20 multipliers of a PE idle: 10 input channels"
    )
    assert words(two, tiles(2, 10, 1, 1, 4, parallel="channel"), arch) == (
        "10 of 20 multipliers of a PE idle: 20 input channels, 10 a step"
    )


def test_sparsity_is_that_of_the_tensor_and_the_kernel_that_a_layer_reads():
    network = parse_workload("""
name: x
inputs: {clip: {channels: 4, frames: 1, height: 4, width: 4, density: 0.5}}
layers:
  - {name: x, kind: conv3d, out_channels: 3, kernel: [1, 3, 3], weight_density: 0.25, density: 0.75}
  - {name: y, kind: pool3d, mode: max, kernel: [1, 2, 2]}
""")
    run = run_work(LayerWork(DIRECT, tiles(2, 3, 1, 1, 2)), ARCH)
    unit = Unit(layers=network.layers[:1], run=run)
    # 432 products, of which an eighth has two operands that are not zero.
    assert unit_energy_pj(network, unit, 0.0)["multipliers"]["compute"] == pytest.approx(432 / 8 * MULT_8)
    # What has no kernel is taken to have a dense one; its input is the layer before.
    pooled = Unit(layers=network.layers[1:], run=run)
    assert unit_energy_pj(network, pooled, 0.0)["multipliers"]["compute"] == pytest.approx(432 * 0.75 * MULT_8)


def test_a_unit_is_named_after_its_layers():
    layers = tuple(
        Conv3d(name=name, inputs=("i",), out_channels=1, kernel=(1, 1, 1))
        for name in ("a.b.one", "a.b.two", "a.c", "d")
    )
    run = run_work(LayerWork(DIRECT, tiles(2, 3, 1, 1, 2)), ARCH)
    assert Unit(layers=layers, run=run).name == "a.b.one+two+c+d"
    assert Unit(layers=layers[:1], run=run).name == "a.b.one"
    # The last part of a name stays even where it is the same.
    assert Unit(layers=(layers[2], layers[2]), run=run).name == "a.c+c"
    assert (Unit(layers=layers[:1], run=run).kind, Unit(layers=layers, run=run).kind) == ("conv3d", "fused")
