"""Where nobody knows whether the platform records moves, either trace is ours, and nothing is risked for that."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from alrun.platform.writes import Approve, Reopen, Submit
from alrun.recipe.base import Recipe
from alrun.recipe.park import ParkRest
from alrun.recipe.rescue import rescue
from alrun.recipe.steps import Park
from alrun.recipe.testing import USER, impatient
from alrun.recipe.unfinished import unfinished
from alrun.recipe.verdict import Case, Verdict, judge
from alrun.types import TaskStatus
from tests.recipe.crash_matrix import RECIPES
from tests.recipe.playground import REST, Playground
from tests.recipe.wire import Wire

ADMIN = "admin@example.org"
EARLIER = (2,)
"""The places of unselected tasks that somebody has acted on before the run."""


def wired(play: Playground, records: bool) -> Wire:
    return Wire(play.platform, lambda *_: None, records_moves=records, known=False)


@pytest.mark.parametrize("records", [True, False])
@pytest.mark.parametrize("name", ["park", "move", "documented"])
def test_what_was_parked_comes_back_whether_or_not_moves_are_recorded(tmp_path: Path, name: str, records: bool) -> None:
    recipe: Recipe = RECIPES[name]
    play = Playground(tmp_path, recipe)
    play.applier(wired(play, records)).prepare()
    parked = [place for place in REST if play.task(place).stage == play.plan.done_stage]
    assert parked == [place for place in REST if place not in EARLIER]
    play.applier(wired(play, records)).restore()
    play.assert_back(*REST)
    assert not any(play.platform.tags().values())


def test_a_task_that_a_person_has_acted_on_stays_in_the_queue_and_the_reason_says_what_to_set(tmp_path: Path) -> None:
    play = Playground(tmp_path, ParkRest())
    play.applier(wired(play, True)).prepare()
    (place,) = EARLIER
    reason = play.reasons()[play.before[place].data_hash]
    assert f"{ADMIN} worked on it earlier" in reason
    assert "set platform.records_moves" in reason


@pytest.mark.parametrize("records", [True, False])
def test_whoever_resubmits_a_parked_task_unedited_is_seen(tmp_path: Path, records: bool) -> None:
    play = Playground(tmp_path, ParkRest())
    play.applier(wired(play, records)).prepare()
    place = next(p for p in REST if p not in EARLIER)
    people = play.other(ADMIN)
    people.write(Reopen((play.task(place).ref,)))
    for _ in range(2):  # the two annotation stages; nothing is labelled
        people.act(Submit((play.task(place).ref,), ADMIN))
    people.act(Approve((play.task(place).ref,), ADMIN))
    assert play.task(place).stage == play.plan.done_stage
    play.applier(wired(play, records)).restore()
    assert play.task(place).stage == play.plan.done_stage
    assert f"{ADMIN} worked on it while it was parked" in play.reasons()[play.before[place].data_hash]
    play.assert_back(*(p for p in REST if p != place))


@pytest.mark.parametrize("records", [True, False])
def test_without_the_run_folder_what_was_parked_comes_back_too(tmp_path: Path, records: bool) -> None:
    play = Playground(tmp_path, ParkRest())
    play.applier(wired(play, records)).prepare()
    (run,) = unfinished(wired(play, records))
    assert run.parked == len(REST) - len(EARLIER)
    rescue(wired(play, records), "run-1", impatient())
    assert all(play.task(place).stage == play.before[place].stage for place in REST)


@pytest.mark.parametrize("earlier", [None, USER, ADMIN])
@pytest.mark.parametrize("records", [True, False])
@pytest.mark.parametrize("person", [None, ADMIN, "ann@example.org"])
def test_no_person_s_act_passes_for_ours_and_none_of_ours_for_a_person_s(
    tmp_path: Path, earlier: str | None, records: bool, person: str | None
) -> None:
    """All there is to know: who had acted before, what the platform does, and who acts while the task is parked."""
    play = Playground(tmp_path, ParkRest())
    plan, row = play.plan, len(play.plan.tasks) - 1
    play.platform.close()
    before = replace(plan.tasks[row], last_actioned_by=earlier, label_hash="row", last_edited_at="then")
    task = replace(
        play.before[-3], task_id=before.task_id, stage=before.stage, last_actioned_by=earlier, label_hash="row",
        last_edited_at="then", priority=before.priority, status=before.status, assignee=None,
    )  # fmt: skip
    case = Case(
        plan, before, task, 0, intended=False, displaced=False, initialised=False, seen=None, records_moves=None
    )
    step = next(step for step in plan.steps if isinstance(step, Park))
    verdict = judge(step, case)
    if verdict is not Verdict.READY:
        assert earlier == ADMIN
        return
    after = person or (USER if records else earlier)
    parked = replace(task, stage=plan.done_stage, last_actioned_by=after, priority=None, status=TaskStatus.COMPLETED)
    announced = case._replace(now=parked, displaced=True, intended=True, seen=("row", "then"))
    assert (judge(step, announced) is Verdict.DONE) == (person is None)
