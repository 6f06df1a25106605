"""Cores for small machines, and layers drawn for them."""

from __future__ import annotations

import itertools
import random

import numpy as np
from paper import machine, problem_of, tiles
from vector_layers import FUNCTIONS, drawn_vector_layer, vector_subject

from lw3dsim import load_arch
from lw3dsim.arithmetic.computation import Computation
from lw3dsim.arithmetic.functions import is_table
from lw3dsim.arithmetic.number import random_tensor, shift_of
from lw3dsim.base.values import replace
from lw3dsim.describe.buffers import LEAST_BANKS, OWN_BANKS
from lw3dsim.describe.workload import Conv3d, Shape
from lw3dsim.machine.near import patch_words
from lw3dsim.machine.problem import make_problem
from lw3dsim.rtl.build import build, run
from lw3dsim.rtl.check import compare
from lw3dsim.rtl.design import fitted, make_core
from lw3dsim.rtl.groups import SLOTS
from lw3dsim.rtl.programs import make_program
from lw3dsim.rtl.subject import integers, make_subject, operands
from lw3dsim.transform.algorithms import candidates

ROOM = ("buffers.ifmap_kib=64", "buffers.weight_kib=64", "buffers.ofmap_kib=64")
WIDE = tuple(f"buffers.{name}_port_bytes=8" for name in ("ifmap", "weight", "ofmap"))

# Accelerators of which cores are built: ports, multipliers, transforms and the vector unit bind in turn. Weights are
# wider than activations, as wide, and narrower.
MACHINES = {
    "trees": (
        "pe.rows=4", "pe.cols=3", "pe.mults_per_pe=4", "pe.acc_depth=4", "pe.pipeline_stages=5", "vector_lanes=40",
        "precision.weight_bits=12",
    ),
    # Transforms of a tile a cycle, of 10 coordinates; weights are transformed on chip, one in two cycles.
    "temporal": (
        *WIDE, "pe.rows=4", "pe.cols=2", "pe.mults_per_pe=12", "pe.acc_depth=4", "pe.pipeline_stages=4",
        "winograd.m1=4", "vector_lanes=8",
        "transforms.input_coords_per_cycle=10", "transforms.output_coords_per_cycle=10",
        "winograd.weight_transform=onchip", "transforms.weight_coords_per_cycle=5",
    ),
    # Several algorithms, of 4, 16 and 64 coordinates on 9 multipliers, which none divides. Words of outputs are longer
    # than those of inputs.
    "parts": (
        *WIDE, "buffers.ofmap_port_bytes=12", "pe.rows=3", "pe.cols=1", "pe.mults_per_pe=9", "pe.acc_depth=8",
        "pe.pipeline_stages=3",
        "winograd.m1=2", "winograd.m2=2", "vector_lanes=8", "pe.staging_elements=24", "pe.staging_weights=12",
        "precision.weight_bits=6",
    ),
}  # fmt: skip
# One memory in place of the three buffers, of banks of 1024 words; of one there is hardly room for two tiles.
SHARED = {
    "shared": (
        "buffers.shared_kib=96", "buffers.shared_banks=12", "buffers.shared_port_bytes=8", "pe.rows=3", "pe.cols=2",
        "pe.mults_per_pe=4", "pe.acc_depth=4", "pe.pipeline_stages=5", "vector_lanes=8", "dram.latency_ns=20",
        "dram.preset=lpddr4-3200-x16", "dram.bandwidth_gbps=3.2", "dram.layout=blocked", "dram.channel_block=2",
    ),
    "tiny": (
        "buffers.shared_kib=12", "buffers.shared_banks=12", "buffers.shared_port_bytes=16", "pe.rows=2", "pe.cols=2",
        "pe.mults_per_pe=6", "pe.acc_depth=4", "pe.pipeline_stages=4", "vector_lanes=16",
    ),
}  # fmt: skip
# Of these all layers are direct.
DIRECT = ("trees", *SHARED)
# DRAM whose transfers overlap.
DRAMS = ("lpddr4-3200-x16", "lpddr4-3200-x32", "ddr4-2400-x64")
# Words in which lanes find inputs at one time, a power of two: fewer than are staged, and enough for any layer drawn.
REACH = {"trees": 64, "temporal": 64, "parts": 32, "shared": 32, "tiny": 32}
# And those in which a group of elements of a column finds them.
NEAR = {"trees": 64, "temporal": 16, "parts": 16, "shared": 32, "tiny": 32}
KERNELS = {
    **{name: [(1, 1, 1), (3, 1, 1), (1, 3, 3), (3, 3, 3), (1, 1, 1), (2, 2, 1)] for name in DIRECT},
    "temporal": [(3, 1, 1)],
    "parts": [(3, 1, 1), (1, 3, 3), (3, 3, 3)],
}


