from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alrun.errors import ConfigError, DataError
from alrun.models.base import Array, Model
from alrun.models.cnn import Cnn
from alrun.models.testing import ModelContract

torch = pytest.importorskip("torch")


class TestCnn(ModelContract):
    threads = 1  # torch's threads spin while they wait: many short trainings suffer on a busy machine

    def model(self) -> Model:
        return Cnn(image_size=12, epochs=12, batch_size=16)


def _digits() -> tuple[Array, Array]:
    from sklearn.datasets import load_digits

    pixels, digit = load_digits(return_X_y=True)
    images = (pixels.reshape(-1, 8, 8, 1) * 15.9).astype(np.uint8)
    return np.repeat(images, 3, axis=3), digit.astype(np.int64)


def test_learns_digits() -> None:
    images, targets = _digits()
    model = Cnn(image_size=8, epochs=20, learning_rate=0.005)
    fitted = model.fit(images[:600], targets[:600], 10, np.random.default_rng(0), threads=1)
    assert (fitted.predict_proba(images[600:]).argmax(axis=1) == targets[600:]).mean() > 0.85


@pytest.mark.parametrize("change", [{"dropout": 0.0}, {"epochs": 2}, {"batch_size": 7}, {"learning_rate": 1e-4}])
def test_every_setting_takes_part(change: dict[str, Any]) -> None:
    images, targets = _digits()
    plain = Cnn(image_size=8, epochs=1)
    one, other = (
        model.fit(images[:60], targets[:60], 10, np.random.default_rng(0), threads=1)
        for model in (plain, replace(plain, **change))
    )
    assert not np.array_equal(one.predict_proba(images[:9]), other.predict_proba(images[:9]))


def test_what_is_dropped_learns_nothing() -> None:
    """With (almost) everything dropped, no gradient reaches the layers before: any step size leaves them alone."""
    images, targets = _digits()
    slow, fast = (
        Cnn(image_size=8, epochs=1, dropout=1 - 1e-12, learning_rate=rate).fit(
            images[:60], targets[:60], 10, np.random.default_rng(0), threads=1
        )
        for rate in (1e-3, 1e-2)
    )
    assert torch.equal(slow.weights["conv1.weight"], fast.weights["conv1.weight"])
    assert torch.equal(slow.weights["dense1.weight"], fast.weights["dense1.weight"])
    assert not torch.equal(slow.weights["dense2.bias"], fast.weights["dense2.bias"])


def test_dropout_is_for_training_only() -> None:
    images, targets = _digits()
    fitted = Cnn(image_size=8, epochs=1, dropout=0.9).fit(
        images[:60], targets[:60], 10, np.random.default_rng(0), threads=1
    )
    np.testing.assert_array_equal(fitted.predict_proba(images[:9]), fitted.predict_proba(images[:9]))


def test_two_threads_give_the_same_bits_each_time() -> None:
    images, targets = _digits()
    model = Cnn(image_size=8, epochs=1)
    once, again = (
        model.fit(images[:200], targets[:200], 10, np.random.default_rng(0), threads=2).predict_proba(images)
        for _ in range(2)
    )
    np.testing.assert_array_equal(once, again)


def test_torch_keeps_its_number_of_threads() -> None:
    images, targets = _digits()
    before = torch.get_num_threads()
    fitted = Cnn(image_size=8, epochs=1).fit(images[:9], targets[:9], 10, np.random.default_rng(0), threads=before + 1)
    fitted.predict_proba(images[:9])
    assert torch.get_num_threads() == before


def test_divergence_is_an_error_that_names_the_setting() -> None:
    images, targets = _digits()
    model = Cnn(image_size=8, epochs=2, learning_rate=1e30)
    with pytest.raises(ConfigError, match=r"diverged at learning_rate=1e\+30"):
        model.fit(images[:60], targets[:60], 10, np.random.default_rng(0), threads=1)


def test_images_of_another_size_are_refused() -> None:
    images, targets = _digits()
    fitted = Cnn(image_size=8, epochs=1).fit(images[:9], targets[:9], 10, np.random.default_rng(0), threads=1)
    with pytest.raises(DataError, match=r"\(N, 8, 8, 3\); given uint8 of shape \(2, 12, 12, 3\)"):
        fitted.predict_proba(np.zeros((2, 12, 12, 3), np.uint8))


def test_without_torch_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    images, targets = _digits()
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ConfigError, match=r"pip install 'alrun\[torch\]'"):
        Cnn(image_size=8).fit(images[:9], targets[:9], 10, np.random.default_rng(0), threads=1)
    with pytest.raises(ConfigError, match=r"pip install 'alrun\[torch\]'"):
        Cnn(image_size=8).load(tmp_path)
