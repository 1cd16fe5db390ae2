"""What a platform on which labels can be proposed has to do."""

# ruff: noqa: D102 - the name of a test is what it promises

from __future__ import annotations

from alrun.errors import TooLarge
from alrun.platform.port import TakesPrelabels
from alrun.platform.testing.case import LABEL, NOWHERE, PlatformCase
from alrun.platform.writes import Assign, Prelabel, SaveLabels, Submit
from alrun.types import Answer, Label, StageType, TaskRef

GUESS = Label((Answer("weather", ("sun",)),))


class PrelabelContract(PlatformCase):
    """How labels are proposed, where the platform takes any."""

    def guess(self, *places: int, label: Label = GUESS) -> None:
        """Propose a label for the tasks at these places of the listing; skip the test if that cannot be."""
        import pytest

        if not isinstance(self.platform, TakesPrelabels):
            pytest.skip("labels cannot be proposed on this platform")
        refs = self.refs(*places)
        self.platform.prelabel(Prelabel(refs, (label,) * len(refs)))

    def label(self, place: int) -> Label:
        """Return what the task at this place of the listing is labelled with."""
        task = self.platform.tasks()[place]
        return self.platform.labels([str(task.label_hash)])[str(task.label_hash)]

    def test_a_prelabel_is_a_label_that_moves_nothing(self) -> None:
        self.initialised(0)
        before = self.platform.tasks()
        self.guess(0, 1)
        after = self.platform.tasks()
        assert (self.label(0), self.label(1)) == (GUESS, GUESS)
        places = [(t.stage, t.status, t.assignee, t.priority) for t in after]
        assert places == [(t.stage, t.status, t.assignee, t.priority) for t in before]
        assert after[2:] == before[2:]

    def test_a_prelabel_creates_the_label_row(self) -> None:
        assert self.platform.tasks()[3].label_hash is None
        self.guess(3)
        assert self.label(3) == GUESS

    def test_a_person_s_label_is_never_replaced(self) -> None:
        self.staff().act(SaveLabels(self.refs(0), (LABEL,), "ann@example.org"))
        with self.refused():
            self.guess(1, 0)
        with self.refused():
            self.guess(0)

    def test_nor_is_a_prelabel(self) -> None:
        self.guess(0)
        with self.refused():
            self.guess(0, label=Label((Answer("weather", ("rain",)),)))

    def test_a_task_in_somebody_s_hands_or_past_annotation_is_left_alone(self) -> None:
        self.staff().act(Assign(self.refs(0), "ann@example.org"))
        self.initialised()
        self.staff().act(Submit(self.refs(1), "ann@example.org"))
        for place in (0, 1):
            with self.refused():
                self.guess(2, place)

    def test_people_correct_and_submit_it_like_any_label(self) -> None:
        self.guess(0, 1)
        self.staff().act(SaveLabels(self.refs(0), (LABEL,), "ann@example.org"))
        self.staff().act(Submit(self.refs(0, 1), "ann@example.org"))
        assert (self.label(0), self.label(1)) == (LABEL, GUESS)
        first = self.stage(StageType.ANNOTATION).uuid
        assert all(task.stage != first for task in self.platform.tasks()[:2])

    def test_what_cannot_be_a_label_is_refused(self) -> None:
        with self.refused():
            self.guess(0, 1, label=Label((Answer("weather", ("snow",)),)))
        if isinstance(self.platform, TakesPrelabels):
            refs = (*self.refs(0), TaskRef(NOWHERE, NOWHERE, None))
            with self.refused():
                self.platform.prelabel(Prelabel(refs, (GUESS, GUESS)))
            with self.refused():
                self.platform.prelabel(Prelabel(self.refs(0), (GUESS, GUESS)))
            many = self.platform.limits.prelabel + 1
            with self.refused(TooLarge):
                self.platform.prelabel(Prelabel(self.refs(0) * many, (GUESS,) * many))
