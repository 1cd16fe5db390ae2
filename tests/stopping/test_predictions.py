"""Agreement of successive predictions: against scikit-learn, and worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score, f1_score

from alrun.stopping.forecast import expected_next
from alrun.stopping.predictions import f_change, kappa, mean_uncertainty

PAIRS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=40)


@given(PAIRS)
def test_kappa_is_cohens(pairs: list[tuple[int, int]]) -> None:
    before, after = np.array(pairs, np.int64).T
    if len({*before.tolist(), *after.tolist()}) == 1:
        assert kappa(before, after) == 1.0  # scikit-learn divides 0 by 0 here
    else:
        assert kappa(before, after) == pytest.approx(cohen_kappa_score(before, after), abs=1e-12)


@given(PAIRS)
def test_f_change_is_one_less_macro_f1(pairs: list[tuple[int, int]]) -> None:
    before, after = np.array(pairs, np.int64).T
    assert f_change(before, after) == pytest.approx(1 - f1_score(after, before, average="macro"), abs=1e-12)


def test_f_change_of_two_classes_by_hand() -> None:
    before, after = np.array([1, 1, 1, 0, 0]), np.array([1, 1, 0, 1, 0])
    # class 1: a=2, b=1, c=1: 1 - 4/6; class 0: a=1, b=1, c=1: 1 - 2/4
    assert f_change(before, after) == pytest.approx((1 / 3 + 1 / 2) / 2)


def test_uncertainty_runs_from_sure_to_knowing_nothing() -> None:
    assert mean_uncertainty(np.array([[1.0, 0, 0], [0, 1, 0]])) == 0
    assert mean_uncertainty(np.full((4, 5), 0.2)) == pytest.approx(1)
    assert mean_uncertainty(np.array([[1.0, 0], [0.5, 0.5]])) == pytest.approx(0.5)
    assert mean_uncertainty(np.zeros((0, 3))) is None
    assert mean_uncertainty(np.ones((3, 1))) is None


@given(st.floats(0.5, 1), st.floats(0.1, 2), st.sampled_from([0.2, 0.5, 1.0, 1.5]))
def test_a_power_law_is_continued(a: float, b: float, c: float) -> None:
    labelled = [100, 200, 300, 400, 500]
    curve = [a - b * n**-c for n in labelled]
    expected = b * (500**-c - 600**-c)
    assert expected_next(labelled, curve, 100) == pytest.approx(expected, rel=1e-3, abs=1e-9)


def test_a_curve_that_does_not_tell_gives_no_forecast() -> None:
    assert expected_next([100, 200, 300], [0.5, 0.6, 0.7], 100) is None
    assert expected_next([100, 200, 300, 400], [0.9, 0.8, 0.7, 0.6], 100) is None
    assert expected_next([100, 100, 100, 100], [0.5, 0.6, 0.7, 0.8], 100) is None
