"""Words that pass the ports of the buffers in a step: SRAM is paid by the word, a part of one as all of it.

They are those of the cycles in :mod:`lw3dsim.machine.waves` and :mod:`lw3dsim.machine.vector`: a run of a patch, the
weights of a round, the outputs of a depth and the operand of a group each begin a word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.base.integers import ceiling
from lw3dsim.base.kernels import kernel
from lw3dsim.machine.vector import beside, readings
from lw3dsim.machine.waves import kept_outputs, own_inputs, weight_uses

if TYPE_CHECKING:
    from lw3dsim.machine.records import Array, Layer
    from lw3dsim.machine.step import Costs
    from lw3dsim.machine.waves import Waves


@kernel
def wave_words(
    layer: Layer, array: Array, c: int, is_first: int, is_last: int, waves: Waves, sort: int, costs: Costs, i: int
) -> None:
    """Add the words that the waves of a ``sort`` read and write to the costs of step ``i``, of ``c`` input channels."""
    count, channels = waves.number[sort], waves.channels[sort]
    rounds, wide = count * waves.rounds[sort], min(c, array.chunk)
    read = costs.intermediate_read_words if array.reads_back else costs.ifmap_read_words
    word = array.ofmap_word_bits if array.reads_back else array.ifmap_word_bits
    run = waves.run[sort] * own_inputs(layer, channels) * wide * layer.activation_bits
    read[i] += rounds * waves.runs[sort] * ceiling(run, word)
    uses = weight_uses(array, waves.tiles[sort])
    weights = uses * channels * wide * layer.kernel_bits // array.tap_groups
    costs.weight_read_words[i] += rounds * ceiling(weights, array.weight_word_bits)
    if not is_first:
        costs.partial_words[i] += count * drained_words(layer, array, waves, sort, layer.accumulator_bits)
    if is_last:
        write = costs.intermediate_write_words if array.keeps else costs.result_words
        write[i] += count * drained_words(layer, array, waves, sort, layer.output_bits)


@kernel
def drained_words(layer: Layer, array: Array, waves: Waves, sort: int, bits: int) -> int:
    """Return the words of what a wave of a ``sort`` drains, depth by depth, of so many ``bits`` each."""
    channels, tiles = waves.channels[sort], waves.tiles[sort]
    deep, of_tile = ceiling(tiles, array.lanes), layer.tile[0] * layer.tile[1] * layer.tile[2]
    each, all_outputs = channels * bits, waves.outputs[sort]
    if deep == 1 or all_outputs == tiles * of_tile:
        before = (deep - 1) * array.lanes * of_tile
        full = ceiling(each * array.lanes * of_tile, array.ofmap_word_bits)
        return (deep - 1) * full + ceiling(each * (all_outputs - before), array.ofmap_word_bits)
    words, before = 0, 0
    for depth in range(deep):
        upto = kept_outputs(layer, waves, sort, min((depth + 1) * array.lanes, tiles))
        words += ceiling(each * (upto - before), array.ofmap_word_bits)
        before = upto
    return words


@kernel
def vector_words(
    layer: Layer, array: Array, n: int, c: int, t: int, h: int, w: int, is_first: int, is_last: int, costs: Costs,
    i: int,
) -> None:  # fmt: skip
    """Fill in the words that vector step ``i`` reads and writes."""
    looks, positions = readings(layer, c), t * h * w
    full, rest = beside(layer, array, n, t, h, w)
    times = (n - rest) * positions // full if full else 0
    inputs = step_words(array, full, times, rest, positions, layer.activation_bits, array.ifmap_word_bits)
    inner = step_words(array, full, times, rest, positions, layer.activation_bits, array.ofmap_word_bits)
    costs.ifmap_read_words[i] = looks * (layer.sources - array.reads_back) * inputs
    costs.intermediate_read_words[i] = looks * array.reads_back * inner
    costs.weight_read_words[i] = ceiling(n * layer.kernel_bits, array.weight_word_bits)
    if not is_first:
        costs.partial_words[i] = step_words(
            array, full, times, rest, positions, layer.accumulator_bits, array.ofmap_word_bits
        )
    if is_last:
        write = costs.intermediate_write_words if array.keeps else costs.result_words
        write[i] = step_words(array, full, times, rest, positions, layer.output_bits, array.ofmap_word_bits)


@kernel
def step_words(array: Array, full: int, times: int, rest: int, positions: int, bits: int, word_bits: int) -> int:
    """Return the words of values of ``bits`` each: ``full`` side by side so many times, ``rest`` at every position."""
    words = times * group_words(full, array.vector_lanes, bits, word_bits) if full else 0
    return words + (positions * group_words(rest, array.vector_lanes, bits, word_bits) if rest else 0)


@kernel
def group_words(side: int, lanes: int, bits: int, word_bits: int) -> int:
    """Return the words of ``side`` values of ``bits`` each that come in groups of as many as there are lanes."""
    full = ceiling(side, lanes) - 1
    return full * ceiling(lanes * bits, word_bits) + ceiling((side - full * lanes) * bits, word_bits)
