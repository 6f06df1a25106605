"""Do banks, widths and macro times cost the cycles that docs/microarchitecture.md says, more of them never more?"""

from __future__ import annotations

import itertools

import msgspec
import numpy as np
import pytest
from fused_groups import SMALL, any_mapping, chains, fusable
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lw3dsim import load_arch
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.describe.workload import Conv3d, Pool3d, Shape
from lw3dsim.engine.run import simulate_schedule
from lw3dsim.machine.microarchitecture import PortRate, make_machine
from lw3dsim.machine.problem import make_problem
from lw3dsim.map.layer.search import search
from lw3dsim.schedule.build import build_schedule
from lw3dsim.schedule.fused import build_group_schedule
from lw3dsim.technology.sram import buffers
from lw3dsim.transform.algorithms import candidates

ARCH = load_arch(
    "edge_base", overrides=["buffers.ifmap_kib=8", "buffers.weight_kib=8", "buffers.ofmap_kib=16", "pe.acc_depth=16"]
)
AMPLE = msgspec.structs.replace(ARCH, dram=msgspec.structs.replace(ARCH.dram, bandwidth_gbps=1000.0, latency_ns=0.0))
LAYERS = {
    "dense": (Conv3d(name="x", inputs=("i",), out_channels=48, kernel=(3, 3, 3), padding=(1, 1, 1)), "direct"),
    "depthwise": (Conv3d(name="x", inputs=("i",), out_channels=24, kernel=(1, 3, 3), groups=24), "hfa"),
    "pool": (Pool3d(name="x", inputs=("i",), mode="max", kernel=(1, 2, 2)), "direct"),
}
SHAPE = Shape(24, 4, 20, 20)


def with_buffers(arch, **fields):
    return msgspec.structs.replace(arch, buffers=msgspec.structs.replace(arch.buffers, **fields))


def problem_on(arch, kind):
    layer, policy = LAYERS[kind]
    algorithm = candidates(layer, policy, arch.winograd.m1, arch.winograd.m2)[0]
    return make_problem(layer, (SHAPE,), layer.output_shape((SHAPE,)), algorithm, arch)


def schedule_on(arch, kind, mapping=None):
    clocks, problem = make_clocks(arch), problem_on(arch, kind)
    mapping = mapping or search(problem, arch, clocks)[0].mapping
    return mapping, build_schedule(problem, mapping, arch, clocks)


def latency(arch, kind, keep=4):
    clocks, problem = make_clocks(arch), problem_on(arch, kind)
    schedules = [build_schedule(problem, m.mapping, arch, clocks) for m in search(problem, arch, clocks, keep=keep)]
    return min(simulate_schedule(schedule, clocks).latency_cycles for schedule in schedules)


def test_a_rational_port_rounds_up_once():
    third = PortRate(bits=512, per_cycles=3, word_bits=512)
    assert third.cycles(np.array([0, 1, 170, 171, 512, 513])).tolist() == [0, 1, 1, 2, 3, 4]


