"""Find what a network has again and again, for its file: runs of layers that differ in numbers alone.

Layers are looked for where their names say that they belong together: ``layer1.0.conv1`` and ``layer1.0.conv2`` are
the run ``layer1.0``. Runs of one form become a block, and the numbers in which they differ its parameters.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lw3dsim.describe.workload import AnyLayer, Workload

# By the name of a layer within its block, and a field of it.
Numbers = dict[tuple[str, str], Any]


@dataclass(frozen=True, kw_only=True)
class Run:
    """Layers behind each other whose names begin with ``name``; ``source`` is the tensor that they read."""

    name: str
    layers: tuple[AnyLayer, ...]
    source: str

    @property
    def own(self) -> dict[str, str]:
        """What its layers are called within it, by their names."""
        return {layer.name: layer.name.removeprefix(f"{self.name}.") for layer in self.layers}

    def inputs(self, layer: AnyLayer) -> tuple[str, ...]:
        """Return what a layer reads, as it is called within the block."""
        own = {self.source: "input", **self.own}
        return tuple(own.get(name, name) for name in layer.inputs)

    @property
    def form(self) -> tuple[object, ...] | None:
        """What runs of one block have in common; None where this is none."""
        own = {*self.own.values(), "input"}
        outside = {name for layer in self.layers for name in layer.inputs} - {self.source, *self.own}
        if outside & own or "input" in self.own.values():
            return None
        words = [
            tuple((key, value) for key, value in values_of(layer).items() if isinstance(value, str))
            for layer in self.layers
        ]
        texts = [*self.own.values(), *outside, *(text for word in words for _, text in word)]
        if any(text.startswith("$") for text in texts):
            return None  # In a block that is a parameter.
        return tuple(
            (self.own[layer.name], layer.kind, self.inputs(layer), word)
            for layer, word in zip(self.layers, words, strict=True)
        )

    @property
    def numbers(self) -> Numbers:
        """The numbers of its layers."""
        return {
            (self.own[layer.name], key): value
            for layer in self.layers
            for key, value in values_of(layer).items()
            if not isinstance(value, str)
        }


@dataclass(frozen=True, kw_only=True)
class Block:
    """Runs of one form; ``parameters`` by the name and field that they are in, each with the values of every run."""

    name: str
    runs: tuple[Run, ...]
    parameters: Mapping[tuple[str, str], str]
    values: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

    def given(self, run: Run) -> dict[str, Any]:
        """Return the parameters of a run."""
        place = self.runs.index(run)
        return {name: values[place] for name, values in self.values.items()}


def values_of(layer: AnyLayer) -> dict[str, Any]:
    """Return the fields of a layer as plain values, but its name and what it reads."""
    said = msgspec.to_builtins(layer)
    return {one.name: said[one.name] for one in msgspec.structs.fields(layer) if one.name not in ("name", "inputs")}


def blocks_of(network: Workload) -> dict[str, tuple[Block, Run]]:
    """Return the runs that are written as blocks, by the name of their first layer."""
    runs = _runs(network.layers)
    by_form = defaultdict[tuple[object, ...], list[Run]](list)
    for run in runs:
        if (form := run.form) is not None:
            by_form[form].append(run)
    shared = [alike for alike in by_form.values() if len(alike) > 1]
    price = {run.name: 1 + len(run.layers) / len(alike) for alike in shared for run in alike}
    chosen = _cheapest(network.layers, runs, price)
    found = dict[str, tuple[Block, Run]]()
    for alike in by_form.values():
        kept = tuple(run for run in alike if run.name in chosen)
        if len(kept) > 1:
            block = _block(kept)
            found |= {run.layers[0].name: (block, run) for run in kept}
    return found


def _runs(layers: Sequence[AnyLayer]) -> list[Run]:
    """Return the runs of two layers and more, those within others behind these."""
    places = defaultdict[str, list[int]](list)
    for place, layer in enumerate(layers):
        parts = layer.name.split(".")
        for depth in range(1, len(parts)):
            places[".".join(parts[:depth])].append(place)
    names = {layer.name for layer in layers}
    return [
        Run(name=name, layers=tuple(layers[at[0] : at[-1] + 1]), source=layers[at[0]].inputs[0])
        for name, at in places.items()
        if len(at) > 1 and at[-1] - at[0] + 1 == len(at) and name and name not in names
    ]


def _cheapest(layers: Sequence[AnyLayer], runs: Sequence[Run], price: Mapping[str, float]) -> set[str]:
    """Return the names of the runs that make the shortest text, none within another."""
    place = {layer.name: i for i, layer in enumerate(layers)}
    ending = defaultdict[int, list[Run]](list)
    for run in runs:
        if run.name in price:
            ending[place[run.layers[-1].name] + 1].append(run)
    best: list[tuple[float, Run | None]] = [(0.0, None)]
    for end in range(1, len(layers) + 1):
        ways: list[tuple[float, Run | None]] = [(best[end - 1][0] + 1, None)]
        ways += [(best[end - len(run.layers)][0] + price[run.name], run) for run in ending[end]]
        best.append(min(ways, key=lambda way: way[0]))
    chosen, end = set[str](), len(layers)
    while end:
        last = best[end][1]
        chosen |= set() if last is None else {last.name}
        end -= 1 if last is None else len(last.layers)
    return chosen


def _block(runs: tuple[Run, ...]) -> Block:
    """Return the block of runs of one form: numbers that always go together are one parameter."""
    numbers = [run.numbers for run in runs]
    parameters, values = dict[tuple[str, str], str](), dict[str, tuple[Any, ...]]()
    for layer, key in numbers[0]:
        own = tuple(one[layer, key] for one in numbers)
        if any(value != own[0] for value in own):
            name = next((name for name, known in values.items() if repr(known) == repr(own)), None)
            name = name or _parameter(layer, key, values)
            parameters[layer, key], values[name] = name, own
    return Block(name=runs[0].name, runs=runs, parameters=parameters, values=values)


def _parameter(layer: str, key: str, taken: Mapping[str, object]) -> str:
    """Return a name for a parameter: that of its layer, without numbers, and of the field."""
    base = "_".join([*(part for part in layer.split(".") if not part.isdigit()), key])
    return next(name for i in itertools.count(1) if (name := base if i == 1 else f"{base}_{i}") not in taken)
