"""A run on the small varied project, with what its tests ask of it again and again."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from alrun.platform.local_platform import LocalPlatform
from alrun.platform.port import Platform
from alrun.recipe.apply import Applier
from alrun.recipe.base import Recipe
from alrun.recipe.journal import Journal
from alrun.recipe.plan import Plan
from alrun.recipe.testing import impatient, make_plan, project_for
from alrun.types import Label, Task

SELECTED = (3, 1, 7)
REST = (0, 2, 4, 5, 6, 8, 9)


@dataclass
class Playground:
    """One recipe on one project; places are positions in the listing as it was at the start."""

    folder: Path
    recipe: Recipe
    platform: LocalPlatform = field(init=False)
    plan: Plan = field(init=False)

    def __post_init__(self) -> None:
        self.platform = project_for(self.recipe, self.folder / "project.sqlite")
        self.before = self.platform.tasks()
        self.stages = [stage.uuid for stage in self.platform.project().stages]
        self.plan = make_plan(self.recipe, self.platform, SELECTED)

    @property
    def journal(self) -> Path:
        return self.folder / "journal.jsonl"

    def applier(self, platform: Platform | None = None) -> Applier:
        """Continue from the files, in a new process as it were."""
        return Applier(self.plan, platform or self.platform, Journal(self.journal, self.plan), impatient())

    def task(self, place: int) -> Task:
        return next(t for t in self.platform.tasks() if t.data_hash == self.before[place].data_hash)

    def other(self, user: str = "admin@example.org") -> LocalPlatform:
        return LocalPlatform(self.folder / "project.sqlite", user)

    def label(self, place: int) -> Label:
        name = self.task(place).label_hash
        return Label() if name is None else self.platform.labels([name])[name]

    def reasons(self) -> dict[str, str]:
        """Return why tasks were left alone, by data hash."""
        skipped = Journal(self.journal, self.plan).progress.skipped.values()
        return {self.plan.tasks[row].data_hash: why for rows in skipped for row, why in rows.items()}

    def assert_back(self, *places: int) -> None:
        """Assert that tasks are in the stage and have the priority that they had."""
        for place in places:
            old, new = self.before[place], self.task(place)
            assert (new.stage, new.priority) == (old.stage, old.priority)
