"""The widths that a network is run in: its own where it says any, else those of the accelerator."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from lw3dsim.arithmetic.number import NUMBERS, OWN_WIDTHS, integers
from lw3dsim.base.values import replace
from lw3dsim.describe.moves import Rearranged
from lw3dsim.describe.workload import Pad, Pool3d, RunningMean, Slice
from lw3dsim.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from lw3dsim.arithmetic.number import Number
    from lw3dsim.describe.accelerator import Accelerator, Precision
    from lw3dsim.describe.workload import AnyLayer, Workload

# Fields of a workload and of a precision alike, and what they are of.
WIDTHS = {"activation_bits": "activations", "weight_bits": "weights"}

# Integers are executed as far as sums of their products stay below 2^63, and tables of all of them are small.
MOST_BITS = 16


def in_widths(arch: Accelerator, network: Workload, overrides: Sequence[str]) -> Accelerator:
    """Return ``arch`` with the widths that ``network`` says, but for those that ``overrides`` set."""
    own = {key: bits for key in _left(overrides) if (bits := getattr(network, key)) is not None}
    return replace(arch, precision=replace(arch.precision, **own)) if own else arch


def _left(overrides: Sequence[str]) -> list[str]:
    """Return the widths that ``overrides`` do not set."""
    changed = {text.partition("=")[0].strip() for text in overrides}
    return [key for key in WIDTHS if not changed & {"precision", f"precision.{key}"}]


def layers_in_widths(network: Workload, arch: Accelerator, overrides: Sequence[str]) -> Workload:
    """Return ``network`` with the widths of its tensors and kernels that are not those of ``arch``.

    Those that ``overrides`` set are those of all. Tensors that a layer reads together, and those that another only
    moves, are in one width, the widest that any of them says.
    """
    if not says_widths(network):
        return network
    network, default = _without(network, set(WIDTHS) - set(_left(overrides))), arch.precision
    found = {name: _widest(said, default.activation_bits) for said in _sets(network) for name in said}
    weights = {layer.name: bits for layer in network.layers if (bits := _of_weights(layer)) is not None}
    return replace(
        network,
        tensor_bits={name: bits for name, bits in found.items() if bits != default.activation_bits},
        kernel_bits={name: bits for name, bits in weights.items() if bits != default.weight_bits},
    )


def says_widths(network: Workload) -> bool:
    """Return whether any tensor or layer of ``network`` says a width of its own."""
    return bool(network.input_bits) or any(
        x.activation_bits or _of_weights(x) for x in (*network.layers, *network.views)
    )


def _without(network: Workload, keys: set[str]) -> Workload:
    """Return ``network`` whose layers and inputs do not say the widths ``keys``."""
    if not keys:
        return network
    layers, views = (
        tuple(msgspec.structs.replace(x, **{key: None for key in keys if getattr(x, key, None)}) for x in several)
        for several in (network.layers, network.views)
    )
    inputs = {} if "activation_bits" in keys else network.input_bits
    return replace(network, layers=layers, views=views, input_bits=inputs)


def at_most(network: Workload, bits: int) -> Workload:
    """Return ``network`` with no tensor or kernel as wide as so many ``bits``, those of all others; 0: as it is."""
    if not bits or not (network.tensor_bits or network.kernel_bits):
        return network
    tensors, kernels = (
        {name: own for name, own in several.items() if own < bits}
        for several in (network.tensor_bits, network.kernel_bits)
    )
    return replace(network, tensor_bits=tensors, kernel_bits=kernels)


def _of_weights(layer: AnyLayer) -> int | None:
    bits: int | None = getattr(layer, "weight_bits", None)
    return bits


class _Said(NamedTuple):
    """What is said of the width of a tensor: so many bits, nothing, or nothing as it ``follows`` others."""

    bits: int | None
    follows: bool = False


def _sets(network: Workload) -> list[dict[str, _Said]]:
    """Return the tensors that are in one width, and what is said of each; those of no tie are alone."""
    said = {name: _Said(network.input_bits.get(name)) for name in network.inputs}
    layers = (*network.layers, *network.views)
    said |= {layer.name: _Said(layer.activation_bits, _moves(layer)) for layer in layers}
    if all(one.bits is None for one in said.values()):
        return []
    sets = {name: [name] for name in said}
    for layer in layers:
        together = dict.fromkeys((*layer.streams, *([layer.name] if _moves(layer) else ())))
        merged = [name for one in {id(sets[name]): sets[name] for name in together}.values() for name in one]
        sets.update(dict.fromkeys(merged, merged))
    return [{name: said[name] for name in one} for one in {id(one): one for one in sets.values()}.values()]


def _moves(layer: AnyLayer) -> bool:
    """Return whether what ``layer`` makes is in the width of what it reads: values of it, or sums that it keeps."""
    is_largest = isinstance(layer, Pool3d) and layer.mode == "max"
    return is_largest or isinstance(layer, Rearranged | Slice | Pad | RunningMean)


def _widest(said: Mapping[str, _Said], default: int) -> int:
    """Return the width of tensors that are in one: the widest; where none says any, that of all others."""
    widths = [one.bits or default for one in said.values() if one.bits or not one.follows]
    return max(widths, default=default)


def width_notes(network: Workload, asked: Accelerator, run: Accelerator, overrides: Sequence[str]) -> Iterator[str]:
    """Yield a sentence on every width in which the network and the accelerator that was ``asked`` for differ."""
    for key, what in WIDTHS.items():
        said, before, after = getattr(network, key), getattr(asked.precision, key), getattr(run.precision, key)
        if said is not None and said != before:
            instead = f"as {network.name} says, in place of the {before} of {asked.name}"
            yield f"{what} have {after} bits, " + (instead if after == said else f"not the {said} of {network.name}")
        yield from _own_notes(network, run, key, is_set=key not in _left(overrides))


def _own_notes(network: Workload, run: Accelerator, key: str, *, is_set: bool) -> Iterator[str]:
    """Yield what is done with the widths that single tensors or layers of a network say."""
    what, default = WIDTHS[key], getattr(run.precision, key)
    if key == "weight_bits":
        said = [bits for layer in network.layers if (bits := _of_weights(layer))]
    else:
        made = (layer.activation_bits for layer in network.layers)
        said = [bits for bits in (*network.input_bits.values(), *made) if bits]
    if not set(said) - {default}:
        return
    if is_set:
        yield f"all {what} have {default} bits, not the {_listed(said)} that {network.name} says of some"
        return
    of = ("layer" if key == "weight_bits" else "tensor") + ("" if len(said) == 1 else "s")
    yield f"{what} of {len(said)} {of} have {_listed(said)} bits, as {network.name} says of each"
    for one in _sets(network) if key == "activation_bits" else ():
        widest = _widest(one, default)
        narrower = [name for name, of in one.items() if of.bits and of.bits < widest]
        if narrower:
            yield f"{', '.join(narrower)}: taken as of {widest} bits, as what is read or moved together"


def _listed(widths: Iterable[int]) -> str:
    return " and ".join(map(str, sorted(set(widths))))


def in_numbers(
    design: Accelerator, network: Workload, dtype: str, overrides: Sequence[str]
) -> tuple[Accelerator, Workload, Number]:  # fmt: skip
    """Return what is executed as ``dtype`` says, and the numbers of tensors that say no width of their own.

    Raises InputError for integers that are too wide to be executed.
    """
    number = integers(design.precision.activation_bits) if dtype == OWN_WIDTHS else NUMBERS[dtype]
    if dtype != OWN_WIDTHS:
        design = with_width(design, number)
        network = at_most(layers_in_widths(network, design, overrides), number.bits)
    if number.is_integer:
        for name, bits in _widths(design.precision, network):
            if bits > MOST_BITS:
                raise InputError(
                    f"{name} = {bits}: integers of up to {MOST_BITS} bits are executed; take fewer, or a dtype of "
                    f"{', '.join(NUMBERS)}"
                )
    return design, network, number


def _widths(precision: Precision, network: Workload) -> Iterator[tuple[str, int]]:
    """Yield all widths of operands, each called by its key."""
    yield from ((f"precision.{key}", getattr(precision, key)) for key in WIDTHS)
    for key, several in zip(WIDTHS, (network.tensor_bits, network.kernel_bits), strict=True):
        yield from ((f"{name}.{key}", bits) for name, bits in several.items())


def name_of(number: Number, precision: Precision) -> str:
    """Return what the numbers of a run are called: activations x weights where these are integers of other widths."""
    weights = number.in_bits(precision.weight_bits)
    return number.name if weights == number else f"{number.name} x {weights.name}"


def with_width(design: Accelerator, number: Number) -> Accelerator:
    """Return ``design`` with activations and weights as wide as integers of ``number``; floats leave it as it is."""
    if not number.is_integer:
        return design
    precision = msgspec.structs.replace(design.precision, activation_bits=number.bits, weight_bits=number.bits)
    return msgspec.structs.replace(design, precision=precision)
