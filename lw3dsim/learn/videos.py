"""Clips of video files, decoded by PyAV: frames are sampled, scaled, cropped and flipped."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from lw3dsim.errors import raised
from lw3dsim.learn.clips import normalised
from lw3dsim.learn.packages import needed

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from lw3dsim.learn.clips import Array, Paths

# Frames are scaled to this many times the sides that a network takes, then cropped: 128 for 112, 256 for 224.
MARGIN = 8 / 7

FORMATS = {1: "gray", 3: "rgb24"}


class BrokenVideo(Exception):  # noqa: N818  # what it is says more
    """A file that is no video, or has no frame that can be decoded."""


class Cut(NamedTuple):
    """Where a clip lies in its video: each a share of the room that there is, and whether it is mirrored."""

    time: float
    down: float
    across: float
    is_mirrored: bool


MIDDLE = Cut(0.5, 0.5, 0.5, False)


def drawn_cut(random: np.random.Generator) -> Cut:
    """Draw where a clip lies in its video."""
    time, down, across = (float(share) for share in random.uniform(0, 1, 3))
    return Cut(time, down, across, bool(random.integers(2)))


def frames_of(count: int, frames: int, stride: int, time: float) -> list[int]:
    """Return which of ``count`` frames a clip takes: every ``stride`` one; a video that is too short is looped."""
    room = max(count - ((frames - 1) * stride + 1), 0)
    first = round(time * room)
    return [(first + stride * frame) % count for frame in range(frames)]


def read_clip(path: Path, paths: Paths, stride: int, cut: Cut) -> Array:
    """Return a clip (channels, T, H, W) of the video ``path``, normalised. Raises BrokenVideo."""
    av = needed("av", "reading videos")
    try:
        count = _frame_count(av, path)
        pictures = _pictures(av, path, paths, frames_of(count, paths.frames, stride, cut.time))
        if pictures is None:  # it says more frames than can be decoded
            count = sum(1 for _ in _decoded(av, path))
            pictures = _pictures(av, path, paths, frames_of(count, paths.frames, stride, cut.time))
    except (av.error.FFmpegError, OSError, ValueError, IndexError, ZeroDivisionError) as error:
        raise BrokenVideo(raised(error)) from None
    assert pictures is not None  # noqa: S101  # what was counted was decoded
    height, width = pictures.shape[1:3]
    top, left = round(cut.down * (height - paths.height)), round(cut.across * (width - paths.width))
    clip = pictures[:, top : top + paths.height, left : left + paths.width]
    if cut.is_mirrored:
        clip = clip[:, :, ::-1]
    return normalised(clip.transpose(3, 0, 1, 2).astype(np.float32) / np.float32(255))


def _frame_count(av: Any, path: Path) -> int:
    """Return how many frames a file says that it has: one a packet, which need not be decoded."""
    with av.open(str(path)) as container:
        return sum(1 for packet in container.demux(container.streams.video[0]) if packet.size)


def _decoded(av: Any, path: Path) -> Any:
    with av.open(str(path)) as container:
        yield from container.decode(container.streams.video[0])


def _pictures(av: Any, path: Path, paths: Paths, wanted: Collection[int]) -> Array | None:
    """Return the ``wanted`` frames (T, height, width, channels), scaled for a crop; None where one is missing."""
    read, last = {}, max(wanted)
    for number, frame in enumerate(_decoded(av, path)):
        if number in wanted:
            scale = max(MARGIN * paths.height / frame.height, MARGIN * paths.width / frame.width)
            height, width = ceil(scale * frame.height), ceil(scale * frame.width)
            picture = frame.reformat(width=width, height=height, format=FORMATS[paths.channels]).to_ndarray()
            read[number] = picture.reshape(height, width, paths.channels)
        if number == last:
            return np.stack([read[each] for each in wanted])
    return None
