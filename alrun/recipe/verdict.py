"""What a listing says of one task and one step: to be written, written already, or not ours to write.

The evidence is what one listing gives: stage, status, assignee, priority, label row, last edit and last actor. What
none of these shows, nobody can see: on a platform that does not record our moves, the person who acted last before
parking may reopen and resubmit a task, unedited, and it looks as it was left.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from math import isclose
from typing import assert_never

from alrun.recipe.journal import Evidence
from alrun.recipe.plan import Plan, PlannedTask
from alrun.recipe.steps import (
    CreateLabelRows,
    GiveBackPriority,
    Park,
    ParkByMove,
    Prioritise,
    Tag,
    Unpark,
    UnparkByMove,
    Untag,
)
from alrun.types import Task, TaskStatus

TaskStep = CreateLabelRows | Tag | Untag | Park | ParkByMove | Unpark | UnparkByMove | Prioritise | GiveBackPriority


class Verdict(Enum):
    """What to do with a task of a step.

    UNRECORDED is a task that looks as if this run had parked or prioritised it, but the journal does not know of it:
    the journal has lost lines.
    """

    READY = "ready"
    DONE = "done"
    UNRECORDED = "unrecorded"


@dataclass(frozen=True, slots=True)
class Case:
    """One task in one step.

    Attributes
    ----------
    now
        The task as just listed; None if it is gone.
    rivals
        How many other tasks of its image were listed.
    intended
        Whether the journal announces a write of this task in this step.
    parked
        Whether the journal announces that this run parks it.
    initialised
        Whether the journal announces that this run creates its label row.
    seen
        What the journal says was seen right before the last write that moved it; None before the first.
    wanted, ours
        Priorities, in the steps that set one: the one to set, and the one that a `GiveBackPriority` must find.
    """

    plan: Plan
    before: PlannedTask
    now: Task | None
    rivals: int
    intended: bool
    parked: bool
    initialised: bool
    seen: Evidence | None
    records_moves: bool
    wanted: float | None = None
    ours: float | None = None


def judge(step: TaskStep, case: Case) -> Verdict | str:
    """Return the verdict, or the reason why the task is left alone: somebody else has changed it."""
    if case.now is None:
        return "it is no longer in the project"
    match step:
        case Tag() | Untag():
            return Verdict.READY
        case CreateLabelRows():
            return _initialise(case, case.now)
        case Park() | ParkByMove():
            return _park(case, case.now)
        case Unpark():
            return _come_back(case, case.now, case.plan.first_stage)
        case UnparkByMove():
            return _come_back(case, case.now, step.destination)
        case Prioritise():
            return _prioritise(case, case.now)
        case GiveBackPriority():
            return _give_back(case, case.now)
    assert_never(step)


def changed_since(
    plan: Plan, before: PlannedTask, now: Task, *, rivals: int = 0, initialised: bool = False
) -> str | None:
    """Say what differs from the snapshot.

    If `initialised`, this run created the label row since. Nobody knows when the platform says that happened, so
    an edit right after it shows only in the task's actor, assignee or status.
    """
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
    if rivals:
        return f"its image has {rivals + 1} tasks by now"
    return None


def _initialise(case: Case, now: Task) -> Verdict | str:
    if _unrecorded(case, now):
        return Verdict.UNRECORDED
    if now.label_hash is not None:
        return Verdict.DONE if case.intended else "somebody created its label row"
    return _changed(case, now) or Verdict.READY


def _park(case: Case, now: Task) -> Verdict | str:
    if now.stage != case.plan.done_stage:
        return _changed(case, now) or Verdict.READY
    if case.parked:
        return _touched(case, now) or Verdict.DONE
    return Verdict.UNRECORDED if _unrecorded(case, now) else "somebody completed it"


def _come_back(case: Case, now: Task, destination: str) -> Verdict | str:
    if not case.parked:
        return Verdict.UNRECORDED if _unrecorded(case, now) else "this run did not park it"
    if now.stage == destination:
        return Verdict.DONE if case.intended or _touched(case, now) is None else "it is there already"
    if now.stage != case.plan.done_stage:
        return f"it was moved to {case.plan.title(now.stage)!r}"
    return _touched(case, now) or Verdict.READY


def _prioritise(case: Case, now: Task) -> Verdict | str:
    if _same_priority(now.priority, case.wanted) and not _same_priority(case.before.priority, case.wanted):
        return Verdict.DONE if case.intended else Verdict.UNRECORDED
    return _changed(case, now) or Verdict.READY


def _give_back(case: Case, now: Task) -> Verdict | str:
    if now.priority is None:
        return Verdict.DONE  # complete: there is no place in the queue to give back
    if now.priority != case.wanted and _same_priority(now.priority, case.ours):
        return Verdict.READY
    if _same_priority(now.priority, case.wanted):
        return Verdict.DONE
    return f"somebody set its priority to {now.priority:g}"


def _changed(case: Case, now: Task) -> str | None:
    return changed_since(case.plan, case.before, now, rivals=case.rivals, initialised=case.initialised)


def _touched(case: Case, now: Task) -> str | None:
    """Say what somebody did to a task since this run announced to park it."""
    if (now.label_hash, now.last_edited_at) != case.seen:
        return "its labels were edited while it was parked"
    if now.last_actioned_by != _our_trace(case):
        return f"{now.last_actioned_by} worked on it while it was parked"
    if now.assignee is not None or now.status in {TaskStatus.ASSIGNED, TaskStatus.SKIPPED}:
        return f"{now.assignee or 'somebody'} has it in hand"
    return None


def _unrecorded(case: Case, now: Task) -> bool:
    """Say whether it looks as if this run had parked the task, although the journal does not announce it."""
    if case.parked or now.stage != case.plan.done_stage or now.last_actioned_by != _our_trace(case):
        return False
    edited = (now.label_hash, now.last_edited_at) != (case.before.label_hash, case.before.last_edited_at)
    return case.before.label_hash is None or not edited


def _our_trace(case: Case) -> str | None:
    """Return whom the platform names as the last actor of a task that this run moved last."""
    return case.plan.user if case.records_moves else case.before.last_actioned_by


def _same_priority(one: float | None, other: float | None) -> bool:
    return one == other if one is None or other is None else isclose(one, other, abs_tol=1e-6)
