"""Does a core store what layers of a group make, for others alone too?"""

from __future__ import annotations

import pytest
from core_blocks import drawn_block_group
from cores import MACHINES, differences

from lw3dsim.map.group.orders import leader, users
from lw3dsim.network.pipeline import map_prepared, prepare
from lw3dsim.network.request import Options, make_request
from lw3dsim.rtl.covered import refusal
from lw3dsim.schedule.group_work import GroupWork


@pytest.mark.parametrize("keeps", [False, True])
@pytest.mark.parametrize("name", MACHINES)
def test_a_core_stores_what_none_of_the_layers_reads(core_of, name, keeps):
    arch, core, bench = core_of(name)
    found = drawn_block_group(name, int(keeps), arch, stores=True, wanted=stores_what_none_reads)
    assert (found.mapping.kept != "none") == keeps
    assert not differences(found, core, bench)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", MACHINES)
def test_a_core_runs_branches_that_begin_with_one_tensor(core_of, name, seed):
    arch, core, bench = core_of(name)
    assert not differences(drawn_block_group(name, seed, arch, stores=True, fans=True), core, bench)


@pytest.mark.parametrize("keeps", [False, True])
@pytest.mark.parametrize("name", MACHINES)
def test_a_core_adds_a_tensor_twice(core_of, name, keeps):
    arch, core, bench = core_of(name)
    assert not differences(drawn_block_group(name, int(keeps), arch, wanted=adds_a_tensor_twice), core, bench)


def stores_what_none_reads(group):
    return any(not users(group, tensor) for tensor in group.stored)


def adds_a_tensor_twice(group):
    """Whether several stages add a tensor that none reads."""
    tensors = range(len(group.stages))
    return any(len(users(group, tensor)) > 1 and leader(group, tensor) is None for tensor in tensors)


def test_groups_that_store_what_none_of_their_layers_reads_are_what_a_core_does():
    prepared = prepare(make_request("x3d_s", Options(arch="edge_base", fusion="auto", objective="dram_bytes")))
    units = [unit for unit in map_prepared(prepared) if any("shortcut" in layer.name for layer in unit.layers)]
    groups = [unit for unit in units if isinstance(unit.run.work, GroupWork)]
    assert any(stores_what_none_reads(one.run.work.group) for one in groups)
    assert not any(refusal(unit, prepared.design) for unit in groups)
