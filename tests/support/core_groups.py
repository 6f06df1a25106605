"""Fused groups drawn for cores: chains of temporal, depthwise, spatial and pointwise layers, tiled at random."""

from __future__ import annotations

import random
from functools import partial

import numpy as np
from cores import DIRECT, drawn_padding, has_room
from paper import problem_of
from vector_layers import FUNCTIONS

from lw3dsim.arithmetic.computation import Computation
from lw3dsim.arithmetic.direct import computation_of, factors
from lw3dsim.arithmetic.number import random_tensor
from lw3dsim.base.values import replace
from lw3dsim.describe.workload import Activation, Add, Conv3d, Gate, Mul, Pool3d, Shape, Slice, Trg
from lw3dsim.errors import MappingError
from lw3dsim.machine.microarchitecture import parallel_modes
from lw3dsim.machine.problem import make_problem
from lw3dsim.map.group.group import Group, GroupMapping
from lw3dsim.map.group.orders import rings, users
from lw3dsim.rtl.design import make_core
from lw3dsim.rtl.notes import UnfitError
from lw3dsim.rtl.programs import make_program
from lw3dsim.rtl.subject import integers, make_group, operands
from lw3dsim.schedule.group_work import GroupWork
from lw3dsim.transform.algorithms import candidates

# Kernels of the layers of a group; a depthwise one has as many groups as channels.
DENSE = [(1, 1, 1), (1, 1, 1), (3, 1, 1), (1, 3, 3), (2, 2, 1)]
DEPTHWISE = [(1, 3, 3), (3, 1, 1), (1, 2, 3)]


def drawn_slice(draw, name, inputs, shape):
    """Return a layer that takes a part of a tensor along an axis, every position of it or every other one."""
    axis = draw.randrange(3)
    start = draw.randint(0, shape.extent[axis] - 1)
    return Slice(
        name=name, inputs=inputs, dim=("frames", "height", "width")[axis], start=start,
        stop=draw.randint(start + 1, shape.extent[axis]), step=draw.choice([1, 1, 2]),
    )  # fmt: skip


