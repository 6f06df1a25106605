"""Cores for small machines, and layers drawn for them."""

from __future__ import annotations

import random

import numpy as np
from paper import conv, machine, tiles

from lw3dsim.arithmetic.computation import Computation
from lw3dsim.arithmetic.number import random_tensor
from lw3dsim.rtl.build import build, run
from lw3dsim.rtl.check import compare
from lw3dsim.rtl.design import make_core
from lw3dsim.rtl.program import make_program
from lw3dsim.rtl.subject import integers, make_subject

ROOM = ("buffers.ifmap_kib=64", "buffers.weight_kib=64", "buffers.ofmap_kib=64")

# Accelerators of which cores are built: ports, multipliers and the vector unit bind in turn.
MACHINES = {
    "trees": (
        "pe.rows=4",
        "pe.cols=3",
        "pe.mults_per_pe=4",
        "pe.acc_depth=4",
        "pe.pipeline_stages=5",
        "vector_lanes=2",
    ),
}


def arch_of(name):
    """Return an accelerator of which a core is built."""
    return machine(*ROOM, *MACHINES[name])


def drawn_layer(seed, arch):
    """Return a layer, a mapping of it, and its activation."""
    draw = random.Random(seed)  # noqa: S311
    kernel = draw.choice([(1, 1, 1), (3, 1, 1), (1, 3, 3), (3, 3, 3), (1, 1, 1), (2, 2, 1)])
    size = tuple(max(draw.randint(1, 7), k) for k in kernel)
    stride = draw.choice([(1, 1, 1), (1, 2, 2), (2, 1, 1), (1, 1, 3)])
    padding = tuple(draw.choice([0, k // 2]) for k in kernel)
    problem = conv(draw.randint(1, 9), draw.randint(1, 9), size, kernel, arch, stride=stride, padding=padding)
    mapping = tiles(
        draw.randint(1, problem.n), problem.c, *(draw.randint(1, out) for out in problem.out),
        order=draw.choice(["weights_outer", "tiles_outer"]), parallel=draw.choice(["pixel", "channel"]),
    )  # fmt: skip
    return problem, mapping, draw.choice(["none", "relu"])


def subject_of(problem, mapping, activation, arch, seed=0):
    """Return a layer on tensors that are drawn."""
    rng, number, channels = np.random.default_rng(seed), integers(arch), problem.groups * problem.n
    computation = Computation(
        reduction="sum", weights=random_tensor((channels, problem.c, *problem.kernel), number, rng),
        bias=random_tensor((channels,), number, rng), activation=activation,
    )  # fmt: skip
    source = random_tensor((problem.input_channels, *problem.inp), number, rng)
    return make_subject("x", problem, mapping, arch, computation, [source])


def differences(subject, core, bench, folder):
    """Return what a core does otherwise than the simulator."""
    program = make_program(subject, core)
    return compare(subject, core, program, run(bench, program, folder)).differences


def built(name, folder):
    """Return an accelerator, its core, and the bench of that."""
    arch = arch_of(name)
    core = make_core(arch, [])
    return arch, core, build(core, folder)
