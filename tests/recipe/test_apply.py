"""What applying does when the platform says no, when people are quick, and when the wrong run is continued."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from alrun.errors import PlatformError, RateLimited, Refused, StateError, Unavailable
from alrun.platform.writes import AddTag, Complete, Limits, Move, RecipeWrite, Reopen, SaveLabels, SetPriority, Submit
from alrun.recipe.apply import Applier
from alrun.recipe.documented import Documented
from alrun.recipe.drift import changes
from alrun.recipe.journal import Journal
from alrun.recipe.move import MoveRest
from alrun.recipe.park import ParkRest
from alrun.recipe.priority import SetPriorities
from alrun.recipe.testing import ANNOTATOR, LABEL, impatient, make_plan, new_project
from alrun.recipe.unfinished import unfinished
from alrun.types import Task
from tests.recipe.playground import REST, Playground
from tests.recipe.wire import Moment, Wire


def refusing(play: Playground, kind: type[RecipeWrite], place: int) -> Wire:
    """Return a connection to a platform that refuses any request of a kind that names one task."""

    def hook(_: int, request: RecipeWrite | None, moment: Moment) -> None:
        named = isinstance(request, kind) and play.before[place].data_hash in {r.data_hash for r in request.tasks}
        if named and moment == "before":
            raise Refused("that one not")

    return Wire(play.platform, hook)


def test_a_task_that_the_platform_will_not_complete_is_left_alone_and_all_others_are_parked(tmp_path: Path) -> None:
    play = Playground(tmp_path, ParkRest())
    wire = refusing(play, Complete, 4)
    play.applier(wire).prepare()
    parked = {task.data_hash for task in play.platform.tasks() if task.stage == play.stages[-1]}
    assert parked == {play.before[place].data_hash for place in (*REST, 11) if place != 4}
    assert play.reasons() == {play.before[4].data_hash: "the platform refuses: that one not"}
    play.applier(wire).restore()
    play.assert_back(*REST)


def test_a_task_that_the_platform_will_not_take_back_is_reported_until_it_does(tmp_path: Path) -> None:
    """All others are back, the mirror stays, the run is not over; a later restore brings the last one back."""
    play = Playground(tmp_path, ParkRest())
    play.applier().prepare()
    for _ in range(2):
        with pytest.raises(PlatformError, match=r"1 tasks could not be brought back.*that one not"):
            play.applier(refusing(play, Reopen, 6)).restore()
        play.assert_back(*(place for place in REST if place != 6))
        assert [run.parked for run in unfinished(play.platform)] == [1]
        assert play.applier().parked() == {play.plan.tasks.index(_planned(play, 6))}
    play.applier().restore()
    play.assert_back(*REST)
    assert unfinished(play.platform) == []
    assert Journal(play.journal, play.plan).progress.closed


def test_a_refused_selection_of_the_documented_recipe_ends_preparing_with_an_error(tmp_path: Path) -> None:
    play = Playground(tmp_path, Documented())
    with pytest.raises(PlatformError, match="could not be brought back"):
        play.applier(refusing(play, Reopen, 3)).prepare()
    play.applier().prepare()
    assert play.task(3).stage == play.stages[0]


def test_one_bad_task_costs_a_logarithm_of_requests_not_one_for_each_of_the_others(tmp_path: Path) -> None:
    platform = new_project(tmp_path / "project.sqlite", 129, Limits())
    plan = make_plan(MoveRest(), platform, (128,))
    bad = plan.tasks[77].task_id

    def hook(_: int, request: RecipeWrite | None, moment: Moment) -> None:
        if moment == "before" and isinstance(request, Move) and bad in {ref.task_id for ref in request.tasks}:
            raise Refused("that one not")

    wire = Wire(platform, hook)
    Applier(plan, wire, Journal(tmp_path / "journal.jsonl", plan), impatient()).prepare()
    assert sum(task.stage == plan.done_stage for task in platform.tasks()) == 127
    assert wire.sent < 50
    platform.close()


def _planned(play: Playground, place: int) -> object:
    return next(task for task in play.plan.tasks if task.data_hash == play.before[place].data_hash)


@pytest.mark.parametrize("recipe", [Documented(), ParkRest(), MoveRest(), SetPriorities()], ids=type)
def test_a_deleted_task_stops_nobody_at_any_step(tmp_path: Path, recipe: Documented) -> None:
    """Deleted before, while it is parked, or right before the last tags go."""
    for number, moment in enumerate(("before", "prepared")):
        folder = tmp_path / str(number)
        folder.mkdir()
        play = Playground(folder, recipe)
        if moment == "prepared":
            play.applier().prepare()
        play.platform.delete_tasks((play.task(0).ref, play.task(3).ref))
        play.applier().prepare()
        play.applier().restore()
        play.assert_back(1, 2, 4, 5, 6, 7, 8, 9)
        assert all(not members for members in play.platform.tags().values())


class Doubling(Wire):
    """A project in which one image has been given a second task."""

    image = ""

    def tasks(self, data_hashes: Sequence[str] | None = None) -> list[Task]:
        listed = super().tasks(data_hashes)
        return listed + [replace(task, task_id="second") for task in listed if task.data_hash == self.image]


def test_an_image_that_gets_a_second_task_is_left_alone(tmp_path: Path) -> None:
    play = Playground(tmp_path, ParkRest())
    wire = Doubling(play.platform, lambda *_: None)
    wire.image = play.before[0].data_hash
    play.applier(wire).prepare()
    assert play.task(0) == play.before[0]
    assert play.reasons() == {wire.image: "its image has 2 tasks by now"}


def test_a_parked_image_that_gets_a_second_task_still_comes_back(tmp_path: Path) -> None:
    play = Playground(tmp_path, ParkRest())
    play.applier().prepare()
    wire = Doubling(play.platform, lambda *_: None)
    wire.image = play.before[0].data_hash
    play.applier(wire).restore()
    play.assert_back(*REST)


def test_a_priority_that_somebody_sets_after_a_task_came_back_is_theirs(tmp_path: Path) -> None:
    play = Playground(tmp_path, MoveRest())
    play.applier().prepare()

    def hook(_: int, request: RecipeWrite | None, moment: Moment) -> None:
        if moment == "after" and isinstance(request, Move) and play.task(0).stage == play.stages[0]:
            play.platform.write(SetPriority((play.task(0).ref,), (0.7,)))

    play.applier(Wire(play.platform, hook)).restore()
    assert play.before[0].priority == 0.9
    assert play.task(0).priority == 0.7
    assert play.reasons() == {play.before[0].data_hash: "somebody set its priority to 0.7"}
    play.assert_back(*REST[1:])


def test_a_platform_that_is_silent_for_too_long_ends_the_run_and_resuming_finishes_it(tmp_path: Path) -> None:
    play = Playground(tmp_path, ParkRest())

    def hook(number: int, _: RecipeWrite | None, moment: Moment) -> None:
        if number > 9 and moment == "before":
            raise RateLimited("slower", retry_after=3600.0)

    with pytest.raises(RateLimited):
        play.applier(Wire(play.platform, hook)).prepare()
    play.applier().prepare()
    play.applier().restore()
    play.assert_back(*REST)


def test_a_plan_of_another_project_is_refused(tmp_path: Path) -> None:
    play = Playground(tmp_path, ParkRest())
    other = new_project(tmp_path / "other.sqlite", 3)
    with pytest.raises(StateError, match="the platform shows 'Small'"):
        play.applier(other)
    assert not play.journal.exists()
    other.close()


def test_another_user_is_refused(tmp_path: Path) -> None:
    """What both moved could not be told from what a third person moved."""
    play = Playground(tmp_path, ParkRest())
    other = play.other()
    with pytest.raises(StateError, match="made by alrun@local, but the platform knows this process as admin"):
        play.applier(other)
    other.close()


def test_it_is_said_what_people_changed_since_the_plan_was_made(tmp_path: Path) -> None:
    play = Playground(tmp_path, ParkRest())
    assert changes(play.plan, play.platform, impatient()) == {}
    play.platform.act(SaveLabels((play.task(0).ref,), (LABEL,), ANNOTATOR))
    play.platform.act(Submit((play.task(2).ref,), ANNOTATOR))
    play.platform.delete_tasks((play.task(4).ref,))
    reasons = (f"{ANNOTATOR} worked on it", "it was moved to 'Review'", "it is no longer in the project")
    expected = {play.before[place].task_id: why for place, why in zip((0, 2, 4), reasons, strict=True)}
    assert changes(play.plan, play.platform, impatient()) == expected


def test_a_plan_for_another_workflow_is_refused(tmp_path: Path) -> None:
    play = Playground(tmp_path, ParkRest())
    with pytest.raises(StateError, match="the workflow has changed"):
        changes(replace(play.plan, stages=play.plan.stages[1:]), play.platform, impatient())


def test_what_the_journal_has_lost_is_neither_parked_again_nor_forgotten(tmp_path: Path) -> None:
    """A parked task of which the journal knows nothing stops the run; restoring names it and keeps the mirror."""
    play = Playground(tmp_path, ParkRest())
    play.applier().prepare()
    play.journal.unlink()
    before = play.platform.tasks()
    with pytest.raises(StateError, match="The journal has lost lines"):
        play.applier().prepare()
    with pytest.raises(PlatformError, match="7 tasks could not be brought back"):
        play.applier().restore()
    assert play.platform.tasks() == before
    assert [run.parked for run in unfinished(play.platform)] == [7]


def test_priorities_that_the_journal_has_lost_stop_the_run(tmp_path: Path) -> None:
    """Taken for somebody's, they would never be given back."""
    play = Playground(tmp_path, SetPriorities())
    play.applier().prepare()
    play.journal.unlink()
    before = play.platform.tasks()
    with pytest.raises(StateError, match="The journal has lost lines"):
        play.applier().prepare()
    assert play.platform.tasks() == before


