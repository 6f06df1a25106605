"""Agreement from the SQNR: what noise in the layers of a network makes of its answers; no design answers a clip.

Each network has a map of its own, by some clips that are neither scored nor trained on. White noise is put into one
layer after the other: how much of it reaches the answers is the layer's gain. What is known of the noise of answers
is then drawn, and how often the largest answer stays the largest is counted. By how much that is off on networks with
which nothing was chosen is in ``docs/accuracy.md``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from lw3dsim.base.values import Value
from lw3dsim.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lw3dsim.arithmetic.number import Tensor
    from lw3dsim.network.quantised import Clip, Quantised, Stage, Watch

    Gains = Callable[[str], float]

# Times that the noise of answers is drawn for every clip, always the same.
DRAWS = 200

# By how much the noise of answers is above what white noise in the layers comes to: that of dropped bits is alike in
# all clips. Fitted to networks (experiments/accuracy/agreement.py).
ADDED_DB = 6.0

# The SQNR of a layer that noise is put into, to see what becomes of it.
PROBE_DB = 15


class Gain:
    """What share of a layer's noise, relative to its signal, is in the answers; looked for when it is first asked."""

    def __init__(self, network: Quantised, clips: Sequence[Clip]) -> None:
        self._network, self._clips = network, clips
        self.answers = answered(network, clips)
        self._known: dict[str, float] = {}

    def __call__(self, layer: str) -> float:
        """Return that of a layer by its name."""
        if layer not in self._known:
            random, ratio = np.random.default_rng(0), 10 ** (-PROBE_DB / 10)

            def disturbed(stage: Stage, _: Sequence[Tensor], made: Tensor) -> Tensor | None:
                if stage.layer.name != layer:
                    return None
                noise = random.standard_normal(made.shape) * math.sqrt(ratio * np.square(made, dtype=np.float64).mean())
                return np.asarray(made + np.rint(noise).astype(made.dtype))

            made = answered(self._network, self._clips, disturbed)
            self._known[layer] = noise_ratio(self.answers, made) / ratio
        return self._known[layer]


class AgreementMap(Value, frozen=True, kw_only=True, eq=False):
    """The map of a network: its ``answers`` in floating point (clips, classes), and the noise that they have anyway.

    ``floor`` is what integers of full width add to the answers: power of noise over that of the signal; ``gain`` says
    the same of a layer's noise, of a power over that of its own signal.
    """

    answers: Tensor
    floor: float
    gain: Gains

    def noise(self, lost_db: Mapping[str, float | None], added_db: float = ADDED_DB) -> float:
        """Return the noise of answers by the SQNR of layers; None loses nothing."""
        return self.floor + math.fsum(
            self.gain(name) * 10 ** ((added_db - value) / 10) for name, value in lost_db.items() if value is not None
        )

    def agreement(self, noise: float) -> float:
        """Return the share of clips that are answered as in floating point under this much noise."""
        answers = centred(self.answers)
        deviation = math.sqrt(noise * np.square(answers).mean())
        drawn = np.random.default_rng(0).standard_normal((DRAWS, *answers.shape))
        return float(((answers + deviation * drawn).argmax(axis=-1) == answers.argmax(axis=-1)).mean())


def answered(network: Quantised, clips: Sequence[Clip], watch: Watch | None = None) -> Tensor:
    """Return what a network answers on clips: (clips, classes)."""
    (output,) = network.outputs
    return np.stack([network(clip, watch)[output].ravel() for clip in clips])


def centred(answers: Tensor) -> Tensor:
    """Return answers less their mean over the classes, which decides nothing."""
    return np.asarray(answers - answers.mean(axis=-1, keepdims=True))


def noise_ratio(wanted: Tensor, made: Tensor) -> float:
    """Return the power of what is wrong with answers over that of the right ones, both without their means."""
    signal = float(np.square(centred(wanted)).sum())
    return float(np.square(centred(made) - centred(wanted)).sum()) / signal if signal else 0.0


def estimated(network: Quantised) -> dict[str, float | None]:
    """Return the estimated SQNR of every layer that is multiplied; None where no bit is dropped.

    Raises InputError where sums may overflow: estimates know nothing of them.
    """
    found = {}
    for stage in network.stages:
        if stage.problem is not None:
            if stage.problem.may_overflow:
                raise InputError(
                    f"{stage.layer.name}: its sums may overflow, and agreement is predicted where they cannot: raise "
                    "precision.accumulator_bits, or ask for agreement, which is measured"
                )
            found[stage.layer.name] = stage.estimated_db
    return found
