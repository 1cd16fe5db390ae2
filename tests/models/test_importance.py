"""Which metric goes with the errors."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from alrun.models.importance import ENOUGH, importance


def test_a_metric_that_drives_the_errors_comes_first() -> None:
    rng = np.random.default_rng(0)
    x = rng.random(300)
    errors = np.square(1 - x)
    bent = np.abs(x - 0.5)
    metrics = pl.DataFrame({"noise": rng.random(300), "bent": bent, "driver": x, "same": np.ones(300)})
    first, second, third, last = importance(metrics, errors)
    assert [one.metric for one in (first, second, third, last)] == ["driver", "bent", "noise", "same"]
    assert first.spearman == pytest.approx(-1)
    assert first.pearson == pytest.approx(np.corrcoef(x, errors)[0, 1])
    assert third.mutual_information is not None
    assert third.mutual_information < 0.2
    assert (last.mutual_information, last.spearman, last.pearson, last.images) == (None, None, None, 300)


def test_ranks_of_ties_are_shared() -> None:
    """By hand: 0, 1 against 0, 1 in 30 and 0, 1 swapped in 20: phi = (30 - 20) / 50."""
    x = np.tile([0.0, 1.0], 50)
    y = np.concatenate([np.tile([0.0, 1.0], 30), np.tile([1.0, 0.0], 20)])
    (one,) = importance(pl.DataFrame({"x": x}), y)
    assert (one.spearman, one.pearson) == pytest.approx((0.2, 0.2))


@pytest.mark.parametrize("count", [0, 1, ENOUGH - 1])
def test_too_few_images_have_no_figures(count: int) -> None:
    values = np.random.default_rng(0).random(count)
    (one,) = importance(pl.DataFrame({"x": values}, schema={"x": pl.Float64}), values)
    assert (one.images, one.mutual_information, one.spearman, one.pearson) == (count, None, None, None)


def test_missing_values_are_left_out_and_the_rest_is_counted() -> None:
    values = [None, float("nan"), float("inf"), *range(ENOUGH)]
    metrics = pl.DataFrame({"x": values}, schema={"x": pl.Float64}, strict=False)
    (one,) = importance(metrics, np.arange(len(values), dtype=np.float64))
    assert one.images == ENOUGH
    assert one.spearman == pytest.approx(1)


def test_the_same_data_gives_the_same_figures() -> None:
    rng = np.random.default_rng(1)
    metrics, errors = pl.DataFrame({"x": rng.integers(0, 3, 100)}), rng.random(100)
    assert importance(metrics, errors) == importance(metrics, errors)