def test_a_task_that_was_left_alone_stays_so_though_it_looks_untouched_again(tmp_path: Path) -> None:
    """Somebody puts a task aside and back between two listings of one chunk."""
    play = Playground(tmp_path, SetPriorities())
    once = [True]

    def hook(_: int, request: RecipeWrite | None, moment: Moment) -> None:
        if isinstance(request, SetPriority) and moment == "before" and once:
            once.clear()
            play.platform.write(SetPriority((play.task(3).ref,), (0.5,)))
            raise Unavailable("no answer")

    play.platform.write(SetPriority((play.task(3).ref,), (0.6,)))
    play.applier(Wire(play.platform, hook)).prepare()
    assert play.task(3).priority == 0.5
    assert play.reasons() == {play.before[3].data_hash: "its priority was changed"}


def test_restoring_what_never_began_leaves_a_tag_of_somebody_s(tmp_path: Path) -> None:
    play = Playground(tmp_path, Documented())
    refs = tuple(play.before[place].ref for place in (0, 3))
    for tag in ("unlabeled", "to label next"):
        play.platform.write(AddTag(refs, tag))
    before = play.platform.tags()
    play.applier().restore()
    assert play.platform.tags() == before


def test_every_step_says_what_it_did(tmp_path: Path) -> None:
    play = Playground(tmp_path, ParkRest())
    applier = play.applier()
    said: list[str] = []
    applier.say = lambda outcome: said.append(f"{outcome.number}: {outcome.written} of {outcome.tasks}")
    applier.prepare()
    applier.restore()
    assert said == [
        "1: 6 of 6", "1: 1 of 1", "2: 6 of 6", "3: 7 of 7", "5: 6 of 6", "5a: 1 of 1", "5b: 2 of 2",
        "6: 0 of 0", "6: 0 of 0",
    ]  # fmt: skip


def test_the_evidence_of_an_unreachable_platform_is_not_needed(tmp_path: Path) -> None:
    """An applier asks which project it is; no answer means that nothing was done."""
    play = Playground(tmp_path, ParkRest())

    def silent(*_: object) -> None:
        raise Unavailable("no answer")

    with pytest.raises(Unavailable):
        Applier(play.plan, Wire(play.platform, silent), Journal(play.journal, play.plan), impatient())
    assert not play.journal.exists()
