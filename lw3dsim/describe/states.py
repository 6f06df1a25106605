"""State of a stream: what layers keep of the clips before, so that a stream of clips is one long clip to them.

A causal layer pads a clip with zeros before its first frame. In a stream those places have frames: the last ones of the
clip before. They stay in DRAM, where the layer before wrote them, in front of the frames of this clip: every tensor
that is looked back at lies in a ring of frames, and is written as it is without state. So the state costs reading,
and room in DRAM; what is new of it is part of what the layer before writes. A running mean keeps sums, which it reads
and writes itself.
"""

from __future__ import annotations

from functools import singledispatch
from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.base.values import replace
from lw3dsim.describe.moves import Concat, Interleave, Pad, Permute, Rearrange, Reshape, Slice, TemporalShift, Upsample
from lw3dsim.describe.products import Conv3d, Linear, Matmul
from lw3dsim.describe.vectors import Pool3d, RunningMean, Trg
from lw3dsim.describe.windows import as_margins
from lw3dsim.errors import InputError

if TYPE_CHECKING:
    from lw3dsim.describe.accelerator import Precision
    from lw3dsim.describe.workload import AnyLayer, Layer, Shape, StreamState, Workload


class Found(NamedTuple):
    """What a layer looks back at of the clips before, in frames; or why clips of a stream are not one clip to it."""

    frames: int = 0
    reason: str = ""


NONE = Found()


def keeping_state(network: Workload, mode: StreamState) -> Workload:
    """Return ``network`` whose layers keep state from clip to clip: ``all`` of them, those that are ``causal``, none.

    Raises InputError for the first layer that can't, where all are to.
    """
    if mode == "off":
        return replace(network, stream_state=mode, states={})
    found = {layer.name: found_of(network, layer) for layer in network.layers}
    for name, (_, reason) in found.items():
        if reason and mode == "all":
            raise InputError(
                f"stream_state = all: layer {name} of {network.name} {reason}, so a stream of clips is not one long "
                f"clip to it; change it, or give causal to run such layers clip by clip"
            )
    states = {name: one.frames for name, one in found.items() if one.frames}
    return replace(network, stream_state=mode, states=states)


def state_notes(network: Workload) -> tuple[str, ...]:
    """Return what there is to say of layers that keep no state though it is asked for."""
    if network.stream_state != "causal":
        return ()
    reasons = {layer.name: found_of(network, layer).reason for layer in network.layers}
    return tuple(f"{name} {reason}: it runs clip by clip" for name, reason in reasons.items() if reason)


