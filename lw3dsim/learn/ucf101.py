"""UCF-101 as it is distributed (Soomro et al., 2012): folders of videos by class, and lists of three splits."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lw3dsim.errors import InputError, one_line
from lw3dsim.learn.clips import Batch
from lw3dsim.learn.videos import MIDDLE, BrokenVideo, drawn_cut, read_clip

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lw3dsim.learn.clips import Array, Part, Paths

CLASSES = "classInd.txt"
SPLITS = (1, 2, 3)

# Where the lists lie: with the class folders, or in the folder that they are distributed in, within or beside.
LISTS = (".", "ucfTrainTestlist", "../ucfTrainTestlist")


class Video(NamedTuple):
    """A video by its path below the folder of the data, ``CLASS/NAME.avi``, and the number of its class."""

    path: str
    label: int


class Lists(NamedTuple):
    """The classes by number, the videos to train on and those that are tested."""

    classes: tuple[str, ...]
    train: tuple[Video, ...]
    tested: tuple[Video, ...]


class Ucf101:
    """Clips of UCF-101: drawn ones in training, the middle of every tested video else.

    The tested videos are the validation, as in the paper; there is no other test. ``stride`` is from one frame of a
    clip to its next. What cannot be decoded is named to ``note``, once, and skipped.
    """

    def __init__(
        self,
        folder: Path,
        lists: Lists,
        paths: Paths,
        *,
        stride: int,
        seed: int = 0,
        workers: int = 1,
        note: Callable[[str], None] | None = None,
    ) -> None:
        self.folder, self.paths, self.stride, self.seed = folder, paths, stride, seed
        self.classes, self.note, self.broken = lists.classes, note, set[str]()
        self.name = f"UCF-101 {hashlib.sha256(repr(lists).encode()).hexdigest()[:16]}"
        self._videos: dict[Part, tuple[Video, ...]] = {"train": lists.train, "validation": lists.tested, "test": ()}
        self._pool = ThreadPoolExecutor(workers)

    def count(self, part: Part) -> int:
        """See Source."""
        return len(self._videos[part])

    def batch(self, part: Part, numbers: Sequence[int], epoch: int) -> Batch:
        """See Source; without the clips of broken videos."""
        videos = [self._videos[part][number] for number in numbers]
        cuts = [
            drawn_cut(np.random.default_rng((number, self.seed, epoch))) if part == "train" else MIDDLE
            for number in numbers
        ]

        def read(number: int) -> Array | str:
            try:
                return read_clip(self.folder / videos[number].path, self.paths, self.stride, cuts[number])
            except BrokenVideo as broken:
                return str(broken)

        clips, labels = [], []
        for video, clip in zip(videos, self._pool.map(read, range(len(videos))), strict=True):
            if isinstance(clip, str):
                self._skip(video, clip)
            else:
                clips.append(clip)
                labels.append(video.label)
        shape = (0, self.paths.channels, self.paths.frames, self.paths.height, self.paths.width)
        stacked = np.stack(clips) if clips else np.zeros(shape, dtype=np.float32)
        return Batch(self.paths.of(stacked), np.array(labels, dtype=np.int64))

    def _skip(self, video: Video, why: str) -> None:
        if video.path not in self.broken:
            self.broken.add(video.path)
            if self.note is not None:
                self.note(f"{one_line(str(self.folder / video.path), 200)}: is skipped, it cannot be decoded ({why})")


def read_lists(folder: Path, splits: Sequence[int], *, keep_tested: bool = False) -> Lists:
    """Return what the lists of ``splits``, merged, say of the videos in ``folder``.

    A video that is in the test list of one split and in the training list of another is tested, and not trained on
    unless ``keep_tested``. Raises InputError for a folder without lists or videos, and for a line that is wrong.
    """
    where = _list_folder(folder)
    classes = _classes(where / CLASSES)
    numbers = {name: number for number, name in enumerate(classes)}
    train, tested = (
        dict.fromkeys(video for split in splits for video in _videos(where / f"{kind}list{split:02}.txt", numbers))
        for kind in ("train", "test")
    )
    kept = tuple(video for video in train if keep_tested or video not in tested)
    if not any((folder / video.path).is_file() for video in (*kept, *tested)):
        raise InputError(
            f"data {one_line(str(folder), 200)}: has none of the {len(train | tested)} videos of its lists, such as "
            f"{kept[0].path if kept else next(iter(tested)).path}; give the folder with the folders of the classes"
        )
    return Lists(classes, kept, tuple(tested))


def _list_folder(folder: Path) -> Path:
    for place in LISTS:
        if (folder / place / CLASSES).is_file():
            return folder / place
    raise InputError(
        f"data {one_line(str(folder), 200)}: there is no {CLASSES} in it, nor in a folder ucfTrainTestlist within or "
        "beside it; give the folder of UCF-101, its lists with it, or moving_digits"
    )


def _classes(path: Path) -> tuple[str, ...]:
    """Return the classes of a list of lines ``NUMBER NAME``, numbered from 1."""
    names = []
    for number, line in enumerate(_lines(path), 1):
        given, _, name = line.partition(" ")
        if given != str(number) or not name.strip():
            raise InputError(f"{_at(path, number)}: expected '{number} NAME' of a class, got {one_line(line)!r}")
        names.append(name.strip())
    return tuple(names)


def _videos(path: Path, numbers: dict[str, int]) -> list[Video]:
    """Return the videos of a list of lines ``CLASS/NAME.avi``, in lists to train on with the class's number."""
    videos = []
    for at, line in enumerate(_lines(path), 1):
        name, _, label = line.partition(" ")
        kind, _, file = name.partition("/")
        if kind not in numbers or not file or Path(file).name != file:
            raise InputError(
                f"{_at(path, at)}: expected CLASS/NAME.avi of a class in {CLASSES}, got {one_line(line)!r}"
            )
        if label.strip() not in ("", str(numbers[kind] + 1)):
            said = one_line(label.strip())
            raise InputError(f"{_at(path, at)}: says class {said} of {kind}, which is {numbers[kind] + 1} in {CLASSES}")
        videos.append(Video(name, numbers[kind]))
    return videos


def _lines(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise InputError(f"{one_line(str(path), 200)}: cannot be read ({why}); give UTF-8 text") from None
    kept = [line.strip() for line in lines]
    while kept and not kept[-1]:
        kept.pop()
    if not kept:
        raise InputError(f"{one_line(str(path), 200)}: is empty; give the list as it is distributed")
    return kept


def _at(path: Path, line: int) -> str:
    return f"{one_line(str(path), 200)}:{line}"
