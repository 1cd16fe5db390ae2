"""Many sweeps are compared as one, and what cannot be compared does not keep the rest from it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from alrun.compare.comparison import compare
from alrun.compare.many import as_one
from alrun.compare.picks import class_shares
from tests.compare.tables import picks, rows

NO_PICKS = picks({})
SEEDS = range(8)


def joined(table: pl.DataFrame, names: Mapping[str, str]) -> pl.DataFrame:
    return as_one(table, NO_PICKS, names)[0]


def flat(gain: float, *, seeds: range = SEEDS) -> dict[int, list[float]]:
    """Return curves that gain so much over 0.5 at 20 labels, nearly the same for each seed."""
    return {seed: [0.5, 0.5 + gain + 0.001 * seed] for seed in seeds}


def test_the_headline_follows_the_verdict() -> None:
    better = compare(rows({"random": flat(0), "margin": flat(0.1)}), NO_PICKS)
    assert (better.winner, better.headline) == ("margin", "margin is better than random.")
    same = compare(rows({"random": flat(0), "margin": flat(0)}), NO_PICKS)
    assert (same.winner, same.headline) == ("random", "No strategy is detectably better than random.")
    alone = compare(rows({"margin": flat(0.1)}), NO_PICKS)
    assert alone.winner is None
    assert "there is no random baseline" in alone.headline
    assert compare(rows({"random": flat(0)}), NO_PICKS).headline == "There is nothing but random to compare."
    assert compare(rows({"random": flat(0)}), NO_PICKS).only_random


def test_the_headline_of_many_settings_says_whether_it_is_so_in_all_in_some_or_in_none() -> None:
    def over(*gains: float) -> str:
        parts = [rows({"random": flat(0), "margin": flat(g)}, label=f"n={n}") for n, g in enumerate(gains)]
        return compare(pl.concat(parts), NO_PICKS).headline

    assert over(0.1, 0.1) == "margin is better than random in all 2 settings."
    assert over(0.1, 0) == "No strategy is detectably better than random in all 2 settings, only in some."
    assert over(0, -0.1) == "In no setting is a strategy detectably better than random."


def test_a_setting_that_failed_is_told_and_the_others_are_compared() -> None:
    broken = rows({"random": {0: []}, "margin": {0: []}}, label="dataset=a")
    found = compare(pl.concat([broken, rows({"random": flat(0), "margin": flat(0.1)}, label="dataset=b")]), NO_PICKS)
    assert [one.label for one in found.settings] == ["dataset=b"]
    [said] = found.impossible
    assert said.startswith("dataset=a: no job of the sweep is done")
    nothing = compare(broken, NO_PICKS)
    assert (nothing.settings, nothing.winner, nothing.headline) == ((), None, "Nothing can be compared yet.")


def test_cost_is_an_axis_of_its_own_only_where_it_differs_from_labels() -> None:
    table = rows({"random": flat(0), "margin": flat(0.1)})
    [same] = compare(table, NO_PICKS).settings
    assert same.other_axis is None
    dear = table.with_columns(pl.when(arm="margin").then(pl.col("spent") * 1.5).otherwise("spent").alias("spent"))
    [one] = compare(dear, NO_PICKS).settings
    assert one.other_axis is not None
    assert (one.summary.setting.grid.tolist(), one.other_axis.grid.tolist()) == ([10, 20], [15, 20])


def test_settings_that_two_sweeps_call_the_same_are_told_apart() -> None:
    one = rows({"random": {0: [0.5]}}, dataset="digits").with_columns(setting=pl.lit("1" * 16))
    two = rows({"random": {0: [0.6]}}, dataset="wdbc").with_columns(setting=pl.lit("2" * 16), job=pl.lit("other"))
    three = two.with_columns(setting=pl.lit("3" * 16), job=pl.lit("third"))
    found = joined(pl.concat([one, two, three]), {})
    assert found["setting_label"].to_list() == ["dataset=digits", "dataset=wdbc (222222)", "dataset=wdbc (333333)"]
    named = joined(pl.concat([one, two, three.with_columns(sweep=pl.lit("t-1"))]), {"t-1": "t"})
    assert named["setting_label"].to_list() == ["dataset=digits", "dataset=wdbc (s)", "dataset=wdbc (t)"]


def test_settings_that_nothing_else_tells_apart_have_the_name_of_their_sweep() -> None:
    parts = [
        rows({"random": {0: [0.5]}}).with_columns(
            setting=pl.lit(digit * 16), sweep=pl.lit(f"{sweep}-{digit}"), job=pl.lit(f"job {digit}")
        )
        for sweep, digit in (("ks", "1"), ("s2", "2"), ("ks", "3"))
    ]
    names = {"ks-1": "ks", "s2-2": "s2", "ks-3": "ks"}
    assert joined(pl.concat(parts[:2]), names)["setting_label"].to_list() == ["ks", "s2"]
    assert joined(pl.concat(parts), names)["setting_label"].to_list() == ["ks (111111)", "s2", "ks (333333)"]
    assert joined(pl.concat(parts), {})["setting_label"].to_list() == ["ks-1", "s2-2", "ks-3"]
    swept = rows({"random": {0: [0.5]}}, label="budget=5")
    assert joined(pl.concat([parts[0], swept]), names)["setting_label"].to_list() == ["ks", "budget=5"]
    assert joined(parts[0], names)["setting_label"].to_list() == [""]  # the only setting needs no name


def test_a_job_of_two_sweeps_counts_once_where_it_is_done() -> None:
    begun = rows({"random": {0: []}}).with_columns(sweep=pl.lit("first"))
    done = rows({"random": {0: [0.5, 0.6]}}).with_columns(sweep=pl.lit("second"))
    found = joined(pl.concat([begun, done, done.with_columns(sweep=pl.lit("third"))]), {})
    assert found["sweep"].to_list() == ["second", "second"]


def named(table: pl.DataFrame, sweep: str) -> pl.DataFrame:
    """Return the same rows as those of another sweep, whose jobs have other digests."""
    return table.with_columns(sweep=pl.lit(sweep), job=pl.format("{} {}", pl.lit(sweep), "job"))


def test_arms_of_one_name_that_compute_different_things_are_told_apart_and_random_stays_one() -> None:
    one = rows({"random": flat(0), "margin": flat(0.1)}, full={0: 0.9})
    last = (pl.col("arm") != "entropy") & (pl.col("seed") == 7) & (pl.col("round") == 1)
    two = named(one, "t").with_columns(accuracy=pl.when(last).then(0.25).otherwise("accuracy"))
    found, said = as_one(pl.concat([one, two]), NO_PICKS, {})
    arms = found.filter(role="job").group_by("arm").len().sort("arm").rows()
    assert arms == [("margin (s)", 16), ("margin (t)", 16), ("random", 16)]
    assert found.filter(role="full_data").height == 1
    differ = "with seed 7, s and t came to different picks or figures."
    assert said[""] == [
        f"random is not the same in all sweeps: {differ} Where several have a seed, the first one counts.",
        f"margin is told apart by sweep: {differ}",
    ]
    [setting] = compare(pl.concat([one, two]), NO_PICKS).settings
    assert set(said[""]) <= set(setting.sentences)
    third = joined(pl.concat([one, two, named(two, "u")]), {}).filter(role="job")
    assert set(third["arm"]) == {"random", "margin (s)", "margin (t)"}  # what came to the same as t is t
    more = joined(pl.concat([one, rows({"margin": flat(0.1, seeds=range(8, 9))}).with_columns(sweep=pl.lit("t"))]), {})
    assert set(more.filter(role="job")["arm"]) == {"margin", "random"}  # further seeds of the same arm are the same arm


def test_jobs_that_only_the_name_of_their_sweep_tells_apart_are_one() -> None:
    """Seeds 0 to 5 of one sweep, 3 to 7 of another: 8 seeds, each once, and margin's test is of one strategy."""
    one = rows({"random": flat(0, seeds=range(6)), "margin": flat(0.1, seeds=range(6))}, full={0: 0.9})
    two = named(
        rows({"random": flat(0, seeds=range(3, 8)), "margin": flat(0.1, seeds=range(3, 8))}, full={0: 0.9}), "t"
    )
    found, said = as_one(pl.concat([one, two]), NO_PICKS, {})
    assert said == {}
    assert found.filter(role="job").group_by("arm").len().sort("arm").rows() == [("margin", 16), ("random", 16)]
    assert found.filter(role="full_data").height == 1
    [setting] = compare(pl.concat([one, two]), NO_PICKS).settings
    assert setting.summary.setting.seeds == tuple(range(8))
    assert setting.summary.arms[1].p_holm == 2 / 2**8