def state_bytes(network: Workload, precision: Precision) -> dict[str, int]:
    """Return, by layer, the bytes of state of all clips of a batch that stay in DRAM.

    A tensor that several layers look back at stays once: for the one that looks back furthest, of several the first.
    """
    furthest: dict[tuple[str, ...], str] = {}
    for name in network.states:
        tensor = network.sources(_layer(network, name).inputs[0])
        if tensor not in furthest or network.states[name] > network.states[furthest[tensor]]:
            furthest[tensor] = name
    return {name: -(-network.batch * _bits(network, name, precision) // 8) for name in furthest.values()}


def _layer(network: Workload, name: str) -> AnyLayer:
    return next(layer for layer in network.layers if layer.name == name)


def _bits(network: Workload, name: str, precision: Precision) -> int:
    """Return the bits that the layer ``name`` keeps of one clip."""
    layer = _layer(network, name)
    channels, _, height, width = network.shapes[layer.inputs[0]]
    if isinstance(layer, TemporalShift):
        channels //= layer.parts
    bits = network.tensor_bits.get(layer.inputs[0], precision.activation_bits)
    bits = precision.accumulator_bits if isinstance(layer, RunningMean) else bits
    return network.states[name] * channels * height * width * bits


def found_of(network: Workload, layer: AnyLayer) -> Found:
    """Return what ``layer`` looks back at in ``network``: a learned frame is every frame's."""
    shapes, output = network.input_shapes(layer), network.shapes[layer.name]
    learned = [name in network.learned for name in layer.inputs]
    if any(flag and shape.frames > 1 for flag, shape in zip(learned, shapes, strict=True)):
        return Found(reason="takes learned frames, which are the same of every clip")
    given = tuple(shape for flag, shape in zip(learned, shapes, strict=True) if not flag)
    return look_back(layer, given or shapes, output)


@singledispatch
def look_back(layer: Layer, inputs: tuple[Shape, ...], output: Shape) -> Found:  # noqa: ARG001  # most look at their own frame
    """Return what ``layer`` looks back at; by default, at nothing, where every output frame is of its own inputs."""
    if all(shape.frames == output.frames for shape in inputs):
        return NONE
    return Found(reason="takes a frame for all frames of a clip")


def _through(frames: int, made: int, kernel: int, stride: int, padding: int, dilation: int = 1) -> Found:
    """Return what windows along time look back at, which make so many ``made`` of the ``frames`` of a clip."""
    if made * stride != frames:
        return Found(reason=f"makes {made} of the {frames} frames of a clip, with a stride of {stride}")
    behind = (made - 1) * stride - padding + (kernel - 1) * dilation + 1 - frames
    if behind > 0:
        return Found(reason=f"looks at {behind} {'frame' if behind == 1 else 'frames'} behind the clip")
    return Found(frames=max(padding, 0))


@look_back.register(Conv3d)
def _conv3d(layer: Conv3d, inputs: tuple[Shape, ...], output: Shape) -> Found:
    before, _ = layer.margins(inputs[0])[0]
    return _through(inputs[0].frames, output.frames, layer.kernel[0], layer.stride[0], before, layer.dilation[0])


@look_back.register(Pool3d)
def _pool3d(layer: Pool3d, inputs: tuple[Shape, ...], output: Shape) -> Found:
    if layer.kernel == "global":
        return Found(reason="takes all frames of a clip together")
    (shape,) = inputs
    before, _ = layer.margins(shape)[0]
    taps, stride = layer.window(shape)[0], layer.step(shape)[0]
    return _through(shape.frames, output.frames, taps, stride, before, layer.dilation[0])


@look_back.register(Slice)
def _slice(layer: Slice, inputs: tuple[Shape, ...], output: Shape) -> Found:
    if layer.dim != "frames":
        return NONE
    return _through(inputs[0].frames, output.frames, 1, layer.step, -layer.start)


@look_back.register(Pad)
def _pad(layer: Pad, inputs: tuple[Shape, ...], output: Shape) -> Found:  # noqa: ARG001  # its padding says it
    return NONE if as_margins(layer.padding)[0] == (0, 0) else Found(reason="pads every clip with frames")


@look_back.register(TemporalShift)
def _shift(layer: TemporalShift, inputs: tuple[Shape, ...], output: Shape) -> Found:  # noqa: ARG001  # whatever its shape
    if layer.direction == "both":
        return Found(reason="takes channels from the next frame, which may be behind the clip")
    return Found(frames=1)


@look_back.register(RunningMean)
def _running_mean(layer: RunningMean, inputs: tuple[Shape, ...], output: Shape) -> Found:  # noqa: ARG001  # of any shape
    return Found(frames=1)


@look_back.register(Linear)
@look_back.register(Matmul)
@look_back.register(Trg)
def _together(layer: Linear | Matmul | Trg, inputs: tuple[Shape, ...], output: Shape) -> Found:  # noqa: ARG001  # frames say it
    if isinstance(layer, Matmul) and layer.by_frame:
        return NONE
    if isinstance(layer, Trg) or any(shape.frames > 1 for shape in inputs):
        return Found(reason="takes all frames of a clip together")
    return NONE


@look_back.register(Concat)
def _concat(layer: Concat, inputs: tuple[Shape, ...], output: Shape) -> Found:  # noqa: ARG001  # of any shape
    return Found(reason="has frames of one behind those of another") if layer.dim == "frames" else NONE


@look_back.register(Permute)
def _permute(layer: Permute, inputs: tuple[Shape, ...], output: Shape) -> Found:
    return _kept(layer.order[1] == "frames", inputs[0], output)


@look_back.register(Reshape)
def _reshape(layer: Reshape, inputs: tuple[Shape, ...], output: Shape) -> Found:  # noqa: ARG001  # shapes say it all
    return _kept(output[:2] == inputs[0][:2], inputs[0], output)


@look_back.register(Rearrange)
def _rearrange(layer: Rearrange, inputs: tuple[Shape, ...], output: Shape) -> Found:  # noqa: ARG001  # shapes say it all
    return _kept(False, inputs[0], output)


def _kept(keeps_frames: bool, shape: Shape, output: Shape) -> Found:
    """Return what a move looks back at: at nothing, where every value stays in its frame."""
    if keeps_frames or shape.frames == output.frames == 1:
        return NONE
    return Found(reason="moves values between frames")


@look_back.register(Interleave)
def _interleave(layer: Interleave, inputs: tuple[Shape, ...], output: Shape) -> Found:
    is_even = len({shape.frames for shape in inputs}) == 1 and inputs[0].frames * layer.apart[0] == output.frames
    return NONE if is_even else Found(reason="has frames of unlike number in turns")


@look_back.register(Upsample)
def _upsample(layer: Upsample, inputs: tuple[Shape, ...], output: Shape) -> Found:
    if inputs[0].frames == output.frames or (layer.mode == "nearest" and output.frames % inputs[0].frames == 0):
        return NONE
    return Found(reason="makes frames out of several")
