"""The recipe port, and what recipes have in common."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from alrun.recipe.plan import Plan, PlanFacts, PlannedTask, first_stage
from alrun.recipe.steps import GiveBackPriority, Step, UnparkByMove
from alrun.types import LeftOut, Pick, Snapshot, Task

DEFAULT_PRIORITY = 0.5

_MIRROR = re.compile(r"alrun (?P<run_id>\S+) (?P<what>parked from (?P<stage>.*)|set the queue)", re.DOTALL)


@runtime_checkable
class Recipe(Protocol):
    """Turns a selection into the annotators' queue and back. A frozen dataclass whose fields are its configuration.

    Planning is a pure function: the same arguments give the same plan, and nothing is read or written.
    """

    def plan(
        self,
        snapshot: Snapshot,
        tasks: Sequence[Task],
        picks: Sequence[Pick],
        left_out: Sequence[LeftOut],
        facts: PlanFacts,
    ) -> Plan:
        """Return the plan.

        Parameters
        ----------
        tasks
            The candidates that passed preflight: all that the plan may name.
        picks
            The selection, a part of `tasks`.
        """
        ...


def parked_tag(run_id: str, stage_title: str) -> str:
    """Return the name of the tag that mirrors what a run parks: it finds the tasks when the run folder is gone."""
    return f"alrun {run_id} parked from {stage_title}"


def queue_tag(run_id: str) -> str:
    """Return the name of the tag that says which tasks a run put first in the queue."""
    return f"alrun {run_id} set the queue"


def read_mirror_tag(name: str) -> tuple[str, str | None] | None:
    """Return the run id in a tag's name and the title of the stage it parked from; None for any other tag.

    The title is None for a run that only set priorities.
    """
    found = _MIRROR.fullmatch(name)
    return (found["run_id"], found["stage"]) if found else None


def positions_by_stage(tasks: Sequence[PlannedTask], positions: Sequence[int]) -> dict[str, tuple[int, ...]]:
    """Group positions by the stage their task came from, in the order of first occurrence."""
    groups: dict[str, list[int]] = {}
    for position in positions:
        groups.setdefault(tasks[position].stage, []).append(position)
    return {stage: tuple(members) for stage, members in groups.items()}


def after_reopening(
    snapshot: Snapshot, tasks: Sequence[PlannedTask], positions: Sequence[int], number: str
) -> list[Step]:
    """Return the steps that undo what completing and reopening changed besides the stage.

    Reopened tasks land in the first annotation stage with the default priority; those that came from another
    stage or had another priority get it back.
    """
    first = first_stage(snapshot.stages)
    steps: list[Step] = []
    for stage, members in positions_by_stage(tasks, positions).items():
        if stage != first.uuid:
            title = snapshot.stage(stage).title
            text = f"move back from {first.title} to {title}, where they came from"
            steps.append(UnparkByMove(f"{number}a", text, members, origin=first.uuid, destination=stage))
    steps.append(give_back_priorities(tasks, positions, f"{number}b"))
    return steps


def give_back_priorities(tasks: Sequence[PlannedTask], positions: Sequence[int], number: str) -> GiveBackPriority:
    """Return the step that gives tasks their priority back where it was not the default."""
    changed = tuple(p for p in positions if tasks[p].priority not in {None, DEFAULT_PRIORITY})
    text = "give back the priorities that parking took"
    return GiveBackPriority(number, text, changed, ours=(None,) * len(changed))
