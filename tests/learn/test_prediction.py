"""Does the map from noise to agreement say what noise does?"""

from __future__ import annotations

import numpy as np
import pytest

from lw3dsim.learn.prediction import AgreementMap, noise_ratio

CLASSES = 20


@pytest.fixture
def own():
    answers = np.random.default_rng(1).normal(size=(50, CLASSES)) + 3 * np.eye(CLASSES)[np.arange(50) % CLASSES]
    return AgreementMap(answers=answers, floor=1e-4, gain={"a": 0.5, "b": 0.25}.__getitem__)


def test_answers_without_noise_stay_and_under_noise_alone_are_chance(own):
    found = [own.agreement(noise) for noise in (0.0, 1e-3, 1e-2, 0.1, 1.0, 1e6)]
    assert found[0] == 1
    assert found == sorted(found, reverse=True)
    assert found[-1] == pytest.approx(1 / CLASSES, abs=0.01)


def test_noise_of_layers_adds_up_by_their_gains(own):
    assert own.noise({"a": None, "b": None}) == own.floor
    assert own.noise({"a": 10, "b": 20}, 0) == pytest.approx(1e-4 + 0.5 * 0.1 + 0.25 * 0.01)
    assert own.noise({"a": 10}, 3) - own.floor == pytest.approx(0.05 * 10**0.3)


def test_what_is_added_to_all_classes_is_no_noise():
    wanted = np.array([[1.0, -1.0], [2.0, 0.0]])
    assert noise_ratio(wanted, wanted + 5) == 0
    assert noise_ratio(wanted, wanted + np.array([1.0, -1.0])) == pytest.approx(1)


def test_noise_is_what_was_drawn(own):
    answers = own.answers - own.answers.mean(axis=1, keepdims=True)
    deviation = np.sqrt(0.2 * np.square(answers).mean())
    noisy = answers + np.random.default_rng(7).normal(size=(500, *answers.shape)) * deviation
    share = (noisy.argmax(axis=-1) == answers.argmax(axis=-1)).mean()
    assert own.agreement(0.2) == pytest.approx(share, abs=0.015)
