"""What a training is judged by: loss and the share of right answers, over epochs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, NamedTuple

import msgspec
import numpy as np

from lw3dsim.base.records import Record, figure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.learn.clips import Array


class Score(NamedTuple):
    """Sums over scored clips: how many, their losses, and how many are right at first and among the first five."""

    clips: int = 0
    loss: float = 0.0
    first: int = 0
    five: int = 0

    def plus(self, other: Score) -> Score:
        """Return the sums over the clips of both."""
        first, five = self.first + other.first, self.five + other.five
        return Score(self.clips + other.clips, self.loss + other.loss, first, five)

    def means(self, part: str) -> dict[str, float | None]:
        """Return the mean loss and the shares as fields of an :class:`Epoch`; None where no clip was scored."""
        names = (f"{part}_loss", f"{part}_top1", f"{part}_top5")
        return dict(zip(names, (each / self.clips if self.clips else None for each in self[1:]), strict=True))


def scored(logits: Array, labels: Array) -> Score:
    """Return what ``logits`` (clips, classes) are worth; of equal ones the class with the lowest number is first.

    The loss of logits that are infinite, or no numbers, is none.
    """
    own = np.take_along_axis(logits, labels[:, None], axis=1)
    before = np.arange(logits.shape[1]) < labels[:, None]
    rank = ((logits > own) | ((logits == own) & before)).sum(axis=1)
    with np.errstate(invalid="ignore", over="ignore"):
        below = (logits - logits.max(axis=1, keepdims=True)).astype(np.float64)
        losses = np.log(np.exp(below).sum(axis=1)) - np.take_along_axis(below, labels[:, None], axis=1)[:, 0]
    return Score(len(labels), float(losses.sum()), int((rank < 1).sum()), int((rank < 5).sum()))


Share = Annotated[float | None, figure("share of clips, from 0 to 1")]


class Epoch(Record, frozen=True, kw_only=True):
    """One pass over the clips to train on; ``train_*`` are taken on the way, before each step."""

    epoch: Annotated[int, figure("from 1")]
    learning_rate: Annotated[float, figure("at its start")]
    train_loss: Annotated[float | None, figure("mean cross entropy")]
    train_top1: Share
    train_top5: Share
    validation_loss: Annotated[float | None, figure("mean cross entropy")]
    validation_top1: Share
    validation_top5: Share


class TrainingRecord(Record, frozen=True, kw_only=True):
    """What a training was, and what came of it; top-1 and top-5 are shares of clips, from 0 to 1."""

    workload: str
    transforms: tuple[str, ...]
    parameters: Annotated[int, figure("weights and biases, those of batch norms among them")]
    settings: Annotated[dict[str, object], figure("what decides the result")]
    epochs: tuple[Epoch, ...]
    test_clips: int
    test_top1: Share
    test_top5: Share
    skipped: Annotated[tuple[str, ...], figure("videos that cannot be decoded")] = ()


def curves_csv(epochs: Sequence[Epoch]) -> str:
    """Return a table of ``epochs``, a row each; empty fields where nothing was scored."""
    rows = [Epoch.__struct_fields__, *map(msgspec.structs.astuple, epochs)]
    texts = (("" if value is None else str(value) for value in row) for row in rows)
    return "".join(",".join(row) + "\n" for row in texts)
