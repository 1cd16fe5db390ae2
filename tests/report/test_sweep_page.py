"""`sweep.html`: everything that was compared, offline, with one script that the policy knows by its digest."""

from __future__ import annotations

import itertools
import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alrun.compare.comparison import compare
from alrun.report.sweep.data import SweepReport
from alrun.report.sweep.page import render
from alrun.report.words import clean, shorten
from tests.compare.tables import picks, rows
from tests.report.examples import HOSTILE
from tests.report.sweeps import hostile, realistic, told
from tests.report.test_page import ATTRIBUTES, Page

OF_COMPARISONS = {
    "d", "data-arm", "data-at", "data-axis", "data-numbers", "data-value", "preserveaspectratio", "viewbox",
}  # fmt: skip


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(render(realistic()))


def test_it_says_what_was_compared_and_how_sure_that_is(page: Page) -> None:
    for expected in (
        "No strategy is detectably better than random in all 2 settings, only in some.", "78 of 80 jobs done",
        "4 strategies", "6 to 8 paired seeds", "2 settings", "margin is better than random: +0.02",
        "entropy is worse than random: -0.01", "Left out: kcenter, seed 6: failed.",
        "AUBC = 1 / (x_P - x_1)", "all labels: 0.9500", "random's last", "> 60", "8 / 0 / 0", "Seeds needed",
        "Who beats whom", "Same picks", "Jaccard", "0.33", "cat", "0.60", "Performance profile",
        "strategy=kcenter seed=6 s/jobs/x failed the disk is full", "1 failed, 1 missing", "seed=range(8)", "processes",
        "platform.project=HASH strategy=margin", "numpy 2.4.6", "budget: 10",
    ):  # fmt: skip
        assert expected in page.text, expected


def test_every_arm_has_its_curve_its_band_and_its_seeds_over_labels_and_over_cost() -> None:
    html = render(realistic())
    curves = html.split('id="profile"')[0]
    assert len(re.findall(r'<path class="mean"', curves)) == 4 * 2 * 2
    assert len(re.findall(r'<path class="band"', curves)) == 4 * 2 * 2
    assert len(re.findall(r'<path class="seed"', curves)) == 4 * 2 * (6 + 8)
    assert html.count('data-axis="labelled images"') == html.count('data-axis="cost of the labels"') == 2


def test_the_first_picks_are_shown_and_one_without_an_image_is_blank(page: Page) -> None:
    assert page.tags.count("img") == 4 * 11
    assert page.values("class").count("blank") == 4


def test_holes_are_cells_of_the_overview(page: Page) -> None:
    classes = page.values("class")
    assert (classes.count("done"), classes.count("failed"), classes.count("missing")) == (38, 1, 1)


def test_headings_descend_one_level_at_a_time_and_ids_are_unique(page: Page) -> None:
    levels = [int(tag[1]) for tag in page.tags if re.fullmatch(r"h\d", tag)]
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    assert {link.removeprefix("#") for link in page.values("href")} <= set(ids)
    assert set(page.values("data-numbers")) <= set(ids)


@pytest.mark.parametrize("report", [realistic(), hostile()], ids=["realistic", "hostile"])
def test_nothing_is_loaded_and_only_our_script_may_run(report: SweepReport) -> None:
    html = render(report)
    [script] = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    allowed = b64encode(sha256(script.encode()).digest()).decode()
    page = Page(html)
    assert page.values("content")[0] == (
        f"default-src 'none'; script-src 'sha256-{allowed}'; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    assert page.tags.count("script") == 1
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    assert all(re.fullmatch(r"data:image/(png|jpeg);base64,[A-Za-z0-9+/=]+", src) for src in page.values("src"))
    assert all(href.startswith("#") for href in page.values("href"))
    assert all(re.fullmatch(r"--share:[\d.]+%", style) for style in page.values("style"))
    assert set(page.tags).isdisjoint({"link", "iframe", "object", "embed", "base", "form", "use", "image"})
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval|fetch|import\(", script)


def test_hostile_strings_are_text_wherever_they_stand() -> None:
    html = render(hostile())
    html.encode()
    page = Page(html)
    assert {name for _, name, _ in page.attributes} <= ATTRIBUTES | OF_COMPARISONS
    assert clean(shorten(" ".join(HOSTILE), 2000)) in page.text
    assert "<script>alert(1)</script>" in page.values("data-arm")[0] + page.values("data-arm")[1]
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", html)


def test_the_structure_of_the_page_is_the_same_whatever_the_strings() -> None:
    expected = Page(render(told("plain")))

    @settings(max_examples=15)
    @given(st.text(st.characters() | st.sampled_from("<>&\"'`={}%#/\\\n\x00\udcff"), min_size=1))
    def check(text: str) -> None:
        page = Page(render(told(f"x{text}")))  # not the name of another arm, and not empty
        assert page.tags == expected.tags
        assert [(tag, name) for tag, name, _ in page.attributes] == [(t, n) for t, n, _ in expected.attributes]

    check()


def test_the_same_report_gives_the_same_bytes() -> None:
    assert render(realistic()) == render(realistic())


def test_what_was_not_run_is_said() -> None:
    alone = compare(rows({"margin": {0: [0.5, 0.6]}}), picks({}))
    page = Page(render(replace(realistic(), comparison=alone, first=())))
    assert "Random was not run here" in page.text
    assert "There is no full-data reference for every seed" in page.text
    assert "One seed: no band can be given." in page.text
    assert "over cost of the labels" not in page.text
    nothing = compare(rows({"random": {0: []}}), picks({}))
    page = Page(render(replace(realistic(), comparison=nothing, first=())))
    assert "Nothing can be compared yet." in page.text
    assert "0 of 1 jobs done" in page.text


def test_a_large_comparison_is_capped_with_a_stated_count() -> None:
    many = {"random": {0: [0.5 + k / 1000 for k in range(200)]}} | {f"arm {i}": {0: [0.5, 0.6]} for i in range(30)}
    parts = [rows(many if i == 0 else {"random": {0: [0.5]}}, label=f"n={i:02d}") for i in range(25)]
    gone = rows({"margin": {seed: [] for seed in range(300)}}, label="n=99")
    page = Page(render(replace(realistic(), comparison=compare(pl.concat([*parts, gone]), picks({})), first=())))
    assert "The first 20 of 25 settings are shown; comparison.csv has all." in page.text
    assert "The first 200 of 300 are listed." in page.text
    assert "The first 60 of 300 seeds are shown." in page.text
    assert "a0 dashed" in page.values("class")
    long = compare(rows({"random": many["random"]}), picks({}))
    page = Page(render(replace(realistic(), comparison=long, first=())))
    assert "60 of 200 budgets are shown" in page.text
