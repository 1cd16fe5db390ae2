"""Set the queue's order: nothing moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from alrun.recipe.base import Mirror
from alrun.recipe.plan import Plan, PlanFacts, PlannedTask, make_plan, planned_tasks
from alrun.recipe.steps import AwaitLabels, GiveBackPriority, Prioritise, RemoveTagForGood, Step, Tag
from alrun.types import LeftOut, Pick, Snapshot, StageType, Task

CEILING = 0.9
"""Others are served after the selection if their priority is at most this; higher ones are lowered to it."""


@dataclass(frozen=True)
class SetPriorities:
    """Give the selection the highest priorities, by rank; give earlier priorities back at the end.

    The first pick gets 1.0, the others follow in even steps down to just above everything else among the
    candidates. Candidates above 0.9 that are not selected are lowered in proportion, so that there is room.
    Tasks that the filters left out keep their priority, also if it is higher.
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
        selection = tuple(range(len(picks)))
        lowered = _lowered(planned, len(picks))
        floor = max([lowered.get(p, planned[p].priority or 0.0) for p in range(len(picks), len(planned))], default=0.0)
        ladder = tuple(1.0 - (1.0 - floor) * p / len(picks) for p in selection)
        tag = Mirror(facts.run_id, facts.user, stage=None).name
        steps: list[Step] = [
            Tag("1", "tag the selection, so that people see it", selection, tag),
            Prioritise("2", f"lower others to make room above {CEILING}", tuple(lowered), tuple(lowered.values())),
            Prioritise("3", "put the selection first in the queue, by rank", selection, ladder),
            AwaitLabels("4", "people label the selection", selection),
            GiveBackPriority("5", "give back the selection's earlier priorities", selection, ladder),
            GiveBackPriority("6", "give back what was lowered", tuple(lowered), tuple(lowered.values())),
            RemoveTagForGood("7", "drop the selection's tag", tag),
        ]
        return make_plan("priority", snapshot, planned, steps, left_out, facts)


def _lowered(tasks: tuple[PlannedTask, ...], picked: int) -> dict[int, float]:
    """Return new priorities for the others, by position, if any of them is too high; their order is kept."""
    others = {p: tasks[p].priority or 0.0 for p in range(picked, len(tasks))}
    highest = max(others.values(), default=0.0)
    if picked == 0 or highest <= CEILING:
        return {}
    return {p: priority * CEILING / highest for p, priority in others.items() if priority > 0.0}
