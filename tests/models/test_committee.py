from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alrun.errors import ConfigError, DataError
from alrun.models.base import Array, Model
from alrun.models.cnn import Cnn
from alrun.models.committee import Committee, within_classes
from alrun.models.linear_discriminant import LinearDiscriminant
from alrun.models.logistic_regression import LogisticRegression, TrainedLogisticRegression
from alrun.models.random_forest import RandomForest
from alrun.models.svm import SVM
from alrun.models.testing import ModelContract

FOREST = RandomForest(trees=10)
MEMBERS: dict[str, Model] = {
    "logistic_regression": LogisticRegression(),
    "svm": SVM(),
    "discriminant": LinearDiscriminant(),
}


class TestCommittee(ModelContract):
    deterministic = True

    def model(self) -> Model:
        return Committee(SVM(), MEMBERS)


class TestCommitteeLedByARandomModel(ModelContract):
    threads = 1

    def model(self) -> Model:
        return Committee(FOREST, {"one": SVM(), "other": FOREST})


def _digits(rows: int) -> tuple[Array, Array]:
    from sklearn.datasets import load_digits

    pixels, digit = load_digits(return_X_y=True)
    return (pixels[:rows] / 16).astype(np.float32), digit[:rows].astype(np.int64)


def test_it_predicts_what_its_leader_alone_would() -> None:
    inputs, targets = _digits(100)
    alone, led = (
        model.fit(inputs, targets, 10, np.random.default_rng(4), 1) for model in (FOREST, Committee(FOREST, MEMBERS))
    )
    np.testing.assert_array_equal(alone.predict_proba(inputs), led.predict_proba(inputs))


def test_each_member_answers_for_itself_and_has_seen_a_sample_of_its_own() -> None:
    inputs, targets = _digits(200)
    same = Committee(SVM(), {"one": SVM(), "two": SVM(), "other": LogisticRegression()})
    one, two, other = same.fit(inputs[:60], targets[:60], 10, np.random.default_rng(0), 1).samples(
        inputs, np.random.default_rng(0)
    )
    assert np.abs(one - two).max() > 0.01
    assert np.abs(one - other).mean() > np.abs(one - two).mean()


def test_members_are_fitted_once_and_only_if_somebody_asks() -> None:
    inputs, targets = _digits(60)
    fits = []

    class Counted(LogisticRegression):
        def fit(self, *given: Any) -> TrainedLogisticRegression:
            fits.append(self)
            return super().fit(*given)

    model = Committee(SVM(), {"one": Counted(), "two": Counted()})
    fitted = model.fit(inputs, targets, 10, np.random.default_rng(0), 1)
    fitted.predict_proba(inputs)
    assert len(fits) == 0
    for _ in range(2):
        fitted.samples(inputs, np.random.default_rng(0))
    assert len(fits) == 2


def test_a_sample_has_of_each_class_as_many_as_there_are() -> None:
    targets = np.array([2] * 50 + [0] * 30 + [7])
    drawn = within_classes(targets, np.random.default_rng(0))
    assert np.unique(targets[drawn], return_counts=True)[1].tolist() == [30, 50, 1]
    assert 40 < len(np.unique(drawn)) < 65  # of n drawn from n with replacement, 1 - 1/e are different
    assert (np.diff(drawn) >= 0).all()
    assert 80 in drawn


@pytest.mark.parametrize(
    ("leader", "members", "message"),
    [
        (SVM(), {}, "has two at least"),
        (SVM(), {"only": SVM()}, "has two at least"),
        (SVM(), {"one": SVM(), "other": "predictions.csv"}, r"members\.other: .* cannot be fitted"),
        (SVM(), {"one": SVM(), "other": Cnn(image_size=12)}, r"members\.other takes images of 12 pixels a side"),
        (Cnn(image_size=12), {"one": Cnn(), "other": Cnn()}, "leader takes images of 12 pixels"),
    ],
)
def test_what_does_not_fit_together_is_refused(leader: Model, members: dict[str, Model], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Committee(leader, members)


def test_a_committee_of_image_models_takes_their_images() -> None:
    model = Committee(Cnn(image_size=12), {"one": Cnn(image_size=12), "other": Cnn(image_size=12, epochs=2)})
    assert (model.inputs, model.image_size, model.samples) == ("images", 12, 2)


def test_a_folder_with_another_number_of_members_is_refused(tmp_path: Path) -> None:
    inputs, targets = _digits(60)
    Committee(SVM(), MEMBERS).fit(inputs, targets, 10, np.random.default_rng(0), 1).save(tmp_path)
    with pytest.raises(DataError, match="it has 4 members, not 3"):
        Committee(SVM(), {"one": SVM(), "other": SVM()}).load(tmp_path)
