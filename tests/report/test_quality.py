"""What the report says of imported predictions."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

import polars as pl
from rich.console import Console

from alrun.report.data import RunReport
from alrun.report.page import render
from alrun.report.quality import ImportanceRow, QualityView
from alrun.report.tables import summary
from tests.report.examples import realistic
from tests.report.test_page import Page

FIGURES = ("map", "map_50", "mar", "precision", "recall", "f1")


def report(rounds: int = 1) -> RunReport:
    rows = [(n, 50 * n, 0.4, 0.6, 0.5, 0.9, None, 0.7) for n in range(1, rounds + 1)]
    schema = {"round": pl.Int64, "labelled": pl.Int64} | dict.fromkeys(FIGURES, pl.Float64)
    return replace(
        realistic(rounds=rounds, budget=3),
        curve=pl.DataFrame(rows, schema=schema, orient="row"),
        per_class=pl.DataFrame(
            {"class": ["cat"], "ap": [0.25], "precision": [0.5], "recall": [None], "f1": [0.125], "support": [7]},
            schema_overrides={"recall": pl.Float64},
        ),
        quality=QualityView(
            about="42 labelled objects in 24 held-out images.",
            mistakes=(("cat", "missed", 8), ("background", "cat", 3)),
            importance=(
                ImportanceRow("sharpness", 70, 0.123, -0.456, 0.789),
                ImportanceRow("area", 12, None, None, None),
            ),
            enough=50,
        ),
    )


def test_objects_have_their_own_figures_classes_and_mistakes() -> None:
    text = Page(render(report())).text
    assert "0.400 mAP now" in text
    assert "0.400 mAP 0.600 mAP at IoU 0.5 0.500 mAR 0.900 precision" in text
    assert "- recall" not in text  # a figure without any value is not shown
    assert "Accuracy" not in text
    assert "42 labelled objects in 24 held-out images." in text
    assert "Class AP Precision Recall F1 Objects cat 0.250 0.500 - 0.125 7" in text
    assert "Labelled as Predicted as Times cat missed 8 background cat 3" in text
    assert "sharpness 70 0.123 -0.456 0.789 area 12 - - -" in text


def test_the_curve_has_the_figures_of_objects() -> None:
    text = Page(render(report(rounds=2))).text
    assert "Round Labelled mAP mAP at IoU 0.5 mAR Precision Recall F1 1 50 0.400 0.600 0.500 0.900 - 0.700" in text


def test_the_summary_names_the_same_figures() -> None:
    console = Console(file=StringIO(), width=200)
    summary(report(), console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "mAP 0.400, mAP at IoU 0.5 0.600, mAR 0.500, precision 0.900, recall -, F1 0.700" in text
    assert "Restored     mAP" in text


def test_without_imported_predictions_nothing_is_said_of_them() -> None:
    text = Page(render(replace(report(), quality=None))).text
    assert "Most frequent mistakes" not in text
    assert "What goes with errors" not in text