def words_of(schedule):
    return {name: getattr(schedule, name).words.tolist() for name in ("ifmap", "weight", "ofmap")}


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("name", ["ifmap", "weight", "ofmap"])
def test_every_tile_passes_the_port_of_a_single_bank(kind, name):
    mapping, free = schedule_on(ARCH, kind)
    _, shared = schedule_on(with_buffers(ARCH, **{f"{name}_banks": 1}), kind, mapping)
    bits, slots = getattr(free, name).bits, getattr(mapping, f"{name}_slots")
    passing = {name: [-(-tile // 512) if slots > 1 else 0 for tile in bits.tolist()]}
    assert not any(map(any, words_of(free).values()))
    assert words_of(shared) == words_of(free) | passing
    assert exact(shared) == exact(free)
    assert any(passing[name]) or slots == 1 or kind == "pool"


def test_without_a_second_slot_dma_and_array_never_meet():
    arch = with_buffers(ARCH, slots=1)
    _, shared = schedule_on(with_buffers(arch, ifmap_banks=1, weight_banks=1, ofmap_banks=1), "dense")
    assert not any(map(any, words_of(shared).values()))


@pytest.mark.parametrize("kind", LAYERS)
def test_pauses_are_all_that_one_bank_costs_where_dram_is_ample(kind):
    # Every port cycle of a tile that passes while the array computes is one that it computes later.
    found = [one.mapping for one in search(problem_on(AMPLE, kind), AMPLE, make_clocks(AMPLE), keep=16)]
    # What has a single slot is moved while nothing computes.
    mapping = max(found, key=lambda one: one.ifmap_slots + one.weight_slots + one.ofmap_slots)
    _, free = schedule_on(AMPLE, kind, mapping)
    arch = with_buffers(AMPLE, ifmap_banks=1, weight_banks=1, ofmap_banks=1)
    _, shared = schedule_on(arch, kind, mapping)
    timings = [simulate_schedule(schedule, make_clocks(arch)) for schedule in (free, shared)]
    paused = timings[1].cycles_by_cause["sram_port"] - timings[0].cycles_by_cause["sram_port"]
    words = sum(map(sum, words_of(shared).values()))
    assert 0 < paused <= words
    later = timings[1].latency_cycles - timings[0].latency_cycles
    assert paused <= later <= words + len(shared.kind)


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(chains(), st.sampled_from(["ifmap", "weight", "ofmap"]), st.sampled_from([1, 2]), st.data())
def test_tiles_of_a_group_pass_where_its_stages_share_a_bank(chain, name, slots, data):
    arch = with_buffers(SMALL, slots=slots)
    group = fusable(chain, arch)
    mapping, free, *_ = any_mapping(group, data, arch)
    shared = build_group_schedule(group, mapping, with_buffers(arch, **{f"{name}_banks": 1}), make_clocks(arch))
    meets = name != "ifmap" or slots > 1 or "dram" in group.operands
    port_bits = 8 * getattr(arch.buffers, f"{name}_port_bytes")
    bits = getattr(free, name).bits.tolist()
    assert words_of(shared) == words_of(free) | {name: [-(-tile // port_bits) if meets else 0 for tile in bits]}
    assert exact(shared) == exact(free)


def exact(schedule):
    return [schedule.total(name) for name in ("head", "body", "drain", "drain_stall")]


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("clock_mhz", [500, 3000])
def test_more_banks_never_cost_a_mapping_a_cycle(kind, clock_mhz):
    arch = msgspec.structs.replace(ARCH, clock_mhz=clock_mhz)
    mapping, _ = schedule_on(arch, kind)
    for name in ("ifmap", "weight", "ofmap"):
        totals = [
            exact(schedule_on(with_buffers(arch, **{f"{name}_banks": b}), kind, mapping)[1]) for b in (1, 2, 4, 8)
        ]
        for fewer, more in itertools.pairwise(totals):
            assert sum(more[:2]) <= sum(fewer[:2])
            assert more[2] <= fewer[2]


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("clock_mhz", [500, 3000])
def test_more_banks_never_cost_time(kind, clock_mhz):
    # Ample DRAM: where it binds, a later store can let a load go first and help by chance (Graham's anomaly).
    arch = msgspec.structs.replace(AMPLE, clock_mhz=clock_mhz)
    for name in ("ifmap", "weight", "ofmap"):
        times = [latency(with_buffers(arch, **{f"{name}_banks": banks}), kind) for banks in (1, 2, 4, 8)]
        assert all(later <= earlier * 1.001 for earlier, later in itertools.pairwise(times))


@pytest.mark.parametrize("field", ["ifmap_kib", "weight_kib", "ofmap_kib", "ifmap_port_bytes", "weight_port_bytes"])
def test_larger_and_wider_never_cost_time_where_macros_are_slower_than_the_clock(field):
    arch = msgspec.structs.replace(ARCH, clock_mhz=3000)
    assert buffers(arch)["ifmap"].cycles_per_access == 3
    sizes = [with_buffers(arch, **{field: getattr(ARCH.buffers, field) * scale}) for scale in (1, 2, 4, 8)]
    # Of few candidates the best by simulation may be left out.
    times = [latency(bigger, "dense", keep=16) for bigger in sizes]
    assert all(later <= earlier * 1.001 for earlier, later in itertools.pairwise(times))


def test_slow_macros_slow_the_port_unless_enough_banks_rotate():
    problem = problem_on(ARCH, "dense")

    def port(clock_mhz, **fields):
        arch = with_buffers(msgspec.structs.replace(ARCH, clock_mhz=clock_mhz), **fields)
        return make_machine(problem, arch, "pixel").ifmap_port

    assert port(500) == PortRate(bits=512, per_cycles=1, word_bits=512)
    assert port(3000) == PortRate(
        bits=512, per_cycles=3, word_bits=512
    )  # 0.78 ns on a period of 0.33 ns; one bank in a slot
    assert port(3000, ifmap_banks=4) == PortRate(bits=1024, per_cycles=3, word_bits=512)
    assert port(3000, ifmap_banks=6) == PortRate(bits=512, per_cycles=1, word_bits=512)
    assert port(3000, ifmap_port_bytes=128) == PortRate(bits=1024, per_cycles=3, word_bits=1024)


def test_a_faster_cell_avoids_the_cost():
    slow = msgspec.structs.replace(AMPLE, clock_mhz=3000)
    fast = msgspec.structs.replace(slow, tech=msgspec.structs.replace(slow.tech, sram_cell="itrs-hp"))
    assert buffers(fast)["ifmap"].cycles_per_access == 1
    assert latency(fast, "depthwise") < latency(slow, "depthwise")


def test_access_latency_lengthens_the_fill():
    problem = problem_on(ARCH, "dense")
    at = {mhz: msgspec.structs.replace(ARCH, clock_mhz=mhz) for mhz in (500, 3000)}
    fill = {mhz: make_machine(problem, arch, "pixel").fill_cycles for mhz, arch in at.items()}
    assert buffers(at[500])["ifmap"].access_cycles == 1
    assert fill[3000] - fill[500] == buffers(at[3000])["ifmap"].access_cycles - 1 > 0
