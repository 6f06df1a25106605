"""A layer as the mapper sees it: sizes, structure, widths; nothing of the graph is left."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lw3dsim.base.caches import kept, once
from lw3dsim.base.values import Value, replace
from lw3dsim.describe.dram_standards import DRAM_PRESETS
from lw3dsim.describe.shape import Widths
from lw3dsim.machine.forms import Mix, form_of
from lw3dsim.machine.records import BESIDE, STRUCTURES, Layer
from lw3dsim.tensor.layout import fewest_bursts_block

if TYPE_CHECKING:
    from lw3dsim.describe.accelerator import Accelerator, Overflow, Precision
    from lw3dsim.describe.workload import AnyLayer, Shape, Workload
    from lw3dsim.machine.forms import Form
    from lw3dsim.machine.records import Beside, Structure, Triple
    from lw3dsim.transform.algorithms import Algorithm


# Of a layer that says none.
WIDTHS = Widths()


class Problem(Value, frozen=True, kw_only=True, dict=True, gc=True):
    """One layer on one accelerator, with an algorithm, before tiling.

    ``dense`` layers have ``groups`` independent problems of ``n`` output and ``c``
    input channels. ``grouped`` layers share the rows of the array among their groups: ``n`` output channels of
    all of them, each the sum over the ``c`` input channels of its group of ``group_n``. Rows hold ``abreast``
    channels of a group at once, ``group_n`` a multiple of it. Of depthwise layers all three are 1. ``vector``
    layers (pool, add, mul, concat, trg, activation) have ``n`` channels; ``c`` is the
    number of window frames of a pool that leaves one frame, else 1. An output of theirs looks at each source ``reads``
    times, and the lanes work on outputs that lie ``beside`` each other: any, of a frame, or of a position. Sizes of
    ``out`` and ``inp`` are (T, H, W). ``kernel_bits`` is the stored size of the
    kernel of one (n, c) pair, transformed when weights are transformed offline.
    What it reads has ``activation_bits``, what it makes ``output_bits``, a weight ``factor_bits`` before it is
    transformed. ``register_bits`` is the width of an accumulator in a PE, ``accumulator_bits`` that of sums in the
    vector unit and of partial sums in the output buffer, ``transform_bits`` that of the output transform's adders,
    ``needed_bits`` what the widest of the first two needs in the worst case; where they have less, ``overflow`` says
    what happens.

    The clips of a ``batch`` lie one behind another along T, in ``out`` as in ``inp``. Where windows must not look
    from one into the next, T has as many ``segments``, each padded by itself; where no window can, it has one.
    ``own_weights``: the factors of every clip are its own, activations. Before the frames of every clip ``inp`` has
    ``state_frames`` of the clip before it in a stream, which stand where its padding does else; of a layer that makes
    ``means`` over ``whole_frames`` they hold sums, and so do as many in front of ``out``.
    """

    structure: Structure
    algorithm: Algorithm
    groups: int
    n: int
    c: int
    out: Triple
    inp: Triple
    kernel: Triple
    stride: Triple
    padding: Triple
    dilation: Triple
    sources: int
    ops_per_output: int
    mix: Mix
    whole_frames: bool
    means: int
    activation_bits: int
    output_bits: int
    accumulator_bits: int
    data_bits: int
    weight_bits: int
    factor_bits: int
    register_bits: int
    transform_bits: int
    needed_bits: int
    overflow: Overflow
    kernel_bits: int
    bias_bits: int
    input_block: int
    output_block: int
    group_n: int = 1
    abreast: int = 1
    batch: int = 1
    segments: int = 1
    reads: int = 1
    beside: Beside = "all"
    own_weights: bool = False
    state_frames: int = 0

    @property
    def may_overflow(self) -> bool:
        """Whether a sum of integers may not fit its register."""
        return self.overflow != "widen" and self.needed_bits > min(self.register_bits, self.accumulator_bits)

    @property
    def reduces_frames(self) -> bool:
        """Whether ``c`` counts window frames instead of input channels."""
        return self.structure == "vector" and self.c > 1

    @property
    def has_weights(self) -> bool:
        """Whether there is anything to multiply by."""
        return self.structure != "vector"

    @property
    def input_channels(self) -> int:
        """Channels of the input."""
        return self.groups * self.c if self.structure == "dense" else self.input_channels_of(self.n)

    @property
    def is_depthwise(self) -> bool:
        """Whether every channel is computed from itself alone."""
        return self.structure == "grouped" and self.group_n == self.c == 1

    @property
    def is_side_by_side(self) -> bool:
        """Whether rows hold several groups of channels, other than single channels that stand for themselves."""
        return self.structure == "grouped" and not self.is_depthwise

    def input_channels_of(self, n: int) -> int:
        """Return the input channels that ``n`` output channels read, whole groups of them; of a dense layer ``c``."""
        if self.structure == "dense":
            return self.c
        return n // self.group_n * self.c if self.structure == "grouped" else n

    @property
    def clip_frames(self) -> int:
        """Frames of the input of one clip."""
        return self.inp[0] // self.batch

    @property
    def segment(self) -> Triple:
        """Outputs (T, H, W) of one segment."""
        t, h, w = self.out
        return t // self.segments, h, w

    @property
    def shares_weights(self) -> bool:
        """Whether a tile may hold several whole segments: where they share weights."""
        return self.segments > 1 and self.has_weights and not self.own_weights

    def frame_tiles(self, tile: int) -> int:
        """Return the tiles of ``tile`` output frames, each of a part of a segment or of whole ones."""
        segment = self.segment[0]
        return self.segments * -(-segment // tile) if tile < segment else -(-self.out[0] // tile)

    @property
    def weight_sets(self) -> int:
        """How many sets of weights there are: one for all clips, or one for each."""
        return self.segments if self.own_weights else 1

    @property
    def sum_frames(self) -> int:
        """Frames before the outputs of a clip that hold sums for the next one."""
        return self.state_frames if self.means else 0

    @property
    def divider_bits(self) -> int:
        """Width of a sum over all frames, which a mean divides by their number."""
        if self.sum_frames:
            return self.accumulator_bits
        return self.activation_bits + (self.clip_frames - 1).bit_length()

    @property
    def outputs(self) -> int:
        """Number of output elements."""
        t, h, w = self.out
        return self.groups * self.n * t * h * w

    @property
    def macs(self) -> int:
        """MACs of the direct algorithm."""
        if self.structure == "vector":
            return 0
        k, r, s = self.kernel
        return self.outputs * self.c * k * r * s

    @once
    def ideal_mults(self) -> int:
        """Multiplications by the paper's formula, rounded up."""
        return self.ideal_mults_of(self.outputs)

    def ideal_mults_of(self, outputs: int) -> int:
        """Return the multiplications of so many output elements by the paper's formula, rounded up."""
        return -int(-(outputs * self.c * self.algorithm.mults_per_output) // 1) if self.has_weights else 0


# What becomes of sums that need more bits than are declared.
OUTCOMES: dict[Overflow, str] = {"widen": "widened", "saturate": "saturates", "wrap": "wraps"}


def width_note(problem: Problem, declared: int) -> str:
    """Return what happens where a layer's sums need more than the ``declared`` bits in the worst case, else nothing."""
    if problem.needed_bits <= declared:
        return ""
    return f"needs {problem.needed_bits} bits, {declared} declared: {OUTCOMES[problem.overflow]}"


def make_problem(
    layer: AnyLayer, inputs: tuple[Shape, ...], output: Shape, algorithm: Algorithm, arch: Accelerator, batch: int = 1,
    state: int = 0, widths: Widths = WIDTHS,
) -> Problem:  # fmt: skip
    """Build the problem of mapping ``layer``, for a ``batch`` of clips with so many frames of ``state`` before each."""
    form = form_of(layer, inputs, output)
    precision = form.precision(widths, arch.precision)
    output_bits = widths.outputs or arch.precision.activation_bits
    data_bits, weight_bits = operand_bits(algorithm, precision)
    sums = form.sum_widths(algorithm, precision, data_bits, weight_bits)
    one = Problem(
        structure=form.structure,
        algorithm=algorithm,
        groups=form.groups,
        n=form.n,
        c=form.c,
        out=output.extent,
        inp=form.shape.extent,
        kernel=form.kernel,
        stride=form.stride,
        padding=form.padding,
        dilation=form.dilation,
        sources=form.sources,
        reads=form.reads,
        beside=form.beside,
        ops_per_output=form.ops_per_output,
        mix=form.mix,
        whole_frames=form.whole_frames,
        means=form.means,
        activation_bits=precision.activation_bits,
        output_bits=output_bits,
        accumulator_bits=sums.output,
        data_bits=data_bits,
        weight_bits=weight_bits,
        factor_bits=precision.weight_bits,
        register_bits=sums.register,
        transform_bits=sums.transform,
        needed_bits=sums.needed,
        overflow=precision.overflow,
        kernel_bits=_kernel_bits(form, algorithm, arch, weight_bits, precision.weight_bits),
        bias_bits=precision.accumulator_bits if layer.biases(inputs) else 0,
        input_block=layout_block(form.shape, arch, precision.activation_bits),
        output_block=layout_block(output, arch, output_bits),
        own_weights=form.multiplies_inputs and form.structure != "vector",
        segments=form.matrices,
    )
    return in_batch(looking_back(one, state), batch)


def looking_back(problem: Problem, state: int) -> Problem:
    """Return the layer that finds so many frames of ``state`` before its clip, in the place of padding.

    What a move takes of them stands in the place of as much of the clip that the next one takes. Sums have as many bits
    as an accumulator, in frames of activations.
    """
    (frames, *space), (before, *margins) = problem.inp, problem.padding
    if state and problem.means:
        back = -(-problem.accumulator_bits // problem.activation_bits)
        both = frames + back, *space
        return replace(problem, inp=both, out=both, state_frames=back)
    back = min(state, max(before, 0))
    inp, padding = (frames + back, *space), (before - back, *margins)
    return replace(problem, inp=inp, padding=padding, state_frames=back) if back else problem


def problem_of(network: Workload, layer: AnyLayer, algorithm: Algorithm, arch: Accelerator) -> Problem:
    """Build the mapping problem of ``layer`` as it is in ``network``."""
    inputs, output = network.input_shapes(layer), network.shapes[layer.name]
    return make_problem(layer, inputs, output, algorithm, arch, *network.clips(layer))


def in_batch(problem: Problem, batch: int) -> Problem:
    """Return the layer that computes ``batch`` clips, which lie one behind another along T, instead of one.

    Where every output frame looks at its own input frame alone, they are one long clip; where a clip is one window,
    the outputs of all are one clip, with windows that do not overlap. Else they are as many segments.
    """
    if batch == problem.batch:
        return problem
    frames, read, stride = problem.out[0], problem.inp[0], problem.stride
    out, inp = (batch * frames, *problem.out[1:]), (batch * read, *problem.inp[1:])
    many = replace(problem, batch=batch, out=out, inp=inp)
    is_free = problem.padding[0] == 0 and not (problem.own_weights or problem.whole_frames or problem.reduces_frames)
    if problem.segments > 1:
        return replace(many, segments=batch * problem.segments)
    if is_free and problem.kernel[0] == stride[0] == 1 and frames == read:
        return many
    if is_free and _is_one_window(problem):
        return replace(many, stride=(read, *stride[1:]))
    return replace(many, segments=batch)


def _is_one_window(problem: Problem) -> bool:
    """Return whether all frames are one window of a layer with weights, whose algorithm takes each of them once."""
    algorithm = problem.algorithm
    is_plain = problem.dilation[0] == algorithm.tile[0] == algorithm.split[0] == 1
    return problem.has_weights and is_plain and problem.out[0] == 1 and problem.kernel[0] == problem.inp[0]


def _kernel_bits(form: Form, algorithm: Algorithm, arch: Accelerator, weight_bits: int, plain_bits: int) -> int:
    """Return the stored size of the kernel of one pair of channels, of ``plain_bits`` where it is not transformed."""
    if form.structure == "vector":
        return form.factors * plain_bits
    if algorithm.is_winograd and arch.winograd.weight_transform != "onchip":
        return algorithm.taps * algorithm.coordinates * weight_bits
    return math.prod(form.kernel) * plain_bits


def on_rows(problem: Problem, rows: int) -> tuple[Problem, ...]:
    """Return the ways to lay a layer on ``rows`` of PEs: group after group, and with several groups side by side.

    Side by side every row of a group reads the group's own input, and all input channels are summed up at once.
    Left out is what takes no fewer passes and reads no fewer inputs than another way.
    """
    if not has_groups(problem):
        return (problem,)
    ways, fewest = [problem], problem.groups * problem.n + 1
    for abreast in range(min(problem.n, rows), 0, -1):
        passes = -(-problem.groups // (rows // abreast)) * (problem.n // abreast)
        if problem.n % abreast == 0 and passes < fewest:
            ways.append(side_by_side(problem, abreast))
            fewest = passes
    return tuple(ways)


def has_groups(problem: Problem) -> bool:
    """Return whether a layer has groups that may lie side by side on the rows."""
    return problem.structure == "dense" and problem.groups > 1


def side_by_side(problem: Problem, abreast: int) -> Problem:
    """Return a layer with groups so that rows hold ``abreast`` output channels of several of them at once."""
    channels = problem.groups * problem.n
    return replace(problem, structure="grouped", groups=1, n=channels, group_n=problem.n, abreast=abreast)


def operand_bits(algorithm: Algorithm, precision: Precision) -> tuple[int, int]:
    """Return the multiplier's operand widths: full bit growth, or the declared narrower ones."""
    data = algorithm.data_bits(precision.activation_bits)
    weight = algorithm.weight_bits(precision.weight_bits)
    if algorithm.is_winograd:
        data = min(data, precision.transformed_data_bits or data)
        weight = min(weight, precision.transformed_weight_bits or weight)
    return data, weight


def layout_block(shape: Shape, arch: Accelerator, bits: int) -> int:
    """Return the channel block that a tensor of elements of so many ``bits`` is mapped in."""
    if shape.extent == (1, 1, 1):
        return shape.channels
    dram = arch.dram
    if dram.layout == "cthw":
        return 1
    if dram.layout == "blocked":
        return min(dram.channel_block, shape.channels)
    return fewest_bursts_block(
        shape.channels,
        shape.extent,
        bits,
        DRAM_PRESETS.get(dram.preset).burst_bytes,
        dram.channel_block,
    )


@kept(65536)
def plain_layer(problem: Problem) -> Layer:
    """Return ``problem`` in integers."""
    algorithm = problem.algorithm
    return Layer(
        structure=STRUCTURES[problem.structure],
        groups=problem.groups,
        group_n=problem.group_n,
        abreast=problem.abreast,
        n=problem.n,
        c=problem.c,
        out=problem.out,
        inp=problem.inp,
        kernel=problem.kernel,
        stride=problem.stride,
        padding=problem.padding,
        dilation=problem.dilation,
        tile=algorithm.tile,
        coordinates=algorithm.coordinates,
        taps=algorithm.taps,
        is_winograd=int(algorithm.is_winograd),
        reduces_frames=int(problem.reduces_frames),
        sources=problem.sources,
        reads=problem.reads,
        beside=BESIDE[problem.beside],
        ops_per_output=problem.ops_per_output,
        activation_bits=problem.activation_bits,
        output_bits=problem.output_bits,
        accumulator_bits=problem.accumulator_bits,
        kernel_bits=problem.kernel_bits,
        bias_bits=problem.bias_bits,
        segments=problem.segments,
        own_weights=int(problem.own_weights),
    )
