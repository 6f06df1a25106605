"""Scoring: a trained network in the integers of a chip, on clips that neither trained nor calibrated it."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from lw3dsim.arithmetic.number import number_named
from lw3dsim.base.parameters import checked_values, declared_by, taking
from lw3dsim.base.values import replace
from lw3dsim.errors import ArgumentError, InputError
from lw3dsim.learn.options import Scoring
from lw3dsim.learn.packages import needed
from lw3dsim.learn.source import opened
from lw3dsim.network.execution import with_width
from lw3dsim.network.given import given_weights
from lw3dsim.network.pipeline import map_prepared, prepare
from lw3dsim.network.quantised import How, quantised, weighty
from lw3dsim.network.request import Design, Options, make_request
from lw3dsim.result.scored import ScoredLayer, ScoreRecord

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lw3dsim.arithmetic.number import Tensor
    from lw3dsim.learn.clips import Batch, Part, Source
    from lw3dsim.network.pipeline import Prepared
    from lw3dsim.network.quantised import Quantised, Stage

BATCH = 20

# So many clips are also computed directly, layer by layer, to say what dropped bits cost.
COMPARED = 8


@taking(Scoring)
def score(asked: Scoring) -> ScoreRecord:
    """Score a trained network in the integers in which an accelerator computes it.

    Activations have one step per tensor, weights one per output channel; batch norms are folded. Layers run the
    algorithms that they are mapped to, in multipliers of the widths that the accelerator declares. Steps, and shifts if
    they are ``calibrated``, are those of clips that are not scored. Raises InputError.
    """
    checked = checked_values(asked)
    needed("torch", "scoring")
    classes, source_of = opened(checked)
    prepared = _prepared(asked, len(classes))
    source = source_of(prepared.written)
    weights = {name: given for name, read in given_weights(prepared).readers.items() if (given := read()) is not None}
    float_network = weighty(prepared.network, weights)
    calibration = [clip for batch in _batches(source, "train", checked["calibration"]) for clip in _clips(batch)]
    how = How(checked["shifts"], checked["per"])
    number = number_named(checked["dtype"])
    units = map_prepared(prepared)
    network = quantised(float_network, units, prepared.design, number, calibration, how)
    answers = _Answers(network, checked["workers"])
    part: Part = "test" if source.count("test") else "validation"
    wanted = min(checked["clips"], source.count(part))
    from lw3dsim.learn.modules import float_answers, with_weights

    module = with_weights(prepared.written, weights)
    for batch in _batches(source, part, wanted):
        answers.add(batch, float_answers(module, batch.inputs))
        if asked.progress is not None:
            asked.progress(answers.clips, wanted)
    request = prepared.request
    return ScoreRecord(
        workload=prepared.network.name,
        arch=prepared.design.name,
        transforms=tuple(prepared.network.transforms),
        algorithm=request.algorithm,
        dtype=checked["dtype"],
        shifts=how.shifts,
        per=how.per,
        data=source.name,
        calibration_clips=len(calibration),
        layers=tuple(answers.layers()),
        **answers.shares(),
    )


def _prepared(asked: Scoring, classes: int) -> Prepared:
    """Read the network and the accelerator. Raises InputError."""
    design = {each.name: getattr(asked, each.name) for each in declared_by(Design)}
    chosen = design | {"classes": classes, "weights": asked.weights, "dtype": asked.dtype}
    request = make_request(asked.workload, Options(**chosen))
    for name, plain in (("fusion", "off"), ("batch", 1)):
        if getattr(request, name) != plain:
            raise ArgumentError(name, getattr(request, name), f"a network is scored with {plain!r} alone; leave it out")
    prepared = prepare(request)
    return replace(prepared, design=with_width(prepared.design, number_named(request.dtype)))


def _batches(source: Source, part: Part, clips: int) -> Iterator[Batch]:
    """Yield the first ``clips`` of a part; where the first batch has none, none can be read."""
    found = 0
    for at in range(0, min(clips, source.count(part)), BATCH):
        batch = source.batch(part, range(at, min(at + BATCH, clips, source.count(part))), 0)
        found += len(batch.labels)
        if len(batch.labels):
            yield batch
    if not found:
        raise InputError(f"{source.name}: has no clip to read in the part {part}; give other data")


def _clips(batch: Batch) -> list[dict[str, Tensor]]:
    return [{name: values[i] for name, values in batch.inputs.items()} for i in range(len(batch.labels))]


class _Answers:
    """What a network in integers answered so far, and what its layers lost."""

    def __init__(self, network: Quantised, workers: int) -> None:
        self.network, self.clips = network, 0
        self._twins = [network, *(network.twin() for _ in range(workers - 1))]
        self._pool = ThreadPoolExecutor(workers)
        self._alike, self._right, self._float_right, self._signal, self._noise = 0, 0, 0, 0.0, 0.0
        self._lost = {stage.layer.name: np.zeros(2) for stage in network.stages if stage.shifts is not None}

    def add(self, batch: Batch, wanted: Tensor) -> None:
        """Answer the clips of a ``batch``; in floating point the answers (clips, classes) are those ``wanted``."""
        clips = _clips(batch)
        shares = [clips[i :: len(self._twins)] for i in range(len(self._twins))]
        for clip in clips[: max(COMPARED - self.clips, 0)]:
            self.network(clip, self._compare)
        # Each thread has a network of its own and every so many of the clips.
        logits = np.empty((len(clips), wanted.shape[1]))
        for i, made in enumerate(self._pool.map(_logits, self._twins, shares)):
            logits[i :: len(self._twins)] = made
        answers, expected = logits.argmax(axis=1), wanted.argmax(axis=1)
        self.clips += len(answers)
        self._alike += int((answers == expected).sum())
        self._right += int((answers == batch.labels).sum())
        self._float_right += int((expected == batch.labels).sum())
        self._signal += float(np.square(wanted).sum())
        self._noise += float(np.square(logits - wanted).sum())

    def _compare(self, stage: Stage, sources: Sequence[Tensor], made: Tensor) -> None:
        if stage.layer.name in self._lost:
            exact = stage.exact(sources, self.network.number).astype(np.float64)
            self._lost[stage.layer.name] += np.square(exact).sum(), np.square(exact - made).sum()

    def shares(self) -> Mapping[str, Any]:
        """Return the figures of the answers."""
        return {
            "clips": self.clips,
            "float_top1": self._float_right / self.clips,
            "top1": self._right / self.clips,
            "agreement": self._alike / self.clips,
            "sqnr_db": _decibels(self._signal, self._noise),
        }

    def layers(self) -> Iterator[ScoredLayer]:
        """Yield the layers that are multiplied."""
        for stage in self.network.stages:
            if stage.problem is not None:
                shifts, problem = stage.shifts, stage.problem
                yield ScoredLayer(
                    name=stage.layer.name,
                    algorithm=problem.algorithm.label,
                    data_bits=problem.data_bits,
                    weight_bits=problem.weight_bits,
                    data_shift=0 if shifts is None else int(shifts.data.max()),
                    weight_shift=0 if shifts is None else int(shifts.weight.max()),
                    sqnr_db=None if shifts is None else _decibels(*self._lost[stage.layer.name]),
                    estimated_db=stage.estimated_db,
                )


def _logits(network: Quantised, clips: Sequence[Mapping[str, Tensor]]) -> list[Tensor]:
    """Return what ``network`` answers on each of ``clips``: (classes,)."""
    (output,) = network.outputs
    return [network(clip)[output].ravel() for clip in clips]


def _decibels(signal: float, noise: float) -> float | None:
    return 10 * math.log10(signal / noise) if noise > 0 and signal > 0 else None
