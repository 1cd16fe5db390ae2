"""What the platform alone knows of runs that have not ended, by the tags that mirror what they move.

Without the journal some evidence is missing, and this is what stands in for it:

- which of the tagged tasks were really parked: those that are complete and that the run's user, or the one that asks,
  moved there (on a platform that does not record that: any that are complete);
- whether somebody finished a task meanwhile: a person who submits it is its last actor. Where the platform records
  moves and names the run's user, nobody did, labelled or not. Elsewhere nobody can tell of a labelled task; one that
  was submitted with nothing labelled counts as finished only where the platform names the person who did so;
- a pre-label that nobody has submitted is no label.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alrun.platform.port import Platform, Project
from alrun.platform.reading import labels_of, tasks_of
from alrun.platform.retry import Patience, patiently
from alrun.pool.tags import Mirror, acted_since, proposed, read_mirror_tag, same_name
from alrun.recipe.plan import done_stage, first_stage
from alrun.types import Label, Task, TaskStatus

UNDECIDED = "it is labelled, and nobody can tell whether a person finished it while it was parked"
"""Why a task is not brought back before a person decides."""


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


def unfinished(platform: Platform, patience: Patience | None = None) -> list[UnfinishedRun]:
    """Return the runs that have not ended on this project, ours or not, by run id. Reads only."""
    patience = patience or Patience()
    project = patiently(patience, platform.project)
    runs: list[UnfinishedRun] = []
    tags = patiently(patience, platform.tags)
    for run_id, mirrors in sorted(mirrors_of(tags).items()):
        stages = tuple(sorted({mirror.stage for mirror, _ in mirrors if mirror.stage is not None}))
        findings = [
            found for mirror, names in mirrors for found in examined(platform, project, tags, mirror, names, patience)
        ]
        parked = sum(objection in {None, UNDECIDED} for _, objection in findings)
        total, sent_back = sum(len(names) for _, names in mirrors), any(mirror.sent_back for mirror, _ in mirrors)
        runs.append(UnfinishedRun(run_id, stages, parked, total, sent_back))
    return runs


def mirrors_of(tags: Mapping[str, frozenset[str]]) -> dict[str, list[tuple[Mirror, list[str]]]]:
    """Return the mirror tags by run id, each with its data hashes."""
    mirrors: dict[str, list[tuple[Mirror, list[str]]]] = {}
    for name, data_hashes in sorted(tags.items()):
        mirror = read_mirror_tag(name)
        if mirror is not None:
            mirrors.setdefault(mirror.run_id, []).append((mirror, sorted(data_hashes)))
    return mirrors


def examined(
    platform: Platform,
    project: Project,
    tags: Mapping[str, frozenset[str]],
    mirror: Mirror,
    names: Sequence[str],
    patience: Patience,
) -> list[tuple[Task, str | None]]:
    """Return those of these tasks that are where the run puts them, each with the reason why it did not, or None.

    The reason is :data:`UNDECIDED` where nobody can tell. A run that only set priorities puts none anywhere.
    """
    if mirror.stage is None:
        return []
    away = first_stage(project.stages) if mirror.sent_back else done_stage(project.stages)
    found = [task for task in tasks_of(platform, names, patience) if task.stage == away.uuid]
    labels = labels_of(platform, [task.label_hash for task in found if task.label_hash is not None], patience)
    empty = Label()
    labels |= {task.label_hash: empty for task in proposed(project, found, tags) if task.label_hash is not None}
    return [(task, _objection(project, mirror, task, labels.get(task.label_hash or "", empty))) for task in found]


def _objection(project: Project, mirror: Mirror, task: Task, label: Label) -> str | None:
    actor, records = same_name(task.last_actioned_by), project.records_moves
    if acted_since(project, mirror, task):
        return f"{task.last_actioned_by} worked on it last"
    if mirror.sent_back:
        by_us = actor in {same_name(mirror.user), same_name(project.user)}
        return None if records is not False and by_us and _idle(task) else "somebody may have it in hand"
    nobody_since = records is True and actor == same_name(mirror.user)
    return None if label.empty or nobody_since else UNDECIDED


def _idle(task: Task) -> bool:
    return task.assignee is None and task.status is not TaskStatus.SKIPPED
