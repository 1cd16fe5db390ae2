from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from alrun.errors import DataError
from alrun.models import persist
from alrun.models.base import Array, Model
from alrun.models.random_forest import RandomForest, TrainedForest
from alrun.models.testing import ModelContract


class TestRandomForest(ModelContract):
    def model(self) -> Model:
        return RandomForest(trees=30)


def _digits() -> tuple[Array, Array]:
    from sklearn.datasets import load_digits

    pixels, digit = load_digits(return_X_y=True)
    return (pixels / 16).astype(np.float32), digit.astype(np.int64)


def _fit(model: RandomForest, rows: int = 600, threads: int = 1) -> TrainedForest:
    inputs, targets = _digits()
    return model.fit(inputs[:rows], targets[:rows], 10, np.random.default_rng(0), threads)


def test_learns_digits() -> None:
    inputs, targets = _digits()
    probabilities = _fit(RandomForest(trees=100)).predict_proba(inputs[600:])
    assert (probabilities.argmax(axis=1) == targets[600:]).mean() > 0.9


@pytest.mark.parametrize("model", [RandomForest(40), RandomForest(40, 4), RandomForest(40, None, 5)])
def test_predicts_what_scikit_learn_predicts(model: RandomForest) -> None:
    from sklearn.ensemble import RandomForestClassifier

    inputs, targets = _digits()
    peer = RandomForestClassifier(
        model.trees,
        max_depth=model.max_depth,
        min_samples_leaf=model.min_samples_leaf,
        random_state=int(np.random.default_rng(0).integers(2**31)),
    )
    expected = peer.fit(inputs[:600], targets[:600]).predict_proba(inputs)
    np.testing.assert_allclose(_fit(model).predict_proba(inputs), expected, rtol=0, atol=1e-12)


def test_the_number_of_threads_changes_nothing() -> None:
    inputs, _ = _digits()
    model = RandomForest(trees=30, min_samples_leaf=3)
    one, two, five = (_fit(model, threads=threads).predict_proba(inputs) for threads in (1, 2, 5))
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(one, five)


def test_other_rows_change_no_bit() -> None:
    inputs, _ = _digits()
    forest = _fit(RandomForest(trees=30, min_samples_leaf=3))
    whole = forest.predict_proba(inputs)
    np.testing.assert_array_equal(forest.predict_proba(inputs[700:703]), whole[700:703])
    np.testing.assert_array_equal(forest.predict_proba(inputs[::-1]), whole[::-1])


def test_trees_are_read_as_drawn() -> None:
    """One tree worked by hand: feature 1 <= 0.5 ? (class 0) : (feature 0 <= 2 ? half-half : class 4)."""
    forest = TrainedForest(
        persist.Facts("random_forest", classes=5, seen=(0, 4), input_size=2, threads=1),
        roots=np.array([0]),
        children=np.array([[1, 2], [1, 1], [3, 4], [3, 3], [4, 4]]),
        feature=np.array([1, 0, 0, 0, 0]),
        threshold=np.array([0.5, 0, 2, 0, 0]),
        shares=np.array([[1, 0], [0.5, 0.5], [0, 1.0]]),
    )
    assert forest.sound
    rows = np.array([[9, 0.5], [2, 0.6], [2.1, 0.6]], np.float32)
    expected = [[1, 0, 0, 0, 0], [0.5, 0, 0, 0, 0.5], [0, 0, 0, 0, 1]]
    np.testing.assert_array_equal(forest.predict_proba(rows), expected)


_CRAFTED = {
    "child outside": ("children", 10**9),
    "negative child": ("children", -5),
    "feature outside": ("feature", 10**9),
    "negative feature": ("feature", -1),
    "root outside": ("roots", 10**9),
    "negative root": ("roots", -1),
}


@pytest.mark.parametrize("fault", _CRAFTED)
def test_a_crafted_index_is_refused(fault: str, tmp_path: Path) -> None:
    """scikit-learn's own trees would follow such an index into foreign memory."""
    name, value = _CRAFTED[fault]
    forest = _fit(RandomForest(trees=3))
    array = np.copy(getattr(forest, name))
    array.flat[0] = value
    _refused(forest, {name: array}, tmp_path)


def test_a_crafted_loop_is_refused(tmp_path: Path) -> None:
    forest = _fit(RandomForest(trees=3))
    children = forest.children.copy()
    inner = np.flatnonzero(children[:, 0] != np.arange(len(children)))[1]
    children[inner] = 0
    _refused(forest, {"children": children}, tmp_path)


@pytest.mark.parametrize("name", ["roots", "children", "feature", "threshold", "shares"])
def test_a_missing_array_is_refused(name: str, tmp_path: Path) -> None:
    forest = _fit(RandomForest(trees=3))
    _refused(forest, {name: getattr(forest, name)[:0]}, tmp_path)


def _refused(forest: TrainedForest, changed: dict[str, npt.NDArray[np.generic]], folder: Path) -> None:
    names = ("roots", "children", "feature", "threshold", "shares")
    arrays = {name: getattr(forest, name) for name in names}
    persist.save(folder, forest.facts, arrays)
    RandomForest().load(folder)
    persist.save(folder, forest.facts, arrays | changed)
    with pytest.raises(DataError, match="do not hang together"):
        RandomForest().load(folder)
