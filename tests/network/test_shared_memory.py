"""Does a network run on one shared memory as on buffers: engines equal, execution exact, mappings read back?"""

from __future__ import annotations

import json
import re

import pytest
from test_bad_input import refuse

from lw3dsim import execute, load_arch, simulate
from lw3dsim.account.area import area_mm2
from lw3dsim.errors import InputError
from lw3dsim.map.mapping_file import parse_mapping
from lw3dsim.network.pipeline import make_chain, map_network, resolve_network
from lw3dsim.schedule.program import AHEAD
from lw3dsim.technology.shared import network_multiplexers
from lw3dsim.technology.sram import buffers, sram
from lw3dsim.technology.structures import structure, wire_pj_per_bit_mm
from lw3dsim.testing.accounts import check_accounts

C3D = {"workload": "c3d", "input_size": "16x32x32", "transform": "fsb_c3d", "algorithm": "hfa"}
FUSED = C3D | {"fusion": "auto", "objective": "dram_bytes"}
COMMAND = ("c3d", "--arch", "edge_shared", "--input", "16x32x32", "--transform", "fsb_c3d", "--algorithm", "hfa")
AUTO = ["buffers.intermediate_share=auto"]


@pytest.mark.parametrize("clips", [None, 2])
def test_engines_agree_and_accounts_close(clips):
    fast = simulate(**FUSED, arch="edge_shared", clips=clips)
    slow = simulate(**FUSED, arch="edge_shared", clips=clips, engine="simpy")
    assert fast.data["layers"] == slow.data["layers"]
    assert fast.totals == slow.totals
    check_accounts(fast)


def test_what_is_on_chip_is_enough_to_compute_exactly():
    for arch, overrides in (("edge_shared", []), ("edge_base", AUTO)):
        assert execute(**FUSED, arch=arch, overrides=overrides).exact


@pytest.mark.parametrize(("arch", "overrides"), [("edge_shared", []), ("edge_base", AUTO)])
def test_mappings_say_how_memory_is_divided_and_repeat_the_run(arch, overrides, cli, tmp_path):
    path = str(tmp_path / "mapping.yaml")
    changes = (part for text in overrides for part in ("--set", text))
    options = ("c3d", "--arch", arch, *COMMAND[3:], "--objective", "dram_bytes", *changes)
    assert cli("map", *options, "--fusion", "auto", "--save", path).exit_code == 0
    entries = parse_mapping((tmp_path / "mapping.yaml").read_text()).entries
    if arch == "edge_shared":
        assert all(one.banks.ifmap + one.banks.weight + one.banks.ofmap == 16 for one in entries)
    assert all(0 < one.intermediate_share < 1 for one in entries if len(one.layers) > 1)
    mapped = json.loads(cli("simulate", *options, "--fusion", "auto", "--format", "json").stdout)
    again = json.loads(cli("simulate", *options, "--mapping", path, "--format", "json").stdout)
    assert mapped["totals"] == again["totals"]
    assert mapped["layers"] == again["layers"]


def test_a_layer_may_have_fewer_banks_as_long_as_its_tiles_fit():
    network, design = resolve_network("c3d", "fsb_c3d", "16x32x32", None), load_arch("edge_shared")
    unit = map_network(network, design)[0]
    (first, *_) = unit.run.work.fill(unit.run.arch)
    assert first.buffer == "ifmap"
    assert first.capacity_bits == 8192 * unit.run.arch.buffers.ifmap_kib >= first.bits


LAYER = """\
units:
  - layer: conv5b.temporal
    tile: {{n: 512, c: 64, t: 2, h: 2, w: 2}}
    slots: {{ifmap: 2, weight: 2, ofmap: 1}}
    {more}
"""


