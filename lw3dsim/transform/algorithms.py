"""Which algorithm a layer runs: direct, or a Winograd tile, with the reason where Winograd was wanted and can't be.

``winograd1d`` is F(m1, K) along time, ``winograd2d`` F(m2 x m2, R x R),
``winograd3d`` F(m2^3, R^3) and ``nested`` F(m1, K) x F(m2 x m2, R x R) for a
dense 3D kernel. Winograd needs dilation 1 in the dimensions it tiles; a strided kernel is
split into phases of stride 1, of which each is a kernel of its own.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cache
from itertools import product
from typing import Literal

import msgspec

from lw3dsim.algebra.costs import AddCost, cheapest_order, tile_cost
from lw3dsim.algebra.winograd import (
    MAX_COORDINATES,
    Transform,
    gain,
    integers,
    signed_bits,
    transform,
)
from lw3dsim.base.caches import kept
from lw3dsim.base.values import Value, replace
from lw3dsim.describe.workload import Conv3d, Layer
from lw3dsim.errors import unknown

Kind = Literal["direct", "winograd1d", "winograd2d", "winograd3d", "nested"]

POLICIES = ("direct", "hfa", "winograd3d", "nested", "auto")


class Algorithm(Value, frozen=True, kw_only=True):
    """How the multiplications of a convolution are done.

    ``tile`` is the outputs (t, h, w) of one Winograd tile, (1, 1, 1) for direct;
    ``filter`` the (K, R, S) that it transforms. A strided kernel is split into
    ``split`` phases along each dimension (polyphase): each is a unit-stride kernel of
    ``filter`` on every split-th input, and their products are added up like input
    channels. ``reason`` says why a wanted Winograd form was not taken.
    """

    kind: Kind
    tile: tuple[int, int, int] = (1, 1, 1)
    filter: tuple[int, int, int] = (1, 1, 1)
    split: tuple[int, int, int] = (1, 1, 1)
    reason: str = ""

    @property
    def is_winograd(self) -> bool:
        """Whether operands are transformed."""
        return self.kind != "direct"

    @property
    def coordinates(self) -> int:
        """E: Winograd coordinates of a tile; 1 for direct."""
        if not self.is_winograd:
            return 1
        return math.prod(m + r - 1 for m, r in zip(self.tile, self.filter, strict=True))

    @property
    def taps(self) -> int:
        """What the multipliers run over per input channel: K*R*S positions for direct, the phases for Winograd."""
        return math.prod(self.split) if self.is_winograd else math.prod(self.filter)

    @property
    def outputs(self) -> int:
        """Outputs of a tile."""
        return math.prod(self.tile)

    @property
    def mults_per_output(self) -> Fraction:
        """Multiplications per output and input channel by the paper's formula (whole tiles)."""
        return Fraction(self.coordinates * self.taps, self.outputs)

    @property
    def label(self) -> str:
        """The algorithm in the field's notation."""
        if not self.is_winograd:
            return "direct"
        parts = [f"F({m},{r})" for m, r in zip(self.tile, self.filter, strict=True) if m + r > 2]
        phases = f" in {self.taps} phases" if self.taps > 1 else ""
        return f"{self.kind} {'x'.join(parts)}{phases}"

    def data_bits(self, bits: int) -> int:
        """Return the width of a transformed ``bits``-wide input, at full worst-case growth."""
        return _grown(bits, _gains(self, "BT"))

    def weight_bits(self, bits: int) -> int:
        """Return the width of a transformed ``bits``-wide weight, at full worst-case growth."""
        return _grown(bits, _gains(self, "G"))

    @property
    def input_adds(self) -> int:
        """Additions, with common subexpressions shared, of transforming one input tile."""
        return _cost(self, "BT").shared

    @property
    def weight_adds(self) -> int:
        """Additions, with common subexpressions shared, of transforming one kernel."""
        return _cost(self, "G").shared

    @property
    def output_adds(self) -> int:
        """Additions, with common subexpressions shared, of transforming one output tile."""
        return _cost(self, "AT").shared

    @property
    def transform_depth(self) -> int:
        """Adders behind each other in the input and output transforms: their pipeline stages."""
        return self.stages("BT") + self.stages("AT")

    def stages(self, matrix: Literal["BT", "AT"]) -> int:
        """Return the adders behind each other in a transform: its pipeline stages."""
        return _cost(self, matrix).depth

    def active_share(self, data_density: float, weight_density: float) -> float:
        """Return the share of multiplications whose operands are both nonzero, zeros taken as independent.

        A transformed coordinate is zero only if all inputs of its row of the transform are: k
        nonzero entries leave density d at 1 - (1 - d)^k. Averaged over the coordinates.
        """
        if not self.is_winograd:
            return data_density * weight_density
        return _active_share(self, data_density, weight_density)

    @property
    def transforms(self) -> list[Transform]:
        """F(m, r) along T, H and W; none for direct."""
        if not self.is_winograd:
            return []
        return [transform(m, r) for m, r in zip(self.tile, self.filter, strict=True)]


@cache
def _nonzeros(algorithm: Algorithm) -> list[tuple[int, int]]:
    """Return, per coordinate, the inputs and the weights of a tile that it is a sum of."""
    entries = [
        [
            (sum(map(bool, data)), sum(map(bool, weight)))
            for data, weight in zip(integers(form.BT), integers(form.G), strict=True)
        ]
        for form in algorithm.transforms
    ]
    return [(math.prod(row[0] for row in rows), math.prod(row[1] for row in rows)) for rows in product(*entries)]


