"""`report.html`: one file that reads offline, with everything of it inside."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from typing import Any

import polars as pl

from alrun.report import curves, words
from alrun.report.data import Phase, RunReport
from alrun.report.thumbnails import JPEG, PNG

OPEN_PICKS = 60
MOST_PICKS = 500
MOST_ROWS = 500


def render(report: RunReport) -> str:
    """Return the page: HTML that refers to nothing outside itself, the same text for the same report.

    Every string of the report is escaped by the template engine, and a content security policy forbids
    scripts and requests should one slip through. A round shows its first 60 picks, collapses those up to 500
    and counts the rest; other lists collapse and are capped at 500 rows alike.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("alrun.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_clean,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        count="{:,}".format,
        number=words.number,
        fraction=words.fraction,
        duration=words.duration,
        shorten=words.shorten,
    )
    page = environment.get_template("page.html.j2").render(
        report=report,
        stages={**report.stages_before, **report.stages_after},
        panels=curves.learning_curve(report.curve),
        histogram=curves.histogram,
        balance=curves.balance,
        image=_data_uri,
        rows=_rows,
        total=_total,
        open_picks=OPEN_PICKS,
        most_picks=MOST_PICKS,
        most_rows=MOST_ROWS,
    )
    return page.lstrip()


def _clean(value: Any) -> Any:
    """Clean what the template is about to write; markup that the template itself made is a str of its own kind."""
    return words.clean(value) if type(value) is str else value


def _data_uri(content: bytes | None) -> str | None:
    """Return an image as a data URI; None for anything but a PNG or a JPEG."""
    for start, kind in ((PNG, "png"), (JPEG, "jpeg")):
        if content and content.startswith(start):
            return f"data:image/{kind};base64,{b64encode(content).decode()}"
    return None


def _rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    return frame.to_dicts()


def _total(phases: Iterable[Phase]) -> float:
    return sum(phase.seconds for phase in phases)