@pytest.mark.parametrize(
    ("arch", "more", "says"),
    [
        ("edge_shared", "banks: {ifmap: 1, weight: 12, ofmap: 2}", "give each at least 2, and 16 in all at most"),
        ("edge_shared", "banks: {ifmap: 2, weight: 13, ofmap: 2}", "17 banks, of edge_shared"),
        (
            "edge_shared",
            "banks: {ifmap: 12, weight: 2, ofmap: 2}",
            "lower tile sizes, chunks or slots, or give it more",
        ),
        ("edge_base", "banks: {ifmap: 2, weight: 12, ofmap: 2}", "edge_base shares no memory (buffers.shared_kib)"),
        ("edge_shared", "order: tiles_outer", None),
        ("edge_shared", "banks: {ifmap: 2, weight: 12, ofmap: 2}", None),
    ],
)
def test_banks_in_a_mapping_file_are_checked(arch, more, says, tmp_path):
    path = tmp_path / "mapping.yaml"
    path.write_text(LAYER.format(more=more))

    def run():
        return simulate("c3d", arch, input_size="16x32x32", transform="fsb_c3d", mapping=path)

    if says is None:
        assert run().totals.latency_cycles > 0
        return
    with pytest.raises(InputError, match=re.escape(says)):
        run()


@pytest.mark.parametrize(
    ("arch", "overrides", "says"),
    [
        (
            "edge_shared",
            ["buffers.ifmap_kib=64"],
            "belongs to buffers that are not shared; drop ifmap_kib, weight_kib, ofmap_kib, or make them 0",
        ),
        ("edge_shared", ["buffers.ofmap_port_bytes=32"], "drop it, give shared_port_bytes"),
        ("edge_shared", ["buffers.weight_banks=4"], "drop it, give shared_banks"),
        ("edge_shared", ["buffers.intermediate_share=0.5"], "drop it, or give auto or 0"),
        ("edge_shared", ["buffers.shared_kib=500"], "is no multiple of shared_banks (16); banks have whole KiB"),
        ("edge_shared", ["buffers.shared_banks=7"], "buffers.shared_kib = 512 is no multiple of shared_banks (7)"),
        ("edge_shared", ["buffers.shared_banks=5"], "expected a whole number from 6 to"),
        (
            "edge_shared",
            ["buffers.shared_kib=null"],
            "the key 'ifmap_kib' is missing; add it, or shared_kib for all three",
        ),
        ("edge_base", ["buffers.ifmap_kib=0"], "expected a whole number of at least 1"),
        ("edge_base", ["buffers.shared_banks=12"], "belongs to a shared memory; drop it, or give shared_kib alone"),
        ("edge_base", ["buffers.shared_port_bytes=32"], "belongs to a shared memory"),
        ("edge_base", ["buffers.shared_kib=512"], "belongs to buffers that are not shared"),
    ],
)
def test_what_contradicts_a_shared_memory_is_refused(arch, overrides, says):
    with pytest.raises(InputError, match=re.escape(says)) as refused:
        load_arch(arch, overrides=overrides)
    # What was set last contradicts what was there.
    assert str(refused.value).startswith(f"--set {overrides[-1]}") or overrides == ["buffers.shared_kib=null"]


@pytest.mark.parametrize(
    ("overrides", "begins", "names"),
    [
        (
            ["buffers.shared_kib=64"],
            "--set buffers.shared_kib=64: ",
            r"edge_base\.yaml:\d+ buffers\.ifmap_kib = 128 belongs",
        ),
        (
            ["buffers.ifmap_kib=8", "buffers.shared_kib=64"],
            "--set buffers.shared_kib=64: ",
            "--set buffers.ifmap_kib=8 belongs",
        ),
        (["buffers.shared_kib=64", "buffers.ifmap_kib=8"], "--set buffers.ifmap_kib=8: belongs", ""),
        (
            ["dram.model=plain", "dram.bandwidth_gbps=8", "dram.model=in_order"],
            "--set dram.model=in_order: ",
            "--set dram.bandwidth_gbps=8 belongs to the plain model",
        ),
        (
            ["dram.preset=lpddr4-4266-x32", "dram.refresh=per-bank", "dram.preset=ddr4-2400-x64"],
            "--set dram.preset=ddr4-2400-x64: ",
            "--set dram.refresh=per-bank can't be per-bank",
        ),
    ],
)
def test_of_two_keys_that_exclude_each_other_the_one_that_was_set_last_is_blamed(overrides, begins, names):
    with pytest.raises(InputError) as refused:
        load_arch("edge_base", overrides=overrides)
    assert str(refused.value).startswith(begins)
    assert re.search(names, str(refused.value))


