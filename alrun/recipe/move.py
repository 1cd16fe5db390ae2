"""Move the rest: as `park`, by stage moves that the platform refuses if a task has left its stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alrun.recipe.base import give_back_priorities, parked_tag, positions_by_stage
from alrun.recipe.plan import Plan, PlanFacts, done_stage, make_plan, planned_tasks
from alrun.recipe.steps import AwaitLabels, ParkByMove, RemoveTagForGood, Step, Tag, UnparkByMove
from alrun.types import LeftOut, Pick, Snapshot, Task


@dataclass(frozen=True)
class MoveRest:
    """Move the candidates that are not selected to the done stage, and back when the selection is labelled.

    The selection is never touched and no label row is created. The platform itself checks that a task is still
    in the stage it is moved from, which leaves no gap between looking and writing.
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
        done = done_stage(snapshot.stages)
        origins = [
            (stage, snapshot.stage(stage).title, members)
            for stage, members in positions_by_stage(planned, rest).items()
        ]
        tags = [(members, parked_tag(facts.run_id, title), title) for _, title, members in origins]
        steps: list[Step] = [
            *(Tag("1", f"mirror what is going to be parked from {title}", m, name) for m, name, title in tags),
            *(
                ParkByMove("2", f"move the rest from {title} to {done.title} for a while", m, origin=stage)
                for stage, title, m in origins
            ),
            AwaitLabels("3", "people label the selection", selection),
            *(
                UnparkByMove("4", f"move the rest back to {title}", m, origin=done.uuid, destination=stage)
                for stage, title, m in origins
            ),
            give_back_priorities(planned, rest, "4a"),
            *(RemoveTagForGood("5", "drop the mirror of what was parked", name) for _, name, _ in tags),
        ]
        return make_plan("move", snapshot, planned, steps, left_out, facts)
