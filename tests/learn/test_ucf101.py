"""Is UCF-101 read as it is distributed: its lists, its videos, and what is wrong with either?"""

from __future__ import annotations

import numpy as np
import pytest

from lw3dsim import InputError, load_workload
from lw3dsim.learn.clips import DEVIATION, MEAN, Paths, paths_of
from lw3dsim.learn.ucf101 import Ucf101, read_lists
from lw3dsim.learn.videos import MIDDLE, BrokenVideo, Cut, frames_of, read_clip

av = pytest.importorskip("av", reason="install lw3dsim[train] to run these tests")

PATHS = Paths(channels=3, frames=4, height=28, width=28, strides={"clip": 1})


def encode(path, frames, size=(48, 64)):
    """Write a video as those of UCF-101 are: MPEG-4 in AVI. Frames are gray, 10 lighter from one to the next."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.height, stream.width, stream.pix_fmt, stream.bit_rate = *size, "yuv420p", 4_000_000
        for number in range(frames):
            picture = np.full((*size, 3), 40 + 10 * number, dtype=np.uint8)
            picture[:, size[1] // 2 :] += 15  # the right half is lighter
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def lightness(clip):
    """The lightness of each frame's left side, from 0 to 255."""
    return (clip[:, :, :, :4].mean(axis=(0, 2, 3)) * DEVIATION + MEAN) * 255


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("ucf") / "UCF-101"
    for name in ("Archery", "Bowling"):
        for group in (1, 2, 3):
            encode(root / name / f"v_{name}_g0{group}_c01.avi", 8)
    lists = root.parent / "ucfTrainTestlist"
    lists.mkdir()
    (lists / "classInd.txt").write_text("1 Archery\n2 Bowling\n")
    for split in (1, 2, 3):
        names = {
            is_tested: [
                (name, f"{name}/v_{name}_g0{group}_c01.avi")
                for name in ("Archery", "Bowling")
                for group in (1, 2, 3)
                if (group == split) == is_tested
            ]
            for is_tested in (False, True)
        }
        train = [f"{video} {1 + (name == 'Bowling')}" for name, video in names[False]]
        (lists / f"trainlist0{split}.txt").write_text("\r\n".join(train) + "\r\n")
        (lists / f"testlist0{split}.txt").write_text("\n".join(video for _, video in names[True]) + "\n\n")
    return root


def groups(videos):
    return sorted({video.path.split("_")[2] for video in videos})


def test_a_split_is_what_its_lists_say(folder):
    lists = read_lists(folder, [2])
    assert lists.classes == ("Archery", "Bowling")
    assert groups(lists.tested) == ["g02"]
    assert groups(lists.train) == ["g01", "g03"]
    assert [video.label for video in lists.train] == [0, 0, 1, 1]


def test_merged_splits_train_on_nothing_that_one_of_them_tests(folder):
    merged = read_lists(folder, [1, 2])
    assert groups(merged.tested) == ["g01", "g02"]
    assert groups(merged.train) == ["g03"]
    kept = read_lists(folder, [1, 2], keep_tested=True)
    assert kept.tested == merged.tested
    assert groups(kept.train) == ["g01", "g02", "g03"]


def test_frames_of_a_clip_are_as_encoded(folder):
    clip = read_clip(folder / "Archery/v_Archery_g01_c01.avi", PATHS, 1, MIDDLE)
    assert clip.shape == (3, 4, 28, 28)
    assert clip.dtype == np.float32
    # Of eight frames the four in the middle, to what the codec and the colours lose.
    np.testing.assert_allclose(lightness(clip), [60, 70, 80, 90], atol=4)
    strided = read_clip(folder / "Archery/v_Archery_g01_c01.avi", PATHS, 2, Cut(0, 0.5, 0.5, False))
    np.testing.assert_allclose(lightness(strided), [40, 60, 80, 100], atol=4)


def test_crops_and_mirrors_are_where_they_were_drawn(folder):
    path = folder / "Archery/v_Archery_g01_c01.avi"
    left, right, mirrored = (
        read_clip(path, PATHS, 1, Cut(0, 0.5, across, turned)) for across, turned in ((0, False), (1, False), (0, True))
    )
    assert np.array_equal(mirrored, left[..., ::-1])
    # The middle of the video, where it gets lighter, is on the right of the left crop and on the left of the right one.
    assert left[0, 0, 14, :8].mean() < left[0, 0, 14, -4:].mean() - 0.1
    assert right[0, 0, 14, :4].mean() < right[0, 0, 14, -8:].mean() - 0.1
    assert left.mean() < right.mean()


def test_gray_networks_read_gray_clips(folder):
    gray = PATHS.__class__(channels=1, frames=4, height=28, width=28, strides={"clip": 1})
    clip = read_clip(folder / "Archery/v_Archery_g01_c01.avi", gray, 1, MIDDLE)
    assert clip.shape == (1, 4, 28, 28)


