"""A graph as a workload: its nodes in order, each as what it is."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from lw3dsim.arguments import as_dims, as_sizes
from lw3dsim.describe.weights import Weighted
from lw3dsim.describe.workload import Copy, build_workload
from lw3dsim.errors import ArgumentError, InputError, one_line, raised
from lw3dsim.importing.again import Again
from lw3dsim.importing.axes import Axes, settled
from lw3dsim.importing.building import Building
from lw3dsim.importing.constants import folded, later
from lw3dsim.importing.functions import recognised
from lw3dsim.importing.graph import Constant
from lw3dsim.importing.norms import with_norms
from lw3dsim.importing.onnx_checks import operator_fault
from lw3dsim.importing.onnx_file import fold
from lw3dsim.importing.operators import HANDLERS
from lw3dsim.importing.pieces import Pieces
from lw3dsim.importing.tensors import Tensor
from lw3dsim.importing.widths import layers_in_widths, widths_of
from lw3dsim.importing.writes import WRITERS, resolved

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lw3dsim.arguments import DimsArgument, SizeArgument
    from lw3dsim.describe.workload import Workload
    from lw3dsim.importing.graph import Dimensions, Graph, Node
    from lw3dsim.importing.widths import Widths


# How often a network is read again, once for each of its conditions.
MOST_AGAIN = 200


def network_of(
    graph: Graph, shown: str, input_size: SizeArgument, dims: DimsArgument, allow_unknown: bool = False
) -> Weighted:
    """Return the workload that a graph is, and its weights; ``shown`` is what messages call it."""
    sizes = as_sizes("input_size", input_size)
    pairs = (text.rpartition("=") for text in as_dims("dims", dims))
    checked = {name: int(size) for name, _, size in pairs}
    _check_known(graph, checked)

    def opened(name: str, given: Dimensions) -> tuple[int, ...]:
        return _opened(_resized(name, given, sizes), checked)

    for _ in range(MOST_AGAIN):
        try:
            return _lowered(graph, shown, opened, is_resized=sizes is not None, allow_unknown=allow_unknown)
        except Again as again:
            graph = again.graph
    raise InputError(f"{shown}: has more than {MOST_AGAIN} conditions; export the network with fixed control flow")


def _lowered(
    graph: Graph, shown: str, opened: Callable[[str, Dimensions], tuple[int, ...]], *, is_resized: bool,
    allow_unknown: bool,
) -> Weighted:  # fmt: skip
    """Return the workload that a graph is, and its weights. Raises Again."""
    widths, graph = widths_of(graph), with_norms(recognised(graph))
    building = Building(graph, shown, opened, lambda node, values: fold(node, values, graph.opset))
    for node in graph.nodes:
        made = _read(building, node, allow_unknown=allow_unknown)
        for name, meaning in zip(node.outputs, made, strict=False):
            if name:
                building.meanings[name] = meaning
        if not is_resized:
            _compare(building, node)
    _settle(building)
    layers_in_widths(building, widths)
    if graph.source == "ONNX":  # the paths of modules of PyTorch are kept as they are
        _rename(building)
    return Weighted(_workload(building, graph, widths), building.recipes, widths.notes)


def _settle(building: Building) -> None:
    """Put outputs of the graph whose dimensions are cut in an order of their own."""
    for node in building.graph.nodes:
        for name in node.outputs:
            meaning = building.meanings.get(name)
            if name in building.graph.outputs and isinstance(meaning, Pieces):
                building.meanings[name] = meaning = resolved(building, node, meaning)
            if name in building.graph.outputs and isinstance(meaning, Axes):
                building.meanings[name] = settled(building, node, meaning, channels=1, part="")


def _rename(building: Building) -> None:
    """Give layers without weights that have the name of a module which holds others a name in it: ``layer1.0.add``."""
    split = [name.split(".") for name in building.layers]
    holders = {".".join(parts[:i]) for parts in split for i in range(1, len(parts))}
    taken, renamed = {*building.layers, *building.inputs}, dict[str, str]()
    for name, layer in building.layers.items():
        if name in holders and name not in building.recipes:
            free = (f"{name}.{layer.kind}{'' if i == 1 else f'_{i}'}" for i in itertools.count(1))
            renamed[name] = next(one for one in free if one not in taken)
            taken.add(renamed[name])
    if renamed:
        building.layers = {
            renamed.get(name, name): msgspec.structs.replace(
                layer, name=renamed.get(name, name), inputs=tuple(renamed.get(one, one) for one in layer.inputs)
            )
            for name, layer in building.layers.items()
        }
        building.recipes = {renamed.get(name, name): recipe for name, recipe in building.recipes.items()}


def _check_known(graph: Graph, dims: Mapping[str, int]) -> None:
    known = {size for given in graph.inputs.values() for size in given if isinstance(size, str)}
    for name in dims.keys() - known:
        has = f"it has {', '.join(sorted(map(one_line, known)))}" if known else "it has none with a name"
        raise ArgumentError("dims", dict(dims), f"no dimension of an input is called {one_line(name)!r}; {has}")


def _opened(given: Dimensions, dims: Mapping[str, int]) -> tuple[int, ...]:
    """Return an input's dimensions with sizes for those that are open."""
    sizes = []
    for i, size in enumerate(given):
        if isinstance(size, int) and size > 0:
            sizes.append(size)
        elif isinstance(size, str) and size in dims:
            sizes.append(dims[size])
        elif size == 0:
            raise InputError(f"has a size of 0 in dimension {i}, which is none; export it with a size from 1")
        elif i == 0:
            sizes.append(1)
        else:
            text = f"has the open dimension {one_line(size) if isinstance(size, str) else 'number ' + str(i)}"
            remedy = f"--dim {one_line(size)}=16" if isinstance(size, str) else "exporting it with a size"
            raise InputError(f"{text}; give it one, such as by {remedy}")
    return tuple(sizes)


