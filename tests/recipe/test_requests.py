"""What a recipe costs: requests for 10,000 tasks, and seconds for 100,000."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.recipe_requests import RECIPES, measure


@pytest.mark.parametrize("name", RECIPES)
def test_requests_for_ten_thousand_tasks_are_what_the_chunks_need(name: str, tmp_path: Path) -> None:
    """Within 10 % of ceil(writes / chunk limit) plus one listing a chunk."""
    measured = measure(name, 10_000, tmp_path)
    assert abs(measured.requests - measured.expected) <= measured.expected / 10


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_a_hundred_thousand_tasks_are_applied_and_restored_in_half_a_minute(name: str, tmp_path: Path) -> None:
    measured = measure(name, 100_000, tmp_path)
    assert measured.apply_seconds + measured.restore_seconds < 30
    assert abs(measured.requests - measured.expected) <= measured.expected / 10
