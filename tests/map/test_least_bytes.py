"""Do the searches find the fewest bytes of their spaces: those that trying every mapping in plain Python finds?"""

from __future__ import annotations

import itertools
import math

import pytest
from plain_space import Chip, Stage, blocks_of, fewest_of_chain, fewest_of_layer

from lw3dsim.base.caches import forget
from lw3dsim.base.values import replace
from lw3dsim.describe.accelerator_file import load_arch
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.describe.workload import Add, Conv3d, Pool3d, Shape, build_workload
from lw3dsim.errors import MappingError
from lw3dsim.machine.problem import problem_of
from lw3dsim.map.group import tables as space
from lw3dsim.map.group.axes import STAYS
from lw3dsim.map.layer.price import BYTES_ONLY
from lw3dsim.network.chains import group_of
from lw3dsim.network.fusion import find_group
from lw3dsim.network.layers import fewest_bytes_of
from lw3dsim.network.runs import seen_by
from lw3dsim.transform.algorithms import candidates

# A layer: its kernel, stride and padding, and its output channels; None for as many as it reads, channel by channel.
KINDS = {
    "wide": ((1, 3, 3), (1, 1, 1), (0, 1, 1), 12),
    "point": ((1, 1, 1), (1, 1, 1), (0, 0, 0), 10),
    "depthwise": ((1, 3, 3), (1, 1, 1), (0, 1, 1), None),
    "pool": ((1, 2, 2), (1, 2, 2), (0, 0, 0), None),
    "many": ((1, 3, 3), (1, 1, 1), (0, 1, 1), 48),
    "sum": ((1, 1, 1), (1, 1, 1), (0, 0, 0), None),
}
FEW = ("wide", "depthwise", "pool")
CLIP = Shape(9, 1, 4, 5)
TINY = load_arch(
    "edge_small",
    overrides=("buffers.ifmap_kib=1", "buffers.weight_kib=2", "buffers.ofmap_kib=1", "pe.rows=4"),
)

# A chain has places of their own for tensors that it stores besides.
ROOMY = load_arch(
    "edge_small",
    overrides=("buffers.ifmap_kib=1", "buffers.weight_kib=2", "buffers.ofmap_kib=2", "pe.rows=4"),
)


def chain_of(kinds, clip=CLIP, reads=None):
    """Return layers of these kinds behind each other, as the simulator has them and as the plain space does.

    Where it is said what each ``reads``, 0 for the clip, i + 1 for what layer i makes, it is that.
    """
    layers, stages, made_by, given = [], [], [clip], {"x": clip}
    for i, kind in enumerate(kinds):
        kernel, stride, padding, n = KINDS[kind]
        source = reads[i] if reads else i
        now = made_by[source]
        common = {"name": f"l{i}", "inputs": (f"l{source - 1}" if source else "x",), "kernel": kernel, "stride": stride}
        if kind == "sum":
            given[f"side{i}"] = now
            layer = Add(name=f"l{i}", inputs=(f"l{i - 1}", f"side{i}"))
        elif kind == "pool":
            layer = Pool3d(mode="max", padding=padding, **common)
        else:
            groups = 1 if n else now.channels
            layer = Conv3d(out_channels=n or now.channels, groups=groups, padding=padding, bias=False, **common)
        made = layer.output_shape((now,) * len(layer.inputs))
        stages.append(
            Stage(
                is_dense=n is not None,
                c=now.channels,
                n=made.channels,
                kernel=kernel,
                stride=stride,
                padding=padding,
                inp=now.extent,
                weight_bits=0 if kind in ("pool", "sum") else 8,
                adds=now.channels if kind == "sum" else 0,
            )
        )
        layers.append(layer)
        made_by.append(made)
    return build_workload(name="chain", inputs=given, layers=layers), stages


def chip_of(arch):
    buffers = arch.buffers
    bits = buffers.capacity_bits
    return Chip(
        bits["ifmap"], bits["weight"], bits["ofmap"], buffers.intermediate_bits,
        arch.places("output_channels"), 8 * make_clocks(arch).burst_bytes,
        arch.precision.accumulator_bits,
    )  # fmt: skip


def problems_of(network, arch):
    return [problem_of(network, layer, candidates(layer, "direct", 2, 2)[0], arch) for layer in network.layers]


def least_of_search(network, arch, stored=()):
    best = best_of_search(network, arch, stored)
    return best.dram_bytes if best else float("inf")


def best_of_search(network, arch, stored=()):
    made = [network.shapes[layer.name].channels for layer in network.layers]
    moved = network.inputs["x"].channels, made[-1], *(made[tensor - 1] for tensor in stored)
    free = tuple(tuple(blocks_of(arch.dram.channel_block, channels)) for channels in moved)
    group = group_of(network.layers, problems_of(network, arch), free, tuple(stored))
    try:
        return find_group(group, arch, BYTES_ONLY, 1, None)[0]
    except MappingError:
        return None


