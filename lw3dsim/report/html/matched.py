"""Layers of several cases side by side: a layer of the first beside the block, or the fused group, that it became."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.result.records import Layer, RunRecord


class Match(NamedTuple):
    """Layers that do the same work: a name, and of each case the layers."""

    name: str
    cases: tuple[tuple[Layer, ...], ...]


def matched(records: Sequence[RunRecord]) -> list[Match]:
    """Return the layers of all cases, each exactly once, beside those of the first that they stand for.

    ``conv2a.pointwise`` stands for ``conv2a``; where a group has several layers of the first, these are one row. What
    stands for none has a row of its own.
    """
    names = [layer.name for layer in records[0].layers]
    number = {name: place for place, name in enumerate(names)}
    parent = list(range(len(names)))
    extra: dict[str, int] = {}
    covered: list[list[int]] = []
    for record in records:
        rows = []
        for layer in record.layers:
            whole = number.get(layer.name)
            found = {whole} if whole is not None else _stands_for(layer, number)
            if not found:
                if layer.name not in extra:
                    extra[layer.name] = len(parent)
                    parent.append(len(parent))
                found = {extra[layer.name]}
            first, *others = sorted(found)
            for other in others:
                parent[_root(parent, other)] = _root(parent, first)
            rows.append(first)
        covered.append(rows)
    titles = [*names, *extra]
    rows_of: dict[int, list[int]] = {}
    for place in range(len(parent)):
        rows_of.setdefault(_root(parent, place), []).append(place)
    return [
        Match(
            _title([titles[place] for place in members]),
            tuple(
                tuple(layer for layer, place in zip(record.layers, rows, strict=True) if _root(parent, place) == root)
                for record, rows in zip(records, covered, strict=True)
            ),
        )
        for root, members in sorted(rows_of.items(), key=lambda item: min(item[1]))
    ]


def _root(parent: list[int], place: int) -> int:
    while parent[place] != place:
        parent[place] = parent[parent[place]]
        place = parent[place]
    return place


def _stands_for(layer: Layer, number: dict[str, int]) -> set[int]:
    """Return the layers of the first case that a layer, or each layer of a group, is part of."""
    first, *others = layer.name.split("+")
    places = [_longest(first, number)[0], *(_member(first.split("."), name, number) for name in others)]
    return {place for place in places if place is not None}


def _member(shared: list[str], name: str, number: dict[str, int]) -> int | None:
    """Return the layer that a further layer of a group is part of.

    A group's name leaves out what its layers' names share with that of the first, so it is tried with more or less of
    that in front: what a found name has of the layer's own words counts first.
    """
    found = []
    for depth in range(len(shared), -1, -1):
        place, words = _longest(".".join([*shared[:depth], name]), number)
        if place is not None:
            found.append((words > depth, depth, place))
    return max(found, default=(False, 0, None))[2]


def _longest(name: str, number: dict[str, int]) -> tuple[int | None, int]:
    """Return the layer of the first case whose name ``name`` begins with, up to a point, and its words."""
    words = name.split(".")
    for length in range(len(words), 0, -1):
        if (place := number.get(".".join(words[:length]))) is not None:
            return place, length
    return None, 0


def _title(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} to {names[-1]} ({len(names)} layers)"
