"""Only what can be compared is compared, and the rest is named."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from alrun.compare.settings import settings
from alrun.errors import DataError
from tests.compare.tables import rows


def test_curves_are_paired_by_seed_with_random_first() -> None:
    table = rows(
        {"margin": {1: [0.5, 0.8], 0: [0.4, 0.7]}, "random": {0: [0.4, 0.6], 1: [0.5, 0.6]}}, full={0: 0.9, 1: 0.8}
    )
    [found] = settings(table)
    assert (found.seeds, list(found.arms), found.grid.tolist()) == ((0, 1), ["random", "margin"], [10, 20])
    assert found.arms["margin"].tolist() == [[0.4, 0.7], [0.5, 0.8]]
    assert found.ceiling is not None
    assert found.ceiling.tolist() == [0.9, 0.8]
    assert found.left_out == ()


def test_the_order_of_the_rows_changes_nothing() -> None:
    table = rows({"margin": {0: [0.4, 0.7], 1: [0.5, 0.8]}, "random": {0: [0.4, 0.6], 1: [0.5, 0.6]}})
    [one], [other] = settings(table), settings(table.sample(fraction=1, shuffle=True, seed=3))
    assert {arm: v.tolist() for arm, v in one.arms.items()} == {arm: v.tolist() for arm, v in other.arms.items()}


def test_a_seed_that_an_arm_lacks_is_left_out_of_all_and_named() -> None:
    [found] = settings(rows({"margin": {0: [0.4, 0.7], 1: []}, "random": {0: [0.4, 0.6], 1: [0.5, 0.6]}}))
    assert found.seeds == (0,)
    assert found.left_out == ("margin, seed 1: failed", "seeds 1 as a whole: not every strategy finished them")


def test_a_curve_with_other_budgets_is_interpolated_on_the_common_range() -> None:
    table = rows({"margin": {0: [0.4, 0.6, 0.7]}, "random": {0: [0.4, 0.5]}})
    shifted = table.with_columns(
        pl.when(pl.col("arm") == "random").then(pl.col("labelled") + 5).otherwise(pl.col("labelled")).alias("labelled")
    )
    [found] = settings(shifted)
    assert found.grid.tolist() == [15, 20, 25]
    np.testing.assert_allclose(found.arms["margin"], [[0.5, 0.6, 0.65]])
    np.testing.assert_allclose(found.arms["random"], [[0.4, 0.45, 0.5]])
    [cut] = found.left_out
    assert cut == (
        "all but 15 to 25 labelled images: random (seed 0) began at 15, the first curve at 10; "
        "random (seed 0) ended at 25, the longest curve at 30"
    )


def test_a_job_that_ended_early_cuts_all_curves_and_is_named() -> None:
    long, short = [0.4, 0.5, 0.6], [0.4, 0.6]
    [found] = settings(rows({"random": dict.fromkeys(range(6), long), "margin": dict.fromkeys(range(6), short)}))
    assert (found.grid.tolist(), found.end) == ([10, 20], None)
    [cut] = found.left_out
    assert cut == (
        "all but 10 to 20 labelled images: margin (seed 0), margin (seed 1), margin (seed 2) and 3 more ended at 20, "
        "the longest curve at 30"
    )
    assert [len(y) for arm in ("random", "margin") for _, y in found.measured[arm]] == [3] * 6 + [2] * 6
    assert settings(rows({"random": {0: [0.4, 0.5]}, "margin": {0: [0.4, 0.6]}}))[0].end == 20


def test_no_verdict_rests_on_one_point_of_curves_that_go_on_nor_on_the_initial_set() -> None:
    with pytest.raises(DataError, match=r"only 10 labelled images in common, one point.*margin \(seed 0\) ended at 10"):
        settings(rows({"random": {0: [0.4, 0.5]}, "margin": {0: [0.4]}}))
    with pytest.raises(DataError, match="ended at its initial set, before a strategy chose anything"):
        settings(rows({"random": {0: [0.4]}, "margin": {0: [0.4]}}))
    one_round = rows({"random": {0: [0.4]}, "margin": {0: [0.5]}}).with_columns(pl.col("round") + 1)
    assert settings(one_round)[0].left_out == ()  # one batch each, chosen and evaluated


def test_settings_are_apart_and_ordered() -> None:
    two = pl.concat([rows({"random": {0: [0.5]}}, label=label) for label in ("dataset=b", "dataset=a")])
    assert [found.label for found in settings(two)] == ["dataset=a", "dataset=b"]


def test_nothing_to_compare_is_said() -> None:
    with pytest.raises(DataError, match="no figure 'acuracy'"):
        settings(rows({"random": {0: [0.5]}}), "acuracy")
    with pytest.raises(DataError, match="no job of the sweep is done"):
        settings(rows({"random": {0: []}}))
    with pytest.raises(DataError, match="no seed was finished by every strategy"):
        settings(rows({"random": {0: [0.5]}, "margin": {1: [0.5]}}))
