"""Layers that move nothing, as an address can do what they say: their outputs lie where their inputs do.

A slice begins somewhere within its input; a reshape or permutation that leaves the order of elements is its input; what
an interleave puts in turns, or a concatenation behind each other, is written there at once. That takes channel blocks
that suit all tensors which lie in one another: the block of fewest bursts is taken that does, unless it costs more than
a copy. All else is copied.
"""

from __future__ import annotations

from functools import singledispatch
from typing import TYPE_CHECKING

from lw3dsim.base.integers import NEVER
from lw3dsim.base.values import Value, replace
from lw3dsim.describe.clocks import make_clocks
from lw3dsim.describe.moves import DIMENSIONS, Concat, Interleave, Permute, Reshape, Slice
from lw3dsim.describe.products import Linear
from lw3dsim.machine.problem import layout_block
from lw3dsim.tensor.layout import block_sizes, bursts_in_block, packed_in_fewer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.workload import AnyLayer, Layer, Shape, Workload

POINT = (1, 1, 1)


class Rows(Value, frozen=True, kw_only=True):
    """Channel blocks of ``block`` channels on a design: what decides where rows and pixels begin."""

    block: int
    element_bits: int
    burst_bits: int

    def is_whole(self, positions: int) -> bool:
        """Return whether so many positions of a row end where a burst does."""
        bits = self.block * self.element_bits
        return bits > self.burst_bits or positions * bits % self.burst_bits == 0


@singledispatch
def can_be(layer: Layer, inputs: Sequence[Shape], output: Shape, rows: Rows) -> bool:  # noqa: ARG001  # most can not
    """Return whether addresses do what ``layer`` says where all its tensors are in such blocks; by default not."""
    return False


@can_be.register(Slice)
def _slice(layer: Slice, inputs: Sequence[Shape], output: Shape, rows: Rows) -> bool:
    if rows.block > min(output.channels, inputs[0].channels):
        return False
    if layer.dim == "channels":
        return layer.step == 1 and layer.start % rows.block == 0
    return layer.dim != "width" or (layer.step == 1 and rows.is_whole(layer.start))


@can_be.register(Reshape)
def _reshape(layer: Reshape, inputs: Sequence[Shape], output: Shape, rows: Rows) -> bool:  # noqa: ARG001
    """Return whether positions follow each other as before: rows are as long, or none ends within a burst."""
    before = inputs[0]
    is_even = before.width == output.width or all(rows.is_whole(shape.width) for shape in (before, output))
    return before.channels == output.channels and is_even


@can_be.register(Permute)
def _permute(layer: Permute, inputs: Sequence[Shape], output: Shape, rows: Rows) -> bool:
    """Return whether only dimensions of size 1 change places."""
    places = [DIMENSIONS.index(name) for name in layer.order if getattr(inputs[0], name) > 1]
    keeps_channels = inputs[0].channels == output.channels and layer.order[0] == "channels"
    is_even = inputs[0].width == output.width or all(rows.is_whole(shape.width) for shape in (inputs[0], output))
    return keeps_channels and places == sorted(places) and is_even


@can_be.register(Interleave)
def _interleave(layer: Interleave, inputs: Sequence[Shape], output: Shape, rows: Rows) -> bool:  # noqa: ARG001
    """Return whether phases are written in whole bursts: along W a pixel has to be of some."""
    return rows.block <= output.channels and (layer.apart[2] == 1 or rows.is_whole(1))


@can_be.register(Concat)
def _concat(layer: Concat, inputs: Sequence[Shape], output: Shape, rows: Rows) -> bool:  # of all inputs
    """Return whether every input begins where a block of channels does, along W where a burst does."""
    *before, _ = inputs
    if layer.dim == "channels":
        is_whole = all(shape.channels % rows.block == 0 for shape in before)
        return is_whole and rows.block <= min(shape.channels for shape in inputs)
    fits = rows.block <= output.channels
    return fits and (layer.dim != "width" or all(rows.is_whole(shape.width) for shape in before))