LONG = """
name: long
inputs: {clip: {channels: 1, frames: 1024, height: 1, width: 1}}
layers:
  - {name: trg, kind: trg}
"""


def test_a_memory_too_small_for_any_tiles_says_how_many_banks_they_need(cli, tmp_path):
    (tmp_path / "long.yaml").write_text(LONG)
    small = ("buffers.shared_kib=6", "buffers.shared_banks=6", "precision.activation_bits=64")
    options = (part for text in small for part in ("--set", text))
    result = cli("simulate", str(tmp_path / "long.yaml"), "--arch", "edge_shared", *options)
    refuse(result, "buffers.shared_kib=6: layer trg of long: 6 banks hold no tiles (they need at least|raise it")


def test_a_core_of_banks_that_do_not_hold_two_halves_is_refused(cli, tmp_path):
    wide = ("--set", "buffers.shared_kib=16", "--set", "buffers.shared_port_bytes=32768")
    says = (
        "edge_shared: buffers.shared_port_bytes = 32768: a bank of 1 KiB does not hold an even number of words|halve it"
    )
    refuse(cli("rtl", "export", "--arch", "edge_shared", *wide, "--out", str(tmp_path / "core")), says)
    refuse(cli("rtl", "check", *COMMAND, *wide), says)


def test_a_memory_whose_groups_have_no_share_fuses_nothing():
    alone = simulate(**C3D, arch="edge_shared")
    fused = simulate(**C3D, arch="edge_shared", fusion="auto", overrides=["buffers.intermediate_share=0"])
    assert [row["name"] for row in fused.data["layers"]] == [row["name"] for row in alone.data["layers"]]


def test_what_is_next_in_a_stream_waits_for_banks_that_are_drained():
    network, design = resolve_network("c3d", "fsb_c3d", "16x32x32", None), load_arch("edge_shared")
    units = map_network(network, design)
    chain = make_chain(units, design, 1, network)
    steps = stores = 0
    for unit in units:
        program = unit.run.work.program(unit.run.design(design), chain_clocks(design))
        for loads in (chain.ifmap, chain.weight):
            own = (loads.first >= steps) & (loads.first < steps + program.steps) & (loads.first != AHEAD)
            assert (loads.gate[own] == stores - 1).all()
        steps, stores = steps + program.steps, stores + len(program.ofmap.closes)


def chain_clocks(design):
    from lw3dsim.describe.clocks import make_clocks

    return make_clocks(design)


def test_a_shared_memory_costs_its_banks_and_the_network_between_them_and_the_ports():
    design = load_arch("edge_shared")
    banks = sram(512, 64, 16, design.tech, design.cycle_ps)
    # By bit: 16 banks choose an address of 9 bits of four, and a word of two; four words are chosen of 16.
    assert network_multiplexers(design.buffers) == 16 * (3 * 9 + 512) + 4 * 15 * 512
    network = network_multiplexers(design.buffers) * structure(design.tech, "multiplexer", "area_um2") / 1e6
    costs = buffers(design)
    assert sum(one.area_mm2 for one in costs.values()) == pytest.approx(banks.area_mm2 + network)
    way = 8 * banks.area_mm2**0.5 / 2 * wire_pj_per_bit_mm(design.tech)
    node = 8 * structure(design.tech, "multiplexer", "energy_pj")
    assert costs["weight"].read_pj_per_byte == pytest.approx(banks.read_pj_per_byte + way + 4 * node)
    assert costs["weight"].write_pj_per_byte == pytest.approx(banks.write_pj_per_byte + way + node)
    of_chip = area_mm2(design, ())
    assert of_chip.ifmap_sram == of_chip.weight_sram == of_chip.ofmap_sram == costs["ifmap"].area_mm2


def test_the_same_kib_move_fewer_bytes_when_they_are_shared():
    fixed, shared = (simulate(**FUSED | {"input_size": "16x56x56"}, arch=arch) for arch in ("edge_base", "edge_shared"))
    assert shared.totals.dram_bytes < fixed.totals.dram_bytes
