from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from alrun.errors import DataError
from alrun.models.base import Model
from alrun.models.linear_discriminant import LinearDiscriminant
from alrun.models.testing import ModelContract


class TestLinearDiscriminant(ModelContract):
    deterministic = True

    def model(self) -> Model:
        return LinearDiscriminant()


@pytest.mark.parametrize("shrinkage", ["auto", 0.0, 0.3])
@pytest.mark.parametrize("classes", [2, 10])
def test_predicts_what_scikit_learn_predicts(shrinkage: float | Literal["auto"], classes: int) -> None:
    from sklearn.datasets import load_digits

    pixels, targets = load_digits(n_class=classes, return_X_y=True)
    inputs = (pixels / 16).astype(np.float32)
    peer = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage).fit(inputs[:300], targets[:300])
    model = LinearDiscriminant(shrinkage)
    fitted = model.fit(inputs[:300], targets[:300].astype(np.int64), classes, np.random.default_rng(0), threads=1)
    np.testing.assert_allclose(fitted.predict_proba(inputs), peer.predict_proba(inputs), atol=1e-4)


def test_two_gaussians_by_hand() -> None:
    """Means -1 and 1, variance 1 within each class: the log odds of x are 2 x."""
    inputs = np.array([[-2], [0], [0], [2]], np.float32)
    model = LinearDiscriminant(shrinkage=0.0)
    fitted = model.fit(inputs, np.array([0, 0, 1, 1]), 2, np.random.default_rng(0), threads=1)
    found = fitted.predict_proba(np.array([[0], [0.5]], np.float32))
    np.testing.assert_allclose(found[:, 1], [0.5, 1 / (1 + np.exp(-1))], atol=1e-6)


def test_one_image_of_a_class_is_enough_if_another_has_more() -> None:
    inputs = np.array([[0, 0], [4, 0], [5, 1]], np.float32)
    fitted = LinearDiscriminant().fit(inputs, np.array([0, 1, 1]), 2, np.random.default_rng(0), threads=1)
    assert fitted.predict_proba(inputs).argmax(axis=1).tolist() == [0, 1, 1]


def test_one_image_of_each_class_is_refused() -> None:
    inputs = np.eye(3, dtype=np.float32)
    with pytest.raises(DataError, match="label more first"):
        LinearDiscriminant().fit(inputs, np.arange(3), 3, np.random.default_rng(0), threads=1)
