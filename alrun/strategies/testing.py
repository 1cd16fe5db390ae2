"""The contract of every strategy. A test inherits :class:`StrategyContract` and says how to make the strategy.

::

    class TestEntropy(StrategyContract):
        def strategy(self) -> Strategy:
            return Entropy()
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from alrun.errors import ConfigError, DataError
from alrun.files import digest
from alrun.pool.frame import SCHEMA
from alrun.strategies.base import Ranking, Strategy, StrategyInputs
from alrun.types import Need

SIZE = 40


class StrategyContract:
    """What `alrun.strategies.base` promises of a strategy."""

    def strategy(self) -> Strategy:
        """Return the strategy under test."""
        raise NotImplementedError

    @pytest.mark.parametrize("size", [0, 1, SIZE])
    @pytest.mark.parametrize("budget", [0, 1, SIZE, SIZE + 10])
    def test_picks_as_many_as_asked_or_all(self, size: int, budget: int) -> None:
        """The budget is met, or the pool is used up; no row twice; a reason for each pick."""
        ranking = self._select(pool(self.strategy(), size), budget)
        picked = min(size, budget)
        assert ranking.rows.shape == ranking.scores.shape == (picked,)
        assert ranking.rows.dtype == np.int64
        assert ranking.scores.dtype == np.float64
        assert len(set(ranking.rows.tolist())) == picked
        assert ((ranking.rows >= 0) & (ranking.rows < size)).all()
        assert len(ranking.reasons) == picked
        assert all(reason and "\n" not in reason for reason in ranking.reasons)

    def test_same_generator_gives_the_same_ranking(self) -> None:
        """Equal generators give equal rankings."""
        inputs = pool(self.strategy(), SIZE)
        first, second = self._select(inputs, SIZE), self._select(inputs, SIZE)
        np.testing.assert_array_equal(first.rows, second.rows)
        np.testing.assert_array_equal(first.scores, second.scores)
        assert first.reasons == second.reasons

    @pytest.mark.parametrize("budget", [1, SIZE // 2, SIZE])
    def test_order_of_the_rows_does_not_matter(self, budget: int) -> None:
        """Shuffled rows give the same images in the same order."""
        inputs = pool(self.strategy(), SIZE)
        order = np.random.default_rng(3).permutation(SIZE)
        straight, shuffled = self._select(inputs, budget), self._select(take(inputs, order), budget)
        np.testing.assert_array_equal(order[shuffled.rows], straight.rows)
        np.testing.assert_array_equal(shuffled.scores, straight.scores)

    def test_ties_go_to_the_lower_row(self) -> None:
        """Of rows that are equal in everything, those with equal scores come in row order."""
        ranking = self._select(take(pool(self.strategy(), SIZE), np.zeros(SIZE, np.int64)), SIZE)
        tied = np.diff(ranking.scores) == 0
        assert (np.diff(ranking.rows)[tied] > 0).all()

    def test_missing_metric_is_never_picked(self) -> None:
        """A row without a metric that the strategy reads (null or NaN) is not picked."""
        for metric in sorted(self.strategy().metrics):
            inputs = pool(self.strategy(), SIZE)
            values = inputs.candidates[metric].to_list()
            gaps = [(None, float("nan"), value)[row % 3] for row, value in enumerate(values)]
            holed = replace(inputs, candidates=inputs.candidates.with_columns(pl.Series(metric, gaps, pl.Float64)))
            assert set(self._select(holed, SIZE).rows.tolist()) == set(range(2, SIZE, 3))

    def test_metric_that_is_not_configured_is_named(self) -> None:
        """The error for a metric that is not there says how to add it."""
        for metric in sorted(self.strategy().metrics):
            inputs = pool(self.strategy(), SIZE)
            without = replace(inputs, candidates=inputs.candidates.drop(metric))
            with pytest.raises(ConfigError, match=f"metrics=.*{metric}"):
                self._select(without, 1)

    @pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -0.5, 0.9])
    def test_unusable_probabilities_are_named(self, wrong: float) -> None:
        """Probabilities that are not finite, negative or of another sum than 1 are refused by title."""
        inputs = pool(self.strategy(), SIZE)
        if inputs.probabilities is None:
            return
        probabilities = inputs.probabilities.copy()
        probabilities[7] = [wrong, 0.5, 0.5, 0]
        title = inputs.candidates["title"][7]
        with pytest.raises(DataError, match=title):
            self._select(replace(inputs, probabilities=probabilities), 1)

    @pytest.mark.parametrize("wrong", [float("nan"), float("inf"), 1e30])
    def test_unusable_embeddings_are_named(self, wrong: float) -> None:
        """Embeddings that are not finite, or too large to be squared, are refused by title."""
        inputs = pool(self.strategy(), SIZE)
        if inputs.embeddings is None or inputs.labelled_embeddings is None:
            return
        embeddings, labelled = inputs.embeddings.copy(), inputs.labelled_embeddings.copy()
        embeddings[7, 1] = labelled[2, 1] = wrong
        with pytest.raises(DataError, match=inputs.candidates["title"][7]):
            self._select(replace(inputs, embeddings=embeddings), 1)
        with pytest.raises(DataError, match="labelled"):
            self._select(replace(inputs, labelled_embeddings=labelled), 1)

    def test_nothing_labelled_yet(self) -> None:
        """A strategy that reads the labelled images' embeddings works without any labelled image."""
        inputs = pool(self.strategy(), SIZE)
        if inputs.labelled_embeddings is None:
            return
        ranking = self._select(replace(inputs, labelled_embeddings=inputs.labelled_embeddings[:0]), SIZE)
        assert sorted(ranking.rows.tolist()) == list(range(SIZE))
        assert np.isfinite(ranking.scores).all()

    def test_inputs_stay_as_they_are(self) -> None:
        """The inputs are not changed."""
        inputs = pool(self.strategy(), SIZE)
        before = copy.deepcopy(inputs)
        self._select(inputs, SIZE)
        assert inputs.candidates.equals(before.candidates)
        for name in ("embeddings", "labelled_embeddings", "probabilities"):
            np.testing.assert_array_equal(getattr(inputs, name), getattr(before, name))

    def _select(self, inputs: StrategyInputs, budget: int) -> Ranking:
        return self.strategy().select(inputs, budget, np.random.default_rng(5))