def drawn_pool(draw, number, shape, *, gates):
    """Return a layer of the vector unit: a pool, a slice, TRG, a function, or a sum or product with a tensor from DRAM.

    With ``gates`` there may be a product with factors of channels, which the array makes.
    """
    name, inputs = f"x{number}", (f"x{number - 1}",)
    kernel = tuple(draw.randint(1, min(3, size)) for size in shape.extent)
    make = (
        lambda: Pool3d(
            name=name, inputs=inputs, mode=draw.choice(["max", "avg"]), kernel=kernel,
            stride=tuple(draw.randint(1, k) for k in kernel),
            padding=tuple((draw.randint(0, k // 2), draw.randint(0, k // 2)) for k in kernel),
            count_include_pad=draw.random() < 0.5,
        ),
        lambda: Activation(name=name, inputs=inputs, activation=draw.choice(FUNCTIONS[2:])),
        lambda: draw.choice([Add, Mul])(
            name=name, inputs=(*inputs, f"y{number}"), activation=draw.choice(FUNCTIONS)
        ) if number else None,
        lambda: drawn_slice(draw, name, inputs, shape),
        lambda: Trg(name=name, inputs=inputs),
        lambda: Pool3d(name=name, inputs=inputs, mode=draw.choice(["max", "avg"]), kernel="global"),
        lambda: Gate(name=name, inputs=(*inputs, f"z{number}"), activation=draw.choice(FUNCTIONS)) if gates else None,
    )  # fmt: skip
    return draw.choice((make[0], *make))() or make[0]()


def shapes_of(layer, shape):
    """Return the shapes of what a layer reads: tensors of one, or factors of its channels beside."""
    return (shape, Shape(shape.channels, 1, 1, 1)) if isinstance(layer, Gate) else (shape,) * len(layer.inputs)


def drawn_layers(draw, shape, *, pools=False, gates=False):
    """Return the layers of a group, some of which may be ``pools``, and the shape of what each reads."""
    layers, shapes = [], []
    for number in range(draw.randint(2, 4)):
        if pools and draw.random() < 0.5:
            layers.append(drawn_pool(draw, number, shape, gates=gates))
            shapes.append(shape)
            shape = layers[-1].output_shape(shapes_of(layers[-1], shape))
            continue
        is_depthwise = draw.random() < (0.2 if number == 0 else 0.45)
        kernel = draw.choice(DEPTHWISE if is_depthwise else DENSE)
        kernel = tuple(min(k, size) for k, size in zip(kernel, shape.extent, strict=True))
        stride = tuple(draw.choice([1, 1, min(2, k)]) for k in kernel)
        layer = Conv3d(
            name=f"x{number}", inputs=(f"x{number - 1}",), kernel=kernel, stride=stride,
            out_channels=shape.channels if is_depthwise else draw.randint(1, 9),
            padding=drawn_padding(draw, kernel), groups=shape.channels if is_depthwise else 1,
            activation=draw.choice(FUNCTIONS),
        )  # fmt: skip
        layers.append(layer)
        shapes.append(shape)
        shape = layer.output_shape((shape,))
    return layers, shapes


def drawn_problem(name, layer, shape, arch):
    """Return a layer: direct, or a temporal one in the algorithm of the core."""
    if isinstance(layer, Gate):
        algorithm, shapes = candidates(layer, "direct", 2, 2)[0], shapes_of(layer, shape)
        return make_problem(layer, shapes, layer.output_shape(shapes), algorithm, arch)
    if not isinstance(layer, Conv3d):
        return problem_of(layer, shape, arch)
    is_fast = name not in DIRECT and layer.kernel == (3, 1, 1) and layer.stride[0] == 1
    algorithm = candidates(layer, "auto" if is_fast else "direct", arch.winograd.m1, arch.winograd.m2)[-1]
    return make_problem(layer, (shape,), layer.output_shape((shape,)), algorithm, arch)


def drawn_kept_group(name, seed, arch):
    """Return a group that keeps halos along an axis, with tiles that warm up or without."""
    return drawn_group(name, seed, arch, keeps=True)


def drawn_pool_group(name, seed, arch):
    """Return a group with layers of the vector unit, half of them with halos that are kept."""
    return drawn_group(name, seed, arch, keeps=seed % 2 == 1, pools=True)


def storing(draw, group):
    """Return a group that stores one or two of the tensors in front of dense stages, if it has any.

    What none of its stages looks at is always stored.
    """
    inner = [number for number, stage in enumerate(group.stages) if number and stage.structure == "dense"]
    chosen = draw.sample(inner, min(len(inner), draw.randint(1, 2)))
    return replace(group, stored=tuple(one for one in inner if one in chosen or not users(group, one)))


def drawn_group(name, seed, arch, *, keeps=False, pools=False, stores=False):
    """Return a group on tensors that are drawn, under a mapping that fits, which recomputes halos or ``keeps`` them.

    With ``pools`` some of its layers are those of the vector unit; with ``stores`` it has several outputs.
    """
    draw = random.Random(seed)  # noqa: S311
    while True:
        shape = Shape(draw.randint(1, 9), *(draw.randint(1, 8) for _ in range(3)))
        # Factors are as wide as activations; so are weights of a core that multiplies by either.
        gates = arch.precision.weight_bits == arch.precision.activation_bits
        layers, shapes = drawn_layers(draw, shape, pools=pools, gates=gates)
        if pools and all(isinstance(layer, Conv3d) for layer in layers):
            continue
        problems = tuple(map(partial(drawn_problem, name, arch=arch), layers, shapes))
        group = Group(problems, tuple("dram" if len(layer.streams) > 1 else "none" for layer in layers))
        group = storing(draw, group) if stores else group
        if stores and not group.stored:
            continue
        size = [draw.choice([1, draw.randint(1, out), out]) for out in problems[-1].out]
        size[0] = group.extent[0] if group.takes_all_frames else size[0]
        mapping = GroupMapping(
            t=size[0], h=size[1], w=size[2], kept=draw.choice("thw") if keeps else "none",
            ofmap_slots=arch.buffers.slots,
            warm_up=keeps and draw.random() < 0.4,
            chunks=tuple(draw.randint(1, group.channels[run.stop]) for run in group.runs),
            resident=tuple(draw.random() < 0.4 for _ in layers),
            sliced="dram" in group.operands and draw.random() < 0.5,
            parallel=tuple(draw.choice(parallel_modes(problem, arch)) for problem in problems),
        )  # fmt: skip
        if keeps and not any(rings(group, mapping)):
            continue
        made = fitting(group, mapping, layers, arch, seed)
        if made and has_room(name, made[1]):
            return made[0]


def fitting(group, mapping, layers, arch, seed):
    """Return a group on tensors that are drawn, and the room that it takes of a core, if it fits one."""
    try:
        made = group_subject(GroupWork(group, mapping), layers, arch, seed)
        return made, make_program(made, make_core(arch, group.stages)).room
    except (MappingError, UnfitError):
        return None


def group_subject(work, layers, arch, seed=0):
    """Return a group on tensors that are drawn."""
    rng, number = np.random.default_rng(seed), integers(arch)
    computations, known = [], {}
    for layer, problem in zip(layers, work.group.stages, strict=True):
        if isinstance(layer, Gate):
            known[layer.inputs[1]] = random_tensor((problem.n, 1, 1, 1), number, rng)
            weights = factors(layer, known[layer.inputs[1]])
            computations.append(computation_of(layer, Shape(problem.n, *problem.inp), weights, None))
            continue
        if not isinstance(layer, Conv3d):
            computations.append(computation_of(layer, Shape(problem.n, *problem.inp), None, None))
            continue
        kernels = (problem.n, problem.c, *problem.kernel)
        weights = random_tensor(kernels, operands(arch).in_bits(problem.factor_bits), rng)
        bias = random_tensor((problem.n,), number, rng)
        computations.append(Computation(reduction="sum", weights=weights, bias=bias, activation=layer.activation))
    first = work.group.stages[0]
    source = random_tensor((work.group.channels[0], *first.inp), number, rng)
    known[layers[0].inputs[0]] = source
    for layer, problem in zip(layers, work.group.stages, strict=True):
        known |= {name: random_tensor((problem.n, *problem.inp), number, rng) for name in layer.streams[1:]}
    return make_group("x", work, layers, arch, computations, known)
