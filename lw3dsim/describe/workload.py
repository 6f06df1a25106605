"""A workload: a graph of layers on named tensors of shape (C, T, H, W), with shapes inferred.

:func:`build_workload` orders the layers, infers every shape and refuses whatever does not fit.
"""

from __future__ import annotations

from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Literal, get_args

from lw3dsim.base.values import Value
from lw3dsim.describe.layer import Layer
from lw3dsim.describe.moves import (
    ChannelShuffle,
    Concat,
    Copy,
    Interleave,
    Pad,
    Permute,
    Rearrange,
    Reshape,
    Slice,
    TemporalShift,
    Upsample,
)
from lw3dsim.describe.products import BatchNorm, Conv3d, Gate, Linear, Matmul
from lw3dsim.describe.shape import Density, Extent, Shape, Size, Widths
from lw3dsim.describe.transposed import ConvTranspose3d, Phase
from lw3dsim.describe.vectors import (
    Activation,
    Add,
    Elementwise,
    LayerNorm,
    Mul,
    Pool3d,
    RunningMean,
    ScaledNorm,
    Softmax,
    Trg,
)
from lw3dsim.errors import InputError, ShapeError, check_name, one_line, short, suggest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

__all__ = [
    "LAYERS",
    "Activation",
    "Add",
    "AnyLayer",
    "BatchNorm",
    "ChannelShuffle",
    "Concat",
    "Conv3d",
    "ConvTranspose3d",
    "Copy",
    "Density",
    "Extent",
    "Gate",
    "Interleave",
    "Layer",
    "LayerNorm",
    "Linear",
    "Matmul",
    "Mul",
    "Pad",
    "Permute",
    "Phase",
    "Pool3d",
    "Rearrange",
    "Reshape",
    "RunningMean",
    "ScaledNorm",
    "Shape",
    "Size",
    "Slice",
    "Softmax",
    "StreamState",
    "TemporalShift",
    "Trg",
    "Upsample",
    "Workload",
    "build_workload",
]

AnyLayer = (
    Conv3d
    | ConvTranspose3d
    | Linear
    | Matmul
    | Gate
    | BatchNorm
    | Pool3d
    | Add
    | Mul
    | Trg
    | RunningMean
    | Activation
    | Softmax
    | LayerNorm
    | Concat
    | Slice
    | Pad
    | ChannelShuffle
    | TemporalShift
    | Interleave
    | Upsample
    | Copy
    | Permute
    | Rearrange
    | Reshape
)

# Their kinds by the word of a file.
LAYERS: dict[str, type[AnyLayer]] = {str(kind.__struct_config__.tag): kind for kind in get_args(AnyLayer)}

MAX_ELEMENTS = 2**36

# Which layers keep state between the clips of a stream: none; all, or the network is refused; those that are causal.
StreamState = Literal["off", "all", "causal"]