def bare_of_moves(network: Workload) -> Workload:
    """Return ``network`` without all layers that may be views on some design: for bounds of many designs at once."""
    moves = tuple(layer for layer in network.layers if can_be.dispatch(type(layer)) is not can_be.dispatch(object))
    return _without(network, moves, {})


def viewed(network: Workload, arch: Accelerator) -> Workload:
    """Return ``network`` as it lies in the DRAM of ``arch``: layers that move nothing are its ``views``, found once."""
    makers = [layer for layer in network.layers if can_be.dispatch(type(layer)) is not can_be.dispatch(object)]
    if not makers or network.views:
        return network
    found = _Found(network, arch)
    # What is joined with more in another place lies in that: the longest first.
    for layer in sorted(makers, key=lambda one: -len(one.inputs) if isinstance(one, Concat) else -NEVER):
        found.try_view(layer)
    views = tuple(layer for layer in makers if layer in found.views)
    return replace(_without(network, views, found.blocks), packed=found.packed())


def in_packed(network: Workload) -> Workload:
    """Return ``network`` with the tensors that lie in one another in packed rows, where that takes fewer bursts."""
    return replace(network, blocks={**network.blocks, **network.packed})


def as_given(network: Workload, layouts: Mapping[str, int]) -> Workload:
    """Return the same where ``layouts`` say so of all of these tensors that they name, else ``network`` as it lies."""
    said = [layouts[name] == block for name, block in network.packed.items() if name in layouts]
    return in_packed(network) if said and all(said) else network


def _without(network: Workload, views: tuple[AnyLayer, ...], blocks: dict[str, int]) -> Workload:
    layers = tuple(layer for layer in network.layers if layer not in views)
    if not views or not layers:
        return network
    return replace(network, layers=layers, views=views, blocks=blocks)


