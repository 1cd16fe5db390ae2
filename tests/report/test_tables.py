from __future__ import annotations

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from alrun.report.data import AgainRow, RunReport, WrittenRow
from alrun.report.tables import summary
from alrun.report.words import clean, duration, fraction, number, shorten
from alrun.types import LeftOut
from tests.report.examples import HOSTILE, hostile, realistic


def printed(report: RunReport, *, terminal: bool = False, width: int = 80) -> str:
    file = StringIO()
    summary(report, Console(file=file, width=width, force_terminal=terminal))
    return file.getvalue()


def test_the_summary_says_what_was_asked_what_came_of_it_where_it_is_and_how_long_it_took() -> None:
    text = printed(realistic())
    for expected in (
        "MNIST-5k, image diversity: done",
        "strategy    diversity (lowest Image Diversity first)",
        "selected    150",
        "restored    11,850 brought back",
        "labelled    150",
        "left out    1 at import, 3 tasks",
        "accuracy 0.755, macro F1 0.735, log loss 0.653",
        "Complete          0     150",
        "2       diversity         50   3,950         50      3,950      0.700",
        "metrics   10.2 s",
        "total     18.4 s",
        "report: outputs/2026-03-01/10-22-31-104233/report.html",
        "note: Nothing was labelled at the start",
    ):
        assert expected in text


def test_it_is_plain_text_of_80_columns_when_it_is_not_for_a_terminal() -> None:
    text = printed(realistic())
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 80


def test_a_plan_has_no_results_to_show() -> None:
    planned = replace(realistic(1), curve=realistic().curve.clear(), rounds=(), phases=(), outputs={}, notes=())
    text = printed(planned)
    assert "learned" not in text
    assert "selected    0" in text


def test_without_an_evaluation_no_figure_is_named() -> None:
    text = printed(replace(realistic(1), curve=realistic().curve.clear()))
    assert "Accuracy" not in text
    assert "Restored" in text


def test_what_is_labelled_again_is_told_by_what_came_back() -> None:
    (section,) = realistic(1).rounds
    text = printed(replace(realistic(1), rounds=(replace(section, again=AgainRow(50, 41, 7, 2)),)))
    for expected in (
        "sent back   50 labelled tasks, to be labelled again",
        "changed     41 came back with another label",
        "unchanged   7 came back with the same label",
        "untouched   2 were answered by nobody",
        "Sent back   Changed   Unchanged",
    ):
        assert expected in text
    assert "restored" not in text.lower()
    waiting = printed(replace(realistic(1), rounds=(replace(section, again=AgainRow(50)),)))
    assert "another label" not in waiting


def test_what_was_written_to_images_is_counted_over_the_rounds_with_the_most_frequent_reasons() -> None:
    first, second = realistic(2).rounds
    alone = tuple(LeftOut(f"{i}.png", "somebody labelled it" if i else "it is gone") for i in range(3))
    rows = (WrittenRow("client metadata", 4000, 3990, 10), WrittenRow("pre-labels", 50, 47, 0, alone))
    rounds = (replace(first, written=rows), replace(second, written=rows[1:]))
    text = " ".join(printed(replace(realistic(2), rounds=rounds)).split())
    assert "client metadata 3,990 of 4,000 images written, 10 had it already" in text
    assert "pre-labels 94 of 100 images written, 6 left alone (4: somebody labelled it; 2: it is gone)" in text


@pytest.mark.parametrize("terminal", [False, True])
def test_hostile_strings_are_printed_and_never_obeyed(terminal: bool) -> None:
    report = hostile()
    text = printed(report, terminal=terminal, width=200)
    assert "[bold red]markup[/bold red] [link=https://evil.example]x[/link] :boom:" in text
    for sequence in ("\x1b[2J", "\x1b]", "\x07", "\x9b", "\x1b]8;"):
        assert sequence not in text
    text.encode()


def test_a_long_path_stays_in_one_piece() -> None:
    path = "/data/" + "/".join(f"folder-{i}" for i in range(30))
    text = printed(replace(realistic(1), outputs={"report.html": path}))
    assert f"report: {path}" in text.splitlines()


def test_clean_keeps_what_people_write_and_replaces_what_machines_obey() -> None:
    assert clean("naïve שלום 👩‍🔬\n\t<b>") == "naïve שלום 👩‍🔬\n\t<b>"
    assert clean("a\x1b[2Jb\x00c\x9bd\x7f\udcff") == "a\ufffd[2Jb\ufffdc\ufffdd\ufffd\ufffd"
    for text in HOSTILE:
        clean(text).encode()


def test_shorten_gives_one_line_of_at_most_the_width() -> None:
    assert shorten("a\nb  c") == "a b c"
    assert shorten("x" * 120) == "x" * 120
    assert shorten("x" * 121) == "x" * 119 + "…"
    assert shorten(" " * 10_000 + "x", 10) == "…"


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (float("nan"), "-"), (float("inf"), "-"), (3.0, "3"), (12345.0, "12,345"), (0.123456, "0.1235"),
     (-2.5e-7, "-2.5e-07"), (1e12, "1e+12")],
)  # fmt: skip
def test_numbers(value: float | None, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.00 s"), (9.994, "9.99 s"), (9.996, "10.0 s"), (59.94, "59.9 s"), (59.96, "1 min 00 s"),
     (3599.4, "59 min 59 s"), (3599.6, "1 h 00 min"), (90000, "25 h 00 min")],
)  # fmt: skip
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_fractions() -> None:
    assert [fraction(v) for v in (None, float("nan"), 0.98765)] == ["-", "-", "0.988"]
