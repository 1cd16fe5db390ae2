from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alrun.errors import DataError
from alrun.models.base import Array
from alrun.models.evaluate import ClassFigures, evaluate

NAMES = ("cat", "dog", "fish", "newt")


def _by_hand() -> tuple[Array, Array]:
    probabilities = [
        [0.6, 0.4, 0.0, 0.0],  # cat, right
        [0.7, 0.2, 0.1, 0.0],  # cat, but it is a dog
        [0.1, 0.9, 0.0, 0.0],  # dog, right
        [0.5, 0.5, 0.0, 0.0],  # a tie: cat, but it is a dog
        [1.0, 0.0, 0.0, 0.0],  # cat, but it is a fish, which was impossible
    ]
    return np.array(probabilities), np.array([0, 1, 1, 1, 2])


def test_figures_by_hand() -> None:
    result = evaluate(*_by_hand(), NAMES)
    assert result.examples == 5
    assert result.accuracy == 2 / 5
    assert result.per_class == (
        ClassFigures("cat", precision=1 / 4, recall=1.0, f1=2 / 5, support=1),
        ClassFigures("dog", precision=1.0, recall=1 / 3, f1=1 / 2, support=3),
        ClassFigures("fish", precision=0.0, recall=0.0, f1=0.0, support=1),
        ClassFigures("newt", precision=0.0, recall=0.0, f1=0.0, support=0),
    )
    assert result.macro_f1 == pytest.approx((2 / 5 + 1 / 2 + 0) / 3)  # newt does not occur
    logs = [math.log(p) for p in (0.6, 0.2, 0.9, 0.5, 2.0**-52)]
    assert result.log_loss == pytest.approx(-sum(logs) / 5)
    # Each confidence falls in its own bin: |1 - .6|, |0 - .7|, |1 - .9|, |0 - .5|, |0 - 1|.
    assert result.calibration_error == pytest.approx((0.4 + 0.7 + 0.1 + 0.5 + 1.0) / 5)


def test_errors_within_a_bin_cancel() -> None:
    """Four at 0.75, three of them right: perfectly calibrated."""
    probabilities = np.tile([0.75, 0.25], (4, 1))
    assert evaluate(probabilities, np.array([0, 0, 0, 1]), "ab").calibration_error == pytest.approx(0)


def test_a_bin_holds_its_upper_edge() -> None:
    """0.6 = 9/15 is in the bin up to 0.6, 0.61 in the next: no cancelling between them."""
    probabilities = np.array([[0.6, 0.4], [0.61, 0.39]])
    assert evaluate(probabilities, np.array([0, 1]), "ab").calibration_error == pytest.approx((0.4 + 0.61) / 2)


def test_perfect_and_hopeless() -> None:
    perfect = evaluate(np.eye(3), np.arange(3), "abc")
    assert (perfect.accuracy, perfect.macro_f1, perfect.calibration_error) == (1, 1, 0)
    assert perfect.log_loss == pytest.approx(0, abs=1e-15)
    hopeless = evaluate(np.eye(3), np.array([1, 2, 0]), "abc")
    assert (hopeless.accuracy, hopeless.macro_f1, hopeless.calibration_error) == (0, 0, 1)
    assert hopeless.log_loss == pytest.approx(36.04, abs=0.01)


@st.composite
def _predictions(draw: st.DrawFn) -> tuple[Array, Array]:
    rows, classes = draw(st.integers(1, 60)), draw(st.integers(2, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    raw = rng.integers(0, 4, (rows, classes)) ** draw(st.integers(0, 3)) + draw(st.sampled_from([0.0, 0.1]))
    raw[raw.sum(axis=1) == 0, 0] = 1
    probabilities = raw / raw.sum(axis=1, keepdims=True)
    return probabilities, rng.integers(0, draw(st.integers(1, classes)), rows)


@settings(max_examples=60)
@given(case=_predictions())
def test_agrees_with_scikit_learn(case: tuple[Array, Array]) -> None:
    from sklearn import metrics

    probabilities, targets = case
    labels = list(range(probabilities.shape[1]))
    result = evaluate(probabilities, targets, [str(c) for c in labels])
    predicted = probabilities.argmax(axis=1)
    assert result.accuracy == pytest.approx(metrics.accuracy_score(targets, predicted))
    assert result.macro_f1 == pytest.approx(metrics.f1_score(targets, predicted, average="macro", zero_division=0))
    assert result.log_loss == pytest.approx(metrics.log_loss(targets, probabilities, labels=labels))
    expected = metrics.precision_recall_fscore_support(targets, predicted, labels=labels, zero_division=0)
    given = [(c.precision, c.recall, c.f1, c.support) for c in result.per_class]
    np.testing.assert_allclose(given, np.transpose(expected))


@settings(max_examples=60)
@given(case=_predictions())
def test_calibration_error_agrees_with_its_definition(case: tuple[Array, Array]) -> None:
    probabilities, targets = case
    confidence, predicted = probabilities.max(axis=1), probabilities.argmax(axis=1)
    total = 0.0
    for number in range(15):
        rows = [i for i, p in enumerate(confidence) if number < p * 15 <= number + 1]
        if rows:
            right = sum(bool(predicted[i] == targets[i]) for i in rows) / len(rows)
            total += len(rows) / len(targets) * abs(right - sum(confidence[rows]) / len(rows))
    result = evaluate(probabilities, targets, [str(c) for c in range(probabilities.shape[1])])
    assert result.calibration_error == pytest.approx(total)


def test_can_be_written_as_json() -> None:
    content = json.loads(json.dumps(evaluate(*_by_hand(), NAMES).to_json()))
    assert content["accuracy"] == 0.4
    assert content["per_class"][1]["name"] == "dog"


def _changed(row: int, value: list[float]) -> dict[str, Any]:
    probabilities, _ = _by_hand()
    probabilities[row] = value
    return {"probabilities": probabilities}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"probabilities": np.zeros((0, 4)), "targets": np.zeros(0, np.int64)}, "the test set is empty"),
        ({"probabilities": np.ones((5, 3)) / 3}, r"shape \(N, 4\); given \(5, 3\)"),
        ({"targets": np.array([0, 1])}, "5 inputs, but 2 targets"),
        ({"targets": np.array([0, 1, 4, 0, -1])}, r"not in 0\.\.3 in row 2, 4"),
        ({"targets": np.array([0.0, 1, 1, 1, 2])}, "targets are integers"),
        (_changed(3, [0.5, np.nan, 0, 0]), r"not in 0\.\.1 in row 3"),
        (_changed(1, [1.5, -0.5, 0, 0]), r"not in 0\.\.1 in row 1"),
        (_changed(4, [0.5, 0, 0, 0]), "do not sum to 1 in row 4"),
    ],
)
def test_malformed_predictions_are_refused_by_row(change: dict[str, Any], message: str) -> None:
    probabilities, targets = _by_hand()
    with pytest.raises(DataError, match=message):
        evaluate(change.get("probabilities", probabilities), change.get("targets", targets), NAMES)
