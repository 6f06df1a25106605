"""The learning rate of every step."""

from __future__ import annotations

import math

from lw3dsim.base.values import Value

# What a step of the schedule ``step`` makes of a learning rate.
DECAY = 0.1


class Descent(Value, frozen=True, kw_only=True):
    """Stochastic gradient descent with momentum over ``epochs`` of ``steps`` each."""

    lr: float
    momentum: float
    weight_decay: float
    schedule: str
    step_epochs: int
    warmup_epochs: int
    epochs: int
    steps: int

    def rate(self, epoch: int, step: int) -> float:
        """Return the learning rate of a step, both from 0; to begin with it rises in a line to that of the schedule."""
        if self.schedule == "step":
            planned = self.lr * DECAY ** (epoch // self.step_epochs)
        else:
            planned = self.lr * (1 + math.cos(math.pi * (epoch * self.steps + step) / (self.epochs * self.steps))) / 2
        risen = (epoch * self.steps + step + 1) / (self.warmup_epochs * self.steps + 1)
        return float(planned * min(1.0, risen))
