"""Clips of labelled videos: what a source of them owes, and how one clip feeds every path of a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from lw3dsim.base.values import Value
from lw3dsim.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lw3dsim.describe.workload import Workload

Array = NDArray[Any]
Part = Literal["train", "validation", "test"]

# Of values from 0 to 1, in every channel; those of SlowFast's own training (Feichtenhofer et al., ICCV 2019).
MEAN, DEVIATION = 0.45, 0.225

# Gray or colour.
CHANNELS = (1, 3)


class Batch(NamedTuple):
    """Labelled clips: by input of a network arrays (clips, C, T, H, W) of float32, and the class of each clip."""

    inputs: dict[str, Array]
    labels: NDArray[np.int64]


class Source(Protocol):
    """Labelled clips, in parts that share none; a clip of a part is the same whenever it is asked for.

    ``name`` tells the clips from others, whatever folder they are in; ``broken`` are those that could not be read.
    """

    name: str
    classes: tuple[str, ...]
    broken: set[str]

    def count(self, part: Part) -> int:
        """Return how many clips ``part`` has."""

    def batch(self, part: Part, numbers: Sequence[int], epoch: int) -> Batch:
        """Return clips of ``part`` by their numbers from 0; in ``train`` they vary from ``epoch`` to epoch."""


class Paths(Value, frozen=True, kw_only=True):
    """The inputs of a network as views of one clip: ``strides`` says every how many frames an input takes."""

    channels: int
    frames: int
    height: int
    width: int
    strides: Mapping[str, int]

    def of(self, clips: Array) -> dict[str, Array]:
        """Return ``clips`` (clips, channels, T, H, W) as every input takes them."""
        return {name: np.ascontiguousarray(clips[:, :, ::stride]) for name, stride in self.strides.items()}


def paths_of(network: Workload) -> Paths:
    """Return the inputs of ``network`` as views of one clip. Raises InputError where they are none."""
    shapes = network.inputs
    most = max(shapes.values(), key=lambda shape: shape.frames)
    for name, shape in shapes.items():
        if shape._replace(frames=most.frames) != most or most.frames % shape.frames:
            given = ", ".join(f"{each} {size}" for each, size in shapes.items())
            raise InputError(
                f"{network.name}: inputs {given} are not frames of one clip; {name} must have its channels, height "
                "and width, and a whole share of its frames"
            )
    if most.channels not in CHANNELS:
        raise InputError(f"{network.name}: its clips have {most.channels} channels; videos have 1 (gray) or 3 (colour)")
    return Paths(
        channels=most.channels,
        frames=most.frames,
        height=most.height,
        width=most.width,
        strides={name: most.frames // shape.frames for name, shape in shapes.items()},
    )


def normalised(values: Array) -> Array:
    """Return ``values`` from 0 to 1 as a network reads them: about zero, of about one deviation."""
    return ((values - np.float32(MEAN)) / np.float32(DEVIATION)).astype(np.float32, copy=False)
