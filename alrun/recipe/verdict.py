"""What a listing says of one task and one step: to be written, written already, or not ours to write.

The evidence is what one listing gives: stage, status, assignee, priority, label row, last edit and last actor. What
none of these shows, nobody can see: on a platform that does not record our moves, the person who acted last before
parking may reopen and resubmit a task, unedited, and it looks as it was left; or may finish a task that was sent back,
unedited, before we hear that it was, and it is sent back once more. Where it is not known whether the platform records
our moves, a task that a person has acted on is therefore not moved at all.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum
from math import isclose
from typing import NamedTuple, assert_never

from alrun.platform.writes import DEFAULT_PRIORITY
from alrun.pool.tags import same_name
from alrun.recipe.journal import Evidence
from alrun.recipe.plan import Plan, PlannedTask
from alrun.recipe.steps import (
    CompleteAgain,
    CreateLabelRows,
    GiveBackPriority,
    Park,
    ParkByMove,
    Prioritise,
    SendBack,
    Tag,
    Unpark,
    UnparkByMove,
    Untag,
)
from alrun.types import StageType, Task, TaskStatus

TaskStep = (
    CreateLabelRows | Tag | Untag | Park | ParkByMove | Unpark | UnparkByMove | SendBack | CompleteAgain
    | Prioritise | GiveBackPriority
)  # fmt: skip


DOUBTFUL = 5
"""From how many tasks on it is no chance that all of them look as if somebody else had worked on them."""

LABEL_ROW_CREATED = "a label row was created for it"
"""How the reason begins why a task stays away that had no label row: nothing tells who created it."""

ROUNDING = 0.005
"""How far from what was set the priority may be that a platform keeps: some round it, to two decimals or finer."""

_EXACT = 1e-6


class Verdict(Enum):
    """What to do with a task of a step.

    NOT_OURS is a task that is not to be brought back, as this run did not move it. UNRECORDED is one that looks as if
    this run had moved or prioritised it, but the journal does not know of it: the journal has lost lines.
    """

    READY = "ready"
    DONE = "done"
    NOT_OURS = "not ours"
    UNRECORDED = "unrecorded"


class Case(NamedTuple):  # made for every task of every step: a frozen dataclass takes four times as long
    """One task in one step.

    Attributes
    ----------
    now
        The task as just listed; None if it is gone.
    rivals
        How many other tasks of its image were listed.
    intended
        Whether the journal announces a write of this task in this step.
    displaced
        Whether the journal announces that this run parks it, or sends it back.
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
    displaced: bool
    initialised: bool
    seen: Evidence | None
    records_moves: bool | None
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
        case Park() | ParkByMove() | SendBack():
            return _displace(case, case.now)
        case Unpark():
            return _come_back(case, case.now, case.plan.first_stage)
        case CompleteAgain():
            return _complete_again(case, case.now)
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


def doubtful(reasons: Collection[str], tasks: int) -> bool:
    """Say whether so many moved tasks would all stay away for one reason, which is no chance but this run's fault."""
    return len(reasons) == tasks >= DOUBTFUL and len(set(reasons)) == 1


def kept(now: Task, priority: float | None) -> bool:
    """Say whether a task has the priority that was set, as far as platforms keep it."""
    if now.priority is None or priority is None:
        return now.priority == priority
    return isclose(now.priority, priority, abs_tol=ROUNDING + _EXACT)


def _initialise(case: Case, now: Task) -> Verdict | str:
    if _unrecorded(case, now):
        return Verdict.UNRECORDED
    if now.label_hash is not None:
        return Verdict.DONE if case.intended else "somebody created its label row"
    return _changed(case, now) or Verdict.READY


def _displace(case: Case, now: Task) -> Verdict | str:
    if now.stage != case.plan.away_stage:
        return _changed(case, now) or _untraceable(case) or Verdict.READY
    if case.displaced:
        return _touched(case, now) or Verdict.DONE
    somebody = "somebody reopened it" if case.plan.sends_back else "somebody completed it"
    return Verdict.UNRECORDED if _unrecorded(case, now) else somebody


def _come_back(case: Case, now: Task, destination: str) -> Verdict | str:
    if not case.displaced:
        return Verdict.UNRECORDED if _unrecorded(case, now) else Verdict.NOT_OURS
    if now.stage == destination:
        return Verdict.DONE if case.intended or _touched(case, now) is None else "it is there already"
    if now.stage != case.plan.away_stage:
        return f"it was moved to {case.plan.title(now.stage)!r}"
    return _touched(case, now) or Verdict.READY


