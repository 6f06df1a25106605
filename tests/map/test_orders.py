"""Do the layers of a group find what several of them look at where it lies?"""

from __future__ import annotations

import itertools
import random

import pytest
from core_blocks import drawn_chain, drawn_mapping
from core_groups import drawn_problem
from cores import arch_of

from lw3dsim.map.group.orders import disagreeing, least_apart, modes_of, orders, rings, shared, users
from lw3dsim.network.chains import group_of

ARCH = arch_of("trees")


def drawn(seed):
    """A group with short cuts, and a mapping of it."""
    draw = random.Random(seed)  # noqa: S311
    layers, shapes = drawn_chain(draw)
    problems = [drawn_problem("trees", layer, shape, ARCH) for layer, shape in zip(layers, shapes, strict=True)]
    group = group_of(layers, problems)
    return group, drawn_mapping(draw, group, ARCH, keeps=False)


def seen(group, stage, axis, made):
    """The positions along an axis that a stage looks at for those that it makes, padding among them."""
    problem = group.stages[stage]
    return sorted(
        {
            one * problem.stride[axis] - problem.padding[axis] + tap
            for one in made
            for tap in range(problem.kernel[axis])
        }
    )


def tiles_of(group, mapping):
    """By tile what each stage makes along T, H and W."""
    axes = mapping.axes(group)
    for index in itertools.product(*(range(axis.tiles) for axis in axes)):
        yield [
            [
                range(axis.first[i + 1][at], axis.first[i + 1][at] + axis.new[i + 1][at])
                for axis, at in zip(axes, index, strict=True)
            ]
            for i in range(len(group.stages))
        ]


def runs_of(group, stage, made, axes):
    """Whether what a stage looks at of a frame, or of all, lies in one piece among what all look at."""
    tensor = shared(group, stage)
    own = [seen(group, stage, axis, made[stage][axis]) for axis in range(3)]
    held = [
        range(min(min(one) for one in all_of), max(max(one) for one in all_of) + 1)
        for all_of in ([seen(group, i, axis, made[i][axis]) for i in users(group, tensor)] for axis in range(3))
    ]
    inner = [len(one) for one in held]
    places = [
        sum(
            (at - held[axis].start) * stride for axis, at, stride in zip(axes, where, strides(inner, axes), strict=True)
        )
        for where in itertools.product(*(own[axis] for axis in axes))
    ]
    return places == list(range(places[0], places[0] + len(places)))


def strides(sizes, axes):
    """Positions between neighbours along each of the last axes."""
    return [1 if axis == 2 else sizes[2] if axis == 1 else sizes[1] * sizes[2] for axis in axes]


@pytest.mark.parametrize("seed", range(60))
def test_what_is_one_run_lies_in_one_piece(seed):
    group, mapping = drawn(seed)
    found = orders(group, mapping, mapping.axes(group), ARCH)
    for stage, order in enumerate(found):
        # What is added and not read lies as it is added.
        if shared(group, stage) < 0 or shared(group, stage) not in group.sources:
            continue
        made = [one for one in tiles_of(group, mapping) if all(len(part) for part in one[stage])]
        in_rows = all(runs_of(group, stage, one, (1, 2)) for one in made)
        assert (order.apart < 2) <= in_rows
        assert (order.apart < 1) <= all(runs_of(group, stage, one, (0, 1, 2)) for one in made)
        assert order.apart >= least_apart(group, stage)


@pytest.mark.parametrize("seed", range(60))
def test_chunks_of_an_addition_begin_with_a_block_or_between_what_lies_side_by_side(seed):
    group, mapping = drawn(seed)
    for stage, (apart, block) in enumerate(orders(group, mapping, mapping.axes(group), ARCH)):
        chunk = mapping.chunks[group.run_of(stage)]
        if block:
            assert chunk % block == 0 or chunk == group.stages[stage].n or apart == 3


@pytest.mark.parametrize("seed", range(60))
def test_layers_that_read_the_same_run_in_one_mode(seed):
    group, _ = drawn(seed)
    modes = modes_of(group, ARCH)
    assert not disagreeing(group, [those[-1] for those in modes])
    for tensor in set(group.sources):
        readers = [i for i, one in enumerate(group.sources) if one == tensor]
        assert len(readers) == 1 or len({modes[i] for i in readers}) == len(modes[readers[0]]) == 1


def test_nothing_lies_in_rings_where_no_halos_are_kept():
    group, mapping = drawn(1)
    assert not any(rings(group, mapping))
