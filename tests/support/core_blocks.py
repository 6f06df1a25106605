"""Residual blocks drawn for cores: chains beside which a tensor takes a short cut, as it is or through a projection."""

from __future__ import annotations

import random

from core_groups import drawn_group, drawn_problem, fitting, storing
from cores import has_room
from vector_layers import FUNCTIONS

from lw3dsim.describe.workload import Add, Conv3d, Mul, Shape
from lw3dsim.machine.microarchitecture import parallel_modes
from lw3dsim.map.group.cutting import is_seen
from lw3dsim.map.group.group import GroupMapping
from lw3dsim.map.group.orders import leader, modes_of, rings
from lw3dsim.network.chains import group_of

KERNELS = [(1, 1, 1), (1, 1, 1), (3, 1, 1), (1, 3, 3)]


class Chain:
    """Layers that are drawn, with the shape of what each reads, and of what the last one makes."""

    def __init__(self, draw, shape):
        self.draw, self.shape, self.name = draw, shape, "i"
        self.layers, self.shapes = [], []

    def conv(self, channels, kernel, stride=(1, 1, 1), *, reads=None, is_depthwise=False):
        """Put a convolution behind, that keeps sizes but for its stride; or one that ``reads`` another tensor."""
        name, shape = reads or (self.name, self.shape)
        layer = Conv3d(
            name=f"x{len(self.layers)}", inputs=(name,), kernel=kernel, stride=stride, out_channels=channels,
            padding=tuple(self.draw.choice([k // 2, (k - 1, 0)]) for k in kernel),
            groups=shape.channels if is_depthwise else 1,
            activation=self.draw.choice(FUNCTIONS),
        )  # fmt: skip
        return self.put(layer, shape)

    def put(self, layer, shape):
        """Put a layer behind."""
        self.layers.append(layer)
        self.shapes.append(shape)
        self.name, self.shape = layer.name, layer.output_shape((shape,) * len(layer.inputs))
        return self.name, self.shape

    def block(self, *, is_open=False):
        """Put a residual block behind: one to three convolutions, a projection half the time, a sum or product.

        Of one that ``is_open`` the projection is there, and what would add it is not.
        """
        draw, short = self.draw, (self.name, self.shape)
        begins, many, is_projected = short, draw.randint(1, 3), is_open or draw.random() < 0.5
        kernels = [draw.choice(KERNELS) for _ in range(many)]
        strided = draw.randrange(many)
        stride = tuple(draw.choice([1, min(2, k)]) for k in kernels[strided]) if is_projected else (1, 1, 1)
        made = draw.randint(1, 9) if is_projected else self.shape.channels
        if is_projected:
            short = self.conv(made, (1, 1, 1), stride)
        for number, kernel in enumerate(kernels):
            is_depthwise = 0 < number < many - 1 and draw.random() < 0.4
            channels = made if number == many - 1 else begins[1].channels if is_depthwise else draw.randint(1, 9)
            channels = self.shape.channels if is_depthwise else channels
            own = stride if number == strided else (1, 1, 1)
            self.conv(channels, kernel, own, reads=None if number else begins, is_depthwise=is_depthwise)
        if is_open:
            return
        self.add(short)
        if draw.random() < 0.3:
            # What the block adds is added once more.
            self.conv(self.shape.channels, draw.choice(KERNELS))
            self.add(short)

    def add(self, short):
        """Put a sum or product behind, with a tensor that lies on chip."""
        name, _ = short
        kind, function = self.draw.choice([Add, Add, Mul]), self.draw.choice(FUNCTIONS)
        self.put(kind(name=f"x{len(self.layers)}", inputs=(self.name, name), activation=function), self.shape)

    def fan(self):
        """Put two or three branches behind, one after the other, that begin with one tensor."""
        begins = self.name, self.shape
        for _ in range(self.draw.randint(2, 3)):
            for number in range(self.draw.randint(1, 3)):
                is_depthwise = number > 0 and self.draw.random() < 0.3
                channels = self.shape.channels if is_depthwise else self.draw.randint(1, 9)
                kernel = self.draw.choice(KERNELS)
                stride = tuple(self.draw.choice([1, min(2, k)]) for k in kernel)
                self.conv(channels, kernel, stride, reads=None if number else begins, is_depthwise=is_depthwise)


def drawn_chain(draw, *, stores=False):
    """Return the layers of one or two residual blocks, with a convolution in front or behind now and then.

    Where it ``stores`` a block may be open.
    """
    chain = Chain(draw, Shape(draw.randint(1, 9), *(draw.randint(1, 8) for _ in range(3))))
    if draw.random() < 0.4:
        chain.conv(draw.randint(1, 9), draw.choice(KERNELS))
    for _ in range(draw.choice([1, 1, 2])):
        chain.block(is_open=stores and draw.random() < 0.5)
    if draw.random() < 0.4:
        chain.conv(draw.randint(1, 9), draw.choice(KERNELS))
    return chain.layers, chain.shapes


def drawn_mapping(draw, group, arch, *, keeps):
    """Return a mapping of a group, with halos that are kept or recomputed."""
    made = [group.channels[run.stop] for run in group.runs]
    size = [draw.choice([1, draw.randint(1, out), out, out]) for out in group.stages[-1].out]
    return GroupMapping(
        t=size[0], h=size[1], w=size[2], kept=draw.choice("thw") if keeps else "none",
        ofmap_slots=arch.buffers.slots,
        warm_up=keeps and draw.random() < 0.4,
        chunks=tuple(draw.choice([draw.randint(1, n), n]) for n in made),
        resident=tuple(draw.random() < 0.4 and one.has_weights for one in group.stages),
        parallel=alike(group, [draw.choice(parallel_modes(problem, arch)) for problem in group.stages], arch),
    )  # fmt: skip


def drawn_store_group(name, seed, arch):
    """Return a group that stores tensors between its layers: a chain, one with residual blocks, or with branches."""
    if seed % 4 > 1:
        return drawn_block_group(name, seed, arch, stores=True, fans=seed % 8 > 5)
    return drawn_group(name, seed, arch, keeps=seed % 2 == 1, pools=seed % 8 > 3, stores=True)


def drawn_fan(draw):
    """Return the layers of two or three branches that begin with one tensor, with a convolution in front or none."""
    chain = Chain(draw, Shape(draw.randint(1, 9), *(draw.randint(1, 8) for _ in range(3))))
    if draw.random() < 0.4:
        chain.conv(draw.randint(1, 9), draw.choice(KERNELS))
    chain.fan()
    return chain.layers, chain.shapes


def drawn_block_group(name, seed, arch, *, stores=False, fans=False, wanted=lambda _: True):
    """Return a group with sums and products of tensors on chip, on tensors that are drawn; half of them keep halos.

    With ``stores`` it has several outputs; if it ``fans`` out, those of branches that begin with one tensor. Others
    are drawn until one is as ``wanted``.
    """
    draw, keeps = random.Random(seed), seed % 2 == 1  # noqa: S311
    while True:
        layers, shapes = drawn_fan(draw) if fans else drawn_chain(draw, stores=stores)
        problems = tuple(drawn_problem(name, layer, shape, arch) for layer, shape in zip(layers, shapes, strict=True))
        group = group_of(layers, problems)
        group = storing(draw, group) if stores else group
        if not wanted(group):
            continue
        mapping = drawn_mapping(draw, group, arch, keeps=keeps)
        if not is_seen(mapping.axes(group)) or (keeps and not any(rings(group, mapping))):
            continue
        drawn = fitting(group, mapping, layers, arch, seed)
        if drawn and has_room(name, drawn[1]):
            return drawn[0]


def alike(group, modes, arch):
    """Return modes in which layers that read the same tensor run alike."""
    for stage, others in enumerate(modes_of(group, arch)):
        leads = leader(group, group.sources[stage])
        if leads != stage:
            is_common = modes[leads] in parallel_modes(group.stages[stage], arch)
            modes[leads] = modes[stage] = modes[leads] if is_common else others[0]
    return tuple(modes)