def _complete_again(case: Case, now: Task) -> Verdict | str:
    """Return the verdict on a task that was sent back and that has its ordinary place in the queue again."""
    if case.displaced and case.plan.type(now.stage) is not StageType.ANNOTATION:
        return Verdict.DONE  # somebody submitted it: it is in nobody's queue of images to label
    verdict = _come_back(case, now, case.plan.done_stage)
    ordinary = any(_same_priority(now.priority, known) for known in (DEFAULT_PRIORITY, case.before.priority))
    return verdict if ordinary or verdict is not Verdict.READY else f"somebody set its priority to {now.priority}"


def _prioritise(case: Case, now: Task) -> Verdict | str:
    if case.displaced:
        return _prioritise_sent_back(case, now)
    if case.intended and kept(now, case.wanted) and not _same_priority(now.priority, case.before.priority):
        return Verdict.DONE
    if _same_priority(now.priority, case.wanted) and not _same_priority(case.before.priority, case.wanted):
        return Verdict.UNRECORDED
    return _changed(case, now) or Verdict.READY


def _prioritise_sent_back(case: Case, now: Task) -> Verdict | str:
    """Return the verdict on a task that this run has just reopened, which gave it the default priority."""
    ordinary = _same_priority(now.priority, DEFAULT_PRIORITY)
    if _same_priority(now.priority, case.wanted) or (case.intended and kept(now, case.wanted) and not ordinary):
        return Verdict.DONE
    if now.stage != case.plan.away_stage:
        return f"it was moved to {case.plan.title(now.stage)!r}"
    if not ordinary:
        return f"somebody set its priority to {now.priority}"
    return _touched(case, now) or Verdict.READY


def _give_back(case: Case, now: Task) -> Verdict | str:
    if now.priority is None:
        return Verdict.DONE  # complete: there is no place in the queue to give back
    if now.priority != case.wanted and kept(now, case.ours):
        return Verdict.READY
    if _same_priority(now.priority, case.wanted):
        return Verdict.DONE
    return f"somebody set its priority to {now.priority:g}"


def _changed(case: Case, now: Task) -> str | None:
    return changed_since(case.plan, case.before, now, rivals=case.rivals, initialised=case.initialised)


def _touched(case: Case, now: Task) -> str | None:
    """Say what somebody did to a task since this run announced to move it."""
    since = "since it was sent back" if case.plan.sends_back else "while it was parked"
    if (now.label_hash, now.last_edited_at) != case.seen:
        created = case.seen is not None and case.seen[0] is None and now.label_hash is not None
        return f"{LABEL_ROW_CREATED if created else 'its labels were edited'} {since}"
    if same_name(now.last_actioned_by) not in _our_traces(case):
        return f"{now.last_actioned_by} worked on it {since}"
    if now.assignee is not None or now.status in {TaskStatus.ASSIGNED, TaskStatus.SKIPPED}:
        return f"{now.assignee or 'somebody'} has it in hand"
    return None


def _unrecorded(case: Case, now: Task) -> bool:
    """Say whether it looks as if this run had moved the task, although the journal does not announce it."""
    if case.displaced or now.stage != case.plan.away_stage or same_name(now.last_actioned_by) not in _our_traces(case):
        return False
    edited = (now.label_hash, now.last_edited_at) != (case.before.label_hash, case.before.last_edited_at)
    return case.before.label_hash is None or not edited


def _our_traces(case: Case) -> tuple[str | None, ...]:
    """Return whom the platform may name, by :func:`same_name`, as the last actor of a task that this run moved last.

    Where it is not known whether the platform records that, it names us or, on a task that nobody had acted on, nobody:
    a person who acts since is neither, whichever is true.
    """
    us, earlier = same_name(case.plan.user), same_name(case.before.last_actioned_by)
    if case.records_moves is None:
        return (us, None) if earlier is None else (us,)
    return (us if case.records_moves else earlier,)


def _untraceable(case: Case) -> str | None:
    """Say why a task could not be watched once it is moved: its last actor acting again may look like nobody acting."""
    earlier = case.before.last_actioned_by
    if case.records_moves is not None or same_name(earlier) in {None, same_name(case.plan.user)}:
        return None
    return (
        f"{earlier} worked on it earlier, and whether they do so again would show only if it were known whether the "
        "platform records moves: set platform.records_moves, which action=doctor with doctor.scratch_project finds out"
    )


def _same_priority(one: float | None, other: float | None) -> bool:
    return one == other if one is None or other is None else isclose(one, other, abs_tol=_EXACT)