def test_seeds_of_a_strategy_that_is_configured_differently_do_not_join_its_curve() -> None:
    """Sweeps with k=10 and k=30, which nobody swept: with disjoint seeds no result gives that away."""
    one, two, three = (
        rows({"random": flat(0, seeds=seeds), "typiclust": flat(0.1, seeds=seeds)}).with_columns(
            sweep=pl.lit(sweep), strategy_digest=pl.when(arm="typiclust").then(pl.lit(k)).otherwise(pl.lit("random"))
        )
        for sweep, k, seeds in (("s", "10", range(4)), ("t", "30", range(4, 8)), ("u", "10", range(8, 9)))
    )
    found, said = as_one(pl.concat([one, two, three]), NO_PICKS, {})
    arms = found.group_by("arm").agg(pl.col("seed").unique().sort()).sort("arm").rows()
    assert arms == [
        ("random", list(range(9))), ("typiclust (s)", [0, 1, 2, 3, 8]), ("typiclust (t)", [4, 5, 6, 7]),
    ]  # fmt: skip
    differ = "s and t configure it differently, and have no seed in common"
    assert said == {"": [f"typiclust is told apart by sweep: {differ}."]}


def test_jobs_with_the_same_figures_and_other_picks_are_not_one() -> None:
    one = rows({"random": {0: [0.5, 0.6]}, "margin": {0: [0.5, 0.7]}})
    chosen = picks({("random", 0): "ab", ("margin", 0): "ab"})
    other = picks({("random", 0): "ab", ("margin", 0): "bc"})
    both = pl.concat([chosen, named(other, "t")])
    found, said = as_one(pl.concat([one, named(one, "t")]), both, {})
    assert set(found["arm"]) == {"random", "margin (s)", "margin (t)"}
    assert said == {"": ["margin is told apart by sweep: with seed 0, s and t came to different picks or figures."]}


