"""The pace of the vector unit, as written down in ``docs/microarchitecture.md``: plain integer code.

As many outputs as there are lanes are made at once, a group. It takes the place of a wave: an operand of all its lanes
is a round, loaded while the one before is worked on, and what it has become drains while the next group is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.base.integers import ceiling
from lw3dsim.base.kernels import kernel
from lw3dsim.machine.drains import input_port, output_port, updating_cycles
from lw3dsim.machine.records import OF_FRAME, OF_POSITION

if TYPE_CHECKING:
    from lw3dsim.machine.records import Array, Layer


class Group(NamedTuple):
    """The cycles of a group: an operand is loaded for ``load``, the last is worked on for ``feed``.

    All are for ``compute``, of which ports bind if ``binds``; results pass the output port for ``drain``.
    """

    load: int
    feed: int
    compute: int
    drain: int
    binds: int


class Pace(NamedTuple):
    """The cycles of a vector step: of its first group ``head``, of all others ``body``, of the last one's ``drain``.

    Before the first one works it is loaded for ``load``; the last operand is worked on for ``tail``. In the body groups
    wait for ``drains``, and ports bind ``ports`` cycles of head and body.
    """

    load: int
    tail: int
    head: int
    body: int
    drain: int
    drains: int
    ports: int


@kernel
def operations(layer: Layer, c: int) -> int:
    """Return the operations of an output in a step of ``c`` of the frames of its window."""
    return ceiling(layer.ops_per_output * c, layer.c if layer.reduces_frames else 1)


@kernel
def readings(layer: Layer, c: int) -> int:
    """Return how often an output looks at each of its sources in a step of ``c`` of the frames of its window."""
    return ceiling(layer.reads * c, layer.c if layer.reduces_frames else 1)


@kernel
def beside(layer: Layer, array: Array, n: int, t: int, h: int, w: int) -> tuple[int, int]:
    """Return the outputs of a step of n channels of t x h x w that lie side by side for the lanes.

    And, second, those of channels that fill no block, at each position; 0 where there are none.
    """
    if layer.beside == OF_POSITION:
        return n, 0
    if layer.beside == OF_FRAME:
        return n * h * w, 0
    block = array.block if array.block else n
    side = block if n >= block else 0
    if array.apart < 3:
        side *= w
    if array.apart < 2:
        side *= h
    if array.apart < 1:
        side *= t
    return side, n % block


@kernel
def group_cycles(layer: Layer, array: Array, outputs: int, c: int, is_first: int, is_last: int) -> Group:
    """Return the cycles of a group of ``outputs`` side by side.

    Intermediate tensors are read where results drain, in turns.
    """
    bits, works = outputs * layer.activation_bits, operations(layer, c)
    looks, back = readings(layer, c) * layer.sources, array.reads_back
    load = max(input_port(array, bits) if layer.sources > back else 0, output_port(array, bits) if back else 0)
    feed = max(works - looks + 1, 1)
    compute, drain = (looks - 1) * load + feed, updating_cycles(layer, array, outputs, is_first, is_last)
    if back:
        turns = readings(layer, c) * back * output_port(array, bits) + drain
        if turns > compute:
            # The last operand is worked on till then, and the next group's first is loaded beside it.
            feed += turns - compute
            compute = turns
    return Group(load, feed, compute, drain, 1 if compute > max(works, looks) else 0)


@kernel
def vector_pace(
    layer: Layer, array: Array, n: int, t: int, h: int, w: int, c: int, is_first: int, is_last: int
) -> Pace:
    """Return the cycles of a vector step of n channels of t x h x w outputs.

    Full groups come first, then the others: of whole blocks of channels, then of those that are left.
    """
    sides, lanes = beside(layer, array, n, t, h, w), array.vector_lanes
    load = head = body = drains = ports = 0
    before = Group(0, 0, 0, 0, 0)
    for sort in range(4):
        side = sides[0] if sort < 2 else sides[1]
        if side == 0:
            continue
        channels = n - sides[1] if sort < 2 else sides[1]
        times, full = channels * t * h * w // side, ceiling(side, lanes) - 1
        count = times if sort % 2 else times * full
        if count == 0:
            continue
        outputs = side - full * lanes if sort % 2 else lanes
        group = group_cycles(layer, array, outputs, c, is_first, is_last)
        if head:
            drains += max(before.drain - group.compute, 0)
            body += max(group.load - before.feed, 0) + group.compute
            ports += max(group.load - before.feed, 0)
        else:
            load, head = group.load, group.compute
        waits, loads = max(group.drain - group.compute, 0), max(group.load - group.feed, 0)
        drains += (count - 1) * waits
        body += (count - 1) * (loads + group.compute)
        ports += (count - 1) * loads + count * group.binds * group.compute
        before = group
    return Pace(load, before.feed, head, body + drains, before.drain, drains, ports)


@kernel
def vector_entry(pace: Pace, fill: int) -> int:
    """Return the cycles from the start of a vector step to its first operation where nothing is made meanwhile."""
    return fill + pace.load - 1


@kernel
def vector_cycles(
    layer: Layer, array: Array, n: int, t: int, h: int, w: int, c: int, is_first: int, is_last: int
) -> int:
    """Return the cycles of a vector step from its first operation on, but for the last drain."""
    pace = vector_pace(layer, array, n, t, h, w, c, is_first, is_last)
    return pace.head + pace.body
