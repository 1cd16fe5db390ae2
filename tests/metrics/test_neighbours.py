"""Metrics of neighbours in embedding space: the original's facts, the formulas, and what happens at the edges."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alrun.metrics.base import Metric, MetricInputs
from alrun.metrics.distance_to_labelled import DistanceToLabelled
from alrun.metrics.duplicate_group import DuplicateGroup
from alrun.metrics.neighbour_diversity import NeighbourDiversity
from alrun.metrics.testing import MetricContract, take
from alrun.metrics.typicality import Typicality
from alrun.metrics.uniqueness import Uniqueness
from alrun.types import Ontology, Task, TaskStatus

METRICS: list[Metric] = [
    Uniqueness(),
    DuplicateGroup(),
    DuplicateGroup(0.5),
    DistanceToLabelled(),
    Typicality(),
    Typicality(1),
    NeighbourDiversity(),
]


@pytest.mark.parametrize("which", METRICS, ids=str)
class TestNeighbourMetrics(MetricContract):
    @pytest.fixture(autouse=True)
    def _of(self, which: Metric) -> None:
        self.which = which

    def metric(self) -> Metric:
        return self.which


def pool(points: npt.ArrayLike, labelled: tuple[int, ...] = ()) -> MetricInputs:
    embeddings = np.array(points, np.float32)
    tasks = [Task(f"task-{i:03}", f"hash-{i:03}", "", "s", TaskStatus.NEW) for i in range(len(embeddings))]
    done = np.isin(np.arange(len(tasks)), labelled)
    return MetricInputs(tasks, [None] * len(tasks), done, Ontology(), embeddings)


def values(metric: Metric, inputs: MetricInputs) -> list[float]:
    return [float(value) for value in metric.compute(inputs, np.random.default_rng(0))]


def at(*distances: float) -> list[list[float]]:
    """Points in a plane whose cosine distance to the first axis is as given."""
    return [[1 - distance, math.sqrt(1 - (1 - distance) ** 2)] for distance in distances]


# Of A..E: A and B are identical, C is at 0.02 from both, D and E at 0.2 from each other and far from the rest.
SCAN: list[list[float]] = [
    [1, 0, 0, 0],
    [2, 0, 0, 0],
    [0.98, math.sqrt(1 - 0.98**2), 0, 0],
    [0, 0, 3, 0],
    [0, 0, 0.8, 0.6],
]


def test_the_originals_scan() -> None:
    assert values(Uniqueness(), pool(SCAN)) == pytest.approx([0.02, 0, 0.02, 0.2, 0.2], abs=1e-6)
    assert values(DuplicateGroup(), pool(SCAN)) == pytest.approx([1, 1, *[math.nan] * 3], nan_ok=True)
    assert values(DuplicateGroup(0.03), pool(SCAN)) == pytest.approx([1, 1, 1, math.nan, math.nan], nan_ok=True)
    assert values(DuplicateGroup(0.21), pool(SCAN)) == [1, 1, 1, 2, 2]


def test_of_five_identical_images_four_are_redundant() -> None:
    far = [[0, 1]]
    assert values(Uniqueness(), pool([[1, 0]] * 5 + far)) == [1, 0, 0, 0, 0, 1]
    assert values(Uniqueness(), pool([[1, 0]] * 5)) == pytest.approx([math.nan, 0, 0, 0, 0], nan_ok=True)
    assert values(DuplicateGroup(), pool([[1, 0]] * 5 + far)) == pytest.approx([1] * 5 + [math.nan], nan_ok=True)


def test_more_duplicates_than_the_original_could_see() -> None:
    rng = np.random.default_rng(0)
    almost = np.array([1.0, 0, 0]) + 1e-6 * rng.normal(size=(100, 3))
    found = values(Uniqueness(), pool(np.concatenate([almost, [[0, 1, 0]], [[0, 1, 1]]])))
    assert found[:100] == [pytest.approx(1, abs=1e-5), *[0] * 99]
    assert found[100:] == pytest.approx([1 - math.sqrt(0.5)] * 2, abs=1e-6)


def test_the_first_by_data_hash_stands_for_its_duplicates() -> None:
    inputs = pool([[1, 0], [1, 0], [0, 1]])
    swapped = replace(inputs, tasks=[inputs.tasks[1], inputs.tasks[0], inputs.tasks[2]])
    assert values(Uniqueness(), swapped) == [0, 1, 1]


def test_duplicates_of_a_duplicate_need_not_be_duplicates() -> None:
    # In a row, each close to the next only: the second belongs to the first, the third leads anew.
    angles = np.array([0.0, 0.2, 0.4, 0.6])
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    assert values(DuplicateGroup(0.03), pool(points)) == [1, 1, 2, 2]


def test_distance_to_the_nearest_labelled_image() -> None:
    points = at(0, 0.5, 1, 0.1)
    assert values(DistanceToLabelled(), pool(points, labelled=(0,))) == pytest.approx([0, 0.5, 1, 0.1], abs=1e-6)
    assert values(DistanceToLabelled(), pool(points, labelled=(0, 2)))[1] == pytest.approx(
        1 - math.sqrt(0.75), abs=1e-6
    )
    assert np.isnan(values(DistanceToLabelled(), pool(points))).all()
    assert values(DistanceToLabelled(), pool(points, labelled=(0, 1, 2, 3))) == [0] * 4
    assert values(DistanceToLabelled(), pool([[1, 0], [3, 0]], labelled=(0,))) == [0, 0]


def test_typicality_and_diversity_by_hand() -> None:
    points = [[1, 0], [1, 0], [0, 1], [-1, 0]]
    assert values(NeighbourDiversity(), pool(points)) == pytest.approx([1, 1, 1, 1])  # means of 1, 1, 1 and 5/3
    assert values(NeighbourDiversity(2), pool(points)) == pytest.approx([0.5, 0.5, 1, 1])
    root = math.sqrt(2)
    expected = [1 / (1 + root / 2), 1 / (1 + root / 2), 1 / (1 + root), 1 / (1 + (root + 2) / 2)]
    assert values(Typicality(2), pool(points)) == pytest.approx(expected)
    assert values(Typicality(1), pool(points))[:2] == [1, 1]


@pytest.mark.parametrize("metric", [Uniqueness(), Typicality(), NeighbourDiversity(), DuplicateGroup()])
def test_an_image_alone_has_no_neighbours(metric: Metric) -> None:
    assert np.isnan(values(metric, pool([[1, 2]]))).all()


@given(st.integers(0, 2**32 - 1), st.integers(2, 40), st.integers(1, 60))
@settings(max_examples=40)
def test_any_pool_equals_the_formulas(seed: int, size: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(size, 5)).astype(np.float32)
    units = points / np.linalg.norm(points.astype(np.float64), axis=1, keepdims=True)
    distances = 1 - units @ units.T
    np.fill_diagonal(distances, np.inf)
    nearest = np.sort(distances, axis=1)[:, : min(k, size - 1)]
    inputs = pool(points)
    assert values(Uniqueness(), inputs) == pytest.approx(nearest[:, 0], abs=1e-9)
    assert values(NeighbourDiversity(k), inputs) == pytest.approx(np.minimum(nearest.mean(axis=1), 1), abs=1e-9)
    assert values(Typicality(k), inputs) == pytest.approx(1 / (1 + np.sqrt(2 * nearest).mean(axis=1)), abs=1e-9)


def test_a_value_belongs_to_its_image_in_a_pool_of_copies() -> None:
    rng = np.random.default_rng(3)
    points = rng.normal(size=(300, 8)).astype(np.float32)
    points[100:250] = points[rng.integers(100, size=150)] * rng.choice([1, 2], 150)[:, None]
    inputs = pool(points)
    order = rng.permutation(300)
    for metric in METRICS:
        expected = np.array(values(metric, inputs))[order]
        np.testing.assert_array_equal(values(metric, take(inputs, order)), expected)
