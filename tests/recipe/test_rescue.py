"""Bringing tasks back when the run folder is gone, from the platform alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from alrun.errors import PlatformError, Refused, StateError, Unavailable
from alrun.platform.writes import AddTag, Complete, Move, RecipeWrite, Reopen, SaveLabels
from alrun.pool.tags import Mirror, read_mirror_tag
from alrun.recipe.base import Recipe
from alrun.recipe.documented import Documented
from alrun.recipe.move import MoveRest
from alrun.recipe.park import ParkRest
from alrun.recipe.priority import SetPriorities
from alrun.recipe.relabel import Relabel
from alrun.recipe.rescue import rescue
from alrun.recipe.testing import ANNOTATOR, LABEL, USER, People, impatient
from alrun.recipe.unfinished import unfinished
from tests.recipe.playground import REST, SELECTED, Playground
from tests.recipe.wire import Moment, Wire


@pytest.fixture(params=[Documented(), ParkRest(), MoveRest()], ids=["documented", "park", "move"])
def play(request: pytest.FixtureRequest, tmp_path: Path) -> Playground:
    recipe: Recipe = request.param
    return Playground(tmp_path, recipe)


def assert_back(play: Playground, *places: int) -> None:
    """Assert that tasks are in their stages again; without the journal their priorities are lost."""
    for place in places:
        assert play.task(place).stage == play.before[place].stage


def test_a_project_without_runs_has_none(play: Playground) -> None:
    play.platform.write(AddTag((play.before[0].ref,), "alrun is nice"))
    assert unfinished(play.platform) == []
    with pytest.raises(StateError, match="has no unfinished run 'run-1': nothing was done"):
        rescue(play.platform, "run-1", impatient())


def test_the_platform_alone_tells_how_many_tasks_of_which_run_are_parked(play: Playground) -> None:
    play.applier().prepare()
    (run,) = unfinished(play.platform)
    assert (run.run_id, run.stages, run.parked, run.only_queue) == ("run-1", ("Annotate 1", "Annotate 2"), 7, False)
    assert f"7 of {run.total} tasks from 'Annotate 1' and 'Annotate 2' are parked" in str(run)


def test_what_is_parked_comes_back_and_what_people_finished_stays(play: Playground) -> None:
    play.applier().prepare()
    people = People(play.platform)
    people.finish([play.task(3)], LABEL)
    people.finish([play.task(1)], None)
    play.platform.act(SaveLabels((play.task(4).ref,), (LABEL,), ANNOTATOR))
    rescued = rescue(play.platform, "run-1", impatient())
    assert_back(play, 7, *(place for place in REST if place != 4))
    assert [play.task(place).stage for place in (3, 1, 4)] == [play.stages[-1]] * 3
    assert rescued.brought_back == 6
    reasons = {item.name: item.reason for item in rescued.left}
    names = [play.before[place].title for place in (3, 1, 4)]
    touched = reasons if isinstance(play.recipe, Documented) else {names[2]: f"{ANNOTATOR} worked on it last"}
    assert reasons == touched
    assert reasons.keys() <= set(names)
    assert str(rescued).startswith("6 tasks are back")
    assert unfinished(play.platform) == []


def test_a_run_that_was_stopped_before_it_parked_anything_only_loses_its_tags(play: Playground) -> None:
    def hook(_: int, request: RecipeWrite | None, moment: Moment) -> None:
        if request is not None and not isinstance(request, AddTag) and moment == "before":
            raise Unavailable("no answer")

    with pytest.raises(Unavailable):
        play.applier(Wire(play.platform, hook)).prepare()
    assert rescue(play.platform, "run-1", impatient()).brought_back == 0
    assert play.platform.tasks() == play.before
    assert unfinished(play.platform) == []


def test_stopped_at_any_request_it_can_be_done_again(play: Playground) -> None:
    """Each write lost, and each answer; the next rescue goes on, and one after the last has nothing to do."""
    play.applier().prepare()
    for number in range(1, 40):
        for when in ("before", "after"):

            def hook(sent: int, _: RecipeWrite | None, moment: Moment, at: int = number, when: str = when) -> None:
                if (sent, moment) == (at, when) or sent > at:
                    raise Unavailable("no answer")

            try:
                rescue(Wire(play.platform, hook), "run-1", impatient())
            except Unavailable:
                continue
            except StateError:
                assert_back(play, *REST, *SELECTED)
                return
    raise AssertionError("it never comes to an end")


def test_the_run_folder_that_turns_up_again_finds_everything_done(play: Playground) -> None:
    play.applier().prepare()
    rescue(play.platform, "run-1", impatient())
    play.applier().restore()
    play.assert_back(*REST)
    assert play.reasons() == {}


def test_somebody_else_can_bring_back_what_a_run_parked(play: Playground) -> None:
    play.applier().prepare()
    other = play.other("bob@example.org")
    assert rescue(other, "run-1", impatient()).brought_back == 7
    other.close()
    assert_back(play, *REST)


def test_a_platform_that_does_not_say_who_moved_a_task_is_believed_by_its_labels(tmp_path: Path) -> None:
    """Then an image that was submitted with nothing looks parked: what only the journal could tell."""
    play = Playground(tmp_path, ParkRest())
    wire = Wire(play.platform, lambda *_: None, records_moves=False)
    play.applier(wire).prepare()
    People(play.platform).finish([play.task(3)], LABEL)
    assert rescue(wire, "run-1", impatient()).brought_back == len(REST)
    assert_back(play, *REST)
    assert play.task(3).stage == play.stages[-1]


def test_a_task_that_the_platform_will_not_take_back_keeps_the_mirror(play: Playground) -> None:
    play.applier().prepare()
    name = play.before[4].data_hash

    def hook(_: int, request: RecipeWrite | None, moment: Moment) -> None:
        if isinstance(request, Move | Reopen) and moment == "before" and name in {r.data_hash for r in request.tasks}:
            raise Refused("that one not")

    with pytest.raises(PlatformError, match=r"1 tasks could not be brought back.*that one not"):
        rescue(Wire(play.platform, hook), "run-1", impatient())
    assert_back(play, *(place for place in REST if place != 4))
    assert [run.parked for run in unfinished(play.platform)] == [1]
    rescue(play.platform, "run-1", impatient())
    assert_back(play, *REST)


def test_somebody_who_acts_meanwhile_is_left_alone(play: Playground) -> None:
    """A label that is saved after the first look keeps its task complete."""
    play.applier().prepare()

    def hook(number: int, _: RecipeWrite | None, moment: Moment) -> None:
        if number == 7 and moment == "before":
            play.platform.act(SaveLabels((play.task(9).ref,), (LABEL,), ANNOTATOR))

    rescued = rescue(Wire(play.platform, hook), "run-1", impatient())
    assert play.task(9).stage == play.stages[-1]
    assert rescued.brought_back == 6
    assert_back(play, *REST[:-1])


def test_a_run_that_only_set_priorities_leaves_them(tmp_path: Path) -> None:
    play = Playground(tmp_path, SetPriorities())
    play.applier().prepare()
    before = play.platform.tasks()
    (run,) = unfinished(play.platform)
    assert (run.only_queue, run.parked, run.total) == (True, 0, 3)
    assert "put 3 tasks first in the queue" in str(run)
    assert rescue(play.platform, "run-1", impatient()).brought_back == 0
    assert play.platform.tasks() == before
    assert unfinished(play.platform) == []


def test_what_was_sent_back_is_complete_again_unless_somebody_took_it_up(tmp_path: Path) -> None:
    play = Playground(tmp_path, Relabel())
    play.applier().prepare()
    (run,) = unfinished(play.platform)
    assert (run.stages, run.parked, run.total) == (("Complete",), 3, 3)
    assert "3 of 3 tasks from 'Complete' are sent back to annotators" in str(run)
    play.platform.act(SaveLabels((play.task(3).ref,), (LABEL,), ANNOTATOR))
    rescued = rescue(play.platform, "run-1", impatient())
    assert [play.task(place).stage for place in SELECTED] == [play.stages[0], *[play.stages[-1]] * 2]
    assert [item.reason for item in rescued.left] == [f"{ANNOTATOR} worked on it last"]
    assert unfinished(play.platform) == []


def test_where_nobody_knows_who_reopened_a_task_it_stays_with_the_annotators(tmp_path: Path) -> None:
    play = Playground(tmp_path, Relabel())
    wire = Wire(play.platform, lambda *_: None, records_moves=False)
    play.applier(wire).prepare()
    rescued = rescue(wire, "run-1", impatient())
    assert (rescued.brought_back, len(rescued.left)) == (0, 3)
    assert [play.task(place).stage for place in SELECTED] == [play.stages[0]] * 3
    assert unfinished(play.platform) == []


def test_runs_are_told_apart(play: Playground) -> None:
    play.applier().prepare()
    theirs = Mirror("run-0", "bob@example.org", "Annotate 1", 1)
    play.platform.write(AddTag((play.task(10).ref,), theirs.name))
    assert [(run.run_id, run.parked) for run in unfinished(play.platform)] == [("run-0", 0), ("run-1", 7)]
    rescue(play.platform, "run-1", impatient())
    assert [run.run_id for run in unfinished(play.platform)] == ["run-0"]


def test_a_stage_that_is_gone_is_named_before_anything_is_done(play: Playground) -> None:
    play.platform.write(AddTag((play.before[0].ref,), Mirror("run-1", USER, "Old\nstage", 1).name))
    play.platform.write(Complete((play.before[11].ref,)))
    before = play.platform.tasks(), play.platform.tags()
    with pytest.raises(StateError, match=r"'Old\\nstage', which the workflow no longer has"):
        rescue(play.platform, "run-1", impatient())
    assert (play.platform.tasks(), play.platform.tags()) == before


@pytest.mark.parametrize("stage", ["Annotate 1", "set the queue", " of x parked from y", "a\nb", ""])
def test_a_mirror_tag_says_what_it_was_made_of(stage: str) -> None:
    mirror = Mirror("2026-01-01_12-00", "a.b+c@example.org", stage, 1)
    assert read_mirror_tag(mirror.name) == mirror
    assert read_mirror_tag(replace(mirror, sent_back=True).name) == replace(mirror, sent_back=True)
    assert read_mirror_tag(replace(mirror, stage=None).name) == replace(mirror, stage=None)
    assert read_mirror_tag(replace(mirror, round=None).name) == replace(mirror, round=None)
    assert read_mirror_tag(f"not {mirror.name}") is None
