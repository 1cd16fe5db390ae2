"""What people's actions have to do."""

# ruff: noqa: D102 - the name of a test is what it promises

from __future__ import annotations

from alrun.platform.testing.case import LABEL, NOWHERE, PlatformCase
from alrun.platform.writes import (
    Approve,
    Assign,
    Complete,
    Move,
    PeopleWrite,
    Reject,
    Release,
    Reopen,
    SaveLabels,
    Skip,
    Submit,
)
from alrun.types import Answer, Label, LabelledObject, StageType, TaskRef, TaskStatus


class PeopleContract(PlatformCase):
    """What people's actions do, where they can be played."""

    def test_assign_and_release(self) -> None:
        refs = self.refs(0)
        self.staff().act(Assign(refs, "ann@example.org"))
        task = self.platform.tasks()[0]
        assert (task.status, task.assignee) == (self.shows(TaskStatus.ASSIGNED), "ann@example.org")
        assert task.stage == self.stage(StageType.ANNOTATION).uuid
        self.staff().act(Release(refs))
        task = self.platform.tasks()[0]
        assert (task.status, task.assignee) == (self.shows(TaskStatus.RELEASED), None)

    def test_releasing_what_nobody_has_changes_nothing(self) -> None:
        with self.nothing_changes():
            self.staff().act(Release(self.refs(0)))

    def test_a_skipped_task_stays_in_its_stage(self) -> None:
        self.staff().act(Skip(self.refs(0), "ann@example.org"))
        task = self.platform.tasks()[0]
        assert (task.stage, task.status) == (self.stage(StageType.ANNOTATION).uuid, self.shows(TaskStatus.SKIPPED))
        assert task.last_actioned_by == "ann@example.org"

    def test_saving_creates_the_label_row_and_moves_nothing(self) -> None:
        before = self.platform.tasks()[0]
        self.staff().act(SaveLabels(self.refs(0), (LABEL,), "ann@example.org"))
        task = self.platform.tasks()[0]
        assert task.label_hash is not None
        assert self.platform.labels([task.label_hash]) == {task.label_hash: LABEL}
        assert (task.stage, task.status, task.priority) == (before.stage, before.status, before.priority)
        assert task.last_actioned_by == "ann@example.org"

    def test_each_save_is_later_than_the_last_and_the_last_one_wins(self) -> None:
        edited = []
        for label in (LABEL, Label(), LABEL, Label(LABEL.answers)):
            self.staff().act(SaveLabels(self.refs(0), (label,), "ann@example.org"))
            task = self.platform.tasks()[0]
            assert self.platform.labels([str(task.label_hash)]) == {task.label_hash: label}
            edited.append(str(task.last_edited_at))
        assert edited == sorted(set(edited))

    def test_a_label_outside_the_ontology_stops_the_request(self) -> None:
        wrong = [
            Label((Answer("season", ("sun",)),)),
            Label((Answer("weather", ("snow",)),)),
            Label((Answer("weather", ("sun", "rain")),)),
            Label((Answer("weather", ("sun",)), Answer("weather", ("sun",)))),
            Label((Answer("on the road", ()),)),
            Label((Answer("on the road", ("ice", "ice")),)),
            Label((Answer("note", ("one", "two")),)),
            Label(objects=(LabelledObject("tree", ((0, 0), (1, 1))),)),
            Label(objects=(LabelledObject("car", ((0, 0),)),)),
            Label(objects=(LabelledObject("car", ((0, 0), (1, 1.01))),)),
        ]
        for label in wrong:
            with self.refused():
                self.staff().act(SaveLabels(self.refs(0, 1), (LABEL, label), "ann@example.org"))
        with self.refused():
            self.staff().act(SaveLabels(self.refs(0, 1), (LABEL,), "ann@example.org"))

    def test_submit_and_approve_lead_through_the_workflow(self) -> None:
        staff = self.staff()
        staff.act(Assign(self.refs(0), "ann@example.org"))
        staff.act(SaveLabels(self.refs(0), (LABEL,), "ann@example.org"))
        saved = self.platform.tasks()[0]
        staff.act(Submit(self.refs(0), "ann@example.org"))
        task = self.platform.tasks()[0]
        assert (task.stage, task.status) == (self.stage(StageType.REVIEW).uuid, self.shows(TaskStatus.NEW))
        assert (task.assignee, task.last_actioned_by) == (None, "ann@example.org")
        staff.act(Approve(self.refs(0), "bob@example.org"))
        task = self.platform.tasks()[0]
        assert (task.stage, task.status) == (self.stage(StageType.DONE).uuid, self.shows(TaskStatus.COMPLETED))
        assert (task.assignee, task.priority, task.last_actioned_by) == (None, None, "bob@example.org")
        assert task.last_edited_at == saved.last_edited_at
        assert self.platform.labels([str(task.label_hash)]) == {task.label_hash: LABEL}

    def test_completing_what_a_person_approved_changes_nothing(self) -> None:
        self.staff().act(Submit(self.refs(0), "ann@example.org"))
        self.staff().act(Approve(self.refs(0), "bob@example.org"))
        with self.nothing_changes():
            self.platform.write(Complete(self.refs(0)))

    def test_an_empty_task_can_be_submitted_and_has_a_label_row_then(self) -> None:
        self.staff().act(Submit(self.refs(0), "ann@example.org"))
        task = self.platform.tasks()[0]
        assert task.stage == self.stage(StageType.REVIEW).uuid
        assert self.platform.labels([str(task.label_hash)]) == {task.label_hash: Label()}

    def test_reject_sends_back_with_the_labels(self) -> None:
        staff = self.staff()
        staff.act(SaveLabels(self.refs(0), (LABEL,), "ann@example.org"))
        staff.act(Submit(self.refs(0), "ann@example.org"))
        staff.act(Reject(self.refs(0), "bob@example.org"))
        task = self.platform.tasks()[0]
        assert (task.stage, task.status) == (self.stage(StageType.ANNOTATION).uuid, self.shows(TaskStatus.REOPENED))
        assert (task.assignee, task.last_actioned_by) == (None, "bob@example.org")
        assert self.platform.labels([str(task.label_hash)]) == {task.label_hash: LABEL}

    def test_an_action_that_the_stage_has_not_stops_the_request(self) -> None:
        refs = self.initialised()
        here = self.stage(StageType.ANNOTATION).uuid
        self.platform.write(Move((refs[1],), here, self.stage(StageType.REVIEW).uuid))
        self.platform.write(Complete((refs[2],)))
        annotated, reviewed, complete = refs[:3]
        who = "ann@example.org"
        for pair in ((annotated, reviewed), (annotated, complete)):
            for request in (Skip(pair, who), Submit(pair, who)):
                with self.refused():
                    self.staff().act(request)
        for pair in ((reviewed, annotated), (reviewed, complete)):
            for judgement in (Approve(pair, who), Reject(pair, who)):
                with self.refused():
                    self.staff().act(judgement)
        for change in (Assign((annotated, complete), who), Release((annotated, complete))):
            with self.refused():
                self.staff().act(change)

    def test_a_complete_task_can_still_be_labelled(self) -> None:
        refs = self.initialised(0)
        self.platform.write(Complete(refs))
        self.staff().act(SaveLabels(refs, (LABEL,), "ann@example.org"))
        task = self.platform.tasks()[0]
        assert task.stage == self.stage(StageType.DONE).uuid
        assert self.platform.labels([str(task.label_hash)]) == {task.label_hash: LABEL}

    def test_complete_and_move_take_the_task_from_its_assignee(self) -> None:
        first, second = self.initialised(0, 1)
        self.staff().act(Assign((first, second), "ann@example.org"))
        self.platform.write(Complete((first,)))
        here, there = self.stage(StageType.ANNOTATION).uuid, self.stage(StageType.REVIEW).uuid
        self.platform.write(Move((second,), here, there))
        assert [task.assignee for task in self.platform.tasks()[:2]] == [None, None]

    def test_reopen_leaves_an_assigned_task_of_the_first_stage_to_its_assignee(self) -> None:
        refs = self.initialised(0)
        self.staff().act(Assign(refs, "ann@example.org"))
        with self.nothing_changes():
            self.platform.write(Reopen(refs))

    def test_a_wrong_task_stops_any_action(self) -> None:
        refs = self.initialised(0)
        unknown = TaskRef(NOWHERE, "00000000-0000-0000-0000-000000000001", "2")
        who = "ann@example.org"
        for wrong in ((*refs, unknown), refs * 2):
            actions: tuple[PeopleWrite, ...] = (
                Assign(wrong, who), Release(wrong), Skip(wrong, who), Submit(wrong, who),
                SaveLabels(wrong, (LABEL, LABEL), who), Approve(wrong, who), Reject(wrong, who),
            )  # fmt: skip
            for request in actions:
                with self.refused():
                    self.staff().act(request)
