"""What a listing says of one task and one step: to be written, written already, or not ours to write."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from math import isclose
from typing import assert_never

from alrun.errors import StateError
from alrun.recipe.journal import Evidence
from alrun.recipe.plan import Plan, PlannedTask
from alrun.recipe.steps import (
    CreateLabelRows,
    GiveBackPriority,
    Park,
    ParkByMove,
    Prioritise,
    Unpark,
    UnparkByMove,
)
from alrun.types import Task, TaskStatus

Moving = CreateLabelRows | Park | ParkByMove | Unpark | UnparkByMove | Prioritise | GiveBackPriority


class Verdict(Enum):
    """What to do with a task of a step."""

    READY = "ready"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Case:
    """One task in one step.

    Attributes
    ----------
    now
        The task as just listed; None if it is gone.
    intended
        Whether the journal announces a write of this task in this step.
    initialised
        Whether the journal announces that this run creates its label row.
    seen
        What the journal says was seen right before the last write that moved it; None before the first.
    wanted, expected
        Priorities: the one to set, and the one a `GiveBackPriority` must find (None: any).
    """

    plan: Plan
    before: PlannedTask
    now: Task | None
    intended: bool
    initialised: bool
    seen: Evidence | None
    records_moves: bool
    wanted: float | None = None
    expected: float | None = None


def judge(step: Moving, case: Case) -> Verdict | str:
    """Return the verdict, or the reason why the task is left alone: somebody else has changed it."""
    if case.now is None:
        return "it is no longer in the project"
    match step:
        case CreateLabelRows():
            return _initialise(case, case.now)
        case Park():
            return _park(case, case.now)
        case ParkByMove():
            return _park(case, case.now)
        case Unpark():
            return _come_back(case, case.now, case.plan.done_stage, case.plan.first_stage)
        case UnparkByMove():
            return _come_back(case, case.now, step.origin, step.destination)
        case Prioritise():
            return _prioritise(case, case.now)
        case GiveBackPriority():
            return _give_back(case, case.now)
    assert_never(step)


def _initialise(case: Case, now: Task) -> Verdict | str:
    if now.label_hash is not None:
        return Verdict.DONE if case.intended else "somebody created its label row"
    return _changed(case, now) or Verdict.READY


def _park(case: Case, now: Task) -> Verdict | str:
    if now.stage != case.plan.done_stage:
        return _changed(case, now) or Verdict.READY
    if case.intended:
        return _touched_while_parked(case, now) or Verdict.DONE
    if case.records_moves and now.last_actioned_by == case.plan.user:
        raise StateError(
            f"task {now.task_id} was completed by {case.plan.user}, but this run's journal does not know of it: "
            "the journal has lost lines, or the same user completes tasks elsewhere. Nothing more was done. "
            f"`action=restore run_id={case.plan.run_id}` brings parked tasks back without the journal"
        )
    return "somebody completed it"


def _come_back(case: Case, now: Task, origin: str, destination: str) -> Verdict | str:
    if now.stage == destination:
        return Verdict.DONE if case.intended else "it is there already"
    if now.stage != origin:
        return f"it was moved to {case.plan.title(now.stage)!r}"
    return _touched_while_parked(case, now) or Verdict.READY


def _prioritise(case: Case, now: Task) -> Verdict | str:
    if case.intended and _same_priority(now.priority, case.wanted):
        return Verdict.DONE
    return _changed(case, now) or Verdict.READY


def _give_back(case: Case, now: Task) -> Verdict | str:
    if now.priority is None:
        return Verdict.DONE  # complete: there is no place in the queue to give back
    if _same_priority(now.priority, case.wanted):
        return Verdict.DONE
    if case.expected is not None and not _same_priority(now.priority, case.expected):
        return f"somebody set its priority to {now.priority:g}"
    return Verdict.READY


def changed_since(plan: Plan, before: PlannedTask, now: Task, *, initialised: bool = False) -> str | None:
    """Say what differs from the snapshot; creating the label row is our own doing if `initialised`."""
    if now.stage != before.stage:
        return f"it was moved to {plan.title(now.stage)!r}"
    if now.assignee != before.assignee:
        return f"it was assigned to {now.assignee}" if now.assignee else "its assignee was taken off"
    if now.status != before.status:
        return f"its status changed from {before.status.value!r} to {now.status.value!r}"
    if now.last_actioned_by != before.last_actioned_by:
        return f"{now.last_actioned_by} worked on it"
    if not initialised and (now.label_hash, now.last_edited_at) != (before.label_hash, before.last_edited_at):
        return "its labels were edited"
    if not _same_priority(now.priority, before.priority):
        return "its priority was changed"
    return None


def _changed(case: Case, now: Task) -> str | None:
    return changed_since(case.plan, case.before, now, initialised=case.initialised)


def _touched_while_parked(case: Case, now: Task) -> str | None:
    """Say what somebody did to a task since this run parked it."""
    if case.seen is None:
        return "this run did not park it"
    if (now.label_hash, now.last_edited_at) != case.seen:
        return "its labels were edited while it was parked"
    actor = case.plan.user if case.records_moves else case.before.last_actioned_by
    if now.last_actioned_by != actor:
        return f"{now.last_actioned_by} worked on it while it was parked"
    if now.assignee is not None or now.status in {TaskStatus.ASSIGNED, TaskStatus.SKIPPED}:
        return f"{now.assignee or 'somebody'} has it in hand"
    return None


def _same_priority(one: float | None, other: float | None) -> bool:
    return one == other if one is None or other is None else isclose(one, other, abs_tol=1e-6)
