"""What a network in integers is held against: clips that neither trained nor calibrated it, and their answers."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lw3dsim.errors import InputError
from lw3dsim.learn.prediction import AgreementMap, Gain, answered, noise_ratio
from lw3dsim.network.calibration import Calibration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from lw3dsim.arithmetic.number import Number, Tensor
    from lw3dsim.learn.clips import Batch, Part, Source
    from lw3dsim.network.quantised import Quantised, Stage, Weighty

BATCH = 20

# So many clips are also computed directly, layer by layer, to say what dropped bits cost: moving digits of all classes,
# of which fast ones make larger sums than slow ones.
COMPARED = BATCH

# So many clips show what becomes of the noise of a layer.
PROBED = 16

# Clips are kept in memory up to so much of them; more are read anew for every design.
MOST_BYTES = 512 * 2**20


class Answers(NamedTuple):
    """What a network in integers answered: shares of the clips, and the SQNR of the answers, None where it is exact."""

    clips: int
    top1: float
    agreement: float
    sqnr_db: float | None


class Examination:
    """Clips of ``source`` for a network, with its answers in floating point, and a calibration by others.

    Any number of designs may be examined. Raises InputError where there are no clips.
    """

    def __init__(
        self, float_network: Weighty, source: Source, number: Number, *, clips: int, calibration: int, workers: int = 1
    ) -> None:
        self.number, self._source, self._workers = number, source, workers
        self._float_network = float_network
        self._part: Part = "test" if source.count("test") else "validation"
        self._wanted_clips = clips
        self._kept: list[Batch] = []
        own = [clip for batch in _batches(source, "train", calibration) for clip in _clips(batch)]
        self.calibration = Calibration(float_network, number, own)
        self.calibration_clips = len(own)
        (output,) = float_network.outputs
        wanted, labels = [], []
        for batch in self._read():
            wanted += [float_network.tensors(clip)[output].ravel() for clip in _clips(batch)]
            labels.append(batch.labels)
        self.wanted, self._labels = np.stack(wanted), np.concatenate(labels)

    def _read(self) -> Iterator[Batch]:
        """Yield the clips that are scored; what is small enough is read once."""
        if self._kept:
            yield from self._kept
            return
        kept: list[Batch] = []
        size = 0
        for batch in _batches(self._source, self._part, self._wanted_clips):
            size += sum(values.nbytes for values in batch.inputs.values())
            kept = [*kept, batch] if size <= MOST_BYTES else []
            yield batch
        self._kept = kept if size <= MOST_BYTES else []

    @property
    def float_top1(self) -> float:
        """The share of clips on which floating point is right."""
        return float((self.wanted.argmax(axis=1) == self._labels).mean())

    def answers(self, network: Quantised, progress: Callable[[int, int], None] | None = None) -> Answers:
        """Return what ``network`` answers on all clips; ``progress(done, all)`` is called on the way."""
        networks = [network, *(network.twin() for _ in range(self._workers - 1))]
        made = np.empty(self.wanted.shape)
        at = 0
        with ThreadPoolExecutor(self._workers) as pool:
            for batch in self._read():
                clips = _clips(batch)
                # Each thread has a network of its own and every so many of the clips.
                shares = [share for i in range(len(networks)) if (share := clips[i :: len(networks)])]
                for i, logits in enumerate(pool.map(answered, networks, shares)):
                    made[at + i : at + len(clips) : len(networks)] = logits
                at += len(clips)
                if progress is not None:
                    progress(at, len(made))
        own, expected = made.argmax(axis=1), self.wanted.argmax(axis=1)
        return Answers(
            clips=len(made),
            top1=float((own == self._labels).mean()),
            agreement=float((own == expected).mean()),
            sqnr_db=decibels(float(np.square(self.wanted).sum()), float(np.square(made - self.wanted).sum())),
        )

    def map(self, clips: int) -> AgreementMap:
        """Return what says how the network answers at an SQNR, by ``clips`` that are not scored, nor trained on.

        Where all that are not trained on are scored, it is by clips of the training.
        """
        part: Part = "validation" if self._part == "test" else "train"
        read = [clip for batch in _batches(self._source, part, clips) for clip in _clips(batch)]
        (output,) = self._float_network.outputs
        wanted = np.stack([self._float_network.tensors(clip)[output].ravel() for clip in read])
        gain = Gain(self.calibration.whole, read[:PROBED])
        floor = noise_ratio(wanted, answered(self.calibration.whole, read))
        return AgreementMap(answers=wanted, floor=floor, gain=gain)

    def lost_db(self, network: Quantised) -> dict[str, float | None]:
        """Return the SQNR of layers that lose bits, against their sums without loss on the same operands."""
        lost = {stage.layer.name: np.zeros(2) for stage in network.stages if stage.shifts is not None}

        def compare(stage: Stage, sources: Sequence[Tensor], made: Tensor) -> None:
            if stage.layer.name in lost:
                exact = stage.exact(sources, self.number).astype(np.float64)
                lost[stage.layer.name] += np.square(exact).sum(), np.square(exact - made).sum()

        first = next(self._read()) if lost else None
        for clip in _clips(first)[:COMPARED] if first is not None else ():
            network(clip, compare)
        return {name: decibels(*sums) for name, sums in lost.items()}


def decibels(signal: float, noise: float) -> float | None:
    """Return a ratio of powers in dB; None where there is no noise, or no signal."""
    return 10 * math.log10(signal / noise) if noise > 0 and signal > 0 else None


def _batches(source: Source, part: Part, clips: int) -> Iterator[Batch]:
    """Yield the first ``clips`` of a part; where there is none to read, say so."""
    found = 0
    for at in range(0, min(clips, source.count(part)), BATCH):
        batch = source.batch(part, range(at, min(at + BATCH, clips, source.count(part))), 0)
        found += len(batch.labels)
        if len(batch.labels):
            yield batch
    if not found:
        raise InputError(f"{source.name}: has no clip to read in the part {part}; give other data")


def _clips(batch: Batch) -> list[Mapping[str, Tensor]]:
    return [{name: values[i] for name, values in batch.inputs.items()} for i in range(len(batch.labels))]
