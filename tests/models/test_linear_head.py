from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alrun.errors import ConfigError, DataError
from alrun.models.base import Array, Model
from alrun.models.linear_head import LinearHead, TrainedHead
from alrun.models.networks import MonteCarlo
from alrun.models.testing import ModelContract

torch = pytest.importorskip("torch")


class TestLinearHead(ModelContract):
    threads = 1

    def model(self) -> Model:
        return LinearHead(epochs=30, batch_size=16, learning_rate=0.02, samples=7)


class TestPerceptron(ModelContract):
    threads = 1

    def model(self) -> Model:
        return LinearHead(hidden=16, epochs=30, batch_size=16, learning_rate=0.01, samples=5)


def _digits() -> tuple[Array, Array]:
    from sklearn.datasets import load_digits

    pixels, digit = load_digits(return_X_y=True)
    return (pixels / 16).astype(np.float32), digit.astype(np.int64)


def _fit(model: LinearHead, rows: int = 60) -> TrainedHead:
    inputs, targets = _digits()
    return model.fit(inputs[:rows], targets[:rows], 10, np.random.default_rng(0), threads=1)


@pytest.mark.parametrize("hidden", [0, 64])
def test_learns_digits(hidden: int) -> None:
    inputs, targets = _digits()
    fitted = _fit(LinearHead(hidden=hidden, epochs=40), rows=600)
    assert (fitted.predict_proba(inputs[600:]).argmax(axis=1) == targets[600:]).mean() > 0.88


@pytest.mark.parametrize(
    "change",
    [{"dropout": 0.0}, {"epochs": 2}, {"batch_size": 7}, {"learning_rate": 1e-4}, {"hidden": 3}, {"weight_decay": 0.5}],
)
def test_every_setting_takes_part(change: dict[str, Any]) -> None:
    plain = LinearHead(epochs=1)
    one, other = (_fit(model).predict_proba(_digits()[0][:9]) for model in (plain, replace(plain, **change)))
    assert not np.array_equal(one, other)


def test_samples_are_the_network_with_inputs_dropped() -> None:
    """One linear layer: a sample is the softmax of the weights times the kept inputs, scaled up."""
    inputs, _ = _digits()
    fitted = _fit(LinearHead(epochs=3, dropout=0.5, samples=4))
    found = fitted.samples(inputs[:50], np.random.default_rng(8))
    kept = np.random.default_rng(8).random((4, 64)) >= 0.5
    weight, bias = (fitted.weights[f"dense1.{name}"].numpy() for name in ("weight", "bias"))
    for sample, mask in zip(found, kept, strict=True):
        scores = (inputs[:50] * mask * 2) @ weight.T + bias
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        np.testing.assert_allclose(sample, powers / powers.sum(axis=1, keepdims=True), atol=1e-5)


def test_without_dropout_all_samples_are_the_prediction() -> None:
    inputs, _ = _digits()
    fitted = _fit(LinearHead(hidden=8, epochs=2, dropout=0.0, samples=3))
    for sample in fitted.samples(inputs[:20], np.random.default_rng(0)):
        np.testing.assert_allclose(sample, fitted.predict_proba(inputs[:20]), atol=1e-6)


def test_samples_agree_on_what_is_easy_and_not_on_noise() -> None:
    inputs, _ = _digits()
    fitted = _fit(LinearHead(hidden=64, epochs=60), rows=800)
    noise = np.random.default_rng(0).random((300, 64)).astype(np.float32)
    spread = [fitted.samples(rows, np.random.default_rng(1)).std(axis=0).mean() for rows in (inputs[:300], noise)]
    assert spread[0] < spread[1] / 2


def test_divergence_is_an_error_that_names_the_setting() -> None:
    with pytest.raises(ConfigError, match=r"diverged at learning_rate=1e\+30"):
        _fit(LinearHead(hidden=8, epochs=3, learning_rate=1e30))


@pytest.mark.parametrize("draws", [MonteCarlo(1.0, 3), MonteCarlo(0.5, 0), MonteCarlo(-0.1, 3)])
def test_impossible_draws_are_refused(draws: MonteCarlo, tmp_path: Path) -> None:
    replace(_fit(LinearHead(epochs=1)), draws=draws).save(tmp_path)
    with pytest.raises(DataError, match="monte_carlo"):
        LinearHead().load(tmp_path)
