"""The fewest bursts of a layer by the block in which its input lies, and by that of its output: plain integer code.

Each with the other tensor in the best of its blocks, in one pass over all tilings: none has to be searched for each
pair of blocks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.base.integers import NEVER, ceiling
from lw3dsim.base.kernels import entry, kernel, read
from lw3dsim.machine.records import DENSE
from lw3dsim.map.layer.room import strip_of, tiles_fit, weights_fit
from lw3dsim.map.layer.sums import channels_of_tiles, input_channels, planes_of_tiles, rows_of_tiles
from lw3dsim.map.layer.tiling import (
    TILES_OUTER,
    WEIGHTS_OUTER,
    Tiling,
    input_repeats,
    least_row,
    spatial_tiles,
    weight_loads,
)
from lw3dsim.tensor.bursts import Rows

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Words
    from lw3dsim.machine.records import Layer
    from lw3dsim.map.layer.tiling import Choices, Task

UNKNOWN = -1


class Blocks(NamedTuple):
    """The blocks that a tensor may lie in: ``layouts``, Rows behind each other, and what each moves ``least``, of all.

    Scratch, by block: what tiles of each size along N (of an input that is reduced C) touch, ``whole`` blocks and
    ``columns``; by block, H and W the bursts of a plane's tiles, rows of any plane alike where H does not matter; what
    the tiling at hand moves ``now``. UNKNOWN is what was not looked at.
    """

    layouts: Words
    least: Words
    whole: Words
    columns: Words
    planes: Words
    now: Words


@entry
def bound_blocks(task: Task, inputs: Blocks, outputs: Blocks, burst_bits: int, most: int) -> None:
    """Fill in what is moved at least with each tensor in each of its blocks; ``most`` where that is as much, or more.

    Nothing is left out by guess: a tiling is not looked at in every block where it moves as much without any waste.
    """
    choices = task.choices
    for of in (inputs, outputs):
        for block in range(len(of.least)):
            of.least[block] = most
    _, span = least_row(choices.w)
    for c in range(len(choices.c.size)):
        for n in range(len(choices.n.size)):
            at = Tiling(n, c, 0, 0, 0)
            if not weights_fit(task, at) or without_waste(task, at, span, burst_bits) >= most:
                continue
            for t in range(len(choices.t.size)):
                if without_waste(task, Tiling(n, c, t, 0, 0), span, burst_bits) >= most:
                    continue
                for h in range(len(choices.h.size)):
                    if without_waste(task, Tiling(n, c, t, h, 0), span, burst_bits) >= most:
                        continue
                    strip = strip_of(task, Tiling(n, c, t, h, 0))
                    for w in range(len(choices.w.size)):
                        at = Tiling(n, c, t, h, w)
                        if without_waste(task, at, choices.w.span[w], burst_bits) < most and tiles_fit(task, strip, w):
                            try_blocks(task, at, inputs, outputs)


@kernel
def without_waste(task: Task, at: Tiling, span: int, burst_bits: int) -> int:
    """Return the bursts that a tiling, cut as ``at`` or further, moves at least: rows of inputs span so many pixels."""
    layer, choices = task.layer, task.choices
    channels = layer.groups * layer.c if layer.structure == DENSE else input_channels(layer, layer.n, layer.c)
    positions = layer.sources * choices.t.needed[at.t] * choices.h.needed[at.h] * span
    inputs = ceiling(channels * positions * layer.activation_bits, burst_bits)
    made = layer.groups * layer.n * layer.out[0] * layer.out[1] * layer.out[2] * layer.output_bits
    return ceiling(made, burst_bits) + min(
        input_repeats(layer, choices, at, WEIGHTS_OUTER) * inputs + weight_loads(layer, choices, at, WEIGHTS_OUTER),
        input_repeats(layer, choices, at, TILES_OUTER) * inputs + weight_loads(layer, choices, at, TILES_OUTER),
    )


@kernel
def try_blocks(task: Task, at: Tiling, inputs: Blocks, outputs: Blocks) -> None:
    """Count what a tiling moves with the input, and with the output, in each of its blocks."""
    layer, choices = task.layer, task.choices
    fewest_in, fewest_out = read_now(layer, choices, at, inputs), stored_now(layer, choices, at, outputs)
    for order in range(2):
        if order == TILES_OUTER and (choices.n.parts[at.n] == 1 or spatial_tiles(choices, at) == 1):
            continue
        repeats, weights = input_repeats(layer, choices, at, order), weight_loads(layer, choices, at, order)
        for block in range(len(inputs.least)):
            moved = repeats * inputs.now[block] + weights + fewest_out
            inputs.least[block] = min(inputs.least[block], moved)
        for block in range(len(outputs.least)):
            moved = repeats * fewest_in + weights + outputs.now[block]
            outputs.least[block] = min(outputs.least[block], moved)


@kernel
def read_now(layer: Layer, choices: Choices, at: Tiling, of: Blocks) -> int:
    """Fill in the bursts of all input tiles once, by block, and return the fewest."""
    fewest, many = NEVER, len(of.least)
    size = at.c if layer.structure == DENSE else at.n
    for block in range(many):
        rows, channels = read(Rows, of.layouts, block), size * many + block
        if of.whole[channels] == UNKNOWN:
            if layer.structure == DENSE:
                touched = channels_of_tiles(layer.groups, layer.c, 1, 1, rows, choices.c.size[size])
            else:
                each = input_channels(layer, layer.group_n, layer.c)
                touched = channels_of_tiles(1, layer.n, each, layer.group_n, rows, choices.n.size[size])
            of.whole[channels], of.columns[channels] = touched
        plane = plane_of(layer, choices, at, of, rows, block, 1)
        frame = of.whole[channels] * plane + of.columns[channels] * choices.w.span[at.w] * choices.h.needed[at.h]
        of.now[block] = layer.sources * choices.t.needed[at.t] * frame
        fewest = min(fewest, of.now[block])
    return fewest


@kernel
def stored_now(layer: Layer, choices: Choices, at: Tiling, of: Blocks) -> int:
    """Fill in the bursts of all output tiles, by block, and return the fewest."""
    fewest, many = NEVER, len(of.least)
    for block in range(many):
        rows, channels = read(Rows, of.layouts, block), at.n * many + block
        if of.whole[channels] == UNKNOWN:
            touched = channels_of_tiles(layer.groups, layer.n, 1, 1, rows, choices.n.size[at.n])
            of.whole[channels], of.columns[channels] = touched
        plane = plane_of(layer, choices, at, of, rows, block, 0)
        frame = of.whole[channels] * plane + of.columns[channels] * layer.out[2] * layer.out[1]
        of.now[block] = layer.out[0] * frame
        fewest = min(fewest, of.now[block])
    return fewest


@kernel
def plane_of(layer: Layer, choices: Choices, at: Tiling, of: Blocks, rows: Rows, block: int, is_input: int) -> int:
    """Return the bursts of all tiles of a plane of a block, counted when they are first asked for."""
    heights, widths = len(choices.h.size), len(choices.w.size)
    if rows.row_pixels:
        place = (block * heights + at.h) * widths + at.w
        if of.planes[place] == UNKNOWN:
            of.planes[place] = planes_of_tiles(layer, rows, choices.h.size[at.h], choices.w.size[at.w], is_input)
        return of.planes[place]
    place = block * heights * widths + at.w
    if of.planes[place] == UNKNOWN:
        of.planes[place] = rows_of_tiles(layer, rows, choices.w.size[at.w], is_input)
    return of.planes[place] * (choices.h.needed[at.h] if is_input else layer.out[1])
