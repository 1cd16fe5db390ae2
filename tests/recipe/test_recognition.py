"""A run that would not know its own moves again stops after the first, and never drops the tag that finds them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from alrun.errors import PlatformError, StateError
from alrun.platform.local_platform import LocalPlatform
from alrun.platform.port import Project
from alrun.platform.writes import DropTag, InitialiseLabels, Limits, Move, RecipeWrite, SaveLabels
from alrun.pool.tags import Mirror, read_mirror_tag
from alrun.recipe.apply import Applier
from alrun.recipe.base import Recipe
from alrun.recipe.journal import Journal
from alrun.recipe.move import MoveRest
from alrun.recipe.park import ParkRest
from alrun.recipe.plan import Plan
from alrun.recipe.priority import SetPriorities
from alrun.recipe.rescue import rescue
from alrun.recipe.testing import USER, impatient, make_plan, new_project
from alrun.recipe.unfinished import unfinished
from alrun.types import Label, StageType
from tests.recipe.wire import Wire

TASKS = 40
SELECTED = (3, 1, 7)
PARKED = TASKS - len(SELECTED)
FIRST = 8


class CalledOtherwise(Wire):
    """Says of our user another name than the one in the traces of its moves."""

    name = "alrun@elsewhere"

    def project(self) -> Project:
        return replace(super().project(), user=self.name)


class InCapitals(CalledOtherwise):
    name = USER.upper()


class LabelRowOnMove(Wire):
    """Creates a label row for each task that is moved."""

    def write(self, request: RecipeWrite) -> None:
        super().write(request)
        if isinstance(request, Move):
            self._inner.write(InitialiseLabels(request.tasks))


@pytest.fixture
def platform(tmp_path: Path) -> LocalPlatform:
    return new_project(tmp_path / "project.sqlite", TASKS, Limits())


def applier(plan: Plan, wire: Wire, folder: Path) -> Applier:
    return Applier(plan, wire, Journal(folder / "journal.jsonl", plan), impatient())


def complete(platform: LocalPlatform) -> int:
    done = platform.project().stages[-1].uuid
    return sum(task.stage == done for task in platform.tasks())


@pytest.mark.parametrize(
    ("kind", "recipe", "reason"),
    [
        (CalledOtherwise, ParkRest(), f"{USER} worked on it while it was parked"),
        (CalledOtherwise, MoveRest(), f"{USER} worked on it while it was parked"),
        (LabelRowOnMove, MoveRest(), "a label row was created for it while it was parked.*recipe=move does not work"),
    ],
)
def test_it_stops_after_the_first_tasks_and_they_can_be_brought_back(
    platform: LocalPlatform, tmp_path: Path, kind: type[Wire], recipe: Recipe, reason: str
) -> None:
    wire = kind(platform, lambda *_: None)
    plan = make_plan(recipe, wire, SELECTED)
    for _ in range(2):  # a second attempt moves no more
        with pytest.raises(StateError, match=rf"{reason}.*restore run_id=run-1"):
            applier(plan, wire, tmp_path).prepare()
        assert complete(platform) == FIRST
    assert rescue(platform, "run-1", impatient()).brought_back == FIRST
    assert complete(platform) == 0
    assert not any(platform.tags().values())


def test_a_few_label_rows_do_not_hide_that_moving_creates_the_others(platform: LocalPlatform, tmp_path: Path) -> None:
    """The first tasks that are moved are those without one."""
    platform.write(InitialiseLabels(tuple(task.ref for task in platform.tasks()[::2])))
    wire = LabelRowOnMove(platform, lambda *_: None)
    plan = make_plan(MoveRest(), wire, SELECTED)
    with pytest.raises(StateError, match=r"a label row was created.*restore run_id=run-1`, then use recipe=park"):
        applier(plan, wire, tmp_path).prepare()
    assert complete(platform) == FIRST
    with pytest.raises(
        PlatformError, match=rf"not one of the {FIRST} tasks .*restore run_id=run-1`, then use recipe=p"
    ):
        applier(plan, wire, tmp_path).restore()


def test_what_was_never_moved_is_not_counted_when_a_run_that_was_stopped_is_restored(
    platform: LocalPlatform, tmp_path: Path
) -> None:
    wire = LabelRowOnMove(platform, lambda *_: None)
    plan = make_plan(MoveRest(), wire, SELECTED)
    with pytest.raises(StateError):
        applier(plan, wire, tmp_path).prepare()
    restoring = applier(plan, wire, tmp_path)
    with pytest.raises(PlatformError):
        restoring.restore()
    (outcome,) = (one for one in restoring.outcomes.values() if one.text.startswith("move the rest back"))
    assert (outcome.tasks, outcome.written, outcome.left_alone) == (FIRST, 0, FIRST)


def test_upper_and_lower_case_make_no_other_user(platform: LocalPlatform, tmp_path: Path) -> None:
    wire = InCapitals(platform, lambda *_: None)
    plan = make_plan(ParkRest(), wire, SELECTED)
    applier(plan, wire, tmp_path).prepare()
    assert complete(platform) == PARKED
    applier(plan, wire, tmp_path).restore()
    assert complete(platform) == 0


def test_if_not_one_task_comes_back_the_tag_that_finds_them_is_kept(platform: LocalPlatform, tmp_path: Path) -> None:
    wire = Wire(platform, lambda *_: None)
    plan = make_plan(ParkRest(), wire, SELECTED)
    applier(plan, wire, tmp_path).prepare()
    parked = [task for task in platform.tasks() if task.stage == plan.done_stage]
    platform.act(SaveLabels(tuple(task.ref for task in parked), (Label(),) * PARKED, "robot@example.org"))
    for _ in range(2):
        with pytest.raises(PlatformError, match=rf"not one of the {PARKED} tasks .* its labels were edited"):
            applier(plan, wire, tmp_path).restore()
        assert [run.total for run in unfinished(platform)] == [PARKED]
    with pytest.raises(StateError, match=rf"none of the {PARKED} tasks .* robot@example\.org worked on it last"):
        rescue(platform, "run-1", impatient())
    (tag,) = platform.tags()
    platform.write(DropTag(tag))  # somebody wants them where they are
    applier(plan, wire, tmp_path).restore()
    assert Journal(tmp_path / "journal.jsonl", plan).progress.closed
    assert complete(platform) == PARKED


def test_tasks_are_not_moved_where_completing_may_lead_to_either_of_two_stages(platform: LocalPlatform) -> None:
    class TwoDone(Wire):
        def project(self) -> Project:
            project = super().project()
            archive = replace(project.stages[-1], uuid="archive", title="Archive")
            assert archive.type is StageType.DONE
            return replace(project, stages=(*project.stages, archive))

    wire = TwoDone(platform, lambda *_: None)
    for recipe in (ParkRest(), MoveRest()):
        with pytest.raises(StateError, match=r"2 done stages \(.*Archive\).*recipe=priority"):
            make_plan(recipe, wire, SELECTED)
    assert make_plan(SetPriorities(), wire, SELECTED).selected


@pytest.mark.parametrize("user", ["ann@example.org", "not an email", "key:a/b+c"])
@pytest.mark.parametrize("stage", ["Annotate 1", "parked from hell", None])
def test_whatever_a_user_is_called_the_mirror_can_be_read(user: str, stage: str | None) -> None:
    mirror = Mirror("20261122-1", user, stage, 1)
    assert read_mirror_tag(mirror.name) == mirror
