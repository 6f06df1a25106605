"""Training: a network from scratch by stochastic gradient descent, from one checkpoint to the next."""

from __future__ import annotations

import math
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lw3dsim.base.forms import CHECKPOINT, CURVES, TRAINING, WEIGHTS
from lw3dsim.base.output import check_folder, make_folder, write_files
from lw3dsim.base.parameters import checked_values, taking
from lw3dsim.errors import InputError, one_line
from lw3dsim.learn.checkpoints import Checkpoint, Reached, load_checkpoint, save_checkpoint, weights_file
from lw3dsim.learn.curves import Epoch, Score, TrainingRecord, curves_csv
from lw3dsim.learn.options import Training
from lw3dsim.learn.packages import needed
from lw3dsim.learn.schedule import Descent
from lw3dsim.learn.source import digest, network_and_source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from lw3dsim.describe.workload import Workload
    from lw3dsim.learn.clips import Batch, Part, Source

FILES = {"checkpoint.npz": CHECKPOINT, "weights.npz": WEIGHTS, "curves.csv": CURVES, "training.json": TRAINING}
KEPT, *RESULTS = FILES

# What decides the result, of all that is asked for.
DESCENT = ("epochs", "lr", "schedule", "step_epochs", "warmup_epochs", "momentum", "weight_decay")
DECISIVE = (*DESCENT, "frame_stride", "camera_shake", "redraw", "clips", "batch", "seed", "threads")


class Trained(TrainingRecord, frozen=True, kw_only=True):
    """A training that is over: its record, and the trained ``network``, a module of PyTorch."""

    network: Any

    @classmethod
    def order(cls) -> tuple[str, ...]:
        """Return what is written."""
        return TrainingRecord.order()


@taking(Training)
def train(asked: Training) -> Trained:
    """Train a network from scratch, by stochastic gradient descent with momentum, and score it on other clips.

    What is trained is what is simulated: the workload with its passes, as :func:`lw3dsim.to_torch` makes it. In the
    folder ``out`` are then ``checkpoint.npz``, ``weights.npz``, as ``execute`` takes it, ``curves.csv``, a row per
    epoch, and ``training.json``. The same arguments give the same weights on a CPU, whether the training was
    interrupted and resumed or not. Raises InputError and OutputError.
    """
    checked = checked_values(asked)
    needed("torch", "training")
    from lw3dsim.learn import modules

    device = modules.device_of(checked["device"])
    workload, source = network_and_source(checked["workload"], checked, asked.note)
    folder = check_folder(checked["out"], FILES)
    run = _begun(workload, source, checked, device)
    saved = load_checkpoint(folder / KEPT, run.settings)
    if saved is not None and not checked["resume"]:
        place, done = one_line(str(folder), 200), len(saved.reached.epochs)
        raise InputError(f"out {place}: holds a training, {done} epochs of it done; resume it, or give another folder")
    if saved is not None:
        modules.take_up(run.network, run.optimizer, saved.weights, saved.momentum)
        run.reached = saved.reached
    make_folder(folder)
    with modules.threads_set(checked["threads"]):
        _go_on(run, folder, checked["checkpoint_s"], asked.progress, asked.note)
        test = run.scored_on("test")
    record = _record(run, test)
    _write(folder, record, modules.arrays_of(run.network.state_dict()))
    return record


@dataclass(kw_only=True)
class _Run:
    """A training under way."""

    workload: Workload
    source: Source
    settings: Mapping[str, Any]
    descent: Descent
    batch: int
    seed: int
    network: Any
    optimizer: Any
    device: Any
    reached: Reached

    def checkpoint(self) -> Checkpoint:
        """Return all that the training goes on from."""
        from lw3dsim.learn.modules import arrays_of, momentum_of

        weights = arrays_of(self.network.state_dict())
        return Checkpoint(self.settings, self.reached, weights, momentum_of(self.network, self.optimizer))

    def batches(self, part: Part, order: Sequence[int], first: int = 0, epoch: int = 0) -> Iterator[Batch]:
        """Yield the clips of ``part`` in an ``order``, from batch ``first`` on; each is made while the last is used."""
        groups = [order[at : at + self.batch] for at in range(first * self.batch, len(order), self.batch)]
        with ThreadPoolExecutor(1) as beside:
            coming = [beside.submit(self.source.batch, part, group, epoch) for group in groups[:1]]
            for following in [*groups[1:], None]:
                batch = coming.pop().result() if coming else None
                if following is not None:
                    coming.append(beside.submit(self.source.batch, part, following, epoch))
                if batch is not None:
                    yield batch

    def scored_on(self, part: Part) -> Score:
        """Return what the network scores on a part that it was not trained on."""
        from lw3dsim.learn.modules import scored_batch

        self.network.eval()
        total = Score()
        for batch in self.batches(part, range(self.source.count(part))):
            if len(batch.labels):
                total = total.plus(scored_batch(self.network, batch, self.device))
        return total


