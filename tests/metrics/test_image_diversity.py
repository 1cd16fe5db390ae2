"""Image Diversity: the original's ranking, and what is promised beyond it."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alrun.metrics.base import MetricInputs
from alrun.metrics.image_diversity import ImageDiversity, cluster_count
from alrun.numeric.turns import round_robin_ranks
from alrun.types import Ontology, Question, QuestionKind, Task, TaskStatus

RADIO = Question("digit", QuestionKind.RADIO, ("0", "1", "2"))
CHECKLIST = Question("weather", QuestionKind.CHECKLIST, ("sun", "rain"))
TEXT = Question("remark", QuestionKind.TEXT)

Rows = npt.NDArray[Any]


def pool(points: Any, labelled: Any = None) -> MetricInputs:
    embeddings = np.asarray(points, np.float32)
    size = len(embeddings)
    tasks = [Task(f"task-{i:05}", f"hash-{i:05}", f"{i}.png", "stage", TaskStatus.NEW) for i in range(size)]
    done = np.zeros(size, np.bool_) if labelled is None else np.asarray(labelled, np.bool_)
    return MetricInputs(tasks, [None] * size, done, Ontology(), embeddings)


def ranks(points: Any, clusters: int | None, seed: int = 0, labelled: Any = None) -> list[float]:
    metric = ImageDiversity(clusters)
    return list(metric.compute(pool(points, labelled), np.random.default_rng(seed)))


@pytest.mark.parametrize("seed", range(5))
def test_the_originals_worked_example(seed: int) -> None:
    points = [[0], [1], [2], [3], [4.5], [100], [102], [104.6]]
    assert ranks(points, 2, seed) == [7, 5, 1, 3, 8, 4, 2, 6]


def test_warm_is_exact_where_the_sample_is_everything_and_the_start_is_the_end() -> None:
    points = np.random.default_rng(0).normal(size=(300, 3)) + 20 * np.arange(300)[:, None] // 100
    inputs = pool(points)
    exact, warm = (ImageDiversity(3, mode).compute(inputs, np.random.default_rng(0)) for mode in ("exact", "warm"))
    np.testing.assert_array_equal(exact, warm)


@pytest.mark.parametrize(
    ("labels", "distances", "expected"),
    [
        ([], [], []),
        ([4], [0.5], [1]),
        # The larger cluster 7 takes its turn first, then 3; 7 goes on alone once 3 is used up.
        ([3, 7, 7, 7], [9.0, 3.0, 1.0, 2.0], [2, 4, 1, 3]),
        # Equally large: cluster 1 has the lowest row.
        ([1, 0, 0, 1], [2.0, 1.0, 2.0, 1.0], [3, 2, 4, 1]),
        # Equal distances stay in row order.
        ([0, 0, 0], [1.0, 1.0, 0.0], [2, 3, 1]),
    ],
)
def test_round_robin_by_hand(labels: list[int], distances: list[float], expected: list[int]) -> None:
    found = round_robin_ranks(np.array(labels, np.int64), np.array(distances, np.float64))
    assert found.tolist() == expected


def original_ranks(labels: list[int], distances: list[float], turns: list[int]) -> list[int]:
    """Rank as the original does, restated: sorted queues, one taken from each in turn."""
    queues = [
        sorted((row for row, label in enumerate(labels) if label == turn), key=lambda row: distances[row])
        for turn in turns
    ]
    taken = [row for group in itertools.zip_longest(*queues) for row in group if row is not None]
    return [taken.index(row) + 1 for row in range(len(labels))]


CLUSTERED = st.lists(st.tuples(st.integers(0, 4), st.sampled_from([0.0, 0.5, 1.0, 2.0, 7.25])), max_size=40)


@given(CLUSTERED)
def test_round_robin_equals_the_originals_queues(rows: list[tuple[int, float]]) -> None:
    labels, distances = [label for label, _ in rows], [distance for _, distance in rows]
    sizes = Counter(labels)
    turns = sorted(sizes, key=lambda label: (-sizes[label], labels.index(label)))
    found = round_robin_ranks(np.array(labels, np.int64), np.array(distances, np.float64))
    assert found.tolist() == original_ranks(labels, distances, turns)


@given(CLUSTERED)
def test_round_robin_properties(rows: list[tuple[int, float]]) -> None:
    labels = np.array([label for label, _ in rows], np.int64)
    found = round_robin_ranks(labels, np.array([distance for _, distance in rows], np.float64))
    assert sorted(found.tolist()) == list(range(1, len(rows) + 1))
    in_order = labels[np.argsort(found)].tolist()
    clusters = Counter(in_order)
    assert len(set(in_order[: len(clusters)])) == len(clusters)
    for end in range(1, len(in_order) + 1):
        taken = Counter(in_order[:end])
        unfinished = [taken[c] for c in clusters if taken[c] < clusters[c]]
        assert not unfinished or max(taken.values()) - min(unfinished) <= 1


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 12), st.booleans())
@settings(max_examples=30)
def test_any_pool_gets_a_permutation(seed: int, size: int, clusters: int, repeated: bool) -> None:
    rng = np.random.default_rng(seed)
    points = rng.integers(0, 3, (size, 2)) if repeated else rng.normal(size=(size, 2))
    assert sorted(ranks(points, clusters, seed)) == list(range(1, size + 1))


def test_a_pool_of_equal_images_is_ranked_in_row_order() -> None:
    assert ranks([[3.0, 4.0]] * 6, 4) == [1, 2, 3, 4, 5, 6]


def test_labelled_images_neither_consume_ranks_nor_shape_clusters() -> None:
    rng = np.random.default_rng(1)
    points = rng.normal(size=(60, 4))
    labelled = rng.random(60) < 0.4
    among = np.array(ranks(points, 5, labelled=labelled))
    assert np.isnan(among[labelled]).all()
    moved = np.where(labelled[:, None], 1000 * points, points)
    np.testing.assert_array_equal(among, ranks(moved, 5, labelled=labelled))
    assert sorted(among[~labelled]) == list(range(1, (~labelled).sum() + 1))


def test_copies_of_an_image_keep_their_order() -> None:
    rng = np.random.default_rng(2)
    points = rng.normal(size=(3000, 16)).astype(np.float32)
    points[1500:] = points[:1500]
    found = np.array(ranks(points, 10))
    assert (found[:1500] < found[1500:]).all()


def test_two_tasks_of_one_image_are_ordered_by_their_ids() -> None:
    inputs = pool([[0.0], [1.0], [1.0], [2.0]])
    twins = [replace(t, data_hash="hash-1" if 0 < i < 3 else t.data_hash) for i, t in enumerate(inputs.tasks)]
    found = ImageDiversity(1).compute(replace(inputs, tasks=twins), np.random.default_rng(0))
    swapped = [twins[0], replace(twins[1], task_id="z"), *twins[2:]]
    again = ImageDiversity(1).compute(replace(inputs, tasks=swapped), np.random.default_rng(0))
    assert found[1] < found[2]
    assert again[1] > again[2]


def test_seed_decides_and_nothing_else() -> None:
    points = np.random.default_rng(0).normal(size=(500, 8))
    assert ranks(points, 10, seed=1) == ranks(points, 10, seed=1)
    assert ranks(points, 10, seed=1) != ranks(points, 10, seed=2)


@pytest.mark.parametrize(
    ("ontology", "expected"),
    [
        (Ontology(objects=("cat",), questions=(RADIO,)), 1),
        (Ontology(objects=("cat", "dog", "cow", "hen")), 4),
        (Ontology(questions=(RADIO, CHECKLIST)), 3),
        (Ontology(questions=(CHECKLIST, RADIO)), 2),
        (Ontology(questions=(TEXT, RADIO)), 10),
        (Ontology(questions=(TEXT,)), 10),
        (Ontology(), 10),
    ],
)
def test_number_of_clusters_comes_from_the_ontology(ontology: Ontology, expected: int) -> None:
    assert cluster_count(ontology) == expected


def test_configured_clusters_beat_the_ontology() -> None:
    inputs = replace(pool(np.random.default_rng(0).normal(size=(50, 3))), ontology=Ontology(questions=(RADIO,)))
    by_ontology, by_config, other = (
        ImageDiversity(clusters).compute(inputs, np.random.default_rng(0)).tolist() for clusters in (None, 3, 7)
    )
    assert by_ontology == by_config != other


def test_fields_are_checked_before_anything_runs() -> None:
    from pydantic import TypeAdapter, ValidationError

    fields = TypeAdapter(ImageDiversity)
    assert fields.validate_json('{"clusters": 3}', strict=True) == ImageDiversity(3)
    for wrong in ("0", "2.5", '"3"', "true"):
        with pytest.raises(ValidationError):
            fields.validate_json(f'{{"clusters": {wrong}}}', strict=True)
