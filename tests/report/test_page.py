from __future__ import annotations

import itertools
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alrun.report.data import AgainRow, PlaneView, RoundSection, RunReport, WrittenRow
from alrun.report.page import MOST_PICKS, render
from alrun.report.words import clean, shorten
from alrun.types import LeftOut, Pick
from tests.report.examples import CURVE, HOSTILE, digits, hostile, png, realistic

VOID = {"meta", "img"}
ATTRIBUTES = {
    "alt", "aria-hidden", "aria-label", "aria-labelledby", "charset", "class", "content", "cx", "cy", "data-unit",
    "decoding", "dy", "height", "href", "http-equiv", "id", "lang", "name", "r", "role", "scope", "src", "start",
    "style", "tabindex", "title", "width", "x", "x1", "x2", "y", "y1", "y2",
}  # fmt: skip


class Page(HTMLParser):
    """The page as a browser would take it apart; fails where a tag is not closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.texts: list[str] = []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def values(self, attribute: str) -> list[str]:
        return [value for _, name, value in self.attributes if name == attribute]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(render(realistic()))


def test_the_selected_images_are_thumbnails_in_rank_order(page: Page) -> None:
    assert page.values("alt")[:3] == [f"mnist/{p.data_hash}.png" for p in realistic().rounds[0].picks[:3]]
    assert page.tags.count("img") == 150
    assert "rank 1 label 4 score 1 rank 2 label 2 score 2" in page.text


def test_it_says_what_was_asked_and_what_came_of_it(page: Page) -> None:
    for expected in (
        "150 selected", "150 labelled", "11,850 restored of 11,850 moved", "0.755 accuracy now",
        "dataset MNIST-5k: 4,000 in the pool, 1,000 held out", "Annotate 1 4,000 3,850", "All 4,000 4,000",
        "6 Reopen what carries `to label next`: the queue is the selection 3,950 4 0.66 s done",
        "Left out of this round: 1", "mnist/00017.png assigned to ann@example.org", "not labelled 50",
        "4,000 candidates, 50 selected, lowest first; the selected lie in 1 to 50", "metrics 3 3.40 s",
        "images/broken.png not an image: truncated after 12 bytes", "numpy 2.4.6", "budget: 50",
    ):  # fmt: skip
        assert expected in page.text


def test_headings_descend_one_level_at_a_time_and_ids_are_unique(page: Page) -> None:
    levels = [int(tag[1]) for tag in page.tags if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    assert {link.removeprefix("#") for link in page.values("href")} <= set(ids)


def test_every_image_figure_and_table_can_be_read_without_seeing_it(page: Page) -> None:
    assert all(page.values("alt"))
    assert page.tags.count("svg") == 3 + 4
    assert page.tags.count("table") == page.tags.count("thead")
    labelled = [value for tag, name, value in page.attributes if (tag, name) == ("svg", "aria-label")]
    assert len(labelled) == page.tags.count("svg")


@pytest.mark.parametrize("report", [realistic(), hostile()], ids=["realistic", "hostile"])
def test_nothing_is_loaded_from_anywhere(report: RunReport) -> None:
    html = render(report)
    page = Page(html)
    assert all(re.fullmatch(r"data:image/(png|jpeg);base64,[A-Za-z0-9+/=]+", src) for src in page.values("src"))
    assert all(href.startswith("#") for href in page.values("href"))
    assert all(re.fullmatch(r"--share:[\d.]+%", style) for style in page.values("style"))
    assert set(page.tags).isdisjoint({"script", "link", "iframe", "object", "embed", "base", "form", "use", "image"})
    css = html[html.index("<style>") : html.index("</style>")]
    assert not re.search(r"url\(|@import|//", css)
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:;" in page.values("content")[0]


def test_hostile_strings_are_text_wherever_they_stand() -> None:
    html = render(hostile())
    html.encode()
    page = Page(html)
    assert {name for _, name, _ in page.attributes} <= ATTRIBUTES
    for text in HOSTILE:
        assert shorten(clean(text)) in page.text or not shorten(clean(text))
    assert "<script>alert(1)</script>" in page.values("title")[0]
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", html)


def tiny(text: str) -> RunReport:
    """Return a small report that has `text` in every kind of place."""
    return RunReport(
        title=text, run_id=text, status=text, command=text, action=text, asked={text: text},
        stages_before={text: 1}, stages_after={}, curve=pl.DataFrame(schema=CURVE), notes=(text,), config_yaml=text,
        rounds=(
            RoundSection(1, text, (Pick(1, text, text, text, 0.5, text),), {text: text}, {text: 1},
                         written=(WrittenRow(text, 3, 1, 1, (LeftOut(text, text),)),),
                         left_out=(LeftOut(text, text),), unread=(LeftOut(text, text),), plane=plane(text)),
        ),
        versions={text: text}, outputs={text: text}, audit=(text,),
    )  # fmt: skip


def plane(text: str) -> PlaneView:
    """Return a labelled and a selected image of the class `text`, and others."""
    places = np.array([[0.0, 1], [2, 3], [4, 5], [6, 7]])
    return PlaneView(places, ("pool", "candidate", "labelled", "selected"), (None, None, text, text), 4)


def test_the_structure_of_the_page_is_the_same_whatever_the_strings() -> None:
    expected = Page(render(tiny("plain")))

    @settings(max_examples=40)
    @given(st.text(st.characters() | st.sampled_from("<>&\"'`={}%#/\\\n\x00\udcff")))
    def check(text: str) -> None:
        page = Page(render(tiny(text)))
        assert page.tags == expected.tags
        assert [(tag, name) for tag, name, _ in page.attributes] == [(t, n) for t, n, _ in expected.attributes]

    check()


def test_what_was_sent_back_and_what_was_written_to_images_is_counted() -> None:
    (section,) = realistic(1).rounds
    alone = (LeftOut("mnist/7.png", "somebody labelled it"),)
    changed = replace(section, again=AgainRow(50, 41, 7, 2), written=(WrittenRow("pre-labels", 50, 48, 1, alone),))
    text = Page(render(replace(realistic(1), rounds=(changed,)))).text
    assert "50 sent back 41 labels changed 7 came back the same, 2 answered by nobody" in text
    assert "41 came back with another label, 7 with the same one, and 2 were answered by nobody" in text
    assert "pre-labels 50 48 1 1 Left out of pre-labels: 1 Name Reason mnist/7.png somebody labelled it" in text
    assert "restored" not in text


def test_without_an_evaluation_no_figure_is_named() -> None:
    page = Page(render(replace(realistic(1), curve=realistic().curve.clear(), per_class=None)))
    assert "accuracy" not in page.text.lower()


def test_the_same_report_gives_the_same_bytes() -> None:
    assert render(realistic()) == render(realistic())


def test_sixty_thumbnails_stay_under_500_kilobytes() -> None:
    html = render(realistic(rounds=1, budget=60))
    assert html.count("<img") == 60
    assert len(html.encode()) < 500_000


def test_a_long_selection_collapses_and_says_how_many_are_not_shown() -> None:
    report = realistic(rounds=1, budget=600)
    page = Page(render(report))
    assert page.tags.count("img") == MOST_PICKS
    assert "Ranks 61 to 500" in page.text
    assert "The first 500 of 600 are shown; selection.csv lists all." in page.text


def test_long_lists_are_capped_with_a_stated_count() -> None:
    items = tuple(LeftOut(f"image {i}", "corrupt") for i in range(10_200))
    many = pl.DataFrame({"class": [f"class {i}" for i in range(1200)], "support": [1] * 1200}).with_columns(
        precision=0.5, recall=0.5, f1=0.5
    )
    page = Page(render(replace(tiny("x"), import_left_out=items, per_class=many)))
    assert "Left out at import: 10,200" in page.text
    assert "The first 10,000 of 10,200 are listed." in page.text
    assert "1,170 more classes" in page.text
    assert "The first 500 of 1,200 are listed." in page.text


def test_a_report_of_nothing_still_says_so() -> None:
    page = Page(render(replace(tiny("x"), rounds=(RoundSection(1, "random", ()),), stages_before={}, asked={})))
    assert "Nothing was selected." in page.text
    assert "No model was evaluated in this run." in page.text
    assert "accuracy now" not in page.text


def test_what_is_not_an_image_is_not_embedded_as_one() -> None:
    report = replace(tiny("x"), thumbnails={"x": b"<svg onload=alert(1)>"})
    assert "img" not in Page(render(report)).tags
    real = replace(tiny("x"), thumbnails={"x": png(digits()[0][0])})
    assert Page(render(real)).tags.count("img") == 1
