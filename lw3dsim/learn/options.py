"""What a training is asked for: declared once, for Python and for the command line."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from lw3dsim.arguments import (
    as_integer,
    as_number,
    as_optional_integer,
    as_optional_path,
    as_path,
    as_path_or,
    as_truth,
    as_word,
    check_callback,
    members,
)
from lw3dsim.base.parameters import Parameters, parameter
from lw3dsim.errors import ArgumentError
from lw3dsim.network.request import MAX_SEED, Design, as_arrays
from lw3dsim.network.shaped import Shaped

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import ArrayLike

    from lw3dsim.arguments import PathArgument
    from lw3dsim.describe.workload import Workload

MOVING_DIGITS = "moving_digits"
SCHEDULES = ("cosine", "step")
DEVICES = ("auto", "cpu", "cuda")
INTEGERS = ("int", "int8", "int16")

MAX_EPOCHS = 100_000
MAX_CLIPS = 10_000_000
MAX_BATCH = 4096
MAX_STRIDE = 64
MAX_WORKERS = 256
LONGEST_S = 86_400


def _whole(low: int, high: int) -> Callable[[str, object], int]:
    return partial(as_integer, low=low, high=high)


def _number(low: float, high: float) -> Callable[[str, object], float]:
    return partial(as_number, low=low, high=high)


def _workload(name: str, value: object) -> str | Workload:
    from lw3dsim.describe.workload import Workload

    return as_path_or(name, value, Workload, "a name, a file")


def as_splits(name: str, value: object) -> tuple[int, ...]:
    """Return numbers of splits: one, several, or a text of them with commas."""
    several: Sequence[object] | None = value.split(",") if isinstance(value, str) else members(value)
    given = [value] if several is None else several
    splits = {split for each in given if (split := _split(each))}
    if not given or len(splits) < len(given):
        raise ArgumentError(name, value, "expected splits of UCF-101, each once, from 1 to 3, such as 1 or 1,2")
    return tuple(sorted(splits))


def _split(value: object) -> int | None:
    if isinstance(value, str):
        return int(value) if value.strip() in ("1", "2", "3") else None
    try:
        return as_integer("", value, 1, 3)
    except ArgumentError:
        return None


class Data(Parameters):
    """Clips that a network is trained or scored on."""

    data: PathArgument = parameter(
        partial(as_path, what="moving_digits or the folder of UCF-101"),
        "moving_digits, or the folder of UCF-101: the folders of its classes, and its lists.",
        default=MOVING_DIGITS,
        values="moving_digits|DIR",
    )
    splits: str | int | Sequence[int] = parameter(
        as_splits,
        "Of UCF-101: splits whose lists are merged; what one of them tests is not trained on.",
        default="1",
        values="LIST",
        in_python="A number, a list of them, or a text with commas.",
    )
    keep_tested: bool = parameter(
        as_truth,
        "Of UCF-101: also train on what another of the merged splits tests.",
        default=False,
        option="--keep-tested",
    )
    frame_stride: int | None = parameter(
        partial(as_optional_integer, low=1, high=MAX_STRIDE),
        "Of UCF-101: from a frame of a clip to its next. Default: 1, of networks with several paths 2.",
        default=None,
        values="N",
        option="--frame-stride",
    )
    camera_shake: bool = parameter(
        as_truth, "Of moving_digits: the camera shakes too.", default=False, option="--camera-shake"
    )
    workers: int = parameter(
        _whole(1, MAX_WORKERS), "Threads that decode videos, or answer clips in integers.", default=2, values="N"
    )


class TrainingOptions(Shaped, Data):
    """How a network is trained, and where that is kept."""

    out: PathArgument = parameter(
        partial(as_path, what="a folder"),
        "Keep checkpoint, weights and curves here.",
        default="results/training",
        values="DIR",
    )
    resume: bool = parameter(as_truth, "Go on where the folder's checkpoint is, if it has one.", default=False)
    epochs: int = parameter(_whole(1, MAX_EPOCHS), "Times that every clip is trained on.", default=10, values="N")
    clips: int = parameter(_whole(1, MAX_CLIPS), "Of moving_digits: clips of an epoch.", default=2000, values="N")
    redraw: bool = parameter(
        as_truth,
        "Of moving_digits: draw every clip anew in each epoch.",
        default=True,
        option="--redraw/--no-redraw",
    )
    lr: float = parameter(_number(0, 100), "Learning rate at the start.", default=0.05, values="RATE")
    schedule: str = parameter(
        partial(as_word, allowed=SCHEDULES),
        "cosine: falling to 0 at the end, step by step; step: a tenth every --step-epochs.",
        default="cosine",
        values=f"[{'|'.join(SCHEDULES)}]",
    )
    step_epochs: int = parameter(
        _whole(1, MAX_EPOCHS), "Of the schedule step.", default=10, values="N", option="--step-epochs"
    )
    warmup_epochs: int = parameter(
        _whole(0, MAX_EPOCHS),
        "Epochs in which the learning rate rises to that of the schedule, step by step.",
        default=0,
        values="N",
        option="--warmup-epochs",
    )
    momentum: float = parameter(_number(0, 1), "Of stochastic gradient descent.", default=0.9, values="SHARE")
    weight_decay: float = parameter(
        _number(0, 1), "Of all parameters.", default=1e-4, values="RATE", option="--weight-decay"
    )
    batch: int = parameter(_whole(1, MAX_BATCH), "Clips of a step.", default=32, values="N")
    seed: int = parameter(_whole(0, MAX_SEED), "Of weights, of what is drawn of clips, and of their order.", default=0)
    threads: int = parameter(
        _whole(1, MAX_WORKERS),
        "Threads of PyTorch; with others the last digits of sums may differ.",
        default=1,
        values="N",
    )
    device: str = parameter(
        partial(as_word, allowed=DEVICES),
        "auto: a GPU where PyTorch has one.",
        default="auto",
        values=f"[{'|'.join(DEVICES)}]",
    )
    checkpoint_s: float = parameter(
        _number(0, LONGEST_S),
        "Seconds from one checkpoint to the next; there is one after every epoch in any case.",
        default=30.0,
        values="SECONDS",
        option="--checkpoint-s",
    )


class Subject(Parameters):
    """What is trained."""

    workload: PathArgument | Workload = parameter(
        _workload,
        "The network: a name (see `lw3dsim list`), a file, or what load_workload returns.",
        kw_only=False,
    )


class Training(TrainingOptions, Subject):
    """Arguments of :func:`train`."""

    progress: Callable[[int, int], None] | None = parameter(
        lambda name, value: check_callback(name, value, "progress(done, all)"),
        "Called as progress(done, all) after every step.",
        default=None,
    )
    note: Callable[[str], Any] | None = parameter(
        lambda name, value: check_callback(name, value, "note(sentence)"),
        "Called with a sentence on every epoch, and on every video that is skipped.",
        default=None,
    )


class ScoringOptions(Data):
    """What a network in integers is scored on."""

    clips: int = parameter(_whole(1, MAX_CLIPS), "Clips to score, at most.", default=1000, values="N")
    calibration: int = parameter(
        _whole(1, MAX_CLIPS),
        "Clips of the training that steps, and calibrated shifts, are taken from.",
        default=64,
        values="N",
    )
    save_calibration: PathArgument | None = parameter(
        as_optional_path,
        "Also write what calibration saw of narrowed layers here, for `simulate --calibration`.",
        default=None,
        values="FILE.npz",
        option="--save-calibration",
    )
    dtype: str = parameter(
        partial(as_word, allowed=INTEGERS),
        "Width of activations and weights; int: that of accelerator and network.",
        default="int",
        values=f"[{'|'.join(INTEGERS)}]",
    )


class Scoring(ScoringOptions, Design, Subject):
    """Arguments of :func:`score`."""

    weights: PathArgument | Mapping[str, ArrayLike] = parameter(
        as_arrays,
        "The weights: a file of them, as training leaves it, or arrays by name, as a state dict.",
    )
    progress: Callable[[int, int], None] | None = parameter(
        lambda name, value: check_callback(name, value, "progress(done, all)"),
        "Called as progress(done, all) after some clips.",
        default=None,
    )
