"""What the strategies on embeddings promise beyond their picks: labelled points, budgets, reasons, odd pools."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from alrun.errors import ConfigError, DataError
from alrun.strategies.badge import Badge
from alrun.strategies.base import Strategy, StrategyInputs
from alrun.strategies.facility_location import FacilityLocation
from alrun.strategies.kcenter import KCenter
from alrun.strategies.kmeans import KMeans
from alrun.strategies.max_herding import MaxHerding
from alrun.strategies.probcover import ProbCover
from alrun.strategies.rank import Rank
from alrun.strategies.stratified import Stratified
from alrun.strategies.typiclust import TypiClust
from tests.strategies.pools import blobs, gaussian, inputs, probabilities, select

COVERING: tuple[Strategy, ...] = (KCenter(), FacilityLocation(), MaxHerding(), ProbCover(delta=0.2), TypiClust())
GREEDY: tuple[Strategy, ...] = (KCenter(), FacilityLocation(), MaxHerding(), ProbCover(delta=0.2))
RIGHT, UP, LEFT = [1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]


def around(*centres: list[float], each: int = 12) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Return `each` points close to each of the centres."""
    noise = np.random.default_rng(0).normal(size=(len(centres) * each, 2)) * 0.02
    return (np.repeat(centres, each, axis=0) + noise).astype(np.float32)


@pytest.mark.parametrize("strategy", COVERING)
def test_what_is_labelled_counts_as_chosen(strategy: Strategy) -> None:
    given = inputs(around(RIGHT, UP, LEFT), np.array([UP, [0.01, 1.0], RIGHT], np.float32))
    assert select(strategy, given, 1).rows[0] >= 24


