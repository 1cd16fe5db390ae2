"""The report says which end of a metric was labelled first, and nothing where the selection went by more than it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.run.harness import play


@pytest.mark.parametrize(
    ("overrides", "end"),
    [
        (("strategy=diversity",), "lowest first"),
        (("strategy=rank", "strategy.metric=brightness", "strategy.first=low"), "lowest first"),
        (("strategy=rank", "strategy.metric=brightness", "strategy.first=high"), "highest first"),
        (("strategy=pipeline", "strategy@strategy.first=diversity", "strategy@strategy.then=random"), None),
    ],
    ids=["diversity", "low", "high", "more than the metric"],
)
def test_the_end_is_that_of_the_selection(
    overrides: tuple[str, ...], end: str | None, tmp_path: Path, cache: Path
) -> None:
    given = ("model=none", "metrics=[brightness,image_diversity]", "budget=7")
    assert play(tmp_path / "run", cache, *overrides, *given) == 0
    page = (tmp_path / "run" / "report.html").read_text()
    found = re.search(r"1,437 candidates, 7 selected(, (lowest|highest) first)?; the selected lie in", page)
    assert found is not None
    assert found[1] == (f", {end}" if end else None)