def _resized(name: str, dims: Dimensions, sizes: Any) -> Dimensions:
    """Return dimensions with the frames, height and width that were asked for."""
    size = sizes.get(name) if isinstance(sizes, dict) else sizes
    if size is None:
        return dims
    if len(dims) == 4 and size[0] == 1:  # N, C, H, W
        return (*dims[:2], *size[1:])
    if len(dims) == 4:
        raise InputError(f"has images, of one frame; give 1x{size[1]}x{size[2]}")
    if len(dims) != 5:  # N, C, T, H, W
        raise InputError(f"has {len(dims)} dimensions, no frames, height and width; leave the input size out")
    return (*dims[:2], *size)


def _read(building: Building, node: Node, *, allow_unknown: bool) -> list[Any]:
    """Return what the outputs of a node mean."""
    for name in node.inputs if node.op not in WRITERS else ():
        if isinstance(pieces := building.meanings.get(name), Pieces):
            building.meanings[name] = resolved(building, node, pieces)
    given = [building.meaning(node, i) for i in range(len(node.inputs))]
    known = [one for one in given if isinstance(one, Constant)]
    are_constant = bool(known) and len(known) == sum(one is not None for one in given)
    if are_constant and (made := folded(building, node, known)) is not None:
        return list(made)
    if node.op not in HANDLERS:
        return [_copy(building, node, given, allow_unknown=allow_unknown)]
    if node.raw is not None and (fault := operator_fault(node.raw, building.graph.opset)) is not None:
        raise building.error(node, fault)
    try:
        read = list(HANDLERS[node.op](building, node))
    except KeyError as error:
        raise building.error(node, f"lacks the attribute {one_line(str(error.args[0]))}") from None
    except (IndexError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        said = ", ".join(f"{one_line(name)} = {one_line(str(value))}" for name, value in node.attributes.items())
        raise building.error(
            node, f"does not fit what it reads ({raised(error, 60)}; {said or 'no attributes'})"
        ) from None
    return [later(building, node, known, i, one) if are_constant else one for i, one in enumerate(read)]


def _copy(building: Building, node: Node, given: Sequence[Any], *, allow_unknown: bool) -> Tensor:
    """Return what stands for the output of an operator that is not known. Raises InputError where nothing may."""
    if not allow_unknown:
        takes = ", ".join(sorted(HANDLERS))
        remedy = "write that part in YAML, allow it as a copy (--allow-unknown), or use"
        raise building.error(node, f"this operator is not taken; {remedy}: {takes}")
    computed = [i for i, one in enumerate(given) if one is not None and not isinstance(one, Constant)]
    if len(computed) != 1:
        why = f"is not known and reads {len(computed)} computed tensors; a copy reads one: write that part in YAML"
        raise building.error(node, why)
    return building.add(node, Copy, [building.data(node, computed[0])], of=one_line(node.called or node.op, 200))


def _compare(building: Building, node: Node) -> None:
    """Raise InputError where the file records another shape of an output than follows from the inputs."""
    for name in node.outputs:
        recorded, meaning = building.graph.recorded.get(name), building.meanings.get(name)
        if (
            recorded is None
            or name in building.repeated
            or not isinstance(meaning, Tensor | Axes)
            or not building.uses[name]
        ):
            continue
        own = meaning.dims
        fits = len(own) == len(recorded) and all(
            not isinstance(said, int) or said in (size, 0) for said, size in zip(recorded, own, strict=True)
        )
        if not fits and 0 not in recorded:
            said, has = ("x".join(map(str, dims)) for dims in (recorded, own))
            raise building.error(node, f"the file records {said} for its output, which is {has}; export it again")


def _workload(building: Building, graph: Graph, widths: Widths) -> Workload:
    layers = list(building.layers.values())
    if not layers:
        raise InputError(f"{building.shown}: no layer is left of the network; export it again")
    read = {name for layer in layers for name in layer.inputs}
    opset = f", opset {graph.opset}" if graph.source == "ONNX" else ""
    stem = re.sub(r"[^A-Za-z0-9_.-]+", "_", Path(building.shown).stem) or "network"
    return build_workload(
        name=stem[:80],
        inputs={name: shape for name, shape in building.inputs.items() if name in read},
        layers=layers,
        description="; ".join((f"imported from {one_line(Path(building.shown).name)}{opset}", *widths.notes)),
        source=graph.source,
        activation_bits=widths.activation_bits,
        weight_bits=widths.weight_bits,
        input_bits=building.input_bits,
        learned=tuple(name for name in building.learned_inputs if name in read),
        locate=lambda layer: f"{building.shown} {one_line(layer)}",
    )
