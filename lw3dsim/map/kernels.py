"""The mapper's kernels: on lists as CPython runs them, on arrays as they are translated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lw3dsim.map import bounds, compute, ranking, runs, shortlist, step, sums, tiling
from lw3dsim.native import Translation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lw3dsim.map.arrays import Ints, Words

# What ranking a tiling takes CPython, in steps of the fast engine; and costing a step, and listing runs, in tilings.
STEPS_PER_TILING = 5
TILINGS_PER_STEP = 20
RUNS_PER_TILING = 20

TRANSLATION = Translation(
    "the mapper",
    (
        (
            step,
            (
                "ceiling", "balanced", "group_shape", "turns", "rows_used", "channel_passes", "own_inputs", "patch",
                "input_port", "output_port", "update_bits",
                "cost_group", "cost_groups", "first_group", "wait", "stall_cycles", "array_cycles", "vector_ops",
                "vector_cycles", "step_cycles", "array_step", "vector_step", "cost_steps", "full_step_costs",
            ),
        ),
        (
            sums,
            (
                "is_read", "read_positions", "bursts_of", "column_of", "weight_bits", "weight_bursts", "sum_extent",
                "columns_of", "is_scattered", "input_channels", "sum_channels", "sum_spans", "row_bursts",
                "fill_row_bursts",
            ),
        ),
        (
            tiling,
            (
                "spatial_tiles", "total_steps", "input_tiles", "slots_of", "ifmap_bits", "ofmap_bits", "fits",
                "input_repeats", "weight_loads", "input_columns", "bursts_of_rows", "input_bursts", "output_bursts",
                "row_visits", "least_row", "fill_choices",
            ),
        ),
        (
            compute,
            (
                "last_part", "sort_of", "sort_of_tiles", "tile_frames", "step_head", "least_tile_cycles", "tile_cycles",
                "vector_layer_cycles", "layer_cycles", "full_tiles", "waits_between_tiles", "least_compute",
                "compute_ticks",
            ),
        ),
        (
            ranking,
            (
                "estimate", "most_compute", "is_worth", "may_win", "comes_before", "insert", "offer", "rank",
            ),
        ),
        (
            bounds,
            (
                "box_row", "first_loads", "last_store", "last_drain", "bound_ticks", "bound_kept",
            ),
        ),
        (shortlist, ("shortlist",)),
        (runs, ("append", "row_runs", "box_runs", "list_runs")),
    ),
    entries=("fill_choices", "shortlist", "cost_steps", "full_step_costs", "sum_channels", "sum_spans",
             "fill_row_bursts", "row_runs", "list_runs"),
    outlined=("cost_groups", "compute_ticks", "insert", "sum_extent", "weight_bursts", "array_step",
              "vector_step", "step_cycles", "rank", "box_runs", "layer_cycles", "full_tiles", "tile_cycles",
              "waits_between_tiles", "vector_layer_cycles", "bound_ticks"),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Kernels:
    """The functions by name, and what makes the sequences that they take: from values, or of a size to be filled."""

    functions: Mapping[str, Callable[..., Any]]
    words: Callable[[Sequence[int] | Ints], Words]
    empty: Callable[[int], Words]


def kernels(work: int) -> Kernels:
    """Return the kernels for as much ``work`` as ranking so many tilings: translated where that pays."""
    if TRANSLATION.is_worthwhile(STEPS_PER_TILING * work):
        return Kernels(functions=TRANSLATION.functions, words=_array, empty=_zeros)
    return _INTERPRETED


def _array(values: Sequence[int] | Ints) -> Words:
    return np.array(values, dtype=np.int64)


def _zeros(size: int) -> Words:
    return np.zeros(size, dtype=np.int64)


def _list(values: Sequence[int] | Ints) -> Words:
    words: list[int] = np.asarray(values, dtype=np.int64).tolist()
    return words


def _zero_list(size: int) -> Words:
    return [0] * size


_INTERPRETED = Kernels(
    functions={name: getattr(module, name) for module, names in TRANSLATION.parts for name in names},
    words=_list,
    empty=_zero_list,
)