def test_a_hole_of_one_sweep_is_filled_by_another_that_did_the_job_under_another_name() -> None:
    gone = rows({"random": {0: [0.5, 0.6]}, "margin": {0: []}})
    done = named(rows({"random": {0: [0.5, 0.6]}, "margin": {0: [0.5, 0.7]}}), "t")
    found = joined(pl.concat([gone, done]), {})
    assert (
        found.select("arm", "sweep", "status").rows() == [("random", "s", "done")] * 2 + [("margin", "t", "done")] * 2
    )


def test_a_reference_stands_in_every_setting_whose_jobs_name_it() -> None:
    jobs = [rows({"random": {0: [0.5, 0.6]}}, label=f"budget={budget}", reference="full") for budget in (5, 9)]
    own = rows({}, full={0: 0.9}).with_columns(job=pl.lit("full"), setting=pl.lit("of its own"))
    found = compare(pl.concat([*jobs, own]), NO_PICKS)
    assert [one.label for one in found.settings] == ["budget=5", "budget=9"]
    ceilings = [one.summary.setting.ceiling for one in found.settings]
    assert [None if ceiling is None else ceiling.tolist() for ceiling in ceilings] == [[0.9], [0.9]]
    assert found.impossible == ()


def test_the_share_of_each_class_in_what_was_picked() -> None:
    table = rows({"random": {0: [0.5, 0.6, 0.7]}, "margin": {0: [0.5, 0.6]}})
    kind = table.schema["picked_classes"]
    held = [[("a", 99)], [("a", 1), ("b", 2)], [("a", 1)], [("a", 9)], [("b", 2)]]  # the first of an arm is round 0
    counts = [[{"class": name, "images": images} for name, images in row] for row in held]
    table = table.with_columns(pl.Series("picked_classes", counts, dtype=kind))
    classes, shares = class_shares(table, ["random", "margin", "unknown"])
    assert classes == ("b", "a")
    np.testing.assert_allclose(shares, np.array([[0.5, 0.5], [1, 0], [np.nan, np.nan]]))
    nothing = class_shares(rows({"random": {0: [0.5]}}), ["random"])
    assert (nothing[0], nothing[1].shape) == ((), (1, 0))