class Workload(Value, frozen=True, kw_only=True, dict=True, gc=True):
    """A verified layer graph: layers in execution order, the shape of every tensor, and its density.

    ``fsb_variant`` names the transform that is *the* FSB form of this network
    where the paper defines one; ``transforms`` records the passes applied.
    A density is the share of elements that are not zero. ``activation_bits`` and ``weight_bits`` are the widths that
    the network was made for; where they are None, those of the accelerator are taken. Shapes are those of one clip, of
    which ``batch`` are computed together, layer by layer. As it is run, ``views`` are the layers besides that move
    nothing, their outputs lying where their inputs do, and ``blocks`` the channel blocks of tensors that this takes;
    ``packed`` are others of some, with packed rows, in which all of them may lie instead.
    Of its inputs those called ``learned`` are no clips but parameters, such as the embedding of positions.
    ``input_bits`` are the widths of inputs that say theirs, as layers may; as it is run, ``tensor_bits`` and, by layer,
    ``kernel_bits`` are all widths of activations and weights that are not those of the accelerator.
    ``stream_state`` says which layers are to keep state from clip to clip of a stream; as it is run, ``states`` are
    the frames of the clip before that layers look back at.
    """

    name: str
    description: str
    source: str
    inputs: Mapping[str, Shape]
    layers: tuple[AnyLayer, ...]
    shapes: Mapping[str, Shape]
    densities: Mapping[str, float]
    fsb_variant: str = "fsb"
    activation_bits: int | None = None
    weight_bits: int | None = None
    transforms: tuple[str, ...] = ()
    batch: int = 1
    views: tuple[AnyLayer, ...] = ()
    blocks: Mapping[str, int] = {}
    packed: Mapping[str, int] = {}
    stream_state: StreamState = "off"
    learned: tuple[str, ...] = ()
    states: Mapping[str, int] = {}
    input_bits: Mapping[str, int] = {}
    tensor_bits: Mapping[str, int] = {}
    kernel_bits: Mapping[str, int] = {}

    def input_shapes(self, layer: Layer) -> tuple[Shape, ...]:
        """Return the shapes of the tensors that ``layer`` reads."""
        return tuple(self.shapes[name] for name in layer.inputs)

    def layer_macs(self, layer: Layer) -> int:
        """Return the direct-algorithm MACs of ``layer``."""
        return layer.macs(self.input_shapes(layer), self.shapes[layer.name])

    def layer_params(self, layer: Layer) -> int:
        """Return the trained parameters of ``layer``."""
        return layer.params(self.input_shapes(layer))

    def spreads(self, layer: Layer) -> bool:
        """Return whether ``layer`` reads positions of a tensor again for others: it can't take that over on chip."""
        return len({self.shapes[name] for name in layer.streams}) > 1

    def reads_as_laid(self, layer: Layer) -> tuple[str, ...]:
        """Return the tensors that ``layer`` works through as they lie: not as one vector, nor what it reads again."""
        if isinstance(layer, Linear):
            return ()
        made, is_each = self.shapes[layer.name], isinstance(layer, Elementwise)
        return tuple(dict.fromkeys(name for name in layer.streams if not is_each or self.shapes[name] == made))

    @cached_property
    def laid_like(self) -> Mapping[str, str]:
        """By tensor whose layout can be chosen, the one of those that lie as it does which stands for them.

        What a sum or product reads together lies alike. A vector has but one layout, and what is copied into one has
        its first.
        """
        like = {name: name for name, shape in self.shapes.items() if shape.extent != (1, 1, 1)}
        joined = [layer.streams for layer in self.layers if not isinstance(layer, Elementwise) and layer.streams[1:]]
        for layer in self.layers:
            names = self.reads_as_laid(layer) if isinstance(layer, Elementwise) else ()
            for name in names[1:] if names[:1] and names[0] in like else ():
                old, new = like[name], like[names[0]]
                like = {one: new if own == old else own for one, own in like.items()}
        fixed = {like.get(name) for names in joined for name in names}
        return {name: own for name, own in like.items() if own not in fixed}

    @cached_property
    def read_together(self) -> frozenset[str]:
        """What stands for the tensors that a layer reads with others."""
        together = (name for layer in self.layers for name in layer.streams if len(layer.streams) > 1)
        return frozenset(self.laid_like[name] for name in together if name in self.laid_like)

    def clips(self, layer: Layer) -> tuple[int, int, Widths]:
        """Return how many clips ``layer`` computes together, the frames before each it looks back at, its widths."""
        return self.batch, self.states.get(layer.name, 0), self.widths(layer)

    def widths(self, layer: Layer) -> Widths:
        """Return the widths of what ``layer`` reads and makes, and of its weights, or of what serves it as such."""
        factors, bits = layer.inputs[len(layer.streams) :], self.tensor_bits
        weights = bits.get(factors[0]) if factors else self.kernel_bits.get(layer.name)
        return Widths(bits.get(layer.inputs[0]), bits.get(layer.name), weights)

    def consumers(self, name: str) -> list[AnyLayer]:
        """Return the layers that read the tensor ``name``."""
        return list(self._consumers.get(name, ()))

    @cached_property
    def _consumers(self) -> dict[str, list[AnyLayer]]:
        """The layers that read each tensor."""
        found: dict[str, list[AnyLayer]] = {}
        for layer in (*self.layers, *self.views):
            for name in dict.fromkeys(layer.inputs):
                found.setdefault(name, []).append(layer)
        return found

    def readers(self, name: str) -> Iterator[int]:
        """Yield the numbers of the layers that read the tensor ``name``, or any of it through views."""
        for user in self._consumers.get(name, ()):
            if user.name in self._numbers:
                yield self._numbers[user.name]
            else:
                yield from self.readers(user.name)

    def number(self, layer: AnyLayer) -> int:
        """Return the place of ``layer`` among all that run."""
        return self._numbers[layer.name]

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {layer.name: i for i, layer in enumerate(self.layers)}

    def sources(self, name: str) -> tuple[str, ...]:
        """Return the tensors that have what is read as the tensor ``name``: itself, or through views others."""
        through = next((view.inputs for view in self.views if view.name == name), None)
        return (name,) if through is None else tuple(one for each in through for one in self.sources(each))


