"""Is the vector unit charged with what its Verilog has: lanes with what layers use, words, means?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paper import machine, problem_of

from lw3dsim.account.area import area_mm2, leakage_mw
from lw3dsim.account.energy import Sparsity, Stage, clocked_pj, layer_energy_pj
from lw3dsim.account.events import Events
from lw3dsim.base.values import replace
from lw3dsim.describe.workload import Add, Mul, Pool3d, Shape, Trg
from lw3dsim.dram.power import DramCounts

ARCH = machine()
X = Shape(5, 12, 4, 6)

# um2 in a floor plan that is three quarters full, of an adder's, a product's, a flip-flop's, a selector's bit.
ADDER, PRODUCT, FLIP_FLOP, MUX = (um2 / 0.75 for um2 in (5.608, 7.391, 4.522, 1.862))
COUNTER = 1.5 * ADDER + MUX
# pJ, at 0.9 V: of a flip-flop's and a selector's bit, of its clock; of adders of 8 and 32 bits.
V2 = (0.9 / 1.1) ** 2
BIT, MUX_BIT, CLOCK = 0.00565 * V2, 0.0023 * V2, 1.5 * 0.00858 * V2
ADD_8, ADD_32 = 0.03, 0.1

ADDED = Add(name="x", inputs=("i", "j"))
LARGEST, MEAN = (Pool3d(name="x", inputs=("i",), mode=mode, kernel=(1, 3, 3)) for mode in ("max", "avg"))
HALVED = Pool3d(name="x", inputs=("i",), mode="avg", kernel=(1, 2, 2))
MOVED, FACTOR = Trg(name="x", inputs=("i",)), Mul(name="x", inputs=("i", "j"))


def um2(*layers, shape=X, arch=ARCH):
    """The area of the vector unit of a chip for some layers."""
    return area_mm2(arch, [problem_of(layer, shape, arch) for layer in layers])["vector"] * 1e6


def vector_pj(layer, shape=X, **counts):
    """The energy of the vector unit in a layer."""
    events = Events(**(dict.fromkeys(Events.__struct_fields__, 0) | counts))
    nothing = DramCounts(**dict.fromkeys(DramCounts.__struct_fields__, 0))
    stage = Stage(problem=problem_of(layer, shape, ARCH), events=events, ideal_mults=0)
    return sum(layer_energy_pj([stage], events, nothing, {"vector": 1}, ARCH, 0, [Sparsity()])["vector"].values())


def test_its_area_is_that_of_lanes_words_and_groups():
    # Lanes of 32 bits, of elements of 8: an adder, a comparison, two banks; three selectors of sums, two of elements.
    lane = 40 * ADDER + 64 * FLIP_FLOP + (3 * 32 + 2 * 8) * MUX
    # A result is the larger of two, both, or a mean of them.
    left = 8 * ADDER + 2 * 32 * MUX
    # Operands wait for a cycle, as no stage is behind the multipliers; what is said of them a cycle longer.
    waiting = (2 * 8 + 24 + 24) * FLIP_FLOP
    # A word begins with either lane; what it takes was picked by the collector, or made here.
    packed = (1 + 2) * 32 * MUX
    groups = 288 * FLIP_FLOP + 9 * 32 * ADDER + 6 * 32 * MUX + 96 * COUNTER
    assert um2(ADDED) == pytest.approx(2 * (lane + left) + waiting + packed + groups)
    assert um2(LARGEST) == um2(ADDED) == um2()


def test_lanes_have_what_any_layer_uses():
    plain = um2(ADDED)
    # A product of two elements.
    assert um2(ADDED, FACTOR) - plain == pytest.approx(2 * 64 * PRODUCT)
    # A sum of 9 elements has 12 bits; its mean is a product of 24 bits, rounded, of which 8 are chosen: in 5 steps.
    mean = 144 * PRODUCT + 24 * ADDER + (8 + 9 + 11 + 15 + 23) * MUX
    assert um2(ADDED, MEAN) - plain == pytest.approx(2 * mean)
    # Of 4 elements 10 bits, which are shifted: by up to 2.
    assert um2(ADDED, HALVED) - plain == pytest.approx(2 * (10 * ADDER + (8 + 9) * MUX))
    # A sum of 12 frames has 12 bits, a difference 9.
    trg = 12 * FLIP_FLOP + 21 * ADDER + 2 * 12 * MUX
    assert um2(ADDED, MOVED) - plain == pytest.approx(2 * (mean + trg))
    assert um2(ADDED, MOVED, MEAN) == pytest.approx(um2(ADDED, MOVED))


@given(st.integers(1, 64), st.sampled_from([4, 8, 32]), st.sampled_from([ADDED, LARGEST, MEAN, MOVED, FACTOR]))
def test_more_lanes_are_larger_and_leak_more(lanes, port, layer):
    one, more = (machine(f"vector_lanes={many}", f"buffers.ofmap_port_bytes={port}") for many in (lanes, lanes + 1))
    assert um2(layer, arch=one) < um2(layer, arch=more)
    problems = [problem_of(layer, X, ARCH)]
    assert leakage_mw(one, problems) < leakage_mw(more, problems)


def test_an_operand_waits_is_chosen_and_kept_and_a_result_is_packed_and_finished():
    # 40 operations on 40 operands make 20 sums of two.
    operand = ADD_32 + (8 + 32) * BIT + (3 * 32 + 2 * 8) * MUX_BIT
    # Packed; the larger of two, both or a mean; three additions and a shifter.
    result = 3 * 32 / 2 * MUX_BIT + ADD_8 + 2 * 32 * MUX_BIT + 3 * ADD_32 + 5 * 32 * MUX_BIT
    assert vector_pj(ADDED, vector_ops=40) == pytest.approx(40 * operand + 20 * result)
    # Partial sums leave as often as they come back.
    split = vector_pj(ADDED, vector_ops=40, ofmap_read_bytes=28, ofmap_dma_bytes=20) - vector_pj(ADDED, vector_ops=40)
    assert split == pytest.approx(2 * result)


def test_means_are_rounded():
    # Beyond what the largest of as many takes: of 4 elements, by a shift; of 9, with a product for the last addition.
    shifted = vector_pj(HALVED, vector_ops=4) - vector_pj(replace(HALVED, mode="max"), vector_ops=4)
    assert shifted == pytest.approx(ADD_8 + 2 / 8 * 0.02 + (8 + 9) * MUX_BIT)
    multiplied = vector_pj(MEAN, vector_ops=9) - vector_pj(LARGEST, vector_ops=9)
    product, rounded = 0.2 + 2.9 * (144 - 64) / 960, 0.05 + 8 / 16 * 0.05 + (8 + 9 + 11 + 15 + 23) * MUX_BIT
    assert multiplied == pytest.approx(product - ADD_32 + rounded)


def test_its_clock_is_that_of_operands_that_wait_and_of_one_bank():
    added, moved = (clocked_pj([problem_of(layer, X, ARCH)], ARCH)[1] for layer in (ADDED, MOVED))
    assert added == pytest.approx((2 * 8 + 24 + 24 + 2 * 32) * CLOCK)
    assert moved - added == pytest.approx(2 * 12 * CLOCK)
