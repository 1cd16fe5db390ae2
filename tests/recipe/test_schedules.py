"""Whatever people, the connection and the process do between any two requests, a recipe keeps its promises."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from alrun.recipe.base import Recipe
from alrun.recipe.testing import project_for
from tests.recipe.crash_matrix import RECIPES, memory
from tests.recipe.world import ENDS, FAULTS, PEOPLE, Event, World

# an event falls on a planned task or, rarely, on one of the two that were left out or on a new one
EVENTS = st.lists(
    st.builds(Event, st.integers(0, 12), st.sampled_from(PEOPLE + FAULTS + ENDS), st.integers(0, 12)), max_size=14
)
FINISHED = st.lists(st.sampled_from((0, 1, 2)), unique=True)
QUICK = settings(max_examples=150, suppress_health_check=list(HealthCheck))
LONG = settings(QUICK, max_examples=2500)
EACH_RECIPE = pytest.mark.parametrize(
    ("template", "name"), [(n, n) for n in RECIPES], ids=RECIPES, indirect=["template"]
)


@pytest.fixture(scope="module")
def template(request: pytest.FixtureRequest) -> Iterator[Path]:
    with TemporaryDirectory(dir=memory()) as folder:
        project_for(RECIPES[request.param], Path(folder) / "project.sqlite").close()
        yield Path(folder)


def keeps_its_promises(
    template: Path, recipe: Recipe, events: list[Event], finish: list[int], **platform: bool
) -> None:
    with TemporaryDirectory(dir=template.parent) as folder:
        world = World(template, Path(folder), recipe, **platform)
        try:
            world.play(events, finish)
            world.check_end()
        finally:
            world.close()


@EACH_RECIPE
@given(events=EVENTS, finish=FINISHED, moves=st.booleans(), saves=st.booleans())
@example([Event(12, "too large", 0), Event(4, "refused", 0)], [], True, True)  # a place in the queue is refused
@QUICK
def test_any_schedule(
    template: Path, name: str, events: list[Event], finish: list[int], moves: bool, saves: bool
) -> None:
    keeps_its_promises(template, RECIPES[name], events, finish, records_moves=moves, records_saves=saves)


@pytest.mark.slow
@EACH_RECIPE
@given(events=EVENTS, finish=FINISHED, moves=st.booleans(), saves=st.booleans())
@LONG
def test_thousands_of_schedules(
    template: Path, name: str, events: list[Event], finish: list[int], moves: bool, saves: bool
) -> None:
    keeps_its_promises(template, RECIPES[name], events, finish, records_moves=moves, records_saves=saves)


@EACH_RECIPE
@given(events=EVENTS, finish=FINISHED, moves=st.booleans(), same=st.booleans())
@settings(QUICK, max_examples=40)
def test_a_platform_of_which_nobody_knows_whether_it_records_moves(
    template: Path, name: str, events: list[Event], finish: list[int], moves: bool, same: bool
) -> None:
    """Also if the person who had acted on some tasks before acts on them again, unedited."""
    keeps_its_promises(template, RECIPES[name], events, finish, records_moves=moves, known=False, same_person=same)


@EACH_RECIPE
@given(events=EVENTS, finish=FINISHED)
@settings(QUICK, max_examples=40)
def test_people_who_use_the_runner_s_own_account(
    template: Path, name: str, events: list[Event], finish: list[int]
) -> None:
    """What they complete looks like parked: the run may stop and say so, but it touches nothing it did not plan to."""
    keeps_its_promises(template, RECIPES[name], events, finish, own_account=True)
