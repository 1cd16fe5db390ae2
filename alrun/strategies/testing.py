"""The contract of every strategy. A test inherits :class:`StrategyContract` and says how to make the strategy.

::

    class TestEntropy(StrategyContract):
        def strategy(self) -> Strategy:
            return Entropy()
"""

from __future__ import annotations

import copy
import gc
import tracemalloc
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from alrun.errors import ConfigError, DataError
from alrun.files import digest
from alrun.models.detections import Detections
from alrun.pool.frame import SCHEMA
from alrun.strategies.base import Ranking, Strategy, StrategyInputs
from alrun.strategies.cost import Estimated, size_of
from alrun.types import Need

SIZE = 40
MANY = 2000
FEW = 8
PREDICTED = frozenset({Need.PROBABILITIES, Need.OUT_OF_SAMPLE})


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

    @pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -0.5, 0.9])
    def test_unusable_samples_are_named(self, wrong: float) -> None:
        """Samples that are no probabilities in any of the members are refused by title."""
        inputs = pool(self.strategy(), SIZE)
        if inputs.samples is None:
            return
        samples = inputs.samples.copy()
        samples[3, 7] = [wrong, 0.5, 0.5, 0]
        with pytest.raises(DataError, match=inputs.candidates["title"][7]):
            self._select(replace(inputs, samples=samples), 1)
        with pytest.raises(DataError, match="shape"):
            self._select(replace(inputs, samples=samples[:, 1:]), 1)

    @pytest.mark.parametrize("wrong", [float("nan"), -0.5, 1.5])
    def test_unusable_detections_are_named(self, wrong: float) -> None:
        """Scores outside 0..1 and probabilities of another sum than 1 are refused by title."""
        inputs = pool(self.strategy(), SIZE)
        found = inputs.detections
        if found is None or found.probabilities is None:
            return
        title = inputs.candidates["title"][int(found.images[7])]
        scores, probabilities = found.scores.copy(), found.probabilities.copy()
        scores[7] = probabilities[7, 0] = wrong
        for broken in (replace(found, scores=scores), replace(found, probabilities=probabilities)):
            with pytest.raises(DataError, match=title):
                self._select(replace(inputs, detections=broken), 1)

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

    def test_lengths_that_do_not_match_are_refused(self) -> None:
        """One row too few, of whatever the strategy looks at, is an error and not another image's number."""
        inputs = pool(self.strategy(), SIZE)
        for name in ("embeddings", "probabilities"):
            values = getattr(inputs, name)
            if values is not None:
                with pytest.raises(DataError, match="shape"):
                    self._select(replace(inputs, **{name: values[1:]}), 1)

    def test_images_that_look_the_same_are_all_picked_in_the_end(self) -> None:
        """Constant embeddings and a model that knows one class only: every image is picked, with a finite score."""
        inputs = pool(self.strategy(), SIZE)
        if inputs.embeddings is None and inputs.probabilities is None:
            return
        for value in (0.0, 1.0):
            constant = None if inputs.embeddings is None else np.full_like(inputs.embeddings, value)
            one_class = None if inputs.probabilities is None else np.ones((SIZE, 1))
            given = None if inputs.given is None else np.zeros_like(inputs.given)
            same = replace(inputs, embeddings=constant, probabilities=one_class, given=given, classes=())
            ranking = self._select(same, SIZE)
            assert len(set(ranking.rows.tolist())) == SIZE
            assert np.isfinite(ranking.scores).all()

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
        for name in ("embeddings", "labelled_embeddings", "probabilities", "samples"):
            np.testing.assert_array_equal(getattr(inputs, name), getattr(before, name))

    def test_memory_stays_below_what_was_said(self) -> None:
        """A strategy that says what it costs never holds more memory, and says no less of more candidates."""
        strategy = self.strategy()
        if not isinstance(strategy, Estimated):
            return
        self._select(pool(strategy, SIZE), FEW)  # what is imported for the first time stays
        inputs = pool(strategy, MANY)
        size = size_of(inputs, FEW)
        said = strategy.work(size)
        gc.collect()
        tracemalloc.start()
        try:
            self._select(inputs, FEW)
            held = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert held <= said.bytes + 2**20
        for name in ("candidates", "dimensions", "classes", "samples"):
            more = strategy.work(replace(size, **{name: 2 * getattr(size, name)}))
            assert more.operations >= said.operations >= 0
            assert more.bytes >= said.bytes >= 0

    def _select(self, inputs: StrategyInputs, budget: int) -> Ranking:
        return self.strategy().select(inputs, budget, np.random.default_rng(5))


