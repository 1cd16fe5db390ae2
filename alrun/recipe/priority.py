"""Set the queue's order: nothing moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from alrun.pool.tags import Mirror
from alrun.recipe.plan import Plan, PlanFacts, make_plan, planned_tasks
from alrun.recipe.steps import AwaitLabels, GiveBackPriority, Prioritise, RemoveTagForGood, Step, Tag
from alrun.types import LeftOut, Pick, Snapshot, StageType, Task

CEILING = 0.9
"""Others are served after the selection if their priority is at most this; higher ones are lowered to it."""


@dataclass(frozen=True)
class SetPriorities:
    """Give the selection the highest priorities, by rank; give earlier priorities back at the end.

    The first pick gets 1.0, the others follow in even steps down to just above everything else among the
    candidates. Candidates above 0.9 that are not selected are lowered in proportion, so that there is room.
    Tasks that the filters left out keep their priority, also if it is higher. Only tasks whose priority is set are in
    the plan: what becomes of the others before it is approved does not matter to it.
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
        picked = {pick.task_id for pick in picks}
        others = [task for task in tasks if task.task_id not in picked]
        room = _lowered(others) if picks else {}
        floor = max((room.get(task.task_id, task.priority or 0.0) for task in others), default=0.0)
        planned = planned_tasks([task for task in tasks if task.task_id in picked or task.task_id in room], picks)
        selection, lowered = tuple(range(len(picks))), tuple(range(len(picks), len(planned)))
        ladder = tuple(1.0 - (1.0 - floor) * p / len(picks) for p in selection)
        below = tuple(room[planned[p].task_id] for p in lowered)
        tag = Mirror(facts.run_id, facts.user, None, facts.round).name
        steps: list[Step] = [
            Tag("1", "tag the selection, so that people see it", selection, tag),
            Prioritise("2", f"lower others to make room above {CEILING}", lowered, below),
            Prioritise("3", "put the selection first in the queue, by rank", selection, ladder),
            AwaitLabels("4", "people label the selection", selection),
            GiveBackPriority("5", "give back the selection's earlier priorities", selection, ladder),
            GiveBackPriority("6", "give back what was lowered", lowered, below),
            RemoveTagForGood("7", "drop the selection's tag", tag),
        ]
        return make_plan("priority", snapshot, planned, steps, left_out, facts)


def _lowered(others: Sequence[Task]) -> dict[str, float]:
    """Return new priorities for the others, by task id, if any of them is too high; their order is kept."""
    priorities = {task.task_id: task.priority or 0.0 for task in others}
    highest = max(priorities.values(), default=0.0)
    if highest <= CEILING:
        return {}
    return {task_id: priority * CEILING / highest for task_id, priority in priorities.items() if priority > 0.0}
