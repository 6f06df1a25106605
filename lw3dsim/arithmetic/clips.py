"""Tensors of several clips, whose frames lie one behind another, and what layers see of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.arithmetic.direct import LOWEST
from lw3dsim.arithmetic.moves import arranged
from lw3dsim.describe.moves import Rearranged
from lw3dsim.describe.workload import Pool3d

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.arithmetic.number import Tensor
    from lw3dsim.describe.workload import AnyLayer

# The axis of a tensor (C, T, H, W) along which clips lie one behind another.
FRAMES = 1


def by_clip(tensors: Sequence[Tensor], clips: int) -> list[list[Tensor]]:
    """Return the tensors of each of so many ``clips``."""
    return [list(clip) for clip in zip(*(np.split(values, clips, axis=FRAMES) for values in tensors), strict=True)]


def joined(clips: Sequence[Tensor]) -> Tensor:
    """Return the tensors of clips one behind another."""
    return np.concatenate(clips, axis=FRAMES)


def sources_by_clip(
    layer: AnyLayer, sources: Sequence[Tensor], streams: int, clips: int, state: int
) -> list[list[Tensor]]:
    """Return what ``layer`` works through of each clip, in its order: ``streams`` of so many ``clips`` each.

    Before its frames a clip has as many of the clip before as the layer looks back at: ``state``.
    """
    made = []
    for stream in by_clip(sources, streams):
        for clip in zip(*(looking_back(layer, values, clips, state) for values in stream), strict=True):
            # What a move has read of the clip before is no frame of this one.
            skipped = state if isinstance(layer, Rearranged) else 0
            made.append([values[:, skipped:] for values in arranged(layer, clip)])
    return made


def carrying(values: Tensor, before: Tensor, streams: int, sums: int) -> Tensor:
    """Return the clips of several ``streams`` with as many frames of ``sums`` in front as the clips ``before`` left."""
    pairs = by_clip([values, before], streams)
    return joined([np.concatenate([left[:, :sums], clip[:, sums:]], axis=FRAMES) for clip, left in pairs])


def without_sums(values: Tensor, streams: int, sums: int) -> Tensor:
    """Return what clips of several ``streams`` make without the frames of ``sums`` in front of each."""
    return joined([clip[:, sums:] for (clip,) in by_clip([values], streams)])


def looking_back(layer: AnyLayer, values: Tensor, clips: int, state: int) -> list[Tensor]:
    """Return the clips of a stream, each behind the frames of ``state`` before it, which begin as padding."""
    if state == 0:
        return np.split(values, clips, axis=FRAMES)
    is_most, is_integer = isinstance(layer, Pool3d) and layer.mode == "max", np.issubdtype(values.dtype, np.integer)
    outside = (LOWEST if is_integer else -np.inf) if is_most else 0
    channels, frames, *space = values.shape
    whole = joined([np.full((channels, state, *space), outside, dtype=values.dtype), values])
    each = frames // clips
    return [whole[:, i * each : (i + 1) * each + state] for i in range(clips)]
