"""Models that are made of another: ensembles and calibrated models."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alrun.errors import ConfigError, DataError
from alrun.models.base import Array, Model
from alrun.models.calibrated import Calibrated, best_temperature, tempered
from alrun.models.cnn import Cnn
from alrun.models.ensemble import Ensemble, TrainedEnsemble
from alrun.models.evaluate import evaluate
from alrun.models.linear_head import LinearHead
from alrun.models.logistic_regression import LogisticRegression
from alrun.models.random_forest import RandomForest
from alrun.models.testing import ModelContract

pytest.importorskip("torch")


class TestEnsemble(ModelContract):
    threads = 1

    def model(self) -> Model:
        return Ensemble(LinearHead(epochs=20, batch_size=16, learning_rate=0.02), members=3)


class TestBaggedEnsemble(ModelContract):
    def model(self) -> Model:
        return Ensemble(LogisticRegression(), members=3, bootstrap=True)


class TestCalibrated(ModelContract):
    def model(self) -> Model:
        return Calibrated(LogisticRegression(), folds=3)


def _digits() -> tuple[Array, Array]:
    from sklearn.datasets import load_digits

    pixels, digit = load_digits(return_X_y=True)
    return (pixels / 16).astype(np.float32), digit.astype(np.int64)


def test_an_ensemble_predicts_the_mean_of_its_members() -> None:
    inputs, targets = _digits()
    fitted = Ensemble(LinearHead(epochs=3), members=4).fit(inputs[:80], targets[:80], 10, np.random.default_rng(0), 1)
    samples = fitted.samples(inputs, np.random.default_rng(0))
    assert samples.shape == (4, len(inputs), 10)
    np.testing.assert_allclose(samples.mean(axis=0), fitted.predict_proba(inputs), atol=1e-6)
    assert all(np.abs(samples[i] - samples[j]).max() > 0.01 for i in range(4) for j in range(i))


class Keeps:
    """A fitted member that hands out the same array each time."""

    def __init__(self, *chances: float) -> None:
        self._kept = np.array([chances], np.float32)

    def predict_proba(self, inputs: Array) -> Any:
        del inputs
        return self._kept

    def save(self, folder: Path) -> None:
        raise NotImplementedError


def test_an_ensemble_changes_nothing_that_a_member_keeps() -> None:
    fitted = TrainedEnsemble((Keeps(0.2, 0.8), Keeps(0.6, 0.4)))
    for _ in range(2):
        found = fitted.predict_proba(np.zeros((1, 1)))
        assert found.dtype == np.float64
        np.testing.assert_allclose(found, [[0.4, 0.6]], atol=1e-7)


def test_members_that_draw_nothing_differ_only_by_their_bootstrap() -> None:
    inputs, targets = _digits()
    spread = []
    for bootstrap in (False, True):
        model = Ensemble(LogisticRegression(), members=3, bootstrap=bootstrap)
        fitted = model.fit(inputs[:80], targets[:80], 10, np.random.default_rng(0), 1)
        spread.append(fitted.samples(inputs, np.random.default_rng(0)).std(axis=0).max())
    assert spread[0] < 1e-6
    assert spread[1] > 0.01


def test_a_wrapper_takes_what_its_member_takes() -> None:
    assert Ensemble(RandomForest()).inputs == "embeddings"
    wrapped = Calibrated(Ensemble(Cnn(image_size=12)))
    assert (wrapped.inputs, wrapped.image_size) == ("images", 12)


def test_what_cannot_be_fitted_is_no_member() -> None:
    with pytest.raises(ConfigError, match="cannot be fitted"):
        Ensemble("predictions.csv")  # type: ignore[arg-type]


def test_a_changed_temperature_is_noticed(tmp_path: Path) -> None:
    inputs, targets = _digits()
    model = Calibrated(LogisticRegression(), folds=2)
    model.fit(inputs[:80], targets[:80], 10, np.random.default_rng(0), 1).save(tmp_path)
    facts = json.loads((tmp_path / "members.json").read_text())
    facts["facts"]["temperature"] *= 2
    (tmp_path / "members.json").write_text(json.dumps(facts))
    with pytest.raises(DataError, match="was changed"):
        model.load(tmp_path)


def test_temperature_by_hand() -> None:
    """From p = (0.8, 0.2) squared and scaled: 0.64 : 0.04; its root: sqrt(0.8) : sqrt(0.2) = 2 : 1."""
    given_ = np.array([[0.8, 0.2, 0.0]])
    np.testing.assert_allclose(tempered(given_, 0.5), [[16 / 17, 1 / 17, 0]])
    np.testing.assert_allclose(tempered(given_, 2.0), [[2 / 3, 1 / 3, 0]])


@given(st.floats(0.2, 5), st.integers(0, 2**32 - 1))
@settings(max_examples=25)
def test_the_temperature_that_spoilt_probabilities_is_found(spoilt: float, seed: int) -> None:
    """Labels are drawn by true probabilities, which are then made too sure or not sure enough."""
    rng = np.random.default_rng(seed)
    true = rng.dirichlet(np.ones(3), 4_000)
    labels = (rng.random(4_000)[:, None] > true.cumsum(axis=1)[:, :-1]).sum(axis=1)
    assert best_temperature(tempered(true, spoilt), labels) * spoilt == pytest.approx(1, rel=0.15)


def test_it_calibrates_what_is_too_sure(caplog: pytest.LogCaptureFixture) -> None:
    inputs, targets = _digits()
    noisy = np.where(np.random.default_rng(0).random(len(targets)) < 0.3, 0, targets)
    member = LogisticRegression(C=1e4)
    errors = []
    with caplog.at_level(logging.INFO, "alrun"):
        for model in (member, Calibrated(member)):
            fitted = model.fit(inputs[:500], noisy[:500], 10, np.random.default_rng(0), 1)
            probabilities = fitted.predict_proba(inputs[500:])
            errors.append(evaluate(probabilities, noisy[500:], list("0123456789")).calibration_error)
    assert errors[1] < errors[0] / 2
    assert "expected calibration error on 500 labelled images" in caplog.text


@pytest.mark.parametrize("probabilities", [[[1.0, 0.0]], [[0.0, 1.0]], [[0.5, 0.5]]])
def test_where_no_temperature_does_better_it_is_one(probabilities: list[list[float]]) -> None:
    assert best_temperature(np.array(probabilities), np.array([0])) == 1
