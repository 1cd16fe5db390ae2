"""Move the rest: as `park`, by stage moves that the platform refuses if a task has left its stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from alrun.recipe.base import by_origin, drop_mirror, give_back_priorities, mirror
from alrun.recipe.plan import Plan, PlanFacts, done_stage, make_plan, planned_tasks
from alrun.recipe.steps import AwaitLabels, ParkByMove, Step, UnparkByMove
from alrun.types import LeftOut, Pick, Snapshot, StageType, Task


@dataclass(frozen=True)
class MoveRest:
    """Move the candidates that are not selected to the done stage, and back when the selection is labelled.

    The selection is never touched and no label row is created. The platform itself checks that a task is still
    in the stage it is moved from, which leaves no gap between looking and writing.
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
        done, origins = done_stage(snapshot.stages), by_origin(snapshot.stages, planned, rest)
        steps: list[Step] = [
            *mirror(snapshot, planned, rest, "1", facts),
            *(
                ParkByMove("2", f"move the rest from {s.title!r} to {done.title!r} for a while", m, origin=s.uuid)
                for s, m in origins
            ),
            AwaitLabels("3", "people label the selection", selection),
            *(UnparkByMove("4", f"move the rest back to {s.title!r}", m, destination=s.uuid) for s, m in origins),
            give_back_priorities(planned, rest, "4a"),
            *drop_mirror(snapshot, planned, rest, "5", facts),
        ]
        return make_plan("move", snapshot, planned, steps, left_out, facts)
