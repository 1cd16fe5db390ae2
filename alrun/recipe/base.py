"""The recipe port, and what recipes have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Protocol, runtime_checkable

from alrun.platform.writes import DEFAULT_PRIORITY
from alrun.pool.tags import Mirror
from alrun.recipe.plan import Plan, PlanFacts, PlannedTask, first_stage
from alrun.recipe.steps import GiveBackPriority, RemoveTagForGood, Step, Tag, Unpark, UnparkByMove
from alrun.types import LeftOut, Pick, Snapshot, Stage, StageType, Task


@runtime_checkable
class Recipe(Protocol):
    """Turns a selection into the annotators' queue and back. A frozen dataclass whose fields are its configuration.

    Planning is a pure function: the same arguments give the same plan, and nothing is read or written.

    Attributes
    ----------
    takes
        The type of the stages whose tasks it may touch: annotation, or done for one that has images labelled again.
    """

    takes: ClassVar[StageType]

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


def by_origin(
    stages: Sequence[Stage], tasks: Sequence[PlannedTask], positions: Sequence[int]
) -> list[tuple[Stage, tuple[int, ...]]]:
    """Group positions by the stage their task came from, in workflow order; never empty, so that a no-op shows."""
    groups: dict[str, list[int]] = {}
    for position in positions:
        groups.setdefault(tasks[position].stage, []).append(position)
    found = [(stage, tuple(groups[stage.uuid])) for stage in stages if stage.uuid in groups]
    return found or [(first_stage(stages), ())]


def bring_back(
    snapshot: Snapshot, tasks: Sequence[PlannedTask], positions: Sequence[int], number: str, what: str
) -> list[Step]:
    """Return the steps that bring parked tasks back to the stages they came from, with their priorities.

    Reopening leads to the first annotation stage only; tasks of other stages are moved.
    """
    first = first_stage(snapshot.stages)
    groups = by_origin(snapshot.stages, tasks, positions)
    reopened = next((members for stage, members in groups if stage == first), ())
    steps: list[Step] = [Unpark(number, f"reopen {what}: back to {first.title!r}", reopened)]
    for stage, members in groups:
        if stage != first:
            text = f"move {what} back to {stage.title!r}, where they came from"
            steps.append(UnparkByMove(f"{number}a", text, members, destination=stage.uuid))
    return [*steps, give_back_priorities(tasks, positions, f"{number}b")]


def give_back_priorities(tasks: Sequence[PlannedTask], positions: Sequence[int], number: str) -> GiveBackPriority:
    """Return the step that gives back the priorities that the done stage took: tasks return with the default one."""
    changed = tuple(p for p in positions if tasks[p].priority not in {None, DEFAULT_PRIORITY})
    text = "give back the priorities that parking took"
    return GiveBackPriority(number, text, changed, ours=(DEFAULT_PRIORITY,) * len(changed))


def mirror(
    snapshot: Snapshot, tasks: Sequence[PlannedTask], positions: Sequence[int], number: str, facts: PlanFacts
) -> list[Step]:
    """Return the steps that mirror on the platform what is going to be parked, a tag for each stage it comes from."""
    return [
        Tag(number, f"mirror what is going to be parked from {stage.title!r}", members, _mirror(facts, stage))
        for stage, members in by_origin(snapshot.stages, tasks, positions)
    ]


def drop_mirror(
    snapshot: Snapshot, tasks: Sequence[PlannedTask], positions: Sequence[int], number: str, facts: PlanFacts
) -> list[Step]:
    """Return the steps that drop the tags of :func:`mirror`."""
    return [
        RemoveTagForGood(number, f"drop the mirror of what was parked from {stage.title!r}", _mirror(facts, stage))
        for stage, _ in by_origin(snapshot.stages, tasks, positions)
    ]


def _mirror(facts: PlanFacts, stage: Stage) -> str:
    return Mirror(facts.run_id, facts.user, stage.title, facts.round).name
