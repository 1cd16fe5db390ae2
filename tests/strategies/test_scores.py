"""Scores, directions and reasons of the strategies, against values worked by hand and by scipy."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alrun.errors import DataError
from alrun.strategies.bald import Bald
from alrun.strategies.base import Strategy, StrategyInputs
from alrun.strategies.diversity import Diversity
from alrun.strategies.entropy import Entropy
from alrun.strategies.least_confidence import LeastConfidence
from alrun.strategies.margin import Margin
from alrun.strategies.random import Random
from alrun.strategies.ranking import rank_by
from alrun.strategies.variance import Variance

UNCERTAINTIES: tuple[Strategy, ...] = (Entropy(), LeastConfidence(), Margin(), Variance())


def inputs(*probabilities: list[float], **metrics: list[float | None]) -> StrategyInputs:
    size = len(probabilities) or len(next(iter(metrics.values())))
    names = [f"image-{i}" for i in range(size)]
    frame = pl.DataFrame({"title": names, "data_hash": [f"hash-{i}" for i in range(size)], **metrics})
    return StrategyInputs(frame, probabilities=np.array(probabilities) if probabilities else None)


def score(strategy: Strategy, *probabilities: float) -> float:
    return float(strategy.select(inputs(list(probabilities)), 1, np.random.default_rng(0)).scores[0])


def picked(strategy: Strategy, given: StrategyInputs, budget: int = 10) -> list[int]:
    return [int(row) for row in strategy.select(given, budget, np.random.default_rng(0)).rows]


@pytest.mark.parametrize(
    ("probabilities", "entropy", "least_confidence", "margin", "variance"),
    [
        ([0.7, 0.2, 0.1], 1.1567796494, 0.3, 0.5, 0.0688888889),
        ([0.25] * 4, 2.0, 0.75, 0.0, 0.0),
        ([0.9, 0.1], 0.4689955936, 0.1, 0.8, 0.16),
        ([1.0, 0.0, 0.0], 0.0, 0.0, 1.0, 0.2222222222),
        ([1.0], 0.0, 0.0, 1.0, 0.0),
    ],
)
def test_scores_are_the_originals(
    probabilities: list[float], entropy: float, least_confidence: float, margin: float, variance: float
) -> None:
    scores = [score(strategy, *probabilities) for strategy in UNCERTAINTIES]
    assert scores == pytest.approx([entropy, least_confidence, margin, variance], abs=1e-10)


@pytest.mark.parametrize("strategy", UNCERTAINTIES)
def test_the_least_certain_prediction_comes_first(strategy: Strategy) -> None:
    given = inputs([0.98, 0.01, 0.01], [0.34, 0.33, 0.33], [0.6, 0.3, 0.1])
    assert picked(strategy, given) == [1, 2, 0]


def test_the_strategies_differ_where_they_should() -> None:
    given = inputs([0.5, 0.5, 0.0], [0.55, 0.23, 0.22])
    assert picked(Margin(), given, 1) == [0]
    assert picked(LeastConfidence(), given, 1) == [0]
    assert picked(Entropy(), given, 1) == [1]
    assert picked(Variance(), given, 1) == [1]


@given(st.lists(st.floats(0, 0.499), min_size=1, max_size=30, unique_by=lambda p: round(p, 4)))
def test_with_two_classes_all_four_agree(shares: list[float]) -> None:
    given = inputs(*([round(p, 4), 1 - round(p, 4)] for p in shares))
    assert len({tuple(picked(strategy, given, 30)) for strategy in UNCERTAINTIES}) == 1


@given(st.integers(0, 2**32 - 1), st.integers(2, 12))
@settings(max_examples=50)
def test_entropy_agrees_with_scipy(seed: int, classes: int) -> None:
    from scipy.stats import entropy

    probabilities = np.random.default_rng(seed).dirichlet(np.full(classes, 0.3), 20)
    ranking = Entropy().select(inputs(*probabilities.tolist()), 20, np.random.default_rng(0))
    expected = entropy(probabilities[ranking.rows], base=2, axis=1)
    np.testing.assert_allclose(ranking.scores, expected, atol=1e-12)


def test_diversity_takes_the_lowest_rank_first_and_skips_labelled_images() -> None:
    ranking = Diversity().select(inputs(image_diversity=[3.0, None, 1.0, 2.0]), 2, np.random.default_rng(0))
    assert ranking.rows.tolist() == [2, 3]
    assert ranking.scores.tolist() == [1, 2]
    assert ranking.reasons == ("rank 1 of 3 by image_diversity: 1", "rank 2 of 3 by image_diversity: 2")


@pytest.mark.parametrize(
    ("strategy", "reason"),
    [
        (Entropy(), "entropy 1.16 bits"),
        (LeastConfidence(), "best guess 70.0% likely"),
        (Margin(), "best guess 50.0% ahead of the next"),
        (Variance(), "variance 0.0689 of the class probabilities"),
    ],
)
def test_the_reason_says_the_score_in_words(strategy: Strategy, reason: str) -> None:
    assert strategy.select(inputs([0.7, 0.2, 0.1]), 1, np.random.default_rng(0)).reasons == (reason,)


def test_random_is_fair_and_seeded() -> None:
    given = StrategyInputs(pl.DataFrame({"data_hash": [f"hash-{i}" for i in range(10)]}))
    firsts = [int(Random().select(given, 1, np.random.default_rng(seed)).rows[0]) for seed in range(2000)]
    counts = np.bincount(firsts, minlength=10)
    assert counts.min() > 140  # 200 expected, standard deviation 13.4
    assert counts.max() < 260


def test_random_keeps_its_order_when_candidates_go() -> None:
    whole = pl.DataFrame({"data_hash": [f"hash-{i}" for i in range(50)]})
    part = whole[::2]
    order = [whole["data_hash"][i] for i in picked(Random(), StrategyInputs(whole), 50)]
    assert [part["data_hash"][i] for i in picked(Random(), StrategyInputs(part), 50)] == [
        name for name in order if name in set(part["data_hash"])
    ]


def test_many_wrong_rows_are_counted_and_the_first_named() -> None:
    wrong = inputs(*([[0.5, 0.6]] * 5), [0.5, 0.5])
    with pytest.raises(DataError) as caught:
        Entropy().select(wrong, 1, np.random.default_rng(0))
    text = str(caught.value)
    assert "5 of 6" in text
    assert "'image-0' (data hash hash-0) sums to 1.1" in text
    assert "and 2 more" in text


@pytest.mark.parametrize("strategy", UNCERTAINTIES)
def test_single_precision_is_taken_as_it_is(strategy: Strategy) -> None:
    """The same numbers in float64 give the same picks, and scores but for the rounding of single precision."""
    single = np.random.default_rng(0).dirichlet(np.full(7, 0.4), 300).astype(np.float32)
    candidates = inputs(size=list(range(300))).candidates
    rankings = [
        strategy.select(StrategyInputs(candidates, probabilities=given), 40, np.random.default_rng(0))
        for given in (single, single.astype(np.float64))
    ]
    assert rankings[0].rows.tolist() == rankings[1].rows.tolist()
    np.testing.assert_allclose(rankings[0].scores, rankings[1].scores, atol=1e-6)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("strategy", [*UNCERTAINTIES, Bald()])
def test_blocks_cores_and_layout_change_no_bit(
    strategy: Strategy, kind: type[np.floating], monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = np.random.default_rng(0).dirichlet(np.full(9, 0.4), (3, 203)).astype(kind)
    candidates = inputs(size=list(range(203))).candidates
    rankings = []
    for numbers, cores, layout in [(1 << 17, 2, "C"), (1, 1, "C"), (1, 3, "F"), (50, 2, "C"), (1_000, 5, "F")]:
        monkeypatch.setattr("alrun.numeric.information._NUMBERS", numbers)
        monkeypatch.setattr("joblib.cpu_count", lambda cores=cores: cores)
        laid = np.asarray(samples, order="F" if layout == "F" else "C")
        given = StrategyInputs(candidates, probabilities=laid[0], samples=laid)
        rankings.append(strategy.select(given, 203, np.random.default_rng(0)))
    for ranking in rankings[1:]:
        assert ranking.rows.tobytes() == rankings[0].rows.tobytes()
        assert ranking.scores.tobytes() == rankings[0].scores.tobytes()


@given(st.sets(st.integers(0, 29), min_size=1, max_size=6), st.integers(1, 100), st.booleans())
@settings(max_examples=30)
def test_wrong_rows_are_named_wherever_they_are(wrong: set[int], numbers: int, sampled: bool) -> None:
    samples = np.full((2, 30, 2), 0.5, np.float32)
    samples[1, sorted(wrong)] = [-0.25, 1.25]
    given = StrategyInputs(inputs(size=list(range(30))).candidates, probabilities=samples[1], samples=samples)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("alrun.numeric.information._NUMBERS", numbers)
        with pytest.raises(DataError) as caught:
            (Bald() if sampled else Entropy()).select(given, 1, np.random.default_rng(0))
    text = str(caught.value)
    assert f"{len(wrong)} of 30" in text
    for row in sorted(wrong)[:3]:
        assert f"'image-{row}' (data hash hash-{row}) has -0.25" in text


@pytest.mark.parametrize("shape", [(3, 2), (2, 0), (2,)])
def test_probabilities_of_the_wrong_shape_are_refused(shape: tuple[int, ...]) -> None:
    given = StrategyInputs(inputs([1.0], [1.0]).candidates, probabilities=np.full(shape, 0.5))
    with pytest.raises(DataError, match="shape"):
        Margin().select(given, 1, np.random.default_rng(0))


def test_rounded_probabilities_pass() -> None:
    assert score(LeastConfidence(), 0.3333, 0.3333, 0.3333) == pytest.approx(0.6667)


@given(
    st.lists(st.sampled_from([0.0, -0.0, 1.0, 2.0, -3.5, float("nan"), float("inf"), -float("inf")]), max_size=60),
    st.integers(0, 70),
    st.sampled_from(["low", "high"]),
)
@example([float("nan")] * 18 + [1.0, 0.0], 3, "low")  # as few as there are, they must be found
def test_ranking_equals_a_plain_sort(values: list[float], budget: int, first: str) -> None:
    ranking = rank_by(np.array(values), budget, "low" if first == "low" else "high", lambda rank, _: str(rank))
    known = [i for i, value in enumerate(values) if not np.isnan(value)]
    expected = sorted(known, key=lambda i: values[i] if first == "low" else -values[i])[:budget]
    assert ranking.rows.tolist() == expected
    assert ranking.reasons == tuple(str(rank) for rank in range(1, len(expected) + 1))
