"""Park the rest: only what is not selected leaves the queue, and comes back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from alrun.recipe.base import bring_back, drop_mirror, mirror
from alrun.recipe.plan import Plan, PlanFacts, make_plan, planned_tasks
from alrun.recipe.steps import AwaitLabels, CreateLabelRows, Park, Step
from alrun.types import LeftOut, Pick, Snapshot, StageType, Task


@dataclass(frozen=True)
class ParkRest:
    """Complete the candidates that are not selected; reopen them when the selection is labelled.

    The selection is never touched. A third of the writes of `documented`, with the same end.
    """

    takes: ClassVar[StageType] = StageType.ANNOTATION

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
        selection, rest = tuple(range(len(picks))), tuple(range(len(picks), len(planned)))
        uninitialised = tuple(p for p in rest if planned[p].label_hash is None)
        steps: list[Step] = [
            *mirror(snapshot, planned, rest, "1", facts),
            CreateLabelRows("2", "create the label rows that completing needs", uninitialised),
            Park("3", "park the rest: complete it for a while", rest),
            AwaitLabels("4", "people label the selection", selection),
            *bring_back(snapshot, planned, rest, "5", "the rest"),
            *drop_mirror(snapshot, planned, rest, "6", facts),
        ]
        return make_plan("park", snapshot, planned, steps, left_out, facts)
