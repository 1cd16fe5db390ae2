from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alrun.errors import DataError
from alrun.models.base import Array, Model
from alrun.models.logistic_regression import LogisticRegression
from alrun.models.testing import ModelContract


class TestLogisticRegression(ModelContract):
    deterministic = True

    def model(self) -> Model:
        return LogisticRegression()


class TestStandardisedLogisticRegression(ModelContract):
    deterministic = True

    def model(self) -> Model:
        return LogisticRegression(standardise=True)


def _digits(classes: int = 10) -> tuple[Array, Array]:
    from sklearn.datasets import load_digits

    pixels, digit = load_digits(n_class=classes, return_X_y=True)
    return (pixels / 16).astype(np.float32), digit.astype(np.int64)


def _fit(model: LogisticRegression, inputs: Array, targets: Array, classes: int = 10) -> Any:
    return model.fit(inputs, targets, classes, np.random.default_rng(0), threads=1)


@pytest.mark.parametrize("standardise", [False, True])
def test_learns_digits(standardise: bool) -> None:
    inputs, targets = _digits()
    fitted = _fit(LogisticRegression(standardise=standardise), inputs[:600], targets[:600])
    assert (fitted.predict_proba(inputs[600:]).argmax(axis=1) == targets[600:]).mean() > 0.9


@pytest.mark.parametrize("standardise", [False, True])
@pytest.mark.parametrize("classes", [2, 3, 10])
def test_predicts_what_scikit_learn_predicts(classes: int, standardise: bool) -> None:
    from sklearn.linear_model import LogisticRegression as Peer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    inputs, targets = _digits(classes)
    train = inputs[:150].astype(np.float64)
    steps = [StandardScaler()] if standardise else []
    peer = make_pipeline(*steps, Peer(C=0.5, max_iter=1000)).fit(train, targets[:150])
    fitted = _fit(LogisticRegression(C=0.5, standardise=standardise), inputs[:150], targets[:150], classes)
    expected = peer.predict_proba(inputs.astype(np.float64))
    np.testing.assert_allclose(fitted.predict_proba(inputs), expected, rtol=0, atol=1e-5)


def test_standardising_makes_units_irrelevant() -> None:
    inputs, targets = _digits()
    units = np.geomspace(1e-3, 1e3, inputs.shape[1]).astype(np.float32)
    model = LogisticRegression(standardise=True)
    plain = _fit(model, inputs[:200], targets[:200]).predict_proba(inputs)
    scaled = _fit(model, inputs[:200] * units, targets[:200]).predict_proba(inputs * units)
    np.testing.assert_allclose(scaled, plain, rtol=0, atol=1e-4)


def test_a_feature_that_was_constant_in_training_has_no_weight() -> None:
    inputs, targets = _digits()
    inputs[:200, 5] = 0.1
    fitted = _fit(LogisticRegression(standardise=True), inputs[:200], targets[:200])
    np.testing.assert_allclose(fitted.weights[:, 5], 0, atol=1e-9)


def test_stopping_early_is_logged_and_is_no_python_warning(caplog: pytest.LogCaptureFixture) -> None:
    inputs, targets = _digits()
    with caplog.at_level(logging.WARNING, "alrun"):
        _fit(LogisticRegression(max_iter=2), inputs, targets)
        assert "max_iter=2" in caplog.text
        caplog.clear()
        _fit(LogisticRegression(), inputs, targets)
        assert caplog.text == ""


def test_a_model_of_another_kind_is_refused(tmp_path: Path) -> None:
    from alrun.models.random_forest import RandomForest

    inputs, targets = _digits()
    forest = RandomForest(trees=2).fit(inputs, targets, 10, np.random.default_rng(0), threads=1)
    forest.save(tmp_path)
    with pytest.raises(DataError, match="'random_forest', not 'logistic_regression'"):
        LogisticRegression().load(tmp_path)


def test_another_embedding_is_refused_by_name_of_its_size() -> None:
    inputs, targets = _digits()
    fitted = _fit(LogisticRegression(), inputs[:50], targets[:50])
    with pytest.raises(DataError, match="64 features; given 32"):
        fitted.predict_proba(inputs[:, :32])


def test_a_saved_model_predicts_the_same_bits_at_sizes_where_sums_depend_on_the_layout(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    inputs, targets = rng.random((300, 64), dtype=np.float32), rng.integers(0, 10, 300)
    fitted = LogisticRegression(max_iter=1000).fit(inputs, targets, 10, rng, 1)
    fitted.save(tmp_path)
    np.testing.assert_array_equal(
        LogisticRegression().load(tmp_path).predict_proba(inputs), fitted.predict_proba(inputs)
    )
