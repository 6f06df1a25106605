"""Which forms the layers of a network may take in a box: by algorithm, where weights are transformed, and mode."""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.account.simulated import sparsities_of
from lw3dsim.base.values import replace
from lw3dsim.describe.buffers import KIB_BITS
from lw3dsim.explore.proof.layers import Forms, form_of, joined
from lw3dsim.explore.proof.parts import fused_parts, lone_parts
from lw3dsim.machine.microarchitecture import PARALLEL_MODES
from lw3dsim.machine.problem import problem_of
from lw3dsim.map.floor import floor_bytes
from lw3dsim.transform.algorithms import candidates

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.workload import Workload
    from lw3dsim.explore.point import Load, Point
    from lw3dsim.explore.proof.boxes import Masks
    from lw3dsim.explore.proof.factors import Places
    from lw3dsim.explore.space import Choice
    from lw3dsim.machine.problem import Problem

    Figures = NDArray[np.float64]


class Taken:
    """Forms that some boxes have, layer after layer, which begin at ``starts``."""

    def __init__(self, forms: Forms, starts: NDArray[np.int64], floors: Callable[[Sequence[Figures]], Figures]) -> None:
        self.forms, self._starts, self._floors = forms, starts, floors

    def least(self, figures: Figures) -> Figures:
        """Return the least figure of every layer, of those of all forms in the columns."""
        return np.asarray(np.minimum.reduceat(figures, self._starts, axis=1))

    def floors(self, kib: Sequence[Figures]) -> Figures:
        """Return the bytes that each form moves at least with buffers of these sizes, a row a box."""
        return self._floors(kib)


class FormsOf:
    """The forms of all layers of a network, layer after layer, and the values of parameters that each comes with.

    ``numbers`` are those of the parameters; of each form ``values`` has the bits of theirs.
    """

    def __init__(
        self, forms: Forms, layers: Sequence[int], numbers: Sequence[int], values: Masks, problems: Sequence[Problem]
    ) -> None:
        self._forms, self._numbers, self._values, self._problems = forms, list(numbers), values, problems
        self._layers = np.array(layers)
        self._floors: dict[tuple[float, ...], Figures] = {}

    def within(self, masks: Masks) -> tuple[Taken, NDArray[np.bool_]]:
        """Return the forms that designs of any of the boxes may have, and which designs of each box may."""
        inside = np.ones((len(masks), len(self._problems)), dtype=bool)
        for column, number in enumerate(self._numbers):
            inside &= (masks[:, number, None] & self._values[None, :, column]) != 0
        taken = np.flatnonzero(inside.any(axis=0))
        forms = Forms(*(figures[taken] for figures in self._forms))
        starts = np.flatnonzero(np.diff(self._layers[taken], prepend=-1))
        return Taken(forms, starts, partial(self._floors_of, taken)), inside[:, taken]

    @cached_property
    def fast(self) -> list[tuple[Masks, Places, Problem]]:
        """Every fast algorithm: the values that it comes with, a place of each, and the narrowest layer that has it."""
        found: dict[tuple[object, ...], list[int]] = {}
        for row, problem in enumerate(self._problems):
            if problem.algorithm.is_winograd:
                key = problem.algorithm, *self._values[row].tolist()
                found.setdefault(key, []).append(row)
        return [self._narrowest(rows) for rows in found.values()]

    def _narrowest(self, rows: list[int]) -> tuple[Masks, Places, Problem]:
        values, problems = self._values[rows[0]], [self._problems[row] for row in rows]
        lowest = ((mask & -mask).bit_length() - 1 for mask in values.tolist())
        narrow = replace(
            problems[0],
            data_bits=min(one.data_bits for one in problems),
            weight_bits=min(one.weight_bits for one in problems),
            accumulator_bits=min(one.accumulator_bits for one in problems),
            register_bits=min(one.register_bits for one in problems),
            transform_bits=min(one.transform_bits for one in problems),
        )
        return values, tuple(zip(self._numbers, lowest, strict=True)), narrow

    def comes_with(self, masks: Masks, values: Masks) -> NDArray[np.bool_]:
        """Return in which boxes there are designs that have one of these ``values`` of every parameter."""
        return np.asarray(((masks[:, self._numbers] & values) != 0).all(axis=1))

    def _floors_of(self, taken: NDArray[np.int64], kib: Sequence[Figures]) -> Figures:
        sizes, which = np.unique(np.stack(kib, axis=1), axis=0, return_inverse=True)
        return np.stack([self._floor(tuple(size))[taken] for size in sizes.tolist()])[which.ravel()]

    def _floor(self, kib: tuple[float, ...]) -> Figures:
        if kib not in self._floors:
            capacity = dict(zip(("ifmap", "weight", "ofmap"), (int(size) * KIB_BITS for size in kib), strict=True))
            self._floors[kib] = np.array([float(floor_bytes(problem, capacity)) for problem in self._problems])
        return self._floors[kib]


def forms_of(
    network: Workload, load: Load, numbers: Sequence[int], variants: Sequence[tuple[Choice, Point, Accelerator]]
) -> FormsOf:
    """Return the forms of ``network`` as ``load`` runs it: those of all ``variants`` in the parameters ``numbers``."""
    parts = (lone_parts if load.fusion == "off" else fused_parts)(network, variants[0][2])
    found: dict[tuple[int, Problem, str, bool], tuple[Forms, list[int]]] = {}
    for choice, point, arch in variants:
        policy, tiles = load.at(point).algorithm, arch.winograd
        for i, (layer, part) in enumerate(zip(network.layers, parts, strict=True)):
            # What can't be mapped otherwise runs direct.
            allowed = {*candidates(layer, policy, tiles.m1, tiles.m2), *candidates(layer, "direct", 1, 1)}
            for algorithm in sorted({replace(one, reason="") for one in allowed}, key=repr):
                problem = problem_of(network, layer, algorithm, arch)
                is_dense = problem.has_weights and not problem.is_depthwise and not algorithm.is_winograd
                for mode in PARALLEL_MODES if is_dense else PARALLEL_MODES[:1]:
                    key = i, problem, mode, algorithm.is_winograd and tiles.weight_transform == "onchip"
                    if key not in found:
                        (sparsity,) = sparsities_of(network, (layer,))
                        found[key] = form_of(problem, part, arch, mode, sparsity), [0] * len(numbers)
                    for column, number in enumerate(numbers):
                        found[key][1][column] |= 1 << choice[number]
    keys = sorted(found, key=lambda key: key[0])
    values = np.array([found[key][1] for key in keys], dtype=np.uint64).reshape(len(keys), len(numbers))
    forms = joined([found[key][0] for key in keys])
    return FormsOf(forms, [key[0] for key in keys], numbers, values, [key[1] for key in keys])
