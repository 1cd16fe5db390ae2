"""The recipe port, and what recipes have in common."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

from alrun.recipe.plan import Plan, PlanFacts, PlannedTask, first_stage
from alrun.recipe.steps import GiveBackPriority, RemoveTagForGood, Step, Tag, Unpark, UnparkByMove
from alrun.types import LeftOut, Pick, Snapshot, Stage, StageType, Task

DEFAULT_PRIORITY = 0.5

_MIRROR = re.compile(
    r"alrun (?P<run_id>\S+) of (?P<user>.+?) (?:(?P<what>parked|sent back) from (?P<stage>.*)|set the queue)", re.DOTALL
)


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


@dataclass(frozen=True, slots=True)
class Mirror:
    """A tag that mirrors what a run does, so that it can be undone when the run folder is gone.

    Attributes
    ----------
    user
        Who parked.
    stage
        The title of the stage from which the tagged tasks are taken. None for a run that only sets priorities.
    sent_back
        Whether they are sent back to annotators; otherwise they are parked.
    """

    run_id: str
    user: str
    stage: str | None
    sent_back: bool = False

    @property
    def name(self) -> str:
        """The tag's name."""
        taken = "sent back" if self.sent_back else "parked"
        what = "set the queue" if self.stage is None else f"{taken} from {self.stage}"
        return f"alrun {self.run_id} of {self.user} {what}"


def read_mirror_tag(name: str) -> Mirror | None:
    """Return the mirror with this tag name; None for any other tag."""
    found = _MIRROR.fullmatch(name)
    return Mirror(found["run_id"], found["user"], found["stage"], found["what"] == "sent back") if found else None


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
    return Mirror(facts.run_id, facts.user, stage.title).name