def _bounded(shape: Shape) -> Shape:
    if shape.elements > MAX_ELEMENTS:
        raise ShapeError(f"the output {shape} has more than 2^36 elements; lower the sizes")
    return shape


def build_workload(
    *,
    name: str,
    inputs: Mapping[str, Shape],
    layers: Iterable[AnyLayer],
    description: str = "",
    source: str = "",
    fsb_variant: str = "fsb",
    activation_bits: int | None = None,
    weight_bits: int | None = None,
    input_bits: Mapping[str, int] | None = None,
    transforms: tuple[str, ...] = (),
    stream_state: StreamState = "off",
    learned: tuple[str, ...] = (),
    input_densities: Mapping[str, float] | None = None,
    locate: Callable[[str], str] | None = None,
) -> Workload:
    """Order the layers, infer every shape and verify the graph.

    ``input_densities`` are 1 for inputs not named. ``locate`` gives the place of a layer (``file:line``) for messages.
    Raises InputError for duplicate names, dangling inputs, cycles and unread
    inputs, and ShapeError where shapes do not fit.
    """
    at = locate or (lambda layer: f"{one_line(name)} {one_line(layer)}")
    layers = list(layers)
    check_name("workload", name)
    for named in (*inputs, *(layer.name for layer in layers)):
        check_name(name, named)
    ordered = _ordered(inputs, layers, at)
    shapes = _inferred(inputs, ordered, at)
    for unread in inputs.keys() - {source for layer in ordered for source in layer.inputs}:
        raise InputError(f"{at(unread)}: no layer reads the input {short(unread)}; remove it or use it")
    return Workload(
        name=name,
        description=description,
        source=source,
        inputs=dict(inputs),
        layers=tuple(ordered),
        shapes=shapes,
        densities={**dict.fromkeys(inputs, 1.0), **(input_densities or {}), **{x.name: x.density for x in ordered}},
        fsb_variant=fsb_variant,
        activation_bits=activation_bits,
        weight_bits=weight_bits,
        input_bits=dict(input_bits or {}),
        transforms=transforms,
        stream_state=stream_state,
        learned=learned,
    )


def _inferred(inputs: Mapping[str, Shape], layers: Iterable[AnyLayer], at: Callable[[str], str]) -> dict[str, Shape]:
    """Return the shape of every tensor. Raises ShapeError where what a layer reads does not fit."""
    shapes = dict(inputs)
    for layer in layers:
        try:
            shapes[layer.name] = _bounded(layer.output_shape(tuple(shapes[source] for source in layer.inputs)))
        except ShapeError as error:
            given = ", ".join(f"{one_line(source)} {shapes[source]}" for source in layer.inputs)
            raise ShapeError(f"{at(layer.name)}: {error} (inputs, CxTxHxW: {given})") from None
    return shapes


def _ordered(inputs: Mapping[str, Shape], layers: list[AnyLayer], at: Callable[[str], str]) -> list[AnyLayer]:
    by_name: dict[str, AnyLayer] = {}
    for layer in layers:
        if layer.name in by_name or layer.name in inputs:
            raise InputError(f"{at(layer.name)}: the name {short(layer.name)} is used twice; rename one")
        by_name[layer.name] = layer
    known = by_name.keys() | inputs.keys()
    for layer in layers:
        if not layer.inputs:
            raise InputError(f"{at(layer.name)}: a layer needs at least one input")
        for source in layer.inputs:
            if source not in known:
                raise InputError(
                    f"{at(layer.name)}: reads the unknown tensor {short(source)}; {suggest(source, known)}"
                )
    sorter = TopologicalSorter({layer.name: [n for n in layer.inputs if n in by_name] for layer in layers})
    try:
        order = list(sorter.static_order())
    except CycleError as error:
        circle = error.args[1][::-1]
        raise InputError(
            f"{at(circle[0])}: the layers form a cycle: {' -> '.join(map(one_line, circle))}; break it"
        ) from None
    if _is_ordered(inputs, layers):
        return layers
    return [by_name[name] for name in order]


def _is_ordered(inputs: Mapping[str, Shape], layers: list[AnyLayer]) -> bool:
    seen = set(inputs)
    for layer in layers:
        if not seen.issuperset(layer.inputs):
            return False
        seen.add(layer.name)
    return True
