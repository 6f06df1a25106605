"""Read a workload file: inputs, parameters, blocks written once, and the list of layers.

A layer entry is either a layer (``kind: conv3d`` ...) or a use of a block
(``block: bottleneck, repeat: 3, with: {inner: 64}``). Inside a block ``$inner``
stands for a parameter and ``input`` for the tensors that the block was given. A
layer without ``inputs`` reads the tensor before it. A window written as one number has
it in T, H and W. Layers of a block are called ``<entry>.<layer>``, or ``<entry>.<i>.<layer>`` when it is repeated; the
entry's own name means the block's output.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from lw3dsim.arguments import as_optional_integer, as_path, as_sizes
from lw3dsim.describe.catalog import find
from lw3dsim.describe.shape import Bits
from lw3dsim.describe.source import decode, parse_file, read_text
from lw3dsim.describe.triples import spelled_out
from lw3dsim.describe.workload import LAYERS, AnyLayer, Density, Extent, Shape, Size, Workload, build_workload
from lw3dsim.errors import ArgumentError, one_line, short, suggest, unknown

if TYPE_CHECKING:
    from lw3dsim.arguments import PathArgument, SizeArgument
    from lw3dsim.arguments import Size as Extents
    from lw3dsim.describe.document import Document, KeyPath

MAX_LAYERS = 10_000
MAX_CLASSES = 65_536
MAX_BLOCK_DEPTH = 8

Values = dict[str, Any]


def says(about: str) -> msgspec.Meta:
    """Describe a field of a file."""
    return msgspec.Meta(description=about)


# The transforms that can be *the* FSB form of a network, by the names of lw3dsim.transform.
FsbVariant = Literal["fsb", "fsb_c3d", "slowdepth", "slowfsb", "fasttrg", "fastdepth"]


class InputEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A network input: its own shape, or every n-th frame of another input; the share that is not zero, and its width.

    One that is ``learned`` is a parameter of the network, of the same size whatever the size of the clip.
    """

    channels: Annotated[Size | None, says("channels, C")] = None
    frames: Annotated[Size | None, says("frames, T")] = None
    height: Annotated[Size | None, says("height in pixels, H")] = None
    width: Annotated[Size | None, says("width in pixels, W")] = None
    sample_of: Annotated[str | None, says("another input, of which this one has frames")] = None
    frame_stride: Annotated[Extent | None, says("it has every n-th of them")] = None
    density: Annotated[Density | None, says("share of its values that are not zero")] = None
    activation_bits: Annotated[Bits | None, says("bits of a value; default: those of the workload")] = None
    learned: Annotated[bool, says("a parameter of the network, of one size")] = False


