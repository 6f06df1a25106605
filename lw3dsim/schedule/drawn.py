"""A layer unrolled for the engine alone: its steps in ticks, and the DMA descriptors of its boxes: plain integer code.

What a candidate needs to be raced, in two calls: the first tells how much room the second fills.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.base.integers import ceiling
from lw3dsim.base.kernels import entry, kernel
from lw3dsim.schedule.program import AHEAD
from lw3dsim.schedule.unroll import cost_layer, unroll
from lw3dsim.tensor.runs import count_boxes, list_runs, list_tiles

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Words
    from lw3dsim.machine.records import Array, Layer
    from lw3dsim.machine.step import Costs
    from lw3dsim.machine.waves import Waves
    from lw3dsim.schedule.unroll import Meeting, Nest, Slots, Unrolled
    from lw3dsim.tensor.bursts import Rows
    from lw3dsim.tensor.runs import Cuts, Runs, Strides


class Tensor(NamedTuple):
    """The boxes of a tensor, and how it lies in DRAM."""

    rows: Rows
    strides: Strides
    cuts: Cuts


class Regions(NamedTuple):
    """What a layer moves: inputs, of so many alike ``sources``, weights, and its output, behind each other in DRAM.

    An input begins ``apart`` bursts behind the one before it, and weights behind the last; the output begins on a
    whole ``stripe`` of bursts behind them.
    """

    inputs: Tensor
    outputs: Tensor
    sources: int
    apart: int
    stripe: int


class Ticks(NamedTuple):
    """Per kind of step what a :class:`lw3dsim.engine.trace.Job` has of it."""

    entry: Words
    load: Words
    tail: Words
    head: Words
    body: Words
    drain: Words
    lead: Words


@entry
def draw(
    layer: Layer, array: Array, nest: Nest, slots: Slots, meeting: Meeting, burst_bits: int, regions: Regions,
    made: Unrolled, bursts: Words,
) -> tuple[int, int, int]:  # fmt: skip
    """Fill in ``made``, all 0, and the ``bursts`` of every box.

    Return the kinds of steps, and the runs of the inputs and of the output before any are joined.
    """
    kinds = unroll(layer, array, nest, slots, meeting, burst_bits, made)
    inputs, outputs, tiles = regions.inputs, regions.outputs, len(made.weight_bursts)
    reads = count_boxes(inputs.rows, inputs.cuts, regions.sources, bursts, 0)
    first = box_count(inputs.cuts)
    for tile in range(tiles):
        bursts[first + tile] = made.weight_bursts[tile]
    writes = count_boxes(outputs.rows, outputs.cuts, 1, bursts, first + tiles)
    return kinds, regions.sources * reads, writes


@kernel
def box_count(cuts: Cuts) -> int:
    """Return the boxes of a tensor."""
    return len(cuts.channel) * (len(cuts.frames) - 1) * (len(cuts.rows) - 1) * len(cuts.left)


@entry
def settle(
    layer: Layer, array: Array, nest: Nest, made: Unrolled, waves: Waves, cycle: int, costs: Costs, ticks: Ticks
) -> None:
    """Fill in the ``costs``, all 0, of the kinds of steps, and what an engine needs of them, a cycle in ticks."""
    cost_layer(layer, array, nest, made, waves, costs)
    for i in range(len(ticks.head)):
        ticks.entry[i], ticks.load[i], ticks.tail[i] = costs.entry[i], costs.load[i], costs.tail[i]
        ticks.head[i], ticks.body[i], ticks.drain[i] = costs.head[i], costs.body[i], costs.drain[i]
        ticks.lead[i] = AHEAD
    for column in (ticks.entry, ticks.load, ticks.tail, ticks.head, ticks.body, ticks.drain, ticks.lead):
        for i in range(len(column)):
            column[i] *= cycle


@entry
def list_layer(regions: Regions, tiles: Words, page: int, inputs: Words, output: Words, into: Runs) -> None:
    """List the DMA descriptors of every box; weights come in ``tiles`` of so many bursts.

    Where ``inputs``, so many words as there are, and ``output``, a word, begin is filled in. What lies in one ``page``
    may be joined, where that is not 0.
    """
    for i in range(len(inputs)):
        inputs[i] = i * regions.apart
    at = len(inputs) * regions.apart
    moved = 0
    for tile in range(len(tiles)):
        moved += tiles[tile]
    output[0] = at + ceiling(moved, regions.stripe) * regions.stripe
    of = regions.inputs
    box, runs = list_runs(of.rows, of.strides, of.cuts, inputs, page, into, 0, 0)
    box, runs = list_tiles(tiles, at, into, box, runs)
    of = regions.outputs
    list_runs(of.rows, of.strides, of.cuts, output, page, into, box, runs)