@pytest.mark.parametrize("strategy", [*COVERING, KMeans()])
def test_the_first_picks_are_of_different_clusters(strategy: Strategy) -> None:
    picks = select(strategy, inputs(around(RIGHT, UP, LEFT)), 3).rows
    assert sorted((picks // 12).tolist()) == [0, 1, 2]


@pytest.mark.parametrize("strategy", GREEDY)
def test_a_larger_budget_adds_picks(strategy: Strategy) -> None:
    given = inputs(blobs(0, 300, 6, 8), blobs(1, 4, 6, 8))
    long = select(strategy, given, 40).rows.tolist()
    assert select(strategy, given, 15).rows.tolist() == long[:15]


@pytest.mark.parametrize("strategy", GREEDY[:3])
def test_scores_never_rise(strategy: Strategy) -> None:
    scores = select(strategy, inputs(blobs(0, 300, 6, 8)), 60).scores
    assert (np.diff(scores) <= 1e-12).all()


@pytest.mark.parametrize("strategy", [*COVERING, KMeans(), Badge()])
@pytest.mark.parametrize("points", [np.zeros((9, 3)), np.ones((9, 3)), np.eye(9, 3)], ids=["zeros", "ones", "corners"])
def test_a_pool_of_equal_images_is_used_up(
    strategy: Strategy, points: np.ndarray[tuple[int, int], np.dtype[np.float64]]
) -> None:
    given = inputs(points.astype(np.float32), given=probabilities(0, 9, 3))
    ranking = select(strategy, given, 20)
    assert sorted(ranking.rows.tolist()) == list(range(9))
    assert np.isfinite(ranking.scores).all()


def test_widths_that_differ_are_named() -> None:
    given = inputs(gaussian(0, 5, 3), gaussian(0, 2, 4))
    with pytest.raises(DataError, match=r"\(2, 4\); needed: \(L, 3\)"):
        select(KCenter(), given, 1)
    with pytest.raises(DataError, match=r"\(4, 3\); needed: \(5, D\)"):
        select(KCenter(), replace(given, embeddings=gaussian(0, 4, 3)), 1)


def test_many_unusable_rows_are_counted_and_the_first_named() -> None:
    points = gaussian(0, 20, 3)
    points[5:12, 2] = np.nan
    with pytest.raises(DataError, match=r"7 of 20 candidates .*'000005' \(data hash 000005\); .*; and 4 more"):
        select(TypiClust(), inputs(points), 1)


def test_k_center_begins_at_random_and_says_how_far_the_pool_reaches() -> None:
    given = inputs(blobs(0, 200, 4, 5))
    assert len({int(select(KCenter(), given, 1, seed).rows[0]) for seed in range(20)}) > 10
    one, two = select(KCenter(), given, 1), select(KCenter(), given, 2)
    assert given.embeddings is not None
    away = np.linalg.norm(given.embeddings.astype(float) - given.embeddings[one.rows[0]], axis=1)
    assert one.scores.tolist() == pytest.approx([away.max()])
    assert two.scores.tolist() == pytest.approx([away.max()] * 2)


def test_probcover_draws_the_rest_at_random_once_all_is_covered() -> None:
    given = inputs(around(RIGHT, UP))
    rankings = [select(ProbCover(delta=0.3), given, 24, seed) for seed in range(2)]
    assert rankings[0].rows[:2].tolist() == rankings[1].rows[:2].tolist()
    assert rankings[0].rows[2:].tolist() != rankings[1].rows[2:].tolist()
    assert rankings[0].scores.tolist() == [12, 12] + [0] * 22
    assert rankings[0].reasons[0] == "covers 12 of 24 candidates that were not covered, at a radius of 0.3"
    assert rankings[0].reasons[2] == "everything is covered: drawn at random"


def test_typiclust_leaves_small_clusters_for_the_end() -> None:
    points = np.concatenate([around(RIGHT, UP), around(LEFT, each=3)])
    rows = select(TypiClust(max_clusters=3), inputs(points), 27).rows.tolist()
    assert sorted(rows[-3:]) == [24, 25, 26]
    early = select(TypiClust(max_clusters=3, small_cluster=2), inputs(points), 27).rows.tolist()
    assert len({row // 12 for row in early[:3]}) == 3


def test_badge_holds_a_small_part_of_the_probabilities_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("joblib.cpu_count", lambda: 2)
    shares = probabilities(0, 30_000, 300).astype(np.float32)
    given = inputs(gaussian(0, 30_000, 8), given=shares)
    tracemalloc.start()
    try:
        picks = select(Badge(), given, 100).rows
        held = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert held < shares.nbytes / 2
    wide = replace(given, probabilities=shares.astype(np.float64))
    assert select(Badge(), wide, 100).rows.tolist() == picks.tolist()


def test_badge_sees_all_images_that_the_model_is_sure_of_as_one() -> None:
    sure = np.tile([1.0, 0.0], (30, 1))
    sure[[4, 9, 17]] = [0.5, 0.5]
    ranking = select(Badge(), inputs(gaussian(0, 30, 4), given=sure), 6)
    assert ranking.rows[0] in {4, 9, 17}
    assert {4, 9, 17} < set(ranking.rows[:4].tolist())
    assert ranking.scores[4:].tolist() == [0, 0]
    assert ranking.reasons[0].startswith("largest gradient: ")


def test_rank_takes_either_end_and_says_so() -> None:
    frame = inputs(gaussian(0, 4, 1)).candidates.with_columns(pl.Series("blur", [0.3, None, 0.9, 0.1]))
    high = select(Rank("blur", "high"), StrategyInputs(frame), 4)
    assert high.rows.tolist() == [2, 0, 3]
    assert high.reasons[0] == "1 of 3 from the highest blur: 0.9"
    assert select(Rank("blur"), StrategyInputs(frame), 1).rows.tolist() == [3]


def test_stratified_names_the_columns_it_can_take() -> None:
    with pytest.raises(ConfigError, match=r"no column 'assigne' .*allowed: title, data_hash"):
        select(Stratified("assigne"), StrategyInputs(inputs(gaussian(0, 4, 1)).candidates), 1)


def test_stratified_counts_images_without_a_value_as_a_stratum() -> None:
    names = ["ann"] * 6 + [None] * 3
    frame = inputs(gaussian(0, 9, 1)).candidates.with_columns(pl.Series("meta.site", names, dtype=pl.String))
    ranking = select(Stratified("meta.site"), StrategyInputs(frame), 3)
    assert sorted(ranking.reasons) == ["drawn at random from meta.site 'ann'"] * 2 + [
        "drawn at random from meta.site (none)"
    ]
    assert len({tuple(select(Stratified("meta.site"), StrategyInputs(frame), 3, seed).rows) for seed in range(9)}) > 5
