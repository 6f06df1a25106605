"""The clips that were asked for, and the network that reads them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lw3dsim.errors import InputError, one_line
from lw3dsim.importing.load import load_workload
from lw3dsim.learn.clips import paths_of
from lw3dsim.learn.digits import MOTIONS, MovingDigits
from lw3dsim.learn.options import MOVING_DIGITS
from lw3dsim.learn.ucf101 import Ucf101, read_lists
from lw3dsim.transform.passes import apply_transforms

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lw3dsim.describe.workload import Workload
    from lw3dsim.learn.clips import Source

    Note = Callable[[str], Any]


def opened(asked: Mapping[str, Any], note: Note | None = None) -> tuple[tuple[str, ...], Callable[[Workload], Source]]:
    """Return the classes of the data that is asked for, and what makes the clips of it that a network reads.

    Raises InputError, as that does for a network that reads no clips.
    """
    seed, folder = asked.get("seed", 0), Path(asked["data"])
    if asked["data"] == MOVING_DIGITS:
        drawn = {"seed": seed, "camera_shake": asked["camera_shake"], "redraw": asked.get("redraw", True)}
        return MOTIONS, lambda read: MovingDigits(paths_of(read), asked["clips"], **drawn)
    if not folder.is_dir():
        place = one_line(str(folder), 200)
        raise InputError(f"data {place}: there is no such folder; give {MOVING_DIGITS}, or the folder of UCF-101")
    lists = read_lists(folder, asked["splits"], keep_tested=asked["keep_tested"])

    def source(network: Workload) -> Source:
        stride = asked["frame_stride"] or (1 if len(network.inputs) == 1 else 2)
        paths = paths_of(network)
        return Ucf101(folder, lists, paths, stride=stride, seed=seed, workers=asked["workers"], note=note)

    return lists.classes, source


def network_and_source(
    given: str | Workload, asked: Mapping[str, Any], note: Note | None = None
) -> tuple[Workload, Source]:
    """Return the network that is asked for, of as many classes as the data has, and its clips. Raises InputError."""
    classes, source_of = opened(asked, note)
    network = _network(given, asked, len(classes))
    return network, source_of(network)


def _network(given: str | Workload, asked: Mapping[str, Any], classes: int) -> Workload:
    if isinstance(given, str):
        given = load_workload(given, input_size=asked["input_size"], classes=classes)
    elif asked["input_size"] is not None:
        raise InputError("input_size resizes a workload that is given by name or file, not a loaded one")
    network = apply_transforms(given, asked["transform"])
    check_classes(network, classes)
    return network


def check_classes(network: Workload, classes: int) -> None:
    """Raise InputError for a network that does not end with one answer for each of the ``classes``."""
    read = {name for layer in network.layers for name in layer.inputs}
    answers = [layer.name for layer in network.layers if layer.name not in read]
    if len(answers) != 1 or network.shapes[answers[0]].elements != classes:
        sizes = ", ".join(f"{name} {network.shapes[name]}" for name in answers)
        raise InputError(
            f"{network.name}: ends with {sizes}; the data has {classes} classes, and takes one output each"
        )


def digest(network: Workload) -> str:
    """Return what tells a network from others: its layers and the shapes of its inputs."""
    text = repr((tuple(network.inputs.items()), network.layers))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