def arch_of(name):
    """Return an accelerator of which a core is built."""
    return load_arch("edge_shared", overrides=SHARED[name]) if name in SHARED else machine(*ROOM, *MACHINES[name])


def overlapping(arch, preset=DRAMS[1], slots=3):
    """Return an accelerator with so many slots, and a DRAM whose transfers overlap; its core is the same."""
    dram = replace(arch.dram, preset=preset, bandwidth_gbps=None, latency_ns=None)
    return replace(arch, dram=dram, buffers=replace(arch.buffers, slots=slots))


def seen(seed, arch):
    """Return an accelerator as a layer or group sees it: of one to three slots in a buffer, of any DRAM."""
    draw = random.Random(seed)  # noqa: S311
    slots = draw.choice([1, 2, 2, 3, 3])
    if draw.random() < 0.6:
        return overlapping(arch, draw.choice(DRAMS), slots)
    return replace(arch, buffers=replace(arch.buffers, slots=slots))


def divided(seed, arch):
    """Return an accelerator with a shared memory as it is divided for a layer or group: in any way, of any banks."""
    buffers, draw = arch.buffers, random.Random(seed)  # noqa: S311
    many = buffers.shared_banks - LEAST_BANKS
    cuts = sorted(draw.randint(0, many) for _ in range(2))
    ifmap, weight, ofmap = (OWN_BANKS + more for more in (cuts[0], cuts[1] - cuts[0], many - cuts[1]))
    own = buffers.divided(ifmap=ifmap, weight=weight, ofmap=ofmap)
    return replace(arch, buffers=replace(own, intermediate_share=0.5))


def of_single_banks(seed, arch):
    """Return an accelerator with buffers of one bank, any of the three; its core is the same."""
    draw = random.Random(seed)  # noqa: S311
    names = draw.sample(["ifmap", "weight", "ofmap"], draw.randint(1, 3))
    return replace(arch, buffers=replace(arch.buffers, **{f"{one}_banks": 1 for one in names}))


