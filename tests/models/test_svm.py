from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.svm import SVC

from alrun.models.base import Array, Model
from alrun.models.scikit_learn import ScikitLearn, TrainedScikitLearn
from alrun.models.svm import SVM
from alrun.models.testing import ModelContract


class TestSVM(ModelContract):
    deterministic = True

    def model(self) -> Model:
        return SVM()


class TestLinearSVM(ModelContract):
    deterministic = True

    def model(self) -> Model:
        return SVM(kernel="linear", C=0.1)


def _digits(classes: int) -> tuple[Array, Array]:
    from sklearn.datasets import load_digits

    pixels, digit = load_digits(n_class=classes, return_X_y=True)
    return (pixels / 16).astype(np.float32), digit.astype(np.int64)


def _fit(model: ScikitLearn, inputs: Array, targets: Array, classes: int) -> TrainedScikitLearn:
    return model.fit(inputs, targets, classes, np.random.default_rng(0), threads=1)


@pytest.mark.parametrize("classes", [2, 4, 10])
@pytest.mark.parametrize("model", [SVM(), SVM("linear", 0.01), SVM(gamma="auto"), SVM(C=3.0, gamma=0.05)])
def test_predicts_what_scikit_learn_predicts(model: SVM, classes: int) -> None:
    inputs, targets = _digits(classes)
    peer = SVC(kernel=model.kernel, C=model.C, gamma=model.gamma, break_ties=True).fit(inputs[:200], targets[:200])
    found = _fit(model, inputs[:200], targets[:200], classes).predict_proba(inputs)
    np.testing.assert_array_equal(found.argmax(axis=1), peer.predict(inputs))


def test_the_probability_of_two_classes_is_the_logistic_of_the_decision_value() -> None:
    """Rows -1 and 1 of one feature, C large: the boundary is at 0, the decision value of x is x."""
    fitted = _fit(SVM("linear", 100.0), np.array([[-1], [1]], np.float32), np.array([0, 2]), classes=3)
    found = fitted.predict_proba(np.array([[-1], [0], [0.5]], np.float32))
    second = 1 / (1 + np.exp([1, 0, -0.5]))
    np.testing.assert_allclose(found, np.stack([1 - second, np.zeros(3), second], axis=1), atol=1e-6)


def test_the_lowest_margin_is_nearest_to_the_boundary() -> None:
    inputs, targets = _digits(2)
    peer = SVC().fit(inputs[:20], targets[:20])
    found = _fit(SVM(), inputs[:20], targets[:20], 2).predict_proba(inputs[20:])
    margins, distances = np.abs(found[:, 0] - found[:, 1]), np.abs(peer.decision_function(inputs[20:]))
    np.testing.assert_array_equal(margins.argsort(), distances.argsort())


class Ridge(ScikitLearn):
    def classifier(self, seed: int, threads: int) -> Any:  # noqa: ARG002
        from sklearn.linear_model import RidgeClassifier

        return RidgeClassifier()


@pytest.mark.parametrize("classes", [2, 5])
def test_any_classifier_with_decision_values_is_a_model(classes: int) -> None:
    """One without probabilities, such as a user's own; the highest value has the highest probability."""
    from sklearn.linear_model import RidgeClassifier

    inputs, targets = _digits(classes)
    expected = RidgeClassifier().fit(inputs[:200], targets[:200]).predict(inputs)
    found = _fit(Ridge(), inputs[:200], targets[:200], classes).predict_proba(inputs)
    np.testing.assert_array_equal(found.argmax(axis=1), expected)
    np.testing.assert_allclose(found.sum(axis=1), 1)
