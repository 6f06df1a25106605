"""Cycles and events of a step, as written down in ``docs/microarchitecture.md``: plain integer code."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.base.integers import ceiling
from lw3dsim.base.kernels import kernel
from lw3dsim.machine.pace import FOR_DRAIN, FOR_LOAD, array_cycles, entry_cycles, first_wave, waiting_cycles
from lw3dsim.machine.records import VECTOR
from lw3dsim.machine.vector import operations, readings, vector_cycles, vector_entry, vector_pace
from lw3dsim.machine.waves import LAST_SORT, SRAM_PORT, TRANSFORM, cost_waves, own_inputs, weight_uses
from lw3dsim.machine.words import vector_words, wave_words

if TYPE_CHECKING:
    from lw3dsim.base.arrays import Words
    from lw3dsim.machine.records import Array, Layer
    from lw3dsim.machine.waves import Waves


class Costs(NamedTuple):
    """Cycles and events of steps: head, body and drain, cycles by what binds, what is counted for the accounts.

    ``entry`` is from the start of a step to its first product, ``load`` of that the ports' part where another step is
    fed meanwhile, ``tail`` what the last round is fed for; the next step may be loaded meanwhile.
    ``row_cycles``, ``lane_cycles`` and ``products`` are those of cycles that multiply, of ``rows``, ``lanes`` and
    ``multipliers``. ``partial_words`` are those of partial sums that come back: as many are written.
    """

    entry: Words
    load: Words
    tail: Words
    rows: Words
    lanes: Words
    multipliers: Words
    head: Words
    body: Words
    drain: Words
    drain_stall: Words
    multiply: Words
    vector: Words
    sram_port: Words
    transform: Words
    row_cycles: Words
    lane_cycles: Words
    products: Words
    mults: Words
    accumulations: Words
    tree_adds: Words
    ifmap_read_bits: Words
    weight_read_bits: Words
    ofmap_read_bits: Words
    ofmap_write_bits: Words
    intermediate_read_bits: Words
    intermediate_write_bits: Words
    ifmap_read_words: Words
    weight_read_words: Words
    partial_words: Words
    result_words: Words
    intermediate_read_words: Words
    intermediate_write_words: Words
    staged_inputs: Words
    input_tiles: Words
    weight_kernels: Words
    output_tiles: Words
    vector_ops: Words


@kernel
def step_cycles(
    layer: Layer, array: Array, n: int, c: int, t: int, h: int, w: int, is_first: int, is_last: int, waves: Waves
) -> int:
    """Return the cycles of a step from its first product or operation on."""
    if layer.structure == VECTOR:
        return vector_cycles(layer, array, n, t, h, w, c, is_first, is_last)
    cost_waves(layer, array, n, c, t, h, w, is_first, is_last, waves)
    return array_cycles(waves)


@kernel
def array_step(
    layer: Layer, array: Array, c: int, is_first: int, is_last: int, waves: Waves, costs: Costs, i: int
) -> None:
    """Fill in the cycles and events of step ``i``, whose waves have been costed."""
    first = first_wave(waves)
    drains, loads = waiting_cycles(waves, FOR_DRAIN), waiting_cycles(waves, FOR_LOAD)
    costs.entry[i], costs.load[i] = entry_cycles(waves, array.fill_cycles), waves.load[first]
    costs.tail[i] = waves.feed[LAST_SORT]
    costs.head[i], costs.body[i] = waves.compute[first], drains + loads - waves.compute[first]
    costs.drain[i], costs.drain_stall[i] = waves.drain[LAST_SORT], drains
    costs.sram_port[i] = loads
    for j in range(waves.many[0]):
        sort = waves.used[j]
        costs.body[i] += waves.number[sort] * waves.compute[sort]
        add_cycles(layer, array, c, waves, sort, costs, i)
        add_events(layer, array, c, is_first, is_last, waves, sort, costs, i)
        wave_words(layer, array, c, is_first, is_last, waves, sort, costs, i)


@kernel
def add_cycles(layer: Layer, array: Array, c: int, waves: Waves, sort: int, costs: Costs, i: int) -> None:
    """Add the cycles of the waves of a ``sort`` to what binds them, and what works in those that multiply."""
    count, channels, tiles = waves.number[sort], waves.channels[sort], waves.tiles[sort]
    cycles = count * waves.compute[sort]
    if waves.cause[sort] == SRAM_PORT:
        costs.sram_port[i] += cycles
    elif waves.cause[sort] == TRANSFORM:
        costs.transform[i] += cycles
    else:
        rounds = ceiling(c, array.chunk)
        costs.multiply[i] += cycles
        # Sums, of which a layer's shares are taken once: a step is too short to round them.
        costs.row_cycles[i] += cycles * channels
        costs.lane_cycles[i] += count * rounds * layer.taps * array.cycles_per_tile * channels * tiles
        costs.products[i] += count * channels * tiles * layer.coordinates * layer.taps * c


@kernel
def add_events(
    layer: Layer, array: Array, c: int, is_first: int, is_last: int, waves: Waves, sort: int, costs: Costs, i: int
) -> None:
    """Add what the waves of a ``sort`` multiply, add, read, write and transform."""
    count, channels, tiles = waves.number[sort], waves.channels[sort], waves.tiles[sort]
    pixels, own, rounds = channels * waves.outputs[sort], own_inputs(layer, channels), ceiling(c, array.chunk)
    used = count * channels * tiles * layer.coordinates * layer.taps
    weights = count * weight_uses(array, tiles) * channels * c
    costs.mults[i] += used * c
    costs.accumulations[i] += used * rounds
    costs.tree_adds[i] += used * (c - rounds)
    read = costs.intermediate_read_bits if array.reads_back else costs.ifmap_read_bits
    read[i] += count * own * waves.patch[sort] * array.tap_groups * layer.activation_bits * c
    costs.weight_read_bits[i] += weights * layer.kernel_bits
    costs.ofmap_read_bits[i] += 0 if is_first else count * pixels * layer.accumulator_bits
    write = costs.intermediate_write_bits if array.keeps else costs.ofmap_write_bits
    write[i] += count * pixels * (layer.output_bits if is_last else layer.accumulator_bits)
    costs.staged_inputs[i] += count * own * tiles * layer.coordinates * layer.taps * c
    if layer.is_winograd:
        costs.input_tiles[i] += count * own * tiles * c * layer.taps
        costs.output_tiles[i] += count * channels * tiles
    if array.transforms_weights:
        costs.weight_kernels[i] += weights * layer.taps
    costs.vector_ops[i] += count * pixels * layer.ops_per_output if is_last else 0


@kernel
def vector_step(
    layer: Layer,
    array: Array,
    n: int,
    c: int,
    t: int,
    h: int,
    w: int,
    is_first: int,
    is_last: int,
    costs: Costs,
    i: int,
) -> None:
    """Fill in the cycles and events of vector step ``i``."""
    pace = vector_pace(layer, array, n, t, h, w, c, is_first, is_last)
    costs.entry[i], costs.load[i], costs.tail[i] = vector_entry(pace, array.fill_cycles), pace.load, pace.tail
    costs.head[i], costs.body[i], costs.drain[i] = pace.head, pace.body, pace.drain
    costs.drain_stall[i], costs.sram_port[i] = pace.drains, pace.ports
    costs.vector[i] = pace.head + pace.body - pace.drains - pace.ports
    outputs = n * t * h * w
    read = outputs * readings(layer, c) * layer.activation_bits
    costs.ifmap_read_bits[i] = (layer.sources - array.reads_back) * read
    costs.intermediate_read_bits[i] = array.reads_back * read
    costs.ofmap_read_bits[i] = 0 if is_first else outputs * layer.accumulator_bits
    write = costs.intermediate_write_bits if array.keeps else costs.ofmap_write_bits
    write[i] = outputs * (layer.output_bits if is_last else layer.accumulator_bits)
    costs.weight_read_bits[i] = n * layer.kernel_bits
    costs.vector_ops[i] = outputs * operations(layer, c)
    vector_words(layer, array, n, c, t, h, w, is_first, is_last, costs, i)


@kernel
def cost_step(
    layer: Layer, array: Array, n: int, c: int, t: int, h: int, w: int, is_first: int, is_last: int, waves: Waves,
    costs: Costs, i: int,
) -> None:  # fmt: skip
    """Fill in the ``costs``, all 0, of step ``i``, of the sizes ``n`` to ``w``.

    ``is_first``, ``is_last``: its place in the reduction.
    """
    costs.rows[i] = array.rows
    costs.lanes[i], costs.multipliers[i] = array.lanes, array.multipliers
    if layer.structure == VECTOR:
        vector_step(layer, array, n, c, t, h, w, is_first, is_last, costs, i)
    else:
        cost_waves(layer, array, n, c, t, h, w, is_first, is_last, waves)
        array_step(layer, array, c, is_first, is_last, waves, costs, i)
