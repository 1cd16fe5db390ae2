"""The local platform and a plain model, side by side through random work: they never differ."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from alrun.errors import Refused
from alrun.platform.local import LocalProject, StageSpec
from alrun.platform.port import Contents
from alrun.platform.testing import LABEL, small_contents
from alrun.platform.writes import (
    AddTag,
    Approve,
    Assign,
    Complete,
    DropTag,
    InitialiseLabels,
    Move,
    PeopleWrite,
    RecipeWrite,
    Reject,
    Release,
    RemoveTag,
    Reopen,
    SaveLabels,
    SetPriority,
    Skip,
    Submit,
)
from alrun.types import Answer, Label, Task, TaskRef
from tests.platform.model import Model

STAGES = (
    StageSpec("First", "annotation"),
    StageSpec("Second", "annotation"),
    StageSpec("Check", "review"),
    StageSpec("Last check", "review"),
    StageSpec("End", "done"),
)
FITTING = (LABEL, Label(), Label(LABEL.answers), Label(objects=LABEL.objects))
UNFIT = Label((Answer("weather", ("snow",)),))
IMAGES = 8
POOL = 5

places = st.lists(st.integers(0, IMAGES - 1), max_size=5, unique=True)
some = places | st.integers(0, POOL - 1).map(lambda place: [place]) | st.just([1, 1])
fresh = st.sampled_from((True, True, True, False))
people = st.sampled_from(("ann@example.org", "bob@example.org"))
tags = st.sampled_from(("red", "green"))
stages = st.integers(0, len(STAGES) - 1)


class Workflow(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.temporary = TemporaryDirectory()
        folder = Path(self.temporary.name)
        contents = small_contents(folder / "images", POOL, 1)
        self.all = small_contents(folder / "images", IMAGES, 0).pool
        self.hashes = [str(UUID(hex=image.digest)) for image in self.all]
        self.source = LocalProject(str(folder / "project.sqlite"), stages=STAGES)
        self.platform = self.source.open(folder, lambda: contents)
        project = self.platform.project()
        self.uuids = [stage.uuid for stage in project.stages]
        self.task_ids = {task.data_hash: task.task_id for task in self.platform.tasks()}
        self.label_hashes: dict[str, str] = {}
        self.edited: dict[str, tuple[int, str]] = {}
        reserved = frozenset(example.image.data_hash for example in self.platform.held_out())
        kinds = [stage.type for stage in STAGES]
        self.model = Model(kinds, self.uuids, project.user, lambda label: label in FITTING, reserved)
        self.model.add([(self.hashes[place], self.all[place]) for place in range(POOL)])

    def refs(self, chosen: Sequence[int], fresh: bool) -> tuple[TaskRef, ...]:
        """Name tasks as they were last listed, or as before they had label rows; some do not exist."""
        hashes = [self.hashes[place] for place in chosen]
        known = self.label_hashes if fresh else {}
        return tuple(TaskRef(self.task_ids.get(name, f"no {name}"), name, known.get(name)) for name in hashes)

    def both(self, request: RecipeWrite | PeopleWrite) -> None:
        """Send a request to both; both carry it out or both refuse."""
        try:
            self.model.apply(request)
        except Refused:
            with pytest.raises(Refused):
                self.send(request)
        else:
            self.send(request)

    def send(self, request: RecipeWrite | PeopleWrite) -> None:
        if isinstance(request, RecipeWrite):
            self.platform.write(request)
        else:
            self.platform.act(request)

    @rule(chosen=some, fresh=fresh, kind=st.sampled_from((InitialiseLabels, Complete, Reopen, Release)))
    def by_tasks(
        self, chosen: list[int], fresh: bool, kind: type[InitialiseLabels | Complete | Reopen | Release]
    ) -> None:
        self.both(kind(self.refs(chosen, fresh)))

    @rule(chosen=some, fresh=fresh, who=people, kind=st.sampled_from((Skip, Submit, Approve, Reject, Assign)))
    def by_a_person(
        self, chosen: list[int], fresh: bool, who: str, kind: type[Skip | Submit | Approve | Reject | Assign]
    ) -> None:
        self.both(kind(self.refs(chosen, fresh), who))

    @rule(stage=stages, who=people, kind=st.sampled_from((Submit, Approve, Reject)))
    def by_a_person_with_all_of_a_stage(self, stage: int, who: str, kind: type[Submit | Approve | Reject]) -> None:
        self.both(kind(self.refs(self.all_in(stage), True), who))

    @rule(chosen=some, origin=stages, destination=stages)
    def move(self, chosen: list[int], origin: int, destination: int) -> None:
        self.both(Move(self.refs(chosen, True), self.uuids[origin], self.uuids[destination]))

    @rule(origin=stages, destination=stages)
    def move_all_of_a_stage(self, origin: int, destination: int) -> None:
        refs = self.refs(self.all_in(origin), True)
        self.both(Move(refs, self.uuids[origin], self.uuids[destination]))

    @rule(chosen=some, level=st.floats(0, 1) | st.sampled_from((-0.5, 1.5)), missing=st.integers(0, 1))
    def set_priority(self, chosen: list[int], level: float, missing: int) -> None:
        self.both(SetPriority(self.refs(chosen, True), (level,) * (len(chosen) - missing)))

    @rule(chosen=some, labels=st.lists(st.sampled_from((*FITTING, *FITTING, UNFIT)), min_size=5), who=people)
    def save(self, chosen: list[int], labels: list[Label], who: str) -> None:
        self.both(SaveLabels(self.refs(chosen, True), tuple(labels[: len(chosen)]), who))

    @rule(chosen=some, name=tags, kind=st.sampled_from((AddTag, AddTag, RemoveTag)))
    def tag(self, chosen: list[int], name: str, kind: type[AddTag | RemoveTag]) -> None:
        self.both(kind(self.refs(chosen, True), name))

    @rule(name=tags)
    def drop_tag(self, name: str) -> None:
        self.both(DropTag(name))

    @rule(chosen=places)
    def add(self, chosen: list[int]) -> None:
        try:
            self.model.add([(self.hashes[place], self.all[place]) for place in chosen])
        except Refused:
            with pytest.raises(Refused):
                self.platform.add_images([self.all[place] for place in chosen])
        else:
            self.platform.add_images([self.all[place] for place in chosen])

    @rule(chosen=places.filter(lambda chosen: len(chosen) < 3))
    def delete(self, chosen: list[int]) -> None:
        refs = self.refs(chosen, True)
        try:
            self.model.delete(refs)
        except Refused:
            with pytest.raises(Refused):
                self.platform.delete_tasks(refs)
        else:
            self.platform.delete_tasks(refs)
            for ref in refs:
                self.edited.pop(ref.data_hash, None)

    @rule()
    def open_again(self) -> None:
        self.platform.close()
        self.platform = self.source.open(Path(self.temporary.name), never)

    def all_in(self, stage: int) -> list[int]:
        tasks = self.model.tasks
        return [n for n, name in enumerate(self.hashes) if name in tasks and tasks[name].stage == stage]

    @invariant()
    def they_agree(self) -> None:
        listed = self.platform.tasks()
        assert [task.data_hash for task in listed] == sorted(self.model.tasks)
        assert self.platform.tags() == self.model.tags
        rows = {task.data_hash: task.label_hash for task in listed if task.label_hash is not None}
        labels = self.platform.labels(list(rows.values()))
        assert {name: labels[row] for name, row in rows.items()} == {
            name: task.label for name, task in self.model.tasks.items() if task.label is not None
        }
        for task in listed:
            expected = self.model.tasks[task.data_hash]
            assert self.task_ids.setdefault(task.data_hash, task.task_id) == task.task_id
            assert (task.title, task.stage, task.status) == (
                expected.title, self.uuids[expected.stage], expected.status,
            )  # fmt: skip
            assert (task.last_actioned_by, task.assignee, task.priority) == (
                expected.by, expected.assignee, expected.priority,
            )  # fmt: skip
            self.check_edited(task, expected.edit)
        self.label_hashes |= rows

    def check_edited(self, task: Task, edit: int | None) -> None:
        """Check that a later edit has a later time, and that without an edit the time stays."""
        assert (task.last_edited_at is None) is (edit is None)
        if task.last_edited_at is None or edit is None:
            return
        last, at = self.edited.get(task.data_hash, (edit, task.last_edited_at))
        assert (task.last_edited_at == at) if edit == last else (task.last_edited_at > at)
        self.edited[task.data_hash] = (edit, task.last_edited_at)

    def teardown(self) -> None:
        if hasattr(self, "platform"):
            self.platform.close()
            self.temporary.cleanup()


def never() -> Contents:
    raise AssertionError("a project that exists needs no contents")


TestWorkflow = Workflow.TestCase
TestWorkflow.settings = settings(max_examples=40, stateful_step_count=40)
