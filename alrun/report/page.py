"""`report.html`: one file that reads offline, with everything of it inside."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import polars as pl

from alrun.report import curves, words
from alrun.report import plane as planes
from alrun.report.data import Phase, RunReport
from alrun.report.thumbnails import JPEG, PNG

if TYPE_CHECKING:
    from jinja2 import Environment

OPEN_PICKS = 60
MOST_PICKS = 500
MOST_ROWS = 500
MOST_LEFT_OUT = 10_000


def render(report: RunReport) -> str:
    """Return the page: HTML that refers to nothing outside itself, the same text for the same report.

    Every string of the report is escaped by the template engine, and a content security policy forbids
    scripts and requests should one slip through. A round shows its first 60 picks, collapses those up to 500
    and counts the rest; other lists collapse and are capped at 500 rows alike,
    those of what was left out at 10,000.
    """
    template = environment().get_template("page.html.j2")
    page = template.render(
        report=report,
        stages={**report.stages_before, **report.stages_after},
        panels=curves.learning_curve(report.curve),
        measures=curves.measures(report.curve),
        histogram=curves.histogram,
        balance=curves.balance,
        plane=planes.plane,
        image=data_uri,
        rows=_rows,
        total=_total,
        open_picks=OPEN_PICKS,
        most_picks=MOST_PICKS,
        most_rows=MOST_ROWS,
        most_left_out=MOST_LEFT_OUT,
    )
    return page.lstrip()


def environment() -> Environment:
    """Return the template engine of all pages: it escapes and cleans every value, and knows no value by default."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("alrun.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_clean,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters.update(
        count="{:,}".format,
        number=words.number,
        fraction=words.fraction,
        duration=words.duration,
        shorten=words.shorten,
        uncapitalised=words.uncapitalised,
    )
    return made


def _clean(value: Any) -> Any:
    """Clean what the template is about to write; markup that the template itself made is a str of its own kind."""
    return words.clean(value) if type(value) is str else value


def data_uri(content: bytes | None) -> str | None:
    """Return an image as a data URI; None for anything but a PNG or a JPEG."""
    for start, kind in ((PNG, "png"), (JPEG, "jpeg")):
        if content and content.startswith(start):
            return f"data:image/{kind};base64,{b64encode(content).decode()}"
    return None


def _rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    return frame.to_dicts()


def _total(phases: Iterable[Phase]) -> float:
    return sum(phase.seconds for phase in phases)