class _Found:
    """The views of a network so far, and in which blocks the tensors are that lie in one another."""

    def __init__(self, network: Workload, arch: Accelerator) -> None:
        self._network, self._arch = network, arch
        self._burst_bytes = make_clocks(arch).burst_bytes
        self._sets: dict[str, tuple[str, ...]] = {}
        self.views: list[AnyLayer] = []
        self.blocks: dict[str, int] = {}
        # What lies in something else, and as which part: a tensor can be in one place alone.
        self._placed: dict[str, tuple[str, int]] = {}

    def try_view(self, layer: AnyLayer) -> None:
        """Take ``layer`` as a view, where there are blocks for it."""
        network = self._network
        if _is_flattened(network, layer):
            self.views.append(layer)
            return
        takes_in = isinstance(layer, Interleave | Concat) and not self._is_run(layer)
        inside = layer.inputs if takes_in else (layer.name,)
        is_clip = takes_in and not network.inputs.keys().isdisjoint(inside)
        if is_clip or not self._placed.keys().isdisjoint(inside) or len(set(layer.inputs)) < len(layer.inputs):
            return
        host = layer.name if takes_in else layer.inputs[0]
        places = {name: (host, number) for number, name in enumerate(inside)}
        if self._joins_vectors(layer):
            self.views.append(layer)
            self._placed |= places
            return
        tied = {name for one in (*layer.inputs, layer.name) for name in self._sets.get(one, (one,))}
        block = self._block(layer, tuple(sorted(tied)))
        if block:
            self.views.append(layer)
            self._placed |= places
            for name in tied:
                self._sets[name], self.blocks[name] = tuple(sorted(tied)), block

    def _is_run(self, layer: AnyLayer) -> bool:
        """Return whether the inputs of a concatenation lie behind each other in a longer one of the same dimension."""
        if not isinstance(layer, Concat) or layer.inputs[0] not in self._placed:
            return False
        name, first = self._placed[layer.inputs[0]]
        host = next((view for view in self.views if view.name == name), None)
        if not isinstance(host, Concat) or host.dim != layer.dim:
            return False
        return host.inputs[first : first + len(layer.inputs)] == layer.inputs

    def _joins_vectors(self, layer: AnyLayer) -> bool:
        """Return whether a layer joins vectors, all but the last of whole bursts: they have but one layout."""
        if not isinstance(layer, Concat) or self._network.shapes[layer.name].extent != POINT:
            return False
        bits = self._bits(layer)
        *before, _ = self._network.input_shapes(layer)
        whole = all(shape.channels * bits % (8 * self._burst_bytes) == 0 for shape in before)
        return layer.dim == "channels" and whole

    def _block(self, layer: AnyLayer, tied: tuple[str, ...]) -> int:
        """Return the block in which ``tied`` tensors are smallest and ``layer`` is a view, 0 where there is none."""
        network, arch = self._network, self._arch
        shapes = [network.shapes[name] for name in tied]
        views = [view for view in (*self.views, layer) if view.name in tied and not _is_flattened(network, view)]
        bits = self._bits(layer)
        own = [layout_block(shape, arch, bits) for shape in shapes]
        tried = {size for shape in shapes for size in block_sizes(arch.dram.channel_block, shape.channels)}
        together = {name for one in network.layers if one not in views and len(one.streams) > 1 for name in one.streams}
        fixed = {
            block
            for name, shape, block in zip(tied, shapes, own, strict=True)
            if arch.dram.layout != "auto" or shape.extent == POINT or name in together
        }
        if len(fixed) > 1:
            return 0
        fitting = [block for block in fixed or tried if all(self._can_be(view, block) for view in views)]
        if not fitting:
            return 0
        best = min(fitting, key=lambda block: (sum(self._bursts(shape, block, bits) for shape in shapes), block))
        taken = sum(self._bursts(shape, best, bits) for shape in shapes)
        least = sum(self._bursts(shape, block, bits) for shape, block in zip(shapes, own, strict=True))
        # A copy reads and writes what it makes.
        copied = 2 * sum(self._bursts(network.shapes[view.name], best, bits) for view in views)
        return best if taken - least <= copied else 0

    def packed(self) -> dict[str, int]:
        """Return the blocks, with packed rows, of all tensors that lie in one another and take fewer bursts so."""
        network, found = self._network, dict[str, int]()
        moved = [one for one in network.layers if one not in self.views and len(one.streams) > 1]
        together = {name for one in moved for name in one.streams}
        for tied in sorted(set(self._sets.values())):
            views = [view for view in self.views if view.name in tied and not _is_flattened(network, view)]
            block = self._packed_block(tied, views)
            if block and together.isdisjoint(tied):
                found |= dict.fromkeys(tied, block)
        return found

    def _packed_block(self, tied: tuple[str, ...], views: Sequence[AnyLayer]) -> int:
        """Return the block of packed rows in which ``tied`` tensors are smallest, 0 where they are no smaller so."""
        shapes, bits = [self._network.shapes[name] for name in tied], self._bits(views[0])
        # Planes are whole bursts: what lies in one another has to have the same.
        if self._arch.dram.layout != "auto" or len({shape.extent[1:] for shape in shapes}) > 1:
            return 0
        usual = {size for shape in shapes for size in block_sizes(self._arch.dram.channel_block, shape.channels)}
        fitting = [block for block in usual if all(self._can_be(view, block) for view in views)]

        def bursts(block: int) -> int:
            return sum(self._bursts(shape, block, bits) for shape in shapes)

        return min(packed_in_fewer(fitting, bursts), key=lambda block: (bursts(block), -block), default=0)

    def _can_be(self, view: AnyLayer, block: int) -> bool:
        rows = Rows(block=block, element_bits=self._bits(view), burst_bits=8 * self._burst_bytes)
        return can_be(view, self._network.input_shapes(view), self._network.shapes[view.name], rows)

    def _bits(self, layer: AnyLayer) -> int:
        """Return the width of what a move reads and makes."""
        return self._network.tensor_bits.get(layer.name, self._arch.precision.activation_bits)

    def _bursts(self, shape: Shape, block: int, bits: int) -> int:
        return bursts_in_block(shape.channels, shape.extent, bits, self._burst_bytes, block)


def _is_flattened(network: Workload, layer: AnyLayer) -> bool:
    """Return whether a layer makes a vector that linear layers alone read: they read any tensor as one."""
    users = network.consumers(layer.name)
    is_vector = isinstance(layer, Reshape) and network.shapes[layer.name].extent == POINT
    return is_vector and bool(users) and all(isinstance(user, Linear) for user in users)
