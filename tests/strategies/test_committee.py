"""The strategies that read samples: values worked by hand, and what they promise beyond the contract."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alrun.numeric.information import bits, mutual_information
from alrun.strategies.bald import Bald
from alrun.strategies.base import Strategy, StrategyInputs
from alrun.strategies.batch_bald import BatchBald
from alrun.strategies.entropy import Entropy
from alrun.strategies.epig import Epig
from alrun.strategies.least_confidence import LeastConfidence
from alrun.strategies.margin import Margin
from alrun.strategies.power_bald import PowerBald
from alrun.strategies.qbc import QueryByCommittee
from alrun.strategies.variation_ratio import VariationRatio
from tests.strategies.committee import dirichlet, sampled
from tests.strategies.pools import select

# Two members, two classes. Row 0: both sure, of different classes; 1: both torn; 2: both sure of the same.
OPPOSED = np.array([[[1, 0], [0.5, 0.5], [1, 0]], [[0, 1], [0.5, 0.5], [1, 0]]])


@pytest.mark.parametrize(
    ("strategy", "scores"),
    [
        (Bald(), [1, 0, 0]),
        (QueryByCommittee("consensus_kl"), [1, 0, 0]),
        (QueryByCommittee(), [1, 0, 0]),
        (VariationRatio(), [0.5, 0, 0]),
        (BatchBald(), [1, 0, 0]),
        (PowerBald(), [1, 0, 0]),
        (Epig(), [1 / 3, 0, 0]),  # of the three targets, only row 0 itself is uncertain in a way that a label settles
    ],
)
def test_scores_by_hand(strategy: Strategy, scores: list[float]) -> None:
    ranking = select(strategy, sampled(OPPOSED), 3)
    assert ranking.rows[0] == 0
    np.testing.assert_allclose(ranking.scores, scores, atol=1e-12)


def test_doubt_that_no_label_settles_counts_for_entropy_only() -> None:
    torn = sampled(OPPOSED[:, 1:2])
    assert select(Bald(), torn, 1).scores == 0
    assert bits(OPPOSED.mean(axis=0)).tolist() == [1, 1, 0]


def test_four_votes_by_hand() -> None:
    """Votes a, a, b, c: half are against a; entropy 1/2 + 2 x 1/4 x 2 = 1.5 bits. Sureness is no matter."""
    samples = np.array([[[0.9, 0.05, 0.05]], [[0.4, 0.3, 0.3]], [[0.1, 0.5, 0.4]], [[0.3, 0.3, 0.4]]])
    assert select(VariationRatio(), sampled(samples), 1).scores == 0.5
    assert select(QueryByCommittee(), sampled(samples), 1).scores == pytest.approx(1.5)


def test_batch_bald_does_not_pay_for_the_same_twice() -> None:
    """Rows 0 and 1 would tell the same bit, row 2 another: four members, each pair of bits is one of them."""
    first, second = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    sure = np.eye(2) * 0.98 + 0.01
    samples = np.stack([sure[first], sure[first], sure[second] * 0.9 + 0.05], axis=1)
    assert select(Bald(), sampled(samples), 2).rows.tolist() == [0, 1]
    batch = select(BatchBald(), sampled(samples), 3)
    assert batch.rows.tolist() == [0, 2, 1]
    assert batch.scores[2] < 0.1


def test_epig_prefers_what_others_depend_on() -> None:
    """Row 0 divides the members as rows 1 to 8 do; row 9 divides them more clearly, but like no other row."""
    groups, odd = np.array([0, 0, 1, 1]), np.array([0, 1, 1, 0])
    mild, clear = np.eye(2) * 0.8 + 0.1, np.eye(2) * 0.98 + 0.01
    samples = np.stack([*[mild[groups]] * 9, clear[odd]], axis=1)
    assert select(Bald(), sampled(samples), 1).rows.tolist() == [9]
    assert select(Epig(), sampled(samples), 1).rows.tolist() == [0]


def test_epig_with_few_targets_is_near_to_epig_with_all() -> None:
    samples = sampled(dirichlet(0, 10, 400, 3))
    whole, some = select(Epig(400), samples, 400), select(Epig(150), samples, 400)
    exact = dict(zip(whole.rows.tolist(), whole.scores.tolist(), strict=True))
    found = dict(zip(some.rows.tolist(), some.scores.tolist(), strict=True))
    assert np.corrcoef([exact[row] for row in range(400)], [found[row] for row in range(400)])[0, 1] > 0.9
    assert set(some.rows.tolist()) == set(range(400))


def test_power_bald_goes_to_bald_and_to_random() -> None:
    samples = sampled(dirichlet(1, 6, 50, 3))
    assert select(PowerBald(1e9), samples, 20).rows.tolist() == select(Bald(), samples, 20).rows.tolist()
    ranks = {row: place for place, row in enumerate(select(Bald(), samples, 50).rows.tolist())}
    drawn = [ranks[int(row)] for seed in range(40) for row in select(PowerBald(1e-6), samples, 10, seed).rows]
    assert 21 < np.mean(drawn) < 28  # 24.5 expected, standard error 0.7


def test_an_image_is_drawn_alike_whatever_else_is_a_candidate() -> None:
    samples = sampled(dirichlet(2, 6, 60, 3))
    whole = select(PowerBald(), samples, 60).rows
    half = samples.candidates[:30]
    part = (
        PowerBald()
        .select(type(samples)(half, samples=dirichlet(2, 6, 60, 3)[:, :30]), 30, np.random.default_rng(0))
        .rows
    )
    assert part.tolist() == [row for row in whole.tolist() if row < 30]


@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 6))
@settings(max_examples=40)
def test_information_has_its_bounds_in_either_type(seed: int, members: int, classes: int) -> None:
    samples = np.random.default_rng(seed).dirichlet(np.full(classes, 0.3), (members, 30))
    found = mutual_information(samples)
    assert (found >= 0).all()
    assert (found <= min(np.log2(classes), np.log2(members)) + 1e-9).all()
    np.testing.assert_allclose(mutual_information(samples.astype(np.float32)), found, atol=3e-6)
    if members == 1:
        assert not found.any()


def test_a_committee_of_one_has_nothing_to_say() -> None:
    samples = sampled(dirichlet(0, 1, 12, 3))
    for strategy in (Bald(), BatchBald(), Epig(), QueryByCommittee(), VariationRatio(), PowerBald()):
        ranking = select(strategy, samples, 5)
        assert ranking.rows.tolist() == [0, 1, 2, 3, 4]
        assert not ranking.scores.any()


@pytest.mark.parametrize("strategy", [Bald(), BatchBald(configurations=50), Epig(), QueryByCommittee()])
def test_the_number_of_cores_changes_no_bit(strategy: Strategy, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = sampled(dirichlet(0, 12, 2_000, 10).astype(np.float32))
    rankings = []
    for cores in (1, 3):
        monkeypatch.setattr("joblib.cpu_count", lambda cores=cores: cores)
        rankings.append(select(strategy, samples, 8))
    assert rankings[0].rows.tolist() == rankings[1].rows.tolist()
    assert rankings[0].scores.tolist() == rankings[1].scores.tolist()


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize(("strategy", "members"), [(Entropy(), 1), (LeastConfidence(), 1), (Margin(), 1), (Bald(), 4)])
def test_there_is_no_temporary_as_large_as_the_pool(
    strategy: Strategy, members: int, kind: type[np.floating], monkeypatch: pytest.MonkeyPatch
) -> None:
    import tracemalloc

    monkeypatch.setattr("joblib.cpu_count", lambda: 2)
    samples = np.full((members, 30_000, 100), 0.01, kind)
    pool = StrategyInputs(sampled(samples).candidates, probabilities=samples[0], samples=samples)
    tracemalloc.start()
    try:
        select(strategy, pool, 10)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 0.5 * samples.nbytes
