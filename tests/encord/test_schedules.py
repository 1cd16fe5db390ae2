"""People, the connection and the process interfere between any two requests of the SDK's: promises are kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alrun.emulator import Emulator, Fault
from alrun.platform.writes import RecipeWrite
from alrun.recipe.base import Recipe
from alrun.recipe.testing import make_plan, project_for
from tests.encord.disturbed import opened_on
from tests.recipe.crash_matrix import RECIPES, memory
from tests.recipe.wire import Moment, Wire
from tests.recipe.world import ENDS, FAULTS, PEOPLE, SELECTED, Event, World

EVENTS = st.lists(
    st.builds(Event, st.integers(0, 12), st.sampled_from(PEOPLE + FAULTS + ENDS), st.integers(0, 12)), max_size=14
)
FINISHED = st.lists(st.sampled_from((0, 1, 2)), unique=True)
QUICK = settings(max_examples=8, suppress_health_check=list(HealthCheck))
LONG = settings(QUICK, max_examples=80)
EACH_RECIPE = pytest.mark.parametrize(
    ("template", "name"), [(n, n) for n in RECIPES], ids=RECIPES, indirect=["template"]
)


ANSWERS = {"slower": 429, "refused": 400, "too large": 413}
"""The statuses that stand for what may happen to a request."""


class WorldBehindTheSdk(World):
    """The recipe goes through the SDK and the emulator; people act, and the test looks, on the project itself.

    What happens to the connection before a request happens to it on the wire.
    """

    def __init__(self, template: Path, folder: Path, recipe: Recipe) -> None:
        super().__init__(template, folder, recipe)
        self.emulator = Emulator(folder / "project.sqlite")
        platform = opened_on(folder, self.emulator)
        self.plan = make_plan(recipe, platform, SELECTED)
        self._wire = Wire(platform, self._moment)
        self._unanswered: RecipeWrite | None = None

    def close(self) -> None:
        super().close()
        self.emulator.close()
        assert self.emulator.bugs == []

    def _moment(self, number: int, request: RecipeWrite | None, moment: Moment) -> None:
        lost, self._unanswered = self._unanswered, None
        if lost is not None and moment == "before":
            self._check_write(lost)  # it was carried out, although its answer never came
        super()._moment(number, request, moment)

    def _break(self, what: str, request: RecipeWrite | None, moment: Moment) -> None:
        if moment == "after":
            super()._break(what, request, moment)
        elif what in ANSWERS:
            self.emulator.fail(Fault("*", "status", status=ANSWERS[what], retry_after=1.0))
        else:
            self._unanswered = request
            self.emulator.fail(Fault("*", "cut", "before" if request is None else "after"))


@pytest.fixture(scope="module")
def template(request: pytest.FixtureRequest) -> Iterator[Path]:
    with TemporaryDirectory(dir=memory()) as folder:
        project_for(RECIPES[request.param], Path(folder) / "project.sqlite").close()
        yield Path(folder)


def keeps_its_promises(template: Path, recipe: Recipe, events: list[Event], finish: list[int]) -> None:
    with TemporaryDirectory(dir=template.parent) as folder:
        world = WorldBehindTheSdk(template, Path(folder), recipe)
        try:
            world.play(events, finish)
            world.check_end()
        finally:
            world.close()


@EACH_RECIPE
@given(events=EVENTS, finish=FINISHED)
@QUICK
def test_any_schedule(template: Path, name: str, events: list[Event], finish: list[int]) -> None:
    keeps_its_promises(template, RECIPES[name], events, finish)


@pytest.mark.slow
@EACH_RECIPE
@given(events=EVENTS, finish=FINISHED)
@LONG
def test_many_schedules(template: Path, name: str, events: list[Event], finish: list[int]) -> None:
    keeps_its_promises(template, RECIPES[name], events, finish)
