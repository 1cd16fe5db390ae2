"""The four recipes: the contract, and what is each one's own."""

from __future__ import annotations

from alrun.recipe.base import Recipe
from alrun.recipe.documented import Documented
from alrun.recipe.move import MoveRest
from alrun.recipe.park import ParkRest
from alrun.recipe.priority import SetPriorities
from alrun.recipe.testing import RecipeContract, served


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
