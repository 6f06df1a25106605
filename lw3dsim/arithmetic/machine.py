"""Execute a schedule on tensors: load tiles, transform, multiply, accumulate, transform back, store.

Only tiles that the schedule has loaded are read, and every output element must
be stored exactly once; both are checked. Where sums may overflow, they are formed in the order of the array: input
channel by input channel (a chunk of them where adder trees take several at once), tap by tap; then what is
drained is added to the partial sum in the output buffer.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.arithmetic.computation import Computation, Peaks
from lw3dsim.arithmetic.direct import LOWEST
from lw3dsim.arithmetic.functions import Channels, among_channels, looked_up
from lw3dsim.arithmetic.number import Number, Tensor, divided
from lw3dsim.arithmetic.operands import Operands, applied, coordinates, make_operands, narrowed, phases
from lw3dsim.arithmetic.overflow import accumulated, held
from lw3dsim.arithmetic.place import Place, looked_at
from lw3dsim.arithmetic.running import as_frames, means, of_frames
from lw3dsim.base.arrays import equal_parts
from lw3dsim.machine.microarchitecture import plain_array
from lw3dsim.machine.problem import plain_layer
from lw3dsim.machine.waves import wave_shape
from lw3dsim.map.layer.mapping import output_axis

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lw3dsim.machine.microarchitecture import Machine
    from lw3dsim.machine.problem import Problem
    from lw3dsim.map.layer.mapping import Mapping
    from lw3dsim.schedule.program import Schedule


@dataclass(kw_only=True)
class Execution:
    """The machine's storage while a schedule runs: the tiles on chip, and the output in DRAM.

    A tile is computed wave by wave or, to the same values, at once.
    """

    problem: Problem
    machine: Machine
    number: Number
    computation: Computation
    sources: Sequence[Tensor]
    output: Tensor
    written: Tensor
    operands: Operands | None = None
    in_waves: bool = True
    peaks: Peaks = field(default_factory=Peaks)
    ifmap: Tensor = field(default_factory=lambda: np.zeros(0))
    kernels: Tensor = field(default_factory=lambda: np.zeros(0))
    ofmap: Tensor = field(default_factory=lambda: np.zeros(0))

    @property
    def may_overflow(self) -> bool:
        """Whether a sum may not fit its register."""
        return self.number.is_integer and self.problem.may_overflow

    def held(self, values: Tensor) -> Tensor:
        """Return sums of outputs as the vector unit and the output buffer hold them."""
        return held(values, self.problem.accumulator_bits, self.problem.overflow) if self.may_overflow else values


def execute(
    problem: Problem,
    mapping: Mapping,
    schedule: Schedule,
    machine: Machine,
    number: Number,
    computation: Computation,
    sources: Sequence[Tensor],
) -> tuple[Tensor, Peaks]:
    """Run every step of ``schedule``; return the output (N, T, H, W) and the largest magnitudes on the way.

    Raises AssertionError when an output element is not stored exactly once.
    """
    shape = (problem.groups * problem.n, *problem.out)
    run = Execution(
        problem=problem,
        machine=machine,
        number=number,
        computation=computation,
        sources=sources,
        output=np.zeros(shape, dtype="int64" if number.is_integer else number.dtype),
        written=np.zeros(shape, dtype=np.int8),
        operands=make_operands(problem, number) if problem.algorithm.is_winograd else None,
    )
    loads = set(schedule.ifmap.first.tolist())
    weight_loads = set(schedule.weight.first.tolist())
    loops = np.stack([getattr(schedule.loops, name) for name in "gnthwc"], axis=1).tolist()
    axis, ifmap, ofmap = output_axis(problem, 0, mapping.t), list[Tensor](), list[Tensor]()
    for step, (g, n, t, h, w, c) in enumerate(loops):
        frames = int(axis.first[t]), int(axis.outputs[t])
        places = Place.of(problem, mapping, g, n, frames, (h, w), c).by_segment(problem)
        if step in loads:
            ifmap = [load_ifmap(run, place) for place in places]
        if step in weight_loads:
            run.kernels = load_weights(run, places[0])
        if schedule.loops.is_first[step]:
            ofmap = [fresh_tile(run, place) for place in places]
        for i, place in enumerate(places):
            run.ifmap, run.ofmap = ifmap[i], ofmap[i]
            compute_tile(run, place)
            ofmap[i] = run.ofmap
            if schedule.loops.is_last[step]:
                store_tile(run, place)
    if not (run.written == 1).all():
        raise AssertionError("an output element was not stored exactly once")
    return run.output, run.peaks


def load_ifmap(run: Execution, place: Place) -> Tensor:
    """Bring a tile of every source on chip, its padding filled in; shape (sources, channels, T, H, W).

    For Winograd the tile is split into its phases: (sources, channels, phases, T, H, W).
    """
    problem = run.problem
    if problem.structure == "dense":
        first = place.group * problem.c
        channels = slice(first + place.c.start, first + place.c.stop)
    else:
        channels = slice(*(problem.input_channels_of(n) for n in (place.n.start, place.n.stop)))
    window = looked_at(problem, place)
    work = run.operands.work if run.operands is not None else _direct_type(run)
    shape = (len(run.sources), channels.stop - channels.start, *(length for _, length in window))
    tile = np.full(shape, _outside(run), dtype=work)
    into, taken, frames = [], [], problem.inp[0] // problem.segments
    begins, sizes = (place.segment * frames, 0, 0), (frames, *problem.inp[1:])
    for (first, length), begin, size in zip(window, begins, sizes, strict=True):
        low, high = max(first, 0), min(first + length, size)
        into.append(slice(low - first, max(high, low) - first))
        taken.append(slice(begin + low, begin + max(high, low)))
    for i, source in enumerate(run.sources):
        tile[i][(slice(None), *into)] = source[(channels, *taken)]
    return phases(tile, problem.algorithm.split) if problem.algorithm.is_winograd else tile


def _direct_type(run: Execution) -> str:
    """Return the type of direct computation: wide enough for the whole sum."""
    if run.computation.reduction != "sum" or run.computation.weights is None:
        return "int64" if run.number.is_integer else run.number.dtype
    taps = run.problem.algorithm.taps
    return run.number.working_type(2 * run.number.largest_product * run.problem.c * taps)


def _outside(run: Execution) -> float:
    if run.computation.reduction == "max":
        return LOWEST if run.number.is_integer else -np.inf
    return int(run.computation.reduction == "product")


def load_weights(run: Execution, place: Place) -> Tensor:
    """Bring a tile of kernels on chip, transformed where the algorithm wants it: (n, c, K, R, S) or coordinates."""
    problem = run.problem
    assert run.computation.weights is not None  # noqa: S101  # layers with weight loads have weights
    # Behind each other lie the sets of weights, and in each those of all groups.
    sets = place.segment if problem.own_weights else 0
    first = (sets * problem.groups + place.group) * problem.n
    kernels = run.computation.weights[first + place.n.start : first + place.n.stop, place.c]
    if run.operands is None:
        return kernels.astype(_direct_type(run), order="C")
    pieces = phases(kernels.astype(run.operands.work), problem.algorithm.split)
    transformed = applied(run.operands.G, pieces)
    run.peaks.weight = max(run.peaks.weight, _peak(transformed))
    operands = run.operands
    kept = narrowed(transformed, operands.weight_shift, problem.weight_bits, is_observed=operands.observed)
    return kept.astype(operands.work, copy=False)


def _peak(values: Tensor) -> float:
    return float(max(values.max(initial=0), -values.min(initial=0)))


def fresh_tile(run: Execution, place: Place) -> Tensor:
    """Open an output tile."""
    shape = (place.n.stop - place.n.start, *place.size)
    work = "int64" if run.number.is_integer else run.number.dtype
    return np.full(shape, _outside(run), dtype=work)


def compute_tile(run: Execution, place: Place) -> None:
    """Multiply (or pool) the tile, wave by wave, and add to the output tile."""
    if not run.problem.has_weights:
        _vector(run, place)
        return
    algorithm = run.problem.algorithm
    tiles = [-(-size // m) for size, m in zip(place.size, algorithm.tile, strict=True)]
    shape = wave_shape(plain_layer(run.problem), plain_array(run.machine), *place.size) if run.in_waves else tiles
    ranges = []
    for size, m, part in zip(place.size, algorithm.tile, shape, strict=True):
        counts = equal_parts(-(-size // m), part).tolist()
        starts = np.cumsum([0, *counts[:-1]]).tolist()
        ranges.append(list(zip(starts, counts, strict=True)))
    for wave in itertools.product(*ranges):
        result = _winograd_wave(run, wave) if run.operands is not None else _direct_wave(run, wave)
        keep, into = [], []
        for (start, count), m, size in zip(wave, algorithm.tile, place.size, strict=True):
            stop = min((start + count) * m, size)
            into.append(slice(start * m, stop))
            keep.append(slice(0, stop - start * m))
        at = (slice(None), *into)
        run.ofmap[at] = run.held(run.ofmap[at] + result[(slice(None), *keep)])


def _direct_wave(run: Execution, wave: Sequence[tuple[int, int]]) -> Tensor:
    problem = run.problem
    groups, chunk = _groups(problem, len(run.kernels)), run.machine.chunk
    channels, size = run.kernels.shape[1], [count for _, count in wave]
    K, R, S = problem.kernel
    taps = list(itertools.product(range(K), range(R), range(S)))
    # Per group one matrix of all taps' kernels, and one of the inputs that they meet.
    kernels = run.kernels.transpose(0, 2, 3, 4, 1).reshape(groups, -1, len(taps) * channels)
    windows = np.empty((groups, len(taps), channels, *size), dtype=run.ifmap.dtype)
    for i, tap in enumerate(taps):
        window = run.ifmap[0][(slice(None), *_reach(problem, wave, tap))]
        windows[:, i] = window.reshape(groups, channels, *size)
    windows = windows.reshape(groups, len(taps) * channels, -1)
    total = kernels @ windows
    if run.may_overflow:
        starts = [tap * channels + c for c in range(0, channels, chunk) for tap in range(len(taps))]
        ends = [at + min(chunk, channels - at % channels) for at in starts]
        terms = (kernels[..., a:b] @ windows[:, a:b] for a, b in zip(starts, ends, strict=True))
        magnitude = np.abs(kernels) @ np.abs(windows)
        total = accumulated(terms, total, magnitude, problem.register_bits, problem.overflow)
    return np.asarray(total.reshape(len(run.kernels), *size))


def _reach(problem: Problem, wave: Sequence[tuple[int, int]], tap: Sequence[int]) -> tuple[slice, ...]:
    """Return the inputs that a tap of the outputs of a wave takes."""
    return tuple(
        slice(start * s + i * d, start * s + i * d + (count - 1) * s + 1, s)
        for (start, count), i, d, s in zip(wave, tap, problem.dilation, problem.stride, strict=True)
    )


def _groups(problem: Problem, channels: int) -> int:
    """Return how many groups ``channels`` of a step are of."""
    return channels // problem.group_n if problem.structure == "grouped" else 1


def transformed_inputs(run: Execution, wave: Sequence[tuple[int, int]]) -> Tensor:
    """Return the coordinates of a wave of tiles of the input on chip: (channels, phases, tiles, coordinates)."""
    problem, operands = run.problem, run.operands
    assert operands is not None  # noqa: S101  # called for Winograd problems only
    algorithm = problem.algorithm
    # Within a phase Winograd runs with stride 1 where it tiles; elsewhere a tile is one output and steps by the stride.
    step = [m * s // p for m, s, p in zip(algorithm.tile, problem.stride, algorithm.split, strict=True)]
    first = [start * s for (start, _), s in zip(wave, step, strict=True)]
    counts = [count for _, count in wave]
    return coordinates(operands.BT, run.ifmap[0], first, counts, step, is_exact=run.number.is_integer)


def _winograd_wave(run: Execution, wave: Sequence[tuple[int, int]]) -> Tensor:
    problem, operands = run.problem, run.operands
    assert operands is not None  # noqa: S101  # called for Winograd problems only
    V = transformed_inputs(run, wave)
    run.peaks.data = max(run.peaks.data, _peak(V))
    V = narrowed(V, operands.data_shift, problem.data_bits, is_observed=operands.observed)
    V = V.astype(operands.work, copy=False)
    product = _coordinate_sums(run, V)
    if operands.is_narrowed:
        product = product * _powers(operands)
    result = applied(operands.AT, product, is_exact=run.number.is_integer)
    if run.number.is_integer:
        result = _descaled(result, operands, is_exact=not (operands.is_narrowed or run.may_overflow))
    # (n, tiles t, h, w, outputs t, h, w) -> (n, t, h, w)
    count = [c * m for (_, c), m in zip(wave, problem.algorithm.tile, strict=True)]
    return result.transpose(0, 1, 4, 2, 5, 3, 6).reshape(len(result), *count)


def _coordinate_sums(run: Execution, inputs: Tensor) -> Tensor:
    """Return kernels times inputs (channels, phases, tiles, coordinates), summed: (N, tiles, coordinates)."""
    problem, kernels = run.problem, run.kernels
    groups, (channels, taps) = _groups(problem, len(kernels)), kernels.shape[1:3]
    tiles, n = inputs.shape[2:5], inputs.shape[5:]
    # (coordinates, groups, N of a group, C) times (coordinates, groups, C, tiles), with C channels x phases. Only
    # matrices that lie together are multiplied fast.
    weights = kernels.reshape(groups, -1, channels * taps, math.prod(n)).transpose(3, 0, 1, 2)
    data = np.moveaxis(inputs, (-3, -2, -1), (0, 1, 2))
    data = np.ascontiguousarray(data).reshape(math.prod(n), groups, channels * taps, math.prod(tiles))
    total = np.ascontiguousarray(weights) @ data
    run.peaks.total = max(run.peaks.total, _peak(total))
    if run.may_overflow:
        terms = _rounds(weights, data, taps, run.machine.chunk)
        magnitude = np.abs(weights) @ np.abs(data)
        total = accumulated(terms, total, magnitude, problem.register_bits, problem.overflow)
    return np.asarray(total.transpose(1, 2, 3, 0).reshape(len(kernels), *tiles, *n))


def _rounds(weights: Tensor, data: Tensor, taps: int, chunk: int) -> Iterator[Tensor]:
    """Yield the products of one ``chunk`` of channels after another, by phase; C of both is channels x phases."""
    for first in range(0, weights.shape[-1], chunk * taps):
        for tap in range(taps):
            at = slice(first + tap, first + chunk * taps, taps)
            yield weights[..., at] @ data[..., at, :]


def _powers(operands: Operands) -> Tensor:
    """Return what shifts the products of narrowed operands back to their places."""
    return np.asarray((2 ** (operands.data_shift + operands.weight_shift)).astype(operands.work))


def _descaled(result: Tensor, operands: Operands, *, is_exact: bool) -> Tensor:
    """Divide by the scale of the integer matrices: exactly, or rounded where bits were lost."""
    if not is_exact:
        whole = result if result.dtype == object else result.astype(np.int64)
        return np.asarray((2 * whole + operands.scale) // (2 * operands.scale))
    whole = result // operands.scale
    if not (whole * operands.scale == result).all():
        raise AssertionError("a Winograd tile is not divisible by the scale of its transforms")
    return np.asarray(whole)


def _vector(run: Execution, place: Place) -> None:
    """Pool, add, multiply, difference, normalise or copy a tile."""
    problem, tile = run.problem, run.ifmap
    if run.computation.reduction == "trg":
        frames = tile.shape[2]
        total = tile[0][:, :1]
        for frame in range(1, frames):
            total = run.held(total + tile[0][:, frame : frame + 1])
        mean = divided(total, frames, run.number)
        run.ofmap[...] = np.concatenate([run.held(np.diff(tile[0], axis=1)), mean], axis=1)
        return
    if run.computation.reduction == "running_mean":
        kept, values = tile[0][:, : problem.sum_frames], tile[0][:, problem.sum_frames :]
        sums = run.held(of_frames(kept, run.number) + np.cumsum(values, axis=1))
        made = means(sums, run.computation.frames_before, run.number)
        run.ofmap[...] = np.concatenate([as_frames(sums[:, -1:], problem.sum_frames, run.number), made], axis=1)
        return
    if run.computation.reduction in ("softmax", "layer_norm"):
        channels, *space = place.outputs(problem)
        among = Channels(run.sources[0][(slice(None), *space)], channels.start, run.computation.groups)
        run.ofmap[...] = among_channels(run.computation, tile[0], among, run.number)
        if run.computation.weights is not None:
            run.ofmap = run.held(run.ofmap * run.kernels[:, 0])
        return
    window = list(problem.kernel)
    if problem.reduces_frames:
        window[0] = place.c.stop - place.c.start
    for tap in itertools.product(*(range(k) for k in window)):
        at = tuple(
            slice(i * d, i * d + (size - 1) * s + 1, s)
            for i, size, s, d in zip(tap, place.size, problem.stride, problem.dilation, strict=True)
        )
        part = tile[(slice(None), slice(None), *at)]
        if run.computation.reduction == "max":
            run.ofmap = np.maximum(run.ofmap, part[0])
            continue
        for source in part:
            is_product = run.computation.reduction == "product"
            run.ofmap = run.held(run.ofmap * source if is_product else run.ofmap + source)


def store_tile(run: Execution, place: Place) -> None:
    """Finish an output tile in the vector unit and write it to DRAM."""
    values, where, computation = run.ofmap, place.outputs(run.problem), run.computation
    if computation.divisors is not None:
        values = divided(values, computation.divisors[where[1:]], run.number)
    if computation.bias is not None:
        values = run.held(values + computation.bias[where[0], None, None, None])
    run.output[where] = looked_up(values, computation, run.number)
    run.written[where] += 1
