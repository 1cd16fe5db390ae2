"""Platforms keep priorities rounded, or not at all: the run knows its own, or stops before it sets the others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alrun.errors import Refused, StateError
from alrun.platform.local_platform import LocalPlatform
from alrun.platform.writes import Approve, Limits, RecipeWrite, SaveLabels, SetPriority, Submit
from alrun.recipe.apply import Applier
from alrun.recipe.base import Recipe
from alrun.recipe.journal import Journal
from alrun.recipe.park import ParkRest
from alrun.recipe.plan import Plan
from alrun.recipe.priority import SetPriorities
from alrun.recipe.relabel import Relabel
from alrun.recipe.testing import ANNOTATOR, OLD_LABEL, REVIEWER, impatient, make_plan, new_project
from alrun.recipe.verdict import ROUNDING, kept
from alrun.types import StageType, Task, TaskStatus
from tests.recipe.wire import Wire
from tests.recipe.world import Killed

TASKS, PICKS, FIRST = 60, 23, 8
RECIPES: dict[str, Recipe] = {"priority": SetPriorities(), "relabel": Relabel()}
Priorities = dict[str, float | None]


class Rounding(Wire):
    """Keeps this many decimals of a priority; none: keeps the earlier priority whatever is set."""

    decimals: int | None = 2

    def write(self, request: RecipeWrite) -> None:
        if isinstance(request, SetPriority):
            if self.decimals is None:
                return
            request = replace(request, priorities=tuple(round(one, self.decimals) for one in request.priorities))
        super().write(request)


class PutsBackNone(Rounding):
    """Refuses the default priority, which is what is put back."""

    decimals = 1

    def write(self, request: RecipeWrite) -> None:
        if isinstance(request, SetPriority) and set(request.priorities) == {0.5}:
            raise Refused("no such priority")
        super().write(request)


def rounding(platform: LocalPlatform, decimals: int | None, killed_at: int = 0) -> Rounding:
    def hook(number: int, _: RecipeWrite | None, moment: str) -> None:
        if (number, moment) == (killed_at, "after"):
            raise Killed

    wire = Rounding(platform, hook)
    wire.decimals = decimals
    return wire


def project(path: Path, recipe: Recipe, tasks: int = TASKS) -> LocalPlatform:
    """Create tasks of which some are so far ahead that they are lowered; for `relabel` all are complete."""
    platform = new_project(path, tasks, Limits())
    refs = tuple(task.ref for task in platform.tasks())
    if recipe.takes is StageType.DONE:
        platform.act(SaveLabels(refs, (OLD_LABEL,) * tasks, ANNOTATOR))
        for _ in range(2):
            platform.act(Submit(refs, ANNOTATOR))
        platform.act(Approve(refs, REVIEWER))
    else:
        platform.write(SetPriority(refs[-9:], (1.0, 0.9, 0.8, 1.0, 0.9, 0.8, 1.0, 0.9, 0.8)))
    return platform


def priorities(platform: LocalPlatform) -> Priorities:
    return {task.data_hash: task.priority for task in platform.tasks()}


def applier(plan: Plan, wire: Wire, folder: Path) -> Applier:
    return Applier(plan, wire, Journal(folder / "journal.jsonl", plan), impatient())


def reasons(plan: Plan, folder: Path) -> dict[str, str]:
    skipped = Journal(folder / "journal.jsonl", plan).progress.skipped.values()
    return {plan.tasks[row].data_hash: why for rows in skipped for row, why in rows.items()}


@pytest.mark.parametrize("decimals", [2, 3])
@pytest.mark.parametrize("name", RECIPES)
def test_a_rounded_priority_is_ours_wherever_the_run_was_killed(name: str, decimals: int, tmp_path: Path) -> None:
    """Killed after each request in turn, a write that is not recorded among them, all is as it was in the end."""
    recipe, number, killed = RECIPES[name], 0, True
    while killed:
        number, folder = number + 1, tmp_path / str(number)
        folder.mkdir()
        platform = project(folder / "project.sqlite", recipe)
        before = platform.tasks()
        plan = make_plan(recipe, rounding(platform, decimals), range(PICKS))
        killed = False
        for at in (number, 0):
            try:
                going_on = applier(plan, rounding(platform, decimals, at), folder)
                if not going_on.journal.progress.restoring:
                    going_on.prepare()
                going_on.restore()
            except Killed:
                killed = True
        assert reasons(plan, folder) == {}
        for old, new in zip(before, platform.tasks(), strict=True):
            assert (new.stage, new.priority) == (old.stage, old.priority)
        assert not any(platform.tags().values())
        platform.close()
    assert number > 10


@pytest.mark.parametrize("name", RECIPES)
def test_a_priority_that_a_person_sets_among_rounded_ones_stays(name: str, tmp_path: Path) -> None:
    recipe = RECIPES[name]
    platform = project(tmp_path / "project.sqlite", recipe)
    plan = make_plan(recipe, rounding(platform, 2), range(PICKS))
    applier(plan, rounding(platform, 2), tmp_path).prepare()
    theirs, theirs_too = (plan.tasks[row] for row in (3, 11))
    here = priorities(platform)
    near = (here[theirs_too.data_hash] or 0.0) + 0.01
    platform.write(SetPriority((theirs.ref(theirs.label_hash), theirs_too.ref(theirs_too.label_hash)), (0.42, near)))
    applier(plan, rounding(platform, 2), tmp_path).restore()
    after = priorities(platform)
    assert (after[theirs.data_hash], after[theirs_too.data_hash]) == (0.42, near)
    assert reasons(plan, tmp_path).keys() == {theirs.data_hash, theirs_too.data_hash}


@pytest.mark.parametrize("decimals", [1, None])
@pytest.mark.parametrize("name", RECIPES)
def test_where_other_priorities_are_kept_it_stops_after_the_first_and_puts_them_back(
    name: str, decimals: int | None, tmp_path: Path
) -> None:
    recipe = RECIPES[name]
    platform = project(tmp_path / "project.sqlite", recipe)
    plan = make_plan(recipe, rounding(platform, decimals), range(PICKS))
    before = priorities(platform)
    queue = dict.fromkeys(before, 0.5) if plan.sends_back else before
    for _ in range(2):  # a second attempt sets no more
        with pytest.raises(StateError, match=r"was set, and it has .*earlier priorities again.*action=restore run="):
            applier(plan, rounding(platform, decimals), tmp_path).prepare()
        now = priorities(platform)
        assert {name: now[name] for name in now if now[name] is not None} == {
            name: queue[name] for name in now if now[name] is not None
        }
    applier(plan, rounding(platform, decimals), tmp_path).restore()
    assert priorities(platform) == before
    assert not any(platform.tags().values())


@pytest.mark.parametrize("picks", [1, 4, 5, 6, 8, 10, 16, 20, 25, 40, 50])
def test_however_long_the_ladder_no_priority_stays_that_one_decimal_changed(picks: int, tmp_path: Path) -> None:
    """At most as many tasks as are too few to tell keep one; a ladder that needs no second decimal is no trouble."""
    platform = project(tmp_path / "project.sqlite", ParkRest())
    platform.write(SetPriority(tuple(task.ref for task in platform.tasks()), (0.5,) * TASKS))
    plan = make_plan(SetPriorities(), rounding(platform, 1), range(picks))
    try:
        applier(plan, rounding(platform, 1), tmp_path).prepare()
    except StateError:
        assert set(priorities(platform).values()) == {0.5}
    applier(plan, rounding(platform, 1), tmp_path).restore()
    assert sum(priority != 0.5 for priority in priorities(platform).values()) <= (4 if picks < 5 else 0)


def test_killed_right_after_the_first_are_set_it_still_stops_there(tmp_path: Path) -> None:
    platform = project(tmp_path / "project.sqlite", ParkRest())
    plan = make_plan(SetPriorities(), rounding(platform, 1), range(PICKS))
    before = priorities(platform)
    writes = iter(range(1, 100))
    killed = next(at for at in writes if _changed_by(plan, platform, tmp_path, at, before))
    assert killed > 1
    for _ in range(3):
        with pytest.raises(StateError, match="are not as set"):
            applier(plan, rounding(platform, 1), tmp_path).prepare()
        now = priorities(platform)
        assert sum(now[name] != before[name] for name in now) <= FIRST


def _changed_by(plan: Plan, platform: LocalPlatform, folder: Path, at: int, before: Priorities) -> bool:
    """Play on a fresh journal until killed after this request; say whether priorities are changed by then."""
    (folder / "journal.jsonl").unlink(missing_ok=True)
    with pytest.raises((Killed, StateError)):
        applier(plan, rounding(platform, 1, at), folder).prepare()
    return priorities(platform) != before


def test_priorities_that_cannot_be_put_back_are_said_to_be_as_they_are(tmp_path: Path) -> None:
    platform = project(tmp_path / "project.sqlite", RECIPES["relabel"])
    wire = PutsBackNone(platform, lambda *_: None)
    plan = make_plan(RECIPES["relabel"], wire, range(PICKS))
    with pytest.raises(StateError, match=r"could not be given their earlier priorities again \(no such priority\)"):
        applier(plan, wire, tmp_path).prepare()


@given(st.floats(0.0, 1.0), st.integers(2, 9), st.floats(0.0, 1.0))
def test_a_priority_is_kept_up_to_rounding_to_two_decimals_and_no_further(
    was: float, decimals: int, now: float
) -> None:
    task = Task("id", "hash", "title", "stage", TaskStatus.NEW, priority=round(was, decimals))
    assert kept(task, was)
    if abs(now - was) > ROUNDING + 1e-5:
        assert not kept(replace(task, priority=now), was)