@pytest.fixture
def without_warm_tiles():
    """Leave out tiles that warm up, which the plain space does not have."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(space, "WARMED", STAYS)
        forget()
        yield patched
    forget()


def fit(kinds):
    """Return whether no pool has less than a window left."""
    return 2 ** kinds.count("pool") <= min(CLIP.extent[1:])


@pytest.mark.parametrize("length", [2, 3, 4])
def test_no_mapping_of_a_chain_moves_less_than_the_search_finds(length, without_warm_tiles):
    chip, fused, found = chip_of(TINY), 0, {}
    for kinds in filter(fit, itertools.product(FEW, repeat=length)):
        network, stages = chain_of(kinds)
        first, last = (blocks_of(TINY.dram.channel_block, channels) for channels in (stages[0].c, stages[-1].n))
        least = fewest_of_chain(stages, chip, first, last)
        found[kinds] = least_of_search(network, TINY)
        assert found[kinds] == least, kinds
        fused += math.isfinite(least)
    assert fused > len(FEW) ** length // 2
    # Tiles that warm up are looked at beside those.
    without_warm_tiles.undo()
    forget()
    assert all(least_of_search(chain_of(kinds)[0], TINY) <= least for kinds, least in found.items())


@pytest.mark.usefixtures("without_warm_tiles")
@pytest.mark.parametrize(
    ("kinds", "some"),
    [
        (("many", "sum"), ()),
        (("many", "sum", "point"), ()),
        (("wide", "many", "sum", "depthwise"), ()),
        (("many", "sum", "sum"), ()),
        (("wide", "many", "sum"), (1,)),
        (("many", "sum", "point"), (2,)),
        (("wide", "many", "sum", "point"), (1, 3)),
    ],
)
def test_nor_does_any_where_operands_of_sums_come_slice_by_slice(kinds, some):
    arch = load_arch("edge_small", overrides=("buffers.ifmap_kib=1", "buffers.weight_kib=2", "buffers.ofmap_kib=8"))
    network, stages = chain_of(kinds, Shape(9, 1, 4, 8))
    # What is added lies in the blocks with which its rows fill bursts.
    blocks = [problem.input_block for problem in problems_of(network, arch)]
    stages = [stage._replace(adds=stage.adds and block) for stage, block in zip(stages, blocks, strict=True)]
    found = best_of_search(network, arch, some)
    assert found.dram_bytes == least_of_all(stages, arch, some)
    assert found.plan.mapping.sliced


def least_of_all(stages, arch, some, reads=None):
    """Return the fewest bytes of any mapping that stores some tensors between, however what moves lies."""
    first, last, *stored = (
        blocks_of(arch.dram.channel_block, channels)
        for channels in (stages[0].c, stages[-1].n, *(stages[tensor - 1].n for tensor in some))
    )
    return fewest_of_chain(stages, chip_of(arch), first, last, dict(zip(some, stored, strict=True)), reads)


def stored_in(kinds):
    """Return all sets of tensors between layers that a chain may store, as a dense layer reads each of them next."""
    may_be = [number for number, kind in enumerate(kinds) if number and KINDS[kind][-1]]
    return [some for many in range(1, len(may_be) + 1) for some in itertools.combinations(may_be, many)]


@pytest.mark.usefixtures("without_warm_tiles")
@pytest.mark.parametrize("length", [2, 3])
def test_no_mapping_of_a_chain_that_stores_tensors_between_moves_less_than_the_search_finds(length):
    fused = 0
    every = filter(fit, itertools.product(FEW, repeat=length))
    chains = [(kinds, some) for kinds in every for some in stored_in(kinds)]
    for kinds, some in chains:
        network, stages = chain_of(kinds)
        least = least_of_all(stages, ROOMY, some)
        assert least_of_search(network, ROOMY, some) == least, (kinds, some)
        fused += math.isfinite(least)
    assert fused > len(chains) // 2


def fans(lengths, before):
    """Return all groups of branches of these lengths, the first layer of each dense, ``before`` which others may be.

    With each what its layers read, and the ends of all branches but the last.
    """
    heads = [len(before) + sum(lengths[:i]) for i in range(len(lengths))]
    layers = range(len(before) + sum(lengths))
    reads = tuple(len(before) if i in heads else i for i in layers)
    dense = [kind for kind in FEW if KINDS[kind][-1]]
    own = (dense if i in heads else FEW for i in layers[len(before) :])
    return [((*before, *kinds), reads, tuple(heads[1:])) for kinds in itertools.product(*own)]


@pytest.mark.usefixtures("without_warm_tiles")
@pytest.mark.parametrize("lengths", [(1, 1), (1, 2), (2, 1), (2, 2), (1, 1, 1), (1, 2, 1)])
def test_no_mapping_of_branches_that_begin_with_one_tensor_moves_less_than_the_search_finds(lengths):
    every = [fan for before in ((), ("wide",)) for fan in fans(lengths, before) if fit(fan[0])]
    fused = 0
    for kinds, reads, ends in every:
        network, stages = chain_of(kinds, reads=reads)
        least = least_of_all(stages, ROOMY, ends, reads)
        assert least_of_search(network, ROOMY, ends) == least, (kinds, reads)
        fused += math.isfinite(least)
    assert fused > len(every) // 2


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("many", "sum")])
def test_no_mapping_of_a_layer_moves_less_than_the_search_finds(kind):
    network, stages = chain_of(["wide", kind], Shape(9, 1, 3, 4))
    problem = problem_of(network, network.layers[-1], candidates(network.layers[-1], "direct", 2, 2)[0], TINY)
    block, stage = TINY.dram.channel_block, stages[-1]
    firsts, lasts = blocks_of(block, stage.c), blocks_of(block, stage.n)
    for lies in (firsts[0], lasts[-1]), (firsts[-1], lasts[0]):
        laid = replace(problem, input_block=lies[0], output_block=lies[1])
        found = fewest_bytes_of(laid, seen_by(laid, TINY))
        assert found == fewest_of_layer(stage, chip_of(TINY), *lies, block, TINY.places("input_channels")), lies
