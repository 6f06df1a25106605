"""What every layer of a network does for sure, on its own or in a fused group, whatever the mapping."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lw3dsim.base.kernels import INTERPRETED
from lw3dsim.base.values import Value
from lw3dsim.describe.workload import Trg
from lw3dsim.machine.problem import problem_of
from lw3dsim.map.floor import compulsory_by_stream
from lw3dsim.map.group.axes import looked_at
from lw3dsim.map.group.cutting import plain_reaches
from lw3dsim.map.group.group import Group
from lw3dsim.transform.algorithms import candidates

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.workload import AnyLayer, Workload
    from lw3dsim.machine.problem import Problem

# The interval of T, H and W of a tensor, [low, high).
Box = tuple[tuple[int, int], ...]


class Part(Value, frozen=True, kw_only=True):
    """What a layer does for sure: the box that it makes of its output, bits from and to DRAM but for its weights.

    ``is_alone`` says whether it runs on its own.
    """

    made: Box
    read_bits: int
    written_bits: int
    is_alone: bool

    @property
    def positions(self) -> int:
        """Elements that it makes of each channel."""
        return size_of(self.made)


def size_of(box: Box) -> int:
    """Return the positions in a box."""
    return math.prod(high - low for low, high in box)


def direct_problem(network: Workload, layer: AnyLayer, arch: Accelerator) -> Problem:
    """Return the problem of a layer that runs direct."""
    return problem_of(network, layer, candidates(layer, "direct", 1, 1)[0], arch)


def lone_parts(network: Workload, arch: Accelerator) -> list[Part]:
    """Return the parts of layers one by one: all of its output, and what it looks at of its inputs."""
    parts = []
    for layer in network.layers:
        problem = direct_problem(network, layer, arch)
        least = compulsory_by_stream(problem)
        made = tuple((0, size) for size in problem.out)
        parts.append(Part(made=made, read_bits=8 * least["ifmap"], written_bits=8 * least["ofmap"], is_alone=True))
    return parts


def fused_parts(network: Workload, arch: Accelerator) -> list[Part]:
    """Return the parts of layers that may be fused: what the outputs of the network depend on.

    Of what it reads only inputs of the network come from DRAM for sure, once, for the first layer that reads them.
    Boxes are those of one clip of a batch, and of all of them behind each other from its first frame on.
    """
    bits, seen = arch.precision.activation_bits, set(network.inputs)
    boxes: dict[str, Box] = {}
    parts = []
    for layer in reversed(network.layers):
        boxes[layer.name] = _made(network, layer, boxes, arch)
    for layer in network.layers:
        read_bits = sum(
            network.tensor_bits.get(name, bits)
            * network.shapes[name].channels
            * size_of(_looked_at(network, layer, boxes[layer.name], arch))
            for name in {*layer.streams} & seen
        )
        seen -= {*layer.streams}
        (first, end), *space = boxes[layer.name]
        made = ((first, first + network.batch * (end - first)), *space)
        written = 0 if network.consumers(layer.name) else network.shapes[layer.name].channels * size_of(made)
        written *= network.tensor_bits.get(layer.name, bits)
        parts.append(Part(made=made, read_bits=network.batch * read_bits, written_bits=written, is_alone=False))
    return parts


def _made(network: Workload, layer: AnyLayer, boxes: Mapping[str, Box], arch: Accelerator) -> Box:
    """Return what is made of the output of ``layer`` at least, given what is made of later ones."""
    whole: Box = tuple((0, size) for size in network.shapes[layer.name].extent)
    users = network.consumers(layer.name)
    # Stored, so made whole: what several layers read, or one as its factors, and what cannot be fused into its reader.
    if len(users) != 1 or not users[0].is_local or layer.name not in users[0].streams or network.spreads(users[0]):
        return whole
    if users[0].name in network.states:
        return whole
    if users[0] in network.views:
        # On another design it may be a copy that is fused: one position is made for sure.
        return tuple((0, 1) for _ in whole)
    box = _looked_at(network, users[0], boxes[users[0].name], arch)
    return (whole[0], *box[1:]) if isinstance(layer, Trg) else box


def _looked_at(network: Workload, layer: AnyLayer, box: Box, arch: Accelerator) -> Box:
    """Return what ``layer`` looks at of its input to make ``box`` of its output."""
    group = Group((direct_problem(network, layer, arch),), ("none",))
    ranges = []
    for d, (low, high) in enumerate(box):
        ranges.append(looked_at(plain_reaches(group.reaches[d], INTERPRETED), 0, low, high))
    return tuple(ranges)
