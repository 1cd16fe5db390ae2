"""Numbers that only rounding tells apart are the same: in what is counted, in what is ranked, at a target."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as settings_of
from hypothesis import strategies as st

from alrun.compare.curves import area, labels_to_target
from alrun.compare.paired import difference, penalties
from alrun.compare.ties import differences, levelled

GRID = np.array([20.0, 40, 60])
RANDOM = np.array([[50, 90, 95], [48, 88, 93], [51, 89, 94], [49, 87, 96], [52, 91, 97], [90, 80, 74]]) / 100
ARM = np.array([[50, 92, 97], [48, 91, 94], [51, 90, 96], [49, 91, 96], [52, 94, 99], [90, 81, 72]]) / 100
"""Areas are (y_1 + 2 y_2 + y_3) / 4: gains of 6, 7, 4, 8, 8 and, 324 against 324, 0 in 400."""


def test_an_exact_tie_of_areas_is_one_and_the_verdict_does_not_rest_on_it() -> None:
    arm, random = area(GRID, ARM), area(GRID, RANDOM)
    assert arm[5] - random[5] == pytest.approx(2.2e-16, rel=0.05)  # what six wins, and p = 2 / 64, were made of
    found = difference(arm, random)
    assert (found.wins, found.ties, found.losses) == (5, 1, 0)
    assert found.p == 2 / 2**5
    assert found.mean == pytest.approx(33 / 400 / 6)


def test_equal_gains_share_their_rank() -> None:
    """Gains of 1, 1, 1, 1, -1 hundredths: all patterns of signs with at most one of a kind are as extreme, 12 of 32."""
    values, baseline = np.array([0.58, 0.64, 0.5, 0.38, 0.56]), np.array([0.57, 0.63, 0.49, 0.37, 0.57])
    assert np.abs(values - baseline).argmin() == 4  # 1e-16 less than the others, alone it has rank 1: p = 4 / 32
    assert difference(values, baseline).p == pytest.approx(12 / 32)


def test_at_a_budget_where_all_are_the_same_none_beats_another() -> None:
    between = np.array([[np.interp(1, [0, 3], [0, 0.17])]] * 3)
    measured = np.full((3, 1), 17 / 300)
    assert (between > measured).all()
    assert penalties([between, measured]).tolist() == [[0, 0], [0, 0]]


def test_the_mean_of_equal_values_is_reached_by_them() -> None:
    last = np.full(3, 0.8)
    assert last.mean() > 0.8
    curves = [(GRID, np.array([0.5, 0.7, 0.8]))] * 3
    assert labels_to_target(curves, float(last.mean()), 1).tolist() == [60, 60, 60]
    losses = [(x, 1 - y) for x, y in curves]
    assert labels_to_target(losses, 0.2 * (1 - 1e-15), -1).tolist() == [60, 60, 60]
    assert labels_to_target(curves, 0.8 + 1e-9, 1).tolist() == [np.inf] * 3


@settings_of(max_examples=50)
@given(st.lists(st.tuples(st.integers(-60, 60), st.integers(-3, 3)), min_size=1, max_size=12))
def test_whatever_the_noise_what_is_equal_is_equal_and_the_order_stays(drawn: list[tuple[int, int]]) -> None:
    whole = np.array([gain for gain, _ in drawn])
    gains = whole / 1437 + np.array([noise for _, noise in drawn]) * 2.0**-53
    found = levelled(gains, 1.0)
    np.testing.assert_allclose(found, whole / 1437, atol=1e-12)
    assert (np.sign(found) == np.sign(whole)).all()
    amounts, exact = np.abs(found), np.abs(whole)
    assert (np.subtract.outer(amounts, amounts) == 0).tolist() == (np.subtract.outer(exact, exact) == 0).tolist()


def test_each_budget_is_a_sample_of_its_own() -> None:
    values, baseline = np.array([[0.3, 0.5], [0.1 + 0.2, 0.7]]), np.array([[0.1 + 0.2, 0.4], [0.3, 0.7]])
    found = differences(values, baseline, -1)
    assert found[:, 0].tolist() == [0, 0]
    assert found[:, 1].tolist() == [pytest.approx(-0.1), 0]
