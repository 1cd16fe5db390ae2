"""The same comparison as CSV, as Markdown and on the terminal."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from alrun.compare.comparison import compare
from alrun.report.sweep.columns import costs, powers, results, targets
from alrun.report.sweep.figures import learning_curves, profiles, styles
from alrun.report.sweep.page import render
from alrun.report.sweep.tables import csv_text, markdown, say
from tests.compare.tables import picks, rows
from tests.report.sweeps import hostile, realistic


def hand_worked() -> pl.DataFrame:
    """Two seeds, budgets 10 and 20: random has the areas 0.5 and 0.6, margin 0.6 and 0.9; all labels give 0.9."""
    curves = {"random": {0: [0.4, 0.6], 1: [0.5, 0.7]}, "margin": {0: [0.5, 0.7], 1: [0.8, 1.0]}}
    return rows(curves, full={0: 0.9, 1: 0.9}).with_columns(calibration_error=pl.lit(0.25))


def test_the_csv_has_a_row_for_each_setting_and_arm_with_the_numbers_worked_by_hand() -> None:
    table = pl.read_csv(io.StringIO(csv_text(compare(hand_worked(), picks({})))))
    random, margin = table.to_dicts()
    assert (random["strategy"], margin["strategy"], margin["seeds"], margin["last"]) == ("random", "margin", 2, 20)
    assert random["area"] == pytest.approx(0.55)
    assert margin["area"] == pytest.approx(0.75)
    assert margin["area_spread"] == pytest.approx(0.3 / np.sqrt(2))
    assert random["gain.mean"] is None
    assert margin["gain.mean"] == pytest.approx(0.2)
    assert margin["gain.low"] == pytest.approx(0.2 - 12.7062 * 0.1, abs=1e-4)  # t(0.975, 1) and a standard error of 0.1
    assert (margin["gain.wins"], margin["gain.ties"], margin["gain.losses"], margin["gain.p_holm"]) == (2, 0, 0, 0.5)
    assert margin["deficiency"] == pytest.approx((0.25 + 0.05) / (0.45 + 0.25))
    assert margin["final"] == pytest.approx(0.85)
    assert [margin[f"to.random_s_last.q{share}"] for share in (25, 50, 75)] == [10, 10, 20]
    assert [random[f"to.99_percent_of_all_labels.q{share}"] for share in (25, 50, 75)] == [np.inf] * 3
    assert (margin["calibration_error"], margin["select_seconds"], margin["train_seconds"]) == (0.25, 0.5, 2)
    assert margin["full_data"] == pytest.approx(0.9)
    assert csv_text(realistic().comparison).count("\n") == 1 + 2 * 4


def test_cells_are_rounded_and_what_is_not_known_is_a_dash() -> None:
    [one] = compare(hand_worked(), picks({})).settings
    random, margin = one.summary.arms
    shown = (*results(), *costs(), *powers(one.summary))
    assert [column.cell(random).text for column in shown][:4] == ["0.5500 ± 0.0707", "-", "-", "-"]
    texts = {column.title: column.cell(margin).text for column in shown}
    assert texts["W / T / L"] == "2 / 0 / 0"
    assert (texts["p (Holm)"], texts["Balance"], texts["Query"]) == ("0.5", "-", "0.500 s")
    assert texts["Detectable"] == "none"  # two seeds are too few for the test that decides
    assert texts["Seeds needed"] == "7"  # an effect of 1.41 standard deviations


def test_the_numbers_that_the_seeds_allow_are_the_same_in_every_form() -> None:
    steep = rows({"random": {s: [0.5, 0.5] for s in range(4)}, "margin": {s: [0.5, 0.9 + s / 100] for s in range(4)}})
    comparison = compare(steep, picks({}))
    report = replace(realistic(), comparison=comparison, live=None)
    csv = pl.read_csv(io.StringIO(csv_text(comparison))).row(1, named=True)
    assert (csv["gain.detectable"], csv["gain.seeds_needed"]) == (None, 6)
    file = io.StringIO()
    say(report, Console(file=file, width=400))
    html = re.sub(r"<[^>]*>", "", render(report))
    for text in (markdown(report), file.getvalue(), html):
        found = "With 4 seeds no difference could be detected, however large"
        assert f"{found}; detecting one as large as the one seen takes 6." in text
    assert re.search(r"\| none \| 6 \|$", markdown(report), re.MULTILINE)


def test_where_only_random_was_compared_nothing_more_is_concluded() -> None:
    alone = replace(realistic(), comparison=compare(rows({"random": {0: [0.5, 0.6]}}), picks({})), live=None)
    file = io.StringIO()
    say(alone, Console(file=file, width=80))
    for text in (markdown(alone), file.getvalue(), render(alone)):
        assert "There is nothing but random to compare." in text
        assert "On a real project" not in text


def test_the_markdown_says_the_same_and_shows_strings_as_they_are() -> None:
    text = markdown(realistic())
    for expected in (
        "# first", "- margin is better than random: +0.02", "| Strategy | AUBC | vs random |",
        "| strategy=kcenter seed=6 | failed | the disk is full |",
        "    python -m alrun platform=encord platform.project=HASH strategy=margin", "alrun 0.1.0, numpy 2.4.6",
    ):  # fmt: skip
        assert expected in text
    wild = markdown(hostile())
    assert "\\<script\\>alert(1)\\</script\\>" in wild
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", wild)
    assert {line.count(" | ") for line in wild.splitlines() if line.startswith("| Strategy")} == {12, 4}


@pytest.mark.parametrize("terminal", [False, True])
def test_the_terminal_shows_the_table_the_verdict_and_the_command(terminal: bool) -> None:
    file = io.StringIO()
    say(realistic(), Console(file=file, width=80, force_terminal=terminal))
    text = re.sub(r"\x1b\[[\d;]*m", "", file.getvalue())
    assert max(map(len, text.splitlines())) <= 80
    for expected in (
        "dataset=wdbc", "vs random", "margin is better than random", "8/0/0",
        "No strategy is detectably better than random in all 2 settings, only in some.",
        "  python -m alrun platform=encord platform.project=HASH strategy=margin",
        "sweep.html: multirun/first-1234/sweep.html",
    ):  # fmt: skip
        assert expected in text
    file = io.StringIO()
    say(hostile(), Console(file=file, width=200, force_terminal=terminal))
    assert "[bold red]markup[/bold red]" in file.getvalue()
    assert "\x1b[2J" not in file.getvalue()


def test_curves_lie_where_their_values_do() -> None:
    setting = compare(hand_worked(), picks({})).settings[0].summary.setting
    figure = learning_curves(setting, "labelled", styles(setting.arms))
    random, margin = figure.arms
    assert (random.style, margin.style) == ("random", "a0")
    assert [dot.x for dot in margin.dots] == [0, 100]
    low, high = (float(tick.text) for tick in (figure.y_ticks[0], figure.y_ticks[-1]))
    assert (low, high) == (0.4, 1.0)
    assert [dot.y for dot in margin.dots] == pytest.approx([100 * (1 - 0.65) / 0.6, 100 * (1 - 0.85) / 0.6], abs=0.01)
    assert margin.seeds[0] == "M0.0 833.3L1000.0 500.0"
    assert figure.ceiling is not None
    assert figure.ceiling.y == pytest.approx(100 * 0.1 / 0.6, abs=0.01)
    assert [row.budget for row in figure.rows] == ["10", "20"]
    assert figure.rows[0].values[1] == "0.6500 (0.0000 to 1.0000)"  # t(0.975, 1) is 12.7: all of the range
    assert margin.band == "M0.0 1000.0L1000.0 1000.0L1000.0 0.0L0.0 0.0Z"  # and all of the figure, not more


def test_the_cost_has_its_unit_wherever_it_is_an_axis() -> None:
    dear = hand_worked().with_columns(spent=pl.col("spent") * 1.5)
    report = replace(realistic(), comparison=compare(dear, picks({}), axis="spent"), first=(), unit="minutes")
    assert "over 15 to 30 cost of the labels in minutes" in markdown(report)
    assert "Cost in minutes to reach a target" in markdown(report)
    html = render(report)
    assert "Cost in minutes to reach a target" in html
    assert '<p class="x-title">cost of the labels in minutes</p>' in html
    assert '<p class="x-title">cost of the labels</p>' in render(replace(report, unit=None))


def test_a_target_that_some_did_not_reach_before_they_were_stopped_is_not_said_to_be_beyond_a_budget() -> None:
    curves = {"random": {0: [0.5, 0.7], 1: [0.5, 0.7]}, "margin": {0: [0.5, 0.8, 0.9], 1: [0.5, 0.6]}}
    [one] = compare(rows(curves, full={0: 1.0, 1: 1.0}), picks({})).settings
    [_, ninety, *_] = targets(one.summary)
    random, margin = (ninety.cell(arm) for arm in one.summary.arms)
    assert (random.text, random.note) == ("not reached", "")
    assert (margin.text, margin.note) == ("30", "30 to not reached")
    assert random.value == np.inf


def test_the_profile_steps_where_the_ratio_of_errors_is() -> None:
    better = rows({"random": {0: [0.5, 0.6]}, "margin": {0: [0.5, 0.8]}}, label="a=1")  # ratios 1 and 0.5
    worse = rows({"random": {0: [0.5, 0.6]}, "margin": {0: [0.25, 0.6]}}, label="a=2")  # 1.5 and 1
    found = [one.summary.setting for one in compare(pl.concat([better, worse]), picks({})).settings]
    figure = profiles(found, styles(["margin"]))
    assert figure is not None
    [margin] = figure.arms
    shares = [1 - float(point.split()[1]) / 1000 for point in re.split("[ML]", margin.mean)[1:]]
    assert shares == pytest.approx([0, 0, 0.25, 0.25, 0.5, 0.5, 0.75, 0.75, 1, 1])
    assert figure.even == pytest.approx(50)
    assert profiles(found[:1], styles(["margin"])) is None
