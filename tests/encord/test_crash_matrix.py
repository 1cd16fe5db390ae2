"""Lose, refuse or cut any request of the SDK's, kill the process in the middle of one: the end is the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.encord.disturbed import Case
from tests.recipe.crash_matrix import RECIPES, memory

SAMPLE = 23
"""One case in so many is run by default; it divides neither the number of kinds nor that of requests."""


@pytest.fixture(scope="module", params=RECIPES)
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory(dir=memory()) as folder:
        patch.setenv("NO_PROXY", "127.0.0.1")
        yield Case(request.param, Path(folder))


def test_any_request_may_go_wrong(case: Case) -> None:
    sample = list(case.faults())[::SAMPLE]
    assert len(sample) >= 3
    assert [fault for fault in sample if not case.ends_well(fault)] == []


def test_a_process_that_is_killed_in_the_middle_of_a_write_is_resumed(case: Case) -> None:
    writes = case.writes()
    assert case.ends_well_if_killed(
        writes[len(writes) // 2], "before" if case.name in {"park", "priority"} else "after"
    )


@pytest.mark.slow
def test_every_request_may_go_wrong(case: Case) -> None:
    assert [fault for fault in case.faults() if not case.ends_well(fault)] == []


@pytest.mark.slow
def test_a_process_may_be_killed_in_the_middle_of_many_writes(case: Case) -> None:
    points = [(number, when) for number in case.writes()[::8] for when in ("before", "after")]
    assert [point for point in points if not case.ends_well_if_killed(*point)] == []
