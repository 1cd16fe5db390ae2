"""The split by seed."""

from __future__ import annotations

import math
from collections import Counter
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alrun.datasets.split import held_out_count, shares, stratified
from alrun.errors import ConfigError
from alrun.files import digest

classes_of_images = st.lists(st.sampled_from(["cat", "dog", "owl", None]), max_size=60)


def names(count: int) -> list[str]:
    return [digest([i]) for i in range(count)]


@given(classes_of_images, st.integers(0, 60), st.integers(0, 2**32), st.randoms(use_true_random=False))
def test_the_split_is_exact_proportional_and_blind_to_the_order_of_rows(
    classes: list[str | None], wanted: int, seed: int, shuffler: Random
) -> None:
    count = min(wanted, len(classes))
    images = list(zip(names(len(classes)), classes, strict=True))
    drawn = stratified([name for name, _ in images], classes, count, np.random.default_rng(seed))
    assert len(drawn) == count
    assert drawn <= {name for name, _ in images}
    per_class = Counter(found for name, found in images if name in drawn)
    for found, size in Counter(classes).items():
        assert abs(per_class[found] - count * size / len(classes)) < 1
    shuffler.shuffle(images)
    again = stratified([n for n, _ in images], [c for _, c in images], count, np.random.default_rng(seed))
    assert again == drawn


def test_another_seed_draws_others() -> None:
    one, other = (stratified(names(100), ["a"] * 100, 20, np.random.default_rng(seed)) for seed in (0, 1))
    assert one != other


def test_every_image_is_drawn_as_often_as_another() -> None:
    drawn = Counter[str]()
    for seed in range(400):
        drawn.update(stratified(names(10), ["a"] * 4 + ["b"] * 6, 5, np.random.default_rng(seed)))
    assert all(140 < drawn[name] < 260 for name in names(10))  # 200 expected, standard deviation 10


@pytest.mark.parametrize(
    ("sizes", "total", "expected"),
    [
        ({"a": 50, "b": 50}, 10, {"a": 5, "b": 5}),
        ({"a": 1, "b": 1, "c": 1}, 2, {"a": 1, "b": 1, "c": 0}),
        ({"a": 7, "b": 2, "c": 1}, 5, {"a": 4, "b": 1, "c": 0}),  # 3.5, 1, 0.5: the first of equal remainders
        ({"a": 3, "b": 4}, 7, {"a": 3, "b": 4}),
        ({"a": 0}, 0, {"a": 0}),
        ({}, 0, {}),
    ],
)
def test_shares_worked_by_hand(sizes: dict[str, int], total: int, expected: dict[str, int]) -> None:
    assert shares(sizes, total) == expected


@pytest.mark.parametrize(
    ("test_size", "labelled", "expected"),
    [(0, 50, 0), (0.2, 50, 10), (0.5, 5, 3), (0.001, 50, 0), (0.2, 0, 0), (1, 50, 1), (1.0, 50, 1), (50, 50, 50)],
)
def test_test_size_is_a_number_a_share_or_nothing(test_size: float, labelled: int, expected: int) -> None:
    assert held_out_count(test_size, labelled) == expected


@pytest.mark.parametrize("test_size", [51, 1.5, -1, -0.1, math.inf, math.nan])
def test_an_impossible_test_size_is_refused(test_size: float) -> None:
    with pytest.raises(ConfigError, match=r"dataset\.test_size=.*share between 0 and 1"):
        held_out_count(test_size, 50)
