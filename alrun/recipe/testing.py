"""The contract of every recipe, and the small project that it is played on.

A recipe passes by a class of a few lines in its own tests::

    class TestMine(RecipeContract):
        def recipe(self) -> Recipe:
            return Mine()
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from alrun.files import digest
from alrun.platform.local import LocalProject, StageSpec
from alrun.platform.local_platform import LocalPlatform
from alrun.platform.port import Contents, NewImage, Platform
from alrun.platform.retry import Patience
from alrun.platform.writes import Approve, Complete, InitialiseLabels, Limits, Move, SaveLabels, SetPriority, Submit
from alrun.pool.snapshot import take_snapshot
from alrun.pool.tags import read_mirror_tag
from alrun.recipe.apply import Applier
from alrun.recipe.base import Recipe
from alrun.recipe.explain import explain
from alrun.recipe.journal import Journal
from alrun.recipe.plan import Plan, PlanFacts
from alrun.recipe.preflight import preflight
from alrun.recipe.steps import AwaitLabels, RemoveTagForGood
from alrun.types import Answer, Label, Ontology, Pick, Question, QuestionKind, Stage, StageType, Task

USER = "alrun@local"
ANNOTATOR, REVIEWER = "ann@example.org", "rev@example.org"
SMALL_CHUNKS = Limits(listing=4, initialise=3, workflow=3, move=2, priority=3, tag=4)
ONTOLOGY = Ontology(
    objects=("car",),
    questions=(
        Question("weather", QuestionKind.RADIO, ("sun", "rain")),
        Question("on the road", QuestionKind.CHECKLIST, ("ice", "leaves")),
    ),
)
OLD_LABEL = Label((Answer("weather", ("rain",)),))
LABEL = Label((Answer("weather", ("sun",)),))
CHECKLIST = Label((Answer("on the road", ("ice", "leaves")),))
STAGES = (
    StageSpec("Annotate 1", "annotation"),
    StageSpec("Annotate 2", "annotation"),
    StageSpec("Review", "review"),
    StageSpec("Complete", "done"),
)


def new_project(path: Path, tasks: int, limits: Limits = SMALL_CHUNKS) -> LocalPlatform:
    """Create a local project of tasks without pixels: nothing here looks at an image."""
    names = [digest(f"image {number}".encode()) for number in range(tasks)]
    pool = [NewImage(f"{number}.png", name, 8, 8) for number, name in enumerate(names)]
    contents = Contents(digest(names), "Small", ONTOLOGY, path.parent / "images", pool, [])
    LocalProject(path=str(path), stages=STAGES, user=USER).open(path.parent, lambda: contents).close()
    return LocalPlatform(path, USER, limits)


def varied_project(path: Path) -> LocalPlatform:
    """Create a project with some of everything: twelve tasks, of which ten may be planned.

    Of those, two are in the second annotation stage, two have a label row, four have a priority of their own. Of
    the others one is in review and one is complete.
    """
    platform = new_project(path, 12)
    stages = platform.project().stages
    admin = LocalPlatform(path, "admin@example.org")
    refs = [task.ref for task in platform.tasks()]
    admin.write(Move((refs[2], refs[7]), stages[0].uuid, stages[1].uuid))
    admin.write(InitialiseLabels((refs[1], refs[6], refs[10], refs[11])))
    admin.write(SetPriority((refs[0], refs[1], refs[6], refs[7]), (0.9, 0.8, 0.3, 0.25)))
    admin.write(Move((admin.tasks()[10].ref,), stages[0].uuid, stages[2].uuid))
    admin.write(Complete((admin.tasks()[11].ref,)))
    admin.close()
    return platform


def labelled_project(path: Path) -> LocalPlatform:
    """Create a project with some of everything: twelve tasks, of which the first ten are labelled and complete.

    Of the others one is in review and labelled, one waits to be labelled.
    """
    platform = new_project(path, 12)
    refs = tuple(task.ref for task in platform.tasks())
    platform.act(SaveLabels(refs[:11], (OLD_LABEL,) * 11, ANNOTATOR))
    for _ in range(2):
        platform.act(Submit(refs[:11], ANNOTATOR))
    platform.act(Approve(refs[:10], REVIEWER))
    return platform


def project_for(recipe: Recipe, path: Path) -> LocalPlatform:
    """Create the project that a recipe is tested on: ten of its twelve tasks may be planned."""
    return labelled_project(path) if recipe.takes is StageType.DONE else varied_project(path)


def make_plan(recipe: Recipe, platform: Platform, selected: Sequence[int], run_id: str = "run-1") -> Plan:
    """Plan for the tasks at these places of the listing, in this order."""
    snapshot = take_snapshot(platform, impatient())
    tasks, left_out = preflight(snapshot, {task.task_id for task in snapshot.tasks}, recipe.takes)
    picks = [
        Pick(rank, task.task_id, task.data_hash, task.title, 1 / rank, "picked by a test")
        for rank, task in enumerate((snapshot.tasks[place] for place in selected), 1)
    ]
    return recipe.plan(snapshot, tasks, picks, left_out, PlanFacts(run_id, 1, platform.project().user, "config"))


def impatient() -> Patience:
    """Return a patience that never sleeps and gives up after a few tries."""
    now = iter(range(1_000_000))
    return Patience(deadline=20.0, sleep=lambda _: None, clock=lambda: float(next(now)))


@dataclass(frozen=True)
class People:
    """Labels tasks up to the done stage; goes on from wherever it was stopped."""

    platform: LocalPlatform
    annotator: str = ANNOTATOR
    reviewer: str = REVIEWER

    def finish(self, tasks: Sequence[Task], label: Label | None) -> None:
        """Label (unless None: submit with nothing), submit and approve."""
        stages = {stage.uuid: stage.type for stage in self.platform.project().stages}
        for task in tasks:
            while stages[(now := self._listed(task)).stage] is not StageType.DONE:
                if stages[now.stage] is StageType.REVIEW:
                    self.platform.act(Approve((now.ref,), self.reviewer))
                elif label is not None and self._label(now) != label:
                    self.platform.act(SaveLabels((now.ref,), (label,), self.annotator))
                else:
                    self.platform.act(Submit((now.ref,), self.annotator))

    def _label(self, task: Task) -> Label | None:
        return None if task.label_hash is None else self.platform.labels([task.label_hash])[task.label_hash]

    def _listed(self, task: Task) -> Task:
        return self.platform.tasks([task.data_hash])[0]


def served(tasks: Sequence[Task], stages: Sequence[Stage]) -> list[str]:
    """Return data hashes in the order in which annotators are served: by priority, ties by data hash."""
    annotation = {stage.uuid for stage in stages if stage.type is StageType.ANNOTATION}
    queue = [task for task in tasks if task.stage in annotation]
    return [task.data_hash for task in sorted(queue, key=lambda t: (-(t.priority or 0.0), t.data_hash))]


class RecipeContract:
    """What every recipe promises, played on the local platform."""

    selected = (3, 1, 7)

    def recipe(self) -> Recipe:
        """Return the recipe under test."""
        raise NotImplementedError

    def setup_method(self) -> None:
        """Create the project."""
        self._folder = TemporaryDirectory()
        self.folder = Path(self._folder.name)
        self.platform = project_for(self.recipe(), self.folder / "project.sqlite")
        self.before = self.platform.tasks()
        self.labels = self.labels_now()
        self.plan = make_plan(self.recipe(), self.platform, self.selected)
        self.journal = Journal(self.folder / "journal.jsonl", self.plan)

    def teardown_method(self) -> None:
        """Give the project back."""
        self.platform.close()
        self._folder.cleanup()

    def applier(self) -> Applier:
        """Return an applier that continues from the files."""
        return Applier(self.plan, self.platform, Journal(self.folder / "journal.jsonl", self.plan), impatient())

    def labels_now(self) -> dict[str, Label]:
        """Return every label that holds something, by data hash."""
        rows = {task.label_hash: task.data_hash for task in self.platform.tasks() if task.label_hash is not None}
        return {rows[row]: label for row, label in self.platform.labels(list(rows)).items() if not label.empty}

    def picked(self) -> list[Task]:
        """Return the selected tasks by rank, as they are now."""
        tasks = self.platform.tasks()
        return [tasks[place] for place in self.selected]

    def test_planning_is_pure_and_deterministic(self) -> None:
        """The same arguments give the same plan, and nothing is written."""
        again = make_plan(self.recipe(), self.platform, self.selected)
        assert (again, again.digest) == (self.plan, self.plan.digest)
        assert self.platform.tasks() == self.before
        assert self.platform.tags() == {}
        assert not (self.folder / "journal.jsonl").exists()

    def test_a_plan_survives_its_file(self) -> None:
        """Reading what was saved gives the same plan."""
        path = self.folder / "plan.json"
        self.plan.save(path)
        loaded = Plan.load(path)
        assert (loaded, loaded.digest) == (self.plan, self.plan.digest)

    def test_only_tasks_that_passed_preflight_are_planned(self) -> None:
        """The selection comes first and by rank; others are candidates too, each once."""
        planned = [task.data_hash for task in self.plan.tasks]
        assert planned[: len(self.selected)] == [self.before[i].data_hash for i in self.selected]
        assert [task.data_hash for task in self.plan.selected] == planned[: len(self.selected)]
        assert set(planned) <= {task.data_hash for task in self.before[:10]}
        assert len(set(planned)) == len(planned)
        assert len(self.plan.left_out) == 2

    def test_only_tasks_that_a_step_names_are_planned(self) -> None:
        """What happens to any other task does not make the plan outdated."""
        assert {row for step in self.plan.steps for row in step.tasks} == set(range(len(self.plan.tasks)))

    def test_steps_name_tasks_of_the_plan_and_one_awaits_labels(self) -> None:
        """Rows are within the table, each once a step; people are awaited once, for the selection."""
        rows = set(range(len(self.plan.tasks)))
        for step in self.plan.steps:
            assert set(step.tasks) <= rows
            assert len(set(step.tasks)) == len(step.tasks)
        awaited = [step for step in self.plan.steps if isinstance(step, AwaitLabels)]
        assert [step.tasks for step in awaited] == [tuple(range(len(self.selected)))]

    def test_every_step_is_explained_also_one_without_tasks(self) -> None:
        """A plan without a selection or without a rest keeps its steps, and a reader sees that nothing is to do."""
        for selected in ((), tuple(range(10))):
            plan = make_plan(self.recipe(), self.platform, selected)
            lines = explain(plan, self.platform.limits)
            assert all(any(step.text in line for line in lines) for step in plan.steps)
            idle = any(not step.tasks and not isinstance(step, RemoveTagForGood) for step in plan.steps)
            assert any("nothing to do" in line for line in lines) == idle
            assert idle or selected

    def test_the_queue_begins_with_the_selection(self) -> None:
        """Once prepared, annotators are served the selection first; only planned tasks were touched."""
        self.applier().prepare()
        stages = self.platform.project().stages
        first = served(self.platform.tasks(), stages)[: len(self.selected)]
        assert set(first) == {task.data_hash for task in self.picked()}
        assert self.platform.tasks()[10:] == self.before[10:]

    def test_what_the_run_does_is_mirrored_until_it_is_over(self) -> None:
        """The platform alone tells that a run is unfinished, and which."""
        self.applier().prepare()
        mirrors = [read_mirror_tag(name) for name in self.platform.tags()]
        assert {mirror.run_id for mirror in mirrors if mirror is not None} == {"run-1"}
        self.applier().restore()
        assert [name for name in self.platform.tags() if read_mirror_tag(name) is not None] == []

    def test_labelled_tasks_stay_done_and_the_rest_returns(self) -> None:
        """Stages and priorities of the rest are as before; labels are the people's, empty ones included."""
        self.applier().prepare()
        picked = self.picked()
        people = People(self.platform)
        people.finish(picked[:1], LABEL)
        people.finish(picked[1:2], None)
        self.applier().restore()
        after = self.platform.tasks()
        done = self.platform.project().stages[-1].uuid
        for place, (old, new) in enumerate(zip(self.before, after, strict=True)):
            if place in self.selected[:2]:
                assert new.stage == done
            else:
                assert (new.stage, new.priority, new.assignee) == (old.stage, old.priority, old.assignee)
        assert self.labels_now() == {**self.labels, picked[0].data_hash: LABEL}
        assert all(not members for members in self.platform.tags().values())

    def test_preparing_and_restoring_twice_is_the_same_as_once(self) -> None:
        """Whoever runs them again changes nothing and sends nothing but the question which project this is."""
        for half in (Applier.prepare, Applier.restore):
            half(self.applier())
            before, requests = self.platform.tasks(), self.platform.requests
            half(self.applier())
            assert self.platform.requests == requests + 1
            assert self.platform.tasks() == before

    def test_restoring_is_possible_at_any_moment(self) -> None:
        """Stopped before any write, or in the middle of preparing: all returns, and preparing is over for good."""
        import pytest

        from alrun.errors import StateError

        applier = self.applier()
        applier.restore()
        assert self.platform.tasks() == self.before
        with pytest.raises(StateError, match="restoring has begun"):
            self.applier().prepare()

    def test_requests_are_what_was_announced(self) -> None:
        """The explanation's number of requests is the number of requests, undisturbed."""
        announced = next(line for line in explain(self.plan, self.platform.limits) if line.startswith("Requests:"))
        applier = self.applier()
        requests = self.platform.requests
        applier.prepare()
        applier.restore()
        assert f"about {self.platform.requests - requests} " in announced
        assert sum(outcome.requests for outcome in applier.outcomes.values()) == self.platform.requests - requests