def drawn_padding(draw, kernel, dilation=(1, 1, 1)):
    """Return the padding of a convolution: none, half of what its kernel reaches over, or all, before or behind."""
    reach = [(k - 1) * d for k, d in zip(kernel, dilation, strict=True)]
    return tuple(
        draw.choice([0, more // 2, (more, 0), (draw.randint(0, more), draw.randint(0, more))]) for more in reach
    )


def drawn_layer(name, seed, arch):
    """Return a layer, a mapping of it, and its activation; spatial ones of the core with parts are often depthwise.

    Direct ones may be dilated. Tiles are often of one frame, row or column.
    """
    draw = random.Random(seed)  # noqa: S311
    kernel = draw.choice(KERNELS[name])
    dilation = (1, 1, 1) if draw.random() < 0.7 else tuple(draw.choice([1, 2]) for _ in kernel)
    size = tuple(max(draw.randint(1, 8), (k - 1) * d + 1) for k, d in zip(kernel, dilation, strict=True))
    padding = drawn_padding(draw, kernel, dilation)
    stride, groups = (1, 1, 1), 1
    channels, made = draw.randint(1, 9), draw.randint(1, 9)
    if name in DIRECT:
        stride = draw.choice([(1, 1, 1), (1, 2, 2), (2, 1, 1), (1, 1, 3)])
    if kernel == (1, 3, 3) and name == "parts" and draw.random() < 0.7:
        stride, groups = draw.choice([(1, 1, 1), (1, 2, 2)]), channels + 1
        channels = made = groups
    layer = Conv3d(
        name="x", inputs=("i",), out_channels=made, kernel=kernel, stride=stride, padding=padding, dilation=dilation,
        groups=groups, activation=draw.choice(FUNCTIONS),
    )  # fmt: skip
    shape = Shape(channels, *size)
    cube = draw.choice(["nested", "winograd3d"])
    policy = "direct" if name in DIRECT else cube if kernel == (3, 3, 3) else "auto"
    found = candidates(layer, policy, arch.winograd.m1, arch.winograd.m2)
    # Now and then a direct layer on a core with transforms.
    algorithm = found[-1] if draw.random() < 0.8 else found[0]
    problem = make_problem(layer, (shape,), layer.output_shape((shape,)), algorithm, arch)
    modes = ["pixel"] if algorithm.is_winograd or groups > 1 else ["pixel", "channel"]
    mapping = tiles(
        draw.randint(1, problem.n), draw.choice([problem.c, draw.randint(1, problem.c)]),
        *(draw.choice([1, draw.randint(1, out), draw.randint(1, out)]) for out in problem.out),
        order=draw.choice(["weights_outer", "tiles_outer"]), parallel=draw.choice(modes),
        slots=arch.buffers.slots,
    )  # fmt: skip
    return problem, mapping, layer.activation


def drawn_subject(name, seed, arch):
    """Return a layer on tensors that are drawn, which the core has room for: now and then one of the vector unit."""
    if random.Random(seed).random() < 0.3:  # noqa: S311
        return vector_subject(seed, arch)
    for again in itertools.count(seed, 1 << 20):
        problem, *how = drawn_layer(name, again, arch)
        made = subject_of(problem, *how, arch, seed)
        if has_room(name, make_program(made, make_core(arch, [problem])).room):
            return made
    raise AssertionError


def subject_of(problem, mapping, activation, arch, seed=0):
    """Return a layer on tensors that are drawn."""
    rng, number, channels = np.random.default_rng(seed), integers(arch), problem.groups * problem.n
    kernels = (channels, problem.c, *problem.kernel)
    computation = Computation(
        reduction="sum", weights=random_tensor(kernels, operands(arch).in_bits(problem.factor_bits), rng),
        bias=random_tensor((channels,), number, rng), activation=activation,
    )  # fmt: skip
    source = random_tensor((problem.input_channels, *problem.inp), number, rng)
    if is_table(activation, number):
        plain = make_subject("x", problem, mapping, arch, replace(computation, activation="none"), [source])
        computation = replace(computation, shift=shift_of(plain.output, number))
    return make_subject("x", problem, mapping, arch, computation, [source])


def differences(subject, core, bench):
    """Return what a core does otherwise than the simulator."""
    program = make_program(subject, core)
    assert fitted(core, [program]) == core, "the program needs more room than the core has"
    return compare(subject, core, program, run(bench, program)).differences


def built(name, folder):
    """Return an accelerator, its core, and the bench of that, for any layer or group that is drawn for it."""
    arch = arch_of(name)
    problems = [drawn_layer(name, seed, arch)[0] for seed in range(40)]
    problems += [problem_of(*drawn_vector_layer(seed), arch) for seed in range(40)]
    core = replace(
        make_core(arch, problems), own_inputs=1, reach=REACH[name], near=NEAR[name], partial_words=48, inner=1 << 15,
        inner_staged=128, inner_count=16, slots=SLOTS, trg=1, divided=17, inverse=17, tables=4, divisions=24,
    )  # fmt: skip
    return arch, core, build(core, folder)


def has_room(name, room):
    """Return whether a core of the tests has room for what a program stages."""
    return room.reach <= REACH[name] and room.near <= NEAR[name] and room.patch <= patch_words(arch_of(name))


def counted(answers):
    """Return how many layers and groups were equal."""
    return f"{sum(not found for found in answers)} of {len(answers)} layers and groups are equal"
