"""Checkpoints: all that a training goes on from, in one archive of arrays that replaces the last one in one step.

Order of clips and all that is drawn of them follow from seed, epoch and number, so that how far a training is says
the state of every generator. The learning rate follows from the count of steps.
"""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from lw3dsim.base.forms import CHECKPOINT, CHECKPOINT_MARK, WEIGHTS_MARK
from lw3dsim.base.output import write_files
from lw3dsim.errors import InputError, one_line
from lw3dsim.learn.curves import Epoch, Score

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lw3dsim.learn.clips import Array

STATE = "lw3dsim"
MOMENTUM = "momentum:"


class Reached(NamedTuple):
    """How far a training is: epochs that are done, steps of the one after them, and what these scored."""

    epochs: tuple[Epoch, ...] = ()
    steps: int = 0
    score: Score = Score()


class Checkpoint(NamedTuple):
    """A state of a training: what it was asked for, how far it is, its weights and their momentum by name."""

    settings: Mapping[str, Any]
    reached: Reached
    weights: Mapping[str, Array]
    momentum: Mapping[str, Array]


class _State(msgspec.Struct):
    settings: dict[str, Any]
    epochs: tuple[Epoch, ...]
    steps: int
    score: Score


def archive(arrays: Mapping[str, Array], mark: bytes) -> bytes:
    """Return ``arrays`` as a file of NumPy (``*.npz``) that ends with ``mark``."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]  # names of layers are no arguments of it
    with zipfile.ZipFile(buffer, "a") as file:
        file.comment = mark
    return buffer.getvalue()


def weights_file(weights: Mapping[str, Array]) -> bytes:
    """Return a file of weights, as ``execute`` takes it."""
    return archive(weights, WEIGHTS_MARK)


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint in one step. Raises OutputError."""
    reached = checkpoint.reached
    state = _State(dict(checkpoint.settings), reached.epochs, reached.steps, reached.score)
    text = np.frombuffer(msgspec.json.encode(state), dtype=np.uint8)
    momentum = {f"{MOMENTUM}{name}": array for name, array in checkpoint.momentum.items()}
    data = archive({STATE: text, **checkpoint.weights, **momentum}, CHECKPOINT_MARK)
    write_files({path: (CHECKPOINT, data)})


def load_checkpoint(path: Path, settings: Mapping[str, Any]) -> Checkpoint | None:
    """Return the checkpoint of a training with these ``settings``; None where there is none.

    Raises InputError for a file that is damaged, and for a checkpoint of another training.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        state = msgspec.json.decode(arrays.pop(STATE).tobytes(), type=_State)
    except FileNotFoundError:
        return None
    except Exception as error:  # whatever NumPy, zipfile and msgspec raise for what is damaged
        why = type(error).__name__
        place = one_line(str(path), 200)
        raise InputError(f"{place}: is no checkpoint ({why}); delete it to begin anew") from None
    _check_same(path, state.settings, settings)
    momentum = {name.removeprefix(MOMENTUM): arrays.pop(name) for name in [*arrays] if name.startswith(MOMENTUM)}
    return Checkpoint(settings, Reached(state.epochs, state.steps, state.score), arrays, momentum)


def _check_same(path: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    for name in dict.fromkeys((*wanted, *found)):
        if found.get(name) != wanted.get(name):
            before, now = (one_line(json.dumps(each.get(name))) for each in (found, wanted))
            raise InputError(
                f"{one_line(str(path), 200)}: is of a training with {name} = {before}, not {now}; resume it with "
                "that, or give another folder"
            )
