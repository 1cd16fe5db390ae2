from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alrun.errors import DataError
from alrun.models import persist
from alrun.models.base import Array, Model
from alrun.models.gradient_boosting import GradientBoosting, TrainedBoosting
from alrun.models.inputs import limited_threads
from alrun.models.testing import ModelContract


class TestGradientBoosting(ModelContract):
    deterministic = True
    threads = 1  # OpenMP's threads spin while they wait: many short trainings suffer on a busy machine

    def model(self) -> Model:
        return GradientBoosting(iterations=10)


def _digits(classes: int = 10) -> tuple[Array, Array]:
    from sklearn.datasets import load_digits

    pixels, digit = load_digits(n_class=classes, return_X_y=True)
    return (pixels / 16).astype(np.float32), digit.astype(np.int64)


def _fit(model: GradientBoosting, classes: int = 10, rows: int = 300) -> TrainedBoosting:
    inputs, targets = _digits(classes)
    return model.fit(inputs[:rows], targets[:rows], 10, np.random.default_rng(0), threads=1)


@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("model", [GradientBoosting(5), GradientBoosting(5, 0.4, None, 1), GradientBoosting(5, 0.2, 4)])
def test_predicts_what_scikit_learn_predicts(model: GradientBoosting, classes: int) -> None:
    from sklearn.ensemble import HistGradientBoostingClassifier

    inputs, targets = _digits(classes)
    peer = HistGradientBoostingClassifier(
        max_iter=model.iterations,
        learning_rate=model.learning_rate,
        max_leaf_nodes=model.max_leaf_nodes,
        min_samples_leaf=model.min_samples_leaf,
        early_stopping=False,
    )
    with limited_threads(1):
        expected = peer.fit(inputs[:300], targets[:300]).predict_proba(inputs)
    found = _fit(model, classes).predict_proba(inputs)
    np.testing.assert_allclose(found[:, :classes], expected, rtol=0, atol=1e-14)
    assert not found[:, classes:].any()


def test_learns_digits() -> None:
    inputs, targets = _digits()
    fitted = _fit(GradientBoosting(20, min_samples_leaf=1), rows=600)
    assert (fitted.predict_proba(inputs[600:]).argmax(axis=1) == targets[600:]).mean() > 0.75


def test_few_labels_already_say_something() -> None:
    """scikit-learn's own fewest rows in a leaf would give every image the same probabilities."""
    found = _fit(GradientBoosting(), classes=2, rows=20).predict_proba(_digits(2)[0])
    assert np.unique(found[:, 0]).size > 1


@pytest.mark.parametrize("fault", ["children", "feature", "roots", "values", "baseline"])
def test_crafted_trees_are_refused(fault: str, tmp_path: Path) -> None:
    fitted = _fit(GradientBoosting(2), classes=3)
    fitted.save(tmp_path)
    GradientBoosting().load(tmp_path)
    array = np.copy(getattr(fitted, fault))
    if array.dtype == np.int64:
        array.flat[0] = 10**9
    else:
        array = array[:-1]
    crafted: dict[str, Any] = {fault: array}
    replace(fitted, **crafted).save(tmp_path)
    with pytest.raises(DataError, match=r"do not hang together|baseline is not"):
        GradientBoosting().load(tmp_path)


def test_trees_are_read_as_drawn() -> None:
    """Two classes, log odds -1, one split that adds 3 above 0.5: 1 / (1 + e^-2) there, 1 / (1 + e) below."""
    fitted = TrainedBoosting(
        persist.Facts("gradient_boosting", classes=4, seen=(1, 3), input_size=1, threads=1),
        roots=np.array([0]),
        children=np.array([[1, 2], [1, 1], [2, 2]]),
        feature=np.zeros(3, np.int64),
        threshold=np.array([0.5, 0, 0]),
        values=np.array([0.0, 3.0]),
        baseline=np.array([-1.0]),
    )
    assert fitted.sound
    found = fitted.predict_proba(np.array([[0.5], [0.6]], np.float32))
    np.testing.assert_allclose(found[:, 3], [1 / (1 + np.e), 1 / (1 + np.exp(-2))])
    np.testing.assert_allclose(found[:, 1] + found[:, 3], 1)
