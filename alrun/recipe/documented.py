"""The recipe of Encord's documentation, literally: its nine steps with its two tags."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from annotated_types import MinLen

from alrun.recipe.base import after_reopening, parked_tag, positions_by_stage
from alrun.recipe.plan import Plan, PlanFacts, PlannedTask, make_plan, planned_tasks
from alrun.recipe.steps import (
    AwaitLabels,
    Choose,
    CreateLabelRows,
    Park,
    RemoveTagForGood,
    Step,
    Tag,
    Unpark,
    Untag,
)
from alrun.types import LeftOut, Pick, Snapshot, Task


@dataclass(frozen=True)
class Documented:
    """All candidates are completed, the selection is reopened, and after labelling the rest is reopened.

    Steps are numbered as on the page "Active Learning in Encord"; letters mark what the page leaves to the
    reader: creating label rows, mirroring what is parked, giving back what parking changed, and clearing the
    tags so that the next round does not meet stale ones. In step 9 the page picks out tasks by 'No class';
    this recipe knows which tasks it parked, and reopens those that nobody touched.

    Attributes
    ----------
    unlabeled_tag, next_tag
        The tags of the page's steps 2 and 4.
    """

    unlabeled_tag: Annotated[str, MinLen(1)] = "unlabeled"
    next_tag: Annotated[str, MinLen(1)] = "to label next"

    def plan(
        self,
        snapshot: Snapshot,
        tasks: Sequence[Task],
        picks: Sequence[Pick],
        left_out: Sequence[LeftOut],
        facts: PlanFacts,
    ) -> Plan:
        """Return the plan; see :class:`alrun.recipe.base.Recipe`."""
        planned = planned_tasks(tasks, picks)
        steps = [
            *self._tag(snapshot, planned, len(picks), facts.run_id),
            *self._park(planned, len(picks)),
            *self._bring_back(snapshot, planned, len(picks), facts.run_id),
        ]
        return make_plan("documented", snapshot, planned, steps, left_out, facts)

    def _tag(self, snapshot: Snapshot, tasks: tuple[PlannedTask, ...], picked: int, run_id: str) -> list[Step]:
        everything, selection = _positions(tasks, picked)[:2]
        stale = tuple(p for p in everything[picked:] if tasks[p].data_hash in snapshot.tags.get(self.next_tag, ()))
        mirrors = [
            Tag("2a", f"mirror what is going to be parked from {title}", members, parked_tag(run_id, title))
            for stage, members in positions_by_stage(tasks, everything).items()
            for title in [snapshot.stage(stage).title]
        ]
        return [
            Choose("1", "choose the tasks that are ready to be labelled", everything),
            Tag("2", f"tag them {self.unlabeled_tag!r}", everything, self.unlabeled_tag),
            *mirrors,
            Choose("3", "choose the selection among them", selection),
            Untag("4a", f"take a stale {self.next_tag!r} from tasks that are not selected", stale, self.next_tag),
            Tag("4", f"tag the selection {self.next_tag!r}", selection, self.next_tag),
        ]

    def _park(self, tasks: tuple[PlannedTask, ...], picked: int) -> list[Step]:
        everything, selection, _ = _positions(tasks, picked)
        return [
            Choose("5", f"choose the tag {self.unlabeled_tag!r}", everything),
            CreateLabelRows("6a", "create the label rows that completing needs", _uninitialised(tasks, everything)),
            Park("6", "mark them as complete for a while", everything),
            Choose("7", f"choose the tag {self.next_tag!r}", selection),
            Unpark("8", "relabel: bring the selection to the first annotation stage", selection),
        ]

    def _bring_back(self, snapshot: Snapshot, tasks: tuple[PlannedTask, ...], picked: int, run_id: str) -> list[Step]:
        everything, selection, rest = _positions(tasks, picked)
        mirrors = [
            RemoveTagForGood(
                "9e", "drop the mirror of what was parked", parked_tag(run_id, snapshot.stage(stage).title)
            )
            for stage in positions_by_stage(tasks, everything)
        ]
        return [
            *after_reopening(snapshot, tasks, selection, "8"),
            AwaitLabels("9", "people label the selection", selection),
            Unpark("9", "bring the rest back to the first annotation stage", rest),
            *after_reopening(snapshot, tasks, rest, "9"),
            Untag("9c", f"take {self.unlabeled_tag!r} off again", everything, self.unlabeled_tag),
            Untag("9d", f"take {self.next_tag!r} off again", selection, self.next_tag),
            *mirrors,
        ]


def _positions(tasks: tuple[PlannedTask, ...], picked: int) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    everything = tuple(range(len(tasks)))
    return everything, everything[:picked], everything[picked:]


def _uninitialised(tasks: tuple[PlannedTask, ...], positions: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(p for p in positions if tasks[p].label_hash is None)