def _begun(workload: Workload, source: Source, checked: Mapping[str, Any], device: Any) -> _Run:
    """Return a training before its first step."""
    import torch

    from lw3dsim.learn.modules import new_network, optimizer_of

    clips = source.count("train")
    decisive = {name: checked[name] for name in DECISIVE}
    settings = {"network": digest(workload), "data": source.name, **decisive}
    descent = Descent(
        steps=-(-clips // checked["batch"]),
        **{name: checked[name] for name in DESCENT},
    )
    # Convolutions and norms of few channels are computed faster so.
    network = new_network(workload, checked["seed"]).to(device, memory_format=torch.channels_last_3d)
    return _Run(
        workload=workload,
        source=source,
        settings=settings,
        descent=descent,
        batch=checked["batch"],
        seed=checked["seed"],
        network=network,
        optimizer=optimizer_of(network, descent),
        device=device,
        reached=Reached(),
    )


def _go_on(
    run: _Run,
    folder: Path,
    checkpoint_s: float,
    progress: Callable[[int, int], None] | None,
    note: Callable[[str], Any] | None,
) -> None:
    """Train until all epochs are done; keep a checkpoint on the way, and after each of them."""
    from lw3dsim.learn.modules import trained_step

    descent, last = run.descent, time.monotonic()
    for epoch in range(len(run.reached.epochs), descent.epochs):
        order = np.random.default_rng((run.seed, epoch)).permutation(run.source.count("train")).tolist()
        run.network.train()
        for batch in run.batches("train", order, run.reached.steps, epoch):
            epochs, steps, score = run.reached
            if len(batch.labels):
                rate = descent.rate(epoch, steps)
                score = score.plus(trained_step(run.network, run.optimizer, batch, rate, run.device))
            if not math.isfinite(score.loss):
                raise InputError(f"lr = {descent.lr:g}: the loss is no number any more in epoch {epoch + 1}; give less")
            run.reached = Reached(epochs, steps + 1, score)
            if progress is not None:
                progress(epoch * descent.steps + steps + 1, descent.epochs * descent.steps)
            if time.monotonic() - last >= checkpoint_s:
                save_checkpoint(folder / KEPT, run.checkpoint())
                last = time.monotonic()
        _end_epoch(run, epoch, note)
        save_checkpoint(folder / KEPT, run.checkpoint())
        last = time.monotonic()


def _end_epoch(run: _Run, epoch: int, note: Callable[[str], Any] | None) -> None:
    validation = run.scored_on("validation")
    record = Epoch(
        epoch=epoch + 1,
        learning_rate=run.descent.rate(epoch, 0),
        **run.reached.score.means("train"),
        **validation.means("validation"),
    )
    run.reached = Reached((*run.reached.epochs, record))
    if note is not None:
        shares = (record.train_loss, record.train_top1, record.validation_top1, record.validation_top5)
        loss, *rest = ("-" if value is None else f"{value:.3f}" for value in shares)
        note(
            f"epoch {epoch + 1} of {run.descent.epochs}: loss {loss}, top-1 {rest[0]} in training, {rest[1]} in "
            f"validation, top-5 {rest[2]}"
        )


def _record(run: _Run, test: Score) -> Trained:
    means = test.means("test")
    return Trained(
        workload=run.workload.name,
        transforms=tuple(run.workload.transforms),
        parameters=sum(map(run.workload.layer_params, run.workload.layers)),
        settings=dict(run.settings),
        epochs=run.reached.epochs,
        test_clips=test.clips,
        test_top1=means["test_top1"],
        test_top5=means["test_top5"],
        skipped=tuple(sorted(run.source.broken)),
        network=run.network.eval(),
    )


def _write(folder: Path, record: Trained, weights: Mapping[str, Any]) -> None:
    texts = (curves_csv(record.epochs).encode(), record.to_json().encode())
    contents = zip(RESULTS, (weights_file(weights), *texts), strict=True)
    write_files({folder / name: (FILES[name], data) for name, data in contents})
