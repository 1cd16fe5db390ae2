"""The words follow the numbers, and may be "no detectable difference"."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from alrun.compare.settings import settings
from alrun.compare.summary import SettingSummary, summarise
from alrun.compare.verdict import verdict, winner
from tests.compare.tables import picks, rows

NO_PICKS = picks({})


def compared(gains: dict[str, float], seeds: int, noise: float, *, label: str = "") -> SettingSummary:
    """Return arms that gain so much over random at the last budget, with noise on each seed."""
    rng = np.random.default_rng(7)
    base = {seed: 0.7 + 0.05 * rng.standard_normal() for seed in range(seeds)}
    curves = {"random": {seed: [0.5, value] for seed, value in base.items()}}
    for arm, gain in gains.items():
        curves[arm] = {seed: [0.5, v + gain + noise * rng.standard_normal()] for seed, v in base.items()}
    table = rows(curves, full=dict.fromkeys(range(seeds), 0.95), label=label)
    [setting] = settings(table)
    return summarise(setting, table, NO_PICKS)


def test_a_clear_gain_and_a_clear_loss_are_said() -> None:
    found = compared({"margin": 0.05, "entropy": -0.05}, 10, 0.002)
    entropy, margin = verdict(found)
    assert margin.startswith("margin is better than random: +0.02")
    assert entropy.startswith("entropy is worse than random: -0.02")
    assert "10 of 10 seeds better" in margin
    assert winner([found]) == "margin"


def test_no_difference_says_what_would_settle_it() -> None:
    [said] = verdict(compared({"margin": 0.001}, 8, 0.03))
    assert said.startswith("margin: no detectable difference from random:")
    assert "With 8 seeds a difference of 0.0" in said
    assert "no reasonable number would detect one as small as the one seen" in said


def test_too_few_seeds_is_said_however_large_the_gain() -> None:
    found = compared({"margin": 0.1}, 3, 0.001)
    said = verdict(found)
    assert said[0].startswith("margin: too few seeds to test against random: +0.0496 mean")
    assert "With 3 seeds no difference could be detected, however large" in said[0]
    assert "; detecting one as large as the one seen takes 6." in said[0]
    assert "fewer than 6" in said[1]
    assert winner([found]) == "random"


def test_a_sentence_is_true_of_a_figure_of_which_less_is_better() -> None:
    """Mean log losses over the budget: 0.45 of random, 0.4 of margin, 0.5 of entropy, each on every seed."""
    table = rows(
        {
            "random": {seed: [0.5, 0.6] for seed in range(8)},
            "margin": {seed: [0.5, 0.7] for seed in range(8)},
            "entropy": {seed: [0.5, 0.5] for seed in range(8)},
        }
    )
    [setting] = settings(table, "log_loss")
    entropy, margin = verdict(summarise(setting, table, NO_PICKS))
    over = "than random's, where lower is better: a gain of"
    assert entropy.startswith(
        f"entropy is worse than random: mean log_loss over the budget 0.0500 higher {over} -0.0500, 95 % interval -0.05"
    )
    assert margin.startswith(
        f"margin is better than random: mean log_loss over the budget 0.0500 lower {over} +0.0500, 95 % interval +0.05"
    )


def test_what_is_the_same_on_every_seed_is_said_to_be() -> None:
    said = verdict(compared({"margin": 0.0}, 6, 0.0))
    assert said == ["margin: no difference from random: the same area on every seed."]


def test_where_random_cannot_be_added_to_the_sweep_another_way_is_named() -> None:
    curves = {f"pipeline first={first}": {0: [0.5, 0.6]} for first in ("margin", "entropy")}
    [setting] = settings(rows(curves))
    [said] = verdict(summarise(setting, rows(curves), NO_PICKS))
    assert said.endswith(
        "run the same command with strategy=random and without the other keys of the strategy, as a sweep of its own, "
        "and compare both with action=compare."
    )


def test_targets_are_counted_on_each_curve_as_it_was_measured() -> None:
    """Margin reaches 0.9 at a cost of 45 beyond where random's curves end, and none of it is interpolated."""
    table = rows({"random": {0: [0.5, 0.7]}, "margin": {0: [0.5, 0.7, 0.95]}}, full={0: 1.0})
    dear = pl.when(pl.col("arm") == "margin").then(pl.col("spent") * 1.5).otherwise("spent")
    table = table.with_columns(spent=dear)  # 10 and 20 of random, 15, 30 and 45 of margin
    [setting] = settings(table, "accuracy", "spent")
    assert (setting.grid.tolist(), setting.end) == ([15, 20], None)
    random, margin = summarise(setting, table, NO_PICKS).arms
    assert margin.targets["90% of all labels"] == (45, 45, 45)
    assert random.targets["random's last"] == (20, 20, 20)
    assert margin.targets["random's last"] == (30, 30, 30)  # 0.7 is paid for at 30, not at 20


def test_the_last_round_of_an_exhausted_pool_is_no_part_of_the_means() -> None:
    table = rows({"random": {0: [0.5, 0.6, 0.6]}}).with_columns(calibration_error=pl.lit(0.2))
    idle = pl.col("round") == 2
    table = table.with_columns(
        pl.when(idle).then(0).otherwise("selected").alias("selected"),
        *(pl.when(idle).then(0.0).otherwise(name).alias(name) for name in ("calibration_error", "seconds.train")),
        labelled=pl.when(idle).then(20).otherwise("labelled"),
    )
    [setting] = settings(table)
    [random] = summarise(setting, table, NO_PICKS).arms
    assert (random.calibration_error, random.train_seconds) == (0.2, 2.0)


def test_the_winner_is_better_in_every_setting() -> None:
    one = compared({"margin": 0.05, "entropy": 0.03}, 10, 0.002, label="dataset=a")
    other = compared({"margin": -0.05, "entropy": 0.03}, 10, 0.002, label="dataset=b")
    assert winner([one]) == "margin"
    assert winner([one, other]) == "entropy"


def test_without_random_nothing_is_claimed() -> None:
    table = rows({"margin": {0: [0.5, 0.6]}, "entropy": {0: [0.5, 0.7]}})
    [setting] = settings(table)
    found = summarise(setting, table, NO_PICKS)
    assert verdict(found) == ["There is no random baseline, so nothing can be said about a gain: add strategy=random."]
    assert winner([found]) is None
    assert [arm.gain for arm in found.arms] == [None, None]


def test_the_summary_has_what_the_report_shows() -> None:
    found = compared({"margin": 0.05}, 10, 0.002)
    random, margin = found.arms
    assert (random.arm, margin.arm) == ("random", "margin")
    assert random.gain is None
    assert random.deficiency == pytest.approx(1)
    assert margin.deficiency is not None
    assert margin.deficiency < 1
    assert set(margin.targets) == {"random's last", "90% of all labels", "95% of all labels", "99% of all labels"}
    assert margin.targets["random's last"][1] == 20
    assert margin.targets["99% of all labels"][1] == np.inf
    assert (margin.select_seconds, margin.train_seconds) == (0.5, 2.0)
    assert found.penalties[1, 0] == 0.5
    assert isinstance(pl.DataFrame(found.overlap), pl.DataFrame)
