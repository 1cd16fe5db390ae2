"""What a recipe's writes have to do."""

# ruff: noqa: D102 - the name of a test is what it promises

from __future__ import annotations

from alrun.errors import TooLarge
from alrun.platform.testing.case import NOWHERE, PlatformCase
from alrun.platform.writes import (
    AddTag,
    Complete,
    DropTag,
    InitialiseLabels,
    Move,
    RecipeWrite,
    RemoveTag,
    Reopen,
    SetPriority,
)
from alrun.types import Label, StageType, TaskRef, TaskStatus


class RecipeContract(PlatformCase):
    """What a recipe's writes do."""

    def move(self, refs: tuple[TaskRef, ...], origin: StageType, destination: StageType) -> None:
        """Move tasks between the first stages of two types."""
        self.platform.write(Move(refs, self.stage(origin).uuid, self.stage(destination).uuid))

    def test_initialising_creates_an_empty_label_row_and_moves_nothing(self) -> None:
        before = self.platform.tasks()
        self.platform.write(InitialiseLabels(self.refs(0, 1)))
        after = self.platform.tasks()
        for old, new in zip(before[:2], after[:2], strict=True):
            assert new.label_hash is not None
            assert new.last_edited_at is not None
            assert (new.stage, new.status, new.priority) == (old.stage, old.status, old.priority)
            assert self.platform.labels([new.label_hash]) == {new.label_hash: Label()}
        assert after[0].label_hash != after[1].label_hash
        assert after[2:] == before[2:]

    def test_a_label_row_that_exists_is_kept(self) -> None:
        names = self.initialised()
        with self.nothing_changes():
            self.platform.write(InitialiseLabels(names))

    def test_complete_goes_to_done_from_any_stage(self) -> None:
        first, second = self.initialised(0, 1)
        self.move((second,), StageType.ANNOTATION, StageType.REVIEW)
        before = self.platform.tasks()
        self.platform.write(Complete((second, first)))
        after = self.platform.tasks()
        for old, new in zip(before[:2], after[:2], strict=True):
            assert (new.stage, new.status) == (self.stage(StageType.DONE).uuid, self.shows(TaskStatus.COMPLETED))
            assert (new.assignee, new.priority) == (None, None)
            assert (new.label_hash, new.last_edited_at) == (old.label_hash, old.last_edited_at)
            if self.platform.project().records_moves:
                assert new.last_actioned_by == self.platform.project().user
        assert after[2:] == before[2:]

    def test_one_task_without_a_label_row_stops_a_complete(self) -> None:
        self.platform.write(InitialiseLabels(self.refs(0)))
        with self.refused():
            self.platform.write(Complete(self.refs(0, 1)))

    def test_a_complete_task_is_completed_without_change(self) -> None:
        refs = self.initialised(0)
        self.platform.write(Complete(refs))
        with self.nothing_changes():
            self.platform.write(Complete(refs))

    def test_reopen_goes_to_the_first_annotation_stage_from_any_stage(self) -> None:
        complete, reviewed = self.initialised(0, 1)
        self.platform.write(Complete((complete,)))
        self.move((reviewed,), StageType.ANNOTATION, StageType.REVIEW)
        before = self.platform.tasks()
        self.platform.write(Reopen((complete, reviewed)))
        after = self.platform.tasks()
        for old, new in zip(before[:2], after[:2], strict=True):
            assert (new.stage, new.status) == (self.stage(StageType.ANNOTATION).uuid, self.shows(TaskStatus.REOPENED))
            assert (new.label_hash, new.last_edited_at) == (old.label_hash, old.last_edited_at)
            assert new.assignee is None
            assert new.priority is not None
        assert after[2:] == before[2:]

    def test_reopen_leaves_a_task_without_a_label_row_where_it_is(self) -> None:
        self.move(self.refs(0), StageType.ANNOTATION, StageType.REVIEW)
        with self.nothing_changes():
            self.platform.write(Reopen(self.refs(0)))

    def test_reopen_changes_nothing_in_the_first_annotation_stage(self) -> None:
        refs = self.initialised(0)
        with self.nothing_changes():
            self.platform.write(Reopen(refs))

    def test_a_move_needs_no_label_row(self) -> None:
        arrivals = [(StageType.REVIEW, TaskStatus.NEW), (StageType.DONE, TaskStatus.COMPLETED)]
        for place, (destination, status) in enumerate(arrivals):
            self.move(self.refs(place), StageType.ANNOTATION, destination)
            task = self.platform.tasks()[place]
            assert (task.stage, task.status) == (self.stage(destination).uuid, self.shows(status))
            assert (task.label_hash, task.assignee) == (None, None)
            assert (task.priority is None) is (destination is StageType.DONE)

    def test_a_move_back_to_annotation_reopens(self) -> None:
        for place, origin in enumerate((StageType.REVIEW, StageType.DONE)):
            self.move(self.refs(place), StageType.ANNOTATION, origin)
            self.move(self.refs(place), origin, StageType.ANNOTATION)
            task = self.platform.tasks()[place]
            assert (task.stage, task.status) == (self.stage(StageType.ANNOTATION).uuid, self.shows(TaskStatus.REOPENED))
            assert task.priority is not None

    def test_one_task_outside_the_origin_stops_a_move(self) -> None:
        self.move(self.refs(0), StageType.ANNOTATION, StageType.REVIEW)
        with self.refused():
            self.move(self.refs(0, 1), StageType.ANNOTATION, StageType.DONE)

    def test_a_move_between_stages_that_do_not_exist_is_refused(self) -> None:
        here = self.stage(StageType.ANNOTATION).uuid
        for origin, destination in ((here, NOWHERE), (NOWHERE, here)):
            with self.refused():
                self.platform.write(Move(self.refs(0), origin, destination))

    def test_a_priority_is_set_for_each_task_and_nothing_else(self) -> None:
        before = self.platform.tasks()
        self.platform.write(SetPriority(self.refs(3, 1), (0.0, 1.0)))
        after = self.platform.tasks()
        assert (after[3].priority, after[1].priority) == (0.0, 1.0)
        assert [t.fingerprint()[:-1] for t in after] == [t.fingerprint()[:-1] for t in before]
        assert [after[place] for place in (0, 2, 4, 5)] == [before[place] for place in (0, 2, 4, 5)]

    def test_a_priority_outside_0_to_1_stops_the_request(self) -> None:
        for wrong in (-0.001, 1.001, float("nan"), float("inf")):
            with self.refused():
                self.platform.write(SetPriority(self.refs(0, 1), (0.25, wrong)))

    def test_there_must_be_a_priority_for_each_task(self) -> None:
        with self.refused():
            self.platform.write(SetPriority(self.refs(0, 1), (0.25,)))

    def test_a_complete_task_takes_no_priority(self) -> None:
        self.move(self.refs(0), StageType.ANNOTATION, StageType.DONE)
        with self.refused():
            self.platform.write(SetPriority(self.refs(0, 1), (0.25, 0.25)))

    def test_tags_are_given_and_taken(self) -> None:
        names = [ref.data_hash for ref in self.refs()]
        before = self.platform.tasks()
        self.platform.write(AddTag(self.refs(0, 1), "a tag"))
        self.platform.write(AddTag(self.refs(1, 2), "a tag"))
        self.platform.write(AddTag(self.refs(1), "another"))
        assert self.platform.tags() == {"a tag": frozenset(names[:3]), "another": frozenset(names[1:2])}
        self.platform.write(RemoveTag(self.refs(1, 5), "a tag"))
        assert self.platform.tags() == {"a tag": frozenset((names[0], names[2])), "another": frozenset(names[1:2])}
        assert self.platform.tasks() == before

    def test_a_tag_may_have_no_task(self) -> None:
        self.platform.write(AddTag((), "early"))
        self.platform.write(AddTag(self.refs(0), "late"))
        self.platform.write(RemoveTag(self.refs(0), "late"))
        assert self.platform.tags() == {"early": frozenset(), "late": frozenset()}
        assert self.platform.tag_names() == {"early", "late"}

    def test_a_dropped_tag_is_gone(self) -> None:
        self.platform.write(AddTag(self.refs(0, 1), "gone"))
        self.platform.write(AddTag(self.refs(0), "kept"))
        self.platform.write(DropTag("gone"))
        assert self.platform.tags() == {"kept": frozenset({self.refs(0)[0].data_hash})}
        assert self.platform.tag_names() == {"kept"}

    def test_taking_or_dropping_a_tag_that_does_not_exist_changes_nothing(self) -> None:
        with self.nothing_changes():
            self.platform.write(RemoveTag(self.refs(0), "never was"))
            self.platform.write(DropTag("never was"))

    def test_a_request_for_no_task_changes_no_task(self) -> None:
        with self.nothing_changes():
            for request in self.each_write(()):
                if not isinstance(request, AddTag):
                    self.platform.write(request)

    def test_a_task_that_does_not_exist_stops_any_request(self) -> None:
        refs = self.initialised(0)
        unknown = TaskRef(NOWHERE, "00000000-0000-0000-0000-000000000001", "2")
        for request in self.each_write((*refs, unknown)):
            with self.refused():
                self.platform.write(request)

    def test_a_task_that_is_named_twice_stops_any_request(self) -> None:
        refs = self.initialised(0)
        for request in self.each_write(refs * 2):
            with self.refused():
                self.platform.write(request)

    def test_more_tasks_than_the_limit_are_too_many_for_any_request(self) -> None:
        import pytest

        (ref,) = self.initialised(0)
        for kind in self.each_write(()):
            limit = self.platform.limits.of(type(kind))
            refs = tuple(TaskRef(f"{ref.task_id}-{n}", f"{ref.data_hash}-{n}", "x") for n in range(limit + 1))
            request = next(r for r in self.each_write(refs) if type(r) is type(kind))
            with self.nothing_changes(), pytest.raises(TooLarge) as raised:
                self.platform.write(request)
            assert raised.value.limit == limit

    def each_write(self, refs: tuple[TaskRef, ...]) -> tuple[RecipeWrite, ...]:
        """Return each kind of write that goes by tasks."""
        here, there = self.stage(StageType.ANNOTATION).uuid, self.stage(StageType.REVIEW).uuid
        return (
            InitialiseLabels(refs), Complete(refs), Reopen(refs), Move(refs, here, there),
            SetPriority(refs, (0.5,) * len(refs)), AddTag(refs, "tag"), RemoveTag(refs, "tag"),
        )  # fmt: skip
