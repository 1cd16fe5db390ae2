"""What the platform alone knows of unfinished runs, and bringing their tasks back when the run folder is gone.

Every recipe mirrors what it is going to park, or to put first, as a tag named after the run. Without the journal
some evidence is missing, and this is what stands in for it:

- which of the tagged tasks were really parked: those that are complete and that the run's user moved there (on a
  platform that does not record that: any that are complete);
- whether somebody edited the labels meanwhile: a task with anything labelled is left where it is, and reported, even
  if it was labelled before it was parked;
- a task that a person submitted with no objects stays complete only where the platform names that person as the last
  actor;
- the earlier priorities: they are lost, and every task comes back with the platform's default. A run that only set
  priorities leaves them as they are.

That a run is unfinished does not say that nobody is at work on it: bring tasks back only for a run that is not going
on elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from alrun.errors import PlatformError, StateError, one_of
from alrun.platform.port import DropTag, Platform, Project
from alrun.platform.retry import Patience, patiently
from alrun.recipe.base import Mirror, by_origin, read_mirror_tag
from alrun.recipe.converge import Converger
from alrun.recipe.journal import Journal
from alrun.recipe.plan import Plan, PlannedTask, done_stage, first_stage
from alrun.recipe.steps import AwaitLabels, Park, Unpark, UnparkByMove
from alrun.types import Label, LeftOut, Task


@dataclass(frozen=True, slots=True)
class UnfinishedRun:
    """A run of which the platform still holds a mirror tag.

    Attributes
    ----------
    stages
        The titles of the stages that it parked tasks from; empty if it only set priorities.
    parked
        How many of its tasks are still parked, as far as the platform can tell.
    total
        How many tasks it was going to park, or put first in the queue.
    """

    run_id: str
    stages: tuple[str, ...]
    parked: int
    total: int

    def __str__(self) -> str:
        if self.only_queue:
            return f"run {self.run_id} is unfinished: it put {self.total} tasks first in the queue"
        origins = " and ".join(map(repr, self.stages))
        return f"run {self.run_id} is unfinished: {self.parked} of {self.total} tasks from {origins} are parked"

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
        return f"{self.brought_back} tasks are back{left}"


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
        runs.append(UnfinishedRun(run_id, stages, parked, sum(len(names) for _, names in mirrors)))
    return runs


def rescue(platform: Platform, run_id: str, patience: Patience) -> Rescued:
    """Bring back every task that a run parked and that is still parked, and drop its tags.

    May be stopped anywhere and called again: a task is brought back by one write, and the tags go last.

    Raises
    ------
    StateError
        If the project holds no tag of such a run, or a stage that it parked from is gone; nothing was done.
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
    plan = _plan(project, run_id, tuple(parked.values()))
    skipped = _bring_back(plan, platform, patience)
    left += [LeftOut(titles[plan.tasks[row].task_id], reason) for row, reason in skipped.items()]
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
    """Return the complete ones of these tasks, each with the reason why it is not taken for parked, or None.

    None of a run that only set priorities is.
    """
    if mirror.stage is None:
        return []
    done, size = done_stage(project.stages).uuid, platform.limits.listing
    found: list[tuple[Task, str | None]] = []
    for chunk in (names[start : start + size] for start in range(0, len(names), size)):
        listed = patiently(patience, lambda chunk=chunk: platform.tasks(chunk))  # type: ignore[misc]
        tasks = [task for task in listed if task.stage == done]
        rows = [task.label_hash for task in tasks if task.label_hash is not None]
        labels = patiently(patience, lambda rows=rows: platform.labels(rows)) if rows else {}  # type: ignore[misc]
        found += [(task, _objection(project, mirror, task, labels.get(task.label_hash or ""))) for task in tasks]
    return found


def _objection(project: Project, mirror: Mirror, task: Task, label: Label | None) -> str | None:
    if project.records_moves and task.last_actioned_by != mirror.user:
        return f"{task.last_actioned_by} worked on it last"
    if label is not None and not label.empty:
        return "it is labelled"
    return None


def _origin(project: Project, mirror: Mirror) -> str:
    titles = [stage.title for stage in project.stages]
    if mirror.stage not in titles:
        raise StateError(
            f"run {mirror.run_id} parked tasks from the stage {mirror.stage!r}, which the workflow no longer has: "
            f"nothing was done. Give a stage that name again; the stages are {', '.join(map(repr, titles))}"
        )
    return project.stages[titles.index(mirror.stage)].uuid


def _plan(project: Project, run_id: str, tasks: tuple[PlannedTask, ...]) -> Plan:
    """Return the second half of a plan as a recipe would have made it."""
    first = first_stage(project.stages)
    rows = tuple(range(len(tasks)))
    back: list[Unpark | UnparkByMove] = []
    for stage, members in by_origin(project.stages, tasks, rows):
        # reopening is the surer way, where it leads to the right stage; without a label row it does nothing
        reopened = tuple(row for row in members if stage == first and tasks[row].label_hash is not None)
        moved = tuple(sorted(set(members) - set(reopened)))
        back += [Unpark("3", "reopen", reopened), UnparkByMove("4", "move back", moved, destination=stage.uuid)]
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
        steps=(Park("1", "what the run parked", rows), AwaitLabels("2", "nothing is awaited", ()), *back),
    )


def _bring_back(plan: Plan, platform: Platform, patience: Patience) -> dict[int, str]:
    """Undo by a journal that is made up from what the platform shows; return the rows left alone, with reasons.

    Whoever parked the tasks, it is enough that nobody acts on them from here on: hence `records_moves=False`, by
    which the last actor only must not change.
    """
    stuck: dict[int, str] = {}
    with TemporaryDirectory(prefix="alrun-rescue-") as folder:
        journal = Journal(Path(folder) / "journal.jsonl", plan)
        seen = {row: (task.label_hash, task.last_edited_at) for row, task in enumerate(plan.tasks)}
        journal.intend(0, range(len(plan.tasks)), seen, "found on the platform")
        converger = Converger(plan, platform, journal, patience, records_moves=False, stuck=stuck)
        for position, step in enumerate(plan.steps):
            if isinstance(step, Unpark | UnparkByMove):
                converger.write(position, step, step.tasks)
    if stuck:
        row, reason = next(iter(stuck.items()))
        raise PlatformError(
            f"{len(stuck)} tasks could not be brought back, such as {plan.tasks[row].task_id} ({reason}); all others "
            "are back. Mend what the reason says and do this again"
        )
    skipped = journal.progress.skipped.values()
    return {row: reason for rows in skipped for row, reason in rows.items()}
