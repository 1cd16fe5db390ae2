"""What a whole run costs in requests, by the benchmark that prints the table of the README."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.encord_requests import GOALS, TAGS_GOAL, literal, measure

TAGGING, DROPPING = 3, 2  # create, look up what was created, add; look up, delete
OTHERS = 1  # has another run begun at the same moment: the names of the tags
WRITING = 2  # a listing and the write
TRYING = WRITING + 1  # the first tasks that are moved or ordered are written by themselves, and listed again
UNFINISHED = 2  # is a run unfinished: at the start, and right before the first write
AROUND = 2 + UNFINISHED + 3 + 1  # open; is a run unfinished; snapshot, what was skipped and its tags; are people done


@pytest.mark.parametrize(
    ("recipe", "writes", "tags"),
    [
        # in order: label rows, park, reopen the selection, reopen the rest; three tags, of which two are taken off
        ("documented", 4 * WRITING + TRYING, 3 * TAGGING + OTHERS + 2 + DROPPING),
        ("park", 3 * WRITING + TRYING, TAGGING + OTHERS + DROPPING),
        ("move", 2 * WRITING + TRYING, TAGGING + OTHERS + DROPPING),
        ("priority", TRYING + 1, TAGGING + OTHERS + DROPPING),  # what is complete by the end needs no priority back
    ],
)
def test_a_small_run_takes_the_least_that_each_step_needs(recipe: str, writes: int, tags: int, tmp_path: Path) -> None:
    measured = measure(recipe, 60, 5, tmp_path)
    assert (measured.requests, measured.tags) == (AROUND + writes + tags, tags)


@pytest.mark.slow
@pytest.mark.parametrize("recipe", GOALS)
def test_ten_thousand_tasks_take_as_few_requests_as_promised(recipe: str, tmp_path: Path) -> None:
    measured = measure(recipe, 10_000, 500, tmp_path)
    assert measured.requests - measured.tags <= GOALS[recipe]
    assert measured.tags <= TAGS_GOAL


def test_one_call_a_row_would_take_forty_thousand() -> None:
    assert literal(10_000, 500) == 40_000