def pool(strategy: Strategy, size: int) -> StrategyInputs:
    """Return random candidates without ties, always the same ones, sorted by data hash.

    They have what the strategy needs and reads, and nothing else.
    """
    rng = np.random.default_rng(size)
    hashes = sorted(digest(f"image {i}".encode()) for i in range(size))
    given: dict[str, list[Any]] = {
        "task_id": [f"task-{h}" for h in hashes],
        "data_hash": hashes,
        "title": [f"{h}.png" for h in hashes],
        "stage": ["Annotate 1"] * size,
        "stage_type": ["annotation"] * size,
        "status": ["new"] * size,
        "data_type": ["image"] * size,
        "labelled": [False] * size,
        "classes": [[] for _ in hashes],
        "tags": [[] for _ in hashes],
    }
    metrics = {name: rng.permutation(size) + 1.0 for name in sorted(strategy.metrics)}
    frame = pl.DataFrame({name: given.get(name, [None] * size) for name in SCHEMA}, schema=SCHEMA)
    embeds = Need.EMBEDDINGS in strategy.needs
    return StrategyInputs(
        candidates=frame.with_columns(pl.Series(name, values) for name, values in metrics.items()),
        embeddings=rng.normal(size=(size, 8)).astype(np.float32) if embeds else None,
        labelled_embeddings=rng.normal(size=(5, 8)).astype(np.float32) if embeds else None,
        probabilities=rng.dirichlet(np.ones(4), size) if Need.PROBABILITIES in strategy.needs else None,
    )


def take(inputs: StrategyInputs, rows: npt.NDArray[np.int64]) -> StrategyInputs:
    """Return the inputs of these rows only, in this order; a row may be taken more than once."""
    return replace(
        inputs,
        candidates=inputs.candidates[rows],
        embeddings=None if inputs.embeddings is None else inputs.embeddings[rows],
        probabilities=None if inputs.probabilities is None else inputs.probabilities[rows],
    )
