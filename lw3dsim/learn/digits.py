"""``moving_digits``: clips of handwritten digits, whose classes are motions.

A digit of scikit-learn's 1,797 (Alpaydin & Kaynak, "Optical Recognition of Handwritten Digits", UCI 1998) moves over
a random texture. Place and angle are those of a motion added to a start that is uniform over the frame, whose sides
are joined, and over all angles: in every frame place and angle are uniform whatever the motion, so that a single
frame tells nothing of the class.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lw3dsim.learn.clips import Batch, normalised
from lw3dsim.learn.packages import needed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.learn.clips import Array, Part, Paths

DIRECTIONS = ("east", "north_east", "north", "north_west", "west", "south_west", "south", "south_east")

# Of the frame's sides, per frame.
SPEEDS = {"slowly": 1 / 32, "fast": 1 / 16}
TURNS = {"turns_left": math.pi / 10, "turns_right": -math.pi / 10}
SHAKE = 1 / 20
CAMERA = 1 / 32

MOTIONS = (*(f"{direction}_{speed}" for speed in SPEEDS for direction in DIRECTIONS), *TURNS, "still", "shakes")

# Digits of scikit-learn's list, in its order: those of its last writers are tested.
DIGITS: dict[Part, range] = {"train": range(1200), "validation": range(1200, 1400), "test": range(1400, 1797)}
HELD_OUT: dict[Part, int] = {"validation": 400, "test": 1000}

# The side of a digit as a share of the frame's, and of a texture in patches.
DIGIT_SIDE = 0.55
PATCHES = 6
NOISE = 0.05

# What tells the draws of the parts apart.
_STREAMS: dict[Part, int] = {"train": 0, "validation": 1, "test": 2}


class Scene(NamedTuple):
    """What a clip shows: the digit by its number, how light it is, its pose in each frame, and what is behind it.

    ``pose`` is (T, 3): place along the width and the height, in sides of the frame, and angle in radians. ``camera``
    is (T, 2), by how much texture and digit are off together; ``texture`` is (PATCHES, PATCHES).
    """

    digit: int
    light: float
    pose: Array
    camera: Array
    texture: Array


class MovingDigits:
    """Clips of moving digits of the size that a network takes; a clip is what ``seed``, part, number and epoch say.

    Without ``redraw`` clips are the same in every epoch.
    """

    name = "moving_digits"
    classes = MOTIONS

    def __init__(
        self, paths: Paths, clips: int, *, seed: int = 0, camera_shake: bool = False, redraw: bool = True
    ) -> None:
        self.paths, self.seed, self.broken = paths, seed, set[str]()
        self.camera_shake, self.redraw = camera_shake, redraw
        self._counts: dict[Part, int] = {"train": clips, **HELD_OUT}

    def count(self, part: Part) -> int:
        """See Source."""
        return self._counts[part]

    def batch(self, part: Part, numbers: Sequence[int], epoch: int) -> Batch:
        """See Source; only digits of ``part`` are shown."""
        generators = [self._generator(part, number, epoch) for number in numbers]
        labels = np.array([number % len(MOTIONS) for number in numbers], dtype=np.int64)
        size = (self.paths.frames, self.paths.height, self.paths.width)
        scenes = [
            scene(MOTIONS[label], size[0], DIGITS[part], generator, camera_shake=self.camera_shake)
            for label, generator in zip(labels, generators, strict=True)
        ]
        clips = rendered(scenes, size)
        noise = np.stack([generator.standard_normal(size, dtype=np.float32) for generator in generators])
        gray = normalised(clips + np.float32(NOISE) * noise)[:, None]
        return Batch(self.paths.of(np.repeat(gray, self.paths.channels, axis=1)), labels)

    def _generator(self, part: Part, number: int, epoch: int) -> np.random.Generator:
        # What is held out is the same in every epoch and for every seed.
        own = (self.seed, epoch if self.redraw else 0) if part == "train" else (0, 0)
        return np.random.default_rng((_STREAMS[part], number, *own))


def scene(motion: str, frames: int, digits: range, random: np.random.Generator, *, camera_shake: bool = False) -> Scene:
    """Draw a clip of ``frames`` in which one of ``digits`` moves as ``motion`` says."""
    digit = int(random.integers(digits.start, digits.stop))
    start = random.uniform(0, 1, 3) * (1, 1, 2 * math.pi)
    light = float(random.uniform(0.75, 1))
    texture = random.uniform(0, 0.5, (PATCHES, PATCHES)).astype(np.float32)
    camera = random.uniform(-CAMERA, CAMERA, (frames, 2)) if camera_shake else np.zeros((frames, 2))
    return Scene(digit, light, start + moved(motion, frames, random), camera, texture)


def moved(motion: str, frames: int, random: np.random.Generator) -> Array:
    """Return by how much the pose of a digit is off its start in each frame: (T, 3)."""
    offsets, time = np.zeros((frames, 3)), np.arange(frames)
    if motion in TURNS:
        offsets[:, 2] = TURNS[motion] * time
    elif motion == "shakes":
        offsets[:, :2] = random.uniform(-SHAKE, SHAKE, (frames, 2))
    elif motion != "still":
        direction, _, speed = motion.rpartition("_")
        angle = DIRECTIONS.index(direction) * math.pi / 4
        # Rows are counted downwards.
        offsets[:, :2] = SPEEDS[speed] * time[:, None] * (math.cos(angle), -math.sin(angle))
    return offsets


def rendered(scenes: Sequence[Scene], size: tuple[int, int, int]) -> Array:
    """Return ``scenes`` as gray values (clips, T, H, W) from 0 to 1, of float32."""
    _, height, width = size
    camera = np.stack([each.camera for each in scenes]).astype(np.float32)
    pose = np.stack([each.pose for each in scenes])[..., None, None]
    place = (pose[:, :, :2] + camera[..., None, None]).astype(np.float32)
    angle = (pose[:, :, 2] % (2 * math.pi)).astype(np.float32)
    x = (np.arange(width, dtype=np.float32) + np.float32(0.5)) / np.float32(width)
    y = ((np.arange(height, dtype=np.float32) + np.float32(0.5)) / np.float32(height))[:, None]
    behind = _looked_up(
        np.stack([each.texture for each in scenes]),
        (y - camera[..., 1, None, None]) * PATCHES,
        (x - camera[..., 0, None, None]) * PATCHES,
        is_joined=True,
    )
    # From the digit's middle, the nearer way round the frame.
    dx, dy = ((axis - place[:, :, i] + np.float32(0.5)) % 1 - np.float32(0.5) for i, axis in enumerate((x, y)))
    cosine, sine = np.cos(angle), np.sin(angle)
    images = _digits()[[each.digit for each in scenes]]
    side = np.float32(images.shape[-1] / DIGIT_SIDE)
    middle = np.float32(images.shape[-1] / 2 - 0.5)
    digit = _looked_up(
        images, (sine * dx + cosine * dy) * side + middle, (cosine * dx - sine * dy) * side + middle, is_joined=False
    )
    light = np.array([each.light for each in scenes], dtype=np.float32)[:, None, None, None]
    return np.asarray(behind * (1 - digit) + light * digit)


def _looked_up(images: Array, rows: Array, columns: Array, *, is_joined: bool) -> Array:
    """Return ``images`` (clips, rows, columns) between their values, at places (clips, T, H, W).

    Beyond its sides an image goes on at the other one where they are joined; else it is 0 there.
    """
    if not is_joined:
        images = np.pad(images, ((0, 0), (1, 1), (1, 1)))
        rows, columns = (np.clip(at + 1, 0, images.shape[-1] - 1) for at in (rows, columns))
    rows, columns = np.broadcast_arrays(rows, columns)
    height, width = images.shape[1:]
    top, left = np.floor(rows).astype(np.int32), np.floor(columns).astype(np.int32)
    down, right = rows - top, columns - left
    first = np.arange(len(images))[:, None, None, None] * (height * width)
    values, flat = np.float32(0), images.ravel()
    for row, share in ((top, 1 - down), (top + 1, down)):
        for column, part in ((left, 1 - right), (left + 1, right)):
            values = values + share * part * flat[first + row % height * width + column % width]
    return np.asarray(values)


@cache
def _digits() -> Array:
    """Return the digits, (1797, 8, 8), from 0 to 1."""
    images = needed("sklearn.datasets", "moving_digits").load_digits().images
    return np.asarray(images / 16, dtype=np.float32)
