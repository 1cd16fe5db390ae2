"""The recipes: the contract, and what is each one's own."""

from __future__ import annotations

from alrun.platform.writes import Assign, Reopen, SaveLabels, Submit
from alrun.recipe.apply import Applier
from alrun.recipe.base import Recipe
from alrun.recipe.documented import Documented
from alrun.recipe.journal import Journal
from alrun.recipe.move import MoveRest
from alrun.recipe.park import ParkRest
from alrun.recipe.priority import SetPriorities
from alrun.recipe.relabel import Relabel
from alrun.recipe.testing import ANNOTATOR, LABEL, OLD_LABEL, People, RecipeContract, impatient, served
from tests.recipe.wire import Wire, set_actors


class TestDocumented(RecipeContract):
    def recipe(self) -> Recipe:
        return Documented()


class TestPark(RecipeContract):
    def recipe(self) -> Recipe:
        return ParkRest()

    def test_the_selection_is_never_touched(self) -> None:
        before = self.picked()
        self.applier().prepare()
        self.applier().restore()
        assert self.picked() == before


class TestMove(RecipeContract):
    def recipe(self) -> Recipe:
        return MoveRest()

    def test_the_selection_is_never_touched_and_no_label_row_is_created(self) -> None:
        before = self.picked()
        rows = [task.label_hash for task in self.before]
        self.applier().prepare()
        self.applier().restore()
        assert self.picked() == before
        assert [task.label_hash for task in self.platform.tasks()] == rows


class TestPriority(RecipeContract):
    def recipe(self) -> Recipe:
        return SetPriorities()

    def test_nothing_moves_and_the_selection_is_served_by_rank(self) -> None:
        self.applier().prepare()
        tasks = self.platform.tasks()
        assert [task.stage for task in tasks] == [task.stage for task in self.before]
        queue = served(tasks, self.platform.project().stages)
        assert queue[: len(self.selected)] == [task.data_hash for task in self.picked()]
        self.applier().restore()
        assert self.platform.tasks() == self.before


class TestRelabel(RecipeContract):
    def recipe(self) -> Recipe:
        return Relabel()

    def test_only_the_selection_moves_and_keeps_its_labels(self) -> None:
        self.applier().prepare()
        moved = [new.data_hash for old, new in zip(self.before, self.platform.tasks(), strict=True) if old != new]
        assert sorted(moved) == sorted(task.data_hash for task in self.picked())
        assert {task.stage for task in self.picked()} == {self.plan.first_stage}
        assert self.labels_now() == self.labels

    def test_the_selection_is_served_by_rank_before_what_waits_to_be_labelled(self) -> None:
        self.applier().prepare()
        queue = served(self.platform.tasks(), self.platform.project().stages)
        assert queue == [*(task.data_hash for task in self.picked()), self.before[11].data_hash]

    def test_what_somebody_has_in_hand_stays_with_them(self) -> None:
        """Assigned, saved but not submitted, or in review: only the untouched task is complete again."""
        self.applier().prepare()
        first, second, third = self.picked()
        self.platform.act(Assign((first.ref,), ANNOTATOR))
        self.platform.act(SaveLabels((second.ref,), (LABEL,), ANNOTATOR))
        self.applier().restore()
        stages = [task.stage for task in self.picked()]
        assert stages == [self.plan.first_stage, self.plan.first_stage, self.plan.done_stage]
        assert self.labels_now() == {**self.labels, second.data_hash: LABEL}
        assert third.data_hash not in {task.data_hash for task in self.platform.tasks() if task.assignee}

    def test_an_edit_shows_also_where_the_platform_names_no_actor(self) -> None:
        """Of a task that was saved but not submitted, the time of the last edit alone tells that it is in hand."""
        wire = Wire(self.platform, lambda *_: None, records_moves=False)
        Applier(self.plan, wire, self.journal, impatient()).prepare()
        first, listed = self.picked()[0], self.platform.tasks()
        self.platform.act(SaveLabels((first.ref,), (LABEL,), ANNOTATOR))
        set_actors(self.folder / "project.sqlite", listed)
        Applier(self.plan, wire, Journal(self.folder / "journal.jsonl", self.plan), impatient()).restore()
        assert [task.stage == self.plan.done_stage for task in self.picked()] == [False, True, True]

    def test_in_review_a_task_has_an_ordinary_place_in_the_queue_again(self) -> None:
        self.applier().prepare()
        first = self.picked()[0]
        for _ in range(2):
            self.platform.act(Submit((first.ref,), ANNOTATOR))
        assert self.picked()[0].priority == 1.0
        self.applier().restore()
        assert self.picked()[0].priority == 0.5
        assert self.platform.project().stages[2].uuid == self.picked()[0].stage

    def test_a_label_that_was_edited_after_planning_is_not_sent_back(self) -> None:
        """Somebody reopened, mended and completed it meanwhile."""
        first = self.picked()[0]
        self.platform.write(Reopen((first.ref,)))
        People(self.platform).finish([first], LABEL)
        self.applier().prepare()
        assert self.picked()[0].stage == self.plan.done_stage
        assert {label for name, label in self.labels_now().items() if name != first.data_hash} == {OLD_LABEL}