class Block(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Layers written once, with parameters."""

    parameters: Annotated[tuple[str, ...], says("names that `$name` stands for inside")] = ()
    layers: Annotated[tuple[dict[str, Any], ...], msgspec.Meta(min_length=1), says("as those of the workload")]


class BlockUse(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An entry that puts a block into the graph."""

    name: Annotated[str, says("what its layers' names begin with, and its output is called")]
    block: Annotated[str, says("the block")]
    repeat: Annotated[int, msgspec.Meta(ge=1, le=1000), says("how often, one behind the other")] = 1
    inputs: Annotated[str | tuple[str, ...] | None, says("what it reads; default: the tensor before it")] = None
    values: Annotated[dict[str, Any], says("values of its parameters")] = msgspec.field(
        name="with", default_factory=dict
    )


class WorkloadFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The top level of a workload file."""

    name: Annotated[str, msgspec.Meta(min_length=1), says("what the network is called")]
    inputs: Annotated[dict[str, Any], says("clips by name: channels, frames, height, width")]
    layers: Annotated[tuple[dict[str, Any], ...], says("layers by kind, and uses of blocks, in order")]
    description: Annotated[str, says("for the reader")] = ""
    source: Annotated[str, says("where it was published")] = ""
    fsb_variant: Annotated[FsbVariant, says("the pass that `compare` takes for its FSB form")] = "fsb"
    activation_bits: Annotated[Bits | None, says("bits of activations; default: the accelerator's")] = None
    weight_bits: Annotated[Bits | None, says("bits of weights; default: the accelerator's")] = None
    stream_state: Annotated[Literal["all", "causal"] | None, says("which layers keep state from clip to clip")] = None
    parameters: Annotated[dict[str, Any], says("values that `$name` stands for")] = {}
    blocks: Annotated[dict[str, Any], says("layers that are written once")] = {}


def load_workload(name: PathArgument, *, input_size: SizeArgument = None, classes: int | None = None) -> Workload:
    """Load a shipped workload by ``name``, or a workload file.

    ``input_size`` is frames, height and width of the clip in pixels, as ``"16x112x112"`` or ``(16, 112, 112)``, or a
    dict of them by the name of an input; it overrides what the file says. ``classes`` (1 to 65536) overrides the
    parameter of that name. Raises InputError.
    """
    path = find("workloads", as_path("workload", name, "a name or a file"))
    return parse_workload(read_text(path), str(path), input_size=input_size, classes=classes)


def parse_workload(
    text: str, path: str = "<text>", *, input_size: SizeArgument = None, classes: int | None = None
) -> Workload:
    """Build the workload that the YAML ``text`` describes; see :func:`load_workload`."""
    sizes = as_sizes("input_size", input_size)
    classes = as_optional_integer("classes", classes, 1, MAX_CLASSES)
    document = parse_file(text, path)
    file = decode(document, WorkloadFile, document.data)
    parameters = dict(file.parameters)
    if classes is not None:
        if "classes" not in parameters:
            raise ArgumentError("classes", classes, f"{path} has no parameter 'classes' to override; leave it out")
        parameters["classes"] = classes
    inputs, densities = _inputs(document, file, sizes)
    blocks = {name: decode(document, Block, block, ("blocks", name)) for name, block in file.blocks.items()}
    reader = _Reader(document, blocks)
    reader.origin = {name: ("inputs", name) for name in inputs}
    scope = _Scope(names={name: name for name in inputs}, values=parameters, last=next(reversed(inputs)))
    reader.expand(file.layers, ("layers",), "", scope)
    return build_workload(
        name=file.name,
        inputs=inputs,
        layers=reader.layers,
        description=file.description,
        source=file.source,
        fsb_variant=file.fsb_variant,
        activation_bits=file.activation_bits,
        weight_bits=file.weight_bits,
        input_bits=_input_bits(file),
        stream_state=file.stream_state or "off",
        learned=tuple(name for name, entry in file.inputs.items() if isinstance(entry, dict) and entry.get("learned")),
        input_densities=densities,
        locate=reader.locate,
    )


def _input_bits(file: WorkloadFile) -> dict[str, int]:
    """Return the widths of inputs that say theirs; one that is sampled has that of its source, or its own."""
    bits: dict[str, int] = {}
    for name, entry in file.inputs.items():
        said = entry.get("activation_bits") or bits.get(entry.get("sample_of"))
        if said is not None:
            bits[name] = said
    return bits


def _inputs(
    document: Document, file: WorkloadFile, sizes: Extents | Mapping[str, Extents] | None
) -> tuple[dict[str, Shape], dict[str, float]]:
    """Return the shapes and densities of the inputs; a sampled input is as dense as its source unless it says so.

    ``sizes`` are for all inputs that are not sampled, or for those named.
    """
    if not file.inputs:
        raise document.error(("inputs",), "needs at least one network input")
    named: Mapping[str, Extents] = sizes if isinstance(sizes, Mapping) else {}
    every = None if sizes is None or isinstance(sizes, Mapping) else sizes
    for name in named.keys() - file.inputs.keys():
        raise unknown("input", name, file.inputs)
    shapes: dict[str, Shape] = {}
    densities: dict[str, float] = {}
    for name, entry in file.inputs.items():
        key = ("inputs", name)
        spec = decode(document, InputEntry, entry, key)
        if spec.sample_of is None:
            shape = (spec.channels, spec.frames, spec.height, spec.width)
            if None in shape:
                raise document.error(key, "needs channels, frames, height and width, or sample_of and frame_stride")
            if spec.frame_stride is not None:
                raise document.wrong(
                    (*key, "frame_stride"), spec.frame_stride, "belongs to sample_of; give that, or drop it"
                )
            densities[name] = 1.0 if spec.density is None else spec.density
            size = named.get(name, None if spec.learned else every)
            shapes[name] = Shape(spec.channels or 0, *(size or (spec.frames or 0, spec.height or 0, spec.width or 0)))
            continue
        if spec.sample_of not in shapes:
            raise document.error(
                (*key, "sample_of"), f"unknown input {short(spec.sample_of)}; {suggest(spec.sample_of, shapes)}"
            )
        own = [field for field in ("channels", "frames", "height", "width") if getattr(spec, field) is not None]
        if own:
            rule = f"a sampled input takes its shape from {short(spec.sample_of)}; drop it"
            raise document.wrong((*key, own[0]), getattr(spec, own[0]), rule)
        if name in named:
            raise ArgumentError(
                "input_size", dict(named), f"input {name} takes its size from {spec.sample_of}; give that"
            )
        base = shapes[spec.sample_of]
        frames = base.frames // (spec.frame_stride or 1)
        if frames == 0:
            rule = f"leaves no frame of the {base.frames} of {short(spec.sample_of)}; give no more than that"
            raise document.wrong((*key, "frame_stride"), spec.frame_stride, rule)
        shapes[name] = base._replace(frames=frames)
        densities[name] = densities[spec.sample_of] if spec.density is None else spec.density
    return shapes, densities


@dataclass(kw_only=True)
class _Scope:
    """What names and parameters mean while one list of layers is expanded."""

    names: dict[str, str]
    values: Values
    last: str
    depth: int = 0


@dataclass
class _Reader:
    """Expands entries into layers, remembering where each came from."""

    document: Document
    blocks: Mapping[str, Block]
    layers: list[AnyLayer] = field(default_factory=list)
    origin: dict[str, KeyPath] = field(default_factory=dict)

    def locate(self, layer: str) -> str:
        """Return ``file:line layer`` of a layer (or input) by its full name."""
        return f"{self.document.where(self.origin.get(layer, ('inputs', layer)))} {one_line(layer)}"

    def expand(self, entries: tuple[dict[str, Any], ...], at: KeyPath, prefix: str, scope: _Scope) -> None:
        """Append the layers of ``entries`` (found at key path ``at``); update ``scope`` on the way."""
        for index, entry in enumerate(entries):
            key = (*at, index)
            data = self._substitute(entry, key, scope.values)
            if "block" in data:
                self._use_block(decode(self.document, BlockUse, data, key), key, prefix, scope)
            else:
                self._add_layer(data, key, prefix, scope)

    def _add_layer(self, data: Values, key: KeyPath, prefix: str, scope: _Scope) -> None:
        name = data.get("name")
        if name is None:
            raise self.document.error(key, "the key 'name' is missing; name the layer")
        if not isinstance(name, str) or not name:
            raise self.document.wrong((*key, "name"), name, "expected text that is not empty; name the layer")
        inputs = self._resolve(data.get("inputs"), key, scope)
        data = spelled_out(self.document, key, data)
        full = prefix + name
        layer: AnyLayer = decode(self.document, _kind_of(data), {**data, "name": full, "inputs": inputs}, key)
        self._declare(full, key)
        if len(self.layers) >= MAX_LAYERS:
            raise self.document.error(key, f"more than {MAX_LAYERS} layers; write a smaller network")
        self.layers.append(layer)
        scope.names[name] = full
        scope.last = full

    def _use_block(self, use: BlockUse, key: KeyPath, prefix: str, scope: _Scope) -> None:
        if use.block not in self.blocks:
            raise self.document.error(
                (*key, "block"), f"unknown block {short(use.block)}; {suggest(use.block, self.blocks)}"
            )
        block = self.blocks[use.block]
        for name in sorted(use.values.keys() ^ set(block.parameters)):
            what = "is missing" if name in block.parameters else "is no parameter of the block"
            raise self.document.error(
                (*key, "with"), f"{short(name)} {what}; {use.block} takes: {', '.join(block.parameters)}"
            )
        if scope.depth >= MAX_BLOCK_DEPTH:
            raise self.document.error(
                (*key, "block"), f"blocks nest deeper than {MAX_BLOCK_DEPTH}: does {short(use.block)} use itself?"
            )
        self._declare(prefix + use.name, key)
        (last, *more) = self._resolve(use.inputs, key, scope)
        if more:
            rule = "a block reads one tensor; join them by a layer first"
            raise self.document.wrong((*key, "inputs"), [last, *more], rule)
        for i in range(use.repeat):
            part = f"{prefix}{use.name}." + (f"{i}." if use.repeat > 1 else "")
            inner = _Scope(names={"input": last}, values=use.values, last=last, depth=scope.depth + 1)
            self.expand(block.layers, ("blocks", use.block, "layers"), part, inner)
            last = inner.last
        scope.names[use.name] = scope.last = last

    def _resolve(self, inputs: Any, key: KeyPath, scope: _Scope) -> list[str]:
        """Turn the names of an entry into full tensor names; default to the tensor before it."""
        if inputs is None:
            return [scope.last]
        names: list[str] = [inputs] if isinstance(inputs, str) else inputs
        if not isinstance(names, list | tuple) or not names or not all(isinstance(name, str) for name in names):
            raise self.document.wrong((*key, "inputs"), inputs, "expected a tensor name or a list of them")
        return [scope.names.get(name, name) for name in names]

    def _substitute(self, value: Any, key: KeyPath, values: Values) -> Any:
        if isinstance(value, dict):
            return {name: self._substitute(item, (*key, name), values) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._substitute(item, (*key, i), values) for i, item in enumerate(value)]
        if isinstance(value, str) and value.startswith("$"):
            if value[1:] not in values:
                raise self.document.error(key, f"unknown parameter {value}; {suggest(value[1:], values)}")
            return values[value[1:]]
        return value

    def _declare(self, name: str, key: KeyPath) -> None:
        if name in self.origin:
            raise self.document.error(key, f"the name {short(name)} is used twice; rename one")
        self.origin[name] = key


def _kind_of(entry: Values) -> Any:
    """Return the kind of layer that an entry names, so that no other is asked about; any where it names none."""
    kind = entry.get("kind")
    return LAYERS.get(kind, AnyLayer) if isinstance(kind, str) else AnyLayer
