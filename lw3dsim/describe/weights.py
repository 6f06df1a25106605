"""The weights of a layer, where they are known: arrays beside a workload, which itself says only how large they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lw3dsim.describe.workload import Workload


class LayerWeights(NamedTuple):
    """What a layer computes with: ``weight`` (N, C / groups, K, R, S), its batch norm folded in, and ``bias`` (N).

    A linear layer on F features has N x F x 1 x 1 x 1, a batch norm on C channels the factors C x 1 x 1 x 1 x 1, a
    transposed convolution C x N/groups x K x R x S.
    """

    weight: NDArray[Any]
    bias: NDArray[Any] | None


# By layer, what reads its weights when they are asked for: None where they are not there after all.
WeightReaders: TypeAlias = Mapping[str, Callable[[], LayerWeights | None]]


class Weighted(NamedTuple):
    """A workload as it was read, what its file holds of its weights, and sentences on what was taken otherwise."""

    workload: Workload
    weights: WeightReaders
    notes: tuple[str, ...] = ()


def bare(given: str | Workload | Weighted) -> str | Workload:
    """Return a workload, or the name of one, without its weights."""
    return given.workload if isinstance(given, Weighted) else given
