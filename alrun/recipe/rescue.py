"""Bringing the tasks of a run back when its folder is gone, by what the platform alone knows.

Every recipe mirrors what it is going to park, or to put first, as a tag named after the run; what that and the tasks
themselves tell, and what they cannot, `alrun.recipe.unfinished` says. What follows from it:

- a task that nobody has finished since it was parked comes back, labelled or not: to look at it once more costs less
  than to count it as finished. No label is touched;
- labelled tasks of which nobody can tell that are left where they are and keep the tag, until a person decides;
- the earlier priorities are lost, and every task comes back with the platform's default. A run that only set priorities
  leaves them as they are;
- tasks that were sent back to annotators are labelled: those that the run's user reopened and that nobody has in hand
  are completed again. Where the platform does not record who reopened them, they all stay with the annotators.

That a run is unfinished does not say that nobody is at work on it: bring tasks back only for a run that is not going
on elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from alrun.errors import PlatformError, StateError, one_of
from alrun.parts import in_parts
from alrun.platform.port import Platform, Project
from alrun.platform.retry import Patience, patiently
from alrun.platform.writes import DropTag, RemoveTag
from alrun.pool.tags import Mirror
from alrun.recipe.base import by_origin
from alrun.recipe.converge import Converger
from alrun.recipe.journal import Journal
from alrun.recipe.plan import Plan, PlannedTask, first_stage
from alrun.recipe.steps import AwaitLabels, CompleteAgain, Park, Returning, SendBack, Step, Unpark, UnparkByMove
from alrun.recipe.unfinished import UNDECIDED, examined, mirrors_of
from alrun.recipe.verdict import doubtful
from alrun.types import LeftOut, Task

Labelled = Literal["ask", "reopen", "leave"]
"""What becomes of labelled tasks of which nobody can tell whether a person finished them while they were parked."""


@dataclass(frozen=True, slots=True)
class Rescued:
    """What :func:`rescue` did: how many tasks came back, and which did not, with the reason.

    Attributes
    ----------
    undecided
        The titles of tasks that were left where they are, with the tag that finds them, until a person decides.
    """

    run_id: str
    brought_back: int
    left: tuple[LeftOut, ...]
    undecided: tuple[str, ...] = ()

    def __str__(self) -> str:
        left = "".join(f"\n  {item.name!r} was left where it is: {item.reason}" for item in self.left)
        lost = "\n  priorities stay as they are now: only the run folder knows the earlier ones"
        return f"{self.brought_back} tasks are back{left}{lost}"

    def need_no_decision(self) -> None:
        """See that no task waits for a person's decision.

        Raises
        ------
        StateError
            If any does; it says how to decide.
        """
        if self.undecided:
            names = ", ".join(map(repr, self.undecided[:3]))
            raise StateError(
                f"{len(self.undecided)} tasks that run {self.run_id} parked are labelled, such as {names}, and the "
                "platform does not tell whether a person finished them while they were parked. They are left where "
                "they are, with the tag that finds them, until a person decides for all of them: do this again with "
                "restore.labelled=reopen, to have each looked at once more (no label is touched), or with "
                "restore.labelled=leave, to count them as finished"
            )


def rescue(platform: Platform, run_id: str, patience: Patience, labelled: Labelled = "ask") -> Rescued:
    """Bring back every task that a run moved and that is still where it put it, and drop its tags.

    May be stopped anywhere and called again: a task is brought back by one write, and the tags go last.

    Parameters
    ----------
    labelled
        What becomes of labelled tasks of which nobody can tell whether they were finished while they were parked: they
        come back too (`reopen`), are left where they are (`leave`), or are left there with their tag (`ask`).

    Raises
    ------
    StateError
        If the project holds no tag of such a run, or a stage that it parked from is gone; nothing was done. If not one
        of many tasks is to be brought back, all for the same reason; the tags are kept.
    PlatformError
        If the platform does not answer for too long, or refuses to take tasks back; all others are back by then.
    """
    project = patiently(patience, platform.project)
    tags = patiently(patience, platform.tags)
    known = mirrors_of(tags)
    if run_id not in known:
        runs = one_of(run_id, sorted(known)) if known else "it has none at all"
        raise StateError(f"the project {project.title!r} has no unfinished run {run_id!r}: nothing was done; {runs}")
    origins = {mirror: _origin(project, mirror) for mirror, _ in known[run_id] if mirror.stage is not None}
    parked: dict[str, PlannedTask] = {}
    titles: dict[str, str] = {}
    left: list[LeftOut] = []
    undecided: list[Task] = []
    for mirror, names in known[run_id]:
        for task, objection in examined(platform, project, tags, mirror, names, patience):
            titles[task.task_id] = task.title
            if objection == UNDECIDED and labelled != "reopen":
                undecided.append(task)
            elif objection in {None, UNDECIDED}:
                parked[task.task_id] = replace(PlannedTask.of(task, None), stage=origins[mirror])
            else:
                left.append(LeftOut(task.title, objection))
    sent_back = any(mirror.sent_back for mirror, _ in known[run_id])
    plan = _plan(project, run_id, tuple(parked.values()), sent_back=sent_back)
    skipped = _bring_back(plan, platform, patience)
    left += [LeftOut(titles[plan.tasks[row].task_id], reason) for row, reason in skipped.items()]
    if doubtful([item.reason for item in left], len(left) + len(parked) - len(skipped)):
        raise StateError(
            f"none of the {len(left)} tasks that run {run_id} moved was brought back: {left[0].reason}. The tags that "
            "find them are kept. Check platform.user and platform.records_moves and do this again; or, if they are to "
            f"stay there, delete the tags that begin with 'alrun {run_id}' in the product"
        )
    if labelled == "leave":
        left += [LeftOut(task.title, UNDECIDED) for task in undecided]
        undecided = []
    for mirror, names in known[run_id]:
        _untag(platform, mirror, names, {task.data_hash for task in undecided}, patience)
    return Rescued(run_id, len(parked) - len(skipped), tuple(left), tuple(task.title for task in undecided))


def _untag(
    platform: Platform, mirror: Mirror, names: Sequence[str], kept: AbstractSet[str], patience: Patience
) -> None:
    """Take a mirror tag off all images but those to keep; drop it if there are none."""
    if kept.isdisjoint(names):
        patiently(patience, platform.write, DropTag(mirror.name))
        return
    over = [name for name in names if name not in kept]
    size = min(platform.limits.listing, platform.limits.tag)
    for part in in_parts(over, size):
        listed = patiently(patience, platform.tasks, part)
        patiently(patience, platform.write, RemoveTag(tuple(task.ref for task in listed), mirror.name))


def _origin(project: Project, mirror: Mirror) -> str:
    titles = [stage.title for stage in project.stages]
    if mirror.stage not in titles:
        raise StateError(
            f"run {mirror.run_id} took tasks from the stage {mirror.stage!r}, which the workflow no longer has: "
            f"nothing was done. Give a stage that name again; the stages are {', '.join(map(repr, titles))}"
        )
    return project.stages[titles.index(mirror.stage)].uuid


def _plan(project: Project, run_id: str, tasks: tuple[PlannedTask, ...], *, sent_back: bool) -> Plan:
    """Return the second half of a plan as a recipe would have made it."""
    rows = tuple(range(len(tasks)))
    away = SendBack("1", "what the run sent back", rows) if sent_back else Park("1", "what the run parked", rows)
    back = [CompleteAgain("3", "complete again", rows)] if sent_back else _unpark(project, tasks)
    return Plan(
        run_id=run_id,
        round=0,
        recipe="rescue",
        project_id=project.project_id,
        project_title=project.title,
        user=project.user,
        config_digest="",
        snapshot_digest="",
        stages=project.stages,
        tasks=tasks,
        left_out=(),
        steps=(away, AwaitLabels("2", "nothing is awaited", ()), *back),
    )


def _unpark(project: Project, tasks: tuple[PlannedTask, ...]) -> list[Step]:
    """Return the steps that bring parked tasks back.

    Reopening is the surer way, where it leads to the right stage; without a label row it does nothing.
    """
    first = first_stage(project.stages)
    steps: list[Step] = []
    for stage, members in by_origin(project.stages, tasks, range(len(tasks))):
        reopened = tuple(row for row in members if stage == first and tasks[row].label_hash is not None)
        moved = tuple(sorted(set(members) - set(reopened)))
        steps += [Unpark("3", "reopen", reopened), UnparkByMove("4", "move back", moved, destination=stage.uuid)]
    return steps


def _bring_back(plan: Plan, platform: Platform, patience: Patience) -> dict[int, str]:
    """Undo by a journal that is made up from what the platform shows; return the rows left alone, with reasons.

    Whoever moved the tasks, it is enough that nobody acts on them from here on: hence `records_moves=False`, by
    which the last actor only must not change.
    """
    stuck: dict[int, str] = {}
    with TemporaryDirectory(prefix="alrun-rescue-") as folder:
        journal = Journal(Path(folder) / "journal.jsonl", plan)
        seen = {row: (task.label_hash, task.last_edited_at) for row, task in enumerate(plan.tasks)}
        journal.intend(0, range(len(plan.tasks)), seen, "found on the platform")
        converger = Converger(plan, platform, journal, patience, records_moves=False, stuck=stuck)
        for position, step in enumerate(plan.steps):
            if isinstance(step, Returning):
                converger.write(position, step, step.tasks)
    if stuck:
        row, reason = next(iter(stuck.items()))
        raise PlatformError(
            f"{len(stuck)} tasks could not be brought back, such as {plan.tasks[row].task_id} ({reason}); all others "
            "are back. Mend what the reason says and do this again"
        )
    skipped = journal.progress.skipped.values()
    return {row: reason for rows in skipped for row, reason in rows.items()}
