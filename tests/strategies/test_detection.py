"""Uncertainty of found objects, image by image: by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from alrun.strategies.base import Ranking
from alrun.strategies.detection import Detection
from tests.strategies.found_objects import objects
from tests.strategies.pools import select


def by_image(ranking: Ranking) -> list[float]:
    return [score for _, score in sorted(zip(ranking.rows.tolist(), ranking.scores.tolist(), strict=True))]


@pytest.mark.parametrize(
    ("score", "certain", "expected"),
    [
        ("entropy", 0.0, 1.1567796494470395),
        ("least_confidence", 0.0, 0.3),
        ("margin", 0.0, 0.5),
        ("variance", 0.0, 2 / 9 - 0.06888888888888889),
        ("confidence", 0.0, 0.3),
    ],
)
def test_one_object_worked_by_hand(score: Any, certain: float, expected: float) -> None:
    given = objects([[(0, 1.0)], [(0, 0.7)]], [[1, 0, 0], [0.7, 0.2, 0.1]])
    ranking = select(Detection(score=score), given, 2)
    assert ranking.rows.tolist() == [1, 0]
    assert ranking.scores.tolist() == pytest.approx([expected, certain], abs=1e-12)


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        ("entropy", 0.4689955935892812),
        ("least_confidence", 0.1),
        ("margin", 0.2),
        ("variance", 0.25 - 0.16),
        ("confidence", 0.1),
    ],
)
def test_a_score_alone_means_there_is_one_or_there_is_none(score: Any, expected: float) -> None:
    assert by_image(select(Detection(score=score), objects([[(0, 0.9)]]), 99)) == pytest.approx([expected])
    unsure = [[(0, 0.9)], [(0, 0.5)], [(0, 0.2)]]
    first = select(Detection(score=score), objects(unsure), 99).rows[0]
    assert first == (2 if score == "confidence" else 1)


@pytest.mark.parametrize(
    ("aggregate", "expected"), [("mean", 0.3), ("max", 0.5), ("sum", 0.6), ("count_aware", 0.6 / 2**0.5)]
)
def test_aggregates_worked_by_hand(aggregate: Any, expected: float) -> None:
    given = objects([[(0, 0.9), (1, 0.5)], []])
    ranking = select(Detection(score="least_confidence", aggregate=aggregate), given, 99)
    assert by_image(ranking) == pytest.approx([expected, 0])
    assert ranking.reasons[1] == "nothing found"
    assert ranking.reasons[0].endswith("of 2 objects")


def test_images_without_objects_come_last_or_first_also_beside_certain_ones() -> None:
    given = objects([[], [(0, 1.0)], [(0, 0.6)], []])
    last = select(Detection(), given, 99)
    assert last.rows.tolist() == [2, 1, 0, 3]
    assert last.scores[1:].tolist() == [0, 0, 0]
    first = select(Detection(no_detection="first"), given, 99)
    assert first.rows.tolist() == [0, 3, 2, 1]
    assert first.scores[0] == first.scores[1] == pytest.approx(1 + first.scores[2])


@pytest.mark.parametrize("balance", [False, True])
@pytest.mark.parametrize("size", [0, 1, 3])
def test_nothing_found_anywhere_is_no_failure(size: int, balance: bool) -> None:
    wheres: tuple[Any, ...] = ("first", "last")
    for where in wheres:
        ranking = select(Detection(no_detection=where, balance=balance), objects([[] for _ in range(size)]), 99)
        assert ranking.rows.tolist() == list(range(size))


def test_classes_take_turns() -> None:
    given = objects(
        [
            [(0, 0.5)],  # the least certain cats
            [(0, 0.6)],
            [(0, 0.7), (1, 0.55)],  # the least certain dog, beside a cat
            [(1, 0.9)],
            [],
            [(2, 0.99)],  # the only cow
        ]
    )
    ranking = select(Detection(score="least_confidence", balance=True), given, 99)
    assert ranking.rows.tolist() == [0, 2, 5, 1, 3, 4]
    assert ranking.scores.tolist() == pytest.approx([0.5, 0.45, 0.01, 0.4, 0.1, 0])
    assert [reason.split(":")[0] for reason in ranking.reasons] == ["cat", "dog", "cow", "cat", "dog", "nothing found"]
    assert select(Detection(balance=True), given, 2).rows.tolist() == [0, 2]


def test_in_a_balanced_selection_no_class_waits_while_it_has_images() -> None:
    rng = np.random.default_rng(3)
    images = [[(int(rng.choice(3, p=[0.9, 0.07, 0.03])), float(rng.random()))] for _ in range(300)]
    ranking = select(Detection(balance=True), objects(images), 30)
    turns = [images[row][0][0] for row in ranking.rows.tolist()]
    available = [sum(objects[0][0] == name for objects in images) for name in range(3)]
    assert min(available) < 10 < max(available)
    assert turns.count(2) == min(available)
    assert abs(turns.count(0) - turns.count(1)) <= 1