def pool(strategy: Strategy, size: int) -> StrategyInputs:
    """Return random candidates without ties, always the same ones, sorted by data hash.

    They have what the strategy needs and reads, and nothing else.
    """
    rng = np.random.default_rng(size)
    hashes = sorted(digest(f"image {i}".encode()) for i in range(size))
    differs = np.random.default_rng(1).permutation(size)
    given: dict[str, Any] = {
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
        "priority": differs / max(1, size),
        "width": 64 + differs,
        "height": 64 + 2 * differs,  # so that areas and aspect ratios differ as well
    }
    metrics = {name: rng.permutation(size) + 1.0 for name in sorted(strategy.metrics)}
    frame = pl.DataFrame({name: given.get(name, [None] * size) for name in SCHEMA}, schema=SCHEMA)
    embeds = Need.EMBEDDINGS in strategy.needs
    return StrategyInputs(
        candidates=frame.with_columns(pl.Series(name, values) for name, values in metrics.items()),
        embeddings=rng.normal(size=(size, 8)).astype(np.float32) if embeds else None,
        labelled_embeddings=rng.normal(size=(5, 8)).astype(np.float32) if embeds else None,
        probabilities=rng.dirichlet(np.ones(4), size) if strategy.needs & PREDICTED else None,
        given=rng.integers(4, size=size) if Need.OUT_OF_SAMPLE in strategy.needs else None,
        samples=rng.dirichlet(np.ones(4), (6, size)).astype(np.float32) if Need.SAMPLES in strategy.needs else None,
        detections=_detections(rng, size) if Need.DETECTIONS in strategy.needs else None,
        labelled=5,
        classes=("ant", "bee", "cat", "dog"),
        predict=_linear if Need.PREDICT in strategy.needs else None,
    )


def _linear(embeddings: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Predict four classes as a linear model would, each row by itself."""
    weights = np.random.default_rng(1).normal(size=(embeddings.shape[1], 4))
    logits = np.exp((embeddings[:, :, None] * weights).sum(axis=1))
    return np.asarray(logits / logits.sum(axis=1, keepdims=True))


def _detections(rng: np.random.Generator, size: int) -> Detections:
    """Return one to four objects of three classes an image, none in a single image: two would be a tie."""
    images = np.repeat(np.arange(size), rng.integers(1, 5, size) * (np.arange(size) != size // 2))
    probabilities = rng.dirichlet(np.ones(3), len(images)).reshape(-1, 3)
    return Detections(
        names=("cat", "dog", "cow"),
        sizes=np.full((size, 2), 100.0),
        images=images,
        classes=probabilities.argmax(axis=1).astype(np.int64),
        scores=probabilities.max(axis=1),
        boxes=rng.random((len(images), 4)) + 1,
        probabilities=probabilities,
    )


def take(inputs: StrategyInputs, rows: npt.NDArray[np.int64]) -> StrategyInputs:
    """Return the inputs of these rows only, in this order; a row may be taken more than once."""
    return replace(
        inputs,
        candidates=inputs.candidates[rows],
        embeddings=None if inputs.embeddings is None else inputs.embeddings[rows],
        probabilities=None if inputs.probabilities is None else inputs.probabilities[rows],
        samples=None if inputs.samples is None else inputs.samples[:, rows],
        given=None if inputs.given is None else inputs.given[rows],
        detections=None if inputs.detections is None else inputs.detections.of(rows),
    )
