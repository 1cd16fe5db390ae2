"""What the platform alone knows of unfinished runs, and bringing their tasks back when the run folder is gone.

Every recipe mirrors what it is going to park, or to put first, as a tag named after the run. Without the journal
some evidence is missing, and this is what stands in for it:

- which of the tagged tasks were really parked: those that are complete and that the run's user, or the one that asks,
  moved there (on a platform that does not record that: any that are complete);
- whether somebody edited the labels meanwhile: a task with anything labelled is left where it is, and reported, even
  if it was labelled before it was parked;
- a task that a person submitted with no objects stays complete only where the platform names that person as the last
  actor;
- the earlier priorities: they are lost, and every task comes back with the platform's default. A run that only set
  priorities leaves them as they are;
- tasks that were sent back to annotators are labelled: those that the run's user reopened and that nobody has in hand
  are completed again. Where the platform does not record who reopened them, they all stay with the annotators.

That a run is unfinished does not say that nobody is at work on it: bring tasks back only for a run that is not going
on elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from alrun.errors import PlatformError, StateError, one_of
from alrun.platform.port import Platform, Project
from alrun.platform.retry import Patience, patiently
from alrun.platform.writes import DropTag
from alrun.recipe.base import Mirror, by_origin, read_mirror_tag
from alrun.recipe.converge import Converger
from alrun.recipe.journal import Journal
from alrun.recipe.plan import Plan, PlannedTask, done_stage, first_stage
from alrun.recipe.steps import AwaitLabels, CompleteAgain, Park, Returning, SendBack, Step, Unpark, UnparkByMove
from alrun.recipe.verdict import doubtful, same_name
from alrun.types import Label, LeftOut, Task, TaskStatus


@dataclass(frozen=True, slots=True)
class UnfinishedRun:
    """A run of which the platform still holds a mirror tag.

    Attributes
    ----------
    stages
        The titles of the stages that it took tasks from; empty if it only set priorities.
    parked
        How many of its tasks are still where it put them, as far as the platform can tell.
    total
        How many tasks it was going to park, send back, or put first in the queue.
    sent_back
        Whether it sent them back to annotators; otherwise it parked them.
    """

    run_id: str
    stages: tuple[str, ...]
    parked: int
    total: int
    sent_back: bool = False

    def __str__(self) -> str:
        if self.only_queue:
            return f"run {self.run_id} is unfinished: it put {self.total} tasks first in the queue"
        origins = " and ".join(map(repr, self.stages))
        what = "are sent back to annotators" if self.sent_back else "are parked"
        return f"run {self.run_id} is unfinished: {self.parked} of {self.total} tasks from {origins} {what}"

    @property
    def only_queue(self) -> bool:
        """Whether the run only set priorities."""
        return not self.stages


@dataclass(frozen=True, slots=True)
class Rescued:
    """What :func:`rescue` did: how many tasks came back, and which did not, with the reason."""

    run_id: str
    brought_back: int
    left: tuple[LeftOut, ...]

    def __str__(self) -> str:
        left = "".join(f"\n  {item.name!r} was left where it is: {item.reason}" for item in self.left)
        lost = "\n  priorities stay as they are now: only the run folder knows the earlier ones"
        return f"{self.brought_back} tasks are back{left}{lost}"


def unfinished(platform: Platform, patience: Patience | None = None) -> list[UnfinishedRun]:
    """Return the runs that have not ended on this project, ours or not, by run id. Reads only."""
    patience = patience or Patience()
    project = patiently(patience, platform.project)
    runs: list[UnfinishedRun] = []
    for run_id, mirrors in sorted(_mirrors(platform, patience).items()):
        stages = tuple(sorted(mirror.stage for mirror, _ in mirrors if mirror.stage is not None))
        findings = [
            found for mirror, names in mirrors for found in _examined(platform, project, mirror, names, patience)
        ]
        parked = sum(objection is None for _, objection in findings)
        total, sent_back = sum(len(names) for _, names in mirrors), any(mirror.sent_back for mirror, _ in mirrors)
        runs.append(UnfinishedRun(run_id, stages, parked, total, sent_back))
    return runs


def rescue(platform: Platform, run_id: str, patience: Patience) -> Rescued:
    """Bring back every task that a run moved and that is still where it put it, and drop its tags.

    May be stopped anywhere and called again: a task is brought back by one write, and the tags go last.

    Raises
    ------
    StateError
        If the project holds no tag of such a run, or a stage that it parked from is gone; nothing was done. If not one
        of many tasks is to be brought back, all for the same reason; the tags are kept.
    PlatformError
        If the platform does not answer for too long, or refuses to take tasks back; all others are back by then.
    """
    project = patiently(patience, platform.project)
    known = _mirrors(platform, patience)
    if run_id not in known:
        runs = one_of(run_id, sorted(known)) if known else "it has none at all"
        raise StateError(f"the project {project.title!r} has no unfinished run {run_id!r}: nothing was done; {runs}")
    origins = {mirror: _origin(project, mirror) for mirror, _ in known[run_id] if mirror.stage is not None}
    parked: dict[str, PlannedTask] = {}
    titles: dict[str, str] = {}
    left: list[LeftOut] = []
    for mirror, names in known[run_id]:
        for task, objection in _examined(platform, project, mirror, names, patience):
            titles[task.task_id] = task.title
            if objection is None:
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
    for mirror, _ in known[run_id]:
        patiently(patience, lambda name=mirror.name: platform.write(DropTag(name)))  # type: ignore[misc]
    return Rescued(run_id, len(parked) - len(skipped), tuple(left))


def _mirrors(platform: Platform, patience: Patience) -> dict[str, list[tuple[Mirror, list[str]]]]:
    """Return the mirror tags by run id, each with its data hashes."""
    mirrors: dict[str, list[tuple[Mirror, list[str]]]] = {}
    for name, data_hashes in sorted(patiently(patience, platform.tags).items()):
        mirror = read_mirror_tag(name)
        if mirror is not None:
            mirrors.setdefault(mirror.run_id, []).append((mirror, sorted(data_hashes)))
    return mirrors


def _examined(
    platform: Platform, project: Project, mirror: Mirror, names: Sequence[str], patience: Patience
) -> list[tuple[Task, str | None]]:
    """Return those of these tasks that are where the run puts them, each with the reason why it did not, or None.

    A run that only set priorities puts none anywhere.
    """
    if mirror.stage is None:
        return []
    away = first_stage(project.stages) if mirror.sent_back else done_stage(project.stages)
    size = platform.limits.listing
    found: list[tuple[Task, str | None]] = []
    for chunk in (names[start : start + size] for start in range(0, len(names), size)):
        listed = patiently(patience, lambda chunk=chunk: platform.tasks(chunk))  # type: ignore[misc]
        tasks = [task for task in listed if task.stage == away.uuid]
        rows = [task.label_hash for task in tasks if task.label_hash is not None]
        labels = patiently(patience, lambda rows=rows: platform.labels(rows)) if rows else {}  # type: ignore[misc]
        found += [(task, _objection(project, mirror, task, labels.get(task.label_hash or ""))) for task in tasks]
    return found


def _objection(project: Project, mirror: Mirror, task: Task, label: Label | None) -> str | None:
    actor, records = task.last_actioned_by, project.records_moves
    by_us = same_name(actor) in {same_name(mirror.user), same_name(project.user)}
    if not by_us and (records or (records is None and actor is not None)):
        return f"{actor} worked on it last"
    if mirror.sent_back:
        return None if records is not False and by_us and _idle(task) else "somebody may have it in hand"
    if label is not None and not label.empty:
        return "it is labelled"
    return None


def _idle(task: Task) -> bool:
    return task.assignee is None and task.status is not TaskStatus.SKIPPED


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
