"""What a layer computes, whatever machine it runs on, and how large its values got."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.arithmetic.number import Tensor

Reduction = Literal["sum", "product", "max", "avg", "trg", "softmax", "layer_norm", "running_mean"]


@dataclass(frozen=True, kw_only=True)
class Computation:
    """What a layer computes: its kind of reduction, activation, weights (N, C/groups, K, R, S) and bias (N).

    Integers are shifted right by ``shift`` bits before an activation is looked up. An average is divided by
    ``divisors`` (T, H, W), a running mean by the number of its frames and of ``frames_before``, in clips before. What
    takes channels together does so in ``groups`` of them; ``epsilon`` is that of a norm.
    """

    reduction: Reduction
    weights: Tensor | None
    bias: Tensor | None
    activation: str = "none"
    shift: int = 0
    divisors: Tensor | None = None
    groups: int = 1
    epsilon: float = 0
    frames_before: int = 0


@dataclass(kw_only=True)
class Peaks:
    """The largest magnitudes seen: transformed inputs, transformed weights, sums of products."""

    data: float = 0
    weight: float = 0
    total: float = 0


def largest(peaks: Sequence[Peaks]) -> Peaks:
    """Return the largest magnitudes of several runs."""
    return Peaks(
        data=max(one.data for one in peaks),
        weight=max(one.weight for one in peaks),
        total=max(one.total for one in peaks),
    )
