"""Park the rest: only what is not selected leaves the queue, and comes back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alrun.recipe.base import after_reopening, parked_tag, positions_by_stage
from alrun.recipe.plan import Plan, PlanFacts, make_plan, planned_tasks
from alrun.recipe.steps import AwaitLabels, CreateLabelRows, Park, RemoveTagForGood, Step, Tag, Unpark
from alrun.types import LeftOut, Pick, Snapshot, Task


@dataclass(frozen=True)
class ParkRest:
    """Complete the candidates that are not selected; reopen them when the selection is labelled.

    The selection is never touched. A third of the writes of `documented`, with the same end.
    """

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
        tags = [(members, snapshot.stage(stage).title) for stage, members in positions_by_stage(planned, rest).items()]
        steps: list[Step] = [
            *(Tag("1", f"mirror what is going to be parked from {t}", m, parked_tag(facts.run_id, t)) for m, t in tags),
            CreateLabelRows("2", "create the label rows that completing needs", uninitialised),
            Park("3", "park the rest: complete it for a while", rest),
            AwaitLabels("4", "people label the selection", selection),
            Unpark("5", "bring the rest back to the first annotation stage", rest),
            *after_reopening(snapshot, planned, rest, "5"),
            *(
                RemoveTagForGood("6", "drop the mirror of what was parked", parked_tag(facts.run_id, t))
                for _, t in tags
            ),
        ]
        return make_plan("park", snapshot, planned, steps, left_out, facts)
