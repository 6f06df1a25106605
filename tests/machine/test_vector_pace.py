"""Do steps of the vector unit take what their groups take, drawn one by one?"""

from __future__ import annotations

import random

import pytest
from paper import machine
from vector_layers import drawn_vector_layer

from lw3dsim.describe.shape import Shape
from lw3dsim.describe.workload import Add
from lw3dsim.machine.microarchitecture import make_machine, plain_array
from lw3dsim.machine.problem import make_problem, plain_layer
from lw3dsim.machine.vector import vector_pace
from lw3dsim.transform.algorithms import candidates


def words(outputs, bits, port_bytes):
    """Words of so many outputs of some bits at a port."""
    return -(-outputs * bits // (8 * port_bytes))


def groups_of(layer, size, lanes):
    """The outputs of every group, in order: of the channels of a position, of a frame, or of all."""
    n, t, h, w = size
    beside = n * t * h * w
    if layer.kind == "pool3d" or (layer.kind == "slice" and layer.step > 1):
        beside = n
    elif layer.kind in ("trg", "running_mean"):
        beside = n * h * w
    times = n * t * h * w // beside
    parts = [min(lanes, beside - first) for first in range(0, beside, lanes)]
    return [part for part in parts for _ in range(times)]


def runs_of(size, apart, block):
    """The outputs of every run of a sum that goes through blocks of channels, and of channels behind the last."""
    n, t, h, w = size
    times = [1, t, t * h, t * h * w][apart]
    runs = [min(block, n - first) for first in range(0, n, block)]
    whole = [channels * t * h * w // times for channels in runs if channels == block for _ in range(times)]
    return whole, [channels for channels in runs if channels < block for _ in range(t * h * w)]


def drawn_times(groups, looks, works, loads, drains):
    """First operations and ends of groups: an operand is loaded while the one before is worked on."""
    starts, ends, now, drained = [], [], 0, 0
    last = max(works - looks + 1, 1)
    for number, _ in enumerate(groups):
        if number:
            # The banks swap when the group has been made and the one before it has drained; loads wait with them.
            now = max(now, drained) + max(loads[number] - last, 0)
            drained = now + drains[number - 1]
        starts.append(now)
        now += sum(max(loads[number], 1) for _ in range(looks - 1)) + last
        ends.append(now)
    return starts, ends


@pytest.mark.parametrize("hundred", range(3))
def test_a_step_takes_what_its_groups_take(hundred):
    for seed in range(100 * hundred, 100 * hundred + 100):
        check_step(seed)


def check_step(seed):
    """Hold the pace of a layer that is drawn against the groups that it is done in, one after another."""
    _, arch = drawn_machine(seed)
    layer, shape = drawn_vector_layer(seed)
    shapes = (Shape(shape.channels, *shape.extent),) * len(layer.inputs)
    algorithm = candidates(layer, "direct", 2, 2)[0]
    problem = make_problem(layer, shapes, layer.output_shape(shapes), algorithm, arch)
    groups = groups_of(layer, (problem.n, *problem.out), arch.vector_lanes)
    check_pace(seed, problem, arch, groups)


def drawn_machine(seed):
    """Draw ports and lanes; return what draws on, and the accelerator."""
    draw = random.Random(seed)  # noqa: S311
    ports, lanes = [draw.choice([1, 2, 4, 16]) for _ in range(2)], draw.randint(1, 20)
    return draw, machine(
        f"buffers.ifmap_port_bytes={ports[0]}", f"buffers.ofmap_port_bytes={ports[1]}", f"vector_lanes={lanes}"
    )


def check_pace(seed, problem, arch, groups, **sides):
    """Hold the pace of a layer, or of a sum whose ``sides`` are told, against ``groups`` done one after another."""
    size, looks = (problem.n, *problem.out), problem.reads * problem.sources
    ports = arch.buffers.ifmap_port_bytes, arch.buffers.ofmap_port_bytes
    loads, stores = ([words(group, 8, port) for group in groups] for port in ports)
    starts, ends = drawn_times(groups, looks, problem.ops_per_output, loads, stores)
    array = plain_array(make_machine(problem, arch, "pixel", **sides))
    pace = vector_pace(plain_layer(problem), array, *size, problem.c, 1, 1)
    # The step ends when the last group has been made, and the one before it has drained.
    handed = max(ends[-1], starts[-1] + stores[-2]) if len(groups) > 1 else ends[-1]
    assert (pace.head, pace.head + pace.body) == (ends[0], handed), seed
    assert pace.drain == stores[-1], seed


@pytest.mark.parametrize("hundred", range(3))
def test_a_sum_of_a_tensor_that_others_read_takes_what_groups_of_its_runs_take(hundred):
    for seed in range(100 * hundred, 100 * hundred + 100):
        check_sum(seed)


def check_sum(seed):
    draw, arch = drawn_machine(seed)
    shape = Shape(draw.randint(1, 20), *(draw.randint(1, 6) for _ in range(3)))
    layer, size = Add(name="x", inputs=("i", "j")), (shape.channels, *shape.extent)
    problem = make_problem(layer, (shape, shape), shape, candidates(layer, "direct", 2, 2)[0], arch)
    apart, block = draw.randint(0, 3), draw.randint(1, shape.channels)
    groups = []
    for runs in runs_of(size, apart, block):
        cut = [(run, range(0, run, arch.vector_lanes)) for run in runs]
        groups += [arch.vector_lanes for _, firsts in cut for _ in firsts[:-1]]
        groups += [run - firsts[-1] for run, firsts in cut]
    check_pace(seed, problem, arch, groups, apart=apart, block=block)
