"""Have the selection labelled again: complete tasks go back to the annotators, and everything else stays complete."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from alrun.platform.writes import DEFAULT_PRIORITY
from alrun.pool.tags import Mirror
from alrun.recipe.plan import Plan, PlanFacts, done_stage, first_stage, make_plan, planned_tasks
from alrun.recipe.steps import (
    AwaitLabels,
    CompleteAgain,
    GiveBackPriority,
    Prioritise,
    RemoveTagForGood,
    SendBack,
    Step,
    Tag,
)
from alrun.types import LeftOut, Pick, Snapshot, StageType, Task


@dataclass(frozen=True)
class Relabel:
    """Reopen the selection among complete tasks; complete again what nobody took up when the wait is over.

    A reopened task keeps its label until a person saves another. The selection comes to the first annotation stage
    with priorities above the default one, by rank. Tasks that are not selected are never touched, and not in the
    plan, whatever stage they are in, also if their priority is higher.

    Source: Encord Active, "Relabel", which reopens the filtered tasks one by one, for good.
    """

    takes: ClassVar[StageType] = StageType.DONE

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
        planned = planned_tasks([task for task in tasks if task.task_id in picked], picks)
        selection = tuple(range(len(picks)))
        done, first = done_stage(snapshot.stages), first_stage(snapshot.stages)
        ladder = tuple(1.0 - (1.0 - DEFAULT_PRIORITY) * p / len(picks) for p in selection)
        tag = Mirror(facts.run_id, facts.user, done.title, facts.round, sent_back=True).name
        again = f"take what nobody took up out of the queue: back to {done.title!r}"
        steps: list[Step] = [
            Tag("1", f"mirror what is going to be sent back from {done.title!r}", selection, tag),
            SendBack("2", f"send the selection back to {first.title!r}, with its labels", selection),
            Prioritise("3", "put the selection first in the queue, by rank", selection, ladder),
            AwaitLabels("4", "people label the selection again", selection),
            GiveBackPriority("5", "take the selection's place in the queue away again", selection, ladder),
            CompleteAgain("6", again, selection),
            RemoveTagForGood("7", "drop the mirror of what was sent back", tag),
        ]
        return make_plan("relabel", snapshot, planned, steps, left_out, facts)
