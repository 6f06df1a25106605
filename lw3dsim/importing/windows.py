"""Convolutions, pools and means of a graph: what windows they have along T, H and W."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from lw3dsim.base.values import replace
from lw3dsim.describe.windows import as_margins, as_padding, margins
from lw3dsim.describe.workload import Conv3d, ConvTranspose3d, Pad, Pool3d, Upsample
from lw3dsim.errors import short
from lw3dsim.importing.again import declare, declare_frames
from lw3dsim.importing.axes import Atom, Axes, axes_of, settled, size_of, unscaled
from lw3dsim.importing.recipes import Recipe, derived, swapped
from lw3dsim.importing.tensors import FRAMES, POSITIONS, STANDARD, in_order

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lw3dsim.importing.building import Building, Meaning
    from lw3dsim.importing.graph import Constant, Node
    from lw3dsim.importing.tensors import Tensor

# Along which dimensions a window of so many numbers reaches.
AXES = {1: ("T",), 2: ("H", "W"), 3: ("T", "H", "W")}


def three(values: Sequence[int], other: int) -> tuple[int, int, int]:
    """Return a number for each of T, H and W, ``other`` where there is none."""
    by_axis = dict(zip(AXES[len(values)], map(int, values), strict=True))
    t, h, w = (by_axis.get(axis, other) for axis in "THW")
    return t, h, w


def windowed(building: Building, node: Node, i: int = 0) -> Tensor:
    """Return the data of a node with windows: dimensions in their usual order."""
    data = building.data(node, i, channels=1)
    rank = len(data.labels)
    images = replace(data, labels=FRAMES)
    is_batch = data.labels[0] == "T" and in_order(replace(data, labels=data.labels[1:]))
    if is_batch and images.dims == data.dims and math.prod(data.dims) == data.shape.elements:
        return images
    if rank in STANDARD and rank > 2 and math.prod(data.dims) == data.shape.elements:  # no vector
        is_as_read = in_order(data) and data.dims[0] == 1
        if not is_as_read:
            declare(building, data, FRAMES if data.dims[0] > 1 and rank == len(FRAMES) else STANDARD[rank])
    if rank not in STANDARD or rank < 3 or not in_order(data) or data.dims[0] != 1:
        raise building.error(
            node, "reads a tensor whose dimensions are permuted; export the network in the order NCTHW"
        )
    standard = replace(data, labels=STANDARD[rank])
    if standard.dims != data.dims or math.prod(data.dims) != data.shape.elements:
        raise building.error(node, "reads a tensor whose dimensions were moved by a reshape; export it without that")
    return standard


def paddings(building: Building, node: Node, data: Tensor, kernel: Any, stride: Any, dilation: Any) -> Any:
    """Return the zeros before and behind T, H and W."""
    auto, pads = node.attributes.get("auto_pad", "NOTSET"), list(node.attributes.get("pads", ()))
    behind: Sequence[int]
    if auto in ("", "NOTSET"):
        pads = pads or [0] * 2 * (len(data.labels) - 2)
        half = len(pads) // 2
        before, behind = three(pads[:half], 0), three(pads[half:], 0)
    elif auto == "VALID":
        before = behind = (0, 0, 0)
    elif auto in ("SAME_UPPER", "SAME_LOWER"):
        less, more = zip(*margins("same", data.shape.extent, kernel, stride, dilation), strict=True)
        before, behind = (less, more) if auto == "SAME_UPPER" else (more, less)
    else:
        raise building.error(node, f"auto_pad {short(auto)} is not known; use pads")
    if min(*before, *behind) < 0:
        raise building.error(node, "crops by a negative padding; use a Slice")
    t, h, w = zip(before, behind, strict=True)
    return as_padding((t, h, w))


def conv(building: Building, node: Node) -> list[Meaning]:
    """Read a convolution: of data, weights and a bias."""
    weights, bias = building.constant(node, 1), _bias(building, node)
    laid = building.laid(node, 0)
    if laid.dims[0] > 1:
        declare_frames(building, axes_of(laid))
    heads = _heads(laid)
    if heads == 1 or weights is None:
        return [convolved(building, node, weights, bias)]
    # Every head is convolved by the same weights.
    tiled = [None if one is None else _tiled(one, heads) for one in (weights, bias)]
    group = heads * int(node.attributes.get("group", 1))
    beside = replace(node, attributes={**node.attributes, "group": group})
    return [_of_heads(building, node, laid, lambda: convolved(building, beside, *tiled))]


def _bias(building: Building, node: Node) -> Constant | None:
    """Return the bias of a convolution: none where zeros are made for it.

    PyTorch's exporter fills in zeros where a convolution has no bias: with conv2d N of them, with conv3d N x 2.
    """
    bias = building.constant(node, 2)
    if bias is None or (len(bias.shape) == 2 and bias.shape[1] == 2 and not _differs(bias)):
        return None
    is_made = node.inputs[2] not in building.graph.constants
    return None if is_made and bias.values is not None and not bias.values.any() else bias


def _differs(constant: Constant) -> bool:
    """Return whether a constant is known to have other values than zeros."""
    return constant.values is not None and bool(constant.values.any())


def _heads(laid: Tensor | Axes) -> int:
    """Return how many tensors a batch has, where they are parts of the channels of one."""
    is_heads = isinstance(laid, Axes) and bool(laid.axes[0]) and all(atom.dim == "C" for atom in laid.axes[0])
    return size_of(laid.axes[0]) if is_heads and isinstance(laid, Axes) else 1


def _tiled(constant: Constant, heads: int) -> Constant:
    """Return constants again for every head."""
    import numpy as np

    made = derived(lambda c: np.concatenate([c] * heads), constant)
    return replace(made, shape=(heads * constant.shape[0], *constant.shape[1:]))


def _of_heads(building: Building, node: Node, laid: Tensor | Axes, make: Callable[[], Tensor]) -> Tensor | Axes:
    """Return what ``make`` does of the tensors of a batch, put beside each other as channels of one."""
    assert isinstance(laid, Axes)  # noqa: S101  # as the heads say
    (first, channels, *others), before = laid.axes, building.meanings[node.inputs[0]]
    rank = len(others)
    beside = replace(unscaled(building, node, laid), axes=((), (*first, *channels), *others))
    building.meanings[node.inputs[0]] = settled(building, node, beside, 1)
    made, heads = make(), size_of(first)
    building.meanings[node.inputs[0]] = before
    each = made.shape.channels // heads
    atoms = [Atom(label, made.size(label), 1) for label in STANDARD[rank + 2][2:]]
    axes = ((Atom("C", heads, each),), (Atom("C", each, 1),), *((atom,) if atom.size > 1 else () for atom in atoms))
    return Axes(source=made.source, shape=made.shape, axes=axes, is_alone=made.is_alone)


def convolved(building: Building, node: Node, constant: Constant | None, bias: Constant | None) -> Tensor:
    """Return a convolution by ``constant``; a padding in front of it that nothing else reads becomes its padding."""
    data = windowed(building, node)
    rank = len(data.labels) - 2
    if constant is None or len(constant.shape) != rank + 2:
        raise building.error(node, f"has weights of another rank than its input; a convolution here has {rank + 2}")
    out, of_group, *window = constant.shape
    groups = int(node.attributes.get("group", 1))
    said = node.attributes.get("kernel_shape", window)
    if list(said) != list(window):
        raise building.error(node, f"kernel_shape {list(said)} is not that of its weights, {list(window)}")
    if of_group * groups != data.shape.channels:
        raise building.error(node, f"weights for {of_group * groups} channels read {data.shape.channels}")
    windows = _windows(building, node, data, window)
    source, windows["padding"] = _unpadded(building, data, windows["padding"])
    k, r, s = windows["kernel"]
    return building.add(
        node, Conv3d, [source], out_channels=out, groups=groups, bias=bias is not None, **windows,
        recipe=Recipe(channels=out, taps=(of_group, k, r, s), weight=constant, bias=bias),
    )  # fmt: skip


def transposed_conv(building: Building, node: Node) -> list[Meaning]:
    """Read a transposed convolution."""
    data, weights, bias = windowed(building, node), building.constant(node, 1), building.constant(node, 2)
    rank, groups = len(data.labels) - 2, int(node.attributes.get("group", 1))
    if weights is None or len(weights.shape) != rank + 2 or weights.shape[0] != data.shape.channels:
        raise building.error(node, f"has no constant weights of {rank + 2} dimensions, the first its channels")
    taken, of_group, *window = weights.shape
    if any(int(step) != 1 for step in node.attributes.get("dilations", ())) or "output_shape" in node.attributes:
        raise building.error(node, "is dilated, or says output_shape; lw3dsim takes strides, pads and output_padding")
    windows = _windows(building, node, data, window)
    more = three(node.attributes.get("output_padding", [0] * rank), 0)
    k, r, s = windows["kernel"]
    shape = (taken, of_group, k, r, s)
    n_first = derived(lambda w: swapped(w.reshape(shape), groups), weights)
    out = of_group * groups
    return [
        building.add(
            node, ConvTranspose3d, [data], out_channels=out, groups=groups, bias=bias is not None,
            kernel=windows["kernel"], stride=windows["stride"], padding=windows["padding"], output_padding=more,
            recipe=Recipe(channels=out, taps=(taken // groups, k, r, s), weight=n_first, bias=bias, turned=groups),
        )
    ]  # fmt: skip


def resize(building: Building, node: Node) -> list[Meaning]:
    """Read an upsampling along T, H and W."""
    data = windowed(building, node)
    mode = str(node.attributes.get("mode", "nearest"))
    placed = str(node.attributes.get("coordinate_transformation_mode", "half_pixel" if node.op == "Resize" else ""))
    rounded = str(node.attributes.get("nearest_mode", "round_prefer_floor" if node.op == "Resize" else "floor"))
    scales = building.said(node, "scales", 2 if node.op == "Resize" and building.graph.opset > 10 else 1)
    sizes = building.values(node, 3) if len(node.inputs) > 3 else None
    if sizes is None:
        if scales is None or len(scales) != len(data.labels):
            raise building.error(node, "has neither scales nor sizes for every dimension; export it with them")
        sizes = [int(size * float(scale)) for size, scale in zip(data.dims, scales, strict=True)]
    size = three([int(n) for n in sizes][2:], 1)
    times = [made // given for made, given in zip(size, data.shape.extent, strict=True)]
    is_whole = all(made == n * given for made, n, given in zip(size, times, data.shape.extent, strict=True))
    # Whole times as many, both place the copies of a value behind each other.
    is_repeat = mode == "nearest" and (
        (placed == "asymmetric" and rounded == "floor") or (is_whole and placed == "half_pixel") or not placed
    )
    is_between = mode == "linear" and placed in ("half_pixel", "pytorch_half_pixel")
    if tuple(map(int, sizes))[:2] != data.dims[:2] or not (is_repeat or is_between):
        raise building.error(node, f"is a resize that lw3dsim has not ({mode}, {placed}); it has nearest and linear")
    if size == data.shape.extent:
        return [building.view(node, data)]
    keys = {"scale": tuple(times)} if is_whole else {"size": size}
    return [building.add(node, Upsample, [data], mode=mode, **keys)]


def _windows(building: Building, node: Node, data: Tensor, window: Sequence[int]) -> dict[str, Any]:
    """Return what convolutions and pools say of their windows, each along T, H and W."""
    ones = [1] * len(window)
    for name, count in (("strides", len(window)), ("dilations", len(window)), ("pads", 2 * len(window))):
        if len(numbers := node.attributes.get(name, [0] * count)) != count:
            raise building.error(
                node, f"says {len(numbers)} {name} of a window of {len(window)} dimensions, not {count}"
            )
    kernel, stride, dilation = (
        three(numbers, 1)
        for numbers in (window, node.attributes.get("strides", ones), node.attributes.get("dilations", ones))
    )
    padding = paddings(building, node, data, kernel, stride, dilation)
    return {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation}


def _unpadded(building: Building, data: Tensor, padding: Any) -> tuple[Tensor, Any]:
    """Return what a padding in front of a convolution reads, and both paddings together."""
    layer = building.layers.get(data.source)
    if not isinstance(layer, Pad) or not data.is_alone:
        return data, padding
    building.drop(layer.name)
    source = layer.inputs[0]
    pairs = zip(as_margins(layer.padding), as_margins(padding), strict=True)
    t, h, w = ((a[0] + b[0], a[1] + b[1]) for a, b in pairs)
    return replace(data, source=source, shape=building.shapes[source]), as_padding((t, h, w))


def pool(building: Building, node: Node) -> list[Meaning]:
    """Read a pool of windows."""
    laid = building.laid(node, 0)
    if _heads(laid) > 1:
        return [_of_heads(building, node, laid, lambda: _pooled(building, node))]
    return [_pooled(building, node)]


def _pooled(building: Building, node: Node) -> Tensor:
    """Return a pool of windows."""
    data, attributes = windowed(building, node), node.attributes
    mode = "max" if node.op == "MaxPool" else "avg"
    if any(building.uses[name] for name in node.outputs[1:]):
        raise building.error(node, "gives the places of its maxima; lw3dsim has no such output")
    return building.add(
        node, Pool3d, [data], mode=mode, ceil_mode=bool(attributes.get("ceil_mode", 0)),
        count_include_pad=mode == "max" or bool(attributes.get("count_include_pad", 0)),
        **_windows(building, node, data, attributes["kernel_shape"]),
    )  # fmt: skip


def global_pool(building: Building, node: Node) -> list[Meaning]:
    """Read a pool over all of T, H and W."""
    data = windowed(building, node)
    return [_reduced(building, node, data, set(data.labels[2:]), data.labels)]


def mean(building: Building, node: Node) -> list[Meaning]:
    """Read a mean or maximum over dimensions, which may go."""
    data = building.data(node, 0)
    axes = building.said(node, "axes", 1)
    rank = len(data.labels)
    places = {building.axis(node, int(axis), rank) for axis in (range(rank) if axes is None else axes)}
    labels = {data.labels[place] for place in places}
    labels |= set("THW") if POSITIONS in labels else set()
    if labels & {"C", "F"}:
        raise building.error(node, "reduces the channels; lw3dsim reduces T, H and W alone")
    keeps = bool(node.attributes.get("keepdims", 1))
    left = data.labels if keeps else tuple(label for i, label in enumerate(data.labels) if i not in places)
    return [_reduced(building, node, data, labels, left)]


def _reduced(building: Building, node: Node, data: Tensor, axes: set[str], labels: tuple[str, ...]) -> Tensor:
    """Return a pool whose windows are whole along ``axes``; nothing where these are of one position each."""
    extent = data.shape.extent
    kernel = tuple(size if axis in axes else 1 for axis, size in zip("THW", extent, strict=True))
    if math.prod(kernel) == 1:
        return building.view(node, data, labels)
    mode = "max" if "Max" in node.op else "avg"
    window: Any = "global" if kernel == extent else kernel
    made = building.add(node, Pool3d, [data], mode=mode, kernel=window)

    is_plain = made.is_vector and len(labels) == len(STANDARD[2])
    return replace(made, labels=STANDARD[2] if is_plain else labels)


def pad(building: Building, node: Node) -> list[Meaning]:
    """Read a padding with zeros."""
    data = building.data(node, 0)
    pads = building.said(node, "pads", 1)
    mode = node.attributes.get("mode", "constant")
    value = building.values(node, 2) if len(node.inputs) > 2 else node.attributes.get("value", 0)
    if mode != "constant" or (value is not None and float(value) != 0):
        raise building.error(node, f"pads with other values than zeros ({mode}); lw3dsim pads with zeros")
    half = len(pads) // 2
    before, behind = [int(p) for p in pads[:half]], [int(p) for p in pads[half:]]
    sides = {label: side for label, *side in zip(data.labels, before, behind, strict=False) if any(side)}
    if half != len(data.labels) or sides.keys() - set("THW") or min(*before, *behind) < 0:
        raise building.error(node, "pads or crops other dimensions than T, H and W")
    if not sides:
        return [building.view(node, data)]
    t, h, w = ((one[0], one[1]) for one in (sides.get(label, [0, 0]) for label in "THW"))
    return [building.add(node, Pad, [data], padding=as_padding((t, h, w)))]