@pytest.mark.parametrize(
    ("count", "frames", "stride", "time", "taken"),
    [
        (8, 4, 1, 0.0, [0, 1, 2, 3]),
        (8, 4, 1, 1.0, [4, 5, 6, 7]),
        (8, 4, 2, 1.0, [1, 3, 5, 7]),
        (3, 4, 1, 0.7, [0, 1, 2, 0]),  # too short: looped
        (1, 3, 2, 0.5, [0, 0, 0]),
    ],
)
def test_frames_are_taken_within_the_video(count, frames, stride, time, taken):
    assert frames_of(count, frames, stride, time) == taken


def test_a_video_that_says_more_frames_than_it_has_is_looped_at_the_last(tmp_path, monkeypatch):
    encode(tmp_path / "short.avi", 3)
    whole = read_clip(tmp_path / "short.avi", PATHS, 1, MIDDLE)
    monkeypatch.setattr("lw3dsim.learn.videos._frame_count", lambda *_: 9)
    assert np.array_equal(read_clip(tmp_path / "short.avi", PATHS, 1, MIDDLE), whole)
    np.testing.assert_allclose(lightness(whole), [40, 50, 60, 40], atol=4)


def test_both_paths_of_slowfast_see_the_same_frames(folder):
    network = load_workload("slowfast_r50_4x16", input_size="32x28x28", classes=2)
    source = Ucf101(folder, read_lists(folder, [1]), paths_of(network), stride=2)
    inputs = source.batch("validation", [0, 1], 0).inputs
    assert inputs["fast_clip"].shape == (2, 3, 32, 28, 28)
    assert np.array_equal(inputs["slow_clip"], inputs["fast_clip"][:, :, ::8])


def test_clips_to_train_on_vary_with_epoch_and_seed_alone(folder):
    def clips(seed, epoch, part="train"):
        source = Ucf101(folder, read_lists(folder, [1]), PATHS, stride=1, seed=seed, workers=2)
        return source.batch(part, range(2), epoch).inputs["clip"]

    assert np.array_equal(clips(0, 0), clips(0, 0))
    assert not np.array_equal(clips(0, 0), clips(0, 1))
    assert not np.array_equal(clips(0, 0), clips(1, 0))
    assert np.array_equal(clips(0, 0, "validation"), clips(1, 1, "validation"))


def test_broken_videos_are_named_once_and_skipped(folder, tmp_path):
    root = tmp_path / "UCF-101"
    lists = read_lists(folder, [1])
    encode(root / lists.tested[0].path, 4)
    (root / "Bowling").mkdir()
    (root / lists.tested[1].path).write_bytes(b"RIFF no video")
    said = []
    source = Ucf101(root, lists, PATHS, stride=1, note=said.append)
    for _ in range(2):
        batch = source.batch("validation", [0, 1], 0)
        assert batch.labels.tolist() == [0]
        assert batch.inputs["clip"].shape == (1, 3, 4, 28, 28)
    assert len(said) == 1
    assert str(root / lists.tested[1].path) in said[0]
    assert source.broken == {lists.tested[1].path}
    assert source.batch("train", [0, 1], 0).inputs["clip"].shape == (0, 3, 4, 28, 28)  # they are not there at all


def test_a_file_without_a_picture_is_broken(tmp_path):
    (tmp_path / "empty.avi").write_bytes(b"")
    with pytest.raises(BrokenVideo):
        read_clip(tmp_path / "empty.avi", PATHS, 1, MIDDLE)


@pytest.mark.parametrize(
    ("file", "text", "says"),
    [
        ("classInd.txt", "1 Archery\n3 Bowling\n", r"classInd.txt:2: expected '2 NAME' of a class, got '3 Bowling'"),
        ("classInd.txt", "", r"classInd.txt: is empty"),
        (
            "trainlist01.txt",
            "Archery/a.avi 1\nGolf/b.avi 2\n",
            r"trainlist01.txt:2: expected CLASS/NAME.avi of a class",
        ),
        ("trainlist01.txt", "Archery/a.avi 2\n", r"trainlist01.txt:1: says class 2 of Archery, which is 1"),
        ("testlist01.txt", "Archery/../../b.avi\n", r"testlist01.txt:1: expected CLASS/NAME.avi"),
        ("testlist01.txt", "Archery/c.avi\n", r"has none of the 2 videos of its lists, such as Archery/a.avi"),
    ],
)
def test_lists_that_are_wrong_are_refused_with_their_line(tmp_path, file, text, says):
    texts = {"classInd.txt": "1 Archery\n2 Bowling\n", "trainlist01.txt": "Archery/a.avi 1\n", file: text}
    for name, content in {"testlist01.txt": "Bowling/b.avi\n", **texts}.items():
        (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=says):
        read_lists(tmp_path, [1])


def test_a_folder_without_lists_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"there is no classInd.txt in it"):
        read_lists(tmp_path, [1])
