"""Are clips of moving digits told apart by their motion, and by nothing that a single frame shows?"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lw3dsim import InputError, load_workload
from lw3dsim.describe.workload import Conv3d, Shape, build_workload
from lw3dsim.learn.clips import paths_of
from lw3dsim.learn.digits import CAMERA, DIGITS, MOTIONS, TURNS, MovingDigits, moved, rendered, scene

pytest.importorskip("sklearn", reason="install lw3dsim[train] to run these tests")

SIZE = (6, 16, 16)
SMALL = paths_of(load_workload("c3d_small", input_size="6x16x16"))


def drawn(motion, seed, **how):
    return scene(motion, SIZE[0], DIGITS["train"], np.random.default_rng(seed), **how)


@settings(max_examples=25)
@given(motion=st.sampled_from(MOTIONS), seed=st.integers(0, 10**6), frame=st.integers(0, SIZE[0] - 1))
def test_a_frame_of_any_motion_is_one_of_a_still_clip_that_is_as_likely(motion, seed, frame):
    moving = drawn(motion, seed)
    # The start is uniform over a torus and a circle: one that is moved on is as likely as itself.
    pose = np.broadcast_to(moving.pose[frame] % (1, 1, 2 * math.pi), moving.pose.shape)
    still = moving._replace(pose=pose)
    first, second = rendered([moving], SIZE)[0], rendered([still], SIZE)[0]
    np.testing.assert_allclose(first[frame], second[frame], atol=1e-4)


def test_starts_are_uniform_over_the_frame_and_all_angles():
    starts = np.array([drawn("still", seed).pose[0] / (1, 1, 2 * math.pi) for seed in range(2000)])
    steps = np.linspace(0, 1, len(starts))
    # Kolmogorov and Smirnov's distance of as many uniform values is above this once in 10,000 times.
    assert np.abs(np.sort(starts, axis=0) - steps[:, None]).max() < 2.23 / math.sqrt(len(starts))


def test_motions_differ_from_each_other_and_a_still_one_rests():
    offsets = {motion: moved(motion, 6, np.random.default_rng(1)) for motion in MOTIONS}
    assert len({values.tobytes() for values in offsets.values()}) == len(MOTIONS) == 20
    assert not offsets["still"].any()
    for name, values in offsets.items():
        assert (values[:, 2] != 0).any() == (name in TURNS)
    slow, fast = offsets["north_east_slowly"], offsets["north_east_fast"]
    np.testing.assert_allclose(fast, 2 * slow)
    assert slow[1, 0] == pytest.approx(-slow[1, 1])
    assert slow[1, 0] > 0


def test_what_is_behind_moves_with_the_camera_alone():
    resting, shaken = drawn("still", 3), drawn("still", 3, camera_shake=True)
    assert not resting.camera.any()
    assert 0 < np.abs(shaken.camera).max() <= CAMERA
    still = rendered([resting], SIZE)[0]
    assert np.array_equal(still[0], still[-1])
    assert not np.array_equal(*rendered([shaken], SIZE)[0, :2])


def test_a_digit_that_leaves_the_frame_comes_in_on_the_other_side():
    clip = drawn("still", 5)
    at = clip.pose.copy()
    at[:, :2] = [0.0, 0.5]
    middle = at.copy()
    middle[:, 0] = 0.5
    dark = clip._replace(texture=np.zeros_like(clip.texture))
    edge, whole = (rendered([dark._replace(pose=pose)], SIZE)[0, 0] for pose in (at, middle))
    np.testing.assert_allclose(np.roll(edge, SIZE[2] // 2, axis=1), whole, atol=1e-5)


def test_parts_show_different_digits_and_clips_are_the_same_again():
    shown = [set(DIGITS[part]) for part in ("train", "validation", "test")]
    assert sum(map(len, shown)) == len(set.union(*shown)) == 1797
    one, other = (MovingDigits(SMALL, 40, seed=seed) for seed in (0, 1))
    for part, differs in (("train", True), ("validation", False), ("test", False)):
        first, again = one.batch(part, [3, 7], 0), one.batch(part, [7], 0)
        assert np.array_equal(first.inputs["clip"][1], again.inputs["clip"][0])
        assert np.array_equal(first.labels, [3, 7])
        for changed in (other.batch(part, [3, 7], 0), one.batch(part, [3, 7], 1)):
            assert np.array_equal(changed.inputs["clip"], first.inputs["clip"]) != differs


def test_paths_of_a_network_see_the_same_clip():
    network = load_workload("slowfast_r50_4x16", input_size="32x32x32")
    batch = MovingDigits(paths_of(network), 20).batch("train", range(2), 0)
    fast, slow = batch.inputs["fast_clip"], batch.inputs["slow_clip"]
    assert fast.shape == (2, 3, 32, 32, 32)
    assert np.array_equal(slow, fast[:, :, ::8])


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        ({"a": Shape(3, 8, 16, 16), "b": Shape(3, 3, 16, 16)}, "b must have its channels, height and width"),
        ({"a": Shape(2, 8, 16, 16)}, "have 2 channels; videos have 1"),
    ],
)
def test_a_network_that_reads_no_clip_is_refused(inputs, says):
    layers = [Conv3d(name=f"of_{name}", inputs=(name,), out_channels=4, kernel=(1, 1, 1)) for name in inputs]
    with pytest.raises(InputError, match=says):
        paths_of(build_workload(name="net", inputs=inputs, layers=layers))
