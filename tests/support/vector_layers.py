"""Layers of the vector unit, drawn for cores."""

from __future__ import annotations

import random

import numpy as np
from paper import problem_of, tiles

from lw3dsim.arithmetic.direct import computation_of
from lw3dsim.arithmetic.moves import arranged
from lw3dsim.arithmetic.number import random_tensor
from lw3dsim.describe.workload import Activation, Add, Concat, Mul, Pad, Pool3d, RunningMean, Shape, Slice, Trg
from lw3dsim.network.execution import referenced
from lw3dsim.rtl.subject import integers, make_subject

ONE, TWO = ("i",), ("i", "j")
# What layers end with: some of it is looked up.
FUNCTIONS = ("none", "none", "relu", "relu", "swish", "sigmoid", "hard_swish", "relu6")


def _pool(draw, size):
    if draw.random() < 0.3:
        return Pool3d(name="x", inputs=ONE, mode=draw.choice(["max", "avg"]), kernel=draw.choice(["global", "frame"]))
    window = tuple(draw.randint(1, min(3, most)) for most in size)
    return Pool3d(
        name="x", inputs=ONE, mode=draw.choice(["max", "avg"]), kernel=window,
        stride=tuple(draw.randint(1, 3) for _ in window), padding=tuple(draw.randint(0, k // 2) for k in window),
        count_include_pad=draw.random() < 0.5,
    )  # fmt: skip


def drawn_vector_layer(seed):
    """Return a layer of the vector unit, and the shape of its inputs."""
    draw = random.Random(seed)  # noqa: S311
    shape = Shape(draw.randint(1, 20), *(draw.randint(1, 8) for _ in range(3)))
    function = draw.choice(FUNCTIONS)
    made = (
        lambda: _pool(draw, shape.extent),
        lambda: _pool(draw, shape.extent),
        lambda: Add(name="x", inputs=draw.choice([TWO, (*TWO, "k")]), activation=function),
        lambda: Mul(name="x", inputs=TWO, activation=function),
        lambda: Activation(name="x", inputs=ONE, activation=draw.choice(FUNCTIONS[2:])),
        lambda: Trg(name="x", inputs=ONE),
        lambda: RunningMean(name="x", inputs=ONE),
        lambda: Slice(name="x", inputs=ONE, dim="width", start=0, stop=shape.width, step=draw.randint(1, 2)),
        lambda: Pad(name="x", inputs=ONE, padding=(0, draw.randint(0, 2), 1)),
        lambda: Concat(name="x", inputs=TWO),
    )  # fmt: skip
    return draw.choice(made)(), shape


def vector_subject(seed, arch):
    """Return a layer of the vector unit, mapped at random, on tensors that are drawn."""
    layer, shape = drawn_vector_layer(seed)
    draw, rng, number = random.Random(seed), np.random.default_rng(seed), integers(arch)  # noqa: S311
    problem, shapes = problem_of(layer, shape, arch), (shape,) * len(layer.inputs)
    frames = problem.out[0] if problem.whole_frames else draw.randint(1, problem.out[0])
    mapping = tiles(
        draw.randint(1, problem.n), draw.choice([problem.c, draw.randint(1, problem.c)]), frames,
        *(draw.randint(1, out) for out in problem.out[1:]), slots=arch.buffers.slots,
    )  # fmt: skip
    sources = [random_tensor((one.channels, *one.extent), number, rng) for one in shapes]
    wanted, computation = referenced(layer, sources, computation_of(layer, shape, None, None), number.of(problem))
    subject = make_subject("x", problem, mapping, arch, computation, arranged(layer, sources))
    assert np.array_equal(subject.output, wanted)
    return subject
