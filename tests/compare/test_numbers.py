"""Areas, tests and intervals: worked by hand, and against scipy and published tables."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as settings_of
from hypothesis import strategies as st
from scipy import stats

from alrun.compare.curves import area, band, deficiency, labels_to_target, quartiles
from alrun.compare.paired import (
    detectable,
    difference,
    fewest_to_test,
    holm,
    penalties,
    power,
    seeds_needed,
    signed_rank,
    size,
)
from alrun.compare.picks import class_balance, overlap
from alrun.compare.profiles import performance_profile
from alrun.compare.settings import settings
from tests.compare.tables import picks, rows

GAINS = st.lists(st.integers(-50, 50).map(lambda n: n / 100), min_size=2, max_size=12)


def test_the_area_is_the_mean_height() -> None:
    grid = np.array([10.0, 20, 40])
    # trapezoids: 10 * 0.45 + 20 * 0.6, over a width of 30
    assert area(grid, np.array([[0.4, 0.5, 0.7], [0.3, 0.3, 0.3]])).tolist() == pytest.approx([16.5 / 30, 0.3])
    assert area(np.array([10.0]), np.array([[0.4]])).tolist() == [0.4]


def test_deficiency_by_hand() -> None:
    random, arm = np.array([[0.5, 0.7]]), np.array([[0.5, 0.8]])
    assert deficiency(arm, random, np.array([0.9]), 1) == pytest.approx((0.4 + 0.1) / (0.4 + 0.2))
    assert deficiency(random, random, np.array([0.9]), 1) == 1
    assert math.isnan(deficiency(arm, random, np.array([0.5]), 1))
    assert deficiency(1 - arm, 1 - random, np.array([0.1]), -1) == pytest.approx(0.5 / 0.6)  # a loss


def test_labels_to_target_are_censored_where_it_is_never_reached() -> None:
    grid = np.array([10.0, 20, 30])
    curves = [(grid, np.array(y)) for y in ([0.5, 0.9, 0.8], [0.5, 0.6, 0.7], [0.9, 0.9, 0.9], [0.5, 0.6, 0.9])]
    found = labels_to_target(curves, 0.9, 1)
    assert found.tolist() == [20, math.inf, 10, 30]
    assert quartiles(found) == (10, 20, 30)
    assert quartiles(np.array([10, math.inf, math.inf, math.inf])) == (10, math.inf, math.inf)
    assert labels_to_target([(x, 1 - y) for x, y in curves], 0.1, -1).tolist() == found.tolist()


@pytest.mark.parametrize("seeds", [3, 5, 20])
def test_the_band_covers_the_mean_as_often_as_it_says(seeds: int) -> None:
    low, high = band(np.random.default_rng(0).normal(0.7, 0.02, (seeds, 4_000)))
    assert np.mean((low <= 0.7) & (high >= 0.7)) == pytest.approx(0.95, abs=0.01)


def test_the_band_by_hand() -> None:
    low, high = band(np.array([[0.4, 0.6], [0.6, 0.6]]))
    half = 12.7062 * 0.1  # t(0.975, 1), and a standard error of 0.1
    assert (low.tolist(), high.tolist()) == (pytest.approx([0.5 - half, 0.6]), pytest.approx([0.5 + half, 0.6]))
    low, high = band(np.array([[0.5, 0.6]]))
    assert low.tolist() == high.tolist() == [0.5, 0.6]


@settings_of(max_examples=25)
@given(GAINS)
def test_the_interval_and_the_test_are_scipys(gains: list[float]) -> None:
    values = np.array(gains)
    found = difference(values, np.zeros_like(values))
    assert found.mean == pytest.approx(values.mean())
    if values.std() > 1e-9:
        interval = stats.ttest_1samp(values, 0).confidence_interval()
        assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    assert found.wins + found.ties + found.losses == len(gains)
    if (values != 0).any():
        assert found.p == pytest.approx(stats.wilcoxon(values[values != 0]).pvalue)
    else:
        assert found.p == 1


@settings_of(max_examples=25)
@given(GAINS)
def test_lower_is_better_mirrors_everything(gains: list[float]) -> None:
    values = np.array(gains)
    one, other = difference(values, np.zeros_like(values)), difference(-values, np.zeros_like(values), -1)
    assert (one.mean, one.wins, one.losses) == pytest.approx((other.mean, other.wins, other.losses))


def test_five_seeds_can_never_be_significant_and_six_can() -> None:
    assert signed_rank(np.arange(1.0, 6)) == pytest.approx(2 / 2**5)
    assert signed_rank(np.arange(1.0, 7)) == pytest.approx(2 / 2**6)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    assert holm([]) == []


def test_power_is_that_of_the_tables() -> None:
    # Cohen: a paired t test of d = 0.5 takes 34 pairs; the signed-rank test takes pi / 3 as many, so 35 or 36.
    assert seeds_needed(0.5, 1.0) in (35, 36)
    assert detectable(1.0, 34) == pytest.approx(0.51, abs=0.005)
    assert seeds_needed(0.001, 1.0) is None
    assert seeds_needed(0.5, math.nan) is None
    assert detectable(0.0, 6) == 0
    assert math.isnan(detectable(math.nan, 1))


def test_the_largest_p_that_passes_by_hand() -> None:
    assert [size(5), size(6), size(7)] == [0, 2 / 64, 6 / 128]  # of 7 pairs: rank sums 0, 1 and 2, one way each
    assert size(7, tests=2) == 2 / 128
    assert size(51, tests=2) == 0.025


@pytest.mark.parametrize("tests", [1, 2, 5, 20])
def test_with_too_few_seeds_for_the_test_nothing_is_detectable_and_never_fewer_are_needed(tests: int) -> None:
    fewest = fewest_to_test(tests)
    assert math.isnan(detectable(0.1, fewest - 1, tests))
    assert power(1000, 0.1, fewest - 1, tests) == 0
    assert detectable(0.1, fewest, tests) > 0
    assert seeds_needed(1000, 0.1, tests) == seeds_needed(1, 0.0, tests) == fewest


@pytest.mark.parametrize(("seeds", "tests"), [(8, 1), (10, 2), (34, 3)])
def test_what_is_detectable_is_found_by_so_many_seeds_and_needs_them(seeds: int, tests: int) -> None:
    found = detectable(0.3, seeds, tests)
    assert power(found, 0.3, seeds, tests) == pytest.approx(0.8)
    needed = seeds_needed(found * 1.0001, 0.3, tests)
    assert needed is not None
    assert abs(needed - seeds) <= 1  # the test is discrete: one pair more may ask for a little more


@pytest.mark.parametrize(("effect", "seeds", "tests"), [(1.8, 6, 1), (0.9, 12, 1), (1.9, 7, 2), (0.8, 20, 5)])
def test_power_agrees_with_simulation_of_the_test_that_decides(effect: float, seeds: int, tests: int) -> None:
    draws = np.random.default_rng(1).normal(effect, 1, (4_000, seeds))
    found = stats.wilcoxon(draws, axis=1, method="exact").pvalue * tests < 0.05
    assert power(effect, 1.0, seeds, tests) == pytest.approx(found.mean(), abs=0.03)


def test_penalties_count_the_budgets_at_which_one_beats_the_other() -> None:
    noise = np.array([[0.0], [0.01], [-0.01], [0.02]])
    low = np.array([0.5, 0.5, 0.5, 0.5]) + noise
    high = np.array([0.5, 0.5, 0.7, 0.8]) + noise * 1.1
    matrix = penalties([low, high])
    assert matrix.tolist() == [[0, 0], [0.5, 0]]
    assert penalties([-low, -high], -1).tolist() == matrix.tolist()
    assert penalties([low[:1], high[:1]]).tolist() == [[0, 0], [0, 0]]
    assert penalties([low, low + 0.25])[1, 0] == 1  # the same gain on every seed


def test_profiles_compare_errors_with_randoms() -> None:
    [found] = settings(rows({"random": {0: [0.5, 0.8]}, "margin": {0: [0.5, 0.9]}}))
    ratios, shares = performance_profile([found], "margin")
    np.testing.assert_allclose(ratios, [0.5, 1.0])
    np.testing.assert_allclose(shares, [0.5, 1.0])


def test_overlap_is_the_jaccard_index_of_paired_jobs() -> None:
    table = rows({"random": {0: [0.5, 0.6], 1: [0.5, 0.6]}, "margin": {0: [0.5, 0.6], 1: [0.5, 0.6]}})
    chosen = picks({("random", 0): "abc", ("margin", 0): "bcd", ("random", 1): "ab", ("margin", 1): "ab"})
    np.testing.assert_allclose(overlap(table, chosen, ["random", "margin"]), [[1, 0.75], [0.75, 1]])


def test_balance_runs_from_one_class_to_all_alike() -> None:
    even = [{"class": "a", "images": 5}, {"class": "b", "images": 5}]
    single = [{"class": "a", "images": 10}]
    parts = [
        rows({"margin": {0: [0.5, 0.6]}}, picked_classes=even),
        rows({"entropy": {0: [0.5, 0.6]}}, picked_classes=single),
    ]
    table = parts[0].vstack(parts[1])
    assert class_balance(table, "margin") == pytest.approx(1)
    assert class_balance(table, "entropy") == pytest.approx(0)
    assert math.isnan(class_balance(table, "random"))