@kept(4096)
def _active_share(algorithm: Algorithm, data_density: float, weight_density: float) -> float:
    shares = [_kept(data_density, data) * _kept(weight_density, weight) for data, weight in _nonzeros(algorithm)]
    return math.fsum(shares) / len(shares)


def _kept(density: float, nonzeros: int) -> float:
    return 1 - (1 - density) ** nonzeros


def _grown(bits: int, gains: tuple[int, ...]) -> int:
    return signed_bits((2 ** (bits - 1) - 1) * math.prod(gains)) if gains else bits


@cache
def _gains(algorithm: Algorithm, name: str) -> tuple[int, ...]:
    """Return by how much one of the transforms makes values grow along each dimension."""
    return tuple(gain(getattr(form, name)) for form in algorithm.transforms)


def check_policy(policy: str) -> None:
    """Raise InputError for an unknown algorithm policy."""
    if policy not in POLICIES:
        raise unknown("algorithm", policy, POLICIES)


@cache
def _cost(algorithm: Algorithm, name: str) -> AddCost:
    """Return what one of the three transforms of a tile costs; that of outputs in the order of the fewest additions."""
    matrices = tuple(integers(getattr(form, name)) for form in algorithm.transforms)
    return tile_cost(matrices, cheapest_order(matrices) if name == "AT" else None)


@kept(65536)
def candidates(layer: Layer, policy: str, m1: int, m2: int) -> tuple[Algorithm, ...]:
    """Return the algorithms that ``policy`` allows for ``layer``: one, or for ``auto`` all that fit.

    The mapper takes the best of several. Layers other than convolutions run direct.
    """
    check_policy(policy)
    if not isinstance(layer, Conv3d):
        return (Algorithm(kind="direct"),)
    direct = Algorithm(kind="direct", filter=layer.kernel)
    if policy == "auto":
        kinds_of_auto: tuple[Kind, ...] = ("winograd1d", "winograd2d", "nested")
        wanted = [_fitted(layer, kind, m1, m2) for kind in kinds_of_auto]
        wanted += [_polyphase(layer, kind, m1, m2) for kind in kinds_of_auto]
        return (direct, *(a for a in wanted if a.is_winograd))
    kinds: dict[str, tuple[Kind, ...]] = {
        "direct": (),
        "hfa": ("winograd1d", "winograd2d"),
        "winograd3d": ("winograd3d",),
        "nested": ("nested",),
    }
    attempts = [_fitted(layer, kind, m1, m2) for kind in kinds[policy]]
    taken = [a for a in attempts if a.is_winograd]
    reasons = [a.reason for a in attempts if a.reason]
    return (taken[0] if taken else Algorithm(kind="direct", filter=layer.kernel, reason="; ".join(reasons)),)


def _fitted(layer: Conv3d, kind: Kind, m1: int, m2: int) -> Algorithm:
    """Return ``kind`` for ``layer``, or direct with the reason; no reason where the kernel is not its target."""
    k, r, s = layer.kernel
    is_temporal, is_spatial = k > 1 and (r, s) == (1, 1), k == 1 and r == s > 1
    is_cube = k > 1 and r == s > 1
    targets = {
        "winograd1d": (is_temporal, (m1, 1, 1)),
        "winograd2d": (is_spatial, (1, m2, m2)),
        "winograd3d": (is_cube and k == r, (m2, m2, m2)),
        "nested": (is_cube, (m1, m2, m2)),
    }
    fits, tile = targets[kind]
    direct = Algorithm(kind="direct", filter=layer.kernel)
    if not fits:
        return direct
    return _refused(layer, tile) or Algorithm(kind=kind, tile=tile, filter=layer.kernel)


def _polyphase(layer: Conv3d, kind: Kind, m1: int, m2: int) -> Algorithm:
    """Return ``kind`` on the phases of a strided kernel, or direct where it is not strided or does not fit."""
    strided = [s if k > 1 else 1 for k, s in zip(layer.kernel, layer.stride, strict=True)]
    phase = [-(-k // s) for k, s in zip(layer.kernel, strided, strict=True)]
    fits = all(s == 1 or (s <= k and d == 1) for k, s, d in zip(layer.kernel, strided, layer.dilation, strict=True))
    if math.prod(strided) == 1 or math.prod(phase) == 1 or not fits:
        return Algorithm(kind="direct", filter=layer.kernel)
    stride = [1 if k > 1 else s for k, s in zip(layer.kernel, layer.stride, strict=True)]
    piece = msgspec.structs.replace(layer, kernel=tuple(phase), stride=tuple(stride))
    fitted = _fitted(piece, kind, m1, m2)
    return replace(fitted, split=(strided[0], strided[1], strided[2])) if fitted.is_winograd else fitted


def _refused(layer: Conv3d, tile: tuple[int, int, int]) -> Algorithm | None:
    tiled = [d for d in range(3) if layer.kernel[d] > 1]
    reason = ""
    if any(layer.stride[d] != 1 for d in tiled):
        reason = f"stride {'x'.join(map(str, layer.stride))}"
    elif any(layer.dilation[d] != 1 for d in tiled):
        reason = f"dilation {'x'.join(map(str, layer.dilation))}"
    elif any(tile[d] + layer.kernel[d] - 1 > MAX_COORDINATES for d in tiled):
        reason = f"m + r - 1 > {MAX_COORDINATES}"
    elif all(tile[d] == 1 for d in tiled):
        reason = "m = 1 saves nothing"
    return Algorithm(kind="direct", filter=layer.kernel, reason=reason) if reason else None
