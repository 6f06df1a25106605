"""Do the searches find the fewest bytes of their spaces: those that trying every mapping in plain Python finds?"""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_space import Chip, Stage, blocks_of, fewest_of_chain, fewest_of_layer

from lw3dsim.base.caches import forget
from lw3dsim.base.integers import NEVER
from lw3dsim.base.values import replace
from lw3dsim.describe.accelerator_file import load_arch
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.describe.workload import Add, Conv3d, Pool3d, Shape, build_workload
from lw3dsim.errors import MappingError
from lw3dsim.machine.problem import problem_of
from lw3dsim.map.group import tables as space
from lw3dsim.map.group.axes import STAYS
from lw3dsim.map.layer import search as mapper
from lw3dsim.map.layer.price import BYTES_ONLY
from lw3dsim.network.chains import group_of
from lw3dsim.network.fewest import Asked, find_fewest
from lw3dsim.network.groups import find_group
from lw3dsim.network.layers import by_itself, fewest_bytes, fewest_bytes_of, laid, of_ways
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


@st.composite
def single_layers(draw):
    """A layer of few channels, and a design whose buffers hold a part of its tensors."""
    shape = Shape(draw(st.integers(3, 12)), draw(st.integers(1, 3)), draw(st.integers(3, 9)), draw(st.integers(3, 12)))
    kind, made = draw(st.sampled_from(["wide", "deep", "point", "strided", "groups", "pool"])), draw(st.integers(3, 12))
    window = {"kernel": (1, 3, 3), "padding": (0, 1, 1)}
    common = {"name": "l", "inputs": ("x",)}
    if kind == "pool":
        layer = Pool3d(mode="max", kernel=(1, 2, 2), stride=(1, 2, 2), **common)
    elif kind == "groups":
        groups = draw(st.sampled_from([g for g in range(2, shape.channels + 1) if shape.channels % g == 0]))
        layer = Conv3d(out_channels=groups * max(made // groups, 1), groups=groups, **window, **common)
    elif kind == "strided":
        layer = Conv3d(out_channels=made, stride=(1, draw(st.integers(1, 3)), 2), **window, **common)
    elif kind == "point":
        layer = Conv3d(out_channels=made, kernel=(1, 1, 1), **common)
    else:
        size = 3 if kind == "deep" else 1
        layer = Conv3d(out_channels=made, kernel=(size, 3, 3), padding=(size // 2, 1, 1), **common)
    kib = st.sampled_from([1, 1, 2, 4])
    buffers = [f"buffers.{name}_kib={draw(kib)}" for name in ("ifmap", "weight", "ofmap")]
    other = (
        f"buffers.slots={draw(st.integers(1, 3))}",
        f"precision.activation_bits={draw(st.sampled_from([4, 8, 8, 12]))}",
    )
    network = build_workload(name="single", inputs={"x": shape}, layers=[layer])
    return network, load_arch(draw(st.sampled_from(["edge_small", "edge_base"])), overrides=(*buffers, *other))


def any_lies(network):
    """Return all blocks of the input and of the output of a layer, rows packed and not."""
    channels = network.inputs["x"].channels, network.shapes["l"].channels
    return list(itertools.product(*([*range(1, many + 1), *range(-many, 0)] for many in channels)))


def every_size(problem, *_, **__):
    """Return all sizes that tiles can have."""
    n = [problem.group_n * groups for groups in range(problem.n // problem.group_n, 0, -1)]
    c = [problem.c] if problem.structure == "grouped" else list(range(problem.c, 0, -1))
    return n, c, *(list(range(size, 0, -1)) for size in problem.segment)


def least_of_any(network, arch):
    """Return the fewest bytes of a layer in all blocks, tiles of all sizes and orders of loops."""
    clocks, alone = make_clocks(arch), by_itself(network, network.layers[0], arch, "direct")

    def bursts(problem, seen):
        each = (laid(problem, lies) for lies in any_lies(network))
        return min(mapper.search(one, seen, clocks, keep=1, burst_ticks=NEVER)[0].bursts for one in each)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(mapper, "candidate_sizes", every_size)
        return min(of_ways(alone, bursts)) * clocks.burst_bytes


MANY = settings(max_examples=20)


@MANY
@given(single_layers())
def test_no_tiles_of_any_size_in_any_blocks_move_less_than_a_layer_does(drawn):
    network, arch = drawn
    try:
        least = least_of_any(network, arch)
    except MappingError:
        return
    asked = Asked(network=network, arch=arch, policy="direct", fuses=False, fixed={}, given={})
    assert find_fewest(asked).dram_bytes == least


@MANY
@given(single_layers())
def test_bounds_of_a_layer_by_its_blocks_are_below_what_it_moves_in_these_and_met_by_the_best(drawn):
    network, arch = drawn
    layer, clocks = network.layers[0], make_clocks(arch)
    try:
        moved = {lies: fewest_bytes(network, layer, arch, "direct", lies)[0] for lies in any_lies(network)}
    except MappingError:
        return
    blocks = tuple(tuple(dict.fromkeys(lies[side] for lies in moved)) for side in range(2))
    ways = of_ways(
        by_itself(network, layer, arch, "direct"),
        lambda problem, seen: mapper.bound_of_blocks(problem, seen, clocks, blocks, NEVER),
    )
    least = [[clocks.burst_bytes * min(each) for each in zip(*sides, strict=True)] for sides in zip(*ways, strict=True)]
    assert min(moved.values()) == min(least[0]) == min(least[1])
    for side in range(2):
        for block, bound in zip(blocks[side], least[side], strict=True):
            assert bound <= min(of for lies, of in moved.items() if lies[side] == block)
